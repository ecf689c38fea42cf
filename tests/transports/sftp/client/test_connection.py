"""Only a server with a pinned key is talked to; every failure says what, where, why and what to do."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from gateway.messages.ports import Outcome
from gateway.transports.sftp.client import SftpTarget, StepResult, connection, partner_test
from gateway.transports.sftp.client.connection import Timeouts, open_session
from gateway.transports.sftp.client.errors import ConnectError, HostKeyMismatchError, in_words
from gateway.transports.sftp.client.gates import pause_minutes
from gateway.transports.sftp.client.loop import LoopThread
from gateway.transports.sftp.client.target import Credentials
from tests.transports.sftp.client.clientkit import Kit, interchange
from tests.transports.sftp.client.sshd import Sshd, free_port

STRANGER = "SHA256:" + "A" * 43
TODAY = date(2026, 3, 1)


def open_once(kit: Kit, credentials: Credentials | None = None) -> str:
    """Open and close a session; the fingerprint of the key that was trusted."""

    async def work() -> str:
        target = kit.targets.for_partner("harbor")
        given = credentials or kit.targets.credentials(target)
        async with open_session(target, given, TODAY, Timeouts(5, 10)) as session:
            return session.host_key

    return asyncio.run(work())


def refusal(kit: Kit, credentials: Credentials | None = None) -> ConnectError:
    with pytest.raises(ConnectError) as caught:
        open_once(kit, credentials)
    return caught.value


@pytest.fixture
def contacts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every server that was contacted."""
    found: list[str] = []
    real = connection._attempt

    async def counted(target: SftpTarget, *rest: Any) -> Any:
        found.append(target.place)
        return await real(target, *rest)

    monkeypatch.setattr(connection, "_attempt", counted)
    return found


# --- host keys


def test_a_wrong_host_key_stops_both_directions_and_alerts_once_until_the_profile_changes(
    kit: Kit, contacts: list[str]
) -> None:
    kit.offer("order.edi", interchange())
    kit.agree(host_keys=[STRANGER])
    assert "does not name" in kit.poll().stopped
    assert kit.mismatches == [("harbor", "127.0.0.1", kit.sshd.fingerprints[0])]
    contacts.clear()
    kit.pass_time(days=3)
    assert "does not name" in kit.poll().stopped
    assert kit.send().outcome is Outcome.RETRY
    assert contacts == [], "the server was contacted again"
    assert len(kit.mismatches) == 1 and kit.inbound.received == []
    kit.agree()
    assert kit.poll().fetched == ["order.edi"]
    assert kit.send().outcome is Outcome.CONFIRMED


def test_a_stranger_is_not_even_told_our_login_name(kit: Kit) -> None:
    names: list[str] = []

    class Curious(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:
            names.append(username)
            return False

    async def serve() -> asyncssh.SSHAcceptor:
        key = asyncssh.generate_private_key("ssh-ed25519")
        return await asyncssh.create_server(Curious, "127.0.0.1", 0, server_host_keys=[key])

    thread = LoopThread("stranger")
    server = thread.call(serve())
    kit.agree(port=server.get_port(), host_keys=[STRANGER])
    error = refusal(kit)
    assert isinstance(error, HostKeyMismatchError) and error.step == "host key"
    assert names == []
    thread.call(_close(server))
    thread.stop()


@pytest.mark.parametrize("pinned", [0, 1, 2])
def test_any_kind_of_key_may_be_the_pinned_one(tmp_path: Path, kit: Kit, pinned: int) -> None:
    kinds = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")
    with Sshd(tmp_path, host_keys=kinds) as server:
        server.user_key = kit.sshd.user_key
        (tmp_path / "authorized_keys").write_bytes(kit.sshd.user_key.export_public_key())
        fingerprint = server.fingerprints[pinned]
        kit.agree(port=server.port, host_keys=[fingerprint])
        assert open_once(kit) == fingerprint


def test_without_a_pinned_key_nothing_is_contacted(kit: Kit, contacts: list[str]) -> None:
    kit.agree(host_keys=[])
    assert "pins no host key" in str(refusal(kit))
    assert contacts == []


def test_padding_of_a_fingerprint_makes_no_difference(kit: Kit) -> None:
    kit.agree(host_keys=[kit.sshd.fingerprints[0] + "="])
    assert open_once(kit) == kit.sshd.fingerprints[0]


# --- failures in words


def test_a_refused_login_pauses_at_once_so_that_no_account_is_locked(kit: Kit, contacts: list[str]) -> None:
    kit.targets.secrets["harbor-key"] = asyncssh.generate_private_key("ssh-ed25519").export_private_key()
    assert "refuses our login" in kit.poll().stopped
    contacts.clear()
    assert "left alone until" in kit.poll().stopped
    assert contacts == []
    ((_, subject, sentence),) = kit.problems
    assert subject == "sftp-fetch" and "in 5 minutes" in sentence


def test_an_unreadable_key_is_named(kit: Kit) -> None:
    assert "private key" in str(refusal(kit, Credentials(key=b"no key at all")))


def test_a_closed_port_and_an_unknown_name_are_told_apart(kit: Kit) -> None:
    kit.agree(port=free_port())
    assert "refuses connections" in str(refusal(kit))
    kit.agree(host="no-such-host.invalid")
    error = refusal(kit)
    assert error.step == "dns" and "not known" in str(error)


@contextmanager
def silent(answer: bytes = b"") -> Iterator[int]:
    """A server that says ``answer`` and closes, or nothing at all."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held = []

        def serve() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                held.append(peer)
                if answer:
                    peer.sendall(answer)
                    peer.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        for peer in held:
            peer.close()
    thread.join(5)


def test_a_server_that_speaks_no_ssh_is_named(kit: Kit) -> None:
    with silent(b"220 welcome to FTP\r\n") as port:
        kit.agree(port=port)
        assert "ended the connection" in str(refusal(kit))


def test_a_silent_server_does_not_hold_us_for_ever(kit: Kit) -> None:
    async def work() -> None:
        target = kit.targets.for_partner("harbor")
        async with open_session(target, Credentials(), TODAY, Timeouts(0.5, 0.5)):
            pass

    with silent() as port:
        kit.agree(port=port)
        with pytest.raises(ConnectError):
            asyncio.run(work())


def test_a_server_with_old_algorithms_only_is_reached_only_with_an_exception_that_has_not_ended(
    tmp_path: Path, kit: Kit
) -> None:
    with Sshd(tmp_path, extra=("KexAlgorithms diffie-hellman-group14-sha1", "MACs hmac-sha1")) as server:
        (tmp_path / "authorized_keys").write_bytes(kit.sshd.user_key.export_public_key())
        there = {"port": server.port, "host_keys": server.fingerprints}
        kit.agree(**there)
        error = refusal(kit)
        assert error.step == "algorithms" and "compatible with an end date" in str(error)
        kit.agree(**there, algorithms="compatible", compatible_until=TODAY)
        assert open_once(kit)
        kit.agree(**there, algorithms="compatible", compatible_until=TODAY - timedelta(days=1))
        assert refusal(kit).step == "algorithms"
        kit.agree(**there, algorithms="compatible")
        assert open_once(kit)


def test_a_server_without_sftp_is_named(tmp_path: Path, kit: Kit) -> None:
    with Sshd(tmp_path, extra=("Match all", "MaxSessions 0")) as server:
        (tmp_path / "authorized_keys").write_bytes(kit.sshd.user_key.export_public_key())
        kit.agree(port=server.port, host_keys=server.fingerprints)
        error = refusal(kit)
        assert error.step == "sftp" and "starts no SFTP" in str(error)
        steps = partner_test(kit.targets.profile, kit.targets.secrets.__getitem__)
        assert steps[-1].step == "login" and not steps[-1].ok


def test_repeated_failures_pause_longer_and_longer_and_success_forgets_them(kit: Kit) -> None:
    port = kit.sshd.port
    assert [pause_minutes(n) for n in (1, 2, 3, 4, 5, 6, 7, 8, 50)] == [0, 0, 5, 10, 20, 40, 80, 80, 80]
    kit.targets.profile = kit.make_profile(port=free_port())
    for _ in range(3):
        assert "refuses connections" in kit.poll().stopped
    assert "left alone" in kit.poll().stopped
    kit.pass_time(minutes=5)
    assert "refuses connections" in kit.poll().stopped
    kit.pass_time(minutes=9)
    assert "left alone" in kit.poll().stopped
    assert len(kit.problems) == 1
    kit.pass_time(minutes=1)
    kit.targets.profile = kit.make_profile(port=port)
    kit.offer("a.edi", interchange())
    assert kit.poll().fetched == ["a.edi"]
    kit.targets.profile = kit.make_profile(port=free_port())
    assert "refuses connections" in kit.poll().stopped
    assert "refuses connections" in kit.poll().stopped


def test_errors_of_the_server_are_told_in_words() -> None:
    assert in_words(TimeoutError()) == "the server did not answer in time"
    assert in_words(asyncssh.SFTPQuotaExceeded("x")) == "our quota there is used up"
    assert in_words(asyncssh.SFTPFailure("Disk\x1b[2J full\n")) == "the server says: Disk?[2J full"
    assert in_words(asyncssh.SFTPFailure("")) == "the server gives no reason"


# --- other servers and other logins


class Passwords(asyncssh.SSHServer):
    """A server that lets one user in by password."""

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("alpine", "correct horse")


def test_a_password_lets_us_in_where_the_partner_has_no_keys(kit: Kit, tmp_path: Path) -> None:
    key = asyncssh.generate_private_key("ecdsa-sha2-nistp256")
    thread = LoopThread("password-server")

    async def serve() -> asyncssh.SSHAcceptor:
        return await asyncssh.create_server(
            Passwords, "127.0.0.1", 0, server_host_keys=[key], sftp_factory=lambda chan: asyncssh.SFTPServer(chan)
        )

    server = thread.call(serve())
    kit.agree(
        port=server.get_port(),
        host_keys=[key.get_fingerprint()],
        user="alpine",
        password={"secret": "pw"},
        key=None,
    )
    kit.targets.secrets["pw"] = b"correct horse"
    kit.offer("a.edi", interchange())
    assert kit.poll().fetched == ["a.edi"]
    assert kit.send().outcome is Outcome.CONFIRMED
    assert all(step.ok for step in run_test(kit))
    kit.targets.secrets["pw"] = b"wrong"
    assert "refuses our login" in kit.poll().stopped
    thread.call(_close(server))
    thread.stop()


async def _close(server: asyncssh.SSHAcceptor) -> None:
    server.close()


# --- the test of a partner


def run_test(kit: Kit) -> list[StepResult]:
    return partner_test(kit.targets.profile, kit.targets.secrets.__getitem__, timeouts=Timeouts(5, 10))


def test_the_partner_test_tells_every_step_and_leaves_nothing_behind(kit: Kit) -> None:
    kit.offer("order.edi", interchange())
    results = run_test(kit)
    assert [r.step for r in results] == [
        "dns", "tcp", "algorithms", "host key", "login", "list", "write", "rename", "delete",
    ]  # fmt: skip
    assert all(r.ok for r in results), results
    assert "1 files wait" in results[5].sentence
    assert kit.listed(kit.inn) == [] and kit.listed(kit.out) == ["order.edi"]


@pytest.mark.parametrize(
    ("changes", "step", "passed"),
    [
        ({"host": "no-such-host.invalid"}, "dns", []),
        ({"host_keys": [STRANGER]}, "host key", ["dns", "tcp", "algorithms"]),
        ({"host_keys": []}, "host key", ["dns"]),
        ({"user": "nobody-we-know"}, "login", ["dns", "tcp", "algorithms", "host key"]),
    ],
)
def test_the_partner_test_ends_at_the_first_step_of_the_connection_that_fails(
    kit: Kit, changes: dict[str, object], step: str, passed: list[str]
) -> None:
    kit.agree(**changes)
    results = run_test(kit)
    assert [(r.step, r.ok) for r in results] == [*((name, True) for name in passed), (step, False)]


def test_the_partner_test_tells_missing_settings(kit: Kit) -> None:
    kit.agree(host=None)
    assert [(r.step, r.ok) for r in run_test(kit)] == [("settings", False)]
    kit.agree(user=None)
    assert "sftp.user" in run_test(kit)[0].sentence


def test_the_partner_test_goes_on_where_a_directory_is_wrong(kit: Kit) -> None:
    kit.agree(inbound=str(kit.home / "nowhere"), outbound=str(kit.home / "nowhere"))
    assert [(r.step, r.ok) for r in run_test(kit)][5:] == [("list", False), ("write", False)]
    kit.agree(fetch=False)
    assert "list" not in [r.step for r in run_test(kit)]


@pytest.mark.parametrize("operation", ["rename", "remove"])
def test_the_partner_test_tells_what_is_not_permitted(
    kit: Kit, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def denied(self: object, *paths: bytes) -> None:
        raise asyncssh.SFTPPermissionDenied("no")

    monkeypatch.setattr(asyncssh.SFTPClient, operation, denied)
    failed = [r.step for r in run_test(kit) if not r.ok]
    assert failed == ["rename" if operation == "rename" else "delete"]
