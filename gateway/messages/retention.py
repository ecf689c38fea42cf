"""Retention: which content has had its time, what keeps the rest back, and removing it with its event in the ledger.

What is governed is the *content*: the bytes of payloads. The rows of transmissions, interchanges and documents stay
with everything that they say, and so do the digests and the ledger. A payload is stored once however many messages have
it, so it goes only when every one of its uses lets it go; a use that nobody here knows keeps it. Days count from the
last thing that happened to a message. A message is a transmission with all of its documents: while a part of it is not
finished, all of it stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, Table, literal, null, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from gateway.messages.corrections import Correction
from gateway.messages.models import Document, Transmission
from gateway.messages.retentionstate import OBSTACLES, Unit, units_of
from gateway.partners.models import Partner
from gateway.partners.profile import PartnerProfile
from gateway.store import ledger
from gateway.store.base import Base
from gateway.store.payloads import Payload
from gateway.store.removal import Kept, lock, remove

__all__ = [
    "ACTOR",
    "OBSTACLES",
    "Content",
    "Days",
    "Removed",
    "Rule",
    "Rules",
    "State",
    "Verdict",
    "judge",
    "remove_due",
]

#: Who removes, in the ledger.
ACTOR = "retention"

#: Gives a partner's version and profile in force, None for an unknown partner; reads through the session.
FindProfile = Callable[[str, Session], tuple[int, PartnerProfile] | None]


class Content(StrEnum):
    """What can be kept for a time of its own; the value is the beginning of its setting's name."""

    #: What crossed the wire: payloads, wire bytes, edited copies.
    RAW = "raw"
    #: Our JSON documents.
    DOCUMENT = "document"
    #: Receipts (MDN, answers) and acknowledgements (997, 999, ApplicationResponse …) of both sides.
    EVIDENCE = "evidence"


@dataclass(frozen=True, slots=True)
class Days:
    """Days that each content is kept where a profile does not say it; 0 = for ever."""

    raw: int = 0
    document: int = 0
    evidence: int = 0

    def of(self, content: Content) -> int:
        """The days of one content."""
        return {Content.RAW: self.raw, Content.DOCUMENT: self.document, Content.EVIDENCE: self.evidence}[content]


@dataclass(frozen=True, slots=True)
class Rule:
    """How long something is kept, and where that is written."""

    days: int
    #: "keep.raw_days = 90 of profile version 7 of harbor".
    text: str


class Rules:
    """The rules in force as one session sees them; made anew for each session."""

    def __init__(self, session: Session, find: FindProfile, default: Days) -> None:
        self._session = session
        self._find = find
        self._default = default
        self._found: dict[str, tuple[int, PartnerProfile] | None] = {}

    def _profile(self, partner: str | None) -> tuple[int, PartnerProfile] | None:
        """The version and profile of a partner, asked for once."""
        if partner is None:
            return None
        if partner not in self._found:
            self._found[partner] = self._find(partner, self._session)
        return self._found[partner]

    def rule(self, partner: str | None, content: Content) -> Rule | None:
        """What governs this content of a partner's message; None when it is kept for ever."""
        found = self._profile(partner)
        name = f"{content.value}_days"
        own: int | None = None if found is None else getattr(found[1].keep, name)
        if found is not None and own is not None:
            return Rule(own, f"keep.{name} = {own} of profile version {found[0]} of {partner}") if own else None
        days = self._default.of(content)
        return Rule(days, f"{name} = {days} of [retention] in the gateway's settings") if days else None

    def on_hold(self, partner: str | None) -> bool:
        """Whether nothing of this partner may be removed."""
        found = self._profile(partner)
        return found is not None and found[1].keep.legal_hold

    def listed(self) -> list[dict[str, Any]]:
        """Every rule that removes something and every legal hold, as plain JSON; the settings' under no partner."""
        partners: list[str | None] = [None, *self._session.scalars(select(Partner.code).order_by(Partner.code))]
        found = []
        for partner in partners:
            rules = {content.value: self.rule(partner, content) for content in Content}
            days = {f"{name}_days": None if rule is None else rule.days for name, rule in rules.items()}
            hold = self.on_hold(partner)
            if hold or any(rule is not None for rule in rules.values()):
                found.append({"partner": partner, **days, "legal_hold": hold})
        return found

    def shortest(self) -> int | None:
        """The fewest days of any rule; None when no rule removes anything."""
        partners: list[str | None] = [None, *self._session.scalars(select(Partner.code))]
        rules = (self.rule(partner, content) for partner in partners for content in Content)
        return min((rule.days for rule in rules if rule is not None), default=None)


class State(StrEnum):
    """What is to become of a payload."""

    #: Its time is over and nothing keeps it back.
    DUE = "due"
    #: Its time is over, but something keeps it back.
    KEPT_BACK = "kept_back"
    #: Its time is not over, or never is.
    STAYS = "stays"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One payload, and what is to become of it."""

    payload: Kept
    state: State
    #: Of the message that decides; None for an unknown sender.
    partner: str | None = None
    content: Content = Content.RAW
    #: The rule that lets it go, or would.
    rule: Rule | None = None
    #: What keeps it back, a key of ``OBSTACLES``; "" otherwise.
    obstacle: str = ""


@dataclass(frozen=True, slots=True)
class Removed:
    """One payload whose bytes were removed."""

    payload: Kept
    partner: str | None
    content: Content
    rule: Rule


# -- who uses a payload --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Column:
    """A column that names payloads."""

    column: InstrumentedAttribute[str | None]
    #: What the payload is to the message, as the ledger and people call it.
    form: str
    content: Content
    #: The message that a row is about: its kind, its id, and the transmission that it is or is in.
    message: tuple[Any, Any, Any]


_OF_TRANSMISSION = (literal("transmission"), Transmission.id, Transmission.id)
_OF_DOCUMENT = (literal("document"), Document.id, Document.transmission_id)
_OF_CORRECTION = (Correction.subject_type, Correction.subject_id, null())
_COLUMNS = (
    _Column(Transmission.payload_sha256, "payload", Content.RAW, _OF_TRANSMISSION),
    _Column(Transmission.wire_payload_sha256, "wire", Content.RAW, _OF_TRANSMISSION),
    _Column(Transmission.answer_payload_sha256, "receipt", Content.EVIDENCE, _OF_TRANSMISSION),
    _Column(Document.canonical_sha256, "canonical", Content.DOCUMENT, _OF_DOCUMENT),
    _Column(Document.source_sha256, "source", Content.RAW, _OF_DOCUMENT),
    _Column(Correction.before_sha256, "before the correction", Content.RAW, _OF_CORRECTION),
    _Column(Correction.after_sha256, "after the correction", Content.RAW, _OF_CORRECTION),
)
_KNOWN = {each.column.property.columns[0] for each in _COLUMNS}


@dataclass(frozen=True, slots=True)
class _Use:
    """One row that names a payload."""

    sha256: str
    form: str
    content: Content
    #: "transmission" or "document", and its id.
    subject: tuple[str, str]
    #: The transmission that the message is; None for a document that is in none yet.
    transmission_id: str | None


def _uses(session: Session, digests: Sequence[str]) -> list[_Use]:
    found: list[_Use] = []
    for each in _COLUMNS:
        query: Any = select(each.column, *each.message).where(each.column.in_(digests))
        found += [
            _Use(row[0], each.form, each.content, (row[1] or "", row[2] or ""), row[3])
            for row in session.execute(query)
        ]
    return _with_transmissions(session, found)


def _with_transmissions(session: Session, uses: Sequence[_Use]) -> list[_Use]:
    """A correction names its message only: the transmission of one that is a document is looked up."""
    ids = {use.subject[1] for use in uses if use.transmission_id is None}
    if not ids:
        return list(uses)
    query = select(Document.id, Document.transmission_id).where(Document.id.in_(ids))
    carriers: dict[str, str | None] = {row.id: row.transmission_id for row in session.execute(query)}
    return [
        use
        if use.transmission_id is not None
        else replace(use, transmission_id=carriers.get(use.subject[1], use.subject[1]))
        for use in uses
    ]


def _elsewhere() -> list[Column[object]]:
    """Columns of other tables that name payloads: a file in a mailbox, or what a later release adds."""
    tables: Iterable[Table] = Base.metadata.tables.values()
    return [
        key.parent
        for table in tables
        for key in table.foreign_keys
        if key.references(Payload.__table__) and key.parent not in _KNOWN  # type: ignore[arg-type]
    ]


def _used_elsewhere(session: Session, digests: Sequence[str]) -> dict[str, str]:
    """Digest → what keeps it, for payloads that rows of other tables name."""
    found: dict[str, str] = {}
    for column in _elsewhere():
        obstacle = "mailbox" if column.table.name == "mailbox_file" else "elsewhere"
        found |= dict.fromkeys(session.scalars(select(column).where(column.in_(digests)).distinct()), obstacle)
    return found


# -- judging ---------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Case:
    """The uses of one payload, and what each of them says."""

    payload: Kept
    #: (use, its message, its rule) of those whose time is over and that nothing keeps back.
    free: list[tuple[_Use, Unit, Rule]] = field(default_factory=list)
    #: The same with what keeps it back.
    held: list[tuple[_Use, Unit, Rule, str]] = field(default_factory=list)
    #: True when a message keeps it because its time is not over.
    wanted: bool = False


def judge(session: Session, payloads: Sequence[Kept], rules: Rules, now: datetime) -> list[Verdict]:
    """What is to become of each payload. Only reads."""
    return [_verdict(case, elsewhere) for case, elsewhere in _cases(session, payloads, rules, now)]


def _cases(session: Session, payloads: Sequence[Kept], rules: Rules, now: datetime) -> list[tuple[_Case, str | None]]:
    digests = [each.sha256 for each in payloads]
    uses = _uses(session, digests)
    units = units_of(session, {use.transmission_id for use in uses if use.transmission_id})
    elsewhere = _used_elsewhere(session, digests)
    cases = {each.sha256: _Case(each) for each in payloads}
    for use in uses:
        _weigh(cases[use.sha256], use, units.get(use.transmission_id or ""), rules, now)
    return [(case, elsewhere.get(digest)) for digest, case in cases.items()]


def _weigh(case: _Case, use: _Use, unit: Unit | None, rules: Rules, now: datetime) -> None:
    if unit is None:  # a document that no transmission holds yet
        case.wanted = True
        return
    content = Content.EVIDENCE if unit.is_answer and use.content is Content.RAW else use.content
    rule = rules.rule(unit.partner, content)
    if rule is None or unit.began_at + timedelta(days=rule.days) > now:
        case.wanted = True
        return
    use = replace(use, content=content)
    obstacle = "legal_hold" if any(rules.on_hold(code) for code in unit.partners) else unit.obstacle
    if obstacle:
        case.held.append((use, unit, rule, obstacle))
    elif unit.last_at + timedelta(days=rule.days) > now:
        case.wanted = True
    else:
        case.free.append((use, unit, rule))


def _verdict(case: _Case, elsewhere: str | None) -> Verdict:
    if case.held:
        use, unit, rule, obstacle = case.held[0]
        return Verdict(case.payload, State.KEPT_BACK, unit.partner, use.content, rule, obstacle)
    if not case.free:
        return Verdict(case.payload, State.STAYS)
    # The one that let it go last says why it went.
    use, unit, rule = max(case.free, key=lambda each: each[1].last_at + timedelta(days=each[2].days))
    obstacle = elsewhere or ("shared" if case.wanted else "")
    state = State.KEPT_BACK if obstacle else State.DUE
    return Verdict(case.payload, state, unit.partner, use.content, rule, obstacle)


# -- removing --------------------------------------------------------------------------------------------------


def remove_due(session: Session, digests: Sequence[str], rules: Rules, now: datetime) -> list[Removed]:
    """Remove those of the payloads that are still due, each message with its event in the ledger, in this transaction.

    The files of large ones (``payload.path``) are deleted after the commit.
    """
    removed: list[Removed] = []
    notes: dict[tuple[tuple[str, str], str], list[dict[str, object]]] = {}
    for case, elsewhere in _cases(session, lock(session, digests), rules, now):
        verdict = _verdict(case, elsewhere)
        if verdict.state is not State.DUE or verdict.rule is None:
            continue
        remove(session, case.payload.sha256, at=now, rule=verdict.rule.text)
        removed.append(Removed(case.payload, verdict.partner, verdict.content, verdict.rule))
        for use, _, _ in case.free:
            gone = {"form": use.form, "sha256": use.sha256, "bytes": case.payload.size}
            notes.setdefault((use.subject, verdict.rule.text), []).append(gone)
    if notes:
        ledger.append_all(session, [_note(subject, rule, gone) for (subject, rule), gone in notes.items()], at=now)
    return removed


def _note(subject: tuple[str, str], rule: str, gone: Sequence[Mapping[str, object]]) -> ledger.Entry:
    forms = ", ".join(sorted({str(each["form"]) for each in gone}))
    reason = f"The content ({forms}) was removed by the rule {rule}."
    data = {"rule": rule, "removed": [dict(each) for each in gone]}
    return ledger.Entry("content-removed", subject[0], subject[1], ACTOR, reason, data=data)
