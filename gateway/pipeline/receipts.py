"""Asynchronous receipts: an MDN that comes later meets the transmission it confirms (RFC 4130 §7.1)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from sqlalchemy import Table, Text, bindparam, select
from sqlalchemy.orm import Session

from gateway.messages import lifecycle
from gateway.messages.axes import Axis, Delivery
from gateway.messages.cases import close_settled
from gateway.messages.lifecycle import subject_type
from gateway.messages.models import CaseMember, Transmission
from gateway.messages.ports import DeliveryOutcome, Outcome
from gateway.pipeline.context import Pipeline
from gateway.pipeline.delivery import record_outcome
from gateway.store import payloads
from gateway.store.prepared import Prepared

__all__ = ["Collections", "Receipts"]

_WAITING = (Delivery.SENT, Delivery.RETRYING, Delivery.SENDING, Delivery.FAILED)


class Receipts:
    """Finds our transmissions by Message-ID and records what a receipt says (the AS2 ``MdnPort``)."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def mics_of(self, partner: str, message_id: str) -> Mapping[str, str] | None:
        """The MICs that we stored for the transmission with this Message-ID, or None when we sent none."""
        with self._pipeline.store.read() as session:
            row = _sent(session, partner, message_id)
            return None if row is None else dict(row.mics or {})

    def async_mdn(self, partner: str, message_id: str, outcome: DeliveryOutcome) -> None:
        """Record a receipt durably; one that was recorded before changes nothing."""
        answer = outcome.answer
        stage = None if answer is None else payloads.stage(self._pipeline.store.blobs, answer.body)

        def run(session: Session) -> None:
            now = self._pipeline.clock()
            row = _sent(session, partner, message_id)
            if row is None:
                return
            if row.delivery not in _WAITING or outcome.outcome is Outcome.SENT:
                lifecycle.note(session, row, "receipt", actor="as2", now=now, reason=outcome.reason)
                return
            if answer is not None and stage is not None:
                row.answer_status = answer.status
                row.answer_headers = [list(pair) for pair in answer.headers]
                row.answer_payload_sha256 = payloads.put(session, stage, now=now)
                row.answer_disposition = answer.disposition
            self._record(session, row, outcome, now)

        self._pipeline.store.writer.run(run)

    def _record(self, session: Session, row: Transmission, outcome: DeliveryOutcome, now: datetime) -> None:
        profile = self._pipeline.profile(row.partner or "")
        if profile is None:
            return
        record_outcome(session, self._pipeline, profile, row, outcome, now)
        if outcome.outcome is Outcome.CONFIRMED:
            close_settled(session, subject_type(row), row.id, actor="as2", reason=outcome.reason, now=now)


class Collections:
    """Records that a partner has fetched a file from its mailbox (the SFTP ``CollectedPort``)."""

    def collected(self, session: Session, partner: str, transmission_id: str, reason: str, now: datetime) -> None:
        """Confirm the delivery in the caller's transaction; one that no longer waits is left alone."""
        found = _DELIVERY.first(session, {"id": transmission_id})
        if found is None or found.partner != partner or found.delivery not in _WAITING:
            return
        # Not loaded: nobody needs the other columns, and this runs for every file that a partner collects.
        lifecycle.advance_values(
            session, Transmission, transmission_id, Axis.DELIVERY, [found.delivery, Delivery.CONFIRMED],
            actor="sftp", reason=reason, now=now, values={"reason": reason, "last_error": None},
        )  # fmt: skip
        if _CASE.first(session, {"id": transmission_id, "type": _KIND}) is not None:
            close_settled(session, _KIND, transmission_id, actor="sftp", reason=reason, now=now)


#: The ledger's word for a transmission.
_KIND = "transmission"
_TRANSMISSION, _MEMBER = cast("Table", Transmission.__table__), cast("Table", CaseMember.__table__)
_DELIVERY = Prepared(
    select(_TRANSMISSION.c.partner, _TRANSMISSION.c.delivery).where(_TRANSMISSION.c.id == bindparam("id", type_=Text))
)
_CASE = Prepared(
    select(_MEMBER.c.case_id)
    .where(
        _MEMBER.c.subject_type == bindparam("type", type_=Text),
        _MEMBER.c.subject_id == bindparam("id", type_=Text),
    )
    .limit(1)
)


def _sent(session: Session, partner: str, message_id: str) -> Transmission | None:
    return session.scalar(
        select(Transmission).where(
            Transmission.partner == partner,
            Transmission.direction == "out",
            Transmission.transport == "as2",
            Transmission.transport_id == message_id,
        )
    )
