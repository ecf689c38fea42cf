"""Connections that break: what was open is never processed, and the partner can go on with it."""

from __future__ import annotations

import socket
import struct

import asyncssh
import pytest
from sftpkit import ORDER, account, order, running

from gateway.transports.sftp.server.housekeeping import recover
from gateway.transports.sftp.server.mailbox import Entry, FileState, Mailbox

BIG = order(8, 900_000)


def cut(sftp) -> None:
    """Reset the connection: no CLOSE, no channel end, no FIN."""
    sock = sftp.sock.get_transport().sock
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def start_upload(server, body: bytes, part: int) -> None:
    with server.paramiko() as sftp:
        file = sftp.open("/in/po.edi", "wb")
        file.write(body[:part])
        file.flush()
        assert sftp.stat("/in/po.edi").st_size == part
        cut(sftp)
    server.until(lambda: not server.listener.door.sessions)


@pytest.mark.parametrize(("body", "part"), [(ORDER, 100), (ORDER, len(ORDER)), (BIG, 500_000), (BIG, len(BIG))])
def test_a_reset_in_the_middle_or_after_the_last_byte_is_aborted_and_can_be_resumed(server, body, part) -> None:
    start_upload(server, body, part)
    assert server.inbound.received == []
    assert server.states() == {"po.edi": "aborted"}
    with server.paramiko() as sftp:
        # One byte less than what came, so that a client that compares sizes always has something left to send.
        assert sftp.stat("/in/po.edi").st_size == part - 1
        with sftp.open("/in/po.edi", "ab") as file:
            file.write(body[part - 1 :])
    (received,) = server.inbound.received
    assert received.payload == body
    assert received.failure is None
    assert received.facts["resumed_at"] == part - 1
    assert list(server.mailbox.staging.iterdir()) == []


def test_a_channel_closed_without_closing_its_file_is_aborted(server) -> None:
    async def close_channel() -> None:
        async with server.asyncssh() as connection:
            sftp = await connection.start_sftp_client()
            file = await sftp.open("/in/po.edi", "wb")
            await file.write(ORDER)
            sftp.exit()
            await sftp.wait_closed()

    server.call(close_channel()).result(20)
    server.until(lambda: not server.listener.door.sessions)
    assert server.inbound.received == []
    assert server.states() == {"po.edi": "aborted"}


def test_a_fresh_upload_over_a_cut_one_starts_from_nothing(server) -> None:
    start_upload(server, BIG, 500_000)
    with server.paramiko() as sftp, sftp.open("/in/po.edi", "wb") as file:
        file.write(ORDER)
    assert server.inbound.received[0].payload == ORDER


def test_an_upload_without_a_byte_leaves_nothing(server) -> None:
    with server.paramiko() as sftp:
        file = sftp.open("/in/po.edi", "wb")
        cut(sftp)
        del file
    server.until(lambda: not server.listener.door.sessions)
    assert server.states() == {}


def test_a_cut_upload_can_neither_be_renamed_into_a_message_nor_read_but_removed(server) -> None:
    start_upload(server, BIG, 500_000)
    with server.paramiko() as sftp:
        with pytest.raises(OSError, match="did not arrive whole"):
            sftp.rename("/in/po.edi", "/in/other.edi")
        sftp.remove("/in/po.edi")
        assert sftp.listdir("/in") == []
    assert list(server.mailbox.staging.iterdir()) == []


def test_a_received_file_cannot_be_appended_to(server) -> None:
    with server.paramiko() as sftp:
        with sftp.open("/in/po.edi", "wb") as file:
            file.write(ORDER)
        with pytest.raises(OSError, match="received already"):
            sftp.open("/in/po.edi", "ab")


def test_stopping_the_listener_cuts_what_is_open(store, tmp_path) -> None:
    with running(store, tmp_path) as server, server.paramiko() as sftp:
        file = sftp.open("/in/po.edi", "wb")
        file.write(ORDER)
        file.flush()
        sftp.stat("/in/po.edi")
        server.call(server.listener.stop()).result(30)
        states, received = server.states(), server.inbound.received
        server.listener.stop = _nothing
    assert states == {"po.edi": "aborted"}
    assert received == []


async def _nothing() -> None:
    """The listener was stopped already."""


def test_after_a_crash_open_uploads_are_aborted_and_stray_bytes_are_removed(store, tmp_path) -> None:
    from sftpkit import NOW

    mailbox = Mailbox(store, tmp_path / "staging", lambda: NOW)
    for name, state, body in (
        ("open", FileState.OPEN, b"x" * 100),
        ("held", FileState.HELD, b"y" * 100),
        ("gone", FileState.ABORTED, None),
    ):
        mailbox.put(Entry(f"id-{name}", "acme", "in", name, state, 5, NOW, NOW)).result()
        if body is not None:
            mailbox.staged_path(f"id-{name}").write_bytes(body)
    mailbox.staged_path("stray").write_bytes(b"z")
    assert recover(mailbox) == 1
    assert recover(mailbox) == 0
    found = {entry.name: (entry.state, entry.size) for entry in mailbox.listing("acme", "in", 10)}
    assert found == {"open": (FileState.ABORTED, 99), "held": (FileState.HELD, 5)}
    assert sorted(path.name for path in mailbox.staging.iterdir()) == ["id-held", "id-open"]


def test_a_large_open_upload_has_a_row_by_which_a_crash_finds_its_bytes(server) -> None:
    with server.paramiko() as sftp:
        file = sftp.open("/in/po.edi", "wb")
        file.write(BIG[:400_000])
        file.flush()
        sftp.stat("/in/po.edi")
        server.mailbox.store.writer.run(lambda _session: None)
        assert server.states() == {"po.edi": "open"}
        file.close()
    assert server.states() == {"po.edi": "received"}


def test_the_staging_file_of_a_failed_large_upload_is_never_the_payload_that_was_published(store, tmp_path) -> None:
    class Failing:
        def receive_staged(self, received, payload):
            raise OSError("no")

    async def upload(server) -> None:
        async with server.asyncssh() as connection, connection.start_sftp_client() as sftp:
            file = await sftp.open("/in/po.edi", "wb")
            await file.write(BIG)
            with pytest.raises(asyncssh.SFTPFailure):
                await file.close()
            async with sftp.open("/in/po.edi", "ab") as again:
                await again.write(b"other bytes")
                (published,) = [path for path in store.blobs.rglob("*") if path.is_file()]
                assert published.read_bytes() == BIG
                assert (await again.stat()).size == len(BIG) - 1 + len(b"other bytes")
                await sftp.stat("/in/po.edi")
                server.listener._intake._staged = None

    with running(store, tmp_path, account(), staged=Failing()) as server:
        server.call(upload(server)).result(20)
        assert server.inbound.received[0].payload == BIG[:-1] + b"other bytes"
