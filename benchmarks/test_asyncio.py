"""Through event loop and sockets, per second: `pytest benchmarks/test_asyncio.py --benchmark-group-by=group`.

The figures are by the clock, where the table of `python -m benchmarks` has processor time. Nothing here asserts a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.loopback import BULK, CONNECTIONS, CONTENDERS, REQUESTS, Loopback


@pytest.fixture(params=CONTENDERS, ids=lambda contender: contender.__name__)
def loopback(request: pytest.FixtureRequest) -> Iterator[Loopback]:
    running = Loopback(request.param())
    yield running
    running.close()


def test_requests(benchmark: Any, loopback: Loopback) -> None:
    benchmark.group = "requests of 64 bytes, answers of 1 KiB, one after another"
    benchmark(loopback.requests)
    benchmark.extra_info["per second"] = round(REQUESTS / benchmark.stats["median"])


def test_bulk(benchmark: Any, loopback: Loopback) -> None:
    benchmark.group = f"{BULK >> 20} MiB one way"
    benchmark(loopback.bulk)
    benchmark.extra_info["MB per second"] = round(BULK / benchmark.stats["median"] / 1e6)


def test_connections(benchmark: Any, loopback: Loopback) -> None:
    benchmark.group = "connections with full handshakes, one request each"
    benchmark(loopback.connections)
    benchmark.extra_info["per second"] = round(CONNECTIONS / benchmark.stats["median"])
