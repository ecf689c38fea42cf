"""Partner profiles as files: every mistake is named by its line, and what is written reads back the same.

A file holds one partner, or a list of them. ``preset: name`` puts the values of the starter file
``partners/name.yaml`` under the partner's own; ``null`` takes a preset's value back to the default.
A certificate is given as PEM text or as ``file:``, which is read when the partner file is.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

import yaml
from pydantic import ValidationError

from gateway import resources
from gateway.partners.errors import PartnerFileError, Problem
from gateway.partners.explain import explain, nearest
from gateway.partners.fields import SUFFIX_NAMES, character_name
from gateway.partners.profile import PartnerProfile
from gateway.partners.yamltext import MAXIMUM_BYTES, Located, Path, dotted, parse_yaml

__all__ = [
    "collect_partner_file",
    "dump_partner",
    "dump_partners",
    "load_partner_file",
    "parse_partner_text",
    "preset_names",
    "preset_reader",
]

#: Reads a text that a partner file names, by that name; raises OSError, UnicodeDecodeError or KeyError.
ReadText = Callable[[str], str]

MAXIMUM_CERTIFICATE_BYTES = 64 * 1024
#: Fields that every written file shows, whether or not they are the default.
_ALWAYS_WRITTEN = ("code", "name", "status", "preset")
#: Fields outside the separators that hold one character, which a file may spell by name.
_CHARACTER_FIELDS = {("envelope", "isa11"), ("envelope", "replacement")}


def load_partner_file(path: FilePath | str, workdir: FilePath | None = None) -> list[PartnerProfile]:
    """The partners in a file, presets and certificate files included.

    ``workdir`` is the working directory whose ``partners/`` folder is looked at first for presets. Raises
    PartnerFileError with every problem.
    """
    path = FilePath(path)
    return parse_partner_text(_read_text(path), str(path), _beside(path), preset_reader(workdir))


def collect_partner_file(path: FilePath | str, workdir: FilePath | None = None) -> dict[str, Any]:
    """A checked partner file with all that it names, so that another process can read it the same.

    Gives {"name", "text", "files": {name: certificate text}, "presets": {name: preset text}}. Raises
    PartnerFileError like `load_partner_file`.
    """
    path = FilePath(path)
    text, files, presets = _read_text(path), dict[str, str](), dict[str, str]()
    read_preset = preset_reader(workdir)

    def file(name: str) -> str:
        files[name] = _beside(path)(name)
        return files[name]

    def preset(name: str) -> str:
        presets[name] = read_preset(name)
        return presets[name]

    parse_partner_text(text, str(path), file, preset)
    return {"name": str(path), "text": text, "files": files, "presets": presets}


def parse_partner_text(
    text: str, name: str, read_file: ReadText, read_preset: ReadText | None = None
) -> list[PartnerProfile]:
    """The partners in the text of a partner file; ``name`` is what problems call it.

    ``read_file`` reads a certificate file and ``read_preset`` a preset (by default the packaged ones), each
    by the name that the text gives. Raises PartnerFileError with every problem of every partner.
    """
    profiles: list[PartnerProfile] = []
    problems: list[Problem] = []
    for located in _partners(parse_yaml(text, name), name):
        try:
            profiles.append(_profile(located, name, read_file, read_preset or preset_reader()))
        except PartnerFileError as error:
            problems += error.problems
    if problems:
        raise PartnerFileError(problems)
    return profiles


def preset_names(workdir: FilePath | None = None) -> list[str]:
    """The names of all presets, the operator's own included."""
    return sorted(_presets(workdir))


def preset_reader(workdir: FilePath | None = None) -> ReadText:
    """Reads presets by name, the operator's own first; raises KeyError for a name that is none."""

    def read(name: str) -> str:
        return _read_text(_presets(workdir)[name])

    return read


def _presets(workdir: FilePath | None) -> dict[str, FilePath]:
    """Every starter file; a file with a code of its own is a partner and no preset."""
    return {
        path.stem: path
        for path in resources.iter_files("partners", "*.yaml", workdir)
        if not re.search(r"^(?:- +)?code *:", path.read_text("utf-8-sig", "replace"), re.MULTILINE)
    }


def dump_partner(profile: PartnerProfile, workdir: FilePath | None = None) -> str:
    """The profile as a partner file: what differs from the defaults and its preset, in the schema's order.

    Reading the text gives an equal profile, as long as the preset has not changed.
    """
    return _yaml(_tree(profile, workdir))


def dump_partners(profiles: Sequence[PartnerProfile], workdir: FilePath | None = None) -> str:
    """Several profiles as one partner file; see `dump_partner`."""
    return _yaml([_tree(profile, workdir) for profile in profiles])


def _tree(profile: PartnerProfile, workdir: FilePath | None) -> Any:
    base = _baseline(profile, workdir)
    full = profile.model_dump(mode="json")
    lean = profile.model_dump(mode="json", exclude_defaults=True)
    shown = {key: full[key] for key in _ALWAYS_WRITTEN if full[key] is not None}
    shown |= {key: value for key, value in _minus(full, base, lean).items() if key not in _ALWAYS_WRITTEN}
    return _spell(shown, ())


def _yaml(tree: Any) -> str:
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=100)


def _read_text(path: FilePath) -> str:
    try:
        size = path.stat().st_size
        if size > MAXIMUM_BYTES:
            raise _problem(str(path), f"has {size} bytes; a partner file has at most {MAXIMUM_BYTES}.")
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise _problem(str(path), f"cannot be read: {error.strerror}.", "Check the name and permissions.") from error
    except UnicodeDecodeError as error:
        raise _problem(str(path), f"is not UTF-8 text (byte {error.start}).", "Save it as UTF-8.") from error


def _beside(path: FilePath) -> ReadText:
    """Reads files by their name relative to a partner file."""

    def read(name: str) -> str:
        file = path.parent / name
        if file.stat().st_size > MAXIMUM_CERTIFICATE_BYTES:
            raise OSError(0, f"it is larger than {MAXIMUM_CERTIFICATE_BYTES} bytes")
        return file.read_text("utf-8-sig")

    return read


def _problem(file: str, message: str, fix: str = "") -> PartnerFileError:
    return PartnerFileError([Problem(file, 0, "", message, fix)])


def _partners(located: Located, name: str) -> list[Located]:
    """One tree for each partner in the file, with lines by paths from its own root."""
    if isinstance(located.data, dict):
        return [located]
    if not isinstance(located.data, list) or not located.data:
        raise _problem(name, "holds no partner.", "Begin with code: and name:, or with a list of partners.")
    found = []
    for index, entry in enumerate(located.data):
        lines = {path[1:]: line for path, line in located.lines.items() if path[:1] == (index,)}
        if not isinstance(entry, dict):
            file, line = lines.get((), (name, 0))
            raise PartnerFileError([Problem(file, line, f"[{index}]", "must be a partner with code and name.")])
        found.append(Located(entry, lines))
    return found


def _profile(located: Located, name: str, read_file: ReadText, read_preset: ReadText) -> PartnerProfile:
    if located.data.get("preset") is not None:
        located = _over_preset(located, name, read_preset)
    problems = _embed_certificates(located, name, read_file)
    data = _without_nulls(located.data)
    try:
        profile = PartnerProfile.model_validate(data)
    except ValidationError as error:
        told = {problem.path for problem in problems}
        explained = explain(error, data, located.lines, name)
        problems += [problem for problem in explained if problem.path not in told]
        if not {"code", "name", "preset"} & set(data):
            fix = "If it is a preset, name it in the partner's own file: preset: NAME."
            problems.append(Problem(name, 0, "", "has neither code nor name.", fix))
        raise PartnerFileError(problems) from error
    if problems:
        raise PartnerFileError(problems)
    return profile


def _over_preset(located: Located, name: str, read_preset: ReadText) -> Located:
    wanted = located.data["preset"]
    try:
        preset = _load_preset(str(wanted), read_preset)
    except KeyError as error:
        file, line = located.lines.get(("preset",), (name, 0))
        known = preset_names()
        fix = nearest(str(wanted), known) or f"The presets are {', '.join(known)}."
        raise PartnerFileError([Problem(file, line, "preset", f'there is no preset "{wanted}".', fix)]) from error
    return Located(_merge(preset.data, located.data), {**preset.lines, **located.lines})


def _load_preset(name: str, read_preset: ReadText) -> Located:
    preset = parse_yaml(read_preset(name), f"preset {name}")
    if not isinstance(preset.data, dict):
        raise _problem(f"preset {name}", "must hold settings, not a list.")
    if "preset" in preset.data:
        raise _problem(f"preset {name}", "must not name another preset.", "Write its values out.")
    return preset


def _merge(under: Any, over: Any) -> Any:
    """``over`` where it says something, else ``under``; groups are merged field by field, lists are not."""
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return over
    merged = dict(under)
    for key, value in over.items():
        merged[key] = _merge(under.get(key), value)
    return merged


def _without_nulls(data: Any) -> Any:
    """The data without empty values: an empty value in a file means the default."""
    if isinstance(data, dict):
        return {key: _without_nulls(value) for key, value in data.items() if value is not None}
    return [_without_nulls(item) for item in data] if isinstance(data, list) else data


def _embed_certificates(located: Located, name: str, read_file: ReadText) -> list[Problem]:
    """Replace each ``file`` of a certificate by the text that the file holds."""
    as2 = located.data.get("as2")
    entries = as2.get("certificates") if isinstance(as2, dict) else None
    problems = []
    for index, entry in enumerate(entries if isinstance(entries, list) else [entries]):
        if not isinstance(entry, dict) or entry.get("file") is None:
            continue
        inside: Path = ("as2", "certificates", index) if isinstance(entries, list) else ("as2", "certificates")
        place = located.lines.get((*inside, "file"), (name, 0))
        located.lines.setdefault((*inside, "pem"), place)
        refused = _embed_one(entry, read_file)
        if refused is not None:
            problems.append(Problem(*place, dotted((*inside, "pem")), *refused))
    return problems


def _embed_one(entry: dict[str, Any], read_file: ReadText) -> tuple[str, str] | None:
    """Put the certificate of ``file`` under ``pem``; gives (what is wrong, what to do) when that fails."""
    file = str(entry.pop("file"))
    if entry.get("pem") is not None:
        return "is given twice, as pem and as file.", "Give one of the two."
    try:
        entry["pem"] = read_file(file)
    except (OSError, KeyError) as error:
        reason = getattr(error, "strerror", None) or "it was not handed over"
        return f'the file "{file}" cannot be read: {reason}.', "The name is relative to the partner file."
    except UnicodeDecodeError:
        fix = f"Convert it: openssl x509 -inform der -in {file} -out certificate.pem"
        return f'the file "{file}" is not text.', fix
    return None


def _baseline(profile: PartnerProfile, workdir: FilePath | None) -> Mapping[str, Any]:
    """What the profile would be if its file said nothing but the fields that are always written."""
    own = {key: getattr(profile, key) for key in _ALWAYS_WRITTEN}
    under: Any = {}
    if profile.preset is not None:
        with contextlib.suppress(KeyError):
            under = _without_nulls(_load_preset(profile.preset, preset_reader(workdir)).data)
    return PartnerProfile.model_validate(_merge(under, own)).model_dump(mode="json")


def _minus(full: Mapping[str, Any], base: Mapping[str, Any], lean: Mapping[str, Any]) -> dict[str, Any]:
    """The part of ``full`` that differs from ``base``, lists and new entries in their ``lean`` form."""
    left: dict[str, Any] = {}
    for key, value in full.items():
        if key in base and value == base[key]:
            continue
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            left[key] = _minus(value, base[key], lean.get(key, {}))
        else:
            left[key] = lean.get(key, value)
    return left | {key: None for key in base if key not in full}


def _spell(value: Any, path: Path) -> Any:
    """Values as a file spells them: control characters by name."""
    if isinstance(value, dict):
        return {key: _spell(item, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_spell(item, path) for item in value]
    if path == ("envelope", "suffix"):
        return next(name for name, text in SUFFIX_NAMES.items() if text == value)
    is_character = path[:2] == ("envelope", "separators") or path in _CHARACTER_FIELDS
    return character_name(value) if is_character and isinstance(value, str) else value


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as a block, without aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
