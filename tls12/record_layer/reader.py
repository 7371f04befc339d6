"""Incoming bytes to plaintext fragments.

How it works: the reader is a generator over one chunk of input, so that the connection may change the keys between two
records, or stop. Whole records are read straight out of the chunk; only a record that spans chunks is put together in
`held`. After an early stop the rest of the chunk waits in `held` as well. (To copy everything through a receive buffer
is slower: see docs/performance.md.)

Application data changes no keys and stops nothing. So while it is `flowing` it is not handed over by a step of the
generator but put into a list, and an AEAD opens a run of such records in one loop (`shortcuts.py`). The connection
opens a chunk that is exactly one record of data without the reader; `held`, `state`, `empty_run` and `judge_fragment`
are public for that.

The connection sets `version_fixed` once the ServerHello is taken or sent, the plaintext limit that was agreed, and
whether application data is `flowing`.

Each check has one place. `_judge_header` checks the header as soon as it is there. The content type is checked as soon
as its byte is there, so that bytes that are not TLS fail at once instead of waiting for more. Emptiness and the
plaintext limit are checked after opening.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

from tls12.crypto.protection import Opener
from tls12.errors import Detail, LimitExceeded, NotTLS, PeerMisbehaved, RecordOverflow, UnexpectedMessage
from tls12.record_layer.shortcuts import COPY, AeadReadState, read_state
from tls12.record_layer.states import APPLICATION_DATA, ReadState, overlong
from tls12.registry import Alert, ContentType
from tls12.wire.foreign import name_foreign
from tls12.wire.records import HEADER, MAX_CIPHERTEXT, MAX_PLAINTEXT, VERSION, Buffer, unpack_header

_ALERT = int(ContentType.ALERT)
_KINDS = frozenset(
    {ContentType.CHANGE_CIPHER_SPEC, ContentType.ALERT, ContentType.HANDSHAKE, ContentType.APPLICATION_DATA}
)

T = TypeVar("T")


class RecordReader:
    """One direction's incoming records.

    `empty_record_limit` bounds the run of empty application_data records that is tolerated.
    """

    __slots__ = (
        "_begun",
        "_maximum",
        "empty_record_limit",
        "empty_records",
        "empty_run",
        "flowing",
        "held",
        "plaintext_limit",
        "state",
        "version_fixed",
    )

    def __init__(self, empty_record_limit: int = 32) -> None:
        self.empty_record_limit = empty_record_limit
        self.plaintext_limit = MAX_PLAINTEXT
        """Bytes of plaintext that a record may carry from now on (RFC 5246 6.2.1, RFC 6066 4, RFC 8449 4)."""
        self.version_fixed = False
        """Whether the ServerHello has fixed the version. Until then a record may have any version 3.x (RFC 5246 E.1);
        an alert in the clear may have it later too, because its sender may not have read the ServerHello yet."""
        self.flowing = False
        """Whether application data is expected, so that `records` need not stop at it."""
        self.held = bytearray()
        """Bytes that have arrived and are not read yet: part of a record, or more after an early stop."""
        self.state: ReadState | None = None
        """What opens the records, and counts them; None in the clear."""
        self._maximum = MAX_PLAINTEXT
        self.empty_run = 0
        """How many records in a row have been empty up to now."""
        self.empty_records = 0
        """How many empty records there have been; `Incoming.count_warning` does not count them as useful."""
        self._begun = False

    @property
    def protected(self) -> bool:
        """Whether records are decrypted."""
        return self.state is not None

    @property
    def buffered(self) -> int:
        """How many bytes are `held`."""
        return len(self.held)

    @property
    def unread(self) -> bytes:
        """A copy of the bytes that are `held`."""
        return bytes(self.held)

    def hold(self, data: Buffer) -> None:
        """Append bytes to those that wait to be read."""
        self.held += data

    def install(self, opener: Opener, most_records: int | None = None) -> ReadState:
        """Open every later record with `opener`: the peer's ChangeCipherSpec has been read. Returns the new `state`.

        Application data is refused after `most_records`, or earlier if the cipher's own limit is lower.
        """
        self.state = state = read_state(opener, most_records)
        self._maximum = MAX_CIPHERTEXT
        self.version_fixed = True
        return state

    def records(
        self,
        data: Buffer,
        into: list[T] | None = None,
        wrap: Callable[[bytes], T] | None = None,
    ) -> Generator[tuple[int, bytes]]:
        """Read what `data` completes: pairs of content type and plaintext fragment, in order.

        While it is `flowing`, application data is left out of the pairs and appended to `into`, as `wrap(fragment)`.
        The caller may `install` between two pairs and may stop at any of them; what was not reached is read
        by a later call. No view of `data` is kept.

        Raises NotTLS, UnexpectedMessage, RecordOverflow, BadRecordMac, LimitExceeded, KeysExhausted, and
        PeerMisbehaved (protocol_version). The reader is of no use after that.
        """
        held = self.held
        if type(data) is bytes:
            size = len(data)
            view = memoryview(data)
        else:
            view = memoryview(data)
            data = view = view.cast("B") if view.c_contiguous else memoryview(bytes(view))
            size = len(view)
        position = 0
        body: Buffer = b""
        try:
            while True:
                if held:
                    position, end = self._complete_held(view, position)
                    if not end:
                        return
                    kind = held[0]
                    body = memoryview(held[HEADER:end])
                    del held[:end]  # moves the start of the buffer, not the bytes
                else:
                    if (
                        self.flowing
                        and size > position
                        and into is not None
                        and isinstance(state := self.state, AeadReadState)
                    ):
                        assert wrap is not None
                        end = state.open_run(view, position, self.plaintext_limit, into, wrap)
                        if end > position:
                            self.empty_run = 0
                            position = end
                    if size - position < HEADER:
                        if size > position and data[position] not in _KINDS:
                            self._refuse_kind(data, position)
                        return
                    kind, version, length = unpack_header(data, position)
                    if version != VERSION or length > self._maximum or kind not in _KINDS:
                        self._judge_header(kind, version, length, data, position)
                    end = position + HEADER + length
                    if end > size:
                        return
                    body = view[position + HEADER : end] if length > COPY else data[position + HEADER : end]
                    position = end
                fragment = bytes(body) if self.state is None else self.state.open(kind, body)
                if 0 < len(fragment) <= self.plaintext_limit:
                    self.empty_run = 0
                else:
                    self.judge_fragment(kind, fragment)
                if self.flowing and kind == APPLICATION_DATA and into is not None:
                    if fragment:
                        assert wrap is not None
                        into.append(wrap(fragment))
                else:
                    yield kind, fragment
        finally:
            if position:
                self._begun = True
            if position < size:
                held += view[position:]
            # Views are released, because the traceback of an error would keep them, and with them the caller's buffer.
            if type(body) is memoryview:
                body.release()
            view.release()

    def _complete_held(self, data: memoryview, position: int) -> tuple[int, int]:
        """Move the bytes from `data` that the record at the start of `held` lacks, header first.

        Returns the position after them, and the length of the whole record, or 0 if more is missing.
        """
        held = self.held
        position = self._top_up(HEADER, data, position)
        if len(held) < HEADER:
            return position, 0
        kind, version, length = unpack_header(held)
        self._judge_header(kind, version, length, held, 0)
        end = HEADER + length
        position = self._top_up(end, data, position)
        return position, end if len(held) >= end else 0

    def _top_up(self, wanted: int, data: memoryview, position: int) -> int:
        """Move bytes from `data` until `held` has `wanted` of them; returns the position after them."""
        missing = wanted - len(self.held)
        if missing <= 0:
            return position
        self.held += data[position : position + missing]
        return min(position + missing, len(data))

    def _judge_header(self, kind: int, version: int, length: int, data: Buffer, position: int) -> None:
        """Raise if the record that begins at `position` of `data` may not have this header."""
        if kind not in _KINDS:
            self._refuse_kind(data, position)
        if version != VERSION and (version >> 8 != 3 or (self.version_fixed and not self._may_be_early(kind))):
            raise PeerMisbehaved(
                f"the peer sent a record of version {version:#06x} instead of 0x0303",
                alert=Alert.PROTOCOL_VERSION,
                rule="RFC 5246 6.2.1",
            )
        if length > self._maximum:
            raise RecordOverflow(f"the peer sent a record of {length} bytes; at most {self._maximum} are allowed")
        self._begun = True

    def _may_be_early(self, kind: int) -> bool:
        """Whether this may come from a peer that does not know yet which version was agreed.

        A client that fails before it has read the ServerHello sends an alert in a record with the version of its
        ClientHello, 3.1 most often. The alert is accepted because it says why the client failed.
        """
        return kind == _ALERT and self.state is None

    def _refuse_kind(self, data: Buffer, position: int) -> None:
        """Raise for an unknown content type; if no TLS record has been seen yet, say which other protocol it may be."""
        start = bytes(data[position : position + 64])
        if self._begun or position:
            raise UnexpectedMessage(
                f"the peer sent a record of the unknown content type {start[0]}", detail=Detail.UNKNOWN_CONTENT_TYPE
            )
        foreign = name_foreign(start)
        if foreign:
            raise NotTLS(
                f"the peer does not speak TLS here but {foreign.name}", remedy=foreign.remedy, detail=foreign.detail
            )
        raise NotTLS(f"the peer does not speak TLS: its first bytes are {start[:16].hex(' ')}")

    def judge_fragment(self, kind: int, fragment: bytes) -> None:
        """Raise if a fragment is too long, is empty and may not be, or is one empty record too many in a row."""
        if len(fragment) > self.plaintext_limit:
            raise overlong(len(fragment), self.plaintext_limit)
        if kind != APPLICATION_DATA:
            raise UnexpectedMessage(f"the peer sent an empty {ContentType.of(kind)} record", rule="RFC 5246 6.2.1")
        self.empty_records += 1
        self.empty_run += 1
        if self.empty_run > self.empty_record_limit:
            raise LimitExceeded(
                f"the peer sent more than {self.empty_record_limit} empty records in a row",
                alert=Alert.UNEXPECTED_MESSAGE,
            )
