"""The read state and the write state of RFC 5246 6.1: keys, the sequence number, and how much they may still protect.

How it works: a state is made for each ChangeCipherSpec, around a cipher that knows nothing but its keys, and lasts
until the next one. So a sequence number never restarts under the same key, and is kept in one place.

Two limits apply. The sequence number must not wrap (RFC 5246 6.1): beyond 2^64 nothing passes. And a key may protect
only so much application data (`crypto/limits.py`); alerts and handshake messages still pass then, so that the
connection can renegotiate, or close, with the keys that it has. A limit in bytes becomes one in records once the
bytes are used up: the record that uses them up is the last one.

A write state also says when the connection should look at the limit (`attention`): once when seven eighths of it are
used, so that there is time for new keys, and again at the limit itself.

`seal_alone` and `open_alone` serve the commonest case, one record of application data and nothing else. `shortcuts.py`
has faster versions for AEADs, which do the same.
"""

from __future__ import annotations

from struct import Struct

from tls12.crypto.limits import SEQUENCE_NUMBERS, USAGE_LIMITS, UsageLimit
from tls12.crypto.protection import Opener, Sealer
from tls12.errors import KeysExhausted, RecordOverflow
from tls12.registry import ContentType
from tls12.wire.records import HEADER, MAX_CIPHERTEXT, Buffer

APPLICATION_DATA = int(ContentType.APPLICATION_DATA)

DATA = b"\x17\x03\x03"
"""How a protected record of application data begins: content type and version."""

_BOUNDLESS = 1 << 80
"""More bytes than 2^64 records have."""

_read_start = Struct(">3sH").unpack_from


class Counters:
    """The counters of one direction, which begin at 0 with its keys."""

    __slots__ = ("_room", "limit", "sequence")

    def __init__(self, usage: UsageLimit, most_records: int | None) -> None:
        self.sequence = 0
        """The number of the next record."""
        self.limit = usage.records if most_records is None else min(usage.records, most_records)
        """The first sequence number that application data may not have."""
        self._room = usage.volume or _BOUNDLESS  # bytes

    def refuse(self, kind: int, records: int = 1) -> None:
        """Raise KeysExhausted if `records` more of this content type may not follow. Called only at a limit."""
        if self.sequence + records > SEQUENCE_NUMBERS:
            raise KeysExhausted("the sequence numbers of one direction are used up")
        if kind == APPLICATION_DATA:
            raise KeysExhausted(
                f"one direction's keys have protected {self.sequence:,} records, the limit of their cipher",
                rule="RFC 8446 5.5",
            )


class WriteState(Counters):
    """What protects the outgoing records."""

    __slots__ = ("_reserve", "attention", "cipher")

    def __init__(self, sealer: Sealer, most_records: int | None = None) -> None:
        """Application data is refused after `most_records`, or earlier if the cipher's own limit is lower."""
        usage = USAGE_LIMITS[sealer.name]
        Counters.__init__(self, usage, most_records)
        self.cipher = sealer
        """Makes the records; it also tells the nonce and the additional data of one."""
        self.attention = self.limit - (self.limit >> 3) - 1
        """After the record with this number the connection should look at the limit; see `near_limit`."""
        self._reserve = usage.volume >> 3  # bytes that follow those of `_room`; 0 once `acknowledge` has added them
        if self._reserve:
            self._room -= self._reserve

    @property
    def near_limit(self) -> bool:
        """Whether the keys are near their limit, and `acknowledge` has not been called."""
        return self.sequence > self.attention

    def acknowledge(self) -> None:
        """The connection knows that the limit is near: `near_limit` is True again only when it is reached."""
        self.attention = self.limit
        self._room += self._reserve
        self._reserve = 0

    def seal(self, kind: int, data: Buffer) -> bytes:
        """One record of content type `kind`, header included, around at most 2^14 bytes. Raises KeysExhausted."""
        sequence = self.sequence
        if sequence >= self.limit:
            self.refuse(kind)
        self.sequence = sequence + 1
        record = self.cipher.seal(sequence, kind, data)
        self._room -= len(record) - HEADER
        if self._room <= 0:
            self._reach_limits()
        return record

    def seal_alone(self, data: Buffer) -> bytes | None:
        """One record of application data; None near a limit, where the caller uses `seal` and asks `near_limit`."""
        sequence = self.sequence
        if sequence >= self.attention or self._room <= MAX_CIPHERTEXT:
            return None
        self.sequence = sequence + 1
        record = self.cipher.seal(sequence, APPLICATION_DATA, data)
        self._room -= len(record) - HEADER
        return record

    def seal_many(self, kind: int, data: Buffer, fragment_size: int) -> bytearray:
        """All the records of a larger write, in one buffer of the exact size, which belongs to the caller.

        Nothing is sealed, and KeysExhausted raised, if the limit does not leave room for all of them.
        """
        whole, rest = divmod(len(data), fragment_size)
        length_of = self.cipher.record_length
        size = whole * length_of(fragment_size) + (length_of(rest) if rest else 0)
        records = whole + (rest > 0)
        if self.sequence + records > self.limit or size - records * HEADER > self._room + self._reserve:
            self.refuse(kind, records)
        out = bytearray(size)
        end = 0
        with memoryview(data) as source, memoryview(out) as target:
            for start in range(0, len(data), fragment_size):
                record = self.seal(kind, source[start : start + fragment_size])
                begin = end
                end += len(record)
                target[begin:end] = record
        return out

    def _reach_limits(self) -> None:
        """The bytes up to the reserve, or all of them, are used up: set `attention`, and at the end `limit`."""
        if self._room + self._reserve <= 0:
            self.limit = min(self.limit, self.sequence)
        if self._reserve:
            self.attention = min(self.attention, self.sequence - 1)


class ReadState(Counters):
    """What opens the incoming records."""

    __slots__ = ("cipher",)

    def __init__(self, opener: Opener, most_records: int | None = None) -> None:
        """Application data is refused after `most_records`, or earlier if the cipher's own limit is lower."""
        Counters.__init__(self, USAGE_LIMITS[opener.name], most_records)
        self.cipher = opener
        """Opens the records; it also tells the nonce and the additional data of one."""

    def open(self, kind: int, body: Buffer) -> bytes:
        """The plaintext of the next record, whose header has been checked.

        Raises BadRecordMac for every way in which it can be wrong, and KeysExhausted. The state is of no use
        afterwards. The caller judges the length of the plaintext.
        """
        sequence = self.sequence
        if sequence >= self.limit:
            self.refuse(kind)
        plaintext = self.cipher.open(sequence, kind, body)
        self.sequence = sequence + 1
        self._room -= len(body)
        if self._room <= 0:
            self.limit = min(self.limit, self.sequence)
        return plaintext

    def open_alone(self, chunk: bytes, most: int) -> bytes | None:
        """The plaintext if `chunk` is exactly one record of application data, and no limit is near; else None.

        The caller judges an empty plaintext. Raises BadRecordMac, and RecordOverflow for one of more than
        `most` bytes.
        """
        if len(chunk) < HEADER:
            return None
        start, length = _read_start(chunk)
        sequence = self.sequence
        if start != DATA or length != len(chunk) - HEADER or length > MAX_CIPHERTEXT:
            return None
        if sequence >= self.limit or length >= self._room:
            return None
        plaintext = self.cipher.open(sequence, APPLICATION_DATA, memoryview(chunk)[HEADER:])
        self.sequence = sequence + 1
        self._room -= length
        if len(plaintext) > most:
            raise overlong(len(plaintext), most)
        return plaintext


def overlong(length: int, most: int) -> RecordOverflow:
    """The error for a plaintext of `length` bytes where `most` were agreed (RFC 5246 6.2.1, RFC 6066 4, RFC 8449 4)."""
    return RecordOverflow(f"the peer sent a record of {length} bytes; at most {most} were agreed")
