"""The listener serves two routes, judges a request at its headers, and never lets one sender take it all."""

import http.client
import socket
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from as2kit import Inbox, identity, key, live, message, ours, receiver, request
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.transports.as2.building import Protection
from gateway.transports.as2.server import ServerLimits, TlsFiles


def post(server, built, path="/as2", method="POST", **options):
    connection = http.client.HTTPConnection(*server.address, timeout=15)
    connection.request(method, path, built.body, dict(built.headers), **options)
    answer = connection.getresponse()
    return answer.status, answer.getheaders(), answer.read()


def eventually(reactor, condition) -> None:
    """Ask in the reactor's thread until it holds; every question is a round trip through the reactor."""
    until = time.monotonic() + 15
    while not reactor.call(condition):
        assert time.monotonic() < until, "it never happened"


def early(server, data: bytes) -> bytes:
    """What the server says before the body comes."""
    with socket.create_connection(server.address, timeout=15) as sock:
        sock.sendall(data)
        return sock.recv(65536)


def raw(server, data: bytes) -> bytes:
    """Send bytes and read until the server closes."""
    with socket.create_connection(server.address, timeout=15) as sock:
        sock.sendall(data)
        got = b""
        while piece := sock.recv(65536):
            got += piece
        return got


def head(built, length=None, *extra: str) -> bytes:
    lines = ["POST /as2 HTTP/1.1", "Host: x", *(f"{name}: {value}" for name, value in built.headers)]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, *extra, "", ""]).encode()


def test_a_message_is_received_and_its_receipt_comes_back_as_stored(reactor):
    inbox, built = Inbox(), message()
    with live(reactor, receiver(inbox)) as server:
        status, headers, body = post(server, built)
        again = post(server, built)
    stored = inbox.received[0].answer
    assert status == 200
    assert body == stored.body
    assert headers[: len(stored.headers)] == list(stored.headers)
    assert again == (status, headers, body)


def test_a_connection_serves_several_messages(reactor):
    inbox = Inbox()
    with live(reactor, receiver(inbox)) as server:
        connection = http.client.HTTPConnection(*server.address, timeout=15)
        for number in range(3):
            built = message(message_id=f"<{number}@buyer.example>")
            connection.request("POST", "/as2", built.body, dict(built.headers))
            assert connection.getresponse().read()
        connection.close()
    assert len(inbox.received) == 3


def test_a_chunked_body_above_the_spool_size_arrives_whole(reactor, tmp_path):
    inbox, payload = Inbox(), b"ISA*" * 50_000
    built = message(payload, protection=Protection())
    pieces = [built.body[at : at + 7000] for at in range(0, len(built.body), 7000)]
    limits = ServerLimits(spool_above=1000)
    with live(reactor, receiver(inbox), limits, spool_dir=tmp_path) as server:
        connection = http.client.HTTPConnection(*server.address, timeout=15)
        connection.request("POST", "/as2", iter(pieces), dict(built.headers), encode_chunked=True)
        assert connection.getresponse().status == 200
        connection.close()
    assert inbox.received[0].payload == payload
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/", 404),
        ("GET", "/as2x", 404),
        ("GET", "/as2", 405),
        ("PUT", "/as2", 405),
        ("POST", "/health", 405),
        ("POST", "/as2/../admin", 404),
        ("POST", "/as2?x=1", 200),
    ],
)
def test_only_the_two_routes_are_served(reactor, method, path, status):
    with live(reactor, receiver(Inbox())) as server:
        assert post(server, message(), path, method)[0] == status


def test_health_tells_whether_the_gateway_is_ready(reactor):
    trouble = ["The database does not answer."]
    with live(reactor, receiver(Inbox()), trouble=lambda: "".join(trouble)) as server:
        told = raw(server, b"GET /health HTTP/1.0\r\n\r\n")
        assert told.startswith(b"HTTP/1.1 503")
        assert told.endswith(b"not ready: The database does not answer.\n")
        trouble.clear()
        assert raw(server, b"GET /health HTTP/1.0\r\n\r\n").endswith(b"ok\n")
        assert raw(server, b"HEAD /health HTTP/1.0\r\n\r\n").endswith(b"\r\n\r\n")


def test_an_unknown_pair_is_refused_before_its_body_and_staff_are_told(reactor):
    told = threading.Event()
    built = replace(message(), headers=(("AS2-From", "x"), ("AS2-To", "seller")))
    with live(reactor, receiver(Inbox(), on_unknown=lambda *_: told.set())) as server:
        answer = early(server, head(built, 100_000_000, "Expect: 100-continue"))
        assert told.wait(10)
    assert answer.startswith(b"HTTP/1.1 403")
    assert b"100 Continue" not in answer


def test_a_body_announced_too_large_is_refused_before_it_is_sent(reactor):
    inbox = Inbox()
    with live(reactor, receiver(inbox), ServerLimits(max_body_bytes=1000)) as server:
        assert early(server, head(message(), 1001)).startswith(b"HTTP/1.1 413")
        assert post(server, message())[0] == 413
    with live(reactor, receiver(inbox, ours(max_body_bytes=1000))) as server:
        assert early(server, head(message(), 1001)).startswith(b"HTTP/1.1 413")
    assert inbox.received == []


def test_a_chunked_body_that_grows_too_large_is_refused_on_the_way(reactor):
    with live(reactor, receiver(Inbox()), ServerLimits(max_body_bytes=1000)) as server:
        data = head(message(), None, "Transfer-Encoding: chunked") + b"7d0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n"
        assert raw(server, data).startswith(b"HTTP/1.1 413")


def test_an_expecting_sender_is_told_to_continue(reactor):
    built = message()
    with live(reactor, receiver(Inbox())) as server:
        answer = raw(server, head(built, len(built.body), "Expect: 100-continue", "Connection: close") + built.body)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


def test_a_sender_without_headers_is_cut_off(reactor):
    with live(reactor, receiver(Inbox()), ServerLimits(header_seconds=0.2)) as server:
        assert _until_closed(server, b"POST /as2 HTTP/1.1\r\n") == b""


def test_a_second_request_that_never_ends_its_headers_is_cut_off(reactor):
    with live(reactor, receiver(Inbox()), ServerLimits(header_seconds=1.0)) as server:
        assert b"ok" in _until_closed(server, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nPOST /as2 HT")


def test_a_silent_connection_is_closed(reactor):
    with live(reactor, receiver(Inbox()), ServerLimits(idle_seconds=1.0)) as server:
        assert b"ok" in _until_closed(server, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")


def test_a_body_that_trickles_is_cut_off(reactor):
    with live(reactor, receiver(Inbox()), ServerLimits(rate_seconds=0.2, bytes_per_second=100)) as server:
        assert _until_closed(server, head(message(), 1000) + b"x").startswith(b"HTTP/1.1 408")


def test_a_body_that_takes_too_long_is_cut_off(reactor):
    limits = ServerLimits(rate_seconds=0.1, bytes_per_second=0, body_seconds=0.25)
    with live(reactor, receiver(Inbox()), limits) as server:
        assert _until_closed(server, head(message(), 1000) + b"x").startswith(b"HTTP/1.1 408")


def _until_closed(server, data):
    with socket.create_connection(server.address, timeout=15) as sock:
        sock.sendall(data)
        got = b""
        try:
            while piece := sock.recv(65536):
                got += piece
        except ConnectionResetError:
            pass
        return got


def test_connections_of_one_address_are_limited(reactor):
    with live(reactor, receiver(Inbox()), ServerLimits(connections_per_address=1)) as server:
        with socket.create_connection(server.address, timeout=15) as first:
            first.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"ok" in first.recv(1000)
            with socket.create_connection(server.address, timeout=15) as second:
                assert second.recv(10) == b""
        # Closing the first gives its place back.
        eventually(reactor, lambda: not server._factory.open.total())
        assert raw(server, b"GET /health HTTP/1.0\r\n\r\n").endswith(b"ok\n")


def test_more_work_than_is_held_says_come_back_later(reactor):
    inbox, built = Inbox(), message()
    inbox.gate = threading.Event()
    with (
        live(reactor, receiver(inbox), ServerLimits(waiting=1)) as server,
        socket.create_connection(server.address, timeout=15) as first,
    ):
        first.sendall(head(built, len(built.body)) + built.body)
        eventually(reactor, lambda: server.busy)
        assert post(server, message(message_id="<2@b>"))[0] == 503
        inbox.gate.set()
        assert first.recv(65536).startswith(b"HTTP/1.1 200")


def test_a_sender_that_goes_away_does_not_stop_the_storing(reactor):
    inbox, built = Inbox(), message()
    inbox.gate = threading.Event()
    with live(reactor, receiver(inbox)) as server:
        with socket.create_connection(server.address, timeout=15) as sock:
            sock.sendall(head(built, len(built.body)) + built.body)
            eventually(reactor, lambda: server._working)
        eventually(reactor, lambda: not server._factory.open.total())
        inbox.gate.set()
    assert len(inbox.received) == 1


def test_an_error_of_our_own_makes_the_sender_try_again_and_tells_nothing(reactor, caplog):
    inbox = Inbox()
    inbox.problem = RuntimeError("secret detail")
    with live(reactor, receiver(inbox)) as server:
        status, _, body = post(server, message())
    assert status == 500
    assert b"secret" not in body
    assert "secret detail" in caplog.text


def test_a_broken_request_line_is_refused(reactor):
    with live(reactor, receiver(Inbox())) as server:
        assert raw(server, b"\x16\x03\x01\x02\x00\r\n\r\n").startswith(b"HTTP/1.1 400")
        assert raw(server, head(message(), 5, "Transfer-Encoding: chunked")).startswith(b"HTTP/1.1 400")


def test_the_listener_speaks_tls(reactor, tmp_path):
    (tmp_path / "tls.crt").write_bytes(identity("tls").certificate_pem)
    pem = key("tls").private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "tls.key").write_bytes(pem)
    tls = TlsFiles(tmp_path / "tls.crt", tmp_path / "tls.key")
    inbox, built = Inbox(), message()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with live(reactor, receiver(inbox), tls=tls) as server:
        assert server.url.startswith("https://127.0.0.1:")
        connection = http.client.HTTPSConnection(*server.address, timeout=15, context=context)
        connection.request("POST", "/as2", built.body, dict(built.headers))
        assert connection.getresponse().status == 200
        connection.close()
    assert len(inbox.received) == 1


def test_importing_the_listener_installs_no_reactor():
    code = "import sys, gateway.transports.as2.server; sys.exit('twisted.internet.reactor' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_a_server_that_never_started_stops(reactor):
    from gateway.transports.as2.server import As2Server

    assert reactor.call(As2Server(reactor.reactor, receiver(Inbox())).stop) is None
    assert request(message()).address
