"""The settings of alerts: the mail server, and when what is told."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from gateway.settings.section import Section

__all__ = ["AlertSettings", "is_mail_address"]

#: One plain mail address: no name beside it, no quotes, no control character (RFC 5321 §4.1.2, dot-string only).
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
_HOST = re.compile(r"[A-Za-z0-9._:-]{0,253}")


def is_mail_address(text: str) -> bool:
    """Whether ``text`` is one plain mail address such as ``edi@example.com``."""
    return len(text) <= 254 and _ADDRESS.fullmatch(text) is not None


def _checked_address(text: str) -> str:
    if text and not is_mail_address(text):
        raise ValueError(f'"{text}" is not a plain mail address such as edi@example.com')
    return text


def _checked_host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise ValueError(f'"{text}" is not the name or address of a mail server')
    return text


class AlertSettings(Section):
    """The mail server that takes alerts, and when staff are told."""

    model_config = ConfigDict(populate_by_name=True)

    #: Mail server; "" = no mail is sent.
    smtp_host: Annotated[str, AfterValidator(_checked_host)] = ""
    smtp_port: Annotated[int, Field(ge=1, le=65535)] = 587
    #: "starttls" and "tls" with a verified certificate; "none" on this machine only.
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    #: Login name at the mail server; "" = none.
    smtp_user: str = ""
    #: Name of the stored secret with its password (`gateway secret put`).
    smtp_password_secret: str = ""
    #: The sender of alerts; "from" in the file.
    sender: Annotated[str, AfterValidator(_checked_address)] = Field(default="", alias="from")
    #: Messages that one channel gets at most in ten minutes; what is more comes as one digest.
    most_per_ten_minutes: Annotated[int, Field(ge=2, le=10_000)] = 20
    #: Webhooks may name addresses of private networks and of this machine.
    allow_private_webhooks: bool = False
    #: A queue is told of when its oldest message waits for so many minutes.
    queue_minutes: Annotated[int, Field(ge=1, le=100_000)] = 60
    #: Hours before a deadline at which an open problem is told of again.
    deadline_hours: Annotated[float, Field(ge=0, le=720)] = 4.0
    #: Days after which the last backup is old; 0 = never.
    backup_days: Annotated[int, Field(ge=0, le=3650)] = 7

    @model_validator(mode="after")
    def _whole(self) -> AlertSettings:
        if self.smtp_host and not self.sender:
            raise ValueError('smtp_host needs "from", the address that alerts come from')
        if self.smtp_security == "none" and self.smtp_host and not _is_loopback(self.smtp_host):
            raise ValueError('smtp_security = "none" is for a mail server on this machine only (127.0.0.1)')
        if bool(self.smtp_user) != bool(self.smtp_password_secret):
            raise ValueError("smtp_user and smtp_password_secret belong together")
        return self

    @property
    def mail_ready(self) -> bool:
        """True when mail can be sent."""
        return bool(self.smtp_host)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
