"""What a partner sees of a file or folder: attributes and lines of a listing, the same wherever the gateway runs."""

from __future__ import annotations

import stat
import time
from datetime import datetime

from asyncssh import SFTPAttrs, SFTPName, SFTPVFSAttrs

from gateway.partners.transfers import HostedSftp
from gateway.transports.sftp.names import MAX_NAME_BYTES
from gateway.transports.sftp.server.mailbox import Entry
from gateway.transports.sftp.server.tree import INBOX

__all__ = ["file_attributes", "folder_attributes", "long_name", "named", "room_attributes", "upload_attributes"]

_BLOCK = 4096
#: Where no quota limits the number of files.
_MANY_FILES = 1_000_000
_FILE_MODE, _READ_ONLY, _FOLDER_MODE = stat.S_IFREG | 0o660, stat.S_IFREG | 0o440, stat.S_IFDIR | 0o770


def _attributes(mode: int, size: int, changed: float) -> SFTPAttrs:
    when = int(changed)
    return SFTPAttrs(permissions=mode, size=size, uid=1000, gid=1000, atime=when, mtime=when, nlink=1)


def folder_attributes(now: datetime) -> SFTPAttrs:
    """A folder changes at midnight UTC only, so that two looks are the same."""
    return _attributes(_FOLDER_MODE, 0, now.timestamp() // 86_400 * 86_400)


def file_attributes(entry: Entry) -> SFTPAttrs:
    """A file as it is stored; what we offer is read only."""
    return _attributes(_FILE_MODE if entry.folder == INBOX else _READ_ONLY, entry.size, entry.changed_at.timestamp())


def upload_attributes(size: int, now: datetime) -> SFTPAttrs:
    """A file that is being written."""
    return _attributes(_FILE_MODE, size, now.timestamp())


def room_attributes(mailbox: HostedSftp, used: int, files: int, disk: int) -> SFTPVFSAttrs:
    """The room that the quota leaves, or the disk where there is none (statvfs@openssh.com)."""
    total = mailbox.quota_bytes or used + disk
    free = max(total - used, 0) // _BLOCK
    most = mailbox.quota_files or _MANY_FILES
    left = max(most - files, 0)
    return SFTPVFSAttrs(
        bsize=_BLOCK,
        frsize=_BLOCK,
        blocks=total // _BLOCK,
        bfree=free,
        bavail=free,
        files=most,
        ffree=left,
        favail=left,
        namemax=MAX_NAME_BYTES,
    )


def named(name: str, attrs: SFTPAttrs) -> SFTPName:
    """One entry of a listing."""
    return SFTPName(name.encode("utf-8"), attrs=attrs)


def long_name(attrs: SFTPAttrs, filename: bytes) -> bytes:
    """The line of a listing as ``ls -l`` shows it, in UTC and with fixed owners."""
    changed = time.strftime("%b %d %H:%M", time.gmtime(attrs.mtime or 0))
    line = f"{stat.filemode(attrs.permissions or 0)}   1 partner  edi      {attrs.size or 0:>10} {changed} "
    return line.encode("ascii") + filename
