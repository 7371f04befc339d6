"""The table of growth tells linear from worse, and its streams pass through openssl whole; no time is asserted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.growth import Growth, Measured, Point, main, measure


def answer(costs: dict[int, float]) -> Measured:
    return measure(Growth("a question", "things", "µs", lambda: (Point(*item) for item in costs.items())))


@pytest.mark.parametrize(
    ("costs", "exponents", "linear"),
    [
        ({10: 5.0, 100: 5.0, 1000: 5.0}, [None, 0, 0], True),
        ({10: 5.0, 100: 50.0, 1000: 500.0}, [None, 1, 1], True),
        ({10: 5.0, 100: 50.0, 1000: 5000.0}, [None, 1, 2], False),
        ({10: 0.0, 100: 50.0}, [None, None], True),
    ],
    ids=["constant", "linear", "quadratic in the end", "nothing measurable at first"],
)
def test_growth_is_judged_by_its_largest_size(costs: dict[int, float], exponents: list[float], linear: bool) -> None:
    measured = answer(costs)
    assert measured.exponents == [known if known is None else pytest.approx(known) for known in exponents]
    assert measured.is_linear is linear


def test_a_stream_passes_whole_through_memory_and_openssl_in_both_directions(tmp_path: Path) -> None:
    path = tmp_path / "growth.json"
    assert main(["--only", "one stream", "--mib", "4", "--json", str(path)]) == 0
    answers = json.loads(path.read_text())["growth"]
    assert [item["name"] for item in answers] == [
        "one stream, both ends in memory",
        "one stream, to openssl s_server",
        "one stream, from openssl s_client",
    ]
    for item in answers:
        assert [point["size"] for point in item["points"]] == [1, 2, 3, 4]
