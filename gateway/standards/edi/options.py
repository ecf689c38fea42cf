"""What a partner's profile changes about validation, as one hashable value.

`ValidationOptions()` is the default for a partner about whom nothing is known: mild where senders are
commonly sloppy without meaning (trailing separators, trailing blanks), strict where a value could be misread.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from gateway.standards.edi.guide import Guide
from gateway.standards.edi.model import Severity

__all__ = ["Charset", "CodeList", "Policy", "ValidationOptions"]

Charset = Literal["basic", "extended", "latin-1", "utf-8"]
Policy = Literal["accept", "reject"]

#: Severity of a finding that no option names; every other code is an error.
_DEFAULT_SEVERITIES: dict[str, Severity] = {
    "NOTE": "note",
    "RULE-hl-step": "note",
    "RULE-hl-child": "note",
    "RULE-hl-level": "note",
}


@dataclass(frozen=True, slots=True)
class CodeList:
    """How a partner's codes for one element differ from the release's.

    A code that the partner added is taken even where it is longer or shorter than the element allows.
    """

    #: Element number ("355"), position ("PO103") or component ("REF04-1"); the more exact one wins.
    where: str
    #: Codes taken in addition to the release's (or to `only`).
    add: frozenset[str] = frozenset()
    #: When given, the only codes taken instead of the release's.
    only: frozenset[str] | None = None

    @classmethod
    def of(cls, where: str, add: Iterable[str] = (), only: Iterable[str] | None = None) -> CodeList:
        """A code list from any iterables."""
        return cls(where, frozenset(add), None if only is None else frozenset(only))

    def apply(self, codes: frozenset[str] | None) -> frozenset[str] | None:
        """The codes in force where the release has `codes` (None: an open list)."""
        base = self.only if self.only is not None else codes
        return None if base is None else base | self.add


@dataclass(frozen=True)
class ValidationOptions:
    """The switches of validation; every field is hashable, so that compiled tables are shared by equal
    options.
    """

    #: The characters that data may hold (X12.5 basic and extended sets; latin-1 and utf-8 add national
    #: letters).
    charset: Charset = "extended"
    #: (finding code, severity): "AK403-7", its family "AK403", or one position of it, "AK403-7 PO103"; the
    #: most exact one wins, then the later one.
    severities: tuple[tuple[str, Severity], ...] = ()
    #: Narrowed and widened code lists.
    codes: tuple[CodeList, ...] = ()
    #: Separators after the last element that is present ("PO1*1*2*EA**").
    trailing_separators: Policy = "accept"
    #: Blanks at the end of text beyond what its shortest length asks for.
    trailing_spaces: Policy = "accept"
    #: A decimal point without digits after it ("5.").
    integer_point: Policy = "reject"
    #: The partner's rules over the set; None for the plain standard.
    guide: Guide | None = None

    @cached_property
    def _severity_table(self) -> dict[str, Severity]:
        return {**_DEFAULT_SEVERITIES, **dict(self.severities)}

    @cached_property
    def _code_table(self) -> dict[str, CodeList]:
        return {rule.where: rule for rule in self.codes}

    def severity(self, code: str, where: str = "") -> Severity:
        """How much a finding weighs; `where` is its position, "PO103" or "PO1"."""
        table = self._severity_table
        family = code.partition("-")[0]
        for key in (f"{code} {where}", code, family):
            found = table.get(key)
            if found is not None:
                return found
        return "error"

    def is_note(self, code: str, where: str = "") -> bool:
        """True when a finding is only a remark, so that the verdict passes over it."""
        return self.severity(code, where) == "note"

    def codes_for(self, ref: str, where: str, codes: frozenset[str] | None) -> frozenset[str] | None:
        """The codes in force for an element at a position where the release has `codes`; None for an open
        list.
        """
        rule = self._code_table.get(where) or self._code_table.get(ref)
        return codes if rule is None else rule.apply(codes)
