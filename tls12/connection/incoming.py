"""The peer's direction: bytes become handshake messages, ChangeCipherSpecs, alerts and application data.

How it works: `Incoming` cuts the peer's bytes into records, opens them, and puts handshake messages together from the
fragments that the records carry. It is fed bytes and returns or raises. It knows no handshake and sends nothing: its
caller decides what a message means, installs keys, says whether application data may come, and stops reading.

Application data that may come goes straight into the caller's list of events, since nothing has to be decided about it.
Everything else is handed over one by one, so that the caller can change keys or stop in between; what has not been
handed over then waits for the next call, within `Limits.buffered`.

Two floods that cost the peer nothing are counted here: empty records (in the record reader) and warning alerts. A
warning counts as one of a run unless a handshake message or a record with application data came in between. The path of
application data does not touch that counter. Instead each warning looks at how many records with content have been
opened since the last one.

The bytes after the peer's close_notify are kept, within the same bound: a protocol in the clear may follow.
"""

from __future__ import annotations

from collections.abc import Generator

from tls12.config import Limits
from tls12.connection.buffers import NOTHING
from tls12.crypto.protection import Opener
from tls12.errors import DecodeError, LimitExceeded, PeerMisbehaved
from tls12.events import DataReceived, Event
from tls12.handshake.grammar import CCS, FLIGHT_ENDS, interruption, message_type_name, surplus
from tls12.record_layer import RecordReader
from tls12.registry import Alert, AlertLevel, ConnectionEnd, ContentType
from tls12.wire.closing import AlertMessage
from tls12.wire.messages import HandshakeReassembler
from tls12.wire.records import Buffer

_HANDSHAKE = int(ContentType.HANDSHAKE)
_ALERT = int(ContentType.ALERT)
_CHANGE_CIPHER_SPEC = int(ContentType.CHANGE_CIPHER_SPEC)


class Incoming:
    """The half of a connection that reads; `peer` is the end that sends what it reads."""

    __slots__ = (
        "_inside_messages",
        "_limits",
        "_peer",
        "_trailing",
        "_useful_records",
        "_warnings",
        "end_waits",
        "keeps_trailing",
        "reader",
        "reassembler",
    )

    def __init__(self, peer: ConnectionEnd, limits: Limits) -> None:
        self._peer = peer
        self._limits = limits
        self.reader = RecordReader(limits.empty_records)
        self.reassembler = HandshakeReassembler(limits.message_sizes, limits.other_message_size)
        self.end_waits = False
        """Whether the stream has ended while the caller was not reading."""
        self.keeps_trailing = False
        """Whether the peer has sent close_notify, so that what follows is trailing data."""
        self._trailing = b""
        self._inside_messages = False
        self._warnings = 0
        self._useful_records = 0

    # -- reading ------------------------------------------------------------------------------------------

    def feed(self, data: Buffer, events: list[Event]) -> Generator[tuple[int, bytes]]:
        """Read what waits and then `data`: pairs of a content type and its payload, in order.

        The payload of the handshake type is one whole message. Application data that may come is appended to `events`.
        The caller may install keys between two pairs and may stop at any of them; it closes the iterator then.
        Raises what the record layer raises, DecodeError for a message that declares more than its limit, and
        UnexpectedMessage where one content type interrupts another.
        """
        reassembler = self.reassembler
        if reassembler.pending:
            yield from self._whole_messages()
        records = self.reader.records(data, events, DataReceived)
        try:
            for kind, fragment in records:
                if kind == _HANDSHAKE:
                    if reassembler.whole(fragment):
                        self._warnings = 0
                        yield kind, fragment
                    else:
                        reassembler.feed(fragment)
                        yield from self._whole_messages()
                        self.reader.flowing = self.reader.flowing and self._may_interrupt_messages()
                else:
                    if reassembler.pending and kind != _ALERT:
                        what = message_type_name(CCS) if kind == _CHANGE_CIPHER_SPEC else "application data"
                        raise interruption(self._peer, what)
                    yield kind, fragment
        finally:
            records.close()  # an exception in the reader's clean-up is raised here; in garbage collection it were lost

    def _whole_messages(self) -> Generator[tuple[int, bytes]]:
        reassembler = self.reassembler
        while reassembler.pending:
            message = reassembler.next_message()
            if message is None:
                return
            if reassembler.pending and message[0] in FLIGHT_ENDS:
                raise surplus(self._peer, message[0])
            self._warnings = 0
            yield _HANDSHAKE, message

    def let_data_come(self, allowed: bool, *, inside_messages: bool) -> None:
        """Say whether application data may come, and whether also between the fragments of a handshake message."""
        self._inside_messages = inside_messages
        self.reader.flowing = allowed and self._may_interrupt_messages()

    def _may_interrupt_messages(self) -> bool:
        return self._inside_messages or not self.reassembler.pending

    def install(self, opener: Opener, plaintext_limit: int) -> None:
        """Open every later record with `opener`; a record may carry `plaintext_limit` bytes of plaintext."""
        self.reader.plaintext_limit = plaintext_limit
        self.reader.install(opener, self._limits.records_per_key)

    @property
    def opened(self) -> int:
        """How many records have been opened under the current keys; 0 in the clear."""
        state = self.reader.state
        return state.sequence if state is not None else 0

    def read_alert(self, payload: bytes) -> AlertMessage:
        """The alert in a record. Raises DecodeError for another length and PeerMisbehaved for another level."""
        peer = self._peer
        if len(payload) != 2:
            raise DecodeError(f"the {peer} sent an alert record of {len(payload)} bytes", rule="RFC 5246 7.2")
        level, description = AlertLevel.of(payload[0]), Alert.of(payload[1])
        if not level.is_known:
            raise PeerMisbehaved(f"the {peer} sent an alert of level {payload[0]}", rule="RFC 5246 7.2")
        return AlertMessage(level, description)

    def count_warning(self, *, excused: bool) -> None:
        """Count one more warning alert in a row. An excused one, which answers our own request, resets the count.

        Raises LimitExceeded beyond `Limits.warnings`.
        """
        state = self.reader.state
        useful = self._useful_records + 1 if state is None else state.sequence - self.reader.empty_records
        in_a_row = useful == self._useful_records + 1  # this warning is the only record with content since the last one
        self._warnings = 0 if excused else self._warnings + 1 if in_a_row else 1
        self._useful_records = useful
        if self._warnings > self._limits.warnings:
            raise LimitExceeded(
                f"the {self._peer} sent more than {self._limits.warnings} warnings in a row",
                alert=Alert.UNEXPECTED_MESSAGE,
                remedy="raise Limits.warnings if that is normal for this peer",
            )

    # -- not reading --------------------------------------------------------------------------------------

    def wait_with(self, data: Buffer) -> None:
        """Keep input that comes while the caller waits for an answer. Raises LimitExceeded beyond `Limits.buffered`."""
        if not data and data is not NOTHING:
            self.end_waits = True
            return
        limit = self._limits.buffered
        if self.reader.buffered + len(data) > limit:
            raise LimitExceeded(
                f"the {self._peer} sent more than {limit} bytes while the handshake was paused",
                alert=Alert.UNEXPECTED_MESSAGE,
            )
        self.reader.hold(data)

    def close(self) -> None:
        """Read no more. What is left of the input is dropped, or kept as trailing data. May be called twice."""
        unread, self.reader = self.reader.unread, RecordReader()
        self.reassembler = HandshakeReassembler()
        self.keep_trailing(unread)

    def keep_trailing(self, data: Buffer) -> None:
        """Keep what comes after the peer's close_notify, up to `Limits.buffered`. Without one, nothing is kept."""
        if self.keeps_trailing:
            room = self._limits.buffered - len(self._trailing)
            self._trailing += data[: max(room, 0)]

    @property
    def trailing_data(self) -> bytes:
        """What came after the peer's close_notify."""
        return bytes(self._trailing)
