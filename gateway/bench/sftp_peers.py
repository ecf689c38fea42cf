"""The servers of the SFTP benchmark: our gateway and OpenSSH's sshd, each in a process of its own."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncssh

from gateway.bench.sftp_gateway import PARTNER

__all__ = ["Key", "Server", "make_key", "program", "running_gateway", "running_sshd"]

_PLACES = "/usr/sbin:/usr/local/sbin:/sbin"
#: Seconds that a start and an end may take.
_START, _END = 90.0, 60.0
_LOOK_EVERY = 0.02


@dataclass(frozen=True, slots=True)
class Key:
    """The client's key, for both servers."""

    private: Path
    #: OpenSSH's one-line form.
    public: str


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    port: int
    user: str
    process: subprocess.Popen[bytes]

    @property
    def peak_rss_mib(self) -> float:
        """Largest resident memory of the process so far, 0 where the system does not tell."""
        status = Path(f"/proc/{self.process.pid}/status")
        if not status.exists():
            return 0.0
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024


def program(name: str) -> str | None:
    """The path of an OpenSSH program, None when this machine has none."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_PLACES}")


def make_key(folder: Path) -> Key:
    """A fresh ed25519 key in ``folder``."""
    made = asyncssh.generate_private_key("ssh-ed25519")
    path = folder / "client_key"
    path.write_bytes(made.export_private_key())
    path.chmod(0o600)
    return Key(path, made.export_public_key().decode("ascii").strip())


# -- servers -----------------------------------------------------------------------------------------------------


@contextmanager
def running_gateway(home: Path, *, workers: bool = False) -> Iterator[Server]:
    """The gateway of a working directory: its SFTP door alone, or with ``workers`` the whole of ``gateway up``."""
    command = [sys.executable, "-m", "gateway.bench.sftp_gateway", str(home)]
    if workers:
        command = [sys.executable, "-m", "gateway", "up", "--dir", str(home)]
    environment = {"GATEWAY_SFTP_LISTEN": "127.0.0.1:0", "GATEWAY_LIMITS_MIN_FREE_DISK_BYTES": "0"}
    listeners = home / "run" / "listeners.json"
    listeners.unlink(missing_ok=True)
    with _process(command, home / "log" / "bench.out", environment) as process:

        def look() -> int | None:
            if not listeners.exists():
                return None
            address: str = json.loads(listeners.read_text())["sftp"]
            return urlsplit(address).port

        yield Server(_wait("our gateway", process, home / "log" / "bench.out", look), PARTNER, process)


@contextmanager
def running_sshd(home: Path, key: Key) -> Iterator[Server]:
    """OpenSSH's server on the loopback with its own host key; sessions begin in ``home``."""
    host_key = home / "host_key"
    host_key.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    host_key.chmod(0o600)
    authorized = home / "authorized_keys"
    authorized.write_text(key.public + "\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    config = home / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {host_key}\nAuthorizedKeysFile {authorized}\n"
        f"PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\n"
        f"Subsystem sftp internal-sftp -d {home}\n"
    )
    if os.geteuid() == 0:  # where it separates its privileges
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    log = home / "sshd.log"

    def look() -> int | None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except ConnectionRefusedError:
            return None
        return port

    with _process([program("sshd") or "sshd", "-D", "-e", "-f", str(config)], log, {}) as process:
        yield Server(_wait("sshd", process, log, look), getpass.getuser(), process)


@contextmanager
def _process(command: list[str], log: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own module, and sshd
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={**os.environ, **environment}
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(what: str, process: subprocess.Popen[bytes], log: Path, look: Callable[[], int | None]) -> int:
    """Look until the server listens; its port. Raises RuntimeError when it ends or takes too long."""
    give_up = time.monotonic() + _START
    while (port := look()) is None:
        if process.poll() is not None:
            raise RuntimeError(f"{what} ended while it started: {log.read_text(errors='replace')[-500:]}")
        if time.monotonic() > give_up:
            raise RuntimeError(f"{what} did not listen within {_START:.0f} seconds.")
        time.sleep(_LOOK_EVERY)
    return port
