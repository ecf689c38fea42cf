"""The map language: mistakes are told with file, line and the nearest name; changes and overlays do what they say."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import dedent

import pytest

from gateway.documents import Order, parse_document
from gateway.mapping import MapError, load_map, load_map_file, maps_available, read_document, write_document
from gateway.resources import find
from gateway.standards.edi.model import COMPONENT, LoopInstance, Segment

HEAD = """\
standard: x12
version: "004010"
set: "850"
document: order
tables: {purpose: {"00": original}, party: {ST: ship_to}}
fields: {reference: {1: code, 2: value}}
blocks: {refs: [{segment: REF, list: references, fields: reference}], loop: [{block: loop}]}
"""
BODY = "header: [{segment: BEG, fields: {3: number required, 5: issue_date date}}]\n"


def _file(folder: Path, text: str, name: str = "850.yaml") -> Path:
    path = folder / name
    path.write_text(dedent(text), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("{segmnt: REF}", 'Did you mean "segment"'),
        ("{list: references}", "a rule names a segment"),
        ("REF", "a rule is a mapping"),
        ("{segment: REFF}", 'segment REFF does not stand in the header of 850. Did you mean "REF"'),
        ("{segment: REF, lst: references}", '"lst" is not a part of a segment rule. Did you mean "list"'),
        ("{segment: REF, list: referenses}", '"referenses" is not a field of Order. Did you mean "references"'),
        ("{segment: REF, list: number}", "needs a list"),
        ("{segment: REF, to: references}", "needs a part"),
        ("{segment: REF, to: envelope, list: references}", "do not go together"),
        ("{segment: REF, list: references, fields: {1: valu}}", 'Did you mean "value"'),
        ("{segment: REF, list: references, fields: {9: value}}", "REF has 4 elements in 004010, not 9"),
        ('{segment: REF, list: references, fields: {"4.9": value}}', "has 6 components"),
        ('{segment: REF, list: references, fields: {"2.1": value}}', "has no components"),
        ("{segment: REF, list: references, fields: {x: value}}", "is not an element number"),
        ("{segment: REF, list: references, fields: referense}", 'no field set "referense". Did you mean "reference"'),
        ("{segment: REF, list: references, fields: {1: value dat}}", '"dat" is not a converter. Did you mean "date"'),
        ("{segment: REF, list: references, fields: {1: value date}}", "converter date gives a date"),
        ("{segment: BEG, fields: {1: purpose code:porpose}}", 'no table "porpose". Did you mean "purpose"'),
        ("{segment: BEG, fields: {1: purpose word:purpose}}", "takes two fields"),
        ('{segment: N1, fields: {1: "number,release text"}}', "does not stand in the header"),
        (
            "{segment: BEG, fields: {3: {field: number, requird: x}}}",
            '"requird" is not a part of a field. Did you mean "required"',
        ),
        ("{segment: BEG, fields: {3: {compute: count}}}", "compute is `count`"),
        ("{segment: BEG, fields: {3: {compute: sum, of: PO1}}}", "compute is `count`"),
        ("{segment: BEG, fields: {3: {compute: count, of: PO1, if: nowhere}}}", "is not a field of Order"),
        ("{segment: BEG, fields: {3: []}}", "a field is a text"),
        ("{segment: PER, list: contacts, groups: 7}", "groups is a mapping"),
        ("{segment: PER, list: contacts, groups: {from: 3, to: 8}}", "groups needs from, to"),
        (
            "{segment: PER, list: contacts, groups: {from: 3, to: 7, list: communications, fields: [code, value]}}",
            "divide",
        ),
        ("{segment: PER, list: contacts, groups: {from: 3, to: 8, fields: [code, value]}}", "names its `list`"),
        (
            "{segment: PER, list: contacts, groups: {from: 3, to: 8, list: name, fields: [code, value]}}",
            "is not a list",
        ),
        ("{segment: PER, spread: contacts, groups: {from: 3, to: 8, list: x, fields: [code]}}", "except in a spread"),
        ("{segment: PER, spread: contacts}", "a spread needs `groups`"),
        ("{segment: REF, list: references, when: 7}", "when is a mapping"),
        ("{segment: REF, list: references, when: {a: b}}", "is not an element number"),
        ("{segment: REF, list: references, where: 7}", "where is a mapping"),
        ("{segment: REF, list: references, where: {cod: absent}}", 'Did you mean "code"'),
        ("{loop: N2, list: parties}", "loop N2 does not stand in the header of 850. Valid here: ADV, AMT, LM, N1"),
        ("{loop: N1, list: parties, rules: 7}", "must be a list of rules"),
        ("{loop: N1, to: envelope, anchor: P}", "have no `anchor` field"),
        ("{loop: N9, list: notes, anchor: N}", "have no `anchor` field"),
        ("{hierarchy: lines, children: lines, level: number}", "there is no HL loop"),
        ("{block: refz}", 'there is no block "refz". Did you mean "refs"'),
        ("{block: loop}", "contains itself"),
        ("{block: refs, segment: REF}", "a block stands alone"),
    ],
)
def test_a_mistake_in_a_rule_is_told_with_file_line_and_the_nearest_name(tmp_path: Path, rule: str, words: str) -> None:
    path = _file(tmp_path, HEAD + "header:\n  - " + rule + "\n")
    with pytest.raises(MapError) as caught:
        load_map_file(path)
    assert words in str(caught.value)
    assert "850.yaml, line " in str(caught.value) and caught.value.line >= 7


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("header: [", "this is not YAML"),
        ("- 1", "a map file is a mapping"),
        ("standard: \x00", "this is not YAML"),
        ("heder: []", 'Did you mean "header"'),
        ("set: a\nset: b", 'line 2: "set" stands here twice'),
        ("standard: x12", "a map says its version"),
        (HEAD.replace("order", "ordr"), 'Did you mean "order"'),
        (HEAD.replace('"004010"', '"004099"'), 'Release "004099" is not installed'),
        (HEAD.replace('"850"', '"999999"'), "is not known in release"),
        ("extends: nowhere.yaml", "there is no file"),
        ("extends: 850.yaml", "extends itself"),
        (HEAD + "header: 7", "must be a list of rules"),
        (HEAD.replace("{purpose", "7 #"), "tables must be a mapping"),
    ],
)
def test_a_mistake_in_the_file_itself_is_told(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(MapError) as caught:
        load_map_file(_file(tmp_path, text))
    assert words in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MapError, match="cannot be read"):
        load_map_file(tmp_path / "850.yaml")


def test_a_map_that_is_not_installed_names_the_nearest_one() -> None:
    with pytest.raises(MapError, match=r'no map for x12 004010 85O.*Did you mean "004010 8'):
        load_map("x12", "004010", "85O")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("7", "each change is a mapping"),
        ("{remove: true}", "a change needs `at`"),
        ("{at: header.BEGG, remove: true}", 'Did you mean "BEG"'),
        ("{at: 'header.BEG[2]', remove: true}", "there is no rule"),
        ("{at: heder.BEG, remove: true}", "does not start with a section"),
        ("{at: header, remove: true}", "does not start with a section"),
        ("{at: header.BEG.X, remove: true}", "holds no rules"),
        ("{at: header.BEG, delete: true}", "is not a part of a change"),
        ("{at: header.BEG, fields: 7}", "must be a mapping"),
    ],
)
def test_a_mistake_in_an_overlay_is_told_with_its_own_file_and_line(tmp_path: Path, change: str, words: str) -> None:
    overlay = _file(tmp_path, f"change:\n  - {change}\n", "partner.yaml")
    with pytest.raises(MapError) as caught:
        load_map_file(_file(tmp_path, HEAD + BODY), overlay)
    assert words in str(caught.value) and "partner.yaml" in str(caught.value)


def test_an_overlay_is_only_changes(tmp_path: Path) -> None:
    overlay = _file(tmp_path, "header: []", "partner.yaml")
    with pytest.raises(MapError, match="not a part of an overlay"):
        load_map_file(_file(tmp_path, HEAD + BODY), overlay)


def _order(**fields: object) -> Order:
    document = parse_document({"kind": "order", "number": "7", "issue_date": "2026-03-02", **fields})
    assert isinstance(document, Order)
    return document


def _lines(cmap: object, order: Order) -> list[str]:
    written = write_document(cmap, order)  # type: ignore[arg-type]
    return ["*".join([segment.tag, *segment.elements]) for segment in written.segments[1:-1]]


def test_an_overlay_changes_single_fields_tables_and_rules(tmp_path: Path) -> None:
    overlay = _file(
        tmp_path,
        """
        tables: {purpose: {"ZZ": provisional}}
        fields: {dates: {1: code, 2: date date}}
        blocks: {dates: [{segment: DTM, list: dates, fields: dates}]}
        change:
          - {at: header.BEG, fields: {1: purpose code:purpose default:05, 4: release, 11: "=AA"}}
          - {at: header.REF, before: [{segment: CUR, fields: {1: "=BY", 2: currency}}], after: [{block: dates}]}
          - {at: "header.N1.N1", fields: {3: null}}
          - {at: header.ITD, replace: [{segment: ITD, list: payment_terms, fields: {7: net_days integer}}]}
          - {at: header.FOB, remove: true}
        """,
        "partner.yaml",
    )
    base = _file(
        tmp_path,
        HEAD
        + """
header:
  - {segment: BEG, fields: {1: purpose code:purpose, 3: number required, 5: issue_date date}}
  - {block: refs}
  - {segment: FOB, list: freight_terms, fields: {3: place}}
  - {segment: ITD, list: payment_terms, fields: {12: description}}
  - {loop: N1, list: parties, rules: [{segment: N1, fields: {1: "type,code word:party", 2: name, 3: "=92"}}]}
""",
    )
    plain, changed = load_map_file(base), load_map_file(base, overlay)
    assert plain.identity != changed.identity
    order = _order(
        release="2",
        currency="USD",
        references=[{"code": "DP", "value": "1"}],
        dates=[{"code": "010", "date": "2026-03-10"}],
        freight_terms=[{"place": "Dock"}],
        payment_terms=[{"net_days": 30, "description": "Net 30"}],
        parties=[{"type": "ship_to", "name": "Store"}],
    )
    assert _lines(plain, order) == [
        "BEG***7**20260302",
        "REF*DP*1",
        "FOB***Dock",
        "ITD************Net 30",
        "N1*ST*Store*92",
    ]
    assert _lines(changed, order) == [
        "BEG*05**7*2*20260302******AA",
        "CUR*BY*USD",
        "REF*DP*1",
        "DTM*010*20260310",
        "ITD*******30",
        "N1*ST*Store",
    ]
    order.purpose = None
    assert _lines(changed, order.model_copy(update={"purpose": order.purpose}))[0].startswith("BEG*05")


def test_rules_are_tried_in_order_and_entries_go_to_the_first_that_fits(tmp_path: Path) -> None:
    cmap = load_map_file(
        _file(
            tmp_path,
            HEAD
            + """
header:
  - {segment: BEG, fields: {3: number}}
  - {segment: REF, id: dept, to: envelope.source, when: {1: DP}, fields: {1: "=DP", 2: map}}
  - {segment: REF, id: named, list: references, when: {1: [IA, VR]}, fields: {1: code, 2: value}}
  - segment: REF
    id: text
    list: references
    unless: {1: [ZZ, DP]}
    where: {description: present}
    fields: {1: code, 3: description}
  - {loop: N1, id: store, list: parties, when: {1: ST}, rules: [{segment: N1, fields: {1: code, 4: name}}]}
  - {loop: N1, id: other, list: parties, where: {code: [BY, SE]}, rules: [{segment: N1, fields: {1: code, 2: name}}]}
""",
        )
    )
    segments = [
        Segment("ST", ("850", "0001"), 1),
        Segment("BEG", ("", "", "7"), 2),
        Segment("REF", ("DP", "4"), 3),
        Segment("REF", ("DP", "5"), 4),
        Segment("REF", ("VR", "9"), 5),
        Segment("REF", ("ZZ", "", "text"), 6),
        Segment("REF", ("CO", "", "other"), 7),
    ]
    loops = [LoopInstance("N1", (Segment("N1", (code, "A", "", "B")),)) for code in ("ST", "BY", "XX")]
    document = read_document(cmap, LoopInstance("", (*segments, *loops, Segment("SE", ("11", "0001"), 11)))).document
    assert isinstance(document, Order) and document.source is not None
    assert [(entry.code, entry.value, entry.description) for entry in document.references] == [
        ("VR", "9", None),
        ("CO", None, "other"),
    ]
    assert [(party.code, party.name) for party in document.parties] == [("ST", "B"), ("BY", "A"), ("XX", "A")]
    fresh = _order(
        references=[{"code": "VR", "value": "1"}, {"code": "CO", "description": "x"}, {"code": "CO", "value": "y"}],
        parties=[{"code": "SE", "name": "S"}, {"code": "ST", "name": "T"}, {"code": "XX", "name": "X"}],
    )
    written = write_document(cmap, fresh)
    lines = ["*".join([segment.tag, *segment.elements]) for segment in written.segments[1:-1]]
    assert lines == ["BEG***7", "REF*VR*1", "REF*CO**x", "N1*ST***T", "N1*SE*S"]
    lost = {finding.message.split(":")[0] for finding in written.findings}
    assert lost == {"references[2]", "parties[2]", "issue_date"}


def test_components_and_parts_are_addressed_in_both_directions(tmp_path: Path) -> None:
    cmap = load_map_file(
        _file(
            tmp_path,
            HEAD
            + """
header:
  - {segment: BEG, fields: {3: number}}
  - {segment: CTP, list: prices, fields: {3: price decimal, "5.1": unit, "5.3": multiplier decimal}}
  - {loop: N1, list: parties, rules: [{segment: N1, fields: {2: name}}, {segment: N4, to: address, fields: {1: city}}]}
""",
        )
    )
    segment = Segment("CTP", ("", "", "1.5", "", f"EA{COMPONENT}{COMPONENT}4"))
    root = LoopInstance("", (Segment("ST", ("850", "0001")), segment, Segment("SE", ("3", "0001"))))
    document = read_document(cmap, root).document
    assert isinstance(document, Order)
    assert (document.prices[0].unit, document.prices[0].multiplier) == ("EA", 4)
    document.number = "7"
    document.parties = _order(parties=[{"name": "A", "address": {"city": "B"}}]).parties
    found = {segment.tag: segment.elements for segment in write_document(cmap, document).segments}
    assert found["CTP"][4] == f"EA{COMPONENT}{COMPONENT}4" and found["N4"] == ("B",)


def test_the_same_map_is_compiled_once_and_anew_when_a_file_changes(tmp_path: Path) -> None:
    path = _file(tmp_path, HEAD + BODY)
    first = load_map_file(path)
    assert load_map_file(path) is first
    path.write_text(HEAD + BODY + "# a remark\n", encoding="utf-8")
    os.utime(path, ns=(1, 1))
    assert load_map_file(path).identity != first.identity


def test_an_operators_map_hides_the_packaged_one(tmp_path: Path) -> None:
    folder = tmp_path / "maps" / "x12" / "004010"
    folder.mkdir(parents=True)
    _file(folder, HEAD + BODY)
    assert load_map("x12", "004010", "850", workdir=tmp_path).identity != load_map("x12", "004010", "850").identity
    _file(folder, HEAD.replace('"850"', '"855"').replace("order", "order_acknowledgment"), "8550.yaml")
    assert ("x12", "004010", "8550") in maps_available(tmp_path)


@pytest.mark.parametrize("key", maps_available(), ids="-".join)
def test_every_packaged_map_loads_and_names_itself(key: tuple[str, str, str]) -> None:
    cmap = load_map(*key)
    assert (cmap.standard, cmap.version, cmap.set_id) == key
    assert cmap.identity.startswith("-".join(key) + "/")
    assert find(f"maps/{key[0]}/{key[1]}/{key[2]}.yaml").is_file()
