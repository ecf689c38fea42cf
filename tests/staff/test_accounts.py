"""Accounts: opening, changing, closing; what each change ends and what the ledger says of it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from gateway.staff import accounts, sessions, tokens
from gateway.staff.errors import AccountError
from gateway.staff.models import StaffSession
from gateway.staff.roles import Role, allows, checked_roles
from gateway.store.ledger import Event, verify
from tests.staff.conftest import HASHED, PASSWORD, Office


def log_in(office: Office, name: str = "kim") -> str:
    identity, _ = office.write(
        lambda session: sessions.admit(session, name, address="10.0.0.1", agent="test", now=office.now)
    )
    return str(identity)


def events(office: Office) -> list[str]:
    return list(office.read(lambda session: list(session.scalars(select(Event.kind).order_by(Event.seq)))))


def test_a_new_account_is_in_the_ledger_and_has_its_roles_in_order(office: Office) -> None:
    office.hire("kim", "security", "viewer")
    user = office.read(lambda session: accounts.by_name(session, " KIM "))
    assert user.roles == ["viewer", "security"]
    assert events(office) == ["user-created"]
    assert office.read(verify).ok


@pytest.mark.parametrize("name", ["", "a b", "-kim", "kim/../x", "k" * 70, "<script>"])
def test_a_name_that_is_none_is_refused(office: Office, name: str) -> None:
    with pytest.raises(AccountError, match="login name") as refused:
        office.hire(name)
    assert refused.value.field == "name"


def test_a_name_is_given_once(office: Office) -> None:
    office.hire("kim")
    with pytest.raises(AccountError, match="already"):
        office.hire("KIM")


@pytest.mark.parametrize(("roles", "words"), [(["boss"], "not a role"), ([], "at least one")])
def test_roles_must_exist(roles: list[str], words: str) -> None:
    with pytest.raises(AccountError, match=words):
        checked_roles(roles)


@pytest.mark.parametrize(
    ("held", "may"),
    [
        ({"viewer"}, {Role.VIEWER}),
        ({"operator"}, {Role.VIEWER, Role.OPERATOR}),
        ({"admin"}, {Role.VIEWER, Role.OPERATOR, Role.ADMIN}),
        ({"security"}, {Role.VIEWER, Role.SECURITY}),
        (set(), set()),
    ],
)
def test_each_role_may_what_it_may(held: set[str], may: set[Role]) -> None:
    assert {role for role in Role if allows(held, role)} == may


def test_other_roles_end_the_sessions(office: Office) -> None:
    office.hire("kim", "viewer")
    identity = log_in(office)
    office.change("kim", lambda session, user: accounts.set_roles(session, user, ["admin"], actor="x", now=office.now))
    assert office.read(lambda session: sessions.find_visitor(session, identity, office.now)) is None
    assert events(office)[-1] == "user-roles"


def test_the_same_roles_change_nothing(office: Office) -> None:
    office.hire("kim", "viewer")
    identity = log_in(office)
    office.change("kim", lambda session, user: accounts.set_roles(session, user, ["viewer"], actor="x", now=office.now))
    assert office.read(lambda session: sessions.find_visitor(session, identity, office.now)) is not None


def test_a_new_password_ends_every_other_session(office: Office) -> None:
    office.hire()
    here, there = log_in(office), log_in(office)

    def change(session: Any, user: Any) -> None:
        accounts.set_password(
            session,
            user,
            password=PASSWORD,
            password_hash=HASHED,
            actor="kim",
            now=office.now,
            keep=sessions.hash_id(here),
        )

    office.change("kim", change)
    left = office.read(lambda session: [row.id_hash for row in session.scalars(select(StaffSession))])
    assert left == [sessions.hash_id(here)] != [sessions.hash_id(there)]


def test_a_closed_account_ends_sessions_and_tokens_and_can_be_opened_again(office: Office) -> None:
    office.hire()
    identity = log_in(office)
    token = office.change(
        "kim",
        lambda session, user: tokens.make_token(
            session, user, label="x", scopes=["messages:read"], life=tokens.LONGEST, now=office.now
        ),
    )
    for _ in range(2):
        office.change("kim", lambda session, user: accounts.disable_user(session, user, actor="x", now=office.now))
    assert office.read(lambda session: sessions.find_visitor(session, identity, office.now)) is None
    assert office.read(lambda session: tokens.find_token(session, token, office.now)) is None
    for _ in range(2):
        office.change("kim", lambda session, user: accounts.enable_user(session, user, actor="x", now=office.now))
    assert office.read(lambda session: tokens.find_token(session, token, office.now)) is None
    log_in(office)


def test_the_last_security_account_stays(office: Office) -> None:
    office.hire("kim", "security")
    with pytest.raises(AccountError, match="last account"):
        office.change("kim", lambda session, user: accounts.disable_user(session, user, actor="x", now=office.now))
    with pytest.raises(AccountError, match="last account"):
        office.change(
            "kim", lambda session, user: accounts.set_roles(session, user, ["admin"], actor="x", now=office.now)
        )
    office.hire("lee", "security")
    office.change("kim", lambda session, user: accounts.disable_user(session, user, actor="x", now=office.now))


def test_a_theme_must_exist(office: Office) -> None:
    office.hire()
    with pytest.raises(AccountError, match="not a theme"):
        office.change("kim", lambda _, user: accounts.set_preferences(user, theme="neon", shortcuts=True))


def test_an_unknown_account_is_told(office: Office) -> None:
    with pytest.raises(AccountError, match="no such account"):
        office.read(lambda session: accounts.get_user(session, "nobody"))
