"""A partner with OpenSSH's programs and a mailbox on a real gateway, for the stories that it tells."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncssh

from gateway.demo.company import Company, wait_for
from tests.faults.faultskit import query
from tests.faults.orders import SENDER
from tests.interop.opensshkit import OpenSsh

__all__ = ["MailboxStory", "mailbox_story"]


@dataclass
class MailboxStory:
    """The gateway and the partner's programs."""

    gateway: Company
    partner: OpenSsh
    key: asyncssh.SSHKey

    @property
    def port(self) -> int:
        """Of the gateway's SFTP server."""
        return urlsplit(self.gateway.sftp).port or 22

    def agree(self, *keys: object, inbound: dict[str, Any] | None = None, **hosted: Any) -> None:
        """Apply the partner's profile: its public keys (default: the one it began with) and its mailbox."""
        given = list(keys) or [public(self.key)]
        profile = {
            "code": "harbor",
            "name": "Harbor Retail",
            "status": "live",
            "ids": {"isa": [{"qualifier": "ZZ", "id": SENDER}], "gs": [SENDER]},
            "envelope": {"version": "004010"},
            "sftp": {"hosted": {"user": "harbor", "keys": given, **hosted}},
            "delivery": {"transport": "sftp"},
            "inbound": inbound or {},
        }
        files = [{"name": "harbor.yaml", "text": json.dumps(profile)}]
        self.gateway.call("partner.apply", files=files, author="test")

    def host_key(self, kind: str = "ssh-ed25519") -> str:
        """The server's public key of a kind, checked against the fingerprints that staff read out."""

        async def ask() -> asyncssh.SSHKey | None:
            signatures = ["rsa-sha2-512"] if kind == "ssh-rsa" else [kind]
            return await asyncssh.get_server_host_key("127.0.0.1", self.port, server_host_key_algs=signatures)

        key = asyncio.run(ask())
        assert key is not None
        assert key.get_fingerprint() in self.gateway.call("status")["ssh_host_keys"]
        return public(key)

    def count(self, what: str) -> int:
        """``SELECT count(*) FROM`` what."""
        return int(query(self.gateway, f"SELECT count(*) FROM {what}")[0][0])

    def await_count(self, what: str, count: int, seconds: float = 90) -> None:
        """Wait until there are so many."""
        wait_for(f"{count} of {what}", lambda: self.count(what) >= count, seconds)
        assert self.count(what) == count

    def lay_out(self, name: str, source: Path) -> None:
        """Let a file of any size wait in the partner's outbox: a payload with its rows, as a delivery leaves them."""
        with source.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        path = f"{digest[:2]}/{digest}"
        blob = self.gateway.home / "blobs" / path
        blob.parent.mkdir(exist_ok=True)
        if not blob.exists():
            blob.hardlink_to(source)
        size, now = source.stat().st_size, f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"
        payload = (digest, size, path, now)
        row = (f"laid-out-{name}", "harbor", "out", name, "available", size, digest, digest, now, now)
        with closing(sqlite3.connect(self.gateway.home / "gateway.db", timeout=30)) as database, database:
            database.execute(
                "INSERT OR IGNORE INTO payload (sha256, size, path, created_at) VALUES (?, ?, ?, ?)", payload
            )
            database.execute(
                "INSERT INTO mailbox_file (id, partner, folder, name, state, size, sha256, payload_sha256, created_at,"
                " changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )

    def posted(self) -> list[str]:
        """Numbers of the orders in the back office's inbox, in order."""
        paths = (self.gateway.home / "inbox").glob("harbor/order-*.json")
        return sorted(json.loads(path.read_text())["number"] for path in paths)


def public(key: asyncssh.SSHKey) -> str:
    """OpenSSH's one-line form."""
    return key.export_public_key().decode().strip()


@contextmanager
def mailbox_story(home: Path) -> Iterator[MailboxStory]:
    """A running gateway with one partner, who believes its ed25519 key."""
    gateway = Company("alpine-supply", "Alpine Supply", home / "alpine")
    gateway.prepare()
    gateway.start()
    try:
        gateway.wait_ready()
        key = asyncssh.generate_private_key("ssh-ed25519")
        folder = home / "harbor"
        folder.mkdir()
        story = MailboxStory(gateway, OpenSsh(folder, 0, "", "harbor"), key)
        story.agree()
        story.partner.serves(story.port, story.host_key())
        story.partner.own(key)
        yield story
    finally:
        gateway.stop()
