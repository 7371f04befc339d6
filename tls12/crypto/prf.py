"""The pseudorandom function of TLS 1.2 (RFC 5246 5): secrets of any length from a secret, a label and a seed.

How it works: PRF(secret, label, seed) = P_hash(secret, label + seed), and P_hash is HMAC over and over:

    A(0) = label + seed        A(i) = HMAC(secret, A(i-1))
    output = HMAC(secret, A(1) + label + seed) + HMAC(secret, A(2) + label + seed) + ...

Every call begins with the same block of key, so it is hashed once and copied (`hashes.py`). Where one secret gives
several outputs, as the master secret of a handshake does, `keyed` does that part once for all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from tls12.crypto.hashes import HASHES, hash_key

if TYPE_CHECKING:
    import hashlib

Keyed: TypeAlias = "tuple[Callable[[], hashlib._Hash], Callable[[], hashlib._Hash]]"
"""A secret as `prf` uses it: makes a new inner and a new outer hash that have seen their block of key."""


def keyed(hash_name: str, secret: bytes) -> Keyed:
    """The secret, prepared for several calls of `prf` with the same hash; `hash_name` is hashlib's."""
    inner, outer = hash_key(HASHES[hash_name], secret)
    return inner.copy, outer.copy


def prf(hash_name: str, secret: bytes | Keyed, label: bytes, seed: bytes, length: int) -> bytes:
    """`length` bytes of PRF(secret, label, seed) (RFC 5246 5); `hash_name` is hashlib's."""
    inner, outer = secret if type(secret) is tuple else keyed(hash_name, secret)  # type: ignore[arg-type]
    a = seed = label + seed
    output = b""
    while len(output) < length:
        within, around = inner(), outer()
        within.update(a)
        around.update(within.digest())
        a = around.digest()
        within, around = inner(), outer()
        within.update(a)
        within.update(seed)
        around.update(within.digest())
        output += around.digest()
    return output[:length]
