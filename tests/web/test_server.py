"""The listener: real requests over a socket, its limits, and that others could read nothing."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gateway.web.app import MAX_BODY, MAX_UPLOAD
from gateway.web.server import WebServer, run_wsgi
from tests.transports.reactorkit import Reactor
from tests.web.webkit import PASSWORD, WebKit


@contextmanager
def served(web: WebKit, reactor: Reactor) -> Iterator[tuple[str, int]]:
    server = WebServer(reactor.reactor, web.app, port=0)
    reactor.call(server.start)
    host, port = server.address
    web.hosts.add(f"{host}:{port}")
    try:
        yield host, port
    finally:
        reactor.call(server.stop)


def ask(
    where: tuple[str, int], method: str, path: str, body: str = "", **headers: str
) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection(*where, timeout=20)
    try:
        connection.request(method, path, body or None, {key.replace("_", "-"): value for key, value in headers.items()})
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        return answer.status, dict(answer.getheaders()), text
    finally:
        connection.close()


def test_a_person_logs_in_over_a_socket(web: WebKit, reactor: Reactor) -> None:
    with served(web, reactor) as where:
        status, headers, page = ask(where, "GET", "/login?next=/messages")
        assert status == 200
        token = page.split('name="csrf_token" value="')[1].split('"')[0]
        form = f"csrf_token={token}&name=vera&password={PASSWORD}&next=%2Fmessages"
        kind = "application/x-www-form-urlencoded"
        cookie = headers["Set-Cookie"].split(";")[0]
        status, headers, _ = ask(where, "POST", "/login", form, Content_Type=kind, Cookie=cookie)
        assert (status, headers["Location"]) == (303, "/messages")
        status, headers, _ = ask(where, "HEAD", "/login")
        assert (status, int(headers["Content-Length"]) > 0) == (200, True)


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("PUT", "/", "", 405),
        ("OPTIONS", "/", "", 405),
        ("POST", "/login", "x" * (MAX_BODY + 1), 413),
        ("GET", "/..%2f..%2fetc/passwd", "", 404),
        ("GET", "/static/../../app.py", "", 404),
    ],
)
def test_what_no_page_takes_is_refused(
    busy: WebKit, reactor: Reactor, method: str, path: str, body: str, expected: int
) -> None:
    with served(busy, reactor) as where:
        assert ask(where, method, path, body)[0] == expected


def test_an_address_that_is_no_path_is_refused(busy: WebKit, reactor: Reactor) -> None:
    with served(busy, reactor) as where, socket.create_connection(where, 20) as client:
        client.sendall(b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        assert b"400" in client.recv(4096)


def test_another_host_is_refused(busy: WebKit, reactor: Reactor) -> None:
    with served(busy, reactor) as where:
        assert ask(where, "GET", "/login", Host="evil.example")[0] == 400


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "gateway.example"])
def test_off_this_machine_plain_http_is_refused(busy: WebKit, host: str) -> None:
    with pytest.raises(ValueError, match="passwords could be read"):
        WebServer(None, busy.app, host=host)


def test_a_fault_under_the_pages_is_told_with_an_id(busy: WebKit, reactor: Reactor) -> None:
    server = WebServer(reactor.reactor, lambda *_: 1 / 0, port=0)  # type: ignore[arg-type, return-value]
    reactor.call(server.start)
    try:
        status, _, text = ask(server.address, "GET", "/")
        assert (status, "error id" in text) == (500, True)
        assert server.url == f"http://127.0.0.1:{server.address[1]}/"
    finally:
        reactor.call(server.stop)


def test_a_wsgi_answer_is_whole_and_its_parts_are_closed() -> None:
    closed = []

    class Parts(list[bytes]):
        def close(self) -> None:
            closed.append(True)

    def application(_environ: object, start: object) -> Parts:
        write = start("200 OK", [("Content-Length", "6"), ("X-A", "1")])  # type: ignore[operator]
        write(b"abc")
        return Parts([b"def"])

    answer = run_wsgi(application, {})
    assert (answer.status, answer.headers, answer.body, closed) == (200, (("X-A", "1"),), b"abcdef", [True])


@pytest.mark.parametrize(
    ("path", "size", "kind", "said"),
    [
        ("/inspector", MAX_UPLOAD + 1, "text/plain", "gateway inspect FILE"),
        ("/api/v1/documents", MAX_UPLOAD + 1, "application/problem+json", "problem:too-large"),
        ("/api/v1/partners", MAX_BODY + 1, "application/problem+json", "problem:too-large"),
        ("/login", MAX_BODY + 1, "text/plain", "too large"),
    ],
)
def test_what_is_too_large_is_told_in_the_words_of_its_place(
    busy: WebKit, reactor: Reactor, path: str, size: int, kind: str, said: str
) -> None:
    with served(busy, reactor) as where, socket.create_connection(where, 20) as client:
        client.sendall(
            f"POST {path} HTTP/1.1\r\nHost: {where[0]}:{where[1]}\r\nContent-Length: {size}\r\n\r\n".encode()
        )
        answer = client.recv(4096).decode()
        assert answer.startswith("HTTP/1.1 413")
        assert f"Content-Type: {kind}" in answer
        assert said in answer
