"""What is written to the ledger about staff: every login, every change of an account, every view of a payload."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from gateway.store import ledger

__all__ = ["note"]


def note(
    session: Session,
    kind: str,
    user_id: str,
    *,
    actor: str,
    reason: str,
    now: datetime,
    data: Mapping[str, Any] | None = None,
) -> None:
    """One event about an account, in the caller's transaction."""
    ledger.append(
        session, at=now, kind=kind, subject_type="user", subject_id=user_id, actor=actor, reason=reason, data=data
    )
