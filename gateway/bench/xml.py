"""`bench xml`: validation and mapping of UBL orders, ours against xmlschema and xsdata, in one run.

Rounds are interleaved, so that a busy minute meets all alike, and the medians of CPU time count. Schemas, maps and the
classes of the peers are built before the clock starts, and set aside for the garbage collector, as nothing of them is
garbage. In a round each work is repeated equally often, so that all find the caches warm. Our memory is that of a
process that only does our work on the file (`gateway.bench.xml_work`).

lxml is measured with nothing around it, too: our check is built on it, so that row is the most that ours can reach.
"""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from typing import Any, Final

from lxml import etree

from gateway.bench.rows import Row, row
from gateway.bench.xml_orders import FULL_LINES, LARGE_LINES, ORDERS, SMALL_FULL_LINES, SMALL_LINES
from gateway.bench.xml_work import WORKS
from gateway.standards.xml.schemas import UBL_NAMESPACE, load_registry

__all__ = ["run"]

Work = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class OrderFile:
    """A file that is measured."""

    #: Kind of its lines, a key of `ORDERS`.
    kind: str
    lines: int
    rounds: int
    #: How often each work is repeated in one round.
    times: int


_FILES: Final[Mapping[str, OrderFile]] = {
    "17 KB": OrderFile("short", SMALL_LINES, 9, 10),
    "17 KB, full lines": OrderFile("full", SMALL_FULL_LINES, 9, 10),
    "5,000 lines": OrderFile("short", LARGE_LINES, 3, 1),
    "1,000 full lines": OrderFile("full", FULL_LINES, 3, 1),
}
_ALONE: Final = "lxml alone"
#: What we do, or lxml → what it is measured against.
_AGAINST: Final[tuple[tuple[str, str, str], ...]] = (
    ("parse+xsd", "xmlschema", "parse and validate"),
    (_ALONE, "xmlschema", "parse and validate with lxml and nothing around it: the most that ours can reach"),
    ("parse+xsd+map", "xmlschema", "parse, validate and map to the canonical document, the peer validates only"),
    ("parse+xsd+map", "xsdata", "parse, validate and map to the canonical document, the peer parses into its classes"),
)
_NOT_INSTALLED: Final = "{} is not installed (it comes with the test extra)"


def run(
    tell: Callable[[str], None] = lambda _line: None,
    files: Mapping[str, OrderFile] = _FILES,
) -> list[Row]:
    """The rows of `gateway bench xml`: documents per CPU second, ours and the peers'.

    `files`: by name. Raises RuntimeError when UBL's schemas are not installed or a measured
    process fails.
    """
    if load_registry().find(f"{UBL_NAMESPACE}Order-2", "Order") is None:
        raise RuntimeError("The schemas of UBL are not installed: pip install the ubl extra.")
    peers = _peers(tell)
    rows: list[Row] = []
    for name, file in files.items():
        data = ORDERS[file.kind](file.lines)
        tell(f"measuring the order of {name}")
        works = {**WORKS, _ALONE: _lxml(), **{peer: made(file.kind) for peer, made in peers.items()}}
        speeds = _speeds(data, works, file.rounds, file.times)
        memory = _memory(file)
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


def _peers(tell: Callable[[str], None]) -> dict[str, Callable[[str], Work]]:
    """The peers that are here: what each does with orders of a kind, its schema and classes built."""
    peers: dict[str, Callable[[str], Work]] = {}
    if find_spec("xmlschema") is not None:
        tell("building the schema of xmlschema")
        validates = _xmlschema()
        peers["xmlschema"] = lambda _kind: validates
    if find_spec("xsdata") is not None:
        peers["xsdata"] = _xsdata
    return peers


def _lxml() -> Work:
    registry = load_registry()
    schema = registry.compiled(registry.entry(f"{UBL_NAMESPACE}Order-2", "Order"))
    return lambda data: schema.validate(etree.fromstring(data))


def _xmlschema() -> Work:
    import xmlschema

    entry = load_registry().entry(f"{UBL_NAMESPACE}Order-2", "Order")
    schema = xmlschema.XMLSchema(str(entry.path))
    return lambda data: schema.validate(BytesIO(data))


def _xsdata(kind: str) -> Work:
    from xsdata.formats.dataclass.context import XmlContext
    from xsdata.formats.dataclass.parsers import XmlParser

    from gateway.bench.xml_classes import classes_for

    parser, order = XmlParser(context=XmlContext()), classes_for(ORDERS[kind](1))
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


def _memory(file: OrderFile) -> float:
    """The largest resident memory of a process that reads, validates and maps the order, in MiB."""
    command = [sys.executable, "-m", "gateway.bench.xml_work", file.kind, str(file.lines)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (our own module)
    if done.returncode != 0:
        raise RuntimeError(f"Measuring the memory failed: {done.stderr.strip()}")
    result: dict[str, Any] = json.loads(done.stdout)
    return float(result["rss_mib"])
