"""How fast the staff pages answer over very many messages: each page many times, through the real application.

The pages run as they do in service, over SQLite, with a logged-in session; only the socket is left out. The peer of
every page is the barest page of the same application (`/inspector`, which asks the store for nothing but the session),
so that a ratio can be compared between machines.
"""

from __future__ import annotations

import math
import re
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

from flask.testing import FlaskClient

from gateway import __version__
from gateway.bench.rows import Row, row
from gateway.bench.webdata import PARTNERS, Made, make_store
from gateway.partners import registry
from gateway.partners.directory import Directory
from gateway.pipeline.context import Company, Pipeline
from gateway.pipeline.work import EmbeddedWork
from gateway.service.operations import OPERATIONS
from gateway.staff import accounts
from gateway.staff.passwords import hash_password
from gateway.store.engine import Store, open_store
from gateway.store.secrets import Kek
from gateway.web.app import create_app
from gateway.web.site import PartnerName, Site

__all__ = ["TARGETS", "pages", "run"]

#: Kind of page → milliseconds that 95 of 100 requests must keep to with 1,000,000 messages.
TARGETS = {"list": 150.0, "search": 150.0, "detail": 250.0, "home": 300.0, "large": 500.0}
_BARE = "/inspector"
_USER, _PASSWORD = "bench", secrets.token_urlsafe(24)


class Page(NamedTuple):
    """One page to be measured."""

    name: str
    #: A key of TARGETS.
    kind: str
    address: str


def run(
    messages: int = 50_000,
    progress: Callable[[str], None] | None = None,
    *,
    rounds: int = 40,
    store: Path | None = None,
) -> list[Row]:
    """Make so many messages in a temporary directory and measure every page; a row for each.

    With ``store``, that database is made, or used when it is there. ``ours`` is requests in a second; ``p50_ms``,
    ``p95_ms``, ``target_ms`` and ``within`` say the same in milliseconds against the target; ``cpu_ms`` is what one
    request takes of the processor, which other load on the machine hardly changes.
    """
    tell = progress or (lambda _text: None)
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        path = store or Path(folder) / "gateway.db"
        made = None if path.exists() else make_store(path, messages, datetime.now(UTC), tell)
        with open_store(path) as opened:
            made = made or _look(opened)
            client = _browser(opened)
            work = f"{made.messages:,} messages"
            tell(f"measuring {work}")
            bare = _measure(client, _BARE, rounds)
            found = [_row(Page("a bare page", "home", _BARE), work, bare, bare)]
            for page in pages(client, made):
                found.append(_row(page, work, _measure(client, page.address, rounds), bare))
                tell(f"{page.name}: {found[-1]['p95_ms']} ms")
    return found


def pages(client: FlaskClient, made: Made) -> list[Page]:
    """Every page that is measured, with its address."""
    later = "/messages"
    for _ in range(3):
        found = re.search(r'href="([^"]*after=[^"]+)"', client.get(later).text)
        later = found[1].replace("&amp;", "&") if found else later
    small = f"partner{PARTNERS - 1:02d}"
    lists = {
        "messages": "/messages",
        "messages, a later page": later,
        "messages of a partner": f"/messages?partner={made.partner}",
        "messages of a small partner": f"/messages?partner={small}",
        "messages by kind": "/messages?kind=invoice",
        "messages rejected": "/messages?processing=rejected",
        "messages held": "/messages?processing=held",
        "messages not delivered": "/messages?delivery=failed",
        "messages delivered": "/messages?delivery=confirmed",
        "messages by acknowledgement": "/messages?acknowledgement=accepted",
        "messages overdue": "/messages?acknowledgement=overdue",
        "messages sent": "/messages?direction=out",
        "messages of test": "/messages?test=yes",
        "messages until a day": f"/messages?until={_day(client)}",
        "messages, three filters": f"/messages?partner={small}&kind=invoice&processing=held",
        "failures": "/failures",
        "acknowledgements": "/acknowledgements",
        "acknowledgements rejected": "/acknowledgements?view=rejected",
        "queues": "/queues",
        "partners": "/partners",
        "audit": "/audit",
    }
    searches = {
        "search: order number": made.number,
        "search: interchange control number": made.control,
        "search: the same without zeros": made.control.lstrip("0"),
        "search: set control number": "0007",
        "search: Message-ID": made.message_id,
        "search: file name": made.filename,
        "search: SSCC": f"00{made.sscc}",
        "search: part of a text": "nothing-is-called-so",
    }
    return [
        Page("home", "home", "/"),
        *(Page(name, "list", address) for name, address in lists.items()),
        *(Page(name, "search", "/messages?q=" + _quoted(text)) for name, text in searches.items()),
        Page("a message", "detail", f"/messages/{made.document}"),
        Page("a failure", "detail", f"/failures/{made.case}"),
        Page("a message of 5 MB", "large", f"/messages/{made.large}"),
        Page("a message of 5 MB, bytes", "large", f"/messages/{made.large}?view=hex"),
    ]


def _day(client: FlaskClient) -> str:
    """A day in the middle of what there is."""
    found = re.findall(r'datetime="(\d{4}-\d{2}-\d{2})', client.get("/messages").text)
    newest = datetime.fromisoformat(found[0] if found else "2026-01-31")
    return datetime.fromordinal(newest.toordinal() - 30).date().isoformat()


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text)


class Spans(NamedTuple):
    """Milliseconds of each request, sorted: by the clock, and of the processor."""

    clock: list[float]
    processor: list[float]


def _measure(client: FlaskClient, address: str, rounds: int) -> Spans:
    """Every request but the first two, which fill caches. Raises RuntimeError for an error page."""
    spans: list[float] = []
    worked: list[float] = []
    for count in range(rounds + 2):
        begun, busy = time.perf_counter(), time.process_time()
        answer = client.get(address)
        span, work = (time.perf_counter() - begun) * 1000, (time.process_time() - busy) * 1000
        if answer.status_code != 200:
            raise RuntimeError(f"{address} answered {answer.status_code}.")
        if count >= 2:
            spans.append(span)
            worked.append(work)
    return Spans(sorted(spans), sorted(worked))


def _row(page: Page, work: str, spans: Spans, bare: Spans) -> Row:
    clock = spans.clock
    middle, high = statistics.median(clock), clock[math.ceil(0.95 * len(clock)) - 1]
    target = TARGETS[page.kind]
    found = row(
        "web",
        page.name,
        work,
        1000 / middle,
        "pages/s",
        peer="a bare page",
        peer_value=1000 / statistics.median(bare.clock),
    )
    figures = {
        "p50_ms": round(middle, 1),
        "p95_ms": round(high, 1),
        "cpu_ms": round(statistics.median(spans.processor), 1),
        "target_ms": target,
        "within": high <= target,
    }
    return {**found, **figures}


# -- the site ------------------------------------------------------------------------------------------------


def _browser(store: Store) -> FlaskClient:
    """A client of the application that is logged in as an admin."""
    now = datetime.now(UTC)

    def add(session: Any) -> None:
        digest = hash_password(_PASSWORD)
        if (user := accounts.by_name(session, _USER)) is not None:  # of an earlier run over the same file
            user.password_hash = digest
            return
        accounts.create_user(
            session,
            name=_USER,
            full_name="Bench",
            roles=["admin"],
            password=_PASSWORD,
            password_hash=digest,
            actor="bench",
            now=now,
        )

    store.writer.run(add)
    client = create_app(_site(store)).test_client()
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/login").text)
    form = {"csrf_token": token[1] if token else "", "name": _USER, "password": _PASSWORD}
    answer = client.post("/login", data=form)
    if answer.status_code != 303:
        raise RuntimeError(f"The login answered {answer.status_code}.")
    return client


def _site(store: Store) -> Site:
    def partners() -> list[PartnerName]:
        with store.read() as session:
            found = [profile for _, profile in registry.list_partners(session)]
        return [PartnerName(profile.code, profile.name, profile.time_zone) for profile in found]

    pipeline = Pipeline(
        company=Company("alpine", "Alpine Supply", "ZZ", "ALPINESUPPLY", "ALPINESUPPLY", "ALPINE"),
        store=store,
        work=EmbeddedWork(store),
        directory=Directory(store.read, "ALPINE"),
        clock=lambda: datetime.now(UTC),
    )
    # The operations that pages ask for while they are only looked at need no more of a running gateway.
    context: Any = SimpleNamespace(pipeline=pipeline, store=store, wake=lambda: None)

    return Site(
        company="Alpine Supply",
        time_zone="Europe/Berlin",
        version=__version__,
        read=store.read,
        write=store.writer.run,
        operate=lambda name, parameters: OPERATIONS[name](context, parameters),
        kek=Kek(secrets.token_bytes(32), "bench"),
        clock=lambda: datetime.now(UTC),
        partners=partners,
        work=lambda: {"waiting": 0, "running": 0, "failed": 0, "oldest_seconds": None},
        hosts=lambda: frozenset({"localhost"}),
    )


def _look(store: Store) -> Made:
    """What a database that was made before holds."""
    from sqlalchemy import func, select

    from gateway.messages.models import CaseFile, CaseMember, Document, Transmission
    from gateway.messages.searchkeys import SearchKey

    with store.read() as session:
        total = session.scalar(select(func.count()).select_from(Transmission)) or 0
        order = session.execute(
            select(Document, Transmission)
            .join(Transmission, Transmission.id == Document.transmission_id)
            .where(Document.partner == "partner03", Document.kind == "order", Document.processing == "posted")
            .order_by(Document.received_at)
            .limit(1)
        ).one()
        case = session.scalar(
            select(CaseMember.case_id)
            .join(CaseFile, CaseFile.id == CaseMember.case_id)
            .where(CaseFile.review == "new")
            .group_by(CaseMember.case_id)
            .order_by(func.count().desc())
            .limit(1)
        )
        large = session.scalar(select(Document.id).where(Document.number == "4599999999"))
        sscc = session.scalar(select(SearchKey.value).where(SearchKey.kind == "sscc").limit(1))
    document, carrier = order
    return Made(
        messages=total,
        document=document.id,
        number=document.number or "",
        control=(carrier.filename or "").removesuffix(".edi").rpartition("-")[2],
        message_id=carrier.transport_id or "",
        filename=carrier.filename or "",
        sscc=sscc or "",
        partner=document.partner or "",
        large=large or "",
        case=case or "",
    )
