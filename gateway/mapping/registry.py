"""Finding and loading maps: one cached compiled map for each (standard, version, set, overlay)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, overload

from gateway.mapping.engine import CompiledMap, compile_map
from gateway.mapping.errors import MapError, nearest
from gateway.mapping.parse import parse_map
from gateway.mapping.source import load_source
from gateway.mapping.xml.engine import XmlMap, compile_xml_map
from gateway.mapping.xml.parse import parse_xml_map
from gateway.resources import find, iter_files

#: Standards whose documents are XML.
_XML = ("ubl", "cxml")

__all__ = ["load_map", "load_map_file", "maps_available"]


@overload
def load_map(
    standard: Literal["x12"],
    version: str,
    set_id: str,
    overlay: Path | None = None,
    workdir: Path | None = None,
) -> CompiledMap: ...


@overload
def load_map(
    standard: Literal["ubl", "cxml"],
    version: str,
    set_id: str,
    overlay: Path | None = None,
    workdir: Path | None = None,
) -> XmlMap: ...


@overload
def load_map(
    standard: str,
    version: str,
    set_id: str,
    overlay: Path | None = None,
    workdir: Path | None = None,
) -> CompiledMap | XmlMap: ...


def load_map(
    standard: str,
    version: str,
    set_id: str,
    overlay: Path | None = None,
    workdir: Path | None = None,
) -> CompiledMap | XmlMap:
    """The map of a set (X12) or of a root element or request (XML), with a partner's overlay if given.

    Compiled once and kept until a file of it changes. An operator's `maps/` in `workdir` hides the packaged file of the
    same name. Raises MapError when there is no such map (naming those there are) or a file has a mistake (with file and
    line).
    """
    relative = f"maps/{standard}/{version}/{set_id}.yaml"
    try:
        path = find(relative, workdir)
    except FileNotFoundError:
        known = [f"{name[1]} {name[2]}" for name in maps_available(workdir) if name[0] == standard]
        raise MapError(
            f"there is no map for {standard} {version} {set_id}.{nearest(f'{version} {set_id}', known)}"
        ) from None
    return load_map_file(path, overlay)


def load_map_file(path: Path, overlay: Path | None = None) -> CompiledMap | XmlMap:
    """The map in a file. Raises MapError."""
    known = _known.get((path, overlay))
    if known is not None and known.stamp is not None and known.stamp == _stamp(known.files):
        return known.compiled
    source = load_source(path, overlay)
    stamp = _stamp(source.files)
    compiled: CompiledMap | XmlMap
    if source.top.get("standard") in _XML:
        compiled = compile_xml_map(parse_xml_map(source))
    else:
        compiled = compile_map(parse_map(source))
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    _known[path, overlay] = _Known(compiled, source.files, stamp)
    return compiled


#: What tells one state of a file from another: time of change, size.
_Stamp = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class _Known:
    """A compiled map with the files it was made from, as they were."""

    compiled: CompiledMap | XmlMap
    files: tuple[Path, ...]
    stamp: _Stamp | None


#: Compiled maps by file and overlay. Two threads may compile one at the same time; either result is right.
_known: dict[tuple[Path, Path | None], _Known] = {}
_MOST_KNOWN = 256


def _stamp(files: tuple[Path, ...]) -> _Stamp | None:
    """The state of the files; None when one is gone, so that reading it again says so."""
    try:
        return tuple((status.st_mtime_ns, status.st_size) for status in map(os.stat, files))
    except OSError:
        return None


def maps_available(workdir: Path | None = None) -> list[tuple[str, str, str]]:
    """(standard, version, set) of every map that is installed, sorted."""
    found = {
        (path.parent.parent.name, path.parent.name, path.stem)
        for path in iter_files("maps", "*/*/*.yaml", workdir)
        if path.parent.name != "common"
    }
    return sorted(found)
