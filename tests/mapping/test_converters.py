"""Converters: each pair is inverse, and what does not fit is refused with the reason."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.documents import Code
from gateway.mapping.converters import PLAIN, CodeTable, code_converter, implied, word_converter

TABLE = CodeTable.of("purpose", {"00": "original", "05": "replace", "5": "replace"})


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=3, allow_nan=False))
def test_a_decimal_is_read_as_it_was_written(value: Decimal) -> None:
    converter = PLAIN["decimal"]
    assert str(converter.read(converter.write(value))) == format(value, "f")


@given(st.integers(-(10**12), 10**12), st.integers(0, 6))
def test_implied_decimals_are_inverse(digits: int, places: int) -> None:
    converter = implied(places)
    assert converter.write(converter.read(str(digits))) == str(digits)


@given(st.dates())
def test_dates_are_inverse(value: date) -> None:
    assert PLAIN["date"].read(PLAIN["date"].write(value)) == value


@pytest.mark.parametrize(
    ("text", "value", "again"),
    [
        ("1430", time(14, 30), "1430"),
        ("143059", time(14, 30, 59), "143059"),
        ("1430595", time(14, 30, 59, 500000), "14305950"),
        ("14305907", time(14, 30, 59, 70000), "14305907"),
    ],
)
def test_times_have_minutes_seconds_or_parts_of_a_second(text: str, value: time, again: str) -> None:
    assert PLAIN["time"].read(text) == value and PLAIN["time"].write(value) == again


def test_a_short_year_is_of_this_century_until_49() -> None:
    assert PLAIN["date"].read("260302") == date(2026, 3, 2) and PLAIN["date"].read("991231") == date(1999, 12, 31)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("date", "20261301"),
        ("date", "2026-03-02"),
        ("time", "2500"),
        ("time", "12345"),
        ("decimal", "1,5"),
        ("decimal", "1E5"),
        ("decimal", "."),
        ("decimal", "NaN"),
        ("integer", "1.5"),
        ("integer", "9" * 30),
        ("text", "A\x1fB"),
    ],
)
def test_what_is_no_such_value_is_refused(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        PLAIN[name].read(text)


def test_implied_decimals_refuse_points_and_too_many_decimals() -> None:
    with pytest.raises(ValueError, match="not a whole number"):
        implied(2).read("12.50")
    with pytest.raises(ValueError, match="more than 2 decimals"):
        implied(2).write(Decimal("1.005"))
    assert implied(2).write(Decimal("1" * 40 + ".5")) == "1" * 40 + "50"
    assert (implied(2).write(Decimal("-0.05")), implied(2).write(Decimal("-0.00"))) == ("-5", "0")
    assert implied(2).write(Decimal("12.5")) == "1250"


def test_text_loses_trailing_blanks_and_refuses_the_signs_of_composites() -> None:
    write = PLAIN["text"].write
    assert write("  A  ") == "  A" and write("   ") == ""
    with pytest.raises(ValueError, match="control character"):
        write("A\x1fB")


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (Code(value="original"), "00"),
        (Code(value="replace", code="5"), "5"),
        (Code(value="replace", code="00"), "05"),
        (Code(code="XX"), "XX"),
        (Code(value="05"), "05"),
        (Code(), ""),
    ],
)
def test_the_word_decides_and_the_partners_code_only_spells_it(code: Code, text: str) -> None:
    assert code_converter(TABLE).write(code) == text


def test_codes_are_read_with_their_word_or_alone() -> None:
    read = code_converter(TABLE).read
    assert read("05") == {"value": "replace", "code": "05"} and read("XX") == {"code": "XX"}
    assert word_converter(TABLE).read("XX") is None and word_converter(TABLE).write(("original", None)) == "00"


def test_an_unknown_word_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ValueError, match='Did you mean "replace"'):
        code_converter(TABLE).write(Code(value="replac"))


@pytest.mark.parametrize(
    ("value", "text", "doubtful"),
    [
        ("006141410012345675", "00006141410012345675", False),
        ("00006141410012345675", "00006141410012345675", False),
        ("006141410012345670", "00006141410012345670", True),
        ("X", "X", True),
    ],
)
def test_an_sscc_gets_its_identifier_and_a_wrong_one_a_remark(value: Any, text: str, doubtful: bool) -> None:
    converter = PLAIN["sscc"]
    assert converter.write(value) == text and converter.warn is not None
    assert bool(converter.warn(text)) is doubtful
