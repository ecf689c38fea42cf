"""What a wrong value was probably meant to be, and silence where that is not clear."""

import pytest

from gateway.standards.xml.values import value_advice, value_words


@pytest.mark.parametrize(
    ("built_in", "value", "meant"),
    [
        ("decimal", "1,250.00", "1250.00"),
        ("decimal", "1,234,567", "1234567"),
        ("decimal", "1.250,00", "1250.00"),
        ("decimal", "12,5", "12.5"),
        ("decimal", "-1 250,5", "-1250.5"),
        ("date", "2026/03/02", "2026-03-02"),
        ("date", "2.3.2026", "2026-03-02"),
        ("boolean", "YES", "true"),
        ("boolean", "N", "false"),
    ],
)
def test_a_clear_mistake_is_put_right(built_in, value, meant):
    assert value_advice(built_in, value) == f"Write {meant} if that is meant."


@pytest.mark.parametrize(
    ("built_in", "value"),
    [("decimal", "1,250"), ("decimal", "x"), ("date", "03/02/2026"), ("date", "31.31.2026"), ("boolean", "maybe"),
     ("time", "noon"), ("anyURI", "x")],
)  # fmt: skip
def test_what_is_not_clear_is_left_to_the_sender(built_in, value):
    assert "if that is meant" not in value_advice(built_in, value)


def test_an_unknown_type_is_named_as_it_is():
    assert value_words("gYear") == "a value of the type gYear"
    assert value_words("") == "a value that the schema allows"
