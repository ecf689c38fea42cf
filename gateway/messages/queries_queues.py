"""What waits: deliveries by partner with their head, background jobs, and how lively each partner is.

Every function reads only and gives plain values, instants as ISO text.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from gateway.messages.axes import Acknowledgement, Delivery, Review
from gateway.messages.models import CaseFile, Document, Job, Transmission
from gateway.partners.models import Partner

__all__ = ["LIVELY", "delivery_queues", "jobs", "partner_health"]

#: How far back the last message of a partner is looked for.
LIVELY = timedelta(days=30)
#: Jobs that are listed one by one.
MOST_JOBS = 100
_WAITING = (Delivery.QUEUED, Delivery.RETRYING, Delivery.SENDING)
_OPEN = CaseFile.review.not_in([Review.RESOLVED, Review.IGNORED])
#: Status of a job → how it is called here.
_JOB_STATES = {"ready": "waiting", "running": "running", "failed": "failed"}


def delivery_queues(session: Session, partner: str = "") -> list[dict[str, Any]]:
    """What waits to be sent, a row for each partner with any, or with a delivery that was given up.

    A row: {"partner", "depth", "queued", "retrying", "sending", "failed", "oldest_at", "next_attempt_at", "head"}.
    ``head`` is the message that goes next, {"id", "name", "at", "delivery", "attempts", "next_attempt_at",
    "error"}, or None; ``next_attempt_at`` is its instant, None when it is due. The longest waiting comes first.
    """
    query = (
        select(Transmission.partner, Transmission.delivery, func.count(), func.min(Transmission.created_at))
        .where(Transmission.direction == "out", Transmission.delivery.in_([*_WAITING, Delivery.FAILED]))
        .group_by(Transmission.partner, Transmission.delivery)
    )
    if partner:
        query = query.where(Transmission.partner == partner)
    rows: dict[str, dict[str, Any]] = {}
    for code, delivery, count, oldest in session.execute(query):
        row = rows.setdefault(code or "", _empty(code))
        row[delivery] = count
        if delivery != Delivery.FAILED:
            row["depth"] += count
            row["oldest_at"] = min(filter(None, (row["oldest_at"], oldest)))
    for row in rows.values():
        row["head"] = _head(session, row["partner"]) if row["depth"] else None
        row["next_attempt_at"] = row["head"] and row["head"]["next_attempt_at"]
    found = sorted(rows.values(), key=lambda row: (row["oldest_at"] is None, row["oldest_at"], row["partner"] or ""))
    return [{**row, "oldest_at": _iso(row["oldest_at"])} for row in found]


def _empty(partner: str | None) -> dict[str, Any]:
    counts = dict.fromkeys([*(state.value for state in _WAITING), Delivery.FAILED.value], 0)
    return {"partner": partner, "depth": 0, **counts, "oldest_at": None, "next_attempt_at": None, "head": None}


def _head(session: Session, partner: str | None) -> dict[str, Any] | None:
    row = session.scalar(
        select(Transmission)
        .where(
            Transmission.partner == partner,
            Transmission.direction == "out",
            Transmission.delivery.in_(_WAITING),
        )
        .order_by(Transmission.sequence, Transmission.created_at)
        .limit(1)
    )
    if row is None:
        return None
    document = session.execute(
        select(Document.id, Document.kind, Document.number).where(Document.transmission_id == row.id).limit(1)
    ).first()
    return {
        "id": document.id if document else row.id,
        "kind": document.kind if document else None,
        "name": (document.number if document else None) or row.filename or row.id,
        "at": row.created_at.isoformat(),
        "delivery": row.delivery,
        "attempts": row.attempts,
        "next_attempt_at": _iso(row.next_attempt_at),
        "error": row.last_error,
    }


def jobs(session: Session) -> dict[str, Any]:
    """The background work: {"tasks", "failed"}.

    ``tasks`` has a row for each kind of work, {"task", "waiting", "running", "failed", "oldest_at"}; ``failed`` the
    newest jobs that were given up, {"id", "task", "key", "attempts", "error", "at"}. A job's key is the id of a
    message, or for "drain" a partner's code.
    """
    tasks: dict[str, dict[str, Any]] = {}
    query = select(Job.task, Job.status, func.count(), func.min(Job.created_at)).group_by(Job.task, Job.status)
    for task, status, count, oldest in session.execute(query):
        row = tasks.setdefault(task, {"task": task, "waiting": 0, "running": 0, "failed": 0, "oldest_at": None})
        row[_JOB_STATES[status]] = count
        if status == "ready":
            row["oldest_at"] = oldest.isoformat()
    failed = session.scalars(select(Job).where(Job.status == "failed").order_by(Job.id.desc()).limit(MOST_JOBS))
    return {
        "tasks": [tasks[name] for name in sorted(tasks)],
        "failed": [
            {
                "id": job.id,
                "task": job.task,
                "key": job.key,
                "attempts": job.attempts,
                "error": job.last_error,
                "at": job.created_at.isoformat(),
            }
            for job in failed
        ],
    }


def partner_health(session: Session, now: datetime) -> dict[str, dict[str, Any]]:
    """Partner code → {"in", "out", "cases", "overdue", "waiting", "failed"}; a partner without any of it is left out.

    ``in`` and ``out`` are the instants of the last message each way within ``LIVELY``, the others counts: open
    cases, overdue acknowledgements, deliveries that wait, and deliveries that were given up.
    """
    found: dict[str, dict[str, Any]] = {}

    def row(code: str | None) -> dict[str, Any]:
        return found.setdefault(
            code or "", {"in": None, "out": None, "cases": 0, "overdue": 0, "waiting": 0, "failed": 0}
        )

    for code, *last in session.execute(select(Partner.code, *(_newest(way, now - LIVELY) for way in ("in", "out")))):
        for direction, at in zip(("in", "out"), last, strict=True):
            if at is not None:
                row(code)[direction] = _iso(at)
    for code, count in session.execute(select(CaseFile.partner, func.count()).where(_OPEN).group_by(CaseFile.partner)):
        row(code)["cases"] = count
    late = Document.acknowledgement == Acknowledgement.OVERDUE
    for code, count in session.execute(select(Document.partner, func.count()).where(late).group_by(Document.partner)):
        row(code)["overdue"] = count
    is_out = Transmission.direction == "out"
    waits = Transmission.delivery.in_(_WAITING)
    stuck = and_(is_out, or_(waits, Transmission.delivery == Delivery.FAILED))
    queued = select(Transmission.partner, waits, func.count()).where(stuck).group_by(Transmission.partner, waits)
    for code, is_waiting, count in session.execute(queued):
        row(code)["waiting" if is_waiting else "failed"] = count
    found.pop("", None)
    return found


def _newest(direction: str, since: datetime) -> Any:
    """When the last message of a partner went this way, found at the end of the partner's index."""
    query = select(Transmission.created_at).where(
        Transmission.partner == Partner.code, Transmission.direction == direction, Transmission.created_at >= since
    )
    return query.order_by(Transmission.created_at.desc()).limit(1).correlate(Partner).scalar_subquery()


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
