"""The outer shell of every CMS structure: ContentInfo, and the pieces several structures share."""

from __future__ import annotations

from gateway.transports.as2.asn1 import Asn1Error, Node, children, der, expect, read_oid, read_only
from gateway.transports.as2.cms import algorithms as known

__all__ = ["algorithm", "algorithm_of", "content_info", "content_kind", "open_content_info"]

_KINDS: dict[bytes, str] = {
    known.DATA[2:]: "data",
    known.SIGNED_DATA[2:]: "signed",
    known.ENVELOPED_DATA[2:]: "enveloped",
    known.AUTH_ENVELOPED_DATA[2:]: "auth-enveloped",
    known.COMPRESSED_DATA[2:]: "compressed",
}
NULL = b"\x05\x00"


def content_info(kind: bytes, content: bytes) -> bytes:
    """A DER ContentInfo; ``kind`` is the DER object identifier."""
    return der(0x30, kind, der(0xA0, content))


def open_content_info(data: bytes) -> tuple[str, Node]:
    """(kind, the content's SEQUENCE). Raises Asn1Error when it is no ContentInfo or bytes follow it."""
    parts = children(read_only(data, 0x30))
    if len(parts) != 2:
        raise Asn1Error(f"a ContentInfo of {len(parts)} elements")
    inner = children(expect(parts[1], 0xA0))
    if len(inner) != 1:
        raise Asn1Error(f"a ContentInfo with {len(inner)} contents")
    return _KINDS.get(read_oid(parts[0]), "unknown"), expect(inner[0], 0x30)


def content_kind(data: bytes) -> str:
    """What a CMS structure really is, whatever its MIME type says: "signed", "enveloped", "auth-enveloped",
    "compressed", "data" or "unknown". Raises Asn1Error.
    """
    return open_content_info(data)[0]


def algorithm(identifier: bytes, parameters: bytes = b"") -> bytes:
    """A DER AlgorithmIdentifier."""
    return der(0x30, identifier, parameters)


def algorithm_of(node: Node) -> tuple[bytes, Node | None]:
    """(object identifier octets, parameters) of an AlgorithmIdentifier. Raises Asn1Error."""
    parts = children(expect(node, 0x30))
    if not 1 <= len(parts) <= 2:
        raise Asn1Error("an AlgorithmIdentifier of impossible form")
    return read_oid(parts[0]), parts[1] if len(parts) == 2 else None
