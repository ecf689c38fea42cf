"""The form of a profile: every group of the model with its fields, what the tree says, and what lies under it.

Fields are named as `gateway.partners.formtree` reads them. What is inherited is shown beside, never as a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from pydantic import BaseModel

from gateway.partners.certificates import certificate_facts, load_certificate
from gateway.partners.errors import CertificateError
from gateway.partners.formfields import FormField, FormKind, defaults_of, form_fields
from gateway.partners.formtree import entries_of, items_of, shown
from gateway.partners.profile import PartnerProfile
from gateway.transports.sftp.hostkeys import fingerprint
from gateway.web.view.profiles import field_words, group_words, told

__all__ = ["Fieldset", "Input", "Part", "Row", "Rows", "Section", "sections", "walk"]

#: Fields that are not typed here: the code never changes, the status has buttons of its own.
FIXED: Final = frozenset({"code", "status"})
#: Lists that another page adds to.
ADDED_ELSEWHERE: Final = frozenset({"as2.certificates"})
#: End of a field's name → its unit.
_UNITS: Final = {
    "bytes_per_second": "bytes in a second",
    "per_minute": "in a minute",
    "per_hour": "in an hour",
    "bytes": "bytes",
    "seconds": "seconds",
    "timeout": "seconds",
    "minutes": "minutes",
    "hours": "hours",
    "days": "days",
    "percent": "percent",
    "memory": "bytes",
}


@dataclass(frozen=True, slots=True)
class Input:
    """One value that is typed."""

    shape: ClassVar[str] = "input"
    #: As the form names it, and the dotted path in the profile.
    name: str
    path: str
    words: str
    about: str
    #: Value of `FormKind`, or "certificate": shown only.
    kind: str
    value: str | tuple[str, ...]
    #: (value, words) to choose from, and names to pick from while typing.
    options: tuple[tuple[str, str], ...] = ()
    #: What holds when nothing is typed, and whence: "our default", "preset NAME", "".
    inherited: str = ""
    source: str = ""
    unit: str = ""
    #: "null" or "empty" when "nothing" can be said on purpose, its words, and whether it is.
    nothing: str = ""
    nothing_words: str = ""
    is_nothing: bool = False
    required: bool = False
    #: True when the value fits no field: only the text shows it.
    as_text: bool = False
    problems: tuple[str, ...] = ()
    #: Facts about the value: fingerprints.
    notes: tuple[str, ...] = ()

    @property
    def is_own(self) -> bool:
        """Whether the profile says it itself."""
        return bool(self.value) or self.is_nothing or self.as_text

    @property
    def has_problems(self) -> bool:
        """Whether something is wrong with it."""
        return bool(self.problems)


@dataclass(frozen=True, slots=True)
class Fieldset:
    """A group within a group."""

    shape: ClassVar[str] = "group"
    name: str
    path: str
    words: str
    about: str
    parts: tuple[Part, ...]
    problems: tuple[str, ...] = ()

    @property
    def is_own(self) -> bool:
        """Whether the profile says anything of it."""
        return any(part.is_own for part in self.parts)

    @property
    def has_problems(self) -> bool:
        """Whether something within is wrong."""
        return bool(self.problems) or any(part.has_problems for part in self.parts)


@dataclass(frozen=True, slots=True)
class Row:
    """One group of a list, or one entry of a name."""

    name: str
    words: str
    parts: tuple[Part, ...]
    #: Name of an entry; None in a list. ``fixed`` when it is inherited and cannot be renamed.
    key: str | None = None
    fixed: bool = False
    #: Whether an inherited entry is taken away; None when there is nothing to take.
    away: bool | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """A list of groups, or groups and values by name."""

    shape: ClassVar[str] = "rows"
    name: str
    path: str
    words: str
    about: str
    rows: tuple[Row, ...]
    #: What holds when the profile lists nothing.
    inherited: str = ""
    source: str = ""
    is_own: bool = False
    #: Lists replace what they inherit; entries lie over it.
    is_list: bool = True
    added_elsewhere: bool = False
    problems: tuple[str, ...] = ()

    @property
    def has_problems(self) -> bool:
        """Whether something within is wrong."""
        inner = (row.problems or any(part.has_problems for part in row.parts) for row in self.rows)
        return bool(self.problems) or any(inner)


Part = Input | Fieldset | Rows


@dataclass(frozen=True, slots=True)
class Section:
    """One group of the profile with all its fields."""

    name: str
    words: str
    about: str
    parts: tuple[Part, ...]
    problems: tuple[str, ...] = ()

    @property
    def is_own(self) -> bool:
        """Whether the profile says anything of it."""
        return any(part.is_own for part in self.parts)

    @property
    def has_problems(self) -> bool:
        """Whether something within is wrong."""
        return bool(self.problems) or any(part.has_problems for part in self.parts)


def sections(
    tree: Mapping[str, Any],
    inherited: Mapping[str, Any],
    preset: Mapping[str, Any],
    problems: Mapping[str, Sequence[str]],
    choices: Mapping[str, Sequence[str]],
) -> list[Section]:
    """The form of a tree.

    ``inherited`` are the values under it, ``preset`` what its presets alone say, ``problems`` the sentences about each
    dotted path, ``choices`` words to choose from where the model knows none ("preset").
    """
    build = _Build(problems, choices, str(tree.get("preset") or "the SFTP habits"))
    own: list[Part] = []
    found = []
    for part in build.parts(PartnerProfile, tree, {**inherited, "preset": None}, preset, ("", "")):
        if part.path in FIXED:
            continue
        if isinstance(part, Fieldset):
            found.append(Section(part.name, group_words(part.name), part.about, part.parts, part.problems))
        else:
            own.append(part)
    general = Section("partner", "Partner", "Who it is, and whom to ask.", tuple(own), tuple(problems.get("", ())))
    return [general, *found]


@dataclass(slots=True)
class _Build:
    problems: Mapping[str, Sequence[str]]
    choices: Mapping[str, Sequence[str]]
    preset_name: str

    def parts(
        self, model: type[BaseModel], tree: Any, inherited: Any, preset: Any, here: tuple[str, str]
    ) -> tuple[Part, ...]:
        """The fields of a group; ``here`` is its name in the form and its path in the profile."""
        found = []
        for of in form_fields(model):
            value, under, below = (_at(values, of.name) for values in (tree, inherited, preset))
            is_null = value is None and isinstance(tree, Mapping) and of.name in tree
            found.append(self._part(of, value, under, below, _inside(here, of.name), is_null=is_null))
        return tuple(found)

    def _part(
        self, of: FormField, value: Any, inherited: Any, preset: Any, here: tuple[str, str], *, is_null: bool = False
    ) -> Part:
        name, path = here
        if of.kind is FormKind.GROUP and (value is None or isinstance(value, Mapping)):
            assert of.model is not None
            under = inherited if isinstance(inherited, Mapping) else defaults_of(of.model)
            parts = self.parts(of.model, value, under, preset, here)
            return Fieldset(name, path, field_words(of.name), of.about, parts, self._told(path))
        if of.kind is FormKind.ROWS or (of.kind is FormKind.MIXED and _has_groups(value)):
            return self._rows(of, value, inherited, preset, here)
        if of.kind in {FormKind.ENTRIES, FormKind.PAIRS} and (value is None or isinstance(value, Mapping)):
            return self._entries(of, value, inherited, preset, here)
        return self._input(of, value, inherited, preset, here, is_null=is_null)

    # -- single values

    def _input(
        self, of: FormField, value: Any, inherited: Any, preset: Any, here: tuple[str, str], *, is_null: bool
    ) -> Input:
        name, path = here
        kind, text = str(of.kind.value), shown(of, value)
        notes: tuple[str, ...] = ()
        if of.name == "pem":
            kind, notes, text = "certificate", _certificate_notes(value), ""
        elif of.kind is FormKind.MIXED and isinstance(text, str):
            notes = tuple(_key_note(line) for line in text.split("\n") if line)
        source = "" if inherited in (None, "", [], ()) else "our default"
        source = f"preset {self.preset_name}" if preset is not None else source
        nothing, words = self._nothing(of, value, inherited, preset)
        return Input(
            name=name,
            path=path,
            words=field_words(of.name),
            about=of.about,
            kind=kind,
            value="" if text is None else text,
            options=self._options(of, path, text),
            inherited="" if inherited in (None, "", [], ()) else told(inherited, of.name),
            source=source,
            unit=_unit(of),
            nothing=nothing,
            nothing_words=words,
            is_nothing=value in ("", []) or (nothing == "null" and is_null),
            required=of.required,
            as_text=text is None,
            problems=self._told(path),
            notes=notes,
        )

    def _nothing(self, of: FormField, value: Any, inherited: Any, preset: Any) -> tuple[str, str]:
        """How "nothing" is said on purpose, and its words; ("", "") where leaving the field empty says it."""
        if value in ("", []) and of.may_be_empty:
            return "empty", "Empty on purpose"
        if preset is not None:
            return "null", "Our default instead of the preset's"
        if of.may_be_empty and inherited not in (None, "", [], ()):
            return "empty", "Empty on purpose"
        return "", ""

    def _options(self, of: FormField, path: str, text: Any) -> tuple[tuple[str, str], ...]:
        if of.kind is FormKind.SWITCH:
            known: tuple[tuple[str, str], ...] = (("true", "yes"), ("false", "no"))
        else:
            known = tuple((word, word) for word in self.choices.get(path, of.options))
        strange = isinstance(text, str) and text and of.kind in {FormKind.CHOICE, FormKind.SWITCH}
        if (strange or (path in self.choices and text)) and text not in dict(known):
            known = (*known, (str(text), f"{text} (not known)"))
        return known

    # -- rows

    def _rows(self, of: FormField, value: Any, inherited: Any, preset: Any, here: tuple[str, str]) -> Rows:
        name, path = here
        assert of.model is not None
        plain = form_fields(of.model)[0].name
        rows = []
        for index, item in enumerate(items_of(value)):
            place = (f"{name}[{index}]", f"{path}[{index}]" if isinstance(value, list) else path)
            tree = {plain: item} if isinstance(item, str) and of.kind is FormKind.MIXED else item
            if isinstance(tree, Mapping):
                parts = self.parts(of.model, tree, defaults_of(of.model), None, place)
                rows.append(Row(place[0], str(index + 1), parts, problems=self._told(place[1])))
        return Rows(
            name,
            path,
            field_words(of.name),
            of.about,
            tuple(rows),
            inherited=told(inherited, of.name) if inherited else "",
            source=self._source(inherited, preset),
            is_own=value is not None,
            added_elsewhere=path in ADDED_ELSEWHERE,
            problems=self._told(path),
        )

    def _entries(self, of: FormField, value: Any, inherited: Any, preset: Any, here: tuple[str, str]) -> Rows:
        name, path = here
        rows = []
        for number, key, own, is_own in entries_of(value, inherited):
            under, place = _at(inherited, key), (f"{name}{{{number}}}", f"{path}.{key}")
            away = None if under is None else is_own and own is None
            tree = own if is_own else None
            if of.kind is FormKind.PAIRS:
                assert of.value is not None
                parts: tuple[Part, ...] = (self._part(of.value, tree, under, None, place),)
            else:
                assert of.model is not None
                parts = self.parts(of.model, tree, under or defaults_of(of.model), _at(preset, key), place)
            told_here = () if of.kind is FormKind.PAIRS else self._told(place[1])
            rows.append(Row(place[0], key, parts, key=key, fixed=under is not None, away=away, problems=told_here))
        is_own = isinstance(value, Mapping) and bool(value)
        return Rows(
            name,
            path,
            field_words(of.name),
            of.about,
            tuple(rows),
            source=self._source(inherited, preset),
            is_own=is_own,
            is_list=False,
            problems=self._told(path),
        )

    def _source(self, inherited: Any, preset: Any) -> str:
        return "" if not inherited else f"preset {self.preset_name}" if preset is not None else "our default"

    def _told(self, path: str) -> tuple[str, ...]:
        return tuple(self.problems.get(path, ()))


def _unit(of: FormField) -> str:
    """What a number counts, where its name does not say so."""
    counts = of.kind in {FormKind.WHOLE, FormKind.DECIMAL, FormKind.LINES}
    unit = next((unit for end, unit in _UNITS.items() if counts and of.name.endswith(end)), "")
    return unit if unit and unit.split()[0] not in field_words(of.name).lower() else ""


def _at(values: Any, key: str) -> Any:
    return values.get(key) if isinstance(values, Mapping) else None


def _inside(here: tuple[str, str], name: str) -> tuple[str, str]:
    return tuple(f"{place}.{name}" if place else name for place in here)  # type: ignore[return-value]


def _has_groups(value: Any) -> bool:
    return any(not isinstance(item, str) for item in items_of(value))


def _certificate_notes(pem: Any) -> tuple[str, ...]:
    try:
        facts = certificate_facts(load_certificate(str(pem)))
    except CertificateError as error:
        return (f"The certificate {error}.",)
    return (
        facts.subject,
        f"SHA-256 {facts.fingerprint}",
        f"valid {facts.not_before:%Y-%m-%d} to {facts.not_after:%Y-%m-%d}, {facts.key}",
    )


def _key_note(line: str) -> str:
    try:
        return " ".join([fingerprint(line), *line.split()[2:]])
    except ValueError as error:
        return f"{line[:40]}…: {error}"


def walk(parts: Sequence[Part]) -> Iterator[Input]:
    """Every input of some parts."""
    for part in parts:
        if isinstance(part, Input):
            yield part
        elif isinstance(part, Fieldset):
            yield from walk(part.parts)
        else:
            for row in part.rows:
                yield from walk(row.parts)
