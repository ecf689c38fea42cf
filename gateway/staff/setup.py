"""The one-time set-up code that opens the first account: made by ``gateway init``, shown once, good for 30 minutes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from gateway.staff.errors import AccountError
from gateway.store.secrets import Kek, Secret, delete_secret, get_secret, put_secret

__all__ = [
    "SETUP_CODE",
    "SETUP_LIFE",
    "hash_setup_code",
    "new_setup_code",
    "setup_code_end",
    "setup_code_matches",
    "store_setup_code",
    "use_setup_code",
]

#: Name and kind of the secret that holds the hash of the one-time set-up code.
SETUP_CODE = "setup-code"
#: How long a code is good after it was shown.
SETUP_LIFE = timedelta(minutes=30)

_SCRYPT = {"n": 2**14, "r": 8, "p": 1}


def new_setup_code() -> str:
    """A hundred random bits in four groups of five letters and digits."""
    text = base64.b32encode(secrets.token_bytes(13)).decode("ascii")[:20]
    return "-".join(text[n : n + 5] for n in range(0, 20, 5))


def hash_setup_code(code: str, salt: bytes) -> bytes:
    """Salt (16 bytes) and scrypt hash of a code, however it is spaced or cased."""
    plain = "".join(code.replace("-", "").split()).upper().encode("ascii", "replace")
    return salt + hashlib.scrypt(plain, salt=salt, **_SCRYPT)


def setup_code_matches(code: str, stored: bytes) -> bool:
    """Whether ``code`` is the one whose hash (the secret ``SETUP_CODE``) is ``stored``; constant time."""
    return hmac.compare_digest(hash_setup_code(code, stored[:16]), stored)


def store_setup_code(session: Session, kek: Kek, now: datetime) -> str:
    """Make a code, keep its hash in place of any earlier one, and return it: it is never shown again."""
    code = new_setup_code()
    value = hash_setup_code(code, secrets.token_bytes(16))
    put_secret(session, kek, SETUP_CODE, value, kind=SETUP_CODE, now=now, not_after=now + SETUP_LIFE, replace=True)
    return code


def setup_code_end(session: Session) -> datetime | None:
    """Until when the present code is good; None when there is none."""
    row = session.get(Secret, SETUP_CODE)
    if row is None:
        return None
    return row.not_after or row.created_at + SETUP_LIFE


def use_setup_code(session: Session, kek: Kek, code: str, now: datetime) -> None:
    """Take the code and remove it. Raises AccountError, always with the same text, when it is not good."""
    end = setup_code_end(session)
    if end is None or end <= now or not setup_code_matches(code, get_secret(session, kek, SETUP_CODE)):
        raise AccountError(
            "This set-up code is not right, was used, or is older than 30 minutes.",
            "`gateway user reset --setup` prints a new one.",
            field="code",
        )
    delete_secret(session, SETUP_CODE)
