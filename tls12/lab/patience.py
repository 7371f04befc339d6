"""A record reader for the laboratory: a rule that a record breaks is noted, and the reading goes on.

How it works: `PatientReader` cuts bytes into records and leaves opening them to its caller. It makes the checks of a
connection's reader. The errors that these raise are kept in `objections`, as long as the header still tells where the
next record begins: if its version is 3.x, and if the first record of the stream has a content type of TLS or of its
extensions. Otherwise the reader raises.
"""

from __future__ import annotations

from collections.abc import Iterator

from tls12.errors import TLSError
from tls12.record_layer import RecordReader
from tls12.registry import ContentType, ProtocolVersion
from tls12.wire.records import HEADER, Buffer, RecordHeader, unpack_header

_CONTENT_TYPES = frozenset(ContentType)
"""Every listed content type. A stream whose first byte is another one is not TLS."""

_UNBOUNDED = 1 << 62


class PatientReader(RecordReader):
    """A reader that goes on after a record that breaks a rule, as long as it can tell where the next one begins."""

    def __init__(self) -> None:
        super().__init__(empty_record_limit=_UNBOUNDED)
        self.objections: list[TLSError] = []
        """What rules the records have broken since they were last taken."""
        self._judged = False

    def cut(self, data: Buffer) -> Iterator[tuple[RecordHeader, bytes]]:
        """The records that `data` completes: the header and the body of each.

        Raises NotTLS and PeerMisbehaved where no record begins. The reader is of no use after that.
        """
        held = self.held
        held += bytes(data)  # a view may have gaps
        while held:
            self._refuse_kind(held, 0)
            if len(held) < HEADER:
                return
            kind, version, length = unpack_header(held)
            if not self._judged:
                self._judge_header(kind, version, length, held, 0)
                self._judged = True
            end = HEADER + length
            if len(held) < end:
                return
            self._judged = False
            body = bytes(held[HEADER:end])
            del held[:end]
            yield RecordHeader(ContentType.of(kind), ProtocolVersion.of(version), length), body

    def take_objections(self) -> list[TLSError]:
        """What rules the records have broken since the last call."""
        objections, self.objections = self.objections, []
        return objections

    def judge_fragment(self, kind: int, fragment: bytes) -> None:
        """Note what is wrong with the length of a plaintext, if anything is."""
        if 0 < len(fragment) <= self.plaintext_limit:
            return
        try:
            super().judge_fragment(kind, fragment)
        except TLSError as error:
            self.objections.append(error)

    def _refuse_kind(self, data: Buffer, position: int) -> None:
        if not self._begun and data[0] not in _CONTENT_TYPES:
            super()._refuse_kind(data, position)

    def _judge_header(self, kind: int, version: int, length: int, data: Buffer, position: int) -> None:
        try:
            super()._judge_header(kind, version, length, data, position)
        except TLSError as error:
            if version >> 8 != 3:
                raise
            self.objections.append(error)
        self._begun = True
