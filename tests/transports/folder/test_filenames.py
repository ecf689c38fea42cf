"""File names by template: safe, telling, the same for every retry; and a first look whether a file is all there."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.messages.ids import new_id
from gateway.messages.ports import Delivery
from gateway.partners.filenames import LONGEST_NAME
from gateway.partners.profile import PartnerProfile
from gateway.transports.filenames import file_name, file_name_template, is_wanted, looks_cut, name_problem

AT = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
ISA = b"ISA*00*          *00*          *ZZ*A              *ZZ*B              *260301*0830*U*00401*000000042*0*P*>~"
ORDER = ISA + b"\nGS*PO*A*B*20260301*0830*1*X*004010~\nST*850*0001~\nSE*2*0001~\nGE*1*1~\nIEA*1*000000042~\n"
UBL = b'<?xml version="1.0"?>\n<!-- c -->\n<Order xmlns="urn:x"><ID>1</ID></Order>\n'


def item(payload: bytes = ORDER, transmission: str = "0195-4a7b-0123456789ab", partner: str = "harbor") -> Delivery:
    return Delivery(transmission, partner, "sftp", payload, "f", "t", "", AT)


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        (ORDER, "harbor_850_000000042_20260301T083000Z_456789ab.edi"),
        (
            ISA + b"TA1*000000001*260301*0830*A*000~IEA*0*000000042~",
            "harbor_TA1_000000042_20260301T083000Z_456789ab.edi",
        ),
        (ISA + b"IEA*0*000000042~", "harbor_file_000000042_20260301T083000Z_456789ab.edi"),
        (UBL, "harbor_Order_456789ab_20260301T083000Z_456789ab.edi"),
        (b"<!DOCTYPE cXML SYSTEM 'x'><cXML/>", "harbor_cXML_456789ab_20260301T083000Z_456789ab.edi"),
        (b"anything", "harbor_file_456789ab_20260301T083000Z_456789ab.edi"),
        (b"", "harbor_file_456789ab_20260301T083000Z_456789ab.edi"),
    ],
)
def test_every_field_is_filled_from_the_message_itself(payload: bytes, name: str) -> None:
    assert file_name("{partner}_{set}_{control}_{utc}_{id8}.edi", item(payload)) == name


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{partner}.edi", "same name"),
        ("{partner}_{set}_{utc}.edi", "same name"),
        ("", "may stand"),
        ("{icn}-{id8}", "not one of"),
        ("../{id8}", "only letters"),
        ("a/{id8}", "only letters"),
        ("{id8} x", "only letters"),
        ("{id8}\x00", "only letters"),
        ("{id8", "only letters"),
        (".{id8}", "hidden"),
        ("-{id8}", "hidden"),
        ("{id8}.tmp", "unfinished"),
        ("{id8}.PART", "unfinished"),
        ("{id8}.", "unfinished"),
        ("x" * 200 + "{id8}", "at most 200"),
    ],
)
def test_a_template_that_is_unsafe_or_cannot_be_unique_is_refused_with_the_profile(template: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        file_name_template(template)
    for group in ("sftp", "folder"):
        with pytest.raises(ValueError, match=reason):
            PartnerProfile.model_validate({"code": "a", "name": "A", group: {"file_name": template}})


@given(st.binary(max_size=300), st.text(max_size=60), st.text(max_size=60))
def test_whatever_a_message_holds_its_name_is_safe_and_short(payload: bytes, transmission: str, partner: str) -> None:
    name = file_name("f{partner}{set}{control}{utc}{id8}", item(payload, transmission, partner))
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) and len(name) <= LONGEST_NAME


def test_messages_made_in_the_same_millisecond_get_different_names() -> None:
    names = {file_name("{partner}_{utc}_{id8}.edi", item(transmission=new_id(AT))) for _ in range(500)}
    assert len(names) == 500


@pytest.mark.parametrize(
    "name", [b"a\x00", b"a\n", b"a/b", b"a\\b", b"\xff", b"\x1b[2J", "a\u202eb".encode(), b"x" * 201]
)
def test_names_that_break_our_rules_are_told(name: bytes) -> None:
    assert name_problem(name)


@pytest.mark.parametrize("name", ["order 1.edi", "Bestellung-ä.edi", "x" * 200])
def test_names_within_the_rules_are_taken(name: str) -> None:
    assert name_problem(name.encode()) == ""


def test_a_file_is_wanted_by_pattern_unless_it_is_ignored() -> None:
    assert is_wanted("a.edi", "*.edi", ("*.tmp",))
    assert not is_wanted("a.EDI", "*.edi", ())
    assert not is_wanted("a.tmp", "*", ("*.tmp",))


@pytest.mark.parametrize(
    ("payload", "cut"),
    [
        (ORDER, False),
        (ORDER + b"\x1a\x00\r\n", False),
        (ORDER[:-30], True),
        (ISA, True),
        (b"ISA*00", True),
        (ORDER[:-2], False),
        (ORDER[:-3], True),
        (UBL, False),
        (UBL + b"<!-- end -->\n", False),
        (UBL[:-12], True),
        (b'<Order a="1"/>', False),
        (b"<Order><Line/>", True),
        (b"<ns:Order><a/></ns:Order>", False),
        (b"", False),
        (b"free text", False),
    ],
)
def test_half_a_document_is_told_from_a_whole_one(payload: bytes, cut: bool) -> None:
    assert looks_cut(payload) is cut


def test_no_whole_interchange_of_the_fixtures_looks_cut_and_every_half_does() -> None:
    fixtures = Path(__file__).parents[2] / "fixtures" / "x12"
    found = sorted(fixtures.glob("*/8*/*.edi"))
    assert len(found) > 20
    for path in found:
        payload = path.read_bytes()
        assert not looks_cut(payload), path.name
        assert looks_cut(payload[: len(payload) * 2 // 3]), path.name
