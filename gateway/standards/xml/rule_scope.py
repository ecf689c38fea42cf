"""Where an expression of a business rule is evaluated, and what values it has on the way."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Final

from lxml import etree

from gateway.standards.xml.rule_paths import Children, Place, RulePath

__all__ = ["EXACT", "HUNDREDTH", "Expression", "Scope", "Value", "first_value", "number_of", "shown"]

#: A value on the way: text, an amount, a truth, or None when it cannot be known.
Value = str | Decimal | bool | None
_NUMBER: Final = re.compile(r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})")
#: To this, amounts are rounded and shown.
HUNDREDTH: Final = Decimal("0.01")
_SHOWN_PLACES: Final = Decimal("0.0001")


@dataclass(slots=True)
class Scope:
    """Where an expression is evaluated."""

    #: The element that paths start from.
    here: etree._Element
    #: The document element, from which paths with "/" start.
    document: etree._Element
    #: Amounts may differ by so much and still be equal.
    tolerance: Decimal = Decimal(0)
    #: Values of `$name`.
    names: dict[str, Value] = field(default_factory=dict)
    #: What broke `unique`, `same` or `among`: the first value that does not fit.
    offender: Place | None = None
    #: First values of paths that start at the document, once they were looked up.
    known: dict[RulePath, str | None] = field(default_factory=dict)
    #: Children that were looked up, around one element.
    seen: Children = field(default_factory=dict)

    def at(self, here: etree._Element) -> Scope:
        """The same scope for another element."""
        return Scope(here, self.document, self.tolerance, self.names, None, self.known, self.seen)


#: Evaluated inside `EXACT`.
Expression = Callable[[Scope], Value]
#: Amounts are exact: far more digits than a document may have in one.
EXACT: Final = Context(prec=100)


def number_of(value: Value) -> Decimal | None:
    """A value as an amount; None when it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, Decimal):
        return value
    return Decimal(value) if value and _NUMBER.fullmatch(value) else None


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

    def value(scope: Scope) -> str | None:
        return next((place.text for place in path.places(scope.here, scope.document, scope.seen) if place.text), None)

    def remembered(scope: Scope) -> Value:
        if path not in scope.known:
            scope.known[path] = value(scope)
        return scope.known[path]

    return remembered if path.from_document else value
