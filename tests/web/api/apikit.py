"""Programs with tokens that ask a gateway's API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from weakref import WeakKeyDictionary

from werkzeug.test import TestResponse

from gateway.staff import accounts, tokens
from tests.web.webkit import WebKit

INVOICE: dict[str, Any] = {
    "kind": "invoice",
    "receiver": "harbor",
    "number": "INV-1",
    "issue_date": "2026-11-20",
    "order_number": "HR-1",
    "lines": [
        {
            "line_id": "1",
            "quantity": "12",
            "unit": "EA",
            "price": "8.50",
            "item_ids": [{"scheme": "vendor_item", "value": "AS-1"}],
        }
    ],
    "totals": {"total": "102.00"},
}


class Program:
    """A program with a token."""

    def __init__(self, web: WebKit, token: str) -> None:
        self.web, self.token = web, token

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        given = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        data = body if isinstance(body, bytes | str | None) else json.dumps(body)
        if data is not None:
            given["Content-Type"] = "application/json"
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.web.app.test_client().open(f"/api/v1{path}", method=method, data=data, headers=given)

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        return self.ask("POST", path, body, **headers)


#: Tokens that were made already: a person has only so many.
_MADE: WeakKeyDictionary[WebKit, dict[object, Program]] = WeakKeyDictionary()


def program(web: WebKit, name: str = "adam", *scopes: str, days: int = 30) -> Program:
    """A program that acts for one of the kit's people; with every scope of theirs when none is given."""
    made, what = _MADE.setdefault(web, {}), (name, scopes, days)
    if what in made:
        return made[what]

    def work(session: Any) -> str:
        user = accounts.by_name(session, name)
        wanted = scopes or tuple(tokens.scopes_of(user.roles))
        life = timedelta(days=days)
        return tokens.make_token(session, user, label="test", scopes=wanted, life=life, now=web.kit.now)

    made[what] = Program(web, web.write(work))
    return made[what]


def told(answer: TestResponse, status: int, name: str) -> dict[str, Any]:
    """The problem that was answered."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    assert answer.json["type"] == f"urn:edi-gateway:problem:{name}", answer.text
    assert answer.json["status"] == status
    assert answer.json["title"]
    return dict(answer.json)


@contextmanager
def frozen(web: WebKit, **changes: Any) -> Iterator[None]:
    """The site with some of its values replaced."""
    before = {name: getattr(web.site, name) for name in changes}
    for name, value in changes.items():
        object.__setattr__(web.site, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            object.__setattr__(web.site, name, value)
