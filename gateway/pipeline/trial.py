"""A dry run: what a replay of a case's messages would do with today's profiles and maps, with nothing written.

Every message that waits is read again from its stored bytes by the plan that the real run uses. Nothing is stored or
sent and no control number is taken; what depends on the store (a number that came before) is looked up. With a fix the
messages are read as if the profiles that it changes were in force.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from gateway.messages.axes import Processing
from gateway.messages.corrections import needs_second_person
from gateway.messages.models import Document, Transmission
from gateway.messages.queries_cases import case_card, waiting_documents, waiting_transmissions
from gateway.partners import registry
from gateway.pipeline.context import Pipeline
from gateway.pipeline.fixes import Case, Fix, Offer, about_amounts, chosen, patched, read_case
from gateway.pipeline.fixkinds import offers
from gateway.pipeline.inbounddocuments import duplicate_of, key_holder
from gateway.pipeline.patched import with_profiles
from gateway.pipeline.plan import plan_transmission, too_large
from gateway.pipeline.planned import PlannedDocument, TransmissionPlan
from gateway.pipeline.sending import RequestError
from gateway.store import payloads
from gateway.store.errors import StoreError

__all__ = ["MOST_TRIED", "NO_SUCH_FIX", "helpful", "trial"]

#: What is said of a fix that is none of those that suit the case.
NO_SUCH_FIX = ("This fix does not suit the failure any more.", "Look at the failure again: it may have changed.")

#: Messages that one dry run reads; a case may have more.
MOST_TRIED = 500
#: Differences that are named of one document.
MOST_DIFFERENCES = 12
#: Bytes of an example up to which every fix is tried on it before it is offered.
MOST_PROBED = 256 * 1024
_LONGEST = 120
#: What stands in the way of a message of which nothing can be read; more than any number of errors.
_BLOCKED = 1_000_000


@dataclass(frozen=True, slots=True)
class _Member:
    """What is known of one message before it is read again."""

    id: str
    type: str
    name: str
    partner: str | None
    transmission_id: str
    #: True = a replay hands the document on as it was read then.
    released: bool
    canonical: bytes | None
    #: Why it cannot be tried; "" when it can.
    obstacle: str = ""


def trial(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Read every waiting received message of a case again, and say of each how it would end.

    With ``fix`` (its kind, place, value and choice) they are read as if it were applied. Gives {"case", "waiting",
    "tried", "counts", "members", "fix"}. A member's ``result`` is "pass" (it would go on), "changed" (it would go on,
    and today's reading differs from the kept one: ``differences``), "fail" or "unable". ``fix`` is None without one,
    else {"title", "consequence", "parameters", "profiles", "amounts", "second_person"}. Raises MessageNotFoundError,
    RequestError when no such fix suits the case, and PartnerClashError when it would take what is another partner's.
    """
    case_id, asked = str(parameters["id"]), parameters.get("fix")
    with pipeline.store.read() as session:
        card = case_card(session, case_id)
        members = list(_members(session, case_id))
        case = read_case(pipeline, session, case_id) if asked else None
    fix = None if case is None else chosen(offers(case), asked or {})
    if asked and fix is None:
        raise RequestError(*NO_SUCH_FIX)
    reader = _Reader(_as_if(pipeline, case, fix) if case and fix else with_profiles(pipeline, {}))
    results = [reader.result(member) for member in members]
    counts = dict.fromkeys(("pass", "changed", "fail", "unable"), 0)
    for one in results:
        counts[one["result"]] += 1
    return {
        "case": case_id,
        "waiting": card["waiting"],
        "tried": len(results),
        "counts": counts,
        "members": results,
        "fix": _fix_json(pipeline, case, fix, reader.amounts) if case and fix else None,
    }


def _as_if(pipeline: Pipeline, case: Case, fix: Fix) -> Pipeline:
    return with_profiles(pipeline, patched(case, fix) or {})


def _fix_json(pipeline: Pipeline, case: Case, fix: Fix, amounts: bool) -> dict[str, Any]:
    """What a fix is, and what it changes in each profile. Raises PartnerClashError."""
    after = patched(case, fix) or {}
    with pipeline.store.read() as session:
        changes = registry.plan(session, list(after.values()))
    amounts = amounts or fix.amounts
    return {
        "title": fix.title,
        "consequence": fix.consequence,
        "parameters": fix.parameters,
        "profiles": [
            {**registry.change_json(change), "name": after[change.code].name, "base": pipeline.version(change.code)}
            for change in changes
        ],
        "amounts": amounts,
        "second_person": needs_second_person(pipeline.second_person, amounts_change=amounts),
    }


def helpful(pipeline: Pipeline, case: Case, found: Sequence[Offer]) -> list[Offer]:
    """The offers that would help the example of a case, those first with which it would go on as a whole.

    Each is tried on that one message; one too large for that gets every offer.
    """
    if case.example is None or case.size > MOST_PROBED:
        return list(found)
    with pipeline.store.read() as session:
        member = next((one for one in _members(session, case.id, case.example[1])), None)
    if member is None:
        return list(found)
    before = _Reader(pipeline).obstacle(member)
    after = [(_Reader(_as_if(pipeline, case, offer.ways[0])).obstacle(member), offer) for offer in found]
    return [offer for left, offer in sorted(after, key=lambda entry: entry[0]) if left < before]


def _members(session: Session, case_id: str, only: str | None = None) -> Iterator[_Member]:
    """What waits of a case, the oldest first; or one message of it."""
    documents = waiting_documents(case_id).where(Document.direction == "in")
    transmissions = waiting_transmissions(case_id).where(Transmission.direction == "in")
    if only is not None:
        documents, transmissions = documents.where(Document.id == only), transmissions.where(Transmission.id == only)
    for row, *_ in session.execute(documents.order_by(Document.received_at, Document.position).limit(MOST_TRIED)):
        canonical, obstacle = None, ""
        try:
            canonical = payloads.get(session, row.canonical_sha256) if row.canonical_sha256 else None
        except StoreError as error:
            obstacle = str(error)
        name = f"{row.set_id} {row.number or ''}".strip()
        released = row.processing == Processing.HELD and row.canonical_sha256 is not None
        yield _Member(row.id, "document", name, row.partner, row.transmission_id or "", released, canonical, obstacle)
    for whole in session.scalars(transmissions.order_by(Transmission.created_at).limit(MOST_TRIED)):
        name = whole.filename or f"{whole.transport} message"
        yield _Member(whole.id, "transmission", name, whole.partner, whole.id, False, None)


class _Reader:
    """Plans transmissions, each once while its documents follow each other, and judges what came out."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._last: tuple[str, TransmissionPlan | str] = ("", "")
        #: Business numbers that members before would take.
        self._taken: set[tuple[str, str]] = set()
        #: Whether prices, quantities or sums of a member would be read otherwise than they were.
        self.amounts = False

    def result(self, member: _Member) -> dict[str, Any]:
        """How this member would end."""
        base = {"id": member.id, "type": member.type, "name": member.name, "partner": member.partner}
        result, sentence, differences = self._judge(member)
        return {**base, "result": result, "sentence": sentence, "differences": differences}

    def obstacle(self, member: _Member) -> int:
        """How much stands in the way of a message: 0 = nothing, else the number of errors in it."""
        plan = member.obstacle or self._plan(member)
        if isinstance(plan, str) or _obstacle(plan):
            return _BLOCKED
        documents = [one for one in _documents(plan) if member.type == "transmission" or one.id == member.id]
        weights = [self._weight(plan, one, member.partner or "") for one in documents]
        return sum(weights) if documents else _BLOCKED

    def _weight(self, plan: TransmissionPlan, planned: PlannedDocument, partner: str) -> int:
        errors = sum(1 for finding in planned.findings if finding.severity == "error")
        if self._why_not(planned, partner):
            return max(errors, 1)
        profile = self._pipeline.profile(partner)
        preserved = profile is not None and profile.inbound.bad_set == "preserve"
        return int(preserved and any(not one.accepted for one in _documents(plan)))

    def _judge(self, member: _Member) -> tuple[str, str, list[dict[str, str]]]:
        plan = member.obstacle or self._plan(member)
        if isinstance(plan, str):
            return "unable", plan, []
        if member.type == "transmission":
            return (*_whole(plan), [])
        planned = next((one for one in _documents(plan) if one.id == member.id), None)
        if member.released:
            found = _otherwise(member, planned)
            self.amounts = self.amounts or any(about_amounts(each["path"]) for each in found)
            return _release(found)
        if planned is None:
            return "fail", _obstacle(plan) or "This document is not found in its bytes any more.", []
        sentence = self._why_not(planned, member.partner or "")
        if sentence:
            return "fail", sentence, []
        return "pass", "It would go to the back office.", []

    def _plan(self, member: _Member) -> TransmissionPlan | str:
        if self._last[0] != member.transmission_id:
            self._last = (member.transmission_id, self._read(member.transmission_id))
        return self._last[1]

    def _read(self, transmission_id: str) -> TransmissionPlan | str:
        """The plan, or why there is none."""
        with self._pipeline.store.read() as session:
            row = session.get_one(Transmission, transmission_id)
            partner, size = row.partner, row.size
            if row.payload_sha256 is None or (size == 0 and row.wire_payload_sha256):
                return "Its transport refused it; a replay opens the bytes again with today's certificates."
            try:
                payload = payloads.get(session, row.payload_sha256)
            except StoreError as error:
                return str(error)
        return too_large(self._pipeline, partner, size) or plan_transmission(
            self._pipeline, transmission_id, partner, payload
        )

    def _why_not(self, planned: PlannedDocument, partner: str) -> str:
        """Why a document that is read again would not go on; "" when it would."""
        if planned.problem is not None:
            return planned.problem.sentence
        if not planned.accepted or planned.body is None:
            return "It would be rejected again." if not planned.accepted else ""
        profile = self._pipeline.profile(partner)
        with self._pipeline.store.read() as session:
            earlier = key_holder(session, partner, planned.business_key)
        name = f"{planned.set_id} {planned.number or ''}".strip()
        if earlier is not None and earlier.id == planned.id:  # its own number, from when it was held
            earlier = None
        problem = duplicate_of(planned, profile, earlier, name) if profile else None
        if problem is not None:
            return problem.sentence
        key = (partner, planned.business_key or "")
        if planned.business_key and key in self._taken and planned.purpose == "original":
            return f"{name} is in this case more than once; the second one would be held."
        self._taken.add(key)
        return ""


def _documents(plan: TransmissionPlan) -> Iterator[PlannedDocument]:
    return (document for interchange in plan.interchanges for document in interchange.documents)


def _obstacle(plan: TransmissionPlan) -> str:
    """Why a plan, or an interchange of it, leads nowhere; "" when nothing stands in the way."""
    if plan.unreadable is not None:
        return plan.unreadable.sentence
    problems = (one.hold or one.refusal for one in plan.interchanges)
    return next((problem.sentence for problem in problems if problem is not None), "")


def _whole(plan: TransmissionPlan) -> tuple[str, str]:
    """How a transmission that belongs to the case as a whole would end."""
    sentence = _obstacle(plan)
    if sentence:
        return "fail", sentence
    documents = list(_documents(plan))
    problems = [document.problem for document in documents if document.problem is not None]
    if problems:
        return "fail", problems[0].sentence
    count = len(documents)
    return "pass", f"It would be read: {count} {'document' if count == 1 else 'documents'}."


def _otherwise(member: _Member, planned: PlannedDocument | None) -> list[dict[str, str]]:
    """How today's reading of a document differs from the one that was kept."""
    if planned is None or planned.body is None or member.canonical is None:
        return []
    return list(_differences(json.loads(member.canonical), json.loads(planned.body)))


def _release(found: list[dict[str, str]]) -> tuple[str, str, list[dict[str, str]]]:
    """A held document that was read then: a replay hands it on as it is; ``found`` is what is read otherwise today."""
    sentence = "It would go to the back office as it was read."
    if not found:
        return "pass", sentence, []
    return "changed", f"{sentence} Today it would be read otherwise.", found[:MOST_DIFFERENCES]


def _differences(before: Any, after: Any, path: str = "") -> Iterator[dict[str, str]]:
    """Where two JSON values differ: {"path", "before", "after"}, in the order of the first."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from _differences(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            old, new = (part[index] if index < len(part) else None for part in (before, after))
            yield from _differences(old, new, f"{path}[{index + 1}]")
    elif before != after:
        yield {"path": path, "before": _text(before), "after": _text(after)}


def _text(value: Any) -> str:
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
