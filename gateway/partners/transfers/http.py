"""Messages that a partner posts to us over plain HTTP."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from gateway.partners.fields import Group, Many, SecretRef
from gateway.partners.transfers.types import MEBIBYTE, FileBytes

__all__ = ["HttpDoor"]

_CERTIFICATE = re.compile(r"(?:[0-9a-f]{2}:?){31}[0-9a-f]{2}", re.IGNORECASE)


def _fingerprint(value: str) -> str:
    if not _CERTIFICATE.fullmatch(value):
        raise ValueError("must be the SHA-256 fingerprint of a certificate: 64 hexadecimal digits")
    return value.replace(":", "").lower()


class HttpDoor(Group):
    """Messages that the partner posts to us over plain HTTP."""

    tokens: Annotated[tuple[SecretRef, ...], Many] = Field(
        default=(), description="Secrets that hold the SHA-256 of their tokens; any one of them opens the door."
    )
    client_certificates: Annotated[tuple[Annotated[str, AfterValidator(_fingerprint)], ...], Many] = Field(
        default=(), description="SHA-256 fingerprints of their TLS client certificates."
    )
    require_both: bool = Field(default=False, description="True = a token and a client certificate are demanded.")
    max_body_bytes: FileBytes = Field(default=100 * MEBIBYTE, description="Largest message that is taken.")
