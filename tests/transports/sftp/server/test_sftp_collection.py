"""Collection: a file counts as fetched when every byte was read and it was closed, never before."""

from __future__ import annotations

import pytest
from sftpkit import NOW, account, order, running

from gateway.messages.ports import Delivery, Outcome
from gateway.transports.sftp.server.delivery import HostedMailboxDelivery

BODY = order(5, 700_000)


def fetch(sftp, name: str, size: int = 10_000_000) -> bytes:
    with sftp.open(f"/out/{name}", "rb") as file:
        return file.read(size)


def test_a_file_read_to_its_end_and_closed_is_collected_and_archived(server) -> None:
    server.offer("a.edi", BODY, "tx-1")
    with server.paramiko() as sftp:
        assert set(sftp.listdir("/out")) == {"archive", "a.edi"}
        assert fetch(sftp, "a.edi") == BODY
        assert server.states("out") == {"a.edi": "collected"}
    server.until(lambda: not server.listener.door.sessions)
    with server.paramiko() as sftp:
        assert sftp.listdir("/out") == ["archive"]
        assert sftp.listdir("/out/archive") == ["20260301"]
        assert sftp.listdir("/out/archive/20260301") == ["a.edi"]
        with sftp.open("/out/archive/20260301/a.edi") as file:
            assert file.read() == BODY
    assert server.collected.seen == [("acme", "tx-1")]


@pytest.mark.parametrize("name", ["small.edi", "large.edi"])
def test_a_file_read_in_part_stays_available(server, name: str) -> None:
    server.offer(name, order(1) if name == "small.edi" else BODY)
    with server.paramiko() as sftp:
        fetch(sftp, name, 50)
        assert server.states("out") == {name: "available"}
        with sftp.open(f"/out/{name}", "rb") as file:
            file.seek(40)
            file.read()
        assert server.states("out") == {name: "available"}
    assert server.collected.seen == []


def test_ranges_in_any_order_make_it_whole(server) -> None:
    server.offer("a.edi", BODY)
    with server.paramiko() as sftp, sftp.open("/out/a.edi", "rb") as file:
        for start in (500_000, 0, 250_000, 100_000):
            file.seek(start)
            assert file.read(260_000) == BODY[start : start + 260_000]
    assert server.collected.seen == [("acme", "tx-a.edi")]


def test_a_connection_cut_after_the_last_byte_is_no_collection(server) -> None:
    server.offer("a.edi", order(1))
    with server.paramiko() as sftp:
        file = sftp.open("/out/a.edi", "rb")
        assert file.read() == order(1)
        sftp.sock.get_transport().sock.close()
    server.until(lambda: not server.listener.door.sessions)
    assert server.states("out") == {"a.edi": "available"}
    assert server.collected.seen == []


def test_reading_again_records_nothing_twice(store, tmp_path) -> None:
    with running(store, tmp_path, account(after_collect="keep")) as server:
        server.offer("a.edi", order(1))
        with server.paramiko() as sftp:
            fetch(sftp, "a.edi")
            fetch(sftp, "a.edi")
        assert server.states("out") == {"a.edi": "collected"}
        assert server.collected.seen == [("acme", "tx-a.edi")]


@pytest.mark.parametrize("after", ["archive", "delete"])
def test_a_client_that_removes_or_puts_away_what_it_read_is_not_told_that_it_is_missing(store, tmp_path, after) -> None:
    with running(store, tmp_path, account(after_collect=after)) as server:
        for name in ("a.edi", "b.edi"):
            server.offer(name, order(1), f"tx-{name}")
        with server.paramiko() as sftp:
            fetch(sftp, "a.edi")
            fetch(sftp, "b.edi")
            sftp.remove("/out/a.edi")
            sftp.rename("/out/b.edi", "/out/archive/b.edi")
            assert sftp.listdir("/out") == ["archive"]
            with pytest.raises(FileNotFoundError):
                sftp.remove("/out/never.edi")
            server.offer("c.edi", order(1), "tx-c")
            fetch(sftp, "c.edi")
        server.until(lambda: not server.listener.door.sessions)
        with server.paramiko() as sftp:  # removed in another session
            sftp.remove("/out/c.edi")
            sftp.rename("/out/c.edi", "/out/archive/20260301/c.edi")
            archived = sftp.listdir("/out/archive")
        assert archived == (["20260301"] if after == "archive" else [])


def test_deleting_an_unread_file_is_allowed_and_staff_hear_of_it(server) -> None:
    server.offer("a.edi", order(1), "tx-1")
    with server.paramiko() as sftp:
        fetch(sftp, "a.edi", 10)
        sftp.remove("/out/a.edi")
        assert sftp.listdir("/out") == ["archive"]
    (alert,) = server.alerts
    assert (alert.kind, alert.transmission_id) == ("deleted-unread", "tx-1")
    assert "without reading it" in alert.sentence
    assert server.collected.seen == []


def test_nothing_can_be_written_renamed_or_removed_where_it_has_no_place(server) -> None:
    server.offer("a.edi", order(1))
    with server.paramiko() as sftp:
        for refused in (
            lambda: sftp.open("/out/b.edi", "wb"),
            lambda: sftp.open("/out/a.edi", "wb"),
            lambda: sftp.open("/b.edi", "wb"),
            lambda: sftp.rename("/out/a.edi", "/in/a.edi"),
            lambda: sftp.rename("/out/a.edi", "/out/b.edi"),
            lambda: sftp.remove("/out/archive"),
            lambda: sftp.mkdir("/in/sub"),
            lambda: sftp.rmdir("/in"),
            lambda: sftp.symlink("/etc/passwd", "/in/link"),
            lambda: sftp.readlink("/in/link"),
            lambda: sftp.listdir("/in/a.edi"),
            lambda: sftp.stat("/out/archive/20200101"),
            lambda: sftp.listdir("/etc"),
        ):
            with pytest.raises(OSError):
                refused()
        with sftp.open("/in/c.edi", "wb") as file:
            file.write(order(2))
        with pytest.raises(PermissionError):
            sftp.open("/in/c.edi", "rb")


def test_laying_out_twice_is_once_and_the_second_says_when_it_was_collected(server) -> None:
    port = HostedMailboxDelivery(server.mailbox, server.directory)
    delivery = Delivery("tx-000000012345678", "acme", "sftp", order(1), "x", "application/EDI-X12", "", NOW)
    wire = port.prepare(delivery)
    assert dict(wire.headers)["Filename"] == "acme_850_000000001_12345678.edi"
    first, again = port.deliver(delivery, wire), port.deliver(delivery, wire)
    assert (first.outcome, again.outcome) == (Outcome.SENT, Outcome.SENT)
    with server.paramiko() as sftp:
        fetch(sftp, "acme_850_000000001_12345678.edi")
    assert port.deliver(delivery, wire).outcome is Outcome.CONFIRMED


def test_two_messages_with_one_name_are_two_files(server) -> None:
    server.offer("a.edi", order(1), "tx-00000001")
    server.offer("a.edi", order(2), "tx-00000002")
    assert set(server.states("out")) == {"a.edi", "a-00000002.edi"}


def test_a_partner_without_an_account_cannot_be_delivered_to(server) -> None:
    port = HostedMailboxDelivery(server.mailbox, server.directory)
    with pytest.raises(LookupError, match=r"sftp\.hosted\.user"):
        port.prepare(Delivery("tx", "nobody", "sftp", b"", "x", "", "", NOW))


def test_a_store_that_is_full_is_a_reason_to_try_again(server, monkeypatch) -> None:
    def full(*_arguments):
        raise OSError("disk full")

    port = HostedMailboxDelivery(server.mailbox, server.directory)
    delivery = Delivery("tx", "acme", "sftp", order(1), "x", "", "", NOW)
    wire = port.prepare(delivery)
    monkeypatch.setattr(server.mailbox, "offer", full)
    assert port.deliver(delivery, wire).outcome is Outcome.RETRY


def test_one_partner_never_sees_another_ones_files(store, tmp_path) -> None:
    with running(store, tmp_path, account("acme"), account("harbor")) as server:
        server.offer("a.edi", order(1), partner="harbor")
        with server.paramiko("acme") as sftp:
            assert sftp.listdir("/out") == ["archive"]
            for path in ("/out/a.edi", "/../harbor/out/a.edi", "/harbor/out/a.edi"):
                with pytest.raises(OSError):
                    sftp.open(path, "rb")


def test_folder_names_and_aliases_are_the_partners(store, tmp_path) -> None:
    settings = account(inbox="upload", outbox="download", archive="old", inbox_aliases=("to-you",))
    with running(store, tmp_path, settings) as server, server.paramiko() as sftp:
        assert sorted(sftp.listdir("/")) == ["download", "upload"]
        with sftp.open("/to-you/a.edi", "wb") as file:
            file.write(order(1))
        assert sftp.listdir("/upload") == ["a.edi"]
        assert sftp.listdir("/download") == ["old"]
        with pytest.raises(OSError):
            sftp.listdir("/in")


def test_the_room_is_that_of_the_quota(store, tmp_path) -> None:
    async def room(server):
        async with server.asyncssh() as connection, connection.start_sftp_client() as sftp:
            return await sftp.statvfs("/in")

    with running(store, tmp_path, account(quota_bytes=409_600, quota_files=50)) as server:
        found = server.call(room(server)).result(20)
    assert (found.bsize * found.blocks, found.bavail, found.files) == (409_600, 100, 50)
