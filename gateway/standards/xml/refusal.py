"""Why a file is not read as XML: the refusal, and the sentences for what the parser reports."""

from __future__ import annotations

import re
from typing import Final

from gateway.standards.edi.model import VALUE_LIMIT, Finding

__all__ = ["XmlRefused", "refusal_for"]

_REPAIR: Final = "Ask the sender to correct the program that writes the file and to send it again."
_WHOLE: Final = "Ask the sender to send the whole file again."


class XmlRefused(ValueError):  # noqa: N818  # a refusal is an answer, not a fault
    """A file that is not read any further; nothing of it was looked up, fetched or kept."""

    def __init__(
        self, code: str, message: str, fix: str, *, line: int | None = None, offset: int | None = None
    ) -> None:
        super().__init__(message)
        #: "XML-doctype", "XML-not-well-formed", "XML-encoding", "XML-too-large" …
        self.code = code
        #: Plain sentence: what, where and why.
        self.message = message
        #: What to do about it.
        self.fix = fix
        #: Line of the file, from 1.
        self.line = line
        #: Byte offset in the file.
        self.offset = offset

    @property
    def finding(self) -> Finding:
        """The refusal as a finding of severity error."""
        return Finding(self.code, "error", self.message, self.fix, offset=self.offset, line=self.line)


_ENTITY_FIX: Final = "Ask the sender to write the character itself, or its number such as &#160;, instead of a name."
_CHARACTER_FIX: Final = "Ask the sender to leave the character out, or to write what it stands for."

#: Error type of libxml2 → (code, sentence for the part of its message that the pattern finds, what to do). The
#: sentence stands behind "Line N: ".
_Row = tuple[str, str, str, str]
_ROWS: Final[dict[str, _Row]] = {
    "ERR_TAG_NAME_MISMATCH": (
        "XML-not-well-formed",
        r"mismatch: (?P<a>.+) line (?P<b>\d+) and (?P<c>.+)",
        'the element "{a}" that was opened on line {b} is closed as "{c}".',
        _REPAIR,
    ),
    "ERR_TAG_NOT_FINISHED": (
        "XML-not-well-formed",
        r"in tag (?P<a>.+) line (?P<b>\d+)",
        'the file ends before the element "{a}" of line {b} is closed: it was cut off.',
        _WHOLE,
    ),
    "ERR_DOCUMENT_END": (
        "XML-not-well-formed",
        "",
        "something follows the end of the document; an XML file has exactly one outermost element.",
        "Ask the sender to send each document in a file of its own.",
    ),
    "ERR_RESERVED_XML_NAME": (
        "XML-not-well-formed",
        "",
        "the XML declaration does not stand at the very beginning of the file.",
        "Ask the sender to write nothing, not even a blank line, before it.",
    ),
    "ERR_ATTRIBUTE_REDEFINED": (
        "XML-not-well-formed",
        r"Attribute (?P<a>.+) redefined",
        'the attribute "{a}" stands twice in one element.',
        _REPAIR,
    ),
    "NS_ERR_ATTRIBUTE_REDEFINED": (
        "XML-not-well-formed",
        r"Attribute (?P<a>.+) redefined",
        "the attribute {a} stands twice in one element.",
        _REPAIR,
    ),
    "NS_ERR_UNDEFINED_NAMESPACE": (
        "XML-namespace",
        r"prefix (?P<a>\S+)",
        'the prefix "{a}" is used, but no namespace is declared for it.',
        "Ask the sender to declare the prefix with xmlns on the outermost element.",
    ),
    "ERR_UNDECLARED_ENTITY": (
        "XML-entity",
        r"Entity '(?P<a>.+)' not defined",
        "&{a}; is an entity that XML does not know.",
        _ENTITY_FIX,
    ),
    "WAR_UNDECLARED_ENTITY": (
        "XML-entity",
        r"Entity '(?P<a>.+)' not defined",
        "&{a}; is an entity that XML does not know; definitions in a DTD are never read.",
        _ENTITY_FIX,
    ),
    "ERR_INVALID_ENCODING": (
        "XML-encoding",
        "",
        "the bytes are not {encoding}, which the file says or implies that it is.",
        "Ask the sender to write the file in UTF-8, or to name its true encoding in the XML declaration.",
    ),
    "ERR_INVALID_CHAR": (
        "XML-not-well-formed",
        r"value (?P<a>\d+)|Char 0x(?P<b>[0-9A-Fa-f]+)",
        "the file holds a control character that XML does not allow.",
        _CHARACTER_FIX,
    ),
    "ERR_NAME_REQUIRED": (
        "XML-not-well-formed",
        "",
        'a "<" or "&" is not followed by a name.',
        "Ask the sender to write &lt; and &amp; for these characters in text.",
    ),
    "ERR_ENTITYREF_SEMICOL_MISSING": (
        "XML-not-well-formed",
        "",
        'a "&" stands in the text that is not the beginning of a character reference.',
        "Ask the sender to write &amp; for it.",
    ),
    "ERR_LT_IN_ATTRIBUTE": (
        "XML-not-well-formed",
        "",
        'a "<" stands in the value of an attribute.',
        "Ask the sender to write &lt; for it.",
    ),
    "WAR_UNKNOWN_VERSION": (
        "XML-not-well-formed",
        r"version '(?P<a>.*)'",
        'the file says that it is XML version "{a}"; version 1.0 is read here.',
        "Ask the sender for XML 1.0.",
    ),
    "DTD_XMLID_VALUE": (
        "XML-not-well-formed",
        r"attribute value (?P<a>.*) is not",
        'xml:id is "{a}", which is not a name.',
        _REPAIR,
    ),
    "ERR_UNKNOWN_VERSION": (
        "XML-not-well-formed",
        r"version '(?P<a>.*)'",
        'the file says that it is XML version "{a}"; version 1.0 is read here.',
        "Ask the sender for XML 1.0.",
    ),
    "ERR_NO_MEMORY": (
        "XML-too-much-memory",
        "",
        "there was not enough memory to read the file.",
        "Free memory on this machine, or lower the partner's limits, and replay the message.",
    ),
    "ERR_UNSUPPORTED_ENCODING": (
        "XML-encoding",
        "",
        "the encoding of the file is not read here.",
        "Ask the sender to write the file in UTF-8.",
    ),
}
#: Words of libxml2's message about a limit → (code, sentence, what to do); the first that fits is taken.
_LIMITS: Final = (
    (
        "Excessive depth",
        "XML-too-deep",
        "elements stand more than 256 levels deep in each other; no business document is like that.",
        "Ask the sender what the file is.",
    ),
    (
        "Name too long",
        "XML-name-too-long",
        "a name is longer than 50,000 characters; no business document has such names.",
        "Ask the sender what the file is.",
    ),
    (
        "",
        "XML-text-too-long",
        "one text, comment or attribute is longer than 10,000,000 characters. Mostly this is an embedded attachment.",
        "Ask the sender to send large attachments beside the document, or as a link, instead of inside it.",
    ),
)
_LIMIT_TYPES: Final = ("ERR_RESOURCE_LIMIT", "ERR_NAME_TOO_LONG")
_LIMIT_WORDS: Final = ("too long", "too big", "limit exceeded")


def refusal_for(kind: str, message: str, line: int | None, encoding: str) -> XmlRefused:
    """The refusal for an error of the parser: its type, its own words, and the line it names (None = none)."""
    where = f"Line {line:,}: " if line else ""
    if kind in _LIMIT_TYPES or any(words in message for words in _LIMIT_WORDS):
        _, code, sentence, fix = next(row for row in _LIMITS if row[0] in message)
        return XmlRefused(code, _sentence(where, sentence), fix, line=line)
    row = _ROWS.get(kind)
    found = re.search(row[1], message, re.DOTALL) if row else None
    if row is None or found is None:
        told = _clipped(message.strip().rstrip("."))
        sentence = f'the file is not well-formed XML. The parser says "{told}".'
        return XmlRefused("XML-not-well-formed", _sentence(where, sentence), _REPAIR, line=line)
    values = {name: _clipped(value or "") for name, value in found.groupdict().items()}
    return XmlRefused(row[0], _sentence(where, row[2].format(encoding=encoding, **values)), row[3], line=line)


def _sentence(where: str, text: str) -> str:
    return where + text if where else text[0].upper() + text[1:]


def _clipped(text: str) -> str:
    return text if len(text) <= VALUE_LIMIT else text[: VALUE_LIMIT - 1] + "…"
