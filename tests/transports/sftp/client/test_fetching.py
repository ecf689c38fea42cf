"""Files are fetched from a real OpenSSH server once, whole, and removed only when they are stored."""

from __future__ import annotations

import os

import pytest

from gateway.messages.ports import Received
from gateway.store.errors import StoreBusyError
from gateway.transports.sftp.client import fetching
from tests.transports.sftp.client.clientkit import Kit, interchange, sha256


class CrashError(BaseException):
    """The process ends here."""


def test_a_file_is_stored_with_its_bytes_and_then_deleted(kit: Kit) -> None:
    kit.offer("order.edi", interchange())
    result = kit.poll()
    (received,) = kit.inbound.received
    assert result.fetched == ["order.edi"] and not result.failed and not result.stopped
    assert received.payload == interchange() and received.wire_sha256 == sha256(interchange())
    assert (received.transport, received.partner, received.filename) == ("sftp", "harbor", "order.edi")
    assert received.facts["host_key"] == kit.sshd.fingerprints[0]
    assert kit.listed(kit.out) == []


def test_files_come_in_the_order_of_their_times(kit: Kit) -> None:
    for number, name in enumerate(["c", "a", "b"]):
        kit.offer(name, interchange(number), 1_770_000_000 + number)
    kit.poll()
    assert kit.inbound.names == ["c", "a", "b"]


def test_a_large_file_arrives_whole(kit: Kit) -> None:
    body = os.urandom(9_000_001)
    kit.offer("large.bin", body)
    kit.poll()
    assert kit.inbound.payloads == [body]


def test_unfinished_hidden_and_foreign_names_and_directories_are_left_alone(kit: Kit) -> None:
    kit.agree(pattern="*.edi")
    for name in ("a.edi.tmp", ".a.edi", "readme.txt"):
        kit.offer(name, interchange())
    (kit.out / "d.edi").mkdir()
    (kit.out / "link.edi").symlink_to(kit.out / "readme.txt")
    assert kit.poll().fetched == []
    assert len(kit.listed(kit.out)) == 5


def test_a_name_that_breaks_our_rules_is_told_once_and_left_alone(kit: Kit) -> None:
    for name in (b"bad\nname.edi", b"caf\xe9.edi", b"x" * 201):
        (kit.out / os.fsdecode(name)).write_bytes(b"x")
    kit.offer("good.edi", interchange())
    assert [kit.poll().fetched, kit.poll().fetched] == [["good.edi"], []]
    assert len(kit.problems) == 3
    assert all(partner == "harbor" for partner, _, _ in kit.problems)


def test_a_file_above_the_limit_is_told_and_left_alone(kit: Kit) -> None:
    kit.agree(max_file_bytes=2000)
    kit.offer("huge.edi", b"x" * 2001)
    kit.offer("good.edi", interchange())
    result = kit.poll()
    assert result.fetched == ["good.edi"]
    assert "2,001 bytes" in kit.problems[0][2]


def test_a_growing_file_waits_until_it_looks_the_same_for_long_enough(kit: Kit) -> None:
    kit.agree(settle_seconds=60)
    kit.offer("order.edi", interchange()[:50])
    assert kit.poll().waiting == ["order.edi"]
    kit.pass_time(seconds=60)
    kit.offer("order.edi", interchange(), 1_770_000_060)
    assert kit.poll().waiting == ["order.edi"]
    kit.pass_time(seconds=59)
    assert kit.poll().waiting == ["order.edi"]
    kit.pass_time(seconds=1)
    assert kit.poll().fetched == ["order.edi"]


def test_a_new_file_is_looked_at_twice_in_one_session_when_the_time_is_short(kit: Kit) -> None:
    kit.agree(settle_seconds=0.01)
    kit.poller = kit.new_poller()
    kit.offer("order.edi", interchange())
    ticks = iter(range(100))
    kit.poller._monotonic = lambda: float(next(ticks))
    assert kit.poll().fetched == ["order.edi"]


def test_with_a_marker_only_marked_files_are_fetched_and_the_marker_goes_too(kit: Kit) -> None:
    kit.agree(inbound_marker=".done")
    kit.offer("a.edi", interchange(1))
    kit.offer("b.edi", interchange(2))
    kit.offer("b.edi.done", b"")
    assert kit.poll().fetched == ["b.edi"]
    assert kit.listed(kit.out) == ["a.edi"]


def test_a_fetched_file_is_moved_to_the_archive_under_a_free_name(kit: Kit) -> None:
    kit.agree(after_fetch="move")
    (kit.archive / "order.edi").write_bytes(b"an earlier one")
    kit.offer("order.edi", interchange())
    assert kit.poll().fetched == ["order.edi"]
    assert kit.listed(kit.out) == [] and len(kit.listed(kit.archive)) == 2
    assert (kit.archive / "order.edi").read_bytes() == b"an earlier one"


def test_a_file_that_stays_is_never_fetched_again_even_after_a_restart(kit: Kit) -> None:
    kit.agree(after_fetch="leave")
    kit.offer("order.edi", interchange())
    assert kit.poll().fetched == ["order.edi"]
    kit.restart()
    assert kit.poll().fetched == [] and not kit.inbound.duplicates
    kit.offer("order.edi", interchange(2), 1_770_000_009)
    assert kit.poll().fetched == ["order.edi"]
    assert len(kit.inbound.received) == 2


@pytest.mark.parametrize("after", ["delete", "move", "leave"])
def test_a_crash_between_the_store_and_the_after_action_doubles_nothing(
    kit: Kit, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.agree(after_fetch=after)
    kit.offer("order.edi", interchange())

    def crash(point: str) -> None:
        if point == "sftp_client.after_store":
            raise CrashError

    with monkeypatch.context() as patch:
        patch.setattr(fetching, "fault_point", crash)
        patch.setattr(fetching, "note_file", lambda *args, **values: None)
        with pytest.raises(CrashError):
            kit.poll()
    kit.restart()
    result = kit.poll()
    assert len(kit.inbound.received) == 1 and result.duplicates == ["order.edi"]
    assert (kit.listed(kit.out) == []) is (after != "leave")
    assert kit.poll().duplicates == []


def test_a_file_that_changes_while_it_is_read_waits_for_the_next_look(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = kit.offer("order.edi", interchange(1))
    read = fetching.read_bytes

    async def replaced(*arguments: object) -> bytes:
        path.write_bytes(interchange(2) + interchange(3))
        return await read(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(fetching, "read_bytes", replaced)
        assert kit.poll().waiting == ["order.edi"]
    assert kit.inbound.received == []
    assert kit.poll().fetched == ["order.edi"]
    assert kit.inbound.payloads == [interchange(2) + interchange(3)]


def test_a_file_that_vanishes_after_the_listing_is_no_failure(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    kit.offer("a.edi", interchange(1))
    kit.offer("b.edi", interchange(2))
    real = fetching._Look._fetch

    async def vanish(self: fetching._Look, file: fetching.RemoteFile) -> bytes:
        (kit.out / "a.edi").unlink(missing_ok=True)
        return await real(self, file)

    monkeypatch.setattr(fetching._Look, "_fetch", vanish)
    result = kit.poll()
    assert (result.waiting, result.fetched, result.failed) == (["a.edi"], ["b.edi"], [])


def test_a_file_that_replaces_the_stored_one_is_not_deleted(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    kit.offer("order.edi", interchange(1))

    def replace(point: str) -> None:
        if point == "sftp_client.after_store":
            kit.offer("order.edi", interchange(2), 1_770_000_033)

    monkeypatch.setattr(fetching, "fault_point", replace)
    kit.poll()
    monkeypatch.undo()
    assert kit.poll().fetched == ["order.edi"]
    assert kit.inbound.payloads == [interchange(1), interchange(2)]


def test_half_an_interchange_is_given_three_looks_to_grow_and_then_taken_as_it_is(kit: Kit) -> None:
    half = interchange()[:150]
    kit.offer("half.edi", half)
    assert [kit.poll().waiting for _ in range(2)] == [["half.edi"]] * 2
    assert kit.poll().fetched == ["half.edi"]
    assert kit.inbound.payloads == [half]


def test_an_empty_file_becomes_a_held_transmission(kit: Kit) -> None:
    kit.offer("empty.edi", b"")
    kit.poll()
    (received,) = kit.inbound.received
    assert received.failure is not None and received.failure.fault == "malformed"


def test_one_bad_file_never_holds_up_the_others_and_is_told_after_three_failures(kit: Kit) -> None:
    def refuse(received: Received) -> Exception | None:
        return ValueError("odd content") if received.filename == "bad.edi" else None

    kit.inbound.raises = refuse
    kit.offer("bad.edi", interchange(1), 1)
    kit.offer("good.edi", interchange(2), 2)
    assert kit.poll().fetched == ["good.edi"]
    kit.poll()
    assert kit.problems == []
    kit.poll()
    kit.poll()
    ((_, name, sentence),) = kit.problems
    assert name == "bad.edi" and "odd content" in sentence
    assert kit.listed(kit.out) == ["bad.edi"]


def test_a_file_that_we_may_not_read_is_a_failure_of_its_own(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncssh

    real = fetching._Look._fetch

    async def forbidden(self: fetching._Look, file: fetching.RemoteFile) -> bytes:
        if file.name == "a.edi":
            raise asyncssh.SFTPPermissionDenied("no")
        return await real(self, file)

    monkeypatch.setattr(fetching._Look, "_fetch", forbidden)
    kit.offer("a.edi", interchange(1))
    kit.offer("b.edi", interchange(2))
    result = kit.poll()
    assert result.fetched == ["b.edi"] and "does not permit" in result.failed[0][1]


def test_a_busy_store_ends_the_look_and_leaves_every_file(kit: Kit) -> None:
    kit.inbound.raises = lambda received: StoreBusyError("The writer is busy.")
    kit.offer("a.edi", interchange(1))
    kit.offer("b.edi", interchange(2))
    assert kit.poll().stopped == "The writer is busy."
    assert kit.listed(kit.out) == ["a.edi", "b.edi"] and kit.problems == []


def test_a_file_that_cannot_be_removed_is_told_once_and_not_stored_twice(kit: Kit) -> None:
    kit.agree(after_fetch="move", archive=str(kit.home / "nowhere"))
    kit.offer("order.edi", interchange())
    assert kit.poll().fetched == ["order.edi"]
    assert kit.poll().duplicates == []
    kit.pass_time(hours=1)
    assert kit.poll().duplicates == ["order.edi"]
    assert len(kit.problems) == 1 and "stored here and cannot be moved" in kit.problems[0][2]
    assert len(kit.inbound.received) == 1


def test_files_no_longer_listed_are_forgotten_after_a_month(kit: Kit) -> None:
    from gateway.transports.sftp.client.seen import known_files

    kit.agree(after_fetch="leave")
    path = kit.offer("a.edi", interchange(1))
    kit.offer("b.edi", interchange(2))
    kit.poll()
    path.unlink()
    kit.pass_time(days=31)
    kit.poll()
    assert [key[0].rpartition("/")[2] for key in known_files(kit.store, "harbor")] == ["b.edi"]


def test_an_endless_directory_is_read_up_to_a_limit_and_told(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "MOST_ENTRIES", 5)
    for number in range(9):
        kit.offer(f"{number}.edi", interchange(number), number)
    while kit.listed(kit.out):
        assert len(kit.poll().fetched) <= 5
    assert len(kit.inbound.received) == 9 and "More than 5 entries" in kit.problems[0][2]
