"""What an X12 transmission is made of, as frozen values: interchanges, functional groups and transaction sets.

A set stays raw here, a list of byte strings with one for each segment; everything of the envelope is decoded
text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from gateway.standards.edi.model import Finding, Separators
from gateway.standards.x12.recognise import Format
from gateway.standards.x12.scan import Body

__all__ = ["DEFAULT_LIMITS", "Group", "Interchange", "Limits", "RawSet", "Ta1", "Transmission"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a reader takes on before it refuses."""

    #: Bytes of one transmission.
    max_bytes: int = 100 * 1024 * 1024
    #: Interchanges in one transmission.
    max_interchanges: int = 100_000
    #: Segments of one transaction set.
    max_set_segments: int = 1_000_000


DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Ta1:
    """One TA1 segment: the other side's word about an interchange that we sent."""

    #: TA101, the control number (ISA13) of the interchange it answers.
    control: str
    #: TA102 and TA103, date and time of that interchange.
    date: str
    time: str
    #: TA104: "A" accepted, "E" accepted with errors, "R" rejected.
    letter: str
    #: TA105, "000" when there is no error.
    code: str
    #: Byte offset in the transmission.
    offset: int = -1


@dataclass(frozen=True, slots=True)
class RawSet:
    """One transaction set as raw segments from ST to SE."""

    #: ST01, "" when the set has no ST.
    set_id: str
    #: ST02.
    control: str
    #: ST03, the implementation guide; "" before 5010.
    guide: str
    #: The segments as bytes, without terminator and without line ends.
    segments: list[bytes] = field(repr=False)
    #: Number of the first segment in its interchange, counted from 0 after ISA.
    first_segment_index: int
    #: The set ends with its SE.
    complete: bool
    findings: tuple[Finding, ...]
    body: Body = field(repr=False, compare=False)

    @property
    def offsets(self) -> list[int]:
        """Byte offset of each segment in the transmission."""
        return self.body.offsets(self.first_segment_index, len(self.segments))


@dataclass(frozen=True, slots=True)
class Group:
    """One functional group from GS to GE."""

    #: GS01, "PO"; "" when sets came without a GS.
    code: str
    #: GS02 and GS03 without blanks around them.
    sender: str
    receiver: str
    #: GS04 (CCYYMMDD) and GS05 (HHMM…) as sent.
    date: str
    time: str
    #: GS06.
    control: str
    #: GS07, "X".
    agency: str
    #: GS08, "004010VICS".
    version: str
    sets: tuple[RawSet, ...]
    #: GE01 as sent; None when GE is missing or GE01 is not a number.
    declared_count: int | None
    #: The group ends with its GE.
    complete: bool
    #: Byte offset of GS in the transmission.
    offset: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Interchange:
    """One interchange from ISA to IEA."""

    #: Number of the interchange in the transmission, from 0.
    index: int
    #: Where it stands in the transmission, in bytes.
    offset: int
    length: int
    #: ISA01 to ISA16 as sent, untrimmed; empty when the ISA cannot be read.
    isa: tuple[str, ...]
    separators: Separators
    groups: tuple[Group, ...]
    ta1: tuple[Ta1, ...]
    findings: tuple[Finding, ...]
    #: The interchange ends with its IEA.
    complete: bool
    #: Why the ISA cannot be read, one sentence; "" when it can.
    unreadable: str = ""
    source: bytes = field(default=b"", repr=False, compare=False)

    def _isa(self, number: int) -> str:
        return self.isa[number - 1] if self.isa else ""

    @property
    def raw(self) -> bytes:
        """The bytes of the interchange as received."""
        return self.source[self.offset : self.offset + self.length]

    @property
    def sender_qualifier(self) -> str:
        """ISA05."""
        return self._isa(5).strip()

    @property
    def sender_id(self) -> str:
        """ISA06 without the blanks that pad it."""
        return self._isa(6).strip()

    @property
    def receiver_qualifier(self) -> str:
        """ISA07."""
        return self._isa(7).strip()

    @property
    def receiver_id(self) -> str:
        """ISA08 without the blanks that pad it."""
        return self._isa(8).strip()

    @property
    def date(self) -> str:
        """ISA09, YYMMDD."""
        return self._isa(9)

    @property
    def time(self) -> str:
        """ISA10, HHMM."""
        return self._isa(10)

    @property
    def version(self) -> str:
        """ISA12, "00401"."""
        return self._isa(12).strip()

    @property
    def control(self) -> str:
        """ISA13 as sent."""
        return self._isa(13)

    @property
    def ack_requested(self) -> bool:
        """ISA14 = 1: the sender asks for a TA1."""
        return self._isa(14) == "1"

    @property
    def usage(self) -> str:
        """ISA15: "T" test, "P" production, "I" information."""
        return self._isa(15)


@dataclass(frozen=True, slots=True)
class Transmission:
    """Everything that was found in the bytes of one transmission."""

    format: Format
    #: Why nothing can be read, a plain sentence; "" when at least one interchange was found.
    unreadable: str
    interchanges: tuple[Interchange, ...]
