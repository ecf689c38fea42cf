"""Canonical names and paths of elements: the same words whatever prefixes a document uses.

`cbc:`, `cac:` and `ext:` stand for the components of UBL; document elements and cXML have no prefix. An element of
any other namespace keeps the prefix of its document.
"""

from __future__ import annotations

from typing import Final

from lxml import etree

__all__ = ["PREFIXES", "canonical_name", "canonical_path"]

_UBL: Final = "urn:oasis:names:specification:ubl:schema:xsd:"
#: Characters of a name that is shown; no name of a business document is longer.
_MOST_NAME: Final = 99
#: Namespace → canonical prefix.
PREFIXES: Final = {
    f"{_UBL}CommonBasicComponents-2": "cbc",
    f"{_UBL}CommonAggregateComponents-2": "cac",
    f"{_UBL}CommonExtensionComponents-2": "ext",
}


def canonical_name(element: etree._Element) -> str:
    """ "cbc:Quantity", "Order", "ItemOut"."""
    qname = etree.QName(element)
    prefix = PREFIXES.get(qname.namespace or "")
    if prefix is None and qname.namespace and not qname.namespace.startswith(_UBL):
        prefix = element.prefix
    name = f"{prefix}:{qname.localname}" if prefix else qname.localname
    return name if len(name) <= _MOST_NAME else name[: _MOST_NAME - 1] + "…"


def canonical_path(element: etree._Element, top: etree._Element | None = None) -> str:
    """ "/Order/cac:OrderLine[2]/cac:LineItem/cbc:Quantity", from `top`, by default the root of the tree.

    A number is given where an element has siblings of its name.
    """
    steps: list[str] = []
    here: etree._Element | None = element
    while here is not None:
        name = canonical_name(here)
        if here is top:
            steps.append(name)
            break
        tag = str(here.tag)
        number = 1 + sum(1 for _ in here.itersiblings(tag, preceding=True))
        alone = number == 1 and next(here.itersiblings(tag), None) is None
        steps.append(name if alone else f"{name}[{number}]")
        here = here.getparent()
    return "/" + "/".join(reversed(steps))
