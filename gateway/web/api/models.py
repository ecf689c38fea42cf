"""What the API takes and gives, as models: checked on the way in, and the source of the OpenAPI document.

Instants are ISO 8601 in UTC. Answers may get further fields; those that are here stay.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from gateway.messages.axes import Acknowledgement, Delivery, Processing, Review

__all__ = [
    "Applied",
    "ApplyQuery",
    "Done",
    "Failure",
    "FailureDetail",
    "FailurePage",
    "FailureQuery",
    "MembersQuery",
    "Message",
    "MessageDetail",
    "MessagePage",
    "MessageQuery",
    "NoQuery",
    "PartnerDetail",
    "PartnerPage",
    "PartnerQuery",
    "PartnerSummary",
    "PayloadQuery",
    "Problem",
    "Reason",
    "ReasonNeeded",
    "SendQuery",
    "Sent",
    "VersionQuery",
]


def _in_utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


_Word = Annotated[str, StringConstraints(max_length=100)]
_Cursor = Annotated[str, StringConstraints(max_length=1000)]
_Instant = Annotated[datetime, AfterValidator(_in_utc)]


class _Asked(BaseModel):
    """A request: names that are not known are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class _Told(BaseModel):
    """An answer: further fields may come."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)


class NoQuery(_Asked):
    """Nothing is asked for in the query."""


class _Paged(_Asked):
    limit: Annotated[int, Field(ge=1, le=500, description="Most entries of a page.")] = 50
    after: Annotated[_Cursor | None, Field(description='"next" of the page before.')] = None


class MessageQuery(_Paged):
    """What the list of messages is narrowed to."""

    q: Annotated[
        str,
        StringConstraints(max_length=200),
        Field(description="A number, control number, Message-ID or file name, or the beginning of a number."),
    ] = ""
    partner: Annotated[_Word, Field(description="Code of the partner.")] = ""
    kind: Annotated[_Word, Field(description="Kind of document: order, invoice, ship_notice …")] = ""
    direction: Literal["in", "out", ""] = ""
    processing: Processing | Literal[""] = ""
    delivery: Delivery | Literal[""] = ""
    acknowledgement: Acknowledgement | Literal[""] = ""
    transport: Annotated[_Word, Field(description="as2, sftp, http, folder.")] = ""
    test: Annotated[bool | None, Field(description="Only test messages, or only live ones.")] = None
    since: Annotated[_Instant | None, Field(description="From this instant on; without an offset it is UTC.")] = None
    until: Annotated[_Instant | None, Field(description="Before this instant.")] = None
    noted: Annotated[bool, Field(description="Only messages with a note.")] = False
    assignee: Annotated[_Word, Field(description="Login name of who has the message's open failure.")] = ""


class Message(_Told):
    """A document, or a transmission that holds none."""

    id: str
    type: Literal["document", "transmission"]
    at: datetime
    direction: Literal["in", "out"]
    partner: str | None
    document: Annotated[str | None, Field(description="Kind of document; null for a transmission.")]
    set: Annotated[str | None, Field(description='"850", or the root element of an XML document.')]
    standard: str | None
    transport: str | None
    number: str | None
    amount: str | None
    currency: str | None
    filename: str | None
    processing: str | None
    delivery: str
    acknowledgement: str
    test: bool
    reason: str | None


class MessagePage(_Told):
    """One page of messages, the newest first."""

    messages: list[Message]
    next: Annotated[str | None, Field(description="Give it as `after` for the next page; null at the end.")]
    back_to: Annotated[
        datetime | None,
        Field(description="How far back a page looked that is not full, may be empty, and still has a `next`."),
    ]


class MessageDetail(Message):
    """One message with all that belongs to it."""

    sentence: str
    stages: list[dict[str, Any]]
    attempts: list[dict[str, Any]]
    findings: list[dict[str, Any]]
    acknowledgements: list[dict[str, Any]]
    cases: list[dict[str, Any]]
    related: list[dict[str, Any]]
    transmission: dict[str, Any] | None
    interchange: dict[str, Any] | None
    facts: dict[str, Any]
    content: Annotated[
        list[dict[str, Any]],
        Field(description="What is stored of it: form, sha256, bytes, and when and by which rule it was removed."),
    ]


class PayloadQuery(_Asked):
    """Which bytes of a message."""

    form: Annotated[
        Literal["payload", "wire", "canonical"],
        Field(description="What came or went; the raw bytes of the transport; the canonical document."),
    ] = "payload"


class Reason(_Asked):
    """Why it is done; others see it in the history."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] = ""


class ReasonNeeded(_Asked):
    """Why it is done; others will ask."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class Done(_Told):
    """What became of a change."""

    id: Annotated[str, Field(description="The message to look at now: a replay or a resend has its own.")]
    message: Annotated[str, Field(description="What was done, as a sentence.")]


class FailureQuery(_Paged):
    """What the list of failures is narrowed to; without a state it is what is open."""

    partner: _Word = ""
    state: Review | Literal[""] = ""
    fault: _Word = ""
    assignee: Annotated[_Word, Field(description="Login name of who has it.")] = ""


class Failure(_Told):
    """One cause with everything that failed for it."""

    id: str
    title: str
    cause: str
    fault: str
    severity: str
    partner: str | None
    direction: str
    review: str
    open: bool
    opened_at: datetime
    closed_at: datetime | None
    times_opened: int
    assignee: str | None
    reason: str | None
    suggestion: str | None
    whose_fault: str | None
    members: int
    waiting: Annotated[int, Field(description="Members that wait for a decision.")]
    money: list[tuple[str, str]]
    kinds: list[tuple[str, int]]
    due_at: datetime | None


class FailurePage(_Told):
    """One page of failures, the most urgent first."""

    failures: list[Failure]
    total: int
    next: str | None


class MembersQuery(_Paged):
    """A page of a failure's messages."""


class FailureDetail(Failure):
    """One failure with an example, its history and a page of its messages."""

    example: dict[str, Any] | None
    history: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    next: str | None


class PartnerQuery(_Paged):
    """What the list of partners is narrowed to."""

    status: Annotated[_Word, Field(description="draft, test, live, retired.")] = ""


class PartnerSummary(_Told):
    """A partner as lists show it."""

    code: str
    name: str
    status: str
    version: int
    isa: list[str]
    gs: list[str]
    as2: str | None
    transport: str | None
    certificate_ends: datetime | None
    warnings: list[str]


class PartnerPage(_Told):
    """One page of partners, by code."""

    partners: list[PartnerSummary]
    next: str | None


class VersionQuery(_Asked):
    """Which version of a partner."""

    version: Annotated[int | None, Field(ge=1, le=2**31 - 1, description="An earlier version.")] = None


class PartnerDetail(PartnerSummary):
    """One partner with its whole profile; secrets stand in it by name only."""

    current_version: int
    changed: dict[str, Any]
    certificates: list[dict[str, Any]]
    missing: list[str]
    profile: dict[str, Any]


class ApplyQuery(_Asked):
    """How partners are applied."""

    dry_run: Annotated[bool, Field(description="Only say what would change.")] = False
    reason: Annotated[str, StringConstraints(max_length=500), Field(description="Kept with the version.")] = ""


class Applied(_Told):
    """What applying partners changed, or would change."""

    applied: bool
    changes: Annotated[
        list[dict[str, Any]],
        Field(
            description="One entry for each partner: code, action (create, update, unchanged), version, differences."
        ),
    ]


class SendQuery(_Asked):
    """Whom a document is for."""

    partner: Annotated[
        _Word | None, Field(description="Code of the partner, in place of the document's `receiver`.")
    ] = None


class Sent(_Told):
    """A document that was taken: it is stored and on its way."""

    id: str
    transmission: str | None
    partner: str
    kind: str
    number: str
    message: str
    links: Annotated[
        dict[str, str], Field(description="Where to look: `document` (its content), `message` (its state).")
    ]


class _ProblemPart(_Told):
    path: str
    message: str
    fix: str


class Problem(_Told):
    """Why a request was not carried out (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str = ""
    fix: Annotated[str, Field(description="What to do about it.")] = ""
    errors: list[_ProblemPart] = []
    error_id: Annotated[str, Field(description="Under this id a fault of ours stands in the log.")] = ""
