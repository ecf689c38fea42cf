"""Control numbers of what we send: durable counters, one for each partner, envelope level, scope and usage.

A number is taken in the transaction that stores the bytes it stands in, so a crash before that commit has
used nothing and a crash after it cannot use the number again. Numbers never come from the clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from gateway.messages.models import ControlNumber

__all__ = ["HIGHEST", "peek", "skip_to", "take"]

#: Highest number of a level (X12: ISA13 and GS06 have nine digits, ST02 up to nine characters).
HIGHEST: Mapping[str, int] = {"ISA13": 999_999_999, "GS06": 999_999_999, "ST02": 999_999_999}

_MAKE = text(
    "INSERT INTO control_number (partner, level, scope, test, next, low, high) "
    "VALUES (:partner, :level, :scope, :test, :low, :low, :high) ON CONFLICT DO NOTHING"
)
#: A block never straddles the end of the range: it starts at ``low`` when it does not fit before ``high``.
_TAKE = text(
    "UPDATE control_number SET low = :low, high = :high, next = :count + "
    "CASE WHEN next < :low OR next + :count - 1 > :high THEN :low ELSE next END "
    "WHERE partner = :partner AND level = :level AND scope = :scope AND test = :test RETURNING next"
)


def take(
    session: Session,
    partner: str,
    level: str,
    test: bool,
    *,
    scope: str = "",
    count: int = 1,
    low: int = 1,
    high: int | None = None,
) -> int:
    """The next number, or the first of ``count`` numbers in a row, in the caller's transaction.

    ``level`` is a key of HIGHEST, ``test`` the usage (ISA15 T), ``scope`` "document", "ack" or "" as the
    profile separates them, ``low`` and ``high`` the profile's range (``high`` by default HIGHEST). After the
    highest number comes the lowest (999999999 → 1). Raises ValueError for an unknown level, a range that the
    level does not have, or more numbers than the range has.
    """
    key = _key(partner, level, scope, test)
    top = HIGHEST[level] if high is None else high
    _check_range(partner, level, low, top)
    if not 1 <= count <= top - low + 1:
        raise ValueError(
            f"{count} {level} numbers for {partner} do not fit in the range {low} to {top}: widen the range "
            "in the partner's profile."
        )
    values = {**key, "count": count, "low": low, "high": top}
    row = session.execute(_TAKE, values).first()
    if row is None:
        session.execute(_MAKE, {**key, "low": low, "high": top})
        row = session.execute(_TAKE, values).one()
    first: int = row.next - count
    return first


def peek(session: Session, partner: str, level: str, test: bool, *, scope: str = "") -> int:
    """The number that ``take`` would give next; takes nothing."""
    row = session.get(ControlNumber, _key(partner, level, scope, test), populate_existing=True)
    if row is None:
        return 1
    return row.low if row.next > row.high else row.next


def skip_to(session: Session, partner: str, level: str, test: bool, next_number: int, *, scope: str = "") -> None:
    """Go on with another number: when moving from another system, or to skip a block after a restore.

    Raises ValueError for a number that the level does not have.
    """
    key = _key(partner, level, scope, test)
    _check_range(partner, level, next_number, HIGHEST[level])
    row = session.get(ControlNumber, key, populate_existing=True)
    if row is None:
        session.add(ControlNumber(**key, low=1, high=HIGHEST[level], next=next_number))
    else:
        row.next = next_number
    session.flush()


def _check_range(partner: str, level: str, low: int, high: int) -> None:
    if not 1 <= low <= high <= HIGHEST[level]:
        raise ValueError(f"{level} numbers from {low} to {high} for {partner}: a range lies in 1 to {HIGHEST[level]}.")


def _key(partner: str, level: str, scope: str, test: bool) -> dict[str, Any]:
    if level not in HIGHEST:
        raise ValueError(f'"{level}" is not a control number level; it is one of {", ".join(HIGHEST)}.')
    return {"partner": partner, "level": level, "scope": scope, "test": test}
