"""The control socket: commands of the same machine reach the running service through ``run/control.sock``.

One process owns the writer of a database, so a command that changes something asks that process to do it.
The protocol is one JSON object on each line: ``{"operation": name, "parameters": {…}}`` is answered by
``{"ok": true, "result": …}`` or ``{"ok": false, "error": sentence, "fix": sentence}``. Only the user that
runs the service may connect: the socket has mode 0600 and the peer's user id is checked.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import socket
import stat
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = [
    "SOCKET",
    "ControlError",
    "ControlServer",
    "Failure",
    "NotRunningError",
    "call",
    "describe",
    "is_running",
    "socket_path",
]

#: Where the socket lies in a working directory.
SOCKET = Path("run/control.sock")
#: Largest request or answer in bytes: a 100 MiB file as base64, with room for its frame.
MAX_LINE_BYTES = 160 * 1024 * 1024
#: Seconds a client waits for its answer; a replay of many messages takes minutes.
CALL_SECONDS = 600.0
#: Seconds the server waits for a silent client before it hangs up.
IDLE_SECONDS = 30.0
#: Clients served at one time; further ones wait in the listen queue.
MAX_CLIENTS = 16
#: Clients that may wait for their turn before a connection is refused for the moment.
BACKLOG = 128
#: Seconds a client keeps trying while the service has no room for it.
CONNECT_SECONDS = 30.0

_log = logging.getLogger("gateway.control")

#: An operation as the server runs it: parameters in, JSON-able result out.
Operation = Callable[[dict[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, for people."""

    error: str
    #: What to do about it; "" when the error says it.
    fix: str = ""
    #: One line for each single problem, where there are several and ``error`` does not list them.
    details: tuple[str, ...] = ()

    def frame(self) -> dict[str, Any]:
        """The answer that carries this failure to the client."""
        return {"ok": False, "error": self.error, "fix": self.fix, "details": list(self.details)}


class ControlError(Exception):
    """The service refused or failed an operation; says why and what to do."""

    def __init__(self, error: str, fix: str = "", details: Sequence[str] = ()) -> None:
        super().__init__(error)
        #: What to do about it; "" when the message says it.
        self.fix = fix
        #: One line for each single problem, where there are several.
        self.details = tuple(details)


class NotRunningError(ControlError):
    """No service listens on the control socket of this working directory."""


def describe(error: BaseException) -> Failure | None:
    """The sentence for people that an exception carries, or None for a fault that nobody foresaw.

    Exceptions of this package are written for people (their ``fix`` attribute, where they have one, says what
    to do), and so is what the operating system says about a file. Anything else is a fault to be logged.
    """
    if type(error).__module__.partition(".")[0] == "gateway":
        sentence = str(error)
        details = tuple(str(line) for line in getattr(error, "details", ()))
        fix = str(getattr(error, "fix", "") or "")
        return Failure(sentence, fix, tuple(line for line in details if line not in sentence))
    if isinstance(error, OSError) and error.filename is not None:
        return Failure(f"{error.filename}: {error.strerror or error}.", "Check that it exists and its permissions.")
    return None


def socket_path(directory: Path | str) -> Path:
    """The control socket of a working directory."""
    return Path(directory).absolute() / SOCKET


class ControlServer:
    """Answers operations on a unix socket, one thread for each client."""

    def __init__(
        self,
        path: Path | str,
        operations: Mapping[str, Operation],
        *,
        max_line_bytes: int = MAX_LINE_BYTES,
        idle_seconds: float = IDLE_SECONDS,
        max_clients: int = MAX_CLIENTS,
    ) -> None:
        self.path = Path(path)
        self._operations = dict(operations)
        self._max_line_bytes = max_line_bytes
        self._idle_seconds = idle_seconds
        self._slots = threading.BoundedSemaphore(max_clients)
        self._clients: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    def start(self) -> None:
        """Bind the socket (mode 0600, its folder 0700) and start to answer.

        A socket that a crashed service left behind is removed. Raises ControlError when another service
        answers on it, or when the path holds something that is not a socket.
        """
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_stale(self.path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # The umask belongs to the whole process, so privacy comes from the folder until the chmod.
            with _short_address(self.path) as address:
                listener.bind(address)
            self.path.chmod(0o600)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
        self._listener = listener
        self._thread = threading.Thread(target=self._accept, name="control", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Stop listening, let running operations end for ``timeout`` seconds, remove the socket."""
        self._stopping.set()
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self.path.unlink(missing_ok=True)
        if self._thread is not None:
            self._thread.join(timeout)
        with self._lock:
            clients = dict(self._clients)
        for client, thread in clients.items():
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RD)  # an answer on its way still gets out
            thread.join(timeout)
        self._listener = self._thread = None

    def _accept(self) -> None:
        listener = self._listener
        while listener is not None and not self._stopping.is_set():
            try:
                client, _ = listener.accept()
            except OSError:
                if self._stopping.is_set():
                    return
                _log.exception("the control socket could not take a client")
                self._stopping.wait(0.2)  # out of file descriptors: wait rather than spin
                continue
            while not self._slots.acquire(timeout=0.2):  # returned by _serve; others wait in the backlog
                if self._stopping.is_set():
                    client.close()
                    return
            thread = threading.Thread(target=self._serve, args=(client,), name="control-client", daemon=True)
            with self._lock:
                self._clients[client] = thread
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        try:
            with client, client.makefile("rb") as lines:
                client.settimeout(self._idle_seconds)
                if not _same_user(client):
                    self._hang_up(client, "This socket serves the user that runs the service.")
                    return
                while line := lines.readline(self._max_line_bytes + 1):
                    if len(line) > self._max_line_bytes:
                        self._hang_up(client, f"The request is larger than {self._max_line_bytes} bytes.")
                        return
                    answer = self._answer(line)
                    client.settimeout(None)
                    _send(client, answer)
                    client.settimeout(self._idle_seconds)
        except OSError:  # the client went away or stayed silent: nothing to answer
            _log.debug("a control client went away", exc_info=True)
        finally:
            with self._lock:
                self._clients.pop(client, None)
            self._slots.release()

    def _hang_up(self, client: socket.socket, why: str) -> None:
        """Refuse and take no more; what is still on its way is thrown away so that the refusal arrives."""
        _send(client, _refused(why))
        client.shutdown(socket.SHUT_WR)
        left = self._max_line_bytes
        while left > 0 and (chunk := client.recv(min(left, 65_536))):
            left -= len(chunk)

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            return _refused("The request is not a line of JSON.")
        if not isinstance(request, dict) or not isinstance(request.get("parameters", {}), dict):
            return _refused('A request is {"operation": name, "parameters": {…}}.')
        name = request.get("operation")
        operation = self._operations.get(name) if isinstance(name, str) else None
        if operation is None:
            known = ", ".join(sorted(self._operations))
            return _refused(f'The service has no operation "{name}"; it knows {known}.', "Use the same release.")
        try:
            result = operation(request.get("parameters", {}))
            json.dumps(result)
        except Exception as error:  # noqa: BLE001  every failure becomes an answer; _failed logs the faults
            return self._failed(str(name), error)
        return {"ok": True, "result": result}

    def _failed(self, name: str, error: Exception) -> dict[str, Any]:
        failure = describe(error)
        if failure is None:
            reference = secrets.token_hex(4)
            _log.error("operation %s failed, error id %s", name, reference, exc_info=error)
            failure = Failure(
                f"The operation {name} failed unexpectedly (error id {reference}).",
                "The log of the service has the details under that id.",
            )
        return failure.frame()


def call(directory: Path | str, operation: str, /, **parameters: Any) -> Any:
    """Run an operation in the service of a working directory and return its result.

    Raises NotRunningError when no service listens there, ControlError when the operation was refused or
    failed.
    """
    path = socket_path(directory)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(CALL_SECONDS)
        try:
            _connect(client, path)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as exc:
            raise NotRunningError(f"No service runs in {directory}.", "Start it with `gateway up`.") from exc
        except PermissionError as exc:
            raise ControlError(
                f"You may not use {path}.", "Run the command as the user that runs the service."
            ) from exc
        except BlockingIOError as exc:
            raise ControlError("The service has more commands to answer than it can.", "Try later.") from exc
        try:
            _send(client, {"operation": operation, "parameters": parameters})
            with client.makefile("rb") as lines:
                answer = lines.readline(MAX_LINE_BYTES + 1)
        except OSError as exc:
            raise _no_answer(operation) from exc
    return _result(operation, answer)


def _connect(client: socket.socket, path: Path) -> None:
    """Connect; a full backlog (EAGAIN on a unix socket) is waited for."""
    give_up = time.monotonic() + CONNECT_SECONDS
    while True:
        try:
            with _short_address(path) as address:
                client.connect(address)
            return
        except BlockingIOError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.02)


def is_running(directory: Path | str) -> bool:
    """Whether a service answers on the control socket of a working directory."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(2.0)
        try:
            with _short_address(socket_path(directory)) as address:
                client.connect(address)
        except BlockingIOError:  # its backlog is full: it is there, and busy
            return True
        except OSError:
            return False
    return True


def _result(operation: str, answer: bytes) -> Any:
    try:
        reply = json.loads(answer)
        if reply["ok"]:
            return reply["result"]
        failure = Failure(str(reply["error"]), str(reply.get("fix", "")), tuple(map(str, reply.get("details", ()))))
    except (ValueError, KeyError, TypeError) as exc:
        raise _no_answer(operation) from exc
    raise ControlError(failure.error, failure.fix, failure.details)


def _no_answer(operation: str) -> ControlError:
    return ControlError(
        f"The service gave no whole answer to {operation}; whether it was done is not known.",
        "Look at the state before you try again (`gateway message list`, `gateway doctor`).",
    )


def _refused(error: str, fix: str = "") -> dict[str, Any]:
    return Failure(error, fix).frame()


def _send(client: socket.socket, value: dict[str, Any]) -> None:
    client.sendall(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n")


def _same_user(client: socket.socket) -> bool:
    """The peer is our own user or root; where the system cannot tell, the file mode must do."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return uid in (0, os.geteuid())


def _remove_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ControlError(f"{path} is not a socket, so the service cannot listen there.", "Move it away.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2.0)
        try:
            with _short_address(path) as address:
                probe.connect(address)
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except OSError as exc:
            raise ControlError(f"{path} is in use or cannot be looked at: {exc}.", "") from exc
    raise ControlError(f"Another service answers on {path}.", "Stop it first, or use another directory.")


@contextlib.contextmanager
def _short_address(path: Path) -> Iterator[str]:
    """An address for ``path`` within the 107 bytes that the system allows for a socket's name."""
    if len(os.fsencode(path)) <= 100:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
