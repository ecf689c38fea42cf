"""Exchange with a partner through folders."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.partners.fields import Group, Many
from gateway.partners.transfers.types import MEBIBYTE, FileBytes, FileNameTemplate

__all__ = ["FolderSettings"]


class FolderSettings(Group):
    """Exchange through folders that another program fills and empties."""

    inbound: str | None = Field(default=None, description="Folder that we read the partner's files from.")
    outbound: str | None = Field(default=None, description="Folder that we write files for the partner to.")
    pattern: str = Field(default="*", description="Which files are read (shell pattern).")
    file_name: FileNameTemplate = Field(
        default="{partner}-{control}.edi",
        description="Name of the files we write: {partner}, {set}, {control}, {utc} and {id8} are filled in.",
    )
    ignore: Annotated[tuple[str, ...], Many] = Field(
        default=("*.tmp", "*.part", "*.partial", "*.filepart", "*.writing", "*~", ".*"),
        description="Which files are never read.",
    )
    after_read: Literal["delete", "keep"] = Field(
        default="delete", description="What happens to a file once it is stored here; keep moves it to done/."
    )
    settle_seconds: Annotated[float, Field(ge=0, le=3600)] = Field(
        default=5.0, description="Seconds that a file must be unchanged before it is read."
    )
    poll_seconds: Annotated[float, Field(ge=0.05, le=3600)] = Field(
        default=5.0, description="Seconds between two looks."
    )
    max_file_bytes: FileBytes = Field(default=100 * MEBIBYTE, description="Largest file that is read.")
