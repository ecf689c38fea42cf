"""How each state of the lifecycle looks: an icon, a word and a tone; colour never stands alone."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.web.view.words import words

__all__ = ["AXES", "State", "state", "summary"]


@dataclass(frozen=True, slots=True)
class State:
    """One state as a badge shows it."""

    icon: str
    word: str
    #: "good", "bad", "warn", "info" or "quiet".
    tone: str


_PROCESSING = {
    "received": State("inbox", "Received", "info"),
    "identified": State("progress", "Identified", "info"),
    "validated": State("progress", "Validated", "info"),
    "mapped": State("progress", "Mapped", "info"),
    "posted": State("check", "Posted", "good"),
    "held": State("pause", "Held", "warn"),
    "rejected": State("cross", "Rejected", "bad"),
    "ignored": State("minus", "Ignored", "quiet"),
}
_DELIVERY = {
    "none": State("minus", "None", "quiet"),
    "queued": State("clock", "Queued", "info"),
    "sending": State("progress", "Sending", "info"),
    "sent": State("send", "Sent, unproven", "info"),
    "confirmed": State("check", "Confirmed", "good"),
    "retrying": State("repeat", "Retrying", "warn"),
    "failed": State("cross", "Failed", "bad"),
}
_ACKNOWLEDGEMENT = {
    "not_expected": State("minus", "Not expected", "quiet"),
    "awaited": State("clock", "Awaited", "info"),
    "accepted": State("check", "Accepted", "good"),
    "accepted_with_errors": State("warning", "Accepted with errors", "warn"),
    "rejected": State("cross", "Rejected", "bad"),
    "overdue": State("alarm", "Overdue", "bad"),
}
_REVIEW = {
    "none": State("minus", "None", "quiet"),
    "new": State("flag", "New", "warn"),
    "assigned": State("person", "Assigned", "info"),
    "waiting": State("clock", "Waiting for partner", "info"),
    "resolved": State("check", "Resolved", "good"),
    "ignored": State("minus", "Ignored", "quiet"),
}
_SEVERITY = {
    "error": State("cross", "Error", "bad"),
    "warning": State("warning", "Warning", "warn"),
    "note": State("info", "Note", "quiet"),
}
_VERDICT = {
    "accepted": State("check", "Accepted", "good"),
    "accepted_with_errors": State("warning", "Accepted with errors", "warn"),
    "partially_accepted": State("warning", "Partly accepted", "warn"),
    "rejected": State("cross", "Rejected", "bad"),
    "unreadable": State("cross", "Unreadable", "bad"),
    "held": State("pause", "Would be held", "warn"),
    "faulty": State("cross", "Has errors", "bad"),
}
_OUTCOME = {**_DELIVERY, "retry": State("repeat", "To be retried", "warn")}

_ORDER = {
    "pending": State("clock", "Pending", "info"),
    "acknowledged": State("progress", "Acknowledged", "info"),
    "shipped": State("send", "Shipped", "info"),
    "invoiced": State("document", "Invoiced", "info"),
    "completed": State("check", "Completed", "good"),
    "cancelled": State("cross", "Cancelled", "quiet"),
    "closed": State("minus", "Closed", "quiet"),
}
_STAGE = {
    "done": State("check", "done", "good"),
    "rejected": State("cross", "rejected", "bad"),
    "held": State("pause", "held", "warn"),
    "skipped": State("minus", "skipped", "quiet"),
    "late": State("alarm", "late", "bad"),
    "due": State("clock", "due", "info"),
    "none": State("dot", "not yet", "quiet"),
}

#: Axis → state → how it looks.
AXES: dict[str, dict[str, State]] = {
    "processing": _PROCESSING,
    "delivery": _DELIVERY,
    "acknowledgement": _ACKNOWLEDGEMENT,
    "review": _REVIEW,
    "severity": _SEVERITY,
    "verdict": _VERDICT,
    "outcome": _OUTCOME,
    "order": _ORDER,
    "stage": _STAGE,
}


def state(axis: str, value: str | None) -> State:
    """How a state looks; an unknown one is shown quietly by its own name."""
    return AXES[axis].get(value or "none", State("dot", words(value or "none"), "quiet"))


def summary(row: dict[str, object]) -> tuple[str, str]:
    """(axis, state) that says most about a message in a list: what went wrong, else how far it came."""
    delivery, acknowledgement = str(row["delivery"]), str(row["acknowledgement"])
    if row["direction"] == "out":
        if delivery in ("failed", "retrying"):
            return "delivery", delivery
        if acknowledgement in ("rejected", "overdue", "accepted", "accepted_with_errors"):
            return "acknowledgement", acknowledgement
        if delivery != "none":
            return "delivery", delivery
    return "processing", str(row["processing"] or "received")
