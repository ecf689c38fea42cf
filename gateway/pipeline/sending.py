"""Sending files: canonical JSON, X12 and XML from a back office, or bytes that go out unchanged.

``submit_file`` is what ``gateway send`` does with one file. JSON, X12 and XML become documents in our own envelopes;
with ``as_is`` the bytes are queued untouched and only noted, so that their acknowledgements find them.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from gateway.documents import dump_document
from gateway.mapping import MapError, load_map, read_document
from gateway.mapping.xml.convert import read_checked_document
from gateway.partners.errors import OperationError
from gateway.pipeline.asis import receiver_by_isa, send_as_is
from gateway.pipeline.context import Pipeline
from gateway.pipeline.outbound import Reason, RefusedError, prepared_document, submit_document
from gateway.pipeline.xmlidentify import partner_named
from gateway.pipeline.xmlplan import check_options, looks_like_xml
from gateway.standards.x12.check import CheckedInterchange, CheckedSet, check_transmission
from gateway.standards.xml.check import check_xml
from gateway.standards.xml.checked import CheckedXmlDocument

__all__ = ["RequestError", "send", "submit_file"]


#: Who sends what comes without a name: the folder, the command line.
_ACTOR = "back-office"


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
                actor=str(parameters.get("actor") or _ACTOR),
            )
        )
    return {"files": results}


def submit_file(
    pipeline: Pipeline,
    name: str,
    content: bytes,
    *,
    partner: str | None = None,
    as_is: bool = False,
    actor: str = _ACTOR,
) -> dict[str, Any]:
    """Send one file: a canonical document (JSON), X12 or XML. The result names every reason when it is refused.

    Nothing of a file goes out while any document in it has mistakes. What only shows when it is stored, such as a
    number that another document has, may refuse one after others: `documents` holds those that are on their way.
    """
    sent: list[dict[str, Any]] = []
    try:
        if as_is:
            sent.append(send_as_is(pipeline, name, content, partner))
        else:
            bodies = _bodies(pipeline, content, partner)
            if len(bodies) > 1:
                _check_all(pipeline, bodies)
            for body, to in bodies:
                sent.append(_sent(pipeline, body, to, actor))
    except RefusedError as error:
        reasons = [{"path": r.path, "message": r.message, "fix": r.fix} for r in error.reasons]
        return {"name": name, "result": "refused", "reasons": reasons, "documents": sent}
    already = all(one["result"] == "duplicate" for one in sent)
    return {
        "name": name,
        "result": "duplicate" if already else "queued",
        "reference": ", ".join(one["reference"] for one in sent),
        "documents": sent,
        "reasons": [],
    }


def _bodies(pipeline: Pipeline, content: bytes, partner: str | None) -> list[tuple[bytes, str | None]]:
    """The canonical documents of a file, each with the partner it is for; None = the one it names itself."""
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        return [(body, partner) for body in _json_documents(content)]
    read = _xml_documents if looks_like_xml(content) else _x12_documents
    return [*read(pipeline, content, partner)]


def _check_all(pipeline: Pipeline, bodies: list[tuple[bytes, str | None]]) -> None:
    """Raises RefusedError with the mistakes of all documents, each path behind its document's place from [0]."""
    reasons: list[Reason] = []
    for place, (body, partner) in enumerate(bodies):
        try:
            prepared_document(pipeline, body, partner=partner)
        except RefusedError as error:
            reasons += [Reason(f"[{place}].{r.path}".rstrip("."), r.message, r.fix) for r in error.reasons]
    if reasons:
        raise RefusedError(reasons)


def _sent(pipeline: Pipeline, body: bytes, partner: str | None, actor: str) -> dict[str, Any]:
    done = submit_document(pipeline, body, partner=partner, actor=actor)
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
    code = receiver_by_isa(pipeline, interchange)
    if code is None:
        name = f"{interchange.interchange.receiver_qualifier}:{interchange.interchange.receiver_id}"
        message = f"The interchange is addressed to {name} (ISA07, ISA08), which is no partner."
        raise RefusedError([Reason("receiver", message, "Name the partner with --partner.")])
    return code


def _xml_documents(pipeline: Pipeline, content: bytes, partner: str | None) -> list[tuple[bytes, str]]:
    """The canonical documents in an XML file, each with the partner it is for; see `_x12_documents`."""
    checked = check_xml(content, check_options(pipeline, None))
    found: list[tuple[bytes, str]] = []
    reasons = [Reason("", finding.message, finding.fix) for finding in checked.findings]
    for document in checked.documents:
        if not document.accepted:
            errors = [finding for finding in document.findings if finding.severity == "error"]
            reasons += [Reason(f.path or "", f.message, f.fix) for f in errors]
            continue
        to = partner or partner_named(pipeline, document.identity.receiver)
        if to is None:
            named = ", ".join(str(each) for each in document.identity.receiver[:3]) or "nobody"
            message = f"{document.set_id} {document.number or ''} is addressed to {named}, which is no partner."
            reasons.append(Reason("receiver", message, "Name the partner with --partner."))
            continue
        found.append((_canonical_of_xml(pipeline, document), to))
    if reasons or not found:
        raise RefusedError(reasons or [Reason("", "The file holds no business document.")])
    return found


def _canonical_of_xml(pipeline: Pipeline, document: CheckedXmlDocument) -> bytes:
    try:
        result = read_checked_document(document, workdir=pipeline.workdir)
    except (FileNotFoundError, MapError) as error:
        message = f"No map reads {document.set_id}: {error}"
        raise RefusedError([Reason(document.set_id, message, "Send it unchanged with --as-is.")]) from error
    errors = [finding for finding in result.findings if finding.severity == "error"]
    if errors:
        raise RefusedError([Reason(f.path or "", f.message, f.fix) for f in errors])
    return dump_document(result.document.model_copy(update={"id": None}))


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
