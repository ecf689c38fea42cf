"""kill -9 while a partner uploads orders to its mailbox and collects the answers: nothing lost, doubled or half.

The rule that is proved, for uploads: every file whose CLOSE was answered OK, and no other, is exactly one order in the
back office; one that was not answered is sent again until it is. For collections: a file whose CLOSE was answered OK is
recorded as collected and never offered to a later session; a file is offered again only when that answer never came;
and what is recorded as collected, the partner holds whole, byte for byte.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from gateway.demo.company import Company
from tests.faults.faultskit import await_quiet, query
from tests.faults.mailboxuser import Answers, Mailbox, Orders, collect, upload
from tests.faults.nursery import Nursery
from tests.faults.orders import RECEIVER, SENDER, purchase_order

#: ``GATEWAY_KILLS=200 GATEWAY_KILL_SEED=7`` runs it longer, or another way.
KILLS = int(os.environ.get("GATEWAY_KILLS", "50"))
SEED = int(os.environ.get("GATEWAY_KILL_SEED", "20261122"))
ORDERS = 500
#: Every so many orders one is large, so that its upload is staged in a file.
LARGE_EVERY, REMARKS = 50, 4000
#: Orders of a session, and orders that the partner leaves without their answer before it waits.
BATCH, UNANSWERED = 20, 40
NOTHING = {
    "orders lost": 0,
    "orders doubled": 0,
    "half files processed": 0,
    "transmissions more than uploads": 0,
    "answers lost": 0,
    "answers doubled": 0,
    "answers changed": 0,
    "offered again after OK": 0,
    "collected but not whole at the partner": 0,
    "told OK but not recorded as collected": 0,
}


@dataclass
class Story:
    """The partner's program, the gateway, and who kills it."""

    gateway: Company
    key: asyncssh.SSHKey
    orders: Orders
    answers: Answers = field(default_factory=Answers)
    moments: random.Random = field(default_factory=lambda: random.Random(SEED))
    kills: int = 0

    async def run(self) -> None:
        self._up, self._moved = asyncio.Event(), asyncio.Condition()
        self._up.set()
        mailbox = Mailbox("harbor", self.key, frozenset(self.gateway.call("status")["ssh_host_keys"]), self._address)
        async with asyncio.timeout(540), asyncio.TaskGroup() as group:
            group.create_task(self._killing())
            group.create_task(self._watching())
            group.create_task(upload(mailbox, self.orders, batch=BATCH, may_go_on=self._may_go_on))
            group.create_task(collect(mailbox, self.answers, enough=self._complete))

    async def _address(self) -> str:
        await self._up.wait()
        return self.gateway.sftp

    def _progress(self) -> int:
        """Orders that were uploaded and answers that the partner holds whole: two for every order in the end."""
        return len(self.orders.done) + len(self.answers.files)

    def _complete(self) -> bool:
        return len(self.answers.files) >= len(self.orders.files) and not self.answers.untold - self._collected()

    def _collected(self) -> set[str]:
        """Names that the gateway has recorded as collected: nothing of them will come again."""
        return {name for (name,) in query(self.gateway, "SELECT name FROM mailbox_file WHERE state = 'collected'")}

    async def _may_go_on(self) -> None:
        async with self._moved:
            await self._moved.wait_for(lambda: len(self.orders.done) - len(self.answers.files) < UNANSWERED)

    async def _watching(self) -> None:
        """Wake those who wait for progress."""
        done = False
        while not done:
            await asyncio.sleep(0.005)
            done = self._progress() >= 2 * len(self.orders.files)
            async with self._moved:
                self._moved.notify_all()

    async def _killing(self) -> None:
        """Kill at random moments that are spread over the whole of the work, some of them during a start."""
        for number in range(KILLS):
            due = (number + self.moments.random()) * 2 * len(self.orders.files) / (KILLS + 1)
            async with self._moved:
                await self._moved.wait_for(lambda due=due: self._progress() >= due)
            await asyncio.sleep(self.moments.uniform(0.0, 0.05))
            self._up.clear()
            self.gateway.kill()
            self.kills += 1
            self.gateway.start()
            if self.moments.random() < 0.2:
                await asyncio.sleep(self.moments.uniform(0.0, 1.0))
                self.gateway.kill()
                self.gateway.start()
            await asyncio.to_thread(self.gateway.wait_ready)
            self._up.set()


def account(story: Story) -> dict[str, int]:
    """What went wrong; every figure must be 0."""
    gateway, uploads, answers = story.gateway, story.orders.files, story.answers
    numbers = {f"PO-{number:04}" for number in range(1, len(uploads) + 1)}
    posted = Counter(json.loads(path.read_text())["number"] for path in (gateway.home / "inbox").glob("*/order-*.json"))
    stored = Counter(n for (n,) in query(gateway, "SELECT number FROM document WHERE processing = 'posted'"))
    taken = Counter(d for (d,) in query(gateway, "SELECT wire_sha256 FROM transmission WHERE direction = 'in'"))
    whole = {sha256(body) for body in uploads.values()}
    held = {name: sha256(body) for name, body in answers.files.items()}
    answered = Counter(re.findall(rb"AK1\*PO\*(\d+)", b"".join(answers.files.values())))
    collected = query(gateway, "SELECT payload_sha256 FROM transmission WHERE delivery = 'confirmed'")
    recorded = dict(query(gateway, "SELECT sha256, name FROM mailbox_file WHERE state = 'collected'"))
    return {
        "orders lost": len(numbers - set(posted)) + len(numbers - set(stored)),
        "orders doubled": sum(posted.values()) - len(posted) + sum(stored.values()) - len(stored),
        "half files processed": len(set(taken) - whole),
        "transmissions more than uploads": sum(taken.values()) - len(uploads),
        "answers lost": len(uploads) - len(answered),
        "answers doubled": sum(answered.values()) - len(answered),
        "answers changed": len(answers.changed),
        "offered again after OK": len(answers.offered_again),
        "collected but not whole at the partner": len({digest for (digest,) in collected} - set(held.values()))
        + len(set(recorded) - set(held.values())),
        "told OK but not recorded as collected": len({held[name] for name in answers.told} - set(recorded)),
    }


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def befriend(gateway: Company, key: asyncssh.SSHKey, **changes: Any) -> None:
    """The partner, who has a mailbox here and gets its answers there."""
    profile = {
        "code": "harbor",
        "name": "Harbor Retail",
        "status": "live",
        "ids": {"isa": [{"qualifier": "ZZ", "id": SENDER}], "gs": [SENDER]},
        "envelope": {"version": "004010"},
        "sftp": {"hosted": {"user": "harbor", "keys": [key.export_public_key().decode().strip()]}},
        "delivery": {"transport": "sftp", "retry_seconds": [1]},
        **changes,
    }
    gateway.call("partner.apply", files=[{"name": "harbor.yaml", "text": json.dumps(profile)}], author="test")


@pytest.mark.slow
def test_fifty_kills_during_500_uploads_and_500_collections_lose_double_and_halve_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {
        f"po-{number:04}.edi": purchase_order(number, 0 if number % LARGE_EVERY else REMARKS)
        for number in range(1, ORDERS + 1)
    }
    with Nursery() as nursery:
        gateway = Company("alpine-supply", "Alpine Supply", tmp_path / "alpine", launch=nursery.launch)
        gateway.prepare()
        assert gateway.as2_name == RECEIVER
        gateway.start()
        try:
            gateway.wait_ready()
            key = asyncssh.generate_private_key("ssh-ed25519")
            befriend(gateway, key)
            story = Story(gateway, key, Orders(files))
            asyncio.run(story.run())
            await_quiet(gateway)
            assert story.kills == KILLS
            assert account(story) == NOTHING
            assert gateway.call("ledger.check")["ok"]
        finally:
            gateway.stop()
    with capsys.disabled():
        print(
            f"\nseed {SEED}: {story.kills} kills, {story.orders.again} uploads sent again, "
            f"{story.orders.broken + story.answers.broken} sessions broken, "
            f"{len(story.answers.untold)} collections never answered OK"
        )
