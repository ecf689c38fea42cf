"""Fixes of a cause: which suit a failure, what each lets pass, and what it leaves as strict as it was."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from gateway.partners.errors import PartnerClashError
from gateway.pipeline.corrections import OPERATIONS as CORRECTIONS
from gateway.pipeline.fixes import Case, about_amounts
from gateway.pipeline.fixkinds import offers
from gateway.pipeline.patched import merged
from gateway.pipeline.problems import Problem, ProblemKind, open_problem
from gateway.pipeline.sending import RequestError
from tests.pipeline.pipelinekit import FIXTURES, HARBOR, Kit, renumbered
from tests.pipeline.test_case_actions import PLAIN, WRONG_UNIT, act, everything, rejected
from tests.pipeline.test_xml_inbound import ORDER
from tests.pipeline.test_xml_inbound import _first as first_file
from tests.pipeline.test_xml_inbound import befriend as befriend_xml

BAY: dict[str, Any] = {
    "code": "bay",
    "name": "Bay Foods",
    "status": "live",
    "ids": {"isa": [{"id": "BAYFOODS"}, {"id": "BAYSTORE"}], "as2": "BAY"},
    "delivery": {"transport": "as2"},
}


def offered(kit: Kit, case: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = CORRECTIONS["case.fixes"](kit.pipeline, {"id": case})["offers"]
    return found


def words(offer: dict[str, Any], choice: str = "") -> dict[str, str]:
    """What names a fix of an offer."""
    chosen = choice or offer["choices"][0]["choice"]
    return {"kind": offer["kind"], "place": offer["place"], "value": offer["value"], "choice": chosen}


def tried(kit: Kit, case: str, fix: dict[str, str]) -> dict[str, Any]:
    told: dict[str, Any] = act(kit, "case.trial", id=case, fix=fix)
    return told


def put_right(kit: Kit, case: str, fix: dict[str, str], **parameters: Any) -> dict[str, Any]:
    given = {"actor": "olga", "reason": "They mean it.", **parameters}
    done: dict[str, Any] = CORRECTIONS["case.fix"](kit.pipeline, {"id": case, "fix": fix, **given})
    kit.work()
    return done


def case_of(kit: Kit, fault: str) -> str:
    return next(case.id for case in kit.cases() if case.fault == fault)


# -- codes and rules -------------------------------------------------------------------------------------------


def test_an_unknown_code_is_offered_as_a_row_of_the_code_list_first(kit: Kit) -> None:
    offer = offered(kit, rejected(kit))[0]
    assert offer["title"] == "Take XX as a unit (PO103) from Harbor Retail"
    assert words(offer) == {"kind": "code", "place": "PO103", "value": "XX", "choice": "PO103"}
    assert [choice["choice"] for choice in offer["choices"]] == ["PO103", "355"]


@pytest.mark.parametrize("choice", ["PO103", "355"])
def test_a_code_is_taken_where_it_was_chosen_to_be(kit: Kit, choice: str) -> None:
    case = rejected(kit)
    fix = {"kind": "code", "place": "PO103", "value": "XX", "choice": choice}
    told = tried(kit, case, fix)
    assert (told["counts"]["pass"], told["fix"]["amounts"], told["fix"]["second_person"]) == (3, False, False)
    (changed,) = told["fix"]["profiles"]
    assert changed["differences"] == [
        {"path": f"inbound.code_lists.{choice}", "old": None, "new": {"add": ["XX"], "only": []}}
    ]
    put_right(kit, case, fix)
    profile = kit.pipeline.profile("harbor")
    assert profile is not None
    assert profile.inbound.code_lists[choice].add == ("XX",)
    assert len(kit.posted()) == 3


def test_a_code_list_of_a_place_keeps_what_held_there_and_one_of_a_number_reaches_places(kit: Kit) -> None:
    lists = {"355": {"add": ["YY"], "only": ["EA"]}, "PO103": {"add": ["ZZ"]}, "IT103": {"add": ["QQ"]}}
    kit.befriend(inbound={"test_in_live": "process", "code_lists": {"355": lists["355"], "IT103": lists["IT103"]}})
    case = rejected(kit, 1)
    put_right(kit, case, {"kind": "code", "place": "PO103", "value": "XX", "choice": "PO103"})
    profile = kit.pipeline.profile("harbor")
    assert profile is not None
    assert profile.inbound.code_lists["PO103"].add == ("XX", "YY")
    assert profile.inbound.code_lists["PO103"].only == ("EA",)
    assert profile.inbound.code_lists["355"].add == ("YY",)
    kit.befriend(inbound={"test_in_live": "process", "code_lists": lists})
    kit.receive(renumbered(WRONG_UNIT, **{"000000521": "000000099", "HR-460024": "HR-000099"}))
    kit.work()
    put_right(kit, case, {"kind": "code", "place": "PO103", "value": "XX", "choice": "355"})
    profile = kit.pipeline.profile("harbor")
    assert profile is not None
    added = {name: change.add for name, change in profile.inbound.code_lists.items()}
    assert added == {"355": ("XX", "YY"), "PO103": ("XX", "ZZ"), "IT103": ("QQ", "XX")}


def test_a_rule_becomes_a_warning_at_its_place_or_everywhere(kit: Kit) -> None:
    case = rejected(kit)
    offer = next(one for one in offered(kit, case) if one["kind"] == "severity")
    assert [choice["choice"] for choice in offer["choices"]] == ["AK403-7 PO103", "AK403-7"]
    for choice in offer["choices"]:
        assert tried(kit, case, words(offer, choice["choice"]))["counts"]["pass"] == 3


def test_only_what_helps_the_example_is_offered(kit: Kit) -> None:
    case = rejected(kit)
    assert {one["kind"] for one in offered(kit, case)} == {"code", "severity"}
    kit.receive_file("bad/missing-mandatory-segment.edi")
    other = next(found.id for found in kit.cases() if found.id != case)
    for offer in offered(kit, other):
        told = tried(kit, other, words(offer))
        assert told["counts"]["pass"] == 1, offer


@pytest.mark.parametrize(
    ("strict", "old", "new", "fix"),
    [
        ({"trailing_spaces": "reject"}, b"HR-450", b"HR-4 ", ("setting", "inbound.trailing_spaces", "accept")),
        ({"trailing_separators": "reject"}, b"~CTT", b"**~CTT", ("setting", "inbound.trailing_separators", "accept")),
        ({"charset": "basic"}, b"HR-450", b"hr-450", ("setting", "inbound.charset", "extended")),
        ({}, b"*12.5*", b"*12.*", ("setting", "inbound.integer_point", "accept")),
    ],
)
def test_a_form_that_a_switch_refuses_is_allowed_by_it(
    kit: Kit, strict: dict[str, str], old: bytes, new: bytes, fix: tuple[str, str, str]
) -> None:
    kit.befriend(inbound={"test_in_live": "process", **strict})
    data = PLAIN
    if fix[1].endswith("spaces"):
        data = re.sub(rb"(BEG\*00\*SA\*)([^*]+)", rb"\1\2 ", PLAIN)
    elif fix[1].endswith("separators"):
        data = re.sub(rb"(BEG[^~\n]+)", rb"\1**", PLAIN, count=1)
    elif fix[1].endswith("charset"):
        data = re.sub(rb"(BEG\*00\*SA\*)([^*]+)", rb"\1hr-1", PLAIN)
    else:
        data = re.sub(rb"(PO1\*1\*\d+)\*", rb"\1.*", PLAIN, count=1)
    kit.receive(data)
    kit.work()
    if not kit.cases():
        pytest.skip(f"{fix[1]} judges this form mildly")
    case = kit.case().id
    offer = next(one for one in offered(kit, case) if (one["kind"], one["place"], one["value"]) == fix)
    assert tried(kit, case, words(offer))["counts"]["pass"] == 1
    assert put_right(kit, case, words(offer))["done"] == 1
    assert len(kit.posted()) == 1


def test_a_broken_business_rule_is_only_warned_about_and_is_a_matter_of_amounts(kit: Kit) -> None:
    befriend_xml(kit)
    invoice = (FIXTURES / "xml" / "ubl" / "Invoice" / first_file("Invoice")).read_bytes()
    wrong = re.sub(rb"(<cbc:PayableAmount[^>]*>)[^<]+", rb"\g<1>1.00", invoice)
    kit.receive(wrong)
    kit.work()
    case = case_of(kit, "business_rule")
    offer = offered(kit, case)[0]
    assert offer["kind"] == "severity"
    assert "Only warn Harbor Retail about the rule ubl-" in offer["title"]
    told = tried(kit, case, words(offer))
    assert (told["counts"]["pass"], told["fix"]["amounts"]) == (1, True)
    put_right(kit, case, words(offer))
    assert len(kit.posted()) == 1
    kit.receive(wrong.replace(b"<cbc:ID>", b"<cbc:ID>2", 1))
    kit.work()
    assert len(kit.posted()) == 2


# -- settings --------------------------------------------------------------------------------------------------


def _approval(kit: Kit) -> None:
    kit.befriend(documents={"received": {"850": {"auto_post": False}}})
    kit.receive(PLAIN)


def _repeat(kit: Kit) -> None:
    kit.receive((FIXTURES / "bad" / "duplicate-order-number-first.edi").read_bytes())
    kit.receive((FIXTURES / "bad" / "duplicate-order-number-second.edi").read_bytes())


def _test_data(kit: Kit) -> None:
    kit.befriend(inbound={"test_in_live": "hold"})
    kit.receive(PLAIN.replace(b"*P*>", b"*T*>", 1))


def _paused(kit: Kit) -> None:
    kit.befriend(status="paused")
    kit.receive(PLAIN)


def _version(kit: Kit) -> None:
    kit.befriend(inbound={"test_in_live": "process", "accepted": [{"set": "850", "versions": ["005010"]}]})
    kit.receive(PLAIN)


def _set(kit: Kit) -> None:
    kit.befriend(inbound={"test_in_live": "process", "accepted": [{"set": "810"}]})
    kit.receive(PLAIN)


def _root(kit: Kit) -> None:
    befriend_xml(kit, xml={"standard": "ubl-2.1", "documents": [{"root": "Invoice"}]})
    kit.receive(ORDER)


def _elements(kit: Kit) -> None:
    befriend_xml(kit, xml={"standard": "ubl-2.1", "max_elements": 1000})
    kit.receive(ORDER.replace(b"<cbc:Note>", b"<cbc:Note>x</cbc:Note>" * 1000 + b"<cbc:Note>", 1))


def _too_large(kit: Kit) -> None:
    kit.befriend(inbound={"test_in_live": "process", "max_bytes": 1024})
    assert len(PLAIN) < 1024 * 2
    kit.receive(PLAIN + b"\r\n" * 1024)


def _many_sets(kit: Kit) -> None:
    kit.befriend(inbound={"test_in_live": "process", "max_sets": 1})
    found = re.search(rb"(.*?)(ST\*850\*.*?SE\*\d+\*)(\d+)(~\s*)GE\*1(.*)", PLAIN, re.DOTALL)
    assert found is not None
    head, body, control, end, tail = found.groups()
    other = body.replace(b"ST*850*" + control, b"ST*850*9999").replace(b"HR-", b"HX-")
    kit.receive(head + body + control + end + other + b"9999" + end + b"GE*2" + tail)


def _our_name(kit: Kit) -> None:
    kit.receive((FIXTURES / "bad" / "unknown-receiver.edi").read_bytes())


def _our_xml_name(kit: Kit) -> None:
    kit.pipeline.company = type(kit.pipeline.company)(
        "alpine", "Alpine", "ZZ", "ALPINESUPPLY", "ALPINESUPPLY", "ALPINE", xml_ids=("0088:1234567890128",)
    )
    befriend_xml(kit)
    kit.receive(ORDER)


def _guide(kit: Kit) -> None:
    kit.befriend(inbound={"test_in_live": "process", "guide": "nowhere.yaml"})
    kit.receive(PLAIN)


@pytest.mark.parametrize(
    ("prepare", "fault", "place"),
    [
        (_approval, "approval", "documents.received.850.auto_post"),
        (_repeat, "duplicate_number", "inbound.duplicates.purchase_order"),
        (_test_data, "test_data", "inbound.test_in_live"),
        (_paused, "partner_status", "status"),
        (_version, "unknown_set", "850"),
        (_set, "unknown_set", "850"),
        (_root, "unknown_set", "Order"),
        (_too_large, "unreadable", "inbound.max_bytes"),
        (_many_sets, "unreadable", "inbound.max_sets"),
        (_our_name, "unknown_receiver", "isa"),
        (_our_xml_name, "unknown_receiver", "xml"),
        (_guide, "guide", "nowhere.yaml"),
    ],
)
def test_one_setting_puts_the_failure_right(kit: Kit, prepare: Any, fault: str, place: str) -> None:
    prepare(kit)
    kit.work()
    case = case_of(kit, fault)
    before = len(kit.posted())
    (offer,) = [one for one in offered(kit, case) if one["place"] == place]
    assert tried(kit, case, words(offer))["counts"]["pass"] == 1
    assert put_right(kit, case, words(offer))["done"] == 1
    assert len(kit.posted()) > before
    assert kit.case().review == "resolved"


def test_more_elements_of_xml_are_offered_up_to_the_most(kit: Kit) -> None:
    _elements(kit)
    kit.work()
    if kit.cases():
        (offer,) = offered(kit, kit.case().id)
        assert (offer["place"], offer["value"]) == ("xml.max_elements", "4000")
        put_right(kit, kit.case().id, words(offer))
        assert len(kit.posted()) == 1


def test_good_sets_beside_a_bad_one_are_processed_when_groups_are_split(kit: Kit) -> None:
    kit.befriend(inbound={"test_in_live": "process", "bad_set": "preserve"})
    kit.receive_file("bad/one-bad-set-among-good-ones.edi")
    case = next(found.id for found in kit.cases() if found.fingerprint.endswith("|preserve"))
    assert [one["place"] for one in offered(kit, case)] == ["inbound.bad_set"]
    assert put_right(kit, case, words(offered(kit, case)[0]))["done"] == len(kit.posted())


def test_an_isa_of_another_length_is_read_when_the_profile_is_lenient(kit: Kit) -> None:
    kit.befriend(inbound={"test_in_live": "process", "isa_length": "strict"})
    kit.receive(PLAIN.replace(b"HARBORRETAIL   ", b"HARBORRETAIL  ", 1))
    kit.work()
    for case in kit.cases():
        for offer in offered(kit, case.id):
            assert offer["place"] == "inbound.isa_length"


# -- identities ------------------------------------------------------------------------------------------------


def _bay(kit: Kit) -> None:
    from gateway.partners import registry
    from gateway.partners.profile import PartnerProfile

    profile = PartnerProfile.model_validate(BAY)
    kit.store.writer.run(lambda session: registry.apply(session, [profile], "test", "set up", kit.now))


def test_an_unknown_sender_becomes_an_alias_of_a_chosen_partner(kit: Kit) -> None:
    _bay(kit)
    kit.receive((FIXTURES / "bad" / "unknown-sender.edi").read_bytes())
    kit.work()
    case = case_of(kit, "unknown_sender")
    (offer,) = offered(kit, case)
    assert offer["ask"] == "Whose it is"
    assert [choice["choice"] for choice in offer["choices"]] == ["harbor", "bay"]
    assert tried(kit, case, words(offer))["counts"]["pass"] == 1
    assert tried(kit, case, words(offer, "bay"))["counts"]["fail"] == 1
    put_right(kit, case, words(offer))
    assert len(kit.posted()) == 1
    profile = kit.pipeline.profile("harbor")
    assert profile is not None
    assert profile.ids.isa[1].key == offer["value"]


def test_an_unknown_sender_of_xml_becomes_an_alias_too(kit: Kit) -> None:
    befriend_xml(kit, ids={"isa": HARBOR["ids"]["isa"]}, folder={"inbound": "x"})
    kit.receive(ORDER, partner=None)
    kit.work()
    case = case_of(kit, "unknown_sender")
    (offer,) = offered(kit, case)
    assert offer["place"] == "xml"
    assert tried(kit, case, words(offer))["counts"]["pass"] == 1
    put_right(kit, case, words(offer))
    assert len(kit.posted()) == 1


def test_an_identity_moves_to_the_partner_that_sends_under_it(kit: Kit) -> None:
    _bay(kit)
    kit.receive(PLAIN.replace(b"HARBORRETAIL   ", b"BAYSTORE       ", 1))
    kit.work()
    case = case_of(kit, "sender_mismatch")
    (offer,) = offered(kit, case)
    assert offer["title"] == "Let Harbor Retail send as ZZ:BAYSTORE"
    assert tried(kit, case, words(offer))["counts"]["pass"] == 1
    done = put_right(kit, case, words(offer))
    assert "version 2 of harbor and version 2 of bay" in done["message"]
    assert len(kit.posted()) == 1


def test_the_identity_that_a_partner_is_written_to_by_does_not_move(kit: Kit) -> None:
    _bay(kit)
    kit.receive(PLAIN.replace(b"HARBORRETAIL   ", b"BAYFOODS       ", 1))
    kit.work()
    assert offered(kit, case_of(kit, "sender_mismatch")) == []


# -- maps ------------------------------------------------------------------------------------------------------


def test_an_overlay_in_the_working_directory_is_offered_for_what_cannot_be_mapped(kit: Kit, tmp_path: Path) -> None:
    maps = tmp_path / "maps"
    maps.mkdir()
    (maps / "harbor-bad.yaml").write_text("change:\n  header:\n    - nonsense: true\n")
    (maps / "harbor-good.yaml").write_text("tables:\n  harbor: {A: B}\n")
    (maps / "no-overlay.yaml").write_text("standard: x12\nset: '850'\n")
    (maps / "broken.yaml").write_text("{")
    kit.pipeline.workdir = tmp_path
    kit.befriend(documents={"received": {"850": {"map_overlay": "harbor-bad.yaml"}}})
    kit.receive(PLAIN)
    kit.work()
    case = case_of(kit, "mapping")
    (offer,) = offered(kit, case)
    assert [choice["choice"] for choice in offer["choices"]] == ["harbor-good.yaml"]
    put_right(kit, case, words(offer))
    assert len(kit.posted()) == 1


# -- what no fix is for ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ProblemKind.SECURITY, ProblemKind.POSTING, ProblemKind.DUPLICATE_CONTROL])
def test_nothing_is_loosened_by_a_click_for_these(kit: Kit, kind: ProblemKind) -> None:
    kit.receive(PLAIN)
    kit.work()
    (document,) = kit.documents()
    kit.store.writer.run(lambda session: open_problem(session, document, Problem(kind, "It failed."), kit.now))
    assert offered(kit, kit.case().id) == []


@pytest.mark.parametrize("kind", list(ProblemKind))
def test_without_a_partner_and_an_example_nothing_is_offered(kit: Kit, kind: ProblemKind) -> None:
    assert offers(Case(kit.pipeline, "1", kind.value, (), None, None)) == []


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        (ProblemKind.UNKNOWN_SET, ("850", "004010")),
        (ProblemKind.UNKNOWN_VERSION, ("850", "004010")),
        (ProblemKind.UNREADABLE, ("size",)),
        (ProblemKind.UNREADABLE, ("XML-not-well-formed",)),
        (ProblemKind.INVALID, ("preserve",)),
        (ProblemKind.PARTNER_STATUS, ("retired",)),
        (ProblemKind.UNKNOWN_RECEIVER, ("ZZ:OTHER",)),
        (ProblemKind.GUIDE, ("other.yaml",)),
        (ProblemKind.MAPPING, ("850", "map")),
        (ProblemKind.SENDER_MISMATCH, ("harbor>bay",)),
        (ProblemKind.ENVELOPE, ("021",)),
    ],
)
def test_a_profile_that_stands_in_nobodys_way_is_left_alone(kit: Kit, kind: ProblemKind, rule: tuple[str, ...]) -> None:
    profile = kit.pipeline.profile("harbor")
    assert offers(Case(kit.pipeline, "1", kind.value, rule, "harbor", profile, set_id="850")) == []
    strange = Case(kit.pipeline, "1", kind.value, rule, "harbor", profile, standard="x12-009999")
    assert offers(strange) == []
    assert strange.element({"segment": "PO1", "element": 3}) == ("", "", "")


def test_a_door_of_a_partner_has_no_fix(kit: Kit) -> None:
    from gateway.pipeline.problems import open_partner_problem

    kit.store.writer.run(lambda session: open_partner_problem(session, "harbor", "key", "The key changed.", kit.now))
    assert offered(kit, kit.case().id) == []


@pytest.mark.parametrize(
    "fix",
    [
        {"kind": "code", "place": "PO103", "value": "YY", "choice": "PO103"},
        {"kind": "code", "place": "PO101", "value": "XX", "choice": "PO101"},
        {"kind": "setting", "place": "inbound.test_in_live", "value": "process", "choice": ""},
        {"kind": "patch", "place": "status", "value": "retired"},
    ],
)
def test_a_fix_that_was_not_offered_is_refused(kit: Kit, fix: dict[str, str]) -> None:
    case = rejected(kit)
    before = everything(kit)
    with pytest.raises(RequestError, match="does not suit"):
        tried(kit, case, fix)
    with pytest.raises(RequestError, match="does not suit"):
        put_right(kit, case, fix)
    assert everything(kit) == before


def test_a_dry_run_with_a_fix_changes_nothing(kit: Kit) -> None:
    case = rejected(kit)
    before = everything(kit)
    for offer in offered(kit, case):
        tried(kit, case, words(offer))
    assert everything(kit) == before
    assert tried(kit, case, {"kind": "code", "place": "PO103", "value": "XX"})["counts"]["pass"] == 3
    assert act(kit, "case.trial", id=case)["counts"]["fail"] == 3


def test_an_alias_that_another_partner_has_is_named_in_the_dry_run(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    _bay(kit)
    kit.receive((FIXTURES / "bad" / "unknown-sender.edi").read_bytes())
    kit.work()
    case = case_of(kit, "unknown_sender")
    (offer,) = offered(kit, case)
    monkeypatch.setitem(BAY, "ids", {"isa": [{"id": offer["value"].partition(":")[2]}], "as2": "BAY"})
    _bay(kit)
    with pytest.raises(PartnerClashError):
        tried(kit, case, words(offer))


# -- parts -----------------------------------------------------------------------------------------------------


def test_a_merge_patch_merges_objects_replaces_lists_and_removes_by_null() -> None:
    before = {"a": {"b": [1, 2], "c": 3}, "d": 4}
    assert merged(before, {"a": {"b": [5], "c": None}, "e": {"f": None, "g": 6}}) == {
        "a": {"b": [5]},
        "d": 4,
        "e": {"g": 6},
    }
    assert merged("text", {"a": 1}) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "is_amount"),
    [
        ("lines[1].unit_price", True),
        ("lines[1].quantity", True),
        ("Unit Price", True),
        ("RULE-ubl-payable", True),
        ("totals.net", True),
        ("lines[1].unit", False),
        ("Unit or Basis for Measurement Code", False),
        ("RULE-ubl-requested-date", False),
    ],
)
def test_prices_quantities_and_sums_are_amounts(text: str, is_amount: bool) -> None:
    assert about_amounts(text) is is_amount
