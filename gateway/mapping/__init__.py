"""Maps between canonical documents and the sets of a standard: declarative, both directions from one file.

`load_map` compiles a YAML map (language: docs/maps.md), `read_document` makes a document of a set's loop tree,
`write_document` makes segments of a document. Reading then writing gives back the same segments: what a map does not
know is kept in `document.extensions`.
"""

from __future__ import annotations

from gateway.mapping.engine import (
    CompiledMap,
    MappingResult,
    WrittenSet,
    coverage,
    read_document,
    write_document,
)
from gateway.mapping.errors import MapError, MappingError, Problem
from gateway.mapping.registry import load_map, load_map_file, maps_available

__all__ = [
    "CompiledMap",
    "MapError",
    "MappingError",
    "MappingResult",
    "Problem",
    "WrittenSet",
    "coverage",
    "load_map",
    "load_map_file",
    "maps_available",
    "read_document",
    "write_document",
]
