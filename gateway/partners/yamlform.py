"""Partner profiles as files: every mistake is named by its line, and what is written reads back the same.

A file holds one partner, or a list of them. Presets put starter values under the partner's own
(`gateway.partners.presets`); ``null`` takes a preset's value back to the default.
A certificate is given as PEM text or as ``file:``, which is read when the partner file is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import yaml
from pydantic import ValidationError

from gateway.partners.errors import PartnerFileError, Problem
from gateway.partners.explain import explain, nearest_line
from gateway.partners.fields import SUFFIX_NAMES, character_name
from gateway.partners.presets import (
    ReadText,
    merge,
    over_presets,
    preset_names,
    preset_reader,
    preset_values,
    without_nulls,
)
from gateway.partners.profile import PartnerProfile
from gateway.partners.yamltext import Located, Path, dotted, parse_yaml, read_text, whole_file

__all__ = [
    "FilePartner",
    "collect_partner_file",
    "dump_partner",
    "dump_partners",
    "inherited_values",
    "load_partner_file",
    "parse_partner_text",
    "preset_names",
    "preset_reader",
    "read_partners",
    "tree_text",
]

MAXIMUM_CERTIFICATE_BYTES = 64 * 1024
#: Fields that every written file shows, whether or not they are the default.
_ALWAYS_WRITTEN = ("code", "name", "status", "preset")
#: Fields outside the separators that hold one character, which a file may spell by name.
_CHARACTER_FIELDS = {("envelope", "isa11"), ("envelope", "replacement")}


@dataclass(frozen=True, slots=True)
class FilePartner:
    """One partner of a partner file, and where each of its fields stands."""

    profile: PartnerProfile
    #: The partner file, as problems call it.
    file: str
    #: Path of a field → (file, line); a field of a preset stands in the preset.
    lines: Mapping[Path, tuple[str, int]]

    def line_of(self, path: Path) -> tuple[str, int]:
        """(file, line) of a field, or of the nearest group around it."""
        return nearest_line(path, self.lines, self.file)


def load_partner_file(path: FilePath | str, workdir: FilePath | None = None) -> list[PartnerProfile]:
    """The partners in a file, presets and certificate files included.

    ``workdir`` is the working directory whose ``partners/`` folder is looked at first for presets. Raises
    PartnerFileError with every problem.
    """
    path = FilePath(path)
    return parse_partner_text(read_text(path), str(path), _beside(path), preset_reader(workdir))


def collect_partner_file(path: FilePath | str, workdir: FilePath | None = None) -> dict[str, Any]:
    """A checked partner file with all that it names, so that another process can read it the same.

    Gives {"name", "text", "files": {name: certificate text}, "presets": {name: preset text}}. Raises
    PartnerFileError like `load_partner_file`.
    """
    path = FilePath(path)
    text, files, presets = read_text(path), dict[str, str](), dict[str, str]()
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
    return [entry.profile for entry in read_partners(text, name, read_file, read_preset)]


def read_partners(text: str, name: str, read_file: ReadText, read_preset: ReadText | None = None) -> list[FilePartner]:
    """Like `parse_partner_text`, with the lines."""
    found: list[FilePartner] = []
    problems: list[Problem] = []
    for located in _partners(parse_yaml(text, name), name):
        try:
            found.append(_profile(located, name, read_file, read_preset or preset_reader()))
        except PartnerFileError as error:
            problems += error.problems
    if problems:
        raise PartnerFileError(problems)
    return found


def dump_partner(profile: PartnerProfile, workdir: FilePath | None = None) -> str:
    """The profile as a partner file: what differs from the defaults and its preset, in the schema's order.

    Reading the text gives an equal profile, as long as the preset has not changed.
    """
    return _yaml(_tree(profile, workdir))


def dump_partners(profiles: Sequence[PartnerProfile], workdir: FilePath | None = None) -> str:
    """Several profiles as one partner file; see `dump_partner`."""
    return _yaml([_tree(profile, workdir) for profile in profiles])


def tree_text(tree: Mapping[str, Any]) -> str:
    """A tree of plain texts, as `parse_yaml` gives it, as a partner file that reads back the same."""
    return yaml.dump(tree, Dumper=_TextDumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=100)


def inherited_values(own: Mapping[str, Any], habits: Sequence[str], read_preset: ReadText) -> dict[str, Any]:
    """What a partner has that says nothing but ``own`` (code, name, status, preset) and its SFTP habits, spelled as in
    a file; values that only a partner can give are None.
    """
    under = preset_values(own.get("preset"), habits, read_preset)
    return _spell(_base(under, own), ())  # type: ignore[no-any-return]


def _tree(profile: PartnerProfile, workdir: FilePath | None) -> Any:
    base = _baseline(profile, workdir)
    full = profile.model_dump(mode="json")
    lean = profile.model_dump(mode="json", exclude_defaults=True)
    shown = {key: full[key] for key in _ALWAYS_WRITTEN if full[key] is not None}
    shown |= {key: value for key, value in _minus(full, base, lean).items() if key not in _ALWAYS_WRITTEN}
    return _spell(shown, ())


def _yaml(tree: Any) -> str:
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=100)


def _beside(path: FilePath) -> ReadText:
    """Reads files by their name relative to a partner file."""

    def read(name: str) -> str:
        file = path.parent / name
        if file.stat().st_size > MAXIMUM_CERTIFICATE_BYTES:
            raise OSError(0, f"it is larger than {MAXIMUM_CERTIFICATE_BYTES} bytes")
        return file.read_text("utf-8-sig")

    return read


def _partners(located: Located, name: str) -> list[Located]:
    """One tree for each partner in the file, with lines by paths from its own root."""
    if isinstance(located.data, dict):
        return [located]
    if not isinstance(located.data, list) or not located.data:
        raise whole_file(name, "holds no partner.", "Begin with code: and name:, or with a list of partners.")
    found = []
    for index, entry in enumerate(located.data):
        lines = {path[1:]: line for path, line in located.lines.items() if path[:1] == (index,)}
        if not isinstance(entry, dict):
            file, line = lines.get((), (name, 0))
            raise PartnerFileError([Problem(file, line, f"[{index}]", "must be a partner with code and name.")])
        found.append(Located(entry, lines))
    return found


def _profile(located: Located, name: str, read_file: ReadText, read_preset: ReadText) -> FilePartner:
    located = over_presets(located, name, read_preset)
    problems = _embed_certificates(located, name, read_file)
    data = without_nulls(located.data)
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
    return FilePartner(profile, name, located.lines)


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
    return _base(preset_values(profile.preset, profile.sftp.preset, preset_reader(workdir)), own)


def _base(under: Mapping[str, Any], own: Mapping[str, Any]) -> Mapping[str, Any]:
    """A profile of what presets say and the fields that are always written."""
    try:
        base = PartnerProfile.model_validate(merge(under, own))
    except ValidationError as error:
        # A preset may need values that only a partner can give: such groups are written out whole.
        whole = {item["loc"][:2] for item in error.errors(include_url=False)}
        base = PartnerProfile.model_validate(merge(_without(under, whole), own))
    return base.model_dump(mode="json")


def _without(tree: Mapping[str, Any], paths: Collection[tuple[int | str, ...]]) -> dict[str, Any]:
    """The tree without the values at these paths, of one or two names each."""
    left = {key: value for key, value in tree.items() if (key,) not in paths}
    for group, name in (path for path in paths if len(path) == 2):
        if isinstance(left.get(str(group)), dict):
            left[str(group)] = {key: value for key, value in left[str(group)].items() if key != name}
    return left


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


#: Characters that YAML takes for the end of a line unless they are escaped.
_BREAKS = ("\r", "\x85", "\u2028", "\u2029")


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if any(mark in text for mark in _BREAKS) else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


class _TextDumper(_Dumper):
    """Writes texts without quotes where a partner file needs none: every value but an empty one is read as text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as the base class has it
        first: [entry for entry in entries if entry[0] == "tag:yaml.org,2002:null"]
        for first, entries in yaml.SafeDumper.yaml_implicit_resolvers.items()
    }
