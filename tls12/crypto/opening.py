"""The commonest thing to open: a chunk of bytes that is exactly one record of application data.

How it works: a connection that reads nothing but data need not take such a chunk apart with the record layer first; it
asks the opener at once (`open_alone`), and goes the long way only where that says None. Here it is for every opener, in
terms of `open`; a protection that can do it with less has a way of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from struct import Struct

from tls12.wire.records import HEADER, MAX_CIPHERTEXT

Buffer = bytes | bytearray | memoryview

DATA = b"\x17\x03\x03"
"""How a record of application data begins."""

read_start = Struct(">3sH").unpack_from


class Opening(ABC):
    """What every opener does."""

    __slots__ = ()

    @abstractmethod
    def open(self, record: Buffer) -> bytes:
        """The plaintext of one whole record."""

    def open_alone(self, chunk: bytes) -> bytes | None:
        """The plaintext, if `chunk` is exactly one record of application data; else None. Raises what `open` raises."""
        if len(chunk) < HEADER:
            return None
        start, length = read_start(chunk)
        if start != DATA or length != len(chunk) - HEADER or length > MAX_CIPHERTEXT:
            return None
        return self.open(chunk)
