"""Notes on messages, and our stored acknowledgement sent again."""

from __future__ import annotations

import pytest

from gateway.messages.notes import notes_of
from gateway.messages.searchkeys import documents_with
from gateway.pipeline import messageactions
from gateway.pipeline.sending import RequestError
from tests.pipeline.pipelinekit import Kit


def run(kit: Kit, name: str, **parameters: str) -> dict[str, str]:
    found: dict[str, str] = messageactions.OPERATIONS[name](kit.pipeline, {"actor": "olga", **parameters})
    return found


def test_a_note_is_kept_and_stands_in_the_history(kit: Kit) -> None:
    kit.receive_file("demo/004010/850-01-plain.edi")
    order = kit.documents(direction="in")[0]
    assert run(kit, "message.note", id=order.id, reason=" Called them. ")["result"] == "noted"
    with kit.store.read() as session:
        assert [(note["author"], note["text"]) for note in notes_of(session, order.id)] == [("olga", "Called them.")]
    assert kit.detail(order.id)["stages"][-1]["event"] == "note"
    with pytest.raises(RequestError, match="needs its text"):
        run(kit, "message.note", id=order.id, reason=" ")
    with pytest.raises(RequestError, match="There is no message"):
        run(kit, "message.note", id="none", reason="x")


@pytest.mark.parametrize("whole", [False, True])
def test_our_acknowledgement_is_sent_again_byte_for_byte(kit: Kit, whole: bool) -> None:
    carrier = kit.receive_file("demo/004010/850-01-plain.edi")
    order = kit.documents(direction="in")[0]
    (first,) = kit.partner.payloads
    run(kit, "message.reacknowledge", id=carrier if whole else order.id)
    kit.work()
    assert kit.partner.payloads == [first, first]
    event = kit.detail(order.id)["stages"][-1]
    assert (event["event"], event["actor"]) == ("acknowledgement-repeated", "olga")


def test_what_has_no_acknowledgement_of_ours_cannot_be_acknowledged_again(kit: Kit) -> None:
    noise = kit.receive(b"no order at all")
    kit.work()
    with pytest.raises(RequestError, match="no acknowledgement for this message"):
        run(kit, "message.reacknowledge", id=noise)
    kit.receive_file("demo/004010/850-01-plain.edi")
    answer = kit.detail(kit.documents(direction="in")[0].id)["acknowledgements"][0]["transmission"]
    with pytest.raises(RequestError, match="was sent by us"):
        run(kit, "message.reacknowledge", id=answer)


def test_an_order_has_no_keys_inside_and_costs_nothing(kit: Kit) -> None:
    kit.receive_file("demo/004010/850-01-plain.edi")
    with kit.store.read() as session:
        assert documents_with(session, kit.documents(direction="in")[0].number or "", 5) == []
