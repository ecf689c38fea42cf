"""What all sessions of one listener share: the mailbox, the intake, the open uploads and the limits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal

from asyncssh import SFTPFailure

from gateway.transports.sftp.bandwidth import Bandwidth, Bandwidths
from gateway.transports.sftp.server.accounts import MailboxAccount
from gateway.transports.sftp.server.files import Reception
from gateway.transports.sftp.server.intake import Intake
from gateway.transports.sftp.server.limits import HourlyCount, MemoryBudget, SftpLimits
from gateway.transports.sftp.server.mailbox import Mailbox
from gateway.transports.sftp.server.staging import Upload

if TYPE_CHECKING:
    from gateway.transports.sftp.server.session import MailboxSession

__all__ = ["Door", "Way"]

#: Uploads or collections.
Way = Literal["in", "out"]


class Door:
    """Shared by the sessions of one listener; used from its loop's thread."""

    def __init__(self, mailbox: Mailbox, intake: Intake, limits: SftpLimits) -> None:
        self.mailbox = mailbox
        self.intake = intake
        self.limits = limits
        self.budget = MemoryBudget(limits.memory_bytes)
        self.sessions: set[MailboxSession] = set()
        #: (partner, name) → the upload that is open.
        self.uploads: dict[tuple[str, str], Reception] = {}
        #: Connection → when it last asked for something (monotonic seconds).
        self.last_seen: dict[Any, float] = {}
        #: One bucket of each partner for what it uploads, and one for what it collects.
        self.bandwidths: dict[Way, Bandwidths] = {"in": Bandwidths(), "out": Bandwidths()}
        self._room: dict[str, int] = {}
        self._files: dict[str, HourlyCount] = {}

    def saw(self, connection: Any) -> None:
        """A connection asked for something."""
        self.last_seen[connection] = time.monotonic()

    def bandwidth(self, account: MailboxAccount, way: Way) -> Bandwidth:
        """The bucket of one partner that every part of its transfers is drawn from."""
        return self.bandwidths[way].of(account.partner, account.mailbox.bandwidth_bytes_per_second)

    def check_disk(self) -> None:
        """Refuse an upload when the disk has no room. Raises SFTPFailure: version 3 has no code for it."""
        if self.mailbox.free_bytes() < self.limits.min_free_bytes:
            raise SFTPFailure("The gateway takes no files now, because its disk is nearly full. Try again later.")

    def has_quota(self, account: MailboxAccount) -> bool:
        """True when the account has a quota to check."""
        return account.mailbox.quota_bytes is not None or account.mailbox.quota_files is not None

    def check_quota(self, account: MailboxAccount) -> None:
        """Refuse an upload when the partner's quota has no room (blocking). Raises SFTPFailure with the reason."""
        settings = account.mailbox
        used, files = self.mailbox.usage(account.partner)
        if settings.quota_files is not None and files >= settings.quota_files:
            raise SFTPFailure("The mailbox holds as many files as its quota allows.")
        if settings.quota_bytes is not None:
            if used >= settings.quota_bytes:
                raise SFTPFailure("The quota of this mailbox is used up.")
            self._room[account.partner] = settings.quota_bytes - used

    def room_left(self, partner: str, upload: Upload) -> int | None:
        """Bytes that ``upload`` may have in all by the quota, other open uploads deducted; None = no quota."""
        room = self._room.get(partner)
        if room is None:
            return None
        others = sum(r.size for (owner, _), r in self.uploads.items() if owner == partner and r.upload is not upload)
        return room - others

    def allow_file(self, account: MailboxAccount) -> bool:
        """Count one more upload of this partner in this hour; False when it has had enough."""
        count = self._files.setdefault(account.partner, HourlyCount())
        return count.allow(time.monotonic(), account.mailbox.files_per_hour)

    def let_go(self, reception: Reception) -> None:
        """An upload is over: its descriptor and its room in memory are free again."""
        reception.superseded = True
        reception.upload.release()
        reception.upload.settle()
        key = (reception.session.account.partner, reception.name)
        if self.uploads.get(key) is reception:
            del self.uploads[key]
