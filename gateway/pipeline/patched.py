"""Profiles as they would be after a change, for reading messages with them while nothing is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError
from sqlalchemy.orm import Session

from gateway.partners.directory import Directory
from gateway.partners.identities import identities
from gateway.partners.profile import PartnerProfile
from gateway.pipeline.context import Pipeline

__all__ = ["merged", "patched_profile", "with_profiles"]


def with_profiles(pipeline: Pipeline, profiles: Mapping[str, PartnerProfile]) -> Pipeline:
    """The same pipeline as if these profiles, by code, were in force; every other one stays as it is looked up first.

    It is for reading and planning only, and for one run of it.
    """
    return replace(pipeline, directory=_PatchedDirectory(pipeline, profiles))


def patched_profile(profile: PartnerProfile, patch: Mapping[str, Any]) -> PartnerProfile | None:
    """A profile with a merge patch (RFC 7396) applied; None when the result is no valid profile."""
    try:
        return PartnerProfile.model_validate(merged(profile.model_dump(mode="json"), patch))
    except ValidationError:
        return None


def merged(value: Any, patch: Any) -> Any:
    """JSON with a merge patch applied (RFC 7396): objects are merged, null removes, anything else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(value) if isinstance(value, Mapping) else {}
    for key, change in patch.items():
        if change is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), change)
    return result


class _PatchedDirectory(Directory):
    """The directory with some profiles replaced: they are found by their own identities only. It remembers answers."""

    def __init__(self, pipeline: Pipeline, profiles: Mapping[str, PartnerProfile]) -> None:
        super().__init__(pipeline.store.read, pipeline.company.as2_name)
        self._patched = dict(profiles)
        self._current: dict[str, tuple[int, PartnerProfile]] = {}
        self._found: dict[tuple[str, ...], str | None] = {}
        self._claims = {
            (identity.kind, identity.value): code
            for code, profile in profiles.items()
            for identity in identities(profile)
        }

    def by_isa(self, qualifier: str, id: str, usage: str = "P", session: Session | None = None) -> str | None:
        value = f"{qualifier.strip()}:{id.rstrip()}"
        claimed = self._claims.get(("isa", value)) or self._claims.get(("isa-test", value))
        if claimed is None and (value, usage) not in self._found:
            self._found[value, usage] = self._unless_patched(super().by_isa(qualifier, id, usage, session))
        return claimed or self._found[value, usage]

    def by_xml(self, key: str, session: Session | None = None) -> str | None:
        claimed = self._claims.get(("xml", key))
        if claimed is None and (key,) not in self._found:
            self._found[(key,)] = self._unless_patched(super().by_xml(key, session))
        return claimed or self._found[(key,)]

    def current(self, code: str, session: Session | None = None) -> tuple[int, PartnerProfile]:
        if code not in self._current:
            version, profile = super().current(code, session)
            patched = self._patched.get(code)
            self._current[code] = (version, profile) if patched is None else (version + 1, patched)
        return self._current[code]

    def _unless_patched(self, code: str | None) -> str | None:
        """What the store says, unless the partner's new profile claims it no more."""
        return None if code in self._patched else code
