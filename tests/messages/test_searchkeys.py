"""Keys inside documents: what is kept, how it is spelled, and that a search finds the document by it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.messages import searchkeys
from gateway.messages.models import Document
from gateway.messages.queries_list import Filters, search_messages
from gateway.messages.searchkeys import add_keys, keys_of, normalise
from gateway.store import payloads
from gateway.store.engine import Store

NOTICE = {
    "kind": "ship_notice",
    "references": [{"type": "bill_of_lading", "value": "bol 77 12"}, {"type": "department", "value": "038"}],
    "units": [
        {
            "level": {"value": "shipment"},
            "shipment_id": "SHIP-9",
            "units": [
                {
                    "order": {"number": "4500012"},
                    "references": [{"type": "tracking_number", "value": "1Z999AA10123456784"}],
                    "units": [
                        {
                            "marks": [
                                {"type": "sscc_20", "value": "00006141410000000018"},
                                {"type": "carrier_package", "value": "PKG-1", "second_value": "x"},
                            ]
                        }
                    ],
                }
            ],
        }
    ],
}


def test_every_key_of_a_ship_notice_is_kept_at_any_depth() -> None:
    assert keys_of(NOTICE) == {
        ("bill_of_lading", "BOL7712"),
        ("shipment", "SHIP-9"),
        ("order", "4500012"),
        ("tracking_number", "1Z999AA10123456784"),
        ("sscc", "006141410000000018"),
        ("package", "PKG-1"),
        ("package", "X"),
    }


def test_an_invoice_is_found_by_the_orders_it_bills() -> None:
    invoice = {"kind": "invoice", "order_number": "PO-1", "lines": [{"order_number": "PO-2"}], "marks": "none"}
    assert keys_of(invoice) == {("order", "PO-1"), ("order", "PO-2")}
    assert keys_of([]) == set()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("006141410000000018", "006141410000000018"),
        ("00006141410000000018", "006141410000000018"),
        ("(00) 0 0614141 0000000018", "006141410000000018"),
        (" bol 12 ", "BOL12"),
        ("", ""),
    ],
)
def test_a_key_is_looked_for_however_it_is_written(text: str, kept: str) -> None:
    assert normalise(text) == kept


def test_a_document_has_no_more_keys_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searchkeys, "_MOST_KEYS", 3)
    assert len(keys_of(NOTICE)) == 3


def stored(store: Store, document: Document, body: dict[str, Any]) -> int:
    data = json.dumps(body).encode()

    def run(session: Any) -> int:
        staged = payloads.stage_large(store.blobs, data) if len(data) > 600 else data
        payloads.put(session, staged)
        return add_keys(session, document.id, str(body["kind"]), staged)

    count: int = store.writer.run(run)
    return count


@pytest.mark.parametrize("text", ["(00)006141410000000018", "006141410000000018", "bol7712", "SHIP-9"])
def test_a_document_is_found_by_a_key_inside_it(store: Store, add: Any, text: str) -> None:
    notice, other = add(number="SH-1", kind="ship_notice"), add(number="SH-2", kind="ship_notice")
    assert stored(store, notice, NOTICE) == 7
    assert stored(store, other, {"kind": "ship_notice"}) == 0
    with store.read() as session:
        found = search_messages(session, Filters(text=text))
    assert ([row["id"] for row in found["messages"]], found["by"]) == ([notice.id], "key")


def test_documents_without_keys_inside_are_not_read(store: Store, add: Any) -> None:
    with store.read() as session:
        assert add_keys(session, add().id, "order", b"this is not even JSON") == 0
        assert add_keys(session, add().id, "ship_notice", None) == 0
        assert searchkeys.documents_with(session, "  ", 5) == []
