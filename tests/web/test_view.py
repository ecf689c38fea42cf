"""Values as pages show them: times, amounts, states, charts, and payloads of every form."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.web.view import charts, payload, states, times, words
from tests.pipeline.pipelinekit import FIXTURES

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
BAD = (FIXTURES / "bad" / "unit-and-date-wrong.edi").read_bytes()


@pytest.mark.parametrize(
    ("gone", "relative", "short"),
    [
        (timedelta(0), "now", "09:00"),
        (timedelta(seconds=40), "40 s ago", "08:59"),
        (timedelta(minutes=3), "3 min ago", "08:57"),
        (timedelta(hours=-2), "in 2 h", "11:00"),
        (timedelta(days=5), "5 d ago", "17 Nov 09:00"),
        (timedelta(days=400), "400 d ago", "18 Oct 2025"),
    ],
)
def test_an_instant_is_told_by_its_distance_and_exactly(gone: timedelta, relative: str, short: str) -> None:
    shown = times.shown((NOW - gone).isoformat(), NOW, "America/New_York", "Europe/Berlin")
    assert shown is not None
    assert (shown.relative, shown.short) == (relative, short)
    assert shown.absolute.endswith(("EST", "EDT"))
    assert shown.theirs.endswith(("CET", "CEST"))


def test_no_instant_is_none_and_a_plain_one_is_utc() -> None:
    assert times.shown(None, NOW, "UTC") is None
    assert times.clock(None, "UTC") == ""
    assert times.clock("2026-11-22T14:00:00", "UTC") == "22 Nov 2026 14:00:00 UTC"
    assert times.day_start(NOW, "America/New_York", 1).isoformat() == "2026-11-21T00:00:00-05:00"


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("1234.5", "USD", "1,234.50 USD"),
        ("0.12345678", None, "0.123457"),
        (None, "USD", ""),
        ("NaN", None, "NaN"),
        ("much", "USD", "much"),
    ],
)
def test_amounts_are_written_as_people_do(amount: str | None, currency: str | None, text: str) -> None:
    assert words.money(amount, currency) == text


def test_codes_and_sizes_are_words() -> None:
    assert words.words("order_acknowledgment") == "Order acknowledgment"
    assert words.words("as2") == "AS2"
    assert words.words(None) == ""
    assert [words.bytes_of(size) for size in (7, 12_400, 5_100_000)] == ["7 B", "12.4 KB", "5.1 MB"]


def test_every_state_of_every_axis_has_an_icon_a_word_and_a_tone() -> None:
    from gateway.messages.axes import Acknowledgement, Delivery, Processing, Review

    for axis, enum in (
        ("processing", Processing),
        ("delivery", Delivery),
        ("acknowledgement", Acknowledgement),
        ("review", Review),
    ):
        assert set(states.AXES[axis]) == {member.value for member in enum}
    assert states.state("processing", "novel_state") == states.State("dot", "Novel state", "quiet")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"direction": "in", "delivery": "none", "acknowledgement": "not_expected", "processing": None}, "received"),
        ({"direction": "out", "delivery": "failed", "acknowledgement": "awaited", "processing": "posted"}, "failed"),
        (
            {"direction": "out", "delivery": "confirmed", "acknowledgement": "overdue", "processing": "posted"},
            "overdue",
        ),
        ({"direction": "out", "delivery": "sent", "acknowledgement": "awaited", "processing": "posted"}, "sent"),
        ({"direction": "out", "delivery": "none", "acknowledgement": "awaited", "processing": "mapped"}, "mapped"),
    ],
)
def test_a_list_tells_of_a_message_what_matters_most(row: dict[str, Any], expected: str) -> None:
    assert states.summary(row)[1] == expected


def test_columns_keep_their_place_and_small_ones_are_seen() -> None:
    chart = charts.trend([("a", 0, 0), ("b", 1, 1), ("c", 1000, 0)])
    assert [bar.height for bar in chart.bars] == [0.0, 3.0, 120]
    assert [bar.bad_height for bar in chart.bars] == [0.0, 3.0, 0.0]
    assert charts.trend([]).bars == ()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (BAD, "x12"),
        (b"<Order/>", "xml"),
        (b'{"a": 1}', "json"),
        (b"plain words", "text"),
        (b"a\0b", "bytes"),
        (b"", "text"),
    ],
)
def test_the_form_of_a_payload_is_recognised(data: bytes, kind: str) -> None:
    assert payload.kind_of(data) == kind


def test_segments_have_names_meanings_depth_and_their_findings() -> None:
    findings = [
        {"position": 7, "element": 3, "severity": "error", "message": "x"},
        {"position": 2, "element": 9, "severity": "note"},
    ]
    shown = payload.segments(BAD, findings, place=(1, 1))
    assert shown is not None
    by_tag = {line.tag: line for line in shown.lines}
    assert (shown.total, shown.next, by_tag["PO1"].depth, by_tag["ST"].depth) == (10, None, 1, 0)
    seventh, second = shown.lines[6], shown.lines[1]
    assert [mark.name for mark in seventh.marks if mark.wrong] == ["PO103"]
    assert (seventh.severity, second.severity) == ("error", "note")
    assert second.marks[8].value == ""
    assert second.marks[0].meaning == "Original"


def test_a_whole_transmission_and_an_unknown_release_are_shown_too() -> None:
    assert payload.segments(BAD, []) is not None
    strange = payload.segments(BAD.replace(b"*004010~", b"*009990~"), [], place=(1, 1))
    assert strange is not None
    assert {line.depth for line in strange.lines} == {0}
    unknown = payload.segments(BAD.replace(b"ST*850*", b"ST*999*"), [], place=(1, 1))
    assert unknown is not None
    assert payload.segments(BAD, [], place=(2, 1)) is None


def test_long_content_comes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload, "MOST_LINES", 4)
    first = payload.segments(BAD, [], place=(1, 1))
    assert first is not None
    assert (len(first.lines), first.next) == (4, 4)
    rest = payload.segments(BAD, [], place=(1, 1), first=8)
    assert rest is not None
    assert [line.number for line in rest.lines] == [9, 10]
    past = payload.segments(BAD, [], place=(1, 1), first=99)
    assert past is not None
    assert past.lines == ()
    assert payload.text_lines(b"a\nb\nc\nd\ne", [], first=4).lines[0].text == "e"


def test_xml_of_one_line_is_laid_out_and_of_many_left_as_it_is() -> None:
    one = b"<?xml version='1.0'?>" + b"<Order><Line><Id>1</Id><Empty/></Line></Order>" + b" " * 100
    lines = payload.text_lines(one, [{"line": 1, "severity": "error"}]).lines
    assert [(line.depth, line.text.strip()) for line in lines][1:4] == [
        (0, "<Order>"),
        (1, "<Line>"),
        (2, "<Id>1</Id>"),
    ]
    many = payload.text_lines(b"<Order>\n  <Id>\n</Id>\n</Order>", [{"line": 2, "severity": "error"}]).lines
    assert (many[1].depth, many[1].severity, many[0].severity) == (1, "error", "")


def test_bytes_and_json_are_shown_whatever_they_are() -> None:
    (line,) = payload.hex_lines(b"ISA\x00\xff")
    assert (line.offset, line.codes, line.text) == ("00000000", "49 53 41 00 ff", "ISA··")
    assert payload.pretty_json(b'{"a":1}') == '{\n  "a": 1\n}'
    assert payload.pretty_json(b"{no") == "{no"
