"""The HTTP door: who may post, what is stored before 202, and how a repeated message is answered."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from gateway.messages.ports import Received
from gateway.partners import registry
from gateway.partners.directory import Directory
from gateway.partners.profile import PartnerProfile, Status
from gateway.store.engine import open_store
from gateway.store.errors import StoreBusyError
from gateway.store.migrations import upgrade
from gateway.store.secrets import create_kek, put_secret
from gateway.transports.http import HttpAccount, HttpReceiver, HttpServer, StoredAccess, new_token
from gateway.transports.http.access import opens
from gateway.transports.http.receive import RequestHead
from gateway.transports.http.server import ServerLimits, TlsFiles
from tests.transports.http.httpkit import TOKEN, Access, Inbound, certificate, live, post
from tests.transports.reactorkit import Reactor

DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()
HARBOR = HttpAccount("harbor", (DIGEST,), max_body_bytes=200_000)


def receiver(inbound: Inbound | None = None, *accounts: HttpAccount, **options: Any) -> HttpReceiver:
    return HttpReceiver(Access(*(accounts or (HARBOR,))), inbound or Inbound(), **options)


def raw(server: HttpServer, data: bytes) -> bytes:
    """Send bytes and read until the server closes."""
    with socket.create_connection(server.address, timeout=15) as sock:
        sock.sendall(data)
        got = b""
        while piece := sock.recv(65536):
            got += piece
        return got


def test_a_message_is_stored_before_its_id_is_answered(reactor: Reactor) -> None:
    inbound = Inbound()
    with live(reactor, receiver(inbound)) as server:
        status, answer, headers = post(
            server,
            b"ISA*1",
            Content_Type="application/EDI-X12",
            Content_Disposition='attachment; filename="po-1.edi"',
            Idempotency_Key="po-1",
        )
    (received,) = inbound.received
    assert status == 202 and headers["Content-Type"] == "application/json" and set(answer) == {"id"}
    assert (received.transport, received.partner, received.payload) == ("http", "harbor", b"ISA*1")
    assert (received.filename, received.content_type) == ("po-1.edi", "application/EDI-X12")
    assert received.transport_id == "key:po-1" and received.facts["opened_by"] == "token"
    assert TOKEN not in str(received)


def test_the_same_key_with_the_same_body_gets_the_same_answer_and_another_body_409(reactor: Reactor) -> None:
    inbound = Inbound()
    with live(reactor, receiver(inbound)) as server:
        first, again = (post(server, b"one", Idempotency_Key="k") for _ in range(2))
        other = post(server, b"two", Idempotency_Key="k")
    assert first[:2] == again[:2] and first[0] == 202
    assert other[0] == 409 and "used before" in other[1]["error"]
    assert [one.payload for one in inbound.received] == [b"one"]


def test_without_a_key_the_same_bytes_are_one_message(reactor: Reactor) -> None:
    inbound = Inbound()
    with live(reactor, receiver(inbound)) as server:
        assert post(server, b"one")[1] == post(server, b"one")[1] != post(server, b"two")[1]
    assert len(inbound.received) == 2


@pytest.mark.parametrize(
    ("partner", "token"), [("harbor", None), ("harbor", "wrong"), ("nobody", TOKEN), ("nobody", None), ("harbor", "")]
)
def test_whoever_may_not_post_gets_one_and_the_same_answer(reactor: Reactor, partner: str, token: str | None) -> None:
    inbound, refused = Inbound(), []
    with live(reactor, receiver(inbound, on_refused=lambda *told: refused.append(told))) as server:
        status, answer, headers = post(server, partner=partner, token=token)
    assert status == 401 and headers["WWW-Authenticate"] == "Bearer"
    assert answer == {"error": "A token or client certificate of this partner is needed."}
    assert inbound.received == [] and refused == [(partner, "127.0.0.1")]


def test_a_request_is_refused_before_its_body_is_sent(reactor: Reactor) -> None:
    with live(reactor, receiver()) as server, socket.create_connection(server.address, timeout=15) as sock:
        sock.sendall(b"POST /in/harbor HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\nExpect: 100-continue\r\n\r\n")
        assert sock.recv(1000).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"path": "/elsewhere"}, 404),
        ({"path": "/in/../harbor"}, 404),
        ({"path": "/in/harbor/x"}, 404),
        ({"method": "PUT"}, 405),
        ({"Content_Encoding": "gzip"}, 415),
        ({"Content_Type": "multipart/form-data; boundary=x"}, 415),
        ({"Idempotency_Key": "a b"}, 400),
        ({"Idempotency_Key": "k" * 201}, 400),
        ({"body": b""}, 400),
        ({"body": b"x" * 200_001}, 413),
    ],
)
def test_what_cannot_be_taken_is_refused_with_its_reason(reactor: Reactor, changes: dict, status: int) -> None:
    inbound = Inbound()
    with live(reactor, receiver(inbound)) as server:
        found, answer, _ = post(server, **changes)
    assert found == status and answer["error"] and inbound.received == []


def test_a_body_without_a_length_is_cut_off_at_the_limit(reactor: Reactor) -> None:
    inbound = Inbound()
    head = f"POST /in/harbor HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nTransfer-Encoding: chunked\r\n\r\n"
    with live(reactor, receiver(inbound)) as server:
        answer = raw(server, head.encode() + b"30D41\r\n" + b"x" * 0x30D41 + b"\r\n0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ") and inbound.received == []


def test_a_large_body_goes_through_a_spool_file_and_arrives_whole(reactor: Reactor, tmp_path: Path) -> None:
    inbound, body = Inbound(), os.urandom(3_000_000)
    account = HttpAccount("harbor", (DIGEST,), max_body_bytes=4_000_000)
    with live(reactor, receiver(inbound, account), spool_dir=tmp_path) as server:
        assert post(server, body)[0] == 202
    assert inbound.received[0].payload == body and list(tmp_path.iterdir()) == []


def test_a_busy_store_and_a_full_disk_ask_the_partner_to_come_again(reactor: Reactor) -> None:
    def busy(received: Received) -> None:
        raise StoreBusyError("busy")

    inbound = Inbound()
    inbound.raises = busy
    with live(reactor, receiver(inbound)) as server:
        status, _, headers = post(server)
        assert (status, headers["Retry-After"]) == (503, "60")
    with live(reactor, receiver(Inbound()), trouble=lambda: "The disk is full.") as server:
        assert post(server)[0] == 503
        assert post(server, b"", path="/health", method="GET")[0] == 503


def test_health_is_answered_without_a_token(reactor: Reactor) -> None:
    with live(reactor, receiver()) as server:
        assert post(server, b"", path="/health", method="GET", token=None)[:2] == (200, {"status": "ok"})
        assert post(server, b"", path="/health", method="HEAD", token=None)[0] == 200
        assert server.url == f"http://127.0.0.1:{server.address[1]}/in/"


def test_an_error_of_our_own_is_no_2xx_and_tells_nothing_inside(reactor: Reactor) -> None:
    def broken(received: Received) -> None:
        raise RuntimeError("secret detail")

    inbound = Inbound()
    inbound.raises = broken
    with live(reactor, receiver(inbound)) as server:
        status, answer, _ = post(server)
    assert status == 500 and "secret" not in str(answer)


def test_no_more_than_the_agreed_number_of_messages_wait(reactor: Reactor) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(received: Received) -> None:
        begun.set()
        assert go_on.wait(20)

    inbound = Inbound()
    inbound.raises = slow
    with live(reactor, receiver(inbound), limits=ServerLimits(waiting=1)) as server:
        first = threading.Thread(target=post, args=(server, b"one"))
        first.start()
        assert begun.wait(20)
        assert post(server, b"two")[0] == 503
        go_on.set()
        first.join(20)
    assert [one.payload for one in inbound.received] == [b"one"]


def test_stopping_lets_a_complete_message_have_its_answer(reactor: Reactor) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(received: Received) -> None:
        begun.set()
        assert go_on.wait(20)

    inbound, answers = Inbound(), []
    inbound.raises = slow
    server = HttpServer(reactor.reactor, receiver(inbound), port=0)
    reactor.call(server.start)
    sender = threading.Thread(target=lambda: answers.append(post(server)))
    sender.start()
    assert begun.wait(20)
    stopped = threading.Event()
    reactor.call(lambda: server.stop().addCallback(lambda _: stopped.set()) and None)
    assert not stopped.is_set()
    go_on.set()
    assert stopped.wait(20)
    sender.join(20)
    assert answers[0][0] == 202
    reactor.call(server.stop)


# --- limits against slow and many senders, on a clock of the test


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written, self.aborted, self.lost = b"", False, False
        self.disconnecting = False

    def write(self, data: bytes) -> None:
        self.written += data

    def writeSequence(self, data: list[bytes]) -> None:
        self.written += b"".join(data)

    def loseConnection(self) -> None:
        self.lost = True

    def abortConnection(self) -> None:
        self.aborted = True

    def getPeer(self) -> object:
        from twisted.internet.address import IPv4Address

        return IPv4Address("TCP", "192.0.2.1", 4000)

    def getHost(self) -> object:
        return self.getPeer()

    def setTcpNoDelay(self, on: bool) -> None: ...

    def registerProducer(self, producer: object, streaming: bool) -> None: ...

    def unregisterProducer(self) -> None: ...


def connection(limits: ServerLimits) -> tuple[Any, Wire, Clock, Any]:
    from gateway.transports.http.connection import DoorFactory

    clock = Clock()
    server = HttpServer(clock, receiver(), limits=limits)
    factory = DoorFactory(server)
    channel: Any = factory.buildProtocol(Wire().getPeer())
    wire = Wire()
    channel.makeConnection(wire)
    return channel._channel if hasattr(channel, "_channel") else channel, wire, clock, factory


def test_headers_that_take_too_long_end_the_connection() -> None:
    channel, wire, clock, _ = connection(ServerLimits(header_seconds=20))
    channel.dataReceived(b"POST /in/harbor HTTP/1.1\r\n")
    clock.advance(21)
    assert wire.aborted


def test_a_body_that_comes_too_slowly_is_refused() -> None:
    channel, wire, clock, _ = connection(ServerLimits(rate_seconds=10, bytes_per_second=10, idle_seconds=1000))
    head = f"POST /in/harbor HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 5000\r\n\r\n"
    channel.dataReceived(head.encode() + b"x" * 200)
    clock.advance(11)
    assert not wire.written
    clock.advance(11)
    assert wire.written.startswith(b"HTTP/1.1 408 ") and wire.lost


def test_what_a_refused_sender_goes_on_sending_is_bounded() -> None:
    channel, wire, _, _ = connection(ServerLimits())
    channel.dataReceived(b"POST /in/harbor HTTP/1.1\r\nHost: x\r\nContent-Length: 99000000\r\n\r\n")
    assert wire.written.startswith(b"HTTP/1.1 401 ")
    for _ in range(17):
        channel.dataReceived(b"x" * (1 << 20))
    assert wire.aborted


def test_one_address_gets_only_its_share_of_connections_and_gives_it_back() -> None:
    from twisted.internet.error import ConnectionDone
    from twisted.python.failure import Failure

    channel, _, _, factory = connection(ServerLimits(connections_per_address=1))
    assert factory.buildProtocol(Wire().getPeer()) is None
    channel.connectionLost(Failure(ConnectionDone()))
    assert factory.open.total() == 0
    assert factory.buildProtocol(Wire().getPeer()) is not None


# --- TLS and client certificates


def test_a_pinned_client_certificate_opens_the_door_and_another_does_not(reactor: Reactor, tmp_path: Path) -> None:
    server_pem, server_key, _ = certificate(tmp_path, "server")
    client_pem, client_key, pin = certificate(tmp_path, "client")
    other_pem, other_key, _ = certificate(tmp_path, "other")
    inbound = Inbound()
    accounts = (
        HttpAccount("harbor", (), (pin,)),
        HttpAccount("both", (DIGEST,), (pin,), require_both=True),
    )

    def context(*pair: Path) -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=str(server_pem))
        made.check_hostname = False
        if pair:
            made.load_cert_chain(*map(str, pair))
        return made

    with live(reactor, receiver(inbound, *accounts), tls=TlsFiles(server_pem, server_key), host="127.0.0.1") as server:
        assert server.url.startswith("https://")
        ours = context(client_pem, client_key)
        assert post(server, token=None, context=ours)[0] == 202
        assert post(server, token=None, context=context(other_pem, other_key))[0] == 401
        assert post(server, token=None, context=context())[0] == 401
        assert post(server, partner="both", token=None, context=ours)[0] == 401
        assert post(server, partner="both", context=context())[0] == 401
        assert post(server, partner="both", context=ours)[0] == 202
    assert [one.facts["opened_by"] for one in inbound.received] == ["certificate", "both"]
    assert inbound.received[0].facts["client_certificate"] == pin


def test_without_tls_only_the_loopback_is_listened_on() -> None:
    for host in ("0.0.0.0", "192.0.2.7", "gateway.example"):
        with pytest.raises(ValueError, match="without TLS"):
            HttpServer(None, receiver(), host=host)
    for host in ("127.0.0.1", "::1", "localhost"):
        HttpServer(None, receiver(), host=host)
    HttpServer(None, receiver(), host="0.0.0.0", behind_proxy=True)


# --- pure parts


def test_a_fresh_token_opens_what_its_digest_is_stored_for() -> None:
    token, digest = new_token()
    assert len(token) >= 43 and digest == hashlib.sha256(token.encode()).hexdigest()
    account = HttpAccount("harbor", (DIGEST, digest))
    assert opens(account, token, "") == "token"
    assert opens(account, token + "x", "") == ""
    assert opens(None, token, "") == ""
    assert opens(HttpAccount("harbor"), "", "") == ""


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="a.edi"', "a.edi"),
        ("attachment; filename*=UTF-8''%C3%A9.edi", "é.edi"),
        ('attachment; filename="../../etc/passwd"', None),
        ('attachment; filename=".hidden"', None),
        ("attachment", None),
        ("", None),
    ],
)
def test_only_a_plain_file_name_is_kept(disposition: str, name: str | None) -> None:
    inbound = Inbound()
    door = receiver(inbound)
    headers = {"authorization": (f"Bearer {TOKEN}",), "content-disposition": (disposition,)}
    head = RequestHead("POST", "/in/harbor", headers)
    admitted = door.judge(head)
    assert door.take(head, admitted, b"x").status == 202
    assert inbound.received[0].filename == name
    assert door.take(head, admitted, b"x" * 200_001).status == 413


def test_two_keys_are_no_key() -> None:
    headers = {"authorization": (f"Bearer {TOKEN}",), "idempotency-key": ("a", "b")}
    assert receiver().judge(RequestHead("POST", "/in/harbor", headers)).status == 400


def test_accounts_come_from_profiles_and_stored_secrets(tmp_path: Path) -> None:
    kek, now = create_kek(tmp_path / "kek"), [0.0]
    from datetime import UTC, datetime

    at = datetime(2026, 3, 1, tzinfo=UTC)
    http = {"tokens": [{"secret": "t"}, {"secret": "gone"}, {"secret": "odd"}], "max_body_bytes": 5000}
    profiles = [
        PartnerProfile.model_validate({"code": "harbor", "name": "N", "status": "live", "http": http}),
        PartnerProfile.model_validate({"code": "draft", "name": "N", "http": {"tokens": {"secret": "t-draft"}}}),
        PartnerProfile.model_validate({"code": "shut", "name": "N", "status": "live"}),
    ]
    with open_store(tmp_path / "gateway.db") as store:
        upgrade(store)
        store.writer.run(lambda session: registry.apply(session, profiles, "test", "set up", at))
        digest = DIGEST.upper().encode() + b"\n"
        for name, value in (("t", digest), ("t-draft", digest), ("odd", b"not a digest")):
            store.writer.run(lambda session, n=name, v=value: put_secret(session, kek, n, v, kind="token", now=at))
        access = StoredAccess(store, kek, Directory(store.read), monotonic=lambda: now[0])
        assert access.account("harbor") == HttpAccount("harbor", (DIGEST,), max_body_bytes=5000)
        assert [access.account(code) for code in ("draft", "shut", "nobody")] == [None, None, None]
        changed = [profiles[0].model_copy(update={"status": Status.RETIRED})]
        store.writer.run(lambda session: registry.apply(session, changed, "test", "ended", at))
        assert access.account("harbor") is not None
        now[0] = 2.0
        assert access.account("harbor") is None
