"""The SFTP targets of all partners as the store has them now."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from sqlalchemy import select

from gateway.partners.directory import Directory
from gateway.partners.models import Partner
from gateway.partners.profile import Status
from gateway.store.engine import Store
from gateway.store.errors import SecretError
from gateway.store.secrets import Kek, get_secret
from gateway.transports.sftp.client.target import (
    Credentials,
    SftpTarget,
    credentials_from_profile,
    target_from_profile,
)

__all__ = ["StoredTargets"]

_log = logging.getLogger(__name__)
#: Partners in these states are looked at; what comes from a paused one is held by the pipeline.
_POLLED = (Status.TESTING.value, Status.LIVE.value, Status.PAUSED.value)


class StoredTargets:
    """Implements ``SftpTargets`` over the store. Thread-safe.

    A changed profile holds with the next call. Secrets are opened for each connection and kept nowhere.
    """

    def __init__(self, store: Store, kek: Kek, directory: Directory) -> None:
        self._store = store
        self._kek = kek
        self._directory = directory
        self._known: dict[str, tuple[int, SftpTarget | None]] = {}
        self._lock = threading.Lock()

    def polled(self) -> Sequence[SftpTarget]:
        """Every partner in trade or in test whose profile names a server to fetch from."""
        with self._store.read() as session:
            rows = session.execute(
                select(Partner.code, Partner.current_version).where(Partner.status.in_(_POLLED)).order_by(Partner.code)
            ).all()
        targets = (self._target(code, version) for code, version in rows)
        return [target for target in targets if target is not None and target.pull is not None]

    def for_partner(self, partner: str) -> SftpTarget:
        """The target of one partner. Raises LookupError with a sentence when it has none."""
        found = self._directory.find(partner)
        target = None if found is None else target_from_profile(found[1], found[0])
        if target is None:
            raise LookupError(
                f"The profile of {partner} names no SFTP server: give sftp.host, sftp.user and host_keys."
            )
        return target

    def credentials(self, target: SftpTarget) -> Credentials:
        """What to log in with now. Raises ValueError with a sentence when a secret cannot be had."""
        profile = self._directory.profile(target.partner)
        with self._store.read() as session:
            try:
                return credentials_from_profile(profile, lambda name: get_secret(session, self._kek, name))
            except SecretError as error:
                raise ValueError(f"The login for {target.partner} at {target.place} cannot be read: {error}") from error

    def _target(self, code: str, version: int) -> SftpTarget | None:
        with self._lock:
            known = self._known.get(code)
        if known is not None and known[0] == version:
            return known[1]
        target = None
        try:
            target = target_from_profile(self._directory.profile(code, version), version)
        except ValueError as problem:
            _log.warning("The SFTP server of %s is not looked at: %s", code, problem)
        with self._lock:
            self._known[code] = (version, target)
        return target
