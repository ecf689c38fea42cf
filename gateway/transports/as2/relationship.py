"""What we and one partner agreed for AS2, independent of where it is kept, and the directory that finds it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Protocol
from urllib.parse import urlsplit

from cryptography import x509

from gateway.transports.as2.building import Protection, ReceiptWish
from gateway.transports.as2.cms import OwnKey, TheirCertificate
from gateway.transports.as2.opening import Keyring, OpenPolicy

__all__ = ["As2Directory", "As2Relationship", "BasicAuth", "TlsTrust", "origin"]


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """User and password that the partner's web server asks for."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TlsTrust:
    """Which server certificates count when we connect to the partner."""

    #: True = only the partner's certificates with role "tls"; False = the machine's authorities.
    pinned: bool = False
    #: PEM with certificate and private key for mutual TLS, b"" when there is none.
    client_pem: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class As2Relationship:
    """One partner and us over AS2."""

    partner_code: str
    #: AS2 names, unquoted; case counts.
    their_name: str
    our_name: str
    #: Where we send; "" when we only receive.
    url: str = ""
    protection: Protection = field(default_factory=Protection)
    receipt: ReceiptWish = field(default_factory=ReceiptWish)
    policy: OpenPolicy = field(default_factory=OpenPolicy)
    #: Every certificate of the partner, whatever its dates: an expired one gives a clear reason.
    their_certificates: tuple[TheirCertificate, ...] = ()
    #: The first whose certificate is valid signs; all of them decrypt.
    our_keys: tuple[OwnKey, ...] = field(default=(), repr=False)
    subject: str = "EDI message"
    content_type: str = "application/EDI-X12"
    extra_headers: tuple[tuple[str, str], ...] = ()
    auth: BasicAuth | None = None
    tls: TlsTrust = TlsTrust()
    #: Seconds.
    connect_timeout: float = 30.0
    response_timeout: float = 120.0
    #: Largest request body taken from the partner, in bytes.
    max_body_bytes: int = 100 << 20
    #: Where we may send asynchronous receipts: exact addresses, or an origin ("https://host:port").
    receipt_urls: tuple[str, ...] = ()
    #: Last day on which SHA-1 and triple DES are used or taken.
    legacy_until: date | None = None

    def policy_at(self, now: datetime) -> OpenPolicy:
        """The inbound policy at an instant: with SHA-1, 3DES and OAEP-SHA-1 only up to ``legacy_until``."""
        if self.legacy_until is None or now.date() > self.legacy_until:
            return self.policy
        allowed = self.policy.algorithms
        legacy = replace(
            allowed,
            digests=allowed.digests | {"sha1"},
            ciphers=allowed.ciphers | {"3des"},
            key_transports=allowed.key_transports | {"oaep-sha1"},
        )
        return replace(self.policy, algorithms=legacy)

    def protection_at(self, now: datetime) -> Protection:
        """What we put around a message at an instant.

        Raises ValueError when a legacy algorithm is configured and its last day has passed.
        """
        uses = [name for name in (self.protection.sign, self.protection.encrypt) if name in ("sha1", "3des")]
        if uses and (self.legacy_until is None or now.date() > self.legacy_until):
            raise ValueError(
                f"{uses[0]} was allowed for {self.partner_code} until {self.legacy_until}: "
                "agree on a current algorithm with the partner and change the profile."
            )
        return self.protection

    def keyring(self) -> Keyring:
        """The certificates and keys for opening what the partner sends."""
        return Keyring(self.their_certificates, self.our_keys)

    def signing_key(self, now: datetime) -> OwnKey | None:
        """The key we sign with: the first whose certificate is valid."""
        for key in self.our_keys:
            if key.certificate.not_valid_before_utc <= now <= key.certificate.not_valid_after_utc:
                return key
        return None

    def encryption_certificate(self, now: datetime) -> x509.Certificate | None:
        """The certificate we encrypt to: of the valid ones the primary, else the one that became valid last."""
        active = self.active("encrypt", now)
        best = max(active, key=lambda one: (one.primary, one.starts), default=None)
        return best.certificate if best else None

    def active(self, role: str, now: datetime) -> list[TheirCertificate]:
        """The partner's certificates of a role that are valid at an instant."""
        return [one for one in self.their_certificates if role in one.roles and one.problem_at(now) is None]

    def may_receive_receipt(self, url: str) -> bool:
        """Whether an asynchronous receipt may go to this address of the partner's choice."""
        target = origin(url)
        return target is not None and any(
            url == allowed or (target == origin(allowed) and urlsplit(allowed).path in ("", "/"))
            for allowed in self.receipt_urls
        )


def origin(url: str) -> tuple[str, str, int] | None:
    """(scheme, host, port) of an http or https address without credentials; None for anything else."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None or not port:
        return None
    return parts.scheme, parts.hostname, port


class As2Directory(Protocol):
    """Finds relationships. Thread-safe; called for every request, so it must be quick."""

    def find(self, as2_from: str, as2_to: str) -> As2Relationship | None:
        """The relationship of a message from ``as2_from`` to ``as2_to`` (unquoted, case counts), or None."""
        ...

    def for_partner(self, code: str) -> As2Relationship:
        """The relationship with a partner. Raises LookupError with a sentence when it has none."""
        ...
