"""What does the PRF cost, beside the ways to write it? `pytest benchmarks/test_key_schedule.py`.

The master secret (48 bytes), a Finished (12) and the longest key block in use (ECDHE-RSA-AES256-SHA384, 160).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from pytest_benchmark.fixture import BenchmarkFixture

from tls12.crypto.prf import make_prf

SECRET, SEED = bytes(range(48)), bytes(range(64))


def ours(hash_name: str, length: int) -> bytes:
    return make_prf(hash_name, SECRET)(b"master secret", SEED, length)


def hmac_digest(hash_name: str, length: int) -> bytes:
    seed = a = b"master secret" + SEED
    output = b""
    while len(output) < length:
        a = hmac.digest(SECRET, a, hash_name)
        output += hmac.digest(SECRET, a + seed, hash_name)
    return output[:length]


def hmac_copy(hash_name: str, length: int) -> bytes:
    seed = a = b"master secret" + SEED
    output = b""
    keyed = hmac.new(SECRET, None, hash_name)
    while len(output) < length:
        mac = keyed.copy()
        mac.update(a)
        a = mac.digest()
        mac = keyed.copy()
        mac.update(a + seed)
        output += mac.digest()
    return output[:length]


def cryptography_hmac(hash_name: str, length: int) -> bytes:
    seed = a = b"master secret" + SEED
    output = b""
    keyed = HMAC(SECRET, {"sha256": hashes.SHA256, "sha384": hashes.SHA384}[hash_name]())
    while len(output) < length:
        mac = keyed.copy()
        mac.update(a)
        a = mac.finalize()
        mac = keyed.copy()
        mac.update(a + seed)
        output += mac.finalize()
    return output[:length]


@pytest.mark.parametrize("way", [ours, hmac_digest, hmac_copy, cryptography_hmac], ids=lambda way: way.__name__)
@pytest.mark.parametrize("length", [12, 48, 160])
@pytest.mark.parametrize("hash_name", ["sha256", "sha384"])
def test_prf(benchmark: BenchmarkFixture, hash_name: str, length: int, way: Callable[[str, int], bytes]) -> None:
    benchmark.group = f"PRF {hash_name}, {length} bytes"
    assert benchmark(way, hash_name, length) == ours(hash_name, length)
