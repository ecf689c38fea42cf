"""Delivering to a partner who has a mailbox here: the file is laid out, and waits for the partner to collect it."""

from __future__ import annotations

from collections.abc import Callable

from gateway.messages.ids import new_id
from gateway.messages.ports import Delivery, DeliveryOutcome, Outcome, PreparedWire
from gateway.store.errors import StoreError
from gateway.transports.filenames import file_name
from gateway.transports.sftp.server.accounts import MailboxDirectory
from gateway.transports.sftp.server.mailbox import Entry, FileState, Mailbox
from gateway.transports.sftp.server.tree import OUTBOX

__all__ = ["NAME_HEADER", "HostedMailboxDelivery"]

#: Under which the file's name is kept with the wire bytes.
NAME_HEADER = "Filename"


class HostedMailboxDelivery:
    """``DeliveryPort`` for partners with an account on our server.

    ``deliver`` ends as SENT: the proof comes when the partner has read the file (``CollectedPort``). ``woken`` is
    called with the partner's code after a file was laid out.
    """

    def __init__(
        self, mailbox: Mailbox, directory: MailboxDirectory, *, woken: Callable[[str], None] = lambda _partner: None
    ) -> None:
        self._mailbox = mailbox
        self._directory = directory
        self._woken = woken

    def prepare(self, delivery: Delivery) -> PreparedWire:
        """The payload as it is, with a name that the same message always has.

        Raises LookupError when the partner has no account here, ValueError for a bad template.
        """
        account = self._directory.of_partner(delivery.partner)
        if account is None:
            raise LookupError(
                f"{delivery.partner} has no account on our SFTP server; set sftp.hosted.user in its profile."
            )
        name = file_name(account.mailbox.file_name, delivery)
        return PreparedWire(((NAME_HEADER, name),), delivery.payload, "")

    def deliver(self, delivery: Delivery, wire: PreparedWire) -> DeliveryOutcome:
        """Lay the file out durably; a file that is there already is left as it is."""
        name = dict(wire.headers).get(NAME_HEADER) or delivery.filename
        now = self._mailbox.clock()
        entry = Entry(
            new_id(now),
            delivery.partner,
            OUTBOX,
            name,
            FileState.AVAILABLE,
            len(wire.body),
            now,
            now,
            transmission_id=delivery.transmission_id,
        )
        try:
            there = self._mailbox.offer(entry, wire.body)
        except (StoreError, OSError) as error:
            return DeliveryOutcome(Outcome.RETRY, f"{name} could not be put into the mailbox now: {error}")
        if there.state is FileState.COLLECTED:
            return DeliveryOutcome(Outcome.CONFIRMED, f"{delivery.partner} has collected {there.name} already.")
        self._woken(delivery.partner)
        return DeliveryOutcome(Outcome.SENT, f"{there.name} waits in the mailbox of {delivery.partner} for collection.")
