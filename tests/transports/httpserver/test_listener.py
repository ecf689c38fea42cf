"""What every HTTP listener does alike, shown with one that answers with what it was sent."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from gateway.messages.ports import Answer
from gateway.transports.httpserver import BoundedChannel, BoundedFactory, BoundedRequest, Listener, ServerLimits
from tests.transports.reactorkit import Reactor


class EchoRequest(BoundedRequest):
    door = "Echo"
    too_large = Answer(413, (), b"too large")
    too_slow = Answer(408, (), b"too slow")
    always = ("X-Always: yes",)

    def judge(self, length: int | None) -> None:
        self.method, path = self.channel.request_line()
        if path == b"/none":
            self.admit(0)
        elif path != b"/health":
            self.admit(self.channel.factory.server.limits.max_body_bytes)

    def work(self) -> Callable[[bytes], Answer]:
        server: EchoListener = self.channel.factory.server
        return server.handle

    def health(self) -> Answer:
        return Answer(200, (), b"well")

    def internal_error(self, identity: str) -> Answer:
        return Answer(500, (), identity.encode())


class EchoChannel(BoundedChannel):
    requestFactory = EchoRequest  # noqa: N815 - Twisted's name


class EchoFactory(BoundedFactory):
    protocol = EchoChannel  # type: ignore[assignment]


class EchoListener(Listener):
    name = "echo"
    factory = EchoFactory
    handle: Callable[[bytes], Answer] = staticmethod(lambda body: Answer(200, (("X-Own", "1"),), body))


@contextmanager
def live(reactor: Reactor, **options: Any) -> Iterator[EchoListener]:
    listener = EchoListener(reactor.reactor, host="127.0.0.1", port=0, **options)
    reactor.call(listener.start)
    try:
        yield listener
    finally:
        reactor.call(listener.stop)


def ask(listener: Listener, method: str, path: str, body: bytes = b"") -> tuple[int, bytes, list[tuple[str, str]]]:
    connection = http.client.HTTPConnection(*listener.address, timeout=15)
    connection.request(method, path, body)
    answer = connection.getresponse()
    found = answer.status, answer.read(), answer.getheaders()
    connection.close()
    return found


@pytest.mark.parametrize("size", [0, 5, 3000])
def test_a_whole_body_reaches_the_work_from_memory_and_from_a_spool_file(reactor: Reactor, size: int) -> None:
    with live(reactor, limits=ServerLimits(spool_above=1000)) as listener:
        status, body, headers = ask(listener, "POST", "/", b"x" * size)
    assert (status, body) == (200, b"x" * size)
    assert headers == [("X-Own", "1"), ("Content-Length", str(size)), ("X-Always", "yes")]


def test_a_body_above_what_was_admitted_is_refused(reactor: Reactor) -> None:
    with live(reactor, limits=ServerLimits(max_body_bytes=10)) as listener:
        assert ask(listener, "POST", "/", b"x" * 11)[:2] == (413, b"too large")
        assert ask(listener, "POST", "/none", b"x")[0] == 413
        assert ask(listener, "POST", "/none")[0] == 200


def test_a_health_check_takes_no_body_and_ignores_one_that_comes(reactor: Reactor) -> None:
    with live(reactor) as listener:
        assert ask(listener, "GET", "/health", b"x" * 100)[:2] == (200, b"well")
        assert ask(listener, "HEAD", "/health")[:2] == (200, b"")


def test_an_answer_without_content_has_no_length(reactor: Reactor) -> None:
    with live(reactor) as listener:
        listener.handle = lambda body: Answer(204, (), b"")
        assert ask(listener, "POST", "/")[::2] == (204, [("X-Always", "yes")])


def test_an_error_of_our_own_is_answered_and_logged_under_one_name(
    reactor: Reactor, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(body: bytes) -> Answer:
        raise RuntimeError("out of paper")

    with live(reactor) as listener:
        listener.handle = fail
        status, body, _ = ask(listener, "POST", "/")
    assert status == 500
    assert f"Echo request failed, error {body.decode()}" in caplog.text
    assert "out of paper" in caplog.text


def test_stopping_waits_for_the_work_that_was_begun(reactor: Reactor) -> None:
    begun, go_on, answers = threading.Event(), threading.Event(), list[Any]()

    def slowly(body: bytes) -> Answer:
        begun.set()
        assert go_on.wait(15)
        return Answer(200, (), b"done")

    with live(reactor) as listener:
        listener.handle = slowly
        client = threading.Thread(target=lambda: answers.append(ask(listener, "POST", "/")[:2]))
        client.start()
        assert begun.wait(15)
        stopped = threading.Thread(target=reactor.call, args=(listener.stop,))
        stopped.start()
        reactor.call(lambda: None)
        assert stopped.is_alive()
        go_on.set()
        stopped.join(15)
        client.join(15)
    assert answers == [(200, b"done")]


def test_a_listener_that_never_started_stops_at_once(reactor: Reactor) -> None:
    reactor.call(EchoListener(reactor.reactor, host="127.0.0.1", port=0).stop)


def test_its_origin_is_an_address_that_can_be_written_into_a_browser(reactor: Reactor) -> None:
    with live(reactor) as listener:
        assert listener.origin == f"http://127.0.0.1:{listener.address[1]}"
