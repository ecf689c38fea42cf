"""What staff do with a case as a whole: take it, close it, try a replay without consequences, replay it for good."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from gateway.messages.models import CaseFile, ControlNumber, Document
from gateway.messages.ports import DeliveryOutcome, Outcome
from gateway.pipeline.caseactions import OPERATIONS
from gateway.pipeline.sending import RequestError
from gateway.staff import accounts
from gateway.store import ledger
from gateway.store.base import Base
from tests.pipeline.pipelinekit import FIXTURES, Kit, renumbered

PLAIN = (FIXTURES / "demo" / "004010" / "850-01-plain.edi").read_bytes()
WRONG_UNIT = (FIXTURES / "bad" / "unit-and-date-wrong.edi").read_bytes().replace(b"20260931", b"20260930")
UNIT_IS_A_WARNING = {"inbound": {"test_in_live": "process", "severities": {"AK403-7": "warning"}}}


def wrong_unit(number: int) -> bytes:
    """An order with a unit that the standard does not have, under its own numbers."""
    return renumbered(WRONG_UNIT, **{"000000521": f"{number:09d}", "HR-460024": f"HR-{number:06d}"})


def rejected(kit: Kit, count: int = 3) -> str:
    """So many rejected orders of one cause; the case's id."""
    for number in range(1, count + 1):
        kit.receive(wrong_unit(number))
    kit.work()
    return kit.case().id


def act(kit: Kit, name: str, **parameters: Any) -> Any:
    return OPERATIONS[name](kit.pipeline, {"actor": "olga", **parameters})


def everything(kit: Kit) -> dict[str, Any]:
    """How many rows every table has, the ledger's head, and the next control numbers."""
    with kit.store.read() as session:
        rows = {name: session.scalar(select(func.count()).select_from(t)) for name, t in Base.metadata.tables.items()}
        numbers = [(n.partner, n.level, n.scope, n.next) for n in session.scalars(select(ControlNumber))]
        return {"rows": rows, "head": ledger.head(session), "numbers": sorted(numbers)}


def events(kit: Kit, case: str) -> list[tuple[str, str | None, str]]:
    with kit.store.read() as session:
        rows = session.scalars(
            select(ledger.Event)
            .where(ledger.Event.subject_id == case, ledger.Event.kind != "member-added")
            .order_by(ledger.Event.seq)
        )
        return [(row.kind, row.new, row.actor) for row in rows]


# -- the case itself -------------------------------------------------------------------------------------------


def test_a_case_is_taken_given_back_told_to_the_partner_and_resolved(kit: Kit) -> None:
    case = rejected(kit, 1)
    assert act(kit, "case.assign", id=case)["review"] == "assigned"
    assert kit.case().assignee == "olga"
    assert act(kit, "case.give_back", id=case)["review"] == "new"
    assert kit.case().assignee is None
    act(kit, "case.assign", id=case)
    act(kit, "case.note", id=case, reason="Called Kim.")
    assert act(kit, "case.wait", id=case, reason="Kim sends it again.")["review"] == "waiting"
    assert kit.case().reason == "Kim sends it again."
    assert act(kit, "case.resolve", id=case, reason="Came by mail.")["review"] == "resolved"
    kinds = [(kind, new) for kind, new, actor in events(kit, case) if actor == "olga"]
    assert kinds == [
        ("moved", "assigned"),
        ("moved", "new"),
        ("moved", "assigned"),
        ("note", None),
        ("moved", "waiting"),
        ("moved", "resolved"),
    ]


def test_a_case_is_given_to_an_operator_only(kit: Kit) -> None:
    case = rejected(kit, 1)

    def people(session: Any) -> None:
        for name, role in (("vera", "viewer"), ("otto", "operator")):
            accounts.create_user(
                session,
                name=name,
                full_name=name,
                roles=[role],
                password="violet-anchor-kettle-91",
                password_hash="x",
                actor="test",
                now=kit.now,
            )

    kit.store.writer.run(people)
    for name in ("vera", "nobody"):
        with pytest.raises(RequestError, match="nobody who can work on it"):
            act(kit, "case.assign", id=case, assignee=name)
    act(kit, "case.assign", id=case)
    assert "gave it to otto" in act(kit, "case.assign", id=case, assignee="otto")["message"]
    assert kit.case().assignee == "otto"
    with pytest.raises(RequestError, match="has it already"):
        act(kit, "case.assign", id=case, assignee="otto")


@pytest.mark.parametrize("name", ["case.note", "case.wait", "case.resolve", "case.ignore"])
def test_these_need_a_reason(kit: Kit, name: str) -> None:
    case = rejected(kit, 1)
    with pytest.raises(RequestError):
        act(kit, name, id=case, reason="  ")


def test_a_closed_case_is_not_closed_or_taken_again(kit: Kit) -> None:
    case = rejected(kit, 1)
    act(kit, "case.resolve", id=case, reason="Done.")
    for name, sentence in (("case.ignore", "resolved already"), ("case.resolve", "resolved already")):
        with pytest.raises(RequestError, match=sentence):
            act(kit, name, id=case, reason="Again.")
    with pytest.raises(RequestError, match="cannot become assigned"):
        act(kit, "case.assign", id=case)


def test_an_unknown_case_is_named(kit: Kit) -> None:
    with pytest.raises(RequestError, match='no problem "nothing"'):
        act(kit, "case.note", id="nothing", reason="x")


def test_what_somebody_else_changed_first_is_refused(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    case = rejected(kit, 1)
    monkeypatch.setattr("gateway.pipeline.caseactions.lifecycle.move", lambda *_, **__: False)
    monkeypatch.setattr("gateway.pipeline.caseactions.close_case", lambda *_, **__: False)
    for name in ("case.wait", "case.ignore"):
        with pytest.raises(RequestError, match="Somebody else"):
            act(kit, name, id=case, reason="x")


def test_held_messages_are_decided_before_a_case_is_resolved_and_ignored_with_it(kit: Kit) -> None:
    for name in ("duplicate-order-number-first", "duplicate-order-number-second"):
        kit.receive_file(f"bad/{name}.edi")
    case = kit.case().id
    with pytest.raises(RequestError, match="1 message of it is still held"):
        act(kit, "case.resolve", id=case, reason="Done.")
    assert "1 held message was ignored" in act(kit, "case.ignore", id=case, reason="A repeat.")["message"]
    assert kit.case().review == "ignored"
    assert [row.reason for row in kit.documents(processing="ignored")] == ["A repeat."]


# -- the dry run -----------------------------------------------------------------------------------------------


def test_a_dry_run_changes_nothing(kit: Kit) -> None:
    case = rejected(kit)
    kit.receive_file("bad/unknown-sender.edi")
    before, sent, waiting = everything(kit), len(kit.partner.sent), list(kit.jobs.jobs)
    for found in kit.cases():
        act(kit, "case.trial", id=found.id)
    kit.befriend(**UNIT_IS_A_WARNING)
    after_profile = everything(kit)
    assert act(kit, "case.trial", id=case)["counts"]["pass"] == 3
    assert everything(kit) == after_profile
    assert before["numbers"] == after_profile["numbers"]
    assert (len(kit.partner.sent), kit.jobs.jobs) == (sent, waiting)


def test_a_dry_run_says_what_would_fail_again_and_what_would_pass(kit: Kit) -> None:
    case = rejected(kit)
    told = act(kit, "case.trial", id=case)
    assert told["counts"] == {"pass": 0, "changed": 0, "fail": 3, "unable": 0}
    assert (told["waiting"], told["tried"]) == (3, 3)
    assert 'PO103 (unit or basis for measurement code): "XX"' in told["members"][0]["sentence"]
    kit.befriend(**UNIT_IS_A_WARNING)
    assert [one["result"] for one in act(kit, "case.trial", id=case)["members"]] == ["pass"] * 3


def test_a_dry_run_sees_numbers_that_came_before_and_twice(kit: Kit) -> None:
    for control in (1, 2):
        kit.receive(renumbered(WRONG_UNIT, **{"000000521": f"{control:09d}"}))
    kit.work()
    case = kit.case().id
    kit.befriend(**UNIT_IS_A_WARNING)
    results = [(one["result"], one["sentence"]) for one in act(kit, "case.trial", id=case)["members"]]
    assert [result for result, _ in results] == ["pass", "fail"]
    assert "more than once" in results[1][1]
    kit.receive(renumbered(WRONG_UNIT, **{"000000521": "000000009"}))
    kit.work()
    results = [(one["result"], one["sentence"]) for one in act(kit, "case.trial", id=case)["members"]]
    assert all(result == "fail" and "was received before" in sentence for result, sentence in results)


def approval(kit: Kit) -> str:
    kit.befriend(documents={"received": {"850": {"auto_post": False}}})
    kit.receive(PLAIN)
    kit.work()
    return kit.case().id


def test_a_held_document_is_released_as_it_was_read(kit: Kit) -> None:
    case = approval(kit)
    (member,) = act(kit, "case.trial", id=case)["members"]
    assert (member["result"], member["differences"]) == ("pass", [])
    assert act(kit, "case.replay", id=case)["done"] == 1
    kit.work()
    assert len(kit.posted()) == 1
    assert kit.case().review == "resolved"


def test_a_dry_run_names_where_todays_reading_differs(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    case = approval(kit)
    from gateway.pipeline import plan

    real = plan.dump_document

    def another(document: Any) -> bytes:
        return real(document.model_copy(update={"number": "OTHER", "lines": document.lines[:1]}))

    monkeypatch.setattr(plan, "dump_document", another)
    (member,) = act(kit, "case.trial", id=case)["members"]
    assert member["result"] == "changed"
    found = {one["path"]: (one["before"], one["after"]) for one in member["differences"]}
    assert found["number"][1] == "OTHER"
    assert found["lines[2]"][1] == ""


@pytest.mark.parametrize(
    ("fixture", "sentence"),
    [("unknown-sender.edi", "no partner"), ("binary-file.edi", "cannot be read")],
)
def test_a_dry_run_reads_whole_transmissions(kit: Kit, fixture: str, sentence: str) -> None:
    kit.receive_file(f"bad/{fixture}")
    (member,) = act(kit, "case.trial", id=kit.case().id)["members"]
    assert (member["type"], member["result"]) == ("transmission", "fail")
    assert sentence in member["sentence"]


def test_a_whole_transmission_passes_once_its_sender_is_known(kit: Kit) -> None:
    kit.befriend(ids={"isa": [{"qualifier": "ZZ", "id": "SOMEBODY"}], "gs": ["SOMEBODY"], "as2": "HARBOR"})
    for number in (1, 2):
        kit.receive(renumbered(PLAIN, **{"HR-450": f"HR-45{number}"}), partner=None, message_id=f"<{number}>")
    kit.work()
    case = kit.cases()[0].id
    kit.befriend()
    told = act(kit, "case.trial", id=case)["members"]
    assert {one["result"] for one in told} == {"pass"}
    assert "It would be read: 1 document." in told[0]["sentence"]


def test_a_dry_run_says_when_the_bytes_are_gone(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.pipeline import trial
    from gateway.store.errors import PayloadMissingError

    case = rejected(kit, 1)

    def gone(*_: Any) -> bytes:
        raise PayloadMissingError("The payload is not there.")

    monkeypatch.setattr(trial.payloads, "get", gone)
    (member,) = act(kit, "case.trial", id=case)["members"]
    assert (member["result"], member["sentence"]) == ("unable", "The payload is not there.")


# -- replaying for good ----------------------------------------------------------------------------------------


def test_a_changed_profile_and_one_replay_mend_every_message_and_close_the_case(kit: Kit) -> None:
    case = rejected(kit)
    originals = kit.documents(processing="rejected")
    kit.befriend(**UNIT_IS_A_WARNING)
    told = act(kit, "case.replay", id=case, reason="XX is a case.")
    assert (told["done"], told["refused"]) == (3, [])
    kit.work()
    posted = sorted(kit.documents(processing="posted"), key=lambda row: row.number or "")
    assert [row.number for row in posted] == ["HR-000001", "HR-000002", "HR-000003"]
    assert [row.parent_id for row in posted] == [row.id for row in originals]
    assert [row.processing for row in kit.documents(parent_id=None)] == ["rejected"] * 3
    assert kit.case().review == "resolved"
    assert len(kit.posted()) == 3


def test_what_was_answered_is_not_answered_again(kit: Kit) -> None:
    case = rejected(kit)
    sent = len(kit.partner.sent)
    kit.befriend(**UNIT_IS_A_WARNING)
    act(kit, "case.replay", id=case)
    kit.work()
    assert len(kit.partner.sent) == sent


def test_a_second_replay_while_the_first_is_under_way_does_nothing(kit: Kit) -> None:
    case = rejected(kit)
    kit.befriend(**UNIT_IS_A_WARNING)
    act(kit, "case.replay", id=case)
    with pytest.raises(RequestError, match="No message of this case waits"):
        act(kit, "case.replay", id=case)
    kit.work()
    assert len(kit.posted()) == 3


def test_documents_of_one_transmission_are_all_replayed(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.pipeline.caseactions._BATCH", 1)
    head, _, rest = WRONG_UNIT.partition(b"ST*")
    one, _, tail = rest.partition(b"GE*1")
    first = b"ST*" + one
    second = first.replace(b"*0521~", b"*0522~").replace(b"HR-460024", b"HR-460025")
    kit.receive(head + first + second + b"GE*2" + tail)
    kit.work()
    case = kit.case().id
    kit.befriend(**UNIT_IS_A_WARNING)
    assert act(kit, "case.replay", id=case)["done"] == 2
    kit.work()
    assert sorted(one["number"] for one in kit.posted()) == ["HR-460024", "HR-460025"]
    assert kit.case().review == "resolved"


def test_what_fails_again_stays_in_the_case(kit: Kit) -> None:
    case = rejected(kit, 2)
    act(kit, "case.replay", id=case)
    kit.work()
    assert kit.case().review == "new"
    told = act(kit, "case.trial", id=case)
    assert told["tried"] == 2
    children = {row.id for row in kit.documents() if row.parent_id}
    assert {one["id"] for one in told["members"]} == children


def test_what_fails_otherwise_moves_to_its_own_case(kit: Kit) -> None:
    case = rejected(kit, 1)
    kit.befriend(inbound={"test_in_live": "process", "accepted": [{"set": "810", "versions": ["004010"]}]})
    act(kit, "case.replay", id=case)
    kit.work()
    states = {found.fault: found.review for found in kit.cases()}
    assert states == {"invalid": "resolved", "unknown_set": "new"}


def test_a_message_that_cannot_be_replayed_is_named_and_the_others_go_on(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = rejected(kit)
    first = kit.documents(processing="rejected")[0].id
    from gateway.pipeline import caseactions

    real: Callable[..., dict[str, Any]] = caseactions.replay_within

    def one_fails(session: Any, pipeline: Any, identity: str, who: str) -> dict[str, Any]:
        if identity == first:
            raise RequestError("It cannot be opened.", "Mend it.")
        return real(session, pipeline, identity, who)

    monkeypatch.setattr(caseactions, "replay_within", one_fails)
    told = act(kit, "case.replay", id=case)
    assert told["done"] == 2
    assert told["refused"] == [{"id": first, "sentence": "It cannot be opened. Mend it."}]
    assert "1 could not be: It cannot be opened." in told["message"]


def test_an_unknown_sender_is_replayed_as_a_whole(kit: Kit) -> None:
    kit.befriend(ids={"isa": [{"qualifier": "ZZ", "id": "SOMEBODY"}], "gs": ["SOMEBODY"], "as2": "HARBOR"})
    kit.receive(PLAIN, partner=None)
    kit.work()
    case = kit.case().id
    kit.befriend()
    assert act(kit, "case.replay", id=case)["done"] == 1
    kit.work()
    assert len(kit.posted()) == 1
    assert kit.case().review == "resolved"


def test_failed_deliveries_of_a_case_are_sent_again(kit: Kit) -> None:
    kit.partner.outcomes = [DeliveryOutcome(Outcome.FAILED, "Refused.", 403)]
    kit.receive(PLAIN)
    kit.work()
    case = next(found for found in kit.cases() if found.fault == "delivery")
    assert act(kit, "case.trial", id=case.id)["tried"] == 0
    assert act(kit, "case.replay", id=case.id)["done"] == 1
    kit.work()
    assert kit.case().review == "resolved"


# -- acknowledgements ------------------------------------------------------------------------------------------


def test_an_acknowledgement_that_came_by_other_means_is_waited_for_no_more(kit: Kit) -> None:
    def sent(session: Any) -> None:
        session.add(
            Document(
                id="doc-1",
                direction="out",
                kind="invoice",
                standard="x12-004010",
                set_id="810",
                number="I-1",
                partner="harbor",
                processing="posted",
                acknowledgement="overdue",
                received_at=kit.now,
                acknowledgement_due_at=kit.now,
            )
        )

    kit.store.writer.run(sent)
    with pytest.raises(RequestError, match="Say how"):
        act(kit, "acknowledgement.waive", id="doc-1")
    act(kit, "acknowledgement.waive", id="doc-1", reason="Kim confirmed by mail.")
    assert kit.documents(id="doc-1")[0].acknowledgement == "not_expected"
    with pytest.raises(RequestError, match="is not waited for"):
        act(kit, "acknowledgement.waive", id="doc-1", reason="Again.")
    with pytest.raises(RequestError, match="no document of ours"):
        act(kit, "acknowledgement.waive", id="nothing", reason="x")


def test_every_case_has_its_first_state_from_the_lifecycle(kit: Kit) -> None:
    rejected(kit, 1)
    with kit.store.read() as session:
        assert session.scalars(select(CaseFile.review)).all() == ["new"]
