"""A record reader for those who look on: a rule that a record breaks is noted, and the reading goes on.

How it works: `PatientReader` is the reader of a connection with its three judgements overridden. Each asks the original
one, and keeps what that raises in `objections`, as long as the header still tells where the next record begins: its
version is 3.x, and it is not the first of a stream with a type that nothing like TLS has. Otherwise it raises.
"""

from __future__ import annotations

from tls12.errors import NotTLS, TLSError
from tls12.record_layer import RecordReader
from tls12.registry import ContentType
from tls12.wire.records import Buffer


class PatientReader(RecordReader):
    """A reader that goes on behind a record that breaks a rule, as long as it can tell where the next one begins."""

    def __init__(self, empty_record_limit: int) -> None:
        super().__init__(empty_record_limit)
        self.objections: list[TLSError] = []
        """What rules the records have broken since they were last taken."""

    def _refuse_kind(self, data: Buffer, position: int) -> None:
        if not self._begun and not position and data[position] not in _FOREIGN:
            super()._refuse_kind(data, position)  # nothing of TLS has been seen, and this is not its beginning

    def _judge_header(self, kind: int, version: int, length: int, data: Buffer, position: int) -> None:
        try:
            super()._judge_header(kind, version, length, data, position)
        except NotTLS:
            raise
        except TLSError as error:
            if version >> 8 != 3:
                raise
            self.objections.append(error)
        self._begun = True

    def judge_fragment(self, kind: int, fragment: bytes) -> None:
        """Note what is wrong with a fragment's length."""
        try:
            super().judge_fragment(kind, fragment)
        except TLSError as error:
            self.objections.append(error)


_FOREIGN = frozenset(ContentType)
"""Types that TLS or its kin have; a stream that begins with another one is no TLS."""
