"""Forms of segments, XML and JSON: every value has its field, and the text is made of the form again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.web.view import grid_segments, grid_tree, grid_x12
from gateway.web.view.grid_segments import X12Text
from gateway.web.view.grid_tree import TreeUnreadableError

TEXT = "ST*850*0001~\nBEG*00*SA*1**20260101~\nREF*IA*88~\nPO1*1*24*EA*6.75~\nPID*F****Blue~\nPO1*2*1*EA~\nSE*7*0001~\n"


def opened(**changes: Any) -> dict[str, Any]:
    separators = {"element": "*", "component": ">", "repetition": None, "segment": "~", **changes}
    return {"separators": separators, "version": changes.pop("version", "004010"), "set": "850"}


def x12(text: str = TEXT, **changes: Any) -> X12Text:
    return X12Text.of(opened(**changes), text)


def test_the_text_is_the_same_again() -> None:
    assert x12().text == TEXT
    lines = TEXT.replace("~", "")
    assert x12(lines, segment="\n").text == lines
    merged, refused = grid_segments.merge(
        x12(), {"v-2-2-1-1": "88", "v-99-1-1-1": "x", "v-nonsense": "x", "v-1-0-1-1": "x"}
    )
    assert (merged.text, refused) == (TEXT, {})


def test_values_go_to_their_elements_components_and_repetitions() -> None:
    base = x12(repetition="^")
    merged, _ = grid_segments.merge(base, {"v-2-3-1-1": "words", "v-2-4-1-2": "b", "v-2-4-2-1": "c"})
    assert merged.segments[2] == "REF*IA*88*words*>b^c"
    merged, _ = grid_segments.merge(merged, {"v-2-4-1-2": "", "v-2-4-2-1": "", "v-2-3-1-1": ""})
    assert merged.segments[2].rstrip("*^") == "REF*IA*88"


@pytest.mark.parametrize("value", ["a*b", "a~b", "a>b", "a\nb", "a\x1fb"])
def test_a_separator_or_an_unseen_character_is_refused_at_its_field(value: str) -> None:
    merged, refused = grid_segments.merge(x12(), {"v-2-2-1-1": value})
    assert merged.text == TEXT and "REF02 (segment 3)" in refused["v-2-2-1-1"]
    grid = grid_x12.build(x12(), [], refused, {"v-2-2-1-1": value})
    kept = next(field for group in grid.groups for field in group.fields if field.name == "v-2-2-1-1")
    assert (kept.value, kept.severity) == (value, "error")


def test_a_loop_goes_as_a_whole() -> None:
    twice = grid_segments.repeat(x12(), 3)
    assert [segment[:3] for segment in twice.segments] == [
        "ST*",
        "BEG",
        "REF",
        "PO1",
        "PID",
        "PO1",
        "PID",
        "PO1",
        "SE*",
    ]
    assert twice.segments[-1] == "SE*9*0001"
    assert grid_segments.remove(twice, 3).text == TEXT
    assert grid_segments.insert(x12(), 2, "<b>").text == TEXT
    assert grid_segments.remove(x12(), 99).text == TEXT


def test_a_field_says_its_rule_its_meaning_and_its_codes() -> None:
    grid = grid_x12.build(x12(), [], {}, {}, opened={3}, adding=2)
    fields = {field.place: field for group in grid.groups for field in group.fields}
    assert fields["BEG01"].rule == "code, 2 characters, required" and fields["BEG01"].meaning == "Original"
    assert fields["BEG01"].options in grid.lists
    assert fields["BEG05"].rule == "date CCYYMMDD, required" and fields["PO104"].rule.startswith("number")
    assert "PO125" in fields
    assert (
        dict(grid.groups[2].choices)["PER"] and not grid.groups[0].remove and grid.groups[3].repeat.endswith("PO1 loop")
    )


def test_a_set_that_nobody_knows_still_has_fields() -> None:
    odd = X12Text.of({**opened(), "version": "009999", "set": "999X"}, "ST*999X*1~\nABC*1>2~\nSE*3*1~\n")
    grid = grid_x12.build(odd, [{"severity": "error", "message": "m", "position": 2}], {}, {}, adding=1)
    assert [field.place for field in grid.groups[1].fields] == ["ABC01-1", "ABC01-2"]
    assert grid.groups[1].findings and grid.groups[1].severity == "error"


def test_only_what_has_findings_is_shown() -> None:
    found = [{"severity": "warning", "message": "m", "position": 6, "element": 4}, {"severity": "note", "message": "n"}]
    grid = grid_x12.build(x12(), found, {}, {}, only_wrong=True)
    assert [(group.shown, group.severity, group.fields[3].severity) for group in grid.groups] == [
        ("6", "warning", "warning")
    ]
    long = x12("ST*850*1~\n" + "REF*IA*1~\n" * 450 + "SE*452*1~\n")
    page = grid_x12.build(long, [], {}, {}, first=200)
    assert (page.first, page.next, page.previous, len(page.groups)) == (200, 400, 0, 200)


JSON = {
    "kind": "invoice",
    "lines": [{"quantity": "1", "ids": ["a"]}, {"quantity": "2", "test": True, "n": 3}],
    "x": None,
}


def test_json_keeps_the_kind_of_every_value() -> None:
    text = json.dumps(JSON)
    grid = grid_tree.build("json", text, [{"severity": "error", "message": "m", "path": "lines[1].quantity"}], {}, {})
    names = {field.place: field for group in grid.groups for field in group.fields}
    at = {f"{group.title}/{field.place}": field for group in grid.groups for field in group.fields}
    assert at["lines[1]/quantity"].severity == "error" and names["ids[0]"].value == "a"
    typed = {at["lines[1]/test"].name: "false", at["lines[1]/n"].name: "many", at["lines[0]/ids[0]"].name: "b"}
    merged, refused = grid_tree.merge("json", text, typed)
    done = json.loads(merged)
    assert done["lines"][1]["test"] is False and done["lines"][0]["ids"] == ["b"]
    assert list(refused) == [at["lines[1]/n"].name] and "is not number" in refused[at["lines[1]/n"].name]


def test_json_groups_of_a_list_are_repeated_and_removed() -> None:
    text = json.dumps(JSON)
    group = next(group for group in grid_tree.build("json", text, [], {}, {}).groups if group.title == "lines[1]")
    assert group.repeat
    twice = grid_tree.repeat("json", text, group.number)
    assert [line["quantity"] for line in json.loads(twice)["lines"]] == ["1", "2", "2"]
    assert [line["quantity"] for line in json.loads(grid_tree.remove("json", text, group.number))["lines"]] == ["1"]
    assert json.loads(grid_tree.remove("json", text, 0)) == JSON


def test_text_that_is_no_document_says_why() -> None:
    for form, text in (("json", "{"), ("json", "[1]"), ("xml", "<a>"), ("xml", "nothing")):
        with pytest.raises(TreeUnreadableError):
            grid_tree.build(form, text, [], {}, {})
    with pytest.raises(TreeUnreadableError):
        grid_tree.repeat("xml", "<a>", 1)


def test_xml_keeps_its_declaration_and_refuses_what_it_cannot_hold() -> None:
    text = '<?xml version="1.0" encoding="ISO-8859-1"?>\n<Order><Line>é</Line><Line a="1">2</Line></Order>\n'
    grid = grid_tree.build("xml", text, [{"severity": "error", "message": "m", "path": "/Order"}], {}, {})
    assert grid.groups[0].findings
    merged, refused = grid_tree.merge("xml", text, {"v-0": "ü", "v-1": "\x01"})
    assert merged == text.replace("é", "ü").rstrip("\n") and list(refused) == ["v-1"]
    assert grid_tree.remove("xml", text, 77) == text
