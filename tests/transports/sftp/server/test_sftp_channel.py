"""The requests of a channel: answered in their order, at once where they can be, and none after its end."""

from __future__ import annotations

import asyncio
import errno
import threading
from contextlib import contextmanager

import asyncssh
import pytest
from asyncssh.constants import (
    FX_BAD_MESSAGE,
    FX_FAILURE,
    FX_OK,
    FX_OP_UNSUPPORTED,
    FXP_ATTRS,
    FXP_CLOSE,
    FXP_EXTENDED,
    FXP_HANDLE,
    FXP_INIT,
    FXP_NAME,
    FXP_OPEN,
    FXP_READ,
    FXP_READLINK,
    FXP_REALPATH,
    FXP_STAT,
    FXP_STATUS,
    FXP_VERSION,
    FXP_WRITE,
)
from asyncssh.packet import String, UInt32, UInt64
from sftpkit import ORDER, account, order, running

#: WRITE | CREAT | TRUNC, and no attributes.
_FRESH = UInt32(0x1A) + UInt32(0)
#: The handles that a session gives, in order.
_FIRST, _SECOND = String(UInt64(1)), String(UInt64(2))


def request(kind: int, number: int, *fields: bytes) -> bytes:
    return String(bytes([kind]) + UInt32(number) + b"".join(fields))


def upload(number: int, name: str, handle: bytes, body: bytes, *, close: bool = True) -> bytes:
    """OPEN, WRITE and CLOSE of one file, without waiting for any answer."""
    parts = [
        request(FXP_OPEN, number, String(name), _FRESH),
        request(FXP_WRITE, number + 1, handle, UInt64(0), String(body)),
    ]
    return b"".join(parts + [request(FXP_CLOSE, number + 2, handle)] * close)


class Raw:
    """A channel on which we write our own packets."""

    def __init__(self, writer, reader) -> None:
        self.writer, self._reader = writer, reader

    async def answer(self) -> tuple[int, int, bytes]:
        """(type, request number, the rest) of the next answer."""
        size = int.from_bytes(await self._reader.readexactly(4), "big")
        packet = await self._reader.readexactly(size)
        return packet[0], int.from_bytes(packet[1:5], "big"), packet[5:]

    async def answers(self, count: int) -> list[tuple[int, int, bytes]]:
        return [await self.answer() for _ in range(count)]


def on_channel(server, work, *, greeting: bytes = String(bytes([FXP_INIT]) + UInt32(3))):
    """Run ``work(raw)`` on a fresh channel; (its value, the exit status)."""

    async def run():
        async with asyncio.timeout(40), server.asyncssh() as connection:
            writer, reader, _ = await connection.open_session(subsystem="sftp", encoding=None)
            raw = Raw(writer, reader)
            writer.write(greeting)
            value = await work(raw)
            writer.write_eof()
            await writer.channel.wait_closed()
            return value, writer.channel.get_exit_status()

    return server.call(run()).result(60)


def test_the_third_version_is_spoken_whatever_the_client_knows(server) -> None:
    async def greet(raw: Raw):
        return await raw.answer()

    for known in (3, 6):
        (kind, spoken, extensions), status = on_channel(
            server, greet, greeting=String(bytes([FXP_INIT]) + UInt32(known) + String("newline") + String("\n"))
        )
        assert (kind, spoken, status) == (FXP_VERSION, 3, 0)
        assert b"limits@openssh.com" in extensions
        assert b"hardlink" not in extensions


def test_requests_that_come_together_are_answered_in_their_order(server) -> None:
    async def ask(raw: Raw):
        await raw.answer()
        together = [request(FXP_REALPATH, number, String(f"in/{number}")) for number in range(200)]
        raw.writer.write(
            b"".join(together) + upload(200, "in/a.edi", _FIRST, ORDER) + request(FXP_STAT, 203, String("in/a.edi"))
        )
        return await raw.answers(204)

    found, status = on_channel(server, ask)
    assert status == 0
    assert [number for _, number, _ in found] == list(range(204))
    assert [kind for kind, _, _ in found[199:]] == [FXP_NAME, FXP_HANDLE, FXP_STATUS, FXP_STATUS, FXP_ATTRS]
    assert int.from_bytes(found[203][2][4:12], "big") == len(ORDER), "what comes after a CLOSE sees what it did"
    assert server.inbound.names == ["a.edi"]


def test_while_a_commit_is_waited_for_the_client_may_send_and_no_more_is_kept_than_there_is_room_for(server) -> None:
    may_go_on, begun = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        assert may_go_on.wait(30)

    server.inbound.before = wait
    body = order(2, 200_000)

    async def flood(raw: Raw):
        await raw.answer()
        raw.writer.write(upload(0, "in/a.edi", _FIRST, ORDER))
        assert await asyncio.to_thread(begun.wait, 20)
        parts = [request(FXP_WRITE, 10 + n, _SECOND, UInt64(0), String(body)) for n in range(30)]
        raw.writer.write(request(FXP_OPEN, 9, String("in/b.edi"), _FRESH) + b"".join(parts))
        raw.writer.write(request(FXP_CLOSE, 40, _SECOND))
        (session,) = server.listener.door.sessions
        while session.channel._recv_paused is not True:
            await asyncio.sleep(0.001)
        may_go_on.set()
        return await raw.answers(35)

    found, status = on_channel(server, flood)
    assert [number for _, number, _ in found] == [0, 1, 2, 9, *range(10, 41)]
    assert all(kind == FXP_HANDLE or rest[:4] == UInt32(FX_OK) for kind, _, rest in found)
    assert status == 0
    assert [received.payload for received in server.inbound.received] == [ORDER, body]


def test_what_was_sent_before_the_end_is_answered_and_what_is_open_then_is_cut(server) -> None:
    async def half(raw: Raw):
        await raw.answer()
        raw.writer.write(upload(0, "in/a.edi", _FIRST, ORDER))
        raw.writer.write(upload(3, "in/b.edi", _SECOND, ORDER, close=False))
        raw.writer.write_eof()
        return await raw.answers(5)

    found, status = on_channel(server, half)
    assert [number for _, number, _ in found] == [0, 1, 2, 3, 4]
    assert status == 0
    server.until(lambda: not server.listener.door.sessions)
    assert server.inbound.names == ["a.edi"]
    assert server.states() == {"a.edi": "received", "b.edi": "aborted"}


@contextmanager
def blocked(server):
    """The store's writer does nothing before ``let_go`` is called."""
    begun, may_go_on = threading.Event(), threading.Event()

    def wait(_session) -> None:
        begun.set()
        assert may_go_on.wait(30)

    done = server.mailbox.store.writer.submit(wait)
    assert begun.wait(20)
    try:
        yield may_go_on.set
    finally:
        may_go_on.set()
        done.result(20)


def read_whole(number: int, name: str, handle: bytes) -> bytes:
    """OPEN, READ and CLOSE of one file, without waiting for any answer."""
    return (
        request(FXP_OPEN, number, String(name), UInt32(1) + UInt32(0))
        + request(FXP_READ, number + 1, handle, UInt64(0), UInt32(100_000))
        + request(FXP_CLOSE, number + 2, handle)
    )


def test_what_comes_while_a_collection_is_recorded_waits_and_none_of_it_is_lost(server) -> None:
    server.offer("a.edi", ORDER)
    body = order(2, 200_000)

    async def ask(raw: Raw):
        await raw.answer()
        with blocked(server) as let_go:
            raw.writer.write(read_whole(0, "out/a.edi", _FIRST))
            first = await raw.answers(2)
            parts = [request(FXP_WRITE, 10 + n, _SECOND, UInt64(0), String(body)) for n in range(30)]
            raw.writer.write(request(FXP_OPEN, 9, String("in/b.edi"), _FRESH) + b"".join(parts))
            raw.writer.write(request(FXP_CLOSE, 40, _SECOND))
            (session,) = server.listener.door.sessions
            while session.channel._recv_paused is not True:
                await asyncio.sleep(0.001)
            assert server.collected.seen == []
            let_go()
            return first + await raw.answers(33)

    found, status = on_channel(server, ask)
    assert [number for _, number, _ in found] == [0, 1, 2, 9, *range(10, 41)]
    assert status == 0
    assert server.collected.seen == [("acme", "tx-a.edi")]
    assert [received.payload for received in server.inbound.received] == [body]


@pytest.mark.parametrize("how", ["eof", "abort"])
def test_a_client_that_goes_while_its_collection_is_recorded_has_collected_once(server, how: str) -> None:
    server.offer("a.edi", ORDER)

    async def ask() -> None:
        async with asyncio.timeout(40), server.asyncssh() as connection:
            writer, reader, _ = await connection.open_session(subsystem="sftp", encoding=None)
            raw = Raw(writer, reader)
            writer.write(String(bytes([FXP_INIT]) + UInt32(3)))
            await raw.answer()
            with blocked(server) as let_go:
                writer.write(read_whole(0, "out/a.edi", _FIRST))
                await raw.answers(2)
                (session,) = server.listener.door.sessions
                if how == "eof":
                    writer.write_eof()
                    while session.channel._recv_state == "open":
                        await asyncio.sleep(0.001)
                else:
                    connection.abort()
                    while not session.over:
                        await asyncio.sleep(0.001)
                let_go()

    server.call(ask()).result(60)
    server.until(lambda: not server.listener.door.sessions)
    assert server.collected.seen == [("acme", "tx-a.edi")]
    assert server.states("out") == {}
    assert server.states("archive/20260301") == {"a.edi": "collected"}


def test_a_collection_that_cannot_be_recorded_is_told_and_the_file_stays(server, monkeypatch) -> None:
    server.offer("a.edi", ORDER)

    def full(*_arguments) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(server.collected, "collected", full)

    async def ask(raw: Raw):
        await raw.answer()
        raw.writer.write(read_whole(0, "out/a.edi", _FIRST) + request(FXP_STAT, 3, String("out/a.edi")))
        return await raw.answers(4)

    (*_, closed, known), status = on_channel(server, ask)
    assert closed[0] == FXP_STATUS
    assert closed[2][:4] == UInt32(FX_FAILURE)
    assert known[0] == FXP_ATTRS
    assert status == 0
    assert server.states("out") == {"a.edi": "available"}


@pytest.mark.parametrize("greeting", [String(b""), String(b"\x03" + UInt32(3)), UInt32(1 << 30), String(b"\x01\x00")])
def test_who_does_not_greet_as_the_protocol_says_is_shown_out(server, greeting: bytes) -> None:
    async def nothing(_raw: Raw) -> None:
        """No answer comes."""

    assert on_channel(server, nothing, greeting=greeting) == (None, 1)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (request(99, 1), FX_OP_UNSUPPORTED),
        (request(FXP_READLINK, 1, String("in")), FX_OP_UNSUPPORTED),
        (request(FXP_EXTENDED, 1, String("copy-data")), FX_OP_UNSUPPORTED),
        (request(FXP_EXTENDED, 1), FX_BAD_MESSAGE),
        (request(FXP_STAT, 1, String("in"), b"x"), FX_BAD_MESSAGE),
        (request(FXP_OPEN, 1, String("in/a.edi"), UInt32(0x1A), UInt32(0x100)), FX_BAD_MESSAGE),
    ],
)
def test_a_request_that_is_none_of_ours_is_answered_and_the_session_goes_on(server, asked: bytes, code: int) -> None:
    async def ask(raw: Raw):
        await raw.answer()
        raw.writer.write(asked + request(FXP_REALPATH, 2, String(".")))
        return await raw.answers(2)

    ((kind, number, rest), after), status = on_channel(server, ask)
    assert (kind, number, int.from_bytes(rest[:4], "big")) == (FXP_STATUS, 1, code)
    assert after[:2] == (FXP_NAME, 2)
    assert status == 0


def test_there_is_no_shell_no_command_and_no_other_subsystem(server) -> None:
    async def ask(**what: object) -> None:
        async with server.asyncssh() as connection:
            await connection.create_process(**what)

    for what in ({}, {"command": "id"}, {"subsystem": "netconf"}, {"command": "scp -t /in"}):
        with pytest.raises(asyncssh.Error):
            server.call(ask(**what)).result(20)


def test_a_connection_has_a_bounded_number_of_channels_whether_they_are_used_or_not(server) -> None:
    async def crowd() -> int:
        async with server.asyncssh():
            login = next(iter(server.listener._connections)).get_extra_info("gateway_login")
            for number in range(100):
                try:
                    login.session_requested()
                except asyncssh.ChannelOpenError:
                    return number
            return 100

    assert server.call(crowd()).result(20) == server.listener.limits.channels + 1


def test_an_unexpected_failure_is_told_by_a_reference_only(store, tmp_path, monkeypatch, caplog) -> None:
    def broken(*_arguments: object) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr("gateway.transports.sftp.server.requests.shown_path", broken)
    with (
        running(store, tmp_path, account()) as server,
        server.paramiko() as sftp,
        pytest.raises(OSError, match=r"could not do this now \(reference [0-9a-f]{8}\)") as told,
    ):
        sftp.normalize("/in")
    assert "secret" not in str(told.value)
    assert "secret inside" in caplog.text
