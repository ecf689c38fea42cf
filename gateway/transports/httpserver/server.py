"""An HTTP listener on Twisted: it starts, hands work to its threads, and stops when all of it is answered.

Importing this module installs no reactor.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from gateway.transports.httpserver.connection import BoundedFactory
from gateway.transports.httpserver.limits import ServerLimits, TlsFiles

__all__ = ["Listener"]


class Listener:
    """One listener. ``start`` and ``stop`` are called in the reactor's thread.

    ``reactor`` is handed in; ``port`` 0 lets the system choose, ``address`` tells which. ``trouble`` must be
    quick: the sentence for people why nothing is taken now, "" when all is well.
    ``spool_dir`` holds large bodies while they arrive (default: the system's).
    """

    #: Name of the threads.
    name: ClassVar[str]
    #: What makes its connections.
    factory: ClassVar[type[BoundedFactory]]

    def __init__(
        self,
        reactor: Any,
        *,
        host: str,
        port: int,
        limits: ServerLimits | None = None,
        tls: TlsFiles | None = None,
        trouble: Callable[[], str] | None = None,
        spool_dir: Path | None = None,
    ) -> None:
        self.reactor = reactor
        self.limits = limits or ServerLimits()
        self.spool_dir = str(spool_dir) if spool_dir else None
        self.trouble: Callable[[], str] = trouble or (lambda: "")
        self._host, self._port, self._tls = host, port, tls
        self._factory = self.factory(self)
        self._pool = ThreadPool(1, self.limits.threads, name=self.name)
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
    def origin(self) -> str:
        """Scheme, host and port for programs on this machine."""
        host, port = self.address
        return f"{'https' if self._tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"

    def tls_options(self, files: TlsFiles) -> Any:
        """How TLS is spoken."""
        from twisted.internet.ssl import PrivateCertificate

        pem = files.key.read_bytes() + b"\n" + files.certificate.read_bytes()
        return PrivateCertificate.loadPEM(pem).options()  # type: ignore[no-untyped-call]

    def start(self) -> None:
        """Start to listen. Raises twisted.internet.error.CannotListenError when the port is taken."""
        factory: Any = self._factory
        if self._tls is not None:
            from twisted.protocols.tls import TLSMemoryBIOFactory

            factory = TLSMemoryBIOFactory(self.tls_options(self._tls), False, factory, clock=self.reactor)
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
