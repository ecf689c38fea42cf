"""The settings of the listeners: AS2, SFTP, HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from gateway.settings.endpoint import Endpoint, ListenText, RouteText, UrlText, parse_endpoint
from gateway.settings.section import MEBIBYTE, Section

__all__ = ["As2Settings", "HttpSettings", "SftpSettings", "TlsListener"]


class TlsListener(Section):
    """A listener that may speak TLS."""

    #: PEM certificate chain for TLS on this listener; unset = plain HTTP (behind a proxy, or loopback).
    tls_certificate: Path | None = None
    #: PEM private key of ``tls_certificate``.
    tls_key: Path | None = None

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key belong together; give both or neither")
        return self


class As2Settings(TlsListener):
    """The AS2 listener."""

    #: host:port to listen on; port 0 lets the operating system choose.
    listen: ListenText = "127.0.0.1:4080"
    #: The only path that takes messages.
    path: RouteText = "/as2"
    #: The address partners reach us under (for their set-up sheet and asynchronous MDNs).
    public_url: UrlText | None = None
    #: Largest request body in bytes; a profile may lower it.
    max_body_bytes: Annotated[int, Field(ge=1024, le=2**31 - 1)] = 100 * MEBIBYTE

    @property
    def endpoint(self) -> Endpoint:
        """``listen`` as host and port."""
        return parse_endpoint(self.listen)


class SftpSettings(Section):
    """The SFTP server for partners who have a mailbox here."""

    #: host:port to listen on, port 0 lets the operating system choose; unset = no SFTP server.
    listen: ListenText | None = None

    @property
    def endpoint(self) -> Endpoint | None:
        """``listen`` as host and port."""
        return parse_endpoint(self.listen) if self.listen else None


class HttpSettings(TlsListener):
    """The HTTP door: partners post messages with a token or a client certificate."""

    #: host:port to listen on, port 0 lets the operating system choose; unset = no HTTP door.
    listen: ListenText | None = None
    #: True = a proxy in front does TLS.
    behind_proxy: bool = False
    #: Where partners reach `/cxml` from outside, for the answer to a cXML ProfileRequest; unset = what we listen on.
    public_url: str | None = None

    @property
    def endpoint(self) -> Endpoint | None:
        """``listen`` as host and port."""
        return parse_endpoint(self.listen) if self.listen else None
