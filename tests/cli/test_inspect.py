"""`gateway inspect` as people and scripts use it."""

import io
import json

import pytest
from click.testing import CliRunner

from gateway.cli import inspect as inspect_module
from gateway.cli.inspect import inspect_command
from tests.attacks.xml_inputs import order as xml_order
from tests.standards.x12.x12_samples import ORDER_BODY, group, interchange, isa, order

GOOD = interchange(group(order()))
BAD = interchange(group(order(body=[line.replace("*EA*", "*XX*") for line in ORDER_BODY])))


@pytest.fixture
def run(tmp_path):
    (tmp_path / "good.edi").write_bytes(GOOD)
    (tmp_path / "bad.edi").write_bytes(BAD)
    (tmp_path / "warned.edi").write_bytes(interchange(group(order(), count=2)))
    (tmp_path / "cut.edi").write_bytes(GOOD[:60])

    def invoke(*arguments, data=b""):
        named = [str(tmp_path / each) if each.endswith(".edi") else each for each in arguments]
        return CliRunner().invoke(inspect_command, named, input=data)

    return invoke


@pytest.mark.parametrize(("name", "code"), [("good.edi", 0), ("warned.edi", 0), ("bad.edi", 1), ("cut.edi", 1)])
def test_the_exit_code_tells_the_verdict(run, name, code):
    assert run(name).exit_code == code


def test_a_finding_is_shown_with_its_sentence_place_and_remedy(run):
    shown = run("bad.edi").output
    assert "bad.edi  rejected" in shown
    assert "Interchange 000000101  ZZ:ALDERMILL → ZZ:BIRCHHOUSE  version 00401" in shown
    assert "850 0001  order 4711  rejected" in shown
    assert "error   PO1 line 1, element PO103" in shown
    assert "[AK403-7, segment 4, byte " in shown
    assert "Ask the partner" in shown
    assert "\x1b[" not in shown


def test_what_cannot_be_read_is_told_in_a_sentence(run):
    shown = run("cut.edi").output
    assert "unreadable" in shown
    assert "cut off" in shown


def test_several_files_end_with_a_count(run):
    result = run("good.edi", "bad.edi", "nothing.edi")
    assert result.exit_code == 2
    assert "nothing.edi: there is no such file. Check the name." in result.stderr
    assert "3 files: 1 accepted, 1 rejected, 1 not opened" in result.stdout


def test_a_folder_is_a_wrong_use(tmp_path, run):
    result = run(str(tmp_path))
    assert result.exit_code == 2
    assert "this is a folder" in result.stderr


def test_without_a_file_the_use_is_wrong(run):
    assert run().exit_code == 2


@pytest.mark.parametrize(
    ("error", "words"),
    [(PermissionError(13, "x"), "not allowed to read"), (OSError(5, "Input/output error"), "Input/output error")],
)
def test_a_file_that_cannot_be_opened_is_told_why(run, monkeypatch, error, words):
    def refuse(_name):
        raise error

    monkeypatch.setattr(inspect_module, "_read", refuse)
    result = run("good.edi")
    assert result.exit_code == 2
    assert words in result.stderr


def test_json_is_a_list_with_one_object_for_each_file(run):
    result = run("good.edi", "cut.edi", "--json")
    found = json.loads(result.stdout)
    assert [each["verdict"] for each in found] == ["accepted", "unreadable"]
    assert found[0]["ack"] is None
    assert result.exit_code == 1


def test_json_of_missing_files_is_an_empty_list(run):
    result = run("nothing.edi", "--json")
    assert (json.loads(result.stdout), result.exit_code) == ([], 2)


def test_a_dash_reads_standard_input(run):
    result = run("-", "--json", data=GOOD)
    assert [(each["file"], each["verdict"]) for each in json.loads(result.stdout)] == [("-", "accepted")]


def test_ack_prints_an_acknowledgement_that_inspect_accepts(run):
    assert "    AK5*R*5~" in run("bad.edi", "--ack").output
    ack = json.loads(run("bad.edi", "--ack", "--json").stdout)[0]["ack"]
    assert run("-", data=ack.encode()).exit_code == 0


def test_many_findings_are_cut_for_people_only(run):
    lines = [f"PO1*{number}*1*XX*1" for number in range(40)]
    data = interchange(group(order(body=(ORDER_BODY[0], *lines, "CTT*40"))))
    assert "and 15 more; --json lists them all" in run("-", data=data).output


def test_control_characters_of_a_file_do_not_reach_the_terminal(run):
    data = interchange(group(order()), header=isa(sender="AL\x1b[31mDER"))
    assert "\x1b" not in run("-", data=data).output


def test_segments_without_st_and_interchanges_that_cannot_be_read_are_shown(run):
    lost = interchange(group(order("0001"), order("0002")[1:], count=2))
    assert "segments without ST" in run("-", data=lost).output
    assert "Interchange that cannot be read" in run("-", data=GOOD + b"ISA*00*broken~\n" + GOOD).output


def test_a_partner_file_changes_the_rules(run, monkeypatch):
    from gateway.standards.edi.options import CodeList, ValidationOptions

    asked = []

    def options(name, directory):
        asked.append((name, directory))
        return ValidationOptions(codes=(CodeList.of("PO103", add=["XX"]),))

    monkeypatch.setattr("gateway.cli.common.validation_options_for_partner", options)
    assert run("bad.edi", "--partner", "acme").exit_code == 0
    assert asked == [("acme", None)]


def test_a_large_file_shows_on_a_terminal_that_it_is_being_checked(monkeypatch):
    from rich.console import Console

    out = Console(file=io.StringIO(), force_terminal=True)
    monkeypatch.setattr(inspect_module, "_LARGE", 10)
    assert inspect_module._inspect("big.edi", GOOD, None, False, out)["verdict"] == "accepted"
    assert "Checking big.edi" in out.file.getvalue()


def test_an_xml_document_is_shown_with_line_and_path():
    data = xml_order().replace("2026-03-02", "2026-13-02").encode()
    result = CliRunner().invoke(inspect_command, ["-"], input=data)
    assert "-  rejected" in result.output
    assert "  Harbor Retail → Alpine Supply  ubl-2.1" in result.output
    assert "Order PO-1  order PO-1  rejected" in result.output
    assert ", line 1, /Order/cbc:IssueDate]" in result.output
    assert result.exit_code == 1


def test_a_refused_xml_file_is_told_once():
    shown = CliRunner().invoke(inspect_command, ["-"], input=b"<!DOCTYPE x><x/>").output
    assert shown.count("DOCTYPE. It can define") == 1
    assert "Interchange" not in shown


def test_the_answer_to_an_xml_document_is_xml():
    shown = CliRunner().invoke(inspect_command, ["-", "--ack"], input=xml_order().encode()).output
    assert "<ApplicationResponse" in shown


def test_the_schemas_of_a_working_directory_count(tmp_path, monkeypatch):
    (tmp_path / "gateway.toml").write_text("")
    folder = tmp_path / "schemas" / "xsd" / "things"
    folder.mkdir(parents=True)
    (folder / "thing.xsd").write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="thing" type="xs:int"/></xs:schema>'
    )
    arguments = ["-", "--dir", str(tmp_path)]
    assert CliRunner().invoke(inspect_command, arguments, input=b"<thing>7</thing>").exit_code == 0
    assert CliRunner().invoke(inspect_command, arguments, input=b"<thing>x</thing>").exit_code == 1
    assert CliRunner().invoke(inspect_command, ["-"], input=b"<thing>7</thing>").exit_code == 1
    monkeypatch.setenv("GATEWAY_DIR", str(tmp_path))
    assert CliRunner().invoke(inspect_command, ["-"], input=b"<thing>7</thing>").exit_code == 0
