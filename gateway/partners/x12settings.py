"""How X12 is exchanged with a partner: the envelope we write, what we check, and the acknowledgements."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from gateway.partners.fields import Char, Group, GuideName, Many, SecretRef, SetId, Suffix, VersionText

__all__ = [
    "AcceptedSet",
    "Acknowledgements",
    "CodeListChange",
    "ControlNumbers",
    "DuplicatePolicy",
    "Envelope",
    "ExpectedAcknowledgement",
    "ExpectedAcknowledgements",
    "Inbound",
    "NumberRange",
    "SentAcknowledgements",
    "SeparatorChars",
]

Charset = Literal["basic", "extended", "latin-1", "utf-8"]
Severity = Literal["error", "warning", "note"]

#: First version whose ISA11 holds a repetition separator (X12 00402).
FIRST_VERSION_WITH_REPETITION = "004020"

_PLACE = r"[A-Z][A-Z0-9]{1,2}(?:\d{2}(?:-\d{1,2})?)?"
_FINDING_CODE = re.compile(
    rf"(?:AK304|AK403|AK502|AK905|TA105|RULE|SCH|NOTE)(?:-[A-Za-z0-9][A-Za-z0-9-]*(?: {_PLACE})?)?"
)
_ELEMENT_REF = re.compile(rf"\d{{1,4}}|{_PLACE}")


def _finding_code(value: str) -> str:
    if not _FINDING_CODE.fullmatch(value):
        raise ValueError(
            f'"{value}" is not a finding code; give AK403-7, its family AK403, one place of it as '
            "AK403-7 PO103, or RULE-<name>"
        )
    return value


def _element_ref(value: str) -> str:
    if not _ELEMENT_REF.fullmatch(value):
        raise ValueError(f'"{value}" is not an element: its number (355), its place (PO103) or a component (REF04-1)')
    return value


class SeparatorChars(Group):
    """The four characters that cut an interchange into parts."""

    element: Char = Field(default="*", description="Between elements.")
    component: Char = Field(default=">", description="Between the components of a composite (ISA16).")
    segment: Char = Field(default="~", description="After each segment.")
    repetition: Char = Field(default="^", description="Between repetitions; written from version 004020 on (ISA11).")

    @model_validator(mode="after")
    def _usable(self) -> SeparatorChars:
        chars = (self.element, self.component, self.segment, self.repetition)
        if len(set(chars)) != len(chars):
            raise ValueError("the four separators must differ from each other")
        spoilt = sorted(c for c in chars if c.isalnum() or c == " ")
        if spoilt:
            raise ValueError(f'a letter, digit or blank ("{spoilt[0]}") occurs in data and cannot separate it')
        return self


class Envelope(Group):
    """The ISA and GS segments of what we send."""

    separators: SeparatorChars = Field(default=SeparatorChars.by_default(), description="The characters that separate.")
    suffix: Suffix = Field(
        default="",
        description="What follows each segment terminator: none, newline or crlf.",
        json_schema_extra={"options": ["none", "newline", "carriage-return", "crlf"]},
    )
    version: VersionText = Field(
        default="004010", description="Version we send unless a document names its own (GS08)."
    )
    isa01: Annotated[str, StringConstraints(pattern=r"^\d{2}$")] = Field(
        default="00", description="Authorization information qualifier (ISA01)."
    )
    isa02: SecretRef | None = Field(default=None, description="Authorization information (ISA02); empty = blanks.")
    isa03: Annotated[str, StringConstraints(pattern=r"^\d{2}$")] = Field(
        default="00", description="Security information qualifier (ISA03)."
    )
    isa04: SecretRef | None = Field(default=None, description="Security information (ISA04); empty = blanks.")
    isa11: Char | None = Field(
        default=None,
        description="ISA11; empty = U before version 004020, the repetition separator from then on.",
    )
    isa12: Annotated[str, StringConstraints(pattern=r"^\d{5}$")] | None = Field(
        default=None,
        description="Interchange version (ISA12); empty = made from the version, 004010 gives 00401.",
    )
    isa14: Literal["0", "1"] = Field(default="0", description="1 asks the partner for a TA1 (ISA14).")
    usage: Literal["T", "P"] = Field(
        default="P", description="Usage indicator (ISA15); empty = T while draft or testing, P from live on."
    )
    gs04: Literal["CCYYMMDD", "YYMMDD"] = Field(default="CCYYMMDD", description="Form of the group date (GS04).")
    gs05: Literal["HHMM", "HHMMSS", "HHMMSSDD"] = Field(default="HHMM", description="Form of the group time (GS05).")
    gs07: Literal["X", "T"] = Field(default="X", description="Responsible agency code (GS07).")
    replacement: Char | None = Field(
        default=None,
        description="Written for a separator or unknown character in data; empty = it is refused.",
    )
    charset: Charset = Field(default="extended", description="Characters that the partner can read.")
    trailing_separators: Literal["omit", "keep"] = Field(
        default="omit", description="Whether empty elements at the end of a segment keep their separators."
    )
    max_sets: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Most transaction sets in one interchange; empty = no limit."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Envelope:
        chars = self.separators
        used = (chars.element, chars.component, chars.segment, chars.repetition)
        if self.replacement is not None and self.replacement in used:
            raise ValueError("replacement must not be one of the separators that it replaces")
        if self.charset == "utf-8" and any(ord(c) > 127 for c in used):
            raise ValueError("a separator above x7f cannot be one byte in utf-8; choose charset latin-1")
        for qualifier, value, name in ((self.isa01, self.isa02, "isa02"), (self.isa03, self.isa04, "isa04")):
            if value is not None and qualifier == "00":
                raise ValueError(f"{name} is given, so the qualifier before it must not be 00 (no information)")
        return self


class AcceptedSet(Group):
    """One kind of document that the partner may send."""

    set: SetId = Field(description="Transaction set id, 850.")
    versions: Annotated[tuple[VersionText, ...], Many] = Field(
        default=(),
        description="Versions taken (GS08, a prefix such as 004010 takes its suffixes); empty = all we know.",
    )


class CodeListChange(Group):
    """How this partner's codes for one element differ from the standard's."""

    add: Annotated[tuple[str, ...], Many] = Field(
        default=(), description="Codes taken besides the standard's, or besides those under only."
    )
    only: Annotated[tuple[str, ...], Many] = Field(
        default=(), description="The only codes of the standard taken; empty = all of them."
    )

    @model_validator(mode="after")
    def _says_something(self) -> CodeListChange:
        if not (self.only or self.add):
            raise ValueError("needs codes under add or only")
        return self


class DuplicatePolicy(Group):
    """What counts as received before, and what happens then."""

    isa13_days: Annotated[int, Field(ge=0, le=3650)] = Field(
        default=30,
        description="Days for which an interchange control number may not come again; 0 = not checked.",
    )
    purchase_order: Literal["hold", "accept"] = Field(
        default="hold",
        description="A second new order with the same number: hold it for a person, or accept it.",
    )
    group_control: Literal["check", "ignore"] = Field(
        default="check", description="Whether a group number (GS06) used twice in an interchange is an error."
    )


class Inbound(Group):
    """What we take from the partner and how strictly."""

    accepted: Annotated[tuple[AcceptedSet, ...], Many] = Field(
        default=(), description="Documents taken; empty = every set and version that we know."
    )
    severities: dict[Annotated[str, AfterValidator(_finding_code)], Severity] = Field(
        default_factory=dict,
        description="How bad a finding is for this partner: finding code or family to severity.",
    )
    code_lists: dict[Annotated[str, AfterValidator(_element_ref)], CodeListChange] = Field(
        default_factory=dict,
        description="Wider or narrower code lists, by element number (355) or place (PO103).",
    )
    duplicates: DuplicatePolicy = Field(default=DuplicatePolicy.by_default(), description="Duplicate handling.")
    test_in_live: Literal["hold", "reject", "process"] = Field(
        default="hold", description="What happens to data marked as test (ISA15 T) while the partner is live."
    )
    max_bytes: Annotated[int, Field(ge=1024)] = Field(
        default=104_857_600, description="Largest transmission taken, in bytes."
    )
    max_sets: Annotated[int, Field(ge=1)] = Field(
        default=100_000, description="Most transaction sets taken in one interchange."
    )
    charset: Charset = Field(default="extended", description="Characters allowed in data.")
    isa_length: Literal["lenient", "strict"] = Field(
        default="lenient",
        description="An ISA that is not 106 bytes: read by its separators with a warning, or refused.",
    )
    trailing_separators: Literal["accept", "reject"] = Field(
        default="accept", description="Separators without elements at the end of a segment."
    )
    trailing_spaces: Literal["accept", "reject"] = Field(default="accept", description="Blanks at the end of a value.")
    integer_point: Literal["accept", "reject"] = Field(
        default="reject", description='A decimal number that ends in its point ("5.").'
    )
    control_numbers: Literal["text", "number"] = Field(
        default="text", description="Compare control numbers as text, or as numbers (1 equals 0001)."
    )
    bad_set: Literal["split", "preserve"] = Field(
        default="split",
        description="One bad set: process the good ones (split), or none of its group (preserve).",
    )
    guide: GuideName | None = Field(default=None, description="The partner's guide: file name under schemas/guides/.")

    @model_validator(mode="after")
    def _each_set_once(self) -> Inbound:
        sets = [accepted.set for accepted in self.accepted]
        twice = sorted({name for name in sets if sets.count(name) > 1})
        if twice:
            raise ValueError(f"accepted lists {twice[0]} twice; give all its versions in one entry")
        return self


class SentAcknowledgements(Group):
    """The acknowledgements that we send."""

    kind: Literal["997", "999"] = Field(default="997", description="Functional (997) or implementation (999).")
    ta1: Literal["never", "on_error", "always"] = Field(
        default="on_error",
        description="When a TA1 is sent; a partner that asks for one (ISA14) gets it unless never.",
    )
    ak2: Literal["all", "rejected"] = Field(
        default="all", description="Name every set in the answer, or only those with errors."
    )
    enabled: bool = Field(default=True, description="False = the partner wants no functional acknowledgement.")


class ExpectedAcknowledgement(Group):
    """Whether and by when the partner acknowledges one kind of document."""

    expected: bool = Field(default=True, description="Whether an acknowledgement is due at all.")
    hours: Annotated[float, Field(gt=0, le=8760)] = Field(default=24.0, description="Hours until it is overdue.")


class ExpectedAcknowledgements(ExpectedAcknowledgement):
    """Whether and by when the partner acknowledges what we send, in general and by set."""

    sets: dict[SetId, ExpectedAcknowledgement] = Field(
        default_factory=dict, description="Exceptions by transaction set id."
    )

    def for_set(self, set_id: str) -> ExpectedAcknowledgement:
        """What holds for one transaction set."""
        return self.sets.get(set_id) or ExpectedAcknowledgement(expected=self.expected, hours=self.hours)


class Acknowledgements(Group):
    """Acknowledgements in both directions."""

    send: SentAcknowledgements = Field(default=SentAcknowledgements.by_default(), description="What we send.")
    expect: ExpectedAcknowledgements = Field(
        default=ExpectedAcknowledgements.by_default(), description="What we wait for."
    )


class NumberRange(Group):
    """The range that a control number runs through before it starts again."""

    low: Annotated[int, Field(ge=1, le=999_999_999)] = Field(default=1, description="First number.")
    high: Annotated[int, Field(ge=1, le=999_999_999)] = Field(default=999_999_999, description="Last number.")

    @model_validator(mode="after")
    def _low_before_high(self) -> NumberRange:
        if self.low >= self.high:
            raise ValueError("low must be smaller than high")
        return self


class ControlNumbers(Group):
    """Ranges of the control numbers that we give."""

    isa13: NumberRange = Field(default=NumberRange.by_default(), description="Interchange control numbers.")
    gs06: NumberRange = Field(default=NumberRange.by_default(), description="Group control numbers.")
    st02_width: Annotated[int, Field(ge=4, le=9)] = Field(
        default=4, description="Digits of the set control number (ST02), zero-filled."
    )
