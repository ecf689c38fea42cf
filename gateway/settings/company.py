"""Who we are towards every partner."""

from __future__ import annotations

import re
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, StringConstraints, ValidationError

from gateway.settings.section import Section, SettingsError

__all__ = ["Company", "company_named"]

#: Characters of an X12 identifier in ISA06/ISA08 and GS02/GS03 (basic set, no separators in common use).
_X12_ID = r"^[A-Z0-9 &()\-./=+,]+$"


def _checked_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as exc:  # ZoneInfoNotFoundError is a KeyError
        raise ValueError(f'"{name}" is not a time zone; write an IANA name such as America/New_York or UTC') from exc
    return name


def _checked_as2_name(name: str) -> str:
    # RFC 4130 §6.2: 1 to 128 printable ASCII characters.
    if not re.fullmatch(r"[\x20-\x7e]{1,128}", name) or name.strip() != name:
        raise ValueError("an AS2 name is 1 to 128 printable ASCII characters without blanks at its ends")
    return name


class Company(Section):
    """Who we are towards every partner, unless the partner's profile says otherwise."""

    #: Our code in documents (``sender``/``receiver``) and folders: a-z, 0-9 and "-".
    code: Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$")]
    #: Our name for people.
    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    #: Our interchange id qualifier (ISA05/ISA07).
    isa_qualifier: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2}$")] = "ZZ"
    #: Our interchange id (ISA06/ISA08).
    isa_id: Annotated[str, StringConstraints(min_length=1, max_length=15, pattern=_X12_ID)]
    #: Our application code (GS02/GS03).
    gs_id: Annotated[str, StringConstraints(min_length=2, max_length=15, pattern=_X12_ID)]
    #: Our AS2 name (AS2-From of what we send); case-sensitive.
    as2_name: Annotated[str, AfterValidator(_checked_as2_name)]
    #: Our identifiers in XML documents, "scheme:value" ("0088:5790000435975", "NetworkID:AN01000000001").
    xml_ids: tuple[Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)], ...] = ()
    #: IANA zone of our envelope times and deadlines.
    time_zone: Annotated[str, AfterValidator(_checked_zone)] = "UTC"


def company_named(
    name: str,
    *,
    code: str | None = None,
    isa_qualifier: str = "ZZ",
    isa_id: str | None = None,
    gs_id: str | None = None,
    as2_name: str | None = None,
    time_zone: str = "UTC",
) -> Company:
    """A company with ids made from its name where none are given ("Alpine Supply" → ALPINESUPPLY).

    Raises SettingsError naming each id that is not allowed.
    """
    letters = re.sub(r"[^A-Z0-9]", "", name.upper())[:15] or "COMPANY"
    isa = isa_id or letters
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-")
    try:
        return Company(
            code=code or slug or "company",
            name=name,
            isa_qualifier=isa_qualifier,
            isa_id=isa,
            gs_id=gs_id or isa.ljust(2, "0"),
            as2_name=as2_name or isa,
            time_zone=time_zone,
        )
    except ValidationError as exc:
        raise SettingsError(
            [
                f"{error['loc'][0]} = {error['input']!r}: {str(error['msg']).removeprefix('Value error, ')}."
                for error in exc.errors()
            ]
        ) from exc
