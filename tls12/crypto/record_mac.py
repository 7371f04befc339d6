"""The HMAC of records without an AEAD (RFC 5246 6.2.3.1), and its evenly counted form.

How it works: the two hash states of HMAC that have seen the key are made once for each key (`hashes.py`) and copied
for each record.

A hash function works through its input in blocks of 64 bytes (SHA-384: 128) with one call of its compression
function each. How many calls a record costs therefore tells the length of what was hashed, and with CBC in the
MAC-then-encrypt order that is the length of the padding, a secret (Lucky Thirteen, AlFardan and Paterson 2013).
`compute_evenly` makes the calls that the longest possible content would have cost, whatever the content.
"""

from __future__ import annotations

from tls12.crypto.hashes import Hash, hash_key
from tls12.wire.records import Buffer

_WASTE = bytes(512)


class RecordMac:
    """HMAC under one direction's MAC key."""

    __slots__ = ("_around", "_block", "_inner", "_outer", "length")

    def __init__(self, hash_: Hash, key: bytes) -> None:
        self._inner, self._outer = hash_key(hash_, key)
        self._block = hash_.block
        self._around = hash_.suffix + hash_.block - 1  # so that a floor division rounds up
        self.length = hash_.length
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
        """Like `compute`, with the work that `most` bytes of data would cost. `data` is at most 256 bytes shorter."""
        block, around = self._block, len(header) + self._around
        fewer = (most + around) // block - (len(data) + around) // block
        waste = self._inner.copy()
        waste.update(_WASTE[: fewer * block])
        return self.compute(header, data)
