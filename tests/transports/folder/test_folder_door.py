"""The folder door: a file is taken once and whole, and one that we write appears whole and never over another."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.messages.ids import derived_id
from gateway.messages.ports import Answer, Delivery, Outcome, Receipt, Received
from gateway.partners import registry
from gateway.partners.directory import Directory
from gateway.partners.profile import PartnerProfile
from gateway.store.engine import open_store
from gateway.store.errors import StoreBusyError
from gateway.store.migrations import upgrade
from gateway.transports.folder import (
    FolderDelivery,
    FolderPoller,
    FolderResult,
    FolderTarget,
    StoredFolders,
    files,
    folder_from_profile,
    poller,
)
from gateway.transports.folder import delivery as delivery_module

NOW = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)


class CrashError(BaseException):
    """The process ends here."""


class Inbound:
    def __init__(self) -> None:
        self.received: list[Received] = []
        self.raises: Callable[[Received], None] = lambda received: None
        self.came = threading.Event()

    def receive(self, received: Received) -> Receipt:
        self.raises(received)
        known = [one for one in self.received if one.transport_id == received.transport_id]
        if not known:
            self.received.append(received)
            self.came.set()
        return Receipt(derived_id("test", received.transport_id), duplicate=bool(known))

    def earlier(self, transport: str, partner: str, transport_id: str) -> tuple[str, Answer | None] | None:
        return None

    @property
    def names(self) -> list[str | None]:
        return [one.filename for one in self.received]


class Kit:
    """One partner with its two folders."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.settings: dict[str, object] = {"inbound": "in", "outbound": "out", "settle_seconds": 0}
        self.seconds = 0.0
        self.inbound = Inbound()
        self.problems: list[tuple[str, str, str]] = []
        self.poller = self.new_poller()
        self.delivery = FolderDelivery(self)
        self.inn, self.out = home / "in", home / "out"
        self.inn.mkdir()

    def new_poller(self) -> FolderPoller:
        return FolderPoller(
            self,
            self.inbound,
            on_problem=lambda *told: self.problems.append(told),
            monotonic=lambda: self.seconds,
            tick_seconds=0.01,
        )

    def polled(self) -> list[FolderTarget]:
        return [self.for_partner("harbor")]

    def for_partner(self, partner: str) -> FolderTarget:
        profile = PartnerProfile.model_validate({"code": "harbor", "name": "Harbor", "folder": self.settings})
        target = folder_from_profile(profile, self.home)
        if target is None:
            raise LookupError("no folder")
        return target

    def put(self, name: str, body: bytes = b"ISA", changed: int = 1_770_000_000) -> Path:
        path = self.inn / name
        path.write_bytes(body)
        os.utime(path, (changed, changed))
        return path

    def poll(self) -> FolderResult:
        return self.poller.poll_once("harbor")

    def left(self) -> list[str]:
        return sorted(p.relative_to(self.inn).as_posix() for p in self.inn.rglob("*") if not p.is_dir())

    def item(self, key: str = "a", body: bytes = b"body") -> Delivery:
        return Delivery(derived_id("out", key), "harbor", "folder", body, "x.edi", "application/EDI-X12", "", NOW)

    def send(self, item: Delivery | None = None):
        item = item or self.item()
        return self.delivery.deliver(item, self.delivery.prepare(item))


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path)


# --- reading


def test_files_are_stored_in_the_order_of_their_times_and_then_removed(kit: Kit) -> None:
    for number, name in enumerate(["c", "a", "b"]):
        kit.put(name, b"x%d" % number, 1_770_000_000 + number)
    assert kit.poll().taken == ["c", "a", "b"]
    assert [one.payload for one in kit.inbound.received] == [b"x0", b"x1", b"x2"]
    assert kit.left() == []


def test_a_stored_file_is_kept_in_done_under_a_free_name_where_the_profile_says_so(kit: Kit) -> None:
    kit.settings["after_read"] = "keep"
    for _ in range(3):
        kit.put("a.edi", os.urandom(8))
        kit.poll()
    assert kit.left() == ["done/a-2.edi", "done/a-3.edi", "done/a.edi"]


def test_a_file_that_changes_waits_until_it_is_still(kit: Kit) -> None:
    kit.settings["settle_seconds"] = 10
    kit.put("a.edi", b"1")
    assert kit.poll().taken == []
    kit.seconds = 10
    kit.put("a.edi", b"12")
    assert kit.poll().taken == []
    kit.seconds = 19.9
    assert kit.poll().taken == []
    kit.seconds = 20
    assert kit.poll().taken == ["a.edi"]


def test_unfinished_hidden_and_foreign_files_are_left_alone(kit: Kit) -> None:
    kit.settings["pattern"] = "*.edi"
    for name in ("a.edi.tmp", ".a.edi", "a.txt", "a.edi.part"):
        kit.put(name)
    (kit.inn / "folder.edi").mkdir()
    assert kit.poll().taken == [] and len(kit.left()) == 4


@pytest.mark.parametrize("point", ["folder.after_claim", "folder.after_store"])
def test_a_crash_after_the_claim_or_the_store_loses_and_doubles_nothing(
    kit: Kit, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.put("a.edi", b"once")

    def crash(name: str) -> None:
        if name == point:
            raise CrashError

    with monkeypatch.context() as patch:
        patch.setattr(poller, "fault_point", crash)
        with pytest.raises(CrashError):
            kit.poll()
    kit.poller = kit.new_poller()
    result = kit.poll()
    assert (result.taken + result.duplicates, kit.left()) == (["a.edi"], [])
    assert [one.payload for one in kit.inbound.received] == [b"once"]


@pytest.mark.parametrize("kind", ["link", "pipe", "large", "name"])
def test_what_can_never_be_read_goes_to_failed_with_its_reason(kit: Kit, kind: str) -> None:
    kit.settings["max_file_bytes"] = 1024
    secret = kit.home / "secret"
    secret.write_bytes(b"not for us")
    if kind == "link":
        (kit.inn / "bad.edi").symlink_to(secret)
    elif kind == "pipe":
        os.mkfifo(kit.inn / "bad.edi")
    elif kind == "large":
        kit.put("bad.edi", b"x" * 1025)
    else:
        (kit.inn / ("n" * 250)).write_bytes(b"x")
    kit.put("good.edi", b"good", 1_770_000_001)
    result = kit.poll()
    assert result.taken == ["good.edi"] and len(result.failed) == 1
    assert [one.payload for one in kit.inbound.received] == [b"good"]
    assert len(kit.problems) == 1 and len(kit.left()) == 2
    assert any(name.endswith(".reason.txt") for name in kit.left())


def test_an_empty_file_becomes_a_held_transmission(kit: Kit) -> None:
    kit.put("a.edi", b"")
    kit.poll()
    failure = kit.inbound.received[0].failure
    assert failure is not None and failure.fault == "malformed"


def test_half_an_interchange_is_given_three_looks_to_grow(kit: Kit) -> None:
    kit.put("a.edi", b"ISA*half")
    assert [kit.poll().taken for _ in range(3)] == [[], [], ["a.edi"]]


def test_what_is_written_after_the_file_was_stored_is_taken_too(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    kit.put("a.edi", b"first")

    def write_more(point: str) -> None:
        if point == "folder.after_store":
            (claimed,) = (kit.inn / "work").iterdir()
            claimed.write_bytes(b"first and more")

    with monkeypatch.context() as patch:
        patch.setattr(poller, "fault_point", write_more)
        kit.poll()
    kit.poll()
    assert [one.payload for one in kit.inbound.received] == [b"first", b"first and more"] and kit.left() == []


def test_one_bad_file_never_holds_up_the_others(kit: Kit) -> None:
    def refuse(received: Received) -> None:
        if received.filename == "a.edi":
            raise ValueError("odd content")

    kit.inbound.raises = refuse
    kit.put("a.edi", b"1", 1)
    kit.put("b.edi", b"2", 2)
    assert kit.poll().taken == ["b.edi"]
    kit.poll()
    assert len(kit.problems) == 1 and "odd content" in kit.problems[0][2]
    kit.inbound.raises = lambda received: None
    assert kit.poll().taken == ["a.edi"]


def test_a_busy_store_ends_the_look_and_loses_nothing(kit: Kit) -> None:
    def busy(received: Received) -> None:
        raise StoreBusyError("The writer is busy.")

    kit.inbound.raises = busy
    kit.put("a.edi", b"1")
    assert kit.poll().stopped == "The writer is busy."
    kit.inbound.raises = lambda received: None
    assert kit.poll().taken == ["a.edi"]


def test_a_folder_of_ours_is_made_and_a_missing_foreign_one_is_told_once(kit: Kit, tmp_path: Path) -> None:
    kit.inn.rmdir()
    assert kit.poll().stopped == "" and kit.inn.is_dir()
    kit.settings["inbound"] = str(tmp_path / "not-mounted")
    assert "Check that it is there" in kit.poll().stopped
    kit.poll()
    assert len(kit.problems) == 1 and not (tmp_path / "not-mounted").exists()


def test_another_program_that_takes_the_file_first_wins(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    path = kit.put("a.edi")

    def taken(*arguments: object) -> str:
        path.unlink()
        return files.claim_name("a.edi", (1, 1, 1))

    monkeypatch.setattr(poller, "claim_name", taken)
    assert kit.poll() == FolderResult()


def test_the_poller_looks_by_itself_and_when_woken(kit: Kit) -> None:
    kit.put("a.edi", b"1")
    kit.poller.start()
    assert kit.inbound.came.wait(20)
    kit.inbound.came.clear()
    kit.put("b.edi", b"2")
    kit.seconds += 5
    assert kit.inbound.came.wait(20)
    kit.inbound.came.clear()
    kit.put("c.edi", b"3")
    kit.poller.wake()
    assert kit.inbound.came.wait(20)
    kit.poller.stop()
    assert kit.inbound.names == ["a.edi", "b.edi", "c.edi"]


def test_the_poller_outlives_a_directory_that_cannot_be_asked(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Event()
    real = kit.polled

    def once() -> list[FolderTarget]:
        if not asked.is_set():
            asked.set()
            raise RuntimeError("a fault of ours")
        return real()

    monkeypatch.setattr(kit, "polled", once)
    kit.put("a.edi", b"1")
    kit.poller.start()
    assert kit.inbound.came.wait(20)
    kit.poller.stop()


def test_a_partner_without_an_inbound_folder_is_not_looked_at(kit: Kit) -> None:
    del kit.settings["inbound"]
    assert "no folder.inbound" in kit.poll().stopped


def test_a_claimed_name_tells_the_name_it_came_under() -> None:
    assert files.original_name(files.claim_name("a--b.edi", (5, 6, 7))) == "a--b.edi"
    assert files.original_name("foreign.edi") == "foreign.edi"


# --- writing


def test_a_file_is_written_whole_under_its_name(kit: Kit) -> None:
    outcome = kit.send()
    assert outcome.outcome is Outcome.CONFIRMED
    (path,) = kit.out.iterdir()
    assert path.read_bytes() == b"body" and path.name.startswith("harbor-") and path.name.endswith(".edi")


def test_a_repeated_attempt_finds_its_file_and_writes_nothing(kit: Kit) -> None:
    kit.send()
    (path,) = kit.out.iterdir()
    before = path.stat()
    assert "already" in kit.send().reason
    assert path.stat() == before


def test_a_file_of_another_is_never_overwritten(kit: Kit) -> None:
    kit.send()
    (path,) = kit.out.iterdir()
    path.write_bytes(b"theirs")
    outcome = kit.send()
    assert outcome.outcome is Outcome.RETRY and path.read_bytes() == b"theirs"
    assert len(list(kit.out.iterdir())) == 1


def test_a_crash_after_the_file_appeared_doubles_nothing(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(name: str) -> None:
        raise CrashError

    with monkeypatch.context() as patch:
        patch.setattr(delivery_module, "fault_point", crash)
        with pytest.raises(CrashError):
            kit.send()
    assert kit.send().outcome is Outcome.CONFIRMED
    assert len(list(kit.out.iterdir())) == 1


@pytest.mark.parametrize("there", [True, False])
def test_a_file_system_without_links_gets_a_rename_that_overwrites_nothing(
    kit: Kit, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    def no_links(*arguments: object, **options: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    kit.out.mkdir()
    name = kit.delivery.prepare(kit.item()).headers[0][1]
    if there:
        (kit.out / name).write_bytes(b"theirs")
    assert kit.send().outcome is (Outcome.RETRY if there else Outcome.CONFIRMED)
    assert (kit.out / name).read_bytes() == (b"theirs" if there else b"body")


def test_a_folder_that_is_not_there_is_tried_again_and_never_made(kit: Kit, tmp_path: Path) -> None:
    kit.settings["outbound"] = str(tmp_path / "not-mounted")
    outcome = kit.send()
    assert outcome.outcome is Outcome.RETRY and "folder is there" in outcome.reason
    assert not (tmp_path / "not-mounted").exists()


def test_a_profile_without_a_folder_is_final(kit: Kit) -> None:
    wire = kit.delivery.prepare(kit.item())
    del kit.settings["outbound"]
    assert kit.delivery.deliver(kit.item(), wire).outcome is Outcome.FAILED
    kit.settings.clear()
    assert kit.delivery.deliver(kit.item(), wire).outcome is Outcome.FAILED


def test_folders_come_from_the_profiles_of_the_store(tmp_path: Path) -> None:
    def profile(code: str, **values: object) -> PartnerProfile:
        return PartnerProfile.model_validate({"code": code, "name": "N", "status": "live", **values})

    profiles = [
        profile("a", folder={"inbound": "x/in", "outbound": "/srv/out"}),
        profile("b", folder={"outbound": "out"}),
        profile("c"),
        profile("d", folder={"inbound": "in"}, status="draft"),
    ]
    with open_store(tmp_path / "gateway.db") as store:
        upgrade(store)
        store.writer.run(lambda session: registry.apply(session, profiles, "test", "set up", NOW))
        folders = StoredFolders(store, Directory(store.read), tmp_path)
        (target,) = folders.polled()
        assert (target.inbound, target.outbound) == (tmp_path / "x" / "in", Path("/srv/out"))
        assert target.may_make == {tmp_path / "x" / "in"}
        assert folders.for_partner("b").outbound == tmp_path / "out"
        with pytest.raises(LookupError, match="names no folder"):
            folders.for_partner("c")
