"""The text of a new ``gateway.toml``: every setting with its default and what it means."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.settings import Company

__all__ = ["SETTINGS_FILE", "settings_text", "write_default"]

#: Name of the settings file in a working directory.
SETTINGS_FILE = "gateway.toml"


def _quoted(text: str) -> str:
    """A TOML basic string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}" for c in escaped) + '"'


_TEMPLATE = """\
# Settings of one gateway. Everything that is commented out shows its default.
# A variable GATEWAY_<SECTION>_<NAME> overrides a line, for example GATEWAY_AS2_LISTEN=0.0.0.0:4080.
# Relative paths are relative to this file. Check after a change: gateway doctor

[company]
# Who we are towards every partner; a partner's profile may override the ids.
code = {code}  # in documents and folders: a-z, 0-9 and "-"
name = {name}
isa_qualifier = {isa_qualifier}  # ISA05/ISA07
isa_id = {isa_id}  # ISA06/ISA08, at most 15 characters
gs_id = {gs_id}  # GS02/GS03
as2_name = {as2_name}  # AS2-From of what we send; case-sensitive
# xml_ids = []   # our identifiers in XML documents, "scheme:value": "0088:5790000435975", "NetworkID:AN01"
time_zone = {time_zone}  # IANA name; dates and times in our envelopes

[as2]
listen = {listen}  # host:port; use 0.0.0.0:4080 when partners connect directly
# path = "/as2"
{public_url}
# tls_certificate = "keys/tls.crt"   # PEM chain; leave both out behind a TLS proxy
# tls_key = "keys/tls.key"
# max_body_bytes = 104857600

[sftp]
# listen = "0.0.0.0:2222"            # SFTP server for partners with a mailbox here; unset = none

[http]
# listen = "127.0.0.1:4081"          # partners post messages here; unset = none
# tls_certificate = "keys/tls.crt"   # needed off this machine, unless behind_proxy = true
# tls_key = "keys/tls.key"
# behind_proxy = false               # true: a proxy in front does TLS
# public_url = "https://edi.example.com/cxml"   # where partners post cXML, told to those that ask

[web]
{web_listen}  # the staff pages; off this machine only with TLS
# public_url = "https://edi.example.com"   # as staff reach them through a TLS proxy on this machine
# tls_certificate = "keys/web.crt"   # PEM chain; leave both out on this machine or behind a TLS proxy on it
# tls_key = "keys/web.key"
# require_totp = "none"              # who needs a second factor: none, admins, all
# api_per_minute = 600               # requests of one API token in a minute; 0 = no REST API
#
# People can log in with your company's identity provider (OpenID Connect), beside passwords: docs/staff.md
#   [web.oidc]
#   issuer = "https://login.example.com"        # exactly as it stands in its tokens
#   client_id = "edi-gateway"
#   client_secret = "oidc-client"               # name of a stored secret: gateway secret put oidc-client
#   roles_claim = "groups"
#   roles = {{ "edi-staff" = ["operator"], "edi-admins" = ["admin", "security"] }}

[staff]
# second_person = "never"            # which corrections a colleague must apply: never, amounts, always

[store]
{database}
# blobs = "blobs"                    # payloads above 256 KiB

[folders]
# inbox = "inbox"                    # documents for the back office appear here
# outbox = "outbox"                  # documents from the back office are picked up here
# scan_seconds = 1.0                 # between two looks at the outbox
# settle_seconds = 1.0               # a file must be unchanged for so long before it is read
# max_file_bytes = 104857600

[limits]
# max_payload_bytes = 209715200      # after decryption and decompression
# max_compression_ratio = 100
# max_connections = 100
# max_connections_per_address = 10
# min_free_disk_bytes = 536870912    # below it partners get "try later"

[work]
# slots = 4                          # worker threads; unset = two for each processor

[retention]
# For partners whose profile does not say it in its group keep; 0 = for ever. Try first: gateway retention plan
# raw_days = 0                       # what crossed the wire
# document_days = 0                  # our JSON documents
# evidence_days = 0                  # receipts (MDN) and acknowledgements

[alerts]
# smtp_host = ""                     # mail server for alerts; "" = no mail
# smtp_port = 587
# smtp_security = "starttls"         # starttls, tls; none only for a mail server on this machine
# smtp_user = ""
# smtp_password_secret = ""          # name of a stored secret: gateway secret put NAME
# from = ""                          # the address that alerts come from
# most_per_ten_minutes = 20          # messages to one channel; what is more comes as one digest
# allow_private_webhooks = false     # true: webhooks may lead into private networks and to this machine
# queue_minutes = 60                 # tell when the oldest message waits so long to be sent
# deadline_hours = 4.0               # tell again when a problem's deadline is so near
# backup_days = 7                    # tell when the last backup is older; 0 = never

[log]
# level = "info"                     # debug, info, warning, error
# file = "log/gateway.log"           # "" = standard error only
"""


def settings_text(
    company: Company, *, listen: str = "127.0.0.1:4080", public_url: str | None = None, database: str | None = None
) -> str:
    """The commented text of a new ``gateway.toml``; ``database`` is a file or a URL, by default ``gateway.db``."""
    values = {name: _quoted(str(value)) for name, value in company.model_dump().items()}
    url = (
        f"public_url = {_quoted(public_url)}"
        if public_url
        else '# public_url = "https://edi.example.com/as2"   # as partners reach us'
    )
    # A gateway that lets the system choose its AS2 port is one of several on this machine: so it does for its pages.
    web = 'listen = "127.0.0.1:0"' if listen.endswith(":0") else '# listen = "127.0.0.1:4090"        '
    store = (
        f"database = {_quoted(database)}"
        if database
        else '# database = "gateway.db"            # SQLite file on a local disk, or postgresql+psycopg://user@host/name'
    )
    return _TEMPLATE.format(**values, listen=_quoted(listen), public_url=url, web_listen=web, database=store)


def write_default(
    directory: Path,
    company: Company,
    *,
    listen: str = "127.0.0.1:4080",
    public_url: str | None = None,
) -> str:
    """Write a new ``gateway.toml`` and return its text. Raises FileExistsError rather than overwrite."""
    text = settings_text(company, listen=listen, public_url=public_url)
    with (directory / SETTINGS_FILE).open("x", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return text
