"""One connection to the AS2 listener: who may send what is judged at the headers of each request."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway.messages.ports import Answer
from gateway.transports.as2.receive import BUSY, TOO_LARGE, UNKNOWN, HttpRequest, plain
from gateway.transports.httpserver import BoundedChannel, BoundedFactory, BoundedRequest

if TYPE_CHECKING:
    from gateway.transports.as2.server import As2Server

__all__ = ["As2Factory"]

_NOT_FOUND = plain(404, "There is nothing here.")
_WRONG_METHOD = plain(405, "Only POST is served here.", ("Allow", "POST"))
_HEALTH_METHOD = plain(405, "Only GET is served here.", ("Allow", "GET, HEAD"))
_HEALTHY = plain(200, "ok")


class _As2Request(BoundedRequest):
    """One request: ``POST`` to the path of the listener, or a health check."""

    door = "AS2"
    too_large = TOO_LARGE
    too_slow = plain(408, "The request came too slowly.")
    busy = BUSY

    @property
    def _as2(self) -> As2Server:
        server: As2Server = self.channel.factory.server
        return server

    def judge(self, length: int | None) -> None:
        """Path, method, names, announced size and free threads, in this order."""
        verb, resource = self.channel.request_line()
        self.method = verb
        path = resource.partition(b"?")[0]
        if path == b"/health":
            self._limit = 0
            if verb not in (b"GET", b"HEAD"):
                self.refuse(_HEALTH_METHOD)
        elif path != self._as2.path:
            self.refuse(_NOT_FOUND)
        elif verb != b"POST":
            self.refuse(_WRONG_METHOD)
        else:
            self._judge_sender(length)

    def _judge_sender(self, length: int | None) -> None:
        server = self._as2
        relationship = server.receiver.relationship_of(self._facts())
        if relationship is None:
            server.in_thread(server.receiver.note_unknown, self._facts()).addErrback(self.log_failure)
            self.refuse(UNKNOWN)
            return
        limit = min(server.limits.max_body_bytes, relationship.max_body_bytes)
        if length is not None and length > limit:
            self.refuse(TOO_LARGE)
        elif server.busy:
            self.refuse(BUSY)
        else:
            self.admit(limit)

    def _facts(self) -> HttpRequest:
        headers = tuple(
            (name.decode("latin-1"), value.decode("utf-8", "replace"))
            for name, values in self.requestHeaders.getAllRawHeaders()
            for value in values
        )
        return HttpRequest(headers, str(getattr(self.channel.getPeer(), "host", "")))

    def work(self) -> Callable[[bytes], Answer]:
        """Open the message, store it, and answer with its receipt."""
        facts, receiver = self._facts(), self._as2.receiver
        return lambda body: receiver.handle(facts, body)

    def health(self) -> Answer:
        """Whether messages are taken."""
        trouble = self._as2.trouble()
        return plain(503, f"not ready: {trouble}") if trouble else _HEALTHY

    def internal_error(self, identity: str) -> Answer:
        """Makes the sender try again."""
        return plain(500, f"An internal error occurred ({identity}); send the same message again later.")


class _As2Channel(BoundedChannel):
    requestFactory = _As2Request  # noqa: N815 - Twisted's name


class As2Factory(BoundedFactory):
    """Makes connections within the limits."""

    protocol = _As2Channel  # type: ignore[assignment]
