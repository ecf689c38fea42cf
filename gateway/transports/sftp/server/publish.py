"""Turning a staged upload into a large payload of the store without copying it."""

from __future__ import annotations

from pathlib import Path

from gateway.store.payloads import StagedPayload
from gateway.transports.sftp.server.staging import fsync_folder

__all__ = ["publish"]


def publish(blobs: Path, staged: Path, sha256: str, size: int) -> StagedPayload:
    """Give an fsynced file its name among the large payloads, durably; the staged name is a second link to it.

    The same bytes again are the same file. Raises OSError when the staging folder is on another disk.
    """
    relative = f"{sha256[:2]}/{sha256}"
    target = blobs / relative
    if not target.parent.exists():
        target.parent.mkdir(exist_ok=True)
        fsync_folder(blobs)
    if target.exists():
        target.touch()
    else:
        target.hardlink_to(staged)
    fsync_folder(target.parent)
    return StagedPayload(sha256, size, relative)
