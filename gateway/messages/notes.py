"""Notes that people write on a message: for those who look at it next."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from gateway.messages.ids import new_id
from gateway.messages.lifecycle import note as write_event
from gateway.messages.lifecycle import subject_type
from gateway.messages.models import Document, Transmission
from gateway.store.base import Base, UtcDateTime

__all__ = ["MessageNote", "add_note", "noted", "notes_of"]


class MessageNote(Base):
    """One note; it is never changed."""

    __tablename__ = "message_note"
    __table_args__ = (Index("ix_message_note_subject", "subject_id", "at"),)

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    #: "document" or "transmission", and its id.
    subject_type: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: Login name.
    author: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)


def add_note(session: Session, subject: Document | Transmission, *, author: str, text: str, now: datetime) -> None:
    """Write a note, and its event into the ledger."""
    kind = subject_type(subject)
    session.add(MessageNote(id=new_id(now), subject_type=kind, subject_id=subject.id, at=now, author=author, text=text))
    write_event(session, subject, "note", actor=author, reason=text, now=now)


def notes_of(session: Session, subject_id: str, limit: int = 100) -> list[dict[str, Any]]:
    """The notes on a message, the newest first: {"at", "author", "text"}."""
    query = select(MessageNote).where(MessageNote.subject_id == subject_id)
    rows = session.scalars(query.order_by(MessageNote.at.desc(), MessageNote.id.desc()).limit(limit))
    return [{"at": row.at.isoformat(), "author": row.author, "text": row.text} for row in rows]


def noted(session: Session, subject_ids: Iterable[str]) -> set[str]:
    """Those of the messages that have a note."""
    ids = list(subject_ids)
    return set(session.scalars(select(MessageNote.subject_id).where(MessageNote.subject_id.in_(ids)))) if ids else set()
