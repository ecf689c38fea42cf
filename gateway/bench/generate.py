"""Large X12 files of known shape for measurements: one interchange of many 850 sets, the same bytes for the
same seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

__all__ = ["purchase_order_file", "purchase_order_sets"]

_SETS_PER_GROUP = 200
_UNITS = ("EA", "CA", "DZ", "PK", "BX")
_CITIES = (
    ("DALLAS", "TX", "75201"),
    ("BOISE", "ID", "83702"),
    ("AKRON", "OH", "44308"),
    ("MACON", "GA", "31201"),
)
_COLOURS = ("BLUE", "RED", "GREEN", "BLACK", "WHITE")
_GOODS = ("MUG 12 OZ", "TEA TOWEL", "LAMP SHADE", "DOOR MAT", "PICTURE FRAME")


def purchase_order_file(segments: int, seed: int = 1) -> bytes:
    """An interchange of 850/004010 sets with at least this many segments, `~` terminated, every set valid."""
    dice = random.Random(seed)  # noqa: S311 (test data, not a secret)
    parts = [
        f"ISA*00*{'':10}*00*{'':10}*ZZ*{'BENCHSENDER':15}*ZZ*{'BENCHRECEIVER':15}*240315*1200*U*00401*000000001*0*T*>"
    ]
    written, groups, number = 1, 0, 0
    while written < segments - 1:
        groups += 1
        parts.append(f"GS*PO*BENCHSENDER*BENCHRECEIVER*20240315*1200*{groups}*X*004010")
        written += 2
        count = 0
        while count < _SETS_PER_GROUP and written < segments - 1:
            count += 1
            number += 1
            order = list(purchase_order_sets(dice, number, count))
            parts.extend(order)
            written += len(order)
        parts.append(f"GE*{count}*{groups}")
    parts.append(f"IEA*{groups}*000000001")
    return ("~".join(parts) + "~").encode("ascii")


def purchase_order_sets(dice: random.Random, number: int, control: int) -> Iterator[str]:
    """The segments of one 850, ST to SE, with twelve to sixteen lines of three segments."""
    city, state, code = dice.choice(_CITIES)
    body = [
        f"BEG*00*SA*{4500000000 + number}**202403{dice.randint(1, 28):02d}",
        "REF*DP*038",
        f"REF*IA*{dice.randint(10000, 99999)}",
        "PER*BD*J SMITH*TE*2145550100",
        f"DTM*002*202404{dice.randint(1, 30):02d}",
        "DTM*001*20240510",
        f"N1*ST*STORE {dice.randint(1, 900):04d}*92*{dice.randint(1, 900):04d}",
        f"N3*{dice.randint(1, 9999)} MAIN STREET",
        f"N4*{city}*{state}*{code}*US",
        "N1*BY*BENCH STORES INC*92*0001",
    ]
    lines = dice.randint(12, 16)
    for line in range(1, lines + 1):
        upc = dice.randint(10**10, 10**11 - 1)
        price = f"{dice.randint(1, 99)}.{dice.randint(0, 99):02d}"
        quantity, unit = dice.randint(1, 48), dice.choice(_UNITS)
        body.append(f"PO1*{line}*{quantity}*{unit}*{price}**UP*{upc}*VN*{dice.randint(1000, 9999)}")
        body.append(f"PID*F****{dice.choice(_COLOURS)} {dice.choice(_GOODS)}")
        body.append(f"PO4*{dice.choice((6, 12, 24))}*1*EA")
    body.append(f"CTT*{lines}")
    yield f"ST*850*{control:04d}"
    yield from body
    yield f"SE*{len(body) + 2}*{control:04d}"
