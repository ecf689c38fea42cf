"""Our part of `bench xml`: read and validate an order, and map it; as a program, once, to tell the memory it takes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Final

from gateway.bench.rows import peak_rss_mib
from gateway.bench.xml_orders import ORDERS
from gateway.documents import Document
from gateway.mapping.xml.convert import read_checked_document
from gateway.standards.xml.check import XmlCheckOptions, check_xml
from gateway.standards.xml.checked import CheckedXmlDocument

__all__ = ["WORKS", "read_order", "validate_order"]

#: The schema alone: the peers have no business rules.
_SCHEMA_ONLY: Final = XmlCheckOptions(rules=False)


def validate_order(data: bytes) -> CheckedXmlDocument:
    """Parse and validate. Raises RuntimeError when the order is not found valid."""
    (document,) = check_xml(data, _SCHEMA_ONLY).documents
    if document.verdict != "accepted":
        raise RuntimeError(f"The order is {document.verdict}: {document.findings[0].message}")
    return document


def read_order(data: bytes) -> Document:
    """Parse, validate and map to the canonical document."""
    return read_checked_document(validate_order(data)).document


#: Name of a work → what is done.
WORKS: Final[Mapping[str, Callable[[bytes], object]]] = {"parse+xsd": validate_order, "parse+xsd+map": read_order}


if __name__ == "__main__":
    read_order(ORDERS[sys.argv[1]](int(sys.argv[2])))
    sys.stdout.write(json.dumps({"rss_mib": peak_rss_mib()}))
