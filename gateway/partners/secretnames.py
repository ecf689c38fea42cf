"""The secrets that a profile names: where each stands, which are not stored, and which no profile may name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy.orm import Session

from gateway.partners.errors import OperationError
from gateway.partners.profile import PartnerProfile
from gateway.store.secrets import list_secrets

__all__ = [
    "OWN_KINDS",
    "missing_secrets",
    "refuse_own_secrets",
    "secret_kind",
    "secret_names",
    "secret_of_file",
]

#: Kinds of stored secrets that are the gateway's own keys: people store none of them, and no profile may name one.
OWN_KINDS = ("as2-identity", "ssh-host-key", "setup-code", "staff-totp", "alert-key")
#: Field → kind of the secret that it names; every other one is kept as it is ("plain").
_KINDS = {"sftp.hosted.password": "password-hash", "http.tokens": "token"}


def secret_names(profile: PartnerProfile) -> list[tuple[str, str]]:
    """(field, name) of every reference to a secret, in the order of the fields."""
    return list(_names(profile.model_dump(mode="json"), ""))


def secret_kind(path: str) -> str:
    """How the secret that a field names is kept: "plain", "password-hash" or "token"."""
    return _KINDS.get(path.partition("[")[0], "plain")


def secret_of_file(data: bytes) -> bytes:
    """The secret in a file: a single line without its end, anything longer as it is."""
    return data.rstrip(b"\r\n") if data.count(b"\n") <= 1 else data


def missing_secrets(session: Session, profile: PartnerProfile) -> list[str]:
    """One sentence for each secret that the profile names and nobody has stored."""
    named = secret_names(profile)
    if not named:
        return []
    stored = {secret.name for secret in list_secrets(session)}
    return [f'{path} names the secret "{name}", which is not stored.' for path, name in named if name not in stored]


def refuse_own_secrets(session: Session, profiles: Iterable[PartnerProfile]) -> None:
    """Raise OperationError for a profile that names a key of the gateway itself: partners would be sent it."""
    own = {secret.name for secret in list_secrets(session) if secret.kind in OWN_KINDS}
    wrong = [
        f'{path} of {profile.code} names the secret "{name}", which is a key of the gateway itself.'
        for profile in profiles
        for path, name in secret_names(profile)
        if name in own
    ]
    if wrong:
        raise OperationError("\n".join(wrong), "Choose another name.", wrong)


def _names(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if set(value) == {"secret"}:
            yield path, value["secret"]
        for key, inner in value.items():
            yield from _names(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _names(inner, f"{path}[{index}]")
