"""The HMAC of records without an AEAD (RFC 5246 6.2.3.1), and its evenly counted form.

How it works: HMAC(k, m) = H((k ^ opad) + H((k ^ ipad) + m)) hashes a block of key first, twice. Both halves are
hashed once per key and copied per record: 1.05 µs for 64 bytes with SHA-1, where hmac.digest takes 2.7.

A hash function works through its input in blocks of 64 bytes (SHA-384: 128) with one call of its compression
function each. How many calls a record costs therefore tells the length of what was hashed, and with CBC in the
MAC-then-encrypt order that is the length of the padding, a secret (Lucky Thirteen, AlFardan and Paterson 2013).
`compute_evenly` makes the calls that the longest possible content would have cost, whatever the content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tls12.crypto.suites import MAC_LENGTHS

Buffer = bytes | bytearray | memoryview

_IPAD = bytes(byte ^ 0x36 for byte in range(256))
_OPAD = bytes(byte ^ 0x5C for byte in range(256))
_WASTE = bytes(512)


class Hash(NamedTuple):
    """A hash function: its constructor, its block, and what it appends at least; lengths in bytes."""

    new: Callable[[bytes], hashlib._Hash]
    block: int
    suffix: int
    """One bit in a byte of its own, and the length of the message (FIPS 180-4 5.1)."""


HASHES: Mapping[str, Hash] = {
    "md5": Hash(hashlib.md5, 64, 9),
    "sha1": Hash(hashlib.sha1, 64, 9),
    "sha256": Hash(hashlib.sha256, 64, 9),
    "sha384": Hash(hashlib.sha384, 128, 17),
}
"""The hashes of the cipher suites, by hashlib's name."""


class RecordMac:
    """HMAC under one direction's MAC key."""

    __slots__ = ("_around", "_block", "_inner", "_outer", "length")

    def __init__(self, hash_name: str, key: bytes) -> None:
        new, block, suffix = HASHES[hash_name]
        key = key.ljust(block, b"\0")  # a MAC key is as long as the hash, so never longer than its block
        self._inner = new(key.translate(_IPAD))
        self._outer = new(key.translate(_OPAD))
        self._block = block
        self._around = suffix + block - 1  # so that a floor division rounds up
        self.length = MAC_LENGTHS[hash_name]
        """Of the MAC, in bytes."""

    def compute(self, header: bytes, data: Buffer) -> bytes:
        """HMAC(key, header + data); `header` is sequence number, type, version and length."""
        inner = self._inner.copy()
        inner.update(header)
        inner.update(data)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()

    def compute_evenly(self, header: bytes, data: Buffer, most: int) -> bytes:
        """As `compute`, with the work that `most` bytes of data would have cost, for at most 256 fewer."""
        block, around = self._block, len(header) + self._around
        fewer = (most + around) // block - (len(data) + around) // block
        waste = self._inner.copy()
        waste.update(_WASTE[: fewer * block])
        return self.compute(header, data)


def seal_each(
    seal: Callable[[int, Buffer], bytes],
    record_length: Callable[[int], int],
    kind: int,
    data: Buffer,
    fragment_size: int,
) -> bytearray:
    """The records of a larger write, sealed one by one and copied into a buffer of the exact size.

    Joining a list of them would need twice the memory, and was several times slower at 1 MiB whenever malloc
    gave the pages back in between.
    """
    whole, rest = divmod(len(data), fragment_size)
    out = bytearray(whole * record_length(fragment_size) + (record_length(rest) if rest else 0))
    end = 0
    with memoryview(data) as source, memoryview(out) as target:
        for start in range(0, len(data), fragment_size):
            record = seal(kind, source[start : start + fragment_size])
            begin = end
            end += len(record)
            target[begin:end] = record
    return out
