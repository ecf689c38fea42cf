"""The code tables of the X12 envelope and its acknowledgements, and what each code makes of a message.

Letters of TA105 follow common practice: "R" means that nothing of the interchange is processed, "E" that it
is processed in spite of the error. Group codes, business numbers and document kinds are tables too, so that
no other module branches on a set id.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.standards.edi.model import Severity

__all__ = [
    "ACKNOWLEDGEMENT_SETS",
    "AK304_TEXT",
    "AK403_TEXT",
    "AK502_TEXT",
    "AK905_TEXT",
    "DOCUMENT_KINDS",
    "FUNCTIONAL_GROUPS",
    "NUMBER_ELEMENTS",
    "TA105_LETTER",
    "TA105_TEXT",
    "ta105_severity",
]

#: TA105: interchange note code → meaning.
TA105_TEXT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "000": "no error",
        "001": "the control number of the trailer (IEA02) differs from the header (ISA13)",
        "002": "the standard named in ISA11 is not supported",
        "003": "the control version is not supported",
        "004": "the segment terminator is invalid",
        "005": "the qualifier of the sender id (ISA05) is invalid",
        "006": "the sender id (ISA06) is invalid",
        "007": "the qualifier of the receiver id (ISA07) is invalid",
        "008": "the receiver id (ISA08) is invalid",
        "009": "the receiver (ISA08) is not known here",
        "010": "the authorization qualifier (ISA01) is invalid",
        "011": "the authorization value (ISA02) is invalid",
        "012": "the security qualifier (ISA03) is invalid",
        "013": "the security value (ISA04) is invalid",
        "014": "the interchange date (ISA09) is invalid",
        "015": "the interchange time (ISA10) is invalid",
        "016": "the standards id (ISA11) is invalid",
        "017": "the control version (ISA12) is invalid",
        "018": "the control number (ISA13) is invalid",
        "019": "the acknowledgement request (ISA14) is invalid",
        "020": "the usage indicator (ISA15) is invalid",
        "021": "the number of groups (IEA01) is wrong",
        "022": "the control structure is invalid",
        "023": "the interchange ends before its trailer",
        "024": "the content is invalid, for example a broken GS segment",
        "025": "the control number was used before",
        "026": "the element separator is invalid",
        "027": "the component separator is invalid",
        "028": "the delivery date of a deferred delivery is invalid",
        "029": "the delivery time of a deferred delivery is invalid",
        "030": "the time code of a deferred delivery is invalid",
        "031": "the grade of service is invalid",
    }
)

_PROCESSED_IN_SPITE: Final = frozenset({"001", "002", "003", "006", "008", "019", "020", "021"})

#: TA105 code → TA104 letter by default: "A", "E" (processed) or "R" (not processed).
TA105_LETTER: Final[Mapping[str, str]] = MappingProxyType(
    {code: "A" if code == "000" else "E" if code in _PROCESSED_IN_SPITE else "R" for code in TA105_TEXT}
)

#: AK304: segment error code → meaning.
AK304_TEXT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "1": "unknown segment id",
        "2": "segment not expected here",
        "3": "mandatory segment missing",
        "4": "loop repeated too often",
        "5": "segment used too often",
        "6": "segment not part of this transaction set",
        "7": "segment out of order",
        "8": "segment has element errors",
        "I4": "segment that the guide does not use",
        "I6": "dependent segment missing",
        "I7": "loop used too seldom",
        "I8": "segment used too seldom",
        "I9": "dependent segment present that must not be",
    }
)

#: AK403: element error code → meaning.
AK403_TEXT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "1": "mandatory element missing",
        "2": "element missing that others of the segment require",
        "3": "too many elements",
        "4": "value too short",
        "5": "value too long",
        "6": "invalid character",
        "7": "code not in the list",
        "8": "invalid date",
        "9": "invalid time",
        "10": "elements that exclude each other are both present",
        "12": "too many repetitions",
        "13": "too many components",
        "I6": "code that the guide does not use",
        "I9": "dependent element missing",
        "I10": "element present that the guide does not use",
        "I11": "too few repetitions",
        "I12": "value does not match its pattern",
        "I13": "dependent element present that must not be",
    }
)

#: AK502: transaction set error code → meaning.
AK502_TEXT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "1": "transaction set not supported",
        "2": "transaction set trailer (SE) missing",
        "3": "control numbers of ST and SE differ",
        "4": "number of segments (SE01) wrong",
        "5": "one or more segments in error",
        "6": "transaction set identifier (ST01) missing or invalid",
        "7": "transaction set control number (ST02) missing or invalid",
        "18": "transaction set does not belong in this group",
        "19": "implementation reference (ST03) invalid",
        "23": "transaction set control number (ST02) not unique in the group",
        "I5": "segments break the implementation guide",
        "I6": "implementation guide not supported",
    }
)

#: AK905: functional group error code → meaning.
AK905_TEXT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "1": "functional group not supported",
        "2": "version of the group (GS08) not supported",
        "3": "group trailer (GE) missing",
        "4": "control numbers of GS and GE differ",
        "5": "number of transaction sets (GE01) wrong",
        "6": "group control number (GS06) invalid",
        "19": "group control number (GS06) not unique in the interchange",
    }
)

#: Sets that acknowledge and are never acknowledged themselves.
ACKNOWLEDGEMENT_SETS: Final = frozenset({"997", "999"})

#: Set id → functional group code (GS01) under which it travels.
FUNCTIONAL_GROUPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "753": "RF",
        "754": "RG",
        "810": "IN",
        "812": "CD",
        "816": "OR",
        "820": "RA",
        "824": "AG",
        "830": "PS",
        "832": "SC",
        "846": "IB",
        "850": "PO",
        "852": "PD",
        "855": "PR",
        "856": "SH",
        "860": "PC",
        "861": "RC",
        "862": "SS",
        "864": "TX",
        "865": "CA",
        "867": "PT",
        "869": "RS",
        "870": "RS",
        "875": "OG",
        "880": "GP",
        "940": "OW",
        "945": "SW",
        "997": "FA",
        "999": "FA",
    }
)

#: Set id → (segment, element) that holds the number by which people call the document.
NUMBER_ELEMENTS: Final[Mapping[str, tuple[str, int]]] = MappingProxyType(
    {
        "753": ("BGN", 2),
        "754": ("BGN", 2),
        "810": ("BIG", 2),
        "812": ("BCD", 2),
        "816": ("BHT", 3),
        "820": ("TRN", 2),
        "824": ("BGN", 2),
        "830": ("BFR", 2),
        "832": ("BCT", 2),
        "846": ("BIA", 3),
        "850": ("BEG", 3),
        "855": ("BAK", 3),
        "856": ("BSN", 2),
        "860": ("BCH", 3),
        "861": ("BRA", 1),
        "862": ("BSS", 2),
        "864": ("BMG", 2),
        "865": ("BCA", 3),
        "867": ("BPT", 2),
        "869": ("BSI", 1),
        "870": ("BSR", 3),
        "875": ("G50", 3),
        "880": ("G01", 2),
        "940": ("W05", 2),
        "945": ("W06", 2),
        "997": ("AK1", 2),
        "999": ("AK1", 2),
    }
)

#: Set id → kind of the canonical document it is read into.
DOCUMENT_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "850": "order",
        "855": "order_acknowledgment",
        "860": "order_change",
        "865": "order_change_acknowledgment",
        "856": "ship_notice",
        "810": "invoice",
        "846": "inventory_advice",
        "997": "functional_acknowledgment",
        "999": "implementation_acknowledgment",
    }
)


def ta105_severity(code: str) -> Severity:
    """The severity of an interchange error: "error" where TA104 is R, "warning" where it is E."""
    letter = TA105_LETTER.get(code, "R")
    return "error" if letter == "R" else "warning" if letter == "E" else "note"
