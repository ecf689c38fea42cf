"""Who may post: tokens that only their SHA-256 is known of, and pinned TLS client certificates."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from gateway.partners.directory import Directory
from gateway.partners.profile import PartnerProfile, Status
from gateway.store.engine import Store
from gateway.store.errors import SecretError
from gateway.store.secrets import Kek, get_secret

__all__ = ["HttpAccess", "HttpAccount", "StoredAccess", "account_from_profile", "new_token", "opens"]

_log = logging.getLogger(__name__)
_TOKEN_BYTES = 32
#: Seconds that an account is remembered, and how many are: requests are judged in the reactor's thread.
_KNOWN_SECONDS, _KNOWN_MOST = 2.0, 1000
_DIGEST = re.compile(rb"[0-9a-f]{64}")
_CLOSED = (Status.DRAFT, Status.RETIRED)
#: Compared with when there is nothing to compare with, so that an unknown partner takes the same way.
_NOBODY = hashlib.sha256(b"nobody").hexdigest()


@dataclass(frozen=True, slots=True)
class HttpAccount:
    """What one partner may do here."""

    partner: str
    #: SHA-256 (hex) of each token that opens the door.
    tokens: tuple[str, ...] = field(default=(), repr=False)
    #: SHA-256 (hex) of each client certificate that opens it.
    certificates: tuple[str, ...] = ()
    require_both: bool = False
    #: Bytes.
    max_body_bytes: int = 100 << 20


class HttpAccess(Protocol):
    """Where accounts come from. Thread-safe and quick: it is asked at the headers of every request."""

    def account(self, partner: str) -> HttpAccount | None:
        """The account of a partner, None when it may not post."""
        ...


def new_token() -> tuple[str, str]:
    """(a fresh token to give to the partner, its SHA-256 in hex to store as a secret); the token is kept nowhere."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    return token, hashlib.sha256(token.encode("ascii")).hexdigest()


def opens(account: HttpAccount | None, token: str, certificate: str) -> str:
    """How the door was opened: "token", "certificate", "both"; "" when it stays shut.

    ``certificate`` is the SHA-256 (hex) of the client certificate, "" for none. Every comparison takes the same time
    whatever is compared, and an unknown partner costs what a known one does.
    """
    digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
    with_token = _among(digest, account.tokens if account else ()) and bool(token)
    with_certificate = _among(certificate, account.certificates if account else ()) and bool(certificate)
    if account is None:
        return ""
    if with_token and with_certificate:
        return "both"
    if account.require_both or not (with_token or with_certificate):
        return ""
    return "token" if with_token else "certificate"


def _among(value: str, known: tuple[str, ...]) -> bool:
    found = False
    for one in known or (_NOBODY,):
        found |= hmac.compare_digest(value.encode(), one.encode())
    return found and bool(known)


def account_from_profile(profile: PartnerProfile, tokens: tuple[str, ...]) -> HttpAccount | None:
    """The account of a profile, or None when it may not post."""
    door = profile.http
    if profile.status in _CLOSED or not (door.tokens or door.client_certificates):
        return None
    return HttpAccount(profile.code, tokens, door.client_certificates, door.require_both, door.max_body_bytes)


class StoredAccess:
    """Implements ``HttpAccess`` over the store: a changed profile or token holds within two seconds."""

    def __init__(
        self, store: Store, kek: Kek, directory: Directory, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._store, self._kek, self._directory = store, kek, directory
        self._monotonic = monotonic
        self._known: dict[str, tuple[float, HttpAccount | None]] = {}

    def account(self, partner: str) -> HttpAccount | None:
        """The account of a partner, None when it may not post."""
        now = self._monotonic()
        known = self._known.get(partner)
        if known is not None and now - known[0] < _KNOWN_SECONDS:
            return known[1]
        account = self._look(partner)
        if len(self._known) >= _KNOWN_MOST:
            self._known.clear()
        self._known[partner] = (now, account)
        return account

    def _look(self, partner: str) -> HttpAccount | None:
        found = self._directory.find(partner)
        if found is None:
            return None
        profile = found[1]
        digests = []
        with self._store.read() as session:
            for reference in profile.http.tokens:
                try:
                    value = get_secret(session, self._kek, reference.secret).strip().lower()
                except SecretError as error:
                    _log.warning("A token of %s cannot be used: %s", partner, error)
                    continue
                if _DIGEST.fullmatch(value):
                    digests.append(value.decode("ascii"))
                else:
                    _log.warning("The secret %s is no SHA-256 in hex, so it opens nothing", reference.secret)
        return account_from_profile(profile, tuple(digests))
