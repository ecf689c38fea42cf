"""Failures in the browser: cards by cause, one cause with its example, letter and history, and what can be done."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from sqlalchemy import func, select

from gateway.messages.models import ControlNumber
from gateway.messages.queries_cases import CaseFilters, case_cards, cause_of
from gateway.store import ledger
from gateway.store.base import Base
from gateway.web.view.letters import letter, place_of, rule_of
from tests.pipeline.test_case_actions import UNIT_IS_A_WARNING, wrong_unit
from tests.web.webkit import Browser, WebKit, texts

CAUSE = 'PO1 line 1, element PO103 (unit or basis for measurement code): "XX" is not a code of 004010.'


def rejected(web: WebKit, count: int = 3) -> str:
    """So many rejected orders of one cause; the case's id."""
    for number in range(1, count + 1):
        web.kit.receive(wrong_unit(number), message_id=f"<{number}@harbor>")
    web.kit.work()
    return web.kit.case().id


def act(browser: Browser, case: str, action: str, **form: str) -> str:
    """Press a button of a failure; the text of the page that follows."""
    answer = browser.post(f"/failures/{case}/act", action=action, **form)
    assert answer.status_code == 303, answer.text
    return texts(browser.get(answer.headers["Location"]))


def everything(web: WebKit) -> list[Any]:
    with web.kit.store.read() as session:
        tables = Base.metadata.tables.items()
        rows = [(name, session.scalar(select(func.count()).select_from(table))) for name, table in tables]
        numbers = sorted((n.partner, n.level, n.scope, n.next) for n in session.scalars(select(ControlNumber)))
        return [rows, ledger.head(session), numbers]


# -- the list --------------------------------------------------------------------------------------------------


def test_a_hundred_failures_of_one_cause_are_one_card(web: WebKit) -> None:
    rejected(web, 5)
    page = web.browser("vera").get("/failures")
    assert page.text.count("<article") == 1
    text = unescape(texts(page))
    for part in ("1 cause", CAUSE, "5 orders", "Harbor Retail", "the partner's side"):
        assert part in text


def test_nothing_open_shows_what_was_closed_last_and_by_whom(web: WebKit) -> None:
    browser = web.browser("olga")
    assert "No open problems" in texts(browser.get("/failures"))
    act(browser, rejected(web, 1), "resolve", reason="Called.")
    text = texts(browser.get("/failures"))
    assert "The last one was closed" in text
    assert "by olga" in text


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("partner=harbor", True),
        ("partner=nobody", False),
        ("fault=invalid", True),
        ("fault=no_map", False),
        ("state=new", True),
        ("state=waiting", False),
        ("state=resolved", False),
        ("assignee=olga", False),
    ],
)
def test_the_address_holds_the_filters(web: WebKit, query: str, shown: bool) -> None:
    rejected(web, 1)
    page = web.browser("vera").get(f"/failures?{query}").text
    assert ("<article" in page) is shown
    assert ("No failure fits" in page) is not shown


def test_errors_come_before_warnings_and_the_oldest_first(web: WebKit) -> None:
    web.kit.befriend(documents={"received": {"850": {"auto_post": False}}})
    for name in ("duplicate-order-number-first", "unknown-sender", "unit-and-date-wrong"):
        web.kit.receive_file(f"bad/{name}.edi")
        web.kit.pass_time(hours=1)
    with web.kit.store.read() as session:
        faults = [card["fault"] for card in case_cards(session, CaseFilters())["cases"]]
    assert faults == ["unknown_sender", "invalid", "approval"]


@pytest.mark.parametrize("state", ["", "resolved"])
def test_pages_follow_each_other_without_gap_or_repeat(web: WebKit, state: str) -> None:
    for name in ("unknown-sender", "unit-and-date-wrong", "unknown-version", "binary-file"):
        web.kit.receive_file(f"bad/{name}.edi")
    for case in web.kit.cases() if state else []:
        web.kit.pass_time(minutes=1)
        if case.fault in ("invalid", "unknown_version"):
            web.operate("case.resolve", {"id": case.id, "reason": "Called."})
    seen: list[str] = []
    after = None
    while True:
        with web.kit.store.read() as session:
            page = case_cards(session, CaseFilters(state=state), limit=1, after=after)
        seen += [card["id"] for card in page["cases"]]
        after = page["next"]
        if after is None:
            break
    assert len(seen) == len(set(seen)) == page["total"] > 1


@pytest.mark.parametrize("cursor", ["nonsense", "W10=", "WyJ4Il0=", "WyIyMDI2LTAxLTAxIiwgIngiXQ=="])
@pytest.mark.parametrize("path", ["/failures?", "/failures?state=resolved&", "/failures/{case}?"])
def test_an_invented_place_in_a_list_is_refused(web: WebKit, path: str, cursor: str) -> None:
    case = rejected(web, 1)
    assert web.browser("vera").get(f"{path.format(case=case)}after={cursor}").status_code == 400


# -- one failure -----------------------------------------------------------------------------------------------


def test_one_failure_says_what_where_whose_and_what_to_do(web: WebKit) -> None:
    case = rejected(web)
    page = web.browser("vera").get(f"/failures/{case}")
    text = texts(page)
    for part in ("The partner", "Ask the partner, or add the code to their list.", "AK403-7 (code not in the list)"):
        assert part in text
    assert "PO103, segment 7 of the set" in text
    assert re.search(r'href="/messages/[0-9a-f-]+#s7"', page.text)
    for number in ("HR-000001", "HR-000002", "HR-000003"):
        assert number in text


def test_the_letter_quotes_place_value_rule_and_messages(web: WebKit) -> None:
    case = rejected(web, 12)
    found = re.search(r"<pre[^>]*>(.*?)</pre>", web.browser("vera").get(f"/failures/{case}").text, re.DOTALL)
    assert found is not None
    text = found[1]
    for part in (
        "Hello Harbor Retail,",
        "PO103, segment 7 of the set",
        "&#34;XX&#34;",
        "AK403-7",
        "and 2 more",
        "Alpine Supply",
    ):
        assert part in text
    assert "under new control numbers" in text


def test_members_are_paged(web: WebKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.web.pages.failures.MEMBERS", 2)
    case = rejected(web)
    browser = web.browser("vera")
    first = browser.get(f"/failures/{case}").text
    link = re.search(r'rel="next" href="([^"]+)"', first)
    assert link is not None
    second = browser.get(link[1].replace("&amp;", "&")).text
    numbers = [set(re.findall(r'class="through wrap"[^>]*>850 (HR-\d+)', page)) for page in (first, second)]
    assert [len(found) for found in numbers] == [2, 1]
    assert not numbers[0] & numbers[1]


def test_a_failure_that_is_not_there_is_not_found(web: WebKit) -> None:
    browser = web.browser("olga")
    for path in ("", "/trial", "/confirm/ignore"):
        assert browser.get(f"/failures/nothing{path}").status_code == 404
    assert browser.get(f"/failures/{rejected(web, 1)}/confirm/dance").status_code == 404


@pytest.mark.parametrize(
    "fixture", ["unknown-sender", "binary-file", "duplicate-order-number-second", "unknown-version"]
)
def test_every_kind_of_failure_has_its_page(web: WebKit, fixture: str) -> None:
    web.kit.receive_file("bad/duplicate-order-number-first.edi")
    web.kit.receive_file(f"bad/{fixture}.edi")
    browser = web.browser("olga")
    case = web.kit.case().id
    for path in ("", "/trial", "/confirm/resolve"):
        assert browser.get(f"/failures/{case}{path}").status_code == 200


def test_a_door_of_a_partner_has_its_page(web: WebKit) -> None:
    from gateway.pipeline.problems import open_partner_problem

    now = web.kit.now
    case = web.write(lambda session: open_partner_problem(session, "harbor", "host-key", "The host key changed.", now))
    page = web.browser("olga").get(f"/failures/{case}")
    assert page.status_code == 200
    assert "Dry run" not in page.text
    assert "resolved" in act(web.browser("olga"), case, "resolve", reason="The key was confirmed.").lower()


# -- who may do what -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vera", "saul"])
def test_viewers_see_failures_and_change_nothing(web: WebKit, name: str) -> None:
    case = rejected(web, 1)
    browser = web.browser(name)
    page = browser.get(f"/failures/{case}")
    assert page.status_code == 200
    assert "Take it" not in page.text
    for path in ("trial", "confirm/ignore"):
        assert browser.get(f"/failures/{case}/{path}").status_code == 403
    before = everything(web)
    assert browser.post(f"/failures/{case}/act", action="assign").status_code == 403
    assert everything(web) == before


@pytest.mark.parametrize("name", ["olga", "adam"])
def test_operators_and_admins_take_note_and_wait(web: WebKit, name: str) -> None:
    case = rejected(web, 1)
    browser = web.browser(name)
    assert f"{name} works on it" in act(browser, case, "assign")
    assert "Called Kim." in act(browser, case, "note", reason="Called Kim.")
    assert "Waiting for partner" in act(browser, case, "wait", reason="Kim sends it again.")
    assert web.kit.case().assignee == name


def test_a_failure_is_given_to_a_colleague_and_back(web: WebKit) -> None:
    case = rejected(web, 1)
    browser = web.browser("olga")
    assert "adam works on it" in act(browser, case, "assign", assignee="adam")
    assert "nobody who can work on it" in act(browser, case, "assign", assignee="vera")
    assert "olga gave it back." in act(browser, case, "give_back")


def test_closing_is_asked_for_on_a_page_of_its_own_and_needs_a_reason(web: WebKit) -> None:
    case = rejected(web, 1)
    browser = web.browser("olga")
    page = browser.get(f"/failures/{case}/confirm/ignore")
    assert "Ignore this for good?" in page.text
    assert "required" in page.text
    assert "A reason is needed" in act(browser, case, "ignore", reason=" ")
    assert "It is closed." in act(browser, case, "ignore", reason="A test of theirs.")
    assert web.kit.case().review == "ignored"
    assert "Take it" not in browser.get(f"/failures/{case}").text


def test_without_its_token_a_form_changes_nothing(web: WebKit) -> None:
    case = rejected(web, 1)
    browser = web.browser("olga")
    before = everything(web)
    assert browser.client.post(f"/failures/{case}/act", data={"action": "assign"}).status_code == 400
    assert browser.post(f"/failures/{case}/act", action="dance").status_code == 400
    assert everything(web) == before


# -- dry run and replay ----------------------------------------------------------------------------------------


def test_the_dry_run_page_changes_nothing(web: WebKit) -> None:
    case = rejected(web)
    browser = web.browser("olga")
    web.kit.befriend(**UNIT_IS_A_WARNING)
    before = everything(web)
    text = texts(browser.get(f"/failures/{case}/trial"))
    assert "3 of 3 would go on" in text
    assert everything(web) == before


def test_a_mended_profile_a_dry_run_and_one_button_mend_them_all(web: WebKit) -> None:
    case = rejected(web)
    browser = web.browser("olga")
    assert "Nothing is different yet" in texts(browser.get(f"/failures/{case}/trial"))
    web.kit.befriend(**UNIT_IS_A_WARNING)
    assert "Replay all 3 now" in texts(browser.get(f"/failures/{case}/trial"))
    text = act(browser, case, "replay", reason="XX means case there.")
    assert "3 messages were started again." in text
    assert len(web.kit.documents(processing="posted")) == 3
    assert web.kit.case().review == "resolved"
    assert "No message of this case waits" in act(browser, case, "replay")


def test_the_dry_run_shows_differences(web: WebKit, monkeypatch: pytest.MonkeyPatch) -> None:
    case = rejected(web, 1)
    one = {
        "id": "x",
        "type": "document",
        "name": "850 <b>",
        "partner": "harbor",
        "result": "changed",
        "sentence": "<i>",
    }
    differences = [{"path": "lines[1].unit", "before": "<EA>", "after": ""}]
    result = {
        "case": case,
        "waiting": 3,
        "tried": 2,
        "counts": {"pass": 0, "changed": 1, "fail": 0, "unable": 1},
        "members": [{**one, "differences": differences}],
    }
    monkeypatch.setitem(web.app.extensions, "gateway", _with_trial(web, result))
    page = web.browser("olga").get(f"/failures/{case}/trial").text
    for part in ("lines[1].unit", "&lt;EA&gt;", "(nothing)", "850 &lt;b&gt;", "2 of 3 were tried"):
        assert part in page
    assert "<i>" not in page


def _with_trial(web: WebKit, result: dict[str, Any]) -> Any:
    from dataclasses import replace

    return replace(web.site, operate=lambda _name, _parameters: result)


# -- words -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "cause"),
    [
        ("850 1 from Harbor was rejected: PO103 is wrong. (2 more)", "PO103 is wrong."),
        ("850 1 from Harbor could not be mapped: the date.", "The date."),
        ("A message cannot be read.", "A message cannot be read."),
    ],
)
def test_the_cause_leaves_the_first_members_number_out(title: str, cause: str) -> None:
    assert cause_of(title) == cause


def test_a_place_is_a_path_or_a_segment_and_a_rule_has_its_meaning() -> None:
    assert place_of({"path": "/Order/cbc:ID", "line": 7}) == "/Order/cbc:ID, line 7"
    assert place_of({"path": "/Order/cbc:ID"}) == "/Order/cbc:ID"
    assert place_of({"segment": "CTT"}) == "CTT"
    assert place_of({}) == ""
    assert rule_of({"code": "XSD-minLength"}) == "XSD-minLength"


def test_a_letter_about_what_we_sent_quotes_their_answer() -> None:
    card = {"fault": "rejected_by_partner", "waiting": 1, "cause": "Harbor rejected our 810."}
    example = {"name": "810 I-1", "at": "2026-11-22T10:00:00", "findings": [], "said": ["IT104: wrong price."]}
    text = letter(card, example, [], partner="", company="Alpine")
    assert "Hello there," in text
    assert "- IT104: wrong price." in text
    text = letter(
        {**card, "fault": "odd"}, {**example, "said": [], "transport_id": "<1@x>"}, [], partner="H", company="A"
    )
    assert "- Harbor rejected our 810." in text
    assert "Message-ID <1@x>" in text
