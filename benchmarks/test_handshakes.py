"""Handshakes under pytest-benchmark: `pytest benchmarks/test_handshakes.py --benchmark-group-by=group`.

The figures are for the eye and for `--benchmark-compare`; nothing here asserts a time. `python -m benchmarks`
gives the ratios.
"""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.peers import NotSupported, Peer, Scenario
from benchmarks.questions import PEERS

SCENARIOS = {
    "ecdsa": Scenario(),
    "ecdsa verified": Scenario(verify=True),
    "rsa": Scenario("ECDHE-RSA-AES128-GCM-SHA256", "rsa-2048"),
    "rsa verified": Scenario("ECDHE-RSA-AES128-GCM-SHA256", "rsa-2048", verify=True),
}


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
@pytest.mark.parametrize("name", SCENARIOS)
def test_full_handshake(benchmark: BenchmarkFixture, name: str, peer: Peer) -> None:
    benchmark.group = f"full handshake, {name}"
    try:
        endpoints = peer.prepare(SCENARIOS[name])
    except NotSupported:
        pytest.skip(f"{peer.name} cannot do that")
    pair = benchmark(endpoints.full)
    assert pair.transfer()(b"connected") == len(b"connected")


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
@pytest.mark.parametrize("resume_by", ["id", "ticket"])
def test_resumed_handshake(benchmark: BenchmarkFixture, resume_by: str, peer: Peer) -> None:
    benchmark.group = f"resumed by {resume_by}"
    try:
        endpoints = peer.prepare(Scenario(resume_by=resume_by))
    except NotSupported:
        pytest.skip(f"{peer.name} cannot do that")
    benchmark(endpoints.resumed)  # asserts by itself that it was a resumption
