"""What a partner sees of a file or folder: attributes and lines of a listing, the same wherever the gateway runs."""

from __future__ import annotations

import stat
import struct
import time
from dataclasses import dataclass
from datetime import datetime

from gateway.partners.transfers import HostedSftp
from gateway.transports.sftp.names import MAX_NAME_BYTES
from gateway.transports.sftp.server.entries import Entry
from gateway.transports.sftp.server.tree import INBOX
from gateway.transports.sftp.server.wire import string

__all__ = ["Attributes", "file_attributes", "folder_attributes", "named", "room", "shown", "upload_attributes"]

_BLOCK = 4096
#: Where no quota limits the number of files.
_MANY_FILES = 1_000_000
_FILE_MODE, _READ_ONLY, _FOLDER_MODE = stat.S_IFREG | 0o660, stat.S_IFREG | 0o440, stat.S_IFDIR | 0o770
#: Owner and group of every file: there are no users behind a mailbox.
_OWNER = 1000
#: Size, owner and group, mode, and times are given (section 5 of the draft).
_GIVEN = struct.Struct(">IQIIIII")
_ALL = 0x1 | 0x2 | 0x4 | 0x8
_ROOM = struct.Struct(">11Q")


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is told of one file or folder."""

    mode: int
    #: Bytes.
    size: int
    #: Seconds since 1970.
    changed: int

    def encoded(self) -> bytes:
        """As they are sent."""
        return _GIVEN.pack(_ALL, self.size, _OWNER, _OWNER, self.mode, self.changed, self.changed)


def folder_attributes(now: datetime) -> Attributes:
    """A folder changes at midnight UTC only, so that two looks are the same."""
    return Attributes(_FOLDER_MODE, 0, int(now.timestamp() // 86_400 * 86_400))


def file_attributes(entry: Entry) -> Attributes:
    """A file as it is stored; what we offer is read only."""
    mode = _FILE_MODE if entry.folder == INBOX else _READ_ONLY
    return Attributes(mode, entry.size, int(entry.changed_at.timestamp()))


def upload_attributes(size: int, now: datetime) -> Attributes:
    """A file that is being written."""
    return Attributes(_FILE_MODE, size, int(now.timestamp()))


def room(mailbox: HostedSftp, used: int, files: int, disk: int) -> bytes:
    """The room that the quota leaves, or the disk where there is none (statvfs@openssh.com), as it is sent."""
    total = mailbox.quota_bytes or used + disk
    free = max(total - used, 0) // _BLOCK
    most = mailbox.quota_files or _MANY_FILES
    left = max(most - files, 0)
    return _ROOM.pack(_BLOCK, _BLOCK, total // _BLOCK, free, free, most, left, left, 0, 0, MAX_NAME_BYTES)


def named(name: str, attributes: Attributes) -> bytes:
    """One entry of a listing as it is sent: name, line as ``ls -l`` shows it (UTC, fixed owners), attributes."""
    changed = time.strftime("%b %d %H:%M", time.gmtime(attributes.changed))
    line = f"{stat.filemode(attributes.mode)}   1 partner  edi      {attributes.size:>10} {changed} "
    written = name.encode("utf-8")
    return string(written) + string(line.encode("ascii") + written) + attributes.encoded()


def shown(path: bytes) -> bytes:
    """A path as the answer to SSH_FXP_REALPATH: a name without attributes."""
    return string(path) + string(b"") + bytes(4)
