"""Coroutines that are begun at once: what they give, what they wait for, and what they are told."""

from __future__ import annotations

import asyncio

import pytest

from gateway.transports.sftp.server.eager import begin, rest


async def at_once() -> str:
    return "done"


async def twice(first: asyncio.Future[int], second: asyncio.Future[int]) -> int:
    return await first + await second


def test_a_coroutine_that_waits_for_nothing_is_over_when_it_was_begun() -> None:
    with pytest.raises(StopIteration) as over:
        begin(at_once())
    assert over.value.value == "done"


def test_one_that_waits_goes_on_where_it_was() -> None:
    async def run() -> int:
        first, second = (asyncio.get_running_loop().create_future() for _ in range(2))
        work = twice(first, second)
        awaited = begin(work)
        assert awaited is first
        going_on = asyncio.ensure_future(_of(rest(work, awaited)))
        first.set_result(1)
        await asyncio.sleep(0)
        second.set_result(2)
        return await going_on

    assert asyncio.run(run()) == 3


def test_what_it_waits_for_may_fail() -> None:
    async def run() -> None:
        first = asyncio.get_running_loop().create_future()
        work = twice(first, first)
        awaited = begin(work)
        first.set_exception(OSError("no"))
        await rest(work, awaited)

    with pytest.raises(OSError, match="no"):
        asyncio.run(run())


def test_one_whose_task_is_cancelled_is_told() -> None:
    told: list[str] = []

    async def patient(first: asyncio.Future[int]) -> int:
        try:
            return await first
        except asyncio.CancelledError:
            told.append("cancelled")
            return 7

    async def run() -> int:
        work = patient(asyncio.get_running_loop().create_future())
        task = asyncio.ensure_future(_of(rest(work, begin(work))))
        await asyncio.sleep(0)
        task.cancel()
        return await task

    assert asyncio.run(run()) == 7
    assert told == ["cancelled"]


async def _of(work):
    return await work
