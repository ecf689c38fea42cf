"""What a person edits of a message, as text; and how the edited text becomes bytes that the pipeline reads.

The text of an X12 document is its set alone, ST to SE, one segment on each line, in the separators of its interchange:
the envelope is not edited. An XML document is edited whole, a document of ours as its JSON, and a transmission that
cannot be read as the text of its bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from gateway.documents import dump_document, parse_document
from gateway.pipeline.xmlplan import looks_like_xml
from gateway.standards.edi.model import Separators
from gateway.standards.x12.envelope import read_transmission
from gateway.standards.x12.header import IsaHeader, read_isa
from gateway.standards.xml.identify import identify_xml
from gateway.standards.xml.parsing import XmlRefused, masked, parse_xml, serialise

__all__ = [
    "Content",
    "ContentRefusedError",
    "Fault",
    "encoded",
    "json_content",
    "raw_content",
    "segments_of",
    "text_of",
    "whole",
    "x12_content",
    "xml_content",
]

Form: TypeAlias = Literal["x12", "xml", "json", "raw"]
#: Fields of a canonical document that the gateway fills in: they are not edited.
_FILLED = ("id", "direction", "role", "sender", "receiver", "test")
_FILLED_BY_US = ("id", "sender", "receiver")
_ENVELOPE = frozenset({"ISA", "GS", "GE", "IEA"})
_ENCODING = re.compile(r"""(<\?xml[^>]*?encoding\s*=\s*["'])[^"']+""")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a text cannot be taken as it is, and where."""

    #: "PO103 (segment 5)", "/Order/cbc:ID", "lines[0].quantity", or "" for the whole.
    place: str
    message: str
    #: Segment of the set, from 1.
    position: int | None = None


class ContentRefusedError(ValueError):
    """The edited text cannot become a message; ``faults`` say why."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(" ".join(fault.message for fault in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Content:
    """The content of one message before it is edited."""

    form: Form
    text: str
    encoding: str
    #: X12 only: the separators in force, GS08 and ST01, and the bytes around the set.
    separators: Separators | None = None
    version: str = ""
    set_id: str = ""
    head: bytes = b""
    tail: bytes = b""
    #: Texts that are shown as dots (cXML SharedSecret), in their order.
    secrets: tuple[str, ...] = ()


# -- X12 -------------------------------------------------------------------------------------------------------


def x12_content(payload: bytes, place: tuple[int, int, int]) -> Content:
    """One set of a transmission; ``place`` are the indexes of interchange, group and set, from 0.

    Raises ContentRefusedError when it has no envelope to be sent in again.
    """
    interchange = read_transmission(payload).interchanges[place[0]]
    group = interchange.groups[place[1]]
    one = group.sets[place[2]]
    header = read_isa(payload, interchange.offset)
    if not isinstance(header, IsaHeader) or not group.code:
        raise ContentRefusedError([Fault("", "Its envelope (ISA, GS) is not whole, so no copy can be read in it.")])
    separators = interchange.separators
    raw = b"\n".join(one.segments)
    encoding = _encoding_of(raw)
    end = payload.index(separators.segment.encode("latin-1"), group.offset)
    term = (separators.segment + separators.suffix).encode("latin-1")
    gs = payload[group.offset : end].strip(b"\r\n")
    star = separators.element.encode("latin-1")
    trailer = [star.join([b"GE", b"1", group.control.encode("latin-1", "replace")])]
    trailer.append(star.join([b"IEA", b"1", interchange.control.encode("latin-1", "replace")]))
    shown = _shown_end(separators)
    return Content(
        form="x12",
        text="".join(f"{segment.decode(encoding)}{shown}\n" for segment in one.segments),
        encoding=encoding,
        separators=separators,
        version=group.version,
        set_id=one.set_id,
        head=payload[header.offset : header.end] + separators.suffix.encode() + gs + term,
        tail=b"".join(each + term for each in trailer),
    )


def _shown_end(separators: Separators) -> str:
    """The terminator as it stands in the text; one that is a line end or cannot be seen is left out."""
    return separators.segment if separators.segment.isprintable() else ""


def segments_of(content: Content, text: str) -> list[str]:
    """The segments of an edited X12 text, without their terminators. Raises ContentRefusedError."""
    separators = content.separators
    if separators is None:
        raise TypeError(f"{content.form} has no segments")
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    end = _shown_end(separators)
    pieces = [piece.strip("\n") for piece in lines.split(end or "\n")]
    segments = [piece for piece in pieces if piece.strip()]
    faults = [
        Fault(f"segment {number}", f'Segment {number} goes over a line end: "{end}" is missing behind it.', number)
        for number, segment in enumerate(segments, start=1)
        if "\n" in segment
    ]
    if faults:
        raise ContentRefusedError(faults[:20])
    return segments


def text_of(content: Content, segments: Sequence[str]) -> str:
    """The text of some segments, the inverse of ``segments_of``."""
    end = _shown_end(content.separators) if content.separators else ""
    return "".join(f"{segment}{end}\n" for segment in segments)


def _set_bytes(content: Content, text: str) -> bytes:
    separators = content.separators
    segments = segments_of(content, text)
    if separators is None or not segments:
        raise ContentRefusedError([Fault("", "Nothing is left of the set.")])
    tags = [segment.split(separators.element, 1)[0] for segment in segments]
    faults = []
    for number, tag in enumerate(tags, start=1):
        place = f"{tag[:5]} (segment {number})"
        if tag in _ENVELOPE:
            faults.append(Fault(place, f"{place}: the envelope is not edited; take this segment out.", number))
        elif (tag == "ST") != (number == 1) or (tag == "SE") != (number == len(tags)):
            what = "one transaction set, from ST to SE"
            faults.append(Fault(place, f"{place}: the copy holds {what}, each of them once.", number))
    if faults:
        raise ContentRefusedError(faults[:20])
    if tags[0] != "ST":
        raise ContentRefusedError([Fault("ST", "The set does not begin with ST.", 1)])
    term = (separators.segment + separators.suffix).encode("latin-1")
    return b"".join(_bytes(content, segment, number) + term for number, segment in enumerate(segments, start=1))


def _bytes(content: Content, segment: str, number: int) -> bytes:
    try:
        return segment.encode(content.encoding)
    except UnicodeEncodeError as error:
        letter = segment[error.start]
        message = (
            f'Segment {number} holds "{letter}", which the characters of this message ({content.encoding}) have not.'
        )
        raise ContentRefusedError([Fault(f"segment {number}", message, number)]) from None


# -- XML, JSON, bytes ------------------------------------------------------------------------------------------


def xml_content(payload: bytes, index: int) -> Content:
    """One document of an XML file. Raises XmlRefused."""
    tree = parse_xml(payload)
    found = identify_xml(tree)[index].document
    data = payload if found.getparent() is None else serialise(found)
    encoding = tree.encoding if found.getparent() is None else "utf-8"
    text = data.decode(encoding, "replace").removeprefix("\ufeff").replace("\r\n", "\n")
    shown, secrets = _masked(text)
    return Content("xml", shown, encoding, secrets=secrets)


_SHARED = re.compile(
    r"(<(?:[\w.-]{1,60}:)?SharedSecret(?:\s[^<>]{0,2000})?(?<!/)>)(.*?)(?=</(?:[\w.-]{1,60}:)?SharedSecret)", re.S
)
_DOTS = masked("<SharedSecret>x</SharedSecret>")[len("<SharedSecret>") : -len("</SharedSecret>")]


def _masked(text: str) -> tuple[str, tuple[str, ...]]:
    """The text without its secrets, and the secrets."""
    if "SharedSecret" not in text:
        return text, ()
    secrets = tuple(found[2] for found in _SHARED.finditer(text))
    return _SHARED.sub(lambda found: found[1] + _DOTS, text), secrets


def _unmasked(content: Content, text: str) -> str:
    """The text with its secrets again; one that a person wrote over stays as written."""
    left = list(content.secrets)

    def put_back(found: re.Match[str]) -> str:
        secret = left.pop(0) if left else ""
        return found[1] + (secret if found[2] == _DOTS else found[2])

    return _SHARED.sub(put_back, text) if content.secrets else text


def json_content(canonical: bytes) -> Content:
    """A document of ours."""
    document: dict[str, Any] = json.loads(canonical)
    edited = {name: value for name, value in document.items() if name not in _FILLED}
    return Content("json", json.dumps(edited, indent=2, ensure_ascii=False), "utf-8")


def raw_content(payload: bytes) -> Content:
    """The bytes of a transmission of which nothing can be read."""
    if looks_like_xml(payload):
        try:
            tree = parse_xml(payload)
        except XmlRefused:
            pass
        else:
            text = payload.decode(tree.encoding, "replace").removeprefix("\ufeff").replace("\r\n", "\n")
            shown, secrets = _masked(text)
            return Content("raw", shown, tree.encoding, secrets=secrets)
    encoding = _encoding_of(payload)
    shown, secrets = _masked(payload.decode(encoding))
    return Content("raw", shown, encoding, secrets=secrets)


def _encoding_of(raw: bytes) -> str:
    """UTF-8 where the bytes are, else latin-1, in which every byte is a character."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def encoded(content: Content, text: str) -> bytes:
    """The edited text as bytes, without its envelope. Raises ContentRefusedError."""
    if content.form == "x12":
        return _set_bytes(content, text)
    if content.form == "json":
        return text.encode("utf-8", "replace")
    lines = _unmasked(content, text.replace("\r\n", "\n")).encode(content.encoding, "xmlcharrefreplace")
    if not lines.strip():
        raise ContentRefusedError([Fault("", "Nothing is left of the message.")])
    return lines


def whole(content: Content, data: bytes) -> bytes:
    """What the pipeline reads: the content in its envelope; for a document of ours the JSON that it is sent from.

    Raises DocumentError for JSON that is no document.
    """
    if content.form == "x12":
        return content.head + data + content.tail
    if content.form == "json":
        return dump_document(parse_document(data).model_copy(update=dict.fromkeys(_FILLED_BY_US)))
    return data
