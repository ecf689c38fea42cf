"""Version 3 of SFTP as bytes (draft-ietf-secsh-filexfer-02): packets out of a stream, their fields, and answers.

Nothing here knows a session or a socket. ``PacketStream`` cuts what came into packets, ``Fields`` reads one, and the
functions make whole answers, length included.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from asyncssh.constants import (
    FX_OK,
    FXP_ATTRS,
    FXP_DATA,
    FXP_EXTENDED_REPLY,
    FXP_HANDLE,
    FXP_NAME,
    FXP_STATUS,
    FXP_VERSION,
)

__all__ = [
    "MAX_PACKET",
    "MAX_TRANSFER",
    "Fields",
    "PacketStream",
    "WireError",
    "attrs",
    "data",
    "extended",
    "given_size",
    "handle",
    "names",
    "ok",
    "status",
    "string",
    "version",
]

#: Bytes of the longest packet that is taken: a WRITE with room to spare.
MAX_PACKET = 1024 * 1024
#: Bytes of one READ or WRITE that we announce (limits@openssh.com).
MAX_TRANSFER = 255 * 1024

_LENGTH = 4
_OK = struct.Struct(">IBIIII")
_STATUS = struct.Struct(">IBII")
_HANDLE = struct.Struct(">IBII")
_HEAD = struct.Struct(">IBI")
_READ_32, _READ_64 = struct.Struct(">I"), struct.Struct(">Q")

# What attributes may hold (section 5 of the draft).
_SIZE, _OWNER, _MODE, _TIMES, _EXTENDED = 0x1, 0x2, 0x4, 0x8, 0x8000_0000


class WireError(ValueError):
    """A packet that is not what the protocol says; its text is safe to send to the client."""


class PacketStream:
    """Cuts a stream into packets, however its bytes arrive; at most one packet's bytes are kept beyond a feed."""

    def __init__(self) -> None:
        self._buffer = b""
        self._at = 0
        self._more: list[bytes] = []
        self._held = 0
        self._wanted = _LENGTH

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return self._held

    def feed(self, some: bytes) -> None:
        """Take the next bytes of the stream."""
        self._held += len(some)
        if self._at == len(self._buffer) and not self._more:
            self._buffer, self._at = some, 0
        else:
            self._more.append(some)

    def next(self) -> bytes | None:
        """The next whole packet without its length, None when more must come. Raises WireError when it is too long."""
        if self._held < self._wanted:
            return None
        if self._wanted == _LENGTH:
            self._join()
            length: int = _READ_32.unpack_from(self._buffer, self._at)[0]
            if length > MAX_PACKET:
                raise WireError(f"A packet may have at most {MAX_PACKET} bytes.")
            self._wanted = _LENGTH + length
            if self._held < self._wanted:
                return None
        self._join()
        end = self._at + self._wanted
        packet = self._buffer[self._at + _LENGTH : end]
        self._held -= self._wanted
        self._at, self._wanted = end, _LENGTH
        return packet

    def _join(self) -> None:
        """Have what is wanted in one piece."""
        if self._more and len(self._buffer) - self._at < self._wanted:
            self._buffer = b"".join((self._buffer[self._at :], *self._more))
            self._at = 0
            self._more.clear()


class Fields:
    """The fields of one packet, read one after the other. Every method raises WireError at the packet's end."""

    __slots__ = ("_at", "_packet")

    def __init__(self, packet: bytes, at: int = 0) -> None:
        self._packet = packet
        self._at = at

    def uint32(self) -> int:
        """A number of 4 bytes."""
        return self._number(_READ_32)

    def uint64(self) -> int:
        """A number of 8 bytes."""
        return self._number(_READ_64)

    def string(self) -> bytes:
        """Bytes with their length before them."""
        start, end = self._bounds()
        return self._packet[start:end]

    def view(self) -> memoryview:
        """The same without a copy, for data."""
        start, end = self._bounds()
        return memoryview(self._packet)[start:end]

    def end(self) -> None:
        """Nothing may follow."""
        if self._at != len(self._packet):
            raise WireError("The packet goes on after its last field.")

    def _bounds(self) -> tuple[int, int]:
        """Where the bytes of a string are; what follows is read next."""
        start = self._at + _LENGTH
        end = start + self._number(_READ_32)
        if end > len(self._packet):
            raise WireError("The packet ends within a field.")
        self._at = end
        return start, end

    def _number(self, kind: struct.Struct) -> int:
        try:
            found: int = kind.unpack_from(self._packet, self._at)[0]
        except struct.error:
            raise WireError("The packet ends within a field.") from None
        self._at += kind.size
        return found


def given_size(fields: Fields) -> int | None:
    """Read attributes to their end; the size that they name, None without one. Raises WireError."""
    flags = fields.uint32()
    if flags & ~(_SIZE | _OWNER | _MODE | _TIMES | _EXTENDED):
        raise WireError("The attributes have flags that version 3 does not know.")
    size = fields.uint64() if flags & _SIZE else None
    for numbers in (2 * bool(flags & _OWNER), bool(flags & _MODE), 2 * bool(flags & _TIMES)):
        for _ in range(numbers):
            fields.uint32()
    if flags & _EXTENDED:
        for _ in range(fields.uint32()):
            fields.string()
            fields.string()
    fields.end()
    return size


# -- answers -----------------------------------------------------------------------------------------------------


def version(extensions: Iterable[tuple[bytes, bytes]]) -> bytes:
    """SSH_FXP_VERSION: version 3 and what we add to it."""
    body = b"".join(string(name) + string(value) for name, value in extensions)
    return struct.pack(">IBI", 5 + len(body), FXP_VERSION, 3) + body


def ok(request: int) -> bytes:
    """SSH_FXP_STATUS with SSH_FX_OK."""
    return _OK.pack(17, FXP_STATUS, request, FX_OK, 0, 0)


def status(request: int, code: int, reason: str) -> bytes:
    """SSH_FXP_STATUS with a reason for people."""
    body = string(reason.encode("utf-8", "replace")) + string(b"en-US")
    return _STATUS.pack(9 + len(body), FXP_STATUS, request, code) + body


def handle(request: int, given: bytes) -> bytes:
    """SSH_FXP_HANDLE."""
    return _HANDLE.pack(9 + len(given), FXP_HANDLE, request, len(given)) + given


def data(request: int, some: bytes) -> bytes:
    """SSH_FXP_DATA."""
    return _HANDLE.pack(9 + len(some), FXP_DATA, request, len(some)) + some


def attrs(request: int, encoded: bytes) -> bytes:
    """SSH_FXP_ATTRS."""
    return _HEAD.pack(5 + len(encoded), FXP_ATTRS, request) + encoded


def names(request: int, entries: Sequence[bytes]) -> bytes:
    """SSH_FXP_NAME with entries as they are: name, line of a listing and attributes."""
    body = b"".join(entries)
    return _HANDLE.pack(9 + len(body), FXP_NAME, request, len(entries)) + body


def extended(request: int, body: bytes) -> bytes:
    """SSH_FXP_EXTENDED_REPLY."""
    return _HEAD.pack(5 + len(body), FXP_EXTENDED_REPLY, request) + body


def string(some: bytes) -> bytes:
    """Bytes with their length before them."""
    return _READ_32.pack(len(some)) + some
