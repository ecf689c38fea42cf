"""Delivering: one partner's outbound transmissions, in order, until nothing is due.

An attempt is a row in state ``sending`` before the first byte leaves and an outcome after; no transaction is
open while the network is. The wire bytes are built once, stored with the first attempt and sent again
unchanged, so a peer that has them already recognises them (RFC 4130 §5.5).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gateway.messages import lifecycle
from gateway.messages.axes import Axis
from gateway.messages.axes import Delivery as State
from gateway.messages.cases import close_settled
from gateway.messages.ids import new_id
from gateway.messages.models import Attempt, Document, Transmission
from gateway.messages.ports import Delivery, DeliveryOutcome, Outcome, PreparedWire, Task
from gateway.partners import rules
from gateway.partners.profile import PartnerProfile, Status
from gateway.pipeline.context import Pipeline
from gateway.pipeline.problems import Problem, ProblemKind, open_problem
from gateway.pipeline.reconcile import reconcile_response
from gateway.store import payloads
from gateway.store.faults import fault_point

__all__ = ["drain", "lane", "put_back", "record_outcome", "retry_time", "submit_drain"]

#: Transmissions that one run sends before it gives its slot back.
_ROWS_PER_RUN = 50
#: Nothing of a partner is under way when a drain begins: what says so was interrupted.
_OPEN = (State.QUEUED.value, State.RETRYING.value, State.SENDING.value)
_INTERRUPTED = "This attempt did not end; whether the partner has the bytes is not known. They are sent again."
#: Every outcome of an attempt: with them the search for recent ones has an index.
_OUTCOMES = ("sending", "confirmed", "sent", "retry", "failed")
_STATE_OF = {
    Outcome.CONFIRMED: State.CONFIRMED,
    Outcome.SENT: State.SENT,
    Outcome.RETRY: State.RETRYING,
    Outcome.FAILED: State.FAILED,
}


@dataclass(frozen=True, slots=True)
class _Work:
    """One transmission that is due, with everything an attempt needs."""

    delivery: Delivery
    wire: PreparedWire | None
    attempts: int


def lane(partner: str) -> str:
    """The lane of a partner's deliveries: never two at once."""
    return f"out:{partner}"


def submit_drain(session: Session, pipeline: Pipeline, partner: str) -> None:
    """Ask for a run of ``drain`` for this partner, in the caller's transaction."""
    pipeline.work.submit(session, Task.DRAIN, partner, lane=lane(partner))


def put_back(session: Session, pipeline: Pipeline, partner: str | None = None) -> int:
    """Attempts that were cut off, by the end of the process or of the database, go back to the queue; how many.

    Of one partner only while nothing of it is under way, of all (None) before any work begins.
    """
    now = pipeline.clock()
    query = select(Transmission).where(Transmission.delivery == State.SENDING)
    rows = session.scalars(query if partner is None else query.where(Transmission.partner == partner)).all()
    for row in rows:
        lifecycle.move(
            session,
            row,
            Axis.DELIVERY,
            State.RETRYING,
            actor="recovery",
            reason=_INTERRUPTED,
            now=now,
            values={"next_attempt_at": now, "last_error": _INTERRUPTED},
        )
    attempts = select(Attempt).where(Attempt.outcome == "sending")
    if partner is not None:
        attempts = attempts.where(Attempt.transmission_id.in_([row.id for row in rows]))
    for attempt in session.scalars(attempts):
        attempt.outcome, attempt.ended_at, attempt.reason = "retry", now, _INTERRUPTED
    return len(rows)


def drain(pipeline: Pipeline, partner: str) -> None:
    """Send what is due for one partner (handler of ``Task.DRAIN``)."""
    profile = pipeline.profile(partner)
    if profile is None or profile.status in (Status.PAUSED, Status.RETIRED):
        return
    for _ in range(_ROWS_PER_RUN):
        due = _next_due(pipeline, profile)
        if due is None:
            return
        _attempt(pipeline, profile, due)
    pipeline.store.writer.run(lambda session: submit_drain(session, pipeline, partner))


def _next_due(pipeline: Pipeline, profile: PartnerProfile) -> _Work | None:
    """The lowest unfinished transmission when it is due; with ordered delivery a waiting head holds the rest.

    None, too, while as many were sent in the last minute as the profile allows: the sweeper asks again.
    """
    now = pipeline.clock()
    with pipeline.store.read() as session:
        if _too_many(session, profile, now):
            return None
        rows = session.scalars(
            select(Transmission)
            .where(
                Transmission.partner == profile.code,
                Transmission.direction == "out",
                Transmission.delivery.in_(_OPEN),
            )
            .order_by(Transmission.sequence)
            .limit(1 if profile.delivery.ordered else 200)
        )
        interrupted = False
        for row in rows:
            interrupted = row.delivery == State.SENDING
            if interrupted:
                break
            if row.next_attempt_at is None or row.next_attempt_at <= now:
                return _load(session, row)
    if not interrupted:
        return None
    pipeline.store.writer.run(lambda session: put_back(session, pipeline, profile.code))
    return _next_due(pipeline, profile)


def _too_many(session: Session, profile: PartnerProfile, now: datetime) -> bool:
    """Whether `delivery.max_per_minute` of the profile is reached."""
    most = profile.delivery.max_per_minute
    if most is None:
        return False
    recent = (
        select(func.count())
        .select_from(Attempt)
        .join(Transmission, Transmission.id == Attempt.transmission_id)
        .where(
            Attempt.outcome.in_(_OUTCOMES),
            Attempt.started_at > now - timedelta(minutes=1),
            Transmission.partner == profile.code,
        )
    )
    return (session.scalar(recent) or 0) >= most


def _load(session: Session, row: Transmission) -> _Work:
    wire = None
    if row.wire_payload_sha256 is not None:
        headers = tuple((name, value) for name, value in row.wire_headers or ())
        body = payloads.get(session, row.wire_payload_sha256)
        wire = PreparedWire(headers, body, row.transport_id or "", dict(row.mics or {}))
    return _Work(
        Delivery(
            transmission_id=row.id,
            partner=row.partner or "",
            transport=row.transport,
            payload=payloads.get(session, row.payload_sha256 or ""),
            filename=row.filename or "",
            content_type=row.content_type or "application/EDI-X12",
            transport_id=row.transport_id or "",
            created_at=row.created_at,
        ),
        wire,
        row.attempts,
    )


def _attempt(pipeline: Pipeline, profile: PartnerProfile, due: _Work) -> None:
    delivery = due.delivery
    port = pipeline.delivery.get(delivery.transport)
    if port is None:
        outcome = DeliveryOutcome(
            Outcome.FAILED,
            f"There is no {delivery.transport} transport in this gateway; choose another in the partner's profile.",
        )
        _finish(pipeline, profile, due, None, outcome)
        return
    try:
        wire = due.wire or port.prepare(delivery)
    except (LookupError, ValueError) as problem:
        # A profile that cannot build a message (no certificate, no URL): staff mend it, then resend.
        reason = str(problem.args[0] if problem.args else problem)
        _finish(pipeline, profile, due, None, DeliveryOutcome(Outcome.FAILED, reason))
        return
    attempt = _begin(pipeline, due, wire)
    fault_point("delivery.before_send")
    outcome = port.deliver(delivery, wire)
    fault_point("delivery.after_send")
    _finish(pipeline, profile, due, attempt, outcome)


def _begin(pipeline: Pipeline, due: _Work, wire: PreparedWire) -> str:
    """Store the wire bytes and the attempt before the first byte leaves; the attempt's id."""
    body = payloads.stage(pipeline.store.blobs, wire.body) if due.wire is None else None
    attempt_id = new_id(pipeline.clock())

    def begin(session: Session) -> None:
        now = pipeline.clock()
        row = session.get_one(Transmission, due.delivery.transmission_id)
        if body is not None:
            row.wire_payload_sha256 = payloads.put(session, body, now=now)
            row.wire_headers = [list(pair) for pair in wire.headers]
            row.mics = dict(wire.mics)
            row.transport_id = wire.transport_id or row.transport_id
        row.attempts += 1
        session.add(
            Attempt(id=attempt_id, transmission_id=row.id, number=row.attempts, started_at=now, outcome="sending")
        )
        lifecycle.move(
            session,
            row,
            Axis.DELIVERY,
            State.SENDING,
            actor="delivery",
            reason=f"Attempt {row.attempts}.",
            now=now,
        )

    pipeline.store.writer.run(begin)
    return attempt_id


def _finish(
    pipeline: Pipeline, profile: PartnerProfile, due: _Work, attempt_id: str | None, outcome: DeliveryOutcome
) -> None:
    answer = None if outcome.answer is None else payloads.stage(pipeline.store.blobs, outcome.answer.body)

    def finish(session: Session) -> None:
        now = pipeline.clock()
        row = session.get_one(Transmission, due.delivery.transmission_id)
        if attempt_id is not None:
            attempt = session.get_one(Attempt, attempt_id)
            attempt.ended_at, attempt.outcome = now, outcome.outcome.value
            attempt.status, attempt.reason = outcome.status, outcome.reason
        if outcome.answer is not None and answer is not None:
            row.answer_status = outcome.answer.status
            row.answer_headers = [list(pair) for pair in outcome.answer.headers]
            row.answer_payload_sha256 = payloads.put(session, answer, now=now)
            row.answer_disposition = outcome.answer.disposition
        record_outcome(session, pipeline, profile, row, outcome, now)
        if row.transport == "http" and outcome.answer is not None and outcome.outcome is Outcome.CONFIRMED:
            reconcile_response(session, profile, row, outcome.answer.body, now)

    pipeline.store.writer.run(finish)


def record_outcome(
    session: Session,
    pipeline: Pipeline,
    profile: PartnerProfile,
    row: Transmission,
    outcome: DeliveryOutcome,
    now: datetime,
) -> None:
    """Move the delivery axis by the outcome of an attempt, in the caller's transaction."""
    new = _STATE_OF[outcome.outcome]
    next_attempt_at = retry_time(profile, row, now) if new is State.RETRYING else None
    if new is State.RETRYING and next_attempt_at is None:
        new = State.FAILED
    delivered = new in (State.CONFIRMED, State.SENT)
    values = {
        "mic_matched": outcome.mic_matched,
        "mdn_signed": outcome.mdn_signed,
        "last_error": None if delivered else outcome.reason,
        "reason": outcome.reason,
        "next_attempt_at": next_attempt_at,
        "given_up_at": now if new is State.FAILED else None,
    }
    lifecycle.move(session, row, Axis.DELIVERY, new, actor="delivery", reason=outcome.reason, now=now, values=values)
    if new is State.FAILED:
        _open_failed(session, row, outcome.reason, now)
    elif new is State.CONFIRMED and row.attempts > 1:
        close_settled(session, "transmission", row.id, actor="delivery", reason=outcome.reason, now=now)


def retry_time(profile: PartnerProfile, row: Transmission, now: datetime) -> datetime | None:
    """When to try again by the partner's schedule, with up to 10 % of jitter; None = give up."""
    wait = rules.retry_delay(profile, row.attempts, row.created_at, now)
    if wait is None:
        return None
    jitter = random.uniform(0, wait.total_seconds() / 10)  # noqa: S311 - spreads load, protects nothing
    return now + wait + timedelta(seconds=jitter)


def _open_failed(session: Session, row: Transmission, reason: str, now: datetime) -> None:
    names = session.execute(select(Document.set_id, Document.number).where(Document.transmission_id == row.id)).all()
    what = ", ".join(f"{set_id} {number}" for set_id, number in names) or f"{row.filename or 'a message'}"
    problem = Problem(ProblemKind.DELIVERY, f"{what} was not delivered to {row.partner}: {reason}")
    open_problem(session, row, problem, now, "delivery")
