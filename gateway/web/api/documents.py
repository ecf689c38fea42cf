"""Documents through the API: handing one in to be sent, as `gateway send` does, and reading one that is stored.

With an ``Idempotency-Key`` a program that got no answer asks again without harm. The key is claimed in the ledger, in
a transaction of its own, before the document is looked at: a crash at any moment leaves either nothing, or a claim
that the same request takes up again. The same content for the same partner is one document anyway.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import uuid
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.messages import queries_staff
from gateway.store import ledger, payloads
from gateway.store.ledger import Event
from gateway.web.api.calls import Answer, Call, note_view
from gateway.web.api.problems import RefusalError

__all__ = ["KEY", "send", "show"]

#: The header that makes a request the same one again.
KEY = "Idempotency-Key"
_VALID_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_CLAIMS = uuid.UUID("5c1d8a46-3f0e-5b2a-9d57-2f6f0b8e9c11")


def send(call: Call) -> Answer:
    """Take one canonical document: checked, mapped, validated and queued; durable before the answer."""
    body, partner = call.body, call.query.partner
    _look_at(body)
    key = call.headers.get(KEY.lower(), "")
    replayed = bool(key) and _claim(call, key, partner or "", body)
    entry = {"name": "api.json", "content": base64.b64encode(body).decode("ascii")}
    (result,) = call.operate("send", files=[entry], partner=partner)["files"]
    if result["result"] == "refused":
        raise RefusalError(
            "refused", "The document cannot be sent as it is; nothing was sent.", errors=result["reasons"]
        )
    (sent,) = result["documents"]
    identity, carrier = sent["document"], sent["transmission"]
    answer = {
        "id": identity,
        "transmission": carrier,
        "partner": sent["partner"],
        "kind": sent["kind"],
        "number": sent["number"],
        "message": "It is stored and on its way.",
        "links": {"document": f"/api/v1/documents/{identity}", "message": f"/api/v1/messages/{identity}"},
    }
    headers = {"Location": f"/api/v1/documents/{identity}"}
    if replayed:
        headers["Idempotency-Replayed"] = "true"
    return Answer(answer, 202, headers)


def _look_at(body: bytes) -> None:
    """One JSON object, without an id: the gateway names what it takes."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RefusalError("bad-request", f"The body is not JSON: {error}.", "Send one canonical document.") from error
    if not isinstance(found, dict):
        raise RefusalError(
            "refused", "The body is not one document, an object in braces.", "Send each document by itself."
        )
    if found.get("id") is not None:
        part = {
            "path": "id",
            "message": "The gateway gives the id; this one belongs to another document.",
            "fix": "Leave it out.",
        }
        raise RefusalError("refused", "The document has an id already; nothing was sent.", errors=[part])


def _claim(call: Call, key: str, partner: str, body: bytes) -> bool:
    """Bind the key to this request; True when it was bound to it before. Raises RefusalError for another request."""
    if not _VALID_KEY.fullmatch(key):
        raise RefusalError("bad-request", f"{KEY} must be 1 to 200 visible ASCII characters, given once.")
    digest = hashlib.sha256(partner.encode() + b"\0" + body).hexdigest()
    subject = str(uuid.uuid5(_CLAIMS, f"{call.bearer.user_id}\0{key}"))

    def work(session: Session) -> str | None:
        query = select(Event).where(Event.subject_type == "request", Event.subject_id == subject)
        known = session.scalar(query.order_by(Event.seq).limit(1))
        if known is not None:
            return str((known.data or {}).get("request_sha256", ""))
        ledger.append(
            session,
            at=call.now,
            kind="request-key",
            subject_type="request",
            subject_id=subject,
            actor=call.bearer.actor,
            reason="A document was handed in with a key of its own.",
            data={"key": key, "request_sha256": digest},
        )
        return None

    known: str | None = call.site.write(work)
    if known is not None and known != digest:
        raise RefusalError(
            "key-reused",
            f"This {KEY} was used before for another document or partner; nothing was sent.",
            "Use a new key for each document.",
        )
    return known is not None


def show(call: Call) -> Answer:
    """The canonical JSON of a stored document; the view is in the ledger."""
    identity = call.path["id"]
    data: Any = None
    with call.read() as session:
        place = queries_staff.payload_place(session, identity)
        if place is not None and place.canonical is not None:
            data = payloads.get(session, place.canonical)
    if data is None:
        raise RefusalError(
            "not-found",
            f'There is no canonical document with the id "{identity[:100]}".',
            "GET /messages?kind=order lists documents; one that could not be mapped has none.",
        )
    note_view(call, "document", identity, "canonical")
    return Answer(data, content_type="application/json")
