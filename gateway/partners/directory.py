"""The directory of partners for the way of a message: found by one indexed read, profiles parsed once.

Who a message is from, and which version is in force, is always asked of the database, so the answer is right
whichever process changed it. A profile is parsed once for each content (SHA-256): nothing grows stale.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Lock
from typing import TypeVar

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from gateway.partners.errors import PartnerNotFoundError
from gateway.partners.identities import find_by_as2, find_by_isa, find_by_xml
from gateway.partners.models import Partner, PartnerVersion
from gateway.partners.profile import PartnerProfile
from gateway.partners.registry import get, not_found

__all__ = ["Directory"]

T = TypeVar("T")

# Built once: these run for every message.
_OF_PARTNER = (
    select(PartnerVersion.version, PartnerVersion.sha256)
    .join(Partner, Partner.code == PartnerVersion.partner)
    .where(Partner.code == bindparam("code"))
)
_CURRENT = _OF_PARTNER.where(PartnerVersion.version == Partner.current_version)
_AT_VERSION = _OF_PARTNER.where(PartnerVersion.version == bindparam("version"))

#: Parsed profiles kept; about 50 KiB each.
CACHED_PROFILES = 512


class Directory:
    """Look-ups of partners, thread-safe.

    ``read`` opens a session for reading (`Store.read`); ``company_as2`` is the AS2 name that holds where a
    profile gives none of ours. Methods that take ``session`` read through it when given, so that a caller
    inside a transaction sees its own changes.
    """

    def __init__(self, read: Callable[[], AbstractContextManager[Session]], company_as2: str | None = None) -> None:
        self._read = read
        self._company_as2 = company_as2
        self._profiles: OrderedDict[str, PartnerProfile] = OrderedDict()
        self._lock = Lock()

    def by_isa(self, qualifier: str, id: str, usage: str = "P", session: Session | None = None) -> str | None:
        """The code of the partner with this interchange identity; see `find_by_isa`."""
        return self._with(session, lambda open_: find_by_isa(open_, qualifier, id, usage))

    def by_as2(self, their_name: str, our_name: str | None = None, session: Session | None = None) -> str | None:
        """The code of the partner with this AS2 name; see `find_by_as2`."""
        return self._with(session, lambda open_: find_by_as2(open_, their_name, our_name, self._company_as2))

    def by_xml(self, key: str, session: Session | None = None) -> str | None:
        """The code of the partner with this identifier in XML documents; see `find_by_xml`."""
        return self._with(session, lambda open_: find_by_xml(open_, key))

    def current(self, code: str, session: Session | None = None) -> tuple[int, PartnerProfile]:
        """(version, profile) in force. Raises PartnerNotFoundError."""
        return self._with(session, lambda open_: self._look(open_, code, None))

    def profile(self, code: str, version: int | None = None, session: Session | None = None) -> PartnerProfile:
        """The profile of one partner, in its current or another version. Raises PartnerNotFoundError."""
        return self._with(session, lambda open_: self._look(open_, code, version))[1]

    def find(self, code: str, session: Session | None = None) -> tuple[int, PartnerProfile] | None:
        """Like `current`, but None when there is no such partner."""
        try:
            return self.current(code, session)
        except PartnerNotFoundError:
            return None

    def invalidate(self) -> None:
        """Forget every parsed profile; never needed for being right, only to give memory back."""
        with self._lock:
            self._profiles.clear()

    def _with(self, session: Session | None, look: Callable[[Session], T]) -> T:
        if session is not None:
            return look(session)
        with self._read() as opened:
            return look(opened)

    def _look(self, session: Session, code: str, version: int | None) -> tuple[int, PartnerProfile]:
        if version is None:
            row = session.execute(_CURRENT, {"code": code}).one_or_none()
        else:
            row = session.execute(_AT_VERSION, {"code": code, "version": version}).one_or_none()
        if row is None:
            raise not_found(session, code, version)
        with self._lock:
            profile = self._profiles.get(row.sha256)
            if profile is not None:
                self._profiles.move_to_end(row.sha256)
        if profile is None:
            profile = get(session, code, row.version)
            with self._lock:
                self._profiles[row.sha256] = profile
                if len(self._profiles) > CACHED_PROFILES:
                    self._profiles.popitem(last=False)
        return row.version, profile
