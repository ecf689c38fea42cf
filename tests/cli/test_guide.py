"""`gateway guide`: what there is, and every mistake of a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.guide import guide_group
from gateway.settings_template import SETTINGS_FILE

GOOD = 'name: Harbor\nsets: ["850"]\nrules:\n- {name: department, segment: REF01=DP, least: 1}\n'
BAD = "name: Harbor\nsets: 850\nrules:\n- {name: Department, segment: REF}\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / SETTINGS_FILE).write_text("")
    (tmp_path / "schemas/guides").mkdir(parents=True)
    return tmp_path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(guide_group, [str(each) for each in arguments])


def test_an_empty_folder_says_where_guides_go(home: Path) -> None:
    result = run("list", "--dir", home)
    assert result.exit_code == 0
    assert "schemas/guides" in result.output


def test_guides_are_listed_with_their_first_problem(home: Path) -> None:
    (home / "schemas/guides/good.yaml").write_text(GOOD)
    assert "Harbor" in run("list", "--dir", home).output
    (home / "schemas/guides/bad.yaml").write_text(BAD)
    result = run("list", "--dir", home, "--json")
    assert result.exit_code == 1
    found = {Path(row["file"]).name: row for row in json.loads(result.stdout)["guides"]}
    assert (found["good.yaml"]["sets"], found["good.yaml"]["rules"]) == (["850"], 1)
    assert len(found["bad.yaml"]["problems"]) == 2


def test_a_file_is_checked_before_it_is_used(home: Path) -> None:
    (home / "good.yaml").write_text(GOOD)
    (home / "bad.yaml").write_text(BAD)
    assert "1 rule for 850, can be used" in run("check", home / "good.yaml").output
    result = run("check", home / "bad.yaml", home / "none.yaml")
    assert result.exit_code == 1
    assert "sets must be a list" in result.output
    assert 'name "Department" must be lower-case' in result.output
    assert "No such file" in result.output
    assert json.loads(run("check", home / "good.yaml", "--json").stdout)["guides"][0]["problems"] == []
