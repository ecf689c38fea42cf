"""The language in which business rules say what must hold; compiled once, and nothing of it is ever executed as code.

    cbc:DueDate >= cbc:IssueDate
    $lines = sum(cac:InvoiceLine/cbc:LineExtensionAmount)
    exists(cbc:BuyerReference) or exists(cac:OrderReference/cbc:ID)

Operators, weakest first: `or`, `and`, `not`, comparisons, `+ -`, `* div`. Amounts are decimals, never binary fractions.
What cannot be judged, because a value is missing or is not a number, is neither true nor false: the rule keeps
silent, and whether a value must be there is for another rule to say. An amount that is given twice counts once: the
first.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal, DivisionByZero, InvalidOperation
from typing import Any, Final, NoReturn

from gateway.standards.xml.rule_functions import FUNCTIONS
from gateway.standards.xml.rule_paths import RulePath, rule_path
from gateway.standards.xml.rule_scope import ZERO, Expression, Scope, Value, amount_of, first_value, of_amount

__all__ = ["compile_expression"]

_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<number>\d+(?:\.\d+)?)
      | '(?P<text>[^']*)'
      | \$(?P<name>[a-z_]+)
      | (?P<word>and|or|not|div)(?![\w:/])
      | (?P<function>[a-z_]+)(?=\()
      | (?P<path>(?://|/)?(?:\.\.?(?![\w])|[@A-Za-z_][\w.:]*)(?:\[[^\]]*\])?(?:/(?:\.\.?(?![\w])|[@A-Za-z_][\w.:]*)(?:\[[^\]]*\])?)*)
      | (?P<sign><=|>=|!=|[=<>+*(),-])
    )""",
    re.VERBOSE,
)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _sum(one: Decimal, other: Decimal) -> Decimal:
    return one if other is ZERO else one + other


def _difference(one: Decimal, other: Decimal) -> Decimal:
    return one if other is ZERO else one - other


def _quotient(one: Decimal, other: Decimal) -> Decimal:
    # Prices are mostly for one unit, and a division to a hundred digits is dear.
    return one if other == 1 else one / other


_CALCULATIONS: Final[Mapping[str, Callable[[Any, Any], Decimal]]] = {
    "+": _sum,
    "-": _difference,
    "*": operator.mul,
    "div": _quotient,
}


def compile_expression(source: str, names: Collection[str] = ()) -> Expression:
    """Compile one expression that may use the `$names` given. Raises ValueError that says where it cannot be read."""
    parser = _Parser(source, names)
    compiled = parser.either()
    parser.end()
    return compiled


class _Parser:
    """Reads an expression from left to right, one method for each strength of binding."""

    def __init__(self, source: str, names: Collection[str]) -> None:
        self._source = source
        self._names = names
        self._tokens = list(self._read())
        self._next = 0

    def _read(self) -> Iterator[tuple[str, str]]:
        position, end = 0, len(self._source.rstrip())
        while position < end:
            found = _TOKEN.match(self._source, position)
            if found is None or found.lastgroup is None:
                self._fail(self._source[position:].strip())
            yield found.lastgroup, found[found.lastgroup]
            position = found.end()

    def _fail(self, rest: str) -> NoReturn:
        raise ValueError(f'"{self._source}" cannot be read from "{rest or "its end"}" on.')

    def end(self) -> None:
        """Nothing may follow."""
        if self._next < len(self._tokens):
            self._fail(self._tokens[self._next][1])

    def _is(self, *wanted: str) -> str:
        """Take the next token if it is one of these words or signs; else "" ."""
        if self._next < len(self._tokens):
            kind, text = self._tokens[self._next]
            if kind in {"word", "sign"} and text in wanted:
                self._next += 1
                return text
        return ""

    def either(self) -> Expression:
        parts = [self._both()]
        while self._is("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else _joined(parts, decided=True)

    def _both(self) -> Expression:
        parts = [self._denied()]
        while self._is("and"):
            parts.append(self._denied())
        return parts[0] if len(parts) == 1 else _joined(parts, decided=False)

    def _denied(self) -> Expression:
        if self._is("not"):
            return _opposite(self._denied())
        return self._compared()

    def _compared(self) -> Expression:
        left = self._added()
        sign = self._is("=", "!=", "<", "<=", ">", ">=")
        if not sign:
            return left
        return _comparison(sign, left, self._added())

    def _added(self) -> Expression:
        left = self._multiplied()
        while sign := self._is("+", "-"):
            left = _calculation(sign, left, self._multiplied())
        return left

    def _multiplied(self) -> Expression:
        left = self._single()
        while sign := self._is("*", "div"):
            left = _calculation(sign, left, self._single())
        return left

    def _single(self) -> Expression:
        if self._is("("):
            inner = self.either()
            if not self._is(")"):
                self._fail("its missing )")
            return inner
        if self._next == len(self._tokens):
            self._fail("")
        kind, text = self._tokens[self._next]
        self._next += 1
        if kind == "number":
            return _constant(Decimal(text))
        if kind == "text":
            return _constant(text)
        if kind == "name":
            if text not in self._names:
                raise ValueError(f'"{self._source}" uses ${text}, which no `let` before it defines.')
            return _named(text, self._names)
        if kind == "path":
            return first_value(rule_path(text))
        if kind == "function":
            return self._called(text)
        return self._fail(text)

    def _called(self, name: str) -> Expression:
        make = FUNCTIONS.get(name)
        if make is None:
            raise ValueError(f'"{self._source}" uses {name}(), which is not one of {", ".join(FUNCTIONS)}.')
        self._is("(")
        arguments: list[RulePath | Expression] = []
        while not self._is(")"):
            if arguments and not self._is(","):
                self._fail(f"{name}(")
            arguments.append(self._argument(first=not arguments))
        if not arguments:
            self._fail(f"{name}()")
        return make(arguments)

    def _argument(self, *, first: bool) -> RulePath | Expression:
        """The first argument of a function is a path where it is nothing but that."""
        kind, text = self._tokens[self._next] if self._next < len(self._tokens) else ("", "")
        following = self._tokens[self._next + 1] if self._next + 1 < len(self._tokens) else ("", "")
        if first and kind == "path" and following in {("sign", ","), ("sign", ")")}:
            self._next += 1
            return rule_path(text)
        return self.either()


def _constant(value: str | Decimal) -> Expression:
    if isinstance(value, Decimal):
        return Expression(lambda _: value, (), lambda _: value, is_amount=True, constant=value)
    return Expression(lambda _: value, constant=value)


def _named(name: str, names: Collection[str]) -> Expression:
    """`$name`; an amount where what it stands for is one."""
    defined = names.get(name) if isinstance(names, Mapping) else None
    is_amount = isinstance(defined, Expression) and defined.is_amount
    return Expression(lambda scope: scope.names[name], is_amount=is_amount)


def _opposite(inner: Expression) -> Expression:
    run = inner.run

    def value(scope: Scope) -> Value:
        found = run(scope)
        return None if found is None else not found

    return Expression(value, inner.reads)


def _joined(parts: list[Expression], *, decided: bool) -> Expression:
    """`or` (decided when one is true) or `and` (decided when one is false); else unknown when one is unknown."""
    runs = tuple(part.run for part in parts)

    def value(scope: Scope) -> Value:
        unknown = False
        for run in runs:
            found = run(scope)
            if found is None:
                unknown = True
            elif bool(found) is decided:
                return decided
        return None if unknown else not decided

    return Expression(value, tuple(reading for part in parts for reading in part.reads))


def _comparison(sign: str, left: Expression, right: Expression) -> Expression:
    amounts = _amounts_compared(sign, amount_of(left), right)
    reads, needs = left.reads + right.reads, left.needs or right.needs
    if left.is_amount or right.is_amount:
        return Expression(amounts, reads, needs=needs)
    run_left, run_right, holds = left.run, right.run, _COMPARISONS[sign]
    is_equality = sign in {"=", "!="}

    def value(scope: Scope) -> Value:
        one, other = run_left(scope), run_right(scope)
        if isinstance(one, str) and isinstance(other, str):
            if _DAY.match(one) and _DAY.match(other):
                return holds(one[:10], other[:10])
            if is_equality:
                return holds(one, other)
        return amounts(scope)

    return Expression(value, reads, needs=needs)


def _amounts_compared(
    sign: str, left: Callable[[Scope], Decimal | None], right: Expression
) -> Callable[[Scope], bool | None]:
    holds, constant, amount = _COMPARISONS[sign], right.constant, amount_of(right)

    def value(scope: Scope) -> bool | None:
        one = left(scope)
        if one is None:
            return None
        other = constant if isinstance(constant, Decimal) else amount(scope)
        if other is None:
            return None
        tolerance = scope.tolerance
        if tolerance and one != other and abs(one - other) <= tolerance:
            return holds(ZERO, ZERO)
        return holds(one, other)

    return value


def _calculation(sign: str, left: Expression, right: Expression) -> Expression:
    amount_left, amount_right, calculate = amount_of(left), amount_of(right), _CALCULATIONS[sign]

    def value(scope: Scope) -> Decimal | None:
        one = amount_left(scope)
        other = None if one is None else amount_right(scope)
        if one is None or other is None:
            return None
        try:
            return calculate(one, other)
        except (DivisionByZero, InvalidOperation):
            return None

    return of_amount(value, left.reads + right.reads, left.needs or right.needs)
