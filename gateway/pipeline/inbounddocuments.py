"""The documents of a received interchange: stored, judged against what came before, and sent on or held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, Text, bindparam, select
from sqlalchemy.orm import Session

from gateway.messages import lifecycle, orders
from gateway.messages.axes import Acknowledgement, Axis, Processing
from gateway.messages.cases import close_settled
from gateway.messages.ids import document_id
from gateway.messages.models import Document, Interchange, Transmission
from gateway.messages.ports import Task
from gateway.messages.searchkeys import add_keys
from gateway.partners.profile import PartnerProfile
from gateway.pipeline.context import SOFTWARE, Pipeline
from gateway.pipeline.outgoing import findings_json
from gateway.pipeline.planned import PlannedDocument, PlannedInterchange
from gateway.pipeline.problems import Problem, ProblemKind, open_problem
from gateway.store import payloads
from gateway.store.base import KeyText
from gateway.store.prepared import Prepared

__all__ = ["ACTOR", "InboundRun", "duplicate_of", "key_holder", "take_document"]

#: Who events of the way in are by.
ACTOR = "pipeline"
#: Purposes of a document that repeats, changes or cancels another one with its number (element 353).
_LINKED_PURPOSES = frozenset({"change", "replace", "cancellation", "confirmation"})

_DOCUMENTS = cast("Table", Document.__table__)
# Built once: it runs for every document.
_KEY_HOLDER = Prepared(
    select(_DOCUMENTS.c.id).where(
        _DOCUMENTS.c.partner == bindparam("partner", type_=Text),
        _DOCUMENTS.c.direction == "in",
        _DOCUMENTS.c.business_key == bindparam("business_key", type_=KeyText),
        _DOCUMENTS.c.owns_key,
    )
)


@dataclass(slots=True)
class InboundRun:
    """What one transaction over one transmission works with."""

    session: Session
    pipeline: Pipeline
    transmission: Transmission
    bodies: dict[str, bytes | payloads.StagedPayload]
    now: datetime
    #: The message that this one reads again, and the one document that is wanted of it (a replay).
    replays: str | None = None
    only: tuple[int, int, int] | None = None
    #: For an edited copy: {"document": the one it corrects or None, "answer": whether an acknowledgement goes out}.
    edit: Mapping[str, Any] | None = None
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


def take_document(
    run: InboundRun,
    planned: PlannedInterchange,
    partner: PartnerProfile,
    interchange: Interchange,
    document: PlannedDocument,
    preserved: frozenset[str],
) -> None:
    """Store one planned document and decide what becomes of it; ``preserved`` are groups that wait as a whole."""
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
    lifecycle.begin_values(session, Document, values, actor=ACTOR, reason=reason, now=now)
    add_keys(session, document.id, document.kind, body)
    # What is stored, to go on with; the session need not know it.
    row = Document(**values)
    orders.link(session, row, document.order, partner, now)
    _decide(run, row, partner, document, earlier, preserved)


def _lower_first(name: str) -> str:
    """ "interchange 000000001" within a sentence; a document keeps its name ("Order PO-1")."""
    return name.replace("Interchange", "interchange", 1)


def _replayed(run: InboundRun, document: PlannedDocument) -> str | None:
    """The document that this one reads again."""
    if run.replays is None:
        return None
    if run.edit:
        return str(run.edit["document"]) if run.edit["document"] else None
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
    run: InboundRun,
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


def _end(run: InboundRun, row: Document, states: list[Processing], reason: str, problem: Problem | None) -> None:
    lifecycle.advance(
        run.session,
        row,
        Axis.PROCESSING,
        states,
        actor=ACTOR,
        reason=reason,
        now=run.now,
        values={"reason": reason},
    )
    if problem is not None:
        open_problem(run.session, row, problem, run.now)
    if row.parent_id is not None:  # what it replays may have waited for this decision
        close_settled(run.session, "document", row.id, actor=ACTOR, reason=reason, now=run.now)
