"""Attacks on the SFTP server: names, passwords, floods, packets and idle crowds; the mailbox and the memory hold."""

from __future__ import annotations

import asyncio
import resource
import shutil
import socket
import string
import sys
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

import asyncssh
import pytest
from asyncssh.constants import FXP_OPEN, FXP_READ
from asyncssh.packet import Boolean, String, UInt32, UInt64

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "transports" / "sftp" / "server"))

from sftpkit import ORDER, QUICK, account, order, running

from gateway.store.engine import open_store
from gateway.store.migrations import upgrade
from gateway.transports.sftp.names import NameRefusedError
from gateway.transports.sftp.server.bans import BanRules, Bans
from gateway.transports.sftp.server.session import MailboxSession
from gateway.transports.sftp.server.tree import place_of


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    path = tmp_path_factory.mktemp("sftp-attacks") / "gateway.db"
    with open_store(path) as store:
        upgrade(store)
    return path


@pytest.fixture
def store(made_once, tmp_path):
    path = tmp_path / "gateway.db"
    shutil.copy(made_once, path)
    with open_store(path) as opened:
        yield opened


@pytest.fixture
def server(store, tmp_path):
    with running(store, tmp_path) as started:
        yield started


# -- names ---------------------------------------------------------------------------------------------------------

PIECES = [
    b"..", b".", b"/", b"//", b"\\", b"\x00", b"\n", b"\r", b"\x1b[2J", b"in", b"out", b"archive", b"etc", b"passwd",
    b"\xff\xfe", b"\xc0\xae", b"%2e%2e", b"~", b"-rf", b"$(id)", b"`id`", b";", b"|", b"&", b"*", b"?", b"CON", b"NUL",
    b"a:b", b" ", b".ssh", b"authorized_keys", "\u202e".encode(), "\u2028".encode(), "\u0000".encode(), b"A" * 255,
    "\ud83d\ude00".encode("utf-8", "surrogatepass"), b"\xed\xa0\x80", b"con.edi", b".", b"...", b"\x7f", "é".encode(),
]  # fmt: skip


def hostile_paths(count: int) -> list[bytes]:
    """Paths made of everything that ever led out of somewhere; the same in every run."""
    random, found = Random(20260301), []
    while len(found) < count:
        parts = random.choices(PIECES, k=random.randint(1, 6))
        start = random.choice([b"", b"/", b"/in/", b"in/", b"/in/../", b"/out/"])
        found.append(start + random.choice([b"", b"/"]).join(parts))
    return found


def files_below(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def test_a_thousand_hostile_names_write_nothing_outside_the_store(server, tmp_path, monkeypatch) -> None:
    elsewhere = tmp_path / "working-directory"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    async def attack() -> int:
        taken = 0
        async with server.asyncssh() as connection, connection.start_sftp_client() as sftp:
            handler = sftp._handler
            for path in hostile_paths(1200):
                try:
                    handle = await handler.open(path, 0x1A, asyncssh.SFTPAttrs())  # WRITE | CREAT | TRUNC
                except asyncssh.SFTPError:
                    continue
                await handler.write(handle, 0, ORDER)
                await handler.close(handle)
                taken += 1
            for path in hostile_paths(400):
                for work in (partial(handler.stat, flags=0), handler.remove, handler.readlink, handler.realpath):
                    try:
                        await work(path)
                    except asyncssh.SFTPError:
                        continue
        return taken

    taken = server.call(attack()).result(120)
    assert 0 < len(server.inbound.received) <= taken
    assert files_below(elsewhere) == {}
    outside = {name for name in files_below(tmp_path) if not name.startswith(("gateway.db", "staging", "blobs"))}
    assert outside == set()
    for name in [received.filename for received in server.inbound.received] + list(server.states()):
        assert not set(name) & set("/\\\x00\n\r\x1b\x7f")
        assert name not in (".", "..")
        assert len(name.encode()) <= 200


def test_every_hostile_path_ends_in_the_partners_tree_or_nowhere() -> None:
    settings = account().mailbox
    for path in hostile_paths(20_000):
        try:
            place = place_of(path, settings)
        except NameRefusedError:
            continue
        if place is not None:
            assert place.folder.partition("/")[0] in ("", "in", "out", "archive")
            assert "/" not in place.name
            assert set(place.folder.partition("/")[2]) <= set(string.digits)


def test_no_session_comes_near_a_server_that_works_on_the_real_disk(server, monkeypatch) -> None:
    """asyncssh's own SFTP server serves the machine's files; nothing of it is made for a mailbox."""
    made: list[object] = []
    for kind in (asyncssh.SFTPServer, asyncssh.sftp.SFTPServerHandler):
        monkeypatch.setattr(kind, "__init__", lambda self, *_arguments, **_named: made.append(self))
    with server.paramiko() as sftp, sftp.open("/in/po.edi", "wb") as file:
        file.write(ORDER)
    assert server.inbound.names == ["po.edi"]
    assert made == []
    assert asyncssh.SFTPServer not in MailboxSession.__mro__


# -- passwords -------------------------------------------------------------------------------------------------------


def test_ten_thousand_bad_passwords_cost_a_handful_of_hashes(store, tmp_path) -> None:
    async def guess(server, number: int) -> None:
        try:
            async with server.asyncssh(client_keys=None, password=f"guess {number}"):
                pytest.fail("A guess must not open the account.")
        except (asyncssh.Error, OSError):
            return

    async def attack(server) -> None:
        limit = asyncio.Semaphore(20)

        async def one(number: int) -> None:
            async with limit:
                await guess(server, number)

        await asyncio.gather(*(one(number) for number in range(300)))

    with running(store, tmp_path, ban_rules=BanRules(failures=5)) as server:
        server.call(attack(server)).result(120)
        gate, before = server.listener._gate, server.listener.passwords.checked

        async def bulk() -> None:
            from gateway.transports.sftp.server.login import Login

            class Connection:
                def abort(self) -> None:
                    """Nothing to cut."""

                def set_extra_info(self, **_info: object) -> None:
                    """Nothing to keep."""

            for number in range(9_700):
                login = Login(gate, "127.0.0.1", server.clock)
                login.connection_made(Connection())
                assert not await login.validate_password("acme", f"guess {number}")

        server.call(bulk()).result(60)
        assert server.listener.passwords.checked == before
        assert before <= 40  # what was in flight when the ban began
        assert [alert.kind for alert in server.alerts] == ["banned"]


def test_bans_grow_and_stay_bounded_and_forget() -> None:
    bans = Bans(BanRules(failures=2, first=100, growth=2, longest=350, window=50, forgive=1000, addresses=50))
    lengths = []
    now = 0.0
    for _ in range(4):
        assert bans.failed("192.0.2.1", now) is None
        ban = bans.failed("192.0.2.1", now)
        lengths.append(ban.length)
        assert bans.banned("192.0.2.1", now + ban.length - 1) > 0
        assert bans.failed("192.0.2.1", now + 1) is None
        now += ban.length
        assert bans.banned("192.0.2.1", now) == 0
    assert lengths == [100, 200, 350, 350]
    assert bans.failed("192.0.2.2", 0) is None
    assert bans.failed("192.0.2.2", 60) is None, "the first failure is out of the window"
    for number in range(1000):
        bans.failed(f"198.51.100.{number}", now)
    assert len(bans._records) == 50
    assert bans.failed("2001:db8::1", now) is None
    assert bans.failed("2001:db8::2", now) is not None, "one owner has the whole /64"
    assert bans.banned("::ffff:2001", now) == 0
    assert dict(bans.standing(now)) == {"2001:db8::/64": 100}
    later = now + 5000
    assert bans.failed("2001:db8::1", later) is None
    assert bans.failed("2001:db8::1", later).number == 1


# -- floods and packets ----------------------------------------------------------------------------------------------


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def raw_session(server):
    """(connection, writer, reader) of an SFTP channel on which we write our own packets."""
    connection = await server.asyncssh()
    writer, reader, _ = await connection.open_session(subsystem="sftp", encoding=None)
    writer.write(packet(b"\x01" + UInt32(3)))
    await answer(reader)
    return connection, writer, reader


def packet(payload: bytes) -> bytes:
    return UInt32(len(payload)) + payload


async def answer(reader) -> bytes:
    return await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))


def test_a_client_that_asks_and_never_reads_is_made_to_wait_and_then_cut(store, tmp_path) -> None:
    async def flood(server) -> None:
        async with asyncio.timeout(60):
            connection, writer, reader = await raw_session(server)
            writer.write(packet(bytes([FXP_OPEN]) + UInt32(1) + String("/out/big.edi") + UInt32(1) + UInt32(0)))
            handle = (await answer(reader))[9:]
            for number in range(4000):
                request = bytes([FXP_READ]) + UInt32(number) + String(handle) + UInt64(0) + UInt32(262_144)
                writer.write(packet(request))
            # Nothing is read from here on: the server's answers fill the window, then wait.
            await connection.wait_closed()

    limits = replace(QUICK, unread_seconds=1.0)
    with running(store, tmp_path, limits=limits) as server:
        server.offer("big.edi", order(1, 2_000_000))
        before = peak_mib()
        server.call(flood(server)).result(90)
        assert peak_mib() - before < 48
        assert server.collected.seen == []


def test_an_unreasonable_read_length_is_answered_with_a_short_read(server) -> None:
    body = order(1, 2_000_000)
    server.offer("big.edi", body)

    async def ask() -> int:
        async with server.asyncssh() as connection, connection.start_sftp_client() as sftp:
            handle = await sftp._handler.open(b"/out/big.edi", 1, asyncssh.SFTPAttrs())
            data, _ = await sftp._handler.read(handle, 0, 0xFFFFFFFF)
            return len(data)

    assert server.call(ask()).result(30) == 256 * 1024


@pytest.mark.parametrize(
    "data",
    [
        UInt32(5 * 1024 * 1024) + b"\x03" + b"x" * 100_000,
        UInt32(0xFFFFFFFF) + b"x" * 1000,
        packet(b""),
        packet(b"\x03"),
        packet(b"\x03" + UInt32(1) + UInt32(1 << 30) + b"/in/a"),
        packet(b"\xc8" + UInt32(1) + String("nonsense@example.com") + Boolean(True)),
        packet(b"\xc8" + UInt32(1) + String("copy-data") + String(b"abcd") * 2),
        packet(b"\x04" + UInt32(1) + String(b"\x00\x00\x00\x63")),
        packet(b"\x05" + UInt32(1) + String(b"other") + UInt64(0) + UInt32(10)),
    ],
)
def test_oversized_cut_and_senseless_packets_harm_nobody(server, data: bytes) -> None:
    async def send() -> None:
        async with asyncio.timeout(30):
            connection, writer, reader = await raw_session(server)
            writer.write(data)
            writer.write_eof()
            while await reader.read(65_536):
                pass
            connection.abort()

    async def still_works() -> None:
        async with server.asyncssh() as connection, connection.start_sftp_client() as sftp:
            await sftp.stat("/in")

    with suppress(asyncssh.Error, OSError):  # being cut off is a fine answer
        server.call(send()).result(40)
    server.call(still_works()).result(30)
    assert server.inbound.received == []


def test_open_folders_are_bounded(server) -> None:
    async def open_many() -> None:
        async with server.asyncssh() as connection, connection.start_sftp_client() as sftp:
            for _ in range(100):
                await sftp._handler.opendir(b"/in")

    with pytest.raises(asyncssh.SFTPFailure, match="Too many folders"):
        server.call(open_many()).result(30)


def test_writes_far_past_the_end_are_refused(server) -> None:
    async def write(offset: int) -> None:
        async with server.asyncssh() as connection, connection.start_sftp_client() as sftp:
            handle = await sftp._handler.open(b"/in/a.edi", 0x1A, asyncssh.SFTPAttrs())
            await sftp._handler.write(handle, offset, b"x")

    for offset in (80 * 1024 * 1024, 1 << 40, (1 << 64) - 1):
        with pytest.raises(asyncssh.SFTPFailure):
            server.call(write(offset)).result(30)
    server.until(lambda: not server.listener.door.sessions)
    assert sum(path.stat().st_blocks for path in server.mailbox.staging.iterdir()) < 1000


def test_two_hundred_idle_connections_leave_room_for_a_partner(store, tmp_path) -> None:
    limits = replace(QUICK, connections_per_address=300, unauthenticated=220, login_seconds=60)
    with running(store, tmp_path, limits=limits) as server:
        before, crowd = peak_mib(), []
        try:
            for _ in range(200):
                crowd.append(socket.create_connection(("127.0.0.1", server.port), 10))
            for idle in crowd:
                assert idle.recv(12) == b"SSH-2.0-SFTP"
            started = time.monotonic()
            with server.paramiko() as sftp, sftp.open("/in/po.edi", "wb") as file:
                file.write(ORDER)
            assert time.monotonic() - started < 10
            assert peak_mib() - before < 100
        finally:
            for idle in crowd:
                idle.close()
        assert server.inbound.names == ["po.edi"]


def test_by_default_one_address_cannot_have_them(server) -> None:
    crowd = [socket.create_connection(("127.0.0.1", server.port), 10) for _ in range(40)]
    try:
        answered = [idle.recv(12) for idle in crowd]
    finally:
        for idle in crowd:
            idle.close()
    assert answered.count(b"SSH-2.0-SFTP") == QUICK.connections_per_address
    assert set(answered) == {b"SSH-2.0-SFTP", b""}


def test_a_handle_of_another_session_opens_nothing(server) -> None:
    server.offer("a.edi", ORDER)

    async def borrow() -> None:
        async with server.asyncssh() as connection:
            first, second = await connection.start_sftp_client(), await connection.start_sftp_client()
            handle = await first._handler.open(b"/out/a.edi", 1, asyncssh.SFTPAttrs())
            with pytest.raises(asyncssh.SFTPError):
                await second._handler.read(handle, 0, 10)

    server.call(borrow()).result(30)


def test_uploads_in_memory_stay_within_the_budget(store, tmp_path) -> None:
    limits = replace(QUICK, memory_bytes=100_000)
    with running(store, tmp_path, limits=limits) as server, server.paramiko() as sftp:
        files = [sftp.open(f"/in/{number}.edi", "wb") for number in range(10)]
        for number, file in enumerate(files):
            file.write(order(number, 30_000))
            file.flush()
        sftp.stat("/in")
        assert server.listener.door.budget.left >= 0
        assert len(list(server.mailbox.staging.iterdir())) >= 6
        for file in files:
            file.close()
        assert server.listener.door.budget.left == 100_000
    assert [r.payload for r in server.inbound.received] == [order(number, 30_000) for number in range(10)]
