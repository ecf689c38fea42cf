"""Corrections: a fix stored and carried out in one step, versions that changed meanwhile, and second persons."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from gateway.messages.corrections import Correction, CorrectionError, SecondPerson
from gateway.partners import registry
from gateway.pipeline.corrections import APPLY, OPERATIONS
from gateway.pipeline.fixing import ProfileChangedError
from gateway.pipeline.sending import RequestError
from gateway.store import ledger
from tests.pipeline.pipelinekit import Kit
from tests.pipeline.test_case_actions import act, events, everything, rejected

XX = {"kind": "code", "place": "PO103", "value": "XX", "choice": "PO103"}


def do(kit: Kit, name: str, **parameters: Any) -> dict[str, Any]:
    done: dict[str, Any] = OPERATIONS[name](kit.pipeline, {"actor": "olga", **parameters})
    kit.work()
    return done


def fix(kit: Kit, case: str, **parameters: Any) -> dict[str, Any]:
    return do(kit, "case.fix", **{"id": case, "fix": XX, "reason": "XX is a case there.", **parameters})


def stored(kit: Kit) -> list[Correction]:
    with kit.store.read() as session:
        return list(session.scalars(select(Correction).order_by(Correction.created_at)))


def versions(kit: Kit) -> list[registry.VersionInfo]:
    with kit.store.read() as session:
        return registry.history(session, "harbor")


def test_one_step_stores_the_profile_and_the_correction_and_posts_every_message(kit: Kit) -> None:
    case = rejected(kit, 5)
    originals, sent = sorted(kit.documents(), key=lambda row: row.id), len(kit.partner.sent)
    refreshed: list[bool] = []
    kit.pipeline.profiles_changed = lambda: refreshed.append(True)
    done = fix(kit, case, versions={"harbor": 1})
    assert (done["done"], done["refused"], done["waiting"]) == (5, [], False)
    assert done["message"] == (
        "Take XX as a unit (PO103) from Harbor Retail: stored as version 2 of harbor. 5 messages were started again."
    )
    assert len(kit.posted()) == 5
    assert len(kit.partner.sent) == sent
    assert kit.case().review == "resolved"
    kept = sorted(kit.documents(parent_id=None), key=lambda row: row.id)
    assert [(row.id, row.processing, row.findings) for row in kept] == [
        (row.id, "rejected", row.findings) for row in originals
    ]
    newest = versions(kit)[0]
    assert (newest.version, newest.author) == (2, "olga")
    title = "Take XX as a unit (PO103) from Harbor Retail."
    assert newest.reason == f"{title} XX is a case there. (failure {case})"
    (row,) = stored(kit)
    assert (row.state, row.author, row.decided_by, row.case_id) == ("applied", "olga", "olga", case)
    assert row.result == {"versions": {"harbor": 2}}
    assert row.change["profiles"][0]["differences"][0]["path"] == "inbound.code_lists.PO103"
    assert refreshed == [True]
    with kit.store.read() as session:
        assert ledger.verify(session).ok


def test_the_history_of_the_failure_shows_the_correction_and_the_replay(kit: Kit) -> None:
    case = rejected(kit)
    fix(kit, case)
    kinds = [kind for kind, _, actor in events(kit, case) if actor == "olga"]
    assert kinds == ["correction-proposed", "correction-applied", "replayed"]


def test_a_fix_needs_a_reason(kit: Kit) -> None:
    case = rejected(kit, 1)
    with pytest.raises(RequestError, match="reason is needed"):
        fix(kit, case, reason="  ")


def test_a_profile_that_changed_meanwhile_is_looked_at_again(kit: Kit) -> None:
    case = rejected(kit, 1)
    kit.befriend(notes="Somebody wrote this.")
    before = everything(kit)
    with pytest.raises(ProfileChangedError, match="version 1 is 2 now"):
        fix(kit, case, versions={"harbor": 1})
    assert everything(kit) == before
    assert fix(kit, case, versions={"harbor": 2})["done"] == 1


def test_a_closed_failure_is_not_fixed(kit: Kit) -> None:
    case = rejected(kit, 1)
    act(kit, "case.resolve", id=case, reason="Done.")
    with pytest.raises(RequestError, match="resolved already"):
        fix(kit, case)
    assert len(versions(kit)) == 1


def test_a_fix_of_what_is_on_its_way_is_stored_all_the_same(kit: Kit) -> None:
    case = rejected(kit, 1)
    act(kit, "case.replay", id=case)
    done = fix(kit, case)
    assert "No message of this case waits for a replay." in done["message"]
    assert len(versions(kit)) == 2


# -- the second person -----------------------------------------------------------------------------------------


def proposed(kit: Kit, count: int = 3) -> tuple[str, str]:
    """(case, correction) of a fix that waits."""
    kit.pipeline.second_person = SecondPerson.ALWAYS
    case = rejected(kit, count)
    done = fix(kit, case)
    assert done["waiting"] is True
    return case, done["correction"]


def test_a_fix_that_waits_changes_nothing_until_somebody_else_applies_it(kit: Kit) -> None:
    case, identity = proposed(kit)
    assert len(versions(kit)) == 1
    assert kit.posted() == []
    (listed,) = do(kit, "correction.list")["corrections"]
    assert (listed["id"], listed["case"], listed["author"], listed["state"]) == (identity, case, "olga", "waiting")
    with pytest.raises(CorrectionError, match="a second person has to look"):
        do(kit, "correction.apply", id=identity)
    assert len(versions(kit)) == 1
    done = do(kit, "correction.apply", id=identity, actor="adam", reason="Checked with Kim.")
    assert (done["done"], done["case"]) == (3, case)
    assert len(kit.posted()) == 3
    newest = versions(kit)[0]
    assert (newest.author, newest.reason.endswith("applied by adam)")) == ("olga", True)
    (row,) = stored(kit)
    assert (row.state, row.decided_by, row.decision) == ("applied", "adam", "Checked with Kim.")
    with pytest.raises(RequestError, match="applied by adam already"):
        do(kit, "correction.apply", id=identity, actor="adam")


def test_a_fix_that_waits_is_refused_with_a_reason_or_taken_back(kit: Kit) -> None:
    case, identity = proposed(kit)
    with pytest.raises(RequestError, match="reason is needed"):
        do(kit, "correction.refuse", id=identity, actor="adam")
    told = do(kit, "correction.refuse", id=identity, actor="adam", reason="XX is a pallet.")
    assert told["message"].startswith("It was refused:")
    assert stored(kit)[0].decision == "XX is a pallet."
    assert do(kit, "correction.list")["corrections"] == []
    again = fix(kit, case)["correction"]
    assert do(kit, "correction.refuse", id=again, reason="Mine.")["message"].startswith("It was taken back:")
    assert len(versions(kit)) == 1


def test_a_fix_that_waited_while_the_profile_changed_is_not_applied(kit: Kit) -> None:
    _, identity = proposed(kit)
    kit.befriend(notes="Somebody wrote this.")
    with pytest.raises(ProfileChangedError):
        do(kit, "correction.apply", id=identity, actor="adam")
    assert stored(kit)[0].state == "waiting"


def test_only_a_change_of_amounts_waits_when_the_house_asks_for_that(kit: Kit) -> None:
    kit.pipeline.second_person = SecondPerson.AMOUNTS
    case = rejected(kit, 1)
    assert act(kit, "case.trial", id=case, fix=XX)["fix"]["second_person"] is False
    assert fix(kit, case)["waiting"] is False


def test_a_dry_run_whose_amounts_differ_makes_the_fix_one_of_amounts(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.pipeline import plan
    from tests.pipeline.test_case_actions import PLAIN

    kit.pipeline.second_person = SecondPerson.AMOUNTS
    kit.befriend(documents={"received": {"850": {"auto_post": False}}})
    kit.receive(PLAIN)
    kit.work()
    real = plan.dump_document

    def dearer(document: Any) -> bytes:
        line = document.lines[0].model_copy(update={"price": None})
        return real(document.model_copy(update={"lines": [line, *document.lines[1:]]}))

    monkeypatch.setattr(plan, "dump_document", dearer)
    case = kit.case().id
    wanted = {"kind": "setting", "place": "documents.received.850.auto_post", "value": "true"}
    assert act(kit, "case.trial", id=case, fix=wanted)["fix"]["amounts"] is True
    assert fix(kit, case, fix=wanted)["waiting"] is True


def test_a_correction_that_is_not_there_is_named(kit: Kit) -> None:
    for name in ("correction.apply", "correction.refuse"):
        with pytest.raises(RequestError, match='no correction "nothing"'):
            do(kit, name, id="nothing", reason="x")


def test_every_kind_of_correction_has_its_way_to_be_applied() -> None:
    assert "fix" in APPLY
