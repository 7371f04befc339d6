"""The hash functions of TLS 1.2, and HMAC with its key hashed beforehand.

How it works: `HASHES` has one row for each hash function, with everything that the PRF, the record HMAC and the table
of cipher suites need to know of it.

HMAC(key, message) = H((key ^ opad) + H((key ^ ipad) + message)) hashes one block of key twice before it comes to the
message (RFC 2104 2). That block is the same for every message, so `hash_key` hashes it once, and each message works on
copies of the two states. docs/performance.md says what that gains over `hmac.digest`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

_IPAD = bytes(byte ^ 0x36 for byte in range(256))
_OPAD = bytes(byte ^ 0x5C for byte in range(256))


class Hash(NamedTuple):
    """What is known of one hash function; lengths in bytes."""

    name: str
    """hashlib's name of it."""
    word: str
    """What the names of cipher suites call it; empty where none does."""
    new: Callable[[bytes], hashlib._Hash]
    """Makes a state that has hashed these bytes."""
    length: int
    """Of its output, and so of an HMAC and of the HMAC's key in the key block (RFC 5246 C)."""
    block: int
    """Of the input that one call of its compression function takes."""
    suffix: int
    """What it appends at least: one bit in a byte of its own, and the length of the message (FIPS 180-4 5.1)."""


HASHES: Mapping[str, Hash] = MappingProxyType(
    {
        row.name: row
        for row in (
            Hash("md5", "MD5", hashlib.md5, 16, 64, 9),
            Hash("sha1", "SHA", hashlib.sha1, 20, 64, 9),
            Hash("sha224", "", hashlib.sha224, 28, 64, 9),
            Hash("sha256", "SHA256", hashlib.sha256, 32, 64, 9),
            Hash("sha384", "SHA384", hashlib.sha384, 48, 128, 17),
            Hash("sha512", "", hashlib.sha512, 64, 128, 17),
        )
    }
)
"""Every hash by hashlib's name. No suite uses SHA-224 and SHA-512, but the PRF is defined for any hash (RFC 5246 5)."""


def hash_key(hash_: Hash, key: bytes) -> tuple[hashlib._Hash, hashlib._Hash]:
    """The inner and the outer hash of HMAC, each with its block of key hashed (RFC 2104 2); work on copies of them."""
    if len(key) > hash_.block:
        key = hash_.new(key).digest()
    key = key.ljust(hash_.block, b"\0")
    return hash_.new(key.translate(_IPAD)), hash_.new(key.translate(_OPAD))
