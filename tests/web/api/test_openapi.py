"""The OpenAPI document says what is there, no more and no less; the examples of docs/api.md run as they stand."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.documents import KINDS
from gateway.staff.tokens import SCOPES
from gateway.web.api.endpoints import ENDPOINTS
from gateway.web.api.problems import TITLES
from gateway.web.server import WebServer
from tests.transports.reactorkit import Reactor
from tests.web.api.apikit import program
from tests.web.webkit import WebKit

DOCS = Path(__file__).parents[3] / "docs" / "api.md"


@pytest.fixture(scope="module")
def document(busy: WebKit) -> dict[str, Any]:
    answer = program(busy, "vera").get("/openapi.json")
    assert answer.content_type == "application/json"
    return dict(answer.json)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, value) for path, item in document["paths"].items() for method, value in item.items()]


def test_it_describes_every_route_and_nothing_else(busy: WebKit, document: dict[str, Any]) -> None:
    routes = {
        (re.sub(r"<(\w+)>", r"{\1}", str(rule.rule)).removeprefix("/api/v1"), method.lower())
        for rule in busy.app.url_map.iter_rules()
        if rule.endpoint.startswith("api.") and rule.endpoint != "api.openapi"
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert {(path, method) for path, method, _ in operations(document)} == routes


def test_it_is_whole_by_the_rules_of_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert {"title", "version"} <= set(document["info"])
    found = set(references(document))
    assert found
    for reference in found:
        at: Any = document
        for part in reference.removeprefix("#/").split("/"):
            at = at[part]
        assert isinstance(at, dict), reference
    names = [value["operationId"] for _, _, value in operations(document)]
    assert len(names) == len(set(names)) == len(ENDPOINTS)
    for path, method, value in operations(document):
        inside = {each["name"] for each in value.get("parameters", ()) if each["in"] == "path"}
        assert inside == set(re.findall(r"{(\w+)}", path)), path
        places = [(each["name"], each["in"]) for each in value.get("parameters", ())]
        assert len(places) == len(set(places))
        assert all("schema" in each for each in value.get("parameters", ()))
        assert any(status.startswith("2") for status in value["responses"])
        assert all(answer["description"] and answer["content"] for answer in value["responses"].values())
        assert set(value["tags"]) <= {tag["name"] for tag in document["tags"]}
        assert ("requestBody" in value) == (method in ("post", "put"))
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert document["security"] == [{"token": []}]


def test_the_canonical_documents_and_scopes_stand_in_it(document: dict[str, Any]) -> None:
    canonical = document["components"]["schemas"]["CanonicalDocument"]
    assert set(canonical["discriminator"]["mapping"]) == set(KINDS)
    assert all(scope in json.dumps(document) for scope in SCOPES)
    for endpoint in ENDPOINTS.values():
        assert endpoint.scope in document["paths"][endpoint.path][endpoint.method.lower()]["description"]


def test_query_parameters_carry_their_limits_and_states(document: dict[str, Any]) -> None:
    found = {each["name"]: each for each in document["paths"]["/messages"]["get"]["parameters"]}
    assert (found["limit"]["schema"]["minimum"], found["limit"]["schema"]["maximum"]) == (1, 500)
    assert "rejected" in json.dumps(found["processing"]["schema"])
    assert "$ref" not in json.dumps(found)


def test_the_page_for_developers_names_every_endpoint_scope_and_problem() -> None:
    text = DOCS.read_text()
    for endpoint in ENDPOINTS.values():
        assert f"`{endpoint.method} {endpoint.path}` | `{endpoint.scope}`" in text
    assert all(f"`{scope}`" in text for scope in SCOPES)
    assert all(f"`{name}`" in text for name in TITLES)


def examples() -> list[str]:
    """Every command of the page; the one that sets the variables is the test's own work."""
    blocks = re.findall(r"```sh\n(.*?)```", DOCS.read_text(), re.DOTALL)
    return [re.sub(r"^export .*\n", "", block, flags=re.MULTILINE) for block in blocks]


@pytest.mark.real
def test_the_examples_of_the_page_run_as_they_stand(web: WebKit, reactor: Reactor) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    web.add_messages()
    asking = program(web, "adam")
    failure = next(
        each["id"] for each in asking.get("/failures?partner=harbor").json["failures"] if "HR-460024" in each["title"]
    )
    server = WebServer(reactor.reactor, web.app, port=0)
    reactor.call(server.start)
    host, port = server.address
    web.hosts.add(f"{host}:{port}")
    known = {"GATEWAY": f"http://{host}:{port}", "TOKEN": asking.token, "MESSAGE": web.ids["bad"], "FAILURE": failure}
    try:
        for example in examples():
            script = example.replace("curl -sS", "curl -q -sS --fail-with-body --noproxy '*' --max-time 60")
            run = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", script],
                env={**os.environ, **known},
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert run.returncode == 0, (example, run.stdout, run.stderr)
        assert [document.number for document in web.kit.documents(direction="out")] == ["10017"]
    finally:
        reactor.call(server.stop)
