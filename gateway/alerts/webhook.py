"""Alerts by webhook: a JSON document posted with a signature that the receiver can check (Standard Webhooks).

The signature is HMAC-SHA256 over ``id.timestamp.body`` with the channel's key, as ``v1,<base64>``. The id is the same
at every try of the same message, so that a receiver can leave out repeats; the timestamp is that of the try.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from gateway.alerts.errors import SendError
from gateway.transports.as2.post import PostError, post

__all__ = ["KEY_BYTES", "host_of", "new_key", "send_webhook", "shown_key", "sign"]

#: Bytes of a signing key.
KEY_BYTES = 32
#: Seconds for the connection, and for the answer.
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 10.0

#: Hears of each step that worked: (step, sentence).
Told = Callable[[str, str], None]


def new_key() -> bytes:
    """A fresh signing key."""
    return secrets.token_bytes(KEY_BYTES)


def shown_key(key: bytes) -> str:
    """A key as receivers are given it: ``whsec_`` and base64."""
    return f"whsec_{base64.b64encode(key).decode('ascii')}"


def sign(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of ``Webhook-Signature``; ``timestamp`` in seconds since 1970."""
    signed = b".".join((message_id.encode("ascii"), str(timestamp).encode("ascii"), body))
    return f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode('ascii')}"


def host_of(url: str) -> str:
    """Scheme and host of an address: its path may be a secret and is never shown."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def send_webhook(
    url: str,
    key: bytes,
    content: Mapping[str, Any],
    *,
    message_id: str,
    now: datetime,
    private: bool,
    told: Told = lambda _s, _w: None,
) -> str:
    """Post a document; what is worth noting about the answer, "" for nothing. Raises SendError with a sentence.

    ``private`` allows addresses of private networks and of this machine; plain HTTP is for those only.
    """
    if not url.startswith("https:") and not private:
        raise SendError(f"{host_of(url)} has no TLS: alerts go to https addresses only.")
    body = json.dumps(content, separators=(",", ":")).encode("ascii")
    timestamp = int(now.timestamp())
    headers = (
        ("Content-Type", "application/json"),
        ("User-Agent", "edi-gateway"),
        ("Webhook-Id", message_id),
        ("Webhook-Timestamp", str(timestamp)),
        ("Webhook-Signature", sign(key, message_id, timestamp, body)),
    )
    try:
        answer = post(
            url,
            headers,
            body,
            connect_timeout=CONNECT_SECONDS,
            response_timeout=ANSWER_SECONDS,
            private=private,
        )
    except PostError as error:
        raise SendError(_without(url, str(error))) from error
    told("connection", f"{host_of(url)} answers" + (" with a good certificate." if url.startswith("https:") else "."))
    if not 200 <= answer.status < 300:
        why = " Redirects are not followed." if 300 <= answer.status < 400 else ""
        raise SendError(f"{host_of(url)} did not take the notice (HTTP {answer.status}).{why}")
    told("hand-over", f"{host_of(url)} took the signed notice (HTTP {answer.status}).")
    return ""


def _without(url: str, sentence: str) -> str:
    """The sentence without the address in it."""
    return sentence.replace(url[:200], host_of(url)).replace("in the profile", "of the channel")
