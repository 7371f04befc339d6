"""The parts of a profile are those of the innermost frames of ours, in the hot path alone."""

from __future__ import annotations

from benchmarks.parts import parts

MAIN = "<module> (benchmarks/hot.py:54);main (benchmarks/hot.py:47)"
HANDSHAKE = f"{MAIN};OurEndpoints._connect (benchmarks/peers/ours.py:160);feed (tls12/connection/incoming.py:80)"
PROFILE = (
    f"{HANDSHAKE} 5",
    f"{HANDSHAKE};sign (tls12/crypto/signatures.py:90);sign (cryptography/ec.py:3);EVP_DigestSign (libcrypto.so) 20",
    f"{MAIN};OurPair.transfer.<locals>.one_way (benchmarks/peers/ours.py:50) 3",
    f"{MAIN};__init__ (tls12/lab/pki.py:7) 100",
)


def test_a_sample_counts_for_the_innermost_frame_of_ours() -> None:
    files = {"crypto/signatures.py": 20, "connection/incoming.py": 5, "the benchmark itself": 3}
    assert parts(PROFILE) == files
    functions = {"crypto/signatures.py sign": 20, "connection/incoming.py feed": 5, "the benchmark itself ": 3}
    assert parts(PROFILE, functions=True) == functions
