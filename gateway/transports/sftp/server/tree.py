"""The virtual tree of a mailbox: which place a path of the partner means, as a pure function.

``/in`` takes uploads, ``/out`` holds what waits for the partner, ``/out/archive/YYYYMMDD`` what it collected. The
names are the profile's; outside these places nothing exists.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from gateway.partners.transfers import HostedSftp
from gateway.transports.sftp.names import checked_name, path_parts

__all__ = ["ARCHIVE", "INBOX", "OUTBOX", "Kind", "Place", "place_of", "shown_path"]

#: Folders as they are stored; the names that a partner sees are in its profile.
INBOX, OUTBOX, ARCHIVE = "in", "out", "archive"
_DAY = re.compile(r"[0-9]{8}")


class Kind(Enum):
    """What a path means."""

    #: ``/``
    ROOT = "root"
    #: The folder that takes uploads.
    INBOX = "inbox"
    #: The folder of what waits for collection.
    OUTBOX = "outbox"
    #: The folder of days with collected files.
    ARCHIVE = "archive"
    #: One day of it.
    DAY = "day"
    #: A file in the inbox, there or not.
    IN_FILE = "in-file"
    #: A file in the outbox, there or not.
    OUT_FILE = "out-file"
    #: A collected file, there or not.
    ARCHIVED = "archived"

    @property
    def is_folder(self) -> bool:
        """True for the places that can be listed."""
        return self in _FOLDERS


_FOLDERS = frozenset({Kind.ROOT, Kind.INBOX, Kind.OUTBOX, Kind.ARCHIVE, Kind.DAY})


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a mailbox."""

    kind: Kind
    #: The stored folder: "in", "out", "archive/20260301"; "" for the root.
    folder: str = ""
    #: The file's name; "" for a folder.
    name: str = ""


def place_of(path: bytes, mailbox: HostedSftp) -> Place | None:
    """The place that a path means in this mailbox, None when there is no such place.

    Raises NameRefusedError for a path or file name that no mailbox takes.
    """
    parts = path_parts(path)
    if not parts:
        return Place(Kind.ROOT)
    top, *rest = parts
    if top == mailbox.inbox or top in mailbox.inbox_aliases:
        if not rest:
            return Place(Kind.INBOX, INBOX)
        return Place(Kind.IN_FILE, INBOX, checked_name(rest[0])) if len(rest) == 1 else None
    if top == mailbox.outbox or top in mailbox.outbox_aliases:
        return _outbox(rest, mailbox)
    return None


def _outbox(rest: list[str], mailbox: HostedSftp) -> Place | None:
    if not rest:
        return Place(Kind.OUTBOX, OUTBOX)
    if rest[0] != mailbox.archive:
        return Place(Kind.OUT_FILE, OUTBOX, checked_name(rest[0])) if len(rest) == 1 else None
    if len(rest) == 1:
        return Place(Kind.ARCHIVE, ARCHIVE)
    if not _DAY.fullmatch(rest[1]):  # a name to put a collected file under; nothing lies here
        return Place(Kind.ARCHIVED, ARCHIVE, checked_name(rest[1])) if len(rest) == 2 else None
    if len(rest) > 3:
        return None
    folder = f"{ARCHIVE}/{rest[1]}"
    return Place(Kind.DAY, folder) if len(rest) == 2 else Place(Kind.ARCHIVED, folder, checked_name(rest[2]))


def shown_path(path: bytes) -> bytes:
    """The path as the partner sees it, absolute and normal (SSH_FXP_REALPATH). Raises NameRefusedError."""
    return ("/" + "/".join(path_parts(path))).encode("utf-8")
