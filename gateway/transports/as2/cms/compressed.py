"""CompressedData (RFC 3274): zlib with hard limits on what comes out."""

from __future__ import annotations

import zlib

from gateway.transports.as2.asn1 import (
    Asn1Error,
    children,
    der,
    expect,
    integer,
    octets,
    read_integer,
    read_oid,
)
from gateway.transports.as2.cms import algorithms as known
from gateway.transports.as2.cms.structure import algorithm, algorithm_of, content_info, open_content_info
from gateway.transports.as2.refusal import As2Refusal, Kind

__all__ = ["compress", "decompress"]

#: A ratio above this is a bomb once more than a mebibyte came out; EDI and XML reach 5 to 30.
MAX_RATIO = 250
_RATIO_FREE = 1 << 20
#: Above this size speed matters more than the last tenth of the size.
_FAST_ABOVE = 4 << 20


def compress(data: bytes) -> bytes:
    """A DER ContentInfo with ``data`` compressed."""
    packed = zlib.compress(data, 1 if len(data) > _FAST_ABOVE else 6)
    encapsulated = der(0x30, known.DATA, der(0xA0, der(0x04, packed)))
    return content_info(known.COMPRESSED_DATA, der(0x30, integer(0), algorithm(known.ZLIB), encapsulated))


def decompress(data: bytes, maximum: int) -> bytes:
    """The content of a ContentInfo with CompressedData, at most ``maximum`` bytes.

    Raises As2Refusal: DECOMPRESS when it is broken, INFLATED when it is too big or its ratio is a bomb's.
    """
    try:
        packed = _packed(data)
    except Asn1Error as error:
        raise As2Refusal(Kind.DECOMPRESS, f"The compressed structure is broken: {error}.") from error
    return _inflate(packed, maximum)


def _packed(data: bytes) -> bytes:
    """The zlib stream inside a CompressedData. Raises Asn1Error."""
    kind, node = open_content_info(data)
    parts = children(node)
    if kind != "compressed" or len(parts) != 3:
        raise Asn1Error("no CompressedData")
    read_integer(parts[0])
    if algorithm_of(parts[1])[0] != known.ZLIB[2:]:
        raise Asn1Error("the compression is not zlib")
    encapsulated = children(expect(parts[2], 0x30))
    if len(encapsulated) != 2 or read_oid(encapsulated[0]) != known.DATA[2:]:
        raise Asn1Error("the compressed content is not plain data")
    inner = children(expect(encapsulated[1], 0xA0))
    if len(inner) != 1:
        raise Asn1Error("the compressed content is missing")
    return octets(inner[0])


def _inflate(packed: bytes, maximum: int) -> bytes:
    by_ratio = max(_RATIO_FREE, len(packed) * MAX_RATIO)
    allowed = min(maximum, by_ratio)
    inflater = zlib.decompressobj()
    try:
        out = inflater.decompress(packed, allowed + 1)
    except zlib.error as error:
        raise As2Refusal(Kind.DECOMPRESS, f"The compressed content is not zlib: {error}.") from error
    if len(out) > allowed:
        limit = f"{maximum} bytes" if allowed == maximum else f"{MAX_RATIO} times its compressed size"
        raise As2Refusal(Kind.INFLATED, f"{len(packed)} compressed bytes inflate to more than the {limit} allowed.")
    if not inflater.eof:
        raise As2Refusal(Kind.DECOMPRESS, "The compressed content is cut off.")
    if inflater.unused_data:
        raise As2Refusal(
            Kind.DECOMPRESS, f"{len(inflater.unused_data)} bytes follow the end of the compressed content."
        )
    return out
