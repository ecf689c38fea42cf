"""Receiving: a transmission is stored, with its answer, in one durable transaction before anyone is told.

The transport has done its own checks and made its answer; ``Inbox.receive`` returns after the commit. The same
identity with the same bytes is a resend and gets the stored answer; with other bytes it is refused and a case
is opened, and the first one stays untouched.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import Future
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, Text, bindparam, select
from sqlalchemy.orm import Session

from gateway.messages import lifecycle
from gateway.messages.axes import Axis, Delivery, Processing
from gateway.messages.ids import new_id
from gateway.messages.models import Transmission
from gateway.messages.ports import Answer, Receipt, Received, ReceiveFailure, Task
from gateway.partners.models import Partner
from gateway.pipeline.context import Pipeline
from gateway.pipeline.problems import Problem, ProblemKind, open_problem
from gateway.store import payloads
from gateway.store.base import KeyText
from gateway.store.errors import PayloadRemovedError, StoreBusyError
from gateway.store.faults import fault_point
from gateway.store.prepared import Prepared

__all__ = ["Inbox", "stored_answer"]


class Inbox:
    """The receiving side of the pipeline (``InboundPort``)."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def receive(self, received: Received) -> Receipt:
        """Store one received transmission and return after its commit; see ``InboundPort.receive``."""
        return self._take(received, payloads.stage(self._pipeline.store.blobs, received.payload))

    def receive_staged(self, received: Received, payload: payloads.StagedPayload) -> Receipt:
        """Like ``receive`` for content that is a durable file already; ``received.payload`` is empty."""
        return self._take(received, payload)

    def receive_soon(self, received: Received, known_as: str | None = None) -> Future[Receipt]:
        """Like ``receive`` without waiting, for a payload of at most INLINE_LIMIT bytes with no wire and no answer.

        ``known_as``: another identity under which the same message may have come before. The future ends after the
        commit. Raises StoreBusyError at once when the disk or the writer's queue is full.
        """
        self._need_room()
        bodies = (received.payload, None, None)
        stored = self._pipeline.store.writer.submit(lambda session: self._store(session, received, bodies, known_as))
        stored.add_done_callback(lambda _future: fault_point("receive.after_commit"))
        return stored

    def _take(self, received: Received, payload: _Body) -> Receipt:
        self._need_room()
        blobs = self._pipeline.store.blobs
        wire = None if received.wire is None else payloads.stage(blobs, received.wire)
        answer = None if received.answer is None else payloads.stage(blobs, received.answer.body)
        bodies = (payload, wire, answer)
        receipt = self._pipeline.store.writer.run(lambda session: self._store(session, received, bodies))
        fault_point("receive.after_commit")
        return receipt

    def _need_room(self) -> None:
        if not self._pipeline.has_room():
            raise StoreBusyError("The disk is full up to its reserve; nothing was stored. Try again later.")

    def earlier(self, transport: str, partner: str, transport_id: str) -> tuple[str, Answer | None] | None:
        """(wire SHA-256, stored answer) of an earlier use of this identity, or None.

        Raises PayloadRemovedError when that answer is not kept any more.
        """
        with self._pipeline.store.read() as session:
            found = _same_identity(session, transport, partner, transport_id)
            if found is None:
                return None
            return found.wire_sha256, stored_answer(session, session.get_one(Transmission, found.id))

    def _store(self, session: Session, received: Received, bodies: _Bodies, known_as: str | None = None) -> Receipt:
        now = self._pipeline.clock()
        if received.transport_id and received.partner:
            found = _same_identity(session, received.transport, received.partner, received.transport_id, known_as)
            if found is not None:
                return self._again(session, session.get_one(Transmission, found.id), received, now)
        values = self._values(session, received, bodies, now)
        identity = str(values["id"])
        lifecycle.begin_values(
            session,
            Transmission,
            values,
            actor=f"transport:{received.transport}",
            reason="Stored before the answer was given.",
            now=now,
            data={"payload": values["payload_sha256"], "bytes": values["size"], "partner": received.partner},
        )
        if received.failure is not None:
            self._hold(session, session.get_one(Transmission, identity), received.failure, now)
        else:
            self._pipeline.work.submit(session, Task.PROCESS, identity)
        return Receipt(identity, answer=received.answer)

    def _again(self, session: Session, row: Transmission, received: Received, now: datetime) -> Receipt:
        if row.wire_sha256 == received.wire_sha256:
            try:
                answer, how = stored_answer(session, row), "the stored answer was given again."
            except PayloadRemovedError as error:
                answer, how = received.answer, f"a new answer was given. The first one is not kept: {error}"
            lifecycle.note(
                session,
                row,
                "resent",
                actor=f"transport:{received.transport}",
                now=now,
                reason=f"The same identity with the same bytes came again; {how}",
            )
            return Receipt(row.id, duplicate=True, answer=answer)
        problem = Problem(
            ProblemKind.DUPLICATE_IDENTITY,
            f"{received.partner} used the message identity {received.transport_id} again for other bytes; "
            "the second message was refused, the first one is untouched.",
        )
        open_problem(session, row, problem, now)
        return Receipt(row.id, conflict=True)

    def _values(self, session: Session, received: Received, bodies: _Bodies, now: datetime) -> dict[str, Any]:
        """The columns of a new transmission; its bodies are stored."""
        payload, wire, answer = bodies
        digest = payloads.put(session, payload, now=now)
        given = received.answer
        known = _VERSION.first(session, {"code": received.partner}) if received.partner else None
        return {
            "id": new_id(now),
            "direction": "in",
            "transport": received.transport,
            "partner": received.partner,
            "partner_version": None if known is None else known.current_version,
            "transport_id": received.transport_id,
            "wire_sha256": received.wire_sha256
            or (hashlib.sha256(received.wire).hexdigest() if received.wire else digest),
            "payload_sha256": digest,
            "wire_payload_sha256": None if wire is None else payloads.put(session, wire, now=now),
            "size": payload.size if isinstance(payload, payloads.StagedPayload) else len(payload),
            "filename": received.filename,
            "content_type": received.content_type,
            "facts": dict(received.facts),
            "created_at": now,
            "processing": Processing.RECEIVED.value,
            "delivery": Delivery.NONE.value,
            "answer_status": given.status if given else None,
            "answer_headers": [list(pair) for pair in given.headers] if given else None,
            "answer_payload_sha256": None if answer is None else payloads.put(session, answer, now=now),
            "answer_disposition": given.disposition if given else None,
            "mic": received.mic,
            "mic_algorithm": received.mic_algorithm,
        }

    def _hold(self, session: Session, row: Transmission, failure: ReceiveFailure, now: datetime) -> None:
        lifecycle.move(
            session,
            row,
            Axis.PROCESSING,
            Processing.HELD,
            actor="receive",
            reason=failure.reason,
            now=now,
            values={"reason": failure.reason},
        )
        problem = Problem(ProblemKind.SECURITY, failure.reason, failure.fault, failure.fix)
        open_problem(session, row, problem, now)


_Body = bytes | payloads.StagedPayload
#: Payload, wire bytes and answer.
_Bodies = tuple[_Body, _Body | None, _Body | None]
_TABLE = cast("Table", Transmission.__table__)
# Built once: it runs for every message.
_BY_IDENTITY = Prepared(
    select(_TABLE.c.id, _TABLE.c.wire_sha256)
    .where(
        _TABLE.c.partner == bindparam("partner", type_=Text),
        _TABLE.c.direction == "in",
        _TABLE.c.transport == bindparam("transport", type_=Text),
        _TABLE.c.transport_id.in_([bindparam("identity", type_=KeyText), bindparam("other", type_=KeyText)]),
    )
    .limit(1)
)
_VERSION = Prepared(select(Partner.current_version).where(Partner.code == bindparam("code", type_=Text)))


def stored_answer(session: Session, row: Transmission) -> Answer | None:
    """The answer that was given to this transmission, byte for byte. Raises PayloadRemovedError."""
    if row.answer_status is None:
        return None
    body = payloads.get(session, row.answer_payload_sha256) if row.answer_payload_sha256 else b""
    headers = tuple((name, value) for name, value in row.answer_headers or ())
    return Answer(row.answer_status, headers, body, row.answer_disposition or "")


def _same_identity(session: Session, transport: str, partner: str, identity: str, other: str | None = None) -> Any:
    """Id and wire digest of the transmission that has one of these identities, or None."""
    values = {"partner": partner, "transport": transport, "identity": identity, "other": other or identity}
    return _BY_IDENTITY.first(session, values)
