"""The kinds of alerts, what may happen to each, and how grave it can be: the vocabulary of the package."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["KIND_WORDS", "SEVERITIES", "AlertKind", "Change", "ChannelKind", "DeliveryState", "grave", "kind_of_fault"]


class AlertKind(StrEnum):
    """What an alert is about; channels choose among these."""

    #: A problem with messages that waits for a person.
    PROBLEM = "problem"
    #: A partner refuses a delivery, or cannot be reached.
    DELIVERY = "delivery"
    #: An acknowledgement is overdue, rejects what we sent, or belongs to nothing.
    ACKNOWLEDGEMENT = "acknowledgement"
    #: A business document that must follow is due, or late.
    ORDER = "order"
    #: Something waits longer to be sent than it should.
    QUEUE = "queue"
    #: A partner sends nothing at a time at which it usually does.
    QUIET = "quiet"
    #: A certificate of ours or of a partner ends.
    CERTIFICATE = "certificate"
    #: The disk has reached its reserve.
    DISK = "disk"
    #: The last backup is old.
    BACKUP = "backup"
    #: The event ledger is not as it was written.
    LEDGER = "ledger"
    #: A check of the machine failed.
    SELF_TEST = "self_test"
    #: Accounts: a new admin, a lock-out, strangers at the door.
    SECURITY = "security"


#: Kind → words for people.
KIND_WORDS: dict[AlertKind, str] = {
    AlertKind.PROBLEM: "Problems with messages",
    AlertKind.DELIVERY: "Deliveries that fail",
    AlertKind.ACKNOWLEDGEMENT: "Acknowledgements",
    AlertKind.ORDER: "Business documents that are due",
    AlertKind.QUEUE: "Queues that stand still",
    AlertKind.QUIET: "Partners unusually quiet",
    AlertKind.CERTIFICATE: "Certificates that end",
    AlertKind.DISK: "Disk space",
    AlertKind.BACKUP: "Backups",
    AlertKind.LEDGER: "The event ledger",
    AlertKind.SELF_TEST: "Self-tests",
    AlertKind.SECURITY: "Accounts and security",
}


class Change(StrEnum):
    """What happened to the thing that an alert is about."""

    OPENED = "opened"
    #: Ten times as many messages, a deadline near, the next threshold.
    WORSE = "worse"
    RESOLVED = "resolved"


class ChannelKind(StrEnum):
    """How a channel sends."""

    MAIL = "mail"
    WEBHOOK = "webhook"


class DeliveryState(StrEnum):
    """Where an alert stands on one channel."""

    WAITING = "waiting"
    SENT = "sent"
    #: Given up after 24 hours, or the channel was removed.
    FAILED = "failed"
    #: Somebody muted it; it is kept, and sent to nobody.
    MUTED = "muted"


#: From the least to the gravest. Critical alerts wait for no quiet hours and no digest.
SEVERITIES: tuple[str, ...] = ("note", "warning", "error", "critical")

_FAULTS = {
    "delivery": AlertKind.DELIVERY,
    "door": AlertKind.DELIVERY,
    "acknowledgement_overdue": AlertKind.ACKNOWLEDGEMENT,
    "acknowledgement_unmatched": AlertKind.ACKNOWLEDGEMENT,
    "rejected_by_partner": AlertKind.ACKNOWLEDGEMENT,
    "document_late": AlertKind.ORDER,
    "document_overdue": AlertKind.ORDER,
}


def kind_of_fault(fault: str) -> AlertKind:
    """The kind of the alerts about a case with this fault class."""
    return _FAULTS.get(fault, AlertKind.PROBLEM)


def grave(severity: str) -> int:
    """A number that grows with the severity; an unknown one counts as an error."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else SEVERITIES.index("error")
