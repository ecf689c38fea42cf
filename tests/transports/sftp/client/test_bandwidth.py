"""A partner's transfers are no faster than its profile says, whatever the number of files and connections."""

from __future__ import annotations

import asyncio
import os

import pytest

from gateway.messages.ports import Outcome
from gateway.transports.sftp.bandwidth import Bandwidth, Bandwidths
from gateway.transports.sftp.client import SftpDelivery, SftpPoller
from gateway.transports.sftp.client.connection import Timeouts
from tests.transports.sftp.client.clientkit import Kit

MEBIBYTE = 1024 * 1024


class Time:
    """Seconds that pass only while somebody waits for them."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    async def pause(self, seconds: float) -> None:
        self.now += seconds

    def bandwidth(self, bytes_per_second: int | None) -> Bandwidth:
        return Bandwidth(bytes_per_second, monotonic=self.monotonic, pause=self.pause)

    @property
    def passed(self) -> float:
        return self.now - 1000.0


def draw(bandwidth: Bandwidth, *sizes: int) -> None:
    async def run() -> None:
        for size in sizes:
            await bandwidth.draw(size)

    asyncio.run(run())


def test_a_limit_is_the_bytes_that_pass_in_a_second() -> None:
    time = Time()
    draw(time.bandwidth(1000), *[100] * 50)
    assert time.passed == pytest.approx(5.0)


def test_without_a_limit_nothing_waits_and_pieces_are_as_large_as_wanted() -> None:
    time = Time()
    free = time.bandwidth(None)
    draw(free, 10**12)
    assert time.passed == 0.0 and free.piece(MEBIBYTE) == MEBIBYTE


def test_a_pause_saves_up_a_quarter_of_a_second_at_most() -> None:
    time = Time()
    bandwidth = time.bandwidth(1000)
    time.now += 3600
    draw(bandwidth, 1250)
    assert time.passed - 3600 == pytest.approx(1.0)


def test_those_who_come_together_wait_one_behind_the_other() -> None:
    waits: list[float] = []

    async def pause(seconds: float) -> None:
        waits.append(seconds)

    bandwidth = Bandwidth(1000, monotonic=lambda: 0.0, pause=pause)

    async def together() -> None:
        await asyncio.gather(*(bandwidth.draw(500) for _ in range(3)))

    asyncio.run(together())
    assert waits == pytest.approx([0.5, 1.0, 1.5])


@pytest.mark.parametrize(("rate", "piece"), [(1, 4096), (400_000, 100_000), (100 * MEBIBYTE, MEBIBYTE)])
def test_pieces_are_a_quarter_of_a_second_but_never_tiny(rate: int, piece: int) -> None:
    assert Bandwidth(rate).piece(MEBIBYTE) == piece


def test_a_partner_keeps_its_bucket_until_its_limit_changes() -> None:
    bandwidths = Bandwidths()
    first = bandwidths.of("harbor", 1000)
    assert bandwidths.of("harbor", 1000) is first
    assert bandwidths.of("acme", 1000) is not first
    assert bandwidths.of("harbor", 2000).bytes_per_second == 2000


def test_files_that_are_put_share_the_limit_of_their_partner(kit: Kit) -> None:
    time = Time()
    kit.agree(bandwidth_bytes_per_second=MEBIBYTE)
    delivery = SftpDelivery(
        kit.targets, clock=lambda: kit.now, timeouts=Timeouts(5, 10), bandwidths=Bandwidths(time.bandwidth)
    )
    bodies = [os.urandom(2 * MEBIBYTE + 17), os.urandom(MEBIBYTE)]
    for key, body in zip("ab", bodies, strict=True):
        item = kit.item(body, key)
        assert delivery.deliver(item, delivery.prepare(item)).outcome is Outcome.CONFIRMED
    delivery.close()
    assert {(kit.inn / name).read_bytes() for name in kit.listed(kit.inn)} == set(bodies)
    assert time.passed == pytest.approx(3.0, abs=0.01)


def test_finding_out_that_a_file_is_there_already_counts_too(kit: Kit) -> None:
    time = Time()
    kit.agree(bandwidth_bytes_per_second=MEBIBYTE)
    item = kit.item(os.urandom(MEBIBYTE))
    kit.send(item)
    kit.delivery._bandwidths = Bandwidths(time.bandwidth)
    assert "already" in kit.send(item).reason
    assert time.passed == pytest.approx(1.0, abs=0.01)


def test_files_that_are_fetched_share_the_limit_of_their_partner(kit: Kit) -> None:
    time = Time()
    kit.agree(bandwidth_bytes_per_second=MEBIBYTE)
    bodies = [os.urandom(MEBIBYTE), os.urandom(2 * MEBIBYTE + 17)]
    for number, body in enumerate(bodies):
        kit.offer(f"{number}.bin", body, 1_770_000_000 + number)
    poller: SftpPoller = kit.new_poller(bandwidths=Bandwidths(time.bandwidth))
    assert poller.poll_once("harbor").fetched == ["0.bin", "1.bin"]
    poller.stop()
    assert kit.inbound.payloads == bodies
    assert time.passed == pytest.approx(3.0, abs=0.01)
