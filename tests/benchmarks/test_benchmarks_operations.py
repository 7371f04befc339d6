"""The hot paths take no more instructions than they are committed to: an instruction count has no bad day."""

from __future__ import annotations

import pytest

from benchmarks.operations import PYTHON, TOLERANCE, count_all, grown, operations, operations_by_file, reference
from tls12.wire.location import path_of


@pytest.fixture(scope="module")
def committed() -> dict[str, int]:
    """What this version of Python is held to."""
    counts = reference()
    if counts is None:
        pytest.skip(f"no counts for Python {PYTHON}: python -m benchmarks.operations --write")
    return counts


def test_the_hot_paths_take_no_more_instructions_than_they_are_committed_to(committed: dict[str, int]) -> None:
    counts = count_all()
    assert counts.keys() == committed.keys()
    assert grown(counts, committed) == [], "if that is the price of something: python -m benchmarks.operations --write"


def test_a_path_has_grown_only_beyond_the_tolerance() -> None:
    within = round(1000 * (1 + TOLERANCE))
    assert grown({"a": within, "b": 10}, {"a": 1000, "b": 1000}) == []
    assert grown({"a": within + 1, "b": 10}, {"a": 1000, "b": 1000}) == [f"a: {within + 1}, was 1000"]


def test_a_count_by_file_says_whose_code_it_was() -> None:
    def work() -> list[str]:
        return [path_of([], str(step)) for step in range(10)]

    counts = operations_by_file(work)
    assert 0 < counts[__file__] < counts.total() == operations(work)
    assert path_of.__code__.co_filename in counts


def test_a_count_is_the_same_every_time_and_grows_with_the_work() -> None:
    def work(steps: int) -> int:
        return operations(lambda: [len(str(step)) for step in range(steps)])

    once, ten_times = work(10), work(100)
    assert work(10) == once
    assert 8 * once < ten_times < 12 * once
