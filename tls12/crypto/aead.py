"""AEAD records: AES-GCM, AES-CCM, AES-CCM_8 and ChaCha20-Poly1305.

How it works: the additional data is always sequence number, type, version and plaintext length (RFC 5246
6.2.3.3). There are two ways to a nonce.

*Explicit* (GCM and CCM; RFC 5288 3, RFC 6655 3): four secret bytes of the key block and eight that travel in
the record. We send the sequence number, which cannot repeat; from the peer any eight bytes are taken.

    header(5) | nonce_explicit(8) | ciphertext | tag

*Implicit* (ChaCha20-Poly1305; RFC 7905 2): twelve secret bytes, exclusive-or the sequence number. Nothing
travels.

    header(5) | ciphertext | tag

This is the hottest code of the library, and it looks as it does for measured reasons. Around a raw
AES-128-GCM call of 860 ns on 64 bytes (`benchmarks/test_records.py` times the whole): three plain packs and
one concatenation 1350; the nonce sliced out of the header 1440; `%b` formatting 1470; a bytearray and
`encrypt_into` 2030; counting bytes instead of records against the limit 1390.

So `open` is written out twice more, in `open_alone` and `open_run`, where the header is read with the nonce and the
calls are saved: 4 % of a transfer of 64 bytes or of 1 MiB, 9 % of one of 32 small records. Neither judges. What they
cannot open is left as it was, for `open` to refuse.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from struct import Struct
from types import MappingProxyType
from typing import TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from tls12.crypto.key_schedule import DirectionKeys
from tls12.crypto.limits import USAGE_LIMITS, Direction
from tls12.crypto.opening import DATA, Opening, read_start
from tls12.crypto.suites import Cipher
from tls12.errors import BadRecordMac
from tls12.wire.records import HEADER, MAX_CIPHERTEXT

Buffer = bytes | bytearray | memoryview

AEADS: Mapping[str, Callable[[bytes], AESGCM | AESCCM | ChaCha20Poly1305]] = MappingProxyType(
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
"""The cipher object for a key, by IANA's words."""

COPY = 512
"""Bytes up to which copying a slice is faster than taking a view of it (60 ns)."""

_VERSION = 0x0303
_EXPLICIT = 8
_header, _put_header = Struct(">BHH").pack, Struct(">BHH").pack_into
_header_and_nonce, _put_header_and_nonce = Struct(">BHHQ").pack, Struct(">BHHQ").pack_into
_explicit_nonce = Struct(">4sQ").pack
_additional_data = Struct(">QBHH").pack
_about_data = Struct(">Q3sH").pack
_read_start_and_nonce = Struct(">3sH8s").unpack_from

T = TypeVar("T")


class _AeadDirection(Direction):
    __slots__ = ("_around", "_overhead")

    def __init__(self, cipher: Cipher) -> None:
        super().__init__(USAGE_LIMITS[cipher.name])
        self._overhead = cipher.record_iv_length + cipher.tag_length
        self._around = HEADER + self._overhead


class AeadOpener(_AeadDirection, Opening):
    """What opens a run of records in one loop: of an AEAD record one knows beforehand how long its plaintext is."""

    __slots__ = ()

    @abstractmethod
    def open_run(self, data: Buffer, position: int, most: int, into: list[T], wrap: Callable[[bytes], T]) -> int:
        """Open the run of ordinary records of application data that begins at `position`; returns where it ends.

        Ordinary is what is whole and authentic, has a plaintext of 1 to `most` bytes and is within the limit; what
        is not is left to `open`, and to its caller. For each one `wrap(plaintext)` is appended to `into`.
        """


class ExplicitNonceSealer(_AeadDirection):
    """AES-GCM and AES-CCM, outgoing."""

    __slots__ = ("_aead", "_salt")

    def __init__(self, cipher: Cipher, keys: DirectionKeys) -> None:
        super().__init__(cipher)
        self._aead = AEADS[cipher.name](keys.key)
        self._salt = keys.iv

    def seal(self, kind: int, data: Buffer) -> bytes:
        """One record around at most 2^14 bytes."""
        sequence = self.sequence
        if sequence >= self.limit:
            self.check_limit(kind)
        self.sequence = sequence + 1
        length = len(data)
        return _header_and_nonce(kind, _VERSION, length + self._overhead, sequence) + self._aead.encrypt(
            _explicit_nonce(self._salt, sequence), data, _additional_data(sequence, kind, _VERSION, length)
        )

    def seal_many(self, kind: int, data: Buffer, fragment_size: int) -> bytearray:
        """All the records of a larger write, encrypted in place into one buffer of the exact size."""
        size, overhead, sequence = len(data), self._overhead, self.sequence
        records = -(-size // fragment_size)
        if sequence + records > self.limit:
            self.check_limit(kind, records)
        out = bytearray(size + records * (HEADER + overhead))
        end = 0
        with memoryview(data) as source, memoryview(out) as target:
            for start in range(0, size, fragment_size):
                fragment = source[start : start + fragment_size]
                length = len(fragment)
                begin = end + HEADER + _EXPLICIT
                _put_header_and_nonce(out, end, kind, _VERSION, length + overhead, sequence)
                end += HEADER + overhead + length
                self._aead.encrypt_into(
                    _explicit_nonce(self._salt, sequence),
                    fragment,
                    _additional_data(sequence, kind, _VERSION, length),
                    target[begin:end],
                )
                sequence += 1
        self.sequence = sequence
        return out


class ExplicitNonceOpener(AeadOpener):
    """AES-GCM and AES-CCM, incoming."""

    __slots__ = ("_aead", "_salt")

    def __init__(self, cipher: Cipher, keys: DirectionKeys) -> None:
        super().__init__(cipher)
        self._aead = AEADS[cipher.name](keys.key)
        self._salt = keys.iv

    def open(self, record: Buffer) -> bytes:
        """The plaintext of one whole record. Raises BadRecordMac, KeysExhausted."""
        sequence = self.sequence
        if sequence >= self.limit:
            self.check_limit(record[0])
        length = len(record) - self._around
        if length < 0:
            raise BadRecordMac
        try:
            plaintext = self._aead.decrypt(
                self._salt + record[5:13],
                memoryview(record)[13:] if length > COPY else record[13:],
                _additional_data(sequence, record[0], _VERSION, length),
            )
        except InvalidTag:
            raise BadRecordMac from None
        self.sequence = sequence + 1
        return plaintext

    def open_alone(self, chunk: bytes) -> bytes | None:
        """The plaintext, if `chunk` is exactly one record of application data that `open` would open; else None."""
        size = len(chunk) - HEADER
        if size < self._overhead:
            return None
        start, length, nonce = _read_start_and_nonce(chunk)
        sequence = self.sequence
        if start != DATA or length != size or size > MAX_CIPHERTEXT or sequence >= self.limit:
            return None
        try:
            plaintext = self._aead.decrypt(
                self._salt + nonce,
                memoryview(chunk)[13:] if length > COPY else chunk[13:],
                _about_data(sequence, start, length - self._overhead),
            )
        except InvalidTag:
            return None
        self.sequence = sequence + 1
        return plaintext

    def open_run(self, data: Buffer, position: int, most: int, into: list[T], wrap: Callable[[bytes], T]) -> int:
        """Open the run of ordinary records of application data that begins at `position`; returns where it ends."""
        size, overhead, sequence = len(data), self._overhead, self.sequence
        while size - position > self._around:
            start, length, nonce = _read_start_and_nonce(data, position)
            end = position + HEADER + length
            length -= overhead
            if start != DATA or end > size or not 0 < length <= most or sequence >= self.limit:
                break
            try:
                plaintext = self._aead.decrypt(
                    self._salt + nonce, data[position + 13 : end], _about_data(sequence, start, length)
                )
            except InvalidTag:
                break
            self.sequence = sequence = sequence + 1
            into.append(wrap(plaintext))
            position = end
        return position


class ImplicitNonceSealer(_AeadDirection):
    """ChaCha20-Poly1305, outgoing."""

    __slots__ = ("_aead", "_iv")

    def __init__(self, cipher: Cipher, keys: DirectionKeys) -> None:
        super().__init__(cipher)
        self._aead = AEADS[cipher.name](keys.key)
        self._iv = int.from_bytes(keys.iv, "big")

    def seal(self, kind: int, data: Buffer) -> bytes:
        """One record around at most 2^14 bytes."""
        sequence = self.sequence
        if sequence >= self.limit:
            self.check_limit(kind)
        self.sequence = sequence + 1
        length = len(data)
        return _header(kind, _VERSION, length + self._overhead) + self._aead.encrypt(
            (self._iv ^ sequence).to_bytes(12, "big"),
            data,
            _additional_data(sequence, kind, _VERSION, length),
        )

    def seal_many(self, kind: int, data: Buffer, fragment_size: int) -> bytearray:
        """All the records of a larger write, encrypted in place into one buffer of the exact size."""
        size, overhead, sequence = len(data), self._overhead, self.sequence
        records = -(-size // fragment_size)
        if sequence + records > self.limit:
            self.check_limit(kind, records)
        out = bytearray(size + records * (HEADER + overhead))
        end = 0
        with memoryview(data) as source, memoryview(out) as target:
            for start in range(0, size, fragment_size):
                fragment = source[start : start + fragment_size]
                length = len(fragment)
                begin = end + HEADER
                _put_header(out, end, kind, _VERSION, length + overhead)
                end = begin + overhead + length
                self._aead.encrypt_into(
                    (self._iv ^ sequence).to_bytes(12, "big"),
                    fragment,
                    _additional_data(sequence, kind, _VERSION, length),
                    target[begin:end],
                )
                sequence += 1
        self.sequence = sequence
        return out


class ImplicitNonceOpener(AeadOpener):
    """ChaCha20-Poly1305, incoming."""

    __slots__ = ("_aead", "_iv")

    def __init__(self, cipher: Cipher, keys: DirectionKeys) -> None:
        super().__init__(cipher)
        self._aead = AEADS[cipher.name](keys.key)
        self._iv = int.from_bytes(keys.iv, "big")

    def open(self, record: Buffer) -> bytes:
        """The plaintext of one whole record. Raises BadRecordMac, KeysExhausted."""
        sequence = self.sequence
        if sequence >= self.limit:
            self.check_limit(record[0])
        length = len(record) - self._around
        if length < 0:
            raise BadRecordMac
        try:
            plaintext = self._aead.decrypt(
                (self._iv ^ sequence).to_bytes(12, "big"),
                memoryview(record)[5:] if length > COPY else record[5:],
                _additional_data(sequence, record[0], _VERSION, length),
            )
        except InvalidTag:
            raise BadRecordMac from None
        self.sequence = sequence + 1
        return plaintext

    def open_run(self, data: Buffer, position: int, most: int, into: list[T], wrap: Callable[[bytes], T]) -> int:
        """Open the run of ordinary records of application data that begins at `position`; returns where it ends."""
        size, overhead, sequence = len(data), self._overhead, self.sequence
        while size - position > self._around:
            start, length = read_start(data, position)
            end = position + HEADER + length
            length -= overhead
            if start != DATA or end > size or not 0 < length <= most or sequence >= self.limit:
                break
            try:
                plaintext = self._aead.decrypt(
                    (self._iv ^ sequence).to_bytes(12, "big"),
                    data[position + 5 : end],
                    _about_data(sequence, start, length),
                )
            except InvalidTag:
                break
            self.sequence = sequence = sequence + 1
            into.append(wrap(plaintext))
            position = end
        return position
