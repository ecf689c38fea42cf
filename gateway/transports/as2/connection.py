"""One connection to the AS2 listener: requests are judged at their headers, spooled, and handled in a thread."""

from __future__ import annotations

import http as http_status
import logging
import tempfile
import uuid
from collections import Counter
from dataclasses import dataclass
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web import http

from gateway.messages.ports import Answer
from gateway.transports.as2.receive import BUSY, TOO_LARGE, UNKNOWN, HttpRequest, plain

if TYPE_CHECKING:
    from gateway.transports.as2.server import As2Server

__all__ = ["As2Factory", "ServerLimits"]

_log = logging.getLogger(__name__)
_NOT_FOUND = plain(404, "There is nothing here.")
_WRONG_METHOD = plain(405, "Only POST is served here.", ("Allow", "POST"))
_HEALTH_METHOD = plain(405, "Only GET is served here.", ("Allow", "GET, HEAD"))
_TOO_SLOW = plain(408, "The request came too slowly.")
_HEALTHY = plain(200, "ok")
_UNHEALTHY = plain(503, "not ready")
#: Bytes of a refused request that are still read, so that its sender can read the answer.
_DRAIN_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What one sender, and all of them, may take of us."""

    #: Largest body, in bytes; a partner's own limit may be lower.
    max_body_bytes: int = 100 << 20
    #: Bodies above this size go to a spool file.
    spool_above: int = 1 << 20
    #: Seconds from the first byte of a request to the end of its headers.
    header_seconds: float = 20.0
    #: Seconds without any byte.
    idle_seconds: float = 60.0
    #: Seconds for a whole body.
    body_seconds: float = 3600.0
    #: Least bytes a second, measured over ``rate_seconds``.
    bytes_per_second: int = 512
    rate_seconds: float = 20.0
    connections_per_address: int = 50
    connections: int = 500
    #: Complete requests that wait for a thread or work in one.
    waiting: int = 64
    #: Threads for cryptography and storing.
    threads: int = 2


class _As2Request(http.Request):
    """One HTTP request: judged at its headers, spooled, handled in a thread."""

    channel: Any
    _refused = False
    _taken = 0
    _counted = 0
    _limit = 0
    _watch: Any = None
    _started = 0.0
    _spool: IO[bytes] | None = None

    @property
    def _server(self) -> As2Server:
        server: As2Server = self.channel.factory.server
        return server

    def parseCookies(self) -> None:  # noqa: N802 - Twisted's name
        """Cookies mean nothing here."""

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's name
        """Judge the request: all its headers are in and nothing of its body was taken."""
        self.content = BytesIO()
        verb, resource = self.channel.request_line()
        self.method = verb
        path = resource.partition(b"?")[0]
        if path == b"/health":
            self._limit = 0
            if verb not in (b"GET", b"HEAD"):
                self._refuse(_HEALTH_METHOD)
            return
        if path != self._server.path:
            self._refuse(_NOT_FOUND)
        elif verb != b"POST":
            self._refuse(_WRONG_METHOD)
        else:
            self._judge(length)

    def _judge(self, length: int | None) -> None:
        server = self._server
        relationship = server.receiver.relationship_of(self._facts())
        if relationship is None:
            server.in_thread(server.receiver.note_unknown, self._facts()).addErrback(_log_failure)
            self._refuse(UNKNOWN)
            return
        self._limit = min(server.limits.max_body_bytes, relationship.max_body_bytes)
        if length is not None and length > self._limit:
            self._refuse(TOO_LARGE)
            return
        if server.busy:
            self._refuse(BUSY)
            return
        spool: IO[bytes] = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - closed by the thread that reads it
            server.limits.spool_above, dir=server.spool_dir
        )
        self._spool = self.content = spool
        self._started = server.reactor.seconds()
        self._watch = server.reactor.callLater(server.limits.rate_seconds, self._check_rate)

    def _facts(self) -> HttpRequest:
        headers = tuple(
            (name.decode("latin-1"), value.decode("utf-8", "replace"))
            for name, values in self.requestHeaders.getAllRawHeaders()
            for value in values
        )
        return HttpRequest(headers, str(getattr(self.channel.getPeer(), "host", "")))

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Take a piece of the body, up to the limit."""
        self._taken += len(data)
        if self._refused:
            if self._taken > _DRAIN_BYTES:
                self.channel.transport.abortConnection()
        elif self._taken > self._limit:
            self._refuse(TOO_LARGE)
        elif self._spool is not None:
            self._spool.write(data)

    def _check_rate(self) -> None:
        """Cut off a sender that is slower than the least rate."""
        limits, now = self._server.limits, self._server.reactor.seconds()
        slow = self._taken - self._counted < limits.bytes_per_second * limits.rate_seconds
        if slow or now - self._started > limits.body_seconds:
            self._watch = None
            self._refuse(_TOO_SLOW)
            self.channel.loseConnection()
            return
        self._counted = self._taken
        self._watch = self._server.reactor.callLater(limits.rate_seconds, self._check_rate)

    def _stop_watch(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None and watch.active():
            watch.cancel()

    def _refuse(self, answer: Answer) -> None:
        """Answer at once; what still comes of the body is read and thrown away, then the connection ends."""
        self._stop_watch()
        self._refused = True
        self.requestHeaders.removeHeader(b"Expect")
        self.channel.persistent = False
        self.channel.transport.write(_rendered(answer, close=True, head=self.method == b"HEAD"))

    def process(self) -> None:
        """The request is complete."""
        self._stop_watch()
        if self._refused:
            self.channel.loseConnection()
        elif self.path == b"/health":
            self._finish(_HEALTHY if self._server.healthy() else _UNHEALTHY)
        else:
            self._hand_over()

    def _hand_over(self) -> None:
        spool, facts, server = self._spool, self._facts(), self._server

        def work() -> Answer:
            if spool is None:
                return server.receiver.handle(facts, b"")
            with spool:
                spool.seek(0)
                body = spool.read()
            return server.receiver.handle(facts, body)

        self.content, self._spool = BytesIO(), None
        server.in_thread(work).addCallbacks(self._finish, self._fail)

    def _fail(self, failure: Failure) -> None:
        """An error of our own: an answer that makes the sender try again, and a log entry to find it by."""
        identity = _log_failure(failure)
        self._finish(plain(500, f"An internal error occurred ({identity}); send the same message again later."))

    def _finish(self, answer: Answer) -> None:
        if self._disconnected:
            return
        self.code = answer.status
        self.startedWriting = 1
        close = not self.channel.persistent
        self.channel.write(_rendered(answer, close=close, head=self.method == b"HEAD"))
        self.finish()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802 - Twisted's name
        """The sender went away; a body that is being handled is handled to its end."""
        self._stop_watch()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]


def _log_failure(failure: Failure) -> str:
    """Log an error of our own without any content; returns the name to find it by."""
    identity = uuid.uuid4().hex[:12]
    _log.error("AS2 request failed, error %s\n%s", identity, failure.getTraceback())
    return identity


def _rendered(answer: Answer, *, close: bool, head: bool) -> bytes:
    """The answer exactly as stored: header names and order are kept."""
    phrase = http_status.HTTPStatus(answer.status).phrase
    lines = [f"HTTP/1.1 {answer.status} {phrase}", *(f"{name}: {value}" for name, value in answer.headers)]
    if answer.status != 204:
        lines.append(f"Content-Length: {len(answer.body)}")
    if close:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + (b"" if head else answer.body)


class _As2Channel(http.HTTPChannel):
    """One connection: its header deadline and its place in the count of its address."""

    factory: Any
    transport: Any
    requestFactory = _As2Request  # noqa: N815 - Twisted's name
    _deadline: Any = None
    _address = ""

    def request_line(self) -> tuple[bytes, bytes]:
        """(method, resource) of the request whose headers are in."""
        command: bytes = self._command
        resource: Any = self._path
        return command, resource

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """Count the connection and start its header deadline."""
        super().connectionMade()  # type: ignore[no-untyped-call]
        self._address = str(getattr(self.transport.getPeer(), "host", ""))
        self.factory.open[self._address] += 1
        self._expect_headers()

    def _expect_headers(self) -> None:
        limits = self.factory.server.limits
        self._deadline = self.factory.reactor.callLater(limits.header_seconds, self._headers_late)

    def _headers_late(self) -> None:
        self._deadline = None
        self.transport.abortConnection()

    def _headers_in(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None and deadline.active():
            deadline.cancel()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """The first byte of a further request starts its header deadline, also when it came with the last one."""
        self._watch_headers(bool(data))
        super().dataReceived(data)  # type: ignore[no-untyped-call]
        self._watch_headers(bool(self._buffer))

    def _watch_headers(self, begun: bool) -> None:
        if begun and self._deadline is None and self.line_mode and not self._handlingRequest and self.connected:
            self._expect_headers()

    def allHeadersReceived(self) -> None:  # noqa: N802 - Twisted's name
        """The deadline is met."""
        self._headers_in()
        super().allHeadersReceived()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 - Twisted's name
        """Give the place back."""
        self._headers_in()
        self.factory.closed(self._address)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]


class As2Factory(http.HTTPFactory):
    """Makes connections within the limits."""

    protocol = _As2Channel  # type: ignore[assignment]

    def __init__(self, server: As2Server) -> None:
        super().__init__(timeout=server.limits.idle_seconds, reactor=server.reactor)
        self.server = server
        #: Open connections by address.
        self.open: Counter[str] = Counter()

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802 - Twisted's name
        """A connection, or None (the socket is closed at once) when there are too many."""
        limits = self.server.limits
        host = str(getattr(addr, "host", ""))
        if self.open[host] >= limits.connections_per_address or self.open.total() >= limits.connections:
            return None
        return super().buildProtocol(addr)

    def closed(self, address: str) -> None:
        """A connection of this address ended."""
        self.open[address] -= 1
        if self.open[address] <= 0:
            del self.open[address]

    def log(self, request: Any) -> None:
        """One line for each request: who, what, how it ended; never content."""
        _log.info("%s %s -> %s", getattr(request.channel.getPeer(), "host", ""), request.path, request.code)

    def startFactory(self) -> None:  # noqa: N802 - Twisted's name
        """No access log file and no clock for it."""

    def stopFactory(self) -> None:  # noqa: N802 - Twisted's name
        """Nothing to close."""
