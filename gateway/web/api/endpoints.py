"""Every endpoint of the API in one table: what it is called, what scope it needs, what it takes and gives."""

from __future__ import annotations

from gateway.documents import KINDS
from gateway.web.api import documents, failures, messages, partners
from gateway.web.api.calls import Content, Endpoint
from gateway.web.api.models import (
    Applied,
    ApplyQuery,
    Done,
    FailureDetail,
    FailurePage,
    FailureQuery,
    MembersQuery,
    MessageDetail,
    MessagePage,
    MessageQuery,
    PartnerDetail,
    PartnerPage,
    PartnerQuery,
    PayloadQuery,
    Reason,
    ReasonNeeded,
    SendQuery,
    Sent,
    VersionQuery,
)

__all__ = ["ENDPOINTS", "MAX_DOCUMENT", "scope_of"]

#: Bytes of one document; larger ones go through the outbox.
MAX_DOCUMENT = 10 << 20
_READ, _WRITE = "messages:read", "messages:write"
_CANONICAL = {"$ref": "#/components/schemas/CanonicalDocument"}
_FILE = {"oneOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]}


def _change(name: str, operation: str, summary: str, body: type[Reason | ReasonNeeded] = Reason) -> Endpoint:
    handler = messages.release if name == "release" else messages.act(operation)
    return Endpoint(
        name=f"message_{name}",
        method="POST",
        path=f"/messages/{{id}}/{name}",
        scope=_WRITE,
        summary=summary,
        handler=handler,
        body=body,
        body_optional=body is Reason,
        answer=Done,
        problems=("not-found", "conflict", "content-removed"),
    )


_TABLE: tuple[Endpoint, ...] = (
    Endpoint(
        name="message_list",
        method="GET",
        path="/messages",
        scope=_READ,
        summary="List messages, the newest first",
        handler=messages.list_messages,
        query=MessageQuery,
        answer=MessagePage,
    ),
    Endpoint(
        name="message_show",
        method="GET",
        path="/messages/{id}",
        scope=_READ,
        summary="One message with its stages, attempts, findings and answers",
        handler=messages.show,
        answer=MessageDetail,
        problems=("not-found",),
    ),
    Endpoint(
        name="message_payload",
        method="GET",
        path="/messages/{id}/payload",
        scope=_READ,
        summary="The bytes of a message; the view is noted in the ledger",
        handler=messages.payload,
        query=PayloadQuery,
        answer_type="application/octet-stream",
        problems=("not-found", "content-removed"),
    ),
    _change("replay", "message.replay", "Read a received message again with today's profile and maps"),
    _change("resend", "message.resend", "Send an outbound message again"),
    _change("hold", "message.hold", "Keep a received document from the back office", ReasonNeeded),
    _change("release", "message.replay", "Let a held document go on to the back office"),
    _change("ignore", "message.ignore", "Close a held or rejected message for good", ReasonNeeded),
    _change("reacknowledge", "message.reacknowledge", "Send our stored acknowledgement again, byte for byte"),
    _change("note", "message.note", "Write `reason` as a note; it changes nothing else", ReasonNeeded),
    Endpoint(
        name="failure_list",
        method="GET",
        path="/failures",
        scope=_READ,
        summary="List failures, the most urgent first: one for each cause",
        handler=failures.list_failures,
        query=FailureQuery,
        answer=FailurePage,
    ),
    Endpoint(
        name="failure_show",
        method="GET",
        path="/failures/{id}",
        scope=_READ,
        summary="One failure with an example, its history and its messages",
        handler=failures.show,
        query=MembersQuery,
        answer=FailureDetail,
        problems=("not-found",),
    ),
    Endpoint(
        name="failure_replay",
        method="POST",
        path="/failures/{id}/replay",
        scope=_WRITE,
        summary="Replay every message of a failure that waits",
        handler=failures.replay,
        body=Reason,
        body_optional=True,
        answer=Done,
        problems=("not-found", "conflict"),
    ),
    Endpoint(
        name="partner_list",
        method="GET",
        path="/partners",
        scope="partners:read",
        summary="List partners by code",
        handler=partners.list_partners,
        query=PartnerQuery,
        answer=PartnerPage,
    ),
    Endpoint(
        name="partner_show",
        method="GET",
        path="/partners/{code}",
        scope="partners:read",
        summary="One partner with its profile and certificates",
        handler=partners.show,
        query=VersionQuery,
        answer=PartnerDetail,
        problems=("not-found",),
    ),
    Endpoint(
        name="partner_apply",
        method="PUT",
        path="/partners",
        scope="partners:write",
        summary="Apply partner files: partners that are not named stay as they are",
        handler=partners.apply,
        query=ApplyQuery,
        body=Content(
            {"application/yaml": _FILE, "application/json": _FILE},
            "One partner, or a list of them, as in a partner file",
        ),
        answer=Applied,
        problems=("refused", "conflict"),
    ),
    Endpoint(
        name="document_send",
        method="POST",
        path="/documents",
        scope=_WRITE,
        summary="Hand in a document to be sent",
        handler=documents.send,
        query=SendQuery,
        body=Content({"application/json": _CANONICAL}, f"One of {', '.join(KINDS)}; without `id`"),
        answer=Sent,
        status=202,
        problems=("refused", "key-reused"),
        headers={documents.KEY: "Makes the request the same one again: 1 to 200 visible ASCII characters."},
        most_bytes=MAX_DOCUMENT,
    ),
    Endpoint(
        name="document_show",
        method="GET",
        path="/documents/{id}",
        scope=_READ,
        summary="The canonical content of a document; the view is noted in the ledger",
        handler=documents.show,
        answer_type="application/json#CanonicalDocument",
        problems=("not-found", "content-removed"),
    ),
)

#: Name → endpoint; the OpenAPI document itself is one more route, for any token that works.
ENDPOINTS: dict[str, Endpoint] = {endpoint.name: endpoint for endpoint in _TABLE}


def scope_of(name: str) -> str | None:
    """The scope that an endpoint needs, None = any token. Raises KeyError for one without a line."""
    return None if name == "openapi" else ENDPOINTS[name].scope
