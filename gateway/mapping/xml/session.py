"""What is known and collected while one document is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.documents import Document, Extension
from gateway.mapping.rules import Path
from gateway.mapping.state import WriteState
from gateway.mapping.xml.choice import held
from gateway.mapping.xml.kept import WRAPPER, likeness
from gateway.mapping.xml.out import Out
from gateway.mapping.xml.plan import Alternative, Leaf, ListRule
from gateway.mapping.xml.values import xml_text

__all__ = ["KeptEntry", "Key", "WriteFrame", "WriteSession"]

#: Anchor, and entry below it ("" for the anchor's own object).
Key = tuple[str, str]
_FIRST = [1]


class WriteFrame:
    """One object being written."""

    __slots__ = ("assigned", "choices", "key", "matches", "slot_paths", "targets")

    def __init__(self, targets: list[Any], key: Key | None, choices: dict[str, list[int]]) -> None:
        """`key` is where its extensions are found; None for an object that was not read (made by hand, or a copy)."""
        self.targets = targets
        self.key = key
        #: Alternatives and lists → rules that read them.
        self.choices = choices
        #: Rule → (index, entry, its JSON path, units above it).
        self.assigned: dict[ListRule, list[tuple[int, Any, str, tuple[Any, ...]]]] = {}
        self.slot_paths: dict[int, str] = {}
        #: List → place of an entry → what is kept for it.
        self.matches: dict[str, dict[int, KeptEntry]] = {}

    def json_path(self, slot: int, path: Path) -> str:
        """The path of a field, below this object."""
        above = self.slot_paths.get(slot)
        own = ".".join(path)
        return f"{above}.{own}" if above and own else above or own


@dataclass(slots=True)
class KeptEntry:
    """What the extensions say of one entry of a list."""

    entry: str
    index: int
    like: str
    #: Entries of its list then; None when only something within it was kept.
    count: int | None


@dataclass(slots=True)
class WriteSession:
    """What is known and collected while one document is written."""

    log: WriteState
    #: The document's currency.
    currency: str | None
    #: Whether the document has a currency at all.
    has_currency: bool
    #: (table, word) → the code that this document uses.
    codes: dict[tuple[str, str], str] = field(default_factory=dict)
    #: Key → rules that read its alternatives and lists.
    choices: dict[Key, dict[str, list[int]]] = field(default_factory=dict)
    #: (anchor, list) → the entries of it that something is kept for.
    kept: dict[Key, dict[str, KeptEntry]] = field(default_factory=dict)
    #: The elements of the objects that were written.
    placed: dict[Key, Out] = field(default_factory=dict)
    missing_currency: bool = False

    @classmethod
    def of(cls, document: Document, extensions: Iterable[Extension]) -> WriteSession:
        """A session for a document, with what its extensions say beyond kept elements and values."""
        session = cls(
            WriteState(received=document.source is not None),
            getattr(document, "currency", None),
            "currency" in type(document).model_fields,
        )
        seen: set[Key] = set()
        for entry in extensions:
            key = (entry.anchor, entry.entry or "")
            if entry.form == "via":
                session.choices.setdefault(key, {}).update(entry.via or {})
            elif entry.tag is not None and entry.tag.startswith("table:"):
                for word, pair in (entry.elements or {}).items():
                    session.codes[entry.tag[6:], word] = str(pair.received)
            if entry.entry and entry.entry != WRAPPER and key not in seen:
                seen.add(key)
                session._keep(entry, entry.entry)
        return session

    def _keep(self, extension: Extension, entry: str) -> None:
        """Note the entry that an extension belongs to, and the entries around it."""
        likes = (extension.like or "").split(".")
        levels = entry.removesuffix("]").split("].")
        above = ""
        for depth, level in enumerate(levels):
            name, _, index = level.rpartition("[")
            if not index.isdigit() or depth >= len(likes):
                return
            known = self.kept.setdefault((extension.anchor, above + name), {})
            place = f"{above}{name}[{index}]"
            count = extension.of if depth == len(levels) - 1 else None
            if place not in known or known[place].count is None:
                known[place] = KeptEntry(place, int(index), likes[depth], count)
            above = f"{place}."

    def where(self, path: str = "") -> str:
        """The JSON path of something below the current object."""
        return self.log.where((path,) if path else None)

    def is_chosen(self, frame: WriteFrame, alternative: Alternative) -> bool:
        """Whether this place of a field or part is the one to write."""
        return alternative.number in frame.choices.get(alternative.key, _FIRST)

    def enter(
        self, frame: WriteFrame, rule: ListRule, item: Any, path: str, above: Sequence[Any], width: int
    ) -> WriteFrame:
        """The frame of one entry of a list."""
        targets: list[Any] = [item, *above]
        targets += [None] * (width - len(targets))
        key = self._key(frame, rule, item, path)
        inner = WriteFrame(targets, key, self.choices.get(key, {}) if key is not None else {})
        for slot in range(1, len(above) + 1):
            inner.slot_paths[slot] = ""
        return inner

    def begins_wrapper(self, item: Any) -> bool:
        """Whether an entry stood first in an element of its own, although its neighbour shares its values."""
        return "wrapper" in self.choices.get((getattr(item, "anchor", None) or "", WRAPPER), {})

    def enter_wrapper(self, item: Any, width: int) -> WriteFrame:
        """The frame of the element around an entry and its neighbours."""
        anchor = getattr(item, "anchor", None)
        key = (anchor, WRAPPER) if anchor is not None and anchor not in self.log.anchors else None
        return WriteFrame([item, *([None] * (width - 1))], key, self.choices.get(key, {}) if key is not None else {})

    def _key(self, frame: WriteFrame, rule: ListRule, item: Any, path: str) -> Key | None:
        anchor = getattr(item, "anchor", None)
        if rule.anchor or anchor is not None:
            claimed = self.log.claim(anchor)
            return (claimed, "") if claimed is not None else None
        if frame.key is None or not self.kept:
            return None
        anchor, entry = frame.key
        name = f"{f'{entry}.' if entry else ''}{rule.group.key}"
        index = int(path.rpartition("[")[2][:-1])
        known = self.kept.get((anchor, name))
        if not known:
            return (anchor, f"{name}[{index}]")
        matches = frame.matches.get(rule.group.key)
        if matches is None:
            items = held(frame.targets[rule.group.slot], rule.group.items)
            matches = frame.matches[rule.group.key] = _matches(items, list(known.values()))
        found = matches.get(index)
        if found is not None:
            return (anchor, found.entry)
        # Where another entry has the extensions of this place, a mark keeps them apart.
        place = f"{name}[{index}]"
        return (anchor, f"{place}*" if place in known else place)

    def wrote(self, frame: WriteFrame, out: Out) -> None:
        """Remember where an object's element is."""
        if frame.key is not None:
            self.placed.setdefault(frame.key, out)

    def require(self, leaf: Leaf, frame: WriteFrame, out: Out) -> None:
        """A required field without a value is a problem, or a finding in a document that came without it."""
        target = frame.targets[leaf.slot]
        if leaf.default is None and target is not None and held(target, leaf.paths[0]) in (None, ""):
            self.log.lacking(
                (frame.json_path(leaf.slot, leaf.paths[0]),),
                f"{out.name} must have {leaf.at} and this field is empty. Fill it in.",
            )

    def amount_currency(self, at: str) -> str:
        """The currency of an amount that has none of its own."""
        if not self.currency and self.has_currency and not self.missing_currency:
            self.missing_currency = True
            path, self.log.path = self.log.path, []
            self.log.lacking(("currency",), f"the amounts ({at}) need a currency (ISO 4217). Fill it in.")
            self.log.path = path
        return xml_text(self.currency or "")


def _matches(items: Sequence[Any], known: Sequence[KeptEntry]) -> dict[int, KeptEntry]:
    """Which entry of a list each kept one is for: the one at its place when its fields are as they were, else another
    with these fields, else the one at its place while the list has as many entries as before."""
    likes = [likeness(item) for item in items]
    found: dict[int, KeptEntry] = {}
    rest: list[KeptEntry] = []
    for kept in known:
        if kept.index < len(likes) and likes[kept.index] == kept.like:
            found[kept.index] = kept
        else:
            rest.append(kept)
    places: dict[str, list[int]] = {}
    for index in reversed(range(len(likes))):
        if index not in found:
            places.setdefault(likes[index], []).append(index)
    for kept in rest:
        alike = places.get(kept.like)
        if alike:
            found[alike.pop()] = kept
        elif kept.count in (None, len(likes)) and kept.index < len(likes):
            found.setdefault(kept.index, kept)
    return found
