"""`bench xml`: validation and mapping of UBL orders, ours against xmlschema and xsdata, in one run.

Rounds are interleaved, so that a busy minute meets all alike, and the medians of CPU time count. Schemas, maps and the
classes of the peers are built before the clock starts, and set aside for the garbage collector, as nothing of them is
garbage. In a round each work is repeated equally often, so that all find the caches warm. Our memory is that of a
process that only does our work on the file (`gateway.bench.xml_work`).
"""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from io import BytesIO
from typing import Any, Final

from gateway.bench.rows import Row, row
from gateway.bench.xml_orders import LARGE_LINES, SMALL_LINES, ubl_order
from gateway.bench.xml_work import WORKS
from gateway.standards.xml.schemas import UBL_NAMESPACE, load_registry

__all__ = ["run"]

Work = Callable[[bytes], object]

#: Name of the file → lines, rounds, and how often each work is repeated in one round.
_FILES: Final[Mapping[str, tuple[int, int, int]]] = {"17 KB": (SMALL_LINES, 9, 10), "5,000 lines": (LARGE_LINES, 3, 1)}
#: What we do → what it is measured against.
_AGAINST: Final[tuple[tuple[str, str, str], ...]] = (
    ("parse+xsd", "xmlschema", "parse and validate"),
    ("parse+xsd+map", "xmlschema", "parse, validate and map to the canonical document, the peer validates only"),
    ("parse+xsd+map", "xsdata", "parse, validate and map to the canonical document, the peer parses into its classes"),
)
_NOT_INSTALLED: Final = "{} is not installed (it comes with the test extra)"


def run(
    tell: Callable[[str], None] = lambda _line: None,
    files: Mapping[str, tuple[int, int, int]] = _FILES,
) -> list[Row]:
    """The rows of `gateway bench xml`: documents per CPU second, ours and the peers'.

    `files`: name → lines, rounds, repetitions. Raises RuntimeError when UBL's schemas are not installed or a measured
    process fails.
    """
    if load_registry().find(f"{UBL_NAMESPACE}Order-2", "Order") is None:
        raise RuntimeError("The schemas of UBL are not installed: pip install the ubl extra.")
    peers = _peers(tell)
    rows: list[Row] = []
    for name, (lines, rounds, times) in files.items():
        data = ubl_order(lines)
        tell(f"measuring the order of {name}")
        speeds = _speeds(data, {**WORKS, **peers}, rounds, times)
        memory = _memory(lines)
        for ours, peer, work in _AGAINST:
            rows.append(
                row(
                    "xml",
                    f"{ours} {name}",
                    f"{work}; UBL order of {len(data):,} bytes",
                    speeds[ours],
                    "documents per CPU second",
                    peer=peer,
                    peer_value=speeds.get(peer),
                    note="" if peer in speeds else _NOT_INSTALLED.format(peer),
                    rss_mib=memory,
                )
            )
    return rows


def _peers(tell: Callable[[str], None]) -> dict[str, Work]:
    """What the peers do, with their schema and classes built."""
    peers: dict[str, Work] = {}
    if find_spec("xmlschema") is not None:
        tell("building the schema of xmlschema")
        peers["xmlschema"] = _xmlschema()
    if find_spec("xsdata") is not None:
        tell("building the classes of xsdata")
        peers["xsdata"] = _xsdata()
    return peers


def _xmlschema() -> Work:
    import xmlschema

    entry = load_registry().entry(f"{UBL_NAMESPACE}Order-2", "Order")
    schema = xmlschema.XMLSchema(str(entry.path))
    return lambda data: schema.validate(BytesIO(data))


def _xsdata() -> Work:
    from xsdata.formats.dataclass.context import XmlContext
    from xsdata.formats.dataclass.parsers import XmlParser

    from gateway.bench.xml_classes import classes_for

    parser, order = XmlParser(context=XmlContext()), classes_for(ubl_order(1))
    return lambda data: parser.from_bytes(data, order)


def _speeds(data: bytes, works: Mapping[str, Work], rounds: int, times: int) -> dict[str, float]:
    """Documents per CPU second of every work, the median of interleaved rounds; the first round warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    gc.collect()
    gc.freeze()
    try:
        for number in range(rounds + 1):
            for name, work in works.items():
                gc.collect()
                started = time.process_time()
                for _ in range(times):
                    work(data)
                if number:
                    seconds[name].append((time.process_time() - started) / times)
    finally:
        gc.unfreeze()
    return {name: 1 / max(statistics.median(taken), 1e-9) for name, taken in seconds.items()}


def _memory(lines: int) -> float:
    """The largest resident memory of a process that reads, validates and maps the order, in MiB."""
    command = [sys.executable, "-m", "gateway.bench.xml_work", str(lines)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (our own module)
    if done.returncode != 0:
        raise RuntimeError(f"Measuring the memory failed: {done.stderr.strip()}")
    result: dict[str, Any] = json.loads(done.stdout)
    return float(result["rss_mib"])
