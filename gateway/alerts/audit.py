"""What operations on alerts leave in the ledger: what was done, by whom, and why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from gateway.store import ledger

__all__ = ["note", "who"]


def note(
    session: Session,
    kind: str,
    subject_type: str,
    subject_id: str,
    parameters: Mapping[str, Any],
    reason: str,
    now: datetime,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Write one event; the actor is that of the operation's parameters."""
    ledger.append(
        session,
        at=now,
        kind=kind,
        subject_type=subject_type,
        subject_id=subject_id,
        actor=who(parameters),
        reason=reason,
        data=data,
    )


def who(parameters: Mapping[str, Any]) -> str:
    """Who asked for an operation."""
    return str(parameters.get("actor") or "staff")[:100]
