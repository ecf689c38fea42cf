"""`gateway user` and the operations behind it, in a real working directory."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import cli
from gateway.settings import company_named
from gateway.staff.passwords import check_password
from gateway.workdir import make_working_directory


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("company")
    make_working_directory(path, company_named("Alpine Supply"), now=datetime.now(UTC), listen="127.0.0.1:0")
    return path


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["user", *words, "--dir", str(home)])


def as_json(home: Path, *words: str) -> Any:
    result = run(home, *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_the_life_of_an_account_on_the_command_line(home: Path) -> None:
    assert "One-time set-up code" in run(home, "reset", "--setup").output
    assert as_json(home, "reset", "--setup")["setup_code"].count("-") == 3
    made = as_json(home, "add", "kim", "--full-name", "Kim Berg", "--role", "admin", "--role", "security")
    check_password(made["password"])
    assert (made["roles"], made["must_change_password"]) == (["admin", "security"], True)
    assert "shown only now" in run(home, "add", "lee", "--role", "viewer").output
    again = as_json(home, "reset", "kim", "--forget-code")
    assert again["password"] != made["password"]
    assert "is closed" in run(home, "disable", "lee").output
    assert as_json(home, "enable", "lee")["disabled_at"] is None
    run(home, "disable", "lee")
    assert [user["name"] for user in as_json(home, "list")["users"]] == ["kim", "lee"]
    listed = run(home, "list").output
    assert "closed" in listed
    assert again["password"] not in listed
    refused = run(home, "reset", "--setup")
    assert refused.exit_code == 1
    assert "There are accounts already" in refused.output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["reset", "nobody"], "no account"),
        (["disable", "nobody"], "no account"),
        (["add", "x y", "--role", "viewer"], "login name"),
        (["add", "pat", "--role", "boss"], "not a role"),
        (["reset"], "Name the account"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(home: Path, words: list[str], sentence: str) -> None:
    result = run(home, *words)
    assert result.exit_code != 0
    assert sentence in result.output
