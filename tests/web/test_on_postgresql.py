"""Every page over the same messages, on SQLite and on a real PostgreSQL server: they tell the same."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import update

from gateway.messages import ids
from gateway.messages.models import Document
from gateway.store.engine import Store, open_store
from gateway.store.migrations import upgrade
from tests.pipeline.pipelinekit import Kit
from tests.postgresqlkit import need_postgresql, running_server
from tests.web.test_orders import FOLLOWED, send
from tests.web.webkit import Browser, WebKit, texts

need_postgresql()
pytestmark = [pytest.mark.real, pytest.mark.slow]

LISTS = {
    "/messages": (
        "processing=rejected",
        "processing=posted&direction=in",
        "direction=out&delivery=confirmed",
        "delivery=failed",
        "acknowledgement=awaited",
        "partner=harbor&kind=order",
        "kind=order&since=2026-11-20",
        "kind=order&until=2026-11-10",
        "transport=as2&test=no",
        "noted=yes",
        "assignee=olga",
        "q=HR-4600",
        "q=hr-4600",
        "q=000000521",
        "q=good@HARBOR",
        "q=BINARY+data",
        "q=%25",
        "q=_",
        "q=%5C",
        "q=%00",
        "q=%C3%A9%E2%98%83",
        "at=2026-11-15T12:00",
    ),
    "/orders": (
        "which=open",
        "which=late",
        "which=mismatch",
        "number=HR-45",
        "number=%00",
        "role=sell",
        "partner=harbor",
    ),
    "/failures": ("state=resolved", "state=new", "state=assigned", "partner=harbor", "fault=%00", "assignee=olga"),
    "/acknowledgements": ("view=overdue", "view=awaited", "view=rejected", "view=unmatched", "kind=invoice"),
    "/audit": (
        "actor=test",
        "actor=out",
        "kind=moved",
        "subject_type=case",
        "since=2026-11-20",
        "until=2026-11-20",
        "actor=%00",
    ),
    "/queues": ("partner=harbor",),
    "/alerts": ("state=open",),
    "/corrections": ("state=applied",),
}
#: What is of one moment or of one database: identifiers, hashes, tokens, sizes.
_OWN = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{20,}|[0-9a-f]{12,}|\b[0-9a-f]{8}(-[0-9a-f]{4})?\b|[\w-]{40,}|\b[A-Z2-7]{32}\b"
)


def filled(store: Store, home: Path) -> WebKit:
    """A day of a gateway: good and bad messages, an order with its answers, a failure put right, notes, alerts."""
    web = WebKit(Kit(store, home))
    web.add_users()
    web.add_messages()
    olga = web.browser("olga")
    web.kit.befriend(documents=FOLLOWED)
    web.kit.receive_file("demo/004010/850-04-backorder.edi")
    (order,) = web.operate("order.list", {"number": "HR-450020"})["orders"]
    assert send(olga, order["id"], "order_acknowledgment").status_code == 303
    web.ids["order"] = order["id"]
    web.kit.pass_time(minutes=5)
    web.operate("message.note", {"id": web.ids["good"], "reason": "They called", "actor": "olga"})
    web.operate("message.replay", {"id": web.ids["bad"]})
    for case in web.kit.cases():
        web.ids[f"case {case.fingerprint}"] = case.id
    first = web.kit.cases()[0].id
    web.operate("case.assign", {"id": first, "to": "olga", "actor": "olga"})
    web.kit.pass_time(hours=30)
    web.add_alerts()
    web.kit.pass_time(minutes=1)
    return web


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[WebKit, WebKit]]:
    """The same day on SQLite and on PostgreSQL."""
    plain, served = tmp_path_factory.mktemp("sqlite"), tmp_path_factory.mktemp("postgresql")
    with (
        running_server() as server,
        open_store(plain / "gateway.db") as one,
        open_store(server.with_tables("pages"), blobs=served / "blobs") as other,
    ):
        upgrade(one)
        made = []
        for store, home in ((one, plain), (other, served)):
            with pytest.MonkeyPatch.context() as patch:  # what is of one moment has the same order in both
                counted = itertools.count()
                patch.setattr(ids, "os", SimpleNamespace(urandom=lambda n, c=counted: next(c).to_bytes(n, "big")))
                made.append(filled(store, home))
        yield made[0], made[1]


def told(web: WebKit, browser: Browser, address: str) -> tuple[int, str]:
    """Status and text of a page, without what is of one database."""
    for name, identity in web.ids.items():
        address = address.replace(f"<{name}>", identity)
    answer = browser.get(address)
    words = " ".join(re.sub(r"<[^>]*>", " ", answer.data.decode(errors="replace")).split())
    return answer.status_code, _OWN.sub("·", unescape(words))


def addresses(web: WebKit) -> list[str]:
    found = [f"{path}?{query}" for path, queries in LISTS.items() for query in ("", *queries)]
    found += ["/", "/partners", "/partners/harbor", "/users", "/account", "/inspector", "/alerts/channels/<channel>"]
    for name in ("good", "bad", "noise", "xml"):
        found += [f"/messages/<{name}>", f"/messages/<{name}>/payload", f"/edit/<{name}>"]
    found += [f"/orders/<order>{rest}" for rest in ("", "/ship_notice", "/invoice")]
    for name in web.ids:
        if name.startswith("case"):
            found += [f"/failures/<{name}>", f"/failures/<{name}>/trial", f"/failures/<{name}>?members=all"]
    return found


def test_every_page_tells_the_same(both: tuple[WebKit, WebKit]) -> None:
    plain, served = both
    one, other = plain.browser("root"), served.browser("root")
    differ = {address: (told(plain, one, address), told(served, other, address)) for address in addresses(plain)}
    assert {address: pair for address, pair in differ.items() if pair[0] != pair[1]} == {}
    assert not [address for address, pair in differ.items() if pair[1][0] >= 500]


def test_the_pages_of_a_list_go_on_where_the_last_one_ended(both: tuple[WebKit, WebKit]) -> None:
    def walked(web: WebKit) -> list[str]:
        browser, address, seen = web.browser("root"), "/messages?limit=5", []
        while address:
            page = browser.get(address).text
            seen += re.findall(r'href="/messages/([^"/?]+)"', page)
            found = re.search(r'href="(/messages\?[^"]*after=[^"]+)"', page)
            address = unescape(found[1]) if found else ""
        return seen

    plain, served = (walked(web) for web in both)
    assert len(plain) == len(set(served)) == len(served)


def test_the_machine_is_told_with_its_database(both: tuple[WebKit, WebKit]) -> None:
    page = texts(both[1].browser("root").get("/system"))
    assert "PostgreSQL 1" in page
    assert "postgresql+psycopg://gateway@/pages" in page


@pytest.mark.parametrize("amount", ["9" * 17 + ".00", "9" * 20 + ".00", "1E+30", "-1E-30", "9" * 5000])
def test_no_amount_keeps_the_failures_from_opening(both: tuple[WebKit, WebKit], amount: str) -> None:
    for web in both:
        change = update(Document).where(Document.processing == "rejected").values(amount=amount, currency="USD")
        web.kit.store.writer.run(lambda session, change=change: session.execute(change))
        assert web.browser("root").get("/failures").status_code == 200
