"""The HTTP door on Twisted: ``POST /in/PARTNER`` and ``GET /health`` on a listener of its own, over TLS.

A client certificate is asked for and, when one comes, only its fingerprint counts: it is pinned in the partner's
profile, whoever issued it.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from gateway.transports.as2.server import ServerLimits, TlsFiles
from gateway.transports.http.connection import DoorFactory
from gateway.transports.http.receive import HttpReceiver

__all__ = ["HttpServer", "ServerLimits", "TlsFiles"]


class HttpServer:
    """The listener. ``start`` and ``stop`` are called in the reactor's thread.

    ``port`` 0 lets the system choose. Without ``tls`` only loopback addresses are taken, unless ``behind_proxy`` says
    that something in front of us does TLS: a token must never cross a network in the clear. ``healthy`` is asked
    before a message is taken and must be quick. ``spool_dir`` holds large bodies while they arrive.
    """

    def __init__(
        self,
        reactor: Any,
        receiver: HttpReceiver,
        *,
        host: str = "127.0.0.1",
        port: int = 4081,
        limits: ServerLimits | None = None,
        tls: TlsFiles | None = None,
        behind_proxy: bool = False,
        healthy: Callable[[], bool] | None = None,
        spool_dir: Path | None = None,
    ) -> None:
        if tls is None and not behind_proxy and not _is_loopback(host):
            raise ValueError(
                f"The HTTP door would listen on {host} without TLS, and tokens could be read on the way. Give it a "
                "certificate and key, or put a TLS proxy in front and say so."
            )
        self.reactor = reactor
        self.receiver = receiver
        self.limits = limits or ServerLimits()
        self.healthy: Callable[[], bool] = healthy or (lambda: True)
        self.spool_dir = str(spool_dir) if spool_dir else None
        self._host, self._port, self._tls = host, port, tls
        self._pool = ThreadPool(1, self.limits.threads, name="http")
        self._listening: Any = None
        self._working = 0
        self._idle: Deferred[None] | None = None

    @property
    def busy(self) -> bool:
        """True when no further request is taken."""
        return self._working >= self.limits.waiting

    @property
    def address(self) -> tuple[str, int]:
        """(host, port) once started."""
        bound = self._listening.getHost()
        return bound.host, bound.port

    @property
    def url(self) -> str:
        """Where partners on this machine would post, without their code."""
        host, port = self.address
        return f"{'https' if self._tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}/in/"

    def start(self) -> None:
        """Start to listen. Raises twisted.internet.error.CannotListenError when the port is taken."""
        factory: Any = DoorFactory(self)
        if self._tls is not None:
            from twisted.protocols.tls import TLSMemoryBIOFactory

            factory = TLSMemoryBIOFactory(_tls_options(self._tls), False, factory, clock=self.reactor)
        self._listening = self.reactor.listenTCP(self._port, factory, interface=self._host)
        self._pool.start()

    def in_thread(self, work: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        """Run ``work`` in the pool."""
        self._working += 1
        return deferToThreadPool(self.reactor, self._pool, work, *arguments).addBoth(self._worked)

    def _worked(self, result: Any) -> Any:
        self._working -= 1
        if self._working == 0 and self._idle is not None:
            idle, self._idle = self._idle, None
            self.reactor.callLater(0, idle.callback, None)
        return result

    def stop(self) -> Deferred[None]:
        """Take no new connections, let complete requests end with their answers, then stop the threads."""

        def when_closed(_: object) -> Deferred[None]:
            if self._working == 0:
                return succeed(None)
            self._idle = Deferred()
            return self._idle

        listening, self._listening = self._listening, None
        if listening is None:
            return succeed(None)
        closed = maybeDeferred(listening.stopListening)
        return closed.addCallback(when_closed).addCallback(lambda _: self._pool.stop())


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tls_options(files: TlsFiles) -> Any:
    """TLS that asks for a client certificate and takes any: what it may open is decided by its fingerprint."""
    from OpenSSL import SSL
    from twisted.internet.ssl import PrivateCertificate

    pem = files.key.read_bytes() + b"\n" + files.certificate.read_bytes()
    options = PrivateCertificate.loadPEM(pem).options()  # type: ignore[no-untyped-call]
    context = options.getContext()
    context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET)
    return options
