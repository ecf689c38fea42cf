"""Parts of a large upload on their way to the disk: in order, within the budget, and never lost in silence."""

from __future__ import annotations

import asyncio
import errno
import threading

import asyncssh
import pytest
from sftpkit import order

from gateway.transports.sftp.server.behind import WriteBehind
from gateway.transports.sftp.server.limits import MemoryBudget
from gateway.transports.sftp.server.staging import Upload

PART = 300_000


class Disk:
    """The thread that writes; it waits for ``go``."""

    def __init__(self) -> None:
        self.go = threading.Event()

    async def __call__(self, work, *arguments):
        def run():
            assert self.go.wait(20)
            return work(*arguments)

        return await asyncio.get_running_loop().run_in_executor(None, run)


def upload(tmp_path, budget: MemoryBudget) -> Upload:
    return Upload("id", tmp_path / "staged", budget, 0)


def test_parts_are_taken_before_they_are_written_and_are_there_once_settled(tmp_path) -> None:
    async def run() -> None:
        budget, disk = MemoryBudget(2_000_000), Disk()
        staged = upload(tmp_path, budget)
        behind = WriteBehind(staged, budget, disk)
        for number in range(3):
            await behind.write(number * PART, bytes([number]) * PART)
        assert (behind.end, staged.size, budget.left) == (3 * PART, 0, 2_000_000 - 3 * PART)
        disk.go.set()
        await behind.settled()
        assert budget.left == 2_000_000
        assert staged.finish().read() == b"".join(bytes([number]) * PART for number in range(3))
        staged.release()

    asyncio.run(run())


def test_a_client_that_is_faster_than_the_disk_waits(tmp_path) -> None:
    async def run() -> None:
        budget, disk = MemoryBudget(10_000_000), Disk()
        staged = upload(tmp_path, budget)
        behind = WriteBehind(staged, budget, disk)
        ahead = 4 * 1024 * 1024 // PART
        for number in range(ahead):
            await behind.write(number * PART, bytes(PART))
        writing = asyncio.ensure_future(behind.write(ahead * PART, bytes(PART)))
        await asyncio.sleep(0)
        assert not writing.done()
        disk.go.set()
        await writing
        await behind.settled()
        assert staged.size == (ahead + 1) * PART
        staged.release()

    asyncio.run(run())


def test_without_room_in_memory_a_part_is_written_before_the_next_is_taken(tmp_path) -> None:
    async def run() -> None:
        budget, disk = MemoryBudget(PART), Disk()
        staged = upload(tmp_path, budget)
        disk.go.set()
        behind = WriteBehind(staged, budget, disk)
        for number in range(4):
            await behind.write(number * PART, bytes([number]) * PART)
            assert budget.left >= 0
        await behind.settled()
        assert staged.finish().read() == b"".join(bytes([number]) * PART for number in range(4))
        assert budget.left == PART
        staged.release()

    asyncio.run(run())


def test_whatever_keeps_a_part_from_the_disk_is_remembered_and_no_room_is_lost(tmp_path) -> None:
    async def run() -> None:
        async def ended(_work, *_arguments):
            raise RuntimeError("the threads have ended")

        budget = MemoryBudget(2_000_000)
        behind = WriteBehind(upload(tmp_path, budget), budget, ended)
        for number in range(3):
            await behind.write(number * PART, bytes(PART))
        await behind.settled()
        assert isinstance(behind.error, RuntimeError)
        assert budget.left == 2_000_000

    asyncio.run(run())


def test_a_part_that_the_disk_refuses_makes_the_whole_upload_fail(server, monkeypatch) -> None:
    write, body = Upload.write_file, order(1, 2_000_000)

    def full(self, offset: int, data: bytes) -> None:
        if offset > 1_000_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, offset, data)

    monkeypatch.setattr(Upload, "write_file", full)

    async def upload_it() -> None:
        async with server.asyncssh() as connection, connection.start_sftp_client() as sftp:
            file = await sftp.open("/in/a.edi", "wb")
            with pytest.raises(asyncssh.SFTPFailure, match="was not stored"):
                try:
                    await file.write(body)
                finally:
                    await file.close()

    server.call(upload_it()).result(30)
    assert server.inbound.received == []
    assert server.listener.door.budget.left == server.listener.limits.memory_bytes
