"""The AS2 listener on Twisted: exactly ``POST /as2`` and ``GET /health``, everything else is refused early.

A request is judged when its headers are in: path, method, names and announced size, before a byte of the body is
taken. The body goes to memory, above a mebibyte to a spool file. Slow senders are cut off. Cryptography and the
store run in a pool of two threads; the reactor only moves bytes. Importing this module installs no reactor.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.transports.as2.connection import As2Factory
from gateway.transports.as2.receive import As2Receiver
from gateway.transports.httpserver import Listener, ServerLimits, TlsFiles

__all__ = ["As2Server", "ServerLimits", "TlsFiles"]


class As2Server(Listener):
    """The listener; see `Listener`. ``path`` is the only one that takes messages.

    ``trouble`` is asked for ``GET /health``.
    """

    name = "as2"
    factory = As2Factory

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
        trouble: Callable[[], str] | None = None,
        spool_dir: Path | None = None,
    ) -> None:
        super().__init__(reactor, host=host, port=port, limits=limits, tls=tls, trouble=trouble, spool_dir=spool_dir)
        self.receiver = receiver
        self.path = path.encode("ascii")

    @property
    def url(self) -> str:
        """Where partners on this machine would send."""
        return f"{self.origin}{self.path.decode('ascii')}"
