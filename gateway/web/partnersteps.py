"""The states that a partner may have next, in the words of the buttons that lead there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from gateway.partners.profile import PartnerProfile, Status
from gateway.partners.statuses import following, missing_before

__all__ = ["MEANINGS", "Step", "steps"]

#: Status → what follows from it.
MEANINGS: Final = {
    Status.DRAFT: "Nothing is sent or fetched until tests begin.",
    Status.TESTING: "Test data is exchanged: what we send is marked as test and goes to the test address.",
    Status.LIVE: "Regular trade: what we send is no test, and goes to the usual address.",
    Status.PAUSED: "Nothing is sent, and what comes in is stored and held, until the pause ends.",
    Status.RETIRED: "Nothing is exchanged any more. The record stays, and the identities are free for others.",
}
_BUTTONS: Final = {
    Status.DRAFT: "Back to draft",
    Status.TESTING: "Start testing",
    Status.LIVE: "Go live",
    Status.PAUSED: "Pause",
    Status.RETIRED: "Retire",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One status that may follow."""

    status: str
    #: Words of the button.
    button: str
    #: What the profile lacks for it, one sentence each.
    missing: tuple[str, ...]


def steps(session: Session, profile: PartnerProfile, now: datetime) -> list[Step]:
    """The states that may follow, the usual way on first."""
    found = []
    for status in following(session, profile):
        resumes = profile.status is Status.PAUSED and status is not Status.RETIRED
        back = profile.status is Status.LIVE and status is Status.TESTING
        button = "End the pause" if resumes else "Back to testing" if back else _BUTTONS[status]
        found.append(Step(status.value, button, tuple(missing_before(session, profile, status, now))))
    return found
