"""kill -9 at any moment: nothing lost, nothing posted twice, no control number used again."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from gateway.demo.company import wait_for
from tests.faults.faultskit import NOTHING, account, await_acknowledged, await_quiet, buyer_and_seller, order

KILLS, ORDERS = 25, 200


@pytest.mark.slow
def test_25_kills_while_200_orders_arrive_lose_and_double_nothing(tmp_path: Path) -> None:
    moments = random.Random(20261121)
    clock = threading.Event()
    sent: list[str] = []
    with buyer_and_seller(tmp_path) as (buyer, seller):
        for _ in range(KILLS):
            for _ in range(ORDERS // KILLS):
                sent.append(f"PO-{len(sent):04d}")
                buyer.hand_in(order(sent[-1]))
            clock.wait(moments.uniform(0.0, 0.9))
            seller.kill()
            seller.start()
            seller.wait_ready()
        await_acknowledged(buyer, ORDERS, 180)
        await_quiet(seller)
        assert account(buyer, seller, sent) == NOTHING
        assert seller.call("ledger.check")["ok"]


POINTS = [
    "store.before_commit",
    "store.after_commit",
    "receive.after_commit",
    "process.before_commit",
    "process.after_commit",
    "post.before_commit",
    "delivery.before_send",
    "delivery.after_send",
]


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_a_death_at_a_named_point_is_put_right_by_the_next_start(tmp_path: Path, point: str) -> None:
    with buyer_and_seller(tmp_path) as (buyer, seller):
        seller.stop()
        seller.environment = {"GATEWAY_FAULT": point}
        if point.startswith("store"):
            # The store dies at its first commit, before it listens: the start itself is the victim.
            seller.start()
            seller.process.wait(60)
        else:
            seller.start()
            seller.wait_ready()
        buyer.hand_in(order("PO-1"))
        assert seller.process.wait(60) == -9
        seller.environment = {}
        seller.start()
        seller.wait_ready()
        await_acknowledged(buyer, 1, 60)
        await_quiet(seller)
        assert account(buyer, seller, ["PO-1"]) == NOTHING


@pytest.mark.slow
def test_a_buyer_that_dies_while_it_takes_over_a_document_sends_it_once(tmp_path: Path) -> None:
    with buyer_and_seller(tmp_path) as (buyer, seller):
        buyer.stop()
        buyer.environment = {"GATEWAY_FAULT": "outbound.before_commit"}
        buyer.start()
        buyer.wait_ready()
        buyer.hand_in(order("PO-1"))
        assert buyer.process.wait(60) == -9
        buyer.environment = {}
        buyer.start()
        buyer.wait_ready()
        # The seller knows the buyer under its old port; acknowledgements go to the new one.
        seller.befriend(buyer, "004010", delivery={"retry_seconds": [1]})
        await_acknowledged(buyer, 1, 60)
        await_quiet(seller)
        assert account(buyer, seller, ["PO-1"]) == NOTHING
        wait_for("The move of the file", lambda: (buyer.home / "outbox" / "done" / "order-PO-1.json").exists())
