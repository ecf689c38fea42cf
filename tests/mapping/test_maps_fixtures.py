"""The project's own X12 documents: what they promise, and that every map gives them back unchanged."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from gateway.documents import dump_document, parse_document
from gateway.documents.sscc import gtin_is_valid, is_valid
from gateway.mapping import coverage, load_map, read_document, write_document
from gateway.standards.edi.model import Segment
from gateway.standards.edi.validator import validator
from gateway.standards.x12.check import check_transmission
from tests.mapping.mapkit import (
    FIXTURES,
    SEPARATORS,
    explained,
    fields_alone,
    fixtures,
    name_of,
    plain,
    sets_of,
)

VALID = fixtures("x12")
DEMO = [path for path in fixtures("demo") if "broken" not in path.name]
#: Everything in it is rare on purpose, so that much of it stays beside the fields.
RARE = "10-industry-segments-we-do-not-know"
GTINS = {"UP", "EN", "UK"}


def test_there_are_enough_fixtures_of_every_main_set() -> None:
    counts = Counter(path.parent.relative_to(FIXTURES).as_posix() for path in VALID)
    assert all(
        counts[f"x12/{release}/{set_id}"] >= 8
        for release in ("004010", "005010")
        for set_id in ("850", "855", "856", "810")
    ), counts
    assert all(
        counts[f"x12/{release}/{set_id}"] >= 2 for release in ("004010", "005010") for set_id in ("860", "865", "846")
    ), counts
    assert len(VALID) >= 68


@pytest.mark.parametrize("path", [*VALID, *DEMO], ids=name_of)
def test_a_valid_fixture_is_accepted_without_a_finding(path: Path) -> None:
    checked = check_transmission(path.read_bytes())
    found = [item for interchange in checked.interchanges for item in interchange.findings]
    found += [item for interchange in checked.interchanges for group in interchange.groups for item in group.findings]
    found += [item for checked_set in sets_of(path) for item in checked_set.findings]
    assert not [item for item in found if item.severity != "note"]
    assert {interchange.verdict for interchange in checked.interchanges} == {"accepted"}


@pytest.mark.parametrize("path", [*VALID, *DEMO], ids=name_of)
def test_reading_and_writing_a_fixture_gives_the_same_segments(path: Path) -> None:
    for checked in sets_of(path):
        cmap = load_map("x12", str(checked.release), checked.set_id)
        result = read_document(cmap, checked.tree())
        written = write_document(cmap, result.document)
        assert [plain(item) for item in written.segments] == [plain(item) for item in checked.segments()]
        assert not (*result.findings, *written.findings)


@pytest.mark.parametrize("path", [*VALID, *DEMO], ids=name_of)
def test_the_fields_of_the_document_carry_what_was_received(path: Path) -> None:
    for checked in sets_of(path):
        cmap = load_map("x12", str(checked.release), checked.set_id)
        share = coverage(cmap, read_document(cmap, checked.tree()).document)
        assert share >= (0.5 if path.stem == RARE else 0.75), f"{share:.3f}"


@pytest.mark.parametrize("path", [*VALID, *DEMO], ids=name_of)
def test_a_document_that_went_through_json_gives_the_same_segments(path: Path) -> None:
    for checked in sets_of(path):
        cmap = load_map("x12", str(checked.release), checked.set_id)
        kept = parse_document(dump_document(read_document(cmap, checked.tree()).document))
        assert [plain(item) for item in write_document(cmap, kept).segments] == [
            plain(item) for item in checked.segments()
        ]


@pytest.mark.parametrize("path", [*VALID, *DEMO], ids=name_of)
def test_the_fields_alone_make_a_valid_set_that_reads_the_same(path: Path) -> None:
    for checked in sets_of(path):
        cmap = load_map("x12", str(checked.release), checked.set_id)
        fields = fields_alone(read_document(cmap, checked.tree()).document)
        written = write_document(cmap, parse_document(fields))
        assert not written.findings
        assert not [item for item in explained(written) if item.severity != "note"]
        rules = validator(cmap.version, cmap.set_id, SEPARATORS)
        again = fields_alone(read_document(cmap, rules.tree(written.segments)).document)
        assert again == fields


def test_typical_documents_are_carried_by_at_least_ninety_five_percent_on_average() -> None:
    shares: dict[str, list[float]] = {}
    for path in VALID:
        if path.stem == RARE:
            continue
        for checked in sets_of(path):
            cmap = load_map("x12", str(checked.release), checked.set_id)
            share = coverage(cmap, read_document(cmap, checked.tree()).document)
            shares.setdefault(f"{checked.release} {checked.set_id}", []).append(share)
    means = {name: sum(found) / len(found) for name, found in shares.items()}
    assert all(mean >= 0.95 for mean in means.values()), means


def _segments() -> list[tuple[str, Segment]]:
    return [(name_of(path), item) for path in [*VALID, *DEMO] for found in sets_of(path) for item in found.segments()]


def test_every_sscc_in_the_fixtures_has_the_right_check_digit() -> None:
    marks = [(name, item.elements[1]) for name, item in _segments() if item.tag == "MAN" and item.elements[0] == "GM"]
    assert len(marks) > 30
    assert not [(name, mark) for name, mark in marks if not is_valid(mark) or len(mark) != 20]


def test_every_gtin_in_the_fixtures_has_the_right_check_digit() -> None:
    found = [
        (name, value)
        for name, item in _segments()
        for qualifier, value in zip(item.elements, item.elements[1:], strict=False)
        if qualifier in GTINS and item.tag in {"PO1", "IT1", "LIN", "SLN", "POC", "ACK"}
    ]
    assert len(found) > 150
    assert not [(name, value) for name, value in found if not gtin_is_valid(value)]


# What each file in tests/fixtures/bad must get. Duplicates and unknown partners need a store: as files they are valid.
BAD = {
    "empty-file": ("unreadable", set()),
    "binary-file": ("unreadable", set()),
    "isa-cut-off": ("unreadable", set()),
    "unknown-sender": ("accepted", set()),
    "unknown-receiver": ("accepted", set()),
    "no-iea": ("rejected", {"TA105-023"}),
    "cut-inside-a-segment": ("rejected", {"TA105-023", "AK502-2", "AK905-3"}),
    "wrong-iea-count": ("accepted_with_errors", {"TA105-021"}),
    "wrong-iea-control-number": ("accepted_with_errors", {"TA105-001"}),
    "duplicate-isa13-first": ("accepted", set()),
    "duplicate-isa13-same-bytes": ("accepted", set()),
    "duplicate-isa13-other-bytes": ("accepted", set()),
    "unknown-version": ("rejected", {"AK905-2"}),
    "unknown-set": ("rejected", {"AK502-1"}),
    "one-bad-set-among-good-ones": ("partially_accepted", {"AK403-7"}),
    "duplicate-order-number-first": ("accepted", set()),
    "duplicate-order-number-second": ("accepted", set()),
    "duplicate-order-number-resend": ("accepted", set()),
    "wrong-se-count": ("rejected", {"AK502-4"}),
    "wrong-ge-count": ("accepted_with_errors", {"AK905-5"}),
    "wrong-ge-control-number": ("rejected", {"AK905-4"}),
    "two-sets-with-one-control-number": ("partially_accepted", {"AK502-23"}),
    "missing-mandatory-segment": ("rejected", {"AK304-3"}),
    "wrong-line-count": ("rejected", {"RULE-ctt-count"}),
    "unit-and-date-wrong": ("rejected", {"AK403-7", "AK403-8"}),
    "ship-notice-with-wrong-parent": ("rejected", {"AK403-7"}),
}


def test_every_bad_file_is_in_the_list() -> None:
    assert {path.stem for path in fixtures("bad")} == set(BAD)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_gets_its_verdict_and_its_code(name: str) -> None:
    verdict, codes = BAD[name]
    checked = check_transmission((FIXTURES / "bad" / f"{name}.edi").read_bytes())
    assert checked.verdict == verdict
    found = [item for interchange in checked.interchanges for item in interchange.findings]
    for interchange in checked.interchanges:
        for group in interchange.groups:
            found += [*group.findings, *(item for checked_set in group.sets for item in checked_set.findings)]
    assert codes <= {item.code for item in found}


def test_the_duplicate_files_are_what_their_names_say() -> None:
    first, same, other = (
        (FIXTURES / "bad" / f"duplicate-isa13-{name}.edi").read_bytes()
        for name in ("first", "same-bytes", "other-bytes")
    )
    assert first == same
    assert first != other
    assert first[:106] == other[:106]


def test_the_broken_demo_order_has_a_unit_and_a_date_that_do_not_exist() -> None:
    (checked,) = sets_of(FIXTURES / "demo" / "004010" / "850-05-broken.edi")
    assert checked.verdict == "rejected"
    assert {(item.code, item.segment, item.element) for item in checked.findings} == {
        ("AK403-8", "DTM", 2),
        ("AK403-7", "PO1", 3),
    }
