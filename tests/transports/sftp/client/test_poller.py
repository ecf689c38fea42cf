"""Partners are looked at on their schedules, a few at a time, and stopping loses nothing."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import asyncssh
import pytest

from gateway.messages.ports import Received
from gateway.partners import registry
from gateway.partners.directory import Directory
from gateway.partners.profile import PartnerProfile
from gateway.store.engine import Store
from gateway.store.secrets import Kek, create_kek, put_secret
from gateway.transports.sftp.client import StoredTargets, fetching
from gateway.transports.sftp.client.listing import RemoteFile, in_pause, join, read_listing, settled
from gateway.transports.sftp.client.loop import LoopThread
from gateway.transports.sftp.client.target import Pull
from tests.transports.sftp.client.clientkit import NOW, Kit, interchange

PULL = Pull("out", "*", ("*.tmp", ".*"), None, 10.0, 1000, "delete", None, 300.0)


def test_the_poller_fetches_what_lies_there_and_comes_again_when_woken(kit: Kit) -> None:
    kit.offer("a.edi", interchange(1))
    kit.poller.start()
    assert kit.inbound.came.wait(20)
    kit.inbound.came.clear()
    kit.offer("b.edi", interchange(2))
    kit.poller.wake("somebody-else")
    kit.poller.wake("harbor")
    assert kit.inbound.came.wait(20)
    kit.poller.stop()
    assert kit.inbound.names == ["a.edi", "b.edi"]


def test_a_partner_is_looked_at_again_after_its_interval(kit: Kit) -> None:
    kit.poller.start()
    looked = threading.Event()
    real = kit.targets.credentials
    kit.targets.credentials = lambda target: looked.set() or real(target)
    kit.poller.wake()
    assert looked.wait(20)
    kit.offer("a.edi", interchange(1))
    kit.pass_time(seconds=301)
    assert kit.inbound.came.wait(20)
    kit.poller.stop()


def test_stopping_finishes_the_file_in_hand_and_begins_no_other(kit: Kit) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(received: Received) -> None:
        begun.set()
        assert go_on.wait(20)

    kit.inbound.raises = slow
    kit.offer("a.edi", interchange(1), 1)
    kit.offer("b.edi", interchange(2), 2)
    kit.poller.start()
    assert begun.wait(20)
    stopper = threading.Thread(target=kit.poller.stop)
    stopper.start()
    assert kit.poller._stopping is not None
    while not kit.poller._stopping.is_set():
        begun.wait(0.01)
    go_on.set()
    stopper.join(20)
    assert kit.inbound.names == ["a.edi"] and kit.listed(kit.out) == ["b.edi"]


def test_two_looks_at_one_partner_never_happen_together(kit: Kit) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(received: Received) -> None:
        begun.set()
        assert go_on.wait(20)

    kit.inbound.raises = slow
    kit.offer("a.edi", interchange(1))
    results = []
    first = threading.Thread(target=lambda: results.append(kit.poll()))
    first.start()
    assert begun.wait(20)
    assert "under way already" in kit.poll().stopped
    go_on.set()
    first.join(20)
    assert results[0].fetched == ["a.edi"] and not kit.inbound.duplicates


def test_a_partner_that_only_receives_is_never_looked_at(kit: Kit) -> None:
    kit.agree(fetch=False)
    assert kit.targets.polled() == []
    assert "no files are fetched" in kit.poll().stopped


def test_a_missing_directory_counts_as_a_failure_and_names_it(kit: Kit) -> None:
    kit.agree(inbound=str(kit.home / "nowhere"))
    assert "nowhere" in kit.poll().stopped and "no such file" in kit.poll().stopped


def test_a_connection_lost_in_the_middle_keeps_what_was_stored(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    kit.offer("a.edi", interchange(1), 1)
    kit.offer("b.edi", interchange(2), 2)

    def cut(point: str) -> None:
        if point == "sftp_client.before_store" and kit.inbound.received:
            raise asyncssh.SFTPConnectionLost("gone")

    with monkeypatch.context() as patch:
        patch.setattr(fetching, "fault_point", cut)
        assert "connection was lost" in kit.poll().stopped
    assert kit.inbound.names == ["a.edi"] and kit.listed(kit.out) == ["b.edi"]
    assert kit.poll().fetched == ["b.edi"]


def test_a_fault_with_one_partner_does_not_end_the_poller(kit: Kit) -> None:
    def broken(target: object) -> None:
        raise RuntimeError("a fault of ours")

    real, kit.targets.credentials = kit.targets.credentials, broken
    assert "log of the gateway" in kit.poll().stopped
    kit.targets.credentials = real
    kit.offer("a.edi", interchange(1))
    assert kit.poll().fetched == ["a.edi"]


def test_the_poller_outlives_a_store_that_cannot_be_read(kit: Kit) -> None:
    failed = threading.Event()
    real = kit.targets.polled

    def once() -> list:
        if not failed.is_set():
            failed.set()
            raise OSError("disk")
        return real()

    kit.targets.polled = once
    kit.offer("a.edi", interchange(1))
    kit.poller.start()
    assert kit.inbound.came.wait(20) and failed.is_set()


def test_no_looks_are_taken_in_the_pauses_of_the_partners_day(kit: Kit) -> None:
    kit.agree(poll_not_during=["08:00-09:00"])
    assert in_pause(kit.targets.polled()[0].pull, NOW)
    looked = threading.Event()
    kit.targets.credentials = lambda target: looked.set()
    asked, real = threading.Semaphore(0), kit.targets.polled

    def polled() -> list:
        asked.release()
        return real()

    kit.targets.polled = polled
    kit.poller.start()
    for _ in range(3):
        assert asked.acquire(timeout=20)
    kit.poller.stop()
    assert not looked.is_set()


@pytest.mark.parametrize(
    ("span", "zone", "hour", "paused"),
    [
        ("08:00-09:00", "UTC", 8, True),
        ("08:00-09:00", "UTC", 9, False),
        ("22:00-06:00", "UTC", 23, True),
        ("22:00-06:00", "UTC", 5, True),
        ("22:00-06:00", "UTC", 6, False),
        ("08:00-09:00", "America/Chicago", 14, True),
    ],
)
def test_a_pause_is_a_span_of_the_partners_own_day(span: str, zone: str, hour: int, paused: bool) -> None:
    pull = Pull("o", "*", (), None, 0, 1, "leave", None, 60, (span,), zone)
    assert in_pause(pull, datetime(2026, 1, 15, hour, 30 if paused else 0, tzinfo=UTC)) is paused


# --- pure parts


def test_a_file_is_complete_when_two_looks_far_enough_apart_agree() -> None:
    file = RemoteFile("a", 5, 100)
    sightings, ready = settled({}, [file], 0.0, PULL)
    assert ready == []
    sightings, ready = settled(sightings, [file], 9.9, PULL)
    assert ready == []
    assert settled(sightings, [file], 10.0, PULL)[1] == [file]
    grown = RemoteFile("a", 6, 100)
    sightings, ready = settled(sightings, [grown], 10.0, PULL)
    assert ready == [] and sightings["a"].since == 10.0


def test_a_server_that_tells_no_kind_of_file_is_believed() -> None:
    entries = [
        asyncssh.SFTPName(b".", attrs=asyncssh.SFTPAttrs(size=1)),
        asyncssh.SFTPName("a.edi", attrs=asyncssh.SFTPAttrs(size=1)),
        asyncssh.SFTPName(b"d", attrs=asyncssh.SFTPAttrs(permissions=0o040755)),
        asyncssh.SFTPName(b"e", attrs=asyncssh.SFTPAttrs(permissions=0o644, type=asyncssh.FILEXFER_TYPE_DIRECTORY)),
    ]
    assert [file.name for file in read_listing(entries, PULL).files] == ["a.edi"]


@pytest.mark.parametrize(
    ("directory", "path"), [("", b"n"), ("/", b"/n"), ("out", b"out/n"), ("out/", b"out/n"), ("/a/b", b"/a/b/n")]
)
def test_paths_are_joined_as_the_partner_writes_directories(directory: str, path: bytes) -> None:
    assert join(directory, "n") == path


def test_the_loop_thread_ends_what_still_runs_and_starts_again() -> None:
    import asyncio

    thread = LoopThread("test")
    waiting = thread.submit(asyncio.Event().wait())
    thread.stop()
    assert waiting.cancelled()

    async def value() -> int:
        return 7

    assert thread.call(value()) == 7
    thread.stop()
    thread.stop()


# --- targets from the store


@pytest.fixture
def kek(tmp_path) -> Kek:
    return create_kek(tmp_path / "kek")


def stored(store: Store, kek: Kek, *profiles: dict[str, object]) -> StoredTargets:
    made = [PartnerProfile.model_validate({"name": "N", "status": "live", **one}) for one in profiles]
    store.writer.run(lambda session: registry.apply(session, made, "test", "set up", NOW))
    return StoredTargets(store, kek, Directory(store.read))


def test_targets_follow_the_profiles_of_the_store(store: Store, kek: Kek) -> None:
    sftp = {"host": "sftp.harbor.example", "user": "us"}
    targets = stored(
        store,
        kek,
        {"code": "a", "sftp": sftp},
        {"code": "b", "sftp": {**sftp, "inbound": "b"}, "status": "draft"},
        {"code": "c"},
        {"code": "d", "sftp": {**sftp, "fetch": False}},
        {"code": "e", "sftp": {"host": "h"}},
        {"code": "f", "sftp": {**sftp, "inbound": "f"}, "status": "paused"},
    )
    assert [target.partner for target in targets.polled()] == ["a", "f"]
    assert targets.polled()[0] is targets.polled()[0]
    stored(store, kek, {"code": "a", "sftp": {**sftp, "port": 2222}})
    assert (targets.polled()[0].port, targets.polled()[0].version) == (2222, 2)
    assert targets.for_partner("a").place == "sftp.harbor.example:2222"
    for code, words in (("c", "names no SFTP server"), ("nobody", "names no SFTP server")):
        with pytest.raises(LookupError, match=words):
            targets.for_partner(code)


def test_credentials_are_opened_from_the_stored_secrets(store: Store, kek: Kek) -> None:
    sftp = {"host": "h", "user": "us", "password": {"secret": "pw"}, "key": {"secret": "key"}}
    targets = stored(store, kek, {"code": "a", "sftp": sftp})
    with pytest.raises(ValueError, match="cannot be read"):
        targets.credentials(targets.for_partner("a"))
    for name, value in (("pw", b"secret word"), ("key", b"PEM")):
        store.writer.run(
            lambda session, name=name, value=value: put_secret(session, kek, name, value, kind="password", now=NOW)
        )
    credentials = targets.credentials(targets.for_partner("a"))
    assert (credentials.password, credentials.key) == ("secret word", b"PEM")
    assert "secret word" not in repr(credentials)
