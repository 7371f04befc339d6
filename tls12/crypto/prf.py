"""The pseudorandom function of TLS 1.2 (RFC 5246 5): secrets of any length from a secret, a label and a seed.

How it works: PRF(secret, label, seed) = P_hash(secret, label + seed), and P_hash is HMAC over and over:

    A(0) = label + seed        A(i) = HMAC(secret, A(i-1))
    output = HMAC(secret, A(1) + label + seed) + HMAC(secret, A(2) + label + seed) + ...

Every HMAC begins with the same block of key. `make_prf` hashes it once (`hashes.py`), and every output of that secret
copies the result. A handshake takes three outputs of its master secret: the key block and both verify_data.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from tls12.crypto.hashes import HASHES, hash_key

if TYPE_CHECKING:
    import hashlib

Prf: TypeAlias = Callable[[bytes, bytes, int], bytes]
"""PRF(secret, ...) for one secret: called as (label, seed, length), it gives that many bytes (RFC 5246 5)."""


def make_prf(hash_name: str, secret: bytes) -> Prf:
    """The PRF with this secret; `hash_name` is hashlib's."""
    inner, outer = hash_key(HASHES[hash_name], secret)
    return partial(_expand, inner.copy, outer.copy)


def _expand(
    inner: Callable[[], hashlib._Hash], outer: Callable[[], hashlib._Hash], label: bytes, seed: bytes, length: int
) -> bytes:
    """`inner` and `outer` copy the two hashes of HMAC, which have hashed their block of key."""
    a = seed = label + seed
    output = b""
    while len(output) < length:
        within, around = inner(), outer()
        within.update(a)
        around.update(within.digest())
        a = around.digest()
        within, around = inner(), outer()
        within.update(a + seed)
        around.update(within.digest())
        output += around.digest()
    return output[:length]
