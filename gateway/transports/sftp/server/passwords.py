"""Passwords of accounts: argon2id hashes (RFC 9106), checked in two threads so that a flood cannot take the machine."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

__all__ = ["HASH_THREADS", "PasswordChecker", "hash_password", "is_hash"]

#: Checks that run at a time.
HASH_THREADS = 2
#: Checks that may wait; beyond it a login is refused unchecked.
WAITING = 32
#: A password longer than this is refused unchecked.
MAX_PASSWORD = 1024

_HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)


def hash_password(password: str) -> str:
    """The argon2id hash to keep for a password, as text. Raises ValueError for fewer than 12 characters."""
    if len(password) < 12:
        raise ValueError("A password of an SFTP account has at least 12 characters; a public key is better.")
    return _HASHER.hash(password)


def is_hash(text: str) -> bool:
    """True when ``text`` is an argon2id hash as ``hash_password`` makes it."""
    return text.startswith("$argon2id$")


@cache
def _nobody() -> str:
    """A hash that costs the time of a real one and that no password opens."""
    return _HASHER.hash(os.urandom(32).hex())


class PasswordChecker:
    """Checks passwords off the loop, two at a time; an account without a password costs as much as a wrong one."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(HASH_THREADS, thread_name_prefix="sftp-password")
        self._lock = threading.Lock()
        self._waiting = 0
        #: How many hashes were computed, for tests and for ``gateway doctor``.
        self.checked = 0

    async def check(self, stored: str | None, password: str) -> bool:
        """True when the password is that of the hash. None as the hash takes the same time and is always False."""
        if len(password) > MAX_PASSWORD or self._waiting >= WAITING:
            return False
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, self._check, stored, password)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Let running checks end and stop the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _check(self, stored: str | None, password: str) -> bool:
        with self._lock:
            self.checked += 1
        try:
            right = _HASHER.verify(stored or _nobody(), password)
        except (VerificationError, InvalidHashError):
            return False
        return right and stored is not None
