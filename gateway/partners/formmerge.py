"""Two changes of one profile brought together: what only one side changed is taken from it, lists as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["merged"]

_GONE: Final = object()


def merged(
    base: Mapping[str, Any], mine: Mapping[str, Any], theirs: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """(tree of both changes, paths that both changed otherwise: there ``mine`` is kept)."""
    conflicts: list[str] = []
    return _merged(base, mine, theirs, "", conflicts), conflicts


def _merged(base: Any, mine: Any, theirs: Any, path: str, conflicts: list[str]) -> Any:
    if theirs in (mine, base):
        return mine
    if mine == base:
        return theirs
    if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
        under = base if isinstance(base, Mapping) else {}
        found = {}
        for key in [*theirs, *(key for key in mine if key not in theirs)]:
            here = f"{path}.{key}" if path else str(key)
            value = _merged(under.get(key, _GONE), mine.get(key, _GONE), theirs.get(key, _GONE), here, conflicts)
            if value is not _GONE:
                found[key] = value
        return found
    conflicts.append(path)
    return mine
