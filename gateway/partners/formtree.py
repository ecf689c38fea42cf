"""A profile's tree as a form shows it, and back: what was typed over a tree gives the next tree.

A tree is what `parse_yaml` gives of a partner file: groups, lists and plain texts, only what the profile says itself.
Each field of a form has a name: ``as2.url``, ``ids.isa[0].id`` for a row of a list, ``documents.sent{0}.version`` for
the entry of a name. A field that is not typed anew is left as it is, and so is a value that fits no field, which only
the text shows. So a form that is sent as it came gives the tree that it was made of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel

from gateway.partners.formfields import FormField, FormKind, defaults_of, form_fields
from gateway.partners.profile import PartnerProfile

__all__ = ["Typed", "entries_of", "items_of", "plain_texts", "shown", "typed_tree"]

#: What a form is, to be asked for the texts of one name; names of fields have one of these letters before them.
#: ``v-`` = the value, ``k-`` = the name of an entry, ``e-`` = "empty" or "null" instead of a value, ``x-`` = take away.
Form = Mapping[str, Sequence[str]]

_TRUE = frozenset({"true", "yes", "on", "1", "t", "y"})
_FALSE = frozenset({"false", "no", "off", "0", "f", "n"})
_ABSENT: Final = object()


@dataclass(slots=True)
class Typed:
    """What typing made of a tree."""

    tree: dict[str, Any]
    #: Path of a field → what cannot be taken as it was typed.
    refused: dict[str, str] = field(default_factory=dict)


def typed_tree(tree: Mapping[str, Any], form: Form, inherited: Mapping[str, Any], action: str = "") -> Typed:
    """The tree with what was typed, after one step of a button.

    ``inherited`` are the values under the tree (`inherited_values`). ``action`` is "", "add:NAME" (a row or entry
    more), "own:NAME" (the inherited rows become the profile's own), "remove:NAME[0]" or "inherit:NAME".
    """
    verb, _, target = action.partition(":")
    walk = _Walk(form, verb, target)
    made = walk.group(PartnerProfile, tree, inherited, "")
    return Typed(made, walk.refused)


def shown(of: FormField, value: Any) -> str | tuple[str, ...] | None:
    """What a field shows of a value of a tree; None when the value does not fit into it."""
    if of.kind is FormKind.CHOICES:
        items = items_of(value)
        return tuple(items) if all(isinstance(item, str) for item in items) else None
    if value is None or value == []:
        return ""
    if of.kind is FormKind.SECRET:
        return _reference(value)
    if of.kind in {FormKind.LINES, FormKind.SECRETS, FormKind.MIXED}:
        read = _reference if of.kind is FormKind.SECRETS else _line
        lines = [read(item) for item in items_of(value)]
        return None if any(not line or line != line.strip() for line in lines) else "\n".join(map(str, lines))
    if of.kind is FormKind.LONG:
        return value if isinstance(value, str) and all(_line(line) is not None for line in value.split("\n")) else None
    text = _line(value)
    if of.kind is FormKind.SWITCH and text is not None:
        return "true" if text.lower() in _TRUE else "false" if text.lower() in _FALSE else text
    return text


def items_of(value: Any) -> list[Any]:
    """The items of a list; a single value stands for a list of one."""
    return [] if value is None else value if isinstance(value, list) else [value]


def entries_of(own: Any, inherited: Any) -> Iterator[tuple[int, str, Any, bool]]:
    """(number, name, own value, whether the tree says it) of every entry: the tree's, then those only inherited."""
    mine = own if isinstance(own, Mapping) else {}
    for number, (key, value) in enumerate(mine.items()):
        yield number, key, value, True
    under = [key for key in (inherited or {}) if key not in mine]
    for number, key in enumerate(under, len(mine)):
        yield number, key, None, False


def plain_texts(value: Any) -> Any:
    """Plain JSON as the texts that a tree holds, without what is empty."""
    if isinstance(value, dict):
        return {key: plain_texts(inner) for key, inner in value.items() if inner not in (None, [], {}, "")}
    if isinstance(value, list):
        return [plain_texts(inner) for inner in value]
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _line(value: Any) -> str | None:
    """A text that one line of a form can hold."""
    fits = isinstance(value, str) and not any(char < " " and char != "\t" for char in value)
    return value if fits else None


def _reference(value: Any) -> str | None:
    if isinstance(value, Mapping) and set(value) == {"secret"}:
        return _line(value["secret"])
    return None


def _trimmed(text: str) -> str:
    """Without blanks at its ends, unless it is nothing but blanks: a blank can be meant."""
    return text.strip() or text


@dataclass(slots=True)
class _Walk:
    """One way through the model, the tree and the form."""

    form: Form
    verb: str
    target: str
    refused: dict[str, str] = field(default_factory=dict)

    def group(self, model: type[BaseModel], tree: Mapping[str, Any], inherited: Any, name: str) -> dict[str, Any]:
        """A group with what was typed into its fields, which stand in the order of the model."""
        under = inherited if isinstance(inherited, Mapping) else {}
        made: dict[str, Any] = {}
        for of in form_fields(model):
            old = tree.get(of.name, _ABSENT)
            new = self.value(of, old, under.get(of.name), f"{name}.{of.name}" if name else of.name)
            if new is not _ABSENT:
                made[of.name] = new
        return made | {key: value for key, value in tree.items() if key not in model.model_fields}

    def value(self, of: FormField, old: Any, inherited: Any, name: str) -> Any:
        """The new value of one field; ``_ABSENT`` when the tree says nothing about it."""
        if self.verb == "inherit" and self.target == name:
            return _ABSENT
        if of.kind is FormKind.GROUP:
            return self._inner_group(of, old, inherited, name)
        if of.kind is FormKind.MIXED and self._has_groups(old, name):
            return self._rows(of, self._leaf(of, old, name), inherited, name)
        if of.kind is FormKind.ROWS:
            return self._rows(of, old, inherited, name)
        if of.kind in {FormKind.ENTRIES, FormKind.PAIRS}:
            return self._entries(of, old, inherited, name)
        return self._leaf(of, old, name)

    def _has_groups(self, old: Any, name: str) -> bool:
        if self.verb in {"add", "own"} and self.target == name:
            return True
        return old is not _ABSENT and any(not isinstance(item, str) for item in items_of(old))

    # -- single values

    def _leaf(self, of: FormField, old: Any, name: str) -> Any:
        before = shown(of, None if old is _ABSENT else old)
        if f"v-{name}" not in self.form or before is None:
            return old
        typed: str | tuple[str, ...]
        if of.kind is FormKind.CHOICES:
            typed = tuple(word for word in of.options if word in self.form[f"v-{name}"])
            before = tuple(word for word in of.options if word in before)
        else:
            typed = self.form[f"v-{name}"][0].replace("\r\n", "\n")
        said = _said(of, old)
        given = self._text("e-", name)
        if typed == before and given == said:
            return old
        if not typed:
            return {"null": None, "empty": [] if before == () or of.kind in _LISTED else ""}.get(given, _ABSENT)
        return _written(of, typed)

    def _text(self, letter: str, name: str) -> str:
        return (self.form.get(f"{letter}{name}") or ("",))[0]

    # -- groups, lists of them, and groups by name

    def _inner_group(self, of: FormField, old: Any, inherited: Any, name: str) -> Any:
        if old is not _ABSENT and old is not None and not isinstance(old, Mapping):
            return old
        assert of.model is not None
        tree = old if isinstance(old, Mapping) else {}
        made = self.group(of.model, tree, inherited, name)
        return made if made or old == {} else None if old is None else _ABSENT

    def _rows(self, of: FormField, old: Any, inherited: Any, name: str) -> Any:
        assert of.model is not None
        here = self.verb in {"add", "own"} and self.target == name
        if old is _ABSENT or old is None:
            if not here:
                return old
            old = plain_texts(inherited or [])
        plain = form_fields(of.model)[0].name
        made = []
        for index, item in enumerate(items_of(old)):
            row = f"{name}[{index}]"
            if self.verb == "remove" and self.target == row:
                continue
            if isinstance(item, Mapping):
                made.append(self.group(of.model, item, defaults_of(of.model), row))
            elif isinstance(item, str) and of.kind is FormKind.MIXED:
                group = self.group(of.model, {plain: item}, defaults_of(of.model), row)
                made.append(group.get(plain, {}) if set(group) <= {plain} else group)
            else:
                made.append(item)
        made = [row for row in made if row not in ({}, "")]
        if self.verb == "add" and here:
            made.append({})
        return made if made or inherited or old == [] else _ABSENT

    def _entries(self, of: FormField, old: Any, inherited: Any, name: str) -> Any:
        if old is not _ABSENT and old is not None and not isinstance(old, Mapping):
            return old
        made: dict[str, Any] = {}
        for number, known, value, is_own in entries_of(old, inherited):
            entry = f"{name}{{{number}}}"
            if self.verb == "remove" and self.target == entry:
                continue
            key = known if is_own else self._inherited_key(entry, known, inherited)
            under = (inherited or {}).get(key)
            new = self._entry(of, value, is_own, under, entry)
            called = self._text("k-", entry).strip() if is_own and f"k-{entry}" in self.form else key
            if new is _ABSENT or (not called and not new):
                continue
            if called in made:
                self.refused[name] = f'"{called}" is given twice. Remove one of the two.'
                called = key
            made[called] = new
        if self.verb == "add" and self.target == name:
            made.setdefault("", "" if of.kind is FormKind.PAIRS else {})
        return made if made or old == {} else None if old is None else _ABSENT

    def _inherited_key(self, entry: str, key: str, inherited: Any) -> str:
        """The name that the form had for an inherited entry: a preset may have changed since."""
        called = self._text("k-", entry)
        return called if called in (inherited or {}) else key

    def _entry(self, of: FormField, value: Any, is_own: bool, inherited: Any, name: str) -> Any:
        """One entry; None takes an inherited one away."""
        if f"k-{name}" in self.form and inherited is not None:
            if self._text("x-", name) == "1":
                return None
            value = _ABSENT if value is None else value
        elif is_own and value is None:
            return None
        if of.kind is FormKind.PAIRS:
            assert of.value is not None
            new = self._leaf(of.value, value if is_own else _ABSENT, name)
            return new if new is not _ABSENT or inherited is not None else ""
        assert of.model is not None
        if is_own and value is not _ABSENT and not isinstance(value, Mapping):
            return value
        tree = value if isinstance(value, Mapping) else {}
        made = self.group(of.model, tree, inherited or defaults_of(of.model), name)
        return made if made or (is_own and value is not _ABSENT) or inherited is None else _ABSENT


_LISTED = frozenset({FormKind.LINES, FormKind.SECRETS, FormKind.MIXED})


def _said(of: FormField, old: Any) -> str:
    """Whether a tree says "nothing" on purpose: "null" for the default, "empty" for an empty text or list."""
    if old is None:
        return "null"
    return "empty" if old in ("", []) and of.may_be_empty else ""


def _written(of: FormField, typed: str | tuple[str, ...]) -> Any:
    """What a tree holds for a typed value."""
    if isinstance(typed, tuple):
        return list(typed)
    if of.kind in _LISTED:
        lines = [line.strip() for line in typed.split("\n") if line.strip()]
        return [{"secret": line} for line in lines] if of.kind is FormKind.SECRETS else lines
    if of.kind is FormKind.SECRET:
        return {"secret": typed.strip()}
    return typed if of.kind is FormKind.LONG else _trimmed(typed)
