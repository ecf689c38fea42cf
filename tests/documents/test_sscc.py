"""SSCC and GTIN check digits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.documents.sscc import SsccError, check_digit, gtin_is_valid, is_valid, make_sscc, with_identifier


def test_a_made_sscc_has_eighteen_digits_and_a_right_check_digit() -> None:
    assert make_sscc(0, "0614141", 1234567) == "006141410012345675"
    assert is_valid("006141410012345675") and is_valid("00006141410012345675")


@given(st.integers(0, 9), st.integers(10**6, 10**10 - 1), st.data())
def test_every_wrong_digit_is_found(extension: int, prefix: int, data: st.DataObject) -> None:
    sscc = make_sscc(extension, str(prefix), data.draw(st.integers(0, 10 ** (16 - len(str(prefix))) - 1)))
    place, shift = data.draw(st.integers(0, 17)), data.draw(st.integers(1, 9))
    wrong = sscc[:place] + str((int(sscc[place]) + shift) % 10) + sscc[place + 1 :]
    assert is_valid(sscc) and not is_valid(wrong)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((10, "0614141", 1), "extension digit 10"),
        ((0, "06", 1), "company prefix"),
        ((0, "06141AB", 1), "company prefix"),
        ((0, "0614141", 10**9), "leaves room for 9 digits"),
        ((0, "0614141", -1), "does not fit"),
    ],
)
def test_parts_that_make_no_sscc_are_refused_with_the_reason(parts: tuple[int, str, int], words: str) -> None:
    with pytest.raises(SsccError, match=words):
        make_sscc(*parts)


def test_the_check_digit_of_no_digits_is_an_error() -> None:
    with pytest.raises(SsccError, match="not a row of digits"):
        check_digit("12A")


def test_the_identifier_is_put_in_front_once() -> None:
    assert with_identifier("006141410012345675") == "00006141410012345675"
    assert with_identifier("00006141410012345675") == "00006141410012345675"


@pytest.mark.parametrize(
    ("gtin", "valid"),
    [("614141100019", True), ("10614141100115", True), ("614141100018", False), ("61414110001X", False), ("1", False)],
)
def test_gtins_are_checked(gtin: str, valid: bool) -> None:
    assert gtin_is_valid(gtin) is valid


@pytest.mark.parametrize("text", ["", "00614141001234567", "00614141001234567X", "11006141410012345675"])
def test_what_is_not_eighteen_digits_is_no_sscc(text: str) -> None:
    assert not is_valid(text)
