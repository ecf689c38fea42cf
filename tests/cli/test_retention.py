"""`gateway retention`: what would go and why not, letting it go, and giving the space back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from gateway.cli import retention as module
from gateway.cli.common import CommandError
from gateway.cli.main import cli
from gateway.cli.message import message_lines
from gateway.cli.retention import retention_group
from gateway.messages.models import Transmission
from gateway.partners import operations as partner_operations
from gateway.pipeline import operations, retention
from gateway.store.engine import open_store
from gateway.store.migrations import upgrade
from tests.pipeline.pipelinekit import Kit


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("retention-cli") / "gateway.db"
    with open_store(path) as store:
        upgrade(store)
    return path


@pytest.fixture
def kit(empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kit]:
    """A gateway with one message that may go and one that is held; commands reach its operations."""
    path = tmp_path / "gateway.db"
    shutil.copy(empty, path)
    with open_store(path) as store:
        made = Kit(store, tmp_path)
        made.befriend(keep={"raw_days": 30, "evidence_days": 60})
        noise = made.receive(b"no order at all")
        made.work()
        operations.ignore(made.pipeline, {"id": noise, "reason": "noise"})
        made.receive(b"not read yet")
        made.pass_time(days=31)

        def call(_directory: Any, operation: str, /, **parameters: Any) -> Any:
            if operation == "partner.show":
                with store.read() as session:
                    try:
                        return partner_operations.OPERATIONS[operation](session, made.now, **parameters)
                    except Exception as error:
                        raise CommandError(str(error)) from error
            return json.loads(json.dumps(retention.OPERATIONS[operation](made.pipeline, parameters)))

        monkeypatch.setattr(module, "call", call)
        monkeypatch.setattr(module, "find_dir", lambda option: tmp_path)
        yield made


def run(*arguments: str) -> Result:
    return CliRunner().invoke(retention_group, list(arguments))


def test_a_plan_says_what_would_go_and_what_is_kept_back_and_why(kit: Kit) -> None:
    output = run("plan").output
    assert "keep.raw_days = 30 of profile version 2 of harbor" in output
    assert "2 payloads with 35 bytes would be removed." in output
    assert "Kept back although their time is over:" in output and "It is not processed to its end." in output
    assert run("plan").output == output  # it changed nothing


def test_a_plan_as_json_has_sums_reasons_and_rules(kit: Kit) -> None:
    found = json.loads(run("plan", "--json").output)
    assert found["total"] == {"payloads": 2, "bytes": 35}
    assert [(row["partner"], row["content"], row["payloads"]) for row in found["due"]] == [("harbor", "raw", 2)]
    assert [(row["reason"], row["payloads"]) for row in found["kept_back"]] == [("unfinished", 2)]
    assert found["rules"] == [
        {"partner": "harbor", "raw_days": 30, "document_days": None, "evidence_days": 60, "legal_hold": False}
    ]


def test_pages_of_a_plan_become_one(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = json.loads(run("plan", "--json").output)
    monkeypatch.setattr(retention, "PAGE", 1)
    assert json.loads(run("plan", "--json").output) == whole


def test_a_plan_for_one_partner_names_a_wrong_one(kit: Kit) -> None:
    assert json.loads(run("plan", "--partner", "harbor", "--json").output)["total"]["payloads"] == 2
    missing = run("plan", "--partner", "harbour")
    assert missing.exit_code == 1 and "harbour" in missing.output


def test_a_run_removes_what_the_plan_said_once(kit: Kit) -> None:
    assert "2 payloads with 35 bytes removed." in run("run").output
    assert json.loads(run("run", "--json").output)["removed"] == []
    with kit.store.read() as session:
        noise = session.scalars(select(Transmission.id).where(Transmission.processing == "ignored")).one()
    lines = "\n".join(message_lines(kit.detail(noise)))
    assert "Content that is not kept any more" in lines
    assert "removed on 2026-12-22 by the rule keep.raw_days = 30 of profile version 2 of harbor" in lines


def test_without_a_rule_nothing_is_ever_removed_and_it_says_how_to_have_one(kit: Kit) -> None:
    kit.befriend()
    for command in ("plan", "run"):
        output = run(command).output
        assert "Nothing is ever removed" in output and "keep.raw_days" in output


def test_in_a_working_directory_it_plans_runs_and_shrinks(tmp_path: Path) -> None:
    home = tmp_path / "gw"
    runner = CliRunner()
    assert runner.invoke(cli, ["init", str(home)]).exit_code == 0
    for command in ("plan", "run"):
        done = runner.invoke(cli, ["retention", command, "--dir", str(home), "--json"])
        assert done.exit_code == 0, done.output
        assert json.loads(done.output)["total"] == {"payloads": 0, "bytes": 0}
    text = (home / "gateway.toml").read_text().replace("# raw_days = 0 ", "raw_days = 90 ")
    (home / "gateway.toml").write_text(text)
    told = json.loads(runner.invoke(cli, ["retention", "plan", "--dir", str(home), "--json"]).output)
    assert told["rules"] == [
        {"partner": None, "raw_days": 90, "document_days": None, "evidence_days": None, "legal_hold": False}
    ]
    shrunk = runner.invoke(cli, ["retention", "shrink", "--dir", str(home), "--json"])
    assert json.loads(shrunk.output)["bytes_after"] > 0
    with open_store(home / "gateway.db"):
        busy = runner.invoke(cli, ["retention", "shrink", "--dir", str(home)])
    assert busy.exit_code == 1 and "Stop the service" in busy.output
