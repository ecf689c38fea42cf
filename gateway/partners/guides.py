"""Partner guides: the file with a partner's own rules over a set, found, read and put beside the profile's other rules.

A guide is a YAML file below ``schemas/guides/`` in the working directory: ``name``, ``sets`` (those it is about; every
set when left out) and ``rules`` (`gateway.standards.edi.guide_data` has their form). A profile names it for
everything that comes in (``inbound.guide``), or for one kind of document in one direction
(``documents.received``/``documents.sent``), which wins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gateway.partners.errors import OperationError
from gateway.partners.profile import PartnerProfile, validation_options
from gateway.partners.rules import document_settings
from gateway.resources import find, iter_files
from gateway.standards.edi.guide import Guide
from gateway.standards.edi.guide_data import GuideError, guide_from_data
from gateway.standards.edi.options import ValidationOptions

__all__ = [
    "FOLDER",
    "GuideUnusableError",
    "PartnerGuide",
    "guides_available",
    "load_guide",
    "options_by_set",
    "read_guide",
]

#: Where guides lie, below the working directory.
FOLDER = "schemas/guides"
_MOST_BYTES = 1024 * 1024
_FIELDS = frozenset({"name", "sets", "rules"})
_FIX = "Mend the file (`gateway guide check` shows every mistake), or take its name out of the partner's profile."


class GuideUnusableError(OperationError):
    """A guide is missing or wrong; ``problems`` has every mistake."""

    def __init__(self, name: str, problems: list[str]) -> None:
        self.name, self.problems = name, tuple(problems)
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"The guide {name} cannot be used: {problems[0]}{more}.", _FIX, problems if more else ())


@dataclass(frozen=True, slots=True)
class PartnerGuide:
    """One guide and the sets that it is about; none = every set."""

    guide: Guide
    sets: frozenset[str] = frozenset()

    def covers(self, set_id: str) -> bool:
        """Whether its rules hold for this set."""
        return not self.sets or set_id in self.sets


def load_guide(name: str, workdir: Path | None = None) -> PartnerGuide:
    """The guide with this file name, read once until the file changes. Raises GuideUnusableError."""
    try:
        path = find(f"{FOLDER}/{name}", workdir)
        stamp = (path.stat().st_mtime_ns, path.stat().st_size)
    except OSError:
        place = (workdir or Path()) / FOLDER / name
        raise GuideUnusableError(name, [f"there is no file {place}"]) from None
    known = _known.get(path)
    if known is None or known[0] != stamp:
        known = _known[path] = (stamp, read_guide(path, name))
    return known[1]


#: Guides by file with the state (time of change, size) in which they were read.
_known: dict[Path, tuple[tuple[int, int], PartnerGuide]] = {}


def read_guide(path: Path, name: str | None = None) -> PartnerGuide:
    """The guide in a file. Raises GuideUnusableError with every mistake."""
    name = name or path.name
    try:
        raw = path.read_bytes()
        if len(raw) > _MOST_BYTES:
            raise GuideUnusableError(name, [f"it is larger than {_MOST_BYTES // 1024} KiB"])
        data: Any = yaml.safe_load(raw)
    except OSError as error:
        raise GuideUnusableError(name, [error.strerror or str(error)]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise GuideUnusableError(name, [" ".join(str(error).split())]) from error
    if not isinstance(data, dict):
        raise GuideUnusableError(name, ["it must be a mapping with name and rules"])
    problems = [f'unknown field "{key}" (known: name, sets, rules)' for key in data if key not in _FIELDS]
    sets = data.get("sets", [])
    if not isinstance(sets, list) or not all(isinstance(one, str | int) for one in sets):
        problems.append('sets must be a list of set ids ("850")')
        sets = []
    try:
        guide = guide_from_data({"name": data.get("name", name), "rules": data.get("rules", [])})
    except GuideError as error:
        raise GuideUnusableError(name, [*problems, *error.problems]) from error
    if problems:
        raise GuideUnusableError(name, problems)
    return PartnerGuide(guide, frozenset(map(str, sets)))


def guides_available(workdir: Path | None = None) -> Iterator[Path]:
    """Every guide file, by name."""
    for pattern in ("*.yaml", "*.yml"):
        yield from iter_files(FOLDER, pattern, workdir)


def options_by_set(
    profile: PartnerProfile, direction: str, workdir: Path | None = None
) -> Callable[[str], ValidationOptions]:
    """How sets of a partner are checked, by set id; each kind is worked out once.

    ``direction``: "in" or "out". What is returned raises GuideUnusableError for a set whose guide cannot be used.
    """
    usual = validation_options(profile)
    known: dict[str, ValidationOptions] = {}

    def options(set_id: str) -> ValidationOptions:
        found = known.get(set_id)
        if found is None:
            guide = _guide_for(profile, direction, set_id, workdir)
            found = known[set_id] = usual if guide is None else validation_options(profile, guide)
        return found

    return options


def _guide_for(profile: PartnerProfile, direction: str, set_id: str, workdir: Path | None) -> Guide | None:
    name = document_settings(profile, set_id, "in" if direction == "in" else "out").guide
    if name is None and direction == "in":
        name = profile.inbound.guide
    if name is None:
        return None
    found = load_guide(name, workdir)
    return found.guide if found.covers(set_id) else None
