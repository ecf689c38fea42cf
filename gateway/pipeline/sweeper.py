"""The sweeper: puts right what a crash or a lost wake-up left behind, and watches the clock for deadlines.

Jobs only wake workers; the rows are the truth. Every few seconds the sweeper submits what is due to be sent, and
once a minute it looks for documents that stand still and acknowledgements that did not come. What it repairs is
counted: above zero without a crash before it is a fault worth reporting. Retention goes on a little at each slow look.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.messages import lifecycle
from gateway.messages.axes import Acknowledgement, Axis, Delivery, Processing
from gateway.messages.cases import cases_of
from gateway.messages.models import Document, Transmission
from gateway.messages.ports import Task
from gateway.pipeline.context import Pipeline
from gateway.pipeline.delivery import put_back, submit_drain
from gateway.pipeline.ordering_sweep import sweep_late_documents, sweep_orders
from gateway.pipeline.problems import Problem, ProblemKind, open_problem
from gateway.pipeline.retention import RetentionSweep
from gateway.store import payloads

__all__ = ["Sweeper", "Swept", "recover", "sweep_deliveries", "sweep_overdue", "sweep_receipts", "sweep_stuck"]

logger = logging.getLogger(__name__)

#: Seconds between two looks for deliveries that are due.
DELIVERIES_EVERY = 5.0
#: Every how many of those looks the slower sweeps run.
SLOW_EVERY = 12
#: How long a row may stand still before its job is submitted again.
STUCK_AFTER = timedelta(minutes=5)
#: Every how many of them files without a row are looked for.
HOURLY = 720
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Swept:
    """How many rows one sweep touched."""

    submitted: int


def recover(pipeline: Pipeline) -> int:
    """At start: attempts that were under way when the process died go back to the queue; how many."""

    def run(session: Session) -> int:
        count = put_back(session, pipeline)
        _submit_all(session, pipeline, timedelta(0))
        return count

    return pipeline.store.writer.run(run)


def sweep_deliveries(pipeline: Pipeline) -> Swept:
    """Ask for the delivery of everything that is due."""
    now = pipeline.clock()
    with pipeline.store.read() as session:
        partners = list(
            session.scalars(
                select(Transmission.partner)
                .where(
                    Transmission.direction == "out",
                    Transmission.delivery.in_((Delivery.QUEUED, Delivery.RETRYING)),
                    (Transmission.next_attempt_at.is_(None)) | (Transmission.next_attempt_at <= now),
                )
                .distinct()
            )
        )
    if not partners:
        return Swept(0)

    def run(session: Session) -> None:
        for partner in partners:
            if partner:
                submit_drain(session, pipeline, partner)

    pipeline.store.writer.run(run)
    return Swept(len(partners))


def sweep_stuck(pipeline: Pipeline) -> Swept:
    """Submit again what should have moved on long ago."""
    count = pipeline.store.writer.run(lambda session: _submit_all(session, pipeline, STUCK_AFTER))
    if count:
        logger.warning("The sweeper found %d messages standing still and asked for their processing again", count)
    return Swept(count)


def _submit_all(session: Session, pipeline: Pipeline, older_than: timedelta) -> int:
    before = pipeline.clock() - older_than
    received = session.scalars(
        select(Transmission.id)
        .where(Transmission.processing == Processing.RECEIVED, Transmission.created_at <= before)
        .limit(_BATCH)
    ).all()
    mapped = session.scalars(
        select(Document.id)
        .where(
            Document.processing == Processing.MAPPED,
            Document.direction == "in",
            Document.received_at <= before,
        )
        .limit(_BATCH)
    ).all()
    for key in received:
        pipeline.work.submit(session, Task.PROCESS, key)
    for key in mapped:
        pipeline.work.submit(session, Task.POST, key)
    return len(received) + len(mapped)


def sweep_overdue(pipeline: Pipeline) -> Swept:
    """Mark acknowledgements that did not come in time as overdue, each with a case."""

    def run(session: Session) -> int:
        now = pipeline.clock()
        rows = session.scalars(
            select(Document)
            .where(
                Document.acknowledgement == Acknowledgement.AWAITED,
                Document.acknowledgement_due_at.is_not(None),
                Document.acknowledgement_due_at <= now,
            )
            .limit(_BATCH)
        ).all()
        for row in rows:
            due = row.acknowledgement_due_at
            reason = (
                f"{row.partner} has not acknowledged {row.set_id} {row.number or ''}; it was due "
                f"{due:%Y-%m-%d %H:%M} UTC."
            )
            moved = lifecycle.move(
                session,
                row,
                Axis.ACKNOWLEDGEMENT,
                Acknowledgement.OVERDUE,
                actor="sweeper",
                reason=reason,
                now=now,
            )
            if moved:
                open_problem(session, row, Problem(ProblemKind.OVERDUE, reason, row.set_id), now, "sweeper")
        return len(rows)

    return Swept(pipeline.store.writer.run(run))


def sweep_receipts(pipeline: Pipeline) -> Swept:
    """Open a case for every message whose asynchronous receipt did not come within the partner's time."""

    def run(session: Session) -> int:
        now, count = pipeline.clock(), 0
        rows = session.scalars(
            select(Transmission).where(Transmission.delivery == Delivery.SENT, Transmission.transport == "as2")
        )
        for row in rows.all():
            profile = pipeline.profile(row.partner or "")
            if profile is None or profile.as2.mdn != "async" or cases_of(session, "transmission", row.id):
                continue
            if now - row.created_at >= timedelta(minutes=profile.as2.mdn_wait_minutes):
                sentence = (
                    f"{profile.name} took {row.filename or 'a message'} but its receipt (MDN) has not come in "
                    f"{profile.as2.mdn_wait_minutes} minutes; whether it was processed is not known."
                )
                open_problem(session, row, Problem(ProblemKind.DELIVERY, sentence, "receipt"), now, "sweeper")
                count += 1
        return count

    return Swept(pipeline.store.writer.run(run))


class Sweeper:
    """Runs the sweeps in a thread of its own until stopped."""

    def __init__(self, pipeline: Pipeline, every: float = DELIVERIES_EVERY) -> None:
        self._pipeline = pipeline
        self._every = every
        self._retention = RetentionSweep(pipeline)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Start sweeping; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the sweep that runs."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        round_ = 0
        while not self._stopping.wait(self._every):
            round_ += 1
            try:
                sweep_deliveries(self._pipeline)
                if round_ % SLOW_EVERY == 0:
                    sweep_stuck(self._pipeline)
                    sweep_overdue(self._pipeline)
                    sweep_receipts(self._pipeline)
                    self._retention.beat()
                if round_ % HOURLY == 0:
                    payloads.collect_orphans(self._pipeline.store)
                sweep_late_documents(self._pipeline)
                sweep_orders(self._pipeline)
            except Exception:
                # A sweep that fails (database away, disk full) is tried again; the thread must live on.
                logger.exception("A sweep failed; the next one follows in %.0f s", self._every)
