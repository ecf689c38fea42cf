"""What `gateway inspect` says about one file of any standard: finds out which, and lets that standard speak."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gateway.standards.edi.options import ValidationOptions
from gateway.standards.edifact.inspect import inspect_edifact, is_edifact
from gateway.standards.x12.check import OptionsFor
from gateway.standards.x12.inspect import inspect_bytes
from gateway.standards.xml.check import DEFAULT_OPTIONS, XmlCheckOptions
from gateway.standards.xml.inspect import inspect_xml
from gateway.standards.xml.prolog import may_be_xml

__all__ = ["inspect_file"]


def inspect_file(
    name: str,
    data: bytes,
    *,
    options: OptionsFor | ValidationOptions | None = None,
    xml_options: XmlCheckOptions = DEFAULT_OPTIONS,
    ack: bool = False,
    now: datetime | None = None,
) -> dict[str, Any]:
    """The inspection of one file, as JSON-able value (DESIGN §9). Never raises. EDIFACT is looked at only.

    ``options`` are the partner's switches for X12, ``xml_options`` those for XML. With ``ack`` the key "ack" holds
    the answer that the file would get, made at the time ``now``.
    """
    if may_be_xml(data):
        return inspect_xml(name, data, options=xml_options, ack=ack, now=now)
    if is_edifact(data):
        return inspect_edifact(name, data)
    return inspect_bytes(name, data, options=options, ack=ack, now=now)
