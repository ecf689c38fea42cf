"""`gateway order`: the list, one order, decisions and the next document, all through named operations."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.cli import order as module
from gateway.cli.order import order_group
from gateway.pipeline import ordering
from gateway.pipeline.ordering_sweep import sweep_late_documents
from gateway.store.engine import open_store
from gateway.store.migrations import upgrade
from tests.pipeline.pipelinekit import Kit

NUMBER = "HR-450020"
FOLLOWED = {"received": {"850": {"follow_up": [{"set": "855", "hours": 24}]}}}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("order-cli") / "gateway.db"
    with open_store(path) as store:
        upgrade(store)
    return path


@pytest.fixture
def kit(empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kit]:
    """A gateway with one order that needs an answer; commands reach its operations."""
    path = tmp_path / "gateway.db"
    shutil.copy(empty, path)
    with open_store(path) as store:
        made = Kit(store, tmp_path)
        made.befriend(documents=FOLLOWED)

        def call(_directory: Any, operation: str, /, **parameters: Any) -> Any:
            return json.loads(json.dumps(ordering.OPERATIONS[operation](made.pipeline, parameters)))

        monkeypatch.setattr(module, "call", call)
        monkeypatch.setattr(module, "find_dir", lambda option: tmp_path)
        yield made


@pytest.fixture
def ordered(kit: Kit) -> Kit:
    kit.receive_file("demo/004010/850-04-backorder.edi")
    return kit


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(order_group, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_a_list_without_orders_says_so(kit: Kit) -> None:
    assert "There are no orders yet." in run("list").output
    assert "No order fits." in run("list", "--late").output


def test_the_list_shows_state_stages_and_what_is_next(ordered: Kit) -> None:
    output = " ".join(run("list").output.split())
    assert NUMBER in output and "pending" in output and "order acknowledgment (ours) due 2026-11-22 12:00" in output
    ordered.pass_time(hours=25)
    assert "LATE" in run("list", "--late").output
    page = json.loads(run("list", "--json", "--limit", "1").output)
    assert page["next"] is None and page["orders"][0]["next_kind"] == "order_acknowledgment"


def test_a_page_says_how_to_go_on(ordered: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    page = ordering.OPERATIONS["order.list"](ordered.pipeline, {})
    monkeypatch.setattr(module, "call", lambda *_, **__: {**page, "next": "place"})
    assert "--after place" in run("list").output


def test_one_order_is_shown_with_its_documents_lines_and_deadlines(ordered: Kit) -> None:
    ordered.pass_time(hours=25)
    sweep_late_documents(ordered.pipeline)
    output = run("show", NUMBER).output
    assert f"Order {NUMBER} from harbor: pending" in output
    assert "850 HR-450020" in output and "ordered 500 EA, 500 to ship" in output
    assert "order acknowledgment (ours) 2026-11-22 12:00 LATE" in output
    assert json.loads(run("show", NUMBER, "--json").output)["matrix"]["lines"][0]["ordered"] == "500"


def test_lines_and_differences_are_told(ordered: Kit) -> None:
    detail = ordering.OPERATIONS["order.show"](ordered.pipeline, {"id": NUMBER})
    line = detail["matrix"]["lines"][0]
    line.update(acknowledged=[{"status": "accepted", "quantity": "4"}], shipped="4", to_ship="0")
    line["differences"] = [{"sentence": "Too dear."}]
    detail["matrix"]["differences"] = [{"sentence": "Another currency."}]
    detail["documents"][0].update(direction="out", counts=False)
    detail["closed"] = {"by": "kim", "reason": "Done", "at": ""}
    told = "\n".join(module.order_lines(detail))
    assert "4 accepted, 4 shipped" in told and "! Too dear." in told and "! Another currency." in told
    assert "closed by kim: Done" in told and "(does not count)" in told


def test_closing_and_skipping_need_a_reason_and_say_what_they_did(ordered: Kit) -> None:
    assert run("close", NUMBER).exit_code == 2
    assert "No order acknowledgment is expected" in run("skip", NUMBER, "855", "--reason", "They want none").output
    assert json.loads(run("close", NUMBER, "--reason", "Done", "--json").output)["state"] == "closed"
    assert "Done" in run("list").output


def test_the_next_document_is_printed_as_json(ordered: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    document = json.loads(run("followup", NUMBER, "810").output)
    assert (document["kind"], document["receiver"]) == ("invoice", "harbor")
    wrong = {"errors": [{"field": "number", "message": "A number is needed."}], "document": {}}
    monkeypatch.setattr(module, "call", lambda *_, **__: wrong)
    result = run("followup", NUMBER, "810")
    assert result.exit_code == 1 and "number: A number is needed." in result.stderr
