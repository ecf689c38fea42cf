"""The field types that several ways of exchange share."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, Field

from gateway.partners.filenames import file_name_template

__all__ = ["MEBIBYTE", "Bandwidth", "FileBytes", "FileNameTemplate", "Network", "Span"]

#: Bytes of a mebibyte.
MEBIBYTE = 1024 * 1024
_QUIET = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d-(?:[01]\d|2[0-3]):[0-5]\d")


def _quiet(value: str) -> str:
    if not _QUIET.fullmatch(value):
        raise ValueError("must be a span of the day such as 22:00-06:00; quote it in YAML")
    return value


def _network(value: str) -> str:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError as error:
        raise ValueError(f'"{value}" is not an address or network such as 192.0.2.7 or 192.0.2.0/24') from error
    return value


#: A span of the day such as 22:00-06:00.
Span = Annotated[str, AfterValidator(_quiet)]
#: An address or network such as 192.0.2.0/24.
Network = Annotated[str, AfterValidator(_network)]
#: A template of file names; see gateway.partners.filenames.
FileNameTemplate = Annotated[str, AfterValidator(file_name_template)]
#: Bytes of a file that are taken at most.
FileBytes = Annotated[int, Field(ge=1024, le=2**31 - 1)]
#: Bytes in a second that a partner's transfers may use.
Bandwidth = Annotated[int, Field(ge=1, le=2**40)]
