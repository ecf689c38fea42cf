"""What was noted while reading, as the extensions of the document."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from lxml import etree
from pydantic import BaseModel, TypeAdapter

from gateway.documents import Extension
from gateway.mapping.xml.choice import held
from gateway.mapping.xml.leaves import followed
from gateway.mapping.xml.markup import markup
from gateway.mapping.xml.notes import DISORDER, LEFT, VALUE, VIA, Note, ReadFrame, ReadState
from gateway.mapping.xml.places import Place, tag_of
from gateway.mapping.xml.plan import Leaf, rank_of

__all__ = ["ROOT", "WRAPPER", "extensions_of", "likeness", "ordered_keys"]

#: Anchor of the document itself.
ROOT = "header"
#: As the entry of an extension: the element around the anchor's object and its neighbours.
WRAPPER = "^"
_WIDTH = 100


@cache
def _extensions() -> TypeAdapter[list[Extension]]:
    return TypeAdapter(list[Extension])


def extensions_of(state: ReadState) -> list[Extension]:
    """The notes of a reading as extension entries, in the order of the document."""
    keeper = _Keeper(state)
    return _extensions().validate_python([*keeper.codes(), *keeper.entries()])


class _Keeper:
    """Turns notes into entries; the place of each frame is made once."""

    def __init__(self, state: ReadState) -> None:
        self.state = state
        self.names = state.names
        self.places: dict[ReadFrame, dict[str, Any]] = {}
        self.left: dict[etree._Element, list[etree._Element]] = {}
        self.positions: dict[int, dict[int, int]] = {}

    def codes(self) -> list[dict[str, Any]]:
        """Codes that the document uses for a word and that our tables would not write."""
        by_table: dict[str, dict[str, Any]] = {}
        for (table, word), code in self.state.codes.items():
            usual = self.state.tables[table].codes.get(word, word)
            if code != usual:
                by_table.setdefault(table, {})[word] = {"received": code, "written": usual}
        return [
            {
                "anchor": ROOT,
                "path": "",
                "tag": f"table:{table}",
                "elements": words,
            }
            for table, words in by_table.items()
        ]

    def entries(self) -> list[dict[str, Any]]:
        """All other notes."""
        self.left = {note[3]: note[4] for note in self.state.notes if note[0] == LEFT}
        found: list[dict[str, Any]] = []
        values: dict[tuple[ReadFrame, str], dict[str, Any]] = {}
        for note in self.state.notes:
            kind, frame = note[0], note[1]
            if kind == LEFT:
                found += self._left(frame, note[2], note[3], note[4])
            elif kind == VALUE:
                self._value(note, values, found)
            elif kind == DISORDER:
                order = self._order(note[3], note[4])
                found.append({**self._place(frame), "path": note[2], "order": order})
            elif kind == VIA:
                found.append({**self._place(frame), "path": "", "via": {note[2]: note[3]}})
        return found

    def _value(
        self, note: Note, values: dict[tuple[ReadFrame, str], dict[str, Any]], found: list[dict[str, Any]]
    ) -> None:
        _, frame, path, key, received, written = note
        if isinstance(written, Leaf):
            written = followed(written, frame, self.state)
            if written == (received or "") and received != "":
                return
        entry = values.get((frame, path))
        if entry is None:
            entry = values[frame, path] = {**self._place(frame), "path": path, "elements": {}}
            found.append(entry)
        entry["elements"][key] = {"received": received, "written": written}

    def _left(
        self, frame: ReadFrame, path: str, element: etree._Element, children: Sequence[etree._Element]
    ) -> list[dict[str, Any]]:
        place = self._place(frame)
        wanted = {tag_of(child) for child in children}
        counts: dict[str, int] = {}
        ordinals: dict[etree._Element, int] = {}
        kept = set(children)
        for child in element:
            tag = tag_of(child)
            if tag in wanted:
                count = counts.get(tag, 0)
                counts[tag] = count + 1
                if child in kept:
                    ordinals[child] = count
        return [
            {**place, "path": path, "ordinal": ordinals[child], "xml": markup(child, self.names)} for child in children
        ]

    def _order(self, element: etree._Element, place: Place) -> list[str]:
        """The children as received, each as name and place among those of its name in our own order."""
        children = list(element)
        kept = set(self.left.get(element, ()))
        by_tag: dict[str, list[etree._Element]] = {}
        for child in children:
            by_tag.setdefault(tag_of(child), []).append(child)
        places: dict[etree._Element, int] = {}
        for group in by_tag.values():
            taken = [child for child in group if child not in kept]
            taken.sort(key=lambda child: self.state.numbers.get(child, 0))
            fresh = iter(taken)
            for index, child in enumerate(group):
                places[child if child in kept else next(fresh)] = index
        return [f"{self.names.name(tag_of(child))}[{places[child] + 1}]" for child in children]

    def _place(self, frame: ReadFrame) -> dict[str, Any]:
        """Anchor and entry of a frame."""
        known = self.places.get(frame)
        if known is None:
            known = self.places[frame] = self._placed(frame)
        return known

    def _placed(self, frame: ReadFrame) -> dict[str, Any]:
        if frame.is_wrapper:
            return {"anchor": frame.anchor, "entry": WRAPPER}
        if frame.anchor:
            return {"anchor": frame.anchor}
        if frame.parent is None or frame.rule is None:
            return {"anchor": ROOT}
        group = frame.rule.group
        items = held(frame.parent.targets[group.slot], group.items)
        above = self._place(frame.parent)
        prefix = f"{above['entry']}." if "entry" in above else ""
        name = f"{prefix}{group.key}[{self._index(frame, items)}]"
        like = f"{above['like']}." if "like" in above else ""
        return {"anchor": above["anchor"], "entry": name, "like": like + likeness(frame.entry), "of": len(items)}

    def _index(self, frame: ReadFrame, items: Sequence[Any]) -> int:
        if frame.position >= 0:
            return frame.position
        positions = self.positions.get(id(items))
        if positions is None:
            positions = self.positions[id(items)] = {id(item): index for index, item in enumerate(items)}
        return positions[id(frame.entry)]


def ordered_keys(names: Iterable[str], place: Place) -> list[tuple[int, str, int]]:
    """For sorting children into our own order: position in the schema, name, place among those of its name."""
    counts: dict[str, int] = {}
    keys = []
    for name in names:
        count = counts.get(name, 0)
        counts[name] = count + 1
        keys.append((rank_of(place, name) // _WIDTH, name, count))
    return keys


def likeness(entry: Any) -> str:
    """A digest of the fields of an entry, the same for values just read and for the entry of a document."""
    plain = entry.model_dump(mode="json", exclude_none=True) if isinstance(entry, BaseModel) else entry
    text = json.dumps(_bare(plain), sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def _bare(value: Any) -> Any:
    """Without anchors and empty parts."""
    if isinstance(value, dict):
        bare = {key: _bare(item) for key, item in value.items() if key != "anchor"}
        return {key: item for key, item in bare.items() if item not in (None, [], {})}
    return [_bare(item) for item in value] if isinstance(value, list) else value
