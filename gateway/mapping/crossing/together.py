"""What a segment of X12 must say together: its mandatory elements and its syntax notes, as rules on fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from gateway.documents.base import Code
from gateway.mapping.crossing.values import Report
from gateway.mapping.rules import Path, SegmentRule
from gateway.mapping.targets import resolve
from gateway.standards.edi.schema import Release

__all__ = ["TogetherNote", "notes_of", "say_together"]

#: Kind of a note of our own: the element is mandatory.
_MANDATORY: Final = "M"
#: Class and field → the word that is written when the segment asks for one and the document has none.
_USUAL: Final[Mapping[tuple[str, str], str]] = {
    ("AllowanceCharge", "percent_basis"): "mutually_defined",
    ("AllowanceCharge", "indicator"): "none",
    ("FreightTerms", "place_type"): "mutually_defined",
    ("FreightTerms", "payer"): "defined_by_parties",
    ("Load", "weight_type"): "gross",
    ("Routing", "scheme"): "mutually_defined",
    ("Schedule", "type"): "requested_delivery",
    ("Tax", "jurisdiction_type"): "customer_defined",
    ("Tax", "type"): "other",
    ("BusinessDate", "type"): "required_by",
}
#: Class and field → the field of the same object whose value does for it.
_SAME_AS: Final[Mapping[tuple[str, str], str]] = {("ChangedLine", "left_to_receive"): "quantity"}


@dataclass(frozen=True, slots=True)
class TogetherNote:
    """A syntax note (P, R, C, L) or a mandatory element (M) on the fields of one object."""

    tag: str
    kind: str
    #: Paths of the fields, in the order of the note; each with the field of its code where it has one.
    fields: tuple[tuple[Path, ...], ...]


def notes_of(rule: SegmentRule, release: Release, *, is_entry: bool) -> list[TogetherNote]:
    """The notes of a segment whose elements all carry plain fields of one object; `is_entry`: of a list."""
    segment = release.segments.get(rule.tag)
    if segment is None:
        return []
    plain = {item.element: item for item in rule.fields if item.path and not item.constant and item.compute is None}
    found = []
    for number, item in plain.items():
        if segment.elements[number - 1].mandatory and item.default is None and is_entry:
            found.append(TogetherNote(rule.tag, _MANDATORY, (_paths(item.path, item.raw_path),)))
    always = {item.element for item in rule.fields if item.default is not None or item.constant is not None}
    for note in segment.notes:
        known = [plain[position] for position in note.positions if position in plain]
        if not known or note.kind not in "PRCL" or always.intersection(note.positions):
            continue
        if len(known) == len(note.positions) or note.kind == "R":
            paths = tuple(_paths(item.path, item.raw_path) for item in known)
            found.append(TogetherNote(rule.tag, note.kind, paths))
    return found


def _paths(path: Path, raw: Path | None) -> tuple[Path, ...]:
    return (path, raw) if raw else (path,)


def say_together(model: BaseModel, notes: Iterable[TogetherNote], path: str, report: Report) -> bool:
    """Fill in or take out what a note asks for; in place. False when the object cannot be said at all."""
    said = True
    for note in notes:
        has = [any(_get(model, each) is not None for each in field) for field in note.fields]
        if not _is_broken(note.kind, has):
            continue
        missing = [field[0] for field, is_there in zip(note.fields, has, strict=True) if not is_there]
        if note.kind in ("R", "L"):
            missing = missing[:1]
        if all(_fill(model, field, note.tag, path, report) for field in missing):
            continue
        if note.kind in (_MANDATORY, "R"):
            _leave_out(model, note, path, report)
            said = False
        else:
            _take_out(model, note, has, path, report)
    return said


def _is_broken(kind: str, has: Sequence[bool]) -> bool:
    if kind == "P":
        return any(has) and not all(has)
    if kind == "C":
        return has[0] and not all(has)
    if kind == "L":
        return has[0] and not any(has[1:])
    return not any(has)


def _leave_out(model: BaseModel, note: TogetherNote, path: str, report: Report) -> None:
    """Report an entry that cannot be said, if there is anything in it."""
    if not all(_is_nothing(getattr(model, name)) for name in model.model_fields_set):
        field = ".".join(note.fields[0][0])
        report.not_carried(path.rstrip("."), f"{note.tag} must say {field}, and the document does not")


def _is_nothing(value: Any) -> bool:
    return value is None or value in ("", [])


def _fill(model: BaseModel, field: Path, tag: str, path: str, report: Report) -> bool:
    """Write the usual word into a field; False when there is none."""
    key = (type(model).__name__, field[-1])
    value: Any = _USUAL.get(key)
    if key in _SAME_AS:
        value = getattr(model, _SAME_AS[key])
    if value is None or len(field) != 1:
        return False
    is_code = resolve(type(model), field).kind == "code"
    setattr(model, field[0], Code(value=value) if is_code else value)
    report.assumed(f"{path}{field[0]}", f"{tag} must say it, and the document does not; {value} is written.")
    return True


def _take_out(model: BaseModel, note: TogetherNote, has: Sequence[bool], path: str, report: Report) -> None:
    """Remove what may not stand alone."""
    fields = [field for field, is_there in zip(note.fields, has, strict=True) if is_there]
    for field in fields if note.kind == "P" else fields[:1]:
        for each in field:
            value = _get(model, each)
            if value is not None:
                report.not_carried(f"{path}{'.'.join(each)}", f"{note.tag} cannot say it without more", value)
                _set(model, each, None)


def _get(model: Any, path: Path) -> Any:
    for name in path:
        model = getattr(model, name, None)
    return None if _is_nothing(model) else model


def _set(model: Any, path: Path, value: Any) -> None:
    for name in path[:-1]:
        model = getattr(model, name)
    setattr(model, path[-1], value)
