"""The registry: plans, versions, clashes, identification and history."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gateway.partners import directory as directory_module
from gateway.partners import registry
from gateway.partners.directory import Directory
from gateway.partners.errors import OperationError, PartnerClashError, PartnerNotFoundError
from gateway.partners.models import Partner, PartnerId, PartnerVersion
from gateway.partners.profile import PartnerProfile, canonical_json, profile_sha256
from gateway.store.ledger import Event


def partner(code: str = "harbor", **fields: Any) -> PartnerProfile:
    return PartnerProfile(**{"code": code, "name": code.title(), "status": "live", **fields})


HARBOR = partner(ids={"isa": [{"id": "HARBOR"}, {"id": "HARBORT", "test": True}], "gs": "HG", "as2": "HARBOR-AS2"})
ALPINE = partner("alpine", ids={"isa": {"qualifier": "01", "id": "123456789"}, "gs": "HG", "as2": "ALPINE"})


def applied(session: Session, now: datetime, *profiles: PartnerProfile, reason: str = "") -> list[registry.Change]:
    return registry.apply(session, profiles, "kim", reason, now)


def test_a_new_partner_gets_version_one_with_author_reason_and_time(session: Session, now: datetime) -> None:
    (change,) = applied(session, now, HARBOR, reason="first")
    assert (change.action, change.version) == ("create", 1)
    assert registry.get(session, "harbor") == HARBOR
    row = session.get(PartnerVersion, ("harbor", 1))
    assert row is not None
    assert (row.author, row.reason, row.created_at) == ("kim", "first", now)
    assert (row.profile_json, row.sha256) == (canonical_json(HARBOR), profile_sha256(HARBOR))


def test_a_change_is_written_to_the_ledger(session: Session, now: datetime) -> None:
    applied(session, now, HARBOR, reason="first")
    event = session.execute(select(Event)).scalar_one()
    assert (event.kind, event.subject_type, event.subject_id, event.actor, event.reason) == (
        "profile-changed",
        "partner",
        "harbor",
        "kim",
        "first",
    )


def test_applying_the_same_again_changes_nothing(session: Session, now: datetime) -> None:
    applied(session, now, HARBOR, ALPINE)
    changes = applied(session, now, HARBOR, ALPINE)
    assert [(change.action, change.version, change.differences) for change in changes] == [("unchanged", 1, ())] * 2
    assert session.scalar(select(func.count()).select_from(PartnerVersion)) == 2
    assert session.scalar(select(func.count()).select_from(Event)) == 2


def test_a_plan_tells_each_field_that_changes_and_writes_nothing(session: Session, now: datetime) -> None:
    applied(session, now, HARBOR)
    wanted = HARBOR.model_copy(
        update={
            "notes": "new",
            "ids": HARBOR.ids.model_copy(update={"isa": HARBOR.ids.isa[:1], "gs": ("HG", "H2")}),
        }
    )
    (change,) = registry.plan(session, [wanted])
    assert (change.action, change.version, change.warnings) == ("update", 2, ())
    assert {(d.path, str(d.old), str(d.new)) for d in change.differences} == {
        ("notes", "", "new"),
        ("ids.isa[1]", "{'qualifier': 'ZZ', 'id': 'HARBORT', 'test': True}", "None"),
        ("ids.gs[1]", "None", "H2"),
    }
    assert registry.get(session, "harbor") == HARBOR


def test_a_new_partner_is_planned_with_the_fields_that_it_sets(session: Session, now: datetime) -> None:
    (change,) = registry.plan(session, [HARBOR], now)
    paths = [difference.path for difference in change.differences]
    assert paths[:2] == ["name", "status"]
    assert "ids.as2" in paths
    assert not any(path.startswith("delivery") for path in paths)
    assert any("No way to send" in warning for warning in change.warnings)


def test_partners_that_are_not_named_stay_as_they_are(session: Session, now: datetime) -> None:
    applied(session, now, HARBOR, ALPINE)
    applied(session, now, HARBOR.model_copy(update={"notes": "x"}))
    assert registry.get(session, "alpine") == ALPINE
    assert registry.find_by_isa(session, "01", "123456789") == "alpine"
    assert [(version, profile.code) for version, profile in registry.list_partners(session)] == [
        (1, "alpine"),
        (2, "harbor"),
    ]


@pytest.mark.parametrize(
    ("ids", "what"),
    [
        ({"isa": {"id": "HARBOR"}}, "interchange identity ZZ:HARBOR"),
        ({"isa": {"id": "HARBOR", "test": True}}, "interchange identity ZZ:HARBOR"),
        ({"isa": {"id": "HARBORT"}}, "interchange identity ZZ:HARBORT"),
        ({"as2": "HARBOR-AS2"}, "AS2 name HARBOR-AS2"),
    ],
)
def test_an_identity_of_another_partner_is_refused_naming_both(
    session: Session, now: datetime, ids: dict[str, Any], what: str
) -> None:
    applied(session, now, HARBOR)
    with pytest.raises(PartnerClashError) as caught:
        applied(session, now, ALPINE, partner("other", ids=ids))
    assert str(caught.value) == f"The {what} of partner other belongs to partner harbor already."
    assert registry.find_by_isa(session, "01", "123456789") is None


def test_two_partners_of_one_plan_clash_as_well(session: Session, now: datetime) -> None:
    with pytest.raises(PartnerClashError, match=r"twin .* harbor"):
        applied(session, now, HARBOR, partner("twin", ids={"as2": "HARBOR-AS2"}))


def test_partners_may_swap_identities_in_one_plan(session: Session, now: datetime) -> None:
    applied(session, now, HARBOR, ALPINE)
    applied(
        session,
        now,
        HARBOR.model_copy(update={"ids": ALPINE.ids}),
        ALPINE.model_copy(update={"ids": HARBOR.ids}),
    )
    assert registry.find_by_isa(session, "ZZ", "HARBOR") == "alpine"
    assert registry.find_by_as2(session, "ALPINE") == "harbor"


def test_names_that_differ_in_case_are_different_partners(session: Session, now: datetime) -> None:
    applied(session, now, HARBOR, partner("other", ids={"as2": "harbor-as2", "isa": {"id": "harbor"}}))
    assert registry.find_by_as2(session, "harbor-as2") == "other"
    assert registry.find_by_isa(session, "ZZ", "HARBOR") == "harbor"


def test_a_retired_partner_gives_its_identities_up(session: Session, now: datetime) -> None:
    applied(session, now, HARBOR)
    applied(session, now, PartnerProfile.model_validate({**HARBOR.model_dump(), "status": "retired"}))
    assert registry.find_by_isa(session, "ZZ", "HARBOR") is None
    applied(session, now, partner("successor", ids={"isa": {"id": "HARBOR"}}))
    assert registry.find_by_isa(session, "ZZ", "HARBOR") == "successor"
    with pytest.raises(PartnerClashError, match="successor"):
        registry.restore(session, "harbor", 1, author="kim", reason="", now=now)


def test_one_partner_given_twice_is_refused(session: Session, now: datetime) -> None:
    with pytest.raises(OperationError, match="given twice"):
        applied(session, now, HARBOR, HARBOR)


def test_the_database_itself_refuses_a_second_owner(session: Session, now: datetime) -> None:
    applied(session, now, HARBOR, ALPINE)
    session.add(PartnerId(kind="as2", value="HARBOR-AS2", partner="alpine"))
    with pytest.raises(IntegrityError):
        session.flush()


def test_a_partner_is_found_by_any_of_its_interchange_identities(session: Session, now: datetime) -> None:
    applied(session, now, HARBOR)
    assert registry.find_by_isa(session, "ZZ", "HARBOR         ", "P") == "harbor"
    assert registry.find_by_isa(session, "ZZ", "HARBORT", "T") == "harbor"
    assert registry.find_by_isa(session, "ZZ", "HARBORT", "P") == "harbor"
    assert registry.find_by_isa(session, "ZZ", "HARBOR", "I") == "harbor"
    assert registry.find_by_isa(session, "01", "HARBOR", "P") is None
    assert registry.find_by_isa(session, "ZZ", "'; DROP TABLE partner; --", "P") is None


def test_application_codes_may_be_shared(session: Session, now: datetime) -> None:
    applied(session, now, HARBOR, ALPINE)
    assert registry.find_by_gs(session, "HG") == ["alpine", "harbor"]
    assert registry.find_by_gs(session, "NO") == []


def test_an_as2_name_goes_with_the_name_that_we_use_towards_it(session: Session, now: datetime) -> None:
    own = partner("own", ids={"as2": "OWN"}, ours={"as2": "US-FOR-OWN"})
    applied(session, now, HARBOR, own)
    assert registry.find_by_as2(session, "HARBOR-AS2", "US", "US") == "harbor"
    assert registry.find_by_as2(session, "HARBOR-AS2", "us", "US") is None
    assert registry.find_by_as2(session, "HARBOR-AS2", "ANY") == "harbor"
    assert registry.find_by_as2(session, "OWN", "US-FOR-OWN", "US") == "own"
    assert registry.find_by_as2(session, "OWN", "US", "US") is None
    assert registry.find_by_as2(session, "STRANGER", "US", "US") is None


def test_history_is_newest_first_and_restoring_is_one_more_version(session: Session, now: datetime) -> None:
    applied(session, now, HARBOR, reason="first")
    changed = HARBOR.model_copy(update={"notes": "x"})
    registry.apply(session, [changed], "lee", "second", now + timedelta(days=1))
    change = registry.restore(session, "harbor", 1, author="kim", reason="", now=now + timedelta(days=2))
    assert (change.action, change.version) == ("update", 3)
    assert registry.get(session, "harbor") == HARBOR
    assert registry.get(session, "harbor", 2) == changed
    assert [(info.version, info.author, info.reason, info.current) for info in registry.history(session, "harbor")] == [
        (3, "kim", "Version 1 restored", True),
        (2, "lee", "second", False),
        (1, "kim", "first", False),
    ]
    again = registry.restore(session, "harbor", 3, author="kim", reason="", now=now)
    assert again.action == "unchanged"


def test_what_is_not_there_is_a_sentence_that_names_what_is(session: Session, now: datetime) -> None:
    with pytest.raises(PartnerNotFoundError, match="there are no partners yet"):
        registry.get(session, "nobody")
    applied(session, now, HARBOR)
    with pytest.raises(PartnerNotFoundError, match="the partners are harbor"):
        registry.history(session, "nobody")
    with pytest.raises(PartnerNotFoundError, match="no version 7; its versions are 1 to 1"):
        registry.get(session, "harbor", 7)
    with pytest.raises(PartnerNotFoundError):
        registry.next_sequence(session, "nobody")


def test_the_sequence_of_a_partner_counts_up_from_one_and_survives_a_new_version(
    session: Session, now: datetime
) -> None:
    applied(session, now, HARBOR)
    assert [registry.next_sequence(session, "harbor") for _ in range(3)] == [1, 2, 3]
    applied(session, now, HARBOR.model_copy(update={"notes": "x"}))
    assert registry.next_sequence(session, "harbor") == 4
    row = session.get(Partner, "harbor")
    assert row is not None
    assert (row.status, row.current_version) == ("live", 2)


# --- the directory


@pytest.fixture
def directory(session: Session) -> Directory:
    @contextmanager
    def read() -> Iterator[Session]:
        yield session

    return Directory(read, "US")


def test_the_directory_parses_a_profile_once_and_sees_every_change_at_once(
    session: Session, now: datetime, directory: Directory
) -> None:
    applied(session, now, HARBOR)
    first = directory.profile("harbor")
    assert directory.current("harbor") == (1, HARBOR)
    assert directory.profile("harbor") is first
    changed = HARBOR.model_copy(update={"notes": "x"})
    applied(session, now, changed)
    assert directory.current("harbor") == (2, changed)
    assert directory.profile("harbor", 1) is first
    directory.invalidate()
    assert directory.profile("harbor", 1) is not first


def test_the_directory_identifies_by_interchange_and_as2_names(
    session: Session, now: datetime, directory: Directory
) -> None:
    applied(session, now, HARBOR)
    assert directory.by_isa("ZZ", "HARBOR") == "harbor"
    assert directory.by_isa("ZZ", "NOBODY", "T", session=session) is None
    assert directory.by_as2("HARBOR-AS2", "US") == "harbor"
    assert directory.by_as2("HARBOR-AS2", "THEM") is None


def test_the_directory_tells_who_is_not_there(session: Session, now: datetime, directory: Directory) -> None:
    applied(session, now, HARBOR)
    assert directory.find("nobody") is None
    assert directory.find("harbor") == (1, HARBOR)
    with pytest.raises(PartnerNotFoundError, match="no version 9"):
        directory.profile("harbor", 9)


def test_a_profile_of_a_change_that_was_rolled_back_is_not_remembered(
    session: Session, now: datetime, directory: Directory
) -> None:
    applied(session, now, HARBOR)
    session.commit()
    applied(session, now, HARBOR.model_copy(update={"notes": "never committed"}))
    assert directory.profile("harbor", session=session).notes == "never committed"
    session.rollback()
    applied(session, now, HARBOR.model_copy(update={"notes": "committed"}))
    assert directory.current("harbor")[1].notes == "committed"


def test_the_directory_forgets_the_profile_used_longest_ago(
    session: Session, now: datetime, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory_module, "CACHED_PROFILES", 1)
    applied(session, now, HARBOR, ALPINE)
    first = directory.profile("harbor")
    directory.profile("alpine")
    assert directory.profile("harbor") is not first
