"""A real OpenSSH server on a free port of the loopback, with its own keys, for as long as a test needs it."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
from pathlib import Path
from types import TracebackType

import asyncssh

__all__ = ["Sshd", "free_port", "program"]

_PLACES = "/usr/sbin:/usr/local/sbin:/sbin"


def program(name: str) -> str | None:
    """The path of an OpenSSH program, None when it is not there."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_PLACES}")


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Sshd:
    """One server. ``host_keys`` names the kinds of key it owns; ``extra`` lines go into its configuration."""

    def __init__(
        self, home: Path, *, host_keys: tuple[str, ...] = ("ssh-ed25519",), extra: tuple[str, ...] = ()
    ) -> None:
        self.home = home
        self.extra = extra
        self.user = getpass.getuser()
        self.port = 0
        self.host_keys = [asyncssh.generate_private_key(kind) for kind in host_keys]
        self.user_key = asyncssh.generate_private_key("ssh-ed25519")
        self.log = home / "sshd.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def fingerprints(self) -> list[str]:
        return [key.get_fingerprint() for key in self.host_keys]

    @property
    def secret_key(self) -> bytes:
        return self.user_key.export_private_key()

    def __enter__(self) -> Sshd:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        authorized = self.home / "authorized_keys"
        authorized.write_bytes(self.user_key.export_public_key())
        lines = []
        for number, key in enumerate(self.host_keys):
            path = self.home / f"host_{number}"
            path.write_bytes(key.export_private_key())
            path.chmod(0o600)
            lines.append(f"HostKey {path}")
        self.port = self.port or free_port()
        lines += [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"AuthorizedKeysFile {authorized}",
            "PidFile none",
            "StrictModes no",
            "UsePAM no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin yes",
            "MaxStartups 100",
            "Subsystem sftp internal-sftp",
            *self.extra,
        ]
        config = self.home / "sshd_config"
        config.write_text("\n".join(lines) + "\n")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        command = [program("sshd") or "sshd", "-D", "-e", "-f", str(config)]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._wait_until_it_answers()

    def _wait_until_it_answers(self) -> None:
        assert self._process is not None
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=10) as probe:
                    assert probe.recv(4) == b"SSH-"
                return
            except ConnectionRefusedError:
                try:
                    code = self._process.wait(0.05)
                except subprocess.TimeoutExpired:
                    continue
                raise AssertionError(f"sshd ended with {code}: {self.log.read_text()}") from None

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None
