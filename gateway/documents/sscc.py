"""The Serial Shipping Container Code: check digit, making and checking (GS1 General Specifications)."""

from __future__ import annotations

__all__ = ["SsccError", "check_digit", "gtin_is_valid", "is_valid", "make_sscc", "with_identifier"]


class SsccError(ValueError):
    """The parts do not make an SSCC; the message says which and what is allowed."""


def check_digit(digits: str) -> str:
    """The check digit of a GS1 number without it (17 digits of an SSCC, 7 to 13 of a GTIN).

    Weights 3 and 1 alternate from the right end. Raises SsccError when `digits` is not all digits.
    """
    if not (digits.isascii() and digits.isdigit()):
        raise SsccError(f'"{digits}" is not a row of digits, so it has no check digit. Give digits 0 to 9 only.')
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def make_sscc(extension: int, company_prefix: str, serial: int) -> str:
    """An SSCC of 18 digits from the extension digit, the GS1 company prefix and a serial number.

    Raises SsccError when the parts do not fit into 17 digits.
    """
    room = 16 - len(company_prefix)
    if not 0 <= extension <= 9:
        raise SsccError(f"extension digit {extension} is not one digit. Choose 0 to 9.")
    if not (company_prefix.isascii() and company_prefix.isdigit() and 4 <= len(company_prefix) <= 12):
        raise SsccError(f'company prefix "{company_prefix}" is not 4 to 12 digits. Use the prefix GS1 gave you.')
    if serial < 0 or len(str(serial)) > room:
        raise SsccError(f"serial {serial} does not fit: prefix {company_prefix} leaves room for {room} digits.")
    body = f"{extension}{company_prefix}{serial:0{room}d}"
    return body + check_digit(body)


def is_valid(sscc: str) -> bool:
    """Whether it is an SSCC of 18 digits, or of 20 with application identifier 00, with the right check digit."""
    digits = sscc[2:] if len(sscc) == 20 and sscc.startswith("00") else sscc
    if len(digits) != 18 or not (digits.isascii() and digits.isdigit()):
        return False
    return check_digit(digits[:-1]) == digits[-1]


def with_identifier(sscc: str) -> str:
    """The form of MAN*GM: application identifier 00 and 18 digits. A value that has it already is unchanged."""
    return sscc if len(sscc) == 20 else f"00{sscc}"


def gtin_is_valid(gtin: str) -> bool:
    """Whether a GTIN of 8, 12, 13 or 14 digits has the right check digit."""
    if len(gtin) not in {8, 12, 13, 14} or not (gtin.isascii() and gtin.isdigit()):
        return False
    return check_digit(gtin[:-1]) == gtin[-1]
