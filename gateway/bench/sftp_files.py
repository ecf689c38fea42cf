"""What the SFTP benchmark carries: small orders that all differ, and one large file."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

from gateway.bench.generate import purchase_order_sets

__all__ = ["RECEIVER", "SENDER", "order", "orders", "write_large"]

#: ISA06 and ISA08 of every order.
SENDER, RECEIVER = "BENCHSENDER", "BENCHRECEIVER"
_MEBIBYTE = 1024 * 1024


def order(number: int) -> bytes:
    """One interchange with two to five 850s, 2 to 8 KB; every number has numbers and content of its own."""
    dice = random.Random(number)  # noqa: S311 - test data, not a secret
    sets = 2 + number % 4
    parts = [
        f"ISA*00*{'':10}*00*{'':10}*ZZ*{SENDER:15}*ZZ*{RECEIVER:15}*240315*1200*U*00401*{number:09d}*0*P*>",
        f"GS*PO*{SENDER}*{RECEIVER}*20240315*1200*{number}*X*004010",
    ]
    for control in range(1, sets + 1):
        parts.extend(purchase_order_sets(dice, number * 8 + control, control))
    parts += [f"GE*{sets}*{number}", f"IEA*1*{number:09d}"]
    return ("~".join(parts) + "~").encode("ascii")


def orders(first: int, count: int) -> Iterator[tuple[str, bytes]]:
    """``count`` orders with their file names."""
    for number in range(first, first + count):
        yield f"po-{number:07d}.edi", order(number)


def write_large(path: Path, mebibytes: int, seed: int) -> str:
    """Write a file that no one can compress and that is no business document; its SHA-256 in hex."""
    dice, digest = random.Random(seed), hashlib.sha256()  # noqa: S311 - test data, not a secret
    with path.open("wb") as stream:
        for _ in range(mebibytes):
            block = dice.randbytes(_MEBIBYTE)
            digest.update(block)
            stream.write(block)
    return digest.hexdigest()
