"""One connection to an HTTP listener: requests are judged at their headers, spooled, and handled in a thread."""

from __future__ import annotations

import http as http_status
import logging
import tempfile
import uuid
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any, ClassVar

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web import http

from gateway.messages.ports import Answer
from gateway.store.errors import StoreBusyError

if TYPE_CHECKING:
    from gateway.transports.httpserver.server import Listener

__all__ = ["BoundedChannel", "BoundedFactory", "BoundedRequest"]

#: Bytes of a refused request that are still read, so that its sender can read the answer.
_DRAIN_BYTES = 16 << 20


def _log_of(part: object) -> logging.Logger:
    """The log of the listener that a request or factory belongs to."""
    return logging.getLogger(type(part).__module__)


class BoundedRequest(http.Request, ABC):
    """One HTTP request: judged at its headers, spooled, handled in a thread.

    A subclass judges in ``judge`` and gives the work in ``work``; its answers are class attributes.
    """

    #: Name of the listener in the log.
    door: ClassVar[str]
    #: Set anew by ``judge`` where it depends on what is asked.
    too_large: Answer
    too_slow: ClassVar[Answer]
    #: Nothing can be stored now.
    busy: ClassVar[Answer]
    #: Header lines that every answer of this listener carries.
    always: ClassVar[tuple[str, ...]] = ()

    channel: Any
    _refused = False
    _taken = 0
    _counted = 0
    #: Largest body in bytes; None = no body was asked for: what comes of one is read and thrown away.
    _limit: int | None = None
    _watch: Any = None
    _begun = 0.0
    _spool: IO[bytes] | None = None

    @abstractmethod
    def judge(self, length: int | None) -> None:
        """All headers are in and nothing of the body was taken: ``admit``, ``refuse``, or neither for a health check.

        ``length`` is the announced size in bytes, None when it is not announced.
        """

    @abstractmethod
    def work(self) -> Callable[[bytes], Answer]:
        """What is to be done with the whole body, in a thread; the answer is sent as it is."""

    @abstractmethod
    def health(self) -> Answer:
        """The answer to a health check."""

    @abstractmethod
    def internal_error(self, identity: str) -> Answer:
        """The answer to an error of our own, which makes the sender try again."""

    @property
    def _server(self) -> Listener:
        server: Listener = self.channel.factory.server
        return server

    def parseCookies(self) -> None:  # noqa: N802 - Twisted's name
        """Cookies mean nothing here."""

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's name
        """Judge the request: all its headers are in and nothing of its body was taken."""
        self.content = BytesIO()
        try:
            self.judge(length)
        except StoreBusyError as error:
            _log_of(self).warning("%s request was put off: %s", self.door, error)
            self.refuse(self.busy)

    def admit(self, limit: int) -> None:
        """Take the body, up to ``limit`` bytes."""
        server = self._server
        self._limit = limit
        spool: IO[bytes] = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - closed by the thread that reads it
            server.limits.spool_above, dir=server.spool_dir
        )
        self._spool = self.content = spool
        self._begun = server.reactor.seconds()
        self._watch = server.reactor.callLater(server.limits.rate_seconds, self._check_rate)

    def refuse(self, answer: Answer) -> None:
        """Answer at once; what still comes of the body is read and thrown away, then the connection ends."""
        self._stop_watch()
        self._refused = True
        self.code = answer.status
        self.requestHeaders.removeHeader(b"Expect")
        self.channel.persistent = False
        self.channel.transport.write(self._rendered(answer, close=True))

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Take a piece of the body, up to the limit."""
        self._taken += len(data)
        if self._refused or self._limit is None:
            if self._taken > _DRAIN_BYTES:
                self.channel.transport.abortConnection()
        elif self._taken > self._limit:
            self.refuse(self.too_large)
        elif self._spool is not None:
            self._spool.write(data)

    def _check_rate(self) -> None:
        """Cut off a sender that is slower than the least rate."""
        limits, now = self._server.limits, self._server.reactor.seconds()
        slow = self._taken - self._counted < limits.bytes_per_second * limits.rate_seconds
        if slow or now - self._begun > limits.body_seconds:
            self._watch = None
            self.refuse(self.too_slow)
            self.channel.loseConnection()
            return
        self._counted = self._taken
        self._watch = self._server.reactor.callLater(limits.rate_seconds, self._check_rate)

    def _stop_watch(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None and watch.active():
            watch.cancel()

    def process(self) -> None:
        """The request is complete."""
        self._stop_watch()
        if self._refused:
            self.channel.loseConnection()
        elif self._spool is None:
            self._finish(self.health())
        else:
            self._hand_over(self._spool)

    def _hand_over(self, spool: IO[bytes]) -> None:
        handle = self.work()
        self.content, self._spool = BytesIO(), None

        def work() -> Answer:
            with spool:
                spool.seek(0)
                body = spool.read()
            return handle(body)

        self._server.in_thread(work).addCallbacks(self._finish, self._fail)

    def _fail(self, failure: Failure) -> None:
        """An error of our own: an answer that makes the sender try again, and a log entry to find it by."""
        if failure.check(StoreBusyError):  # type: ignore[no-untyped-call]
            _log_of(self).warning("%s request was put off: %s", self.door, failure.getErrorMessage())
            self._finish(self.busy)
            return
        self._finish(self.internal_error(self.log_failure(failure)))

    def log_failure(self, failure: Failure) -> str:
        """Log an error of our own without any content; returns the name to find it by."""
        identity = uuid.uuid4().hex[:12]
        _log_of(self).error("%s request failed, error %s\n%s", self.door, identity, failure.getTraceback())
        return identity

    def _finish(self, answer: Answer) -> None:
        if self._disconnected:
            return
        self.code = answer.status
        self.startedWriting = 1
        self.channel.write(self._rendered(answer, close=not self.channel.persistent))
        self.finish()  # type: ignore[no-untyped-call]

    def _rendered(self, answer: Answer, *, close: bool) -> bytes:
        """The answer exactly as stored: header names and order are kept."""
        phrase = http_status.HTTPStatus(answer.status).phrase
        lines = [f"HTTP/1.1 {answer.status} {phrase}", *(f"{name}: {value}" for name, value in answer.headers)]
        if answer.status != 204:
            lines.append(f"Content-Length: {len(answer.body)}")
        lines += self.always
        if close:
            lines.append("Connection: close")
        body = b"" if self.method == b"HEAD" else answer.body
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802 - Twisted's name
        """The sender went away; a message that is being handled is handled to its end."""
        self._stop_watch()
        if self._spool is not None:
            self._spool.close()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]


class BoundedChannel(http.HTTPChannel):
    """One connection: its header deadline and its place in the count of its address."""

    factory: Any
    transport: Any
    #: Where the connection comes from.
    address = ""
    _deadline: Any = None

    def request_line(self) -> tuple[bytes, bytes]:
        """(method, resource) of the request whose headers are in."""
        command: bytes = self._command
        resource: Any = self._path
        return command, resource

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """Count the connection and start its header deadline."""
        super().connectionMade()  # type: ignore[no-untyped-call]
        self.address = str(getattr(self.transport.getPeer(), "host", ""))
        self.factory.open[self.address] += 1
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
        self.factory.closed(self.address)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]


class BoundedFactory(http.HTTPFactory):
    """Makes connections within the limits; a subclass names its channel in ``protocol``."""

    def __init__(self, server: Listener) -> None:
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
        """One line for each request: who, what, how it ended; never content, never a token."""
        _log_of(self).info("%s %s -> %s", getattr(request.channel.getPeer(), "host", ""), request.path, request.code)

    def startFactory(self) -> None:  # noqa: N802 - Twisted's name
        """No access log file and no clock for it."""

    def stopFactory(self) -> None:  # noqa: N802 - Twisted's name
        """Nothing to close."""
