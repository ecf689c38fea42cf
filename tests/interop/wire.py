"""The network between a partner and a server, which a test may cut as a failing line does: by a TCP reset."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

__all__ = ["Wire", "wire"]

_RESET = struct.pack("ii", 1, 0)


@dataclass
class Wire:
    """A line to ``port`` of the loopback; after ``cut_after`` bytes of one direction both ends get a reset."""

    server_port: int
    #: None = never.
    cut_after: int | None = None
    #: The port that stands for the server's.
    port: int = 0
    cuts: int = 0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def mend(self) -> None:
        """Let everything through from now on."""
        self.cut_after = None

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.server_port)
        ends = (writer, far_writer)
        self._writers.update(ends)
        await asyncio.gather(self._carry(reader, far_writer, ends), self._carry(far_reader, writer, ends))
        self._writers.difference_update(ends)

    async def _carry(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, ends: tuple[asyncio.StreamWriter, ...]
    ) -> None:
        carried = 0
        try:
            while data := await source.read(16 * 1024):
                carried += len(data)
                if self.cut_after is not None and carried > self.cut_after:
                    self.cuts += 1
                    self._reset(ends)
                    return
                sink.write(data)
                await sink.drain()
            sink.close()
        except OSError:
            self._reset(ends)

    @staticmethod
    def _reset(ends: tuple[asyncio.StreamWriter, ...]) -> None:
        for end in ends:
            if not end.is_closing():
                end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                end.transport.abort()

    def end(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


@contextmanager
def wire(server_port: int, cut_after: int | None = None) -> Iterator[Wire]:
    """A line in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="wire", daemon=True)
    thread.start()

    def call(work):
        return asyncio.run_coroutine_threadsafe(work, loop).result(20)

    made = Wire(server_port, cut_after)
    server = call(asyncio.start_server(made.connected, "127.0.0.1", 0))
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:

        async def end() -> None:
            server.close()
            made.end()
            await asyncio.sleep(0)

        call(end())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
