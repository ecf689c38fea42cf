"""The OpenAPI 3.1 document, made from the table of endpoints and the models: what runs is what is described."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from gateway.documents import KINDS
from gateway.staff.tokens import SCOPES
from gateway.web.api.calls import Content, Endpoint
from gateway.web.api.endpoints import ENDPOINTS
from gateway.web.api.models import Problem
from gateway.web.api.problems import MIME, TITLES

__all__ = ["openapi"]

_REF = "#/components/schemas/{model}"
#: Problems that every endpoint may answer with.
_ALWAYS = ("bad-request", "token-needed", "not-allowed", "too-many", "failed", "busy")
_WITH_BODY = ("too-large", "media-type", "refused")


@lru_cache(maxsize=2)
def openapi(version: str) -> dict[str, Any]:
    """The document for this version of the gateway; not to be changed by the caller."""
    schemas, refs = _schemas()
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in ENDPOINTS.values():
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "EDI gateway",
            "version": version,
            "description": "Messages, failures, partners and documents of one gateway. Tokens are made under Your "
            "account. Instants are ISO 8601 in UTC; answers may get further fields.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/api/v1"}],
        "security": [{"token": []}],
        "tags": [{"name": name} for name in ("messages", "failures", "partners", "documents")],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "gwt_…",
                    "description": "An API token. Scopes: "
                    + " ".join(f"{name}: {text}" for name, text in SCOPES.items()),
                }
            },
        },
    }


def _schemas() -> tuple[dict[str, Any], dict[type[BaseModel], str]]:
    """Every schema by name, and the name of each model."""
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [(model, "validation") for model in KINDS.values()]
    wanted.append((Problem, "serialization"))
    for endpoint in ENDPOINTS.values():
        if isinstance(endpoint.body, type):
            wanted.append((endpoint.body, "validation"))
        if endpoint.answer is not None:
            wanted.append((endpoint.answer, "serialization"))
    unique = list(dict.fromkeys(wanted))
    found, top = models_json_schema(unique, ref_template=_REF)
    refs: dict[type[BaseModel], str] = {model: value["$ref"] for (model, _), value in found.items()}  # type: ignore[misc]
    schemas = dict(sorted(top["$defs"].items()))
    schemas["CanonicalDocument"] = {
        "title": "CanonicalDocument",
        "oneOf": [{"$ref": refs[model]} for model in KINDS.values()],
        "discriminator": {"propertyName": "kind", "mapping": {kind: refs[model] for kind, model in KINDS.items()}},
    }
    return schemas, refs


def _operation(endpoint: Endpoint, refs: dict[type[BaseModel], str]) -> dict[str, Any]:
    scope = f"Needs the scope {endpoint.scope}." if endpoint.scope else "Any token that works."
    told: dict[str, Any] = {
        "operationId": endpoint.name,
        "tags": [endpoint.path.split("/")[1]],
        "summary": endpoint.summary,
        "description": scope,
        "parameters": _parameters(endpoint),
        "responses": {str(endpoint.status): _answer(endpoint, refs), **_problems(endpoint)},
    }
    if endpoint.body is not None:
        told["requestBody"] = _body(endpoint, refs)
    return {name: value for name, value in told.items() if value != []}


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in endpoint.path.split("/") if part.startswith("{")]
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
    ]
    for name, meaning in endpoint.headers.items():
        found.append({"name": name, "in": "header", "description": meaning, "schema": {"type": "string"}})
    if endpoint.query is None:
        return found
    schema = endpoint.query.model_json_schema(ref_template=_REF)
    definitions = schema.get("$defs", {})
    for name, value in schema.get("properties", {}).items():
        inner = _inlined(value, definitions)
        described = {"description": inner.pop("description")} if "description" in inner else {}
        found.append({"name": name, "in": "query", **described, "schema": inner})
    return found


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """The schema with what it refers to in its place: enumerations of the states."""
    if isinstance(schema, list):
        return [_inlined(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        target = definitions[schema["$ref"].rpartition("/")[2]]
        return {"type": target["type"], "enum": target["enum"]}
    return {name: _inlined(value, definitions) for name, value in schema.items() if name != "title"}


def _body(endpoint: Endpoint, refs: dict[type[BaseModel], str]) -> dict[str, Any]:
    if isinstance(endpoint.body, Content):
        content = {kind: {"schema": dict(schema)} for kind, schema in endpoint.body.types.items()}
        return {"required": True, "description": endpoint.body.description, "content": content}
    assert endpoint.body is not None
    schema = {"$ref": refs[endpoint.body]}
    return {"required": not endpoint.body_optional, "content": {"application/json": {"schema": schema}}}


def _answer(endpoint: Endpoint, refs: dict[type[BaseModel], str]) -> dict[str, Any]:
    kind, _, name = endpoint.answer_type.partition("#")
    schema: dict[str, Any] = {} if endpoint.answer is None else {"$ref": refs[endpoint.answer]}
    if name:
        schema = {"$ref": _REF.format(model=name)}
    return {"description": endpoint.summary, "content": {kind: {"schema": schema}}}


def _problems(endpoint: Endpoint) -> dict[str, Any]:
    names = [*_ALWAYS, *(_WITH_BODY if endpoint.body is not None else ()), *endpoint.problems]
    titles: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        status, title = TITLES[name]
        titles.setdefault(str(status), []).append(title)
    schema = {"schema": {"$ref": _REF.format(model="Problem")}}
    return {
        status: {"description": "; ".join(said), "content": {MIME: schema}} for status, said in sorted(titles.items())
    }
