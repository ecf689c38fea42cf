"""Where an expression of a business rule is evaluated, and what values it has on the way."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Context, Decimal
from functools import lru_cache
from typing import Final

from lxml import etree

from gateway.standards.xml.rule_paths import Place, Reading, RulePath, values_of

__all__ = [
    "EXACT",
    "HUNDREDTH",
    "ZERO",
    "Expression",
    "Row",
    "Scope",
    "Value",
    "amount_of",
    "first_value",
    "number_of",
    "of_amount",
    "shown",
]

#: A value on the way: text, an amount, a truth, or None when it cannot be known.
Value = str | Decimal | bool | None
#: What was read around one element: the texts of each reading, in document order.
Row = dict[Reading, list[str]]
_NUMBER: Final = re.compile(r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})")
#: The sum of nothing.
ZERO: Final = Decimal(0)
#: To this, amounts are rounded and shown.
HUNDREDTH: Final = Decimal("0.01")
_SHOWN_PLACES: Final = Decimal("0.0001")
#: Characters of a text that can be an amount, at most.
_MOST_DIGITS: Final = 62
_MOST_PLAIN: Final = 30
#: Texts whose amounts are remembered: several rules read the same few of a line.
_MOST_AMOUNTS: Final = 4_096


@dataclass(slots=True)
class Scope:
    """Where an expression is evaluated."""

    #: The element that paths start from.
    here: etree._Element
    #: The document element, from which paths with "/" start.
    document: etree._Element
    #: Amounts may differ by so much and still be equal.
    tolerance: Decimal = ZERO
    #: Values of `$name`.
    names: dict[str, Value] = field(default_factory=dict)
    #: What broke `unique`, `same` or `among`: the first value that does not fit.
    offender: Place | None = None
    #: What was read with paths that start at the document.
    known: Row = field(default_factory=dict)
    #: What was read from `here`.
    row: Row = field(default_factory=dict)

    def texts(self, reading: Reading) -> list[str]:
        """What a reading gives here; read once."""
        row = self.known if reading.path.from_document else self.row
        found = row.get(reading)
        if found is None:
            found = row[reading] = reading.texts(self.here, self.document)
        return found

    def at(self, here: etree._Element, row: Row) -> Scope:
        """The same scope for another element, with what was read from there."""
        return Scope(here, self.document, self.tolerance, self.names, None, self.known, row)


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """A compiled expression; evaluated inside `EXACT`."""

    run: Callable[[Scope], Value]
    #: What it reads from the element looked at.
    reads: tuple[Reading, ...] = ()
    #: The same value as an amount, None when it is none; None where `number_of` has to say so.
    amount: Callable[[Scope], Decimal | None] | None = None
    #: Whether its value is never a text.
    is_amount: bool = False
    #: What must be there for the value to be known; None where nothing is sure to be needed.
    needs: Reading | None = None
    #: Its value, where that is always the same.
    constant: Value = None

    def __call__(self, scope: Scope) -> Value:
        """Its value in a scope."""
        return self.run(scope)


def of_amount(
    amount: Callable[[Scope], Decimal | None], reads: tuple[Reading, ...] = (), needs: Reading | None = None
) -> Expression:
    """An expression whose value is an amount, or unknown."""
    return Expression(amount, reads, amount, is_amount=True, needs=needs)


def amount_of(expression: Expression) -> Callable[[Scope], Decimal | None]:
    """What evaluates an expression as an amount."""
    run = expression.run
    return expression.amount or (lambda scope: number_of(run(scope)))


#: Amounts are exact: far more digits than a document may have in one.
EXACT: Final = Context(prec=100)


def number_of(value: Value) -> Decimal | None:
    """A value as an amount; None when it is none."""
    if isinstance(value, Decimal):
        return value
    return _amount(value) if isinstance(value, str) and 0 < len(value) <= _MOST_DIGITS else None


@lru_cache(_MOST_AMOUNTS)
def _amount(text: str) -> Decimal | None:
    # Most amounts are digits with a point, which is seen much sooner than the pattern sees it.
    is_plain = len(text) <= _MOST_PLAIN and text.isascii() and text.replace(".", "", 1).isdigit()
    return Decimal(text) if is_plain or _NUMBER.fullmatch(text) else None


def shown(value: Value) -> str:
    """A value for people: "12.50", "no value"."""
    if value is None or value == "":
        return "no value"
    if isinstance(value, Decimal):
        value = value.quantize(_SHOWN_PLACES).normalize()
        exponent = value.as_tuple().exponent
        return f"{value if isinstance(exponent, int) and exponent < -2 else value.quantize(HUNDREDTH):f}"
    return str(value)


def first_value(path: RulePath) -> Expression:
    """The first value of a path that is not empty; None without one."""

    reading = values_of(path)

    def value(scope: Scope) -> str | None:
        # Looked up here, not by `scope.texts`, because this is what rules do most.
        found = scope.row.get(reading)
        for text in scope.texts(reading) if found is None else found:
            if text:
                return text
        return None

    def amount(scope: Scope) -> Decimal | None:
        found = scope.row.get(reading)
        for text in scope.texts(reading) if found is None else found:
            if text:
                return _amount(text) if len(text) <= _MOST_DIGITS else None
        return None

    return Expression(value, (reading,), amount, needs=reading)
