"""Failures through the API: one cause with everything that failed for it, and its replay."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from gateway.messages import queries_cases
from gateway.messages.queries import CursorError, MessageNotFoundError
from gateway.messages.queries_cases import CaseFilters
from gateway.partners.errors import OperationError
from gateway.web.api.calls import Answer, Call
from gateway.web.api.messages import wrong_place
from gateway.web.api.problems import RefusalError

__all__ = ["list_failures", "replay", "show"]


def list_failures(call: Call) -> Answer:
    """One page of causes, the most urgent first."""
    asked = call.query
    filters = CaseFilters(asked.partner, str(asked.state), asked.fault, asked.assignee)
    with call.read() as session:
        try:
            found = queries_cases.case_cards(session, filters, limit=asked.limit, after=asked.after)
        except CursorError as error:
            raise wrong_place() from error
    return Answer({"failures": found["cases"], "total": found["total"], "next": found["next"]})


def show(call: Call) -> Answer:
    """One cause, with a page of its messages."""
    identity, asked = call.path["id"], call.query
    with call.read() as session:
        card = _card(session, identity)
        try:
            members = queries_cases.case_members(session, identity, limit=asked.limit, after=asked.after)
        except CursorError as error:
            raise wrong_place() from error
        found = {
            **card,
            "example": queries_cases.example_of(session, identity),
            "history": queries_cases.case_history(session, identity),
            "messages": members["members"],
            "next": members["next"],
        }
    return Answer(found)


def _card(session: Session, identity: str) -> dict[str, Any]:
    try:
        return queries_cases.case_card(session, identity)
    except MessageNotFoundError as error:
        raise RefusalError(
            "not-found", f'There is no failure with the id "{identity[:100]}".', "GET /failures lists them."
        ) from error


def replay(call: Call) -> Answer:
    """Replay every message of a cause that waits."""
    identity = call.path["id"]
    with call.read() as session:
        _card(session, identity)
    try:
        done = call.operate("case.replay", id=identity, reason="" if call.body is None else call.body.reason)
    except OperationError as error:
        raise RefusalError("conflict", error.message, error.fix) from error
    return Answer({**done, "links": {"failure": f"/api/v1/failures/{identity}"}})
