"""The HTTP door on Twisted: ``POST /in/PARTNER`` and ``GET /health`` on a listener of its own, over TLS.

A client certificate is asked for and, when one comes, only its fingerprint counts: it is pinned in the partner's
profile, whoever issued it.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from gateway.transports.http.connection import DoorFactory
from gateway.transports.http.receive import CXML_PATH, HttpReceiver
from gateway.transports.httpserver import Listener, ServerLimits, TlsFiles

__all__ = ["HttpServer", "ServerLimits", "TlsFiles"]


class HttpServer(Listener):
    """The listener; see `Listener`.

    Without ``tls`` only loopback addresses are taken, unless ``behind_proxy`` says that something in front of us does
    TLS: a token must never cross a network in the clear. ``trouble`` is asked before a message is taken. Raises
    ValueError with a sentence.
    """

    name = "http"
    factory = DoorFactory

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
        trouble: Callable[[], str] | None = None,
        spool_dir: Path | None = None,
    ) -> None:
        if tls is None and not behind_proxy and not _is_loopback(host):
            raise ValueError(
                f"The HTTP door would listen on {host} without TLS, and tokens could be read on the way. Give it a "
                "certificate and key, or put a TLS proxy in front and say so."
            )
        super().__init__(reactor, host=host, port=port, limits=limits, tls=tls, trouble=trouble, spool_dir=spool_dir)
        self.receiver = receiver

    @property
    def url(self) -> str:
        """Where partners on this machine would post, without their code."""
        return f"{self.origin}/in/"

    @property
    def cxml_url(self) -> str:
        """Where partners on this machine would post cXML."""
        return f"{self.origin}{CXML_PATH}"

    def tls_options(self, files: TlsFiles) -> Any:
        """TLS that asks for a client certificate and takes any: what it may open is decided by its fingerprint."""
        from OpenSSL import SSL

        options = super().tls_options(files)
        context = options.getContext()
        context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_options(SSL.OP_NO_TICKET)
        return options


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
