"""The one place where bytes become an XML tree: hardened, capped, and the same for every file from outside.

No other module makes a parser or parses; a test over the source tree holds it so. In order: size, encoding and
DOCTYPE (`prolog`), cost (`limits`), the parse itself without entities, network, DTD and huge texts, then the
DOCTYPE and the encoding once more as libxml2 saw them. What is refused ends in `XmlRefused` with a sentence.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from lxml import etree

from gateway.standards.xml.limits import DEFAULT_LIMITS, MIB, Cost, XmlLimits, cost_of
from gateway.standards.xml.memory import make_room
from gateway.standards.xml.prolog import CXML_DTD, Prolog, encoding_named, read_prolog
from gateway.standards.xml.refusal import XmlRefused, refusal_for

__all__ = [
    "XmlRefused",
    "XmlTree",
    "local_name",
    "masked",
    "namespace_of",
    "parse_file",
    "parse_xml",
    "serialise",
]

#: Files up to this many bytes are parsed by the calling thread, until it has parsed so many bytes in all. Every other
#: file is parsed in a thread of its own: libxml2 keeps each name it met for as long as the thread lives, and the
#: memory of a large tree is best given back to an arena that only large trees use.
_IN_PLACE: Final = MIB // 4
_IN_PLACE_TOGETHER: Final = 64 * MIB
#: The shortest start tag with more attributes than a limit allows is this many bytes for each attribute.
_SHORTEST_ATTRIBUTE: Final = 5
_ATTRIBUTE: Final = re.compile(rb"""[ \t\r\n]*[^ \t\r\n"'<>=/]+[ \t\r\n]*=[ \t\r\n]*(?:"[^"<]*"|'[^'<]*')""")
_TAG_NAME: Final = re.compile(rb"""<[^ \t\r\n"'<>=/!?]+""")
_SECRET: Final = re.compile(
    r"(<(?:[\w.-]{1,60}:)?SharedSecret(?:\s[^<>]{0,2000})?(?<!/)>).*?(?=</(?:[\w.-]{1,60}:)?SharedSecret|\Z)", re.DOTALL
)
_MASK: Final = "********"


@dataclass(frozen=True, slots=True, eq=False)
class XmlTree:
    """One parsed file. The elements are lxml's; nobody changes a tree that was received."""

    #: The outermost element.
    root: etree._Element
    #: "utf-8", "us-ascii", "utf-16", "iso-8859-1" or "windows-1252".
    encoding: str
    #: The address of the cXML DTD that the DOCTYPE names (never fetched); None without one.
    doctype_system: str | None
    #: Namespace declarations of the outermost element: prefix (None = default) → URI.
    namespaces: Mapping[str | None, str]
    #: The bytes it was parsed from, when they are UTF-8; None otherwise.
    data: bytes | None = field(default=None, repr=False)

    @property
    def cxml_version(self) -> str | None:
        """The version in the address of the cXML DTD, "1.2.063"; None without a DOCTYPE."""
        found = CXML_DTD.fullmatch(self.doctype_system or "")
        return found[1] if found else None


class _Account(threading.local):
    """What this thread has parsed so far, in bytes."""

    parsed = 0


_account = _Account()


def parse_xml(data: bytes, limits: XmlLimits = DEFAULT_LIMITS, *, allow_cxml: bool = True) -> XmlTree:
    """The tree of a file from outside; ``allow_cxml`` takes the bare DOCTYPE of cXML.

    Raises XmlRefused for whatever is not an XML document within the limits. Reads, fetches and executes nothing.
    """
    make_room(len(data))
    if len(data) > limits.max_bytes:
        message = f"The file has {len(data):,} bytes; the most for this partner is {limits.max_bytes:,}."
        raise XmlRefused("XML-too-large", message, "Ask the sender to split it, or raise the partner's limit.")
    prolog = read_prolog(data, limits, allow_cxml=allow_cxml)
    cost = _check_cost(prolog, limits)
    if cost.attributes > limits.max_attributes:
        _check_attributes(prolog.scanned, limits)
    root = _parse(data)
    if isinstance(root, _Failure):
        raise refusal_for(root.kind, root.message, root.line, prolog.encoding.upper())
    system = _check_again(root, prolog)
    kept = data if prolog.encoding in ("utf-8", "us-ascii") else None
    return XmlTree(root, prolog.encoding, system, MappingProxyType(dict(root.nsmap)), kept)


def parse_file(path: Path, limits: XmlLimits = DEFAULT_LIMITS) -> XmlTree:
    """The tree of a file on our own disk, such as a schema that an operator put there; no DOCTYPE at all.

    Raises XmlRefused as `parse_xml` does, and OSError when the file cannot be read.
    """
    with path.open("rb") as file:
        return parse_xml(file.read(limits.max_bytes + 1), limits, allow_cxml=False)


def _check_cost(prolog: Prolog, limits: XmlLimits) -> Cost:
    """The bounds of a file that is within the limits. Raises XmlRefused for one that is not."""
    cost = cost_of(prolog.scanned, limits, growth=prolog.growth)
    if cost.elements > limits.max_elements:
        message = f"The file has {cost.elements:,} elements; the most for this partner is {limits.max_elements:,}."
        fix = "Ask the sender to split it into several documents, or raise the partner's limit."
        raise XmlRefused("XML-too-many-elements", message, fix)
    if cost.memory > limits.max_memory:
        message = (
            f"The file would take about {cost.memory // MIB:,} MiB of memory; the most for this partner is "
            f"{limits.max_memory // MIB:,} MiB."
        )
        fix = "Ask the sender to split it into several documents, or raise the partner's limit."
        raise XmlRefused("XML-too-much-memory", message, fix)
    return cost


def _check_attributes(scanned: bytes | bytearray, limits: XmlLimits) -> None:
    """Refuse an element with too many attributes and namespace declarations, before anything is made of them."""
    for start in _long_stretches(scanned, limits.max_attributes * _SHORTEST_ATTRIBUTE):
        name = _TAG_NAME.match(scanned, start)
        if name is None:
            continue
        at, count = name.end(), 0
        while (attribute := _ATTRIBUTE.match(scanned, at)) is not None:
            at, count = attribute.end(), count + 1
            if count > limits.max_attributes:
                line = scanned.count(b"\n", 0, start) + 1
                message = f"Line {line:,}: an element has more than {limits.max_attributes:,} attributes."
                fix = "Ask the sender what the file is; no business document has so many."
                raise XmlRefused("XML-too-many-attributes", message, fix, line=line, offset=start)


def _long_stretches(scanned: bytes | bytearray, least: int) -> Iterator[int]:
    """Where a "<" stands that no other follows within ``least`` bytes: found by leaps from the last one in reach."""
    at = scanned.find(b"<")
    while at >= 0:
        last = scanned.rfind(b"<", at + 1, at + 1 + least)
        if last < 0:
            if at + 1 + least <= len(scanned):
                yield at
            last = scanned.find(b"<", at + 1 + least)
        at = last


@dataclass(frozen=True, slots=True)
class _Failure:
    """What the parser said when it gave up. No exception: its traceback would keep the file in memory."""

    kind: str
    message: str
    line: int | None


def _parse(data: bytes) -> etree._Element | _Failure:
    if len(data) <= _IN_PLACE and _account.parsed + len(data) <= _IN_PLACE_TOGETHER:
        _account.parsed += len(data)
        return _parse_here(data)
    parsed: list[etree._Element | _Failure] = []
    thread = threading.Thread(target=lambda: parsed.append(_parse_here(data)), name="xml-parse")
    thread.start()
    thread.join()
    return parsed[0]


def _parser() -> etree.XMLParser:
    """The hardened parser. What is not named stays at its default: collect_ids=False makes libxml2 load the DTD."""
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False, recover=False
    )


def _parse_here(data: bytes) -> etree._Element | _Failure:
    parser = _parser()
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        first = next(iter(parser.error_log), None)
        if first is None:
            return _Failure("", str(error), error.lineno or None)
        return _Failure(first.type_name, first.message, first.line or None)
    except MemoryError:
        return _Failure("ERR_NO_MEMORY", "out of memory", None)
    for entry in parser.error_log:
        if entry.type_name == "WAR_UNDECLARED_ENTITY":
            return _Failure(entry.type_name, entry.message, entry.line)
    return root


def _check_again(root: etree._Element, prolog: Prolog) -> str | None:
    """DOCTYPE and encoding as libxml2 saw them: they must be what was permitted. The DTD's address, if any."""
    seen = root.getroottree().docinfo
    named = seen.encoding or "UTF-8"
    is_one = encoding_named(named) == prolog.encoding or (named == "UTF-8" and prolog.encoding == "utf-16")
    if not is_one:
        message = f'The file was read as "{seen.encoding}", but it begins like {prolog.encoding.upper()}.'
        raise XmlRefused("XML-encoding", message, "Ask the sender to write the file in UTF-8.")
    if not seen.doctype:
        return None
    subset = seen.internalDTD
    is_bare = subset is None or not (any(subset.iterentities()) or any(subset.iterelements()))
    is_cxml = root.tag == "cXML" and seen.public_id is None and seen.system_url == prolog.doctype_system
    if not (prolog.doctype_system and is_cxml and is_bare):
        message = "The file has a DOCTYPE that does not belong to it; only a cXML document may have one, cXML's own."
        raise XmlRefused("XML-doctype", message, "Ask the sender to leave the DOCTYPE out.")
    return prolog.doctype_system


def local_name(element: etree._Element) -> str:
    """The name of an element without its namespace; "" for a comment or processing instruction."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def namespace_of(element: etree._Element) -> str | None:
    """The namespace of an element; None when it is in none."""
    tag = element.tag
    return tag[1:].rpartition("}")[0] or None if isinstance(tag, str) and tag.startswith("{") else None


def serialise(element: etree._Element, *, doctype: str | None = None) -> bytes:
    """An element as a whole file in UTF-8 with an XML declaration, and the DOCTYPE given."""
    return etree.tostring(element, encoding="UTF-8", xml_declaration=True, with_tail=False, doctype=doctype)


def masked(text: str) -> str:
    """A text in which the content of every SharedSecret (cXML) is replaced by dots, whole or cut off."""
    return _SECRET.sub(lambda found: found[1] + _MASK, text)
