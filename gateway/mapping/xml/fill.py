"""Writing one text or attribute: functions made once for each leaf of the plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.mapping.xml.choice import held
from gateway.mapping.xml.plan import Leaf
from gateway.mapping.xml.prices import stated_parts
from gateway.mapping.xml.session import WriteFrame, WriteSession
from gateway.mapping.xml.values import XmlConverter, xml_text

__all__ = ["Fill", "filler"]

#: (frame, session) → the text, "" when there is none.
Fill = Callable[[WriteFrame, WriteSession], str]

_PARTS = {"amount": 0, "quantity": 1, "unit": 2}


def filler(leaf: Leaf) -> Fill:
    """The function that gives the text of a leaf. Constants and defaults are put in when the rest stands."""
    if leaf.constant is not None:
        return _nothing
    if leaf.source is not None:
        return _following(leaf)
    assert leaf.converter is not None
    return _converted(leaf, leaf.converter)


def _nothing(_frame: WriteFrame, _session: WriteSession) -> str:
    return ""


def _converted(leaf: Leaf, converter: XmlConverter) -> Fill:
    slot, paths = leaf.slot, leaf.paths
    alternative, warn, table = leaf.alternative, converter.warn, converter.table
    get = _price(leaf) if leaf.price is not None else _getter(leaf)

    def fill(frame: WriteFrame, session: WriteSession) -> str:
        target = frame.targets[slot]
        if target is None:
            return ""
        if alternative is not None and not session.is_chosen(frame, alternative):
            return ""
        value = get(target)
        if value is None:
            return ""
        try:
            known = session.codes.get((table.name, value)) if table is not None else None
            text = known or converter.write(value)
        except ValueError as error:
            session.log.problem((frame.json_path(slot, paths[0]),), str(error))
            return ""
        if warn is not None and text and (message := warn(text)):
            session.log.doubtful((frame.json_path(slot, paths[0]),), message)
        return text

    return fill


def _getter(leaf: Leaf) -> Callable[[Any], Any]:
    paths = leaf.paths
    if len(paths) == 1:
        path = paths[0]
        if len(path) == 1:
            name = path[0]
            return lambda target: getattr(target, name)
        return lambda target: held(target, path)

    def get(target: Any) -> Any:
        found = tuple(held(target, path) for path in paths)
        return found if any(part is not None and part != "" for part in found) else None

    return get


def _price(leaf: Leaf) -> Callable[[Any], Any]:
    assert leaf.price is not None
    price, part = leaf.price
    index = _PARTS[part]

    def get(target: Any) -> Any:
        return stated_parts(held(target, price.field), held(target, price.base))[index]

    return get


def _following(leaf: Leaf) -> Fill:
    assert leaf.source is not None and leaf.converter is not None
    slot, source, converter = leaf.slot, leaf.source, leaf.converter

    def fill(frame: WriteFrame, session: WriteSession) -> str:
        target = frame.targets[slot]
        value = held(target, source.own) if source.own is not None else None
        if source.name == "currency":
            return xml_text(value or session.amount_currency(leaf.at))
        value = value or held(target, (source.name,))
        if value is None:
            return ""
        known = session.codes.get((converter.table.name, value)) if converter.table is not None else None
        return known or converter.write(value)

    return fill
