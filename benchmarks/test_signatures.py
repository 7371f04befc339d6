"""What does a signature cost? `pytest benchmarks/test_signatures.py --benchmark-group-by=group`.

Through our table of ready-made arguments, reproducible (RFC 6979) and not, and beside calls that build the
backend's objects anew.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from pytest_benchmark.fixture import BenchmarkFixture

from tls12.crypto.signatures import sign, verify
from tls12.registry import SignatureScheme

ECDSA, PSS = SignatureScheme.ECDSA_SECP256R1_SHA256, SignatureScheme.RSA_PSS_RSAE_SHA256
DATA = bytes(100)


@cache
def key(scheme: SignatureScheme) -> Any:
    return ec.generate_private_key(ec.SECP256R1()) if scheme is ECDSA else rsa.generate_private_key(65537, 2048)


def anew(scheme: SignatureScheme) -> tuple[Any, ...]:
    if scheme is ECDSA:
        return (ec.ECDSA(hashes.SHA256()),)
    return padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH), hashes.SHA256()


@pytest.mark.parametrize("deterministic", [False, True], ids=["random", "RFC 6979"])
@pytest.mark.parametrize("scheme", [ECDSA, PSS], ids=str)
def test_sign(benchmark: BenchmarkFixture, scheme: SignatureScheme, deterministic: bool) -> None:
    benchmark.group = f"sign, {scheme}"
    benchmark(sign, key(scheme), scheme, DATA, deterministic=deterministic)


@pytest.mark.parametrize("scheme", [ECDSA, PSS], ids=str)
def test_verify(benchmark: BenchmarkFixture, scheme: SignatureScheme) -> None:
    benchmark.group = f"verify, {scheme}"
    benchmark(verify, key(scheme).public_key(), scheme, sign(key(scheme), scheme, DATA), DATA)


@pytest.mark.parametrize("scheme", [ECDSA, PSS], ids=str)
def test_verify_with_objects_made_anew(benchmark: BenchmarkFixture, scheme: SignatureScheme) -> None:
    benchmark.group = f"verify, {scheme}"
    public, signature = key(scheme).public_key(), sign(key(scheme), scheme, DATA)
    benchmark(lambda: public.verify(signature, DATA, *anew(scheme)))
