"""Control numbers are never given twice, whatever crashes, and start again after the highest."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.messages import control
from gateway.store.engine import Store, open_store


def take(store: Store, partner: str = "acme", level: str = "ISA13", test: bool = False, **options) -> int:
    return store.writer.run(lambda session: control.take(session, partner, level, test, **options))


def test_the_first_number_is_one_and_the_next_follows(store: Store) -> None:
    assert [take(store) for _ in range(3)] == [1, 2, 3]


def test_partners_levels_scopes_and_usages_count_apart(store: Store) -> None:
    take(store)
    assert take(store, "other") == 1
    assert take(store, level="GS06") == 1
    assert take(store, test=True) == 1
    assert take(store, scope="ack") == 1
    assert take(store) == 2


def test_several_numbers_are_taken_in_a_row(store: Store) -> None:
    assert take(store, count=5) == 1
    assert take(store) == 6


def test_after_the_highest_comes_the_lowest(store: Store) -> None:
    store.writer.run(lambda session: control.skip_to(session, "acme", "ISA13", False, 999_999_999))
    assert [take(store), take(store)] == [999_999_999, 1]


def test_a_range_of_the_profile_is_kept(store: Store) -> None:
    assert [take(store, low=100, high=102) for _ in range(4)] == [100, 101, 102, 100]


def test_numbers_in_a_row_never_straddle_the_end(store: Store) -> None:
    take(store, low=1, high=10, count=8)
    assert take(store, low=1, high=10, count=3) == 1
    assert take(store, low=1, high=10) == 4


def test_a_narrowed_range_is_obeyed_at_once(store: Store) -> None:
    take(store, count=50)
    assert take(store, low=10, high=20) == 10
    assert take(store, low=500) == 500


def test_a_rolled_back_number_was_not_used(store: Store) -> None:
    def failing(session) -> None:
        control.take(session, "acme", "ISA13", False)
        raise ValueError("no bytes were stored")

    with pytest.raises(ValueError, match="no bytes"):
        store.writer.run(failing)
    assert take(store) == 1


def test_many_threads_get_different_numbers(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda _: take(store), range(200)))
    assert sorted(numbers) == list(range(1, 201))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"level": "UNB5"}, "not a control number level"),
        ({"count": 0}, "do not fit"),
        ({"low": 5, "high": 7, "count": 4}, "widen the range"),
        ({"low": 0}, "lies in 1 to"),
        ({"low": 9, "high": 8}, "lies in 1 to"),
        ({"high": 1_000_000_000}, "lies in 1 to"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(store: Store, options, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        take(store, **options)


def test_looking_takes_nothing(store: Store) -> None:
    def peek() -> int:
        with store.read() as session:
            return control.peek(session, "acme", "ISA13", False)

    assert peek() == 1
    take(store, low=1, high=2)
    assert (peek(), peek()) == (2, 2)
    take(store, low=1, high=2)
    assert peek() == 1


def test_a_counter_goes_on_where_an_old_system_stopped(store: Store) -> None:
    for number in (4711, 9000):
        store.writer.run(lambda session, n=number: control.skip_to(session, "acme", "GS06", False, n))
        assert take(store, level="GS06") == number
    with pytest.raises(ValueError, match="lies in"):
        store.writer.run(lambda session: control.skip_to(session, "acme", "GS06", False, 0))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(counts=st.lists(st.integers(1, 7), min_size=1, max_size=12), high=st.integers(7, 40))
def test_within_one_round_no_number_comes_twice(store: Store, counts: list[int], high: int) -> None:
    partner = f"p{os.urandom(6).hex()}"
    round_numbers: set[int] = set()
    last = 0
    for count in counts:
        first = take(store, partner, low=1, high=high, count=count)
        block = set(range(first, first + count))
        assert max(block) <= high
        if first <= last:
            round_numbers = set()
        assert not block & round_numbers
        round_numbers |= block
        last = max(block)


CRASH = """
import sys
from gateway.store.engine import open_store
from gateway.messages import control
with open_store(sys.argv[1]) as store:
    for _ in range(9):
        print(store.writer.run(lambda s: control.take(s, "acme", "ISA13", False)), flush=True)
"""


@pytest.mark.parametrize("point", ["store.before_commit:4", "store.after_commit:4"])
def test_a_number_that_was_seen_is_not_given_again_after_a_crash(made_once, tmp_path, point: str) -> None:
    path = tmp_path / "gateway.db"
    path.write_bytes(made_once.read_bytes())
    run = subprocess.run(
        [sys.executable, "-c", CRASH, str(path)],
        env={**os.environ, "GATEWAY_FAULT": point},
        capture_output=True,
        text=True,
        check=False,
    )
    seen = [int(line) for line in run.stdout.split()]
    assert (run.returncode, seen) == (-9, [1, 2, 3])
    with open_store(path) as store:
        assert take(store) > max(seen)
