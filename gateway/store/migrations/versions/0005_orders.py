"""The tables of orders, filled from the documents that are stored.

What must follow a document is not known for those that came before: their clocks are not started, so that nothing is
late the moment after an upgrade. Orders with several documents are marked to be compared line by line by the running
gateway.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import context, op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_BATCH = 500
_NAMESPACE = uuid.UUID("5b0c1a52-7d0e-5d3a-9c57-0f6a2f4f8e11")
_BUYERS = ("order", "order_change", "receipt_advice")
_KINDS = (
    *_BUYERS,
    *("order_acknowledgment", "order_change_acknowledgment", "ship_notice", "invoice"),
)
_STAGES = {
    "order": "ordered_at",
    "order_acknowledgment": "acknowledged_at",
    "ship_notice": "shipped_at",
    "invoice": "invoiced_at",
}
_INSTANT = sa.DateTime(timezone=True)

_DOCUMENT = sa.table(
    "document",
    *(sa.column(name, sa.Text()) for name in ("id", "direction", "kind", "partner", "canonical_sha256")),
    sa.column("test", sa.Boolean()),
    sa.column("received_at", _INSTANT),
)
_PAYLOAD = sa.table(
    "payload", sa.column("sha256", sa.Text()), sa.column("body", sa.LargeBinary()), sa.column("path", sa.Text())
)


def upgrade() -> None:
    """Add the tables and fill them."""
    orders = _purchase_order()
    links = op.create_table(
        "order_document",
        sa.Column("document_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("effect", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_order_document_document_id_document")),
        sa.ForeignKeyConstraint(
            ["order_id"], ["purchase_order.id"], name=op.f("fk_order_document_order_id_purchase_order")
        ),
        sa.PrimaryKeyConstraint("document_id", "order_id", name=op.f("pk_order_document")),
    )
    op.create_index("ix_order_document_order", "order_document", ["order_id", "at"], unique=False)
    _follow_up()
    _fill(op.get_bind(), orders, links)


def _purchase_order() -> sa.Table:
    table = op.create_table(
        "purchase_order",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("test", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("order_date", sa.Date(), nullable=True),
        sa.Column("first_at", _INSTANT, nullable=False),
        sa.Column("last_at", _INSTANT, nullable=False),
        sa.Column("amount", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("lines", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("ordered_at", _INSTANT, nullable=True),
        sa.Column("acknowledged_at", _INSTANT, nullable=True),
        sa.Column("shipped_at", _INSTANT, nullable=True),
        sa.Column("invoiced_at", _INSTANT, nullable=True),
        sa.Column("cancelled_at", _INSTANT, nullable=True),
        sa.Column("settled_at", _INSTANT, nullable=True),
        sa.Column("closed_at", _INSTANT, nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("closed_reason", sa.Text(), nullable=True),
        sa.Column("skipped", sa.Text(), nullable=True),
        sa.Column("next_due_at", _INSTANT, nullable=True),
        sa.Column("next_kind", sa.Text(), nullable=True),
        sa.Column("is_open", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("mismatch", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("stale", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchase_order")),
    )
    op.create_index("ix_purchase_order_last", "purchase_order", ["last_at", "id"], unique=False)
    op.create_index("ix_purchase_order_partner", "purchase_order", ["partner", "last_at", "id"], unique=False)
    op.create_index("ix_purchase_order_role", "purchase_order", ["role", "last_at", "id"], unique=False)
    op.create_index("ix_purchase_order_number", "purchase_order", ["number"], unique=False)
    for name, columns, where in (
        ("ix_purchase_order_due", ["next_due_at", "id"], "next_due_at IS NOT NULL"),
        ("ix_purchase_order_open", ["last_at", "id"], "is_open"),
        ("ix_purchase_order_mismatch", ["last_at", "id"], "mismatch"),
        ("ix_purchase_order_stale", ["id"], "stale"),
    ):
        # SQLite asks for a truth with "= 1": an index is only used where its condition reads the same.
        plain = sa.text(where if " " in where else f"{where} = 1")
        op.create_index(
            name, "purchase_order", columns, unique=False, sqlite_where=plain, postgresql_where=sa.text(where)
        )
    return table


def _follow_up() -> None:
    op.create_table(
        "order_follow_up",
        sa.Column("document_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("set_id", sa.Text(), nullable=False),
        sa.Column("due_at", _INSTANT, nullable=False),
        sa.Column("late_at", _INSTANT, nullable=True),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_order_follow_up_document_id_document")),
        sa.ForeignKeyConstraint(
            ["order_id"], ["purchase_order.id"], name=op.f("fk_order_follow_up_order_id_purchase_order")
        ),
        sa.PrimaryKeyConstraint("document_id", "order_id", "kind", name=op.f("pk_order_follow_up")),
    )
    op.create_index("ix_order_follow_up_order", "order_follow_up", ["order_id"], unique=False)
    only = sa.text("ended_at IS NULL")
    op.create_index(
        "ix_order_follow_up_due", "order_follow_up", ["due_at"], unique=False, sqlite_where=only, postgresql_where=only
    )


# -- what is stored already ------------------------------------------------------------------------------------


def _fill(connection: sa.Connection, orders: sa.Table, links: sa.Table) -> None:
    for batch in _documents(connection):
        for row, body in batch:
            numbers = _numbers(body)
            for number in numbers:
                _link(connection, orders, links, row, body, number)


def _documents(connection: sa.Connection) -> Iterator[list[tuple[Any, dict[str, Any]]]]:
    """Stored canonical documents that may speak of an order, the oldest first, some at a time."""
    last: tuple[Any, str] | None = None
    while True:
        query = (
            sa.select(_DOCUMENT, _PAYLOAD.c.body, _PAYLOAD.c.path)
            .join(_PAYLOAD, _PAYLOAD.c.sha256 == _DOCUMENT.c.canonical_sha256)
            .where(_DOCUMENT.c.kind.in_(_KINDS), _DOCUMENT.c.partner.is_not(None))
            .order_by(_DOCUMENT.c.received_at, _DOCUMENT.c.id)
            .limit(_BATCH)
        )
        if last is not None:
            query = query.where(sa.tuple_(_DOCUMENT.c.received_at, _DOCUMENT.c.id) > last)
        rows = connection.execute(query).all()
        if not rows:
            return
        last = (rows[-1].received_at, rows[-1].id)
        yield [(row, body) for row in rows if (body := _body(row)) is not None]


def _body(row: Any) -> dict[str, Any] | None:
    """The canonical document, None when its bytes are not there."""
    data = row.body
    if data is None:
        folder: Path | None = context.config.attributes.get("blobs")
        path = None if folder is None or row.path is None else folder / row.path
        data = path.read_bytes() if path is not None and path.exists() else None
    try:
        found = json.loads(data) if data is not None else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _link(
    connection: sa.Connection, orders: sa.Table, links: sa.Table, row: Any, body: dict[str, Any], number: str
) -> None:
    role = "sell" if (row.kind in _BUYERS) == (row.direction == "in") else "buy"
    key, other = (_id(row.partner, role, number, test) for test in (row.test, not row.test))
    known = connection.execute(sa.select(orders).where(orders.c.id == key)).first()
    if known is None and row.kind != "order":  # answers to a test order may be live
        known = connection.execute(sa.select(orders).where(orders.c.id == other)).first()
        key = key if known is None else other
    effect = _effect(row.kind, body)
    values: dict[str, Any] = {"last_at": row.received_at, "stale": known is not None or row.kind != "order"}
    stage = _STAGES.get(row.kind)
    if stage is not None and not (row.kind == "order" and effect) and (known is None or getattr(known, stage) is None):
        values[stage] = row.received_at
        if row.kind == "order":
            values.update(_of_order(body))
    if effect:
        values.update(cancelled_at=row.received_at, is_open=False)
    if known is None:
        new = {"id": key, "partner": row.partner, "role": role, "number": number, "test": row.test}
        connection.execute(sa.insert(orders).values(**new, first_at=row.received_at, **values))
    else:
        connection.execute(sa.update(orders).where(orders.c.id == key).values(**values))
    one = {"document_id": row.id, "order_id": key, "kind": row.kind, "at": row.received_at, "effect": effect}
    connection.execute(sa.insert(links).values(**one))


def _id(partner: str, role: str, number: str, test: bool) -> str:
    return str(uuid.uuid5(_NAMESPACE, "\0".join(("purchase-order", partner, role, number, str(int(test))))))


def _numbers(body: dict[str, Any]) -> list[str]:
    kind, found = body.get("kind"), []
    if kind in ("order", "order_acknowledgment", "order_change", "order_change_acknowledgment"):
        found = [body.get("number")]
    elif kind == "ship_notice":
        found = list(_of_units(body.get("units") or []))
    elif kind == "invoice":
        found = [body.get("order_number")]
        for line in body.get("lines") or []:
            found.append(line.get("order_number") or _named(line) or body.get("order_number"))
    elif kind == "receipt_advice":
        found = [line.get("order_number") for line in body.get("lines") or []]
    return list(dict.fromkeys(str(number)[:80] for number in found if number))


def _of_units(units: list[dict[str, Any]]) -> Iterator[str | None]:
    for unit in units:
        yield (unit.get("order") or {}).get("number")
        yield _named(unit)
        yield from _of_units(unit.get("units") or [])


def _named(part: dict[str, Any]) -> str | None:
    """The order number among the item ids of a line."""
    ids = part.get("item_ids") or []
    return next((entry.get("value") for entry in ids if entry.get("scheme") == "order_number"), None)


def _word(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    return str((value.get("value") or value.get("code") or "") if isinstance(value, dict) else value or "")


def _effect(kind: str, body: dict[str, Any]) -> str:
    if kind in ("order", "order_change") and _word(body, "purpose") == "cancellation":
        return "cancels"
    return "refuses" if kind == "order_acknowledgment" and _word(body, "outcome").startswith("rejected") else ""


def _of_order(body: dict[str, Any]) -> dict[str, Any]:
    lines = body.get("lines") or []
    try:
        issued = date.fromisoformat(body["issue_date"])
    except (KeyError, ValueError, TypeError):
        issued = None
    stated = next((entry["amount"] for entry in body.get("total_amounts") or [] if entry.get("amount")), None)
    try:
        total = sum((_amount(line) for line in lines), Decimal(0)) if lines else None
    except (KeyError, ArithmeticError):
        total = None if stated is None else Decimal(stated)
    if total is not None and total.adjusted() > 18:  # "1E99999" is a number too, but nobody's amount
        total = None
    return {
        "order_date": issued,
        "amount": None if total is None else format(total, "f"),
        "currency": body.get("currency"),
        "lines": len(lines),
    }


def _amount(line: dict[str, Any]) -> Decimal:
    return Decimal(line["quantity"]) * Decimal(line["price"])
