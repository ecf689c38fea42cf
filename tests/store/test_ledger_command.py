"""``gateway ledger check`` says whether the record is whole, and where it is not."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.ledger import ledger_group
from gateway.settings import company_named, load_settings
from gateway.settings_template import write_default
from gateway.store import ledger
from gateway.store.engine import open_store
from gateway.store.migrations import upgrade

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_default(tmp_path, company_named("Alpine Supply"))
    settings = load_settings(tmp_path)
    with open_store(settings.database_url, blobs=settings.paths.blobs) as store:
        upgrade(store)

        def work(session) -> None:
            for n in range(4):
                ledger.append(session, at=NOW, kind="x", subject_type="t", subject_id=str(n), actor="a", reason="r")

        store.writer.run(work)
    return tmp_path


def check(home: Path, *arguments: str):
    return CliRunner().invoke(ledger_group, ["check", "--dir", str(home), *arguments])


def tamper(home: Path) -> None:
    with sqlite3.connect(load_settings(home).paths.database) as connection:
        connection.execute("DROP TRIGGER event_no_update")
        connection.execute("UPDATE event SET reason = 'x' WHERE seq = 3")


def test_a_whole_ledger_is_exit_0_and_prints_its_head(home: Path) -> None:
    result = check(home)
    assert result.exit_code == 0
    assert result.output.startswith("All 4 events stand as they were written.\nHead: 4:")


def test_a_changed_event_is_exit_1_and_named(home: Path) -> None:
    tamper(home)
    result = check(home)
    assert result.exit_code == 1
    assert "Event 3 was changed" in result.output
    assert "restore the last good backup" in result.output


def test_json_holds_the_whole_report(home: Path) -> None:
    good = json.loads(check(home, "--json").output)
    assert (good["ok"], good["checked"], good["first_bad"]) == (True, 4, None)
    tamper(home)
    result = check(home, "--json")
    bad = json.loads(result.output)
    assert (result.exit_code, bad["ok"], bad["first_bad"]) == (1, False, 3)


def test_a_noted_head_is_compared(home: Path) -> None:
    head = json.loads(check(home, "--json").output)["head"]
    assert check(home, "--head", head).exit_code == 0
    other = "4:" + "0" * 64
    assert check(home, "--head", other).exit_code == 1
    assert check(home, "--head", "nonsense").exit_code == 2


def test_it_looks_while_the_service_holds_the_database(home: Path) -> None:
    settings = load_settings(home)
    with open_store(settings.database_url, blobs=settings.paths.blobs):
        assert check(home).exit_code == 0


def test_the_bar_shows_on_a_terminal_only(home: Path, monkeypatch) -> None:
    import gateway.cli.ledger as command

    with command._progress(quiet=True) as progress:
        assert progress is None
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with command._progress(quiet=False) as progress:
        progress(1, 2)
