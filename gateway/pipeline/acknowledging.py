"""Answering: the TA1, 997, 999 or XML response for what was received, queued with the result that it tells."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial

from sqlalchemy.orm import Session

from gateway.messages import lifecycle
from gateway.messages.models import Interchange, Transmission
from gateway.partners.profile import PartnerProfile
from gateway.pipeline.context import Pipeline
from gateway.pipeline.planned import PlannedInterchange
from gateway.pipeline.problems import Problem, ProblemKind, open_problem
from gateway.pipeline.queueing import NoTransportError, local_time, queue, take_numbers
from gateway.pipeline.xmlanswers import queue_xml_answer
from gateway.standards.x12.acknowledge import AckControls, acknowledge, acknowledgement_groups
from gateway.standards.x12.check import CheckedInterchange
from gateway.store import payloads

__all__ = ["queue_acknowledgement", "queue_again"]


def queue_acknowledgement(
    session: Session,
    pipeline: Pipeline,
    partner: PartnerProfile,
    planned: PlannedInterchange,
    row: Interchange,
    now: datetime,
) -> bool:
    """Build and queue the answer to one interchange; False when none is due. Takes control numbers if one is."""
    checked = planned.checked
    if not isinstance(checked, CheckedInterchange):
        return queue_xml_answer(session, pipeline, partner, planned, checked, row, now)
    sends = partner.acknowledgements.send
    answered = checked if sends.enabled else replace(checked, groups=())
    build = partial(acknowledge, answered, now=local_time(partner, now), kind=sends.kind, ta1=sends.ta1, ak2=sends.ak2)
    # A clean interchange with groups is always answered; for the rest a trial tells, so no number is wasted.
    groups = acknowledgement_groups(answered)
    if (groups == 0 or answered.ta1_letter != "A") and build(controls=AckControls(1, 1)) is None:
        return False
    numbers = take_numbers(session, partner, groups)
    body = build(controls=AckControls(numbers.isa13, numbers.gs06))
    if body is None:
        return False
    kind = sends.kind if groups and answered.ta1_letter != "R" else "TA1"
    try:
        transmission = queue(
            session,
            pipeline,
            partner,
            payloads.stage(pipeline.store.blobs, body),
            size=len(body),
            name=f"{kind}-{row.control}-{numbers.isa13:09d}.edi",
            standard=_standard(checked),
            test=row.test,
            now=now,
            acknowledges_id=row.id,
        )
    except NoTransportError as error:
        problem = Problem(ProblemKind.DELIVERY, f"The acknowledgement of interchange {row.control}: {error}")
        open_problem(session, session.get_one(Transmission, row.transmission_id), problem, now)
        return False
    row.acknowledgement_transmission_id = transmission.id
    return True


def _standard(checked: CheckedInterchange) -> str:
    """The release that the answer is written in: that of the groups it answers."""
    release = next((group.release for group in checked.groups if group.release), None)
    return f"x12-{release or '004010'}"


def queue_again(
    session: Session, pipeline: Pipeline, partner: PartnerProfile, earlier: Interchange, now: datetime
) -> bool:
    """Send the stored acknowledgement of an interchange once more, byte for byte; False when it had none.

    Raises PayloadRemovedError when it is not kept any more; nothing is written then.
    """
    if earlier.acknowledgement_transmission_id is None:
        return False
    first = session.get_one(Transmission, earlier.acknowledgement_transmission_id)
    body = payloads.get(session, first.payload_sha256 or "")
    again = queue(
        session,
        pipeline,
        partner,
        payloads.stage(pipeline.store.blobs, body),
        size=first.size,
        name=first.filename or "acknowledgement.edi",
        standard=first.standard or "x12-004010",
        test=first.test,
        now=now,
        acknowledges_id=earlier.id,
        parent_id=first.id,
    )
    lifecycle.note(
        session,
        again,
        "acknowledgement-repeated",
        actor="pipeline",
        now=now,
        reason=f"Interchange {earlier.control}",
    )
    return True
