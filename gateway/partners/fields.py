"""The field types that the groups of a partner profile share: names, characters, times, secrets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

__all__ = [
    "CHARACTER_NAMES",
    "SUFFIX_NAMES",
    "Char",
    "Group",
    "GuideName",
    "HttpUrlText",
    "Instant",
    "Many",
    "PartnerCode",
    "SecretRef",
    "SetId",
    "Suffix",
    "TimeZoneName",
    "UntilInstant",
    "VersionText",
    "character_name",
]

#: Names for separator characters that cannot be typed, as partner files may spell them.
CHARACTER_NAMES: dict[str, str] = {
    "newline": "\n",
    "lf": "\n",
    "carriage-return": "\r",
    "cr": "\r",
    "tab": "\t",
    "bel": "\x07",
    "nak": "\x15",
    "fs": "\x1c",
    "gs": "\x1d",
    "rs": "\x1e",
    "us": "\x1f",
    "nel": "\x85",
}

#: Names for what follows a segment terminator.
SUFFIX_NAMES: dict[str, str] = {
    "none": "",
    "newline": "\n",
    "lf": "\n",
    "carriage-return": "\r",
    "cr": "\r",
    "crlf": "\r\n",
}

_HEX_CHARACTER = re.compile(r"(?:0?x|\\x)([0-9a-fA-F]{2})")
_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_GUIDE = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._/-]{0,199}\.ya?ml")
_SECRET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")
_SET = re.compile(r"[0-9]{3}|TA1|[A-Za-z][A-Za-z0-9]{1,39}")
_VERSION = re.compile(r"[0-9]{6}[A-Z0-9]{0,6}")


class Group(BaseModel):
    """A group of settings: immutable, and every name that it does not know is refused.

    The validator of a class is built when it is first used, which pydantic does under a lock.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)

    @classmethod
    def by_default(cls) -> Self:
        """The group of which nothing is said: every field has its default. Needs no validator."""
        return super().model_construct()


def _one_or_many(value: Any) -> Any:
    """A single value where a list is meant is a list of one."""
    if value is None or (isinstance(value, Sequence) and not isinstance(value, str | bytes)):
        return value
    return [value]


def _character(value: Any) -> Any:
    if not isinstance(value, str) or len(value) == 1:
        return value
    if value.lower() in CHARACTER_NAMES:
        return CHARACTER_NAMES[value.lower()]
    hexadecimal = _HEX_CHARACTER.fullmatch(value)
    return chr(int(hexadecimal[1], 16)) if hexadecimal else value


def _one_character(value: str) -> str:
    if len(value) != 1 or ord(value) > 255:
        names = ", ".join(CHARACTER_NAMES)
        raise ValueError(
            f"must be one character, its code as x15, or one of the names {names}; quote * > | @ : in YAML"
        )
    return value


def _suffix(value: Any) -> Any:
    return SUFFIX_NAMES.get(value.lower(), value) if isinstance(value, str) else value


def _known_suffix(value: str) -> str:
    if value not in SUFFIX_NAMES.values():
        raise ValueError(f"must be one of {', '.join(SUFFIX_NAMES)}")
    return value


def character_name(character: str) -> str:
    """How a partner file spells a separator: itself when printable, else a name or its code ("x15").

    The exact inverse of what ``Char`` reads.
    """
    if len(character) == 1 and not character.isprintable():
        return "newline" if character == "\n" else f"x{ord(character):02x}"
    return character


def _partner_code(value: str) -> str:
    if not _CODE.fullmatch(value):
        raise ValueError(
            "must be 1 to 40 small letters, digits and hyphens and start with a letter or digit, "
            "because folders are named by it"
        )
    return value


def _time_zone(value: str) -> str:
    if value == "UTC":
        return value
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(
            f'"{value}" is not a time zone that this machine knows; use a name such as America/Chicago or UTC'
        ) from error
    return value


def _secret_name(value: str) -> str:
    if not _SECRET.fullmatch(value):
        raise ValueError("must be the name of a stored secret: letters, digits and . _ / -, at most 100")
    return value


def _set_id(value: str) -> str:
    if not _SET.fullmatch(value):
        raise ValueError("must be a transaction set id such as 850, or the name of an XML document's root")
    return value


def _version_text(value: str) -> str:
    if not _VERSION.fullmatch(value):
        raise ValueError("must be a version as GS08 spells it: six digits and an optional suffix, 004010 or 004010VICS")
    return value


def _http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        port_is_legal = parts.port is None or 0 < parts.port < 65536
    except ValueError as error:
        raise ValueError(f"is not a web address: {error}") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_legal:
        raise ValueError("must be a web address that starts with http:// or https:// and names a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user or password; use http_auth with a stored secret")
    if parts.fragment or any(ord(c) <= 32 or ord(c) > 126 for c in value):
        raise ValueError("must not hold blanks, control characters or a # part")
    return value


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _end_of_day(value: Any) -> Any:
    """A plain date as the end of a window means that the whole day still counts."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return f"{value}T23:59:59Z"
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, 23, 59, 59, tzinfo=UTC)
    return value


def _guide_name(value: str) -> str:
    if not _GUIDE.fullmatch(value):
        raise ValueError("must name a .yaml file below schemas/guides, without ..")
    return value


#: Marks a tuple field that takes a single value as a list of one.
Many = BeforeValidator(_one_or_many)

#: A partner's code: safe as a folder name.
PartnerCode = Annotated[str, AfterValidator(_partner_code)]
#: One separator character; control characters by name ("newline") or code ("x15").
Char = Annotated[str, BeforeValidator(_character), AfterValidator(_one_character)]
#: What follows each segment terminator: "", "\n", "\r" or "\r\n".
Suffix = Annotated[str, BeforeValidator(_suffix), AfterValidator(_known_suffix)]
#: An IANA time zone name.
TimeZoneName = Annotated[str, AfterValidator(_time_zone)]
#: A transaction set id ("850") or XML root element ("Order").
SetId = Annotated[str, AfterValidator(_set_id)]
#: The file of a partner's guide below ``schemas/guides/``.
GuideName = Annotated[str, AfterValidator(_guide_name)]
#: A version in the form of GS08 ("004010", "005010VICS").
VersionText = Annotated[str, AfterValidator(_version_text)]
#: An http or https address without credentials.
HttpUrlText = Annotated[str, AfterValidator(_http_url)]
#: An instant in UTC; a plain date is its first moment.
Instant = Annotated[datetime, AfterValidator(_utc)]
#: An instant in UTC that ends a window; a plain date is its last second.
UntilInstant = Annotated[datetime, BeforeValidator(_end_of_day), AfterValidator(_utc)]


class SecretRef(Group):
    """A password or key by the name under which it is stored; its value never stands in a profile."""

    secret: Annotated[str, AfterValidator(_secret_name)] = Field(description="Name of the stored secret.")
