"""A map folder with which pyx12 validates the benchmark's 850: its own folder copied, our 850 and its elements added.

pyx12 ships no purchase order. The envelope of the map is that of its own 834/004010; the set's segments, elements,
codes and syntax notes come from our tables, cut down to the segments that the benchmark's file holds.
"""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ET
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from gateway.standards.edi.schema import ElementUse, Release, load_release

__all__ = ["write_map_folder"]

_ENVELOPE_MAP: Final = "834.4010.X095.A1.xml"
_MAP: Final = "850.4010.xml"
#: (loop or "", segment, most uses or passes); a loop's first row opens it, rows of the same loop belong to it.
_Row = tuple[str, str, str]
_HEADER: Final[tuple[_Row, ...]] = (
    ("", "BEG", "1"), ("", "REF", ">1"), ("", "PER", "3"), ("", "DTM", "10"),
    ("N1", "N1", "200"), ("N1", "N3", "2"), ("N1", "N4", ">1"),
)  # fmt: skip
_DETAIL: Final[tuple[_Row, ...]] = (("PO1", "PO1", "100000"), ("PO1", "PID", "1000"), ("PO1", "PO4", ">1"))
_FOOTER: Final[tuple[_Row, ...]] = (("CTT", "CTT", "1"),)


def write_map_folder(folder: Path) -> None:
    """Make the folder; raises ModuleNotFoundError without pyx12."""
    spec = find_spec("pyx12")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("pyx12 is not installed")
    shutil.copytree(Path(spec.submodule_search_locations[0]) / "map", folder)
    release = load_release("004010")
    _write_map(folder, release)
    _register(folder)
    _define_elements(folder, release)


def _write_map(folder: Path, release: Release) -> None:
    tree = ET.parse(folder / _ENVELOPE_MAP)  # noqa: S314 (a file of an installed package)
    root = tree.getroot()
    root.set("xid", "850")
    _set_codes(root, "GS01", "PO")
    _set_codes(root, "GS08", "004010")
    _set_codes(root, "ST01", "850")
    loop = next(node for node in root.iter("loop") if node.get("xid") == "ST_LOOP")
    parts = list(loop)
    trailer = next(node for node in parts if node.get("xid") == "SE")
    for node in parts:
        if node.tag == "loop" or node is trailer:
            loop.remove(node)
    areas = (("HEADER", _HEADER, "R"), ("DETAIL", _DETAIL, "R"), ("FOOTER", _FOOTER, "S"))
    for number, (name, rows, usage) in enumerate(areas, 1):
        area = _loop(loop, name, usage, number * 10, "1")
        area.set("type", "wrapper")
        _fill(area, rows, release)
    loop.append(trailer)
    tree.write(folder / _MAP, encoding="utf-8", xml_declaration=True)


def _set_codes(root: ET.Element, element: str, code: str) -> None:
    for node in root.iter("element"):
        if node.get("xid") == element:
            for codes in node.findall("valid_codes"):
                node.remove(codes)
            ET.SubElement(ET.SubElement(node, "valid_codes"), "code").text = code


def _fill(area: ET.Element, rows: tuple[_Row, ...], release: Release) -> None:
    opened: dict[str, ET.Element] = {}
    for number, (loop, tag, most) in enumerate(rows, 1):
        if not loop:
            usage = "R" if tag == "BEG" else "S"
            _segment(area, tag, usage, number * 10, most, release)
        elif loop not in opened:
            usage = "R" if loop == "PO1" else "S"
            opened[loop] = _loop(area, loop, usage, number * 10, most)
            _segment(opened[loop], tag, "R", number * 10, "1", release)
        else:
            _segment(opened[loop], tag, "S", number * 10, most, release)


def _loop(parent: ET.Element, name: str, usage: str, position: int, repeat: str) -> ET.Element:
    loop = ET.SubElement(parent, "loop", xid=name)
    for tag, text in (("name", name), ("usage", usage), ("pos", f"{position:03d}"), ("repeat", repeat)):
        ET.SubElement(loop, tag).text = text
    return loop


def _segment(parent: ET.Element, tag: str, usage: str, position: int, most: str, release: Release) -> None:
    definition = release.segments[tag]
    segment = ET.SubElement(parent, "segment", xid=tag)
    fields = (("name", definition.name), ("usage", usage), ("pos", f"{position:03d}"), ("max_use", most))
    for name, text in fields:
        ET.SubElement(segment, name).text = text
    for note in definition.notes:
        ET.SubElement(segment, "syntax").text = note.text
    for number, use in enumerate(definition.elements, 1):
        if use.ref in release.elements:
            _element(segment, f"{tag}{number:02d}", number, use, release)
        else:
            _composite(segment, number, use, release)


def _element(parent: ET.Element, name: str, number: int, use: ElementUse, release: Release) -> None:
    definition = release.elements[use.ref]
    element = ET.SubElement(parent, "element", xid=name)
    fields = (
        ("data_ele", use.ref),
        ("name", definition.name),
        ("usage", "R" if use.mandatory else "S"),
        ("seq", f"{number:02d}"),
    )
    for tag, text in fields:
        ET.SubElement(element, tag).text = text
    if definition.codes:
        codes = ET.SubElement(element, "valid_codes")
        for code in sorted(definition.codes):
            ET.SubElement(codes, "code").text = code


def _composite(parent: ET.Element, number: int, use: ElementUse, release: Release) -> None:
    definition = release.composites[use.ref]
    composite = ET.SubElement(parent, "composite")
    fields = (
        ("data_ele", use.ref),
        ("name", definition.name),
        ("usage", "R" if use.mandatory else "S"),
        ("seq", f"{number:02d}"),
    )
    for tag, text in fields:
        ET.SubElement(composite, tag).text = text
    for index, part in enumerate(definition.elements, 1):
        _element(composite, f"{parent.get('xid')}{number:02d}-{index:02d}", index, part, release)


def _register(folder: Path) -> None:
    path = folder / "maps.xml"
    tree = ET.parse(path)  # noqa: S314
    version = next(node for node in tree.getroot() if node.get("icvn") == "00401")
    entry = ET.Element("map", vriic="004010", fic="PO", abbr="850")
    entry.text = _MAP
    version.insert(0, entry)
    tree.write(path, encoding="utf-8", xml_declaration=True)


def _define_elements(folder: Path, release: Release) -> None:
    """The release's types and lengths, in place of those of a later release."""
    path = folder / "dataele.xml"
    tree = ET.parse(path)  # noqa: S314
    root = tree.getroot()
    known = {node.get("ele_num"): node for node in root}
    for tag in {row[1] for row in _HEADER + _DETAIL + _FOOTER}:
        for ref in _references(release, tag):
            definition = release.elements[ref]
            node = known.get(ref)
            if node is None:
                node = known[ref] = ET.SubElement(root, "data_ele", ele_num=ref)
            node.set("data_type", definition.type)
            node.set("min_len", str(definition.min))
            node.set("max_len", str(definition.max))
            node.set("name", definition.name)
    tree.write(path, encoding="utf-8", xml_declaration=True)


def _references(release: Release, tag: str) -> set[str]:
    found: set[str] = set()
    for use in release.segments[tag].elements:
        composite = release.composites.get(use.ref)
        found |= {part.ref for part in composite.elements} if composite else {use.ref}
    return found
