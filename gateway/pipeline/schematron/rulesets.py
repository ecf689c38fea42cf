"""The rule sets that an operator has put into the working directory, and which documents each is for.

A rule set is a folder below ``schemas/schematron/`` with the compiled rules as published (XSLT 2 or 3 that makes SVRL,
ISO/IEC 19757-3 Annex D) and a file ``ruleset.yaml``::

    name: EN 16931, UBL
    documents: [Invoice, CreditNote]
    customization: ["urn:cen.eu:en16931:2017"]   # beginnings of the CustomizationID; every one when left out
    files: [EN16931-UBL-validation.xslt]
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

__all__ = ["FOLDER", "OfficialRuleSet", "RuleSetError", "load_rule_sets"]

#: Where rule sets lie, below the working directory.
FOLDER = "schemas/schematron"
_FILE = "ruleset.yaml"
_FIELDS = frozenset({"name", "documents", "customization", "files"})
_MOST_BYTES = 64 * 1024 * 1024


class RuleSetError(ValueError):
    """A rule set that cannot be used; the text names it and says why."""


@dataclass(frozen=True, slots=True)
class OfficialRuleSet:
    """One rule set."""

    name: str
    folder: Path
    #: Root elements (UBL), requests (cXML).
    documents: frozenset[str]
    #: Beginnings of the CustomizationID; none = every document.
    customization: tuple[str, ...]
    #: Compiled rules, in the order in which they run.
    files: tuple[Path, ...]

    def covers(self, root: str, customization: str) -> bool:
        """Whether its rules are for a document with this root element and CustomizationID ("" for none)."""
        return root in self.documents and (not self.customization or customization.startswith(self.customization))


def load_rule_sets(workdir: Path | None) -> tuple[tuple[OfficialRuleSet, ...], tuple[str, ...]]:
    """(those that can be used, a sentence for each that cannot); read anew when a file changed."""
    if workdir is None:
        return (), ()
    found: list[OfficialRuleSet] = []
    problems: list[str] = []
    for file in sorted((workdir / FOLDER).glob(f"*/{_FILE}")):
        try:
            found.append(_load(file))
        except RuleSetError as error:
            problems.append(str(error))
    return tuple(found), tuple(problems)


#: Rule sets by file with the state (time of change, size) in which they were read.
_known: dict[Path, tuple[tuple[int, int], OfficialRuleSet]] = {}


def _load(file: Path) -> OfficialRuleSet:
    try:
        stat = file.stat()
        known = _known.get(file)
        if known is None or known[0] != (stat.st_mtime_ns, stat.st_size):
            read = _read(file, yaml.safe_load(file.read_bytes()))
            known = _known[file] = ((stat.st_mtime_ns, stat.st_size), read)
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise _error(file, " ".join(str(error).split())) from error
    missing = [path.name for path in known[1].files if not path.is_file()]
    if missing:
        raise _error(file, f"there is no file {missing[0]} beside {_FILE}")
    return known[1]


def _read(file: Path, data: Any) -> OfficialRuleSet:
    if not isinstance(data, dict):
        raise _error(file, "it must be a mapping with documents and files")
    unknown = sorted(str(key) for key in data if key not in _FIELDS)
    if unknown:
        raise _error(file, f"unknown field {unknown[0]} (known: {', '.join(sorted(_FIELDS))})")
    documents, files = _texts(file, data, "documents"), _texts(file, data, "files")
    for name in files:
        if "/" in name or "\\" in name or not name.endswith((".xslt", ".xsl")):
            raise _error(file, f'"{name}" must be the name of an .xslt file in the same folder')
        place = file.parent / name
        if place.is_file() and place.stat().st_size > _MOST_BYTES:
            raise _error(file, f"{name} is larger than {_MOST_BYTES // 1024 // 1024} MiB")
    return OfficialRuleSet(
        name=str(data.get("name") or file.parent.name),
        folder=file.parent,
        documents=frozenset(documents),
        customization=tuple(_texts(file, data, "customization", needed=False)),
        files=tuple(file.parent / name for name in files),
    )


def _texts(file: Path, data: dict[str, Any], key: str, *, needed: bool = True) -> list[str]:
    value = data.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value) or (needed and not value):
        raise _error(file, f"{key} must be a list of texts")
    return value


def _error(file: Path, why: str) -> RuleSetError:
    return RuleSetError(f"The rule set {file.parent.name} cannot be used: {why}.")
