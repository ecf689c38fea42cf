"""Codes, amounts, sizes and settings as people write them."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

__all__ = ["bytes_of", "money", "number", "plain", "words"]

#: What is shown where there is no value.
NOTHING = "(nothing)"
_SPECIAL = {
    "as2": "AS2",
    "sftp": "SFTP",
    "http": "HTTP",
    "id": "Id",
    "mic": "MIC",
    "mdn": "MDN",
    "ta1_code": "TA1 code",
}


def words(code: str | None) -> str:
    """A code of ours as words: "order_acknowledgment" → "Order acknowledgment"."""
    if not code:
        return ""
    if code in _SPECIAL:
        return _SPECIAL[code]
    text = code.replace("_", " ").replace("sha256", "SHA-256")
    return text[:1].upper() + text[1:]


def money(amount: str | None, currency: str | None) -> str:
    """An amount with thousands apart and its currency; "" for none."""
    if amount is None:
        return ""
    try:
        value = Decimal(amount)
    except InvalidOperation:
        return amount
    places = max(2, -int(value.as_tuple().exponent)) if isinstance(value.as_tuple().exponent, int) else 2
    return f"{value:,.{min(places, 6)}f}{f' {currency}' if currency else ''}"


def number(value: int) -> str:
    """A count with thousands apart."""
    return f"{value:,}"


def bytes_of(size: int) -> str:
    """A size: "840 B", "12.4 KB", "5.1 MB"."""
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.1f} KB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


def plain(value: Any) -> str:
    """A setting or a value of a document on one line: lists with commas, groups as "name: value"; "(nothing)"."""
    if isinstance(value, dict):
        shown = (f"{words(str(key)).lower()}: {plain(inner)}" for key, inner in value.items() if inner)
        return "; ".join(shown) or NOTHING
    if isinstance(value, list | tuple):
        return ", ".join(plain(inner) for inner in value) or NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if value not in (None, "") else NOTHING
