"""Uploads: what becomes a message, when, and what never does."""

from __future__ import annotations

from io import BytesIO

import asyncssh
import pytest
from sftpkit import ORDER, account, order, running


def test_a_closed_upload_is_one_message_with_its_bytes_and_its_record(server) -> None:
    with server.paramiko() as sftp:
        sftp.putfo(BytesIO(ORDER), "/in/po-1.edi")
        assert [entry.filename for entry in sftp.listdir_attr("/in")] == ["po-1.edi"]
    (received,) = server.inbound.received
    assert (received.transport, received.partner, received.payload) == ("sftp", "acme", ORDER)
    assert received.filename == "po-1.edi"
    assert received.failure is None
    assert received.facts["login"].startswith("publickey SHA256:")
    assert received.facts["address"] == "127.0.0.1"
    assert "paramiko" in received.facts["client"]


def test_nothing_is_received_before_the_client_closes_the_file(server) -> None:
    with server.paramiko() as sftp:
        with sftp.open("/in/po-1.edi", "wb") as file:
            file.write(ORDER[:50])
            file.flush()
            assert sftp.stat("/in/po-1.edi").st_size == 50
            assert server.inbound.received == []
            file.write(ORDER[50:])
        assert server.inbound.names == ["po-1.edi"]


def test_a_failure_of_the_store_at_close_is_a_failure_for_the_client(server) -> None:
    from gateway.store.errors import StoreBusyError

    server.inbound.fail = StoreBusyError("full")

    async def upload() -> None:
        async with server.asyncssh() as connection, connection.start_sftp_client() as sftp:
            file = await sftp.open("/in/po-1.edi", "wb")
            await file.write(ORDER)
            with pytest.raises(asyncssh.SFTPFailure, match="Try again later"):
                await file.close()

    server.call(upload()).result(20)
    assert server.states() == {"po-1.edi": "aborted"}
    with server.paramiko() as sftp:
        # This client ignores what CLOSE says and compares sizes: it must not take the file for delivered.
        with pytest.raises(OSError, match="size mismatch"):
            sftp.putfo(BytesIO(ORDER), "/in/po-1.edi")
        server.inbound.fail = None
        sftp.putfo(BytesIO(ORDER), "/in/po-1.edi")
    assert server.inbound.names == ["po-1.edi"]


def test_a_large_upload_goes_through_the_staging_folder_and_leaves_nothing_there(server) -> None:
    body = order(7, 3_000_000)
    with server.paramiko() as sftp, sftp.open("/in/big.edi", "wb") as file:
        file.set_pipelined(True)
        file.write(body)
    assert server.inbound.received[0].payload == body
    assert list(server.mailbox.staging.iterdir()) == []


@pytest.mark.parametrize("name", ["po.tmp", "po.edi.part", ".po.edi", "~po.edi", "po.FILEPART"])
def test_a_temporary_name_waits_for_its_rename(server, name: str) -> None:
    with server.paramiko() as sftp:
        with sftp.open(f"/in/{name}", "wb") as file:
            file.write(ORDER)
        assert server.inbound.received == []
        assert server.states() == {name: "held"}
        sftp.rename(f"/in/{name}", "/in/po.edi")
        assert server.states() == {"po.edi": "received"}
    (received,) = server.inbound.received
    assert (received.filename, received.payload) == ("po.edi", ORDER)
    assert received.facts["held_as"] == name
    assert list(server.mailbox.staging.iterdir()) == []


def test_in_rename_mode_every_upload_waits(store, tmp_path) -> None:
    with running(store, tmp_path, account(complete="rename")) as server, server.paramiko() as sftp:
        with sftp.open("/in/a.edi", "wb") as file:
            file.write(ORDER)
        assert server.inbound.received == []
        sftp.rename("/in/a.edi", "/in/b.edi")
        assert server.inbound.names == ["b.edi"]


@pytest.mark.parametrize(("data", "marker"), [("a.edi", "a.edi.done"), ("a.edi", "a.OK")])
@pytest.mark.parametrize("marker_first", [False, True])
def test_a_marker_file_makes_its_file_whole(store, tmp_path, data: str, marker: str, marker_first: bool) -> None:
    files = [(data, ORDER), ("other.edi", order(2)), (marker, b"")]
    with running(store, tmp_path, account(complete="marker")) as server, server.paramiko() as sftp:
        for name, body in reversed(files) if marker_first else files:
            with sftp.open(f"/in/{name}", "wb") as file:
                file.write(body)
        assert server.inbound.names == [data]
        assert server.states() == {data: "received", "other.edi": "held"}


def test_a_quiet_file_is_whole_after_its_time_and_not_before(store, tmp_path) -> None:
    with running(store, tmp_path, account(complete="quiet", quiet_seconds=60)) as server, server.paramiko() as sftp:
        with sftp.open("/in/a.edi", "wb") as file:
            file.write(ORDER[:80])
        server.clock.forward(seconds=50)
        with sftp.open("/in/a.edi", "ab") as file:
            file.write(ORDER[80:])
        server.clock.forward(seconds=50)
        assert server.call(server.listener._housekeeper.take_quiet_files()).result(20) == 0
        server.clock.forward(seconds=11)
        server.call(server.listener._housekeeper.take_quiet_files()).result(20)
        server.inbound.wait(1)
    assert server.inbound.received[0].payload == ORDER


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (ORDER[:-20], "does not end with its IEA"),
        (ORDER[:60], "is cut off"),
        (b"", "is empty"),
        (b'<?xml version="1.0"?><Order><ID>1</ID>', "<Order> is not closed"),
        (b"UNA:+.? 'UNB+UNOC:3+A+B+260301:1200+1'", "UNZ"),
    ],
)
def test_content_that_does_not_reach_its_end_is_handed_in_as_malformed(server, body: bytes, reason: str) -> None:
    with server.paramiko() as sftp, sftp.open("/in/half.edi", "wb") as file:
        file.write(body)
    (received,) = server.inbound.received
    assert received.failure.fault == "malformed"
    assert reason in received.failure.reason
    assert received.payload == body


def test_the_same_name_and_content_again_is_a_resend_within_the_window_only(server) -> None:
    with server.paramiko() as sftp:
        for hours in (0, 23, 49):
            server.clock.forward(hours=hours)
            with sftp.open("/in/po.edi", "wb") as file:
                file.write(ORDER)
    assert server.inbound.names == ["po.edi", "po.edi"]
    assert [alert.kind for alert in server.alerts] == ["resend"]


def test_other_content_under_the_same_name_is_a_new_message(server) -> None:
    with server.paramiko() as sftp:
        for number in (1, 2):
            with sftp.open("/in/po.edi", "wb") as file:
                file.write(order(number))
    assert len(server.inbound.received) == 2
    assert server.states() == {"po.edi": "received"}


def test_holes_in_an_upload_make_it_malformed(server) -> None:
    with server.paramiko() as sftp, sftp.open("/in/po.edi", "wb") as file:
        file.write(ORDER[:10])
        file.seek(40)
        file.write(ORDER[40:])
    assert "never written" in server.inbound.received[0].failure.reason


def test_writes_in_any_order_make_the_same_file(server) -> None:
    body = order(3, 600_000)
    with server.paramiko() as sftp, sftp.open("/in/po.edi", "wb") as file:
        for start in (400_000, 0, 200_000):
            file.seek(start)
            file.write(body[start : start + 200_000])
        file.seek(600_000)
        file.write(body[600_000:])
    assert server.inbound.received[0].payload == body
    assert server.inbound.received[0].failure is None


def test_removing_or_renaming_a_received_file_changes_the_view_only(server) -> None:
    with server.paramiko() as sftp:
        for name in ("a.edi", "b.edi"):
            with sftp.open(f"/in/{name}", "wb") as file:
                file.write(order(ord(name[0])))
        sftp.rename("/in/a.edi", "/in/c.edi")
        sftp.remove("/in/b.edi")
        assert sftp.listdir("/in") == ["c.edi"]
    assert server.inbound.names == ["a.edi", "b.edi"]


def test_a_rename_onto_an_existing_name_fails_and_a_posix_rename_replaces(server) -> None:
    with server.paramiko() as sftp:
        for name in ("a.tmp", "b.edi"):
            with sftp.open(f"/in/{name}", "wb") as file:
                file.write(order(ord(name[0])))
        with pytest.raises(OSError, match="there already"):
            sftp.rename("/in/a.tmp", "/in/b.edi")
        sftp.posix_rename("/in/a.tmp", "/in/b.edi")
    assert server.inbound.received[-1].payload == order(ord("a"))


def test_setting_times_modes_and_owners_is_accepted_and_does_nothing(server) -> None:
    with server.paramiko() as sftp:
        with sftp.open("/in/a.edi", "wb") as file:
            file.write(ORDER)
            file.utime((1, 1))
            file.chmod(0o777)
        sftp.utime("/in/a.edi", (1, 1))
        sftp.chmod("/in/a.edi", 0o777)
        sftp.chown("/in/a.edi", 0, 0)
        assert sftp.stat("/in/a.edi").st_mtime == int(server.clock().timestamp())


def test_an_upload_of_the_same_name_takes_over_from_one_that_is_still_open(server) -> None:
    with server.paramiko() as first, server.paramiko() as second:
        stale = first.open("/in/po.edi", "wb")
        stale.write(ORDER[:30])
        with second.open("/in/po.edi", "wb") as file:
            file.write(ORDER)
        with pytest.raises(OSError, match="taken the place"):
            stale.write(b"more")
        stale.close()
    assert [received.payload for received in server.inbound.received] == [ORDER]


def test_an_exclusive_open_of_a_name_that_is_there_fails(server) -> None:
    with server.paramiko() as sftp:
        with sftp.open("/in/po.edi", "wbx") as file:
            file.write(ORDER)
        with pytest.raises(OSError, match="there already"):
            sftp.open("/in/po.edi", "wbx")


def test_the_fsync_extension_works_while_the_file_is_open(server) -> None:
    async def upload() -> None:
        async with (
            server.asyncssh() as connection,
            connection.start_sftp_client() as sftp,
            sftp.open("/in/po.edi", "wb") as file,
        ):
            await file.write(ORDER)
            await file.fsync()

    server.call(upload()).result(20)
    assert server.inbound.received[0].payload == ORDER


def test_a_large_file_is_handed_in_as_a_durable_file_where_the_port_takes_it(store, tmp_path) -> None:
    from gateway.messages.ports import Receipt

    seen = []

    class Staged:
        def receive_staged(self, received, payload):
            seen.append((received.filename, received.payload, payload, (store.blobs / payload.path).read_bytes()))
            return Receipt("t")

    body = order(9, 1_000_000)
    with (
        running(store, tmp_path, staged=Staged()) as server,
        server.paramiko() as sftp,
        sftp.open("/in/big.edi", "wb") as file,
    ):
        file.set_pipelined(True)
        file.write(body)
    ((name, payload, staged, stored),) = seen
    assert (name, payload, stored, staged.size) == ("big.edi", b"", body, len(body))
    assert list(server.mailbox.staging.iterdir()) == []
