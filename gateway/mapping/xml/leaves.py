"""Reading one text or attribute: functions made once for each leaf of the plan.

Each takes the raw text and returns whether a field carries it now. What our writer would spell differently is noted.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from lxml import etree

from gateway.mapping.converters import CodeTable
from gateway.mapping.rules import Path
from gateway.mapping.xml.notes import VALUE, ReadFrame, ReadState, Values, inside
from gateway.mapping.xml.plan import Leaf
from gateway.mapping.xml.values import PLAIN_DECIMAL, WHITE, XmlConverter

__all__ = ["CONSTANT", "NOT_TAKEN", "VALUE_TAKEN", "Take", "followed", "place_of", "plain_field", "take_leaf"]

#: What became of an element or value: no rule took it, a field got a value, or a constant of the map stood there.
NOT_TAKEN: Final = 0
VALUE_TAKEN: Final = 1
CONSTANT: Final = 2
#: (raw text, element, frame, state) → one of these.
Take = Callable[[str, etree._Element, ReadFrame, ReadState], int]
_Put = Callable[[Any, str, ReadFrame], bool]


def place_of(leaf: Leaf) -> tuple[str, str]:
    """Path of the element below the frame, and the key of the value: "." or "@name"."""
    if leaf.attribute:
        return leaf.at.rpartition("@")[0].rstrip("/"), f"@{leaf.attribute}"
    return ("" if leaf.at == "." else leaf.at), "."


def take_leaf(leaf: Leaf) -> Take:
    """The function of a leaf."""
    if leaf.constant is not None:
        return _constant(leaf, leaf.constant)
    if leaf.source is not None:
        return _following(leaf)
    converter = leaf.converter
    assert converter is not None
    plain = plain_field(leaf)
    if plain is not None:
        return _plain_text(leaf, plain[1])
    put = _putter(leaf)
    otherwise = _converted(leaf, converter, put)
    if converter.name == "decimal" and (leaf.price is None or leaf.price[1] == "amount"):
        return _number(put, otherwise)
    return otherwise


def plain_field(leaf: Leaf) -> tuple[int, str] | None:
    """Slot and field of a leaf whose text goes into the field as it is; None for any other."""
    simple = leaf.converter is not None and leaf.converter.name == "text" and leaf.source is None
    if simple and leaf.alternative is None and leaf.price is None and len(leaf.paths) == 1 and len(leaf.paths[0]) == 1:
        return leaf.slot, leaf.paths[0][0]
    return None


def _number(put: _Put, otherwise: Take) -> Take:
    """A number; one that is spelled as we spell it needs no second look."""
    plain = PLAIN_DECIMAL.fullmatch

    def take(raw: str, element: etree._Element, frame: ReadFrame, state: ReadState) -> int:
        if plain(raw):
            return VALUE_TAKEN if put(Decimal(raw), raw, frame) else NOT_TAKEN
        return otherwise(raw, element, frame, state)

    return take


def _constant(leaf: Leaf, constant: str) -> Take:
    path, key = place_of(leaf)

    def take(raw: str, _element: etree._Element, frame: ReadFrame, state: ReadState) -> int:
        if raw != constant:
            state.notes.append((VALUE, frame, path, key, raw, constant))
        return CONSTANT

    return take


def _plain_text(leaf: Leaf, name: str) -> Take:
    path, key = place_of(leaf)
    slot = leaf.slot

    def take(raw: str, _element: etree._Element, frame: ReadFrame, state: ReadState) -> int:
        value = raw.strip(WHITE)
        if not value:
            return NOT_TAKEN
        if value != raw:
            state.notes.append((VALUE, frame, path, key, raw, value))
        frame.targets[slot][name] = value
        return VALUE_TAKEN

    return take


def _converted(leaf: Leaf, converter: XmlConverter, put: _Put) -> Take:
    path, key = place_of(leaf)
    read, spell, table = converter.read, converter.spell, converter.table
    at = leaf.at

    def take(raw: str, element: etree._Element, frame: ReadFrame, state: ReadState) -> int:
        text = raw.strip(WHITE)
        if not text:
            return NOT_TAKEN
        try:
            value = read(text)
            if not put(value, text, frame):
                return NOT_TAKEN
        except ValueError as error:
            state.unreadable(element, at, text, str(error))
            return NOT_TAKEN
        written = text
        if table is not None:
            written = state.codes.get((table.name, value)) or _first_code(table, value, text, state)
        elif spell is not None:
            written = spell(text, value)
        if written != raw:
            state.notes.append((VALUE, frame, path, key, raw, written))
        return VALUE_TAKEN

    return take


def _first_code(table: CodeTable, word: str, code: str, state: ReadState) -> str:
    """The code that this document uses for a word: the first that is met."""
    state.tables[table.name] = table
    state.codes[table.name, word] = code
    return code


def _putter(leaf: Leaf) -> _Put:
    if leaf.price is not None:
        return _price(leaf)
    put = _several(leaf) if len(leaf.paths) > 1 else _single(leaf.slot, leaf.paths[0])
    if leaf.alternative is None:
        return put
    return _one_of(put, leaf, leaf.alternative.key, leaf.alternative.number)


def _single(slot: int, path: Path) -> _Put:
    nested, name = path[:-1], path[-1] if path else ""

    def put(value: Any, _text: str, frame: ReadFrame) -> bool:
        frame.targets[slot][name] = value
        return True

    def put_inside(value: Any, _text: str, frame: ReadFrame) -> bool:
        inside(frame.targets[slot], nested)[name] = value
        return True

    return put_inside if nested else put


def _several(leaf: Leaf) -> _Put:
    slot, paths = leaf.slot, leaf.paths
    word = leaf.converter is not None and leaf.converter.type == "word"

    def put(value: Any, text: str, frame: ReadFrame) -> bool:
        target = frame.targets[slot]
        for path, part in zip(paths, (value, text) if word else value, strict=True):
            if part is not None:
                inside(target, path[:-1])[path[-1]] = part
        return True

    return put


def _one_of(put: _Put, leaf: Leaf, key: str, number: int) -> _Put:
    """One of several places of a field: the first that is met counts, others only when they say the same."""
    slot, paths = leaf.slot, leaf.paths
    word = leaf.converter is not None and leaf.converter.type == "word"

    def choose(value: Any, text: str, frame: ReadFrame) -> bool:
        chosen = frame.alternatives.get(key)
        if chosen is None:
            frame.alternatives[key] = [number]
            return put(value, text, frame)
        parts = (value, text) if word else value if len(paths) > 1 else (value,)
        held = [_held(frame.targets[slot], path) for path in paths]
        if number in chosen or held != list(parts):
            return False
        chosen.append(number)
        return True

    return choose


def _held(target: Values, path: Path) -> Any:
    value: Any = target
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _price(leaf: Leaf) -> _Put:
    assert leaf.price is not None
    price, part = leaf.price

    def put(value: Any, _text: str, frame: ReadFrame) -> bool:
        if part == "quantity" and value == Decimal(0):
            raise ValueError("a price for a quantity of 0 means nothing")
        frame.prices.setdefault(price, {})[part] = value
        return True

    return put


def _following(leaf: Leaf) -> Take:
    """An attribute that follows the document's currency or a field of the object."""
    assert leaf.source is not None
    path, key = place_of(leaf)
    slot, own = leaf.slot, leaf.source.own

    def currency(raw: str, _element: etree._Element, frame: ReadFrame, state: ReadState) -> int:
        if raw == state.currency:
            return CONSTANT
        if state.currency is None and raw and state.has_currency:
            state.currency = raw
            return CONSTANT
        if own is not None and raw:
            inside(frame.targets[slot], own[:-1])[own[-1]] = raw
        else:
            state.notes.append((VALUE, frame, path, key, raw, state.currency or ""))
        return CONSTANT

    def field(raw: str, _element: etree._Element, frame: ReadFrame, state: ReadState) -> int:
        # The field may stand further down: compared when the object is complete.
        state.notes.append((VALUE, frame, path, key, raw, leaf))
        return CONSTANT

    return currency if leaf.source.name == "currency" else field


def followed(leaf: Leaf, frame: ReadFrame, state: ReadState) -> str:
    """What we would write for an attribute that follows a field, once everything is read; "" for nothing."""
    assert leaf.source is not None and leaf.converter is not None
    if leaf.source.name == "currency":
        return state.currency or ""
    value = frame.targets[leaf.slot].get(leaf.source.name)
    if value is None:
        return ""
    table = leaf.converter.table
    return (state.codes.get((table.name, value)) if table is not None else None) or leaf.converter.write(value)
