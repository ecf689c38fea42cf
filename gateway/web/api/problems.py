"""What the API says when it refuses: problem details (RFC 9457) with a sentence and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response

__all__ = ["MIME", "TITLES", "RefusalError", "answer_of", "body_of", "problem"]

MIME = "application/problem+json"

#: Last part of a problem's type → (status, title). The type is ``urn:edi-gateway:problem:<name>``.
TITLES: dict[str, tuple[int, str]] = {
    "bad-request": (400, "The request makes no sense"),
    "token-needed": (401, "A token is needed"),
    "token-refused": (401, "The token opens nothing"),
    "not-allowed": (403, "The token may not do this"),
    "account-owes": (403, "The person of the token has something to do first"),
    "not-found": (404, "There is nothing here"),
    "method-not-allowed": (405, "That cannot be done here"),
    "conflict": (409, "That cannot be done in its present state"),
    "content-removed": (410, "The content is not kept any more"),
    "too-large": (413, "That is too large"),
    "media-type": (415, "This kind of content is not taken"),
    "refused": (422, "The content cannot be used as it is"),
    "key-reused": (422, "The Idempotency-Key was used for something else"),
    "too-many": (429, "Too many requests"),
    "failed": (500, "Something went wrong on our side"),
    "busy": (503, "The gateway is busy"),
}
#: Status of an error that Flask found → name of the problem.
_OF_STATUS = {status: name for name, (status, _) in reversed(TITLES.items())}


class RefusalError(Exception):
    """A request that is not carried out; becomes a problem of the given name."""

    def __init__(
        self,
        name: str,
        detail: str,
        fix: str = "",
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.name = name
        self.fix = fix
        #: One {"path", "message", "fix"} for each single thing that is wrong.
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


def problem(
    name: str,
    detail: str = "",
    fix: str = "",
    *,
    errors: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
    reference: str = "",
) -> Response:
    """The answer; ``reference`` is the id under which a fault of ours stands in the log."""
    body = body_of(name, detail, fix=fix, errors=[dict(each) for each in errors], error_id=reference)
    answer = Response(body, TITLES[name][0], content_type=MIME)
    answer.headers.update(headers or {})
    return answer


def body_of(name: str, detail: str, **given: Any) -> bytes:
    """The JSON of a problem; values that are empty are left out."""
    status, title = TITLES[name]
    body: dict[str, Any] = {"type": f"urn:edi-gateway:problem:{name}", "title": title, "status": status}
    body |= {key: value for key, value in {"detail": detail, **given}.items() if value}
    return json.dumps(body, ensure_ascii=False).encode() + b"\n"


def answer_of(status: int, detail: str, *, headers: Mapping[str, str] | None = None, reference: str = "") -> Response:
    """The problem for an error that the framework found, by its status."""
    name = _OF_STATUS.get(status, "bad-request" if status < 500 else "failed")
    return problem(name, detail, headers=headers, reference=reference)
