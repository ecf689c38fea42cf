"""The outbox: files that the back office drops are read once they are complete, handed on, and moved away.

A file goes to ``done/`` when its content was taken, to ``failed/`` with every reason beside it when it was
refused, and stays where it is when it should be tried later. It is moved only after the handler has returned,
that is, after its commit; a crash in between hands the same content in again, and the handler knows it by its
hash. Sub-folders, hidden files, ``*.tmp`` and the like are never touched.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import secrets
import stat
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sqlalchemy.exc import OperationalError

from gateway.backoffice.files import free_place, sync_folder, write_whole_file
from gateway.store.errors import StoreError
from gateway.store.faults import fault_point

__all__ = [
    "DONE",
    "FAILED",
    "REASON_ENDING",
    "Handler",
    "OutboxWatcher",
    "Processed",
    "Reason",
    "Submission",
    "is_ignored",
]

_log = logging.getLogger("gateway.backoffice")

DONE = "done"
FAILED = "failed"
#: Ending of the file that says why the one beside it failed.
REASON_ENDING = ".reason.json"
#: Endings of files that are still being written, or that explain other files.
_IGNORED_ENDINGS = (".tmp", ".part", ".filepart", ".partial", ".swp", "~", REASON_ENDING)
#: Seconds before a file that could not be taken is tried again: doubled each time up to the second number.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
#: After so many unforeseen failures of the handler the file goes to ``failed/``.
_MAX_FAULTS = 10


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that is wrong with a file."""

    #: JSON path of the value that is meant, "lines[2].quantity"; "" for the whole file.
    path: str
    #: What is wrong and why.
    message: str
    #: What to do about it.
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Submission:
    """What became of one file."""

    #: "sent": taken, durable, on its way. "refused": cannot be sent as it is. "later": try it again.
    result: Literal["sent", "refused", "later"]
    reasons: tuple[Reason, ...] = ()
    #: What the content became (document id), for the record.
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Processed:
    """One file that a scan has dealt with."""

    name: str
    submission: Submission
    #: Where the file is now, relative to the outbox.
    place: str


#: Takes a file's path and content; returns after its commit. Must know content that it has taken before.
Handler = Callable[[Path, bytes], Submission]

#: What tells one state of a file from another: inode, size, modification time.
_State = tuple[int, int, int]


@dataclass(slots=True)
class _Seen:
    """What is known about a file that has not been dealt with yet."""

    state: _State
    since: float
    not_before: float = 0.0
    pause: float = _FIRST_PAUSE
    faults: int = 0
    told: set[str] = field(default_factory=set)


class OutboxWatcher:
    """Looks into an outbox folder again and again in a thread of its own."""

    def __init__(
        self,
        outbox: Path | str,
        handler: Handler,
        *,
        scan_seconds: float = 1.0,
        settle_seconds: float = 1.0,
        max_bytes: int = 100 * 1024 * 1024,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``settle_seconds``: a file must be unchanged for so long before it is read; 0 reads it at once."""
        self.outbox = Path(outbox)
        self._handler = handler
        self._scan_seconds = scan_seconds
        self._settle_seconds = settle_seconds
        self._max_bytes = max_bytes
        self._clock = clock
        self._monotonic = monotonic
        self._seen: dict[str, _Seen] = {}
        self._unfinished_inodes: set[int] = set()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._scanning = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Make the folders and start to look."""
        for folder in (self.outbox, self.outbox / DONE, self.outbox / FAILED):
            folder.mkdir(parents=True, exist_ok=True)
        self._finish_interrupted_moves()
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Look now rather than at the next beat."""
        self._wake.set()

    def stop(self, timeout: float = 30.0) -> None:
        """Finish the file in hand and end the thread."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout)
            self._thread = None

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.scan_once()
            except Exception:  # noqa: BLE001  the watcher outlives any single failure, which is logged
                _log.exception("the outbox %s could not be looked at; trying again", self.outbox)
            self._wake.wait(self._scan_seconds)
            self._wake.clear()

    def scan_once(self) -> list[Processed]:
        """Look once, oldest file first, and deal with every file that is complete."""
        with self._scanning:
            processed = []
            for path, status in self._complete_files():
                if self._stopping.is_set():
                    break
                if result := self._deal_with(path, status):
                    processed.append(result)
            return processed

    def _complete_files(self) -> list[tuple[Path, os.stat_result]]:
        now = self._monotonic()
        present: dict[str, _Seen] = {}
        complete = []
        unfinished = set()
        with os.scandir(self.outbox) as entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if is_ignored(entry.name):
                    unfinished.add(status.st_ino)
                    continue
                if stat.S_ISDIR(status.st_mode):
                    continue
                seen = self._look(entry.name, status, now)
                present[entry.name] = seen
                if self._is_complete(seen, status, now):
                    complete.append((Path(entry.path), status))
        self._seen = present
        self._unfinished_inodes = unfinished
        return sorted(complete, key=lambda item: (item[1].st_mtime_ns, item[0].name))

    def _look(self, name: str, status: os.stat_result, now: float) -> _Seen:
        state = _state(status)
        seen = self._seen.get(name)
        return seen if seen is not None and seen.state == state else _Seen(state, now)

    def _is_complete(self, seen: _Seen, status: os.stat_result, now: float) -> bool:
        if now < seen.not_before:
            return False
        if status.st_ino in self._unfinished_inodes and status.st_ctime_ns > status.st_mtime_ns:
            return True  # renamed, after its last byte, from a name that said "unfinished"
        if now - seen.since >= self._settle_seconds:
            return True
        return self._clock() - max(status.st_mtime, status.st_ctime) >= self._settle_seconds

    def _deal_with(self, path: Path, status: os.stat_result) -> Processed | None:
        seen = self._seen[path.name]
        submission: Submission | None
        body = b""
        if problem := _unfit(status, self._max_bytes):
            submission = Submission("refused", (problem,))
        else:
            try:
                content = _read(path, seen.state, self._max_bytes)
            except OSError as error:
                self._postpone(seen, path, f"cannot be read ({error.strerror}); correct its permissions")
                return None
            if content is None:  # still changing: look again at the next beat
                seen.since = self._monotonic()
                return None
            body = content
            submission = _undecodable(body) or self._hand_in(path, body, seen)
        if submission is None:
            return None
        if submission.result == "later":
            self._postpone(seen, path, _first_sentence(submission, "is to be tried later"))
            return None
        return self._move(path, body, submission, seen)

    def _hand_in(self, path: Path, body: bytes, seen: _Seen) -> Submission | None:
        """Run the handler; None = it failed in a way nobody foresaw, and the file waits."""
        try:
            return self._handler(path, body.removeprefix(b"\xef\xbb\xbf"))
        except (StoreError, OperationalError, OSError) as error:
            return Submission("later", (Reason("", f"could not be stored: {error}"),))
        except Exception:  # noqa: BLE001  a fault costs one file a while, never the watcher; logged with an id
            seen.faults += 1
            reference = secrets.token_hex(4)
            _log.exception("outbox file %s could not be taken, error id %s", _shown(path), reference)
            if seen.faults < _MAX_FAULTS:
                self._postpone(seen, path, f"could not be taken (error id {reference})")
                return None
            reason = Reason(
                "",
                f"The gateway failed on this file {seen.faults} times; error id {reference} in its log.",
                "Correct the cause, then move the file back into the outbox.",
            )
            return Submission("refused", (reason,))

    def _postpone(self, seen: _Seen, path: Path, why: str) -> None:
        seen.not_before = self._monotonic() + seen.pause
        seen.pause = min(seen.pause * 2, _LONGEST_PAUSE)
        if why not in seen.told:
            seen.told.add(why)
            _log.warning("outbox file %s %s", _shown(path), why)

    def _move(self, path: Path, body: bytes, submission: Submission, seen: _Seen) -> Processed | None:
        folder = self.outbox / (DONE if submission.result == "sent" else FAILED)
        fault_point("outbox_before_move")
        place = None
        try:
            folder.mkdir(exist_ok=True)
            place = free_place(folder, path.name)
            if submission.result == "refused":
                write_whole_file(_waiting_reason(place), self._explanation(path, body, submission))
            fault_point("outbox_before_rename")
            path.replace(place)
            sync_folder(folder)
            sync_folder(self.outbox)
        except OSError as error:
            if place is not None:
                _give_back(place)
            self._postpone(seen, path, f"was handled but cannot be moved to {folder.name}/ ({error.strerror})")
            return None
        del self._seen[path.name]
        if _state(place.lstat()) != seen.state:
            self._put_back(place, path)
            return None
        if submission.result == "refused":
            fault_point("outbox_before_reason")
            _show_reason(place)
            _log.warning("outbox file %s refused: %s", _shown(path), _first_sentence(submission, ""))
        return Processed(path.name, submission, f"{folder.name}/{place.name}")

    def _put_back(self, place: Path, path: Path) -> None:
        """Return a file that took the place of the one handled, while that was being handled."""
        _waiting_reason(place).unlink(missing_ok=True)
        place.replace(free_place(self.outbox, path.name))
        _log.warning("outbox file %s was replaced while it was handled; the new one comes next", _shown(path))

    def _finish_interrupted_moves(self) -> None:
        """Show the reasons of files that were moved just before a crash; undo what was only prepared."""
        for waiting in (self.outbox / FAILED).glob(f".*{REASON_ENDING}"):
            place = waiting.with_name(waiting.name[1:].removesuffix(REASON_ENDING))
            source = self.outbox / json.loads(waiting.read_bytes())["file"]
            if place.exists() and not (place.stat().st_size == 0 and source.exists()):
                _show_reason(place)
            else:  # the file is still in the outbox and will be handled again
                waiting.unlink()
                _give_back(place)

    def _explanation(self, path: Path, body: bytes, submission: Submission) -> bytes:
        """The ``.reason.json`` beside a failed file: every reason with its path."""
        explanation = {
            "file": _shown(path),
            "refused_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock())),
            "sha256": hashlib.sha256(body).hexdigest() if body else None,
            "reference": submission.reference or None,
            "reasons": [
                {"path": reason.path, "message": reason.message, "fix": reason.fix} for reason in submission.reasons
            ],
        }
        return json.dumps(explanation, indent=2, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def is_ignored(name: str) -> bool:
    """Whether a name in the outbox says "not a document, or not finished yet"."""
    return name in (DONE, FAILED) or name.startswith((".", "README")) or name.lower().endswith(_IGNORED_ENDINGS)


def _waiting_reason(place: Path) -> Path:
    """Where a file's reasons wait, hidden, until the file itself has arrived at ``place``."""
    return place.with_name(f".{place.name}{REASON_ENDING}")


def _show_reason(place: Path) -> None:
    """Give the reasons their final name: whoever sees them finds the file beside them complete."""
    _waiting_reason(place).replace(place.with_name(f"{place.name}{REASON_ENDING}"))
    sync_folder(place.parent)


def _give_back(place: Path) -> None:
    """Remove a reserved name that nothing was moved to."""
    with contextlib.suppress(OSError):
        if place.lstat().st_size == 0:
            place.unlink()


def _shown(path: Path) -> str:
    """A file name that any log and any JSON can carry."""
    return path.name.encode("utf-8", "replace").decode()


def _state(status: os.stat_result) -> _State:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _first_sentence(submission: Submission, otherwise: str) -> str:
    return submission.reasons[0].message if submission.reasons else otherwise


def _unfit(status: os.stat_result, max_bytes: int) -> Reason | None:
    """Why a directory entry is not read at all, or None."""
    if stat.S_ISLNK(status.st_mode):
        return Reason("", "This is a symbolic link; links are not followed.", "Put the file itself here.")
    if not stat.S_ISREG(status.st_mode):
        return Reason("", "This is a pipe, socket or device, not a file.", "Put a regular file here.")
    if status.st_size > max_bytes:
        return Reason(
            "",
            f"The file has {status.st_size:,} bytes; at most {max_bytes:,} are read.",
            "Split it, or raise max_file_bytes under [folders] in gateway.toml.",
        )
    if status.st_size == 0:
        return Reason("", "The file is empty.", "Write it under a name ending in .tmp, then rename it.")
    return None


def _read(path: Path, expected: _State, max_bytes: int) -> bytes | None:
    """The content, or None when the file is not the one that was looked at, or changed meanwhile."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if _state(os.fstat(descriptor)) != expected:
            return None
        body = file.read(max_bytes + 1)
        if _state(os.fstat(descriptor)) != expected:
            return None
    return body


def _undecodable(body: bytes) -> Submission | None:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        reason = Reason(
            "",
            f"Byte {error.start} is not UTF-8, so the text cannot be read.",
            "Write the file as UTF-8.",
        )
        return Submission("refused", (reason,))
    return None
