"""What the endpoints answer: the same messages, failures and partners as the pages, in the shapes that are promised."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from gateway.store.errors import StoreBusyError
from gateway.store.ledger import Event
from gateway.web.api.models import (
    Applied,
    Done,
    FailureDetail,
    FailurePage,
    MessageDetail,
    MessagePage,
    PartnerDetail,
    PartnerPage,
)
from tests.pipeline.pipelinekit import FIXTURES, HARBOR
from tests.web.api.apikit import frozen, program, told
from tests.web.webkit import WebKit

ORDER = (FIXTURES / "demo" / "004010" / "850-01-plain.edi").read_bytes()


def test_the_list_is_paged_by_key_and_filtered_as_the_page_is(busy: WebKit) -> None:
    asking = program(busy, "vera")
    seen: list[str] = []
    after = ""
    while True:
        page = asking.get(f"/messages?limit=5{after}").json
        MessagePage.model_validate(page)
        seen += [message["id"] for message in page["messages"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert len(seen) == len(set(seen)) > 10
    everything = asking.get("/messages?limit=500").json["messages"]
    assert [message["id"] for message in everything] == seen
    for query, fits in {
        "processing=rejected": lambda each: each["processing"] == "rejected",
        "kind=order&direction=in": lambda each: each["document"] == "order",
        "partner=nobody": lambda each: False,
        "test=true": lambda each: each["test"],
        "q=HR-460024": lambda each: each["number"] == "HR-460024",
        "until=2026-11-15": lambda each: each["at"] < "2026-11-15",
        "since=2026-11-20T00:00:00Z": lambda each: each["at"] >= "2026-11-20",
    }.items():
        found = asking.get(f"/messages?limit=500&{query}").json["messages"]
        assert [each["id"] for each in found] == [each["id"] for each in everything if fits(each)], query


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=many", "limit"),
        ("processing=lost", "processing"),
        ("since=yesterday", "since"),
        ("colour=blue", "colour"),
        ("limit=1&limit=2", "limit"),
        ("test=perhaps", "test"),
        ("q=" + "x" * 201, "q"),
    ],
)
def test_a_query_that_makes_no_sense_is_told_with_its_name(busy: WebKit, query: str, path: str) -> None:
    found = told(program(busy, "vera").get(f"/messages?{query}"), 400, "bad-request")
    assert {part["path"].partition(".")[0] for part in found["errors"]} == {path}


@pytest.mark.parametrize("place", ["x", "%00", "W10=", "eyJhIjogMX0=", "WzEsMl0=", "ü"])
@pytest.mark.parametrize("path", ["/messages", "/failures"])
def test_a_place_that_is_none_is_refused(busy: WebKit, path: str, place: str) -> None:
    found = told(program(busy, "vera").get(f"{path}?after={place}"), 400, "bad-request")
    assert "`after`" in found["detail"]


def test_one_message_is_asked_for_by_its_whole_id(busy: WebKit) -> None:
    asking, identity = program(busy, "vera"), busy.ids["bad"]
    found = asking.get(f"/messages/{identity}").json
    MessageDetail.model_validate(found)
    assert found["processing"] == "rejected"
    assert found["findings"]
    for other in (identity[:12], "HR-460024", "nothing", "..%2f", "%00"):
        told(asking.get(f"/messages/{other}"), 404, "not-found")


def test_every_instant_is_utc(busy: WebKit) -> None:
    asking = program(busy, "vera")

    def instants(value: Any) -> list[datetime]:
        if isinstance(value, dict):
            return [at for inner in value.values() for at in instants(inner)]
        if isinstance(value, list):
            return [at for inner in value for at in instants(inner)]
        if isinstance(value, str) and value[:3] == "202" and "T" in value[:11]:
            return [datetime.fromisoformat(value)]
        return []

    pages = [f"/messages/{busy.ids['bad']}", "/messages", "/failures", "/partners", "/partners/harbor"]
    found = [at for page in pages for at in instants(asking.get(page).json)]
    assert len(found) > 20
    assert all(at.utcoffset() is not None and not at.utcoffset() for at in found)


def test_bytes_are_given_as_they_are_and_the_view_is_noted(busy: WebKit) -> None:
    asking, identity = program(busy, "vera"), busy.ids["good"]
    answer = asking.get(f"/messages/{identity}/payload")
    assert answer.data.startswith(b"ISA*")
    assert answer.content_type == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert asking.get(f"/messages/{identity}/payload?form=wire").data.startswith(b"wire:ISA")
    assert json.loads(asking.get(f"/messages/{identity}/payload?form=canonical").data)["kind"] == "order"
    assert asking.get(f"/documents/{identity}").json["kind"] == "order"
    told(asking.get(f"/messages/{busy.ids['noise']}/payload?form=canonical"), 404, "not-found")
    told(asking.get(f"/messages/{identity}/payload?form=secret"), 400, "bad-request")
    told(asking.get(f"/documents/{busy.ids['noise']}"), 404, "not-found")
    with busy.kit.store.read() as session:
        seen = [event for event in session.query(Event).all() if event.kind == "payload-viewed"]
    assert {event.actor for event in seen} == {"vera (token test)"}
    assert len(seen) == 4


def test_a_failure_is_read_and_its_messages_replayed(web: WebKit) -> None:
    web.add_messages()
    asking = program(web, "olga")
    page = asking.get("/failures").json
    FailurePage.model_validate(page)
    card = next(each for each in page["failures"] if "HR-460024" in each["title"] or each["fault"].startswith("x12"))
    found = asking.get(f"/failures/{card['id']}").json
    FailureDetail.model_validate(found)
    assert found["messages"]
    assert found["example"]["findings"]
    done = asking.post(f"/failures/{card['id']}/replay", {"reason": "a new map"}).json
    Done.model_validate(done)
    told(asking.get("/failures/nothing"), 404, "not-found")
    told(asking.post("/failures/nothing/replay"), 404, "not-found")
    with web.kit.store.read() as session:
        assert "olga (token test)" in {event.actor for event in session.query(Event).all()}


def test_a_rejected_message_is_replayed_and_then_ignored_with_a_reason(web: WebKit) -> None:
    web.add_messages()
    asking, identity = program(web, "olga"), web.ids["bad"]
    done = asking.post(f"/messages/{identity}/replay").json
    Done.model_validate(done)
    assert done["id"] != identity
    assert asking.get(done["links"]["message"].removeprefix("/api/v1")).status_code == 200
    found = told(asking.post(f"/messages/{identity}/ignore"), 422, "refused")
    assert found["errors"][0]["path"] == "reason"
    told(asking.post(f"/messages/{identity}/ignore", {"reason": " "}), 422, "refused")
    told(asking.post(f"/messages/{identity}/ignore", {"reason": "x", "force": True}), 422, "refused")
    assert asking.post(f"/messages/{identity}/ignore", {"reason": "sent by telephone"}).status_code == 200
    assert "cannot" in told(asking.post(f"/messages/{identity}/resend"), 409, "conflict")["title"]
    told(asking.post(f"/messages/{identity}/release"), 409, "conflict")
    assert asking.post(f"/messages/{identity}/note", {"reason": "they know"}).json["id"] == identity
    told(asking.post(f"/messages/{identity}/note"), 422, "refused")
    assert "sent again" in asking.post(f"/messages/{identity}/reacknowledge").json["message"]
    told(asking.post(f"/messages/{web.ids['noise']}/reacknowledge"), 409, "conflict")
    told(asking.post("/messages/nothing/replay"), 404, "not-found")


def test_a_held_document_is_released_to_the_back_office(web: WebKit) -> None:
    web.kit.receive(ORDER)
    web.kit.receive(ORDER.replace(b"*000000101*", b"*000000102*").replace(b"IEA*1*000000101", b"IEA*1*000000102"))
    web.kit.work()
    (document,) = web.kit.documents(processing="held")
    done = program(web, "olga").post(f"/messages/{document.id}/release").json
    assert done["message"] == "The document goes to the back office."


@pytest.mark.parametrize(
    ("body", "kind", "status", "name"),
    [
        ("reason=x", "application/x-www-form-urlencoded", 415, "media-type"),
        ("{", "application/json", 400, "bad-request"),
        ("[" * 100_000, "application/json", 400, "bad-request"),
        ("[]", "application/json", 422, "refused"),
        ('{"reason": 1}', "application/json", 422, "refused"),
        ("x" * (2 << 20), "application/json", 413, "too-large"),
    ],
)
def test_a_body_that_is_none_is_refused(busy: WebKit, body: str, kind: str, status: int, name: str) -> None:
    told(program(busy, "olga").post(f"/messages/{busy.ids['good']}/hold", body, Content_Type=kind), status, name)


def test_a_busy_store_says_when_to_come_again(web: WebKit) -> None:
    def busy(_name: str, _parameters: dict[str, Any]) -> Any:
        raise StoreBusyError("The disk is full up to its reserve.")

    asking = program(web)
    with frozen(web, operate=busy):
        answer = asking.get("/partners")
    told(answer, 503, "busy")
    assert answer.headers["Retry-After"] == "10"


# -- partners --------------------------------------------------------------------------------------------------


def test_partners_are_listed_shown_and_applied(web: WebKit) -> None:
    asking = program(web, "adam")
    PartnerPage.model_validate(asking.get("/partners").json)
    PartnerDetail.model_validate(asking.get("/partners/harbor").json)
    told(asking.get("/partners/nobody"), 404, "not-found")
    told(asking.get("/partners/harbor?version=99"), 404, "not-found")
    told(asking.get("/partners/harbor?version=0"), 400, "bad-request")
    changed = {**HARBOR, "name": "Harbor Stores"}
    tried = asking.ask("PUT", "/partners?dry_run=true", changed).json
    Applied.model_validate(tried)
    assert (tried["applied"], tried["changes"][0]["action"]) == (False, "update")
    assert asking.get("/partners/harbor").json["name"] == "Harbor Retail"
    done = asking.ask(
        "PUT", "/partners?reason=renamed", [changed, {"code": "new", "name": "New", "status": "draft"}]
    ).json
    assert [change["action"] for change in done["changes"]] == ["update", "create"]
    shown = asking.get("/partners/harbor").json
    assert shown["name"] == "Harbor Stores"
    assert (shown["changed"]["author"], shown["changed"]["reason"]) == ("adam (token test)", "renamed")
    page = asking.get("/partners?limit=1").json
    assert [each["code"] for each in page["partners"]] == ["harbor"]
    page = asking.get(f"/partners?limit=1&after={page['next']}").json
    assert ([each["code"] for each in page["partners"]], page["next"]) == (["new"], None)
    assert [each["code"] for each in asking.get("/partners?status=draft").json["partners"]] == ["new"]


def test_partners_come_as_yaml_too(web: WebKit) -> None:
    text = "code: new\nname: Über & Co\nstatus: draft\n"
    answer = program(web).ask("PUT", "/partners", text.encode(), Content_Type="application/yaml")
    assert answer.json["changes"][0]["code"] == "new", answer.text
    assert program(web).get("/partners/new").json["name"] == "Über & Co"


@pytest.mark.parametrize(
    ("body", "kind", "status", "name", "said"),
    [
        (b"code: new\nnmae: x\n", "application/yaml", 422, "refused", "line 2"),
        (b"code: [\n", "application/yaml", 422, "refused", ""),
        (
            b"a: &a [x]\nb: [*a,*a,*a,*a]\n" + b"c: [*a,*a,*a,*a,*a,*a,*a,*a]\n" * 30,
            "application/yaml",
            422,
            "refused",
            "",
        ),
        (b"!!python/object/apply:os.system [ls]", "application/yaml", 422, "refused", ""),
        (b"", "application/yaml", 422, "refused", ""),
        (b"\xff\xfe", "application/yaml", 400, "bad-request", "UTF-8"),
        (b'{"code": ', "application/json", 400, "bad-request", "JSON"),
        (b"3", "application/json", 422, "refused", ""),
        (b"code: new", "text/plain", 415, "media-type", "application/yaml"),
        (b"code: new\nname: x\nas2: {certificates: [{file: /etc/passwd}]}", "application/yaml", 422, "refused", ""),
        (b"code: new\nname: x\npreset: ../../secret", "application/yaml", 422, "refused", ""),
        (
            b'{"code": "o", "name": "x", "status": "live", "ids": {"isa": [{"qualifier":"ZZ","id":"HARBORRETAIL"}]}}',
            "application/json",
            409,
            "conflict",
            "HARBORRETAIL",
        ),
    ],
)
def test_a_partner_file_with_mistakes_changes_nothing(
    web: WebKit, body: bytes, kind: str, status: int, name: str, said: str
) -> None:
    asking = program(web)
    found = told(asking.ask("PUT", "/partners", body, Content_Type=kind), status, name)
    assert said in json.dumps(found)
    assert "root:" not in json.dumps(found)
    assert [each["code"] for each in asking.get("/partners").json["partners"]] == ["harbor"]
