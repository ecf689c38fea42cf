"""The tables of staff accounts: users, their sessions, failed logins and API tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, Integer, Text, false, true
from sqlalchemy.orm import Mapped, mapped_column

from gateway.store.base import Base, JsonText, UtcDateTime

__all__ = ["ApiToken", "LoginTry", "StaffSession", "StaffUser"]


class StaffUser(Base):
    """One person who works with the gateway."""

    __tablename__ = "staff_user"
    __table_args__ = (Index("uq_staff_user_name", "name", unique=True),)

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    #: What the person types to log in: lower case, unique.
    name: Mapped[str] = mapped_column(Text)
    #: What others see.
    full_name: Mapped[str] = mapped_column(Text)
    #: Values of ``gateway.staff.roles.Role``.
    roles: Mapped[Any] = mapped_column(JsonText)
    #: argon2id; None until a password was set.
    password_hash: Mapped[str | None] = mapped_column(Text)
    #: True when somebody else chose the password: it must be changed first.
    must_change_password: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    #: True when a one-time code is asked for; its secret is sealed in the secrets of the store.
    totp: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    #: The last time step (RFC 6238) whose code was taken: none is taken twice.
    totp_step: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    #: SHA-256 of each unused recovery code.
    recovery_codes: Mapped[Any] = mapped_column(JsonText, nullable=True)
    #: "system", "light" or "dark".
    theme: Mapped[str] = mapped_column(Text, default="system", server_default="system")
    #: False switches single-key shortcuts off (WCAG 2.1.4).
    shortcuts: Mapped[bool] = mapped_column(Boolean, default=True, server_default=true())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_login_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: When the account was closed; None while it is open.
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class StaffSession(Base):
    """One login of one person on one browser."""

    __tablename__ = "staff_session"
    __table_args__ = (
        Index("ix_staff_session_user", "user_id", "created_at"),
        Index("ix_staff_session_seen", "seen_at"),
    )

    #: SHA-256 of the identifier that the browser holds.
    id_hash: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey(StaffUser.id))
    #: "code" while the one-time code is still due, then "open".
    stage: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: Last request, to the minute.
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: When the person last proved who they are.
    proved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: Network address, and what the browser says of itself.
    address: Mapped[str] = mapped_column(Text)
    agent: Mapped[str] = mapped_column(Text)


class LoginTry(Base):
    """A login that failed, or is being checked."""

    __tablename__ = "staff_login_try"
    __table_args__ = (
        Index("ix_staff_login_try_name", "name", "address", "at"),
        Index("ix_staff_login_try_address", "address", "at"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    #: The account as typed (clipped), whether or not there is one.
    name: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class ApiToken(Base):
    """A token by which a program acts for a person, within its scopes."""

    __tablename__ = "api_token"
    __table_args__ = (
        Index("uq_api_token_digest", "digest", unique=True),
        Index("ix_api_token_user", "user_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey(StaffUser.id))
    #: What it is for.
    label: Mapped[str] = mapped_column(Text)
    #: SHA-256 of the token.
    digest: Mapped[str] = mapped_column(Text)
    #: Values of ``gateway.staff.tokens.SCOPES``.
    scopes: Mapped[Any] = mapped_column(JsonText)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
