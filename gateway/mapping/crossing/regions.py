"""Names of states and provinces and the two letters that X12 writes for them (element 156)."""

from __future__ import annotations

from typing import Final

__all__ = ["region_code"]

_TEXT: Final = (
    "AL Alabama,AK Alaska,AZ Arizona,AR Arkansas,CA California,CO Colorado,CT Connecticut,DE Delaware,"
    "DC District of Columbia,FL Florida,GA Georgia,HI Hawaii,ID Idaho,IL Illinois,IN Indiana,IA Iowa,KS Kansas,"
    "KY Kentucky,LA Louisiana,ME Maine,MD Maryland,MA Massachusetts,MI Michigan,MN Minnesota,MS Mississippi,"
    "MO Missouri,MT Montana,NE Nebraska,NV Nevada,NH New Hampshire,NJ New Jersey,NM New Mexico,NY New York,"
    "NC North Carolina,ND North Dakota,OH Ohio,OK Oklahoma,OR Oregon,PA Pennsylvania,PR Puerto Rico,RI Rhode Island,"
    "SC South Carolina,SD South Dakota,TN Tennessee,TX Texas,UT Utah,VT Vermont,VA Virginia,WA Washington,"
    "WV West Virginia,WI Wisconsin,WY Wyoming,AB Alberta,BC British Columbia,MB Manitoba,NB New Brunswick,"
    "NL Newfoundland and Labrador,NS Nova Scotia,NT Northwest Territories,NU Nunavut,ON Ontario,"
    "PE Prince Edward Island,QC Quebec,SK Saskatchewan,YT Yukon"
)
_CODES: Final = {name.casefold(): code for code, _, name in (each.partition(" ") for each in _TEXT.split(","))}


def region_code(text: str) -> str | None:
    """The code of a state or province of the United States or Canada; None for any other text.

    "US-CA" (ISO 3166-2) is read as "CA".
    """
    country, dash, code = text.partition("-")
    if dash and country in {"US", "CA"} and len(code) == 2:
        return code
    return _CODES.get(text.strip().casefold())
