"""One connection to the HTTP door: who may post is judged at the headers of each request."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.web import http

from gateway.messages.ports import Answer
from gateway.transports.http.receive import BUSY, TOO_LARGE, Admitted, RequestHead, problem
from gateway.transports.httpserver import BoundedChannel, BoundedFactory, BoundedRequest

if TYPE_CHECKING:
    from gateway.transports.http.server import HttpServer

__all__ = ["DoorFactory"]

_HEALTHY = Answer(200, (("Content-Type", "application/json"),), b'{"status": "ok"}\n')


def _not_now(trouble: str) -> Answer:
    return problem(503, f"The gateway takes nothing now: {trouble} Try again later.", ("Retry-After", "60"))


class _DoorRequest(BoundedRequest):
    """One request: a message, or a health check."""

    door = "HTTP"
    too_large = TOO_LARGE
    too_slow = problem(408, "The request came too slowly.")
    always = ("Cache-Control: no-store",)

    busy = BUSY
    _head: RequestHead | None = None
    _admitted: Admitted | None = None

    @property
    def _http(self) -> HttpServer:
        server: HttpServer = self.channel.factory.server
        return server

    def judge(self, length: int | None) -> None:
        """Path, method, token or certificate, announced size, free threads and our health, in this order."""
        head = self._head = self.channel.head(self)
        self.method = head.method.encode("ascii", "replace")
        if head.path == "/health" and head.method in ("GET", "HEAD"):
            return
        server = self._http
        verdict = server.receiver.judge(head)
        if isinstance(verdict, Answer):
            self.refuse(verdict)
            return
        limit = min(server.limits.max_body_bytes, verdict.account.max_body_bytes)
        if length is not None and length > limit:
            self.refuse(TOO_LARGE)
        elif server.busy:
            self.refuse(BUSY)
        elif trouble := server.trouble():
            self.refuse(_not_now(trouble))
        else:
            self._admitted = verdict
            self.admit(limit)

    def work(self) -> Callable[[bytes], Answer]:
        """Store the message."""
        head, admitted, receiver = self._head, self._admitted, self._http.receiver
        assert head is not None
        assert admitted is not None
        return lambda body: receiver.take(head, admitted, body)

    def health(self) -> Answer:
        """Whether messages are taken."""
        trouble = self._http.trouble()
        return _not_now(trouble) if trouble else _HEALTHY

    def internal_error(self, identity: str) -> Answer:
        """Makes the sender try again."""
        return problem(500, f"An internal error occurred ({identity}); send the same message again later.")


class _DoorChannel(BoundedChannel):
    """One connection, and the certificate that its client showed."""

    requestFactory = _DoorRequest  # noqa: N815 - Twisted's name

    def head(self, request: http.Request) -> RequestHead:
        """What is known of the request whose headers are in."""
        command, resource = self.request_line()
        headers = {
            name.decode("latin-1").lower(): tuple(value.decode("utf-8", "replace") for value in values)
            for name, values in request.requestHeaders.getAllRawHeaders()
        }
        path = resource.partition(b"?")[0].decode("ascii", "replace")
        return RequestHead(command.decode("ascii", "replace"), path, headers, self.address, self._certificate())

    def _certificate(self) -> str:
        """SHA-256 (hex) of the client's certificate; the handshake proved that it holds the key."""
        ask = getattr(self.transport, "getPeerCertificate", None)
        certificate = ask() if ask is not None else None
        if certificate is None:
            return ""
        from OpenSSL.crypto import FILETYPE_ASN1, dump_certificate

        return hashlib.sha256(dump_certificate(FILETYPE_ASN1, certificate)).hexdigest()


class DoorFactory(BoundedFactory):
    """Makes connections within the limits."""

    protocol = _DoorChannel  # type: ignore[assignment]
