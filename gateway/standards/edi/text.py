"""Values made fit for findings and sentences."""

from __future__ import annotations

from gateway.standards.edi.model import VALUE_LIMIT

__all__ = ["clip", "printable"]


def clip(value: str | None) -> str | None:
    """A value short enough for a finding and free of what cannot be encoded."""
    if value is None:
        return None
    return value[:VALUE_LIMIT].encode("utf-8", "replace").decode("utf-8")


def printable(text: str, limit: int = VALUE_LIMIT) -> str:
    """Text fit for a sentence: clipped, with characters that do not print written as "\\x09"."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[:limit])
