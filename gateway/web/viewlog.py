"""Who looked at whose content: one event in the ledger, whether a page, the editor or the API showed it."""

from __future__ import annotations

from datetime import datetime

from gateway.store import ledger
from gateway.web.site import Site

__all__ = ["PAYLOAD_VIEWED", "note_view"]

#: Kind of the event.
PAYLOAD_VIEWED = "payload-viewed"


def note_view(site: Site, subject_type: str, subject_id: str, *, actor: str, did: str, now: datetime) -> None:
    """Write that ``actor`` saw the content of a message; ``did`` says how, behind the name: "opened the content"."""
    site.write(
        lambda session: ledger.append(
            session,
            at=now,
            kind=PAYLOAD_VIEWED,
            subject_type=subject_type,
            subject_id=subject_id,
            actor=actor,
            reason=f"{actor} {did}.",
        )
    )
