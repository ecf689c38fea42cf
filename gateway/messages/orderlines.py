"""The lines of one order while its documents are laid beside it: found by number or item, counted in one unit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

from gateway.documents.goods import ItemId
from gateway.documents.lines import Line

__all__ = ["OrderBook", "OrderedLine", "Part", "PartStatus", "in_unit", "plain", "price_text"]

PartStatus = Literal["accepted", "backordered", "rejected", "changed"]
Counter = Literal["shipped", "invoiced", "acknowledged"]

#: Ways to know an item, best first; the schemes of one way are asked together.
_WAYS: tuple[frozenset[str], ...] = (
    frozenset({"buyer_item", "buyer_part", "purchaser_item", "buyer_catalog", "buyer_style"}),
    frozenset({"vendor_item", "vendor_part", "vendor_catalog", "sku", "company_part", "manufacturer_part"}),
    frozenset({"gtin", "gtin_8", "gtin_12", "gtin_13", "gtin_14", "case_code", "isbn"}),
)
_GTIN = _WAYS[-1]
#: Units that hold others, and units that are single pieces (X12 element 355, UN/ECE recommendation 20).
_OUTER = frozenset({"CA", "CS", "CT", "BX", "PK", "XCS", "XCT", "XBX", "XPK"})
_SINGLE = frozenset({"EA", "PC", "C62", "H87", "UN"})
_SAME_UNITS = ({"EA", "C62", "UN"}, {"PC", "H87"}, {"CA", "CS", "XCS"}, {"CT", "XCT"}, {"BX", "XBX"}, {"PK", "XPK"})
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a line as the seller answered it."""

    status: PartStatus
    #: In the order's unit; None when the answer gives none that can be compared.
    quantity: Decimal | None
    #: The status word of the document ("rejected_unknown_item").
    word: str = ""
    #: The day that is promised.
    date: date | None = None


@dataclass(slots=True)
class OrderedLine:
    """One line of the order, and what was said of it."""

    line_id: str | None
    item_ids: list[ItemId]
    description: str | None
    unit: str | None
    ordered: Decimal | None
    price: Decimal | None
    #: False for a line that no order names, only a later document.
    known: bool = True
    #: Quantity before changes.
    original: Decimal | None = None
    deleted: bool = False
    #: The line as the order or the change that added it says it; None for one that nobody ordered.
    source: Line | None = None
    #: Pieces in one outer unit.
    pack: Decimal | None = None
    parts: tuple[Part, ...] = ()
    #: Price that the seller acknowledged, and that it invoiced last.
    acknowledged_price: Decimal | None = None
    invoiced_price: Decimal | None = None
    shipped: Decimal = _NOTHING
    invoiced: Decimal = _NOTHING
    acknowledged: Decimal = _NOTHING

    def of(self, status: PartStatus) -> Decimal:
        """How much was answered with this status."""
        return sum((part.quantity or _NOTHING for part in self.parts if part.status == status), _NOTHING)

    @property
    def item(self) -> str:
        """The identification that people know the item by: the buyer's, the vendor's, else the GTIN."""
        for way in _WAYS:
            found = next((entry.value for entry in self.item_ids if entry.scheme in way and entry.value), None)
            if found:
                return found
        return ""

    @property
    def name(self) -> str:
        """How sentences call the line: "Line 1 (10001)"."""
        inner = f" ({self.item})" if self.item else ""
        return f"Line {self.line_id}{inner}" if self.line_id else f"A line{inner}"


@dataclass(slots=True)
class OrderBook:
    """The lines of one order in their order; lines that only later documents name stand at the end."""

    lines: list[OrderedLine] = field(default_factory=list)

    def find(
        self, line_id: str | None, item_ids: Sequence[ItemId], counter: Counter | None = None
    ) -> OrderedLine | None:
        """The line that is meant: by its number unless the items contradict, then by buyer's, vendor's item and GTIN.

        Among several lines of one item the first that ``counter`` has not filled is taken.
        """
        by_number = [line for line in self.lines if line_id and _same_number(line.line_id, line_id)]
        fitting = [line for line in by_number if not _contradict(line.item_ids, item_ids)]
        if fitting:
            return fitting[0]
        for way in _WAYS:
            wanted = _values(item_ids, way)
            found = [line for line in self.lines if wanted & _values(line.item_ids, way)]
            if found:
                return next((line for line in found if _has_room(line, counter)), found[0])
        return by_number[0] if by_number and not any(_values(item_ids, way) for way in _WAYS) else None

    def add(self, line: Line, *, known: bool = True) -> OrderedLine:
        """A new line with what a document says of it."""
        made = OrderedLine(
            line_id=line.line_id,
            item_ids=list(line.item_ids),
            description=line.description,
            unit=line.unit,
            ordered=line.quantity if known else None,
            original=line.quantity if known else None,
            price=line.price if known else None,
            known=known,
            source=line,
            pack=_pack(line),
        )
        self.lines.append(made)
        return made

    def strange(self, line_id: str | None, item_ids: Sequence[ItemId], unit: str | None) -> OrderedLine:
        """A line that the order does not have."""
        made = OrderedLine(line_id, list(item_ids), None, unit, None, None, known=False)
        self.lines.append(made)
        return made


def in_unit(quantity: Decimal, unit: str | None, line: OrderedLine) -> Decimal | None:
    """A quantity in the unit that was ordered; None when the two cannot be compared.

    Cases and pieces are converted by the pack data of the order (PO401), never by a guess.
    """
    if unit is None or line.unit is None or unit == line.unit or any({unit, line.unit} <= s for s in _SAME_UNITS):
        return quantity
    if line.pack is None:
        return None
    if line.unit in _OUTER and unit in _SINGLE:
        return quantity / line.pack
    return quantity * line.pack if line.unit in _SINGLE and unit in _OUTER else None


def plain(value: Decimal | None) -> str:
    """A quantity or price without the zeros that say nothing: "12", "2.5"; "" for None."""
    if value is None:
        return ""
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def price_text(value: Decimal) -> str:
    """A price or amount with two decimals, or as many as it needs: "4.10", "0.125"."""
    whole, _, cents = plain(value).partition(".")
    return f"{whole}.{cents:<02}"


def _pack(line: Line) -> Decimal | None:
    count = next((pack.packs for pack in line.packs if pack.packs), None)
    return Decimal(count) if count else None


def _same_number(ours: str | None, theirs: str) -> bool:
    """ "1" and "001" are one line here: they only help to find it, the document keeps its own."""
    return ours is not None and (ours == theirs or (ours.lstrip("0") or "0") == (theirs.lstrip("0") or "0"))


def _values(item_ids: Iterable[ItemId], way: frozenset[str]) -> set[str]:
    found = {entry.value.strip() for entry in item_ids if entry.scheme in way and entry.value}
    return {value.zfill(14) for value in found} if way is _GTIN else found


def _contradict(ours: Sequence[ItemId], theirs: Sequence[ItemId]) -> bool:
    """True when both name the item in the same way and never the same item."""
    shared = [(_values(ours, way), _values(theirs, way)) for way in _WAYS]
    both = [(mine, other) for mine, other in shared if mine and other]
    return bool(both) and not any(mine & other for mine, other in both)


def _has_room(line: OrderedLine, counter: Counter | None) -> bool:
    if counter is None or line.ordered is None:
        return True
    taken: Decimal = getattr(line, counter)
    return taken < line.ordered
