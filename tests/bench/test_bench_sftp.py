"""The SFTP benchmark: real servers and clients, small amounts, and rows of the promised form."""

from __future__ import annotations

import json
import os

import pytest
from click.testing import CliRunner

from gateway.bench import sftp
from gateway.bench.sftp_clients import BULK_GET, BULK_PUT, GET, PUT
from gateway.bench.sftp_files import order, orders
from gateway.bench.sftp_peers import program
from gateway.cli.main import cli

pytestmark = pytest.mark.volume

ROW = {"benchmark", "variant", "work", "ours", "unit", "peer", "peer_value", "ratio", "rss_mib"}
REQUIRED = os.environ.get("GATEWAY_REQUIRE_ALL") == "1"


def measured() -> list[dict]:
    """The rows of one small run of the command."""
    result = CliRunner().invoke(
        cli, ["bench", "sftp", "--files", "3", "--megabytes", "1", "--rounds", "1", "--json"], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.skipif(not REQUIRED and None in (program("sftp"), program("sshd")), reason="needs OpenSSH's sftp and sshd")
def test_ours_and_sshd_are_measured_by_both_clients() -> None:
    rows = measured()
    variants = {row["variant"] for row in rows}
    for client in ("asyncssh", "OpenSSH sftp"):
        assert {f"{variant}, {client} client" for variant in (PUT, GET, BULK_PUT, BULK_GET)} <= variants
    for row in rows:
        assert set(row) == ROW
        assert row["ours"] > 0
        assert row["ratio"] == pytest.approx(row["ours"] / row["peer_value"], rel=0.1, abs=0.02)
        assert row["rss_mib"] > 20


@pytest.mark.slow
def test_without_openssh_ours_is_measured_alone_and_the_rows_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sftp, "program", lambda _name: None)
    rows = measured()
    assert {row["variant"].partition(", ")[2] for row in rows} == {"asyncssh client"}
    assert {(row["peer_value"], row["ratio"]) for row in rows} == {(None, None)}
    assert all(set(row) == ROW | {"note"} and "openssh-server" in row["note"] for row in rows)


def test_every_order_differs_and_has_the_size_of_an_order() -> None:
    made = [body for _, body in orders(1, 40)]
    assert len(set(made)) == 40
    assert all(2_000 <= len(body) <= 8_192 for body in made)
    assert order(7) == order(7)
