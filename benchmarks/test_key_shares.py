"""What does one side of a key exchange cost, beside the bare primitives? `pytest benchmarks/test_key_shares.py`.

Generating a share and exchanging it with the peer's: by the backend's generator, from injected randomness, and
as the bare calls of `cryptography` that neither could do without.
"""

from __future__ import annotations

import os

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pytest_benchmark.fixture import BenchmarkFixture

from tls12.crypto import finite_field
from tls12.crypto.groups import EC_GROUPS, Random, WeierstrassGroup, generate
from tls12.registry import NamedGroup

CURVES = [group for group in EC_GROUPS if group is not NamedGroup.SECP256K1]


def injected(length: int) -> bytes:
    return os.urandom(length)


def share(group: NamedGroup, random: Random, peer: bytes) -> bytes:
    return generate(group, random).exchange(peer)


def bare_x25519(peer: bytes) -> tuple[bytes, bytes]:
    key = x25519.X25519PrivateKey.generate()
    return key.public_key().public_bytes_raw(), key.exchange(x25519.X25519PublicKey.from_public_bytes(peer))


def bare_ecdh(curve: ec.EllipticCurve, peer: bytes) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(curve)
    public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return public, key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(curve, peer))


@pytest.mark.parametrize("random", [os.urandom, injected], ids=["os.urandom", "injected"])
@pytest.mark.parametrize("group", CURVES, ids=str)
def test_generate_and_exchange(benchmark: BenchmarkFixture, group: NamedGroup, random: Random) -> None:
    benchmark.group = f"one side of {group}"
    assert benchmark(share, group, random, generate(group, os.urandom).public)


@pytest.mark.parametrize("group", [g for g in CURVES if g is not NamedGroup.X448], ids=str)
def test_bare_primitives(benchmark: BenchmarkFixture, group: NamedGroup) -> None:
    benchmark.group = f"one side of {group}"
    facts, peer = EC_GROUPS[group], generate(group, os.urandom).public
    if isinstance(facts, WeierstrassGroup):
        assert benchmark(bare_ecdh, facts.curve, peer)
    else:
        assert benchmark(bare_x25519, peer)


@pytest.mark.parametrize("group", finite_field.FFDHE_PRIMES, ids=str)
def test_a_clients_side_of_rfc_7919(benchmark: BenchmarkFixture, group: NamedGroup) -> None:
    benchmark.group = "a client's side of finite-field DH"
    ys = int.from_bytes(finite_field.generate(group, os.urandom).public)
    assert benchmark(finite_field.answer, finite_field.FFDHE_PRIMES[group], 2, ys, os.urandom)


def test_a_clients_side_of_a_group_without_a_name(benchmark: BenchmarkFixture) -> None:
    """The backend proves that the prime is safe; another generator makes ffdhe2048 nameless."""
    benchmark.group = "a client's side of finite-field DH"
    assert benchmark(finite_field.answer, finite_field.FFDHE_PRIMES[NamedGroup.FFDHE2048], 5, 25, os.urandom)
