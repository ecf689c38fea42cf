"""What stands around a pasted message: HTTP and AS2 header lines and MIME layers, taken off one by one for looking.

No signature is checked and nothing is decrypted here: that is the receiving listener's, with its keys.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.transports.as2.cms.compressed import decompress
from gateway.transports.as2.headers import parse_name
from gateway.transports.as2.mime import (
    Entity,
    MimeError,
    Parameters,
    content_type,
    decode_transfer,
    filename_of,
    parse_entity,
    split_multipart,
)
from gateway.transports.as2.refusal import As2Refusal

__all__ = ["Layer", "Opened", "open_layers"]

_REQUEST: Final = re.compile(rb"(?:POST|PUT) [^\r\n]{1,2000} HTTP/1\.[01]\r?\n")
_FIELD: Final = re.compile(rb"[A-Za-z][A-Za-z0-9-]{1,60}:[ \t]?[^\r\n]*\r?\n")
#: Fields of which one must stand in a header block for it to be one.
_TELLING: Final = frozenset({"content-type", "as2-from", "as2-to", "mime-version", "message-id", "content-disposition"})
#: Header fields that are shown, by what they are called.
_SHOWN: Final[Mapping[str, str]] = {
    "as2-from": "AS2-From",
    "as2-to": "AS2-To",
    "message-id": "Message-ID",
    "subject": "Subject",
    "date": "Date",
    "disposition-notification-to": "Receipt wanted",
    "disposition-notification-options": "Receipt options",
    "receipt-delivery-option": "Receipt to be sent to",
    "content-type": "Content-Type",
}
_PKCS7: Final = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_MOST_LAYERS: Final = 8
#: Bytes that a compressed layer may grow to.
_MOST_INFLATED: Final = 10 << 20


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer that was found."""

    #: "Signed", "Compressed", "Encrypted", "Receipt (MDN)" …
    name: str
    #: What it means here, one sentence.
    sentence: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A message with its layers off."""

    #: The innermost bytes; those given when there were no layers; b"" when they cannot be reached.
    payload: bytes
    layers: tuple[Layer, ...] = ()
    #: (name, value) of the header fields worth seeing.
    fields: tuple[tuple[str, str], ...] = ()
    as2_from: str | None = None
    as2_to: str | None = None
    filename: str | None = None
    #: Why it could not be opened to the end; "".
    problem: str = ""

    @property
    def wants_receipt(self) -> bool:
        """True when the sender asks for an MDN."""
        return any(name == "Receipt wanted" for name, _ in self.fields)


def open_layers(data: bytes) -> Opened:
    """Take off what stands around a message. Never raises; plain content comes back as it is."""
    start = data.lstrip(b"\r\n")
    request = _REQUEST.match(start)
    start = start[request.end() :] if request else start
    if not _FIELD.match(start):
        return Opened(data)
    try:
        entity = parse_entity(start)
    except MimeError as error:
        return Opened(data, problem=f"It begins like a MIME message, but {error}.") if request else Opened(data)
    if not _TELLING & set(entity.fields):
        return Opened(data)
    return _opened(entity)


def _opened(entity: Entity) -> Opened:
    fields = tuple((words, entity.get(name)[:500]) for name, words in _SHOWN.items() if entity.get(name))
    layers: list[Layer] = []
    problem, payload, filename = "", b"", None
    try:
        for _ in range(_MOST_LAYERS):
            kind = content_type(entity)
            inner = _inner(entity, kind, layers)
            if inner is None:
                break
            entity = inner
        else:
            problem = f"It has more than {_MOST_LAYERS} layers; AS2 uses three."
        sealed = bool(layers) and layers[-1].name in ("Encrypted", "Receipt (MDN)")
        payload = b"" if sealed or problem else decode_transfer(entity)
        filename = filename_of(entity)
    except MimeError as error:
        problem = f"The MIME structure is broken: {error}."
    except As2Refusal as refusal:
        problem = refusal.reason
    return Opened(
        payload,
        tuple(layers),
        fields,
        as2_from=_name(fields, "AS2-From"),
        as2_to=_name(fields, "AS2-To"),
        filename=filename,
        problem=problem,
    )


def _name(fields: tuple[tuple[str, str], ...], wanted: str) -> str | None:
    value = dict(fields).get(wanted)
    return None if value is None else parse_name(value)


def _inner(entity: Entity, kind: Parameters, layers: list[Layer]) -> Entity | None:
    """The entity below one layer, which is noted; None when there is no layer more that can be taken off."""
    if kind.value == "multipart/signed":
        parts = split_multipart(entity.body, kind.get("boundary"))
        layers.append(Layer("Signed", f"By {kind.get('micalg') or 'an unnamed digest'}; not checked here."))
        return parse_entity(parts[0])
    if kind.value == "multipart/report":
        parts = split_multipart(entity.body, kind.get("boundary"))
        layers.append(Layer("Receipt (MDN)", _receipt(parts)))
        return None
    if kind.value.startswith("multipart/"):
        parts = split_multipart(entity.body, kind.get("boundary"))
        layers.append(Layer("Multipart", f"{len(parts)} parts; the first is looked at."))
        return parse_entity(parts[0])
    if kind.value not in _PKCS7:
        return None
    if kind.get("smime-type") == "compressed-data":
        inflated = decompress(decode_transfer(entity), _MOST_INFLATED)
        layers.append(Layer("Compressed", f"To {len(entity.body):,} bytes from {len(inflated):,}."))
        return parse_entity(inflated)
    sentence = "Only the key of the receiver opens it; the listener does, this page does not use the key."
    layers.append(Layer("Encrypted", sentence))
    return None


def _receipt(parts: tuple[bytes, ...]) -> str:
    """What a receipt says: its disposition line, else its text for people."""
    for part in parts:
        entity = parse_entity(part)
        if content_type(entity).value == "message/disposition-notification":
            body = decode_transfer(entity).decode("utf-8", "replace")
            found = re.search(r"^Disposition:\s*(.+)$", body, re.IGNORECASE | re.MULTILINE)
            if found:
                return f"It says: {found[1].strip()[:200]}. It answers a message of ours; no answer is due."
    return "It answers a message of ours; no answer is due."
