"""What is agreed with one partner about its SFTP server, made from its profile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, Protocol

from gateway.partners.profile import PartnerProfile
from gateway.partners.transfers import SftpSettings

__all__ = [
    "Credentials",
    "Pull",
    "Push",
    "SftpTarget",
    "SftpTargets",
    "credentials_from_profile",
    "target_from_profile",
]


@dataclass(frozen=True, slots=True)
class Pull:
    """How files are fetched."""

    directory: str
    pattern: str
    ignore: tuple[str, ...]
    #: Ending of the file that says "complete"; None = a file is complete when it stays the same.
    marker: str | None
    #: Seconds that a file must look the same before it is fetched.
    settle_seconds: float
    max_file_bytes: int
    after: Literal["delete", "move", "leave"]
    #: Directory that fetched files are moved to.
    archive: str | None
    poll_seconds: float
    #: Spans of the day without looks, "22:00-06:00".
    not_during: tuple[str, ...] = ()
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Push:
    """How files are put."""

    directory: str
    #: Template of the file names.
    file_name: str
    temporary_prefix: str
    temporary_suffix: str
    #: Directory of unfinished files; None = ``directory``.
    temporary_directory: str | None
    replace_existing: bool
    #: Ending of the empty file that is written last; None = none.
    marker: str | None


@dataclass(frozen=True, slots=True)
class SftpTarget:
    """A partner's server as one version of its profile describes it."""

    partner: str
    #: Version of the profile: a changed profile opens what a failure had closed.
    version: int
    host: str
    port: int
    user: str
    #: SHA-256 fingerprints as ``ssh-keygen -l`` prints them, without padding.
    host_keys: frozenset[str]
    pull: Pull | None
    push: Push
    #: Older algorithms are offered too, up to the day ``compatible_until`` (None = no end).
    compatible: bool = False
    compatible_until: date | None = None
    #: Most bytes in a second, put and fetched each; None = no limit.
    bandwidth_bytes_per_second: int | None = None

    @property
    def place(self) -> str:
        """ "host:port" for people."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def older_algorithms(self, today: date) -> bool:
        """Whether the older algorithms are offered on this day."""
        return self.compatible and (self.compatible_until is None or today <= self.compatible_until)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What we log in with; never shown."""

    password: str | None = field(default=None, repr=False)
    #: Private key in OpenSSH or PEM form, without a passphrase.
    key: bytes | None = field(default=None, repr=False)


class SftpTargets(Protocol):
    """Where targets come from. Thread-safe."""

    def polled(self) -> Sequence[SftpTarget]:
        """Every partner whose server is looked at."""
        ...

    def for_partner(self, partner: str) -> SftpTarget:
        """The target of one partner. Raises LookupError with a sentence when there is none."""
        ...

    def credentials(self, target: SftpTarget) -> Credentials:
        """What to log in with now. Raises ValueError with a sentence when a secret cannot be had."""
        ...


def target_from_profile(profile: PartnerProfile, version: int = 0) -> SftpTarget | None:
    """The target of a profile, or None when it names no server. Raises ValueError when the login name is missing."""
    settings = profile.sftp
    if settings.host is None:
        return None
    if not settings.user:
        raise ValueError(f"The profile of {profile.code} has no sftp.user: add our login name on their server.")
    return SftpTarget(
        partner=profile.code,
        version=version,
        host=settings.host,
        port=settings.port,
        user=settings.user,
        host_keys=frozenset(key.rstrip("=") for key in settings.host_keys),
        pull=_pull(settings, profile.time_zone) if settings.fetch else None,
        push=Push(
            directory=settings.outbound,
            file_name=settings.file_name,
            temporary_prefix=settings.temporary_prefix,
            temporary_suffix=settings.temporary_suffix,
            temporary_directory=settings.temporary_directory,
            replace_existing=settings.replace_existing,
            marker=settings.outbound_marker,
        ),
        compatible=settings.algorithms == "compatible",
        compatible_until=settings.compatible_until,
        bandwidth_bytes_per_second=settings.bandwidth_bytes_per_second,
    )


def _pull(settings: SftpSettings, time_zone: str) -> Pull:
    return Pull(
        directory=settings.inbound,
        pattern=settings.pattern,
        ignore=settings.ignore,
        marker=settings.inbound_marker,
        settle_seconds=settings.settle_seconds,
        max_file_bytes=settings.max_file_bytes,
        after=settings.after_fetch,
        archive=settings.archive,
        poll_seconds=float(settings.poll_seconds),
        not_during=settings.poll_not_during,
        time_zone=time_zone,
    )


def credentials_from_profile(profile: PartnerProfile, secrets: Callable[[str], bytes]) -> Credentials:
    """Password and key of a profile; ``secrets`` gives a stored secret by name and may raise."""
    settings = profile.sftp
    password = secrets(settings.password.secret).decode("utf-8") if settings.password else None
    return Credentials(password, secrets(settings.key.secret) if settings.key else None)
