from __future__ import annotations

from threading import Thread
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tls12.errors import UsageError
from tls12.lru import BoundedMap


def test_when_full_the_least_recently_used_entry_goes() -> None:
    entries: BoundedMap[str, int] = BoundedMap(2)
    entries.put("a", 1)
    entries.put("b", 2)
    assert entries.get("a") == 1  # "a" is used, so "b" is now the oldest
    entries.put("c", 3)
    assert (entries.get("a"), entries.get("b"), entries.get("c")) == (1, None, 3)


def test_replacing_an_entry_pushes_nothing_out() -> None:
    entries: BoundedMap[str, int] = BoundedMap(2)
    entries.put("a", 1)
    entries.put("b", 2)
    entries.put("b", 3)
    assert (entries.get("a"), entries.get("b")) == (1, 3)


def test_removing_what_is_not_there_is_no_error() -> None:
    entries: BoundedMap[str, int] = BoundedMap(1)
    entries.put("a", 1)
    entries.remove("b")
    entries.remove("a")
    assert entries.get("a") is None
    assert len(entries) == 0


@given(
    st.integers(1, 5), st.lists(st.tuples(st.sampled_from(["get", "put", "remove"]), st.integers(0, 8)), max_size=60)
)
def test_it_never_holds_more_than_its_capacity_and_always_the_last_entry_put(
    capacity: int, steps: list[tuple[str, int]]
) -> None:
    entries: BoundedMap[int, int] = BoundedMap(capacity)
    for act, key in steps:
        if act == "put":
            entries.put(key, key * 10)
            assert entries.get(key) == key * 10
        elif act == "remove":
            entries.remove(key)
            assert entries.get(key) is None
        else:
            assert entries.get(key) in (None, key * 10)
        assert len(entries) <= capacity


def test_threads_that_share_it_never_break_its_bound() -> None:
    entries: BoundedMap[int, int] = BoundedMap(16)
    faults: list[object] = []

    def work(seed: int) -> None:
        for n in range(3_000):
            key = (seed * 7 + n * 13) % 40
            entries.put(key, key)
            if entries.get((key + seed) % 40) not in (None, (key + seed) % 40) or len(entries) > 16:
                faults.append((seed, n))
            entries.remove((key * 3) % 40)

    threads = [Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_a_capacity_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="capacity of 0"):
        BoundedMap(0)


def test_what_goes_out_of_a_full_map_is_found_at_once_however_many_there_are() -> None:
    def churn(capacity: int) -> float:
        entries: BoundedMap[int, int] = BoundedMap(capacity)
        for key in range(1, capacity + 1):
            entries.put(key, key)
        begin = process_time()
        for key in range(capacity + 1, capacity + 20_001):
            entries.put(key, key)
        return process_time() - begin

    few = min(churn(200) for _ in range(3))
    assert min(churn(40_000) for _ in range(3)) < 10 * few  # two hundred times as many entries
