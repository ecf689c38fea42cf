"""What a document keeps of the standard it came in: leftovers, spellings and codes that mean nothing in another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from pydantic import BaseModel

from gateway.documents import Document, Extension
from gateway.documents.base import Code
from gateway.mapping.crossing.values import Report
from gateway.mapping.source import shared_tables
from gateway.mapping.spelling import segment_from_json
from gateway.resources import find

__all__ = ["PAIRS", "models_in", "strip_foreign", "tables_of"]

#: Word and code of one object, side by side: (word, code).
PAIRS: Final = (("type", "code"), ("scheme", "code"), ("scheme", "qualifier"), ("second_type", "second_code"))


@lru_cache(maxsize=8)
def tables_of(standard: str) -> Mapping[str, Mapping[str, str]]:
    """The code tables that the maps of a standard share: table → code → word, the first word where it has several."""
    return {
        name: {code: word if isinstance(word, str) else word[0] for code, word in table.items()}
        for name, table in shared_tables(find(f"maps/{standard}/common/codes.yaml")).items()
    }


@lru_cache(maxsize=8)
def _usual_codes(standard: str) -> Mapping[str, frozenset[str]]:
    """Word → the codes that are written for it, in one table or another."""
    found: dict[str, set[str]] = {}
    for table in tables_of(standard).values():
        first: dict[str, str] = {}
        for code, word in table.items():
            first.setdefault(word, code)
        for word, code in first.items():
            found.setdefault(word, set()).add(code)
    return {word: frozenset(codes) for word, codes in found.items()}


def models_in(value: Any, path: str = "") -> Iterator[tuple[str, BaseModel]]:
    """Every object of a document with its path in the JSON form, the document itself first ("")."""
    if isinstance(value, BaseModel):
        yield path, value
        for name in value.model_fields_set - {"envelope", "extensions", "links"}:
            inner = getattr(value, name)
            if isinstance(inner, BaseModel | list):
                yield from models_in(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if not isinstance(item, BaseModel):
                break
            yield from models_in(item, f"{path}[{index}]")


def strip_foreign(document: Document, standard: str, report: Report) -> None:
    """Take out, with a finding each, what only `standard` (the one it came in) can say; in place."""
    for index, entry in enumerate(document.extensions):
        _extension(entry, f"extensions[{index}]", report)
    document.extensions = []
    document.envelope = None
    usual = _usual_codes(standard)
    for path, model in list(models_in(document)):
        if not isinstance(model, Code):
            _codes(model, f"{path}." if path else "", usual, report)


def _codes(model: BaseModel, path: str, usual: Mapping[str, frozenset[str]], report: Report) -> None:
    for word_name, code_name in PAIRS:
        if word_name in type(model).model_fields and code_name in type(model).model_fields:
            word, code = getattr(model, word_name), getattr(model, code_name)
            if code is not None and not isinstance(word, Code):
                _code(path + code_name, word, code, usual, report)
                setattr(model, code_name, None)
    for name in model.model_fields_set:
        held = getattr(model, name)
        if isinstance(held, Code) and held.code is not None:
            _code(path + name, held.value, held.code, usual, report)
            setattr(model, name, Code(value=held.value) if held.value else None)


def _code(path: str, word: str | None, code: str, usual: Mapping[str, frozenset[str]], report: Report) -> None:
    if word is None:
        report.not_carried(path, "it is a code of the standard it came in that has no word here", code)
    elif code not in usual.get(word, ()):
        report.changed(path, f'the code "{code}" is written as any other code for "{word}"')


def _extension(entry: Extension, path: str, report: Report) -> None:
    for text, written in _leftovers(entry):
        if written:
            report.changed(path, f'"{text}" (at {entry.anchor}) was received and is written as "{written}"')
        else:
            why = f"no field of the document holds it (it stood at {entry.anchor})"
            report.not_carried(path, why, text)


def _leftovers(entry: Extension) -> Iterator[tuple[str, str]]:
    """(what was received, how its meaning is written) for each part of an entry; "" when it is not."""
    if entry.segment:
        yield _segment(entry.segment), ""
    if entry.xml:
        yield entry.xml, ""
    for key, pair in (entry.elements or {}).items():
        where = f"{entry.tag or entry.path or ''} {key}".strip()
        if pair.received not in ("", False, None):
            written = "" if pair.written in ("", False, None) else f"{where}: {_value(pair.written)}"
            yield f"{where}: {_value(pair.received)}", written
    if entry.received is not None:
        written = " ".join(_run(entry.written))
        for text in _run(entry.received):
            yield text, written
    if entry.order:
        yield f"the order {', '.join(entry.order)}", "the order of the schema"


def _run(items: list[Any] | None) -> list[str]:
    return [_segment(item) for item in items or () if isinstance(item, list)]


def _segment(raw: list[Any]) -> str:
    tag, elements = segment_from_json(raw)
    return "*".join((tag, *elements))


def _value(raw: Any) -> str:
    return ":".join(str(part) for part in raw) if isinstance(raw, list) else str(raw)
