"""Schemas: every release loads, every reference leads somewhere, and mistakes are named."""

import importlib.util
import json
from pathlib import Path

import pytest

from gateway.standards.edi import schema
from gateway.standards.edi.schema import (
    LoopNode,
    SchemaFileError,
    SegmentNode,
    UnknownReleaseError,
    UnknownSetError,
    code_label,
    element_name,
    known_releases,
    load_release,
    release_for,
)

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def fresh_caches():
    """A working directory of one test is not remembered for the next."""
    yield
    for cached in (schema.known_releases, schema.load_release, schema._labels):
        cached.cache_clear()


def test_both_releases_are_installed():
    assert known_releases() == ("004010", "005010")


def test_the_first_six_characters_of_gs08_name_the_release():
    assert release_for("004010VICS") == "004010"
    assert release_for("005010X231A1") == "005010"
    assert release_for("003040") is None
    assert release_for("") is None


def test_an_unknown_release_is_an_error_that_lists_the_known():
    with pytest.raises(UnknownReleaseError, match=r"003040.*004010, 005010"):
        load_release("003040")


def test_an_unknown_set_is_an_error_that_lists_the_known():
    with pytest.raises(UnknownSetError, match=r"999.*850"):
        load_release("004010").set_type("999")


def test_a_release_holds_elements_segments_and_sets():
    release = load_release("004010")
    assert release.elements["355"].codes >= {"EA", "CA"}
    assert release.elements["324"].codes is None
    assert (release.elements["127"].max, load_release("005010").elements["127"].max) == (30, 50)
    assert [note.text for note in release.segments["PO1"].notes][:2] == ["C0302", "C0504"]
    assert release.segments["BEG"].elements[0].mandatory
    assert release.set_type("850").group == "PO"
    assert release.group_of["856"] == "SH"
    assert {"ISA", "GS", "GE", "IEA", "TA1"} <= set(release.segments)
    assert load_release("005010").segments["LH2"].notes_incomplete


def test_a_tree_starts_with_its_header_and_ends_with_its_trailer():
    nodes = load_release("004010").set_type("850").nodes
    assert nodes[0] == SegmentNode("ST", True, 1)
    assert nodes[-1] == SegmentNode("SE", True, 1)
    lines = next(node for node in nodes if isinstance(node, LoopNode) and node.loop == "PO1")
    assert (lines.mandatory, lines.repeat) == (True, 100_000)


def test_elements_are_found_by_position():
    release = load_release("004010")
    assert release.element_at("PO1", 3).ref == "355"
    assert release.element_at("REF", 4, 1).ref == "128"
    assert release.element_at("REF", 4) is None
    assert release.element_at("REF", 4, 9) is None
    assert release.element_at("REF", 9) is None
    assert release.element_at("ZZZ", 1) is None


def test_names_are_the_standards():
    assert element_name("004010", "PO1", 3) == "Unit or Basis for Measurement Code"
    assert element_name("004010", "REF", 4) == "Reference Identifier"
    assert element_name("004010", "REF", 4, 2) == "Reference Identification"
    assert element_name("004010", "REF", 40) is None
    assert element_name("004010", "ZZZ", 1) is None
    assert element_name("004010", "REF", 4, 70) is None


def test_codes_have_short_names():
    assert code_label("004010", "355", "EA") == "Each"
    assert code_label("004010", "355", "no such code") is None
    assert code_label("009999", "355", "EA") is None


def spoilt(tmp_path, change):
    data = json.loads((ROOT / "schemas" / "x12" / "004010.json").read_text("utf-8"))
    change(data)
    folder = tmp_path / "schemas" / "x12"
    folder.mkdir(parents=True)
    (folder / "004010.json").write_text(json.dumps(data), "utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["segments"]["REF"][1].append("9999 O"), "REF names element 9999"),
        (lambda d: d["segments"].update(REF=["R", ["128 M"], "P0102"]), "P0102 does not fit REF"),
        (lambda d: d["composites"].update(C040=["R", ["128 M"], "Q0101"]), "Q0101 does not fit C040"),
        (lambda d: d["sets"]["850"]["header"].append("QQQ O 1"), "850 names segment QQQ"),
        (lambda d: d["sets"]["850"]["header"].append(["N1 O 1", "N1 O 1"]), "loop N1 of 850"),
        (lambda d: d["sets"]["850"]["header"].append(["N1 O 1"]), "loop N1 of 850"),
        (lambda d: d.pop("sets"), "KeyError"),
        (lambda d: d["elements"].update({"355": 5}), "TypeError"),
    ],
)
def test_a_broken_schema_file_says_what_is_broken(tmp_path, change, words):
    with pytest.raises(SchemaFileError, match=words):
        load_release("004010", spoilt(tmp_path, change))


def test_an_operators_schema_hides_the_packaged_one(tmp_path):
    workdir = spoilt(tmp_path, lambda data: data["segments"]["BEG"].__setitem__(0, "Ours"))
    assert load_release("004010", workdir).segments["BEG"].name == "Ours"
    assert load_release("004010").segments["BEG"].name != "Ours"


def tool():
    spec = importlib.util.spec_from_file_location("build", ROOT / "tools" / "build_x12_schemas.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def facts():
    """The smallest facts that have every form."""
    part = {"ref": "1", "usage": "M"}
    return {
        "elements": {"1": {"name": "One", "type": "ID", "min": 1, "max": 2, "codes": ["B", "A"]}},
        "composites": {"C1": {"name": "Pair", "elements": [part, {**part, "usage": "O"}], "syntax": ["P0102"]}},
        "segments": {
            "ST": {"name": "Head", "elements": [part, {**part, "ref": "C1", "repeat": 3}], "syntax": []},
            "N1": {"name": "Name", "elements": [part], "syntax": [], "syntax_incomplete": True},
        },
        "sets": {
            "100": {
                "name": "Set",
                "functional_group": "XX",
                "areas": {
                    "header": [
                        {"seg": "ST", "usage": "M", "max": 1},
                        {
                            "loop": "N1",
                            "usage": "O",
                            "repeat": ">1",
                            "children": [{"seg": "N1", "usage": "M", "max": 1}],
                        },
                    ]
                },
            }
        },
    }


def test_the_tool_writes_what_the_loader_reads(tmp_path):
    source, target = tmp_path / "facts", tmp_path / "schemas" / "x12"
    source.mkdir()
    target.mkdir(parents=True)
    for release in ("004010", "005010"):
        (source / f"{release}.json").write_text(json.dumps(facts()), "utf-8")
        (source / f"codes-{release}.json").write_text(json.dumps({"1": {"A": "First"}}), "utf-8")
    assert tool().main([str(source), str(target)]) == 0
    release = load_release("005010", tmp_path)
    assert release.elements["1"].codes == frozenset("AB")
    assert release.segments["ST"].elements[1].repeat == 3
    assert release.segments["N1"].notes_incomplete
    assert release.sets["100"].header[1].repeat is None
    assert code_label("005010", "1", "A", tmp_path) == "First"


def test_the_tool_says_how_it_is_used(capsys):
    assert tool().main([]) == 2
    assert "usage" in capsys.readouterr().err
