"""Passwords: which are good enough, and their argon2id hashes.

Hashing takes 32 MiB and some tens of milliseconds, so that at most two run at one time.
"""

from __future__ import annotations

import re
import threading
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.staff.errors import AccountError

__all__ = ["MAX_LENGTH", "MIN_LENGTH", "check_password", "hash_password", "needs_rehash", "verify_password"]

#: Characters.
MIN_LENGTH, MAX_LENGTH = 12, 256
#: 32 MiB, two passes, one lane: above the least that OWASP names for argon2id (19 MiB, 2, 1).
_HASHER = PasswordHasher(time_cost=2, memory_cost=32 * 1024, parallelism=1)
_AT_ONE_TIME = threading.BoundedSemaphore(2)

#: Words that make a password easy to guess when little else is in it.
_WORDS = """
    password passwort passwd motdepasse contrasena admin administrator root toor welcome willkommen bienvenue
    letmein changeme default secret guest login master monkey dragon football baseball basketball soccer hockey
    superman batman pokemon starwars iloveyou sunshine princess shadow trustno qwerty qwertyuiop qwertz azerty asdfgh
    asdfghjkl zxcvbn zxcvbnm qazwsx qweasd abc abcd abcdef abcdefgh test testing tester gateway edi partner order
    invoice wholesale company summer winter spring autumn january february march april may june july august september
    october november december monday tuesday wednesday thursday friday saturday sunday hello flower computer internet
    server system support service michael jennifer jordan thomas charlie daniel andrew hunter ranger george jessica
    access mustang corvette ferrari mercedes porsche liverpool chelsea arsenal barcelona yankees cowboys cheese
    chocolate coffee cookie pepper ginger maggie tigger buster killer matrix phoenix purple orange silver golden
    diamond freedom whatever nothing blink samsung apple google facebook linkedin microsoft windows love please
    correct horse battery staple
"""
_COMMON = frozenset(_WORDS.split())
_LEET = str.maketrans("0134578@$!+", "oieastbasit")
_ROWS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop")


def check_password(password: str, *, about: tuple[str, ...] = ()) -> None:
    """Raise AccountError with the reason when a password is too short, too long or easily guessed.

    ``about`` are words of the person and the company: they count as common ones.
    """
    if len(password) < MIN_LENGTH:
        raise AccountError(
            f"The password has {len(password)} characters; it needs at least {MIN_LENGTH}.",
            "Four or five words that do not belong together are easy to keep in mind.",
            field="password",
        )
    if len(password) > MAX_LENGTH:
        raise AccountError(f"The password is longer than {MAX_LENGTH} characters.", field="password")
    rest = _unguessable(password.lower(), {word.lower() for word in about if len(word) > 2})
    if len(set(password.lower())) < 5 or len(rest) < 6:
        raise AccountError(
            "The password is made of what is tried first: common words, names, rows of keys, years or repeats.",
            "Use four or five words that do not belong together.",
            field="password",
        )


def _unguessable(password: str, about: set[str]) -> str:
    """What is left of a password without common words, years, rows of keys and repeats."""
    rest = password
    for text in (password, password.translate(_LEET)):
        left = text
        for word in sorted(_COMMON | about, key=len, reverse=True):
            left = left.replace(word, "")
        if len(left) < len(rest):
            rest = left
    rest = re.sub(r"(19|20)\d\d", "", rest)
    rest = re.sub(r"(.+?)\1{2,}", r"\1", rest)
    for row in _ROWS:
        for text in (row, row[::-1]):
            for start in range(len(text) - 3):
                rest = rest.replace(text[start : start + 4], "")
    return re.sub(r"[^\w]|_", "", rest)


def hash_password(password: str) -> str:
    """The argon2id hash; waits while two others are made."""
    with _AT_ONE_TIME:
        return _HASHER.hash(password)


def verify_password(stored: str | None, password: str) -> bool:
    """Whether the password fits. Without a stored hash it takes as long, and is False."""
    with _AT_ONE_TIME:
        try:
            right = _HASHER.verify(stored or _nobodys(), password[: 4 * MAX_LENGTH])
        except (VerificationError, InvalidHashError):
            return False
    return right and stored is not None


def needs_rehash(stored: str) -> bool:
    """Whether the hash was made with weaker settings than today's."""
    return _HASHER.check_needs_rehash(stored)


@lru_cache(maxsize=1)
def _nobodys() -> str:
    """A hash that no password fits in practice: unknown names take as long as known ones."""
    import secrets

    return _HASHER.hash(secrets.token_hex(32))
