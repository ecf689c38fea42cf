"""What is left out of asyncssh's work for a packet, and where it stays."""

from __future__ import annotations

import logging

import pytest
from asyncssh.connection import SSHServerConnection
from asyncssh.constants import MSG_CHANNEL_DATA, MSG_IGNORE
from sftpkit import account, order, running

from gateway.transports.sftp.server import lean
from gateway.transports.sftp.server.lean import QuietLogger, lean_connection


class Connection:
    """The parts of a connection that matter here."""

    def __init__(self, cipher: str) -> None:
        self.cipher = cipher
        self.sent: list[int] = []
        self.logged: list[str] = []
        self.timers = 0

    def get_extra_info(self, name: str, default: str = "") -> str:
        return self.cipher if name == "send_cipher" else default

    def set_extra_info(self, **told: object) -> None:
        self.told = told

    def send_packet(self, kind: int, *parts: bytes, handler: object = None) -> None:
        self.sent.append(kind)
        self.log_sent_packet("sent")

    def log_sent_packet(self, text: str) -> None:
        self.logged.append(text)

    def _reset_keepalive_timer(self) -> None:
        self.timers += 1

    log_received_packet = log_sent_packet


@pytest.mark.parametrize(
    ("cipher", "sent"),
    [("aes256-gcm@openssh.com", [MSG_CHANNEL_DATA]), ("aes256-cbc", [MSG_IGNORE, MSG_CHANNEL_DATA])],
)
def test_empty_packets_stay_for_chained_blocks_only(cipher: str, sent: list[int]) -> None:
    connection = Connection(cipher)
    lean_connection(connection)
    connection.send_packet(MSG_IGNORE, b"")
    connection.send_packet(MSG_CHANNEL_DATA, b"x")
    assert (connection.sent, connection.logged) == (sent, [])


def test_the_timer_of_the_keepalive_is_set_anew_once_in_a_second(monkeypatch) -> None:
    connection, now = Connection("aes256-gcm@openssh.com"), [100.0]
    monkeypatch.setattr(lean.time, "monotonic", lambda: now[0])
    lean_connection(connection)
    for seconds in (0.0, 0.5, 1.5, 0.9):
        now[0] += seconds
        connection._reset_keepalive_timer()
    assert connection.timers == 2


def test_packets_are_logged_when_debugging_is_on(caplog) -> None:
    connection = Connection("aes256-gcm@openssh.com")
    with caplog.at_level(logging.DEBUG, "asyncssh"):
        lean_connection(connection)
        connection.send_packet(MSG_CHANNEL_DATA, b"x")
    assert connection.logged == ["sent"]


def test_a_quiet_logger_says_everything_but_its_debug_lines(caplog) -> None:
    quiet = QuietLogger(logging.getLogger("lean"))
    with caplog.at_level(logging.DEBUG, "lean"):
        quiet.debug1("a")
        quiet.debug2("b")
        quiet.warning("c")
    assert caplog.messages == ["c"]


def test_an_upload_works_with_debugging_on(store, tmp_path, caplog) -> None:
    with caplog.at_level(logging.DEBUG, "asyncssh"), running(store, tmp_path, account()) as server:
        with server.paramiko() as sftp, sftp.open("/in/a.edi", "wb") as file:
            file.write(order(1))
        assert server.inbound.names == ["a.edi"]


def test_a_session_sends_one_packet_for_an_answer(server, monkeypatch) -> None:
    sent: list[int] = []
    send = SSHServerConnection._send

    def recorded(self, data: bytes) -> None:
        sent.append(len(data))
        send(self, data)

    monkeypatch.setattr(SSHServerConnection, "_send", recorded)
    with server.paramiko() as sftp:
        sftp.stat("/in")
        sent.clear()
        sftp.stat("/in")
        sftp.stat("/out")
        assert len(sent) == 2
