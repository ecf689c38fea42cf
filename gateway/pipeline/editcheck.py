"""What would become of an edited copy, said before it exists: nothing is stored, sent or numbered.

The edited text is read by the plan that the real run uses, with today's profile and maps; a document of ours by the
checks of the way out. What depends on the store (a number that came before) is looked up.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from gateway.documents import DocumentError
from gateway.messages.corrections import needs_second_person
from gateway.pipeline.context import Pipeline
from gateway.pipeline.editcontent import Content, ContentRefusedError, Fault, encoded, whole
from gateway.pipeline.editdiff import Change, changes, flat
from gateway.pipeline.editsubject import Subject
from gateway.pipeline.fixes import about_amounts
from gateway.pipeline.inbounddocuments import duplicate_of, key_holder
from gateway.pipeline.outbound import number_holder, prepared_document
from gateway.pipeline.outgoing import RefusedError, findings_json
from gateway.pipeline.plan import plan_transmission, too_large
from gateway.pipeline.planned import PlannedDocument, TransmissionPlan
from gateway.pipeline.problems import ProblemKind
from gateway.pipeline.xmlplan import looks_like_xml
from gateway.standards.edi.schema import load_release, release_for
from gateway.standards.x12.envelope import read_transmission
from gateway.standards.xml.identify import identify_xml
from gateway.standards.xml.parsing import XmlRefused, parse_xml
from gateway.store import payloads
from gateway.store.errors import PayloadRemovedError

__all__ = ["Checked", "check"]

#: Under this name a copy is read that does not exist yet.
_NOBODY = str(uuid.UUID(int=0))
#: What no edit of the content puts right.
_HOPELESS = (ProblemKind.UNREADABLE, ProblemKind.UNKNOWN_SENDER, ProblemKind.SENDER_MISMATCH)
#: Changes that are listed, and characters of a value in them.
MOST_CHANGES, _LONGEST = 500, 200


@dataclass(slots=True)
class Checked:
    """What is known of an edited text."""

    #: "posted", "sent", "held", "rejected", "ignored", "unchanged", or "refused" (no copy can be made of it).
    state: str = "refused"
    sentence: str = ""
    findings: list[dict[str, Any]] = field(default_factory=list)
    #: Why no copy can be made, each with its place.
    faults: list[Fault] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    #: What the back office would read otherwise: {"path", "before", "after"}.
    results: list[dict[str, str]] = field(default_factory=list)
    amounts: bool = False
    #: What the copy is made of; None while it is refused.
    data: bytes | None = None
    payload: bytes | None = None

    @property
    def submittable(self) -> bool:
        """Whether a copy may be sent: it would go on, or wait for a person with a reason of its own."""
        return self.state in ("posted", "sent", "held")

    def json(self, pipeline: Pipeline, subject: Subject) -> dict[str, Any]:
        """The check as plain values."""
        second = needs_second_person(pipeline.second_person, amounts_change=self.amounts)
        return {
            "id": subject.message.id,
            "ok": self.state in ("posted", "sent"),
            "submittable": self.submittable,
            "state": self.state,
            "sentence": self.sentence,
            "findings": self.findings,
            "faults": [asdict(fault) for fault in self.faults],
            "changes": changes_json(self.changes),
            "count": len(self.changes),
            "results": self.results,
            "amounts": self.amounts,
            "second_person": second,
            "base": subject.base,
        }


def changes_json(found: Sequence[Change]) -> list[dict[str, str]]:
    """Changes as they are stored and shown, long values cut."""
    return [{name: _cut(value) for name, value in asdict(change).items()} for change in found[:MOST_CHANGES]]


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def check(pipeline: Pipeline, subject: Subject, text: str) -> Checked:
    """Everything that the real run would say about an edited text."""
    result = Checked()
    content = subject.content
    try:
        result.changes = changes(content, content.text, text)
        result.data = encoded(content, text)
        _limits(pipeline, subject, result.data)
        result.payload = whole(content, result.data)
        _same_message(pipeline, subject, result)
    except ContentRefusedError as error:
        result.payload = None
        result.faults = list(error.faults)
        result.sentence = error.faults[0].message
        return result
    except DocumentError as error:
        result.faults = [Fault(each.path, f"{each.path or 'The document'}: {each.message}") for each in error.errors]
        result.sentence = result.faults[0].message
        return result
    if subject.outbound:
        _check_ours(pipeline, subject, result)
    else:
        _check_received(pipeline, subject, result)
    result.amounts = any(about_amounts(f"{one.place} {one.name}") for one in result.changes) or any(
        about_amounts(one["path"]) for one in result.results
    )
    if not result.changes:
        result.state, result.sentence = "unchanged", f"Nothing is changed yet. {result.sentence}".strip()
    return result


def _limits(pipeline: Pipeline, subject: Subject, data: bytes) -> None:
    refused = None if subject.outbound else too_large(pipeline, subject.message.partner, len(data))
    if refused is not None and refused.unreadable is not None:
        raise ContentRefusedError([Fault("", refused.unreadable.sentence)])


# -- it must be the same message -------------------------------------------------------------------------------


def _same_message(pipeline: Pipeline, subject: Subject, result: Checked) -> None:
    """Raises ContentRefusedError when sender, receiver or kind of the message were edited."""
    content, payload = subject.content, result.payload or b""
    if content.form == "x12":
        found = read_transmission(payload).interchanges[0].groups[0].sets
        if _is_known(content) and found and found[0].set_id != content.set_id:
            said = f"ST01: the copy of a {content.set_id} cannot become a {found[0].set_id or 'set without a name'}."
            raise ContentRefusedError([Fault("ST01 (segment 1)", said, 1)])
        return
    if content.form == "json":
        before, after = (json.loads(each).get("kind") for each in (content.text, payload))
        if before != after:
            raise ContentRefusedError([Fault("kind", f"A copy of this {before} cannot become a {after}.")])
        return
    before, after = (_parties(each) for each in (encoded(content, content.text), payload))
    if before and after and before != after:
        said = f"The copy names {_named(after)}; the message names {_named(before)}."
        raise ContentRefusedError([Fault("", f"{said} Who sent it to whom cannot be edited.")])
    if not before and subject.message.partner is None:
        said = "It is not known who sent this, so nobody can say that a copy of it is theirs."
        raise ContentRefusedError([Fault("", f"{said} Ask the sender to send it again.")])


def _is_known(content: Content) -> bool:
    """Whether the message was of a set that its release knows: a set that nobody knows may be put right."""
    release = release_for(content.version)
    return release is not None and content.set_id in load_release(release).sets


def _parties(payload: bytes) -> frozenset[tuple[str, str]]:
    """(sender, receiver) of every envelope that can be read."""
    if looks_like_xml(payload):
        try:
            documents = identify_xml(parse_xml(payload))
        except XmlRefused:
            return frozenset()
        named = ((sorted(map(str, one.sender)), sorted(map(str, one.receiver))) for one in documents)
        return frozenset((", ".join(sender), ", ".join(receiver)) for sender, receiver in named if sender or receiver)
    return frozenset(
        (f"{one.sender_qualifier}:{one.sender_id}", f"{one.receiver_qualifier}:{one.receiver_id}")
        for one in read_transmission(payload).interchanges
        if one.isa
    )


def _named(parties: frozenset[tuple[str, str]]) -> str:
    return "; ".join(f"{sender or 'nobody'} → {receiver or 'nobody'}" for sender, receiver in sorted(parties)[:3])


# -- received --------------------------------------------------------------------------------------------------


def _check_received(pipeline: Pipeline, subject: Subject, result: Checked) -> None:
    plan = plan_transmission(pipeline, _NOBODY, subject.message.partner, result.payload or b"")
    documents = [one for each in plan.interchanges for one in each.documents]
    result.findings = _findings(plan, documents)
    stopped = _stopped(subject, plan)
    if stopped is not None:
        result.state, result.sentence = stopped
        return
    ends = [_end_of(pipeline, subject, one) for one in documents]
    if not ends:
        result.state, result.sentence = "posted", "It would be read; no document for the back office is in it."
        return
    order = ("rejected", "held", "ignored", "posted")
    result.state, result.sentence = min(ends, key=lambda end: order.index(end[0]))
    if len(ends) > 1:
        result.sentence = f"Of {len(ends)} documents, the first that matters: {result.sentence}"
    document = subject.document
    if document is not None and document.canonical_sha256 and documents and documents[0].body:
        try:
            with pipeline.store.read() as session:
                earlier = payloads.get(session, document.canonical_sha256)
        except PayloadRemovedError:  # its bytes are still there, what was made of them is not: nothing to compare with
            return
        result.results = _results(json.loads(earlier), json.loads(documents[0].body))


def _findings(plan: TransmissionPlan, documents: Sequence[PlannedDocument]) -> list[dict[str, Any]]:
    found = [finding for each in plan.interchanges for finding in each.checked.findings]
    said = [finding for one in documents for finding in one.findings]
    return [*(findings_json(said) or ()), *(findings_json([one for one in found if one not in said]) or ())]


def _stopped(subject: Subject, plan: TransmissionPlan) -> tuple[str, str] | None:
    """Why the whole would not be read, if it would not."""
    if plan.unreadable is not None:
        return "rejected", plan.unreadable.sentence
    for each in plan.interchanges:
        if each.partner is not None and subject.message.partner not in (None, each.partner.code):
            return "refused", f"It names {each.partner.name} as its sender, who did not send it."
        problem = each.refusal or each.hold
        if problem is not None:
            return ("rejected" if each.refusal or problem.kind in _HOPELESS else "held"), problem.sentence
    return None


def _end_of(pipeline: Pipeline, subject: Subject, planned: PlannedDocument) -> tuple[str, str]:
    """(state, sentence) of one document of the copy."""
    name = f"{planned.kind.replace('_', ' ')} {planned.number or ''}".strip()
    if not planned.accepted:
        return "rejected", planned.problem.sentence if planned.problem else f"{name} would be rejected again."
    if planned.problem is not None:
        return "held", planned.problem.sentence
    if planned.body is None:
        return "posted", planned.settled or f"{name} would be matched with what we sent."
    partner = subject.message.partner or ""
    profile = subject.profile
    with pipeline.store.read() as session:
        earlier = key_holder(session, partner, planned.business_key)
        if earlier is not None and earlier.id == subject.message.id:
            earlier = None  # the message itself gives its number to the copy
        problem = duplicate_of(planned, profile, earlier, name) if profile else None
    if earlier is not None and planned.purpose == "duplicate":
        return "ignored", f"{name} would be taken for a resend of one that came before, and ignored."
    if problem is not None:
        return "held", problem.sentence
    return "posted", f"It would be posted to the back office as {name}."


# -- ours ------------------------------------------------------------------------------------------------------


def _check_ours(pipeline: Pipeline, subject: Subject, result: Checked) -> None:
    document = subject.document
    assert document is not None  # the only kind of ours that is edited
    try:
        profile, prepared = prepared_document(
            pipeline, result.payload or b"", partner=document.partner, parent_id=document.id
        )
        with pipeline.store.read() as session:
            number_holder(session, profile, prepared, document.id)
    except RefusedError as error:
        result.faults = [Fault(one.path, " ".join(filter(None, (one.message, one.fix)))) for one in error.reasons]
        result.state, result.sentence = "rejected", result.faults[0].message
        return
    result.findings = findings_json(prepared.findings) or []
    name = f"{prepared.document.kind.replace('_', ' ')} {prepared.document.number or ''}".strip()
    numbers = "new control numbers" if prepared.standard.startswith("x12") else "a new id"
    result.state, result.sentence = "sent", f"It would be sent to {profile.name} as {name}, under {numbers}."


def _results(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, str]]:
    """What a document is read as otherwise than before; its own id and envelope aside."""
    old, new = ({path: value for path, value in flat(each) if not _own(path)} for each in (before, after))
    found = []
    for path in [*old, *(path for path in new if path not in old)]:
        if old.get(path) != new.get(path):
            shown = {"before": old.get(path), "after": new.get(path)}
            found.append({"path": path, **{key: _cut("" if v is None else str(v)) for key, v in shown.items()}})
    return found[:MOST_CHANGES]


def _own(path: str) -> bool:
    return path == "id" or path.startswith(("envelope", "source"))
