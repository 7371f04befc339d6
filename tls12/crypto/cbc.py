"""CBC records with an HMAC: AES, Camellia and 3DES, in both orders.

How it works: RFC 5246 6.2.3.2 authenticates, then pads, then encrypts; RFC 7366 authenticates last.

    MAC-then-encrypt:  header(5) | IV | encrypted(data | MAC | padding)
    encrypt-then-MAC:  header(5) | IV | encrypted(data | padding) | MAC over everything before it

To make an encryption context for each record is slow (docs/performance.md), so each direction keeps one for its whole
life. To seal, one block of random bytes goes in front of the plaintext; what it encrypts to is the IV, as unpredictable
as the bytes were (RFC 4346 6.2.3.2, method 2b). To open, IV and ciphertext go through the context together, and the
first block that comes out is thrown away: it alone depends on the record before.

*Opening MAC-then-encrypt* must not reveal whether the padding or the MAC was wrong (Vaudenay 2002), nor by its
duration how long the padding was (Lucky Thirteen, 2013). So the padding is compared over a window of fixed length,
a wrong one counts as a padding of one byte, as RFC 5246 6.2.3.2 advises, the MAC is computed in every case with a
number of compression-function calls that depends on the length of the record alone (`record_mac.py`), and there
is one error for everything. What Python cannot promise is that its own work, slices and integers of varying value,
takes equal time to the nanosecond: against an attacker who can measure that, use encrypt-then-MAC or an AEAD.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from hmac import compare_digest
from types import MappingProxyType
from typing import ClassVar

from cryptography.hazmat.decrepit.ciphers.algorithms import Camellia, TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from tls12.crypto.randomness import Random
from tls12.crypto.record_mac import RecordMac
from tls12.crypto.suites import BulkCipher
from tls12.errors import BadRecordMac
from tls12.wire.records import HEADER, VERSION, Buffer, pack_additional_data, pack_header

BLOCK_CIPHERS: Mapping[str, Callable[[bytes], BlockCipherAlgorithm]] = MappingProxyType(
    {
        "AES_128_CBC": AES,
        "AES_256_CBC": AES,
        "CAMELLIA_128_CBC": Camellia,
        "CAMELLIA_256_CBC": Camellia,
        "3DES_EDE_CBC": TripleDES,
    }
)
"""The block cipher for a key, by IANA's name."""

_PADDING = tuple(bytes([length]) * (length + 1) for length in range(256))
"""The padding for a padding_length of 0 to 255, that byte included."""


class CbcCipher(ABC):
    """One direction's block cipher and MAC under its keys; the order of the two is the subclass's."""

    __slots__ = ("_block", "_mac", "_mac_length", "_random", "_update", "name")

    mac_inside: ClassVar[bool]
    """Whether the MAC is encrypted with the data."""

    def __init__(self, cipher: BulkCipher, key: bytes, mac: RecordMac, random: Random | None = None) -> None:
        """With `random`, which gives the IVs, the object seals; without it, the object opens."""
        self.name = cipher.name
        """IANA's name for the cipher."""
        self._block = cipher.block_length
        both_ways = Cipher(BLOCK_CIPHERS[cipher.name](key), CBC(bytes(cipher.block_length)))
        context: CipherContext = both_ways.decryptor() if random is None else both_ways.encryptor()
        self._update = context.update
        self._random: Random = bytes if random is None else random
        self._mac = mac
        self._mac_length = mac.length

    def record_length(self, length: int) -> int:
        """How long a record around `length` bytes of plaintext is, its header included."""
        block, inside = self._block, self._mac_length if self.mac_inside else 0
        padded = (length + inside) // block * block + block
        return HEADER + block + padded + self._mac_length - inside

    @abstractmethod
    def seal(self, sequence: int, kind: int, data: Buffer) -> bytes:
        """The record with this sequence number, of content type `kind`, around at most 2^14 bytes."""

    @abstractmethod
    def open(self, sequence: int, kind: int, body: Buffer) -> bytes:
        """The plaintext of the record with this sequence number, content type and body. Raises BadRecordMac."""

    def nonce(self, sequence: int, body: Buffer) -> bytes:
        """The IV of the record with this body."""
        return bytes(body[: self._block])

    @abstractmethod
    def additional_data(self, sequence: int, kind: int, body: Buffer, length: int) -> bytes:
        """What the MAC covers in front of its data: that of a record with this body and `length` bytes of plaintext."""


class MacThenEncrypt(CbcCipher):
    """CBC as in RFC 5246."""

    __slots__ = ()

    mac_inside = True

    def seal(self, sequence: int, kind: int, data: Buffer) -> bytes:
        """The record with this sequence number, of content type `kind`, around at most 2^14 bytes."""
        block, length = self._block, len(data)
        padding = _PADDING[block - 1 - (length + self._mac_length) % block]
        mac = self._mac.compute(pack_additional_data(sequence, kind, VERSION, length), data)
        encrypted = self._update(b"".join((self._random(block), data, mac, padding)))
        return pack_header(kind, VERSION, len(encrypted)) + encrypted

    def open(self, sequence: int, kind: int, body: Buffer) -> bytes:
        """The plaintext of the record with this sequence number, content type and body. Raises BadRecordMac."""
        block, mac_length, size = self._block, self._mac_length, len(body)
        if size % block or size < block + mac_length + 1:
            raise BadRecordMac
        plaintext = self._update(body)

        window = plaintext[max(block, size - 256) :]
        padding = window[-1]
        most = size - block - mac_length - 1
        well_padded = compare_digest(window[: -1 - padding] + _PADDING[padding], window) & (padding <= most)
        length = most - padding * well_padded
        end = block + length
        mac = self._mac.compute_evenly(
            pack_additional_data(sequence, kind, VERSION, length), memoryview(plaintext)[block:end], most
        )
        if not compare_digest(mac, plaintext[end : end + mac_length]) & well_padded:
            raise BadRecordMac
        return plaintext[block:end]

    def additional_data(self, sequence: int, kind: int, body: Buffer, length: int) -> bytes:
        """What the MAC covers in front of a plaintext of `length` bytes (RFC 5246 6.2.3.1)."""
        return pack_additional_data(sequence, kind, VERSION, length)


class EncryptThenMac(CbcCipher):
    """CBC as in RFC 7366: what does not authenticate is not decrypted."""

    __slots__ = ()

    mac_inside = False

    def seal(self, sequence: int, kind: int, data: Buffer) -> bytes:
        """The record with this sequence number, of content type `kind`, around at most 2^14 bytes."""
        block = self._block
        padding = _PADDING[block - 1 - len(data) % block]
        encrypted = self._update(b"".join((self._random(block), data, padding)))
        size = len(encrypted)
        mac = self._mac.compute(pack_additional_data(sequence, kind, VERSION, size), encrypted)
        return b"".join((pack_header(kind, VERSION, size + self._mac_length), encrypted, mac))

    def open(self, sequence: int, kind: int, body: Buffer) -> bytes:
        """The plaintext of the record with this sequence number, content type and body. Raises BadRecordMac."""
        block, size = self._block, len(body) - self._mac_length
        if size % block or size < 2 * block:
            raise BadRecordMac
        with memoryview(body) as view:
            mac = self._mac.compute(pack_additional_data(sequence, kind, VERSION, size), view[:size])
            if not compare_digest(mac, view[size:]):
                raise BadRecordMac
            plaintext = self._update(view[:size])
        padding = _PADDING[plaintext[-1]]
        if len(padding) > size - block or not plaintext.endswith(padding):
            raise BadRecordMac
        return plaintext[block : -len(padding)]

    def additional_data(self, sequence: int, kind: int, body: Buffer, length: int) -> bytes:
        """What the MAC covers in front of IV and ciphertext (RFC 7366 3)."""
        return pack_additional_data(sequence, kind, VERSION, len(body) - self._mac_length)
