"""The outbox: only complete files are read, each ends in done/ or failed/, and nothing is overwritten."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from gateway.backoffice import outbox as module
from gateway.backoffice.outbox import OutboxWatcher, Reason, Submission
from gateway.store.errors import StoreBusyError

SENT = Submission("sent", reference="doc-1")


class Clock:
    """A clock that moves only when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Desk:
    """An outbox with a handler that records what it was given."""

    def __init__(self, root: Path, answer: Callable[[Path, bytes], Submission], **options: float) -> None:
        self.root = root
        root.mkdir(exist_ok=True)
        self.taken: list[tuple[str, bytes]] = []
        self.answer = answer
        self.clock = Clock()
        settings = {"settle_seconds": 0.0, "max_bytes": 1000, **options}
        self.watcher = OutboxWatcher(root, self.handle, monotonic=self.clock, **settings)  # type: ignore[arg-type]

    def handle(self, path: Path, body: bytes) -> Submission:
        self.taken.append((path.name, body))
        return self.answer(path, body)

    def names(self, folder: str = ".") -> list[str]:
        place = self.root / folder
        return sorted(p.name for p in place.iterdir() if not p.is_dir()) if place.exists() else []

    def reason(self, name: str) -> dict[str, object]:
        loaded: dict[str, object] = json.loads((self.root / "failed" / f"{name}.reason.json").read_text("utf-8"))
        return loaded


def sends(_: Path, __: bytes) -> Submission:
    return SENT


def test_a_sent_file_is_moved_to_done(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "outbox", sends)
    (desk.root / "ack.json").write_bytes(b"{}")
    [processed] = desk.watcher.scan_once()
    assert (processed.name, processed.submission, processed.place) == ("ack.json", SENT, "done/ack.json")
    assert desk.taken == [("ack.json", b"{}")]
    assert (desk.names(), desk.names("done"), desk.names("failed")) == ([], ["ack.json"], [])
    assert desk.watcher.scan_once() == []


def test_a_refused_file_has_every_reason_beside_it(tmp_path: Path) -> None:
    reasons = (
        Reason("lines[0].quantty", 'There is no field "quantty".', 'Did you mean "quantity"?'),
        Reason("receiver", "There is no partner Zoë.", "See `gateway partner list`."),
    )
    desk = Desk(tmp_path, lambda *_: Submission("refused", reasons))
    (tmp_path / "ack.json").write_bytes(b'{"a":1}')
    assert desk.watcher.scan_once()[0].place == "failed/ack.json"
    assert desk.names("failed") == ["ack.json", "ack.json.reason.json"]
    explanation = desk.reason("ack.json")
    assert explanation["file"] == "ack.json"
    assert explanation["sha256"] == hashlib.sha256(b'{"a":1}').hexdigest()
    assert explanation["reasons"] == [
        {
            "path": "lines[0].quantty",
            "message": 'There is no field "quantty".',
            "fix": 'Did you mean "quantity"?',
        },
        {"path": "receiver", "message": "There is no partner Zoë.", "fix": "See `gateway partner list`."},
    ]


def test_a_second_file_of_the_same_name_overwrites_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path, sends)
    for body in (b"1", b"2", b"3"):
        (tmp_path / "a.json").write_bytes(body)
        desk.watcher.scan_once()
    assert desk.names("done") == ["a-2.json", "a-3.json", "a.json"]
    assert [(tmp_path / "done" / n).read_bytes() for n in desk.names("done")] == [b"2", b"3", b"1"]


@pytest.mark.parametrize(
    "name", [".a.json", "a.json.tmp", "a.TMP", "a.part", "a.filepart", "a~", "README.md", "a.reason.json"]
)
def test_unfinished_and_explaining_files_are_left_alone(tmp_path: Path, name: str) -> None:
    desk = Desk(tmp_path, sends)
    (tmp_path / name).write_bytes(b"{}")
    assert desk.watcher.scan_once() == []
    assert desk.names() == [name]


def test_subfolders_are_left_alone(tmp_path: Path) -> None:
    desk = Desk(tmp_path, sends)
    for folder in ("done", "failed", "drafts"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.json").write_bytes(b"{}")
    assert desk.watcher.scan_once() == []
    assert desk.taken == []


def test_the_oldest_file_goes_first(tmp_path: Path) -> None:
    desk = Desk(tmp_path, sends)
    for age, name in enumerate(["c.json", "a.json", "b.json"]):
        (tmp_path / name).write_bytes(b"{}")
        os.utime(tmp_path / name, (1_000_000 + age, 1_000_000 + age))
    desk.watcher.scan_once()
    assert [name for name, _ in desk.taken] == ["c.json", "a.json", "b.json"]


def test_a_growing_file_is_read_only_when_it_has_settled(tmp_path: Path) -> None:
    desk = Desk(tmp_path, sends, settle_seconds=1000.0)
    path = tmp_path / "a.json"
    path.write_bytes(b"{")
    assert desk.watcher.scan_once() == []
    desk.clock.now = 900.0
    path.write_bytes(b"{}")  # grew: the time to settle begins anew
    assert desk.watcher.scan_once() == []
    desk.clock.now = 1800.0
    assert desk.watcher.scan_once() == []
    desk.clock.now = 1900.0
    desk.watcher.scan_once()
    assert desk.taken == [("a.json", b"{}")]


def test_an_old_file_needs_no_second_look(tmp_path: Path) -> None:
    desk = Desk(tmp_path, sends, settle_seconds=5.0)
    (tmp_path / "a.json").write_bytes(b"{}")
    changed = (tmp_path / "a.json").stat().st_ctime
    desk.watcher._clock = lambda: changed + 5.0
    desk.watcher.scan_once()
    assert len(desk.taken) == 1


def test_a_rename_from_an_unfinished_name_needs_no_settling(tmp_path: Path) -> None:
    desk = Desk(tmp_path, sends, settle_seconds=1000.0)
    staged = tmp_path / ".a.json"
    staged.write_bytes(b"{}")
    os.utime(staged, (1_000_000, 1_000_000))
    desk.watcher.scan_once()
    staged.rename(tmp_path / "a.json")
    desk.watcher.scan_once()
    assert desk.taken == [("a.json", b"{}")]


def test_a_file_that_changes_while_it_is_read_is_read_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path, sends)
    path = tmp_path / "a.json"
    path.write_bytes(b"{}")
    real = module._read

    def grows_first(*arguments: object) -> bytes | None:
        with path.open("ab") as file:
            file.write(b" ")
        monkeypatch.setattr(module, "_read", real)
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_read", grows_first)
    assert desk.watcher.scan_once() == []
    desk.watcher.scan_once()
    assert desk.taken == [("a.json", b"{} ")]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "The file is empty."),
        (b"x" * 1001, "The file has 1,001 bytes; at most 1,000 are read."),
        (b'{"a": "\xff"}', "Byte 7 is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_goes_to_failed_with_the_reason(tmp_path: Path, body: bytes, expected: str) -> None:
    desk = Desk(tmp_path, sends)
    (tmp_path / "a.json").write_bytes(body)
    desk.watcher.scan_once()
    assert desk.taken == []
    assert (tmp_path / "failed/a.json").read_bytes() == body
    assert expected in str(desk.reason("a.json")["reasons"])


def test_a_byte_order_mark_is_not_part_of_the_document(tmp_path: Path) -> None:
    desk = Desk(tmp_path, sends)
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf{}")
    desk.watcher.scan_once()
    assert desk.taken == [("a.json", b"{}")]
    assert (tmp_path / "done/a.json").read_bytes() == b"\xef\xbb\xbf{}"


def test_a_symbolic_link_is_refused_and_never_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"{}")
    desk = Desk(tmp_path / "outbox", sends)
    (desk.root / "a.json").symlink_to(secret)
    (desk.root / "dangling.json").symlink_to(tmp_path / "nowhere")
    desk.watcher.scan_once()
    assert desk.taken == []
    assert "symbolic link" in str(desk.reason("a.json")["reasons"])
    assert (desk.root / "failed/a.json").is_symlink()
    assert (desk.root / "failed/dangling.json").is_symlink()
    assert secret.read_bytes() == b"{}"


def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path: Path) -> None:
    desk = Desk(tmp_path, sends)
    os.mkfifo(tmp_path / "a.json")
    desk.watcher.scan_once()
    assert "pipe" in str(desk.reason("a.json")["reasons"])


def test_an_unreadable_file_stays_and_is_logged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(tmp_path, sends)
    (tmp_path / "a.json").write_bytes(b"{}")

    def denied(*_: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    real = module._read
    monkeypatch.setattr(module, "_read", denied)
    desk.watcher.scan_once()
    desk.watcher.scan_once()
    desk.clock.now = 1.0
    desk.watcher.scan_once()
    assert desk.names() == ["a.json"]
    assert [r.levelno for r in caplog.records] == [logging.WARNING]
    assert "correct its permissions" in caplog.text
    monkeypatch.setattr(module, "_read", real)
    desk.clock.now = 100.0
    desk.watcher.scan_once()
    assert desk.names("done") == ["a.json"]


def busy(*_: object) -> Submission:
    raise StoreBusyError("The writer's queue is full.")


def no_disk(*_: object) -> Submission:
    raise OperationalError("INSERT", {}, Exception("disk is full"))


@pytest.mark.parametrize("answer", [lambda *_: Submission("later"), busy, no_disk])
def test_what_cannot_be_taken_now_stays_and_is_tried_again_ever_more_slowly(
    tmp_path: Path, answer: Callable[[Path, bytes], Submission]
) -> None:
    desk = Desk(tmp_path, answer)
    (tmp_path / "a.json").write_bytes(b"{}")
    for now, tries in [(0, 1), (0.5, 1), (1, 2), (2.5, 2), (3, 3), (6, 3), (7, 4)]:
        desk.clock.now = now
        assert desk.watcher.scan_once() == []
        assert len(desk.taken) == tries
    assert desk.names() == ["a.json"]
    desk.answer = sends
    desk.clock.now = 1000
    desk.watcher.scan_once()
    assert desk.names("done") == ["a.json"]


def test_a_changed_file_is_tried_at_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path, lambda *_: Submission("later"))
    (tmp_path / "a.json").write_bytes(b"{}")
    desk.watcher.scan_once()
    (tmp_path / "a.json").write_bytes(b"{ }")
    desk.watcher.scan_once()
    assert [body for _, body in desk.taken] == [b"{}", b"{ }"]


def test_a_file_on_which_the_gateway_keeps_failing_ends_in_failed_with_an_error_id(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(*_: object) -> Submission:
        raise KeyError("secret detail")

    desk = Desk(tmp_path, breaks)
    (tmp_path / "a.json").write_bytes(b"{}")
    for n in range(module._MAX_FAULTS):
        assert desk.names() == ["a.json"]
        desk.clock.now = n * 100.0
        desk.watcher.scan_once()
    assert desk.names("failed") == ["a.json", "a.json.reason.json"]
    message = str(desk.reason("a.json")["reasons"])
    assert "secret detail" not in message
    assert message.split("error id ")[1][:8] in caplog.text


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    def some(path: Path, _: bytes) -> Submission:
        if path.name == "a.json":
            raise KeyError("x")
        return SENT

    desk = Desk(tmp_path, some)
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_bytes(b"{}")
    desk.watcher.scan_once()
    assert desk.names("done") == ["b.json"]


def test_a_file_replaced_while_it_is_handled_is_handled_next(tmp_path: Path) -> None:
    def replaces(path: Path, body: bytes) -> Submission:
        if body == b"one":
            (tmp_path / "new.tmp").write_bytes(b"two, longer")
            (tmp_path / "new.tmp").rename(path)
        return SENT

    desk = Desk(tmp_path, replaces)
    (tmp_path / "a.json").write_bytes(b"one")
    assert desk.watcher.scan_once() == []
    assert desk.names() == ["a.json"]
    desk.watcher.scan_once()
    assert [body for _, body in desk.taken] == [b"one", b"two, longer"]
    assert desk.names("done") == ["a.json"]


def test_a_file_removed_while_it_is_handled_leaves_no_trace(tmp_path: Path) -> None:
    def removes(path: Path, _: bytes) -> Submission:
        path.unlink()
        return SENT

    desk = Desk(tmp_path, removes)
    (tmp_path / "a.json").write_bytes(b"{}")
    assert desk.watcher.scan_once() == []
    assert (desk.names(), desk.names("done")) == ([], [])
    assert desk.watcher.scan_once() == []


def test_a_file_that_cannot_be_moved_is_not_handled_a_second_time_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(tmp_path, sends)
    (tmp_path / "a.json").write_bytes(b"{}")
    (tmp_path / "done").write_bytes(b"a file where the folder should be")
    desk.watcher.scan_once()
    desk.watcher.scan_once()
    assert len(desk.taken) == 1
    assert "cannot be moved to done/" in caplog.text


def test_a_name_as_long_as_the_system_allows_is_moved_with_its_reason(tmp_path: Path) -> None:
    desk = Desk(tmp_path, lambda *_: Submission("refused", (Reason("", "no"),)))
    name = "n" * 250 + ".json"
    (tmp_path / name).write_bytes(b"{}")
    [processed] = desk.watcher.scan_once()
    assert (tmp_path / processed.place).read_bytes() == b"{}"
    assert (tmp_path / f"{processed.place}.reason.json").exists()


def test_a_name_that_is_not_text_is_dealt_with(tmp_path: Path) -> None:
    desk = Desk(tmp_path, lambda *_: Submission("refused", (Reason("", "no"),)))
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.json"))).write_bytes(b"{}")
    [processed] = desk.watcher.scan_once()
    assert (tmp_path / processed.place).exists()


def test_the_thread_picks_up_files_and_stops(tmp_path: Path) -> None:
    taken = threading.Event()

    def handle(_: Path, __: bytes) -> Submission:
        taken.set()
        return SENT

    watcher = OutboxWatcher(tmp_path / "outbox", handle, scan_seconds=60, settle_seconds=0)
    watcher.start()
    (tmp_path / "outbox/a.json").write_bytes(b"{}")
    watcher.wake()
    assert taken.wait(10)
    watcher.stop(10)
    assert (tmp_path / "outbox/done/a.json").exists()
    watcher.stop()


def test_the_thread_survives_a_missing_outbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = threading.Semaphore(0)
    watcher = OutboxWatcher(tmp_path / "outbox", sends, scan_seconds=0.05)

    def fails() -> list[module.Processed]:
        looked.release()
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(watcher, "scan_once", fails)
    watcher.start()
    assert looked.acquire(timeout=10)
    assert looked.acquire(timeout=10)
    watcher.stop()


_WATCH = """
import hashlib, pathlib, sys
from gateway.backoffice.outbox import OutboxWatcher, Submission

record = pathlib.Path(sys.argv[2])

def handle(path, body):
    taken = set(record.read_text().split()) if record.exists() else set()
    record.write_text(" ".join(taken | {hashlib.sha256(body).hexdigest()}))
    return Submission("sent" if body == b"good" else "refused")

OutboxWatcher(sys.argv[1], handle, settle_seconds=0).scan_once()
"""


@pytest.mark.parametrize("point", ["outbox_before_move", "outbox_before_rename"])
@pytest.mark.parametrize("body", [b"good", b"bad"])
def test_a_crash_between_commit_and_move_hands_the_same_content_in_again(
    tmp_path: Path, point: str, body: bytes
) -> None:
    desk = Desk(tmp_path / "outbox", sends)
    (desk.root / "a.json").write_bytes(body)
    command = [sys.executable, "-c", _WATCH, str(desk.root), str(tmp_path / "record")]
    crashed = subprocess.run(command, env={**os.environ, "GATEWAY_FAULT": point}, timeout=60, check=False)
    assert crashed.returncode == -signal.SIGKILL
    assert desk.names() == ["a.json"]
    subprocess.run(command, timeout=60, check=True)
    assert desk.names() == []
    folder = desk.root / ("done" if body == b"good" else "failed")
    moved = [p for p in folder.iterdir() if p.read_bytes() == body]
    assert len(moved) == 1
    assert len((tmp_path / "record").read_text().split()) == 1


@pytest.mark.parametrize("point", ["outbox_before_rename", "outbox_before_reason"])
def test_after_a_crash_a_refused_file_is_whole_before_its_reason_shows(tmp_path: Path, point: str) -> None:
    desk = Desk(tmp_path / "outbox", lambda *_: Submission("refused", (Reason("", "no"),)))
    (desk.root / "a.json").write_bytes(b"bad")
    command = [sys.executable, "-c", _WATCH, str(desk.root), str(tmp_path / "record")]
    subprocess.run(command, env={**os.environ, "GATEWAY_FAULT": point}, timeout=60, check=False)
    assert not (desk.root / "failed" / "a.json.reason.json").exists()
    desk.watcher.start()
    desk.watcher.stop()
    Desk(desk.root, desk.answer).watcher.scan_once()
    assert desk.names() == []
    assert desk.names("failed") == ["a.json", "a.json.reason.json"]
    assert (desk.root / "failed" / "a.json").read_bytes() == b"bad"
    assert desk.reason("a.json")["file"] == "a.json"
