"""Inbound: a received transmission becomes documents, an acknowledgement and, where needed, cases.

The reading is pure and may be repeated (``gateway.pipeline.plan``); everything it leads to is written in one
transaction that begins by checking that nobody did it before. A crash at any moment therefore leaves either
nothing or all of it: rows, control numbers, the acknowledgement in its queue and the jobs that follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Boolean, Table, Text, bindparam, insert, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from gateway.messages import lifecycle
from gateway.messages.axes import Acknowledgement, Axis, Processing
from gateway.messages.cases import close_settled
from gateway.messages.ids import document_id
from gateway.messages.models import Document, Interchange, Transmission
from gateway.messages.ports import Task
from gateway.partners.profile import PartnerProfile
from gateway.pipeline.acknowledging import queue_acknowledgement, queue_again
from gateway.pipeline.context import SOFTWARE, Pipeline
from gateway.pipeline.outgoing import findings_json
from gateway.pipeline.plan import plan_transmission, refused, too_large
from gateway.pipeline.planned import PlannedDocument, PlannedInterchange, TransmissionPlan
from gateway.pipeline.problems import Problem, ProblemKind, open_problem
from gateway.pipeline.reconcile import reconcile
from gateway.standards.xml.memory import give_back
from gateway.store import payloads
from gateway.store.base import UtcDateTime
from gateway.store.faults import fault_point
from gateway.store.prepared import Prepared

__all__ = ["duplicate_of", "key_holder", "process"]

_ACTOR = "pipeline"
#: Purposes of a document that repeats, changes or cancels another one with its number (element 353).
_LINKED_PURPOSES = frozenset({"change", "replace", "cancellation", "confirmation"})


_TRANSMISSIONS = cast("Table", Transmission.__table__)
_INTERCHANGES = cast("Table", Interchange.__table__)
_DOCUMENTS = cast("Table", Document.__table__)
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
        _INTERCHANGES.c.sender == bindparam("sender", type_=Text),
        _INTERCHANGES.c.receiver == bindparam("receiver", type_=Text),
        _INTERCHANGES.c.test == bindparam("test", type_=Boolean),
        _INTERCHANGES.c.control == bindparam("control", type_=Text),
        _INTERCHANGES.c.direction == "in",
        _INTERCHANGES.c.received_at >= bindparam("since", type_=UtcDateTime),
        _INTERCHANGES.c.ta1_code.is_not(None),
    )
    .order_by(_INTERCHANGES.c.received_at)
)
_SAME_CONTROL = Prepared(_OF_CONTROL)
_SAME_BYTES = Prepared(_OF_CONTROL.where(_INTERCHANGES.c.sha256 == bindparam("sha256", type_=Text)))
_KEY_HOLDER = Prepared(
    select(_DOCUMENTS.c.id).where(
        _DOCUMENTS.c.partner == bindparam("partner", type_=Text),
        _DOCUMENTS.c.direction == "in",
        _DOCUMENTS.c.business_key == bindparam("business_key", type_=Text),
        _DOCUMENTS.c.owns_key,
    )
)


@dataclass(slots=True)
class _Run:
    """What one transaction over one transmission works with."""

    session: Session
    pipeline: Pipeline
    transmission: Transmission
    bodies: dict[str, bytes | payloads.StagedPayload]
    now: datetime
    #: The message that this one reads again, and the one document that is wanted of it (a replay).
    replays: str | None = None
    only: tuple[int, int, int] | None = None
    #: What became of each interchange.
    ends: list[Processing] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    versions: dict[str, int | None] = field(default_factory=dict)

    def version(self, code: str) -> int | None:
        """The version of a partner's profile in force; looked up once."""
        if code not in self.versions:
            found = self.pipeline.directory.find(code, self.session)
            self.versions[code] = None if found is None else found[0]
        return self.versions[code]


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
    only = (row.facts or {}).get("only")
    run = _Run(session, pipeline, row, bodies, now, row.parent_id, tuple(only) if only else None)
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
        close_settled(session, "transmission", row.id, actor=_ACTOR, reason=" ".join(reasons), now=now)


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
    lifecycle.move(session, row, Axis.PROCESSING, state, actor=_ACTOR, reason=reason, now=now, values=values)


# -- interchanges ----------------------------------------------------------------------------------------------


def _interchange(run: _Run, planned: PlannedInterchange) -> None:
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
            _processed(run, planned, planned.partner, answer=earlier is None)
    elif earlier is not None:
        _repeated(run, planned, planned.partner, earlier)
    elif planned.refusal is not None:
        _refused(run, planned, planned.partner, planned.refusal)
    else:
        _processed(run, planned, planned.partner)


def _earlier(run: _Run, planned: PlannedInterchange, partner: PartnerProfile) -> Interchange | None:
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


def _repeated(run: _Run, planned: PlannedInterchange, partner: PartnerProfile, earlier: Interchange) -> None:
    name = f"{planned.envelope.name} from {partner.name}"
    if earlier.sha256 == planned.sha256:
        _store(run, _made(run, planned, "accepted", None))
        again = queue_again(run.session, run.pipeline, partner, earlier, run.now)
        tail = "the stored acknowledgement was sent again." if again else "it had no acknowledgement to send again."
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


def _refused(
    run: _Run, planned: PlannedInterchange, partner: PartnerProfile, problem: Problem, refusal_code: str = ""
) -> None:
    answered = refused(planned, refusal_code, problem) if refusal_code else planned
    row = _made(run, planned, "rejected", refusal_code or answered.code)
    sent = queue_acknowledgement(run.session, run.pipeline, partner, answered, row, run.now)
    _store(run, row)
    open_problem(run.session, run.transmission, problem, run.now)
    told = f" The partner was told by {answered.answer_name}." if sent else ""
    _ended(run, Processing.REJECTED, problem.sentence + told)


def _processed(run: _Run, planned: PlannedInterchange, partner: PartnerProfile, *, answer: bool = True) -> None:
    """Store the documents; ``answer`` is False for a replay of what was answered before."""
    if planned.refusal is not None:
        _refused(run, planned, partner, planned.refusal)
        return
    row = _made(run, planned, planned.checked.verdict, planned.code)
    if answer:
        queue_acknowledgement(run.session, run.pipeline, partner, planned, row, run.now)
    _store(run, row)
    preserved = _groups_to_preserve(planned, partner)
    for document in planned.documents:
        if run.only is None or run.only == document.place:
            _document(run, planned, partner, row, document, preserved)
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


def _made(run: _Run, planned: PlannedInterchange, verdict: str, ta1_code: str | None) -> Interchange:
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


def _store(run: _Run, row: Interchange) -> None:
    _ADD_INTERCHANGE.change(run.session, {column.name: getattr(row, column.name) for column in _INTERCHANGES.columns})


def _ended(run: _Run, state: Processing, reason: str) -> None:
    run.ends.append(state)
    run.reasons.append(reason)


# -- documents -------------------------------------------------------------------------------------------------


def _document(
    run: _Run,
    planned: PlannedInterchange,
    partner: PartnerProfile,
    interchange: Interchange,
    document: PlannedDocument,
    preserved: frozenset[str],
) -> None:
    session, now = run.session, run.now
    body = run.bodies.get(document.id)
    earlier = key_holder(run.session, partner.code, document.business_key)
    values = {
        "id": document.id,
        "direction": "in",
        "kind": document.kind,
        "standard": document.standard,
        "set_id": document.set_id,
        "number": document.number,
        "business_key": document.business_key,
        "owns_key": document.business_key is not None and earlier is None and _is_first(document),
        "partner": partner.code,
        "partner_version": run.version(partner.code),
        "transmission_id": run.transmission.id,
        "interchange_id": interchange.id,
        "group_code": document.group_code,
        "group_control": document.group_control,
        "set_control": document.set_control,
        "position": document.position,
        "processing": Processing.IDENTIFIED.value,
        "acknowledgement": Acknowledgement.NOT_EXPECTED.value,
        "canonical_sha256": None if body is None else payloads.put(session, body, now=now),
        "map_identity": document.map_identity,
        "schema_identity": document.schema_identity or document.standard,
        "software_version": SOFTWARE,
        "findings": findings_json(document.findings),
        "parent_id": _replayed(run, document),
        "related": None if earlier is None else [{"id": earlier.id, "relation": "repeats"}],
        "test": planned.test,
        "received_at": now,
        "amount": document.amount,
        "currency": document.currency,
    }
    reason = f"Found in {_lower_first(planned.envelope.name)}."
    lifecycle.begin_values(session, Document, values, actor=_ACTOR, reason=reason, now=now)
    # What is stored, to go on with; the session need not know it.
    _decide(run, Document(**values), partner, document, earlier, preserved)


def _lower_first(name: str) -> str:
    """ "interchange 000000001" within a sentence; a document keeps its name ("Order PO-1")."""
    return name.replace("Interchange", "interchange", 1)


def _replayed(run: _Run, document: PlannedDocument) -> str | None:
    """The document that this one reads again."""
    if run.replays is None:
        return None
    parent = run.session.get(Document, document_id(run.replays, *document.place))
    return None if parent is None else parent.id


def key_holder(session: Session, partner: str, business_key: str | None) -> Document | None:
    """The received document of a partner that owns this business number."""
    if business_key is None:
        return None
    session.flush()
    found = _KEY_HOLDER.first(session, {"partner": partner, "business_key": business_key})
    return None if found is None else session.get_one(Document, found.id)


def _is_first(document: PlannedDocument) -> bool:
    return document.accepted and document.purpose not in _LINKED_PURPOSES


def _decide(
    run: _Run,
    row: Document,
    partner: PartnerProfile,
    document: PlannedDocument,
    earlier: Document | None,
    preserved: frozenset[str],
) -> None:
    name = f"{document.set_id} {document.number or ''}".strip()
    if not document.accepted:
        problem = document.problem or Problem(ProblemKind.INVALID, f"{name} from {partner.name} was rejected.")
        _end(run, row, [Processing.REJECTED], problem.sentence, problem)
        return
    if document.group_control in preserved:
        problem = Problem(
            ProblemKind.INVALID,
            f"{name} from {partner.name} is valid but held, because another set of its group was rejected "
            "(inbound.bad_set is preserve).",
            "preserve",
        )
        _end(run, row, [Processing.VALIDATED, Processing.HELD], problem.sentence, problem)
        return
    if document.body is None and document.problem is None:
        _end(
            run,
            row,
            [Processing.VALIDATED, Processing.POSTED],
            document.settled or f"{name} was matched with what we sent.",
            None,
        )
        return
    problem_now = document.problem or duplicate_of(document, partner, earlier, name)
    mapped = [Processing.VALIDATED] + ([Processing.MAPPED] if document.body is not None else [])
    if earlier is not None and document.purpose == "duplicate":
        reason = f"{name} is a resend (BEG01 07) of the one received {earlier.received_at:%Y-%m-%d %H:%M} UTC."
        _end(run, row, [*mapped, Processing.IGNORED], reason, None)
    elif problem_now is not None:
        _end(run, row, [*mapped, Processing.HELD], problem_now.sentence, problem_now)
    else:
        _end(run, row, mapped, f"{name} from {partner.name} is on its way to the back office.", None)
        run.pipeline.work.submit(run.session, Task.POST, row.id)


def duplicate_of(
    document: PlannedDocument, partner: PartnerProfile, earlier: Document | None, name: str
) -> Problem | None:
    """Why a document has to wait whose number an earlier one has; None when it need not."""
    if earlier is None or document.purpose in (*_LINKED_PURPOSES, "duplicate"):
        return None
    if document.kind == "order" and partner.inbound.duplicates.purchase_order == "accept":
        return None
    return Problem(
        ProblemKind.DUPLICATE_NUMBER,
        f"{name} from {partner.name} was received before ({earlier.received_at:%Y-%m-%d %H:%M} UTC); "
        "the second one is held.",
        document.set_id,
    )


def _end(run: _Run, row: Document, states: list[Processing], reason: str, problem: Problem | None) -> None:
    lifecycle.advance(
        run.session,
        row,
        Axis.PROCESSING,
        states,
        actor=_ACTOR,
        reason=reason,
        now=run.now,
        values={"reason": reason},
    )
    if problem is not None:
        open_problem(run.session, row, problem, run.now)
    if row.parent_id is not None:  # what it replays may have waited for this decision
        close_settled(run.session, "document", row.id, actor=_ACTOR, reason=reason, now=run.now)
