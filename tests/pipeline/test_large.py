"""What is larger than its partner may send is held with what to do about it, and never read into memory."""

from __future__ import annotations

import pytest

from gateway.messages.models import Transmission
from gateway.store import payloads
from tests.pipeline.pipelinekit import FIXTURES, Kit

ORDER = (FIXTURES / "demo/004010/850-01-plain.edi").read_bytes()


def test_a_transmission_above_the_limit_is_held_unread(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    kit.befriend(inbound={"max_bytes": 1024, "test_in_live": "process"})
    identity = kit.receive(ORDER)

    def never(*arguments: object) -> bytes:
        raise AssertionError("read")

    monkeypatch.setattr(payloads, "get", never)
    kit.work()
    with kit.store.read() as session:
        row = session.get_one(Transmission, identity)
        assert row.processing == "held"
        assert f"{len(ORDER):,} bytes" in row.reason and "1,024" in row.reason
    assert kit.posted() == []


def test_a_transmission_at_the_limit_is_processed(kit: Kit) -> None:
    kit.befriend(inbound={"max_bytes": len(ORDER), "test_in_live": "process"})
    kit.receive(ORDER)
    kit.work()
    assert len(kit.posted()) == 1


@pytest.mark.parametrize(("most", "state"), [(2, "held"), (3, "posted")])
def test_an_interchange_with_more_sets_than_are_taken_is_held_as_a_whole(kit: Kit, most: int, state: str) -> None:
    kit.befriend(inbound={"max_sets": most, "test_in_live": "process"})
    identity = kit.receive_file("bad/one-bad-set-among-good-ones.edi")
    assert kit.transmission(identity).processing == state
    if state == "held":
        assert "holds 3 transaction sets, more than the 2 that are taken" in (kit.transmission(identity).reason or "")
        assert kit.documents() == []
        assert kit.partner.sent == []
