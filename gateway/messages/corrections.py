"""Corrections that people make: a fix of a cause or an edited copy of a message, with author and second person.

A correction is stored before it works. Where the house asks for a second person, it waits until somebody other than
its author applies or refuses it; otherwise its author applies it at once. What it changed is kept for good: the
sentence, the reason, the difference, and for an edited copy the bytes before and after.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from gateway.messages.ids import new_id
from gateway.messages.models import CaseFile
from gateway.store import ledger
from gateway.store.base import Base, JsonText, UtcDateTime
from gateway.store.payloads import Payload, payload_index

__all__ = [
    "Correction",
    "CorrectionError",
    "CorrectionKind",
    "CorrectionState",
    "SecondPerson",
    "apply",
    "corrections_of",
    "decided",
    "find",
    "needs_second_person",
    "propose",
    "refuse",
    "waiting",
]


class CorrectionKind(StrEnum):
    """What was corrected."""

    #: A change of a partner's profile that puts a cause right.
    FIX = "fix"
    #: A copy of one message with other content.
    EDIT = "edit"
    #: A partner that begins regular trade.
    GO_LIVE = "go-live"


class CorrectionState(StrEnum):
    """Where a correction stands."""

    #: A second person has to decide.
    WAITING = "waiting"
    APPLIED = "applied"
    REFUSED = "refused"


class SecondPerson(StrEnum):
    """When a correction needs somebody besides its author (`[staff] second_person`)."""

    NEVER = "never"
    #: When the amounts of a document change.
    AMOUNTS = "amounts"
    ALWAYS = "always"


class CorrectionError(ValueError):
    """A correction cannot be decided; the text says why and what to do."""


class Correction(Base):
    """One correction."""

    __tablename__ = "correction"
    __table_args__ = (
        Index("ix_correction_state", "state", "created_at"),
        Index("ix_correction_case", "case_id", "created_at"),
        Index("ix_correction_subject", "subject_id", "created_at"),
        payload_index("ix_correction_before", "before_sha256"),
        payload_index("ix_correction_after", "after_sha256"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    #: Value of ``CorrectionKind``.
    kind: Mapped[str] = mapped_column(Text)
    #: The problem that it puts right, when it was begun from one.
    case_id: Mapped[str | None] = mapped_column(ForeignKey(CaseFile.id))
    #: "document" or "transmission" and its id, for an edited copy.
    subject_type: Mapped[str | None] = mapped_column(Text)
    subject_id: Mapped[str | None] = mapped_column(Text)
    partner: Mapped[str | None] = mapped_column(Text)
    #: What changes, one sentence.
    title: Mapped[str] = mapped_column(Text)
    #: Why, in the author's words.
    reason: Mapped[str] = mapped_column(Text)
    #: The change itself as data; its shape belongs to the kind.
    change: Mapped[Any] = mapped_column(JsonText)
    #: The bytes of an edited copy, and those that it was made from.
    before_sha256: Mapped[str | None] = mapped_column(ForeignKey(Payload.sha256))
    after_sha256: Mapped[str | None] = mapped_column(ForeignKey(Payload.sha256))
    author: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: Value of ``CorrectionState``.
    state: Mapped[str] = mapped_column(Text)
    decided_by: Mapped[str | None] = mapped_column(Text)
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: Why it was refused, or what the second person added.
    decision: Mapped[str | None] = mapped_column(Text)
    #: What applying it did: versions and ids of what was made.
    result: Mapped[Any] = mapped_column(JsonText, nullable=True)


def needs_second_person(rule: SecondPerson, *, amounts_change: bool) -> bool:
    """Whether a correction has to wait for somebody besides its author."""
    return rule is SecondPerson.ALWAYS or (rule is SecondPerson.AMOUNTS and amounts_change)


def propose(
    session: Session,
    *,
    kind: CorrectionKind,
    title: str,
    reason: str,
    change: Mapping[str, Any],
    author: str,
    now: datetime,
    case_id: str | None = None,
    subject: tuple[str, str] | None = None,
    partner: str | None = None,
    before_sha256: str | None = None,
    after_sha256: str | None = None,
) -> Correction:
    """Store a correction that waits, and its event in the ledger. Raises CorrectionError without a reason."""
    if not reason.strip():
        raise CorrectionError("A reason is needed: others will ask why.")
    row = Correction(
        id=new_id(now),
        kind=kind.value,
        case_id=case_id,
        subject_type=subject[0] if subject else None,
        subject_id=subject[1] if subject else None,
        partner=partner,
        title=title,
        reason=reason.strip(),
        change=dict(change),
        before_sha256=before_sha256,
        after_sha256=after_sha256,
        author=author,
        created_at=now,
        state=CorrectionState.WAITING.value,
    )
    session.add(row)
    session.flush()
    _note(session, row, "correction-proposed", author, row.reason, now)
    return row


def apply(
    session: Session,
    correction: Correction,
    *,
    actor: str,
    now: datetime,
    second_person: bool,
    result: Mapping[str, Any],
    decision: str = "",
) -> None:
    """Mark a correction as applied; what it changes was changed in the same transaction, or is its caller's next step.

    ``second_person``: whether somebody other than the author has to do this. Raises CorrectionError when it was decided
    before, or the actor is its author and must not be.
    """
    _still_waits(correction)
    if second_person and actor == correction.author:
        raise CorrectionError(f"{actor} proposed it: a second person has to look at it and apply it.")
    _decide(correction, CorrectionState.APPLIED, actor, now, decision)
    correction.result = dict(result)
    _note(session, correction, "correction-applied", actor, correction.title, now)


def refuse(session: Session, correction: Correction, *, actor: str, now: datetime, reason: str) -> None:
    """Turn a waiting correction down; its author may take it back this way. Raises CorrectionError."""
    _still_waits(correction)
    if not reason.strip():
        raise CorrectionError("A reason is needed: its author will ask why.")
    _decide(correction, CorrectionState.REFUSED, actor, now, reason.strip())
    _note(session, correction, "correction-refused", actor, reason.strip(), now)


def find(session: Session, identity: str) -> Correction:
    """A correction by its id. Raises CorrectionError when there is none."""
    row = session.get(Correction, identity)
    if row is None:
        raise CorrectionError(f'There is no correction "{identity}".')
    return row


def waiting(session: Session, limit: int = 100) -> list[Correction]:
    """Corrections that wait for a second person, the oldest first."""
    query = select(Correction).where(Correction.state == CorrectionState.WAITING.value)
    return list(session.scalars(query.order_by(Correction.created_at, Correction.id).limit(limit)))


def decided(session: Session, limit: int = 100) -> list[Correction]:
    """Corrections that were applied or refused, the newest first."""
    query = select(Correction).where(Correction.state != CorrectionState.WAITING.value)
    return list(session.scalars(query.order_by(Correction.created_at.desc(), Correction.id.desc()).limit(limit)))


def corrections_of(session: Session, *, case_id: str | None = None, subject_id: str | None = None) -> list[Correction]:
    """The corrections of one problem or one message, the newest first."""
    query = select(Correction)
    if case_id is not None:
        query = query.where(Correction.case_id == case_id)
    if subject_id is not None:
        query = query.where(Correction.subject_id == subject_id)
    return list(session.scalars(query.order_by(Correction.created_at.desc(), Correction.id.desc()).limit(100)))


def _still_waits(correction: Correction) -> None:
    if correction.state != CorrectionState.WAITING:
        raise CorrectionError(f"It was {correction.state} by {correction.decided_by} already.")


def _decide(correction: Correction, state: CorrectionState, actor: str, now: datetime, decision: str) -> None:
    correction.state = state.value
    correction.decided_by, correction.decided_at = actor, now
    correction.decision = decision or None


def _note(session: Session, correction: Correction, kind: str, actor: str, reason: str, now: datetime) -> None:
    ledger.append(
        session,
        at=now,
        kind=kind,
        subject_type=correction.subject_type or ("case" if correction.case_id else "partner"),
        subject_id=correction.subject_id or correction.case_id or correction.partner or "",
        actor=actor,
        reason=reason,
        data={"correction": correction.id, "title": correction.title, "author": correction.author},
    )
