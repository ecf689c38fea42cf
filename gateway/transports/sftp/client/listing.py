"""Which of the listed files are complete and may be fetched: values and pure functions, no network and no clock."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

import asyncssh

from gateway.transports.filenames import is_wanted, name_problem
from gateway.transports.sftp.client.target import Pull

__all__ = ["Listing", "RemoteFile", "Sighting", "in_pause", "join", "read_listing", "settled"]


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file as the partner's server listed it."""

    name: str
    #: Bytes.
    size: int
    #: Seconds since the epoch, by the server's clock.
    mtime: int

    @property
    def state(self) -> tuple[int, int]:
        """What tells one content of the name from another."""
        return self.size, self.mtime


@dataclass(frozen=True, slots=True)
class Listing:
    """What one look at the directory found."""

    #: Files to take once they are complete, the oldest first.
    files: tuple[RemoteFile, ...]
    #: (name for people, sentence) of files that are left alone.
    refused: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Sighting:
    """Since when a file has looked the same."""

    state: tuple[int, int]
    #: Seconds, monotonic.
    since: float


def join(directory: str, name: str) -> bytes:
    """The path of a file in a directory, as bytes on the wire; an empty directory is where we are after login."""
    if not directory:
        return name.encode()
    return f"{directory.rstrip('/')}/{name}".encode() if directory != "/" else f"/{name}".encode()


def read_listing(entries: Iterable[asyncssh.SFTPName], pull: Pull) -> Listing:
    """The files of a directory that are ours to take; directories, links and unfinished files are left out."""
    names: set[str] = set()
    found: list[RemoteFile] = []
    refused: list[tuple[str, str]] = []
    for entry in entries:
        raw = entry.filename.encode() if isinstance(entry.filename, str) else entry.filename
        if raw in (b".", b"..") or not _is_file(entry.attrs):
            continue
        problem = name_problem(raw)
        if problem:
            refused.append((raw.decode("utf-8", "backslashreplace")[:120], problem))
            continue
        name = raw.decode("utf-8")
        names.add(name)
        found.append(RemoteFile(name, entry.attrs.size or 0, int(entry.attrs.mtime or 0)))
    files = [file for file in found if is_wanted(file.name, pull.pattern, pull.ignore)]
    if pull.marker is not None:
        marker = pull.marker
        files = [file for file in files if not file.name.endswith(marker) and file.name + marker in names]
    taken = []
    for file in files:
        if file.size > pull.max_file_bytes:
            refused.append((file.name, _too_large(file, pull)))
        else:
            taken.append(file)
    return Listing(tuple(sorted(taken, key=lambda file: (file.mtime, file.name))), tuple(refused))


def settled(
    before: Mapping[str, Sighting], files: Sequence[RemoteFile], now: float, pull: Pull
) -> tuple[dict[str, Sighting], list[RemoteFile]]:
    """(sightings to remember, files that are complete), by looks that are ``settle_seconds`` apart.

    With a marker, or with 0 seconds, a file is complete when it is listed.
    """
    sightings: dict[str, Sighting] = {}
    ready = []
    for file in files:
        known = before.get(file.name)
        if known is None or known.state != file.state:
            known = Sighting(file.state, now)
        sightings[file.name] = known
        if pull.marker is not None or now - known.since >= pull.settle_seconds:
            ready.append(file)
    return sightings, ready


def in_pause(pull: Pull, now: datetime) -> bool:
    """Whether the partner wants no looks at this time of its day."""
    local = now.astimezone(ZoneInfo(pull.time_zone)).time()
    return any(_inside(span, local) for span in pull.not_during)


def _inside(span: str, local: time) -> bool:
    first, last = (time.fromisoformat(part) for part in span.split("-"))
    return first <= local < last if first <= last else local >= first or local < last


def _is_file(attrs: asyncssh.SFTPAttrs) -> bool:
    """Whether it is a regular file; a server that tells no kind is believed to list files."""
    if attrs.permissions is not None and stat.S_IFMT(attrs.permissions):
        return stat.S_ISREG(attrs.permissions)
    return attrs.type in (asyncssh.FILEXFER_TYPE_REGULAR, asyncssh.FILEXFER_TYPE_UNKNOWN)


def _too_large(file: RemoteFile, pull: Pull) -> str:
    return (
        f"It has {file.size:,} bytes, more than the {pull.max_file_bytes:,} that are fetched. Ask the partner to split "
        "it, or raise sftp.max_file_bytes."
    )
