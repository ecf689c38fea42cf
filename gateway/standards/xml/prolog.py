"""What stands before the first element: the encoding a file is written in, and its DOCTYPE, judged before parsing.

Only encodings are taken in which markup can be counted byte by byte, or that Python turns into such (UTF-16). Every
DOCTYPE is refused but one, the bare reference by which cXML names its version; that one is never fetched.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Final, NoReturn

from gateway.standards.xml.limits import XmlLimits
from gateway.standards.xml.refusal import XmlRefused

__all__ = ["CXML_DTD", "Prolog", "encoding_named", "may_be_xml", "read_prolog"]

#: The address of a cXML DTD; its version is the group.
CXML_DTD: Final = re.compile(
    r"https?://xml\.cxml\.org/schemas/cxml/(\d{1,3}(?:\.\d{1,4}){1,3})/\w{1,40}\.dtd", re.IGNORECASE
)

#: Name in the XML declaration, in lower case → encoding as we call it.
_ENCODINGS: Final = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "us-ascii",
    "ascii": "us-ascii",
    "iso-8859-1": "iso-8859-1",
    "iso8859-1": "iso-8859-1",
    "iso_8859-1": "iso-8859-1",
    "latin1": "iso-8859-1",
    "windows-1252": "windows-1252",
    "cp1252": "windows-1252",
    "utf-16": "utf-16",
    "utf-16le": "utf-16",
    "utf-16be": "utf-16",
}
#: Encoding → how many bytes of UTF-8 one byte of it may become.
_GROWTH: Final = {"utf-8": 1, "us-ascii": 1, "iso-8859-1": 2, "windows-1252": 3, "utf-16": 2}
_READ: Final = "UTF-8, US-ASCII, UTF-16, ISO-8859-1 and windows-1252"
_ENCODING_FIX: Final = "Ask the sender to write the file in UTF-8."
_WHAT_FIX: Final = "Ask the sender what the file is, and for the document itself."

#: First bytes → what a file is that is not text in a permitted encoding.
_NOT_TEXT: Final[tuple[tuple[bytes, str, str], ...]] = (
    (b"\xff\xfe\x00\x00", "XML-encoding", "The file is written in UTF-32"),
    (b"\x00\x00\xfe\xff", "XML-encoding", "The file is written in UTF-32"),
    (b"<\x00\x00\x00", "XML-encoding", "The file is written in UTF-32"),
    (b"\x00\x00\x00<", "XML-encoding", "The file is written in UTF-32"),
    (b"\x4c\x6f\xa7\x94", "XML-encoding", "The file is written in EBCDIC"),
    (b"+/v", "XML-encoding", "The file is written in UTF-7"),
)
_WIDE: Final = (
    (codecs.BOM_UTF16_LE, "utf-16-le", 2),
    (codecs.BOM_UTF16_BE, "utf-16-be", 2),
    (b"<\x00?\x00", "utf-16-le", 0),
    (b"\x00<\x00?", "utf-16-be", 0),
)
_WIDE_BARE: Final = re.compile(rb"(?:[\t\n\r ]\x00){0,64}<\x00[^\x00]|(?:\x00[\t\n\r ]){0,64}\x00<\x00")
_XML_STARTS: Final = (
    *(first for first, _, what in _NOT_TEXT if "UTF-7" not in what),
    b"+/v8-ADw",
    b"+ADw-",
    *(b"<\x00", b"\x00<"),
)
#: Bytes in which the first character that is no blank is looked for.
_HEAD: Final = 65_536
#: Characters of UTF-16 that are turned into UTF-8 at a time.
_CHUNK: Final = 1 << 20

_SOMETHING: Final = re.compile(rb"[^ \t\r\n\x00\x1a]")
_SPACE: Final = rb"[ \t\r\n]"
_DECLARATION: Final = re.compile(
    rb"<\?xml" + _SPACE + rb"{1,99}version" + _SPACE + rb"{0,99}=" + _SPACE
    + rb"""{0,99}(?:"[\w.]{1,20}"|'[\w.]{1,20}')"""
    rb"(?:" + _SPACE + rb"{1,99}encoding" + _SPACE + rb"{0,99}=" + _SPACE
    + rb"""{0,99}(?:"([A-Za-z][\w.:-]{0,60})"|'([A-Za-z][\w.:-]{0,60})'))?"""
    rb"(?:" + _SPACE + rb"{1,99}standalone" + _SPACE + rb"{0,99}=" + _SPACE + rb"""{0,99}(?:"\w{1,5}"|'\w{1,5}'))?"""
    + _SPACE + rb"{0,99}\?>"
)  # fmt: skip
_BLANK: Final = re.compile(_SPACE + rb"*")
#: Parts that may stand before a DOCTYPE: opening → closing mark.
_MISCELLANEOUS: Final = ((b"<!--", b"-->"), (b"<?", b"?>"))
_DOCTYPE: Final = re.compile(rb"<!DOCTYPE(?![A-Za-z])", re.IGNORECASE)
_BARE_CXML: Final = re.compile(
    rb"<!DOCTYPE" + _SPACE + rb"{1,99}cXML" + _SPACE + rb"{1,99}SYSTEM" + _SPACE
    + rb"""{1,99}(?:"([^"<>&%\[\]]{1,200})"|'([^'<>&%\[\]]{1,200})')""" + _SPACE + rb"{0,99}>"
)  # fmt: skip
_WEB_PAGE: Final = re.compile(rb"<(?:!DOCTYPE[ \t\r\n]{1,99})?html(?![\w.:-])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Prolog:
    """What is known of a file before its first element is read."""

    #: "utf-8", "us-ascii", "utf-16", "iso-8859-1" or "windows-1252".
    encoding: str
    #: The file in a form whose markup is ASCII bytes: the file itself, or UTF-8 made from its UTF-16.
    scanned: bytes | bytearray
    #: How many bytes of UTF-8 one byte of the file may become.
    growth: int
    #: Where the first element begins in `scanned`.
    root_at: int
    #: The address of the cXML DTD that the DOCTYPE names, else None.
    doctype_system: str | None


def may_be_xml(data: bytes) -> bool:
    """Whether a file begins like XML in any encoding, also in one that is refused."""
    if data.startswith(_XML_STARTS):
        return True
    head = data[:_HEAD]
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return head[2:].translate(None, b" \t\r\n\x00")[:1] == b"<"
    return head.removeprefix(codecs.BOM_UTF8).lstrip(b" \t\r\n")[:1] == b"<"


def encoding_named(name: str) -> str | None:
    """The encoding that a name stands for, as we call it; None when it is not read here."""
    return _ENCODINGS.get(name.lower())


def read_prolog(data: bytes, limits: XmlLimits, *, allow_cxml: bool = True) -> Prolog:
    """Judge the encoding, the XML declaration and the DOCTYPE. Raises XmlRefused."""
    if not _SOMETHING.search(data):
        raise XmlRefused("XML-empty", "The file is empty.", "Ask the sender to send it again.")
    for first, code, what in _NOT_TEXT:
        if data.startswith(first):
            raise XmlRefused(code, f"{what}; only {_READ} are read.", _ENCODING_FIX, offset=0)
    marked, scanned, start = _as_ascii_markup(data, limits)
    declared, after = _declaration(scanned, start)
    encoding = _agreed(marked, declared)
    root_at, system = _to_the_root(scanned, after, allow_cxml)
    return Prolog(encoding, scanned, _GROWTH[encoding], root_at, system)


def _as_ascii_markup(data: bytes, limits: XmlLimits) -> tuple[str | None, bytes | bytearray, int]:
    """The encoding that a byte order mark names, the bytes to scan, and where the text begins in them."""
    if data.startswith(codecs.BOM_UTF8):
        return "utf-8", data, len(codecs.BOM_UTF8)
    for mark, codec, skipped in _WIDE:
        if data.startswith(mark):
            return "utf-16", _narrowed(data, codec, skipped, limits), 0
    if _WIDE_BARE.match(data):
        message = "The file is UTF-16 text without a byte order mark and without an XML declaration."
        raise XmlRefused("XML-encoding", message, _ENCODING_FIX, offset=0)
    return None, data, 0


def _narrowed(data: bytes, codec: str, start: int, limits: XmlLimits) -> bytearray:
    """UTF-16 as UTF-8, a piece at a time. Raises XmlRefused where it is broken or becomes too large."""
    decoder = codecs.getincrementaldecoder(codec)()
    narrow = bytearray()
    for at in range(start, len(data), _CHUNK):
        try:
            narrow += decoder.decode(data[at : at + _CHUNK], at + _CHUNK >= len(data)).encode()
        except UnicodeError as error:
            message = "The file says that it is UTF-16, but its bytes are not."
            raise XmlRefused("XML-encoding", message, _ENCODING_FIX, offset=at) from error
        if len(narrow) > limits.max_bytes:
            message = f"The file has more than {limits.max_bytes:,} bytes as UTF-8, which is the most for this partner."
            raise XmlRefused("XML-too-large", message, "Ask the sender to split it, or raise the partner's limit.")
    return narrow


def _declaration(scanned: bytes | bytearray, start: int) -> tuple[str | None, int]:
    """The encoding that the XML declaration names, and where the declaration ends."""
    head = bytes(scanned[start : start + 6])
    if not re.match(rb"<\?xml[ \t\r\n]", head):
        return None, start
    found = _DECLARATION.match(scanned, start)
    if found is None:
        message = "Line 1: the XML declaration is damaged."
        fix = 'Ask the sender to begin the file with <?xml version="1.0" encoding="UTF-8"?>.'
        raise XmlRefused("XML-not-well-formed", message, fix, line=1, offset=start)
    named = found[1] or found[2]
    return (named.decode("ascii") if named else None), found.end()


def _agreed(marked: str | None, declared: str | None) -> str:
    """The one encoding that byte order mark and declaration agree on."""
    if declared is None:
        return marked or "utf-8"
    encoding = encoding_named(declared)
    if encoding is None:
        message = f'Line 1: the file names the encoding "{declared}"; only {_READ} are read.'
        raise XmlRefused("XML-encoding", message, _ENCODING_FIX, line=1)
    if (marked or encoding) != encoding or (marked is None and encoding == "utf-16"):
        truth = (marked or "not UTF-16").upper().replace("NOT", "not")
        message = f'Line 1: the XML declaration names the encoding "{declared}", but the file is {truth}.'
        fix = "Ask the sender to name the true encoding, or to write the file in UTF-8."
        raise XmlRefused("XML-encoding", message, fix, line=1)
    return encoding


def _to_the_root(scanned: bytes | bytearray, at: int, allow_cxml: bool) -> tuple[int, str | None]:
    """Where the first element begins, and the DTD that a permitted DOCTYPE names."""
    system: str | None = None
    while True:
        blank = _BLANK.match(scanned, at)
        at = blank.end() if blank else at
        for opening, closing in _MISCELLANEOUS:
            if scanned.startswith(opening, at):
                end = scanned.find(closing, at + len(opening))
                if end < 0:
                    what = "comment" if opening == b"<!--" else "processing instruction"
                    _refuse_shape(scanned, at, f"a {what} is opened and never closed.")
                at = end + len(closing)
                break
        else:
            if _WEB_PAGE.match(scanned, at):
                message = "The file is a web page (HTML), mostly the error page of a server, and not a document."
                raise XmlRefused("XML-web-page", message, _WHAT_FIX, offset=at)
            if not _DOCTYPE.match(scanned, at):
                break
            if system is not None:
                _refuse_doctype(scanned, at)
            system, at = _doctype(scanned, at, allow_cxml)
    if not scanned.startswith(b"<", at):
        message = "The file does not begin with an XML element: it is not an XML document."
        raise XmlRefused("XML-not-xml", message, _WHAT_FIX, offset=at)
    return at, system


def _doctype(scanned: bytes | bytearray, at: int, allow_cxml: bool) -> tuple[str, int]:
    """The address in a bare cXML DOCTYPE and where it ends; every other one is refused."""
    found = _BARE_CXML.match(scanned, at) if allow_cxml else None
    system = (found[1] or found[2]).decode("utf-8", "replace") if found else ""
    if found is None or not CXML_DTD.fullmatch(system):
        _refuse_doctype(scanned, at)
    return system, found.end()


def _refuse_doctype(scanned: bytes | bytearray, at: int) -> NoReturn:
    line = scanned.count(b"\n", 0, at) + 1
    message = (
        f"Line {line:,}: the file has a DOCTYPE. It can define entities and name files to be read, so it is refused; "
        "the one that is taken is cXML's own, such as <!DOCTYPE cXML SYSTEM \"http://xml.cxml.org/schemas/cXML/"
        '1.2.063/cXML.dtd">, with nothing else in it.'
    )
    fix = "Ask the sender to leave the DOCTYPE out; documents are checked against our own schemas."
    raise XmlRefused("XML-doctype", message, fix, line=line, offset=at)


def _refuse_shape(scanned: bytes | bytearray, at: int, what: str) -> NoReturn:
    line = scanned.count(b"\n", 0, at) + 1
    fix = "Ask the sender to send the whole file again."
    raise XmlRefused("XML-not-well-formed", f"Line {line:,}: {what}", fix, line=line, offset=at)
