"""One HTTP request for JSON to an address of the settings: guarded, TLS verified, no redirects, hard limits."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from gateway.urls import guarded_url

__all__ = ["FetchError", "Fetched", "fetch"]

#: Seconds for each step, and bytes of an answer.
_SECONDS, _MOST = 10.0, 1 << 20


class FetchError(Exception):
    """The request could not be made, or its answer is no JSON object; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came back."""

    status: int
    data: dict[str, Any]


def fetch(method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Fetched:
    """Ask, and give the JSON object of the answer. Raises FetchError."""
    try:
        parts = urlsplit(guarded_url(url))
    except ValueError as error:
        raise FetchError(f"{error}.") from error
    host = str(parts.hostname)
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, parts.port, timeout=_SECONDS, context=context
        )
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=_SECONDS)
    resource = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(
            method, resource, body, {"Accept": "application/json", "User-Agent": "edi-gateway", **headers}
        )
        answer = connection.getresponse()
        data = answer.read(_MOST + 1)
    except (OSError, http.client.HTTPException) as error:
        raise FetchError(f"{host} does not answer ({error or type(error).__name__}).") from error
    finally:
        connection.close()
    if len(data) > _MOST:
        raise FetchError(f"The answer of {host} is larger than {_MOST >> 20} MB.")
    if 300 <= answer.status < 400:
        raise FetchError(f"{host} leads elsewhere (HTTP {answer.status}); redirects are not followed.")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FetchError(f"{host} answers with HTTP {answer.status} and no JSON.") from error
    if not isinstance(found, dict):
        raise FetchError(f"{host} answers with HTTP {answer.status} and no JSON object.")
    return Fetched(answer.status, found)
