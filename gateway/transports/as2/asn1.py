"""BER and DER, as much as CMS needs: a reader that cannot be made to recurse or allocate, and a DER writer.

The reader works level by level over the received bytes. Nothing is decoded before it is asked for, lengths
are checked against the bytes that are there, indefinite lengths are followed without recursion, and the
number of elements is limited. Every complaint is an ``Asn1Error``; no input raises anything else. Source:
X.690.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "Asn1Error",
    "Node",
    "bit_string",
    "children",
    "content",
    "der",
    "integer",
    "octets",
    "oid",
    "read",
    "read_integer",
    "read_oid",
    "read_only",
]

SEQUENCE, SET, INTEGER, OCTET_STRING, NULL, OID = 0x30, 0x31, 0x02, 0x04, 0x05, 0x06
#: Elements looked at in one call; a 50 MiB stream cut into 1 KiB chunks has about 51,000.
MAX_ELEMENTS = 200_000
MAX_DEPTH = 24
_CONSTRUCTED = 0x20
_INDEFINITE = -1


class Asn1Error(ValueError):
    """The bytes are not BER, or go beyond our limits."""


@dataclass(frozen=True, slots=True)
class Node:
    """One element: where it stands in the received bytes."""

    data: bytes
    #: Identifier octet (class, constructed bit and number; numbers above 30 do not occur in CMS).
    tag: int
    #: Offset of the identifier octet.
    start: int
    #: Offset of the first content octet.
    body: int
    #: Offset behind the last content octet.
    end: int
    #: Offset behind the element, that is behind the end-of-contents octets of an indefinite length.
    stop: int

    @property
    def raw(self) -> bytes:
        """The element as received, header included."""
        return self.data[self.start : self.stop]


def _header(data: bytes, position: int, limit: int) -> tuple[int, int, int]:
    """(tag, offset of the content, length or _INDEFINITE)."""
    if position + 2 > limit:
        raise Asn1Error(f"the element at byte {position} is cut off")
    tag, first = data[position], data[position + 1]
    if tag & 0x1F == 0x1F:
        raise Asn1Error(f"a tag number above 30 at byte {position} does not occur in CMS")
    position += 2
    if first < 0x80:
        length = first
    elif first == 0x80:
        if not tag & _CONSTRUCTED:
            raise Asn1Error(f"an indefinite length at byte {position - 1} on a primitive element")
        return tag, position, _INDEFINITE
    else:
        count = first & 0x7F
        if count > 8 or position + count > limit:
            raise Asn1Error(f"an impossible length at byte {position - 1}")
        length = int.from_bytes(data[position : position + count], "big")
        position += count
    if length > limit - position:
        raise Asn1Error(f"the element at byte {position} says {length} bytes but {limit - position} are there")
    return tag, position, length


def _end_of_contents(data: bytes, position: int, limit: int) -> int:
    """Offset of the end-of-contents octets that close an indefinite length opened just before ``position``."""
    depth = 1
    for _ in range(MAX_ELEMENTS):
        if data[position : position + 2] == b"\x00\x00" and position + 2 <= limit:
            depth -= 1
            if depth == 0:
                return position
            position += 2
            continue
        _, body, length = _header(data, position, limit)
        if length == _INDEFINITE:
            depth += 1
            if depth > MAX_DEPTH:
                raise Asn1Error(f"indefinite lengths are nested more than {MAX_DEPTH} deep")
            position = body
        else:
            position = body + length
    raise Asn1Error(f"more than {MAX_ELEMENTS} elements")


def read(data: bytes, position: int = 0, limit: int | None = None) -> Node:
    """The element at ``position``. Raises Asn1Error."""
    limit = len(data) if limit is None else limit
    tag, body, length = _header(data, position, limit)
    if length == _INDEFINITE:
        end = _end_of_contents(data, body, limit)
        return Node(data, tag, position, body, end, end + 2)
    return Node(data, tag, position, body, body + length, body + length)


def read_only(data: bytes, tag: int) -> Node:
    """The one element that makes up ``data``, of this tag; bytes behind it are an error. Raises Asn1Error."""
    node = expect(read(data), tag)
    if node.stop != len(data):
        raise Asn1Error(f"{len(data) - node.stop} bytes follow the structure")
    return node


def expect(node: Node, tag: int) -> Node:
    """The node itself if it has this tag. Raises Asn1Error."""
    if node.tag != tag:
        raise Asn1Error(f"tag 0x{node.tag:02X} at byte {node.start} where 0x{tag:02X} belongs")
    return node


def children(node: Node, maximum: int = 1000) -> list[Node]:
    """The elements directly inside a constructed element. Raises Asn1Error."""
    if not node.tag & _CONSTRUCTED:
        raise Asn1Error(f"the element at byte {node.start} has no elements inside")
    found = []
    position = node.body
    while position < node.end:
        child = read(node.data, position, node.end)
        found.append(child)
        if len(found) > maximum:
            raise Asn1Error(f"more than {maximum} elements at byte {node.start}")
        position = child.stop
    return found


def content(node: Node) -> bytes:
    """The content octets as received."""
    return node.data[node.body : node.end]


def octets(node: Node) -> bytes:
    """The value of an OCTET STRING (or implicitly tagged one), chunks joined. Raises Asn1Error."""
    if not node.tag & _CONSTRUCTED:
        return content(node)
    chunks: list[bytes] = []
    open_ends = [node]
    position = node.body
    for _ in range(MAX_ELEMENTS):
        while open_ends and position >= open_ends[-1].end:
            position = open_ends.pop().stop
        if not open_ends:
            return b"".join(chunks)
        child = read(node.data, position, open_ends[-1].end)
        if child.tag == OCTET_STRING:
            chunks.append(content(child))
            position = child.stop
        elif child.tag == OCTET_STRING | _CONSTRUCTED and len(open_ends) < MAX_DEPTH:
            open_ends.append(child)
            position = child.body
        else:
            raise Asn1Error(f"tag 0x{child.tag:02X} at byte {child.start} inside an octet string")
    raise Asn1Error(f"an octet string of more than {MAX_ELEMENTS} chunks")


def read_integer(node: Node) -> int:
    """The value of an INTEGER. Raises Asn1Error."""
    expect(node, INTEGER)
    if not 1 <= node.end - node.body <= 64:
        raise Asn1Error(f"an integer of {node.end - node.body} bytes at byte {node.start}")
    return int.from_bytes(content(node), "big", signed=True)


def read_oid(node: Node) -> bytes:
    """The content octets of an OBJECT IDENTIFIER; compare with ``oid(...)[2:]``. Raises Asn1Error."""
    return content(expect(node, OID))


def der(tag: int, *parts: bytes) -> bytes:
    """One DER element with the joined ``parts`` as content."""
    length = sum(map(len, parts))
    if length < 0x80:
        head = bytes((tag, length))
    else:
        size = length.to_bytes((length.bit_length() + 7) // 8, "big")
        head = bytes((tag, 0x80 | len(size))) + size
    return b"".join((head, *parts))


def integer(value: int) -> bytes:
    """A DER INTEGER."""
    return der(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def bit_string(value: bytes) -> bytes:
    """A DER BIT STRING without unused bits."""
    return der(0x03, b"\x00", value)


def oid(dotted: str) -> bytes:
    """A DER OBJECT IDENTIFIER from its dotted form."""
    first, second, *rest = (int(number) for number in dotted.split("."))
    encoded = bytearray()
    for number in (first * 40 + second, *rest):
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(number & 0x7F | 0x80)
        encoded += bytes(reversed(groups))
    return der(OID, bytes(encoded))
