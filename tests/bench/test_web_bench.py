"""The store that is made for measuring is a true one, and every page of the measurement answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.bench import web
from gateway.bench.webdata import Made, make_store
from gateway.cli.main import cli
from gateway.messages.queries_list import Filters, search_messages
from gateway.store import ledger, payloads
from gateway.store.engine import open_store

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Made]:
    path = tmp_path_factory.mktemp("bench") / "gateway.db"
    return path, make_store(path, 3_000, NOW, lambda _text: None)


def test_the_ledger_of_a_made_store_is_whole_and_its_messages_are_found(made: tuple[Path, Made]) -> None:
    path, facts = made
    assert facts.messages == pytest.approx(3_000, abs=10)
    with open_store(path, write=False) as store, store.read() as session:
        assert ledger.verify(session).ok
        for text in (facts.number, facts.control, facts.message_id, facts.filename):
            found = search_messages(session, Filters(text=text))
            assert (facts.document in {row["id"] for row in found["messages"]}, found["by"]) == (True, "key")
        (notice,) = search_messages(session, Filters(text=facts.sscc))["messages"]
        assert notice["document"] == "ship_notice"
        large = search_messages(session, Filters(text="4599999999"))["messages"][0]
        assert large["id"] == facts.large
        assert payloads.size(session, search_payload(session, facts.large)) > 5_000_000


def search_payload(session: object, identity: str) -> str:
    from gateway.messages.queries_staff import payload_place

    place = payload_place(session, identity)  # type: ignore[arg-type]
    assert place is not None
    assert place.payload is not None
    return place.payload


@pytest.mark.slow
def test_every_page_is_measured_against_its_target(made: tuple[Path, Made]) -> None:
    result = CliRunner().invoke(cli, ["bench", "web", "--store", str(made[0]), "--rounds", "1", "--json"])
    assert result.exit_code == 0, result.output
    rows = {row["variant"]: row for row in json.loads(result.stdout)}
    assert {"home", "messages", "search: SSCC", "a message", "a failure", "a message of 5 MB"} <= set(rows)
    for row in rows.values():
        assert row["p95_ms"] >= row["p50_ms"] > 0
        assert row["cpu_ms"] > 0
        assert row["within"] == (row["p95_ms"] <= row["target_ms"])
        assert row["unit"] == "pages/s"
        assert row["ratio"] > 0


def test_the_table_says_which_pages_keep_to_their_target(
    monkeypatch: pytest.MonkeyPatch, made: tuple[Path, Made]
) -> None:
    spans = web.Spans([1.0, 2.0, 3.0], [1.0, 1.0, 1.0])
    rows = [web._row(web.Page("home", "home", "/"), "3 messages", spans, spans)]
    monkeypatch.setattr(web, "run", lambda *_args, **_options: rows)
    shown = CliRunner().invoke(cli, ["bench", "web"]).stdout
    assert "3 messages" in shown
    assert "home" in shown
    assert "300" in shown
