"""What differs from its order waits for a person where the profile says so, and only there."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.pipeline import operations as pipeline_operations
from tests.pipeline.pipelinekit import Kit
from tests.pipeline.test_orders import submit

HOLD: dict[str, Any] = {"received": {"810": {"tolerances": {"hold": True}}}}


def place(kit: Kit, **documents: Any) -> None:
    """Our order PO-77: 10 pieces at 8.50, 4 at 2.00."""
    kit.befriend(documents=documents or HOLD)
    item = {"scheme": "vendor_item", "value": "AS-1"}
    lines = [
        {"line_id": "1", "quantity": "10", "unit": "EA", "price": "8.50", "item_ids": [item]},
        {"line_id": "2", "quantity": "4", "unit": "EA", "price": "2.00", "item_ids": [{**item, "value": "AS-2"}]},
    ]
    submit(
        kit,
        {
            "kind": "order",
            "receiver": "harbor",
            "number": "PO-77",
            "issue_date": "2026-11-20",
            "currency": "USD",
            "lines": lines,
        },
    )


def invoice(number: str = "I-1", price: str = "8.5", quantity: str = "10", order: str = "PO-77") -> bytes:
    """Their invoice of the first line."""
    total = int(float(price) * float(quantity) * 100)
    control = 500 + int(number.removeprefix("I-"))
    return (
        "ISA*00*          *00*          *ZZ*HARBORRETAIL   *ZZ*ALPINESUPPLY   *261122*1200*U*00401*"
        f"{control:09d}*0*P*>~"
        f"GS*IN*HARBORRETAIL*ALPINESUPPLY*20261122*1200*{control}*X*004010~ST*810*0001~"
        f"BIG*20261122*{number}*20261120*{order}~IT1*1*{quantity}*EA*{price}**VN*AS-1~TDS*{total}~CTT*1~"
        f"SE*6*0001~GE*1*{control}~IEA*1*{control:09d}~"
    ).encode()


def state(kit: Kit, number: str = "I-1") -> str:
    (row,) = kit.documents(kind="invoice", number=number)
    return row.processing


def receive(kit: Kit, data: bytes) -> None:
    kit.receive(data)
    kit.work()


def test_an_invoice_as_ordered_goes_on(kit: Kit) -> None:
    place(kit)
    receive(kit, invoice())
    assert state(kit) == "posted"


def test_another_price_waits_with_a_sentence_and_goes_on_when_released(kit: Kit) -> None:
    place(kit)
    receive(kit, invoice(price="8.75"))
    assert state(kit) == "held"
    case = kit.case()
    assert case.fault == "order_difference"
    assert case.title.startswith("810 I-1 from Harbor Retail differs from the order PO-77.")
    assert "8.75" in case.title and "8.5" in case.title
    (row,) = kit.documents(kind="invoice")
    assert kit.partner.sent, "the partner was told by a 997 that the invoice arrived"
    pipeline_operations.OPERATIONS["message.replay"](kit.pipeline, {"id": row.id, "actor": "olga"})
    kit.work()
    assert state(kit) == "posted"


def test_a_difference_within_the_tolerance_goes_on(kit: Kit) -> None:
    place(kit, received={"810": {"tolerances": {"hold": True, "price_percent": 5}}})
    receive(kit, invoice(price="8.75"))
    assert state(kit) == "posted"


def test_without_hold_it_is_only_shown(kit: Kit) -> None:
    place(kit, received={"810": {"tolerances": {"hold": False}}})
    receive(kit, invoice(price="8.75"))
    assert state(kit) == "posted"


def test_the_invoice_that_goes_beyond_what_was_ordered_waits(kit: Kit) -> None:
    place(kit)
    receive(kit, invoice("I-1", quantity="7"))
    receive(kit, invoice("I-2", quantity="7"))
    assert (state(kit, "I-1"), state(kit, "I-2")) == ("posted", "held")
    assert "4 EA more invoiced than ordered" in kit.case().title


@pytest.mark.parametrize(
    ("order", "said"), [("", "names no order"), ("PO-99", "the order PO-99, which never came or went here")]
)
def test_an_invoice_without_a_known_order_waits(kit: Kit, order: str, said: str) -> None:
    place(kit)
    receive(kit, invoice(order=order))
    assert state(kit) == "held"
    assert said in kit.case().title


def test_the_partners_of_one_profile_only(kit: Kit) -> None:
    place(kit, received={"855": {"tolerances": {"hold": True}}})
    receive(kit, invoice(price="8.75"))
    assert state(kit) == "posted", "the setting is for one kind of document"
