"""CBC records with an HMAC: AES, Camellia and 3DES, in both orders.

How it works: RFC 5246 6.2.3.2 authenticates, then pads, then encrypts; RFC 7366 turns that round.

    MAC-then-encrypt:  header(5) | IV | encrypted(data | MAC | padding)
    encrypt-then-MAC:  header(5) | IV | encrypted(data | padding) | MAC over everything before it

A `Cipher` object per record costs 4 µs, so each direction keeps one context for its whole life. To seal, one block
of random bytes goes in front of the plaintext; what it encrypts to is the IV, as unpredictable as the bytes were
(RFC 4346 6.2.3.2, method 2b). To open, IV and ciphertext go through the context together, and the first block that
comes out is thrown away: it alone depends on the record before.

*Opening MAC-then-encrypt* must not reveal whether the padding or the MAC was wrong (Vaudenay 2002), nor by its
duration how long the padding was (Lucky Thirteen, 2013). So the padding is compared over a window of fixed length,
a wrong one counts as a padding of one byte, as RFC 5246 6.2.3.2 advises, the MAC is computed in every case with a
number of compression-function calls that depends on the length of the record alone (`record_mac.py`), and there
is one error for everything. What Python cannot promise is that its own work, slices and integers of varying value,
takes equal time to the nanosecond: somebody who can measure that needs encrypt-then-MAC or an AEAD.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from hmac import compare_digest
from struct import Struct
from types import MappingProxyType
from typing import ClassVar

from cryptography.hazmat.decrepit.ciphers.algorithms import Camellia, TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, CipherContext
from cryptography.hazmat.primitives.ciphers import Cipher as Context
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from tls12.crypto.key_schedule import DirectionKeys
from tls12.crypto.limits import USAGE_LIMITS, Direction
from tls12.crypto.opening import Opening
from tls12.crypto.record_mac import RecordMac, seal_each
from tls12.crypto.suites import Cipher
from tls12.errors import BadRecordMac
from tls12.wire.records import HEADER, MAX_CIPHERTEXT, Buffer

BLOCK_CIPHERS: Mapping[str, Callable[[bytes], BlockCipherAlgorithm]] = MappingProxyType(
    {
        "AES_128_CBC": AES,
        "AES_256_CBC": AES,
        "CAMELLIA_128_CBC": Camellia,
        "CAMELLIA_256_CBC": Camellia,
        "3DES_EDE_CBC": TripleDES,
    }
)
"""The block cipher for a key, by IANA's words."""

_VERSION = 0x0303
_header = Struct(">BHH").pack
_mac_header = Struct(">QBHH").pack
_PADDING = tuple(bytes([length]) * (length + 1) for length in range(256))
"""What a padding_length of 0 to 255 looks like, itself included."""

_NewContext = Callable[[Context[CBC]], CipherContext]


class _CbcDirection(Direction):
    """One direction: its MAC, its counters, and the bytes of IV and ciphertext that its key may still protect."""

    __slots__ = ("_block", "_left", "_mac", "_mac_length", "_update", "_volume")

    def __init__(self, cipher: Cipher, keys: DirectionKeys, mac: str, context: _NewContext) -> None:
        limit = USAGE_LIMITS[cipher.name]
        super().__init__(limit)
        block = self._block = cipher.block_length
        self._update = context(Context(BLOCK_CIPHERS[cipher.name](keys.key), CBC(bytes(block)))).update
        self._mac = RecordMac(mac, keys.mac_key)
        self._mac_length = self._mac.length
        self._volume = self._left = limit.blocks * block

    @property
    def near_from(self) -> int:
        """The first sequence number at which `near_limit` may be true: if every record until then is a full one."""
        records = max(0, self._left - (self._volume >> 3)) // MAX_CIPHERTEXT
        return min(self.sequence + records, super().near_from)

    @property
    def near_limit(self) -> bool:
        """Whether seven eighths of the volume, or of the sequence numbers, are used."""
        return self._left <= self._volume >> 3 or super().near_limit

    def _exceed(self, kind: int) -> None:
        """Turn an exhausted volume into a limit of records, and ask that."""
        self.limit = min(self.limit, self.sequence)
        self.check_limit(kind)


class _CbcSealer(_CbcDirection, ABC):
    __slots__ = ("_random",)

    mac_inside: ClassVar[bool]
    """Whether the MAC is encrypted with the data."""

    def __init__(self, cipher: Cipher, keys: DirectionKeys, mac: str, random: Callable[[int], bytes]) -> None:
        super().__init__(cipher, keys, mac, Context.encryptor)
        self._random = random

    @abstractmethod
    def seal(self, kind: int, data: Buffer) -> bytes:
        """One record around at most 2^14 bytes."""

    def seal_many(self, kind: int, data: Buffer, fragment_size: int) -> bytearray:
        """All the records of a larger write."""
        records = -(-len(data) // fragment_size)
        volume = records * self._record_length(fragment_size)
        if volume > self._left or self.sequence + records > self.limit:
            self.check_limit(kind, records)
        return seal_each(self.seal, self._record_length, kind, data, fragment_size)

    def _record_length(self, length: int) -> int:
        block, inside = self._block, self._mac_length if self.mac_inside else 0
        padded = (length + inside) // block * block + block
        return HEADER + block + padded + self._mac_length - inside


class MacThenEncryptSealer(_CbcSealer):
    """CBC as in RFC 5246, outgoing."""

    __slots__ = ()

    mac_inside = True

    def seal(self, kind: int, data: Buffer) -> bytes:
        """One record around at most 2^14 bytes."""
        block, length = self._block, len(data)
        padding = _PADDING[block - 1 - (length + self._mac_length) % block]
        size = block + length + self._mac_length + len(padding)
        sequence, left = self.sequence, self._left - size
        if left < 0 or sequence >= self.limit:
            self._exceed(kind)
        self.sequence, self._left = sequence + 1, left
        mac = self._mac.compute(_mac_header(sequence, kind, _VERSION, length), data)
        return _header(kind, _VERSION, size) + self._update(b"".join((self._random(block), data, mac, padding)))


class MacThenEncryptOpener(_CbcDirection, Opening):
    """CBC as in RFC 5246, incoming."""

    __slots__ = ()

    def __init__(self, cipher: Cipher, keys: DirectionKeys, mac: str) -> None:
        super().__init__(cipher, keys, mac, Context.decryptor)

    def open(self, record: Buffer) -> bytes:
        """The plaintext of one whole record. Raises BadRecordMac, KeysExhausted."""
        block, mac_length, kind = self._block, self._mac_length, record[0]
        size = len(record) - HEADER
        if size % block or size < block + mac_length + 1:
            raise BadRecordMac
        sequence, left = self.sequence, self._left - size
        if left < 0 or sequence >= self.limit:
            self._exceed(kind)
        self.sequence, self._left = sequence + 1, left
        plaintext = self._update(memoryview(record)[HEADER:])

        window = plaintext[max(block, size - 256) :]
        padding = window[-1]
        most = size - block - mac_length - 1
        well_padded = compare_digest(window[: -1 - padding] + _PADDING[padding], window) & (padding <= most)
        length = most - padding * well_padded
        end = block + length
        mac = self._mac.compute_evenly(
            _mac_header(sequence, kind, _VERSION, length), memoryview(plaintext)[block:end], most
        )
        if not compare_digest(mac, plaintext[end : end + mac_length]) & well_padded:
            raise BadRecordMac
        return plaintext[block:end]


class EncryptThenMacSealer(_CbcSealer):
    """CBC as in RFC 7366, outgoing."""

    __slots__ = ()

    mac_inside = False

    def seal(self, kind: int, data: Buffer) -> bytes:
        """One record around at most 2^14 bytes."""
        block, length = self._block, len(data)
        padding = _PADDING[block - 1 - length % block]
        size = block + length + len(padding)
        sequence, left = self.sequence, self._left - size
        if left < 0 or sequence >= self.limit:
            self._exceed(kind)
        self.sequence, self._left = sequence + 1, left
        encrypted = self._update(b"".join((self._random(block), data, padding)))
        mac = self._mac.compute(_mac_header(sequence, kind, _VERSION, size), encrypted)
        return b"".join((_header(kind, _VERSION, size + self._mac_length), encrypted, mac))


class EncryptThenMacOpener(_CbcDirection, Opening):
    """CBC as in RFC 7366, incoming: what does not authenticate is not decrypted."""

    __slots__ = ()

    def __init__(self, cipher: Cipher, keys: DirectionKeys, mac: str) -> None:
        super().__init__(cipher, keys, mac, Context.decryptor)

    def open(self, record: Buffer) -> bytes:
        """The plaintext of one whole record. Raises BadRecordMac, KeysExhausted."""
        block, kind = self._block, record[0]
        size = len(record) - HEADER - self._mac_length
        if size % block or size < 2 * block:
            raise BadRecordMac
        sequence, left = self.sequence, self._left - size
        if left < 0 or sequence >= self.limit:
            self._exceed(kind)
        self.sequence, self._left = sequence + 1, left
        end = HEADER + size
        with memoryview(record) as view:
            mac = self._mac.compute(_mac_header(sequence, kind, _VERSION, size), view[HEADER:end])
            if not compare_digest(mac, view[end:]):
                raise BadRecordMac
            plaintext = self._update(view[HEADER:end])
        padding = _PADDING[plaintext[-1]]
        if len(padding) > size - block or not plaintext.endswith(padding):
            raise BadRecordMac
        return plaintext[block : -len(padding)]
