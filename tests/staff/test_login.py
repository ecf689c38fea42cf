"""Logins: sessions and their ends, guesses, one-time codes, the set-up code, tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyotp
import pytest

from gateway.staff import accounts, sessions, setup, tokens, totp
from gateway.staff.errors import AccountError, LoginRefusedError, TooManyTriesError
from gateway.staff.lockout import TRIES, TRIES_PER_ADDRESS, begin_try, forgive
from gateway.store.errors import SecretError
from gateway.store.secrets import get_secret
from tests.staff.conftest import KEK, Office


def admit(office: Office, name: str = "kim", old: str = "") -> tuple[str, str]:
    found: tuple[str, str] = office.write(
        lambda session: sessions.admit(session, name, address="a", agent="b" * 500, now=office.now, old=old)
    )
    return found


def who(office: Office, identity: str) -> sessions.Visitor | None:
    found: sessions.Visitor | None = office.read(lambda session: sessions.find_visitor(session, identity, office.now))
    return found


def seen(office: Office, identity: str) -> sessions.Visitor:
    found = who(office, identity)
    assert found is not None
    return found


def enrol(office: Office, secret: str) -> list[str]:
    codes: list[str] = office.change(
        "kim", lambda session, user: totp.enable_totp(session, KEK, user, secret, 0, office.now)
    )
    return codes


def test_a_session_ends_when_nobody_used_it_for_half_an_hour(office: Office) -> None:
    office.hire()
    identity, stage = admit(office)
    assert stage == "open"
    office.later(minutes=29)
    visitor = seen(office, identity)
    assert (visitor.name, visitor.initials) == ("kim", "KB")
    assert sessions.touch(visitor, office.now)
    office.write(lambda session: sessions.see(session, visitor.session_hash, office.now))
    office.later(minutes=29)
    assert who(office, identity) is not None
    office.later(minutes=2)
    assert who(office, identity) is None


def test_a_session_ends_after_twelve_hours_however_it_is_used(office: Office) -> None:
    office.hire()
    identity, _ = admit(office)
    for _ in range(24):
        office.later(minutes=29)
        office.write(lambda session: sessions.see(session, sessions.hash_id(identity), office.now))
    assert who(office, identity) is not None
    office.later(minutes=25)
    assert who(office, identity) is None


def test_a_login_gives_a_new_identifier_and_ends_the_old_one(office: Office) -> None:
    office.hire()
    first, _ = admit(office)
    second, _ = admit(office, old=first)
    assert first != second
    assert who(office, first) is None
    assert who(office, second) is not None


def test_a_logout_ends_only_ones_own_session(office: Office) -> None:
    kim, lee = office.hire("kim"), office.hire("lee")
    identity, _ = admit(office)
    end = sessions.hash_id(identity)
    ask: dict[str, Any] = {"actor": "x", "now": office.now}
    assert not office.write(lambda session: sessions.end_session(session, end, user_id=lee, **ask))
    assert [row["address"] for row in office.read(lambda session: sessions.sessions_of(session, kim, office.now))] == [
        "a"
    ]
    assert office.write(lambda session: sessions.end_session(session, end, user_id=kim, **ask))
    assert who(office, identity) is None


def test_a_closed_account_is_not_admitted(office: Office) -> None:
    office.hire()
    office.change("kim", lambda session, user: accounts.disable_user(session, user, actor="x", now=office.now))
    with pytest.raises(LoginRefusedError):
        admit(office)
    with pytest.raises(LoginRefusedError):
        admit(office, "nobody")


def test_the_sixth_guess_in_a_quarter_of_an_hour_waits(office: Office) -> None:
    def guess(name: str = "kim", address: str = "a") -> None:
        office.write(lambda session: begin_try(session, name, address, office.now))

    for _ in range(TRIES):
        guess()
        office.later(seconds=10)
    with pytest.raises(TooManyTriesError, match="15 minutes") as refused:
        guess("KIM ")
    assert 800 < refused.value.wait <= 900
    guess(address="elsewhere")
    guess("lee")
    office.later(minutes=15)
    guess()


def test_one_address_cannot_try_every_name(office: Office) -> None:
    for n in range(TRIES_PER_ADDRESS):
        office.write(lambda session, n=n: begin_try(session, f"name{n}", "a", office.now))
    with pytest.raises(TooManyTriesError):
        office.write(lambda session: begin_try(session, "another", "a", office.now))


def test_a_right_password_forgives_the_wrong_ones(office: Office) -> None:
    for _ in range(TRIES):
        office.write(lambda session: begin_try(session, "kim", "a", office.now))
    office.write(lambda session: forgive(session, "kim", "a"))
    office.write(lambda session: begin_try(session, "kim", "a", office.now))


def test_with_a_second_factor_the_password_alone_opens_nothing(office: Office) -> None:
    office.hire()
    secret = totp.new_totp_secret()
    enrol(office, secret)
    identity, stage = admit(office)
    waiting = seen(office, identity)
    assert stage == waiting.stage == "code"

    def give(code: str) -> str:
        return str(
            office.write(
                lambda session: sessions.pass_code(session, KEK, waiting, code, address="a", agent="b", now=office.now)
            )
        )

    with pytest.raises(LoginRefusedError):
        give("000000")
    opened = give(pyotp.TOTP(secret).at(office.now))
    assert seen(office, opened).stage == "open"
    assert who(office, identity) is None


def test_a_code_is_good_once_and_a_recovery_code_too(office: Office) -> None:
    office.hire()
    secret = totp.new_totp_secret()
    recovery = enrol(office, secret)
    code = pyotp.TOTP(secret).at(office.now)
    take = lambda given: office.change(  # noqa: E731
        "kim", lambda session, user: totp.take_code(session, KEK, user, given, office.now)
    )
    assert take(f" {code[:3]} {code[3:]} ")
    assert not take(code)
    assert len(recovery) == totp.RECOVERY_CODES
    assert take(recovery[0].upper())
    assert not take(recovery[0])
    assert take(recovery[1])


def test_the_key_of_the_second_factor_is_sealed_and_goes_with_it(office: Office) -> None:
    user_id = office.hire()
    secret = totp.new_totp_secret()
    enrol(office, secret)
    name = f"staff-totp-{user_id}"
    assert office.read(lambda session: get_secret(session, KEK, name)) == secret.encode()
    assert secret.encode() not in office.store.path.read_bytes()
    office.change("kim", totp.forget_totp)
    with pytest.raises(SecretError):
        office.read(lambda session: get_secret(session, KEK, name))


def test_a_password_whose_code_never_came_is_forgotten(office: Office) -> None:
    office.hire()
    enrol(office, totp.new_totp_secret())
    identity, _ = admit(office)
    office.later(minutes=6)
    assert who(office, identity) is None


def test_a_proof_is_fresh_for_ten_minutes_and_can_be_given_again(office: Office) -> None:
    office.hire()
    identity, _ = admit(office)
    office.later(minutes=11)
    visitor = seen(office, identity)
    assert not visitor.fresh(office.now)
    office.write(lambda session: sessions.prove_again(session, visitor, KEK, "", address="a", now=office.now))
    assert seen(office, identity).fresh(office.now)
    enrol(office, totp.new_totp_secret())
    with pytest.raises(LoginRefusedError):
        office.write(lambda session: sessions.prove_again(session, visitor, KEK, "1", address="a", now=office.now))


def test_a_set_up_code_is_good_for_half_an_hour_and_once(office: Office) -> None:
    first = office.write(lambda session: setup.store_setup_code(session, KEK, office.now))
    use = lambda code: office.write(  # noqa: E731
        lambda session: setup.use_setup_code(session, KEK, code, office.now)
    )
    second = office.write(lambda session: setup.store_setup_code(session, KEK, office.now))
    for wrong in (first, "AAAAA-AAAAA-AAAAA-AAAAA", ""):
        with pytest.raises(AccountError, match="not right"):
            use(wrong)
    use(second.lower().replace("-", " "))
    with pytest.raises(AccountError, match="not right"):
        use(second)
    late = office.write(lambda session: setup.store_setup_code(session, KEK, office.now))
    office.later(minutes=31)
    with pytest.raises(AccountError, match="not right"):
        use(late)


def test_a_token_acts_within_its_scopes_until_its_end(office: Office) -> None:
    office.hire()
    make = lambda **values: office.change(  # noqa: E731
        "kim",
        lambda session, user: tokens.make_token(
            session,
            user,
            **{"label": "erp", "scopes": ["messages:read"], "life": timedelta(days=1), **values},
            now=office.now,
        ),
    )
    token = make()
    user, scopes = office.read(lambda session: tokens.find_token(session, token, office.now))
    assert (user.name, scopes) == ("kim", {"messages:read"})
    (row,) = office.read(lambda session: tokens.tokens_of(session, user.id))
    assert token not in str(row)
    assert office.read(lambda session: tokens.find_token(session, token, office.now + timedelta(days=2))) is None
    revoke = lambda: office.write(  # noqa: E731
        lambda session: tokens.revoke_token(session, row["id"], actor="kim", now=office.now)
    )
    assert revoke()
    assert not revoke()
    assert office.read(lambda session: tokens.find_token(session, token, office.now)) is None
    for wrong in ({"scopes": ["everything"]}, {"scopes": []}, {"life": timedelta(days=900)}, {"life": timedelta(0)}):
        with pytest.raises(AccountError):
            make(**wrong)
