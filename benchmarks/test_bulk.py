"""Application data under pytest-benchmark: `pytest benchmarks/test_bulk.py --benchmark-group-by=group`.

The figures are for the eye and for `--benchmark-compare`; nothing here asserts a time. `python -m benchmarks`
gives the ratios.
"""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.peers import Peer, Scenario
from benchmarks.peers.tlslite import TLSLite
from benchmarks.questions import CBC, CHACHA, GCM, PEERS

SUITES = {"AES-128-GCM": GCM, "ChaCha20-Poly1305": CHACHA, "AES-128-CBC-SHA": CBC}
SIZES = {"64 B": 64, "1 KiB": 1024, "16 KiB": 16384, "1 MiB": 1 << 20}


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("suite", SUITES)
def test_seal_and_open(benchmark: BenchmarkFixture, suite: str, size: str, peer: Peer) -> None:
    benchmark.group = f"{suite}, {size}"
    if isinstance(peer, TLSLite) and SIZES[size] > 16384:
        pytest.skip("seconds per message")
    transfer = peer.prepare(Scenario(SUITES[suite])).full().transfer()
    data = bytes(SIZES[size])
    assert benchmark(transfer, data) == len(data)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
@pytest.mark.parametrize("size", ["64 B", "16 KiB"])
def test_reading_until_nothing_is_left(benchmark: BenchmarkFixture, size: str, peer: Peer) -> None:
    benchmark.group = f"AES-128-GCM, {size}, until WantRead"
    transfer = peer.prepare(Scenario()).full().transfer_until_empty()
    data = bytes(SIZES[size])
    assert benchmark(transfer, data) == len(data)
