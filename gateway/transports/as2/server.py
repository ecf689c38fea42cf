"""The AS2 listener on Twisted: exactly ``POST /as2`` and ``GET /health``, everything else is refused early.

A request is judged when its headers are in: path, method, names and announced size, before a byte of the body is
taken. The body goes to memory, above a mebibyte to a spool file. Slow senders are cut off. Cryptography and the
store run in a pool of two threads; the reactor only moves bytes. Importing this module installs no reactor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from gateway.transports.as2.connection import As2Factory, ServerLimits
from gateway.transports.as2.receive import As2Receiver

__all__ = ["As2Server", "ServerLimits", "TlsFiles"]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files of the listener's TLS identity, which is never the AS2 one."""

    certificate: Path
    key: Path


class As2Server:
    """The listener. ``start`` and ``stop`` are called in the reactor's thread.

    ``reactor`` is handed in; ``port`` 0 lets the system choose, ``address`` tells which. ``healthy`` is asked
    for ``GET /health`` and must be quick. ``spool_dir`` holds large bodies while they arrive (default: the
    system's).
    """

    def __init__(
        self,
        reactor: Any,
        receiver: As2Receiver,
        *,
        host: str = "127.0.0.1",
        port: int = 4080,
        path: str = "/as2",
        limits: ServerLimits | None = None,
        tls: TlsFiles | None = None,
        healthy: Callable[[], bool] | None = None,
        spool_dir: Path | None = None,
    ) -> None:
        self.reactor = reactor
        self.receiver = receiver
        self.path = path.encode("ascii")
        self.limits = limits or ServerLimits()
        self.spool_dir = str(spool_dir) if spool_dir else None
        self.healthy: Callable[[], bool] = healthy or (lambda: True)
        self._host, self._port, self._tls = host, port, tls
        self._factory = As2Factory(self)
        self._pool = ThreadPool(1, self.limits.threads, name="as2")
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
        """Where partners on this machine would send."""
        host, port = self.address
        scheme = "https" if self._tls else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{self.path.decode('ascii')}"

    def start(self) -> None:
        """Start to listen. Raises twisted.internet.error.CannotListenError when the port is taken."""
        factory: Any = self._factory
        if self._tls is not None:
            from twisted.internet.ssl import PrivateCertificate
            from twisted.protocols.tls import TLSMemoryBIOFactory

            pem = self._tls.key.read_bytes() + b"\n" + self._tls.certificate.read_bytes()
            options = PrivateCertificate.loadPEM(pem).options()  # type: ignore[no-untyped-call]
            factory = TLSMemoryBIOFactory(options, False, factory, clock=self.reactor)
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
                done: Deferred[None] = Deferred()
                done.callback(None)
                return done
            self._idle = Deferred()
            return self._idle

        listening, self._listening = self._listening, None
        closed = maybeDeferred(listening.stopListening) if listening else maybeDeferred(lambda: None)
        return closed.addCallback(when_closed).addCallback(lambda _: self._pool.stop())
