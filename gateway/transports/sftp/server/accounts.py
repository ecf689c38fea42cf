"""Accounts on our SFTP server, made from partners' profiles: no system user, no folder on a disk.

``MailboxAccount`` is what a session needs to know; ``MailboxDirectory`` is where the listener asks for one by user
name; ``ProfileAccounts`` is the directory over the stored profiles.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from threading import Lock
from typing import Protocol

import asyncssh
from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.partners.directory import Directory
from gateway.partners.models import Partner
from gateway.partners.profile import PartnerProfile, Status
from gateway.partners.transfers import HostedKey, HostedSftp
from gateway.store.errors import SecretError
from gateway.transports.sftp.algorithms import MIN_RSA_BITS, MODERN, AlgorithmSet, with_legacy
from gateway.transports.sftp.hostkeys import fingerprint
from gateway.transports.sftp.server.passwords import is_hash

__all__ = [
    "AccountKey",
    "LegacyException",
    "MailboxAccount",
    "MailboxDirectory",
    "Network",
    "ProfileAccounts",
    "account_from_profile",
    "allowed",
]

logger = logging.getLogger(__name__)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class AccountKey:
    """One public key that opens an account, while its window lasts."""

    #: The key as SSH carries it.
    blob: bytes
    fingerprint: str
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    #: Where it may come from; empty = wherever the account may.
    networks: tuple[Network, ...] = ()

    def opens(self, blob: bytes, address: str, now: datetime) -> bool:
        """True when this is the key, it is valid now, and it may come from this address."""
        return (
            self.blob == blob
            and (self.valid_from is None or self.valid_from <= now)
            and (self.valid_until is None or now <= self.valid_until)
            and allowed(self.networks, address)
        )


@dataclass(frozen=True, slots=True)
class MailboxAccount:
    """One partner's account: who may log in from where, and how the mailbox behaves."""

    partner: str
    user: str
    keys: tuple[AccountKey, ...] = ()
    #: argon2id; None = keys only.
    password_hash: str | None = None
    #: Empty = any address.
    networks: tuple[Network, ...] = ()
    #: Folders, modes and limits, as the profile says.
    mailbox: HostedSftp = field(default_factory=HostedSftp)

    def key_for(self, blob: bytes, address: str, now: datetime) -> AccountKey | None:
        """The key with these bytes that opens the account from there now, or None."""
        return next((key for key in self.keys if key.opens(blob, address, now)), None)


@dataclass(frozen=True, slots=True)
class LegacyException:
    """Older algorithms for the addresses of one partner, until a day."""

    partner: str
    networks: tuple[Network, ...]
    algorithms: AlgorithmSet
    until: date


class MailboxDirectory(Protocol):
    """Where the listener finds accounts. Thread-safe; may block: it is asked in a thread."""

    def account(self, user: str) -> MailboxAccount | None:
        """The account with this user name, or None when nobody may log in with it now."""
        ...

    def of_partner(self, partner: str) -> MailboxAccount | None:
        """The account of this partner, or None."""
        ...

    def all(self) -> list[MailboxAccount]:
        """Every account."""
        ...

    def exceptions(self) -> list[LegacyException]:
        """The exceptions from the modern algorithms, ended ones included."""
        ...


def allowed(networks: Iterable[Network], address: str) -> bool:
    """True when the address is in one of the networks, or there are none."""
    listed = tuple(networks)
    if not listed:
        return True
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in listed)


def account_from_profile(
    profile: PartnerProfile, secrets: Callable[[str], bytes] | None = None
) -> MailboxAccount | None:
    """The account that a profile describes; None when it has none, or the partner is retired.

    A paused partner keeps it: what it uploads is stored and held, as at every other door.

    A key that cannot be used (unreadable, DSA, RSA below 2048 bits) and a password secret that is missing or no
    argon2id hash are left out and logged: the rest of the account works.
    """
    hosted = profile.sftp.hosted
    if hosted.user is None or profile.status is Status.RETIRED:
        return None
    keys = (_account_key(profile.code, entry) for entry in hosted.keys)
    return MailboxAccount(
        partner=profile.code,
        user=hosted.user,
        keys=tuple(key for key in keys if key is not None),
        password_hash=_password_hash(profile, secrets),
        networks=_networks(hosted.allow_from),
        mailbox=hosted,
    )


def _networks(texts: Iterable[str]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def _account_key(partner: str, entry: str | HostedKey) -> AccountKey | None:
    settings = entry if isinstance(entry, HostedKey) else HostedKey(key=entry)
    try:
        key = asyncssh.import_public_key(settings.key)
        problem = _weakness(key)
    except (asyncssh.KeyImportError, ValueError) as error:
        problem = f"it cannot be read ({error})"
    if problem:
        logger.warning("A public key in the SFTP account of %s is not used: %s", partner, problem)
        return None
    return AccountKey(
        key.public_data,
        fingerprint(settings.key),
        settings.valid_from,
        settings.valid_until,
        _networks(settings.allow_from),
    )


def _weakness(key: asyncssh.SSHKey) -> str:
    algorithm = key.get_algorithm()
    if algorithm == "ssh-rsa":
        bits = getattr(key.pyca_key, "key_size", 0)
        if bits < MIN_RSA_BITS:
            return f"an RSA key needs at least {MIN_RSA_BITS} bits, this one has {bits}"
        return ""
    if algorithm not in ("ssh-ed25519", "ecdsa-sha2-nistp256"):
        return f"keys of the kind {algorithm} are not taken; use ssh-ed25519, ecdsa-sha2-nistp256 or RSA"
    return ""


def _password_hash(profile: PartnerProfile, secrets: Callable[[str], bytes] | None) -> str | None:
    reference = profile.sftp.hosted.password
    if reference is None or secrets is None:
        return None
    try:
        text = secrets(reference.secret).decode("ascii", "replace").strip()
    except (LookupError, SecretError) as error:
        logger.warning("The SFTP password of %s is not used: %s", profile.code, error)
        return None
    if not is_hash(text):
        logger.warning(
            "The SFTP password of %s is not used: the secret %s is no argon2id hash.", profile.code, reference.secret
        )
        return None
    return text


class ProfileAccounts:
    """Accounts over the stored profiles; what changed in the database holds for the next login.

    ``read`` opens a session for reading; ``directory`` gives parsed profiles; ``secrets`` a stored secret by name.
    Two partners with one user name are both refused: nobody gets another one's mailbox by accident.
    """

    def __init__(
        self,
        read: Callable[[], AbstractContextManager[Session]],
        directory: Directory,
        secrets: Callable[[str], bytes] | None = None,
    ) -> None:
        self._read = read
        self._directory = directory
        self._secrets = secrets
        self._lock = Lock()
        self._versions: dict[str, int] = {}
        self._accounts: dict[str, MailboxAccount] = {}
        self._exceptions: dict[str, LegacyException] = {}

    def account(self, user: str) -> MailboxAccount | None:
        """See ``MailboxDirectory.account``."""
        found = [account for account in self.all() if account.user == user]
        if len(found) > 1:
            names = ", ".join(account.partner for account in found)
            logger.error("The SFTP user %s is in the profiles of %s; no one is let in with it.", user, names)
            return None
        return self._with_password(found[0]) if found else None

    def of_partner(self, partner: str) -> MailboxAccount | None:
        """See ``MailboxDirectory.of_partner``."""
        return next((account for account in self.all() if account.partner == partner), None)

    def all(self) -> list[MailboxAccount]:
        """See ``MailboxDirectory.all``."""
        with self._lock:
            self._refresh()
            return list(self._accounts.values())

    def exceptions(self) -> list[LegacyException]:
        """See ``MailboxDirectory.exceptions``."""
        with self._lock:
            self._refresh()
            return list(self._exceptions.values())

    def _refresh(self) -> None:
        with self._read() as session:
            rows = session.execute(select(Partner.code, Partner.current_version)).all()
            versions = {row.code: row.current_version for row in rows}
            for code in [code for code in self._versions if code not in versions]:
                self._forget(code)
            for code, version in versions.items():
                if self._versions.get(code) != version:
                    self._load(session, code)
                    self._versions[code] = version

    def _load(self, session: Session, code: str) -> None:
        self._forget(code)
        profile = self._directory.profile(code, session=session)
        account = account_from_profile(profile)
        if account is None:
            return
        self._accounts[code] = account
        hosted = account.mailbox
        if hosted.legacy_algorithms and hosted.legacy_until is not None:
            chosen = with_legacy(hosted.legacy_algorithms, MODERN)
            self._exceptions[code] = LegacyException(code, account.networks, chosen, hosted.legacy_until)

    def _with_password(self, account: MailboxAccount) -> MailboxAccount:
        """The account with its hash, read anew for each login: a changed secret holds at once."""
        if account.mailbox.password is None:
            return account
        profile = self._directory.profile(account.partner)
        return replace(account, password_hash=_password_hash(profile, self._secrets))

    def _forget(self, code: str) -> None:
        self._versions.pop(code, None)
        self._accounts.pop(code, None)
        self._exceptions.pop(code, None)
