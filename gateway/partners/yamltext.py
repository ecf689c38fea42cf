"""YAML text as plain data with the line of every value, read so that nothing in it can surprise.

Every scalar stays the text that was written: ``012`` is not an octal number, ``NO`` is not false, ``~`` is a
segment terminator. Types are the schema's business. Only an empty value or ``null`` means none. Files are
limited in size and depth; tags, several documents, repeated keys and more than a few aliases are refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

import yaml

from gateway.partners.errors import PartnerFileError, Problem

__all__ = ["MAXIMUM_BYTES", "Located", "Path", "dotted", "parse_yaml", "read_text", "whole_file"]

#: Largest partner file in bytes.
MAXIMUM_BYTES = 256 * 1024
MAXIMUM_DEPTH = 20
MAXIMUM_ALIASES = 20
MAXIMUM_VALUES = 20_000

#: Keys and list indexes from the root to a value.
Path = tuple[str | int, ...]

_NULLS = frozenset({"", "null", "Null", "NULL"})
_QUOTE_HINT = "Put values with * > | @ & % ` : # in quotes, and indent with blanks, not tabs."


@dataclass(frozen=True, slots=True)
class Located:
    """Plain data (dict, list, str, None) and where each value stands."""

    data: Any
    #: Path of a value → (file, line of its key or its first character).
    lines: dict[Path, tuple[str, int]] = field(default_factory=dict)


def dotted(path: Path) -> str:
    """A path as people write it: "as2.certificates[0].pem"."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def whole_file(file: str, message: str, fix: str = "") -> PartnerFileError:
    """The error for a file that is wrong as a whole."""
    return PartnerFileError([Problem(file, 0, "", message, fix)])


def read_text(path: FilePath) -> str:
    """The text of a partner file or preset. Raises PartnerFileError when it cannot be had."""
    try:
        size = path.stat().st_size
        if size > MAXIMUM_BYTES:
            raise whole_file(str(path), f"has {size} bytes; a partner file has at most {MAXIMUM_BYTES}.")
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise whole_file(str(path), f"cannot be read: {error.strerror}.", "Check the name and permissions.") from error
    except UnicodeDecodeError as error:
        raise whole_file(str(path), f"is not UTF-8 text (byte {error.start}).", "Save it as UTF-8.") from error


def parse_yaml(text: str, file: str) -> Located:
    """The data of one YAML document. Raises PartnerFileError with every problem found."""
    size = len(text.encode("utf-8", "replace"))
    if size > MAXIMUM_BYTES:
        raise _refused(file, 0, f"has {size} bytes; a partner file has at most {MAXIMUM_BYTES}.", "Split it.")
    try:
        _check_events(text, file)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = f"is not YAML: {error.problem or error.context or 'unknown mistake'}."
        raise _refused(file, 0 if mark is None else mark.line + 1, what, _QUOTE_HINT) from error
    except yaml.YAMLError as error:
        raise _refused(file, 0, f"is not YAML: {' '.join(str(error).split())}.", _QUOTE_HINT) from error
    if node is None:
        raise _refused(file, 0, "is empty.", "Start from a preset in the partners folder.")
    reader = _Reader(file)
    data = reader.value(node, ())
    if reader.problems:
        raise PartnerFileError(reader.problems)
    return Located(data, reader.lines)


def _refused(file: str, line: int, message: str, fix: str = "") -> PartnerFileError:
    return PartnerFileError([Problem(file, line, "", message, fix)])


def _check_events(text: str, file: str) -> None:
    """Refuse what could make reading costly or mean more than plain data, before anything is built."""
    depth = aliases = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = 0 if event.start_mark is None else event.start_mark.line + 1
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
        if depth > MAXIMUM_DEPTH:
            raise _refused(file, line, f"is nested more than {MAXIMUM_DEPTH} levels deep.", "Check the indent.")
        if aliases > MAXIMUM_ALIASES:
            raise _refused(file, line, f"uses more than {MAXIMUM_ALIASES} aliases (*name).", "Write them out.")
        if documents > 1:
            raise _refused(file, line, "holds several documents (---).", "Use a list, or one file for each.")
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise _refused(file, line, f"uses the YAML tag {tag}.", "Remove it: values are plain text.")


class _Reader:
    """Turns composed nodes into plain data and remembers lines and problems."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[Path, tuple[str, int]] = {}
        self.problems: list[Problem] = []
        self._count = 0

    def value(self, node: yaml.Node, path: Path) -> Any:
        """The data of ``node``, whose line is noted under ``path``."""
        self._count += 1
        if self._count > MAXIMUM_VALUES:
            raise _refused(self.file, 0, f"holds more than {MAXIMUM_VALUES} values.", "Split it.")
        self.lines.setdefault(path, (self.file, node.start_mark.line + 1))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        plain = getattr(node, "style", None) is None
        return None if plain and node.value in _NULLS else str(node.value)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._problem(line, path, "a name must be plain text, not a list or group.", _QUOTE_HINT)
                continue
            key = str(key_node.value)
            here = (*path, key)
            if key in found:
                first = self.lines[here][1]
                self._problem(line, here, f"is given twice, first in line {first}.", "Remove one of the two.")
                continue
            self.lines[here] = (self.file, line)
            found[key] = self.value(value_node, here)
        return found

    def _problem(self, line: int, path: Path, message: str, fix: str) -> None:
        self.problems.append(Problem(self.file, line, dotted(path), message, fix))
