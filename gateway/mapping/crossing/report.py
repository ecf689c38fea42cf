"""The tables of docs/crossing.md: what becomes of every field of our sample documents on a way there and back.

`python -m gateway.mapping.crossing.report SAMPLES PAGE` reads the sample documents in the folder SAMPLES and writes
the tables into the page, between its marks.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway.documents import Document
from gateway.documents.parties import Party, PartyId
from gateway.mapping.crossing.journey import Journey, place_of, there_and_back
from gateway.mapping.crossing.paths import pattern
from gateway.mapping.crossing.values import CrossingHints
from gateway.mapping.errors import MappingError
from gateway.mapping.x12_convert import documents_from_x12
from gateway.mapping.xml.convert import documents_from_xml

__all__ = ["JOURNEYS", "SAMPLE_HINTS", "page_with_tables", "sample_documents"]

#: What the profile of the samples knows.
SAMPLE_HINTS: Final = CrossingHints(
    ours=Party(name="Our Company", ids=[PartyId(scheme="gln", value="9501101530003")]),
    theirs=Party(name="The Partner", ids=[PartyId(scheme="gln", value="9501101530010")]),
    currency="USD",
)
#: (home standard, the one between, kinds of document).
JOURNEYS: Final = (
    ("x12", "ubl", ("order", "order_acknowledgment", "ship_notice", "invoice")),
    ("x12", "cxml", ("order", "order_acknowledgment", "ship_notice")),
    ("ubl", "x12", ("order", "order_acknowledgment", "ship_notice", "invoice")),
    ("cxml", "x12", ("order",)),
)
_NAMES: Final = {"x12": "X12", "ubl": "UBL", "cxml": "cXML"}
_START: Final = "<!-- tables: made by gateway.mapping.crossing.report -->"
_END: Final = "<!-- end of tables -->"
_OUTCOMES: Final = {"MAP-not-carried": "not carried", "MAP-assumed": "added", "MAP-changed": "changed"}
_QUOTED: Final = re.compile(r'"[^"]*"')
_NUMBER: Final = re.compile(r"(?<![\w.])-?[0-9][\w.:-]*")


@dataclass(slots=True)
class _Table:
    """What becomes of the fields of one kind of document."""

    documents: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    #: (field, outcome) → in how many documents.
    fields: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: (field, outcome) → why, most often.
    reasons: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    silent: int = 0


def sample_documents(folder: Path, standard: str) -> Iterator[tuple[Path, Document]]:
    """Every document of the samples of a standard, valid or not."""
    if standard == "x12":
        for path in sorted(folder.glob("x12/**/*.edi")):
            yield from ((path, document) for document in documents_from_x12(path.read_bytes()).documents)
    else:
        for path in sorted(folder.glob(f"xml/{standard}/**/*.xml")):
            yield from ((path, document) for document in documents_from_xml(path.read_bytes()).documents)


def page_with_tables(page: str, folder: Path) -> str:
    """The page with fresh tables between its marks. Raises ValueError when it has no marks."""
    before, start, rest = page.partition(_START)
    _, end, after = rest.partition(_END)
    if not start or not end:
        raise ValueError(f"The page has no marks {_START} and {_END}.")
    return f"{before}{_START}\n\n{_tables(folder)}\n{_END}{after}"


def _tables(folder: Path) -> str:
    parts: list[str] = []
    for home, via, kinds in JOURNEYS:
        parts.append(f"### {_NAMES[home]} → {_NAMES[via]} → {_NAMES[home]}\n")
        tables = {kind: _Table() for kind in kinds}
        for _, document in sample_documents(folder, home):
            if document.kind in tables:
                _travel(document, via, tables[document.kind])
        parts += [_shown(kind, table) for kind, table in tables.items()]
    return "\n".join(parts)


def _travel(document: Document, via: str, table: _Table) -> None:
    table.documents += 1
    try:
        journey = there_and_back(document, via, SAMPLE_HINTS)
    except MappingError as error:
        table.refused.update({_general(problem.message) for problem in error.problems})
        return
    for key, reason in _rows(journey):
        table.fields[key] += 1
        table.reasons.setdefault(key, Counter()).update([reason])
    table.silent += sum(1 for _, finding in journey.changes() if finding is None)


def _rows(journey: Journey) -> Iterable[tuple[tuple[str, str], str]]:
    """Each field of a document once, with what becomes of it and why."""
    found: dict[tuple[str, str], str] = {}
    for _, finding in journey.changes():
        if finding is not None:
            key = (pattern(place_of(finding)), _OUTCOMES.get(finding.code, finding.code))
            found.setdefault(key, _general(finding.message.partition(": ")[2]))
    return found.items()


def _general(sentence: str) -> str:
    """A sentence without the values of one document."""
    reason = sentence.partition(" is not in the written document, because ")[2] or sentence
    text = _NUMBER.sub("…", _QUOTED.sub('"…"', reason))
    return text.replace("|", "/").replace("\n", " ")


def _shown(kind: str, table: _Table) -> str:
    title = kind.replace("_", " ")
    crossed = table.documents - sum(table.refused.values())
    lines = [f"#### {title}: {crossed} of {table.documents} sample documents, {table.silent} silent differences", ""]
    lines += [f"Refused ({count}): {reason}\n" for reason, count in sorted(table.refused.items())]
    lines += ["| Field | Becomes | Why | Documents |", "|---|---|---|---|"]
    for (name, outcome), count in sorted(table.fields.items()):
        (reason, _), *_rest = sorted(table.reasons[name, outcome].items(), key=lambda each: (-each[1], each[0]))
        lines.append(f"| `{name}` | {outcome} | {reason} | {count} |")
    return "\n".join([*lines, ""])


def main(arguments: Sequence[str]) -> None:
    """Write the tables into the page."""
    samples, page = (Path(argument) for argument in arguments)
    page.write_text(page_with_tables(page.read_text(encoding="utf-8"), samples), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
