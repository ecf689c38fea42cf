"""A partner's account on our own SFTP server."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from gateway.partners.fields import Group, Instant, Many, SecretRef, UntilInstant
from gateway.partners.filenames import DEFAULT_TEMPLATE
from gateway.partners.transfers.types import MEBIBYTE, Bandwidth, FileNameTemplate, Network

__all__ = ["HostedKey", "HostedSftp"]

#: The name of a folder in a mailbox.
FolderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
#: An older algorithm that our SFTP server may take for one partner for a time.
LegacyAlgorithm = Literal["diffie-hellman-group14-sha1", "aes256-cbc", "aes128-cbc", "hmac-sha1", "ssh-rsa"]


class HostedKey(Group):
    """One public key of the partner's account, with the time in which it is taken."""

    key: str = Field(min_length=1, description="Their public key, OpenSSH one-line form.")
    valid_from: Instant | None = Field(default=None, description="First instant; empty = always.")
    valid_until: UntilInstant | None = Field(default=None, description="Last instant; empty = for ever.")
    allow_from: Annotated[tuple[Network, ...], Many] = Field(
        default=(), description="Addresses or networks this key may come from; empty = those of the account."
    )


class HostedSftp(Group):
    """The partner's account on our SFTP server."""

    user: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,31}$")] | None = Field(
        default=None, description="Login name; empty = no account."
    )
    keys: Annotated[tuple[str | HostedKey, ...], Many] = Field(
        default=(), description="Their public keys, OpenSSH one-line form; or key, valid_from and valid_until."
    )
    password: SecretRef | None = Field(
        default=None,
        description="Stored secret with the argon2id hash of their password; empty = keys only.",
    )
    allow_from: Annotated[tuple[Network, ...], Many] = Field(
        default=(), description="Addresses or networks they may come from; empty = any."
    )
    inbox: FolderName = Field(default="in", description="Folder that they put files into.")
    outbox: FolderName = Field(default="out", description="Folder that they collect files from.")
    archive: FolderName = Field(default="archive", description="Folder below the outbox with collected files.")
    inbox_aliases: Annotated[tuple[FolderName, ...], Many] = Field(default=(), description="More names of the inbox.")
    outbox_aliases: Annotated[tuple[FolderName, ...], Many] = Field(default=(), description="More names of the outbox.")
    complete: Literal["close", "rename", "marker", "quiet"] = Field(
        default="close",
        description="When an upload is whole: closed, renamed, announced by a marker file, or quiet for a time.",
    )
    temporary_names: Annotated[tuple[str, ...], Many] = Field(
        default=("*.tmp", "*.part", "*.partial", "*.filepart", "*.writing", "~*", ".*"),
        description="Names of files still being written; they wait for a rename (shell patterns).",
    )
    marker_suffixes: Annotated[tuple[str, ...], Many, Field(min_length=1)] = Field(
        default=(".done", ".ok"), description="Endings of marker files."
    )
    quiet_seconds: Annotated[int, Field(ge=5, le=86_400)] = Field(
        default=60, description="Seconds without a change after which a file is whole (complete: quiet)."
    )
    resend_hours: Annotated[int, Field(ge=0, le=8760)] = Field(
        default=24, description="Same name and content within so many hours is a resend; 0 = always a new message."
    )
    file_name: FileNameTemplate = Field(
        default=DEFAULT_TEMPLATE,
        description="Name of the files we lay out; {partner}, {set}, {control}, {utc} and {id8} are filled in.",
    )
    after_collect: Literal["archive", "delete", "keep"] = Field(
        default="archive", description="What happens to a file in their outbox once they have read all of it."
    )
    archive_days: Annotated[int, Field(ge=1)] = Field(default=30, description="Days collected files are kept for them.")
    keep_days: Annotated[int, Field(ge=1)] = Field(
        default=90, description="Days after which a file that nobody collected is taken away, with an alert."
    )
    alert_uncollected_hours: Annotated[float, Field(gt=0)] = Field(
        default=24.0, description="Hours after which staff hear of a file that was not collected."
    )
    quota_bytes: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Most bytes kept; empty = no limit."
    )
    quota_files: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Most files in their inbox at a time; empty = no limit."
    )
    max_file_bytes: Annotated[int, Field(ge=1)] = Field(default=100 * MEBIBYTE, description="Most bytes of one upload.")
    files_per_hour: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Most uploads in an hour; empty = no limit."
    )
    bandwidth_bytes_per_second: Bandwidth | None = Field(
        default=None,
        description="Most bytes in a second, of all their uploads and of all their collections; empty = no limit.",
    )
    connections: Annotated[int, Field(ge=1, le=100)] = Field(default=10, description="Most connections at a time.")
    handles: Annotated[int, Field(ge=1, le=1024)] = Field(default=64, description="Most open files of one session.")
    legacy_algorithms: Annotated[tuple[LegacyAlgorithm, ...], Many] = Field(
        default=(), description="Older algorithms for connections from allow_from, until legacy_until."
    )
    legacy_until: date | None = Field(default=None, description="Last day of the older algorithms.")

    @model_validator(mode="after")
    def _consistent(self) -> HostedSftp:
        names = [self.inbox, self.outbox, *self.inbox_aliases, *self.outbox_aliases]
        if len(set(names)) != len(names):
            raise ValueError("inbox, outbox and their aliases must all have different names")
        if self.legacy_algorithms and (self.legacy_until is None or not self.allow_from):
            raise ValueError(
                "legacy_algorithms needs legacy_until and allow_from: an exception has an end and holds for "
                "the partner's own addresses only"
            )
        return self
