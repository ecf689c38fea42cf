"""Checks of what the gateway runs on: Python, OpenSSL and SQLite."""

from __future__ import annotations

import platform
import sqlite3
import ssl
import sys
from collections.abc import Iterator

from cryptography.hazmat.backends.openssl.backend import backend

from gateway import __version__
from gateway.doctor.result import Result, fail, ok

__all__ = ["check_machine"]

#: The oldest versions that the code needs (SQLite: RETURNING).
OLDEST_PYTHON = (3, 11)
OLDEST_SQLITE = (3, 35, 0)
OLDEST_OPENSSL = (3, 0)
#: SQLite releases whose write-ahead log can be damaged when two connections commit and checkpoint at once.
#: The gateway writes through one connection, which keeps it out of that; other programs are not so careful.
_WAL_RACE_FIXED = ((3, 44, 6), (3, 50, 7), (3, 51, 3))


def check_machine() -> Iterator[Result]:
    """Python, OpenSSL (the one of ``ssl`` and the one of ``cryptography``) and SQLite."""
    yield ok("gateway", f"Version {__version__}.")
    yield _python(sys.version_info[:2])
    yield _openssl(ssl.OPENSSL_VERSION_INFO[:2])
    yield _sqlite(sqlite3.sqlite_version_info)


def _python(version: tuple[int, ...]) -> Result:
    found = f"{platform.python_implementation()} {platform.python_version()}"
    if version < OLDEST_PYTHON:
        return fail("python", f"{found} is too old.", "Install Python 3.11 or later.")
    return ok("python", f"{found} on {platform.system()} {platform.machine()}.")


def _openssl(version: tuple[int, ...]) -> Result:
    found = f"{ssl.OPENSSL_VERSION} for TLS, {backend.openssl_version_text()} for messages"
    if version < OLDEST_OPENSSL:
        return fail("openssl", f"{found}: the first is too old.", "Use a Python built with OpenSSL 3.")
    return ok("openssl", f"{found}.")


def _sqlite(version: tuple[int, ...]) -> Result:
    found = f"SQLite {'.'.join(map(str, version))}"
    if version < OLDEST_SQLITE:
        return fail("sqlite", f"{found} is too old.", "Use a Python built with SQLite 3.35 or later.")
    fixed = any(version[:2] == repaired[:2] and version >= repaired for repaired in _WAL_RACE_FIXED)
    if fixed or version > max(_WAL_RACE_FIXED):
        return ok("sqlite", f"{found}.")
    return ok("sqlite", f"{found}; no other program should write to the database while the gateway runs.")
