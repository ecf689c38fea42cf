"""The tables of trading partners: who there is, every version of each profile, and their identities."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.store.base import Base, UtcDateTime

__all__ = ["Partner", "PartnerId", "PartnerVersion"]


class Partner(Base):
    """One trading partner; its profile is the row of `PartnerVersion` with the current version."""

    __tablename__ = "partner"

    #: The profile's code.
    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    #: Status of the current version, for lists: draft, testing, live, paused or retired.
    status: Mapped[str] = mapped_column(String(10))
    #: Version in force, 1 is the first.
    current_version: Mapped[int] = mapped_column(Integer)
    #: Next number in the order of what is sent to the partner.
    next_seq: Mapped[int] = mapped_column(Integer, default=1, server_default=text("1"))


class PartnerVersion(Base):
    """One version of a profile; rows are added and never changed."""

    __tablename__ = "partner_version"
    __table_args__ = (CheckConstraint("version >= 1", name="version"),)

    partner: Mapped[str] = mapped_column(ForeignKey("partner.code"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    #: The whole profile, every field written out (`canonical_json`).
    profile_json: Mapped[str] = mapped_column(Text)
    #: Who made the version.
    author: Mapped[str] = mapped_column(String(200))
    #: Why, in the author's words.
    reason: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: SHA-256 (hex) of ``profile_json``.
    sha256: Mapped[str] = mapped_column(String(64))


class PartnerId(Base):
    """One identity of a partner as messages carry it; only application codes are shared by partners."""

    __tablename__ = "partner_id"
    __table_args__ = (
        Index(
            "uq_partner_id_kind_value",
            "kind",
            "value",
            unique=True,
            sqlite_where=text("kind <> 'gs'"),
            postgresql_where=text("kind <> 'gs'"),
        ),
        Index("ix_partner_id_partner", "partner"),
    )

    #: "isa", "isa-test", "as2", "gs" or "xml".
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    #: "ZZ:HARBORRETAIL" for isa; the name itself for as2 and gs; "0088:5790000435975" for xml. Case counts.
    value: Mapped[str] = mapped_column(String(128), primary_key=True)
    partner: Mapped[str] = mapped_column(ForeignKey("partner.code"), primary_key=True)
    #: Our name that goes with it where the profile overrides the company's (as2 only), else NULL.
    ours: Mapped[str | None] = mapped_column(String(128))
