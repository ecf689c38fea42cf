"""One segment of bytes into a `Segment` of text."""

from __future__ import annotations

from gateway.standards.edi.model import COMPONENT, REPETITION, Segment, Separators

__all__ = ["parse_segment"]


def parse_segment(
    raw: bytes, separators: Separators, encoding: str = "latin-1", position: int = 0, offset: int = -1
) -> Segment:
    """Split a segment without its terminator; never raises on any bytes.

    Components and repetitions are joined by `COMPONENT` and `REPETITION`; empty elements at the end are not
    kept; blanks at the end of an element are cut unless it holds nothing else. Bytes that are no text in
    `encoding` become U+FFFD.
    """
    text = raw.decode(encoding, "replace")
    tag, *elements = text.split(separators.element)
    while elements and not elements[-1]:
        elements.pop()
    inner = separators.component in text or (separators.repetition or "\0") in text
    if " " in text:
        elements = [element.rstrip(" ") or element for element in elements]
    if inner:
        elements = [_joined(element, separators) for element in elements]
    return Segment(tag, tuple(elements), position, offset)


def _joined(element: str, separators: Separators) -> str:
    joined = element.replace(separators.component, COMPONENT)
    return joined.replace(separators.repetition, REPETITION) if separators.repetition else joined
