"""Application data under an AEAD, with fewer calls of Python for each record.

How it works: what costs time in a small record is not the encryption but the calls around it. So the states of AEADs,
by far the commonest protection, do four things by themselves instead of asking the cipher:

    seal_alone   one write that fits into a record
    seal_many    a larger write: all its records, encrypted in place in one loop
    open_alone   a chunk of input that is exactly one record
    open_run     a chunk of input that begins with several records, opened in one loop

Each has the formulas of `crypto/aead.py` once more, and the tests compare the two. What is not ordinary application
data is left to `states.py` and `reader.py`: alerts and handshake messages, empty and overlong fragments, records that
span chunks, and everything at a limit. But a record that does not authenticate is refused here, so that it is decrypted
once, and not a second time there.

docs/performance.md ("What was learnt") says what the shortcuts gain and what else was tried; that is why the code looks
as it does. `benchmarks/operations.py` counts its instructions. Without the shortcuts everything would work the same,
only slower.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import TypeVar

from cryptography.exceptions import InvalidTag

from tls12.crypto.aead import AeadCipher, pack_nonce
from tls12.crypto.protection import Opener, Sealer
from tls12.errors import BadRecordMac
from tls12.record_layer.states import DATA, ReadState, WriteState
from tls12.wire.records import HEADER, VERSION, Buffer, pack_additional_data

COPY = 512
"""Bytes up to which it is faster to copy a slice than to take a view of it."""

_EXPLICIT_END = HEADER + 8
"""Where the ciphertext begins after an explicit nonce."""

_pack_start = Struct(">3sH").pack
_pack_start_and_nonce = Struct(">3sHQ").pack
_unpack_start_and_nonce = Struct(">3sH8s").unpack_from
_put_header, _put_header_and_nonce = Struct(">BHH").pack_into, Struct(">BHHQ").pack_into
_additional_data = Struct(">Q3sH").pack

T = TypeVar("T")


def write_state(sealer: Sealer, most_records: int | None) -> WriteState:
    """The write state for a sealer: the fastest that there is."""
    return (AeadWriteState if isinstance(sealer, AeadCipher) else WriteState)(sealer, most_records)


def read_state(opener: Opener, most_records: int | None) -> ReadState:
    """The read state for an opener: the fastest that there is."""
    return (AeadReadState if isinstance(opener, AeadCipher) else ReadState)(opener, most_records)


class AeadWriteState(WriteState):
    """A write state that seals application data by itself."""

    __slots__ = ()

    cipher: AeadCipher

    def seal_alone(self, data: Buffer) -> bytes | None:
        """One record of application data; None near a limit, where the caller uses `seal` and asks `near_limit`."""
        sequence = self.sequence
        if sequence >= self.attention:
            return None
        self.sequence = sequence + 1
        cipher = self.cipher
        length = len(data)
        if cipher.explicit:
            return _pack_start_and_nonce(DATA, length + cipher.overhead, sequence) + cipher.aead.encrypt(
                pack_nonce(cipher.salt, sequence), data, _additional_data(sequence, DATA, length)
            )
        return _pack_start(DATA, length + cipher.overhead) + cipher.aead.encrypt(
            pack_nonce(cipher.salt, cipher.mask ^ sequence), data, _additional_data(sequence, DATA, length)
        )

    def seal_many(self, kind: int, data: Buffer, fragment_size: int) -> bytearray:
        """All the records of a larger write, encrypted in place into one buffer of the exact size."""
        cipher, sequence, size = self.cipher, self.sequence, len(data)
        encrypt_into, salt, mask, overhead = cipher.aead.encrypt_into, cipher.salt, cipher.mask, cipher.overhead
        explicit, front, around = cipher.explicit, HEADER + cipher.explicit, HEADER + overhead
        records = -(-size // fragment_size)
        if sequence + records > self.limit:
            self.refuse(kind, records)
        out = bytearray(size + records * around)
        end = 0
        with memoryview(data) as source, memoryview(out) as target:
            for start in range(0, size, fragment_size):
                fragment = source[start : start + fragment_size]
                length = len(fragment)
                if explicit:
                    _put_header_and_nonce(out, end, kind, VERSION, length + overhead, sequence)
                else:
                    _put_header(out, end, kind, VERSION, length + overhead)
                begin = end + front
                end += around + length
                encrypt_into(
                    pack_nonce(salt, mask ^ sequence),
                    fragment,
                    pack_additional_data(sequence, kind, VERSION, length),
                    target[begin:end],
                )
                sequence += 1
        self.sequence = sequence
        return out


class AeadReadState(ReadState):
    """A read state that opens application data by itself."""

    __slots__ = ()

    cipher: AeadCipher

    def open_alone(self, chunk: bytes, most: int) -> bytes | None:
        """The plaintext if `chunk` is exactly one ordinary record, as `open_run` has it, else None."""
        cipher, sequence, size = self.cipher, self.sequence, len(chunk) - HEADER
        length = size - cipher.overhead
        if not 0 < length <= most or sequence >= self.limit:
            return None
        start, body, nonce = _unpack_start_and_nonce(chunk)
        if start != DATA or body != size:
            return None
        self.sequence = sequence + 1
        try:
            if cipher.explicit:
                return cipher.aead.decrypt(
                    cipher.salt + nonce,
                    memoryview(chunk)[_EXPLICIT_END:] if length > COPY else chunk[_EXPLICIT_END:],
                    _additional_data(sequence, start, length),
                )
            return cipher.aead.decrypt(
                pack_nonce(cipher.salt, cipher.mask ^ sequence),
                memoryview(chunk)[HEADER:] if length > COPY else chunk[HEADER:],
                _additional_data(sequence, start, length),
            )
        except InvalidTag:
            raise BadRecordMac from None

    def open_run(self, data: Buffer, position: int, most: int, into: list[T], wrap: Callable[[bytes], T]) -> int:
        """Open the run of ordinary records of application data that begins at `position`; returns where it ends.

        An ordinary record is whole, has a plaintext of 1 to `most` bytes and is within the limit. For each one
        `wrap(plaintext)` is appended to `into`. Raises BadRecordMac.
        """
        cipher, sequence, size, limit = self.cipher, self.sequence, len(data), self.limit
        decrypt, salt, mask, overhead = cipher.aead.decrypt, cipher.salt, cipher.mask, cipher.overhead
        explicit, front = cipher.explicit, HEADER + cipher.explicit
        around = HEADER + overhead
        while size - position > around:
            start, length, nonce = _unpack_start_and_nonce(data, position)
            end = position + HEADER + length
            length -= overhead
            if start != DATA or end > size or not 0 < length <= most or sequence >= limit:
                break
            try:
                plaintext = decrypt(
                    salt + nonce if explicit else pack_nonce(salt, mask ^ sequence),
                    data[position + front : end],
                    _additional_data(sequence, start, length),
                )
            except InvalidTag:
                raise BadRecordMac from None
            self.sequence = sequence = sequence + 1
            into.append(wrap(plaintext))
            position = end
        return position
