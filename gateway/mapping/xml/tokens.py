"""Elements as they stand in the bytes of a file: where each begins, and the markup of one, cut into pieces.

Only markup of the plainest kind is cut: no comments, CDATA sections, entities or namespaces of its own. Whatever is not
of that kind has no tokens, and is read as elements.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

__all__ = ["Markup", "Site", "Token", "token_at"]

#: White space between elements.
_BLANK: Final = rb"[ \t\r\n]*"
_XML: Final = "http://www.w3.org/XML/1998/namespace"
#: "/" of an end tag, name, attributes, "/" of an empty element, and the text behind the tag.
_TAG: Final = re.compile(
    rb"<(/?)([^\s<>/=\"']+)((?:[ \t\r\n]+[^\s<>/=\"']+=\"[^\"<>&\t\r\n]*\")*)[ \t\r\n]*(/?)>([^<&]*)"
)
_ATTRIBUTE: Final = re.compile(rb"([^\s=]+)=\"([^\"]*)\"")
_AFTER_NAME: Final = frozenset((b" ", b"\t", b"\r", b"\n", b"/", b">"))
#: Elements of one learned element.
_MOST: Final = 500


class Markup:
    """The bytes of a file beside the element of it that is read: finds where each of its children begins."""

    __slots__ = ("data", "names", "places", "top", "tries")

    def __init__(self, data: bytes, top: etree._Element) -> None:
        """`data` must be UTF-8, and what `top` was parsed from."""
        self.data = data
        self.top = top
        #: The prefixes in `top`: what a name means.
        self.names = frozenset(top.nsmap.items())
        #: Tag → children of `top` with it → where their markup begins.
        self.places: dict[str, Mapping[etree._Element, int]] = {}
        #: Tag → how often a form was looked for in this file.
        self.tries: dict[str, int] = {}

    def find(self, child: etree._Element, tag: str) -> Mapping[etree._Element, int]:
        """Where the children with the tag of this one begin.

        There are places when that is certain: when as many start tags of this name stand in the file, wherever, as
        there are such children.
        """
        prefix, name = child.prefix, tag.rpartition("}")[2]
        begins = _places_of(self.data, (f"<{prefix}:{name}" if prefix else f"<{name}").encode())
        children = list(self.top.iterchildren(tag))
        found = dict(zip(children, begins, strict=True)) if len(begins) == len(children) else {}
        self.places[tag] = found
        return found


def _places_of(data: bytes, opening: bytes) -> list[int]:
    """Where a start tag begins so and the name ends."""
    find, size = data.find, len(opening)
    found: list[int] = []
    at = find(opening)
    while at >= 0:
        behind = at + size
        if data[behind : behind + 1] in _AFTER_NAME:
            found.append(at)
        at = find(opening, behind)
    return found


@dataclass(slots=True, eq=False)
class Token:
    """One element of the markup."""

    tag: str
    #: Names as lxml writes them.
    attributes: dict[str, str]
    #: The text before the first child.
    text: str
    #: The markup up to each attribute value, and from the last one to the end of the start tag.
    opening: list[bytes]
    children: list[Token] = field(default_factory=list)
    #: The end tag as it stands; empty behind an empty element.
    closing: bytes = b""

    def markup(self) -> bytes:
        """Everything but texts and attribute values."""
        return b"".join((*self.opening, *(child.markup() for child in self.children), self.closing))

    def values(self) -> Iterator[tuple[Site, str]]:
        """The attribute values and the texts of elements without children, in document order."""
        for key, value in self.attributes.items():
            yield (self, key), value
        if not self.children:
            yield (self, ""), self.text
        for child in self.children:
            yield from child.values()

    def expression(self, patterns: Mapping[Site, bytes]) -> bytes:
        """The pattern of the whole element, with one for each value."""
        start, *rest = self.opening
        parts = [re.escape(start)]
        for key, behind in zip(self.attributes, rest, strict=True):
            parts += [patterns[self, key], re.escape(behind)]
        parts.append(_BLANK if self.children else patterns[self, ""])
        for child in self.children:
            parts += [child.expression(patterns), _BLANK]
        return b"".join((*parts, re.escape(self.closing)))


#: An attribute of an element; "" stands for its text.
Site = tuple[Token, str]


def token_at(data: bytes, at: int, names: Mapping[str | None, str]) -> Token | None:
    """The element whose markup begins here; None when there is anything in it that is not plain."""
    open_tokens: list[Token] = []
    for _ in range(2 * _MOST):
        found = _TAG.match(data, at)
        if found is None:
            return None
        ends, name, attributes, empty, text = found.groups()
        at = found.end()
        if ends:
            token = open_tokens.pop()
            token.closing = data[found.start() : found.start(5)]
        else:
            made = _token(data[found.start() : found.start(5)], name, attributes, b"" if empty else text, names)
            if made is None:
                return None
            token = made
            if open_tokens:
                open_tokens[-1].children.append(token)
            if not empty:
                open_tokens.append(token)
                continue
        if not open_tokens:
            return token
        if text.strip():
            return None
    return None


def _token(start: bytes, name: bytes, attributes: bytes, text: bytes, names: Mapping[str | None, str]) -> Token | None:
    tag = _clark(name.decode(), names)
    found: dict[str, str] = {}
    opening: list[bytes] = []
    done = 0
    for value in _ATTRIBUTE.finditer(start):
        opening.append(start[done : value.start(2)])
        done = value.end(2)
    opening.append(start[done:])
    for key, value in _ATTRIBUTE.findall(attributes):
        local = key.decode()
        if local == "xmlns" or local.startswith("xmlns:"):
            return None
        clark = _clark(local, names) if ":" in local else local
        if clark is None:
            return None
        found[clark] = value.decode()
    if tag is None:
        return None
    return Token(tag, found, text.decode(), opening)


def _clark(name: str, names: Mapping[str | None, str]) -> str | None:
    """The name as lxml writes it; None when its prefix is unknown."""
    prefix, colon, local = name.rpartition(":")
    uri = _XML if prefix == "xml" else names.get(prefix or None)
    if colon and uri is None:
        return None
    return f"{{{uri}}}{local}" if uri else name
