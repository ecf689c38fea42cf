"""`gateway map`: what there is, whether examples come out as they went in, and where values come from and go to."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.cli.common import CommandError
from gateway.cli.main import COMMANDS
from gateway.cli.map import map_group
from gateway.resources import find
from gateway.settings_template import SETTINGS_FILE

FIXTURES = Path(__file__).parents[1] / "fixtures"
ORDER = FIXTURES / "x12/004010/850/01-plain-order.edi"
UBL = FIXTURES / "xml/ubl/Order/foreign-prefixes.xml"
PARTNER = """
code: harbor
name: Harbor
ids: {isa: [{qualifier: ZZ, id: HARBOR}]}
documents:
  received: {"850": {map_overlay: harbor.yaml}}
  sent: {"850": {map_overlay: harbor.yaml}}
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(map_group, [str(each) for each in arguments])


def given(*arguments: object) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with nothing in it, and the command run in it."""
    monkeypatch.delenv("GATEWAY_DIR", raising=False)
    home = tmp_path / "home"
    home.mkdir()
    (home / SETTINGS_FILE).touch()
    monkeypatch.chdir(home)
    return home


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No working directory anywhere near."""
    monkeypatch.delenv("GATEWAY_DIR", raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_command_is_part_of_the_gateway() -> None:
    assert COMMANDS["map"].module == "gateway.cli.map"
    assert set(map_group.commands) == {"list", "test", "trace"}


# -- list ----------------------------------------------------------------------------------------------------


def test_the_list_names_every_packaged_map_with_its_digest(nowhere: None) -> None:
    rows = {(row["standard"], row["version"], row["set"]): row for row in given("list")["maps"]}
    order = rows["x12", "004010", "850"]
    assert (order["document"], order["origin"], order["problem"]) == ("order", "package", "")
    assert len(order["digest"]) == 64
    assert Path(order["file"]).is_file()
    assert rows["ubl", "2.1", "Order"]["document"] == "order"
    assert {row["digest"] for row in rows.values() if row["set"] == "850"} > {order["digest"]}


def test_an_operators_map_hides_the_packaged_one_and_a_broken_one_is_told(home: Path) -> None:
    packaged = find("maps/x12")
    shutil.copytree(packaged, home / "maps/x12")
    (home / "maps/x12/004010/810.yaml").write_text("standard: x12\nnonsense: 1\n")
    result = run("list", "--dir", home, "--json")
    assert result.exit_code == 1
    rows = {(row["version"], row["set"]): row for row in json.loads(result.stdout)["maps"] if row["standard"] == "x12"}
    assert rows["004010", "850"]["origin"] == "operator"
    assert "nonsense" in rows["004010", "810"]["problem"]
    shown = run("list", "--dir", home)
    assert shown.exit_code == 1
    assert "Not every map can be used." in shown.output


# -- test ----------------------------------------------------------------------------------------------------


def test_examples_in_the_working_directory_are_tested(home: Path) -> None:
    folder = home / "maps/x12/004010/examples/850"
    folder.mkdir(parents=True)
    shutil.copy(ORDER, folder / "order.edi")
    told = given("test")
    assert told["ok"]
    assert [(Path(row["file"]).name, row["set"], row["number"]) for row in told["examples"]] == [
        ("order.edi", "850", "4471902")
    ]
    assert given("test", "x12", "004010", "850") == told
    assert given("test", "x12", "004010", "855") == {"ok": True, "examples": []}


def test_a_difference_is_told_and_fails(home: Path) -> None:
    folder = home / "maps/x12/004010/examples/850"
    folder.mkdir(parents=True)
    shutil.copy(ORDER, folder / "order.edi")
    (folder / "order.json").write_text(json.dumps({"kind": "order", "number": "1"}))
    result = run("test", "x12", "004010", "850")
    assert result.exit_code == 1
    assert "FAIL" in result.output
    assert "number:\n        - 1\n        + 4471902" in result.output
    assert "0 of 1 came out as they went in." in result.output
    assert json.loads(run("test", "--json").stdout)["ok"] is False


def test_many_differences_are_shown_in_part(home: Path) -> None:
    shutil.copy(FIXTURES / "x12/004010/850/02-store-spread-sdq.edi", home / "order.edi")
    (home / "order.json").write_text(json.dumps({"kind": "order", "parties": "x", "lines": [{}] * 30}))
    result = run("test", "order.edi")
    assert result.exit_code == 1
    assert "more; --json lists them all" in result.output


def test_named_files_are_tested_whatever_they_hold(nowhere: None) -> None:
    result = run("test", ORDER, UBL)
    assert result.exit_code == 0, result.output
    assert result.output.count("ok   ") == 2
    assert "2 of 2 came out as they went in." in result.output
    one = run("test", "ubl", "2.1", "Order", ORDER)
    assert one.exit_code == 1
    assert "there is no set or document of ubl 2.1 Order in this file" in one.output


def test_an_overlay_that_does_not_fit_is_a_problem(home: Path) -> None:
    (home / "acme.yaml").write_text("change:\n  - {at: header.NOPE, remove: true}\n")
    result = run("test", ORDER, "--overlay", home / "acme.yaml")
    assert result.exit_code == 1
    assert 'there is no rule "NOPE"' in result.output


def test_without_examples_the_operator_is_told_where_they_go(home: Path) -> None:
    result = run("test", "x12", "004010", "850")
    assert result.exit_code == 0
    assert "maps/x12/004010/examples/850/order.edi" in result.output


@pytest.mark.parametrize("words", [("x12", "004010"), ("no-such-file.edi",)])
def test_names_that_are_no_map_and_no_file_are_wrong_usage(nowhere: None, words: tuple[str, ...]) -> None:
    assert run("test", *words).exit_code == 2


# -- trace ---------------------------------------------------------------------------------------------------


def test_a_trace_shows_segment_element_byte_and_rule(nowhere: None) -> None:
    (trace,) = given("trace", ORDER)["documents"]
    number = next(each for each in trace["fields"] if each["field"] == "number")
    assert number["value"] == "4471902"
    assert number["from"] == {"segment": "BEG", "position": 2, "element": 3, "offset": 186}
    assert (number["rule"]["at"], number["rule"]["file"]) == ("header.BEG", "x12/004010/850.yaml")
    assert ORDER.read_bytes()[186:].startswith(b"4471902")
    assert trace["kept"][0]["from"]["segment"] == "CTT"
    shown = run("trace", ORDER)
    assert "number\t4471902\tBEG03, segment 2, byte 186\theader.BEG 3 text (x12/004010/850.yaml, line " in shown.output
    assert "Beside the fields:" in shown.output


def test_a_trace_of_xml_shows_path_and_line(nowhere: None) -> None:
    shown = run("trace", UBL)
    assert shown.exit_code == 0, shown.output
    assert "/Order/cac:OrderLine/cac:LineItem/cbc:Quantity, line 114" in shown.output
    assert given("trace", UBL, "--set", "Order")["documents"][0]["document"] == "order"


def document(tmp_path: Path, **changes: Any) -> Path:
    line = {"line_id": "1", "quantity": "5", "unit": "EA", "price": "1.50"}
    value = {
        "kind": "order",
        "number": "4711",
        "purpose": "original",
        "order_type": "stand_alone",
        "issue_date": "2026-03-02",
        "lines": [line],
        **changes,
    }
    (tmp_path / "order.json").write_text(json.dumps(value))
    return tmp_path / "order.json"


def test_a_json_document_is_traced_to_where_it_is_written(nowhere: None, tmp_path: Path) -> None:
    file = document(tmp_path)
    (trace,) = given("trace", file)["documents"]
    assert trace["direction"] == "write"
    number = next(each for each in trace["fields"] if each["field"] == "number")
    assert number["to"] == {"segment": "BEG", "position": 2, "element": 3}
    (newer,) = given("trace", file, "--version", "005010")["documents"]
    assert newer["map"].startswith("x12-005010-850/")
    shown = run("trace", file)
    assert "Written from no field:" in shown.output


def test_a_json_document_is_traced_into_xml(nowhere: None, tmp_path: Path) -> None:
    parties = [{"type": "buyer", "name": "Harbor"}, {"type": "seller", "name": "Alpine"}]
    file = document(tmp_path, parties=parties)
    shown = run("trace", file, "--to", "ubl", "--currency", "USD")
    assert shown.exit_code == 0, shown.output
    assert "/Order/cbc:ID" in shown.output
    assert "it has no element of its own" in shown.output


def test_a_list_of_documents_and_what_a_set_cannot_carry(nowhere: None, tmp_path: Path) -> None:
    one = json.loads(document(tmp_path).read_text())
    one["totals"] = {"tax_exclusive": "7.50"}
    (tmp_path / "list.json").write_text(json.dumps([one, one]))
    told = given("trace", tmp_path / "list.json")
    assert len(told["documents"]) == 2
    (total,) = [each for each in told["documents"][1]["unwritten"] if each["field"] == "totals.tax_exclusive"]
    assert "not in the written document" in total["why"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"kind": "order", "numbr": "1"}', "numbr"),
        ('{"kind": "order"}', "number"),
        ("{no", ""),
        ("[]", "no document in this file"),
        ("hello", ""),
        ("<broken", ""),
    ],
)
def test_what_cannot_be_traced_is_a_sentence(nowhere: None, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "it").write_text(text)
    result = run("trace", tmp_path / "it")
    assert result.exit_code == 1
    assert said in result.output


def test_a_set_without_a_map_is_told(nowhere: None, tmp_path: Path) -> None:
    file = document(tmp_path)
    result = run("trace", file, "--set", "999")
    assert result.exit_code == 1
    assert "there is no map for x12 004010 999" in result.output
    assert run("trace", ORDER, "--set", "810").exit_code == 1


def test_a_partners_overlay_takes_part(home: Path, tmp_path: Path) -> None:
    (home / "maps").mkdir()
    (home / "maps/harbor.yaml").write_text("change:\n  - {at: header.BEG, fields: {3: null, 4: number}}\n")
    (tmp_path / "harbor.yaml").write_text(PARTNER)
    told = given("trace", ORDER, "--partner", tmp_path / "harbor.yaml")
    (trace,) = told["documents"]
    assert "number" not in {each["field"] for each in trace["fields"]}
    assert "4471902" in [each["value"] for each in trace["kept"]]
    (out,) = given("trace", document(tmp_path), "--partner", tmp_path / "harbor.yaml")["documents"]
    place = next(each["to"] for each in out["fields"] if each["field"] == "number")
    assert (place["segment"], place["element"]) == ("BEG", 4)


def test_a_working_directory_that_is_none_is_refused(tmp_path: Path) -> None:
    result = run("list", "--dir", tmp_path)
    assert result.exit_code == 2
    assert issubclass(CommandError, Exception)
