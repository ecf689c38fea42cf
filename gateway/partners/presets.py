"""Starter values that lie under a partner's own: of a kind of partner, and of the habits of an SFTP program.

``preset: NAME`` names a file ``partners/NAME.yaml``, ``sftp: {preset: NAME}`` one or several files
``partners/presets/NAME.yaml``. The habits lie over the kind of partner, the partner's own file over both.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path as FilePath
from typing import Any

from gateway import resources
from gateway.partners.errors import PartnerFileError, Problem
from gateway.partners.explain import nearest
from gateway.partners.yamltext import Located, Path, parse_yaml, read_text, whole_file

__all__ = [
    "ReadText",
    "merge",
    "over_presets",
    "preset_names",
    "preset_reader",
    "preset_values",
    "sftp_preset_names",
    "without_nulls",
]

#: Reads a text that a partner file names, by that name; raises OSError, UnicodeDecodeError or KeyError.
ReadText = Callable[[str], str]

#: Folder of SFTP habits below ``partners/``, and how their names begin where both kinds of preset are read.
_HABITS = "presets/"


def preset_names(workdir: FilePath | None = None) -> list[str]:
    """The names of all presets of partners, the operator's own included."""
    return sorted(_partner_presets(workdir))


def sftp_preset_names(workdir: FilePath | None = None) -> list[str]:
    """The names of all presets of SFTP habits, the operator's own included."""
    return sorted(name.removeprefix(_HABITS) for name in _habits(workdir))


def preset_reader(workdir: FilePath | None = None) -> ReadText:
    """Reads presets by name, the operator's own first; raises KeyError for a name that is none.

    SFTP habits are read under ``presets/NAME``.
    """

    def read(name: str) -> str:
        known = _habits(workdir) if name.startswith(_HABITS) else _partner_presets(workdir)
        return read_text(known[name])

    return read


def _partner_presets(workdir: FilePath | None) -> dict[str, FilePath]:
    """Every starter file; a file with a code of its own is a partner and no preset."""
    return {
        path.stem: path
        for path in resources.iter_files("partners", "*.yaml", workdir)
        if not re.search(r"^(?:- +)?code *:", path.read_text("utf-8-sig", "replace"), re.MULTILINE)
    }


def _habits(workdir: FilePath | None) -> dict[str, FilePath]:
    return {f"{_HABITS}{path.stem}": path for path in resources.iter_files("partners/presets", "*.yaml", workdir)}


def over_presets(located: Located, name: str, read_preset: ReadText) -> Located:
    """A partner's tree over the presets that it names; lines of a preset's values lead into the preset.

    ``name`` is the partner file. Raises PartnerFileError for a preset that is not there or not right.
    """
    under = Located({}, {})
    for path, preset in _named(located.data):
        try:
            found = _load(preset, read_preset)
        except KeyError as error:
            raise _unknown(located, name, path, preset) from error
        under = _over(under, found)
    return _over(under, located)


def preset_values(partner: str | None, habits: Sequence[str], read_preset: ReadText) -> dict[str, Any]:
    """What the presets of a profile say together; one that is gone says nothing."""
    under: Any = {}
    names = ([] if partner is None else [partner]) + [f"{_HABITS}{habit}" for habit in habits]
    for name in names:
        with contextlib.suppress(KeyError):
            under = merge(under, _load(name, read_preset).data)
    return without_nulls(under)  # type: ignore[no-any-return]


def _named(data: dict[str, Any]) -> list[tuple[Path, str]]:
    """(where it is named, name) of every preset, the one that lies lowest first."""
    found: list[tuple[Path, str]] = []
    if data.get("preset") is not None:
        found.append((("preset",), str(data["preset"])))
    sftp = data.get("sftp")
    habits = sftp.get("preset") if isinstance(sftp, dict) else None
    if isinstance(habits, list):
        found += [(("sftp", "preset", index), f"{_HABITS}{habit}") for index, habit in enumerate(habits)]
    elif habits is not None:
        found.append((("sftp", "preset"), f"{_HABITS}{habits}"))
    return found


def _unknown(located: Located, name: str, path: Path, preset: str) -> PartnerFileError:
    is_habit = preset.startswith(_HABITS)
    known = sftp_preset_names() if is_habit else preset_names()
    wanted = preset.removeprefix(_HABITS) if is_habit else preset
    file, line = located.lines.get(path, (name, 0))
    fix = nearest(wanted, known) or f"The presets are {', '.join(known)}."
    what = f'there is no {"SFTP " if is_habit else ""}preset "{wanted}".'
    return PartnerFileError([Problem(file, line, "sftp.preset" if is_habit else "preset", what, fix)])


def _load(name: str, read_preset: ReadText) -> Located:
    shown = f"preset {name}"
    preset = parse_yaml(read_preset(name), shown)
    if not isinstance(preset.data, dict):
        raise whole_file(shown, "must hold settings, not a list.")
    if _named(preset.data):
        raise whole_file(shown, "must not name another preset.", "Write its values out.")
    if name.startswith(_HABITS) and set(preset.data) != {"sftp"}:
        raise whole_file(shown, "must hold the group sftp and nothing else.", "Other values belong into the partner.")
    return preset


def _over(under: Located, over: Located) -> Located:
    return Located(merge(under.data, over.data), {**under.lines, **over.lines})


def merge(under: Any, over: Any) -> Any:
    """``over`` where it says something, else ``under``; groups are merged field by field, lists are not."""
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return over
    merged = dict(under)
    for key, value in over.items():
        merged[key] = merge(under.get(key), value)
    return merged


def without_nulls(data: Any) -> Any:
    """The data without empty values: an empty value in a file means the default."""
    if isinstance(data, dict):
        return {key: without_nulls(value) for key, value in data.items() if value is not None}
    return [without_nulls(item) for item in data] if isinstance(data, list) else data
