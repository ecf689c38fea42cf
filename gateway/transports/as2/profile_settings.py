"""An AS2 relationship made from a partner's profile, our names, and our keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from cryptography import x509

from gateway.partners.profile import PartnerProfile
from gateway.transports.as2.building import Protection, ReceiptWish
from gateway.transports.as2.cms import OwnKey, TheirCertificate
from gateway.transports.as2.opening import OpenPolicy
from gateway.transports.as2.relationship import As2Relationship, BasicAuth, TlsTrust

__all__ = ["Company", "relationship_from_profile"]

#: Names in profiles → names in the core.
_KEY_TRANSPORTS = {"pkcs1": "pkcs1v15", "oaep-sha256": "oaep-sha256"}
_TEST_STATUSES = ("draft", "testing")


class Company(Protocol):
    """Our side, as the settings hold it."""

    @property
    def as2_name(self) -> str:
        """Our AS2 name, unless a profile names another."""
        ...


def _plain(name: str | None) -> str | None:
    """A profile's algorithm in the core's spelling: no "-legacy", None for "none"."""
    return None if name in (None, "none") else str(name).removesuffix("-legacy")


def relationship_from_profile(
    profile: PartnerProfile,
    company: Company,
    keys: Sequence[OwnKey],
    now: datetime,
    *,
    public_url: str = "",
    secrets: Callable[[str], bytes] | None = None,
) -> As2Relationship | None:
    """The relationship with one partner, or None when its profile names no AS2 identity.

    ``keys``: ours, the one to sign with first (those whose certificate is valid at ``now`` go before the
    others). ``public_url``: where asynchronous receipts reach us when the profile names no address.
    ``secrets`` gives a stored secret by name. Raises ValueError when a secret is needed and cannot be had.
    """
    if not profile.ids.as2:
        return None
    settings = profile.as2
    url = settings.test_url if profile.status in _TEST_STATUSES and settings.test_url else settings.url
    return As2Relationship(
        partner_code=profile.code,
        their_name=profile.ids.as2,
        our_name=profile.ours.as2 or company.as2_name,
        url=str(url or ""),
        protection=_protection(profile),
        receipt=ReceiptWish(
            mode=settings.mdn,
            signed=settings.mdn_signed,
            algorithm=_plain(settings.mic_algorithm) or _plain(settings.sign) or "sha256",
            url=str(settings.mdn_url or public_url),
        ),
        policy=OpenPolicy(
            require_signed=settings.require_signed,
            require_encrypted=settings.require_encrypted,
            require_compressed=settings.require_compressed,
            max_inflated=settings.max_expanded_bytes,
            repair_line_ends=settings.accept_line_end_change,
        ),
        their_certificates=_certificates(profile),
        our_keys=tuple(sorted(keys, key=lambda key: not _valid(key, now))),
        subject=settings.subject,
        content_type=settings.content_type,
        extra_headers=tuple(settings.headers.items()),
        auth=_auth(profile, secrets),
        tls=TlsTrust(settings.tls.trust == "pin", _client_pem(profile, secrets)),
        connect_timeout=settings.connect_timeout,
        response_timeout=settings.response_timeout,
        max_body_bytes=settings.max_body_bytes,
        receipt_urls=tuple(str(item) for item in settings.allowed_receipt_urls),
        legacy_until=settings.legacy_until,
    )


def _protection(profile: PartnerProfile) -> Protection:
    settings = profile.as2
    return Protection(
        sign=_plain(settings.sign),
        pss=settings.signature_scheme == "pss",
        encrypt=_plain(settings.encrypt),
        key_transport=_KEY_TRANSPORTS[settings.key_transport],
        compress=None if settings.compress == "none" else settings.compress,
    )


def _certificates(profile: PartnerProfile) -> tuple[TheirCertificate, ...]:
    return tuple(
        TheirCertificate(
            x509.load_pem_x509_certificate(entry.pem.encode("ascii")),
            frozenset(entry.role),
            entry.valid_from,
            entry.valid_until,
            entry.primary,
        )
        for entry in profile.as2.certificates
    )


def _valid(key: OwnKey, now: datetime) -> bool:
    return key.certificate.not_valid_before_utc <= now <= key.certificate.not_valid_after_utc


def _secret(name: str, secrets: Callable[[str], bytes] | None, code: str) -> bytes:
    if secrets is None:
        raise ValueError(f"The profile of {code} refers to the secret “{name}”, but no secrets are at hand here.")
    return secrets(name)


def _auth(profile: PartnerProfile, secrets: Callable[[str], bytes] | None) -> BasicAuth | None:
    auth = profile.as2.http_auth
    if auth is None:
        return None
    return BasicAuth(auth.user, _secret(auth.password.secret, secrets, profile.code).decode("utf-8"))


def _client_pem(profile: PartnerProfile, secrets: Callable[[str], bytes] | None) -> bytes:
    reference = profile.as2.tls.client_certificate
    return _secret(reference.secret, secrets, profile.code) if reference else b""
