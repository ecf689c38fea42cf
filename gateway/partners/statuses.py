"""The status of a partner: which may follow which, what is missing before the next one, and the change itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from gateway.partners import registry
from gateway.partners.errors import OperationError
from gateway.partners.profile import PartnerProfile, Status
from gateway.partners.rules import readiness
from gateway.partners.secretnames import missing_secrets

__all__ = [
    "FOLLOWING",
    "following",
    "goes_live",
    "missing_before",
    "refuse_unready",
    "status_before_pause",
    "with_status",
]

#: Status → those that may follow it. The end of a pause is what was before it (`status_before_pause`).
FOLLOWING: Mapping[Status, tuple[Status, ...]] = {
    Status.DRAFT: (Status.TESTING, Status.RETIRED),
    Status.TESTING: (Status.LIVE, Status.DRAFT, Status.PAUSED, Status.RETIRED),
    Status.LIVE: (Status.PAUSED, Status.TESTING, Status.RETIRED),
    Status.PAUSED: (Status.RETIRED,),
    Status.RETIRED: (Status.DRAFT,),
}
#: The states in which messages flow, so that nothing may be missing.
_FLOWING = (Status.TESTING, Status.LIVE)


def following(session: Session, profile: PartnerProfile) -> tuple[Status, ...]:
    """The states that a partner may have next, the most usual first."""
    known = FOLLOWING[profile.status]
    return (status_before_pause(session, profile.code), *known) if profile.status is Status.PAUSED else known


def status_before_pause(session: Session, code: str) -> Status:
    """What a paused partner was before, live or testing."""
    for info in registry.history(session, code):  # the newest first
        status = registry.get(session, code, info.version).status
        if status in _FLOWING:
            return status
    return Status.LIVE


def goes_live(profile: PartnerProfile, status: Status) -> bool:
    """Whether regular trade begins with this status; the end of a pause is no beginning."""
    return status is Status.LIVE and profile.status is not Status.PAUSED


def with_status(profile: PartnerProfile, status: Status) -> PartnerProfile:
    """The profile with another status; the usage indicator (ISA15) follows it unless the profile sets its own."""
    values: dict[str, Any] = profile.model_dump(mode="json")
    if values["envelope"]["usage"] == ("T" if profile.is_test else "P"):
        del values["envelope"]["usage"]
    return PartnerProfile.model_validate({**values, "status": status.value})


def missing_before(session: Session, profile: PartnerProfile, status: Status, now: datetime) -> list[str]:
    """What the profile lacks for this status, one sentence each."""
    if status not in _FLOWING:
        return []
    wanted = with_status(profile, status)
    return [*readiness(wanted, now), *missing_secrets(session, wanted)]


def refuse_unready(session: Session, profile: PartnerProfile, status: Status, now: datetime) -> None:
    """Raise OperationError when the partner cannot have this status next, with everything that is missing."""
    if status not in following(session, profile):
        raise OperationError(f"{profile.name} is {profile.status.value}, so it cannot become {status.value}.")
    missing = missing_before(session, profile, status, now)
    if missing:
        raise OperationError(
            f"{profile.name} cannot become {status.value}: {len(missing)} "
            f"{'thing is' if len(missing) == 1 else 'things are'} missing.",
            "Set it in the profile first.",
            missing,
        )
