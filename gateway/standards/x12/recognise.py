"""Tells what a file is when it is not an X12 interchange, and says why it cannot be read.

Recognition looks at the first bytes only and never fails; "unknown" is an answer too.
"""

from __future__ import annotations

import re
from typing import Final, Literal

__all__ = ["Format", "recognise"]

Format = Literal["x12", "edifact", "ubl", "cxml", "xml", "unknown"]

_HEAD: Final = 65_536
_BOM: Final = b"\xef\xbb\xbf"
_WIDE_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")
_ONLY_X12: Final = "This release reads X12 only; ask the partner for X12, or send the file back."
_XML_MARKS: Final[tuple[tuple[re.Pattern[bytes], Format, str], ...]] = (
    (re.compile(rb"urn:oasis:names:specification:ubl:schema:xsd:"), "ubl", "a UBL document"),
    (re.compile(rb"<cXML[\s>]|cXML\.dtd|InvoiceDetail\.dtd|Fulfill\.dtd"), "cxml", "a cXML document"),
)
_EDIFACT: Final = re.compile(rb"UNA.{6}\s*UN[BGH]|UNB[^A-Za-z0-9\s]|UN[GH]\+", re.DOTALL)
_X12_INSIDE: Final = re.compile(rb"(?:GS|ST|BEG|BAK|BIG|BSN)[*|^~@]")
_CONTROL_BYTES: Final = bytes(set(range(32)) - set(b"\t\n\r\x07\x0b\x0c\x15\x1a\x1c\x1d\x1e\x1f"))


def recognise(data: bytes) -> tuple[Format, str]:
    """The format of a file in which no X12 interchange begins, and a plain sentence why it cannot be read."""
    if not data:
        return "unknown", "The file is empty. Ask the sender to send it again."
    head = data[:_HEAD].removeprefix(_BOM).lstrip()
    if data[:2] in _WIDE_BOMS or b"I\x00S\x00A\x00" in data[:64]:
        return _recognise_wide(data)
    if not head.strip(b"\x00\x1a"):
        return "unknown", "The file holds only blanks. Ask the sender to send it again."
    if head[:1] == b"<":
        return _recognise_xml(head)
    if _EDIFACT.match(head):
        return "edifact", f"The file is an EDIFACT interchange. {_ONLY_X12}"
    if head.startswith(b"ISA"):
        return "x12", "The ISA segment is cut off or damaged. Ask the sender to send the whole file again."
    if len(head.translate(None, _CONTROL_BYTES)) < len(head) * 0.99:
        return "unknown", (
            "The file is binary data, not text: it may be encrypted, compressed or a picture. "
            "Ask the sender what it is."
        )
    if _X12_INSIDE.match(head):
        tag = head[:3].rstrip(b"*|^~@").decode("ascii")
        return "x12", (
            f"The file begins with {tag} and has no ISA segment, so its sender and separators are not known. "
            "Ask the sender for the whole interchange."
        )
    return (
        "unknown",
        "No ISA segment was found: this is not an X12 interchange. Ask the sender what the file is.",
    )


def _recognise_xml(head: bytes) -> tuple[Format, str]:
    for mark, name, what in _XML_MARKS:
        if mark.search(head):
            return name, f"The file is {what}. {_ONLY_X12}"
    if re.match(rb"<(?:\?xml|!DOCTYPE|!--|[A-Za-z_])", head):
        return "xml", f"The file is XML, neither UBL nor cXML. {_ONLY_X12}"
    return (
        "unknown",
        "No ISA segment was found: this is not an X12 interchange. Ask the sender what the file is.",
    )


def _recognise_wide(data: bytes) -> tuple[Format, str]:
    encoding = "utf-16" if data[:2] in _WIDE_BOMS else "utf-16-le"
    text = data[: _HEAD - _HEAD % 2].decode(encoding, "replace").lstrip("\ufeff \t\r\n")
    if text.startswith("ISA"):
        return "x12", (
            "The file is X12 written as UTF-16 text, two bytes for each character, which X12 does not allow. "
            "Ask the sender to send one byte for each character."
        )
    if text.startswith("<"):
        return _recognise_xml(text.encode("utf-8"))
    return "unknown", "The file is binary data or UTF-16 text, not X12. Ask the sender what it is."
