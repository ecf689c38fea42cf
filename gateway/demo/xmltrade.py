"""The XML part of the demonstration: orders to invoices in UBL over AS2, and in cXML over HTTP.

The same back offices hand in the same kind of JSON; only the partners' profiles name another standard.
"""

from __future__ import annotations

import base64
import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway import resources
from gateway.demo.company import Company
from gateway.demo.names import Names

if TYPE_CHECKING:
    from gateway.demo.story import Story

__all__ = ["trade_in_cxml", "trade_in_ubl"]

_UBL = Names("Order", "OrderResponse", "DespatchAdvice", "Invoice")
_CXML = Names("OrderRequest", "ConfirmationRequest", "ShipNoticeRequest", "InvoiceDetailRequest")
#: Invented GS1 location numbers and network ids of the two companies.
_GLNS = {"alpine-supply": "0088:5790000435975", "harbor-retail": "0088:5798000430012"}
_NETWORK = {"alpine-supply": "AN01000000001", "harbor-retail": "AN01000000002"}
_SECRET = "cxml-demo"  # noqa: S105 - the name under which a fresh secret is stored


def trade_in_ubl(story: Story) -> None:
    """Alpine buys from Harbor in UBL; every document is answered by an ApplicationResponse."""
    buyer, seller = story.alpine, story.harbor
    for one, other in ((buyer, seller), (seller, buyer)):
        one.befriend(
            other,
            "004010",
            ids={"as2": other.as2_name, "peppol": [_GLNS[other.code]]},
            ours={"xml": [_GLNS[one.code]]},
            xml={"standard": "ubl-2.1", "answer_hours": 24},
        )
    _orders(story, buyer, seller, "ubl", _UBL)


def trade_in_cxml(story: Story) -> None:
    """Alpine buys from Harbor in cXML; every request is answered on its own connection."""
    buyer, seller = story.alpine, story.harbor
    secret = base64.b64encode(secrets.token_urlsafe(24).encode("ascii")).decode("ascii")
    for one, other in ((buyer, seller), (seller, buyer)):
        one.call("secret.put", name=_SECRET, kind="plain", value=secret)
        one.befriend(
            other,
            "004010",
            ids={"as2": other.as2_name, "cxml": [{"domain": "NetworkID", "identity": _NETWORK[other.code]}]},
            ours={"xml": [f"NetworkID:{_NETWORK[one.code]}"]},
            xml={
                "standard": "cxml-1.2",
                "url": other.cxml,
                "shared_secret": {"secret": _SECRET},
                "accepted_secrets": [{"secret": _SECRET}],
                "answer_hours": 24,
            },
            delivery={"transport": "http"},
        )
    _orders(story, buyer, seller, "cxml", _CXML)


def _orders(story: Story, buyer: Company, seller: Company, folder: str, names: Names) -> None:
    """Every order of a folder, handed in by the buyer's back office, to its invoice."""
    for path in sorted(Path(resources.find("demo") / folder).glob("order-*.json")):
        order: dict[str, Any] = {**json.loads(path.read_text("utf-8")), "receiver": seller.code}
        story.hand_in(buyer, order)
        story.order_to_cash(buyer, seller, order["number"], names)
