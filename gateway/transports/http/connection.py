"""One connection to the HTTP door: requests are judged at their headers, spooled, and handled in a thread."""

from __future__ import annotations

import hashlib
import http as http_status
import logging
import tempfile
import uuid
from collections import Counter
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web import http

from gateway.messages.ports import Answer
from gateway.transports.http.receive import BUSY, TOO_LARGE, Admitted, RequestHead, problem

if TYPE_CHECKING:
    from gateway.transports.http.server import HttpServer

__all__ = ["DoorFactory"]

_log = logging.getLogger(__name__)
_TOO_SLOW = problem(408, "The request came too slowly.")
_HEALTHY = Answer(200, (("Content-Type", "application/json"),), b'{"status": "ok"}\n')
_UNHEALTHY = problem(503, "The gateway takes nothing now; try again later.", ("Retry-After", "60"))
#: Bytes of a refused request that are still read, so that its sender can read the answer.
_DRAIN_BYTES = 16 << 20


class _DoorRequest(http.Request):
    """One request."""

    channel: Any
    _head: RequestHead | None = None
    _admitted: Admitted | None = None
    _answered = False
    _taken = 0
    _counted = 0
    _begun = 0.0
    _watch: Any = None
    _spool: IO[bytes] | None = None

    @property
    def _door(self) -> HttpServer:
        door: HttpServer = self.channel.factory.door
        return door

    def parseCookies(self) -> None:  # noqa: N802 - Twisted's name
        """Cookies mean nothing here."""

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's name
        """All headers are in and nothing of the body was taken: judge."""
        self.content = BytesIO()
        head = self._head = self.channel.head(self)
        self.method = head.method.encode("ascii", "replace")
        if head.path == "/health" and head.method in ("GET", "HEAD"):
            return
        verdict = self._door.receiver.judge(head)
        if isinstance(verdict, Answer):
            self._refuse(verdict)
        elif length is not None and length > self._limit(verdict):
            self._refuse(TOO_LARGE)
        elif self._door.busy:
            self._refuse(BUSY)
        elif not self._door.healthy():
            self._refuse(_UNHEALTHY)
        else:
            self._admit(verdict)

    def _limit(self, admitted: Admitted) -> int:
        return min(self._door.limits.max_body_bytes, admitted.account.max_body_bytes)

    def _admit(self, admitted: Admitted) -> None:
        door = self._door
        self._admitted = admitted
        spool: IO[bytes] = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - closed by the thread that reads it
            door.limits.spool_above, dir=door.spool_dir
        )
        self._spool = self.content = spool
        self._begun = door.reactor.seconds()
        self._watch = door.reactor.callLater(door.limits.rate_seconds, self._check_rate)

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Take a piece of the body, up to the limit."""
        self._taken += len(data)
        if self._answered or self._admitted is None:
            if self._taken > _DRAIN_BYTES:
                self.channel.transport.abortConnection()
        elif self._taken > self._limit(self._admitted):
            self._refuse(TOO_LARGE)
        elif self._spool is not None:
            self._spool.write(data)

    def _check_rate(self) -> None:
        """Cut off a sender that is slower than the least rate."""
        limits, now = self._door.limits, self._door.reactor.seconds()
        slow = self._taken - self._counted < limits.bytes_per_second * limits.rate_seconds
        if slow or now - self._begun > limits.body_seconds:
            self._watch = None
            self._refuse(_TOO_SLOW)
            self.channel.loseConnection()
            return
        self._counted = self._taken
        self._watch = self._door.reactor.callLater(limits.rate_seconds, self._check_rate)

    def _stop_watch(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None and watch.active():
            watch.cancel()

    def _refuse(self, answer: Answer) -> None:
        """Answer at once; what still comes of the body is thrown away, then the connection ends."""
        self._stop_watch()
        self._answered = True
        self.code = answer.status
        self.requestHeaders.removeHeader(b"Expect")
        self.channel.persistent = False
        self.channel.transport.write(_rendered(answer, close=True, head=self.method == b"HEAD"))

    def process(self) -> None:
        """The request is complete."""
        self._stop_watch()
        if self._answered:
            self.channel.loseConnection()
        elif self._admitted is None:
            self._finish(_HEALTHY if self._door.healthy() else _UNHEALTHY)
        else:
            self._hand_over(self._admitted)

    def _hand_over(self, admitted: Admitted) -> None:
        head, spool, door = self._head, self._spool, self._door
        self.content, self._spool = BytesIO(), None

        def work() -> Answer:
            assert head is not None
            assert spool is not None
            with spool:
                spool.seek(0)
                body = spool.read()
            return door.receiver.take(head, admitted, body)

        door.in_thread(work).addCallbacks(self._finish, self._fail)

    def _fail(self, failure: Failure) -> None:
        """An error of our own: an answer that makes the sender try again, and a log entry to find it by."""
        identity = uuid.uuid4().hex[:12]
        _log.error("HTTP request failed, error %s\n%s", identity, failure.getTraceback())
        self._finish(problem(500, f"An internal error occurred ({identity}); send the same message again later."))

    def _finish(self, answer: Answer) -> None:
        if self._disconnected:
            return
        self.code = answer.status
        self.startedWriting = 1
        close = not self.channel.persistent
        self.channel.write(_rendered(answer, close=close, head=self.method == b"HEAD"))
        self.finish()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802 - Twisted's name
        """The sender went away; a message that is being stored is stored to its end."""
        self._stop_watch()
        if self._spool is not None:
            self._spool.close()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]


def _rendered(answer: Answer, *, close: bool, head: bool) -> bytes:
    phrase = http_status.HTTPStatus(answer.status).phrase
    lines = [f"HTTP/1.1 {answer.status} {phrase}", *(f"{name}: {value}" for name, value in answer.headers)]
    lines += [f"Content-Length: {len(answer.body)}", "Cache-Control: no-store"]
    if close:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + (b"" if head else answer.body)


class _DoorChannel(http.HTTPChannel):
    """One connection: its header deadline and its place in the count of its address."""

    factory: Any
    transport: Any
    requestFactory = _DoorRequest  # noqa: N815 - Twisted's name
    _deadline: Any = None
    _address = ""

    def head(self, request: http.Request) -> RequestHead:
        """What is known of the request whose headers are in."""
        command: bytes = self._command
        resource: Any = self._path
        headers = {
            name.decode("latin-1").lower(): tuple(value.decode("utf-8", "replace") for value in values)
            for name, values in request.requestHeaders.getAllRawHeaders()
        }
        path = resource.partition(b"?")[0].decode("ascii", "replace")
        return RequestHead(command.decode("ascii", "replace"), path, headers, self._address, self._certificate())

    def _certificate(self) -> str:
        """SHA-256 (hex) of the client's certificate; the handshake proved that it holds the key."""
        ask = getattr(self.transport, "getPeerCertificate", None)
        certificate = ask() if ask is not None else None
        if certificate is None:
            return ""
        from OpenSSL.crypto import FILETYPE_ASN1, dump_certificate

        return hashlib.sha256(dump_certificate(FILETYPE_ASN1, certificate)).hexdigest()

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """Count the connection and start its header deadline."""
        super().connectionMade()  # type: ignore[no-untyped-call]
        self._address = str(getattr(self.transport.getPeer(), "host", ""))
        self.factory.open[self._address] += 1
        self._expect_headers()

    def _expect_headers(self) -> None:
        seconds = self.factory.door.limits.header_seconds
        self._deadline = self.factory.reactor.callLater(seconds, self._headers_late)

    def _headers_late(self) -> None:
        self._deadline = None
        self.transport.abortConnection()

    def _headers_in(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None and deadline.active():
            deadline.cancel()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """The first byte of a further request starts its header deadline."""
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


class DoorFactory(http.HTTPFactory):
    """Makes connections within the limits."""

    protocol = _DoorChannel  # type: ignore[assignment]

    def __init__(self, door: HttpServer) -> None:
        super().__init__(timeout=door.limits.idle_seconds, reactor=door.reactor)
        self.door = door
        #: Open connections by address.
        self.open: Counter[str] = Counter()

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802 - Twisted's name
        """A connection, or None (the socket is closed at once) when there are too many."""
        limits = self.door.limits
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
        _log.info("%s %s -> %s", getattr(request.channel.getPeer(), "host", ""), request.path, request.code)

    def startFactory(self) -> None:  # noqa: N802 - Twisted's name
        """No access log file and no clock for it."""

    def stopFactory(self) -> None:  # noqa: N802 - Twisted's name
        """Nothing to close."""
