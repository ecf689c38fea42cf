"""OpenSSH's own programs as the partner: upload, collect, rename, resume, many files; every exit status is right."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store.engine import open_store
from gateway.store.migrations import upgrade
from tests.interop.opensshkit import KINDS, OpenSsh, require_openssh

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "transports" / "sftp" / "server"))

from sftpkit import ORDER, Server, account, account_key, client_key, host_keys, order, running

pytestmark = pytest.mark.real
require_openssh()


@pytest.fixture
def openssh(tmp_path: Path) -> Iterator[Partner]:
    """A server, and OpenSSH's programs with their own files only."""
    with open_store(tmp_path / "gateway.db") as store:
        upgrade(store)
        with running(store, tmp_path, account(keys=[account_key(kind) for kind in KINDS])) as server:
            yield Partner(server, tmp_path)


class Partner(OpenSsh):
    """The partner's programs, and our server that they talk to."""

    def __init__(self, server: Server, folder: Path) -> None:
        super().__init__(folder, server.port, host_keys()[0].public)
        self.server = server
        for kind in KINDS:
            self.own(client_key(kind), kind)


@pytest.mark.parametrize("kind", KINDS)
def test_sftp_puts_lists_and_leaves_with_each_kind_of_key(openssh: Partner, kind: str) -> None:
    openssh.file("po.edi", ORDER)
    shown = openssh.sftp("cd in", "put po.edi", "put -p po.edi again.edi", "ls -l", "pwd", "bye", key=kind)
    assert "po.edi" in shown
    assert "partner  edi" in shown
    assert [received.payload for received in openssh.server.inbound.received] == [ORDER, ORDER]


def test_scp_uploads_and_downloads_with_exit_status_zero(openssh: Partner) -> None:
    openssh.file("po.edi", ORDER)
    openssh.scp("po.edi", "acme@127.0.0.1:/in/")
    openssh.scp("-p", "po.edi", "acme@127.0.0.1:/in/two.edi")
    assert openssh.server.inbound.names == ["po.edi", "two.edi"]
    openssh.server.offer("ack.edi", order(9), "tx-9")
    openssh.scp("acme@127.0.0.1:/out/ack.edi", "got.edi")
    assert (openssh.folder / "got.edi").read_bytes() == order(9)
    assert openssh.server.collected.seen == [("acme", "tx-9")]


def test_sftp_collects_and_removes(openssh: Partner) -> None:
    for number in range(5):
        openssh.server.offer(f"{number}.edi", order(number, 300_000 if number == 4 else 0), f"tx-{number}")
    openssh.sftp("cd out", "get *.edi", "rm *.edi")
    assert [(openssh.folder / f"{n}.edi").read_bytes() for n in range(5)] == [
        order(n, 300_000 if n == 4 else 0) for n in range(5)
    ]
    assert sorted(seen for _, seen in openssh.server.collected.seen) == [f"tx-{n}" for n in range(5)]
    assert openssh.server.states("out") == {}


def test_sftp_uploads_by_a_temporary_name_and_a_rename(openssh: Partner) -> None:
    openssh.file("po.edi", ORDER)
    openssh.sftp("put po.edi /in/po.edi.tmp", "rename /in/po.edi.tmp /in/po.edi")
    assert openssh.server.inbound.names == ["po.edi"]


def test_reput_goes_on_with_a_cut_upload(openssh: Partner) -> None:
    body = order(3, 2_000_000)
    with openssh.server.paramiko() as sftp:
        file = sftp.open("/in/big.edi", "wb")
        file.write(body[:1_200_000])
        file.flush()
        sftp.sock.get_transport().sock.shutdown(socket.SHUT_RDWR)
        openssh.server.until(lambda: not openssh.server.listener.door.sessions)
    openssh.file("big.edi", body)
    openssh.sftp("cd in", "reput big.edi")
    (received,) = openssh.server.inbound.received
    assert received.payload == body
    assert received.facts["resumed_at"] == 1_199_999


def test_content_stays_equal_over_rekeying_both_ways(openssh: Partner) -> None:
    body = order(4, 12_000_000)
    openssh.file("big.edi", body)
    openssh.server.offer("back.edi", body)
    openssh.sftp("put big.edi /in/", "get /out/back.edi", more=("-o", "RekeyLimit=1M"))
    assert openssh.server.inbound.received[0].payload == body
    assert (openssh.folder / "back.edi").read_bytes() == body


def test_two_hundred_small_files_arrive_once_each(openssh: Partner) -> None:
    files = openssh.folder / "many"
    files.mkdir()
    for number in range(200):
        (files / f"po-{number:03}.edi").write_bytes(order(number))
    openssh.sftp("cd in", f"mput {files}/*.edi")
    assert sorted(openssh.server.inbound.names) == [f"po-{number:03}.edi" for number in range(200)]
    assert {received.payload for received in openssh.server.inbound.received} == {order(n) for n in range(200)}


def test_a_refused_upload_gives_scp_a_failure(openssh: Partner) -> None:
    openssh.file("po.edi", ORDER)
    assert openssh.try_scp("po.edi", "acme@127.0.0.1:/out/po.edi").returncode != 0
    assert openssh.server.inbound.received == []


def test_a_store_that_fails_at_close_gives_sftp_a_failure(openssh: Partner) -> None:
    openssh.server.inbound.fail = OSError("disk")
    openssh.file("po.edi", ORDER)
    done = openssh.try_sftp("put po.edi /in/")
    assert done.returncode != 0
    assert "disk" not in done.stderr
