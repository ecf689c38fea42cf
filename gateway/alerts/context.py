"""What everything about alerts works with: the store, keys, settings, partners and the facts of the machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from gateway.partners.directory import Directory
from gateway.settings import AlertSettings
from gateway.store.secrets import Kek

__all__ = ["Alerting", "Failed", "Machine", "OwnCertificate"]


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """A certificate of ours."""

    #: What it is for: "Our AS2 certificate".
    name: str
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Failed:
    """A self-test that failed."""

    check: str
    message: str
    fix: str


@dataclass(frozen=True, slots=True)
class Machine:
    """What can be asked of the machine that the gateway runs on; each function may take a second."""

    #: Free bytes of the disk, and those that must stay free.
    free_bytes: Callable[[], int] = lambda: 1 << 62
    reserve_bytes: int = 0
    #: When the last backup was made; None when none ever was.
    last_backup: Callable[[], datetime | None] = lambda: None
    #: The self-tests that fail now.
    failed_tests: Callable[[], Sequence[Failed]] = tuple
    own_certificates: Callable[[], Sequence[OwnCertificate]] = tuple


@dataclass(frozen=True, slots=True)
class Alerting:
    """The surroundings of alerts in one gateway; made by the service, or by a test."""

    read: Callable[[], AbstractContextManager[Session]]
    #: Runs a piece of work in the single writer; see ``gateway.store.writer``.
    write: Callable[[Callable[[Session], Any]], Any]
    kek: Kek
    clock: Callable[[], datetime]
    settings: AlertSettings
    directory: Directory
    #: Our name for people, and the IANA zone in which times are told.
    company: str
    time_zone: str
    #: Where staff reach the pages, without a slash at its end.
    base_url: Callable[[], str]
    machine: Machine = field(default_factory=Machine)

    def partner_name(self, code: str | None) -> str:
        """A partner's name for people; the code itself for one without a profile."""
        found = self.directory.find(code) if code else None
        return found[1].name if found else code or "an unknown sender"
