"""OpenSSH's own programs as a partner uses them: with its own files only, in batches, judged by their exit status."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import asyncssh
import pytest

__all__ = ["KINDS", "OpenSsh", "require_openssh"]

KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")


def require_openssh() -> None:
    """Skip the module where OpenSSH's client programs are missing, unless nothing may be."""
    missing = [name for name in ("sftp", "scp", "ssh") if shutil.which(name) is None]
    if not missing:
        return
    sentence = f"OpenSSH is not installed here: {', '.join(missing)} missing"
    if os.environ.get("GATEWAY_REQUIRE_ALL") == "1":
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence, allow_module_level=True)


class OpenSsh:
    """One partner's programs; its keys and files are in ``folder``."""

    def __init__(self, folder: Path, port: int, host_key: str, user: str = "acme") -> None:
        self.folder, self.user = folder, user
        self.known = folder / "known_hosts"
        self.serves(port, host_key)

    def serves(self, port: int, host_key: str) -> None:
        """Where the server is, and the only key (OpenSSH's one-line form) that it is believed by."""
        self.port = port
        self.known.write_text(f"[127.0.0.1]:{port} {host_key}\n")

    def own(self, key: asyncssh.SSHKey, name: str = "ssh-ed25519") -> None:
        """Keep a private key under a name, by which the programs are told to use it."""
        path = self.folder / name
        path.unlink(missing_ok=True)
        path.write_bytes(key.export_private_key("openssh"))
        path.chmod(0o600)

    def options(self, key: str = "ssh-ed25519") -> list[str]:
        """What every program is told: these files and no others, and no questions."""
        pairs = {
            "UserKnownHostsFile": self.known,
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "UpdateHostKeys": "no",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "IdentityFile": self.folder / key,
            "BatchMode": "yes",
            "Port": self.port,
        }
        return ["-F", "/dev/null", *(part for name, value in pairs.items() for part in ("-o", f"{name}={value}"))]

    def sftp(self, *commands: str, key: str = "ssh-ed25519", more: tuple[str, ...] = (), seconds: float = 120) -> str:
        """Run a batch in one session and give what it printed; its exit status must be 0."""
        return _good(self.try_sftp(*commands, key=key, more=more, seconds=seconds))

    def try_sftp(
        self, *commands: str, key: str = "ssh-ed25519", more: tuple[str, ...] = (), seconds: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a batch in one session, whatever becomes of it."""
        command = ["sftp", *self.options(key), *more, "-b", "-", f"{self.user}@127.0.0.1"]
        return self._run(command, "\n".join(commands) + "\n", seconds)

    def scp(self, *arguments: str) -> str:
        """Copy; the exit status must be 0."""
        return _good(self.try_scp(*arguments))

    def try_scp(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Copy, whatever becomes of it."""
        return self._run(["scp", *self.options(), *arguments], "", 120)

    def file(self, name: str, body: bytes) -> str:
        """A file of the partner's."""
        (self.folder / name).write_bytes(body)
        return name

    def _run(self, command: list[str], text: str, seconds: float) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, input=text, capture_output=True, text=True, timeout=seconds, cwd=self.folder, check=False
        )


def _good(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
