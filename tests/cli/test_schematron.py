"""`gateway schematron`: which rule sets are here, and what they say of a file."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.common import CommandError
from gateway.cli.schematron import schematron_group
from gateway.settings_template import SETTINGS_FILE
from tests.pipeline.pipelinekit import FIXTURES
from tests.pipeline.test_schematron import put, without_note

ORDER = FIXTURES / "xml/ubl/Order/order-with-allowances.xml"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / SETTINGS_FILE).write_text("")
    return tmp_path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(schematron_group, [str(each) for each in arguments])


def test_without_rule_sets_it_is_said_where_they_go(home: Path) -> None:
    result = run("list", "--dir", home)
    assert result.exit_code == 0
    assert "schemas/schematron" in result.output


def test_rule_sets_are_listed_and_what_is_wrong_with_one_is_said(home: Path) -> None:
    put(home)
    (row,) = json.loads(run("list", "--dir", home, "--json").stdout)["rule_sets"]
    assert (row["name"], row["documents"], row["files"]) == ("Own", ["Order"], ["rules.xslt"])
    assert "Own" in run("list", "--dir", home).output
    put(home, settings="documents: none", name="bad")
    result = run("list", "--dir", home)
    assert result.exit_code == 1
    assert "The rule set bad cannot be used: documents must be a list" in result.output


@pytest.mark.skipif(find_spec("saxonche") is None, reason="saxonche is not installed")
def test_a_file_is_checked_against_schema_and_rules(home: Path) -> None:
    put(home)
    good = run("check", ORDER, "--dir", home)
    assert good.exit_code == 0
    assert "schema accepted, 1 finding" in good.output
    (home / "bad.xml").write_bytes(without_note(ORDER.read_bytes()))
    bad = run("check", home / "bad.xml", "--dir", home)
    assert bad.exit_code == 1
    assert "Own, rule OWN-01: An order says something in a note." in bad.output
    (document,) = json.loads(run("check", home / "bad.xml", "--dir", home, "--json").stdout)["documents"]
    assert [one["code"] for one in document["findings"]] == ["SCH-OWN-01", "SCH-OWN-02-x"]


def test_what_cannot_be_read_is_said(home: Path) -> None:
    (home / "noise.xml").write_bytes(b"\x00no xml")
    for name, said in (("noise.xml", "cannot be read"), ("none.xml", "No such file")):
        result = run("check", home / name, "--dir", home)
        assert isinstance(result.exception, CommandError) or result.exit_code == 1
        assert said in (result.output + str(result.exception))
