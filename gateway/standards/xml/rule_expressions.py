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

import re
from collections.abc import Collection, Iterator
from decimal import Decimal, DivisionByZero, InvalidOperation
from typing import Any, Final, NoReturn

from gateway.standards.xml.rule_functions import FUNCTIONS
from gateway.standards.xml.rule_paths import RulePath, rule_path
from gateway.standards.xml.rule_scope import Expression, Scope, Value, first_value, number_of

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
        return parts[0] if len(parts) == 1 else lambda scope: _any_of(part(scope) for part in parts)

    def _both(self) -> Expression:
        parts = [self._denied()]
        while self._is("and"):
            parts.append(self._denied())
        return parts[0] if len(parts) == 1 else lambda scope: _not(_any_of(_not(part(scope)) for part in parts))

    def _denied(self) -> Expression:
        if self._is("not"):
            inner = self._denied()
            return lambda scope: _not(inner(scope))
        return self._compared()

    def _compared(self) -> Expression:
        left = self._added()
        sign = self._is("=", "!=", "<", "<=", ">", ">=")
        if not sign:
            return left
        right = self._added()
        return lambda scope: _compare(sign, left(scope), right(scope), scope.tolerance)

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
            return lambda scope: scope.names[text]
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


def _constant(value: Value) -> Expression:
    return lambda _: value


def _not(value: Value) -> Value:
    return None if value is None else not value


def _any_of(values: Iterator[Value]) -> Value:
    """True when one is, else unknown when one is, else false."""
    unknown = False
    for value in values:
        if value is None:
            unknown = True
        elif value:
            return True
    return None if unknown else False


def _compare(sign: str, left: Value, right: Value, tolerance: Decimal) -> Value:
    if left is None or right is None:
        return None
    if isinstance(left, str) and isinstance(right, str):
        if _DAY.match(left) and _DAY.match(right):
            return _ordered(sign, left[:10], right[:10])
        if sign in {"=", "!="}:
            return (left == right) is (sign == "=")
    first, second = number_of(left), number_of(right)
    if first is None or second is None:
        return None
    difference = first - second
    if abs(difference) <= tolerance:
        difference = Decimal(0)
    return _ordered(sign, difference, Decimal(0))


def _ordered(sign: str, left: Any, right: Any) -> bool:
    order = int(left > right) - int(left < right)
    return {"=": order == 0, "!=": order != 0, "<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[sign]


def _calculation(sign: str, left: Expression, right: Expression) -> Expression:
    def value(scope: Scope) -> Value:
        first, second = number_of(left(scope)), number_of(right(scope))
        if first is None or second is None:
            return None
        try:
            return {
                "+": lambda: first + second,
                "-": lambda: first - second,
                "*": lambda: first * second,
                "div": lambda: first / second,
            }[sign]()
        except (DivisionByZero, InvalidOperation):
            return None

    return value
