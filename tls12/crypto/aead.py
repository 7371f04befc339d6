"""AEAD records: AES-GCM, AES-CCM, AES-CCM_8 and ChaCha20-Poly1305.

How it works: the additional data is always sequence number, type, version and plaintext length (RFC 5246 6.2.3.3).
A nonce is always twelve bytes: a salt of four and eight more. Where those eight come from depends on the cipher.

*Explicit* (GCM and CCM; RFC 5288 3, RFC 6655 3): the key block gives the salt, and the eight bytes travel in front of
the ciphertext. We send the sequence number, which cannot repeat; from the peer any eight bytes are taken.

    header(5) | explicit nonce(8) | ciphertext | tag

*Implicit* (ChaCha20-Poly1305; RFC 7905 2): the key block gives twelve bytes, the salt and a mask. The eight bytes are
the mask, exclusive-or the sequence number, and nothing travels.

    header(5) | ciphertext | tag

So both send `mask ^ sequence`, with a mask of 0 where the nonce is explicit, and differ only in whether it travels.

`tls12.record_layer.shortcuts` repeats these formulas with fewer Python calls for each record; docs/performance.md says
what that gains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from struct import Struct
from types import MappingProxyType
from typing import TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from tls12.crypto.key_schedule import DirectionKeys
from tls12.crypto.suites import BulkCipher
from tls12.errors import BadRecordMac
from tls12.wire.records import HEADER, VERSION, Buffer, pack_additional_data, pack_header

Aead: TypeAlias = AESGCM | AESCCM | ChaCha20Poly1305
"""What encrypts and authenticates in one call."""

AEADS: Mapping[str, Callable[[bytes], Aead]] = MappingProxyType(
    {
        "AES_128_GCM": AESGCM,
        "AES_256_GCM": AESGCM,
        "AES_128_CCM": AESCCM,
        "AES_256_CCM": AESCCM,
        "AES_128_CCM_8": lambda key: AESCCM(key, tag_length=8),
        "AES_256_CCM_8": lambda key: AESCCM(key, tag_length=8),
        "CHACHA20_POLY1305": ChaCha20Poly1305,
    }
)
"""The cipher object for a key, by IANA's name."""

pack_nonce = Struct(">4sQ").pack
"""Makes a nonce of the salt and of the eight bytes after it, given as a number."""

pack_header_and_nonce = Struct(">BHHQ").pack
"""Makes a record header and the explicit nonce after it, given as a number."""


class TicketCipher:
    """AES-256-GCM under the key of a server's tickets (RFC 5077 4)."""

    __slots__ = ("_aead",)

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def seal(self, nonce: bytes, state: bytes, name: bytes) -> bytes:
        """The state, encrypted and authenticated; `name` is authenticated as well. A nonce of 12 bytes is used once."""
        return self._aead.encrypt(nonce, state, name)

    def open(self, nonce: bytes, sealed: bytes, name: bytes) -> bytes | None:
        """The state again, or None where anything was altered."""
        try:
            return self._aead.decrypt(nonce, sealed, name)
        except InvalidTag:
            return None


class AeadCipher:
    """One direction's AEAD under its keys. Its attributes hold secrets; besides itself only `shortcuts` reads them."""

    __slots__ = ("aead", "explicit", "mask", "name", "overhead", "salt")

    def __init__(self, cipher: BulkCipher, keys: DirectionKeys) -> None:
        self.name = name = cipher.name
        """IANA's name for the cipher."""
        self.aead = AEADS[name](keys.key)
        """The cipher object of the backend."""
        iv = keys.iv
        self.salt = iv[:4]
        """The first four bytes of every nonce."""
        self.mask = int.from_bytes(iv[4:], "big")
        """Exclusive-or the sequence number it gives the other eight bytes; 0 where the nonce is explicit."""
        self.explicit = explicit = cipher.record_iv_length
        """How many bytes of the nonce travel in each record: 8 or 0."""
        self.overhead = explicit + cipher.tag_length
        """By how many bytes the body of a record is longer than its plaintext."""

    def record_length(self, length: int) -> int:
        """How long a record around `length` bytes of plaintext is, its header included."""
        return HEADER + length + self.overhead

    def seal(self, sequence: int, kind: int, data: Buffer) -> bytes:
        """The record with this sequence number, of content type `kind`, around at most 2^14 bytes."""
        length, number = len(data), self.mask ^ sequence
        sealed = self.aead.encrypt(
            pack_nonce(self.salt, number), data, pack_additional_data(sequence, kind, VERSION, length)
        )
        if self.explicit:
            return pack_header_and_nonce(kind, VERSION, length + self.overhead, number) + sealed
        return pack_header(kind, VERSION, length + self.overhead) + sealed

    def open(self, sequence: int, kind: int, body: Buffer) -> bytes:
        """The plaintext of the record with this sequence number, content type and body. Raises BadRecordMac."""
        length = len(body) - self.overhead
        if length < 0:
            raise BadRecordMac
        try:
            return self.aead.decrypt(
                self.nonce(sequence, body),
                body[self.explicit :],
                pack_additional_data(sequence, kind, VERSION, length),
            )
        except InvalidTag:
            raise BadRecordMac from None

    def nonce(self, sequence: int, body: Buffer) -> bytes:
        """The nonce of the record with this sequence number and body."""
        if self.explicit:
            return self.salt + bytes(body[: self.explicit])
        return pack_nonce(self.salt, self.mask ^ sequence)

    def additional_data(self, sequence: int, kind: int, body: Buffer, length: int) -> bytes:
        """What is authenticated beside a plaintext of `length` bytes (RFC 5246 6.2.3.3)."""
        return pack_additional_data(sequence, kind, VERSION, length)
