"""The functions that expressions of business rules may call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from gateway.standards.xml.rule_paths import Place, RulePath
from gateway.standards.xml.rule_scope import HUNDREDTH, Expression, Scope, Value, first_value, number_of

__all__ = ["FUNCTIONS"]


def _places(argument: Any, scope: Scope) -> Iterator[Place]:
    return (place for place in argument.places(scope.here, scope.document, scope.seen) if place.text)


def _needs_path(make: Callable[[RulePath, list[Any]], Expression]) -> Callable[[list[Any]], Expression]:
    def checked(arguments: list[Any]) -> Expression:
        if not isinstance(arguments[0], RulePath):
            raise ValueError("The first argument of this function must be a path.")  # noqa: TRY004
        return make(arguments[0], [_as_expression(each) for each in arguments[1:]])

    return checked


def _as_expression(argument: Any) -> Expression:
    return first_value(argument) if isinstance(argument, RulePath) else argument


def _sum(path: RulePath, rest: list[Expression]) -> Expression:
    """sum(path): of the values; sum(path, expression): of the expression for each element. Unknown if one is."""

    def value(scope: Scope) -> Value:
        if rest:
            parts = [
                number_of(rest[0](scope.at(each))) for each in path.elements(scope.here, scope.document, scope.seen)
            ]
        else:
            parts = [number_of(place.text) for place in path.places(scope.here, scope.document, scope.seen)]
        known = [part for part in parts if part is not None]
        return sum(known, Decimal(0)) if len(known) == len(parts) else None

    return value


def _count(path: RulePath, _: list[Expression]) -> Expression:
    return lambda scope: Decimal(len(path.elements(scope.here, scope.document, scope.seen)))


def _exists(path: RulePath, _: list[Expression]) -> Expression:
    """Whether there is a value; an element that holds others counts too."""

    def value(scope: Scope) -> Value:
        return any(
            place.text or (not place.attribute and len(place.element))
            for place in path.places(scope.here, scope.document, scope.seen)
        )

    return value


def _unique(path: RulePath, _: list[Expression]) -> Expression:
    def value(scope: Scope) -> Value:
        seen: set[str] = set()
        for place in _places(path, scope):
            if place.text in seen:
                scope.offender = place
                return False
            seen.add(place.text)
        return True

    return value


def _same(path: RulePath, _: list[Expression]) -> Expression:
    def value(scope: Scope) -> Value:
        first: str | None = None
        for place in _places(path, scope):
            if first is not None and place.text != first:
                scope.offender = place
                return False
            first = place.text
        return True

    return value


def _among(path: RulePath, allowed: list[Expression]) -> Expression:
    """Whether every value is one of those allowed; those that are missing allow nothing."""

    def value(scope: Scope) -> Value:
        known = {each for expression in allowed if (each := expression(scope)) is not None}
        if not known:
            return None
        for place in _places(path, scope):
            if place.text not in known:
                scope.offender = place
                return False
        return True

    return value


def _starts(path: RulePath, texts: list[Expression]) -> Expression:
    """Whether the first value begins with one of the texts."""
    first = first_value(path)

    def value(scope: Scope) -> Value:
        text = first(scope)
        return text is not None and str(text).startswith(tuple(str(each(scope)) for each in texts))

    return value


def _first(arguments: list[Any]) -> Expression:
    """The first of the arguments that has a value."""
    expressions = [_as_expression(each) for each in arguments]

    def value(scope: Scope) -> Value:
        return next((each for expression in expressions if (each := expression(scope)) is not None), None)

    return value


def _rounded(arguments: list[Any]) -> Expression:
    """The amount rounded to two decimals, half to even."""
    expression = _as_expression(arguments[0])

    def value(scope: Scope) -> Value:
        number = number_of(expression(scope))
        return None if number is None else number.quantize(HUNDREDTH)

    return value


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
