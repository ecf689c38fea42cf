"""Reading folders: a file that is still is claimed by renaming it into ``work/``, stored, then removed or kept.

The claim keeps other programs off the file and survives a crash: what lies in ``work/`` at the next look is taken
first. The identity of a file is its name, inode, time of change and SHA-256, so a file that was stored before the crash
is recognised and only removed. What can never be read goes to ``failed/`` with the reason beside it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gateway.messages.ports import InboundPort, Received, ReceiveFailure
from gateway.store.errors import StoreError
from gateway.store.faults import fault_point
from gateway.transports.filenames import is_wanted, looks_cut, name_problem
from gateway.transports.folder.files import (
    FileState,
    claim_name,
    move_to_free,
    original_name,
    read_still,
    state_of,
    sync_folder,
    unfit,
)
from gateway.transports.folder.targets import FolderTarget, FolderTargets

__all__ = ["DONE", "FAILED", "WORK", "FolderPoller", "FolderResult"]

_log = logging.getLogger(__name__)
#: Folders below a partner's inbound folder.
WORK, DONE, FAILED = "work", "done", "failed"
#: Seconds of the thread's beat; each partner has its own interval.
_TICK_SECONDS = 0.5
#: Looks that a file without its end is given to grow before it is taken as it is.
_LOOKS_FOR_A_WHOLE_FILE = 3
_EMPTY = ReceiveFailure(
    "malformed", "The file is empty.", "Ask the partner whether it was meant to hold something; if not, ignore it."
)


@dataclass(slots=True)
class FolderResult:
    """What one look did."""

    taken: list[str] = field(default_factory=list)
    #: Taken before a crash and recognised.
    duplicates: list[str] = field(default_factory=list)
    #: (name, sentence) of files that went to ``failed/`` or could not be stored now.
    failed: list[tuple[str, str]] = field(default_factory=list)
    #: Why nothing was looked at; "" when it was.
    stopped: str = ""


@dataclass(slots=True)
class _Memory:
    """What is remembered of one folder between two looks."""

    #: Name → its state and since when (seconds, monotonic) it has been so.
    seen: dict[str, tuple[FileState, float]] = field(default_factory=dict)
    due: float = 0.0
    told: set[str] = field(default_factory=set)
    #: Claimed files that wait for their end: how often they were read.
    cut: dict[str, int] = field(default_factory=dict)


class FolderPoller:
    """Reads the inbound folders of all partners in a thread of its own.

    ``on_problem`` gets (partner, subject, sentence) of what staff should see, each once.
    """

    def __init__(
        self,
        targets: FolderTargets,
        inbound: InboundPort,
        *,
        on_problem: Callable[[str, str, str], None] | None = None,
        tick_seconds: float = _TICK_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._targets, self._inbound = targets, inbound
        self._on_problem = on_problem or _no_problem
        self._tick, self._monotonic = tick_seconds, monotonic
        self._memories: dict[tuple[str, Path], _Memory] = {}
        self._looking = threading.Lock()
        self._stopping, self._wake = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look; returns at once."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="folder-poller", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Look at every folder now."""
        for memory in list(self._memories.values()):
            memory.due = 0.0
        self._wake.set()

    def stop(self, timeout: float = 30.0) -> None:
        """Finish the file in hand and end the thread."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout)
            self._thread = None

    def poll_once(self, partner: str) -> FolderResult:
        """One look at one partner's folder now. Raises LookupError with a sentence when it has none."""
        return self._poll(self._targets.for_partner(partner))

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._round()
            except Exception:  # noqa: BLE001  the poller outlives any single failure, which is logged
                _log.exception("The folders of partners could not be looked at; it is tried again")
            self._wake.wait(self._tick)
            self._wake.clear()

    def _round(self) -> None:
        for target in self._targets.polled():
            memory = self._memory(target)
            if self._stopping.is_set():
                return
            if self._monotonic() >= memory.due:
                memory.due = self._monotonic() + target.poll_seconds
                self._poll(target)

    def _memory(self, target: FolderTarget) -> _Memory:
        return self._memories.setdefault((target.partner, target.inbound or Path()), _Memory())

    def _poll(self, target: FolderTarget) -> FolderResult:
        """One look; every failure is part of the result."""
        result = FolderResult()
        folder = target.inbound
        if folder is None:
            result.stopped = f"The profile of {target.partner} has no folder.inbound."
            return result
        with self._looking:
            memory = self._memory(target)
            try:
                self._look(target, folder, memory, result)
            except StoreError as error:
                result.stopped = str(error)
            except OSError as error:
                result.stopped = f"{folder} cannot be read: {error.strerror or error}. Check that it is there."
                self._tell(target, memory, folder.name, result.stopped)
        return result

    def _look(self, target: FolderTarget, folder: Path, memory: _Memory, result: FolderResult) -> None:
        if folder in target.may_make:
            folder.mkdir(parents=True, exist_ok=True)
        work = folder / WORK
        if work.is_dir():
            for claimed in sorted(work.iterdir(), key=lambda path: path.lstat().st_mtime_ns):
                if self._stopping.is_set():
                    return
                self._take(target, claimed, memory, result)
        for path, status in self._still(target, folder, memory):
            if self._stopping.is_set():
                return
            sentence = unfit(status, target.max_file_bytes) or name_problem(os.fsencode(path.name))
            if sentence:
                self._refuse(target, path, sentence, memory, result)
                continue
            work.mkdir(exist_ok=True)
            claimed = work / claim_name(path.name, state_of(status))
            try:
                path.rename(claimed)
            except FileNotFoundError:
                continue  # another program took it
            sync_folder(work)
            fault_point("folder.after_claim")
            self._take(target, claimed, memory, result)

    def _still(self, target: FolderTarget, folder: Path, memory: _Memory) -> list[tuple[Path, os.stat_result]]:
        """The files that have not changed for long enough, the oldest first."""
        now, present, still = self._monotonic(), {}, []
        with os.scandir(folder) as entries:
            for entry in entries:
                if not is_wanted(entry.name, target.pattern, target.ignore):
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    continue
                state = state_of(status)
                known = memory.seen.get(entry.name)
                since = known[1] if known is not None and known[0] == state else now
                present[entry.name] = (state, since)
                if now - since >= target.settle_seconds:
                    still.append((Path(entry.path), status))
        memory.seen = present
        return sorted(still, key=lambda item: (item[1].st_mtime_ns, item[0].name))

    def _take(self, target: FolderTarget, claimed: Path, memory: _Memory, result: FolderResult) -> None:
        """Store one claimed file and remove it or keep it; a failure leaves it in ``work/`` for the next look."""
        name = original_name(claimed.name)
        try:
            state = state_of(claimed.lstat())
            body = read_still(claimed, target.max_file_bytes)
            if body is None or self._may_grow(claimed, body, memory):
                return
            duplicate = self._store(target, claimed, name, body)
            fault_point("folder.after_store")
            if state_of(claimed.lstat()) == state:  # else more was written: the next look takes all of it
                self._put_away(target, claimed, name)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  one bad file never holds up the others; logged and told
            _log.exception("A file of %s could not be taken", target.partner)
            sentence = f"{name} could not be stored and waits in {WORK}/: {type(error).__name__}: {error}"
            result.failed.append((name, sentence))
            self._tell(target, memory, name, sentence)
            return
        (result.duplicates if duplicate else result.taken).append(name)

    @staticmethod
    def _may_grow(claimed: Path, body: bytes, memory: _Memory) -> bool:
        """True while a file without its end is given time to grow."""
        looks = memory.cut.get(claimed.name, 0) + 1
        if not looks_cut(body) or looks >= _LOOKS_FOR_A_WHOLE_FILE:
            memory.cut.pop(claimed.name, None)
            return False
        memory.cut[claimed.name] = looks
        return True

    def _store(self, target: FolderTarget, claimed: Path, name: str, body: bytes) -> bool:
        digest = hashlib.sha256(body).hexdigest()
        receipt = self._inbound.receive(
            Received(
                transport="folder",
                partner=target.partner,
                payload=body,
                transport_id=f"{claimed.name} {len(body)} {digest}",
                wire_sha256=digest,
                filename=name,
                facts={"folder": str(target.inbound), "size": len(body)},
                failure=None if body else _EMPTY,
            )
        )
        return receipt.duplicate

    def _put_away(self, target: FolderTarget, claimed: Path, name: str) -> None:
        if target.keep:
            move_to_free(claimed, claimed.parent.parent / DONE, name)
        else:
            claimed.unlink()
        sync_folder(claimed.parent)

    def _refuse(self, target: FolderTarget, path: Path, sentence: str, memory: _Memory, result: FolderResult) -> None:
        raw = os.fsencode(path.name)
        shown = raw.decode("utf-8", "backslashreplace")
        name = f"refused-{hashlib.sha256(raw).hexdigest()[:16]}" if name_problem(raw) else path.name
        place = move_to_free(path, path.parent / FAILED, name)
        place.with_name(f"{place.name}.reason.txt").write_text(f"{shown}: {sentence}\n", encoding="utf-8")
        result.failed.append((shown, sentence))
        self._tell(target, memory, shown, f"{shown} was moved to {FAILED}/. {sentence}")

    def _tell(self, target: FolderTarget, memory: _Memory, subject: str, sentence: str) -> None:
        if sentence not in memory.told:
            if len(memory.told) >= 1000:
                memory.told.clear()
            memory.told.add(sentence)
            self._on_problem(target.partner, subject, sentence)


def _no_problem(partner: str, subject: str, sentence: str) -> None:
    _log.warning("%s, %s: %s", partner, subject, sentence)
