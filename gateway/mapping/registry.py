"""Finding and loading maps: one cached compiled map for each (standard, version, set, overlay)."""

from __future__ import annotations

from functools import lru_cache
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

    Compiled once and kept until a file of it changes. An operator's `maps/` in `workdir` hides the packaged file of the same name. Raises MapError when there is no such
    map (naming those there are) or a file has a mistake (with file and line).
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
    return _compiled(path, overlay, _stamp(path), _stamp(overlay))


def _stamp(path: Path | None) -> int:
    """Changes of the folder's map files make a new compile."""
    if path is None:
        return 0
    folders = {path.parent, path.parent.parent / "common"}
    files = [path, *(file for folder in folders if folder.is_dir() for file in folder.glob("*.yaml"))]
    return hash(tuple(sorted((str(file), file.stat().st_mtime_ns) for file in set(files) if file.is_file())))


@lru_cache(maxsize=256)
def _compiled(path: Path, overlay: Path | None, _map_stamp: int, _overlay_stamp: int) -> CompiledMap | XmlMap:
    source = load_source(path, overlay)
    if source.top.get("standard") in _XML:
        return compile_xml_map(parse_xml_map(source))
    return compile_map(parse_map(source))


def maps_available(workdir: Path | None = None) -> list[tuple[str, str, str]]:
    """(standard, version, set) of every map that is installed, sorted."""
    found = {
        (path.parent.parent.name, path.parent.name, path.stem)
        for path in iter_files("maps", "*/*/*.yaml", workdir)
        if path.parent.name != "common"
    }
    return sorted(found)
