"""What a message's page says of edited copies: that it was corrected, or that it is a corrected copy."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.messages import corrections
from gateway.messages.corrections import Correction, CorrectionKind
from gateway.messages.models import Document, Transmission
from gateway.web.site import the_site

__all__ = ["corrections_about"]

#: Differences that are shown.
MOST_SHOWN = 30


def corrections_about(identity: str) -> list[dict[str, Any]]:
    """The edited copies of a message, and the one that it is itself, the newest first.

    Each is {"role": "original" or "copy", "author", "reason", "state", "decided_by", "at", "count", "differences",
    "other": id of the copy or of the original, None while there is no copy, "id"}.
    """
    with the_site().read() as session:
        document = session.get(Document, identity)
        carrier = session.get(Transmission, (document.transmission_id if document else None) or identity)
        found = [
            _shown(row, "original", _copy_of(session, row))
            for row in corrections.corrections_of(session, subject_id=identity)
            if row.kind == CorrectionKind.EDIT
        ]
        made = _made_by(session, document, carrier)
        return found + ([_shown(made, "copy", made.subject_id)] if made is not None else [])


def _made_by(session: Session, document: Document | None, carrier: Transmission | None) -> Correction | None:
    """The correction that a message is the copy of."""
    edit = ((carrier.facts or {}).get("edit") if carrier is not None else None) or {}
    if edit.get("correction"):
        return session.get(Correction, edit["correction"])
    if document is None or document.direction != "out" or document.parent_id is None:
        return None
    rows = corrections.corrections_of(session, subject_id=document.parent_id)
    return next((row for row in rows if (row.result or {}).get("document") == document.id), None)


def _copy_of(session: Session, row: Correction) -> str | None:
    """The copy that a correction made: its document once there is one, else what is being read."""
    result = row.result or {}
    if result.get("document"):
        return str(result["document"])
    carrier = result.get("transmission")
    if carrier is None or row.subject_type != "document":
        return carrier
    query = select(Document.id).where(Document.transmission_id == carrier, Document.parent_id == row.subject_id)
    return session.scalar(query.limit(1)) or carrier


def _shown(row: Correction, role: str, other: str | None) -> dict[str, Any]:
    differences = row.change.get("differences", [])
    return {
        "id": row.id,
        "role": role,
        "author": row.author,
        "reason": row.reason,
        "state": row.state,
        "decided_by": row.decided_by,
        "decision": row.decision,
        "at": row.created_at.isoformat(),
        "count": row.change.get("count", len(differences)),
        "differences": differences[:MOST_SHOWN],
        "other": other,
    }
