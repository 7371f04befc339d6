"""RC4 and NULL records with an HMAC, for the laboratory (RFC 5246 6.2.3.1).

How it works: the MAC goes behind the data, and a stream cipher over both; the state of RC4 runs on from record to
record (RC4_128 in TLS has no IV). NULL is the stream cipher that changes nothing: integrity without secrecy.
"""

from __future__ import annotations

from collections.abc import Callable
from hmac import compare_digest
from struct import Struct

from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.ciphers import Cipher as Context

from tls12.crypto.key_schedule import DirectionKeys
from tls12.crypto.limits import USAGE_LIMITS, Direction
from tls12.crypto.opening import Opening
from tls12.crypto.record_mac import RecordMac, seal_each
from tls12.crypto.suites import Cipher, CipherKind
from tls12.errors import BadRecordMac
from tls12.wire.records import HEADER, Buffer

_VERSION = 0x0303
_header = Struct(">BHH").pack
_mac_header = Struct(">QBHH").pack


class _StreamDirection(Direction):
    """One direction: its MAC, its counters, and the cipher as a function that keeps its state."""

    __slots__ = ("_mac", "_update")

    def __init__(self, cipher: Cipher, keys: DirectionKeys, mac: str) -> None:
        super().__init__(USAGE_LIMITS[cipher.name])
        self._mac = RecordMac(mac, keys.mac_key)
        self._update: Callable[[Buffer], bytes] = bytes
        if cipher.kind is CipherKind.STREAM:
            self._update = Context(ARC4(keys.key), mode=None).encryptor().update


class StreamSealer(_StreamDirection):
    """RC4 and NULL, outgoing."""

    __slots__ = ()

    def seal(self, kind: int, data: Buffer) -> bytes:
        """One record around at most 2^14 bytes."""
        sequence, length = self.sequence, len(data)
        if sequence >= self.limit:
            self.check_limit(kind)
        self.sequence = sequence + 1
        mac = self._mac.compute(_mac_header(sequence, kind, _VERSION, length), data)
        return _header(kind, _VERSION, length + self._mac.length) + self._update(b"".join((data, mac)))

    def seal_many(self, kind: int, data: Buffer, fragment_size: int) -> bytearray:
        """All the records of a larger write."""
        records = -(-len(data) // fragment_size)
        if self.sequence + records > self.limit:
            self.check_limit(kind, records)
        return seal_each(self.seal, self._record_length, kind, data, fragment_size)

    def _record_length(self, length: int) -> int:
        return HEADER + length + self._mac.length


class StreamOpener(_StreamDirection, Opening):
    """RC4 and NULL, incoming."""

    __slots__ = ()

    def open(self, record: Buffer) -> bytes:
        """The plaintext of one whole record. Raises BadRecordMac, KeysExhausted."""
        sequence, kind = self.sequence, record[0]
        if sequence >= self.limit:
            self.check_limit(kind)
        length = len(record) - HEADER - self._mac.length
        if length < 0:
            raise BadRecordMac
        plaintext = self._update(memoryview(record)[HEADER:])
        data = plaintext[:length]
        mac = self._mac.compute(_mac_header(sequence, kind, _VERSION, length), data)
        if not compare_digest(mac, plaintext[length:]):
            raise BadRecordMac
        self.sequence = sequence + 1
        return data
