"""Prices stated for a quantity: the price of one unit, and the parts as stated."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final

from gateway.mapping.xml.notes import Values, inside
from gateway.mapping.xml.plan import Price

__all__ = ["finish_price", "stated_parts", "unit_price"]

#: Decimals of a price that does not come out even.
_PLACES: Final = Decimal("1E-10")
_CONTEXT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)


def unit_price(amount: Decimal, quantity: Decimal | None) -> Decimal:
    """The price of one: exact where it has at most 10 decimals, else rounded half to even. UBL: PriceAmount
    divided by BaseQuantity, which is 1 when it is missing."""
    if quantity is None or quantity == 1:
        return amount
    if not quantity:
        return amount
    price = _CONTEXT.divide(amount, quantity)
    if price != (rounded := price.quantize(_PLACES, context=_CONTEXT)):
        return rounded
    text = format(rounded, "f").rstrip("0")
    places = max(len(text.partition(".")[2]), -int(amount.as_tuple().exponent) if amount == rounded else 0)
    return rounded.quantize(Decimal(1).scaleb(-places), context=_CONTEXT)


def finish_price(price: Price, parts: Values, target: Values) -> None:
    """Put the parts of one read price into its fields: the parts as stated only when a quantity was stated."""
    amount, quantity = parts.get("amount"), parts.get("quantity")
    if amount is not None:
        inside(target, price.field[:-1])[price.field[-1]] = unit_price(amount, quantity)
    if quantity is not None or "unit" in parts:
        inside(target, price.base[:-1])[price.base[-1]] = dict(parts)


def stated_parts(price: Any, base: Any) -> tuple[Any, Any, Any]:
    """(amount, quantity, unit) to write: as stated while they still make the price, else the price itself."""
    amount, quantity, unit = (getattr(base, name, None) for name in ("amount", "quantity", "unit"))
    stated = None if amount is None else unit_price(amount, quantity)
    if base is not None and stated == price:
        return amount, quantity, unit
    return price, None, None
