"""What staff do with the queue of one partner: have what waits for its next try sent at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.messages import lifecycle
from gateway.messages.axes import Delivery
from gateway.messages.models import Transmission
from gateway.partners.profile import Status
from gateway.pipeline.context import Pipeline
from gateway.pipeline.delivery import submit_drain
from gateway.pipeline.operations import PipelineOperation
from gateway.pipeline.sending import RequestError

__all__ = ["OPERATIONS", "try_now"]

#: Messages whose next try is brought forward at a time; the rest follows them in the queue.
_MOST = 1000


def try_now(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Try everything that waits for ``partner`` now instead of at its next time; ``actor`` says who asked.

    Gives {"partner", "messages", "message"}. Raises RequestError when nothing waits, or the partner is stopped.
    """
    code, who = str(parameters["partner"]), str(parameters.get("actor") or "staff")
    profile = pipeline.profile(code)
    if profile is None:
        raise RequestError(f'There is no partner "{code}".')
    if profile.status in (Status.PAUSED, Status.RETIRED):
        raise RequestError(f"{profile.name} is {profile.status.value}: nothing is sent.", "Resume the partner first.")

    def run(session: Session) -> dict[str, Any]:
        now = pipeline.clock()
        rows = session.scalars(
            select(Transmission)
            .where(
                Transmission.partner == code,
                Transmission.direction == "out",
                Transmission.delivery.in_((Delivery.QUEUED.value, Delivery.RETRYING.value)),
            )
            .order_by(Transmission.sequence)
            .limit(_MOST)
        ).all()
        if not rows:
            raise RequestError(f"Nothing waits to be sent to {profile.name}.")
        for row in rows:
            if row.next_attempt_at is not None and row.next_attempt_at > now:
                row.next_attempt_at = now
                lifecycle.note(
                    session, row, "brought-forward", actor=who, reason=f"{who} asked for the next try now.", now=now
                )
        submit_drain(session, pipeline, code)
        count = len(rows)
        what = "1 message is" if count == 1 else f"{count} messages are"
        return {"partner": code, "messages": count, "message": f"{what} tried now."}

    return pipeline.store.writer.run(run)


#: Name → operation, as the control socket and the pages ask for them.
OPERATIONS: dict[str, PipelineOperation] = {"queue.try": try_now}
