"""Orders in the store: what a document says of them, lists by an index each, and orders of an older gateway."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import insert, select, text
from sqlalchemy.dialects import sqlite

from gateway.documents import parse_document
from gateway.messages import queries_orders
from gateway.messages.models import Document
from gateway.messages.ordermodels import OrderDocument, OrderFollowUp, PurchaseOrder
from gateway.messages.orders import OrderFacts, facts_of, order_id, role_of
from gateway.messages.queries import CursorError
from gateway.messages.queries_orders import OrderFilters, open_count, order_list, orders_due
from gateway.store import migrations, payloads
from gateway.store.engine import Store, open_store
from gateway.store.migrations import _config

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
Json = dict[str, Any]


# -- what a document says --------------------------------------------------------------------------------------

LINE: Json = {"line_id": "1", "quantity": "3", "unit": "EA", "price": "2.50"}


@pytest.mark.parametrize(
    ("document", "facts"),
    [
        (
            {"kind": "order", "number": "P", "issue_date": "2026-11-01", "currency": "USD", "lines": [LINE, LINE]},
            OrderFacts(("P",), "", date(2026, 11, 1), "15.00", "USD", 2),
        ),
        (
            {"kind": "order", "number": "P", "lines": [{"line_id": "1"}], "total_amounts": [{"amount": "9"}]},
            OrderFacts(("P",), "", None, "9", None, 1),
        ),
        ({"kind": "order", "number": "P", "purpose": "cancellation"}, OrderFacts(("P",), "cancels")),
        ({"kind": "order", "lines": [LINE]}, None),
        (
            {"kind": "order", "number": "P", "lines": [{**LINE, "quantity": "1E99999", "price": "1E999999"}]},
            OrderFacts(("P",), lines=1),
        ),
        ({"kind": "order", "number": "P", "lines": [{**LINE, "quantity": "1E99"}]}, OrderFacts(("P",), lines=1)),
        ({"kind": "order_change", "number": "P", "purpose": "cancellation"}, OrderFacts(("P",), "cancels")),
        ({"kind": "order_change_acknowledgment", "number": "P", "outcome": "rejected"}, OrderFacts(("P",))),
        (
            {"kind": "order_acknowledgment", "number": "P", "outcome": "rejected_no_detail"},
            OrderFacts(("P",), "refuses"),
        ),
        (
            {
                "kind": "ship_notice",
                "number": "S",
                "units": [
                    {"order": {"number": "P"}, "units": [{"order": {"number": "Q"}}, {"shipped": "1"}]},
                    {"item_ids": [{"scheme": "order_number", "value": "R"}], "order": {"number": "P"}},
                ],
            },
            OrderFacts(("P", "Q", "R")),
        ),
        (
            {
                "kind": "invoice",
                "number": "I",
                "order_number": "P",
                "lines": [
                    {**LINE, "order_number": "Q"},
                    {**LINE, "item_ids": [{"scheme": "order_number", "value": "R"}]},
                ],
            },
            OrderFacts(("P", "Q", "R")),
        ),
        (
            {"kind": "receipt_advice", "number": "X", "lines": [{"order_number": "P"}, {"order_number": None}]},
            OrderFacts(("P",)),
        ),
        ({"kind": "inventory_advice", "number": "V"}, None),
        ({"kind": "order_acknowledgment", "number": "9" * 200}, OrderFacts(("9" * 80,))),
    ],
)
def test_what_a_document_says_of_orders(document: Json, facts: OrderFacts | None) -> None:
    assert facts_of(parse_document(document)) == facts


@pytest.mark.parametrize(
    ("kind", "direction", "role"),
    [("order", "in", "sell"), ("invoice", "out", "sell"), ("order", "out", "buy"), ("ship_notice", "in", "buy")],
)
def test_who_orders_follows_from_the_kind_and_the_direction(kind: str, direction: str, role: str) -> None:
    assert role_of(kind, direction) == role


# -- lists -----------------------------------------------------------------------------------------------------


def rows(count: int) -> list[Json]:
    """Orders of an hour each: a tenth late, a fiftieth mismatching, a fifth open, every seventh ours to buy."""
    return [
        {
            "id": order_id("p", "x", str(n), False),
            "partner": f"p{n % 20}",
            "role": "buy" if n % 7 == 0 else "sell",
            "number": f"PO-{n:06d}",
            "test": n % 50 == 0,
            "first_at": NOW - timedelta(minutes=n),
            "last_at": NOW - timedelta(minutes=n),
            "lines": 3,
            "next_due_at": NOW - timedelta(minutes=n) if n % 10 == 0 else None,
            "next_kind": "invoice" if n % 10 == 0 else None,
            "is_open": n % 5 == 0,
            "mismatch": n % 50 == 0,
            "stale": False,
        }
        for n in range(count)
    ]


def fill(store: Store, count: int) -> None:
    store.writer.run(lambda session: session.execute(insert(PurchaseOrder), rows(count)))


@pytest.mark.parametrize(
    "filters",
    [
        OrderFilters(),
        OrderFilters(which="late"),
        OrderFilters(which="open"),
        OrderFilters(which="mismatch"),
        OrderFilters(partner="p3"),
        OrderFilters(role="buy"),
        OrderFilters(number="PO-0000", test=False),
    ],
)
def test_pages_follow_one_another_without_a_gap(store: Store, filters: OrderFilters) -> None:
    fill(store, 60)
    with store.read() as session:
        whole = order_list(session, filters, NOW, limit=500)["orders"]
        found, after = [], None
        while True:
            page = order_list(session, filters, NOW, limit=2, after=after)
            found += page["orders"]
            after = page["next"]
            if after is None:
                break
        assert found == whole and whole
        with pytest.raises(CursorError):
            order_list(session, filters, NOW, after="nonsense")


def test_late_orders_come_in_the_order_of_their_deadlines(store: Store) -> None:
    fill(store, 60)
    with store.read() as session:
        due = [order["next_due_at"] for order in order_list(session, OrderFilters(which="late"), NOW)["orders"]]
        assert due == sorted(due) and len(due) == 6
        assert open_count(session) == 12 and open_count(session, 5) == 5
        found = orders_due(session, NOW - timedelta(minutes=25))
        assert (found["late"], found["soon"], found["orders"][0]["late"]) == (3, 3, True)


#: 100,000 orders: a tenth late, a fiftieth mismatching, a fifth open, every seventh ours to buy.
MANY = """
INSERT INTO purchase_order (id, partner, role, number, first_at, last_at, next_due_at, next_kind, is_open, mismatch)
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999),
     at(i, t) AS (
       SELECT i, strftime('%Y-%m-%d %H:%M:%S', '2026-11-22 12:00:00', '-' || i || ' minutes') || '.000000' FROM n)
SELECT printf('%08x', i), 'p' || (i % 20), CASE WHEN i % 7 THEN 'sell' ELSE 'buy' END, printf('PO-%06d', i), t, t,
       CASE WHEN i % 10 THEN NULL ELSE t END, CASE WHEN i % 10 THEN NULL ELSE 'invoice' END, i % 5 = 0, i % 50 = 0
FROM at
"""
#: Filter → the index that a list of 100,000 orders is read by.
INDEXES = {
    OrderFilters(): "ix_purchase_order_last",
    OrderFilters(which="late"): "ix_purchase_order_due",
    OrderFilters(which="open"): "ix_purchase_order_open",
    OrderFilters(which="mismatch"): "ix_purchase_order_mismatch",
    OrderFilters(partner="p3"): "ix_purchase_order_partner",
    OrderFilters(role="buy"): "ix_purchase_order_role",
}


@pytest.mark.parametrize("analyzed", [False, True])
def test_every_list_of_a_hundred_thousand_orders_is_read_by_an_index_and_sorted_by_it(
    store: Store, monkeypatch: pytest.MonkeyPatch, analyzed: bool
) -> None:
    store.writer.run(lambda session: session.execute(text(MANY)))
    if analyzed:
        store.writer.run(lambda session: session.execute(text("ANALYZE")))
    asked: list[Any] = []
    real = queries_orders._narrowed
    monkeypatch.setattr(
        queries_orders, "_narrowed", lambda query, filters: asked.append(real(query, filters)) or asked[-1]
    )
    with store.read() as session:
        for filters, index in INDEXES.items():
            for after in (None, order_list(session, filters, NOW)["next"]):
                page = order_list(session, filters, NOW, after=after)
                assert len(page["orders"]) == 50
                plan = explained(session, asked[-1])
                assert f"USING INDEX {index}" in plan and "TEMP B-TREE" not in plan, (filters, plan)
        order_list(session, OrderFilters(number="PO-0123"), NOW)
        assert "SCAN" not in explained(session, asked[-1])
        for query in (
            select(PurchaseOrder.id).where(PurchaseOrder.number >= "PO-1", PurchaseOrder.number < "PO-2"),
            select(PurchaseOrder.id).where(PurchaseOrder.stale).limit(5),
            select(PurchaseOrder.id)
            .where(PurchaseOrder.next_due_at <= NOW)
            .order_by(PurchaseOrder.next_due_at)
            .limit(5),
            select(OrderFollowUp.document_id).where(OrderFollowUp.ended_at.is_(None), OrderFollowUp.due_at <= NOW),
            select(OrderDocument).where(OrderDocument.order_id.in_(["a", "b"])),
        ):
            assert "USING" in explained(session, query)


def explained(session: Any, query: Any) -> str:
    compiled = query.compile(dialect=sqlite.dialect(), compile_kwargs={"render_postcompile": True})
    values = tuple(compiled.params[name] for name in compiled.positiontup)
    plain = tuple(value.isoformat(" ") if isinstance(value, datetime) else value for value in values)
    found = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", plain)
    return "; ".join(row[-1] for row in found)


# -- orders of an older gateway --------------------------------------------------------------------------------


def before_orders(path: Path) -> None:
    """A database of the version before orders: an order, its test twin's answer, an invoice for two, and noise."""
    with open_store(path) as store:

        def old(session: Any) -> None:
            config = _config()
            config.attributes["connection"] = session.connection()
            command.upgrade(config, "0004")

        store.writer.run(old)
        order = {"kind": "order", "number": "P", "issue_date": "2026-11-01", "currency": "USD", "lines": [LINE]}
        units = [{"level": "order", "order": {"number": "P"}, "units": [{"level": "item", "shipped": "1"}]}]
        big = {"kind": "ship_notice", "number": "S", "units": units, "notes": [{"text": ["x" * 70_000]}]}
        documents: list[tuple[str, str, Json | None, bool]] = [
            ("order", "in", order, False),
            ("order_acknowledgment", "out", {"kind": "order_acknowledgment", "number": "P"}, True),
            ("ship_notice", "out", big, False),
            ("invoice", "out", {"kind": "invoice", "order_number": "P", "lines": [{"order_number": "Q"}]}, False),
            ("order", "out", {"kind": "order", "number": "B", "issue_date": "?", "lines": [{"line_id": "1"}]}, False),
            (
                "order_change",
                "out",
                {"kind": "order_change", "number": "B", "purpose": {"value": "cancellation"}},
                False,
            ),
            (
                "order_acknowledgment",
                "in",
                {"kind": "order_acknowledgment", "number": "B", "outcome": "rejected"},
                False,
            ),
            ("receipt_advice", "in", {"kind": "receipt_advice", "lines": [{"order_number": "P"}]}, False),
            ("order", "in", None, False),
            ("inventory_advice", "in", {"kind": "inventory_advice", "number": "P"}, False),
        ]
        for n, (kind, direction, body, test) in enumerate(documents):
            store.writer.run(lambda session, n=n, row=(kind, direction, body, test): _old(session, store, n, *row))


def _old(session: Any, store: Store, n: int, kind: str, direction: str, body: Json | None, test: bool) -> None:
    digest = None
    if body is not None:
        staged = payloads.stage_large(store.blobs, json.dumps(body).encode())
        small = staged.size <= payloads.INLINE_LIMIT
        digest = staged.sha256
        session.execute(
            text(
                "INSERT INTO payload (sha256, size, body, path, created_at) "
                "VALUES (:sha256, :size, :body, :path, '2026-01-01')"
            ),
            {
                "sha256": digest,
                "size": staged.size,
                "body": (store.blobs / staged.path).read_bytes() if small else None,
                "path": None if small else staged.path,
            },
        )
    session.execute(
        text(
            "INSERT INTO document (id, direction, kind, standard, set_id, partner, position, processing, "
            "acknowledgement, canonical_sha256, test, received_at) VALUES (:id, :direction, :kind, 'x12-004010', 'x', "
            "'harbor', 1, 'posted', 'not_expected', :digest, :test, :at)"
        ),
        {
            "id": f"d{n}",
            "direction": direction,
            "kind": kind,
            "digest": digest,
            "test": test,
            "at": (NOW + timedelta(minutes=n)).isoformat(" ").replace("+00:00", ".000000"),
        },
    )


def test_an_upgrade_puts_stored_documents_beside_their_orders(tmp_path: Path) -> None:
    before_orders(tmp_path / "old.db")
    with open_store(tmp_path / "old.db") as store:
        migrations.upgrade(store)
        with store.read() as session:
            found = {(o.number, o.role): o for o in session.scalars(select(PurchaseOrder))}
            linked = session.execute(
                select(OrderDocument.document_id, OrderDocument.order_id, OrderDocument.effect)
            ).all()
            documents = session.scalars(select(Document)).all()
    assert sorted(found) == [("B", "buy"), ("P", "sell"), ("Q", "sell")] and len(documents) == 10
    order = found["P", "sell"]
    assert order.id == order_id("harbor", "sell", "P", False)
    assert (order.amount, order.currency, order.lines, order.order_date) == ("7.50", "USD", 1, date(2026, 11, 1))
    assert (
        order.acknowledged_at and order.shipped_at and order.invoiced_at and order.stale and order.next_due_at is None
    )
    assert order.first_at == NOW and order.last_at == NOW + timedelta(minutes=7)
    assert found["B", "buy"].cancelled_at is not None and not found["B", "buy"].is_open
    assert {row.document_id for row in linked if row.order_id == order.id} == {"d0", "d1", "d2", "d3", "d7"}
    assert {row.effect for row in linked} == {"", "cancels", "refuses"}
