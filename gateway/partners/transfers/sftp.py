"""Exchange over SFTP: the partner's server as our client treats it, and the partner's account on ours."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from gateway.partners.fields import Group, Many, SecretRef
from gateway.partners.filenames import DEFAULT_TEMPLATE
from gateway.partners.transfers.hosted import HostedSftp
from gateway.partners.transfers.types import MEBIBYTE, Bandwidth, FileBytes, FileNameTemplate, Span

__all__ = ["SftpSettings"]

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:_-]{0,251}[A-Za-z0-9])?")
_HOST_KEY = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=?")
_MARKER = re.compile(r"\.[A-Za-z0-9_-]{1,20}")


def _host(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise ValueError("must be a host name or address without scheme and port")
    return value


def _host_key(value: str) -> str:
    if not _HOST_KEY.fullmatch(value):
        raise ValueError("must be a fingerprint as ssh-keygen -l prints it: SHA256: and 43 characters")
    return value


def _marker(value: str) -> str:
    if not _MARKER.fullmatch(value):
        raise ValueError("must be an ending such as .done")
    return value


#: An ending such as ".done".
Ending = Annotated[str, AfterValidator(_marker)]


class SftpSettings(Group):
    """Exchange over SFTP on the partner's server, and the partner's account on ours."""

    preset: Annotated[tuple[str, ...], Many] = Field(
        default=(), description="Habits of their SFTP program, whose values lie under the group's own."
    )
    host: Annotated[str, AfterValidator(_host)] | None = Field(default=None, description="Their server.")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(default=22, description="Its port.")
    host_keys: Annotated[tuple[Annotated[str, AfterValidator(_host_key)], ...], Many] = Field(
        default=(), description="Fingerprints of their server's keys; only these are trusted."
    )
    user: str | None = Field(default=None, description="Our login name there.")
    password: SecretRef | None = Field(default=None, description="Our password, as the name of a stored secret.")
    key: SecretRef | None = Field(default=None, description="Our private key, as the name of a stored secret.")
    algorithms: Literal["modern", "compatible"] = Field(
        default="modern", description="Algorithm set; compatible adds older ones for older servers."
    )
    compatible_until: date | None = Field(
        default=None, description="Last day on which the older algorithms are offered; empty = no end."
    )
    fetch: bool = Field(default=True, description="False = we only put files there and fetch none.")
    inbound: str = Field(default="out", description="Directory on their server that we fetch from.")
    outbound: str = Field(default="in", description="Directory on their server that we put into.")
    archive: str | None = Field(default=None, description="Directory that fetched files are moved to.")
    pattern: str = Field(default="*", description="Which files are fetched (shell pattern).")
    ignore: Annotated[tuple[str, ...], Many] = Field(
        default=("*.tmp", "*.part", ".*"), description="Which files are never fetched."
    )
    file_name: FileNameTemplate = Field(
        default=DEFAULT_TEMPLATE,
        description="Name of the files we write: {partner}, {set}, {control}, {utc} and {id8} are filled in.",
    )
    temporary_suffix: str = Field(
        default=".tmp", description="Suffix of a file while we write it; renamed when complete."
    )
    temporary_prefix: str = Field(
        default="", description="Prefix of a file while we write it; empty with an empty suffix = no renaming."
    )
    temporary_directory: str | None = Field(
        default=None, description="Directory that files are written in before they are renamed; empty = outbound."
    )
    replace_existing: bool = Field(
        default=False, description="True = a file of the same name on their server is replaced."
    )
    outbound_marker: Ending | None = Field(
        default=None, description="Ending of an empty file that we write last, such as .done; empty = none."
    )
    inbound_marker: Ending | None = Field(
        default=None, description="Ending of a file whose presence says that the other one is complete."
    )
    settle_seconds: Annotated[float, Field(ge=0, le=86_400)] = Field(
        default=10.0, description="Seconds that a file must look the same before it is fetched."
    )
    max_file_bytes: FileBytes = Field(default=100 * MEBIBYTE, description="Largest file that is fetched.")
    bandwidth_bytes_per_second: Bandwidth | None = Field(
        default=None, description="Most bytes in a second that we send to or fetch from their server; empty = no limit."
    )
    after_fetch: Literal["delete", "move", "leave"] = Field(
        default="delete", description="What happens to a file once it is stored here."
    )
    poll_seconds: Annotated[int, Field(ge=10)] = Field(default=300, description="Seconds between two looks.")
    poll_not_during: Annotated[tuple[Span, ...], Many] = Field(
        default=(), description="Spans of the day without looks, in the partner's time zone."
    )
    hosted: HostedSftp = Field(default=HostedSftp.by_default(), description="Their account on our server.")
