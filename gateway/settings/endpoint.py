"""Where a listener is bound, and the fields that say so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

__all__ = ["Endpoint", "ListenText", "RouteText", "UrlText", "parse_endpoint"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a listener is bound."""

    host: str
    #: 0 lets the operating system choose.
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_endpoint(text: str) -> Endpoint:
    """Read ``host:port`` or ``[ipv6]:port``. Raises ValueError with a plain sentence."""
    match = re.fullmatch(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s:\[\]]+)):(?P<port>\d{1,5})", text.strip())
    if match is None:
        raise ValueError(f'"{text}" is not an address to listen on; write host:port, for example 127.0.0.1:4080')
    port = int(match["port"])
    if port > 65535:
        raise ValueError(f"{port} is not a port number; ports end at 65535")
    return Endpoint(match["v6"] or match["host"], port)


def _checked_endpoint(text: str) -> str:
    return str(parse_endpoint(text))


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f'"{url}" is not a web address; it begins with http:// or https:// and names a host')
    if parts.username or parts.password:
        raise ValueError("the address holds a user name or password; leave them out")
    return url


def _checked_route(path: str) -> str:
    if not re.fullmatch(r"/[A-Za-z0-9._~/-]*", path):
        raise ValueError(f'"{path}" is not a URL path; it begins with "/" and holds letters, digits and ._~/-')
    return path


#: host:port, or [ipv6]:port.
ListenText = Annotated[str, AfterValidator(_checked_endpoint)]
#: An http or https address without credentials.
UrlText = Annotated[str, AfterValidator(_checked_url)]
#: The path of a URL.
RouteText = Annotated[str, AfterValidator(_checked_route)]
