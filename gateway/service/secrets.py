"""Operations on stored secrets: what profiles name by `{secret: name}` is put here, sealed, and never shown again."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from gateway.partners.errors import OperationError
from gateway.partners.secretnames import OWN_KINDS
from gateway.store import ledger
from gateway.store.secrets import delete_secret, list_secrets, put_secret

if TYPE_CHECKING:
    from gateway.service.context import Context

__all__ = ["OPERATIONS", "delete", "list_all", "put"]

#: Kinds that an operator may store; the others are the gateway's own.
KINDS = ("plain", "password-hash", "token")


def put(context: Context, parameters: dict[str, Any]) -> dict[str, Any]:
    """Store or replace a secret: ``name``, ``kind`` and, except for a token, ``value`` (base64).

    "plain" is kept as it is, "password-hash" as its argon2id hash, "token" is made here and given back once. The ledger
    gets the name, the kind and the ``actor``. Raises OperationError.
    """
    name, kind = str(parameters["name"]), str(parameters.get("kind") or "plain")
    if kind not in KINDS:
        raise OperationError(f'"{kind}" is not a kind of secret.', f"It is one of {', '.join(KINDS)}.")
    _refuse_own(context, name)
    token = ""
    if kind == "token":
        from gateway.transports.http import new_token

        token, digest = new_token()
        value = digest.encode("ascii")
    else:
        value = _value(parameters)
    if kind == "password-hash":
        value = _hashed(value)
    now = context.pipeline.clock()

    def work(session: Session) -> None:
        put_secret(session, context.kek, name, value, kind=kind, now=now, replace=True)
        _note(session, "secret-stored", name, parameters, now, {"kind": kind})

    context.store.writer.run(work)
    context.relationships.refresh()
    return {"name": name, "kind": kind, **({"token": token} if token else {})}


def _value(parameters: dict[str, Any]) -> bytes:
    try:
        value = base64.b64decode(parameters["value"], validate=True)
    except (KeyError, binascii.Error, ValueError):
        raise OperationError("The secret has no value.", "Give it in a file or at the prompt.") from None
    if not value:
        raise OperationError("The secret is empty.", "Give it in a file or at the prompt.")
    return value


def _hashed(value: bytes) -> bytes:
    from gateway.transports.sftp.server import hash_password

    try:
        return hash_password(value.decode("utf-8")).encode("ascii")
    except ValueError as error:
        raise OperationError(str(error)) from error


def list_all(context: Context, _parameters: dict[str, Any]) -> dict[str, Any]:
    """Every secret by name and kind, never its value."""
    with context.store.read() as session:
        return {
            "secrets": [
                {
                    "name": secret.name,
                    "kind": secret.kind,
                    "created_at": secret.created_at.isoformat(),
                    "not_after": secret.not_after.isoformat() if secret.not_after else None,
                }
                for secret in list_secrets(session)
            ]
        }


def delete(context: Context, parameters: dict[str, Any]) -> dict[str, Any]:
    """Remove a secret that an operator stored. Raises OperationError for an unknown one and for the gateway's own."""
    name = str(parameters["name"])
    _refuse_own(context, name)
    now = context.pipeline.clock()

    def work(session: Session) -> bool:
        removed = delete_secret(session, name)
        if removed:
            _note(session, "secret-removed", name, parameters, now, {})
        return removed

    if not context.store.writer.run(work):
        raise OperationError(f'There is no secret "{name}".', "`gateway secret list` shows them.")
    return {"name": name, "deleted": True}


def _note(
    session: Session, kind: str, name: str, parameters: Mapping[str, Any], now: datetime, data: Mapping[str, Any]
) -> None:
    actor = str(parameters.get("actor") or "operator")
    ledger.append(
        session, at=now, kind=kind, subject_type="secret", subject_id=name, actor=actor, reason="", data=dict(data)
    )


def _refuse_own(context: Context, name: str) -> None:
    with context.store.read() as session:
        own = {secret.name for secret in list_secrets(session) if secret.kind in OWN_KINDS}
    if name in own:
        raise OperationError(f'"{name}" is a key of the gateway itself.', "Choose another name.")


OPERATIONS = {"secret.put": put, "secret.list": list_all, "secret.delete": delete}
