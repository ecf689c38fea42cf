"""Deliver into a folder: written under an unfinished name, made durable, then given its final name."""

from __future__ import annotations

import os
from pathlib import Path

from gateway.messages.ports import Delivery, DeliveryOutcome, Outcome, PreparedWire
from gateway.store.faults import fault_point
from gateway.transports.filenames import file_name
from gateway.transports.folder.files import publish
from gateway.transports.folder.targets import FolderTargets

__all__ = ["NAME_HEADER", "FolderDelivery"]

#: The header of the prepared wire that holds the file's name.
NAME_HEADER = "File-Name"


class FolderDelivery:
    """Implements ``DeliveryPort`` for folders. Thread-safe."""

    def __init__(self, targets: FolderTargets) -> None:
        self._targets = targets

    def prepare(self, delivery: Delivery) -> PreparedWire:
        """The payload under its final name; a retry uses the same one.

        Raises LookupError when the profile names no folder.
        """
        name = file_name(self._targets.for_partner(delivery.partner).file_name, delivery)
        return PreparedWire(((NAME_HEADER, name),), delivery.payload, delivery.transport_id)

    def deliver(self, delivery: Delivery, wire: PreparedWire) -> DeliveryOutcome:
        """Make one attempt. Never raises for what the disk does.

        CONFIRMED: the file stands there with all its bytes, and its name is durable.
        """
        try:
            target = self._targets.for_partner(delivery.partner)
        except LookupError as error:
            return DeliveryOutcome(Outcome.FAILED, str(error.args[0] if error.args else error))
        if target.outbound is None:
            return DeliveryOutcome(
                Outcome.FAILED, f"The profile of {delivery.partner} has no folder.outbound: add it, then send again."
            )
        name = dict(wire.headers).get(NAME_HEADER) or file_name(target.file_name, delivery)
        try:
            return _put(target.outbound, name, wire.body, make=target.outbound in target.may_make)
        except OSError as error:
            return DeliveryOutcome(
                Outcome.RETRY,
                f"{name} could not be written to {target.outbound}: {error.strerror or error}. Check that the "
                "folder is there and that we may write to it.",
            )


def _put(folder: Path, name: str, body: bytes, *, make: bool) -> DeliveryOutcome:
    if make:
        folder.mkdir(parents=True, exist_ok=True)
    final = folder / name
    try:
        publish(body, folder / f".{name}.{os.getpid()}.tmp", final)
        fault_point("folder.after_publish")
    except FileExistsError:
        if final.stat().st_size == len(body) and final.read_bytes() == body:
            return DeliveryOutcome(Outcome.CONFIRMED, f"{name} is in {folder} already, with all our bytes.")
        return DeliveryOutcome(
            Outcome.RETRY,
            f"Another file named {name} is in {folder}; ours waits until that one was taken. Add {{id8}} to "
            "folder.file_name if names come again.",
        )
    return DeliveryOutcome(Outcome.CONFIRMED, f"{name} was written to {folder}.")
