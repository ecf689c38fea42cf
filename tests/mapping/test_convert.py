"""`gateway convert`: whole files to JSON and back, byte for byte where the envelope came along."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.convert import convert_command
from gateway.standards.x12.check import check_transmission
from tests.mapping.mapkit import FIXTURES, fixtures, name_of

PLAIN = FIXTURES / "x12/004010/850/01-plain-order.edi"


def _run(*arguments: object, data: bytes | None = None) -> Result:
    return CliRunner().invoke(convert_command, [str(argument) for argument in arguments], input=data)


@pytest.mark.parametrize("path", [*fixtures("x12"), *fixtures("demo")], ids=name_of)
def test_a_fixture_comes_back_byte_for_byte(path: Path) -> None:
    if any(not found.accepted for found in _sets(path)):
        pytest.skip("rejected on purpose")
    as_json = _run(path, "--to", "json")
    assert as_json.exit_code == 0, as_json.stderr
    back = _run("-", "--to", "x12", data=as_json.stdout_bytes)
    assert back.exit_code == 0, back.stderr
    assert back.stdout_bytes == path.read_bytes()


def _sets(path: Path):  # type: ignore[no-untyped-def]
    checked = check_transmission(path.read_bytes())
    return [found for interchange in checked.interchanges for group in interchange.groups for found in group.sets]


def test_one_document_is_an_object_and_several_are_a_list() -> None:
    assert isinstance(json.loads(_run(PLAIN, "--to", "json").stdout), dict)
    several = FIXTURES / "x12/005010/850/09-three-orders-one-group.edi"
    assert len(json.loads(_run(several, "--to", "json").stdout)) == 3


def test_x12_to_x12_goes_through_the_document() -> None:
    assert _run(PLAIN, "--to", "x12").stdout_bytes == PLAIN.read_bytes()


def test_a_hand_written_document_gets_an_envelope_of_its_own() -> None:
    document = {
        "kind": "order",
        "sender": "harbor",
        "receiver": "alpine",
        "number": "7",
        "issue_date": "2026-03-02",
        "lines": [{"line_id": "1", "quantity": 5, "unit": "EA", "item_ids": [{"qualifier": "UP", "value": "1"}]}],
    }
    result = _run("-", "--to", "x12", "--version", "005010", data=json.dumps([document, document]).encode())
    assert result.exit_code == 0, result.stderr
    checked = check_transmission(result.stdout_bytes)
    (interchange,) = checked.interchanges
    assert interchange.verdict == "accepted"
    assert (interchange.interchange.sender_id, interchange.interchange.version) == ("HARBOR", "00501")
    assert [found.control for found in interchange.groups[0].sets] == ["0001", "0002"]


def test_names_beyond_ascii_survive() -> None:
    document = {
        "kind": "order",
        "number": "7",
        "issue_date": "2026-03-02",
        "parties": [{"type": "buyer", "name": "Café Zürich"}],
    }
    result = _run("-", "--to", "x12", data=json.dumps(document).encode())
    assert result.exit_code == 0 and "Café Zürich".encode("latin-1") in result.stdout_bytes


def test_only_the_sets_asked_for_are_read() -> None:
    mixed = PLAIN.read_bytes()
    assert _run("-", "--to", "json", "--set", "855", data=mixed).exit_code == 1
    assert _run("-", "--to", "json", "--set", "850", data=mixed).exit_code == 0


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", ""),
        (b"\x00\x01\x02", ""),
        (b"hello", ""),
        (b"[]", "no document"),
        (b"[{", "not JSON"),
        (b'{"kind": "ordr"}', 'Did you mean "order"'),
        (b'[{"kind": "order", "nunber": 1}, {"kind": "x"}]', "[0] nunber"),
    ],
)
def test_what_cannot_be_converted_ends_with_a_sentence(data: bytes, words: str) -> None:
    result = _run("-", "--to", "json", data=data)
    assert result.exit_code == 1 and result.stdout == "" and words in result.stderr
    assert result.stderr.strip() and "Traceback" not in result.stderr


def test_a_rejected_set_is_shown_as_far_as_it_goes_and_complained_about() -> None:
    result = _run(FIXTURES / "demo/004010/850-05-broken.edi", "--to", "json")
    assert result.exit_code == 1 and json.loads(result.stdout)["kind"] == "order"
    assert "is rejected" in result.stderr and "20261341" in result.stderr


def test_a_set_without_a_map_and_an_unknown_version_are_named() -> None:
    text = PLAIN.read_bytes()
    assert "no schema for version 099999" in _run("-", "--to", "json", "--version", "099999", data=text).stderr
    other = text.replace(b"ST*850", b"ST*997").replace(b"GS*PO", b"GS*FA")
    result = _run("-", "--to", "json", data=other)
    assert result.exit_code == 1 and "997" in result.stderr


def test_an_order_that_cannot_be_written_names_every_field() -> None:
    result = _run("-", "--to", "x12", data=b'{"kind": "order"}')
    assert result.exit_code == 1 and "number: BEG03" in result.stderr and "issue_date: BEG05" in result.stderr
    order = b'{"kind": "order", "number": "7~8", "issue_date": "2026-03-02"}'
    assert "BEG03" in _run("-", "--to", "x12", data=order).stderr
    assert "no map" in _run("-", "--to", "x12", "--set", "830", data=order).stderr
    assert "099999" in _run("-", "--to", "x12", "--version", "099999", data=order).stderr


def test_what_the_set_does_not_carry_is_said() -> None:
    order = b'{"kind": "order", "number": "7", "issue_date": "2026-03-02", "channel": "web"}'
    result = _run("-", "--to", "x12", data=order)
    assert result.exit_code == 0 and "channel: this value is not in the written document" in result.stderr


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    assert _run(tmp_path / "nothing.edi", "--to", "json").exit_code == 2
    assert _run(tmp_path, "--to", "json").exit_code == 2


def test_a_partners_rules_are_used_when_named(tmp_path: Path) -> None:
    result = _run(PLAIN, "--to", "json", "--partner", str(tmp_path / "missing.yaml"))
    assert result.exit_code != 0
