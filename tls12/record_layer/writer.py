"""Data to outgoing records.

How it works: what fits into one record becomes one; what is longer is cut into records of `fragment_size`. In the clear
the writer frames by itself; once keys are installed, a write state seals (`states.py`).
"""

from __future__ import annotations

from tls12.crypto.protection import Sealer
from tls12.record_layer.shortcuts import write_state
from tls12.record_layer.states import WriteState
from tls12.wire.records import MAX_PLAINTEXT, VERSION, Buffer, pack_header


class RecordWriter:
    """One direction's outgoing records."""

    __slots__ = ("fragment_size", "state", "version")

    def __init__(self) -> None:
        self.fragment_size = MAX_PLAINTEXT
        """Bytes of plaintext per record, at most (RFC 5246 6.2.1, RFC 6066 4, RFC 8449 4)."""
        self.version = VERSION
        """The version of records in the clear. The first ClientHello is sent with 0x0301, which old servers accept
        (RFC 5246 E.1)."""
        self.state: WriteState | None = None
        """What protects the records, and counts them; None in the clear."""

    @property
    def protected(self) -> bool:
        """Whether records are encrypted."""
        return self.state is not None

    def install(self, sealer: Sealer, most_records: int | None = None) -> WriteState:
        """Seal every later record with `sealer`: our ChangeCipherSpec has been written. Returns the new `state`.

        Application data is refused after `most_records`, or earlier if the cipher's own limit is lower.
        """
        self.state = state = write_state(sealer, most_records)
        return state

    def seal(self, kind: int, data: Buffer) -> bytes:
        """The one record that carries at most `fragment_size` bytes."""
        if self.state is not None:
            return self.state.seal(kind, data)
        return pack_header(kind, self.version, len(data)) + data

    def write(self, kind: int, data: Buffer) -> bytes | bytearray:
        """The record or records that carry `data`; an empty `data` makes one empty record.

        The buffer belongs to the caller. A memoryview must be one of single bytes. Raises KeysExhausted.
        """
        size = self.fragment_size
        if len(data) <= size:
            return self.seal(kind, data)
        if self.state is not None:
            return self.state.seal_many(kind, data, size)
        return b"".join(self.seal(kind, data[at : at + size]) for at in range(0, len(data), size))
