"""How fast our SFTP door is, beside OpenSSH's sshd with the same client in one run.

Ours is the gateway with everything on the disk before it answers: bytes and transmission of an upload, and the record
of each collection. sshd writes plain files and waits for no disk. Two clients are measured, each against both servers:
asyncssh's, which takes its own time for every file, and OpenSSH's ``sftp``, which takes nearly none. Rounds of both
servers follow one another and the medians count, so that other load on the machine meets both.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.bench import sftp_gateway
from gateway.bench.rows import Row, row
from gateway.bench.sftp_clients import BULK_GET, BULK_PUT, CIPHER, CLIENTS, GET, PUT, Load, put_small
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

    def median(self, client: str, variant: str, side: str) -> float | None:
        found = self.seconds.get((client, variant, side))
        return statistics.median(found) if found else None


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
            _round(bench, f"round {number} of {rounds}: ", tell)
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


def _round(bench: _Bench, number: str, tell: Tell) -> None:
    """Everything once on ours and once on theirs."""
    ours, theirs = bench.folder / "ours", bench.folder / "theirs"
    tell(f"{number}our gateway")
    shutil.copytree(bench.folder / "template", ours)
    with running_gateway(ours) as server:
        _measure(bench, server, "ours")
        bench.rss_mib = max(bench.rss_mib, server.peak_rss_mib)
    shutil.rmtree(ours)
    if program("sshd") is not None:
        tell(f"{number}{_PEER}")
        (theirs / "in").mkdir(parents=True)
        (theirs / "out").mkdir()
        for load in bench.loads.values():
            for path in (*load.small.iterdir(), load.large):
                shutil.copy(path, theirs / "out" / path.name)
        with running_sshd(theirs, bench.key) as server:
            _measure(bench, server, "peer")
        shutil.rmtree(theirs)
    tell(f"{number}our gateway while it works on what it receives")
    shutil.copytree(bench.folder / "template", ours)
    client, load = next(iter(bench.loads.items()))
    with running_gateway(ours, workers=True) as server:
        bench.add(client, _WORKING, "ours", put_small(server, bench.key, load))
    shutil.rmtree(ours)


def _measure(bench: _Bench, server: Server, side: str) -> None:
    """Both ways, small and large, by every client."""
    for client, load in bench.loads.items():
        load.got.mkdir()
        for variant, seconds in CLIENTS[client](server, bench.key, load).items():
            bench.add(client, variant, side, seconds)
        _check(load)
        shutil.rmtree(load.got)


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
    measured = (
        (PUT, PUT, small, bench.files, "files/s"),
        (_WORKING, PUT, f"{small}, each processed meanwhile", bench.files, "files/s"),
        (GET, GET, small, bench.files, "files/s"),
        (BULK_PUT, BULK_PUT, large, bench.mebibytes * _MB, "MB/s"),
        (BULK_GET, BULK_GET, large, bench.mebibytes * _MB, "MB/s"),
    )
    rows = []
    for client in bench.loads:
        for variant, same, work, amount, unit in measured:
            ours, theirs = bench.median(client, variant, "ours"), bench.median(client, same, "peer")
            if ours is None:
                continue
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
