"""MIME, byte-exact: read header fields, split multiparts by the received bytes, decode transfer encodings,
write.

Nothing is re-serialised: what a signature covers is a slice of what arrived (RFC 4130 §7.3.1, RFC 2046 §5.1).
Strict where leniency has a price: one Content-Type per part, a closing delimiter, and nothing but an optional
line end behind it. Every complaint is a ``MimeError``.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

__all__ = [
    "Entity",
    "FilenameError",
    "MimeError",
    "Parameters",
    "boundary_for",
    "content_type",
    "decode_transfer",
    "filename_of",
    "multipart",
    "parse_entity",
    "parse_parameters",
    "quoted",
    "render_entity",
    "split_multipart",
]

CRLF = b"\r\n"
MAX_HEADER_BYTES = 16_384
MAX_FIELDS = 100
MAX_PARTS = 50
#: Fields that change how a part is read: two of them could be read in two ways.
_SINGLE = frozenset({"content-type", "content-transfer-encoding", "content-disposition", "mime-version"})
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`{|}~/:@?=0-9A-Za-z\[\]<>\x80-\uffff]+")
_PARAMETER_NAME = re.compile(r"[!#$%&'*+\-.^_`{|}~0-9A-Za-z]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
_BASE64_SPACE = re.compile(rb"[ \t\r\n]+")


class MimeError(ValueError):
    """The bytes are not MIME as AS2 uses it."""


class FilenameError(MimeError):
    """The file name of a part cannot be used."""


@dataclass(frozen=True, slots=True)
class Entity:
    """Header fields and content of one body part (or of the HTTP message itself)."""

    #: Names in lower case, values unfolded.
    fields: Mapping[str, str]
    #: The content, transfer encoding left applied.
    body: bytes
    #: Header lines, blank line and content exactly as received; for the HTTP message itself b"".
    raw: bytes = b""

    def get(self, name: str) -> str:
        """The value of a field, "" when it is missing. ``name`` in lower case."""
        return self.fields.get(name, "")


@dataclass(frozen=True, slots=True)
class Parameters:
    """A structured value: ``multipart/signed; micalg=sha-256`` or ``attachment; filename="a.edi"``."""

    #: In lower case.
    value: str
    #: Names in lower case.
    parameters: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """A parameter, "" when it is missing."""
        return self.parameters.get(name, "")


def parse_entity(raw: bytes, *, unique: bool = False) -> Entity:
    """Read the header fields of a body part. An empty header block is legal (RFC 2046 §5.1).

    ``unique`` refuses every doubled field, not only the structural ones. Raises MimeError for a line that is
    no field, control characters, doubled structural fields, or limits.
    """
    fields: dict[str, str] = {}
    position = 0
    last = ""
    while True:
        end = raw.find(b"\n", position, position + MAX_HEADER_BYTES)
        if end < 0:
            raise MimeError("the header block of a part has no end")
        line = raw[position : end - 1] if raw[end - 1 : end] == b"\r" and end > position else raw[position:end]
        position = end + 1
        if not line:
            return Entity(fields, raw[position:], raw)
        if position > MAX_HEADER_BYTES or len(fields) > MAX_FIELDS:
            raise MimeError("the header block of a part is too long")
        if line[:1] in (b" ", b"\t"):
            if not last:
                raise MimeError("a part starts with a continuation line")
            fields[last] = f"{fields[last]} {_text(line.strip())}"
            continue
        name, colon, value = line.partition(b":")
        if not colon or not _NAME.fullmatch(name):
            raise MimeError(f"“{_text(line[:40])}” is not a header field")
        last = name.decode("ascii").lower()
        if last in fields and (unique or last in _SINGLE):
            raise MimeError(f"a part has two {last} fields")
        fields[last] = _text(value.strip())


def _text(value: bytes) -> str:
    """A header value as text; UTF-8 where it is, else Latin-1. Raises MimeError for control characters."""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    if _CONTROL.search(text):
        raise MimeError("a header field holds control characters")
    return text


def parse_parameters(value: str) -> Parameters:
    """Read ``type; name=value; name="quoted"``, case-insensitive in names. Raises MimeError.

    Extended values (``filename*=UTF-8''…``, RFC 2231) are decoded under their plain name.
    """
    head, _, rest = value.partition(";")
    found: dict[str, str] = {}
    while rest := rest.strip().lstrip(";").strip():
        match = _PARAMETER_NAME.match(rest)
        if not match:
            raise MimeError(f"“{rest[:40]}” is not a parameter")
        name, rest = match.group().lower(), rest[match.end() :].lstrip()
        if not rest.startswith("="):
            raise MimeError(f"the parameter {name} has no value")
        item, rest = _parameter_value(rest[1:].lstrip(), name)
        if rest.strip() and not rest.lstrip().startswith(";"):
            raise MimeError(f"unexpected text behind the parameter {name}")
        if name.endswith("*"):
            name, item = name[:-1], _extended(item)
            found.pop(name, None)
        if found.setdefault(name, item) != item:
            raise MimeError(f"the parameter {name} is given twice")
    return Parameters(head.strip().lower(), found)


def _parameter_value(rest: str, name: str) -> tuple[str, str]:
    if not rest.startswith('"'):
        match = _TOKEN.match(rest)
        return (match.group(), rest[match.end() :]) if match else ("", rest)
    value: list[str] = []
    characters = iter(range(1, len(rest)))
    for at in characters:
        if rest[at] == '"':
            return "".join(value), rest[at + 1 :]
        if rest[at] == "\\":
            following = next(characters, None)
            if following is None:
                break
            value.append(rest[following])
        else:
            value.append(rest[at])
    raise MimeError(f"the quotes of the parameter {name} are not closed")


def _extended(item: str) -> str:
    charset, _, rest = item.partition("'")
    _, _, encoded = rest.partition("'")
    if charset.lower() not in ("utf-8", "iso-8859-1", "us-ascii"):
        raise MimeError("an extended parameter has an unknown character set")
    try:
        return unquote_to_bytes(encoded).decode(charset)
    except UnicodeDecodeError as error:
        raise MimeError("an extended parameter is not in its character set") from error


def content_type(entity: Entity) -> Parameters:
    """The Content-Type of an entity; ``application/octet-stream`` when missing. Raises MimeError."""
    return parse_parameters(entity.get("content-type") or "application/octet-stream")


def split_multipart(body: bytes, boundary: str) -> tuple[bytes, ...]:
    """The parts of a multipart body, each without the CRLF that belongs to the following delimiter.

    Text before the first delimiter is skipped; behind the closing delimiter only one optional CRLF is allowed
    (null epilogue, RFC 4130 §4.2). Raises MimeError.
    """
    if not _BOUNDARY.fullmatch(boundary):
        raise MimeError("the multipart has no legal boundary")
    mark = b"--" + boundary.encode("ascii")
    parts: list[bytes] = []
    start = -1
    position = 0
    while True:
        at = body.find(mark, position)
        if at < 0:
            raise MimeError("the multipart has no closing delimiter" if parts or start >= 0 else "no delimiter line")
        position = at + len(mark)
        if at > 0 and body[at - 2 : at] != CRLF:
            continue
        end = body.find(CRLF, position)
        tail = body[position:] if end < 0 else body[position:end]
        closing = tail.startswith(b"--")
        if (tail[2:] if closing else tail).strip(b" \t"):
            continue
        if start >= 0:
            if at - 2 < start:
                raise MimeError("two delimiter lines overlap")
            parts.append(body[start : at - 2])
        if closing:
            _null_epilogue(body, end, bool(parts))
            return tuple(parts)
        if end < 0:
            raise MimeError("the multipart ends in the middle of a delimiter line")
        if len(parts) >= MAX_PARTS:
            raise MimeError(f"the multipart has more than {MAX_PARTS} parts")
        start = position = end + 2


def _null_epilogue(body: bytes, end: int, any_part: bool) -> None:
    if not any_part:
        raise MimeError("the multipart has no part")
    if 0 <= end != len(body) - 2:
        raise MimeError("bytes follow the closing delimiter of the multipart")


def decode_transfer(entity: Entity) -> bytes:
    """The content with its transfer encoding removed. Raises MimeError."""
    encoding = entity.get("content-transfer-encoding").strip().lower()
    if encoding in ("", "7bit", "8bit", "binary"):
        return entity.body
    if encoding == "base64":
        try:
            return binascii.a2b_base64(_BASE64_SPACE.sub(b"", entity.body), strict_mode=True)
        except binascii.Error as error:
            raise MimeError(f"the base64 content is broken: {error}") from error
    if encoding == "quoted-printable":
        return binascii.a2b_qp(entity.body)
    raise MimeError(f"unknown transfer encoding “{encoding[:40]}”")


def filename_of(entity: Entity) -> str | None:
    """The file name an entity carries, as a base name; None when there is none.

    Raises FilenameError for an unusable one: more than 255 characters or control characters.
    """
    name = ""
    if disposition := entity.get("content-disposition"):
        name = parse_parameters(disposition).get("filename")
    name = name or content_type(entity).get("name")
    name = re.split(r"[/\\]", name)[-1].strip()
    if not name or name in (".", ".."):
        return None
    if len(name) > 255 or not name.isprintable():
        raise FilenameError("the file name is too long or holds control characters")
    return name


def quoted(value: str) -> str:
    """A quoted parameter value. Control characters and non-ASCII become "_": no header can be injected."""
    clean = "".join(character if " " <= character <= "~" else "_" for character in value)
    escaped = clean.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def render_entity(fields: Sequence[tuple[str, str]], body: bytes) -> bytes:
    """Header lines, blank line and content of a body part."""
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return head.encode("utf-8") + CRLF + body


def multipart(parts: Sequence[bytes], boundary: str) -> bytes:
    """A multipart body with a null epilogue."""
    mark = b"--" + boundary.encode("ascii")
    return b"".join(b"%s\r\n%s\r\n" % (mark, part) for part in parts) + mark + b"--\r\n"


def boundary_for(digest: bytes, role: str) -> str:
    """A boundary that cannot occur in the content it is derived from. ``digest`` is of that content."""
    return f"={role}_{digest.hex()[:40]}"
