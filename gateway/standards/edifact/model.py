"""The values that an EDIFACT file is read into: service characters, interchanges, groups and messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from gateway.standards.edi.model import Finding, Segment

__all__ = ["DEFAULT", "EdifactFile", "EdifactGroup", "EdifactInterchange", "EdifactMessage", "ServiceString"]


@dataclass(frozen=True, slots=True)
class ServiceString:
    """The characters that cut an interchange into parts (UNA, ISO 9735 part 1, §7)."""

    component: str = ":"
    element: str = "+"
    #: "." or ",": what stands before the decimals of a number.
    decimal: str = "."
    #: Takes the meaning from the character that follows; "" when none is in force.
    release: str = "?"
    #: Between repetitions of an element (syntax 4); "" in earlier versions.
    repetition: str = ""
    segment: str = "'"
    #: True when a UNA said so, False for the usual ones.
    stated: bool = False


DEFAULT: Final = ServiceString()


@dataclass(frozen=True, slots=True)
class EdifactMessage:
    """One message, UNH … UNT; both are among its segments."""

    #: "ORDERS".
    type: str
    #: Version and release, "D:96A".
    version: str
    #: Association code, "EAN008"; "" for none.
    association: str
    #: Message reference (0062).
    reference: str
    #: The document's own number (BGM), "" for none.
    number: str
    segments: tuple[Segment, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class EdifactGroup:
    """One functional group, or all messages of an interchange that has none."""

    #: Group id (UNG 0038); "" without UNG.
    type: str
    #: Group reference (0048); None without UNG.
    reference: str | None
    messages: tuple[EdifactMessage, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class EdifactInterchange:
    """One interchange, UNB … UNZ."""

    #: "UNOC".
    syntax: str
    #: "3".
    syntax_version: str
    sender: str
    #: "14" and the like, "" for none.
    sender_qualifier: str
    receiver: str
    receiver_qualifier: str
    #: Date and time of preparation, as they stand there.
    date: str
    time: str
    #: Interchange control reference (0020).
    control: str
    #: Test indicator (0035) set.
    test: bool
    #: True when the sender asks for an acknowledgement (0031).
    wants_answer: bool
    service: ServiceString
    #: How its text was decoded, a Python codec name.
    charset: str
    groups: tuple[EdifactGroup, ...]
    findings: tuple[Finding, ...]
    #: False when there was no UNB.
    has_header: bool = True

    @property
    def messages(self) -> list[EdifactMessage]:
        """The messages of every group, in order."""
        return [message for group in self.groups for message in group.messages]


@dataclass(frozen=True, slots=True)
class EdifactFile:
    """Everything in one file."""

    interchanges: tuple[EdifactInterchange, ...]
    #: Why nothing could be read; "" when something could.
    unreadable: str = ""
    #: What is wrong with the file itself.
    findings: tuple[Finding, ...] = field(default=())

    @property
    def messages(self) -> list[list[EdifactMessage]]:
        """The messages of each interchange."""
        return [interchange.messages for interchange in self.interchanges]
