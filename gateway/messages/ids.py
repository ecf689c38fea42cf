"""Identifiers: fresh ones that sort by time, and derived ones that a retry arrives at again."""

from __future__ import annotations

import hashlib
import os
import uuid
from datetime import datetime

__all__ = ["derived_id", "document_id", "new_id"]

#: Namespace of every derived identifier of the gateway.
NAMESPACE = uuid.UUID("5b0c1a52-7d0e-5d3a-9c57-0f6a2f4f8e11")


def new_id(now: datetime) -> str:
    """A fresh UUID (version 7, RFC 9562 §5.7) whose text sorts by ``now`` to the millisecond."""
    milliseconds = int(now.timestamp() * 1000) & ((1 << 48) - 1)
    return _written(milliseconds << 80 | int.from_bytes(os.urandom(10), "big"), version=7)


def derived_id(*parts: object) -> str:
    """The UUID (version 5) of these parts: the same parts give the same identifier for ever."""
    name = "\0".join(str(part) for part in parts).encode()
    digest = hashlib.sha1(NAMESPACE.bytes + name, usedforsecurity=False).digest()
    return _written(int.from_bytes(digest[:16], "big"), version=5)


def _written(value: int, *, version: int) -> str:
    """The text of a UUID of 128 bits, its version and variant (RFC 9562 §4) set; several are made for every message."""
    value = value & ~(0xF << 76) | version << 76
    digits = f"{value & ~(0x3 << 62) | 0x2 << 62:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def document_id(transmission: str, interchange: int, group: int, position: int) -> str:
    """The identifier of the document at a place in a transmission (indexes from 0, as the reader counts)."""
    return derived_id("document", transmission, interchange, group, position)
