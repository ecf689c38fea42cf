"""The benchmark commands: rows of the promised form, as a table and as JSON."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from gateway.bench import as2, x12
from gateway.bench.rows import row
from gateway.cli.main import cli

ROW = {"benchmark", "variant", "work", "ours", "unit", "peer", "peer_value", "ratio", "rss_mib"}


def run(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["bench", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_pipeline_is_measured_end_to_end() -> None:
    rows = json.loads(run("pipeline", "--messages", "20", "--json"))
    assert [entry["variant"] for entry in rows] == ["receive", "order to inbox"]
    for entry in rows:
        assert set(entry) >= ROW
        assert entry["ours"] > 0
        assert entry["ratio"] is None
        assert entry["note"]


def test_a_table_says_why_a_peer_is_missing() -> None:
    shown = run("pipeline", "--messages", "5")
    assert "no peer does the same work" in shown


@pytest.mark.parametrize(("name", "module"), [("x12", x12), ("as2", as2)])
def test_each_command_shows_the_rows_of_its_benchmark(
    monkeypatch: pytest.MonkeyPatch, name: str, module: object
) -> None:
    measured = row(name, "v", "w", 120.0, "things/s", peer="other", peer_value=40.0)
    monkeypatch.setattr(module, "run", lambda *_args, **_options: [measured])
    assert json.loads(run(name, "--json")) == [measured]
    assert "120.0" in run(name)


def test_a_ratio_says_how_many_times_better_ours_is() -> None:
    assert row("b", "v", "w", 120.0, "x/s", peer="p", peer_value=40.0)["ratio"] == 3.0
    assert row("b", "v", "w", 120.0, "x/s", peer="p", note="not installed")["ratio"] is None
