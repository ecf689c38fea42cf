"""What the line matrix of an order is made of: the documents that go in, lines and differences that come out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import chain

from gateway.documents import Document as BusinessDocument
from gateway.documents.lines import Line
from gateway.documents.order import OrderHeader
from gateway.messages.orderlines import Part
from gateway.partners.transfers import Tolerances

__all__ = ["Difference", "Matrix", "MatrixLine", "Statement"]

_NOTHING = Decimal(0)
_NO_TOLERANCE = Tolerances.by_default()


@dataclass(frozen=True, slots=True)
class Statement:
    """One canonical document that counts for an order, in the order of time."""

    id: str
    document: BusinessDocument
    #: What the partner's profile allows a document of this kind to differ by.
    tolerances: Tolerances = _NO_TOLERANCE


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that does not fit."""

    #: "over_shipped", "price", "unknown_line" …
    rule: str
    #: One sentence for people.
    sentence: str
    #: The document that it was found in; "" for several together.
    document_id: str = ""


@dataclass(frozen=True, slots=True)
class MatrixLine:
    """One line of the order, and how far it came; quantities are in the unit that was ordered."""

    line_id: str | None
    item: str
    description: str | None
    unit: str | None
    #: None for a line that no order names.
    ordered: Decimal | None
    #: What was ordered before changes, where that differs.
    original: Decimal | None
    price: Decimal | None
    parts: tuple[Part, ...]
    accepted: Decimal
    backordered: Decimal
    rejected: Decimal
    acknowledged_price: Decimal | None
    shipped: Decimal
    invoiced: Decimal
    invoiced_price: Decimal | None
    #: Still to be shipped, and to be invoiced: what was shipped, or ordered where no ship notice is known.
    to_ship: Decimal
    to_invoice: Decimal
    differences: tuple[Difference, ...] = ()
    #: The line as it was ordered; None for one that nobody ordered.
    source: Line | None = None


@dataclass(frozen=True, slots=True)
class Matrix:
    """An order and everything that was said of it."""

    number: str
    lines: tuple[MatrixLine, ...]
    #: Differences of the documents as a whole; those of lines stand with the lines.
    differences: tuple[Difference, ...]
    currency: str | None = None
    #: Quantity times price over the lines; None when a line lacks one of them.
    ordered_total: Decimal | None = None
    invoiced_total: Decimal = _NOTHING
    #: The day the buyer wants it shipped, delivered, and after which it no longer wants it.
    ship_by: date | None = None
    deliver_by: date | None = None
    cancel_after: date | None = None
    #: True when the order itself is known, when it was taken back, and when ship notices are known.
    known: bool = False
    cancelled: bool = False
    shipped: bool = False
    #: The order as it was placed, None while only answers to it are known.
    order: OrderHeader | None = None

    @property
    def all_differences(self) -> tuple[Difference, ...]:
        """Those of the lines, then those of the whole."""
        return (*chain.from_iterable(line.differences for line in self.lines), *self.differences)

    @property
    def mismatch(self) -> bool:
        """True when anything does not fit."""
        return bool(self.all_differences)

    @property
    def invoiced_in_full(self) -> bool:
        """True when everything that was ordered and not refused was invoiced."""
        lines = [line for line in self.lines if line.ordered is not None]
        return self.known and bool(lines) and all(line.invoiced >= line.ordered - line.rejected for line in lines)  # type: ignore[operator]
