"""The listener of the staff pages: our bounded HTTP listener with the Flask application behind it.

It takes connections, headers and bodies within limits like the doors for partners, then runs the application (WSGI,
PEP 3333) in one of its own eight threads. Without TLS it listens on this machine only.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from io import BytesIO
from ipaddress import ip_address
from typing import Any
from urllib.parse import unquote_to_bytes

from gateway.messages.ports import Answer
from gateway.transports.httpserver import (
    BoundedChannel,
    BoundedFactory,
    BoundedRequest,
    Listener,
    ServerLimits,
    TlsFiles,
)
from gateway.web.api.problems import MIME, body_of
from gateway.web.app import MAX_BODY, MAX_UPLOAD, UPLOADS

__all__ = ["LIMITS", "WebServer", "run_wsgi"]

#: Eight threads, and connections for a roomful of browsers.
LIMITS = ServerLimits(
    max_body_bytes=MAX_UPLOAD, connections=200, connections_per_address=100, threads=8, body_seconds=300.0
)
_METHODS = frozenset({b"GET", b"HEAD", b"POST"})
#: Where PUT is taken, too.
_API = b"/api/"
#: Said by the application or by the connection itself.
_OURS = frozenset({"content-length", "connection", "transfer-encoding"})

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def _plain(status: int, text: str) -> Answer:
    headers = (("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff"))
    return Answer(status, headers, f"{text}\n".encode(), "")


#: Path → what is said of a body that is too large for it; the first that fits.
_TOO_LARGE = (
    (_API, Answer(413, (("Content-Type", MIME),), body_of("too-large", "A document may have 10 MB."), "")),
    (
        b"/inspector",
        _plain(
            413,
            "That is more than 10 MB, the most that is looked at here. Go back, or inspect it on the machine itself: "
            "gateway inspect FILE",
        ),
    ),
    (b"", _plain(413, "The request is too large. Go back and send less at a time.")),
)


class _StaffRequest(BoundedRequest):
    """One request of a browser."""

    door = "web"
    too_large = _TOO_LARGE[-1][1]
    too_slow = _plain(408, "The request came too slowly.")

    def judge(self, length: int | None) -> None:
        """Refuse what no page takes; the rest is the application's."""
        method, target = self.channel.request_line()
        self.too_large = next(answer for path, answer in _TOO_LARGE if bytes(target).startswith(path))
        limit = MAX_UPLOAD if bytes(target).startswith(tuple(path.encode() for path in UPLOADS)) else MAX_BODY
        if method not in _METHODS and not (method == b"PUT" and bytes(target).startswith(_API)):
            self.refuse(Answer(405, (("Allow", "GET, HEAD, POST"),), b"", ""))
        elif not bytes(target).startswith(b"/"):
            self.refuse(_plain(400, "The address must be a path."))
        elif length is not None and length > limit:
            self.refuse(self.too_large)
        elif self._server.busy:
            self.refuse(_plain(503, "The gateway is busy. Try again in a moment."))
        else:
            self.admit(limit)

    def work(self) -> Callable[[bytes], Answer]:
        """Run the application on the whole body."""
        server = self._server
        assert isinstance(server, WebServer)
        environ = self._environ(server)
        return lambda body: run_wsgi(server.application, {**environ, **_body(body)})

    def _environ(self, server: WebServer) -> dict[str, Any]:
        host, port = server.address
        path, _, query = self.uri.partition(b"?")
        peer = self.channel.getPeer()
        environ: dict[str, Any] = {
            # An answer to HEAD is that to GET without its body, which the connection leaves out.
            "REQUEST_METHOD": "GET" if self.method == b"HEAD" else self.method.decode("ascii"),
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query.decode("latin-1"),
            "REMOTE_ADDR": str(getattr(peer, "host", "")),
            "SERVER_NAME": host,
            "SERVER_PORT": str(port),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https" if server.origin.startswith("https:") else "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for raw, values in self.requestHeaders.getAllRawHeaders():
            name = raw.decode("latin-1").upper()
            if "_" in name:
                continue  # would be taken for the header with hyphens
            joined = (b"; " if name == "COOKIE" else b",").join(values).decode("latin-1")
            key = name.replace("-", "_")
            environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = joined
        return environ

    def health(self) -> Answer:
        """Not asked for: every request is admitted or refused."""
        return _plain(200, "ok")

    def internal_error(self, identity: str) -> Answer:
        """The application itself failed."""
        return _plain(500, f"Something went wrong on our side (error id {identity}).")


def _body(body: bytes) -> dict[str, Any]:
    return {"CONTENT_LENGTH": str(len(body)), "wsgi.input": BytesIO(body)}


def run_wsgi(application: Application, environ: dict[str, Any]) -> Answer:
    """Run a WSGI application on one request and give its whole answer."""
    started: list[tuple[str, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], _exc_info: object = None) -> Callable[..., object]:
        started[:] = [(status, headers)]
        return written.append

    parts = application(environ, start_response)
    try:
        written.extend(parts)
    finally:
        close = getattr(parts, "close", None)
        if close is not None:
            close()
    status, headers = started[0]
    kept = tuple((name, value) for name, value in headers if name.lower() not in _OURS)
    return Answer(int(status[:3]), kept, b"".join(written), "")


class _StaffChannel(BoundedChannel):
    requestFactory = _StaffRequest  # noqa: N815 - Twisted's name


class _StaffFactory(BoundedFactory):
    protocol = _StaffChannel  # type: ignore[assignment]


class WebServer(Listener):
    """The listener; see `Listener`. Raises ValueError for plain HTTP that others could read."""

    name = "web"
    factory = _StaffFactory

    def __init__(
        self,
        reactor: Any,
        application: Application,
        *,
        host: str = "127.0.0.1",
        port: int = 4090,
        tls: TlsFiles | None = None,
        limits: ServerLimits = LIMITS,
    ) -> None:
        if tls is None and not _is_loopback(host):
            raise ValueError(
                f"The staff pages would listen on {host} without TLS, and passwords could be read on the way. Give "
                "them a certificate and key, or listen on 127.0.0.1 with a TLS proxy before it."
            )
        super().__init__(reactor, host=host, port=port, limits=limits, tls=tls)
        self.application = application

    @property
    def url(self) -> str:
        """What a person on this machine opens."""
        return f"{self.origin}/"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
