"""Sending files: canonical JSON and X12 from a back office, or bytes that go out unchanged.

``submit_file`` is what ``gateway send`` does with one file. JSON and X12 become documents in our own envelopes;
with ``as_is`` the bytes are queued untouched and only noted, so that their acknowledgements find them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from gateway.documents import dump_document
from gateway.mapping import MapError, load_map, read_document
from gateway.messages import lifecycle
from gateway.messages.axes import Axis, Processing
from gateway.messages.ids import derived_id
from gateway.messages.models import Document, Interchange, Transmission
from gateway.partners import rules
from gateway.partners.errors import OperationError
from gateway.partners.profile import PartnerProfile
from gateway.pipeline.context import SOFTWARE, Pipeline
from gateway.pipeline.outbound import Reason, RefusedError, submit_document
from gateway.pipeline.queueing import NoTransportError, queue
from gateway.standards.x12.check import CheckedInterchange, CheckedSet, check_transmission
from gateway.standards.x12.codes import ACKNOWLEDGEMENT_SETS, DOCUMENT_KINDS
from gateway.store import payloads

__all__ = ["RequestError", "send", "submit_file"]


class RequestError(OperationError):
    """The request cannot be carried out; ``fix`` says what to do instead."""


def send(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Send files: ``files`` is a list of {name, content (base64)}, ``partner`` and ``as_is`` are optional."""
    results = []
    for entry in parameters["files"]:
        try:
            content = base64.b64decode(entry["content"], validate=True)
        except (binascii.Error, ValueError):
            raise RequestError(f"The content of {entry.get('name')} is not base64.") from None
        results.append(
            submit_file(
                pipeline,
                str(entry["name"]),
                content,
                partner=parameters.get("partner"),
                as_is=bool(parameters.get("as_is")),
            )
        )
    return {"files": results}


def submit_file(
    pipeline: Pipeline, name: str, content: bytes, *, partner: str | None = None, as_is: bool = False
) -> dict[str, Any]:
    """Send one file: a canonical document (JSON) or X12. The result names every reason when it is refused."""
    try:
        if as_is:
            sent = [_send_as_is(pipeline, name, content, partner)]
        elif content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
            sent = [_sent(pipeline, body, partner) for body in _json_documents(content)]
        else:
            sent = [_sent(pipeline, body, to) for body, to in _x12_documents(pipeline, content, partner)]
    except RefusedError as error:
        reasons = [{"path": r.path, "message": r.message, "fix": r.fix} for r in error.reasons]
        return {"name": name, "result": "refused", "reasons": reasons, "documents": []}
    already = all(one["result"] == "duplicate" for one in sent)
    return {
        "name": name,
        "result": "duplicate" if already else "queued",
        "reference": ", ".join(one["reference"] for one in sent),
        "documents": sent,
        "reasons": [],
    }


def _sent(pipeline: Pipeline, body: bytes, partner: str | None) -> dict[str, Any]:
    done = submit_document(pipeline, body, partner=partner)
    return {
        "result": "duplicate" if done.already else "queued",
        "document": done.document_id,
        "transmission": done.transmission_id,
        "partner": done.partner,
        "kind": done.kind,
        "number": done.number,
        "reference": f"{done.kind} {done.number} to {done.partner}",
    }


def _json_documents(content: bytes) -> list[bytes]:
    """The documents of a file: one object, or a list of them."""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return [content]  # the document parser says what is wrong with it, and where
    if not isinstance(data, list):
        return [content]
    return [json.dumps(entry, ensure_ascii=False).encode() for entry in data]


def _x12_documents(pipeline: Pipeline, content: bytes, partner: str | None) -> list[tuple[bytes, str]]:
    """The canonical documents in an X12 file, each with the partner it is for.

    Raises RefusedError for a file that is not valid: it is sent with new envelopes, so it must be understood.
    """
    checked = check_transmission(content)
    if not checked.interchanges:
        raise RefusedError([Reason("", checked.transmission.unreadable)])
    found: list[tuple[bytes, str]] = []
    reasons: list[Reason] = []
    for interchange in checked.interchanges:
        for group in interchange.groups:
            for one in group.sets:
                if not one.accepted:
                    errors = [f for f in (*group.findings, *one.findings) if f.severity == "error"]
                    reasons += [Reason(f.segment or "", f.message, f.fix) for f in errors]
                    continue
                to = partner or _receiver_of(pipeline, interchange)
                found.append((_canonical(pipeline, one), to))
    if reasons or not found:
        raise RefusedError(reasons or [Reason("", "The file holds no transaction set.")])
    return found


def _receiver_of(pipeline: Pipeline, interchange: CheckedInterchange) -> str:
    source = interchange.interchange
    code = pipeline.directory.by_isa(source.receiver_qualifier, source.receiver_id, source.usage)
    if code is None:
        name = f"{source.receiver_qualifier}:{source.receiver_id}"
        message = f"The interchange is addressed to {name} (ISA07, ISA08), which is no partner."
        raise RefusedError([Reason("receiver", message, "Name the partner with --partner.")])
    return code


def _canonical(pipeline: Pipeline, one: CheckedSet) -> bytes:
    try:
        cmap = load_map("x12", one.release or "", one.set_id, workdir=pipeline.workdir)
    except (FileNotFoundError, MapError) as error:
        message = f"No map reads a {one.set_id}: {error}"
        raise RefusedError([Reason("ST", message, "Send it unchanged with --as-is.")]) from error
    result = read_document(cmap, one.tree(), None)
    errors = [finding for finding in result.findings if finding.severity == "error"]
    if errors:
        raise RefusedError([Reason(f.segment or "", f.message, f.fix) for f in errors])
    return dump_document(result.document.model_copy(update={"id": None, "envelope": None}))


def _send_as_is(pipeline: Pipeline, name: str, content: bytes, partner: str | None) -> dict[str, Any]:
    """Queue bytes unchanged; the sets in them are noted so that their acknowledgements find them."""
    checked = check_transmission(content)
    if not checked.interchanges and partner is None:
        raise RefusedError([Reason("", checked.transmission.unreadable, "Name the partner with --partner.")])
    code = partner or _receiver_of(pipeline, checked.interchanges[0])
    profile = pipeline.profile(code)
    if profile is None:
        raise RefusedError([Reason("receiver", f'There is no partner "{code}".')])
    stage = payloads.stage(pipeline.store.blobs, content)

    def run(session: Session) -> dict[str, Any]:
        now = pipeline.clock()
        release = next((g.release for i in checked.interchanges for g in i.groups if g.release), None)
        try:
            row = queue(
                session,
                pipeline,
                profile,
                stage,
                size=len(content),
                name=name,
                standard=f"x12-{release}" if release else "unknown",
                test=any(i.interchange.usage == "T" for i in checked.interchanges),
                now=now,
            )
        except NoTransportError as error:
            raise RefusedError([Reason("receiver", str(error))]) from error
        ids = [_note_sent(session, pipeline, profile, row, one) for one in checked.interchanges]
        return {
            "result": "queued",
            "document": next((i for found in ids for i in found), None),
            "transmission": row.id,
            "partner": code,
            "kind": "as-is",
            "number": name,
            "reference": f"{name} to {code}, unchanged",
        }

    return pipeline.store.writer.run(run)


def _note_sent(
    session: Session, pipeline: Pipeline, profile: PartnerProfile, row: Transmission, one: CheckedInterchange
) -> list[str]:
    now, source = pipeline.clock(), one.interchange
    interchange = Interchange(
        id=derived_id("interchange", row.id, source.index),
        transmission_id=row.id,
        position=source.index + 1,
        direction="out",
        partner=profile.code,
        sender=f"{source.sender_qualifier}:{source.sender_id}",
        receiver=f"{source.receiver_qualifier}:{source.receiver_id}",
        control=source.control,
        version=source.version,
        test=source.usage == "T",
        sha256=hashlib.sha256(source.raw).hexdigest(),
        received_at=now,
        verdict=one.verdict,
    )
    session.add(interchange)
    session.flush()
    ids = []
    places = [(group, one_set) for group in one.groups for one_set in group.sets]
    for position, (group, one_set) in enumerate(places, 1):
        due = rules.acknowledgement_due(profile, one_set.set_id, now)
        if one_set.set_id in ACKNOWLEDGEMENT_SETS:
            due = None
        document = Document(
            id=derived_id("as-is", row.id, source.index, position),
            direction="out",
            kind=DOCUMENT_KINDS.get(one_set.set_id, f"x12_{one_set.set_id or 'unknown'}"),
            standard=f"x12-{one_set.release or group.group.version}",
            set_id=one_set.set_id,
            number=one_set.number,
            partner=profile.code,
            partner_version=pipeline.version(profile.code),
            transmission_id=row.id,
            interchange_id=interchange.id,
            group_code=group.group.code,
            group_control=group.group.control,
            set_control=one_set.control,
            position=position,
            processing=Processing.IDENTIFIED.value,
            acknowledgement="awaited" if due else "not_expected",
            acknowledgement_due_at=due,
            software_version=SOFTWARE,
            test=source.usage == "T",
            received_at=now,
        )
        lifecycle.begin(session, document, actor="send", reason="Sent unchanged.", now=now)
        lifecycle.advance(
            session,
            document,
            Axis.PROCESSING,
            [Processing.VALIDATED, Processing.POSTED],
            actor="send",
            reason="Put in the queue unchanged.",
            now=now,
            values={"posted_at": now, "post_reference": row.filename},
        )
        ids.append(document.id)
    return ids
