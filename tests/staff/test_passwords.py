"""Passwords: what is good enough, and that only the right one fits."""

from __future__ import annotations

import pytest

from gateway.staff.errors import AccountError
from gateway.staff.passwords import check_password, hash_password, needs_rehash, verify_password


@pytest.mark.parametrize(
    "password", ["violet-anchor-kettle-91", "tundra lamp oboe sixty", "x9!Kd_02mPq#vT", "Грозовой перевал весной"]
)
def test_a_long_password_of_its_own_is_taken(password: str) -> None:
    check_password(password, about=("kim", "Kim", "Berg"))


@pytest.mark.parametrize(
    "password",
    [
        *("password1234", "Passw0rd2026!", "qwertyuiop12", "aaaaaaaaaaaaaa", "abcabcabcabcabc", "123456789012"),
        *("correct horse battery staple", "kimkimkim2026", "BergBerg-1999", "Welcome2024!!", "zyxwvutsrqponm"),
        "gateway-admin-1",
    ],
)
def test_what_is_tried_first_is_refused(password: str) -> None:
    with pytest.raises(AccountError, match="tried first") as refused:
        check_password(password, about=("kim", "Kim", "Berg"))
    assert refused.value.field == "password"


@pytest.mark.parametrize(("password", "words"), [("short", "5 characters"), ("x" * 300, "longer than")])
def test_a_password_has_a_least_and_a_greatest_length(password: str, words: str) -> None:
    with pytest.raises(AccountError, match=words):
        check_password(password)


def test_only_the_right_password_fits_its_hash() -> None:
    stored = hash_password("violet-anchor-kettle-91")
    assert stored.startswith("$argon2id$v=19$m=32768,t=2,p=1$")
    assert verify_password(stored, "violet-anchor-kettle-91")
    assert not verify_password(stored, "violet-anchor-kettle-92")
    assert not needs_rehash(stored)


def test_without_a_hash_no_password_fits() -> None:
    assert not verify_password(None, "violet-anchor-kettle-91")
    assert not verify_password("not a hash", "violet-anchor-kettle-91")
