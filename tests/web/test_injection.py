"""Hostile text through searches, filters, headers, forms, names and messages: no effect, and nothing unescaped."""

from __future__ import annotations

import itertools
from html.parser import HTMLParser

import pytest

from tests.web.webkit import PASSWORD, WebKit

pytestmark = pytest.mark.volume

#: Beginnings that leave an attribute, an element, a text, a query; and what would then be done.
ESCAPES = [
    '"',
    "'",
    "`",
    "<",
    ">",
    '">',
    "'>",
    "</title>",
    "</textarea>",
    "-->",
    "]]>",
    "{{",
    "{%",
    "${",
    "\\",
    "%0a",
    "\x00",
    "\u202e",
    "' OR ",
    "; ",
]
DEEDS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    ' onmouseover=alert(1) x="',
    ' autofocus onfocus=alert(1) x="',
    "javascript:alert(1)",
    "<iframe srcdoc=x>",
    "<style>*{display:none}</style>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content=0>",
    "{{ 191*7 }}",
    "{{ config }}",
    "{% include '/etc/passwd' %}",
    "1=1 --",
    "UNION SELECT password_hash FROM staff_user --",
    "); DROP TABLE staff_user; --",
    "<form action=//evil.example>",
    "<a href=javascript:alert(1)>x</a>",
    "<math><mtext></mtext></math>",
    "<object data=x>",
    "<link rel=stylesheet href=//evil.example>",
    "<input onfocus=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "%3Cscript%3E",
    "&#60;script&#62;",
    "\r\nSet-Cookie: evil=1",
]
STRINGS = [escape + deed for escape, deed in itertools.product(ESCAPES, DEEDS)]
#: Elements that our pages never hold.
_FOREIGN = {"iframe", "style", "base", "object", "img", "math", "embed"}


class Watch(HTMLParser):
    """Notes what only hostile text could have put into a page of ours."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if tag in _FOREIGN or any(name.startswith("on") or name == "style" for name in names):
            self.wrong.append(f"<{tag} {names}>")
        if tag == "script" and not (names.get("src") or "").startswith("/static/"):
            self.wrong.append(f"<script {names}>")
        for name in ("href", "action", "src"):
            value = (names.get(name) or "").strip().lower()
            if value and not value.startswith(("/", "#", "otpauth:")):
                self.wrong.append(f"{name}={value}")
        if tag in ("meta", "link") and (names.get("http-equiv") or "evil" in str(names)):
            self.wrong.append(f"<{tag} {names}>")


def unharmed(page: str) -> None:
    watch = Watch()
    watch.feed(page)
    assert watch.wrong == []
    assert "1337" not in page


def test_there_are_enough_strings() -> None:
    assert len(set(STRINGS)) >= 500


@pytest.mark.slow
def test_searches_and_filters_show_hostile_text_as_text(busy: WebKit) -> None:
    client = busy.browser("root").client
    names = itertools.cycle(["q", "partner", "kind", "since", "transport", "processing", "test"])
    for text, name in zip(STRINGS, names):  # noqa: B905 - one of them never ends
        answer = client.get("/messages", query_string={name: text, "q": text})
        assert answer.status_code == 200, text
        unharmed(answer.text)


def test_addresses_and_headers_show_hostile_text_as_text(busy: WebKit) -> None:
    client = busy.browser("root").client
    for text in STRINGS[::4]:
        plain = text.replace("\r", " ").replace("\n", " ").replace("\0", " ").encode("utf-8").decode("latin-1")
        for answer in (
            client.get("/messages/" + text.replace("/", "").replace("\\", "").replace("%", "%25")),
            client.get("/login", headers={"User-Agent": plain, "Referer": plain, "X-Forwarded-For": plain}),
            client.get("/login", query_string={"next": text}),
        ):
            assert answer.status_code < 500, text
            unharmed(answer.text)


@pytest.mark.slow
def test_forms_keep_hostile_text_as_text(web: WebKit) -> None:
    browser = web.browser("root")
    token = browser.token("/users")
    for n, text in enumerate(STRINGS[::13]):
        made = browser.client.post(
            "/users", data={"csrf_token": token, "name": f"user{n}", "full_name": text, "roles": "viewer"}
        )
        refused = browser.client.post("/users", data={"csrf_token": token, "name": text, "full_name": text})
        assert (made.status_code, refused.status_code) == (200, 400), text
        unharmed(refused.text)
        web.kit.pass_time(seconds=1)
    unharmed(browser.get("/users").text)
    login = web.browser()
    token = login.token()
    for n, text in enumerate(STRINGS[::10]):
        if n % 40 == 0:
            web.kit.pass_time(minutes=16)
        answer = login.client.post("/login", data={"csrf_token": token, "name": text, "password": text, "next": text})
        assert answer.status_code in (401, 429), text
        unharmed(answer.text)
    web.kit.pass_time(minutes=16)
    assert web.browser().post("/login", name="vera", password=PASSWORD).status_code == 303


def test_messages_from_partners_show_hostile_text_as_text(web: WebKit) -> None:
    browser = web.browser("root")
    safe = [text for text in STRINGS[::9] if "~" not in text and "*" not in text]
    lines = "".join(f"REF*IA*{text[:30]}~".replace("\0", "") for text in safe)
    head = "ISA*00*          *00*          *ZZ*HARBORRETAIL   *ZZ*ALPINESUPPLY   *260914*0630*U*00401*000000777*0*T*>~"
    group = "GS*PO*HARBORRETAIL*ALPINESUPPLY*20260914*0630*777*X*004010~ST*850*0777~BEG*00*SA*<b>HR~"
    order = f"{group}{lines}SE*9*0777~GE*1*777~IEA*1*000000777~"
    identity = web.kit.receive((head + order).encode("utf-8"), message_id='<"><script>alert(1)</script>@x>')
    web.kit.work()
    documents = web.kit.documents(transmission_id=identity)
    for message in [identity, *(document.id for document in documents)]:
        for view in ("", "hex", "canonical"):
            unharmed(browser.get(f"/messages/{message}?view={view}").text)
    unharmed(browser.get("/").text)
    unharmed(browser.get("/messages").text)
