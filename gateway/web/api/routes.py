"""The routes of the API: each request is let in by its token, checked by its models, and answered as JSON."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, current_app, g, request
from pydantic import BaseModel, ValidationError

from gateway.partners.errors import OperationError
from gateway.store.errors import PayloadRemovedError, StoreBusyError, StoreClosedError
from gateway.web.api.calls import Answer, Call, Content, Endpoint
from gateway.web.api.endpoints import ENDPOINTS
from gateway.web.api.gate import Gate
from gateway.web.api.guard import let_in
from gateway.web.api.models import NoQuery
from gateway.web.api.openapi import openapi
from gateway.web.api.problems import RefusalError, problem
from gateway.web.site import Site, the_site

__all__ = ["blueprint"]

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")
_PER_MINUTE = "gateway-api-gate"


@blueprint.before_request
def _let_in() -> None:
    """Every route of this blueprint asks for a token; there is no other way in."""
    site = the_site()
    if site.api_per_minute == 0:
        raise RefusalError("not-found", "The API is switched off.", "Set [web] api_per_minute above 0.")
    name = (request.endpoint or "").rpartition(".")[2]
    endpoint = ENDPOINTS.get(name)
    if endpoint is not None:
        request.max_content_length = endpoint.most_bytes
    g.bearer = let_in(site, _gate(site), name, g.now)


def _gate(site: Site) -> Gate:
    """The counts of this application."""
    gate: Gate = current_app.extensions.setdefault(_PER_MINUTE, Gate(site.api_per_minute))
    return gate


@blueprint.errorhandler(RefusalError)
def _refused(error: RefusalError) -> Response:
    return problem(error.name, str(error), error.fix, errors=error.errors, headers=error.headers)


@blueprint.errorhandler(StoreBusyError)
@blueprint.errorhandler(StoreClosedError)
def _busy(_error: Exception) -> Response:
    return problem("busy", "The gateway can take nothing now.", "Try again.", headers={"Retry-After": "10"})


@blueprint.errorhandler(OperationError)
def _cannot(error: OperationError) -> Response:
    return problem("conflict", error.message, error.fix)


@blueprint.errorhandler(PayloadRemovedError)
def _removed(error: PayloadRemovedError) -> Response:
    return problem("content-removed", str(error), error.fix)


def _answer(endpoint: Endpoint, path: dict[str, str]) -> Response:
    site = the_site()
    call = Call(
        site=site,
        bearer=g.bearer,
        now=g.now,
        path=path,
        query=_query(endpoint),
        body=_body(endpoint),
        headers={name.lower(): value for name, value in request.headers.items()},
    )
    return _response(endpoint.handler(call), endpoint.status)


def _response(answer: Answer, status: int) -> Response:
    status = status if answer.status == 200 else answer.status
    if answer.content_type:
        found = Response(answer.data, status, content_type=answer.content_type)
    else:
        text = json.dumps(answer.data, ensure_ascii=False)
        found = Response(text + "\n", status, content_type="application/json")
    found.headers.update(answer.headers)
    return found


def _query(endpoint: Endpoint) -> Any:
    """The query by the endpoint's model; names that it does not know and repeated ones are refused."""
    given = request.args.to_dict(flat=False)
    errors = [
        _part(name, "It is given more than once.", "Give it once.") for name, values in given.items() if len(values) > 1
    ]
    if errors:
        raise RefusalError("bad-request", "The query makes no sense.", errors=errors)
    return _checked(endpoint.query or NoQuery, {name: values[0] for name, values in given.items()}, "query")


def _body(endpoint: Endpoint) -> Any:
    """The body by the endpoint's model, or its bytes; None when none is taken."""
    wanted = endpoint.body
    if wanted is None:
        return None
    data = request.get_data(cache=False)
    kinds = tuple(wanted.types) if isinstance(wanted, Content) else ("application/json",)
    if (data or isinstance(wanted, Content)) and request.mimetype not in kinds:
        raise RefusalError(
            "media-type", f"The body must be {' or '.join(kinds)}.", "Say what it is in the header Content-Type."
        )
    if isinstance(wanted, Content):
        return data
    if not data and endpoint.body_optional:
        return wanted()
    try:
        found = json.loads(data or b"{}")
    except (ValueError, RecursionError) as error:
        raise RefusalError("bad-request", f"The body is not JSON: {error}.") from error
    return _checked(wanted, found, "body")


def _checked(model: type[BaseModel], given: Any, what: str) -> BaseModel:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        errors = [
            _part(
                ".".join(str(part) for part in each["loc"] if not str(part).startswith(("literal[", "str-enum"))),
                str(each["msg"]).removeprefix("Value error, ") + ".",
                "Leave it out: it is not known here." if each["type"] == "extra_forbidden" else "",
            )
            for each in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        name = "bad-request" if what == "query" else "refused"
        raise RefusalError(name, f"The {what} cannot be used as it is.", errors=errors) from error


def _part(path: str, message: str, fix: str = "") -> dict[str, str]:
    return {"path": path, "message": message, "fix": fix}


@blueprint.get("/openapi.json", endpoint="openapi")
def _openapi() -> Response:
    return _response(Answer(openapi(the_site().version)), 200)


def _add(endpoint: Endpoint) -> None:
    def view(**path: str) -> Response:
        return _answer(endpoint, path)

    blueprint.add_url_rule(endpoint.rule, endpoint.name, view, methods=[endpoint.method])


for _each in ENDPOINTS.values():
    _add(_each)
