"""Records without any protection: TLS_NULL_WITH_NULL_NULL, with which every connection begins (RFC 5246 6.1).

How it works: a header goes in front of the data, and nothing else happens. No policy can negotiate this; it is for the
laboratory, which frames in the clear what it cannot open, or does not want to encrypt. (A suite `..._WITH_NULL_SHA` has
a MAC and is in `stream.py`.)
"""

from __future__ import annotations

from tls12.wire.records import HEADER, VERSION, Buffer, pack_header


class NullCipher:
    """Neither encrypts nor authenticates."""

    __slots__ = ()

    name = "NULL"
    """IANA's name for the cipher."""

    def record_length(self, length: int) -> int:
        """How long a record around `length` bytes of plaintext is, its header included."""
        return HEADER + length

    def seal(self, sequence: int, kind: int, data: Buffer) -> bytes:
        """The record of content type `kind` around at most 2^14 bytes."""
        return pack_header(kind, VERSION, len(data)) + data

    def open(self, sequence: int, kind: int, body: Buffer) -> bytes:
        """The body as it is."""
        return bytes(body)

    def nonce(self, sequence: int, body: Buffer) -> bytes:
        """There is none."""
        return b""

    def additional_data(self, sequence: int, kind: int, body: Buffer, length: int) -> bytes:
        """Nothing is authenticated."""
        return b""
