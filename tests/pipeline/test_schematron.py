"""Official rules: run by Saxon in a process of its own, in time, with its doors closed, and told in our words."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from gateway.pipeline.outbound import RefusedError, submit_document
from gateway.pipeline.schematron import FOLDER, OfficialRules, load_rule_sets, runner
from gateway.pipeline.schematron.worker import MOST_FAILED, read_report
from gateway.standards.edi.model import Finding
from gateway.standards.xml.check import check_xml
from gateway.standards.xml.checked import CheckedXmlDocument
from tests.pipeline.pipelinekit import FIXTURES, Kit
from tests.pipeline.test_outbound import body

LOOKED_AT = ("SCH-OWN-02-x", "warning")
ORDER = (FIXTURES / "xml/ubl/Order/order-with-allowances.xml").read_bytes()

if os.environ.get("GATEWAY_REQUIRE_ALL") and find_spec("saxonche") is None:
    pytest.fail("saxonche is not installed (the schematron extra)", pytrace=False)
with_saxon = pytest.mark.skipif(find_spec("saxonche") is None, reason="saxonche is not installed")


def put(home: Path, rules: str = "own-rules", settings: str = "documents: [Order]", name: str = "own") -> Path:
    folder = home / FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(FIXTURES / "schematron" / f"{rules}.xslt", folder / "rules.xslt")
    (folder / "ruleset.yaml").write_text(f"name: Own\nfiles: [rules.xslt]\n{settings}\n")
    return folder


@pytest.fixture
def official(tmp_path: Path) -> Iterator[OfficialRules]:
    rules = OfficialRules(tmp_path, seconds=120)
    yield rules
    rules.close()


def order(data: bytes = ORDER) -> CheckedXmlDocument:
    (document,) = check_xml(data).documents
    assert document.accepted
    return document


def without_note(data: bytes = ORDER) -> bytes:
    start, end = data.index(b"<cbc:Note"), data.index(b"</cbc:Note>") + len(b"</cbc:Note>")
    return data[:start] + data[end:]


def told(findings: tuple[Finding, ...]) -> list[tuple[str, str]]:
    return [(finding.code, finding.severity) for finding in findings]


@with_saxon
def test_a_broken_rule_is_told_with_its_name_its_words_and_its_place(tmp_path: Path, official: OfficialRules) -> None:
    put(tmp_path)
    finding, second = official.check(order(without_note()))
    assert (finding.code, finding.severity, finding.path) == ("SCH-OWN-01", "error", "/Order")
    assert finding.message == "Own, rule OWN-01: An order says something in a note."
    assert "SCH-OWN-01" in finding.fix
    assert (second.code, second.severity, second.path) == ("SCH-OWN-02-x", "warning", "/Order/OrderLine")
    assert official.check(order()) == (second,)


@with_saxon
def test_the_profile_says_how_bad_a_rule_is(tmp_path: Path, official: OfficialRules) -> None:
    put(tmp_path)
    document = order(without_note())
    assert told(official.check(document, {"SCH-OWN-01": "warning"})) == [("SCH-OWN-01", "warning"), LOOKED_AT]
    assert told(official.check(document, {"SCH": "note"})) == [("SCH-OWN-01", "note"), ("SCH-OWN-02-x", "note")]


@with_saxon
def test_a_rule_set_is_for_its_documents_and_customization_only(tmp_path: Path, official: OfficialRules) -> None:
    document = order(without_note())
    put(tmp_path, settings="documents: [Invoice]")
    assert official.check(document) == ()
    put(tmp_path, settings="documents: [Order]\ncustomization: ['urn:nobody']")
    assert official.check(document) == ()


@with_saxon
def test_saxon_reads_no_file_no_address_and_no_environment(
    tmp_path: Path, official: OfficialRules, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_CANARY", "secret")
    put(tmp_path, "nosy")
    found = official.check(order())
    assert [finding.message.rpartition(" ")[2] for finding in found] == ["closed"] * 3


@with_saxon
def test_rules_that_take_too_long_leave_a_warning_and_the_next_document_is_judged(tmp_path: Path) -> None:
    rules = OfficialRules(tmp_path, seconds=1)
    try:
        put(tmp_path, "for-ever")
        (finding,) = rules.check(order())
        assert (finding.code, finding.severity) == ("SCH-not-checked", "warning")
        assert "were not checked: they took longer than 1 s" in finding.message
        rules._seconds = 120
        put(tmp_path)
        assert told(rules.check(order(without_note()))) == [("SCH-OWN-01", "error"), LOOKED_AT]
    finally:
        rules.close()


@with_saxon
def test_a_worker_that_dies_is_replaced(tmp_path: Path, official: OfficialRules) -> None:
    put(tmp_path)
    document = order(without_note())
    official.check(document)
    worker = official._worker
    assert worker is not None
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    assert told(official.check(document)) == [("SCH-OWN-01", "error"), LOOKED_AT]
    assert official._worker is not worker


@with_saxon
def test_a_file_that_is_no_compiled_schematron_is_said(tmp_path: Path, official: OfficialRules) -> None:
    folder = put(tmp_path)
    (folder / "rules.xslt").write_text("<x/>")
    (finding,) = official.check(order())
    assert (finding.code, finding.severity) == ("SCH-not-checked", "warning")
    assert "The rules Own were not checked" in finding.message


def test_without_saxon_documents_are_not_checked_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path)
    monkeypatch.setattr(runner, "find_spec", lambda _name: None)
    (finding,) = OfficialRules(tmp_path).check(order())
    assert (finding.code, finding.severity) == ("SCH-not-checked", "warning")
    assert "schematron extra" in finding.message


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("documents: Order", "documents must be a list"),
        ("documents: []", "documents must be a list"),
        ("documents: [Order]\nrules: []", "unknown field rules"),
        ("documents: [Order]\nfiles: [../x.xslt]", "must be the name of an .xslt file"),
        ("documents: [Order]\nfiles: [none.xslt]", "there is no file none.xslt"),
        ("documents: [", "expected"),
    ],
)
def test_a_rule_set_with_a_mistake_is_named(tmp_path: Path, settings: str, said: str) -> None:
    folder = put(tmp_path)
    files = "" if "files" in settings else "files: [rules.xslt]\n"
    (folder / "ruleset.yaml").write_text(files + settings)
    found, problems = load_rule_sets(tmp_path)
    assert found == ()
    assert problems[0].startswith("The rule set own cannot be used: ")
    assert said in problems[0]
    (finding,) = OfficialRules(tmp_path).check(order())
    assert finding.code == "SCH-not-checked"


def test_a_changed_rule_set_is_read_again(tmp_path: Path) -> None:
    folder = put(tmp_path)
    assert load_rule_sets(tmp_path)[0][0].documents == {"Order"}
    (folder / "ruleset.yaml").write_text("documents: [Order, Invoice]\nfiles: [rules.xslt]\n")
    os.utime(folder / "ruleset.yaml", ns=(1, 1))
    assert load_rule_sets(tmp_path)[0][0].documents == {"Order", "Invoice"}
    assert load_rule_sets(None) == ((), ())


def test_a_report_is_read_with_all_its_ways_to_say_where_and_how_bad() -> None:
    one = "<svrl:failed-assert {}><svrl:text>a <b>b</b>\n c</svrl:text></svrl:failed-assert>"
    wrapped = '<svrl:schematron-output xmlns:svrl="http://purl.oclc.org/dsdl/svrl">{}</svrl:schematron-output>'
    cases = [
        ("location=\"/*:A[namespace-uri()='u'][1]/*:B[namespace-uri()='v'][3]\"", ("", "error", "/A/B[3]")),
        ("id='R' role='WARN' location=\"/*[local-name()='A'][1]/*[local-name()='B'][2]\"", ("R", "warning", "/A/B[2]")),
        ("id='R' flag='information'", ("R", "note", "")),
    ]
    for attributes, expected in cases:
        (found,) = read_report(wrapped.format(one.format(attributes)))
        assert (found["id"], found["severity"], found["path"], found["text"]) == (*expected, "a b c")
    assert len(read_report(wrapped.format(one.format("id='R'") * (MOST_FAILED + 5)))) == MOST_FAILED
    for bad in ("<x/>", "no xml", wrapped.format("")[:-3]):
        with pytest.raises(ValueError, match="report"):
            read_report(bad)


# -- in the pipeline -------------------------------------------------------------------------------------------


def _rules(*found: Finding) -> object:
    return lambda _document, _severities: found


BROKEN = Finding(
    "SCH-OWN-01", "error", "Own, rule OWN-01: An order says something in a note.", "Add one.", path="/Order"
)


def test_a_broken_official_rule_holds_the_document_and_never_rejects_it(kit: Kit) -> None:
    kit.pipeline.official_rules = _rules(BROKEN)  # type: ignore[assignment]
    kit.befriend(xml={"standard": "ubl-2.1", "documents": [{"root": "Order"}]}, inbound={"test_in_live": "process"})
    kit.receive(ORDER)
    kit.work()
    (row,) = kit.documents(direction="in")
    assert row.processing == "held"
    assert kit.case().fault == "business_rule"
    assert "An order says something in a note." in kit.case().title
    assert [found["code"] for found in row.findings] == ["SCH-OWN-01"]


def test_what_we_send_keeps_to_the_official_rules_too(kit: Kit) -> None:
    kit.befriend(xml={"standard": "ubl-2.1", "currency": "USD"})
    kit.pipeline.official_rules = _rules(BROKEN)  # type: ignore[assignment]
    with pytest.raises(RefusedError, match="An order says something"):
        submit_document(kit.pipeline, body())
