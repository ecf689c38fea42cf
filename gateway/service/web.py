"""The staff pages of an opened working directory: what they may use, and their listener."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from gateway import __version__
from gateway.partners import registry
from gateway.partners.errors import OperationError
from gateway.service.context import Context, utc_now
from gateway.service.doors import listening
from gateway.service.operations import OPERATIONS
from gateway.staff import accounts
from gateway.store.secrets import get_secret
from gateway.transports.as2.server import TlsFiles
from gateway.web.app import create_app
from gateway.web.provider import Provider, installed
from gateway.web.server import WebServer
from gateway.web.site import PartnerName, Site

__all__ = ["StaffPages"]

logger = logging.getLogger(__name__)


class StaffPages:
    """The listener for staff: started by the service after every other door."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._server: WebServer | None = None

    def start(self, reactor: Any) -> None:
        """Open the listener; called in the reactor's thread. Raises OperationError when it cannot listen."""
        web, home = self._context.settings.web, self._context.settings.paths.home
        files = None
        if web.tls_certificate is not None and web.tls_key is not None:
            files = TlsFiles(home / web.tls_certificate, home / web.tls_key)
        with listening("listener of the staff pages", web.listen, "[web] listen"):
            self._server = WebServer(
                reactor,
                create_app(self._site(secure=files is not None or _is_https(web.public_url))),
                host=web.endpoint.host,
                port=web.endpoint.port,
                tls=files,
            )
            self._server.start()

    @property
    def url(self) -> str:
        """What staff open in a browser."""
        public = self._context.settings.web.public_url
        if public:
            return public.rstrip("/") + "/"
        if self._server is None:
            raise OperationError("The staff pages are not open.")
        return self._server.url

    @property
    def nobody_yet(self) -> bool:
        """True while there is no account: the set-up code opens the first."""
        with self._context.store.read() as session:
            return not accounts.any_user(session)

    def stop(self) -> list[Any]:
        """Take no new connections; Deferreds that fire when every page under way has its answer."""
        return [] if self._server is None else [self._server.stop()]

    def _site(self, *, secure: bool) -> Site:
        context, settings = self._context, self._context.settings
        return Site(
            company=settings.company.name,
            time_zone=settings.company.time_zone,
            version=__version__,
            read=context.store.read,
            write=context.store.writer.run,
            operate=self._operate,
            kek=context.kek,
            clock=utc_now,
            partners=self._partners,
            work=self._work,
            hosts=self._hosts,
            home=settings.paths.home,
            secure=secure,
            behind_proxy=settings.web.public_url is not None,
            require_totp=settings.web.require_totp,
            api_per_minute=settings.web.api_per_minute,
            provider=self._provider(),
        )

    def _provider(self) -> Provider | None:
        """The identity provider of the settings. Raises OperationError when its libraries are not installed."""
        oidc, context = self._context.settings.web.oidc, self._context
        if oidc is None:
            return None
        if not installed():
            raise OperationError(
                "[web.oidc] is set, but what it needs is not installed.", 'Run: pip install "edi-gateway[oidc]"'
            )

        def secret() -> str:
            with context.store.read() as session:
                return get_secret(session, context.kek, oidc.client_secret).decode("utf-8")

        return Provider(oidc, secret)

    def _operate(self, name: str, parameters: Mapping[str, Any]) -> Any:
        return OPERATIONS[name](self._context, dict(parameters))

    def _partners(self) -> list[PartnerName]:
        with self._context.store.read() as session:
            found = [profile for _, profile in registry.list_partners(session)]
        return [PartnerName(profile.code, profile.name, profile.time_zone) for profile in found]

    def _work(self) -> dict[str, Any]:
        stats = self._context.work.stats()
        return {
            "waiting": stats.waiting,
            "running": stats.running,
            "failed": stats.failed,
            "oldest_seconds": stats.oldest_seconds,
        }

    def _hosts(self) -> frozenset[str]:
        """Names under which a browser may ask for us."""
        public = self._context.settings.web.public_url
        if public:
            parts = urlsplit(public)
            names = {parts.netloc.lower()}
            if parts.port is None:
                names.add(f"{parts.hostname}:{443 if parts.scheme == 'https' else 80}")
            return frozenset(names)
        if self._server is None:
            return frozenset()
        host, port = self._server.address
        names = {host, self._context.settings.web.endpoint.host}
        if host in ("127.0.0.1", "::1", "localhost"):
            names |= {"127.0.0.1", "localhost", "::1"}
        shown = {f"[{name}]" if ":" in name else name for name in names}
        return frozenset({f"{name}:{port}" for name in shown} | (shown if port in (80, 443) else set()))


def _is_https(url: str | None) -> bool:
    return url is not None and url.startswith("https:")
