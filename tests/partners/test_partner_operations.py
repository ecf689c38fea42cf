"""The operations on partners."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from gateway.partners.errors import OperationError, PartnerFileError
from gateway.partners.operations import OPERATIONS, WRITES
from gateway.partners.profile import PartnerProfile
from gateway.store.secrets import create_kek, put_secret


def file(text: str, **more: Any) -> dict[str, Any]:
    return {"name": "f.yaml", "text": text, **more}


HARBOR = file("code: harbor\nname: Harbor\nstatus: live\nids: {isa: {id: HARBOR}, as2: HARBOR}\n")


def run(session: Session, now: datetime, operation: str, **parameters: Any) -> dict[str, Any]:
    result = OPERATIONS[operation](session, now, **parameters)
    assert json.loads(json.dumps(result)) == result
    return result


def test_applying_files_creates_and_a_dry_run_only_tells(session: Session, now: datetime) -> None:
    told = run(session, now, "partner.apply", files=[HARBOR], author="kim", dry_run=True)
    assert (told["applied"], told["changes"][0]["action"]) == (False, "create")
    assert run(session, now, "partner.list") == {"partners": []}
    done = run(session, now, "partner.apply", files=[HARBOR], author="kim", reason="first")
    assert (done["applied"], done["changes"]) == (True, told["changes"])


def test_the_presets_and_certificates_that_came_along_are_used(session: Session, now: datetime, pem: str) -> None:
    text = "code: a\nname: A\npreset: own\nas2: {certificates: {file: a.pem}}\n"
    given = file(text, files={"a.pem": pem}, presets={"own": "notes: ours\n"})
    packaged = file("code: b\nname: B\npreset: generic-supplier\n")
    run(session, now, "partner.apply", files=[given, packaged], author="kim")
    shown = run(session, now, "partner.show", name="a")
    assert shown["profile"]["notes"] == "ours"
    (certificate,) = shown["certificates"]
    assert (certificate["subject"], certificate["active"]) == ("CN=harbor", True)
    assert shown["certificate_ends"] == certificate["not_after"]


def test_all_files_are_applied_or_none(session: Session, now: datetime) -> None:
    with pytest.raises(PartnerFileError, match=r"f\.yaml:1"):
        run(session, now, "partner.apply", files=[HARBOR, file("code: X\nname: X\n")], author="kim")
    assert run(session, now, "partner.list")["partners"] == []


def test_a_change_needs_a_partner_and_an_author(session: Session, now: datetime) -> None:
    with pytest.raises(OperationError, match="No partner"):
        run(session, now, "partner.apply", files=[], author="kim")
    with pytest.raises(OperationError, match="author"):
        run(session, now, "partner.apply", files=[HARBOR], author=" ")


def test_the_list_shows_what_staff_look_for_first(session: Session, now: datetime) -> None:
    run(session, now, "partner.apply", files=[HARBOR], author="kim")
    (entry,) = run(session, now, "partner.list")["partners"]
    assert (entry["code"], entry["status"], entry["version"], entry["isa"], entry["as2"]) == (
        "harbor",
        "live",
        1,
        ["ZZ:HARBOR"],
        "HARBOR",
    )
    assert (entry["transport"], entry["certificate_ends"]) == (None, None)
    assert entry["warnings"]


def test_history_tells_what_each_version_changed_and_restore_goes_back(session: Session, now: datetime) -> None:
    run(session, now, "partner.apply", files=[HARBOR], author="kim")
    run(session, now, "partner.apply", files=[file(HARBOR["text"] + "notes: x\n")], author="lee", reason="why")
    change = run(session, now, "partner.restore", name="harbor", version=1, author="kim", reason="back")
    assert (change["action"], change["version"]) == ("update", 3)
    versions = run(session, now, "partner.history", name="harbor")["versions"]
    assert [entry["version"] for entry in versions] == [3, 2, 1]
    assert versions[1]["differences"] == [{"path": "notes", "old": "", "new": "x"}]
    assert versions[1]["reason"] == "why"
    shown = run(session, now, "partner.show", name="harbor", version=2)
    assert (shown["version"], shown["current_version"], shown["changed"]["author"]) == (2, 3, "lee")


def test_exported_profiles_are_whole(session: Session, now: datetime) -> None:
    run(session, now, "partner.apply", files=[HARBOR, file("code: b\nname: B\n")], author="kim")
    everything = run(session, now, "partner.export")["partners"]
    assert [PartnerProfile.model_validate(data).code for data in everything] == ["b", "harbor"]
    assert len(run(session, now, "partner.export", names=["b"])["partners"]) == 1
    with pytest.raises(OperationError, match='no partner "c"'):
        run(session, now, "partner.export", names=["c"])


def test_a_secret_that_nobody_stored_is_a_warning(session: Session, now: datetime, tmp_path: Path) -> None:
    text = HARBOR["text"] + "as2: {http_auth: {user: us, password: {secret: harbor/http}}}\n"
    told = run(session, now, "partner.apply", files=[file(text)], author="kim")["changes"][0]["warnings"]
    assert 'as2.http_auth.password names the secret "harbor/http", which is not stored.' in told
    put_secret(session, create_kek(tmp_path / "kek"), "harbor/http", b"x", kind="password", now=now)
    assert not any("harbor/http" in text for text in run(session, now, "partner.show", name="harbor")["warnings"])


def test_a_secret_of_a_list_that_nobody_stored_is_a_warning_too(session: Session, now: datetime) -> None:
    text = HARBOR["text"] + "xml: {accepted_secrets: [{secret: harbor/old}, {secret: harbor/new}]}\n"
    told = run(session, now, "partner.apply", files=[file(text)], author="kim")["changes"][0]["warnings"]
    assert 'xml.accepted_secrets[1] names the secret "harbor/new", which is not stored.' in told


def test_the_operations_that_write_are_named() -> None:
    assert {"partner.apply", "partner.pause", "partner.restore", "partner.resume"} == WRITES
    assert set(OPERATIONS) > WRITES


@pytest.mark.parametrize("status", ["live", "testing"])
def test_a_pause_ends_where_it_began(session: Session, now: datetime, status: str) -> None:
    text = HARBOR["text"].replace("live", status)
    run(session, now, "partner.apply", files=[file(text)], author="kim")
    run(session, now, "partner.pause", name="harbor", author="kim", reason="They move.")
    run(session, now, "partner.apply", files=[file(text.replace(status, "paused") + "notes: x\n")], author="kim")
    change = run(session, now, "partner.resume", name="harbor", author="olga")
    assert [difference["new"] for difference in change["differences"]] == [status]
    assert run(session, now, "partner.show", name="harbor")["status"] == status
    with pytest.raises(OperationError, match=f"not paused: it is {status}"):
        run(session, now, "partner.resume", name="harbor", author="olga")


def test_a_draft_cannot_be_paused_and_a_pause_needs_a_reason(session: Session, now: datetime) -> None:
    run(session, now, "partner.apply", files=[HARBOR], author="kim")
    with pytest.raises(OperationError, match="A reason is needed"):
        run(session, now, "partner.pause", name="harbor", author="kim")
    run(session, now, "partner.apply", files=[file(HARBOR["text"].replace("live", "draft"))], author="kim")
    with pytest.raises(OperationError, match="Harbor is draft, so it cannot be paused"):
        run(session, now, "partner.pause", name="harbor", author="kim", reason="x")
