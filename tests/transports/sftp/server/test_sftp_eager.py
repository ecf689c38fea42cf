"""Coroutines that are begun at once: what they give, what they wait for, and what they are told."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

import pytest

from gateway.transports.sftp.server.eager import Commit, begin, rest


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


# -- commits -----------------------------------------------------------------------------------------------------


async def committed(future: Future[int]) -> int:
    return 1 + await Commit(future)


def test_a_commit_that_is_there_already_is_not_waited_for() -> None:
    future: Future[int] = Future()
    future.set_result(6)
    with pytest.raises(StopIteration) as over:
        begin(committed(future))
    assert over.value.value == 7


def test_outside_of_a_task_the_loop_is_told_and_the_coroutine_begun_again() -> None:
    heard: list[int] = []

    async def run() -> None:
        loop, future, told = asyncio.get_running_loop(), Future(), asyncio.Event()

        def start() -> None:  # a callback, as a transport's: no task is at work
            work = committed(future)
            awaited = begin(work)
            assert isinstance(awaited, Commit)

            def go_on() -> None:
                with pytest.raises(StopIteration) as over:
                    begin(work)
                heard.append(over.value.value)
                told.set()

            awaited.tell(loop, go_on)
            threading.Thread(target=future.set_result, args=(6,)).start()

        loop.call_soon(start)
        await asyncio.wait_for(told.wait(), 20)

    asyncio.run(run())
    assert heard == [7]


def test_in_a_task_it_is_awaited_as_any_other() -> None:
    async def run() -> int:
        future: Future[int] = Future()
        asyncio.get_running_loop().call_soon(future.set_result, 6)
        return await committed(future)

    assert asyncio.run(run()) == 7


@pytest.mark.parametrize("in_a_task", [True, False])
def test_a_commit_that_failed_fails_whoever_waits_for_it(in_a_task: bool) -> None:
    future: Future[int] = Future()

    async def run() -> int:
        asyncio.get_running_loop().call_soon(future.set_exception, OSError("full"))
        return await committed(future)

    if not in_a_task:
        future.set_exception(OSError("full"))
    with pytest.raises(OSError, match="full"):
        asyncio.run(run()) if in_a_task else begin(committed(future))


def test_a_loop_that_has_ended_is_told_nothing() -> None:
    future, loop = Future(), asyncio.new_event_loop()
    Commit(future).tell(loop, lambda: None)
    loop.close()
    future.set_result(1)


async def _of(work):
    return await work
