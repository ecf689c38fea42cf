"""Messages through the API: the list with the page's filters, one message, its bytes, and what can be done with it."""

from __future__ import annotations

from typing import Any

from gateway.messages import queries, queries_list, queries_staff
from gateway.messages.queries import CursorError, MessageNotFoundError
from gateway.messages.queries_list import Filters
from gateway.partners.errors import OperationError
from gateway.store import payloads
from gateway.web.api.calls import Answer, Call, note_view
from gateway.web.api.problems import RefusalError
from gateway.web.view.actions import is_releasable

__all__ = ["act", "list_messages", "payload", "release", "show"]


def list_messages(call: Call) -> Answer:
    """One page of messages."""
    asked = call.query
    filters = Filters(
        text=asked.q.replace("\0", ""),
        partner=asked.partner,
        kind=asked.kind,
        direction=asked.direction,
        processing=str(asked.processing),
        delivery=str(asked.delivery),
        acknowledgement=str(asked.acknowledgement),
        transport=asked.transport,
        test=asked.test,
        since=asked.since,
        until=asked.until,
        noted=asked.noted,
        assignee=asked.assignee,
    )
    with call.read() as session:
        try:
            found = queries_list.search_messages(session, filters, limit=asked.limit, after=asked.after)
        except CursorError as error:
            raise wrong_place() from error
    return Answer({name: found[name] for name in ("messages", "next", "back_to")})


def wrong_place() -> RefusalError:
    """A cursor that is none of ours."""
    return RefusalError("bad-request", "`after` is not a place of this list.", 'Take "next" of the page before.')


def show(call: Call) -> Answer:
    """One message."""
    return Answer(_detail(call))


def _detail(call: Call) -> dict[str, Any]:
    """The message with exactly this id: parts of ids and numbers are for people."""
    identity = call.path["id"]
    with call.read() as session:
        try:
            found = queries.message_detail(session, identity)
        except MessageNotFoundError:
            found = {}
    if found.get("id") != identity:
        raise RefusalError(
            "not-found", f'There is no message with the id "{identity[:100]}".', "GET /messages lists them."
        )
    return found


def payload(call: Call) -> Answer:
    """The bytes of a message, as they are; the view is in the ledger."""
    message, form = _detail(call), call.query.form
    with call.read() as session:
        place = queries_staff.payload_place(session, message["id"])
        digest = None if place is None else getattr(place, form)
        if digest is None:
            raise RefusalError("not-found", f"This message has no bytes of the form {form}.", "Ask for another form.")
        data = payloads.get(session, digest)
    note_view(call, message["type"], message["id"], form)
    headers = {"Content-Disposition": f'attachment; filename="{message["id"]}"', "X-Content-Type-Options": "nosniff"}
    return Answer(data, headers=headers, content_type="application/octet-stream")


def act(operation: str) -> Any:
    """The handler of a change that a named operation makes of one message."""

    def handle(call: Call) -> Answer:
        return _changed(call, operation)

    return handle


def release(call: Call) -> Answer:
    """Let a held document go on to the back office: nothing is read again."""
    message = _detail(call)
    if not is_releasable(message):
        raise RefusalError(
            "conflict",
            f"Only a held document that was mapped can be released; this {message['type']} is "
            f"{message['processing'] or 'sent'}.",
            "Use replay to read it again.",
        )
    return _changed(call, "message.replay")


def _changed(call: Call, operation: str) -> Answer:
    identity = _detail(call)["id"]
    try:
        done = call.operate(operation, id=identity, reason="" if call.body is None else call.body.reason)
    except OperationError as error:
        raise RefusalError("conflict", error.message, error.fix) from error
    return Answer({**done, "links": {"message": f"/api/v1/messages/{done['id']}"}})
