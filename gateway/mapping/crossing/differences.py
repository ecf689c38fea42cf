"""What differs between two documents, field by field: words count, a partner's spelling of them does not.

Lines and units are compared in their order; the entries of other lists by likeness, because every standard has an
order of its own for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from gateway.documents.base import Code

__all__ = ["Difference", "differences", "respelled"]

#: Fields of the wrapping and of bookkeeping.
_OURS: Final = frozenset(
    [
        "anchor",
        "direction",
        "envelope",
        "extensions",
        "id",
        "kind",
        "links",
        "receiver",
        "role",
        "schema_version",
        "sender",
        "test",
    ]
)
#: Lists whose order says something.
_ORDERED: Final = frozenset({"lines", "units"})
#: Word → field with the partner's code for it, in one object.
_PAIRS: Final = (("type", "code"), ("scheme", "code"), ("scheme", "qualifier"), ("second_type", "second_code"))


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs."""

    #: Path in the JSON form, of the first document; of the second for what only that has.
    path: str
    before: Any = None
    after: Any = None


def differences(before: BaseModel, after: BaseModel) -> list[Difference]:
    """Every field that the two documents do not have in common."""
    found: list[Difference] = []
    _model(before, after, "", found)
    return found


def respelled(before: BaseModel, after: BaseModel) -> list[Difference]:
    """Every word that the two documents have in common under different codes."""
    found: list[Difference] = []
    _codes(before, after, "", found)
    return found


def _codes(one: Any, other: Any, path: str, found: list[Difference]) -> None:
    if isinstance(one, list) and isinstance(other, list) and one and isinstance(one[0], BaseModel):
        name = path.rpartition(".")[2]
        pairs = _in_order(one, other) if name in _ORDERED else _by_likeness(one, other)
        for place, index in enumerate(pairs):
            if index is not None:
                _codes(one[place], other[index], f"{path}[{place}]", found)
    elif isinstance(one, Code) and isinstance(other, Code):
        if one.value is not None and one.value == other.value and one.code and other.code and one.code != other.code:
            found.append(Difference(path, one.code, other.code))
    elif isinstance(one, BaseModel) and type(one) is type(other):
        _pairs(one, other, path, found)
        for name in _said(one):
            _codes(getattr(one, name), getattr(other, name), f"{path}.{name}" if path else name, found)


def _pairs(one: BaseModel, other: BaseModel, path: str, found: list[Difference]) -> None:
    for word, code in _PAIRS:
        if word in type(one).model_fields and code in type(one).model_fields:
            first, last = getattr(one, code), getattr(other, code)
            same = isinstance(getattr(one, word), str) and getattr(one, word) == getattr(other, word)
            if same and first != last:
                found.append(Difference(f"{path}.{code}", first, last))


def _is_empty(value: Any) -> bool:
    if value is None or value in ("", []):
        return True
    return isinstance(value, BaseModel) and all(_is_empty(getattr(value, name)) for name in _said(value))


def _said(value: BaseModel) -> list[str]:
    return [name for name in type(value).model_fields if name in value.model_fields_set and name not in _OURS]


def _model(before: BaseModel, after: BaseModel, path: str, found: list[Difference]) -> None:
    names = dict.fromkeys([*_said(before), *_said(after)])
    for word, code in _PAIRS:
        known = word in type(before).model_fields and code in type(before).model_fields
        if known and getattr(before, word, None) and getattr(before, word) == getattr(after, word, None):
            names.pop(code, None)
    for name in names:
        one, other = getattr(before, name, None), getattr(after, name, None)
        _values(one, other, f"{path}.{name}" if path else name, name, found)


def _values(one: Any, other: Any, path: str, name: str, found: list[Difference]) -> None:
    if _is_empty(one) or _is_empty(other):
        if not (_is_empty(one) and _is_empty(other)):
            _only(one, other, path, found)
    elif isinstance(one, Code) and isinstance(other, Code):
        if (one.value or one.code) != (other.value or other.code):
            found.append(Difference(path, str(one), str(other)))
    elif isinstance(one, list) and isinstance(other, list) and isinstance(one[0], BaseModel):
        _lists(one, other, path, name in _ORDERED, found)
    elif isinstance(one, BaseModel) and isinstance(other, BaseModel):
        _model(one, other, path, found)
    elif _text(one) != _text(other) and one != other:
        found.append(Difference(path, one, other))


def _text(value: Any) -> Any:
    return "\n".join(value) if isinstance(value, list) and all(isinstance(each, str) for each in value) else value


def _only(one: Any, other: Any, path: str, found: list[Difference]) -> None:
    """A value that only one side has; an object leaf by leaf."""
    value = one if not _is_empty(one) else other
    is_before = value is one
    if isinstance(value, list) and value and isinstance(value[0], BaseModel):
        for index, item in enumerate(value):
            where = f"{path}[{index}]"
            _only(item if is_before else None, None if is_before else item, where, found)
    elif isinstance(value, BaseModel) and not isinstance(value, Code):
        spelled = {code for word, code in _PAIRS if isinstance(getattr(value, word, None), str)}
        for name in _said(value):
            inner = getattr(value, name)
            if not _is_empty(inner) and name not in spelled:
                _only(inner if is_before else None, None if is_before else inner, f"{path}.{name}", found)
    elif is_before:
        found.append(Difference(path, _shown(value), None))
    else:
        found.append(Difference(path, None, _shown(value)))


def _shown(value: Any) -> Any:
    return str(value) if isinstance(value, Code) else value


def _lists(one: Sequence[Any], other: Sequence[Any], path: str, ordered: bool, found: list[Difference]) -> None:
    pairs = _in_order(one, other) if ordered else _by_likeness(one, other)
    taken = {index for index in pairs if index is not None}
    for place, index in enumerate(pairs):
        if index is None:
            _only(one[place], None, f"{path}[{place}]", found)
        else:
            _model(one[place], other[index], f"{path}[{place}]", found)
    for index, item in enumerate(other):
        if index not in taken:
            _only(None, item, f"{path}[{index}]", found)


def _in_order(one: Sequence[Any], other: Sequence[Any]) -> list[int | None]:
    """By place where the counts agree, else by what tells lines and units apart."""
    if len(one) == len(other):
        return list(range(len(one)))
    known: dict[Any, list[int]] = {}
    for index, item in enumerate(other):
        known.setdefault(_key(item), []).append(index)
    return [known[key].pop(0) if known.get(key := _key(item)) else None for item in one]


def _key(item: Any) -> tuple[Any, ...]:
    ids = tuple((each.scheme, each.value) for each in getattr(item, "item_ids", ()))[:1]
    return (getattr(item, "line_id", None), str(getattr(item, "level", "") or ""), ids)


def _by_likeness(one: Sequence[Any], other: Sequence[Any]) -> list[int | None]:
    free = dict(enumerate(other))
    pairs: list[int | None] = []
    for item in one:
        scores = [(_alike(item, candidate), -index) for index, candidate in free.items()]
        best = max(scores, default=(0, 0))
        pairs.append(-best[1] if best[0] > 0 else None)
        if best[0] > 0:
            del free[-best[1]]
    return pairs


def _alike(one: BaseModel, other: BaseModel) -> int:
    """How many fields agree; 0 when what they are (type, scheme) differs and nothing else agrees either."""
    if type(one) is not type(other):
        return 0
    score = 0
    for name in _said(one):
        value = getattr(one, name)
        if not _is_empty(value) and _same(value, getattr(other, name, None)):
            score += 3 if name in {"value", "amount", "date", "text", "name"} else 2
    return score


def _same(one: Any, other: Any) -> bool:
    found: list[Difference] = []
    _values(one, other, "", "", found)
    return not found
