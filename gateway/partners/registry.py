"""The registry of trading partners: versions of profiles in the database, changed by applying a plan.

Every change is a new version with author, reason and time; nothing is overwritten, so a message that names
a partner's version can always be explained, and restoring is one more version. `plan` says what would change
and touches nothing; `apply` does exactly that. Partners that are not named are never touched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from gateway.partners.claims import find_clashes
from gateway.partners.errors import (
    OperationError,
    PartnerChangedError,
    PartnerClashError,
    PartnerNotFoundError,
)
from gateway.partners.identities import find_by_as2, find_by_gs, find_by_isa, identities
from gateway.partners.models import Partner, PartnerId, PartnerVersion
from gateway.partners.profile import (
    PartnerProfile,
    Status,
    canonical_json,
    profile_from_json,
)
from gateway.partners.rules import warnings
from gateway.store import ledger

__all__ = [
    "Change",
    "Difference",
    "VersionInfo",
    "apply",
    "change_json",
    "differences",
    "find_by_as2",
    "find_by_gs",
    "find_by_isa",
    "get",
    "history",
    "list_partners",
    "next_sequence",
    "plan",
    "require_versions",
    "restore",
]


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that changes."""

    #: Dotted path, "as2.url", "ids.isa[0].id".
    path: str
    #: Value before and after as plain JSON; None where the field is empty or not there.
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class Change:
    """What a plan does to one partner."""

    code: str
    action: Literal["create", "update", "unchanged"]
    #: Version after the change: 1 for a new partner, the current one when unchanged.
    version: int
    differences: tuple[Difference, ...] = ()
    #: What staff should know: what is missing, certificates that end.
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """One version in a partner's history."""

    version: int
    author: str
    reason: str
    created_at: datetime
    sha256: str
    current: bool


def get(session: Session, code: str, version: int | None = None) -> PartnerProfile:
    """The profile of one partner, in its current or another version.

    Raises PartnerNotFoundError when there is no such partner or version.
    """
    row = session.execute(
        select(PartnerVersion.profile_json)
        .join(Partner, Partner.code == PartnerVersion.partner)
        .where(
            Partner.code == code,
            PartnerVersion.version == (Partner.current_version if version is None else version),
        )
    ).scalar_one_or_none()
    if row is None:
        raise not_found(session, code, version)
    return profile_from_json(row)


def not_found(session: Session, code: str, version: int | None = None) -> PartnerNotFoundError:
    """The error for a partner or version that is not there, naming what is."""
    current = session.execute(select(Partner.current_version).where(Partner.code == code)).scalar_one_or_none()
    if current is not None:
        return PartnerNotFoundError(
            f"Partner {code} has no version {version}; its versions are 1 to {current}.",
            f"See them with: gateway partner history {code}",
        )
    known = session.execute(select(Partner.code).order_by(Partner.code).limit(20)).scalars().all()
    names = f"the partners are {', '.join(known)}" if known else "there are no partners yet"
    return PartnerNotFoundError(
        f'There is no partner "{code}"; {names}.', "See all with: gateway partner list. The name is its code."
    )


def list_partners(session: Session) -> list[tuple[int, PartnerProfile]]:
    """(current version, profile) of every partner, by code."""
    rows = session.execute(
        select(PartnerVersion.version, PartnerVersion.profile_json)
        .join(Partner, Partner.code == PartnerVersion.partner)
        .where(PartnerVersion.version == Partner.current_version)
        .order_by(Partner.code)
    ).all()
    return [(version, _listed(text)) for version, text in rows]


#: Lists are asked for again and again, and a profile never changes: the same text is read once.
_listed = lru_cache(maxsize=512)(profile_from_json)


def history(session: Session, code: str) -> list[VersionInfo]:
    """Every version of one partner, newest first. Raises PartnerNotFoundError."""
    rows = session.execute(
        select(
            PartnerVersion.version,
            PartnerVersion.author,
            PartnerVersion.reason,
            PartnerVersion.created_at,
            PartnerVersion.sha256,
            Partner.current_version,
        )
        .join(Partner, Partner.code == PartnerVersion.partner)
        .where(Partner.code == code)
        .order_by(PartnerVersion.version.desc())
    ).all()
    if not rows:
        raise not_found(session, code)
    return [VersionInfo(*row[:5], current=row.version == row.current_version) for row in rows]


def plan(session: Session, profiles: Sequence[PartnerProfile], now: datetime | None = None) -> list[Change]:
    """What applying ``profiles`` would do, one change for each, in their order; nothing is written.

    With ``now`` each change also carries the warnings that hold at that instant.

    Raises OperationError when one partner is given twice and PartnerClashError when an identity, user name, token or
    place would belong to two partners.
    """
    codes = [profile.code for profile in profiles]
    twice = sorted({code for code in codes if codes.count(code) > 1})
    if twice:
        raise OperationError(
            f"Partner {twice[0]} is given twice; which one counts cannot be told.", "Remove one of the two."
        )
    _refuse_clashes(session, profiles)
    return [_change(session, profile, now) for profile in profiles]


def apply(
    session: Session, profiles: Sequence[PartnerProfile], author: str, reason: str, now: datetime
) -> list[Change]:
    """Do what `plan` says, in the caller's transaction; applying the same profiles again changes nothing.

    Each changed partner gets a new version with ``author``, ``reason`` and ``now``, and an event in the
    ledger. Raises what `plan` raises; then nothing was changed.
    """
    changes = plan(session, profiles, now)
    changed = [
        (profile, change) for profile, change in zip(profiles, changes, strict=True) if change.action != "unchanged"
    ]
    session.execute(delete(PartnerId).where(PartnerId.partner.in_([profile.code for profile, _ in changed])))
    for profile, change in changed:
        _store_version(session, profile, change, author=author, reason=reason, now=now)
    session.flush()
    return changes


def restore(session: Session, code: str, version: int, *, author: str, reason: str, now: datetime) -> Change:
    """Make an earlier version the current one again, as a new version.

    Raises PartnerNotFoundError, and PartnerClashError when another partner took one of its identities since.
    """
    profile = get(session, code, version)
    return apply(session, [profile], author, reason or f"Version {version} restored", now)[0]


def require_versions(session: Session, versions: Mapping[str, int]) -> None:
    """Raise PartnerChangedError unless each partner (by code) has the version that its change was made from.

    0 = there is no such partner yet.
    """
    for code, expected in versions.items():
        current = session.execute(select(Partner.current_version).where(Partner.code == code)).scalar_one_or_none() or 0
        if current == expected:
            continue
        if not expected:
            raise PartnerChangedError(f'There is a partner "{code}" already.', "Choose another code.", current)
        author = history(session, code)[0].author
        raise PartnerChangedError(
            f"The profile of {code} was changed meanwhile: version {expected} is {current} now, by {author}. "
            "Nothing was saved.",
            "Look at both changes, then save again.",
            current,
        )


def next_sequence(session: Session, code: str) -> int:
    """Take the next number in the order of what is sent to one partner, in the caller's transaction."""
    taken = session.execute(
        update(Partner).where(Partner.code == code).values(next_seq=Partner.next_seq + 1).returning(Partner.next_seq)
    ).scalar_one_or_none()
    if taken is None:
        raise not_found(session, code)
    return taken - 1


def differences(old: Any, new: Any, path: str = "") -> Iterator[Difference]:
    """Every field in which two JSON values differ, by dotted path."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from differences(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            before = old[index] if index < len(old) else None
            after = new[index] if index < len(new) else None
            yield from differences(before, after, f"{path}[{index}]")
    elif old != new:
        yield Difference(path, old, new)


def _change(session: Session, profile: PartnerProfile, now: datetime | None) -> Change:
    row = session.execute(
        select(PartnerVersion.version, PartnerVersion.profile_json)
        .join(Partner, Partner.code == PartnerVersion.partner)
        .where(Partner.code == profile.code, PartnerVersion.version == Partner.current_version)
    ).one_or_none()
    told = () if now is None else tuple(warnings(profile, now))
    if row is None:
        bare = PartnerProfile(code=profile.code, name=profile.name, status=profile.status)
        named = (Difference("name", None, profile.name), Difference("status", None, profile.status.value))
        found = tuple(differences(bare.model_dump(mode="json"), profile.model_dump(mode="json")))
        return Change(profile.code, "create", 1, (*named, *found), told)
    current = profile_from_json(row.profile_json)
    found = tuple(differences(current.model_dump(mode="json"), profile.model_dump(mode="json")))
    if not found:
        return Change(profile.code, "unchanged", row.version, (), told)
    return Change(profile.code, "update", row.version + 1, found, told)


def _store_version(
    session: Session, profile: PartnerProfile, change: Change, *, author: str, reason: str, now: datetime
) -> None:
    text = canonical_json(profile)
    digest = hashlib.sha256(text.encode()).hexdigest()
    if change.action == "create":
        session.add(Partner(code=profile.code, status=profile.status.value, current_version=change.version))
    else:
        session.execute(
            update(Partner)
            .where(Partner.code == profile.code)
            .values(status=profile.status.value, current_version=change.version)
        )
    session.flush()
    session.add(
        PartnerVersion(
            partner=profile.code,
            version=change.version,
            profile_json=text,
            author=author,
            reason=reason,
            created_at=now,
            sha256=digest,
        )
    )
    session.add_all(
        PartnerId(kind=one.kind, value=one.value, partner=profile.code, ours=one.ours) for one in identities(profile)
    )
    ledger.append(
        session,
        at=now,
        kind="profile-changed",
        subject_type="partner",
        subject_id=profile.code,
        actor=author,
        reason=reason,
        data={"version": change.version, "sha256": digest, "action": change.action},
    )


def _refuse_clashes(session: Session, profiles: Sequence[PartnerProfile]) -> None:
    """Raise PartnerClashError for everything that two partners would have after the change."""
    stored = session.execute(
        select(Partner.code, PartnerVersion.profile_json)
        .join(PartnerVersion, Partner.code == PartnerVersion.partner)
        .where(
            PartnerVersion.version == Partner.current_version,
            Partner.status != Status.RETIRED.value,
            Partner.code.not_in([profile.code for profile in profiles]),
        )
        .order_by(Partner.code)
    )
    clashes = find_clashes(profiles, ((row.code, row.profile_json) for row in stored))
    if clashes:
        raise PartnerClashError(clashes)


def change_json(change: Change) -> dict[str, Any]:
    """A change as JSON-able data."""
    return {
        "code": change.code,
        "action": change.action,
        "version": change.version,
        "differences": [{"path": d.path, "old": d.old, "new": d.new} for d in change.differences],
        "warnings": list(change.warnings),
    }
