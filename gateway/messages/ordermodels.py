"""The tables of orders: one row for each order, the documents that speak of it, and the documents that must follow.

Everything in them can be made again from the stored documents, except what people decided: closing an order and
skipping a step. ``gateway.messages.orders`` is the only writer.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Boolean, Date, ForeignKey, Index, Integer, Text, false, text, true
from sqlalchemy.orm import Mapped, mapped_column

from gateway.messages.models import Document
from gateway.store.base import Base, JsonText, UtcDateTime

__all__ = ["OrderDocument", "OrderFollowUp", "PurchaseOrder"]


class PurchaseOrder(Base):
    """One purchase order of a partner: who orders, how far it came, and what is due next."""

    __tablename__ = "purchase_order"
    __table_args__ = (
        Index("ix_purchase_order_last", "last_at", "id"),
        Index("ix_purchase_order_partner", "partner", "last_at", "id"),
        Index("ix_purchase_order_role", "role", "last_at", "id"),
        Index("ix_purchase_order_number", "number"),
        Index(
            "ix_purchase_order_due",
            "next_due_at",
            "id",
            sqlite_where=text("next_due_at IS NOT NULL"),
            postgresql_where=text("next_due_at IS NOT NULL"),
        ),
        Index(
            "ix_purchase_order_open",
            "last_at",
            "id",
            sqlite_where=text("is_open = 1"),
            postgresql_where=text("is_open"),
        ),
        Index(
            "ix_purchase_order_mismatch",
            "last_at",
            "id",
            sqlite_where=text("mismatch = 1"),
            postgresql_where=text("mismatch"),
        ),
        # SQLite asks with "= 1", PostgreSQL without: an index is only used where its condition reads the same.
        Index("ix_purchase_order_stale", "id", sqlite_where=text("stale = 1"), postgresql_where=text("stale")),
    )

    #: UUIDv5 of partner, role, number and test: the same order is always the same row.
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    #: Partner code.
    partner: Mapped[str] = mapped_column(Text)
    #: "sell" when the partner orders from us, "buy" when we order.
    role: Mapped[str] = mapped_column(Text)
    #: The buyer's order number, verbatim.
    number: Mapped[str] = mapped_column(Text)
    test: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    #: The date that the order bears; None while only answers to it are known.
    order_date: Mapped[date | None] = mapped_column(Date)
    #: When its first and its last document came or went.
    first_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: Total as decimal text, its ISO 4217 currency, and the number of its lines; as the order itself says.
    amount: Mapped[str | None] = mapped_column(Text)
    currency: Mapped[str | None] = mapped_column(Text)
    lines: Mapped[int] = mapped_column(Integer, default=0, server_default=text("0"))
    #: When each stage was reached first; None while it was not.
    ordered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    shipped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    invoiced_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: When the buyer took it back, or the seller refused all of it.
    cancelled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: When everything ordered was invoiced and nothing more was due.
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: When a person closed it, who, and why.
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_by: Mapped[str | None] = mapped_column(Text)
    closed_reason: Mapped[str | None] = mapped_column(Text)
    #: Steps that nobody waits for: [{"kind", "reason", "by", "at"}, …].
    skipped: Mapped[Any] = mapped_column(JsonText, nullable=True)
    #: The document that is due next, and when; None when none is.
    next_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    next_kind: Mapped[str | None] = mapped_column(Text)
    #: True until it is cancelled, settled or closed.
    is_open: Mapped[bool] = mapped_column(Boolean, default=True, server_default=true())
    #: True when what was shipped, invoiced or acknowledged does not fit what was ordered.
    mismatch: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    #: True while documents came or changed since it was last compared line by line.
    stale: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())


class OrderDocument(Base):
    """A document that speaks of an order; a ship notice or an invoice may speak of several."""

    __tablename__ = "order_document"
    __table_args__ = (Index("ix_order_document_order", "order_id", "at"),)

    document_id: Mapped[str] = mapped_column(ForeignKey(Document.id), primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey(PurchaseOrder.id), primary_key=True)
    #: Kind of document: "order", "order_acknowledgment" …
    kind: Mapped[str] = mapped_column(Text)
    #: When it was received or taken over for sending.
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: "cancels" when it takes the order back, "refuses" when it refuses all of it, else "".
    effect: Mapped[str] = mapped_column(Text, default="", server_default=text("''"))


class OrderFollowUp(Base):
    """A document that must follow another one, by the profile that was in force when that one came or went."""

    __tablename__ = "order_follow_up"
    __table_args__ = (
        Index("ix_order_follow_up_order", "order_id"),
        Index(
            "ix_order_follow_up_due",
            "due_at",
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    #: The document that it follows.
    document_id: Mapped[str] = mapped_column(ForeignKey(Document.id), primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey(PurchaseOrder.id), primary_key=True)
    #: Kind of the document that must follow.
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    #: Transaction set id or root element that the profile names ("855").
    set_id: Mapped[str] = mapped_column(Text)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: When it was found late and its case was opened.
    late_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: When nobody waited for it any more, and why: "met", "skipped", "closed" or "cancelled".
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[str | None] = mapped_column(Text)
