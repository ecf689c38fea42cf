"""The HTTP door: partners post messages with a token or a client certificate, and get 202 once they are stored."""

from __future__ import annotations

from gateway.transports.http.access import HttpAccess, HttpAccount, StoredAccess, new_token
from gateway.transports.http.receive import HttpReceiver
from gateway.transports.http.server import HttpServer

__all__ = ["HttpAccess", "HttpAccount", "HttpReceiver", "HttpServer", "StoredAccess", "new_token"]
