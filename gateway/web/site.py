"""What the pages may use: reading, named operations, accounts, the clock and the facts of this gateway."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from flask import current_app
from sqlalchemy.orm import Session

from gateway.staff.operations import Staff
from gateway.store.secrets import Kek
from gateway.web.provider import Provider

__all__ = ["PartnerName", "Site", "the_site"]


@dataclass(frozen=True, slots=True)
class PartnerName:
    """A partner as lists show it."""

    code: str
    name: str
    #: IANA zone.
    time_zone: str


@dataclass(frozen=True, slots=True)
class Site:
    """One gateway as its pages see it; made by the service, or by a test."""

    #: Our name for people, and the IANA zone in which times are shown.
    company: str
    time_zone: str
    version: str
    #: A session that only reads.
    read: Callable[[], AbstractContextManager[Session]]
    #: Runs a piece of work in the single writer (accounts and views of payloads only; the rest is an operation).
    write: Callable[[Callable[[Session], Any]], Any]
    #: Runs a named operation with parameters, as the control socket does; raises what it raises.
    operate: Callable[[str, dict[str, Any]], Any]
    kek: Kek
    clock: Callable[[], datetime]
    #: Every partner, by code.
    partners: Callable[[], list[PartnerName]]
    #: {"waiting", "running", "failed", "oldest_seconds"} of the background work.
    work: Callable[[], dict[str, Any]]
    #: "host:port" values that a request may name in its Host header.
    hosts: Callable[[], frozenset[str]]
    #: The working directory that the pages belong to; None where they have none.
    home: Path | None = None
    #: True when browsers reach us by TLS: cookies are bound to it.
    secure: bool = False
    #: True when a proxy on this machine stands before us: the last X-Forwarded-For is the browser's address.
    behind_proxy: bool = False
    #: "none", "admins" or "all": who must have a second factor.
    require_totp: str = "none"
    #: Requests that one API token may make in a minute; 0 = no API.
    api_per_minute: int = 600
    #: The company's identity provider; None = passwords only.
    provider: Provider | None = None

    @property
    def staff(self) -> Staff:
        """What the operations on accounts work with."""
        return Staff(self.read, self.write, self.kek, self.clock)


def the_site() -> Site:
    """The site of the application that serves the present request."""
    return cast("Site", current_app.extensions["gateway"])
