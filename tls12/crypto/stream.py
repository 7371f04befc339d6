"""RC4 and NULL records with an HMAC, for the laboratory (RFC 5246 6.2.3.1).

How it works: the MAC follows the data, and the stream cipher encrypts both. RC4 keeps its state from record to record
(RC4_128 in TLS has no IV), so that records have to be sealed or opened in order. NULL is the stream cipher that changes
nothing: integrity without secrecy.
"""

from __future__ import annotations

from collections.abc import Callable
from hmac import compare_digest

from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.ciphers import Cipher

from tls12.crypto.record_mac import RecordMac
from tls12.crypto.suites import BulkCipher, CipherKind
from tls12.errors import BadRecordMac
from tls12.wire.records import HEADER, VERSION, Buffer, pack_additional_data, pack_header


class StreamCipher:
    """One direction's stream cipher and MAC under its keys."""

    __slots__ = ("_mac", "_update", "name")

    def __init__(self, cipher: BulkCipher, key: bytes, mac: RecordMac) -> None:
        self.name = cipher.name
        """IANA's name for the cipher."""
        self._mac = mac
        self._update: Callable[[Buffer], bytes] = bytes
        if cipher.kind is CipherKind.STREAM:
            self._update = Cipher(ARC4(key), mode=None).encryptor().update

    def record_length(self, length: int) -> int:
        """How long a record around `length` bytes of plaintext is, its header included."""
        return HEADER + length + self._mac.length

    def seal(self, sequence: int, kind: int, data: Buffer) -> bytes:
        """The record with this sequence number, of content type `kind`, around at most 2^14 bytes."""
        length = len(data)
        mac = self._mac.compute(pack_additional_data(sequence, kind, VERSION, length), data)
        return pack_header(kind, VERSION, length + self._mac.length) + self._update(b"".join((data, mac)))

    def open(self, sequence: int, kind: int, body: Buffer) -> bytes:
        """The plaintext of the record with this sequence number, content type and body. Raises BadRecordMac."""
        length = len(body) - self._mac.length
        if length < 0:
            raise BadRecordMac
        plaintext = self._update(body)
        data = plaintext[:length]
        mac = self._mac.compute(pack_additional_data(sequence, kind, VERSION, length), data)
        if not compare_digest(mac, plaintext[length:]):
            raise BadRecordMac
        return data

    def nonce(self, sequence: int, body: Buffer) -> bytes:
        """There is none."""
        return b""

    def additional_data(self, sequence: int, kind: int, body: Buffer, length: int) -> bytes:
        """What the MAC covers in front of a plaintext of `length` bytes (RFC 5246 6.2.3.1)."""
        return pack_additional_data(sequence, kind, VERSION, length)
