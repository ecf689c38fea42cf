"""Story: a partner with its own SFTP server. Orders are fetched from it and answers put there, whatever breaks.

The server is OpenSSH's sshd; the pipeline and its store are ours and real.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.messages.ports import Outcome
from gateway.pipeline.receive import Inbox
from gateway.store.engine import open_store
from gateway.store.migrations import upgrade
from gateway.store.secrets import create_kek, put_secret
from gateway.transports.sftp.client import SftpDelivery, SftpPoller, StoredTargets
from tests.pipeline.pipelinekit import FIXTURES, NOW, segments_of
from tests.pipeline.pipelinekit import Kit as PipelineKit
from tests.transports.sftp.client.clientkit import Kit as ClientKit
from tests.transports.sftp.client.clientkit import interchange
from tests.transports.sftp.client.sshd import Sshd, program

pytestmark = pytest.mark.volume


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    if program("sshd") is None:
        if os.environ.get("GATEWAY_REQUIRE_ALL") == "1":
            pytest.fail("OpenSSH's sshd is not on this machine, and GATEWAY_REQUIRE_ALL=1 demands it")
        pytest.skip("needs OpenSSH's sshd (Debian: openssh-server)")
    with Sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("story") / "gateway.db"
    with open_store(path) as store:
        upgrade(store)
    return path


class Trade:
    """Our gateway and the directories of the partner's server."""

    def __init__(self, kit: PipelineKit, sshd: Sshd, home: Path) -> None:
        self.kit, self.out, self.inn = kit, home / "out", home / "in"
        self.out.mkdir()
        self.inn.mkdir()
        kek = create_kek(home / "kek")
        kit.store.writer.run(
            lambda session: put_secret(session, kek, "harbor-key", sshd.secret_key, kind="private-key", now=NOW)
        )
        kit.befriend(
            delivery={"transport": "sftp"},
            sftp={
                "host": "127.0.0.1",
                "port": sshd.port,
                "user": sshd.user,
                "host_keys": sshd.fingerprints,
                "key": {"secret": "harbor-key"},
                "inbound": str(self.out),
                "outbound": str(self.inn),
                "settle_seconds": 0,
                "file_name": "{set}_{control}_{id8}.edi",
            },
        )
        targets = StoredTargets(kit.store, kek, kit.pipeline.directory)
        self.poller = SftpPoller(targets, Inbox(kit.pipeline), kit.store, clock=kit.pipeline.clock)
        self.delivery = SftpDelivery(targets, clock=kit.pipeline.clock)
        kit.pipeline.delivery = {"sftp": self.delivery}

    def close(self) -> None:
        self.poller.stop()
        self.delivery.close()


@pytest.fixture
def trade(empty_database: Path, sshd: Sshd, tmp_path: Path) -> Iterator[Trade]:
    path = tmp_path / "gateway.db"
    shutil.copy(empty_database, path)
    with open_store(path) as store:
        made = Trade(PipelineKit(store, tmp_path), sshd, tmp_path)
        yield made
        made.close()


def order_bytes() -> bytes:
    """An 850 from the partner to us, of the fixtures."""
    return (FIXTURES / "demo/004010/850-01-plain.edi").read_bytes()


def test_an_order_is_fetched_posted_and_acknowledged_through_the_partners_server(trade: Trade) -> None:
    (trade.out / "po.edi").write_bytes(order_bytes())
    assert trade.poller.poll_once("harbor").fetched == ["po.edi"]
    trade.kit.work()
    assert list(trade.out.iterdir()) == []
    assert len(trade.kit.posted()) == 1
    (answer,) = trade.inn.iterdir()
    assert answer.name.startswith("997_") and answer.name.endswith(".edi")
    assert segments_of(answer.read_bytes())["AK9"][0][0] == "A"
    with trade.kit.store.read() as session:
        from gateway.messages.models import Transmission

        sent = session.query(Transmission).filter_by(direction="out").one()
    assert (sent.transport, sent.delivery) == ("sftp", "confirmed")


def test_the_same_order_offered_again_is_posted_once(trade: Trade) -> None:
    for name in ("po.edi", "po-again.edi"):
        (trade.out / name).write_bytes(order_bytes())
        trade.poller.poll_once("harbor")
        trade.kit.work()
    assert len(trade.kit.posted()) == 1


def test_a_hundred_small_orders_arrive_in_one_look(trade: Trade) -> None:
    for number in range(100):
        path = trade.out / f"{number:03}.edi"
        path.write_bytes(interchange(number + 1))
        os.utime(path, (1_770_000_000 + number,) * 2)
    result = trade.poller.poll_once("harbor")
    assert result.fetched == [f"{number:03}.edi" for number in range(100)]
    assert list(trade.out.iterdir()) == []


# --- the connection is cut


@contextmanager
def cutting_proxy(port: int, after: int) -> Iterator[tuple[int, threading.Event]]:
    """A TCP proxy that resets both sides after so many bytes of one direction; the event lets everything through."""
    through = threading.Event()
    sockets: list[socket.socket] = []

    def pump(source: socket.socket, sink: socket.socket) -> None:
        count = 0
        try:
            while data := source.recv(65536):
                count += len(data)
                if count > after and not through.is_set():
                    break
                sink.sendall(data)
        except OSError:
            pass
        for one in (source, sink):
            try:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                one.shutdown(socket.SHUT_RDWR)
                one.close()
            except OSError:
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                server = socket.create_connection(("127.0.0.1", port))
                sockets.extend((client, server))
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], through
        listener.shutdown(socket.SHUT_RDWR)
        for one in sockets:
            one.close()
    thread.join(5)


@pytest.fixture
def client(empty_database: Path, sshd: Sshd, tmp_path: Path) -> Iterator[ClientKit]:
    path = tmp_path / "gateway.db"
    shutil.copy(empty_database, path)
    with open_store(path) as store, ClientKit(store, sshd) as made:
        yield made


def test_a_connection_cut_while_a_file_is_fetched_stores_nothing_and_the_next_look_has_all_of_it(
    client: ClientKit, sshd: Sshd
) -> None:
    body = os.urandom(3_000_000)
    client.offer("large.bin", body)
    with cutting_proxy(sshd.port, 1_000_000) as (port, through):
        client.agree(port=port)
        assert "ended early" in client.poll().stopped
        assert client.inbound.received == [] and client.listed(client.out) == ["large.bin"]
        through.set()
        assert client.poll().fetched == ["large.bin"]
    assert client.inbound.payloads == [body]


def test_a_connection_cut_while_a_file_is_put_shows_no_half_file_and_the_retry_delivers_once(
    client: ClientKit, sshd: Sshd
) -> None:
    body = os.urandom(3_000_000)
    item = client.item(body)
    name = client.delivery.prepare(item).headers[0][1]
    with cutting_proxy(sshd.port, 1_000_000) as (port, through):
        client.agree(port=port)
        assert client.send(item).outcome is Outcome.RETRY
        assert name not in client.listed(client.inn)
        through.set()
        assert client.send(item).outcome is Outcome.CONFIRMED
    assert client.listed(client.inn) == [name] and (client.inn / name).read_bytes() == body


# --- kill -9

#: One run of a gateway that only fetches and sends: reads its task from the command line.
_WORKER = """
import json, sys
from datetime import UTC, datetime
from pathlib import Path
from gateway.messages.ports import Delivery, Receipt
from gateway.partners.profile import PartnerProfile
from gateway.store.engine import open_store
from gateway.transports.sftp.client import SftpDelivery, SftpPoller
from tests.transports.sftp.client.clientkit import NOW, Targets
task = json.loads(sys.argv[1])
targets = Targets(PartnerProfile.model_validate(task["profile"]), {"harbor-key": task["key"].encode()})

class Inbound:
    # durable as the store is: a row is a line in a file, known again by its identity
    rows = Path(task["rows"])
    def receive(self, received):
        known = self.rows.read_text().splitlines() if self.rows.exists() else []
        if received.transport_id in known:
            return Receipt("t", duplicate=True)
        with self.rows.open("a") as file:
            file.write(received.transport_id + chr(10))
        return Receipt("t")

with open_store(Path(task["database"])) as store:
    poller = SftpPoller(targets, Inbound(), store, clock=lambda: NOW)
    assert not poller.poll_once("harbor").failed
    poller.stop()
    sender = SftpDelivery(targets, clock=lambda: NOW)
    for number in range(task["sends"]):
        item = Delivery(f"id-{number:08}", "harbor", "sftp", b"body %d" % number, "f", "t", "", NOW)
        outcome = sender.deliver(item, sender.prepare(item))
        assert outcome.outcome.value == "confirmed", outcome
    sender.close()
"""
_POINTS = (
    "sftp_client.before_store",
    "sftp_client.after_store",
    "sftp_client.before_after_action",
    "sftp_client.before_rename",
    "sftp_client.after_rename",
)


def run_worker(task: dict[str, Any], fault: str = "") -> int:
    environment = {key: value for key, value in os.environ.items() if key != "GATEWAY_FAULT"}
    if fault:
        environment["GATEWAY_FAULT"] = fault
    done = subprocess.run(
        [sys.executable, "-c", _WORKER, json.dumps(task)],
        cwd=Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode


@pytest.mark.slow
def test_killed_at_every_point_nothing_is_lost_and_nothing_doubled(client: ClientKit, tmp_path: Path) -> None:
    files = {f"{number:02}.edi": interchange(number) for number in range(10)}
    for number, (name, body) in enumerate(files.items()):
        client.offer(name, body, 1_770_000_000 + number)
    database = tmp_path / "worker.db"
    with open_store(database) as store:
        upgrade(store)
    task = {
        "profile": client.targets.profile.model_dump(mode="json"),
        "key": client.sshd.secret_key.decode(),
        "rows": str(tmp_path / "rows"),
        "database": str(database),
        "sends": 5,
    }
    for nth, point in enumerate(_POINTS, start=1):
        assert run_worker(task, f"{point}:{nth if nth < 4 else nth - 3}") == -signal.SIGKILL
    assert run_worker(task) == 0
    rows = (tmp_path / "rows").read_text().splitlines()
    assert sorted(row.split()[0].rpartition("/")[2] for row in rows) == sorted(files)
    assert client.listed(client.out) == []
    assert sorted((client.inn / name).read_bytes() for name in client.listed(client.inn)) == [
        b"body %d" % number for number in range(5)
    ]
