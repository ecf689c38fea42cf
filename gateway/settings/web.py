"""The settings of the staff pages."""

from __future__ import annotations

from typing import Literal

from gateway.settings.doors import TlsListener
from gateway.settings.endpoint import Endpoint, ListenText, UrlText, parse_endpoint

__all__ = ["WebSettings"]


class WebSettings(TlsListener):
    """The staff pages: for people of this company, never for partners."""

    #: host:port to listen on; port 0 lets the operating system choose. Off this machine only with TLS.
    listen: ListenText = "127.0.0.1:4090"
    #: The address staff use when it is not the one we listen on (a TLS proxy on this machine); only its host is
    #: answered then, and cookies are for TLS.
    public_url: UrlText | None = None
    #: Who must have a second factor: "none", "admins" (admin and security) or "all".
    require_totp: Literal["none", "admins", "all"] = "none"

    @property
    def endpoint(self) -> Endpoint:
        """``listen`` as host and port."""
        return parse_endpoint(self.listen)
