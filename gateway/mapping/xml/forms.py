"""Forms: elements that differ in their texts only are read by one match of their bytes, and made as objects at once.

A large order is one element five thousand times. Its form, the markup without the texts, is learned when it is met for
the second time: a pattern over the bytes of the file that has a group for each text, and a plan (`form_plan`) of what
becomes of them. From then on an element of this form is one match and one object, in this file and in later ones. What
matches no form is read as before; so is everything of which the plan cannot say that the outcome would be the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lxml import etree
from pydantic import BaseModel, ValidationError

from gateway.mapping.targets import TargetError, resolve
from gateway.mapping.xml.choice import held
from gateway.mapping.xml.form_plan import FormPlan, plan_of_element
from gateway.mapping.xml.leaves import VALUE_TAKEN
from gateway.mapping.xml.making import Maker, NoForm, maker_of
from gateway.mapping.xml.notes import ReadFrame, ReadState, inside
from gateway.mapping.xml.places import Names
from gateway.mapping.xml.plan import ListRule
from gateway.mapping.xml.steps import Step
from gateway.mapping.xml.tokens import Markup, Token, token_at

__all__ = ["formed_step"]

#: Forms of one rule that are kept for documents with the same prefixes, and kinds of prefixes.
_MOST_FORMS: Final = 8
_MOST_PREFIXES: Final = 16
#: Markups of one rule that are remembered: met once, or without a form.
_MOST_SHAPES: Final = 512
#: How often one file makes us look for a new form of one rule.
_MOST_TRIES: Final = 32
#: Looks in a row that found no form, after which only each second element is looked at, then each fourth, and so on.
_PATIENCE: Final = 16
#: At least one element of so many is looked at: partners change what they send.
_LAST_RESORT: Final = 256

#: Bytes of UTF-8 → the text.
_text: Final = bytes.decode

_Prefixes = frozenset[tuple[str | None, str]]


@dataclass(frozen=True, slots=True, eq=False)
class _Form:
    """A form that was learned."""

    match: Callable[[bytes, int], re.Match[bytes] | None]
    plan: FormPlan
    #: Makes the entry of the values.
    make: Maker

    def read(self, data: bytes, at: int, state: ReadState) -> Any:
        """The entry of the element that begins here; None when it is not of this form."""
        found = self.match(data, at)
        if found is None:
            return None
        plan = self.plan
        if plan.currency is not None and plan.currency != state.currency:
            return None
        try:
            values: list[Any] = list(map(_text, found.groups()))
            for number, test, wanted in plan.guards:
                if bool(test(values[number])) is not wanted:
                    return None
            for number, read in plan.reads:
                values[number] = read(values[number])
        except ValueError:
            return None
        for table, word, code in plan.codes:
            if state.codes.get((table.name, word), code) != code:
                return None
        for table, word, code in plan.codes:
            state.tables[table.name] = table
            state.codes[table.name, word] = code
        for derive in plan.derived:
            values.append(derive(values, state))
        return self.make(values)


@dataclass(slots=True)
class _Book:
    """The forms of one rule. Threads share it: a tuple of forms is replaced, never changed."""

    forms: dict[_Prefixes, tuple[_Form, ...]] = field(default_factory=dict)
    #: Hashes of markups that were met once.
    met: set[int] = field(default_factory=set)
    #: Hashes of markups that have no form, or enough of them.
    formless: set[int] = field(default_factory=set)
    #: Hash of a markup → forms made of it: they differ in codes and the like.
    made: Counter[int] = field(default_factory=Counter)
    #: Looks in a row that came to nothing, and elements that were not looked at since the last one.
    vain: int = 0
    passed: int = 0

    def is_due(self) -> bool:
        """Whether an element is looked at: a look costs as much as reading it, so those that lead nowhere get rare."""
        self.passed += 1
        if self.passed < min(1 << self.vain // _PATIENCE, _LAST_RESORT):
            return False
        self.passed = 0
        self.vain += 1
        return True

    def keep(self, names: _Prefixes, shape: int, form: _Form) -> None:
        """Add a form, the newest first; the oldest goes."""
        self.vain = 0
        self.made[shape] += 1
        if self.made[shape] >= _MOST_FORMS:
            self.give_up(shape)
        if names not in self.forms and len(self.forms) >= _MOST_PREFIXES:
            self.forms = {}
        self.forms[names] = (form, *self.forms.get(names, ())[: _MOST_FORMS - 1])

    def is_worth(self, shape: int) -> bool:
        """Whether a form is to be made of a markup: when it is met for the second time."""
        if shape in self.formless:
            return False
        if shape in self.met:
            return True
        if len(self.met) >= _MOST_SHAPES:
            self.met = set()
        self.met.add(shape)
        return False

    def give_up(self, shape: int) -> None:
        """No more forms are made of a markup."""
        if len(self.formless) >= _MOST_SHAPES:
            self.formless, self.made = set(), Counter()
        self.formless.add(shape)


def formed_step(rule: ListRule, names: Names, tag: str, model: type[BaseModel], general: Step) -> Step:
    """`general` with the forms of the rule in front of it; `model` is the class of the object that has the list."""
    entry_model = _entry_model(model, rule)
    if entry_model is None or rule.under or rule.wrapper is not None or rule.scalar:
        return general
    book = _Book()
    slot, nested, items = rule.group.slot, rule.group.items[:-1], rule.group.items[-1]
    tracked, key, number = not rule.group.sure, rule.group.key, rule.number

    def formed(child: etree._Element, frame: ReadFrame, state: ReadState) -> int:
        markup = state.markup
        if markup is None or state.mixed:
            return general(child, frame, state)
        places = markup.places.get(tag)
        at = (markup.find(child, tag) if places is None else places).get(child, -1)
        if at < 0:
            return general(child, frame, state)
        for form in book.forms.get(markup.names, ()):
            entry = form.read(markup.data, at, state)
            if entry is not None:
                target = frame.targets[slot]
                (inside(target, nested) if nested else target).setdefault(items, []).append(entry)
                if tracked:
                    frame.assigned.setdefault(key, []).append(number)
                return VALUE_TAKEN
        tries = markup.tries.get(tag, 0)
        if tries >= _MOST_TRIES or not book.is_due():
            return general(child, frame, state)
        markup.tries[tag] = tries + 1
        return learn(child, frame, state, markup, at)

    def learn(child: etree._Element, frame: ReadFrame, state: ReadState, markup: Markup, at: int) -> int:
        token = token_at(markup.data, at, dict(markup.names))
        shape = hash(token.markup()) if token is not None else 0
        if token is None or not book.is_worth(shape):
            return general(child, frame, state)
        before = ReadState(names, state.currency, counts=dict(state.counts), codes=dict(state.codes))
        noted = len(state.notes)
        taken = general(child, frame, state)
        form = None
        if taken == VALUE_TAKEN and len(state.notes) == noted:
            read = held(frame.targets[slot], rule.group.items)[-1]
            form = _form(rule, names, token, entry_model, read, markup.data, at, before)
        if form is None:
            book.give_up(shape)
        else:
            book.keep(markup.names, shape, form)
        return taken

    return formed


def _entry_model(model: type[BaseModel], rule: ListRule) -> type[BaseModel] | None:
    try:
        return resolve(model, rule.group.items).model
    except TargetError:
        return None


def _form(
    rule: ListRule,
    names: Names,
    token: Token,
    model: type[BaseModel],
    entry: Mapping[str, Any],
    data: bytes,
    at: int,
    state: ReadState,
) -> _Form | None:
    """The form of an element that was read as `entry` from this state; None when there is none.

    It is proved on that element: it must make what validation makes of the entry.
    """
    try:
        plan = plan_of_element(rule, token, names)
        form = _Form(re.compile(plan.expression).match, plan, maker_of(model, plan.entry))
        wanted = model.model_validate(entry)
    except (NoForm, ValidationError, UnicodeDecodeError):
        return None
    made = form.read(data, at, state)
    return form if made is not None and _is_same(made, wanted) else None


def _is_same(one: Any, other: Any) -> bool:
    """Whether two values are the same in every part: class, fields that were given, order of the fields."""
    if type(one) is not type(other):
        return False
    if isinstance(one, BaseModel):
        return (
            one.model_fields_set == other.model_fields_set
            and list(one.__dict__) == list(other.__dict__)
            and all(_is_same(value, other.__dict__[name]) for name, value in one.__dict__.items())
        )
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return str(one) == str(other)
