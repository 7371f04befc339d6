"""The record header, the size limits, and cutting a byte string into records.

How it works: a record is a type, a version, a length and that many bytes (RFC 5246 6.2). Here are the constants and the
packed forms that everything which touches records uses, and the header and the record as plain values, for captures and
research. The running connection frames its records in `tls12.record_layer`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import TypeAlias

from tls12.registry import ContentType, ProtocolVersion
from tls12.wire.reader import Reader
from tls12.wire.writer import Writer

Buffer: TypeAlias = bytes | bytearray | memoryview
"""Bytes in any of Python's three forms; a memoryview has items of one byte."""

VERSION = int(ProtocolVersion.TLS_1_2)
"""What every record carries once the ServerHello has fixed the version (RFC 5246 6.2.1)."""

HEADER = 5
"""Bytes of a record header (RFC 5246 6.2.1)."""

MAX_PLAINTEXT = 2**14
"""Bytes of plaintext that one record may carry (RFC 5246 6.2.1)."""

MAX_CIPHERTEXT = MAX_PLAINTEXT + 2048
"""Bytes of a protected record's body, at most (RFC 5246 6.2.3)."""

pack_header = Struct(">BHH").pack
"""A record header out of content type, version and length of the body."""

unpack_header = Struct(">BHH").unpack_from
"""Content type, version and length out of a buffer, from a position on."""

pack_additional_data = Struct(">QBHH").pack
"""What is authenticated beside the content of a record (RFC 5246 6.2.3.1, 6.2.3.3): sequence number, content type,
version, and a length: that of the plaintext, or of IV and ciphertext with encrypt-then-MAC (RFC 7366 3).
"""


@dataclass(slots=True)
class RecordHeader:
    """The first five bytes of a record (RFC 5246 6.2.1)."""

    type: ContentType
    version: ProtocolVersion
    length: int

    @classmethod
    def read(cls, r: Reader) -> RecordHeader:
        """Read five bytes; any type, version and length is taken as it comes."""
        return cls(r.code8("type", ContentType), r.code16("version", ProtocolVersion), r.u16("length"))

    def write(self, w: Writer) -> None:
        w.u8(self.type, "type")
        w.u16(self.version, "version")
        w.u16(self.length, "length")


@dataclass(slots=True)
class Record:
    """A record as it stands on the wire: `fragment` is plaintext or ciphertext, and not decrypted here."""

    type: ContentType
    version: ProtocolVersion
    fragment: bytes

    def write(self, w: Writer) -> None:
        RecordHeader(self.type, self.version, len(self.fragment)).write(w)
        w.rest(self.fragment)


def split_records(data: bytes) -> Iterator[Record]:
    """Cut `data` into its records.

    Raises DecodeError after the last whole record if the last one is cut off. Any length is taken: the record layer
    checks the limits.
    """
    r = Reader(data, "Record")
    while r.remaining:
        header = RecordHeader.read(r)
        yield Record(header.type, header.version, r.fixed(header.length, "fragment"))
