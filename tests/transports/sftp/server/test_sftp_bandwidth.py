"""A partner with a limit moves its bytes no faster than that, both ways, by a clock that only tests move."""

from __future__ import annotations

import pytest
from sftpkit import account, order, running

from gateway.transports.sftp.bandwidth import Bandwidth, Bandwidths

BODY = order(7, 200_000)
RATE = 50_000


class Seconds:
    """A clock that goes on only while somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def pause(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


def limit(server, seconds: Seconds) -> None:
    """Let the server's buckets run by the test's clock."""

    def make(rate: int | None) -> Bandwidth:
        return Bandwidth(rate, monotonic=seconds, pause=seconds.pause)

    server.on_loop(lambda: server.listener.door.bandwidths.update({"in": Bandwidths(make), "out": Bandwidths(make)}))


def test_an_upload_takes_the_seconds_that_its_bytes_are_worth(store, tmp_path, seconds: Seconds) -> None:
    with running(store, tmp_path, account(bandwidth_bytes_per_second=RATE)) as server:
        limit(server, seconds)
        with server.paramiko() as sftp, sftp.open("/in/a.edi", "wb") as file:
            file.write(BODY)
        assert server.inbound.received[0].payload == BODY
    assert seconds.now == pytest.approx(len(BODY) / RATE, abs=0.3)


def test_a_collection_takes_the_seconds_that_its_bytes_are_worth(store, tmp_path, seconds: Seconds) -> None:
    with running(store, tmp_path, account(bandwidth_bytes_per_second=RATE)) as server:
        limit(server, seconds)
        server.offer("a.edi", BODY)
        with server.paramiko() as sftp, sftp.open("/out/a.edi", "rb") as file:
            assert file.read() == BODY
        assert server.collected.seen == [("acme", "tx-a.edi")]
    assert seconds.now == pytest.approx(len(BODY) / RATE, abs=0.3)


def test_two_files_at_a_time_share_the_limit_of_their_partner_only(store, tmp_path, seconds: Seconds) -> None:
    accounts = (account("acme", bandwidth_bytes_per_second=RATE), account("harbor"))
    with running(store, tmp_path, *accounts) as server:
        limit(server, seconds)
        with server.paramiko("harbor") as sftp, sftp.open("/in/free.edi", "wb") as file:
            file.write(BODY)
        assert seconds.now == 0
        with server.paramiko() as one, server.paramiko() as other:
            for sftp, name in ((one, "a.edi"), (other, "b.edi")):
                with sftp.open(f"/in/{name}", "wb") as file:
                    file.write(BODY)
    assert seconds.now == pytest.approx(2 * len(BODY) / RATE, abs=0.3)
