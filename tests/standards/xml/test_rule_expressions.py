"""The language of business rules: exact amounts, days, and silence about what cannot be judged."""

from decimal import Decimal, localcontext

import pytest

from gateway.standards.xml.parsing import parse_xml
from gateway.standards.xml.rule_expressions import compile_expression
from gateway.standards.xml.rule_paths import rule_path
from gateway.standards.xml.rule_scope import EXACT, Scope, number_of, shown

DOCUMENT = parse_xml(
    b"""<Order currency="EUR">
  <Day>2026-03-02Z</Day><Later>2026-03-10+01:00</Later><Empty/><Word>new</Word><Space> 7 </Space>
  <Line no="1"><Amount currency="EUR">0.10</Amount><Price>2</Price><Kind>a</Kind></Line>
  <Line no="2"><Amount currency="EUR">0.20</Amount><Price>3</Price><Kind>b</Kind></Line>
  <Line no="2"><Amount currency="USD">x</Amount><Price/><Kind>b</Kind></Line>
</Order>"""
).root


def evaluate(source, here=DOCUMENT, tolerance="0"):
    with localcontext(EXACT):
        return compile_expression(source, ["five"])(Scope(here, DOCUMENT, Decimal(tolerance), {"five": Decimal(5)}))


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("0.1 + 0.2 = 0.3", True),
        ("1 + 2 * 3", Decimal(7)),
        ("(1 + 2) * 3", Decimal(9)),
        ("7 - 2 - 1", Decimal(4)),
        ("1 div 4", Decimal("0.25")),
        ("1 div 0", None),
        ("0 div 0", None),
        ("$five * 2", Decimal(10)),
        ("Space = 7", True),
        ("Word = 'new'", True),
        ("Word != 'new'", False),
        ("Word < 'old'", None),
        ("Word = 3", None),
        ("Missing = 3", None),
        ("Empty >= 0", None),
        ("Word + 1", None),
        ("Day < Later", True),
        ("Later >= Day", True),
        ("Day > Later", False),
        ("Day = '2026-03-02'", True),
        ("'10' > '9'", True),
        ("3 <= 3 and 3 >= 3 and not 3 < 3 and not 3 > 3", True),
        ("Missing = 1 or 1 = 1", True),
        ("Missing = 1 or 1 = 2", None),
        ("Missing = 1 and 1 = 2", False),
        ("Missing = 1 and 1 = 1", None),
        ("not Missing = 1", None),
        ("not (1 = 2)", True),
        ("count(Line)", Decimal(3)),
        ("count(Line[Kind=b])", Decimal(2)),
        ("count(Line[@no='2'])", Decimal(2)),
        ("count(Line[Price])", Decimal(2)),
        ("count(Missing)", Decimal(0)),
        ("sum(Line[Kind=a]/Amount)", Decimal("0.10")),
        ("sum(Line/Amount)", None),
        ("sum(Missing)", Decimal(0)),
        ("sum(Line[Price], Amount * Price)", Decimal("0.80")),
        ("sum(Line, Amount * Price)", None),
        ("exists(Word)", True),
        ("exists(Line)", True),
        ("exists(Empty)", False),
        ("exists(Missing/@no)", False),
        ("exists(@currency)", True),
        ("unique(Line/Amount)", True),
        ("unique(Line/@no)", False),
        ("same(Line/Kind)", False),
        ("same(//@currency)", False),
        ("same(Missing)", True),
        ("among(Line/Kind, 'a', 'b')", True),
        ("among(Line/Kind, 'a', Word)", False),
        ("among(Line/Kind, Missing)", None),
        ("among(Missing, 'a')", True),
        ("starts(Word, 'x', 'ne')", True),
        ("starts(Missing, 'x')", False),
        ("first(Missing, Empty, Word, 'x')", "new"),
        ("first(Missing, 1 + 1)", Decimal(2)),
        ("first(Missing)", None),
        ("round(10 div 3)", Decimal("3.33")),
        ("round(Word)", None),
        ("Line/../Word", "new"),
        ("/Word", "new"),
        ("//Price", "2"),
        (".", None),
        ("Line/./Kind", "a"),
    ],
)
def test_an_expression_has_its_value(source, value):
    assert evaluate(source) == value


def test_paths_start_at_the_element_looked_at():
    line = DOCUMENT.findall("Line")[1]
    assert evaluate("Price", line) == "3"
    assert evaluate("/Day", line) == "2026-03-02Z"
    assert evaluate("../Word", line) == "new"
    assert evaluate("..", DOCUMENT) is None


def test_amounts_within_the_tolerance_are_equal():
    assert evaluate("1.00 = 1.01", tolerance="0.01") is True
    assert evaluate("1.00 = 1.02", tolerance="0.01") is False
    assert evaluate("1.01 > 1.00", tolerance="0.01") is False


def test_amounts_stay_exact_however_long_they_are():
    big = "9" * 30
    assert evaluate(f"{big} * {big} = {int(big) ** 2}") is True
    assert evaluate(f"{big} * {big} = {int(big) ** 2 - 1}") is False


@pytest.mark.parametrize(
    "source",
    ["", "1 +", "(1", "1)", "1 2", "and", "frobnicate(a)", "sum('x')", "sum(1 + 1)", "count()", "count(a b)", "a[",
     "x:y", "a//b", "$", "$six", "__import__('os')", "a.__class__", "f(a)"],
)  # fmt: skip
def test_what_is_no_expression_is_refused(source):
    if source == "a.__class__":
        assert evaluate(source) is None  # a name like any other
        return
    with pytest.raises(
        ValueError, match=r"cannot be read|is not one of|no `let`|must be a path|is not a path|unknown prefix"
    ):
        compile_expression(source)


def test_only_plain_decimal_numbers_are_amounts():
    assert [number_of(each) for each in ("1.5", "-2", "+3", ".5")] == [
        Decimal("1.5"), Decimal(-2), Decimal(3), Decimal("0.5"),
    ]  # fmt: skip
    assert [number_of(each) for each in ("", "1e9", "NaN", "Infinity", "1,5", "٣", "9" * 31, True, None)] == [None] * 9


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "no value"), ("", "no value"), ("a", "a"), (Decimal("10000"), "10000.00"), (Decimal("1.5"), "1.50"),
     (Decimal("0.33333"), "0.3333"), (Decimal("1E+3"), "1000.00"), (Decimal(0), "0.00"), (True, "True")],
)  # fmt: skip
def test_values_are_shown_to_people(value, text):
    assert shown(value) == text


@pytest.mark.parametrize("path", ["a b", "@a/b", "foo:a", "a[b", "1a", "a[foo:b]", "a[b='x\"]", "a[b c]"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(ValueError, match=r"is not a path|unknown prefix"):
        rule_path(path)


def test_attributes_of_the_xml_namespace_can_be_named():
    root = parse_xml(b'<A xml:lang="de"/>').root
    assert [place.text for place in rule_path("@xml:lang").places(root, root)] == ["de"]
