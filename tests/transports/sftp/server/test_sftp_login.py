"""Logging in: keys and their windows, passwords, addresses, limits, bans, algorithms."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import replace
from datetime import timedelta

import asyncssh
import pytest
from sftpkit import NOW, QUICK, account, account_key, client_key, order, running

from gateway.store.errors import StoreUnreachableError
from gateway.transports.sftp.algorithms import CIPHERS, KEX, LEGACY, MACS, MODERN, SIGNATURES, with_legacy
from gateway.transports.sftp.server.accounts import LegacyException
from gateway.transports.sftp.server.bans import BanRules
from gateway.transports.sftp.server.passwords import hash_password

PASSWORD = "correct horse battery"
HASH = hash_password(PASSWORD)
ELSEWHERE = (ipaddress.ip_network("192.0.2.0/24"),)
HERE = (ipaddress.ip_network("127.0.0.0/8"),)


def login(server, **options) -> str:
    """ "" when the login worked, else the name of the error."""

    async def attempt() -> str:
        try:
            async with server.asyncssh(**options) as connection, connection.start_sftp_client() as sftp:
                await sftp.stat("/in")
        except (asyncssh.Error, OSError) as error:
            return type(error).__name__
        return ""

    return server.call(attempt()).result(30)


def unreachable() -> list[LegacyException]:
    """A directory whose database does not answer."""
    raise StoreUnreachableError("The database cannot be reached: connection refused.")


def test_while_the_database_is_away_a_connection_is_closed_and_the_log_says_why(
    store, tmp_path, caplog: pytest.LogCaptureFixture
) -> None:
    with running(store, tmp_path) as server:
        there, server.directory.exceptions = server.directory.exceptions, unreachable
        with caplog.at_level("WARNING"):
            assert login(server) != ""
        assert "its partner may try again: The database cannot be reached" in caplog.text
        assert "never retrieved" not in caplog.text
        server.directory.exceptions = there
        assert login(server) == "", "nothing of it is left"


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"])
def test_every_kind_of_user_key_opens_the_account(store, tmp_path, kind: str) -> None:
    with running(store, tmp_path, account(keys=[account_key(kind)])) as server:
        assert login(server, client_keys=[client_key(kind)]) == ""


@pytest.mark.parametrize(
    ("window", "works"),
    [
        ({}, True),
        ({"valid_from": NOW - timedelta(days=1), "valid_until": NOW + timedelta(days=1)}, True),
        ({"valid_from": NOW + timedelta(seconds=1)}, False),
        ({"valid_until": NOW - timedelta(seconds=1)}, False),
        ({"networks": ELSEWHERE}, False),
        ({"networks": HERE}, True),
    ],
)
def test_a_key_opens_the_account_in_its_window_and_from_its_networks_only(store, tmp_path, window, works) -> None:
    with running(store, tmp_path, account(keys=[account_key(**window)])) as server:
        assert (login(server) == "") is works


def test_during_a_roll_over_both_keys_work_and_afterwards_the_new_one_only(store, tmp_path) -> None:
    keys = [account_key(valid_until=NOW + timedelta(days=7)), account_key("ecdsa-sha2-nistp256", valid_from=NOW)]
    with running(store, tmp_path, account(keys=keys)) as server:
        new = {"client_keys": [client_key("ecdsa-sha2-nistp256")]}
        assert (login(server), login(server, **new)) == ("", "")
        server.clock.forward(days=8)
        assert (login(server), login(server, **new)) == ("PermissionDenied", "")


def test_the_right_password_opens_the_account_and_a_wrong_one_does_not(store, tmp_path) -> None:
    with running(store, tmp_path, account(password_hash=HASH)) as server:
        assert login(server, client_keys=None, password=PASSWORD) == ""
        assert login(server, client_keys=None, password="wrong") != ""


@pytest.mark.parametrize("user", ["nobody", "acme"])
def test_an_unknown_user_and_an_account_without_a_password_cost_one_hash_and_fail(store, tmp_path, user) -> None:
    with running(store, tmp_path, account()) as server:
        assert login(server, username=user, client_keys=None, password="whatever it is") != ""
        assert server.listener.passwords.checked == 1


def test_an_address_outside_the_list_is_refused_like_an_unknown_user(store, tmp_path) -> None:
    with running(store, tmp_path, account(networks=ELSEWHERE)) as server:
        assert login(server) == "PermissionDenied"


def test_after_too_many_failures_the_address_is_refused_before_the_key_exchange(store, tmp_path) -> None:
    rules = BanRules(failures=3)
    with running(store, tmp_path, account(password_hash=HASH), ban_rules=rules) as server:
        for _ in range(3):
            assert login(server, client_keys=None, password="wrong") != ""
        hashed = server.listener.passwords.checked
        with socket.create_connection(("127.0.0.1", server.port), 10) as plain:
            assert plain.recv(100) == b""
        assert login(server, client_keys=None, password=PASSWORD) != ""
        assert server.listener.passwords.checked == hashed
        assert [alert.kind for alert in server.alerts] == ["banned"]
        server.listener.bans.lift("127.0.0.1")
        assert login(server) == ""


def test_one_connection_may_try_a_few_times_only(store, tmp_path) -> None:
    tried = []

    class Guesser(asyncssh.SSHClient):
        def password_auth_requested(self) -> str:
            tried.append(1)
            return "guess"

    with running(store, tmp_path, limits=replace(QUICK, login_attempts=3)) as server:
        assert login(server, client_keys=None, client_factory=Guesser) != ""
    assert 1 <= len(tried) <= 3


def test_many_wrong_keys_end_the_connection(store, tmp_path) -> None:
    wrong = [asyncssh.generate_private_key("ssh-ed25519") for _ in range(8)]
    with running(store, tmp_path) as server:
        assert login(server, client_keys=[*wrong, client_key()]) != ""


def test_limits_of_connections_hold_by_partner_and_by_address(store, tmp_path) -> None:
    async def hold(server, count: int) -> list[str]:
        results = []
        async with asyncio.timeout(20):
            opened = []
            for _ in range(count):
                try:
                    opened.append(await server.asyncssh())
                    async with opened[-1].start_sftp_client() as sftp:
                        await sftp.stat("/in")
                    results.append("in")
                except (asyncssh.Error, OSError):
                    results.append("refused")
            for connection in opened:
                connection.abort()
        return results

    with running(store, tmp_path, account(connections=2)) as server:
        assert server.call(hold(server, 3)).result(30) == ["in", "in", "refused"]
        server.until(lambda: server.listener.counts.total == 0)
        assert server.call(hold(server, 1)).result(30) == ["in"]
    few = replace(QUICK, connections_per_address=2)
    with running(store, tmp_path, account(), limits=few) as server:
        assert server.call(hold(server, 3)).result(30) == ["in", "in", "refused"]


def test_too_many_channels_end_the_connection(store, tmp_path) -> None:
    async def channels(server) -> None:
        async with server.asyncssh() as connection:
            for _ in range(6):
                await connection.start_sftp_client()
            await connection.wait_closed()

    with running(store, tmp_path) as server, pytest.raises((asyncssh.Error, OSError)):
        server.call(channels(server)).result(30)


def test_an_idle_connection_is_closed(store, tmp_path) -> None:
    async def idle(server) -> None:
        async with asyncio.timeout(20), server.asyncssh() as connection:
            await connection.wait_closed()

    with running(store, tmp_path, limits=replace(QUICK, idle_seconds=0.2)) as server:
        server.call(idle(server)).result(30)


def test_a_client_that_never_logs_in_is_cut(store, tmp_path) -> None:
    with running(store, tmp_path, limits=replace(QUICK, login_seconds=0.3)) as server:
        with socket.create_connection(("127.0.0.1", server.port), 10) as plain:
            while plain.recv(4096):
                pass
        server.until(lambda: server.listener.counts.total == 0)


def offered(server) -> dict[str, list[str]]:
    """The lists of the server's SSH_MSG_KEXINIT, read from the wire."""
    with socket.create_connection(("127.0.0.1", server.port), 10) as plain, plain.makefile("rb") as stream:
        banner = stream.readline()
        plain.sendall(b"SSH-2.0-test\r\n")
        length = int.from_bytes(stream.read(4), "big")
        payload = stream.read(length)[1:]
    lists, place = [banner.decode().strip()], 17
    for _ in range(10):
        size = int.from_bytes(payload[place : place + 4], "big")
        lists.append(payload[place + 4 : place + 4 + size].decode())
        place += 4 + size
    names = ["banner", "kex", "host_keys", "cipher_in", "cipher_out", "mac_in", "mac_out", "comp_in", "comp_out"]
    return {name: text.split(",") for name, text in zip(names, lists, strict=False)}


def test_the_wire_shows_the_modern_algorithms_only_and_no_version(store, tmp_path) -> None:
    with running(store, tmp_path) as server:
        found = offered(server)
    assert found["banner"] == ["SSH-2.0-SFTP"]
    assert set(found["kex"]) - {"ext-info-s", "kex-strict-s-v00@openssh.com"} == set(KEX)
    assert "kex-strict-s-v00@openssh.com" in found["kex"]
    assert set(found["host_keys"]) == set(SIGNATURES)
    assert tuple(found["cipher_in"]) == tuple(found["cipher_out"]) == CIPHERS
    assert tuple(found["mac_in"]) == tuple(found["mac_out"]) == MACS
    assert found["comp_in"] == found["comp_out"] == ["none"]


@pytest.mark.parametrize(("days", "networks", "older"), [(0, HERE, True), (-1, HERE, False), (5, ELSEWHERE, False)])
def test_an_exception_adds_older_algorithms_for_its_addresses_until_its_day(store, tmp_path, days, networks, older):
    until = (NOW + timedelta(days=days)).date()
    exception = LegacyException("acme", networks, with_legacy(LEGACY), until)
    with running(store, tmp_path, exceptions=(exception,)) as server:
        found = offered(server)
        assert login(server) == ""
    assert ("diffie-hellman-group14-sha1" in found["kex"]) is older
    assert ("ssh-rsa" in found["host_keys"]) is older
    assert ("hmac-sha1" in found["mac_in"]) is older


def test_an_exception_for_something_unknown_is_refused() -> None:
    with pytest.raises(ValueError, match="hmac-md5"):
        with_legacy(["hmac-md5"])
    assert with_legacy([]) == MODERN
    assert not any("sha1" in name for name in (*KEX, *MACS, *SIGNATURES))


def test_a_shell_a_command_scp_and_forwarding_are_refused(store, tmp_path) -> None:
    async def ask(server, work) -> None:
        async with server.asyncssh() as connection:
            await asyncio.wait_for(work(connection), 10)

    with running(store, tmp_path) as server:
        for work in (
            lambda c: c.run("id", check=True),
            lambda c: c.create_process(),
            lambda c: asyncssh.scp((c, "/in"), tmp_path),
            lambda c: c.open_connection("127.0.0.1", 22),
            lambda c: c.forward_remote_port("", 0, "127.0.0.1", 22),
        ):
            with pytest.raises((asyncssh.Error, asyncssh.ChannelListenError, asyncssh.ProcessError, OSError)):
                server.call(ask(server, work)).result(30)


def test_limits_of_files_and_bytes_are_said_in_words(store, tmp_path) -> None:
    settings = account(max_file_bytes=2000, quota_bytes=3000, quota_files=2, files_per_hour=2, handles=2)
    with running(store, tmp_path, settings) as server, server.paramiko() as sftp:
        with pytest.raises(OSError, match="at most 2000 bytes"), sftp.open("/in/big.edi", "wb") as file:
            file.write(b"x" * 3000)
        assert server.states() == {}
        handles = [sftp.open(f"/in/h{number}.tmp", "wb") for number in range(2)]
        with pytest.raises(OSError, match="2 files may be open"):
            sftp.open("/in/h3.tmp", "wb")
        handles[0].write(order(1, 1900))
        with pytest.raises(OSError, match="quota"):
            handles[1].write(b"x" * 1500)
        for handle in handles:
            handle.close()
        with sftp.open("/in/a.edi", "wb") as file:
            file.write(order(2))
        with pytest.raises(OSError, match="as many files"):
            sftp.open("/in/b.edi", "wb")
    assert server.inbound.names == ["a.edi"]


def test_more_files_in_an_hour_than_allowed_are_refused_at_their_close(store, tmp_path) -> None:
    with running(store, tmp_path, account(files_per_hour=1)) as server, server.paramiko() as sftp:
        for number in range(2):
            with sftp.open(f"/in/{number}.edi", "wb") as file:
                file.write(order(number))
    assert server.inbound.names == ["0.edi"]


def test_a_nearly_full_disk_takes_no_uploads(store, tmp_path) -> None:
    full = replace(QUICK, min_free_bytes=1 << 60)
    with (
        running(store, tmp_path, limits=full) as server,
        server.paramiko() as sftp,
        pytest.raises(OSError, match="nearly full"),
    ):
        sftp.open("/in/a.edi", "wb")
