"""File names: our own made from a template, the partner's judged, and a first look whether a file is all there.

The template language itself is in ``gateway.partners.filenames``, so that a bad template is refused with the profile.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from gateway.messages.ports import Delivery
from gateway.partners.filenames import FIELDS, LONGEST_NAME, file_name_template

__all__ = ["file_name", "file_name_template", "is_wanted", "looks_cut", "name_problem"]

_FIELD = re.compile(r"\{([a-z0-9]+)\}")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_XML_ROOT = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)")
_XML_SKIP = re.compile(rb"\s*(?:<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[.*?\])?\s*>)", re.DOTALL)
_HEAD = 65_536
_ISA_BYTES = 106
#: IEA01, IEA02 and at most a terminator, whatever the separators of the last interchange are.
_IEA_AT_END = re.compile(rb"IEA(.)\d{1,5}\1\d{9}[^A-Za-z0-9]{0,2}$", re.DOTALL)


def file_name(template: str, delivery: Delivery) -> str:
    """The name of one outbound message by a template; the same delivery always gives the same name.

    ``{control}`` and ``{set}`` are read from the payload: ISA13 and the first ST01 of an X12 interchange, the root
    element of an XML document. Raises ValueError for a template that ``file_name_template`` refuses.
    """
    file_name_template(template)
    values = _values(delivery)
    return _FIELD.sub(lambda match: values[match[1]], template)


def _values(delivery: Delivery) -> dict[str, str]:
    id8 = _UNSAFE.sub("", delivery.transmission_id)[-8:] or "00000000"
    set_id, control = _x12_names(delivery.payload)
    values = {
        "partner": delivery.partner,
        "set": set_id or _xml_root(delivery.payload) or "file",
        "control": control or id8,
        "utc": _utc(delivery.created_at),
        "id8": id8,
    }
    return {name: _UNSAFE.sub("_", value)[: FIELDS[name]] for name, value in values.items()}


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _x12_names(payload: bytes) -> tuple[str, str]:
    """(ST01 of the first set, ISA13) of an X12 interchange; a TA1 alone is "TA1"; two empty texts for anything else."""
    if not payload.startswith(b"ISA") or len(payload) < _ISA_BYTES:
        return "", ""
    element, terminator = payload[3:4], payload[105:106]
    control = payload[:_ISA_BYTES].split(element)[13].strip().decode("ascii", "replace")
    for segment in payload[_ISA_BYTES:_HEAD].split(terminator):
        tag, *elements = segment.strip(b"\r\n ").split(element)
        if tag == b"ST" and elements:
            return elements[0].decode("ascii", "replace"), control
        if tag == b"GS":
            continue
        if tag == b"TA1":
            return "TA1", control
    return "", control


def _xml_root(payload: bytes) -> str:
    head = payload[:_HEAD].removeprefix(b"\xef\xbb\xbf")
    while skip := _XML_SKIP.match(head):
        head = head[skip.end() :]
    root = _XML_ROOT.match(head.lstrip())
    return root[1].decode("ascii", "replace") if root else ""


def name_problem(name: bytes) -> str:
    """Why a file with this name on a partner's server is left alone, as a sentence; "" when the name is good."""
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        return "Its name is not UTF-8. Ask the partner for names of plain letters and digits."
    if "/" in text or "\\" in text or not text.isprintable():
        return "Its name holds a slash or a control character. Ask the partner for names of plain letters and digits."
    if len(name) > LONGEST_NAME:
        return f"Its name has more than {LONGEST_NAME} bytes. Ask the partner for shorter names."
    return ""


def is_wanted(name: str, pattern: str, ignore: tuple[str, ...]) -> bool:
    """Whether a file is one to take: it fits ``pattern`` and none of ``ignore`` (shell patterns, case counts)."""
    return fnmatchcase(name, pattern) and not any(fnmatchcase(name, one) for one in ignore)


def looks_cut(payload: bytes) -> bool:
    """True for an interchange without its IEA or an XML document whose root is not closed: perhaps half a file.

    The second guard against files that were read while they were written; the pipeline judges what is taken.
    """
    tail = payload[-_HEAD:].rstrip(b"\r\n \t\x00\x1a")
    if payload.startswith(b"ISA"):
        return _IEA_AT_END.search(tail) is None
    root = _xml_root(payload)
    if not root:
        return False
    while tail.endswith(b"-->"):
        tail = tail[: tail.rfind(b"<!--")].rstrip() if b"<!--" in tail else b""
    name = rb"(?:[\w.-]+:)?" + re.escape(root.encode())
    return re.search(rb"(?:</" + name + rb"\s*|<" + name + rb"(?:\s[^<>]*)?/)>$", tail) is None
