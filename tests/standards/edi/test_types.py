"""Data types: one file of values and codes, run against the careful check and the verdict's pattern."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.standards.edi.charset import legal_characters
from gateway.standards.edi.model import Separators
from gateway.standards.edi.types import (
    ValueRule,
    check_value,
    codes_pattern,
    is_date,
    is_time,
    value_pattern,
)

VECTORS = json.loads((Path(__file__).parents[2] / "fixtures" / "types.json").read_text("utf-8"))
SEPARATORS = Separators("*", ":", "~")


def rule_of(vector):
    codes = vector.get("codes")
    return ValueRule(
        ref="1",
        name="",
        type=vector["type"],
        min=vector["min"],
        max=vector["max"],
        codes=frozenset(codes) if codes else None,
        legal=legal_characters(vector.get("charset", "extended"), vector.get("release", "004010"), SEPARATORS),
        bare_point=vector.get("bare_point", False),
        strict_spaces=vector.get("strict_spaces", False),
    )


def encoded(rule, value):
    return value.encode(rule.legal.encoding)


def name(vector):
    return f"{vector['type'] or 'separator'}-{vector['min']}-{vector['max']}-{vector['value']!r}"


@pytest.mark.parametrize("vector", VECTORS, ids=name)
def test_the_check_gives_each_value_its_code(vector):
    assert check_value(rule_of(vector), vector["value"]) == vector["code"]


@pytest.mark.parametrize("vector", VECTORS, ids=name)
def test_the_pattern_takes_only_values_without_a_code(vector):
    rule = rule_of(vector)
    if re.fullmatch(value_pattern(rule), encoded(rule, vector["value"])):
        assert vector["code"] is None


PLAIN = [vector for vector in VECTORS if vector["code"] is None and vector["type"] not in ("", "B")]


@pytest.mark.parametrize(
    "vector",
    [v for v in PLAIN if v["value"].isascii() and not v["value"].endswith(" ")],
    ids=name,
)
def test_the_pattern_takes_every_plain_ascii_value_that_the_check_takes(vector):
    rule = rule_of(vector)
    assert re.fullmatch(value_pattern(rule), encoded(rule, vector["value"]))


@given(st.text("0123456789.-+E ", max_size=8), st.integers(1, 3), st.integers(3, 6), st.booleans())
def test_pattern_and_check_agree_on_every_decimal(text, low, high, bare):
    rule = rule_of({"type": "R", "min": low, "max": high, "bare_point": bare})
    assert bool(re.fullmatch(value_pattern(rule), text.encode())) == (text != "" and check_value(rule, text) is None)


@given(st.text("0123456789.-", max_size=8), st.integers(1, 3), st.integers(3, 6))
def test_pattern_and_check_agree_on_every_whole_number(text, low, high):
    rule = rule_of({"type": "N0", "min": low, "max": high})
    assert bool(re.fullmatch(value_pattern(rule), text.encode())) == (text != "" and check_value(rule, text) is None)


@given(st.one_of(st.from_regex(r"\A[0-9]{8}\Z"), st.from_regex(r"\A(19|20)[0-9]{2}(02|0[1-9]|1[0-3])[0-3][0-9]\Z")))
def test_pattern_and_check_agree_on_every_date(text):
    rule = rule_of({"type": "DT", "min": 8, "max": 8})
    assert bool(re.fullmatch(value_pattern(rule), text.encode("utf-8", "replace"))) == is_date(text)


@pytest.mark.parametrize("length", [4, 5, 6, 7, 8])
@given(data=st.data())
def test_pattern_and_check_agree_on_every_time(length, data):
    rule = rule_of({"type": "TM", "min": 4, "max": 8})
    text = data.draw(st.text("0123456789", min_size=length, max_size=length))
    assert bool(re.fullmatch(value_pattern(rule), text.encode())) == is_time(text)


@given(st.sets(st.text("AB12", min_size=1, max_size=4)), st.text("AB12", max_size=5))
def test_a_codes_pattern_takes_exactly_the_codes(codes, value):
    pattern = codes_pattern(code.encode() for code in codes)
    assert bool(re.fullmatch(pattern, value.encode())) == (value in codes)


def test_foreign_digits_are_neither_dates_nor_times():
    assert not is_date("２０２４０１０１")
    assert not is_time("１２３０")
    assert check_value(rule_of({"type": "N0", "min": 1, "max": 3}), "１２") == "AK403-6"


def test_when_a_code_outside_the_list_is_only_a_remark_the_pattern_takes_its_shape():
    vector = {"type": "ID", "min": 2, "max": 3, "codes": ["DP"]}
    rule = rule_of(vector)
    free = ValueRule(rule.ref, rule.name, "ID", 2, 3, rule.codes, rule.legal, codes_bind=False)
    assert not re.fullmatch(value_pattern(rule), b"XX")
    assert re.fullmatch(value_pattern(free), b"XX")


@pytest.mark.parametrize("separator", list("*|^:\\]-!"))
def test_a_separator_in_force_is_never_data(separator):
    legal = legal_characters("extended", "005010", Separators(separator, "\x1d", "\x1e"))
    assert not re.fullmatch(legal.pattern, separator.encode())
    assert legal.illegal.search(separator)


def test_an_alphabet_of_nothing_matches_nothing():
    assert re.fullmatch(codes_pattern([]), b"") is None
