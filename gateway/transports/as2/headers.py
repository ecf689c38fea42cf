"""AS2 header values: names and their quoting, Message-IDs, what a receipt request asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = [
    "DIGEST_NAMES",
    "HttpFields",
    "ReceiptRequest",
    "http_date",
    "http_fields",
    "message_id_problem",
    "new_message_id",
    "parse_name",
    "parse_receipt_request",
    "quote_name",
    "same_digest",
]

#: Every header that AS2 gives one meaning and that may therefore occur once only.
_SINGLE = (
    "as2-from",
    "as2-to",
    "as2-version",
    "message-id",
    "content-type",
    "content-transfer-encoding",
    "content-disposition",
    "disposition-notification-to",
    "disposition-notification-options",
    "receipt-delivery-option",
)
_BARE_NAME = re.compile(r"[!\x23-\x5b\x5d-\x7e]{1,128}")
_QUOTED_NAME = re.compile(r'"((?:[ !\x23-\x5b\x5d-\x7e]|\\"|\\\\){1,256})"')
#: Digest names as we spell them inside → as RFC 4130 and RFC 5751 spell them in headers.
DIGEST_NAMES: dict[str, str] = {
    "sha256": "sha-256",
    "sha384": "sha-384",
    "sha512": "sha-512",
    "sha1": "sha1",
    "md5": "md5",
}


@dataclass(frozen=True, slots=True)
class HttpFields:
    """The header fields of one HTTP message: names in lower case, one value each."""

    values: Mapping[str, str]
    #: AS2 fields that came more than once; such a message is not read.
    doubled: tuple[str, ...] = ()

    def get(self, name: str) -> str:
        """A value, "" when the field is missing. ``name`` in lower case."""
        return self.values.get(name, "")


def http_fields(headers: Iterable[tuple[str, str]]) -> HttpFields:
    """Collect header fields; other fields than the AS2 ones are joined with a comma (RFC 9110 §5.2)."""
    values: dict[str, str] = {}
    doubled: list[str] = []
    for name, value in headers:
        key, item = name.strip().lower(), " ".join(value.split())
        if key not in values:
            values[key] = item
        elif key in _SINGLE:
            doubled.append(key)
        else:
            values[key] = f"{values[key]}, {item}"
    return HttpFields(values, tuple(doubled))


def parse_name(value: str) -> str | None:
    """The unquoted AS2-From or AS2-To, or None when it is not a legal name (RFC 4130 §6.2)."""
    value = value.strip()
    if _BARE_NAME.fullmatch(value):
        return value
    if match := _QUOTED_NAME.fullmatch(value):
        name = re.sub(r"\\(.)", r"\1", match.group(1))
        return name if len(name) <= 128 else None
    return None


def quote_name(name: str) -> str:
    """An AS2 name as a header value, quoted only when it must be.

    Raises ValueError when the name is not 1 to 128 printable ASCII characters.
    """
    if _BARE_NAME.fullmatch(name):
        return name
    if not 1 <= len(name) <= 128 or not all(" " <= character <= "~" for character in name):
        raise ValueError(f"“{name[:128]}” is not an AS2 name: 1 to 128 printable ASCII characters are allowed.")
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def message_id_problem(value: str) -> str | None:
    """Why a received Message-ID cannot be used, or None when it can. Brackets are not demanded."""
    if not value:
        return "The message has no Message-ID."
    if len(value) > 998:
        return f"The Message-ID has {len(value)} characters; 998 are allowed."
    if not all("!" <= character <= "~" for character in value):
        return "The Message-ID holds spaces, control characters or letters beyond ASCII."
    return None


def new_message_id(unique: str, host: str) -> str:
    """A Message-ID of ours. ``unique`` must be globally unique (a UUID), ``host`` a name of ours."""
    clean = re.sub(r"[^0-9A-Za-z.-]", "-", host).strip("-.") or "localhost"
    return f"<{unique}@{clean[:200]}>"


@dataclass(frozen=True, slots=True)
class ReceiptRequest:
    """What the sender asks for (RFC 4130 §7.3)."""

    wanted: bool = False
    signed: bool = False
    #: Signature protocols, lower case, in the order given.
    protocols: tuple[str, ...] = ()
    protocol_required: bool = False
    #: (our name of the digest or None when we do not know it, the sender's spelling).
    algorithms: tuple[tuple[str | None, str], ...] = ()
    #: Where the asynchronous MDN goes; "" for a synchronous one.
    url: str = ""


def parse_receipt_request(fields: HttpFields) -> ReceiptRequest:
    """Read Disposition-Notification-To, -Options and Receipt-Delivery-Option. Unknown options are ignored."""
    if not fields.get("disposition-notification-to"):
        return ReceiptRequest()
    protocols: tuple[str, ...] = ()
    spelled: tuple[str, ...] = ()
    required = False
    for option in fields.get("disposition-notification-options").split(";"):
        name, _, value = option.partition("=")
        importance, *items = (item.strip().strip('"') for item in value.split(","))
        if importance.lower() not in ("required", "optional"):
            items, importance = [importance, *items], "optional"
        items = [item for item in items if item]
        if name.strip().lower() == "signed-receipt-protocol":
            protocols, required = tuple(item.lower() for item in items), importance.lower() == "required"
        elif name.strip().lower() == "signed-receipt-micalg":
            spelled = tuple(items)
    return ReceiptRequest(
        wanted=True,
        signed=bool(protocols or spelled),
        protocols=protocols,
        protocol_required=required,
        algorithms=tuple((same_digest(item), item) for item in spelled),
        url=fields.get("receipt-delivery-option"),
    )


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def http_date(moment: datetime) -> str:
    """An aware instant as RFC 5322 and RFC 9110 write it, in GMT whatever the locale."""
    at = moment.astimezone(UTC)
    return f"{_DAYS[at.weekday()]}, {at.day:02d} {_MONTHS[at.month - 1]} {at.year:04d} {at:%H:%M:%S} GMT"


def same_digest(spelling: str) -> str | None:
    """Our name of a digest, however it is spelled ("SHA-256", "sha256", "rsa-sha256"); None when unknown."""
    plain = spelling.strip().lower().removeprefix("rsa-").replace("-", "").replace("_", "")
    return plain if plain in DIGEST_NAMES else None
