"""Reading ``gateway.toml`` and the environment; every mistake is told with its line or variable."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from gateway.settings.model import Settings
from gateway.settings.section import SettingsError
from gateway.settings_template import SETTINGS_FILE

__all__ = ["load_settings"]


def load_settings(directory: Path | str, environ: Mapping[str, str] | None = None) -> Settings:
    """Read ``gateway.toml`` of a working directory and apply ``GATEWAY_*`` variables.

    ``GATEWAY_AS2_LISTEN=0.0.0.0:4080`` overrides ``listen`` in ``[as2]``, and so on for every name;
    ``GATEWAY_KEK_FILE`` points at the key-encryption key. Raises SettingsError with every problem.
    """
    home = Path(directory).absolute()
    env = os.environ if environ is None else environ
    path = home / SETTINGS_FILE
    text = _read_text(path)
    try:
        table: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise SettingsError([f"{path}: not valid TOML: {exc}. Correct that line."]) from exc
    origins = _apply_environment(table, env)
    try:
        settings = Settings.model_validate(table)
    except ValidationError as exc:
        lines = _key_lines(text)
        raise SettingsError([_problem(path, lines, origins, dict(error)) for error in exc.errors()]) from exc
    settings._home = home
    if kek := env.get("GATEWAY_KEK_FILE"):
        settings._kek = home / kek
    return settings


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as exc:
        raise SettingsError(
            [f"{path} does not exist. `gateway init {path.parent}` makes a working directory."]
        ) from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError([f"{path} cannot be read: {exc}. It must be a readable UTF-8 file."]) from exc


def _sections() -> dict[str, type[BaseModel]]:
    return {
        name: field.annotation
        for name, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }


def _apply_environment(table: dict[str, Any], env: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """Put ``GATEWAY_<SECTION>_<NAME>`` into ``table``; returns which variable set which name."""
    origins: dict[tuple[str, ...], str] = {}
    for variable, value in sorted(env.items()):
        for section in _sections():
            prefix = f"GATEWAY_{section.upper()}_"
            target = table.setdefault(section, {}) if variable.startswith(prefix) else None
            if isinstance(target, dict):
                name = variable.removeprefix(prefix).lower()
                target[name] = value
                origins[(section, name)] = variable
    return origins


def _key_lines(text: str) -> dict[tuple[str, ...], int]:
    """Line of every section header and every ``name =`` in it (our file nests no deeper)."""
    lines: dict[tuple[str, ...], int] = {}
    section: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line):
            section = tuple(part.strip(" \"'") for part in header[1].split("."))
            lines.setdefault(section, number)
        elif key := re.match(r"\s*[\"']?([A-Za-z0-9_-]+)[\"']?\s*=", line):
            lines.setdefault((*section, key[1]), number)
    return lines


def _problem(
    path: Path,
    lines: Mapping[tuple[str, ...], int],
    origins: Mapping[tuple[str, ...], str],
    error: Mapping[str, Any],
) -> str:
    """One validation error as a sentence with its file and line, or its variable."""
    location = tuple(str(part) for part in error["loc"])
    if location[:2] in origins:
        where = f"environment variable {origins[location[:2]]}"
    else:
        line = next((lines[location[:n]] for n in range(len(location), 0, -1) if location[:n] in lines), None)
        where = f"{path}, line {line}" if line else str(path)
    name = f"[{location[0]}] {location[-1]}" if len(location) > 1 else f"[{location[0]}]"
    if error["type"] == "extra_forbidden":
        known = _known_names(location[:-1])
        nearest = difflib.get_close_matches(location[-1], known, n=1, cutoff=0.5)
        advice = f'did you mean "{nearest[0]}"?' if nearest else f"known here: {', '.join(known)}."
        return f'{where}: "{name}" is not a setting; {advice}'
    if error["type"] == "missing":
        return f"{where}: {name} is missing. Add it; `gateway init` in an empty directory shows an example."
    reason = str(error["msg"]).removeprefix("Value error, ")
    value = error.get("input")
    shown = f" = {_without_password(value)!r}" if isinstance(value, str | int | float) else ""
    return f"{where}: {name}{shown}: {reason}."


def _without_password(value: str | float) -> str | float:
    """A value as it may be shown: an address without the password in it."""
    return re.sub(r"(://[^/\s:@]*):[^/\s]*@", r"\1:***@", value) if isinstance(value, str) else value


def _known_names(location: tuple[str, ...]) -> list[str]:
    sections = _sections()
    if location and location[0] in sections:
        return list(sections[location[0]].model_fields)
    return list(sections)
