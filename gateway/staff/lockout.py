"""Slowing down guesses: five failed logins in 15 minutes for one account from one address, fifty from one address.

A try is counted before the password is looked at and taken back when it was right, so that many at one time gain
nothing. Names that do not exist count the same.
"""

from __future__ import annotations

import math
import uuid
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from gateway.staff.errors import TooManyTriesError
from gateway.staff.models import LoginTry

__all__ = ["TRIES", "TRIES_PER_ADDRESS", "WINDOW", "begin_try", "forgive"]

TRIES, TRIES_PER_ADDRESS = 5, 50
WINDOW = timedelta(minutes=15)


def begin_try(session: Session, name: str, address: str, now: datetime) -> None:
    """Count one try. Raises TooManyTriesError, without counting, when there were too many."""
    login, since = name.strip().lower()[:64], now - WINDOW
    session.execute(delete(LoginTry).where(LoginTry.at <= since))
    recent = select(LoginTry.at).where(LoginTry.address == address, LoginTry.at > since).order_by(LoginTry.at)
    for query, most in ((recent.where(LoginTry.name == login), TRIES), (recent, TRIES_PER_ADDRESS)):
        found = list(session.scalars(query))
        if len(found) >= most:
            raise TooManyTriesError(math.ceil((found[-most] + WINDOW - now).total_seconds()))
    session.add(LoginTry(id=str(uuid.uuid4()), name=login, address=address, at=now))
    session.flush()


def forgive(session: Session, name: str, address: str) -> None:
    """The person proved who they are: their tries from this address count no more."""
    session.execute(delete(LoginTry).where(LoginTry.name == name, LoginTry.address == address))
