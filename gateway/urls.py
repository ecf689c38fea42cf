"""Addresses that the gateway itself asks: https, or plain http to this very machine."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

__all__ = ["guarded_url", "is_loopback"]


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its very name: "localhost" or a loopback address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def guarded_url(url: str) -> str:
    """The address as it is. Raises ValueError with a sentence when secrets could be read on the way to it."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f'"{url}" is not a web address: {error}') from error
    if not host or parts.scheme not in ("https", "http") or any(not "!" <= each <= "~" for each in url):
        raise ValueError(f'"{url}" is not a web address; it begins with https:// and names a host')
    if parts.username is not None or parts.password is not None:
        raise ValueError("the address holds a user name or password; leave them out")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError(f'"{url}" has no TLS; http is for this machine only')
    return url
