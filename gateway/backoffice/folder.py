"""The folder back office: documents for it appear in ``inbox/``, those from it are taken from ``outbox/``.

Posting is once: a document's file is prepared under a hidden name, a marker with its id is made durable, and
only then the file gets its final name. After a crash at any point the second try finds out which of the three
happened, even when the consumer has taken the file away in between.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from pathlib import Path

from gateway.backoffice.files import safe_name, sync_folder, write_new_file
from gateway.backoffice.outbox import OutboxWatcher, Reason, Submission
from gateway.messages.ports import PostResult
from gateway.store.faults import fault_point

__all__ = ["FolderBackOffice", "OutboxWatcher", "Reason", "Submission", "posted_name"]

_log = logging.getLogger("gateway.backoffice")

#: Sub-folder of each partner's folder that holds prepared files and markers.
STAGING = ".gateway"
#: Days after which a marker is dropped; a posting is never tried again after so long.
MARKER_DAYS = 30
#: Postings between two clean-ups of old markers.
_CLEAN_EVERY = 1000


def posted_name(kind: str, number: str, document_id: str) -> str:
    """The file name of a posted document: ``order-4500012-<id>.json``."""
    return f"{safe_name(kind)}-{safe_name(number, empty='unnumbered')}-{document_id}.json"


class FolderBackOffice:
    """Posts documents as files ``<inbox>/<partner>/<kind>-<number>-<id>.json`` (a ``PostingPort``)."""

    def __init__(self, inbox: Path | str, *, clock: Callable[[], float] = time.time) -> None:
        #: The folder that the back office reads.
        self.inbox = Path(inbox)
        self._clock = clock
        self._posted = 0

    def post(self, document_id: str, partner: str, kind: str, number: str, body: bytes) -> PostResult:
        """Make the document appear in the partner's folder, complete and durable, exactly once.

        Returns "exists" when this id was posted before, also when its file has been taken away since. Raises
        OSError when the file cannot be made durable, ValueError when the id is not made by us.
        """
        if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", document_id):
            raise ValueError(f'"{document_id[:99]}" is not a document id; ids are UUIDs made by the gateway.')
        folder = self.inbox / safe_name(partner, limit=64, empty="unknown")
        final = folder / posted_name(kind, number, document_id)
        reference = f"{self.inbox.name}/{folder.name}/{final.name}"
        if final.exists():
            sync_folder(folder)  # its first writer may have died before the name was durable
            return PostResult("exists", reference)
        staging = self._staging(folder)
        prepared, marker = staging / f"{document_id}.json", staging / f"{document_id}.posted"
        if marker.exists() and not prepared.exists():
            return PostResult("exists", reference)
        if not marker.exists():
            write_new_file(prepared, body)
            sync_folder(staging)  # the marker must never be durable before what it marks
            fault_point("post_before_marker")
            marker.touch(mode=0o640)
            sync_folder(staging)
        fault_point("post_before_rename")
        prepared.rename(final)
        fault_point("post_after_rename")
        sync_folder(folder)
        self._count(staging)
        return PostResult("created", reference)

    def _staging(self, folder: Path) -> Path:
        staging = folder / STAGING
        if not staging.is_dir():
            staging.mkdir(parents=True, exist_ok=True)
            sync_folder(folder)
            sync_folder(self.inbox)
        return staging

    def _count(self, staging: Path) -> None:
        self._posted += 1
        if self._posted % _CLEAN_EVERY == 0:
            self.forget_old_markers(staging)

    def forget_old_markers(self, staging: Path) -> int:
        """Drop the markers of documents posted more than ``MARKER_DAYS`` ago; returns how many."""
        before = self._clock() - MARKER_DAYS * 86_400
        dropped = 0
        for marker in staging.glob("*.posted"):
            if marker.stat().st_mtime < before and not marker.with_suffix(".json").exists():
                marker.unlink(missing_ok=True)
                dropped += 1
        _log.debug("%s: %d old markers dropped", staging, dropped)
        return dropped
