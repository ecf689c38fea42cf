"""One endpoint of the API as a value, and one request to it: what handlers are written with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy.orm import Session

from gateway.staff.tokens import Bearer
from gateway.web import viewlog
from gateway.web.site import Site

__all__ = ["Answer", "Call", "Content", "Endpoint", "note_view"]


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was let in: who asks, and what for, checked by the endpoint's models."""

    site: Site
    bearer: Bearer
    now: datetime
    #: Parts of the path.
    path: Mapping[str, str]
    #: An instance of the endpoint's query model, and of its body model (or the text or bytes of the body).
    query: Any
    body: Any
    #: Names in small letters.
    headers: Mapping[str, str]

    def read(self) -> AbstractContextManager[Session]:
        """A session that only reads."""
        return self.site.read()

    def operate(self, name: str, **parameters: Any) -> Any:
        """Run a named operation for the person of the token."""
        return self.site.operate(name, {"actor": self.bearer.actor, **parameters})


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint answers: JSON-able data, or bytes with their type."""

    data: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    #: "" for JSON.
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """A body that is not read by a model of ours alone."""

    #: Media type → JSON Schema of it.
    types: Mapping[str, Mapping[str, Any]]
    description: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One line of the table: a method and a path, what it asks for, and who answers."""

    #: The name of the operation, unique.
    name: str
    method: str
    #: Below /api/v1, with parts in braces.
    path: str
    #: Scope that the token needs; None = any token that works.
    scope: str | None
    summary: str
    handler: Callable[[Call], Answer]
    #: Model of the query; None = none is taken.
    query: type[BaseModel] | None = None
    #: Model of a JSON body, another content, or None = no body is taken.
    body: type[BaseModel] | Content | None = None
    #: True when the body may be left out.
    body_optional: bool = False
    #: Model of the answer; None = described by ``answer_type``.
    answer: type[BaseModel] | None = None
    answer_type: str = "application/json"
    status: int = 200
    #: Names of problems that this endpoint may answer with, beside those of every endpoint.
    problems: tuple[str, ...] = ()
    #: Names of request headers that it reads → meaning.
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Greatest body in bytes.
    most_bytes: int = 1 << 20

    @property
    def rule(self) -> str:
        """The path as Flask writes it."""
        return self.path.replace("{", "<").replace("}", ">")


def note_view(call: Call, subject_type: str, subject_id: str, form: str) -> None:
    """Note that the bearer of the token took the content of a message in this form."""
    did = f"took the content ({form})"
    viewlog.note_view(call.site, subject_type, subject_id, actor=call.bearer.actor, did=did, now=call.now)
