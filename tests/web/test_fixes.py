"""Putting a failure right in the browser: the fix in the address, the dry run, one button, and second persons."""

from __future__ import annotations

import itertools
import re
from html import unescape
from typing import Any

import pytest

from gateway.messages.corrections import CorrectionKind, SecondPerson, propose
from gateway.web.view.words import plain
from tests.web.test_failures import everything, rejected
from tests.web.test_injection import STRINGS, unharmed
from tests.web.webkit import Browser, WebKit, texts

WORDS = "kind=code&place=PO103&value=XX&choice=PO103"
FIX = {"kind": "code", "place": "PO103", "value": "XX", "choice": "PO103"}


def save(browser: Browser, case: str, **form: str) -> tuple[str, str]:
    """Press the button of a dry run with a fix: (address that follows, its text)."""
    given = {**FIX, "versions": "harbor=1 ", "reason": "XX is a case there.", **form}
    answer = browser.post(f"/failures/{case}/fix", **given)
    assert answer.status_code == 303, answer.text
    where = answer.headers["Location"]
    return where, unescape(texts(browser.get(where)))


def test_the_failure_proposes_its_best_fix_and_hides_the_others(web: WebKit) -> None:
    page = web.browser("olga").get(f"/failures/{rejected(web)}").text
    text = unescape(page)
    assert "Take XX as a unit (PO103) from Harbor Retail" in text
    assert text.count("Try this") == text.count('name="kind"') > 1
    assert text.index("Try this") < text.index("Other ways") < text.index("Only warn Harbor Retail")
    assert "Dry run without a change" in text
    assert page.count('class="button main"') == page.count(
        "Try this</button>", 0, page.index("Other ways")
    ) + page.count('<button class="button main">')


def test_viewers_are_offered_nothing(web: WebKit) -> None:
    case = rejected(web, 1)
    browser = web.browser("vera")
    assert "Try this" not in browser.get(f"/failures/{case}").text
    assert browser.get(f"/failures/{case}/trial?{WORDS}").status_code == 403
    before = everything(web)
    assert browser.post(f"/failures/{case}/fix", **FIX, reason="x").status_code == 403
    assert everything(web) == before


def test_the_address_of_a_dry_run_holds_its_fix(web: WebKit) -> None:
    case = rejected(web)
    browser = web.browser("olga")
    before = everything(web)
    page = browser.get(f"/failures/{case}/trial?{WORDS}")
    text = unescape(texts(page))
    for part in (
        "3 of 3 would go on",
        "Take XX as a unit (PO103) from Harbor Retail.",
        "Save it and replay all 3",
        "Harbor Retail, version 2 inbound.code_lists.PO103 : (nothing) → add: XX",
    ):
        assert part in text, text
    assert 'value="3 messages failed without it."' in page.text
    assert 'value="harbor=1 "' in page.text
    assert everything(web) == before


def test_one_button_saves_the_fix_and_replays_everything(web: WebKit) -> None:
    case = rejected(web)
    where, text = save(web.browser("olga"), case)
    assert where == f"/failures/{case}"
    assert "stored as version 2 of harbor. 3 messages were started again." in text
    assert web.kit.case().review == "resolved"
    assert len(web.kit.posted()) == 3
    for part in ("Correction applied", "Take XX as a unit", "olga"):
        assert part in text


def test_a_fix_that_does_not_help_says_so(web: WebKit, monkeypatch: pytest.MonkeyPatch) -> None:
    case = rejected(web, 1)
    monkeypatch.setattr("gateway.pipeline.trial._as_if", lambda pipeline, _case, _fix: pipeline)
    assert "This alone does not help" in texts(web.browser("olga").get(f"/failures/{case}/trial?{WORDS}"))


@pytest.mark.parametrize(("given", "sentence"), [({"value": "YY"}, "does not suit"), ({"reason": " "}, "reason is")])
def test_what_was_not_offered_and_what_has_no_reason_is_refused(
    web: WebKit, given: dict[str, str], sentence: str
) -> None:
    case = rejected(web, 1)
    browser = web.browser("olga")
    before = everything(web)
    where, text = save(browser, case, **given)
    assert where == f"/failures/{case}"
    assert sentence in text
    assert everything(web) == before
    answer = browser.get(f"/failures/{case}/trial?kind=code&place=PO103&value=YY")
    assert answer.status_code == 303
    assert "does not suit" in texts(browser.get(answer.headers["Location"]))


def test_a_profile_that_changed_meanwhile_brings_the_dry_run_again(web: WebKit) -> None:
    case = rejected(web, 1)
    browser = web.browser("olga")
    web.kit.befriend(notes="Somebody wrote this.")
    where, text = save(browser, case)
    assert where == f"/failures/{case}/trial?{WORDS}"
    assert "version 1 is 2 now. Nothing was saved." in text
    assert "1 of 1 would go on" in text
    assert "started again" in save(browser, case, versions="harbor=2")[1]


def test_a_page_of_messages_on_their_way_looks_again_soon_and_offers_nothing(web: WebKit) -> None:
    case = rejected(web)
    browser = web.browser("olga")
    page = browser.get(f"/failures/{case}").text
    assert 'data-refresh="30"' in page
    web.kit.pipeline.work.jobs.clear()
    from gateway.pipeline.corrections import OPERATIONS

    OPERATIONS["case.fix"](web.kit.pipeline, {"id": case, "fix": FIX, "actor": "olga", "reason": "x"})
    page = browser.get(f"/failures/{case}").text
    assert 'data-refresh="2"' in page
    assert "3 messages are on the way" in texts(browser.get(f"/failures/{case}"))
    assert "Try this" not in page
    web.kit.work()
    assert 'data-refresh="30"' in browser.get(f"/failures/{case}").text
    assert web.kit.case().review == "resolved"


def test_a_refused_signature_names_the_partners_page_and_no_fix(web: WebKit) -> None:
    from gateway.messages.ports import ReceiveFailure

    failure = ReceiveFailure("signature", "The signature is not the partner's.", "Compare certificates.")
    web.kit.receive(b"x", failure=failure)
    page = web.browser("olga").get(f"/failures/{web.kit.case().id}").text
    assert "gateway partner apply" in page
    assert 'href="/partners/harbor"' in page
    assert "Try this" not in page


# -- the second person -----------------------------------------------------------------------------------------


@pytest.fixture
def proposed(web: WebKit) -> tuple[str, str]:
    """(case, correction) of a fix that waits."""
    web.kit.pipeline.second_person = SecondPerson.ALWAYS
    case = rejected(web)
    browser = web.browser("olga")
    assert "Save it for a second person" in texts(browser.get(f"/failures/{case}/trial?{WORDS}"))
    assert "waits for a second person. Nothing was changed yet." in save(browser, case)[1]
    found = web.operate("correction.list", {})["corrections"]
    return case, found[0]["id"]


def test_a_fix_that_waits_stands_on_home_the_failure_and_its_own_page(web: WebKit, proposed: tuple[str, str]) -> None:
    case, identity = proposed
    adam, olga = web.browser("adam"), web.browser("olga")
    home = unescape(texts(adam.get("/")))
    assert "Waits for a second person" in home
    assert "by olga · XX is a case there." in home
    assert "yours: somebody else has to apply it" in texts(olga.get("/"))
    assert "2 things need you" in home
    page = unescape(texts(adam.get(f"/failures/{case}")))
    for part in ("Waits for a second person: you", "XX is a case there.", "inbound.code_lists.PO103", "Apply it"):
        assert part in page
    mine = unescape(texts(olga.get(f"/failures/{case}")))
    assert "Your fix waits" in mine
    assert "Apply it" not in mine
    assert "Take it back" in mine
    for path in ("/corrections", f"/corrections/{identity}"):
        assert "XX is a case there." in texts(web.browser("vera").get(path))
        assert "Apply it" not in texts(web.browser("vera").get(path))


def test_another_operator_applies_it_and_everything_is_replayed(web: WebKit, proposed: tuple[str, str]) -> None:
    case, identity = proposed
    answer = web.browser("olga").post(f"/corrections/{identity}/act", action="apply")
    assert web.kit.posted() == []
    answer = web.browser("adam").post(f"/corrections/{identity}/act", action="apply")
    assert answer.headers["Location"] == f"/failures/{case}"
    assert len(web.kit.posted()) == 3
    assert "and adam" in texts(web.browser("vera").get("/corrections"))
    assert "Applied by" in texts(web.browser("vera").get(f"/corrections/{identity}"))
    assert "Waits for a second person" not in texts(web.browser("adam").get("/"))


def test_another_operator_refuses_it_with_a_reason(web: WebKit, proposed: tuple[str, str]) -> None:
    case, identity = proposed
    browser = web.browser("adam")
    browser.post(f"/corrections/{identity}/act", action="refuse", reason=" ")
    assert "A reason is needed" in texts(browser.get("/corrections"))
    browser.post(f"/corrections/{identity}/act", action="refuse", reason="XX is a pallet.")
    page = unescape(texts(browser.get(f"/failures/{case}")))
    assert "It was refused: Take XX as a unit" in page
    assert "XX is a pallet." in page
    assert web.kit.posted() == []
    assert "Refused by adam" in texts(browser.get(f"/corrections/{identity}"))


def test_what_is_no_correction_or_no_button_is_not_found(web: WebKit, proposed: tuple[str, str]) -> None:
    browser = web.browser("olga")
    assert browser.get("/corrections/nothing").status_code == 404
    assert browser.post(f"/corrections/{proposed[1]}/act", action="dance").status_code == 400
    assert browser.post("/corrections/nothing/act", action="apply").status_code == 303


def test_an_edited_copy_stands_in_the_history_of_its_failure(web: WebKit) -> None:
    case = rejected(web, 1)
    (document,) = web.kit.documents()
    change = {"differences": [{"place": "PO103", "name": "Unit", "before": "XX", "after": "<b>EA"}]}

    def work(session: Any) -> str:
        row = propose(
            session,
            kind=CorrectionKind.EDIT,
            title="PO103 becomes EA",
            reason="A slip of theirs.",
            change=change,
            author="olga",
            now=web.kit.now,
            case_id=case,
            subject=("document", document.id),
        )
        return row.id

    identity = web.write(work)
    browser = web.browser("adam")
    page = browser.get(f"/failures/{case}").text
    assert "Edited copy waiting" in page
    assert "PO103 becomes EA: A slip of theirs." in page
    page = browser.get(f"/corrections/{identity}").text
    assert "&lt;b&gt;EA" in page
    assert f'href="/messages/{document.id}"' in page
    assert f'href="/corrections/{identity}"' in browser.get("/").text


@pytest.mark.slow
def test_words_of_a_fix_show_hostile_text_as_text(web: WebKit) -> None:
    case = rejected(web, 1)
    browser = web.browser("olga")
    client, names = browser.client, itertools.cycle(["kind", "place", "value", "choice"])
    token = browser.token("/account")
    before = len(web.kit.posted())
    for text, name in zip(STRINGS[::13], names):  # noqa: B905 - one of them never ends
        given = {**FIX, name: text}
        assert client.get(f"/failures/{case}/trial", query_string=given).status_code == 303, text
        unharmed(browser.get(f"/failures/{case}").text)
        form = {"csrf_token": token, **given, "versions": text, "reason": text}
        assert client.post(f"/failures/{case}/fix", data=form).status_code == 303, text
        unharmed(browser.get(f"/failures/{case}").text)
    assert len(web.kit.posted()) == before
    web.kit.pipeline.second_person = SecondPerson.ALWAYS
    save(browser, case, reason=STRINGS[0] + STRINGS[100])
    for path in ("/", f"/failures/{case}", "/corrections"):
        unharmed(browser.get(path).text)


# -- words -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "(nothing)"),
        ("", "(nothing)"),
        ([], "(nothing)"),
        ({"add": [], "only": []}, "(nothing)"),
        ({"add": ["A", "B"], "only": []}, "add: A, B"),
        (True, "yes"),
        (False, "no"),
        (3, "3"),
    ],
)
def test_a_setting_is_shown_on_one_line(value: object, text: str) -> None:
    assert plain(value) == text


def test_the_words_that_must_be_read_to_decide_are_marked(web: WebKit) -> None:
    case = rejected(web)
    browser = web.browser("olga")
    for path in ("/", f"/failures/{case}", f"/failures/{case}/trial?{WORDS}"):
        assert len(re.findall(r"data-read[ >]", browser.get(path).text)) >= 3, path
