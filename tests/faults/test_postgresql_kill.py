"""The same on PostgreSQL: kill -9 of the gateway, and a server that goes away, lose and double nothing."""

from __future__ import annotations

import random
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.demo.company import Company, wait_for
from gateway.doctor import examine
from tests.faults.faultskit import NOTHING, account, await_acknowledged, await_quiet, buyer_and_seller, order
from tests.postgresqlkit import Server, need_postgresql, running_server

need_postgresql()
pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as running:
        yield running


def health(company: Company) -> tuple[int, str]:
    """Status and text of the AS2 listener's health check."""
    try:
        with urllib.request.urlopen(company.url.replace("/as2", "/health"), timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()


def databases(server: Server, name: str) -> tuple[str, str]:
    return server.new_database(f"{name}_buyer"), server.new_database(f"{name}_seller")


def test_kills_while_fifty_orders_arrive_lose_and_double_nothing(server: Server, tmp_path: Path) -> None:
    moments = random.Random(20261122)
    clock = threading.Event()
    sent: list[str] = []
    with buyer_and_seller(tmp_path, databases(server, "kill")) as (buyer, seller):
        for _ in range(10):
            for _ in range(5):
                sent.append(f"PO-{len(sent):04d}")
                buyer.hand_in(order(sent[-1]))
            clock.wait(moments.uniform(0.0, 0.9))
            seller.kill()
            seller.start()
            seller.wait_ready()
        await_acknowledged(buyer, len(sent), 180)
        await_quiet(seller)
        assert account(buyer, seller, sent) == NOTHING
        assert seller.call("ledger.check")["ok"]


def test_a_server_that_crashes_again_and_again_costs_no_order(server: Server, tmp_path: Path) -> None:
    """Both gateways lose their database amid the traffic and go on by themselves; neither is started again."""
    moments = random.Random(20261123)
    clock = threading.Event()
    sent: list[str] = []
    with buyer_and_seller(tmp_path, databases(server, "crash")) as (buyer, seller):
        started = [company.process.pid for company in (buyer, seller)]
        for _ in range(6):
            for _ in range(5):
                sent.append(f"PO-{len(sent):04d}")
                buyer.hand_in(order(sent[-1]))
            clock.wait(moments.uniform(0.1, 0.9))
            server.stop("immediate")
            clock.wait(moments.uniform(0.0, 1.5))
            server.start()
        await_acknowledged(buyer, len(sent), 180)
        await_quiet(seller)
        assert account(buyer, seller, sent) == NOTHING
        assert seller.call("ledger.check")["ok"] and buyer.call("ledger.check")["ok"]
        assert [company.process.pid for company in (buyer, seller)] == started


def test_while_the_server_is_away_every_part_says_so(server: Server, tmp_path: Path) -> None:
    with buyer_and_seller(tmp_path, databases(server, "away")) as (_buyer, seller):
        server.stop()
        try:
            wait_for("The health check", lambda: health(seller) == (503, "not ready: The database does not answer.\n"))
            found = {result.check: result for result in examine(seller.home, datetime.now(UTC)).results}
            assert found["database"].status == "fail"
            assert "cannot be reached" in found["database"].message
            assert "gateway goes on by itself" in found["database"].message
        finally:
            server.start()
        wait_for("The health check", lambda: health(seller)[0] == 200)
        log = (seller.home / "log" / "gateway.log").read_text()
        assert log.count("Nothing can be stored now") == 1
        assert "The database answers again" in log
