"""A partner's SFTP server made of paramiko, in a process of its own, over one folder.

``ParamikoServer`` starts and ends it; it has what the tests of our client ask of a server. Run as a program, the
module is the server: it reads its task as one line of JSON and prints its port.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
import subprocess
import sys
import threading
from io import StringIO
from pathlib import Path
from types import TracebackType
from typing import Any

import asyncssh
import paramiko

__all__ = ["ParamikoServer"]


class ParamikoServer:
    """The running server. ``home`` is the folder that it serves, by absolute paths."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.user = getpass.getuser()
        self.host_keys = [asyncssh.generate_private_key("ssh-ed25519")]
        self.user_key = asyncssh.generate_private_key("ssh-ed25519")
        self.port = 0

    @property
    def fingerprints(self) -> list[str]:
        return [key.get_fingerprint() for key in self.host_keys]

    @property
    def secret_key(self) -> bytes:
        return self.user_key.export_private_key()

    def __enter__(self) -> ParamikoServer:
        task = {
            "home": str(self.home),
            "user": self.user,
            "host_key": self.host_keys[0].export_private_key("openssh").decode(),
            "user_key": self.user_key.export_public_key().decode().split()[1],
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.interop.paramiko_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(task).encode() + b"\n")
        self._process.stdin.flush()
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()


# -- in the server's process -------------------------------------------------------------------------------------


class _Login(paramiko.ServerInterface):
    """One user with one key."""

    def __init__(self, task: dict[str, str]) -> None:
        self._task = task

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        right = username == self._task["user"] and key.get_base64() == self._task["user_key"]
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED if kind == "session" else paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


class _File(paramiko.SFTPHandle):
    """An open file; reads and writes are paramiko's own."""

    def __init__(self, flags: int, descriptor: int) -> None:
        super().__init__(flags)
        self.readfile = self.writefile = os.fdopen(descriptor, "rb+" if flags & os.O_RDWR else _mode(flags))

    def stat(self) -> paramiko.SFTPAttributes:
        return paramiko.SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))


def _mode(flags: int) -> str:
    return "wb" if flags & os.O_WRONLY else "rb"


def _answered(method: Any) -> Any:
    """Errors of the disk as codes of the protocol."""

    def guarded(*arguments: Any) -> Any:
        try:
            return method(*arguments)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    return guarded


class _Folder(paramiko.SFTPServerInterface):
    """The partner's files."""

    def __init__(self, server: paramiko.ServerInterface, home: str) -> None:
        super().__init__(server)
        self._home = home

    def _place(self, path: str) -> str:
        place = os.path.realpath(path)
        if not place.startswith(self._home + "/"):
            raise PermissionError(1, "outside")
        return place

    @_answered
    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes]:
        place = self._place(path)
        return [paramiko.SFTPAttributes.from_stat(os.lstat(f"{place}/{n}"), n) for n in sorted(os.listdir(place))]

    @_answered
    def stat(self, path: str) -> paramiko.SFTPAttributes:
        return paramiko.SFTPAttributes.from_stat(os.stat(self._place(path)))

    lstat = stat

    @_answered
    def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> _File:
        return _File(flags, os.open(self._place(path), flags, 0o600))

    @_answered
    def remove(self, path: str) -> int:
        os.remove(self._place(path))
        return paramiko.SFTP_OK

    @_answered
    def rename(self, oldpath: str, newpath: str) -> int:
        if os.path.exists(self._place(newpath)):
            return paramiko.SFTP_FAILURE
        os.rename(self._place(oldpath), self._place(newpath))
        return paramiko.SFTP_OK

    @_answered
    def posix_rename(self, oldpath: str, newpath: str) -> int:
        os.replace(self._place(oldpath), self._place(newpath))
        return paramiko.SFTP_OK


def _serve(connection: socket.socket, task: dict[str, str]) -> None:
    transport = paramiko.Transport(connection)
    transport.add_server_key(paramiko.Ed25519Key.from_private_key(StringIO(task["host_key"])))
    transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Folder, task["home"])
    try:
        transport.start_server(server=_Login(task))
    except (paramiko.SSHException, EOFError):
        transport.close()  # who came did not like our key, or hung up


def main() -> None:
    """Serve until the process ends."""
    task = json.loads(sys.stdin.readline())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_serve, args=(connection, task), daemon=True).start()


if __name__ == "__main__":
    main()
