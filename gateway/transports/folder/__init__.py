"""The folder door: files that another program (a VAN's client, an existing tool) drops for us, and takes from us."""

from __future__ import annotations

from gateway.transports.folder.delivery import FolderDelivery
from gateway.transports.folder.poller import FolderPoller, FolderResult
from gateway.transports.folder.targets import FolderTarget, FolderTargets, StoredFolders, folder_from_profile

__all__ = [
    "FolderDelivery",
    "FolderPoller",
    "FolderResult",
    "FolderTarget",
    "FolderTargets",
    "StoredFolders",
    "folder_from_profile",
]
