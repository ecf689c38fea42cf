"""One walk over a document reads what a look-up of each path would read."""

from decimal import localcontext

import pytest

from gateway.standards.xml.businessrules import check_rules, load_rules, read_rules
from gateway.standards.xml.parsing import parse_xml
from gateway.standards.xml.rule_expressions import compile_expression
from gateway.standards.xml.rule_paths import presence_of, rule_path, values_of
from gateway.standards.xml.rule_scope import EXACT, Scope
from gateway.standards.xml.rule_walk import RuleWalk
from tests.standards.xml.ubl_order import LINE, order

ROOT = parse_xml(
    b"""<Order no="7" blank=" "><!-- not read --><Day> 2026-03-02 </Day>
  <Line no="1"><Kind>a<!-- in the middle -->b</Kind><Kind>c</Kind><Deep><Kind/><Full><X/></Full></Deep></Line>
  <Line no=" "><?nothing here?><Kind/><Deep/></Line>
  <Line><Kind when="no">d</Kind><Kind when="yes">e</Kind></Line>
</Order>"""
).root
PATHS = [
    ".", "@no", "@blank", "@missing", "Day", "Line", "Line/Kind", "Line/@no", "Line/Deep", "Line/Deep/Kind",
    "Line/Deep/Full", "Kind", "Deep/Kind", "Deep/Full", "Kind[@when='yes']", "Kind/@when", "../Day", "/Day", "//@no",
]  # fmt: skip


def rows(tags, readings):
    """What a walk reads at each element that the tags lead to."""
    found = []
    walk = RuleWalk([(tags, readings), ((), readings)])
    walk.over(ROOT, lambda number, element, row: found.append((element, row)) if number == 0 else None)
    return found


@pytest.mark.parametrize("reading_of", [values_of, presence_of])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("tags", [(), ("Line",)])
def test_a_walk_reads_what_a_look_up_finds(tags, path, reading_of):
    reading = reading_of(rule_path(path))
    found = rows(tags, [reading])
    assert [element for element, _ in found] == (ROOT.findall("Line") if tags else [ROOT])
    for element, row in found:
        scope = Scope(element, ROOT, row=row)
        assert scope.texts(reading) == reading.texts(element, ROOT)


def test_several_readings_of_one_element_do_not_disturb_each_other():
    readings = [make(rule_path(path)) for path in PATHS for make in (values_of, presence_of)]
    for element, row in rows(("Line",), readings):
        scope = Scope(element, ROOT, row=row)
        assert [scope.texts(each) for each in readings] == [each.texts(element, ROOT) for each in readings]


def test_what_a_condition_cannot_meet_is_known_without_a_look_up():
    reading = values_of(rule_path("Other[Kind=a]/Kind"))
    ((_, row),) = rows((), [reading])
    assert row[reading] == []


@pytest.mark.parametrize("context", ["cac:OrderLine/cac:LineItem", "/cac:OrderLine/cac:LineItem",
                                     "cac:OrderLine/cac:LineItem[cbc:ID]"])  # fmt: skip
def test_elements_may_be_named_by_any_path(tmp_path, context):
    path = tmp_path / "rules.yaml"
    path.write_text(
        f"family: ubl\nname: test\nrules:\n  - id: one\n    documents: [Order]\n    for: {context}\n"
        "    check: cbc:Quantity < 2\n    message: Line {cbc:ID}.\n    fix: Ask.\n"
    )
    found = check_rules(order(lines=LINE + LINE.replace("<cbc:ID>1<", "<cbc:ID>2<")), (read_rules(path),))
    assert [finding.message for finding in found] == ["Line 1.", "Line 2."]


def test_a_rule_that_looks_at_several_places_tells_a_few_findings_in_all(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(
        "family: ubl\nname: test\nrules:\n  - id: one\n    documents: [Order]\n"
        "    for: [cac:OrderLine/cac:LineItem, cac:OrderLine]\n"
        "    check: 1 = 2\n    message: Broken.\n    fix: Ask.\n"
    )
    found = check_rules(order(lines=LINE * 15), (read_rules(path),))
    assert [finding.segment for finding in found].count("cac:LineItem") == 15
    assert [finding.segment for finding in found].count("cac:OrderLine") == 5


@pytest.mark.parametrize(
    ("source", "value"),
    [("1 div 1", "1"), ("7 - count(Line)", "4"), ("2 * sum(Missing) + 1", "1"), ("5 - sum(Missing)", "5")],
)
def test_short_ways_of_calculating_end_where_the_long_ones_do(source, value):
    with localcontext(EXACT):
        assert str(compile_expression(source)(Scope(ROOT, ROOT))) == value


def test_a_plan_is_made_once_for_a_kind_of_document():
    from gateway.standards.xml import businessrules

    check_rules(order())
    before = businessrules._plan.cache_info().misses
    check_rules(order(lines=LINE + LINE), load_rules())
    assert businessrules._plan.cache_info().misses == before
