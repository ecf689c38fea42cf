"""What can be done with a message now: the same rules as the operations, so that no button leads nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["ACTIONS", "Action", "actions_of", "is_releasable", "why_not"]


@dataclass(frozen=True, slots=True)
class Action:
    """One button."""

    operation: str
    #: Asks why, and what the question is.
    reason: str = ""


_WHY = "Why? Others will ask."
#: Button → what it does.
ACTIONS: Mapping[str, Action] = {
    "replay": Action("message.replay"),
    "resend": Action("message.resend"),
    "reacknowledge": Action("message.reacknowledge"),
    "hold": Action("message.hold", _WHY),
    "ignore": Action("message.ignore", _WHY),
    "note": Action("message.note", "What should others know?"),
}


def is_releasable(message: Mapping[str, Any]) -> bool:
    """Whether a message is held with its document ready, so that a replay hands it to the back office as it is."""
    return message["processing"] == "held" and bool(message.get("facts", {}).get("canonical_sha256"))


def actions_of(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The buttons of a message (as its detail gives it) in their order: {"name", "icon", "words", "reason"}."""
    state, inbound = message["processing"], message["direction"] == "in"
    is_document = message["type"] == "document"
    names = []
    if inbound and (state in ("held", "rejected") if is_document else state != "posted"):
        names.append(("replay", "repeat", "Release" if is_releasable(message) else "Replay"))
    if not inbound and message["delivery"] != "none":
        names.append(("resend", "send", "Resend"))
    if inbound and state in ("received", "identified", "validated", "mapped"):
        names.append(("hold", "pause", "Hold"))
    if inbound and state in ("held", "rejected"):
        names.append(("ignore", "minus", "Ignore"))
    if inbound and any(each["direction"] == "out" for each in message.get("acknowledgements", ())):
        names.append(("reacknowledge", "check", "Acknowledge again"))
    names.append(("note", "document", "Note"))
    return [{"name": name, "icon": icon, "words": text, "reason": ACTIONS[name].reason} for name, icon, text in names]


def why_not(name: str, message: Mapping[str, Any]) -> str:
    """Why a button of several messages ("release" is one of them) leaves this one alone; "" when it does not."""
    possible = {each["name"] for each in actions_of(message)}
    state = str(message["processing"] or message["delivery"]).replace("_", " ")
    if name == "release":
        return "" if is_releasable(message) else f"it is {state}; only what is held and ready can be released"
    if name in possible or name in ("note", "assign"):
        return ""
    if name == "resend":
        return "it was received" if message["direction"] == "in" else "it was never queued"
    return "it was sent by us" if message["direction"] == "out" else f"it is {state}"
