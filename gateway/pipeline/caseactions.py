"""What staff do with a case as a whole: take it, note, wait for the partner, close it, try and replay its messages.

Each operation takes the pipeline and plain parameters (``id`` of the case, ``actor``) and gives JSON-able data, as the
operations on single messages do. Every change goes through the lifecycle and stands in the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from gateway.messages import lifecycle
from gateway.messages.axes import Acknowledgement, Axis, Delivery, Processing, Review
from gateway.messages.cases import close_case, close_settled
from gateway.messages.lifecycle import IllegalTransitionError, subject_type
from gateway.messages.models import CaseFile, Document, Transmission
from gateway.messages.queries_cases import waiting_documents, waiting_transmissions
from gateway.pipeline.context import Pipeline
from gateway.pipeline.operations import PipelineOperation, replay_within, resend
from gateway.pipeline.sending import RequestError
from gateway.pipeline.trial import trial
from gateway.staff.accounts import by_name
from gateway.staff.roles import Role, allows

__all__ = ["OPERATIONS"]

#: Messages that are replayed in one transaction.
_BATCH = 100
_CLOSED = (Review.RESOLVED, Review.IGNORED)
_UNREAD = (Processing.RECEIVED.value, Processing.IDENTIFIED.value)
_HELD, _REPLAYABLE = Processing.HELD.value, (Processing.HELD.value, Processing.REJECTED.value)


def assign(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Give a case to somebody: ``assignee`` is a login name, by default the actor. Raises RequestError."""
    who = _who(parameters)
    name = str(parameters.get("assignee") or who).strip().lower()

    def run(session: Session, case: CaseFile, now: datetime) -> str:
        if name != who:
            user = by_name(session, name)
            if user is None or user.disabled_at is not None or not allows(user.roles, Role.OPERATOR):
                raise RequestError(f'"{name}" is nobody who can work on it.', "Choose an open account of an operator.")
        reason = f"{who} took it." if name == who else f"{who} gave it to {name}."
        if case.review == Review.ASSIGNED:
            if case.assignee == name:
                raise RequestError(f"{name} has it already.")
            case.assignee = name
            lifecycle.note(session, case, "assigned", actor=who, reason=reason, now=now, data={"assignee": name})
        else:
            _move(session, case, Review.ASSIGNED, who, reason, now, {"assignee": name, "reason": None})
        return reason

    return _change(pipeline, parameters, run)


def give_back(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Nobody works on it any more: the case is new again."""
    who = _who(parameters)

    def run(session: Session, case: CaseFile, now: datetime) -> str:
        reason = f"{who} gave it back."
        _move(session, case, Review.NEW, who, reason, now, {"assignee": None})
        return reason

    return _change(pipeline, parameters, run)


def add_note(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Write ``reason`` into the case's history; it changes nothing else."""
    who, text = _who(parameters), _reason(parameters, "A note needs its text.")

    def run(session: Session, case: CaseFile, now: datetime) -> str:
        lifecycle.note(session, case, "note", actor=who, reason=text, now=now)
        return "The note was added."

    return _change(pipeline, parameters, run)


def wait(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The partner was told and has to act; ``reason`` says what is waited for."""
    who, text = _who(parameters), _reason(parameters, "Say what the partner was asked for.")

    def run(session: Session, case: CaseFile, now: datetime) -> str:
        _move(session, case, Review.WAITING, who, text, now, {"reason": text})
        return "It waits for the partner now."

    return _change(pipeline, parameters, run)


def resolve(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Close a case as put right, with a reason; refused while messages of it are held: they need a decision."""
    who, text = _who(parameters), _reason(parameters, "A reason is needed: others will ask why.")

    def run(session: Session, case: CaseFile, now: datetime) -> str:
        held = len(_held(session, case.id))
        if held:
            verb = "message of it is" if held == 1 else "messages of it are"
            raise RequestError(f"{held} {verb} still held.", "Replay them, or ignore the case with a reason.")
        _close(session, case, Review.RESOLVED, who, text, now)
        return "It is closed as put right."

    return _change(pipeline, parameters, run)


def ignore(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Close a case for good without a change, with a reason; what is held in it is ignored, too."""
    who, text = _who(parameters), _reason(parameters, "A reason is needed: others will ask why.")

    def run(session: Session, case: CaseFile, now: datetime) -> str:
        _close(session, case, Review.IGNORED, who, text, now)
        held = _held(session, case.id)
        for subject in held:
            lifecycle.move(
                session,
                subject,
                Axis.PROCESSING,
                Processing.IGNORED,
                actor=who,
                reason=text,
                now=now,
                values={"reason": text},
            )
            close_settled(session, subject_type(subject), subject.id, actor=who, reason=text, now=now)
        tail = (
            f" {len(held)} held {'message was' if len(held) == 1 else 'messages were'} ignored with it." if held else ""
        )
        return f"It is closed.{tail}"

    return _change(pipeline, parameters, run)


def replay_all(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Replay every message of a case that is held or rejected, and send failed deliveries again, in their order.

    Each is a child of its original; what is being read again already is left alone, so a second call does nothing
    twice. Gives {"id", "done", "refused", "message"}; ``refused`` lists {"id", "sentence"} of those that could not
    be. Raises RequestError when there is nothing to replay.
    """
    who, case_id = _who(parameters), str(parameters["id"])
    reason = str(parameters.get("reason") or "").strip() or "Replayed together."
    done: list[str] = []
    refused: dict[str, str] = {}
    made: dict[str, list[str]] = {}
    with pipeline.store.read() as session:
        waiting = _replayable(session, case_id)
    for first in range(0, len(waiting), _BATCH):
        batch = waiting[first : first + _BATCH]
        ours = [child for _, parent in batch for child in made.get(parent, ())]
        result = pipeline.store.writer.run(partial(_replay_batch, pipeline, case_id, who, batch, ours))
        refused.update(result.refused)
        for identity, parent, child in result.done:
            done.append(identity)
            made.setdefault(parent, []).append(child)
    for identity in pipeline.store.writer.run(lambda session: _failed_deliveries(session, case_id)):
        resend(pipeline, {"id": identity, "actor": who})
        done.append(identity)
    if not done and not refused:
        raise RequestError("No message of this case waits for a replay.", "What is under way is left to its end.")
    message = f"{len(done)} {'message was' if len(done) == 1 else 'messages were'} started again."
    if refused:
        message += f" {len(refused)} could not be: {next(iter(refused.values()))}"

    def tell(session: Session, case: CaseFile, now: datetime) -> str:
        data = {"done": len(done), "refused": len(refused)}
        lifecycle.note(session, case, "replayed", actor=who, reason=f"{message} {reason}", now=now, data=data)
        return message

    told = _change(pipeline, parameters, tell)
    return {**told, "done": len(done), "refused": [{"id": key, "sentence": text} for key, text in refused.items()]}


@dataclass(frozen=True, slots=True)
class _Replayed:
    """What one transaction of a replay did."""

    #: (message, the transmission it came in, what reads it again) of each that was started.
    done: list[tuple[str, str, str]]
    #: Message → why it could not be.
    refused: dict[str, str]


#: (message, the transmission it came in), in the order of arrival.
_Waiting: TypeAlias = list[tuple[str, str]]


def _replay_batch(
    pipeline: Pipeline, case_id: str, who: str, batch: _Waiting, ours: list[str], session: Session
) -> _Replayed:
    """Replay those of a batch that still wait; ``ours`` are the transmissions that this run made of their kin."""
    result = _Replayed([], {})
    still = {identity for identity, _ in _replayable(session, case_id, [identity for identity, _ in batch], ours)}
    for identity, parent in batch:
        if identity not in still:
            continue
        try:
            made = replay_within(session, pipeline, identity, who)
        except RequestError as error:
            result.refused[identity] = " ".join(filter(None, (str(error), error.fix)))
        else:
            result.done.append((identity, parent, str(made["id"])))
    return result


def _replayable(
    session: Session, case_id: str, only: Sequence[str] | None = None, ours: Sequence[str] = ()
) -> _Waiting:
    """The messages of a case that are undecided and are not being read again already."""
    child, reading = aliased(Document), aliased(Transmission)
    under_way = exists().where(
        reading.parent_id == Transmission.id, reading.processing.in_(_UNREAD), reading.id.not_in(ours)
    )
    documents = (
        waiting_documents(case_id)
        .join(Transmission, Transmission.id == Document.transmission_id)
        .where(
            Document.direction == "in",
            Document.processing.in_(_REPLAYABLE),
            ~exists().where(child.parent_id == Document.id),
            ~under_way,
        )
    )
    transmissions = waiting_transmissions(case_id).where(
        Transmission.direction == "in", Transmission.processing.in_(_REPLAYABLE), ~under_way
    )
    if only is not None:
        documents, transmissions = (
            documents.where(Document.id.in_(only)),
            transmissions.where(Transmission.id.in_(only)),
        )
    found = [
        (row.received_at, row.position, row.id, row.transmission_id or "") for row, *_ in session.execute(documents)
    ]
    found += [(row.created_at, 0, row.id, row.id) for row in session.scalars(transmissions)]
    return [(identity, parent) for _, _, identity, parent in sorted(found)]


def _failed_deliveries(session: Session, case_id: str) -> list[str]:
    failed = waiting_transmissions(case_id).where(
        Transmission.direction == "out", Transmission.delivery == Delivery.FAILED
    )
    return [row.id for row in session.scalars(failed.order_by(Transmission.sequence, Transmission.created_at))]


def waive(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """No acknowledgement of a document of ours is waited for any more: it came by other means. Needs a reason."""
    who, text = _who(parameters), _reason(parameters, "Say how the partner acknowledged it.")

    def run(session: Session) -> dict[str, Any]:
        now = pipeline.clock()
        document = session.get(Document, str(parameters["id"]))
        if document is None or document.direction != "out":
            raise RequestError("There is no document of ours with this id.")
        if document.acknowledgement not in (Acknowledgement.AWAITED, Acknowledgement.OVERDUE):
            state = document.acknowledgement.replace("_", " ")
            raise RequestError(f"Its acknowledgement is not waited for: it is {state}.")
        lifecycle.move(
            session, document, Axis.ACKNOWLEDGEMENT, Acknowledgement.NOT_EXPECTED, actor=who, reason=text, now=now
        )
        close_settled(session, "document", document.id, actor=who, reason=text, now=now)
        return {"id": document.id, "message": "Its acknowledgement is not waited for any more."}

    return pipeline.store.writer.run(run)


# -- parts -----------------------------------------------------------------------------------------------------


def _change(
    pipeline: Pipeline, parameters: Mapping[str, Any], run: Callable[[Session, CaseFile, datetime], str]
) -> dict[str, Any]:
    """Run one change of a case in the writer: {"id", "review", "message"}. Raises RequestError without such a case."""

    def work(session: Session) -> dict[str, Any]:
        case = session.scalar(select(CaseFile).where(CaseFile.id == str(parameters["id"])))
        if case is None:
            raise RequestError(
                f'There is no problem "{parameters["id"]}".', "The list of failures shows what there is."
            )
        message = run(session, case, pipeline.clock())
        return {"id": case.id, "review": case.review, "message": message}

    return pipeline.store.writer.run(work)


def _move(
    session: Session, case: CaseFile, state: Review, who: str, reason: str, now: datetime, values: Mapping[str, Any]
) -> None:
    try:
        moved = lifecycle.move(session, case, Axis.REVIEW, state, actor=who, reason=reason, now=now, values=values)
    except IllegalTransitionError:
        raise RequestError(f"It is {case.review}, so it cannot become {state.value}.", "Look at it again.") from None
    if not moved:
        raise RequestError("Somebody else changed it at this moment.", "Look at it again.")


def _close(session: Session, case: CaseFile, outcome: Review, who: str, reason: str, now: datetime) -> None:
    if case.review in _CLOSED:
        raise RequestError(f"It is {case.review} already.")
    if not close_case(session, case, outcome, actor=who, reason=reason, now=now):
        raise RequestError("Somebody else changed it at this moment.", "Look at it again.")


def _held(session: Session, case_id: str) -> list[Document | Transmission]:
    documents = session.execute(waiting_documents(case_id).where(Document.processing == _HELD))
    transmissions = session.scalars(waiting_transmissions(case_id).where(Transmission.processing == _HELD))
    return [*(row for row, *_ in documents), *transmissions]


def _reason(parameters: Mapping[str, Any], wanted: str) -> str:
    text = str(parameters.get("reason") or "").strip()
    if not text:
        raise RequestError(wanted)
    return text


def _who(parameters: Mapping[str, Any]) -> str:
    return str(parameters.get("actor") or "staff")


#: Name → operation, as the control socket and the pages ask for them.
OPERATIONS: dict[str, PipelineOperation] = {
    "case.assign": assign,
    "case.give_back": give_back,
    "case.note": add_note,
    "case.wait": wait,
    "case.resolve": resolve,
    "case.ignore": ignore,
    "case.trial": trial,
    "case.replay": replay_all,
    "acknowledgement.waive": waive,
}
