"""One company of the demonstration: a working directory, a gateway process of its own, and its back office's view."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from gateway import control
from gateway.settings import company_named
from gateway.workdir import make_working_directory

__all__ = ["Company", "DemoError", "GatewayProcess", "launched", "wait_for"]

#: Seconds that a gateway may take to start, and that one step may take, on a busy machine.
START_SECONDS, STEP_SECONDS = 60.0, 90.0
_LOOK_EVERY = 0.05

Json = dict[str, Any]


class DemoError(Exception):
    """The demonstration cannot go on; the message says at which step and why."""


def wait_for(what: str, look: Callable[[], Any], seconds: float = STEP_SECONDS) -> Any:
    """Look again and again until something is there. Raises DemoError naming what did not come."""
    give_up = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > give_up:
            raise DemoError(f"{what} did not happen within {seconds:.0f} seconds.")
        time.sleep(_LOOK_EVERY)


class GatewayProcess(Protocol):
    """A running gateway: what ``subprocess.Popen`` offers of it."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...


def launched(arguments: list[str], environment: dict[str, str], output: Path) -> GatewayProcess:
    """Start ``gateway`` with these arguments in a process of its own; what it says goes to a file."""
    with output.open("wb") as said:
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "gateway", *arguments], stdout=said, stderr=said, env=environment
        )


@dataclass(slots=True)
class Company:
    """A company with its gateway; ``code`` is how the other one calls it."""

    code: str
    name: str
    home: Path
    as2_name: str = ""
    certificate: Path = field(default_factory=Path)
    url: str = ""
    #: Address of its SFTP server, "sftp://host:port".
    sftp: str = ""
    #: Where it takes cXML over HTTP, "" when its HTTP door is shut.
    cxml: str = ""
    #: Code of the partner on whose server we have a mailbox.
    polls: str = ""
    #: Its database when it is not a file in its folder: a URL, as in the settings.
    database: str | None = None
    #: Further environment variables of the gateway's process.
    environment: dict[str, str] = field(default_factory=dict)
    #: How the gateway's process is started: its arguments, its environment, and the file for what it says.
    launch: Callable[[list[str], dict[str, str], Path], GatewayProcess] = launched
    _process: GatewayProcess | None = None

    def prepare(self, listen: str = "127.0.0.1:0") -> None:
        """Make the working directory: settings, keys, database, folders."""
        made = make_working_directory(
            self.home, company_named(self.name), now=datetime.now(UTC), listen=listen, database=self.database
        )
        self.as2_name = made.settings.company.as2_name
        self.certificate = made.certificate

    def start(self) -> None:
        """Start the gateway in a process of its own; ``wait_ready`` says when it listens."""
        environment = {
            **os.environ,
            "GATEWAY_FOLDERS_SCAN_SECONDS": "0.1",
            "GATEWAY_FOLDERS_SETTLE_SECONDS": "0",
            "GATEWAY_LIMITS_MIN_FREE_DISK_BYTES": "0",
            "GATEWAY_SFTP_LISTEN": "127.0.0.1:0",
            "GATEWAY_HTTP_LISTEN": "127.0.0.1:0",
            **self.environment,
        }
        self._process = self.launch(["up", "--dir", str(self.home)], environment, self.home / "log" / "up.out")

    def wait_ready(self) -> None:
        """Wait until the gateway listens. Raises DemoError with its last words when it ended instead."""
        listeners = self.home / "run" / "listeners.json"
        pid = self.process.pid

        def look() -> bool:
            if self._process is not None and self._process.poll() is not None:
                said = (self.home / "log" / "up.out").read_text(errors="replace")[-500:]
                raise DemoError(f"The gateway of {self.name} ended while it started: {said}")
            # A gateway that was killed leaves its file behind: only that of this process counts.
            return listeners.exists() and json.loads(listeners.read_text())["pid"] == pid

        wait_for(f"The start of the gateway of {self.name}", look, START_SECONDS)
        found = json.loads(listeners.read_text())
        self.url, self.sftp, self.cxml = found["as2"], found.get("sftp", ""), found.get("cxml", "")

    @property
    def process(self) -> GatewayProcess:
        """The gateway's process. Raises DemoError when it was not started."""
        if self._process is None:
            raise DemoError(f"The gateway of {self.name} was not started.")
        return self._process

    def kill(self) -> None:
        """End the gateway as a power cut does."""
        self.process.kill()
        self.process.wait()
        self._process = None

    def stop(self) -> None:
        """End the gateway in good order."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def call(self, operation: str, **parameters: Any) -> Any:
        """Run an operation in the running gateway."""
        return control.call(self.home, operation, **parameters)

    def befriend(self, other: Company, version: str, **changes: Any) -> None:
        """Describe the other company as a partner: what a person would write in a partner file."""
        identity = other.as2_name
        text = json.dumps(
            {
                "code": other.code,
                "name": other.name,
                "status": "live",
                "ids": {"isa": [{"qualifier": "ZZ", "id": identity}], "gs": [identity], "as2": identity},
                "envelope": {"version": version},
                "inbound": {"test_in_live": "process"},
                "as2": {
                    "url": other.url,
                    "compress": "before_sign",
                    "certificates": [{"file": "partner.crt"}],
                },
                **changes,
            }
        )
        self.call(
            "partner.apply",
            files=[
                {"name": f"{other.code}.yaml", "text": text, "files": {"partner.crt": other.certificate.read_text()}}
            ],
            author="demo",
            reason="the demonstration",
        )

    def open_mailbox(self, other: Company, version: str, public_key: str) -> None:
        """Give the other company a mailbox on our SFTP server."""
        hosted = {"user": other.code, "keys": [public_key]}
        self.befriend(other, version, sftp={"hosted": hosted}, delivery={"transport": "sftp"})

    def use_mailbox(self, other: Company, version: str, private_key: bytes) -> None:
        """Exchange with the other company through our mailbox on its SFTP server, whose host keys we pin."""
        value = base64.b64encode(private_key).decode("ascii")
        self.call("secret.put", name=f"sftp-{other.code}", kind="plain", value=value)
        server = urlsplit(other.sftp)
        sftp = {
            "host": server.hostname,
            "port": server.port,
            "host_keys": other.call("status")["ssh_host_keys"],
            "user": self.code,
            "key": {"secret": f"sftp-{other.code}"},
            "inbound": "out",
            "outbound": "in",
            "poll_seconds": 10,
            "settle_seconds": 0,
        }
        self.befriend(other, version, sftp=sftp, delivery={"transport": "sftp"})
        self.polls = other.code

    # -- looking -----------------------------------------------------------------------------------------------

    def nudge(self) -> None:
        """Look now at the mailbox that we have on a partner's server."""
        if self.polls:
            self.call("partner.poll", name=self.polls)

    def messages(self, **filters: Any) -> list[Json]:
        """The newest messages that fit."""
        found: list[Json] = self.call("message.list", limit=200, **filters)["messages"]
        return found

    def show(self, identity: str) -> Json:
        """One message with everything that belongs to it."""
        found: Json = self.call("message.show", id=identity)
        return found

    def posted(self, kind: str, number: str) -> Json | None:
        """The document that appeared in the inbox, or None so far."""
        for path in sorted((self.home / "inbox").glob(f"*/{kind}-*.json")):
            document: Json = json.loads(path.read_text())
            if document.get("number") == number:
                return document
        return None

    def hand_in(self, document: Mapping[str, Any]) -> None:
        """Put a document into the outbox as a back office does: under a temporary name, then renamed."""
        name = f"{document['kind']}-{document['number']}.json"
        temporary = self.home / "outbox" / f".{name}.tmp"
        temporary.write_text(json.dumps(document, indent=2))
        temporary.rename(self.home / "outbox" / name)

    def refusal(self, document: Mapping[str, Any]) -> Json | None:
        """Why the outbox refused a document, or None."""
        for path in (self.home / "outbox" / "failed").glob(f"{document['kind']}-{document['number']}*.reason.json"):
            found: Json = json.loads(path.read_text())
            return found
        return None
