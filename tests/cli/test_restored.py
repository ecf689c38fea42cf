"""``gateway restored``: a database that came back by other tools is checked, and no control number is used again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.restored import restored_command
from gateway.messages import control
from gateway.settings import company_named
from gateway.store import ledger, payloads
from gateway.store.engine import open_store
from gateway.workdir import make_working_directory

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A gateway that has sent to two partners, one of them with a short range, and holds one large payload."""
    make_working_directory(tmp_path, company_named("Alpine Supply"), now=NOW)
    with open_store(tmp_path / "gateway.db") as store:
        staged = payloads.stage(store.blobs, b"x" * (payloads.INLINE_LIMIT + 1))
        store.writer.run(lambda session: payloads.put(session, staged))
        store.writer.run(lambda session: control.take(session, "harbor", "ISA13", False, count=7))
        store.writer.run(lambda session: control.take(session, "short", "GS06", False, count=2, high=500))
    return tmp_path


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(restored_command, ["--dir", str(home), *arguments])


def numbers(home: Path) -> dict[str, int]:
    with open_store(home / "gateway.db", write=False) as store, store.read() as session:
        counters = (("harbor", "ISA13"), ("short", "GS06"))
        return {partner: control.peek(session, partner, level, False) for partner, level in counters}


def test_every_control_number_goes_on_and_the_ledger_says_so(home: Path) -> None:
    said = run(home)
    assert said.exit_code == 0, said.output
    assert "0 events of the ledger stand as they were written; 1 large payloads are there." in said.output
    assert "short GS06 begins again at" in said.output
    assert "harbor ISA13" not in said.output
    assert numbers(home)["harbor"] == 1008
    with open_store(home / "gateway.db", write=False) as store, store.read() as session:
        assert ledger.verify(session).checked == 1


def test_scripts_are_told_each_number(home: Path) -> None:
    found = json.loads(run(home, "--gap", "10", "--json").output)
    assert (found["gap"], found["payload_files"]) == (10, 1)
    assert {each["partner"]: each["next"] for each in found["control_numbers"]} == {"harbor": 18, "short": 13}


def test_a_payload_that_was_not_copied_is_named_and_nothing_is_changed(home: Path) -> None:
    before = numbers(home)
    (file,) = [path for path in (home / "blobs").rglob("*") if path.is_file() and len(path.name) == 64]
    file.unlink()
    refused = run(home)
    assert refused.exit_code == 1
    assert "1 large payloads are not in" in refused.output
    assert file.name in refused.output
    assert numbers(home) == before


@pytest.mark.parametrize(("head", "code"), [("7:" + "0" * 64, 1), ("nonsense", 2)])
def test_a_head_that_is_not_in_it_is_told(home: Path, head: str, code: int) -> None:
    before = numbers(home)
    assert run(home, "--head", head).exit_code == code
    assert numbers(home) == before
