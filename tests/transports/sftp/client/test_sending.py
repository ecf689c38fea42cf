"""A file is put so that the partner sees it whole or not at all, and never twice."""

from __future__ import annotations

import os

import asyncssh
import pytest

from gateway.messages.ports import Outcome
from gateway.transports.sftp.bandwidth import Bandwidth
from gateway.transports.sftp.client import sending
from gateway.transports.sftp.client.sending import Paths
from tests.transports.sftp.client.clientkit import Kit, interchange

NAME = "harbor_850_000000001_"


class CrashError(BaseException):
    """The process ends here."""


def only(kit: Kit) -> str:
    (name,) = kit.listed(kit.inn)
    return name


def test_a_file_stands_under_its_final_name_with_our_bytes(kit: Kit) -> None:
    outcome = kit.send()
    assert outcome.outcome is Outcome.CONFIRMED and "renamed" in outcome.reason
    assert only(kit).startswith(NAME) and only(kit).endswith(".edi")
    assert (kit.inn / only(kit)).read_bytes() == interchange()


def test_the_prepared_wire_is_the_payload_under_a_name_that_never_changes(kit: Kit) -> None:
    first, second = kit.delivery.prepare(kit.item()), kit.delivery.prepare(kit.item())
    assert first == second and first.body == interchange()
    assert first.headers[0][0] == "File-Name"


def test_a_large_file_arrives_whole(kit: Kit) -> None:
    body = os.urandom(5_000_003)
    assert kit.send(kit.item(body)).outcome is Outcome.CONFIRMED
    assert (kit.inn / only(kit)).read_bytes() == body


def test_what_is_there_already_is_not_sent_again(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    kit.send()

    async def never(*arguments: object) -> None:
        raise AssertionError("written again")

    monkeypatch.setattr(sending, "_write", never)
    outcome = kit.send()
    assert outcome.outcome is Outcome.CONFIRMED and "already" in outcome.reason


@pytest.mark.parametrize("point", ["sftp_client.before_rename", "sftp_client.after_rename"])
def test_a_crash_before_or_after_the_rename_leaves_one_whole_file_after_the_retry(
    kit: Kit, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(name: str) -> None:
        if name == point:
            raise CrashError

    with monkeypatch.context() as patch:
        patch.setattr(sending, "fault_point", crash)
        with pytest.raises(CrashError):
            kit.send()
    assert kit.send().outcome is Outcome.CONFIRMED
    assert (kit.inn / only(kit)).read_bytes() == interchange()


def test_a_left_over_unfinished_file_is_overwritten(kit: Kit) -> None:
    wire = kit.delivery.prepare(kit.item())
    (kit.inn / f"{wire.headers[0][1]}.tmp").write_bytes(b"x" * 5000)
    assert kit.send().outcome is Outcome.CONFIRMED
    assert (kit.inn / only(kit)).read_bytes() == interchange()


@pytest.mark.parametrize("other", [b"short", b"x" * len(interchange())])
def test_another_file_of_our_name_is_never_overwritten(kit: Kit, other: bytes) -> None:
    name = kit.delivery.prepare(kit.item()).headers[0][1]
    (kit.inn / name).write_bytes(other)
    outcome = kit.send()
    assert outcome.outcome is Outcome.RETRY and "waits until" in outcome.reason
    assert (kit.inn / name).read_bytes() == other


def test_it_is_replaced_where_the_profile_says_so(kit: Kit) -> None:
    kit.agree(replace_existing=True)
    name = kit.delivery.prepare(kit.item()).headers[0][1]
    (kit.inn / name).write_bytes(b"other")
    assert kit.send().outcome is Outcome.CONFIRMED
    assert (kit.inn / name).read_bytes() == interchange()


def test_it_is_replaced_by_removing_first_where_the_server_cannot_rename_over(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unknown(self: object, old: bytes, new: bytes) -> None:
        raise asyncssh.SFTPOpUnsupported("no")

    monkeypatch.setattr(asyncssh.SFTPClient, "posix_rename", unknown)
    kit.agree(replace_existing=True)
    name = kit.delivery.prepare(kit.item()).headers[0][1]
    assert kit.send().outcome is Outcome.CONFIRMED
    (kit.inn / name).write_bytes(b"other")
    assert kit.send().outcome is Outcome.CONFIRMED
    assert (kit.inn / name).read_bytes() == interchange()


def test_the_unfinished_file_may_have_another_name_or_directory() -> None:
    from gateway.transports.sftp.client.target import Push

    usual = Push("in", "t", "", ".tmp", None, replace_existing=False, marker=None)
    assert Paths.of(usual, "a.edi") == Paths(b"in/a.edi", b"in/a.edi.tmp")
    hidden = Push("in/", "t", ".", "", None, replace_existing=False, marker=None)
    assert Paths.of(hidden, "a.edi") == Paths(b"in/a.edi", b"in/.a.edi")
    apart = Push("/in", "t", "", "", "/staging", replace_existing=False, marker=None)
    assert Paths.of(apart, "a.edi") == Paths(b"/in/a.edi", b"/staging/a.edi")
    none = Push("", "t", "", "", None, replace_existing=False, marker=None)
    assert Paths.of(none, "a.edi").direct


def test_without_an_unfinished_name_the_file_is_written_in_place_and_mended_by_a_retry(kit: Kit) -> None:
    kit.agree(temporary_suffix="")
    name = kit.delivery.prepare(kit.item()).headers[0][1]
    (kit.inn / name).write_bytes(interchange()[:20])
    assert kit.send().outcome is Outcome.CONFIRMED
    assert (kit.inn / name).read_bytes() == interchange()


def test_the_marker_is_written_last_and_made_up_for_by_a_retry(kit: Kit) -> None:
    kit.agree(outbound_marker=".done")
    kit.send()
    name = kit.delivery.prepare(kit.item()).headers[0][1]
    assert kit.listed(kit.inn) == [name, f"{name}.done"]
    (kit.inn / f"{name}.done").unlink()
    kit.send()
    assert kit.listed(kit.inn) == [name, f"{name}.done"]


def test_a_missing_directory_is_final_and_says_what_to_compare(kit: Kit) -> None:
    kit.agree(outbound=str(kit.home / "nowhere"))
    outcome = kit.send()
    assert outcome.outcome is Outcome.FAILED and "no such file or directory" in outcome.reason


def test_a_file_taken_at_once_by_the_partner_is_confirmed(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    def take(point: str) -> None:
        if point == "sftp_client.after_rename":
            (kit.inn / only(kit)).unlink()

    monkeypatch.setattr(sending, "fault_point", take)
    outcome = kit.send()
    assert outcome.outcome is Outcome.CONFIRMED and "taken at once" in outcome.reason


@pytest.mark.parametrize(("point", "words"), [("before_rename", "bytes of"), ("after_rename", "after it was renamed")])
def test_a_wrong_size_is_tried_again(kit: Kit, monkeypatch: pytest.MonkeyPatch, point: str, words: str) -> None:
    real = sending._write

    async def short(sftp: asyncssh.SFTPClient, path: bytes, body: bytes, bandwidth: Bandwidth) -> None:
        await real(sftp, path, body[:-1] if point == "before_rename" else body, bandwidth)

    def grow(name: str) -> None:
        if name == f"sftp_client.{point}":
            (kit.inn / only(kit)).write_bytes(b"x")

    monkeypatch.setattr(sending, "_write", short)
    monkeypatch.setattr(sending, "fault_point", grow)
    outcome = kit.send()
    assert outcome.outcome is Outcome.RETRY and words in outcome.reason


def test_a_server_that_lets_us_not_read_is_believed_by_size(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    kit.send()
    real = asyncssh.SFTPClient.open

    def no_reading(self: asyncssh.SFTPClient, path: bytes, mode: str, *rest: object) -> object:
        if mode == "rb":
            raise asyncssh.SFTPPermissionDenied("write only")
        return real(self, path, mode, *rest)

    monkeypatch.setattr(asyncssh.SFTPClient, "open", no_reading)
    assert "already" in kit.send().reason


# --- connections


def test_the_next_file_goes_over_the_same_connection(kit: Kit) -> None:
    kit.send(kit.item(key="a"))
    first = kit.delivery._kept["harbor"].session
    kit.send(kit.item(key="b"))
    assert kit.delivery._kept["harbor"].session is first


def test_a_dead_connection_is_replaced_within_the_attempt(kit: Kit) -> None:
    kit.send(kit.item(key="a"))
    kit.delivery._kept["harbor"].session.connection.abort()
    assert kit.send(kit.item(key="b")).outcome is Outcome.CONFIRMED


def test_a_changed_profile_gets_a_new_connection(kit: Kit) -> None:
    kit.send(kit.item(key="a"))
    first = kit.delivery._kept["harbor"].session
    kit.agree(temporary_suffix=".part")
    kit.send(kit.item(key="b"))
    assert kit.delivery._kept["harbor"].session is not first


def test_an_idle_connection_is_closed(kit: Kit) -> None:
    kit.delivery._idle_seconds = 0
    kit.send()
    session = None
    kit.delivery._thread.call(_nothing())
    assert kit.delivery._kept == {} and session is None


async def _nothing() -> None:
    import asyncio

    await asyncio.sleep(0)


def test_a_connection_that_ends_during_the_work_is_a_retry(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(point: str) -> None:
        if point == "sftp_client.before_rename":
            raise asyncssh.SFTPConnectionLost("gone")

    with monkeypatch.context() as patch:
        patch.setattr(sending, "fault_point", cut)
        outcome = kit.send()
    assert outcome.outcome is Outcome.RETRY and "ended while" in outcome.reason
    assert kit.send().outcome is Outcome.CONFIRMED


def test_a_partner_without_a_server_is_final(kit: Kit) -> None:
    wire = kit.delivery.prepare(kit.item())
    kit.agree(host=None)
    assert kit.delivery.deliver(kit.item(), wire).outcome is Outcome.FAILED


def test_a_missing_secret_is_a_retry_with_its_reason(kit: Kit) -> None:
    kit.targets.secrets.clear()
    outcome = kit.send()
    assert outcome.outcome is Outcome.RETRY and "missing" in outcome.reason
