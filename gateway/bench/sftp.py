"""How fast our SFTP door is, beside OpenSSH's sshd with the same client in one run.

Ours is the gateway with everything on the disk before it answers: bytes and transmission of an upload, and the record
of each collection. sshd writes plain files and waits for no disk. Two clients are measured, each against both servers:
asyncssh's, which takes its own time for every file, and OpenSSH's ``sftp``, which takes nearly none. Both servers run
at once and do the same thing one right after the other, because the speed of a shared machine changes from one minute
to the next; the round whose ratio is the median counts.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from gateway.bench import sftp_gateway
from gateway.bench.rows import Row, row
from gateway.bench.sftp_clients import BULK_GET, BULK_PUT, CIPHER, CLIENTS, GET, PUT, Load
from gateway.bench.sftp_files import orders, write_large
from gateway.bench.sftp_peers import Key, Server, make_key, program, running_gateway, running_sshd

__all__ = ["run"]

_PEER = "OpenSSH sshd"
_NO_PEER = "OpenSSH's sshd is not installed (Debian: openssh-server)"
#: Small uploads while the gateway also works on what it received.
_WORKING = "small puts beside work"
#: Distance between the numbers of one client's files and the next one's.
_APART = 10_000
_MB = 1.048576

Tell = Callable[[str], None]


@dataclass(slots=True)
class _Bench:
    """One run: what it carries and what it found."""

    files: int
    mebibytes: int
    folder: Path
    key: Key
    #: Client → what it carries.
    loads: Mapping[str, Load]
    #: (client, variant, "ours" or "peer") → seconds of each round.
    seconds: dict[tuple[str, str, str], list[float]] = field(default_factory=dict)
    rss_mib: float = 0.0

    def add(self, client: str, variant: str, side: str, seconds: float) -> None:
        self.seconds.setdefault((client, variant, side), []).append(seconds)

    def measured(self, client: str, variant: str, beside: str) -> tuple[float, float | None] | None:
        """Seconds of ours and of the peer in the round whose ratio is the median; None when ours did not run.

        What ran at another time than the peer's ``beside`` is compared by the medians of both.
        """
        ours = self.seconds.get((client, variant, "ours"), [])
        theirs = self.seconds.get((client, beside, "peer"), [])
        if not ours:
            return None
        if not theirs:
            return statistics.median(ours), None
        if variant != beside:
            return statistics.median(ours), statistics.median(theirs)
        pairs = sorted(zip(ours, theirs, strict=True), key=lambda pair: pair[0] / pair[1])
        return pairs[(len(pairs) - 1) // 2]


def run(files: int = 500, mebibytes: int = 256, rounds: int = 3, tell: Tell = lambda _line: None) -> list[Row]:
    """The rows of ``gateway bench sftp``: files and MB in a second, each way; ``tell`` gets a line before each step.

    ``files`` is at most 10,000. Raises RuntimeError when a server does not start, a command fails or a file came out
    different, and what the client raises.
    """
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        home = Path(folder)
        tell(f"writing {files} orders and a file of {mebibytes} MiB for each client")
        bench = _prepared(home, files, mebibytes)
        for number in range(1, rounds + 1):
            _round(bench, number, rounds, tell)
        return _rows(bench)


def _prepared(home: Path, files: int, mebibytes: int) -> _Bench:
    """Files of every client, and a working directory of ours in which they wait for collection."""
    key = make_key(home)
    template = home / "template"
    sftp_gateway.prepare(template, key.public)
    write_large(home / "large.bin", mebibytes, seed=1)
    loads = {}
    for number, client in enumerate(name for name in CLIENTS if name == "asyncssh" or program("sftp")):
        load = Load(home / f"small-{number}", home / f"large-{number}.bin", home / f"got-{number}")
        load.small.mkdir()
        for name, body in orders(1 + number * _APART, files):
            (load.small / name).write_bytes(body)
        load.large.hardlink_to(home / "large.bin")
        sftp_gateway.seed(template, [*(load.small / name for name in load.names), load.large])
        loads[client] = load
    return _Bench(files, mebibytes, home, key, loads)


def _round(bench: _Bench, number: int, rounds: int, tell: Tell) -> None:
    """Everything once on ours and once on theirs, which goes first in every second round."""
    ours, theirs = bench.folder / "ours", bench.folder / "theirs"
    shutil.copytree(bench.folder / "template", ours)
    with ExitStack() as stack:
        servers = {"ours": stack.enter_context(running_gateway(ours))}
        if program("sshd") is not None:
            (theirs / "in").mkdir(parents=True)
            (theirs / "out").mkdir()
            for load in bench.loads.values():
                for path in (*load.small.iterdir(), load.large):
                    shutil.copy(path, theirs / "out" / path.name)
            servers["peer"] = stack.enter_context(running_sshd(theirs, bench.key))
        sides = sorted(servers, reverse=number % 2 == 0)
        for client, load in bench.loads.items():
            tell(f"round {number} of {rounds}: {client}, our gateway and {_PEER} in turn")
            _measure(bench, client, load, {side: servers[side] for side in sides})
        bench.rss_mib = max(bench.rss_mib, servers["ours"].peak_rss_mib)
    shutil.rmtree(ours)
    shutil.rmtree(theirs, ignore_errors=True)
    tell(f"round {number} of {rounds}: our gateway while it works on what it receives")
    shutil.copytree(bench.folder / "template", ours)
    client, load = next(iter(bench.loads.items()))
    with running_gateway(ours, workers=True) as server, CLIENTS[client](server, bench.key, load) as session:
        bench.add(client, _WORKING, "ours", session(PUT))
    shutil.rmtree(ours)


def _measure(bench: _Bench, client: str, load: Load, servers: Mapping[str, Server]) -> None:
    """Both ways, small and large, on each server."""
    with ExitStack() as stack:
        loads = {side: replace(load, got=load.got.with_name(f"{load.got.name}-{side}")) for side in servers}
        sessions = {}
        for side, server in servers.items():
            loads[side].got.mkdir()
            sessions[side] = stack.enter_context(CLIENTS[client](server, bench.key, loads[side]))
        for variant in (PUT, GET, BULK_PUT, BULK_GET):
            for side, session in sessions.items():
                bench.add(client, variant, side, session(variant))
    for mine in loads.values():
        _check(mine)
        shutil.rmtree(mine.got)


def _check(load: Load) -> None:
    """What came back is what was laid out. Raises RuntimeError when it is not."""
    for sent in (*load.small.iterdir(), load.large):
        if not _equal(sent, load.got / sent.name):
            raise RuntimeError(f"{sent.name} was not collected as it was laid out.")


def _equal(one: Path, other: Path) -> bool:
    block = 1024 * 1024
    if not other.exists() or one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as first, other.open("rb") as second:
        while part := first.read(block):
            if part != second.read(block):
                return False
    return True


def _rows(bench: _Bench) -> list[Row]:
    small, large = f"{bench.files} orders of 2 to 8 KB", f"one file of {bench.mebibytes} MiB"
    variants = (
        (PUT, PUT, small, bench.files, "files/s"),
        (_WORKING, PUT, f"{small}, each processed meanwhile", bench.files, "files/s"),
        (GET, GET, small, bench.files, "files/s"),
        (BULK_PUT, BULK_PUT, large, bench.mebibytes * _MB, "MB/s"),
        (BULK_GET, BULK_GET, large, bench.mebibytes * _MB, "MB/s"),
    )
    rows = []
    for client in bench.loads:
        for variant, same, work, amount, unit in variants:
            measured = bench.measured(client, variant, same)
            if measured is None:
                continue
            ours, theirs = measured
            rows.append(
                row(
                    "sftp",
                    f"{variant}, {client} client",
                    f"{work}, {CIPHER.partition('@')[0]}",
                    amount / ours,
                    unit,
                    peer=_PEER,
                    peer_value=amount / theirs if theirs else None,
                    note="" if theirs else _NO_PEER,
                    rss_mib=bench.rss_mib,
                )
            )
    return rows
