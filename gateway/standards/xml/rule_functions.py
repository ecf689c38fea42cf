"""The functions that expressions of business rules may call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from gateway.standards.xml.rule_paths import Place, Reading, RulePath, presence_of, values_of
from gateway.standards.xml.rule_scope import (
    HUNDREDTH,
    ZERO,
    Expression,
    Scope,
    Value,
    amount_of,
    first_value,
    number_of,
    of_amount,
)
from gateway.standards.xml.rule_walk import RuleWalk

__all__ = ["FUNCTIONS"]


def _place(path: RulePath, scope: Scope, number: int) -> Place | None:
    """The place of one of the values of a path."""
    return next(islice(path.places(scope.here, scope.document), number, None), None)


def _needs_path(make: Callable[[RulePath, list[Any]], Expression]) -> Callable[[list[Any]], Expression]:
    def checked(arguments: list[Any]) -> Expression:
        if not isinstance(arguments[0], RulePath):
            raise ValueError("The first argument of this function must be a path.")  # noqa: TRY004
        return make(arguments[0], [_as_expression(each) for each in arguments[1:]])

    return checked


def _as_expression(argument: Any) -> Expression:
    return first_value(argument) if isinstance(argument, RulePath) else argument


def _reads_of(expressions: list[Expression]) -> tuple[Reading, ...]:
    return tuple(reading for expression in expressions for reading in expression.reads)


def _sum(path: RulePath, rest: list[Expression]) -> Expression:
    """sum(path): of the values; sum(path, expression): of the expression for each element. Unknown if one is."""
    return _sum_of_each(path, rest[0]) if rest else _sum_of_values(values_of(path))


def _sum_of_values(reading: Reading) -> Expression:
    def value(scope: Scope) -> Decimal | None:
        found = scope.row.get(reading)
        total = ZERO
        for text in scope.texts(reading) if found is None else found:
            number = number_of(text)
            if number is None:
                return None
            total = number if total is ZERO else total + number
        return total

    return of_amount(value, (reading,))


def _sum_of_each(path: RulePath, each: Expression) -> Expression:
    walk, amount = RuleWalk([((), each.reads)]), amount_of(each)

    def value(scope: Scope) -> Decimal | None:
        total = ZERO
        for element in path.elements(scope.here, scope.document):
            number = amount(scope.at(element, walk.row(element)))
            if number is None:
                return None
            total = number if total is ZERO else total + number
        return total

    return of_amount(value)


def _count(path: RulePath, _: list[Expression]) -> Expression:
    return of_amount(lambda scope: Decimal(len(path.elements(scope.here, scope.document))))


def _exists(path: RulePath, _: list[Expression]) -> Expression:
    """Whether there is a value; an element that holds others counts too."""
    reading = presence_of(path)

    def value(scope: Scope) -> Value:
        found = scope.row.get(reading)
        return bool(scope.texts(reading) if found is None else found)

    return Expression(value, (reading,))


def _unique(path: RulePath, _: list[Expression]) -> Expression:
    reading = values_of(path)

    def value(scope: Scope) -> Value:
        seen: set[str] = set()
        for number, text in enumerate(scope.texts(reading)):
            if not text:
                continue
            if text in seen:
                scope.offender = _place(path, scope, number)
                return False
            seen.add(text)
        return True

    return Expression(value, (reading,))


def _same(path: RulePath, _: list[Expression]) -> Expression:
    reading = values_of(path)

    def value(scope: Scope) -> Value:
        first = ""
        for number, text in enumerate(scope.texts(reading)):
            if first and text and text != first:
                scope.offender = _place(path, scope, number)
                return False
            first = first or text
        return True

    return Expression(value, (reading,))


def _among(path: RulePath, allowed: list[Expression]) -> Expression:
    """Whether every value is one of those allowed; those that are missing allow nothing."""
    reading = values_of(path)

    def value(scope: Scope) -> Value:
        known = {each for expression in allowed if (each := expression.run(scope)) is not None}
        if not known:
            return None
        for number, text in enumerate(scope.texts(reading)):
            if text and text not in known:
                scope.offender = _place(path, scope, number)
                return False
        return True

    return Expression(value, (reading, *_reads_of(allowed)))


def _starts(path: RulePath, texts: list[Expression]) -> Expression:
    """Whether the first value begins with one of the texts."""
    first = first_value(path)

    def value(scope: Scope) -> Value:
        text = first.run(scope)
        return text is not None and str(text).startswith(tuple(str(each.run(scope)) for each in texts))

    return Expression(value, (*first.reads, *_reads_of(texts)))


def _first(arguments: list[Any]) -> Expression:
    """The first of the arguments that has a value."""
    expressions = [_as_expression(each) for each in arguments]
    *runs, last = (expression.run for expression in expressions)
    constant = expressions[-1].constant

    def value(scope: Scope) -> Value:
        for run in runs:
            found = run(scope)
            if found is not None:
                return found
        return last(scope) if constant is None else constant

    return Expression(value, _reads_of(expressions), is_amount=all(each.is_amount for each in expressions))


def _rounded(arguments: list[Any]) -> Expression:
    """The amount rounded to two decimals, half to even."""
    expression = _as_expression(arguments[0])
    amount = amount_of(expression)

    def value(scope: Scope) -> Decimal | None:
        number = amount(scope)
        return None if number is None else number.quantize(HUNDREDTH)

    return of_amount(value, expression.reads)


#: Name → what makes an expression of its arguments; raises ValueError when they are not right.
FUNCTIONS: Final[Mapping[str, Callable[[list[Any]], Expression]]] = {
    "sum": _needs_path(_sum),
    "count": _needs_path(_count),
    "exists": _needs_path(_exists),
    "unique": _needs_path(_unique),
    "same": _needs_path(_same),
    "among": _needs_path(_among),
    "starts": _needs_path(_starts),
    "first": _first,
    "round": _rounded,
}
