"""A document of one standard made fit to be written in another: the one way through all steps of a crossing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from gateway.documents import Document
from gateway.mapping.crossing.cxml import to_cxml
from gateway.mapping.crossing.foreign import strip_foreign
from gateway.mapping.crossing.sets import in_kind_of, set_for
from gateway.mapping.crossing.ubl import to_ubl
from gateway.mapping.crossing.values import Crossed, CrossingHints, Report
from gateway.mapping.crossing.verify import verify
from gateway.mapping.crossing.words import nearest_words
from gateway.mapping.crossing.x12 import to_x12

__all__ = ["cross"]

_NO_HINTS: Final = CrossingHints()
_STEPS: Final[Mapping[str, Callable[[Document, str, CrossingHints, Report], None]]] = {
    "x12": to_x12,
    "ubl": to_ubl,
    "cxml": to_cxml,
}


def cross(document: Document, standard: str, hints: CrossingHints = _NO_HINTS) -> Crossed:
    """The document as `standard` ("x12", "ubl", "cxml") can say it, and every difference as a finding.

    A document that came in the same standard is not changed. Raises MappingError with every reason when the other
    standard asks for something that neither the document nor the hints have.
    """
    source = document.source
    if source is not None and source.standard == standard:
        return Crossed(document, source.set_id or set_for(document, standard), ())
    if source is None and standard == "x12":
        return Crossed(document, set_for(document, standard), ())  # its maps add what the sets must have
    set_id = set_for(document, standard)
    report = Report()
    crossed = document.model_copy(deep=True)
    if source is not None:
        strip_foreign(crossed, source.standard, report)
    crossed = in_kind_of(crossed, standard, set_id, report)
    nearest_words(crossed, standard, report)
    _STEPS[standard](crossed, set_id, hints, report)
    report.stop_on_problems()
    if source is not None:
        verify(document, crossed, standard, set_id, hints.version, report)
    return Crossed(crossed, set_id, tuple(report.findings))
