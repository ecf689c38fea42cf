"""Two real gateways, one of which is killed, and the account of what became of every order."""

from __future__ import annotations

import json
import socket
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from gateway.demo.company import Company, wait_for
from tests.faults.nursery import Nursery

#: Seconds after which a try of the sender is repeated: a killed receiver is up again soon.
RETRY = {"delivery": {"retry_seconds": [1], "give_up_hours": 2}}


def free_port() -> int:
    """A port that is free now: the killed gateway must come back under the address its partner knows."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pages_on_any_port(company: Company) -> None:
    """Let the system choose the port of the staff pages: several such gateways run at the same time."""
    settings = company.home / "gateway.toml"
    usual, text = '# listen = "127.0.0.1:4090"', settings.read_text("utf-8")
    assert usual in text
    settings.write_text(text.replace(usual, 'listen = "127.0.0.1:0"'), "utf-8")


#: The account of a day on which nothing went wrong.
NOTHING = {
    "lost": 0,
    "posted twice": 0,
    "never sent": 0,
    "control numbers reused": 0,
    "acknowledged more than once": 0,
}


@contextmanager
def buyer_and_seller(home: Path, databases: tuple[str, str] | None = None) -> Iterator[tuple[Company, Company]]:
    """A buyer that retries and a seller on a port that stays the same over its restarts.

    ``databases`` are the URLs of two empty databases; without them each has its file.
    """
    of_buyer, of_seller = databases or (None, None)
    with Nursery() as nursery:
        buyer = Company("harbor-retail", "Harbor Retail", home / "buyer", database=of_buyer, launch=nursery.launch)
        seller = Company("alpine-supply", "Alpine Supply", home / "seller", database=of_seller, launch=nursery.launch)
        buyer.prepare()
        seller.prepare(f"127.0.0.1:{free_port()}")
        pages_on_any_port(seller)
        try:
            for company in (buyer, seller):
                company.start()
            for company in (buyer, seller):
                company.wait_ready()
            buyer.befriend(seller, "004010", **RETRY)
            seller.befriend(buyer, "004010", **RETRY)
            yield buyer, seller
        finally:
            for company in (buyer, seller):
                company.stop()


def order(number: str) -> dict[str, Any]:
    """A small order as a back office writes it."""
    line = {
        "line_id": "1",
        "quantity": "12",
        "unit": "EA",
        "price": "8.50",
        "item_ids": [{"scheme": "vendor_item", "value": "AS-1"}],
    }
    return {
        "kind": "order",
        "receiver": "alpine-supply",
        "number": number,
        "issue_date": "2026-11-20",
        "purpose": "original",
        "order_type": "stand_alone",
        "lines": [line],
    }


def query(company: Company, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a company's database, read beside the running gateway."""
    if company.database:
        with psycopg.connect(company.database.replace("+psycopg", "")) as connection:
            return connection.execute(sql.encode()).fetchall()
    with closing(sqlite3.connect(f"file:{company.home / 'gateway.db'}?mode=ro", uri=True)) as database:
        return database.execute(sql).fetchall()


def await_acknowledged(buyer: Company, count: int, seconds: float) -> None:
    """Wait until so many orders of the buyer are acknowledged and delivered."""
    sql = "SELECT count(*) FROM document WHERE direction = 'out' AND acknowledgement = 'accepted'"
    wait_for(f"The acknowledgement of {count} orders", lambda: query(buyer, sql)[0][0] == count, seconds)


def await_quiet(seller: Company, seconds: float = 60) -> None:
    """Wait until the seller has nothing left to process, post or send."""
    sql = (
        "SELECT (SELECT count(*) FROM transmission WHERE processing = 'received' OR delivery IN "
        "('queued', 'sending', 'retrying')) + (SELECT count(*) FROM document WHERE processing = 'mapped')"
    )
    wait_for("The end of the seller's work", lambda: query(seller, sql)[0][0] == 0, seconds)


def account(buyer: Company, seller: Company, sent: list[str]) -> dict[str, int]:
    """What was lost, doubled or reused; every figure must be 0."""
    posted = Counter(json.loads(path.read_text())["number"] for path in (seller.home / "inbox").glob("*/order-*.json"))
    orders = Counter(
        number
        for (number,) in query(
            seller, "SELECT number FROM document WHERE direction = 'in' AND processing = 'posted' AND set_id = '850'"
        )
    )
    controls = Counter(control for (control,) in query(buyer, "SELECT control FROM interchange WHERE direction = 'in'"))
    return {
        "lost": len(set(sent) - set(posted)) + len(set(sent) - set(orders)),
        "posted twice": sum(n - 1 for n in posted.values()) + sum(n - 1 for n in orders.values()),
        "never sent": len(set(posted) - set(sent)),
        "control numbers reused": sum(n - 1 for n in controls.values()),
        "acknowledged more than once": max(0, sum(controls.values()) - len(sent)),
    }
