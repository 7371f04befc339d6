from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors_loader import Case, params
from tls12.crypto.prf import make_prf

HASHES = st.sampled_from(["sha224", "sha256", "sha384", "sha512"])


@pytest.mark.parametrize("case", params("prf"))
def test_published_outputs_are_reproduced(case: Case) -> None:
    output = case.hex("output")
    assert make_prf(case["hash"], case.hex("secret"))(case.hex("label"), case.hex("seed"), len(output)) == output


def p_hash(hash_name: str, secret: bytes, seed: bytes, length: int) -> bytes:
    """RFC 5246 5, word for word, over Python's own HMAC."""
    output, a = b"", seed
    while len(output) < length:
        a = hmac.digest(secret, a, hash_name)
        output += hmac.digest(secret, a + seed, hash_name)
    return output[:length]


@given(HASHES, st.binary(max_size=300), st.binary(max_size=40), st.binary(max_size=150), st.integers(0, 300))
def test_it_is_the_p_hash_of_the_rfc_for_secrets_of_any_length(
    hash_name: str, secret: bytes, label: bytes, seed: bytes, length: int
) -> None:
    assert make_prf(hash_name, secret)(label, seed, length) == p_hash(hash_name, secret, label + seed, length)


@given(HASHES, st.binary(max_size=300), st.lists(st.tuples(st.binary(max_size=40), st.integers(0, 100)), max_size=3))
def test_one_keyed_secret_gives_any_number_of_outputs(
    hash_name: str, secret: bytes, wanted: list[tuple[bytes, int]]
) -> None:
    once = make_prf(hash_name, secret)
    for seed, length in wanted:
        assert once(b"label", seed, length) == make_prf(hash_name, secret)(b"label", seed, length)


@given(HASHES, st.integers(0, 200), st.integers(0, 200))
def test_a_shorter_output_is_the_beginning_of_a_longer_one(hash_name: str, a: int, b: int) -> None:
    short, long = sorted((a, b))
    prf = make_prf(hash_name, b"secret")
    assert prf(b"label", b"seed", long)[:short] == prf(b"label", b"seed", short)


@pytest.mark.parametrize("hash_name", ["sha256", "sha384"])
def test_a_secret_longer_than_a_block_counts_as_its_hash(hash_name: str) -> None:
    secret = bytes(range(200))
    digest = hashlib.new(hash_name, secret).digest()
    assert make_prf(hash_name, secret)(b"l", b"s", 48) == make_prf(hash_name, digest)(b"l", b"s", 48)
