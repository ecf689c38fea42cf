"""The second guard against half files: does the content reach the end of its own envelope?

Looks only at the first and the last bytes, so it costs the same for a small file and a large one. It does not judge
the content: what is complete but wrong is the pipeline's to answer.
"""

from __future__ import annotations

import re

__all__ = ["TAIL", "incomplete"]

#: Bytes at the end of a file that are enough to see its end.
TAIL = 8192
_ISA_LENGTH = 106
_SPACE = b" \t\r\n\x00\x1a"
_BOM = b"\xef\xbb\xbf"
_XML_ROOT = re.compile(rb"<([A-Za-z_:\x80-\xff][^\s/>]*)")
_XML_PROLOG = re.compile(rb"\s*(?:<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*(?:\[.*?\])?\s*>)", re.DOTALL)
_XML_EPILOG = ((b"-->", b"<!--"), (b"?>", b"<?"))


def incomplete(head: bytes, tail: bytes, size: int) -> str | None:
    """Why the file cannot be whole, one sentence for people; None when it ends as its own envelope says.

    ``head``: its first bytes (at least 8 KiB when it has them), ``tail``: its last ``TAIL`` bytes, ``size`` in
    bytes. Knows X12 (ISA … IEA), EDIFACT (UNA/UNB … UNZ) and XML (the root element's end tag).
    """
    if size == 0:
        return "The file is empty."
    start = head.removeprefix(_BOM).lstrip(_SPACE)
    if not start:
        return "The file holds nothing but blanks."
    if start.startswith(b"ISA"):
        return _x12(start, tail)
    if start.startswith((b"UNA", b"UNB")):
        return _edifact(start, tail)
    if start.startswith(b"<"):
        return _xml(start, tail)
    return None


def _last_segment(tail: bytes, terminator: bytes) -> bytes | None:
    """The last segment when the data ends with its terminator, else None."""
    body = tail.rstrip(_SPACE)
    if terminator.strip(_SPACE) == b"":  # a line end as the terminator: the blanks at the end hold it
        body = body + terminator if len(body) < len(tail) else body
    if not body.endswith(terminator):
        return None
    return body[: -len(terminator)].rpartition(terminator)[2].strip(_SPACE)


def _x12(start: bytes, tail: bytes) -> str | None:
    if len(start) < _ISA_LENGTH:
        return "The interchange header (ISA) is cut off; the file did not arrive whole."
    element, terminator = start[3:4], start[105:106]
    last = _last_segment(tail, terminator)
    if last is None or not last.startswith(b"IEA" + element):
        return "The file starts with an ISA segment but does not end with its IEA; it did not arrive whole."
    return None


def _edifact(start: bytes, tail: bytes) -> str | None:
    terminator = start[8:9] if start.startswith(b"UNA") and len(start) > 8 else b"'"
    last = _last_segment(tail, terminator)
    if last is None or not last.startswith(b"UNZ"):
        return "The file starts with a UNB segment but does not end with its UNZ; it did not arrive whole."
    return None


def _xml(start: bytes, tail: bytes) -> str | None:
    place = 0
    while (prolog := _XML_PROLOG.match(start, place)) is not None:
        place = prolog.end()
    root = _XML_ROOT.search(start, place)
    if root is None:
        return None  # a prolog longer than what we look at: the parser will say
    end = _without_epilog(tail)
    closing = re.compile(rb"</" + re.escape(root[1]) + rb"\s*>\Z")
    whole = _without_epilog(start[root.start() :])
    if closing.search(end) or (whole.endswith(b"/>") and whole.count(b"<") == 1):
        return None
    name = root[1][:60].decode("utf-8", "replace")
    return f"The XML element <{name}> is not closed at the end of the file; it did not arrive whole."


def _without_epilog(data: bytes) -> bytes:
    """``data`` without the comments, instructions and blanks that may follow the root element."""
    data = data.rstrip(_SPACE)
    for closing, opening in _XML_EPILOG * 8:
        if data.endswith(closing):
            data = data[: max(data.rfind(opening), 0)].rstrip(_SPACE)
    return data
