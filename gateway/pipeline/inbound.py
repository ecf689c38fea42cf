"""Inbound: a received transmission becomes documents, an acknowledgement and, where needed, cases.

The reading is pure and may be repeated (``gateway.pipeline.plan``); everything it leads to is written in one
transaction that begins by checking that nobody did it before. A crash at any moment therefore leaves either
nothing or all of it: rows, control numbers, the acknowledgement in its queue and the jobs that follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Boolean, Table, Text, bindparam, insert, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from gateway.messages import lifecycle
from gateway.messages.axes import Axis, Processing
from gateway.messages.cases import close_settled
from gateway.messages.models import Interchange, Transmission
from gateway.partners.profile import PartnerProfile
from gateway.pipeline.acknowledging import queue_acknowledgement, queue_again
from gateway.pipeline.context import Pipeline
from gateway.pipeline.inbounddocuments import ACTOR, InboundRun, take_document
from gateway.pipeline.outgoing import findings_json
from gateway.pipeline.plan import plan_transmission, refused, too_large
from gateway.pipeline.planned import PlannedInterchange, TransmissionPlan
from gateway.pipeline.problems import Problem, ProblemKind, open_problem
from gateway.pipeline.reconcile import reconcile
from gateway.standards.xml.memory import give_back
from gateway.store import payloads
from gateway.store.base import KeyText, UtcDateTime
from gateway.store.errors import PayloadRemovedError
from gateway.store.faults import fault_point
from gateway.store.prepared import Prepared

__all__ = ["process"]


_TRANSMISSIONS = cast("Table", Transmission.__table__)
_INTERCHANGES = cast("Table", Interchange.__table__)
# Built once: they run for every message.
_RECEIVED = Prepared(
    select(
        _TRANSMISSIONS.c.processing, _TRANSMISSIONS.c.payload_sha256, _TRANSMISSIONS.c.partner, _TRANSMISSIONS.c.size
    ).where(_TRANSMISSIONS.c.id == bindparam("id", type_=Text))
)
_ADD_INTERCHANGE = Prepared(insert(_INTERCHANGES))
_OF_CONTROL = (
    select(_INTERCHANGES.c.id)
    .where(
        _INTERCHANGES.c.sender == bindparam("sender", type_=KeyText),
        _INTERCHANGES.c.receiver == bindparam("receiver", type_=KeyText),
        _INTERCHANGES.c.test == bindparam("test", type_=Boolean),
        _INTERCHANGES.c.control == bindparam("control", type_=KeyText),
        _INTERCHANGES.c.direction == "in",
        _INTERCHANGES.c.received_at >= bindparam("since", type_=UtcDateTime),
        _INTERCHANGES.c.ta1_code.is_not(None),
    )
    .order_by(_INTERCHANGES.c.received_at)
)
_SAME_CONTROL = Prepared(_OF_CONTROL)
_SAME_BYTES = Prepared(_OF_CONTROL.where(_INTERCHANGES.c.sha256 == bindparam("sha256", type_=Text)))


def process(pipeline: Pipeline, transmission_id: str) -> None:
    """Read one received transmission to its end (handler of ``Task.PROCESS``); a second call does nothing."""
    # The trees of a large XML file are gone by now; what they took goes back to the system.
    give_back(_process(pipeline, transmission_id))


def _process(pipeline: Pipeline, transmission_id: str) -> int:
    """How many bytes were read."""
    with pipeline.store.read() as session:
        row = _RECEIVED.first(session, {"id": transmission_id})
        if row is None or row.processing != Processing.RECEIVED or row.payload_sha256 is None:
            return 0
        partner = row.partner
        plan = too_large(pipeline, partner, row.size)
        payload = b"" if plan else payloads.get(session, row.payload_sha256)
    plan = plan or plan_transmission(pipeline, transmission_id, partner, payload)
    bodies = {
        document.id: payloads.stage(pipeline.store.blobs, document.body)
        for interchange in plan.interchanges
        for document in interchange.documents
        if document.body is not None
    }
    fault_point("process.before_commit")
    pipeline.store.writer.run(lambda session: _commit(session, pipeline, transmission_id, plan, bodies))
    fault_point("process.after_commit")
    return len(payload)


def _commit(
    session: Session,
    pipeline: Pipeline,
    transmission_id: str,
    plan: TransmissionPlan,
    bodies: dict[str, bytes | payloads.StagedPayload],
) -> None:
    row = session.get_one(Transmission, transmission_id)
    if row.processing != Processing.RECEIVED:
        return
    now = pipeline.clock()
    if plan.unreadable is not None:
        _settle(session, row, Processing.HELD, plan.unreadable.sentence, now)
        open_problem(session, row, plan.unreadable, now)
        return
    only, edit = ((row.facts or {}).get(name) for name in ("only", "edit"))
    run = InboundRun(session, pipeline, row, bodies, now, row.parent_id, tuple(only) if only else None, edit)
    partners = {planned.partner.code for planned in plan.interchanges if planned.partner}
    if row.partner is None and len(partners) == 1:
        row.partner = partners.pop()
        row.partner_version = pipeline.version(row.partner)
    test = any(planned.test for planned in plan.interchanges)
    set_committed_value(row, "test", test)  # stored when the message is settled
    for planned in plan.interchanges:
        _interchange(run, planned)
    reasons = run.reasons or ["Everything in this message was processed before."]
    _settle(session, row, _end_of(run.ends), " ".join(reasons), now, {"test": test})
    if row.parent_id is not None:
        close_settled(session, "transmission", row.id, actor=ACTOR, reason=" ".join(reasons), now=now)


def _end_of(ends: list[Processing]) -> Processing:
    """What became of the whole: held while any part is, else posted when any part reached its end."""
    if not ends:
        return Processing.IGNORED
    for state in (Processing.HELD, Processing.POSTED, Processing.IGNORED):
        if state in ends:
            return state
    return Processing.REJECTED


def _settle(
    session: Session,
    row: Transmission,
    state: Processing,
    reason: str,
    now: datetime,
    values: Mapping[str, Any] | None = None,
) -> None:
    values = {"reason": reason, **(values or {})}
    lifecycle.move(session, row, Axis.PROCESSING, state, actor=ACTOR, reason=reason, now=now, values=values)


# -- interchanges ----------------------------------------------------------------------------------------------


def _interchange(run: InboundRun, planned: PlannedInterchange) -> None:
    if planned.hold is not None or planned.partner is None:
        verdict = "unreadable" if planned.envelope.unreadable else planned.checked.verdict
        _store(run, _made(run, planned, verdict, None))
        problem = planned.hold or Problem(ProblemKind.UNREADABLE, "The interchange has no readable sender.")
        open_problem(run.session, run.transmission, problem, run.now)
        _ended(run, Processing.HELD, problem.sentence)
        return
    if run.only is not None and run.only[0] != planned.index:
        return
    earlier = _earlier(run, planned, planned.partner)
    if run.replays is not None:
        # What was processed before stays as it is; a replay is for the rest.
        done = earlier is not None and earlier.sha256 == planned.sha256 and earlier.verdict != "rejected"
        if run.only is not None or not done:
            _processed(run, planned, planned.partner, answer=bool(run.edit["answer"]) if run.edit else earlier is None)
    elif earlier is not None:
        _repeated(run, planned, planned.partner, earlier)
    elif planned.refusal is not None:
        _refused(run, planned, planned.partner, planned.refusal)
    else:
        _processed(run, planned, planned.partner)


def _earlier(run: InboundRun, planned: PlannedInterchange, partner: PartnerProfile) -> Interchange | None:
    """The processed interchange that used this control number before (X12: ISA13)."""
    days = partner.inbound.duplicates.isa13_days
    if days == 0:
        return None
    received = planned.envelope
    values = {
        "sender": received.sender,
        "receiver": received.receiver,
        "test": planned.test,
        "control": received.control,
        "since": run.now - timedelta(days=days),
    }
    if received.control_is_unique:
        found = _SAME_CONTROL.all(run.session, values)
    else:  # a UBL id: only the same bytes are the same message
        found = _SAME_BYTES.all(run.session, {**values, "sha256": planned.sha256})
    rows = (run.session.get_one(Interchange, each.id) for each in found)
    return next((row for row in rows if not _was_refused(row)), None)


def _was_refused(row: Interchange) -> bool:
    """True when it got a rejecting TA1: its number is not used up, the sender may repair and resend it."""
    if not row.version[:1].isdigit():  # XML: the whole document is its own envelope
        return row.verdict == "rejected"
    return any(
        finding["code"].startswith("TA105-") and finding["severity"] == "error" for finding in row.findings or ()
    )


def _repeated(run: InboundRun, planned: PlannedInterchange, partner: PartnerProfile, earlier: Interchange) -> None:
    name = f"{planned.envelope.name} from {partner.name}"
    if earlier.sha256 == planned.sha256:
        _store(run, _made(run, planned, "accepted", None))
        try:
            again = queue_again(run.session, run.pipeline, partner, earlier, run.now)
            tail = "the stored acknowledgement was sent again." if again else "it had no acknowledgement to send again."
        except PayloadRemovedError as error:
            tail = _answered_anew(run, planned, partner, earlier, error)
        _ended(
            run,
            Processing.IGNORED,
            f"{name} was received before with the same bytes; nothing was posted, {tail}",
        )
        return
    problem = Problem(
        ProblemKind.DUPLICATE_CONTROL,
        f"{name} has the control number of an earlier one "
        f"({earlier.received_at:%Y-%m-%d %H:%M} UTC) but other bytes; nothing of it was processed.",
    )
    _refused(run, planned, partner, problem, refusal_code="025")


def _answered_anew(
    run: InboundRun,
    planned: PlannedInterchange,
    partner: PartnerProfile,
    earlier: Interchange,
    gone: PayloadRemovedError,
) -> str:
    """Acknowledge a repeated interchange whose acknowledgement is not kept any more, if it would say the same today."""
    same = planned.refusal is None and planned.checked.verdict == earlier.verdict
    if same and queue_acknowledgement(run.session, run.pipeline, partner, planned, earlier, run.now):
        return f"its acknowledgement was made anew. The first one is not kept: {gone}"
    return f"its acknowledgement cannot be sent again: {gone} Tell the partner that it was {earlier.verdict}."


def _refused(
    run: InboundRun,
    planned: PlannedInterchange,
    partner: PartnerProfile,
    problem: Problem,
    refusal_code: str = "",
    *,
    answer: bool = True,
) -> None:
    answered = refused(planned, refusal_code, problem) if refusal_code else planned
    row = _made(run, planned, "rejected", refusal_code or answered.code)
    sent = answer and queue_acknowledgement(run.session, run.pipeline, partner, answered, row, run.now)
    _store(run, row)
    open_problem(run.session, run.transmission, problem, run.now)
    told = f" The partner was told by {answered.answer_name}." if sent else ""
    _ended(run, Processing.REJECTED, problem.sentence + told)


def _processed(run: InboundRun, planned: PlannedInterchange, partner: PartnerProfile, *, answer: bool = True) -> None:
    """Store the documents; ``answer`` is False for a replay of what was answered before."""
    if planned.refusal is not None:
        _refused(run, planned, partner, planned.refusal, answer=answer)
        return
    row = _made(run, planned, planned.checked.verdict, planned.code)
    if answer:
        queue_acknowledgement(run.session, run.pipeline, partner, planned, row, run.now)
    _store(run, row)
    preserved = _groups_to_preserve(planned, partner)
    for document in planned.documents:
        if run.only is None or run.only == document.place:
            take_document(run, planned, partner, row, document, preserved)
    reconcile(run.session, run.pipeline, partner, planned.acknowledgements, run.transmission, run.now)
    taken = sum(1 for document in planned.documents if document.accepted)
    count = len(planned.documents)
    what = f"{taken} of {count} documents accepted" if count else "acknowledgements read"
    all_rejected = bool(count) and taken == 0
    _ended(
        run,
        Processing.REJECTED if all_rejected else Processing.POSTED,
        f"{planned.envelope.name} from {partner.name}: {what}.",
    )


def _groups_to_preserve(planned: PlannedInterchange, partner: PartnerProfile) -> frozenset[str]:
    """Group control numbers of which nothing is processed because one of their sets is bad (profile switch)."""
    if partner.inbound.bad_set == "split":
        return frozenset()
    return frozenset(document.group_control for document in planned.documents if not document.accepted)


def _made(run: InboundRun, planned: PlannedInterchange, verdict: str, ta1_code: str | None) -> Interchange:
    """The row of an interchange; it is stored, once its acknowledgement is known, by ``_store``."""
    received = planned.envelope
    return Interchange(
        id=planned.id,
        transmission_id=run.transmission.id,
        position=planned.index + 1,
        direction="in",
        partner=planned.partner.code if planned.partner else None,
        sender=received.sender,
        receiver=received.receiver,
        control=received.control,
        version=received.version,
        test=planned.test,
        sha256=planned.sha256,
        received_at=run.now,
        verdict=verdict,
        ta1_code=ta1_code,
        findings=findings_json(planned.checked.findings),
    )


def _store(run: InboundRun, row: Interchange) -> None:
    _ADD_INTERCHANGE.change(run.session, {column.name: getattr(row, column.name) for column in _INTERCHANGES.columns})


def _ended(run: InboundRun, state: Processing, reason: str) -> None:
    run.ends.append(state)
    run.reasons.append(reason)
