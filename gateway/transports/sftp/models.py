"""The tables of SFTP: files of partners' mailboxes on our server, and files that our client has seen elsewhere.

A mailbox has no folder on any disk: what a partner sees is made of these rows. The bytes of a file that we offer
are a payload of the store; the bytes of an upload that is not finished lie in the staging folder under our own id.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.store.base import Base, JsonText, UtcDateTime
from gateway.store.payloads import Payload

__all__ = ["MailboxFile", "SftpSeen"]


class MailboxFile(Base):
    """One file of a partner's mailbox, seen from the partner."""

    __tablename__ = "mailbox_file"
    __table_args__ = (
        Index("uq_mailbox_file_name", "partner", "folder", "name", unique=True),
        Index("uq_mailbox_file_transmission", "transmission_id", unique=True),
        Index("ix_mailbox_file_state", "state", "changed_at"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    partner: Mapped[str] = mapped_column(Text)
    #: "in", "out" or "archive/20260301": roles, not the names that the partner sees.
    folder: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    #: In: "open", "held", "received", "aborted". Out: "available", "collected". One value of ``FileState``.
    state: Mapped[str] = mapped_column(Text)
    #: Bytes.
    size: Mapped[int] = mapped_column(BigInteger)
    #: Of the complete bytes; None while an upload is open or cut.
    sha256: Mapped[str | None] = mapped_column(Text)
    #: Out: where the bytes are.
    payload_sha256: Mapped[str | None] = mapped_column(ForeignKey(Payload.sha256))
    #: Out: the transmission that waits here for its collection.
    transmission_id: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: Since when the file is in this state; what the partner sees as its time of change.
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: Out: when staff were told that nobody collected it.
    alerted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: Who uploaded it and how: login, address, key fingerprint, client.
    facts: Mapped[Any] = mapped_column(JsonText, nullable=True)


class SftpSeen(Base):
    """One file that our client fetched from a partner's server: what is listed again is not fetched again."""

    __tablename__ = "sftp_seen"

    partner: Mapped[str] = mapped_column(Text, primary_key=True)
    path: Mapped[str] = mapped_column(Text, primary_key=True)
    #: Bytes, as the partner's server listed it.
    size: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    #: Seconds since the epoch, as the partner's server listed it.
    mtime: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    sha256: Mapped[str] = mapped_column(Text)
    #: The transmission that the bytes became.
    transmission_id: Mapped[str] = mapped_column(Text)
    fetched_at: Mapped[datetime] = mapped_column(UtcDateTime)
