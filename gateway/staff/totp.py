"""The second factor: one-time codes of an authenticator app (RFC 6238, 30 seconds, six digits) and recovery codes."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime

import pyotp
from sqlalchemy.orm import Session

from gateway.staff.models import StaffUser
from gateway.store.secrets import Kek, delete_secret, get_secret, put_secret

__all__ = [
    "RECOVERY_CODES",
    "TOTP_KIND",
    "code_matches",
    "enable_totp",
    "forget_totp",
    "new_totp_secret",
    "provisioning_uri",
    "take_code",
]

#: Kind of the secrets that hold a person's TOTP key.
TOTP_KIND = "staff-totp"
#: Recovery codes given at enrolment.
RECOVERY_CODES = 8
_STEP_SECONDS = 30


def new_totp_secret() -> str:
    """160 random bits in base32."""
    return pyotp.random_base32()


def provisioning_uri(secret: str, name: str, issuer: str) -> str:
    """The ``otpauth:`` address that authenticator apps take."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)


def code_matches(secret: str, code: str, now: datetime, after_step: int = 0) -> int | None:
    """The time step that the code belongs to, one step of clock difference allowed; None when it does not fit.

    A step up to ``after_step`` was used already and fits no more.
    """
    typed = "".join(code.split())
    totp, present = pyotp.TOTP(secret), int(now.timestamp()) // _STEP_SECONDS
    found = None
    for step in (present - 1, present, present + 1):
        if hmac.compare_digest(totp.at(step * _STEP_SECONDS).encode(), typed.encode()) and step > after_step:
            found = step
    return found


def enable_totp(session: Session, kek: Kek, user: StaffUser, secret: str, step: int, now: datetime) -> list[str]:
    """Switch the second factor on; returns the recovery codes, which are shown once and kept as hashes."""
    put_secret(session, kek, _name(user), secret.encode("ascii"), kind=TOTP_KIND, now=now, replace=True)
    codes = [f"{secrets.token_hex(3)}-{secrets.token_hex(3)}" for _ in range(RECOVERY_CODES)]
    user.totp, user.totp_step, user.recovery_codes = True, step, [_digest(code) for code in codes]
    return codes


def forget_totp(session: Session, user: StaffUser) -> None:
    """Switch the second factor off."""
    delete_secret(session, _name(user))
    user.totp, user.totp_step, user.recovery_codes = False, 0, None


def take_code(session: Session, kek: Kek, user: StaffUser, code: str, now: datetime) -> bool:
    """Whether the one-time or recovery code is right; it is used up by that."""
    secret = get_secret(session, kek, _name(user)).decode("ascii")
    step = code_matches(secret, code, now, user.totp_step)
    if step is not None:
        user.totp_step = step
        return True
    digest = _digest(code)
    left = [kept for kept in user.recovery_codes or () if not hmac.compare_digest(kept, digest)]
    if len(left) == len(user.recovery_codes or ()):
        return False
    user.recovery_codes = left
    return True


def _name(user: StaffUser) -> str:
    return f"staff-totp-{user.id}"


def _digest(code: str) -> str:
    return hashlib.sha256("".join(code.split()).lower().encode()).hexdigest()
