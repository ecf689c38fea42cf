"""Guides read from plain data, as YAML files hold them.

Segments are named with the values that they must hold: "REF" is any REF, "REF01=DP" one whose first element
is DP, "SAC01=A|C SAC02=F050" one that fits both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, get_args

from gateway.standards.edi.guide import ElementRule, Guide, Match, OneOfRule, Scope, SegmentRule
from gateway.standards.edi.model import Severity

__all__ = ["GuideError", "guide_from_data", "match_from_text"]

_MATCH_WORD = re.compile(r"(?P<tag>[A-Z][A-Z0-9]{1,2})(?P<element>[0-9]{2})=(?P<values>.+)")
_TAG = re.compile(r"[A-Z][A-Z0-9]{1,2}")
_POSITION = re.compile(r"(?P<tag>[A-Z][A-Z0-9]{1,2})(?P<element>[0-9]{2})(?:-(?P<component>[0-9]{1,2}))?")
_COMMON = frozenset({"name", "severity", "loop", "level", "when", "text"})
_OWN = {
    "segment": frozenset({"segment", "least", "most"}),
    "element": frozenset({"element", "of", "required", "forbidden", "values", "pattern", "max_length", "sscc"}),
    "one_of": frozenset({"one_of", "least", "most"}),
}


class GuideError(ValueError):
    """A guide's data is not a guide; `problems` names every mistake with its place."""

    def __init__(self, name: str, problems: list[str]) -> None:
        self.problems = problems
        super().__init__(f"Guide {name or '(no name)'} cannot be used: " + "; ".join(problems))


def match_from_text(text: str) -> Match:
    """Read "REF", "REF01=DP|IA" or "SAC01=A SAC02=F050"; raises ValueError naming what is wrong."""
    words = text.split()
    if len(words) == 1 and _TAG.fullmatch(words[0]):
        return Match(words[0])
    where, tags = [], set()
    for word in words:
        found = _MATCH_WORD.fullmatch(word)
        if not found:
            raise ValueError(f'"{word}" is neither a segment id nor of the form REF01=DP|IA')
        tags.add(found["tag"])
        where.append((int(found["element"]), frozenset(found["values"].split("|"))))
    if len(tags) != 1:
        raise ValueError(f'"{text}" must name exactly one segment')
    return Match(tags.pop(), tuple(where))


def guide_from_data(data: Mapping[str, Any]) -> Guide:
    """A guide from `{"name": …, "rules": [{…}]}`; raises GuideError with every mistake.

    A rule holds one of `segment` (with `least`, `most`), `element` ("PO103" or "REF04-2", with `of`,
    `required`, `forbidden`, `values`, `pattern`, `max_length`, `sscc`) or `one_of` (a list, with `least`,
    `most`), and `name`, `severity`, `loop`, `level`, `when` (a list), `text`.
    """
    name = str(data.get("name", ""))
    problems: list[str] = []
    rules = []
    raw_rules = data.get("rules", ())
    if not isinstance(raw_rules, list | tuple):
        raise GuideError(name, ["rules must be a list"])
    for number, raw in enumerate(raw_rules, 1):
        try:
            rules.append(_rule(raw))
        except (ValueError, TypeError, re.error) as error:
            problems.append(f"rule {number}: {error}")
    if problems:
        raise GuideError(name, problems)
    return Guide(name, tuple(rules))


def _rule(raw: object) -> SegmentRule | ElementRule | OneOfRule:
    if not isinstance(raw, Mapping):
        raise TypeError("must be a mapping")
    kinds = [kind for kind in _OWN if kind in raw]
    if len(kinds) != 1:
        raise ValueError(f"must have exactly one of {', '.join(_OWN)}")
    unknown = sorted(set(raw) - _COMMON - _OWN[kinds[0]])
    if unknown:
        allowed = ", ".join(sorted(_COMMON | _OWN[kinds[0]]))
        raise ValueError(f"unknown field {', '.join(unknown)} (known: {allowed})")
    severity = raw.get("severity", "error")
    if severity not in get_args(Severity):
        raise ValueError(f'severity "{severity}" is not one of {", ".join(get_args(Severity))}')
    common: dict[str, Any] = {
        "name": _required_name(raw),
        "severity": severity,
        "scope": Scope(
            str(raw.get("loop", "")),
            str(raw.get("level", "")),
            tuple(map(match_from_text, _strings(raw, "when"))),
        ),
        "text": str(raw.get("text", "")),
    }
    return _READERS[kinds[0]](raw, common)


def _required_name(raw: Mapping[str, Any]) -> str:
    name = str(raw.get("name", ""))
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        raise ValueError(f'name "{name}" must be lower-case letters, digits and hyphens')
    return name


def _strings(raw: Mapping[str, Any], key: str) -> Iterable[str]:
    value = raw.get(key, ())
    return (value,) if isinstance(value, str) else tuple(map(str, value))


def _segment_rule(raw: Mapping[str, Any], common: dict[str, Any]) -> SegmentRule:
    least, most = int(raw.get("least", 0)), raw.get("most")
    return SegmentRule(
        **common,
        match=match_from_text(str(raw["segment"])),
        least=least,
        most=None if most is None else int(most),
    )


def _element_rule(raw: Mapping[str, Any], common: dict[str, Any]) -> ElementRule:
    position = _POSITION.fullmatch(str(raw["element"]))
    if not position:
        raise ValueError(f'element "{raw["element"]}" is not of the form PO103 or REF04-2')
    match = match_from_text(str(raw["of"])) if "of" in raw else Match(position["tag"])
    if match.segment != position["tag"]:
        raise ValueError(f'"of" names {match.segment}, the element belongs to {position["tag"]}')
    pattern = str(raw.get("pattern", ""))
    re.compile(pattern)
    longest = raw.get("max_length")
    return ElementRule(
        **common,
        match=match,
        element=int(position["element"]),
        component=int(position["component"]) if position["component"] else None,
        required=bool(raw.get("required", False)),
        forbidden=bool(raw.get("forbidden", False)),
        values=frozenset(_strings(raw, "values")),
        pattern=pattern,
        max_length=None if longest is None else int(longest),
        sscc=bool(raw.get("sscc", False)),
    )


def _one_of_rule(raw: Mapping[str, Any], common: dict[str, Any]) -> OneOfRule:
    most = raw.get("most", 1)
    return OneOfRule(
        **common,
        matches=tuple(map(match_from_text, _strings(raw, "one_of"))),
        least=int(raw.get("least", 1)),
        most=None if most is None else int(most),
    )


_READERS: Final[dict[str, Callable[[Mapping[str, Any], dict[str, Any]], SegmentRule | ElementRule | OneOfRule]]] = {
    "segment": _segment_rule,
    "element": _element_rule,
    "one_of": _one_of_rule,
}
