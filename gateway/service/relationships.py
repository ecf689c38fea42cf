"""The AS2 relationships of all partners, kept in memory: the listener asks for one with every request."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from gateway.partners.profile import Status
from gateway.partners.registry import list_partners
from gateway.pipeline.context import Company
from gateway.store.engine import Store
from gateway.store.secrets import Kek, get_secret
from gateway.transports.as2.profile_settings import relationship_from_profile
from gateway.transports.as2.relationship import As2Relationship
from gateway.workdir import as2_keys

__all__ = ["Relationships"]

logger = logging.getLogger(__name__)


class Relationships:
    """Finds AS2 relationships by their names or by partner (``As2Directory``). Thread-safe.

    ``refresh`` reads all profiles and keys anew; call it after a profile or key has changed.
    """

    def __init__(
        self,
        store: Store,
        kek: Kek,
        company: Company,
        *,
        public_url: str | None,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._kek = kek
        self._company = company
        self._public_url = public_url or ""
        self._clock = clock
        self._lock = threading.Lock()
        self._by_names: dict[tuple[str, str], As2Relationship] = {}
        self._by_partner: dict[str, As2Relationship] = {}
        self._loaded = False

    def set_public_url(self, url: str) -> None:
        """Where asynchronous receipts reach us, once the listener knows its port."""
        self._public_url = self._public_url or url

    def refresh(self) -> None:
        """Read every profile and key from the store."""
        now = self._clock()
        by_names: dict[tuple[str, str], As2Relationship] = {}
        by_partner: dict[str, As2Relationship] = {}
        with self._store.read() as session:
            keys = as2_keys(session, self._kek)
            for _, profile in list_partners(session):
                if profile.status is Status.RETIRED:
                    continue
                try:
                    found = relationship_from_profile(
                        profile,
                        self._company,
                        keys,
                        now,
                        public_url=self._public_url,
                        secrets=lambda name: get_secret(session, self._kek, name),
                    )
                except ValueError as problem:
                    logger.warning("The AS2 settings of %s cannot be used: %s", profile.code, problem)
                    continue
                if found is not None:
                    by_names[(found.their_name, found.our_name)] = found
                    by_partner[profile.code] = found
        with self._lock:
            self._by_names, self._by_partner, self._loaded = by_names, by_partner, True

    def find(self, as2_from: str, as2_to: str) -> As2Relationship | None:
        """The relationship of a message from ``as2_from`` to ``as2_to``, or None."""
        return self._snapshot()[0].get((as2_from, as2_to))

    def for_partner(self, code: str) -> As2Relationship:
        """The relationship with a partner. Raises LookupError with a sentence when it has none."""
        found = self._snapshot()[1].get(code)
        if found is None:
            raise LookupError(
                f"The profile of {code} has no usable AS2 identity: give ids.as2, as2.url and its certificates."
            )
        return found

    def _snapshot(self) -> tuple[dict[tuple[str, str], As2Relationship], dict[str, As2Relationship]]:
        with self._lock:
            if self._loaded:
                return self._by_names, self._by_partner
        self.refresh()
        with self._lock:
            return self._by_names, self._by_partner
