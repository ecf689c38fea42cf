"""A text to the partner about a problem: what is wrong, where, by which rule, in which messages, what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.standards.x12.codes import AK304_TEXT, AK403_TEXT, AK502_TEXT, AK905_TEXT

__all__ = ["MOST_NAMED", "letter", "place_of", "rule_of"]

#: Messages that a letter names one by one.
MOST_NAMED = 10

_CORRECT = "Please correct this and send the documents again under new control numbers."
_LOOK = "Please look into this and tell us what was meant."
#: Fault class → (what happened, what we ask for).
_TEXTS: dict[str, tuple[str, str]] = {
    "invalid": ("we could not accept what you sent", _CORRECT),
    "business_rule": ("we could not accept what you sent", _CORRECT),
    "envelope": ("we could not accept an interchange that you sent", _CORRECT),
    "unknown_version": ("you sent documents in a version that we have not agreed on", _CORRECT),
    "unknown_set": ("you sent documents that we have not agreed on", _LOOK),
    "order_difference": ("what you sent differs from our order", _LOOK),
    "duplicate_number": ("you sent documents under numbers that we have already", _LOOK),
    "duplicate_control_number": ("you sent other content under a control number that was used before", _CORRECT),
    "duplicate_message_id": ("you sent other content under a Message-ID that was used before", _CORRECT),
    "test_data": ("you sent test data to our live system", _LOOK),
    "rejected_by_partner": (
        "your system rejected documents that we sent",
        "Please tell us what you expect, so that we can correct and send them again.",
    ),
    "acknowledgement_overdue": (
        "we have no acknowledgement of documents that we sent",
        "Please tell us whether they arrived, and send the acknowledgement.",
    ),
    "acknowledgement_unmatched": ("you acknowledged something that we did not send", _LOOK),
    "door": (
        "we cannot reach your system, or it cannot reach ours",
        "Please look into this and tell us when we can try again.",
    ),
    "delivery": (
        "we could not deliver documents to your system",
        "Please check the address, the certificates and the access that you gave us.",
    ),
}
_ANY = ("we have a problem with what you sent", _LOOK)
_TABLES: Mapping[str, Mapping[str, str]] = {
    "AK304": AK304_TEXT,
    "AK403": AK403_TEXT,
    "AK502": AK502_TEXT,
    "AK905": AK905_TEXT,
}


def letter(
    card: Mapping[str, Any],
    example: Mapping[str, Any] | None,
    messages: Sequence[Mapping[str, Any]],
    *,
    partner: str,
    company: str,
) -> str:
    """The text, plain and ready to be sent. ``messages`` are those that wait, ``example`` the one with its findings."""
    happened, wanted = _TEXTS.get(card["fault"], _ANY)
    named = messages or ([example] if example and "name" in example else [])
    lines = [f"Hello {partner or 'there'},", "", f"{happened}{':' if named else '.'}"]
    lines += ["", *(f"  {_name(one)}" for one in named[:MOST_NAMED])] if named else []
    more = max(card["waiting"], len(named)) - len(named[:MOST_NAMED])
    if named and more > 0:
        lines.append(f"  and {more:,} more")
    lines += ["", "What is wrong:"]
    lines += _reasons(card, example)
    lines += ["", wanted, "", "Kind regards", company]
    return "\n".join(lines) + "\n"


def _name(one: Mapping[str, Any]) -> str:
    within = ""
    if one.get("interchange"):
        within = f" (interchange {one['interchange']})"
    elif one.get("transport_id"):
        within = f" (Message-ID {one['transport_id']})"
    return f"{one['name']}{within}, {str(one['at'])[:16].replace('T', ' ')} UTC"


def _reasons(card: Mapping[str, Any], example: Mapping[str, Any] | None) -> list[str]:
    """The findings that reject, each with place, value and rule; the case's sentence when there is none."""
    findings = [one for one in (example or {}).get("findings", ()) if one["severity"] == "error"][:5]
    lines: list[str] = []
    for finding in findings:
        lines.append(f"  - {finding['message']}")
        lines += [f"    {word}: {text}" for word, text in _facts(finding) if text]
    said = [f"  - {text}" for text in (example or {}).get("said", ())]
    return lines or said or [f"  - {card['cause']}"]


def _facts(finding: Mapping[str, Any]) -> list[tuple[str, str]]:
    value = finding.get("value")
    return [
        ("Place", place_of(finding)),
        ("Value", f'"{value}"' if value else ""),
        ("Rule", rule_of(finding)),
    ]


def place_of(finding: Mapping[str, Any]) -> str:
    """Where it stands: a path, or segment and element; "" when that is not known."""
    if finding.get("path"):
        return ", ".join([finding["path"], f"line {finding['line']}"] if finding.get("line") else [finding["path"]])
    if not finding.get("segment"):
        return ""
    element = f"{finding['segment']}{finding['element']:02d}" if finding.get("element") else finding["segment"]
    return f"{element}, segment {finding['position']} of the set" if finding.get("position") else str(element)


def rule_of(finding: Mapping[str, Any]) -> str:
    """The rule by its code and meaning: "AK403-7 (code not in the list)"."""
    table, _, code = str(finding["code"]).partition("-")
    meaning = _TABLES.get(table, {}).get(code, "")
    return f"{finding['code']} ({meaning})" if meaning else str(finding["code"])
