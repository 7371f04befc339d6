"""What a connection has to say: application data becomes records, and records wait to be sent.

How it works: `send_data` seals a write at once, and the record waits in `_out` until `data_to_send` hands it over.
`_at_once` is the longest write that is sealed without another question: a record's worth while data may flow, and 0
while something else has to be asked first (before the handshake, behind `close()`, during a renegotiation, with
packing). So the commonest write pays for one comparison.

With `pack_small_writes` writes wait in `_packed` instead, until they fill a record, or the bytes to send are asked
for, or something other than application data has to go out, which must not overtake them. A write that fits into one
record is never split over two. What waits is never more than one record, so that memory stays bounded, and the keys'
limit is judged, as always, when a record is sealed.

During a renegotiation nothing is sealed, and writes wait in `_held`: the peer decides how long. So `bytes_held` counts
them, for whoever has to stop a writer, and `Limits.held` bounds them.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable

from tls12.connection.buffers import byte_buffer, take_portion
from tls12.connection.facts import Facts
from tls12.errors import KeysExhausted, LimitExceeded, UsageError
from tls12.events import Event, KeysNearLimit
from tls12.record_layer import RecordWriter
from tls12.record_layer.states import WriteState
from tls12.registry import Alert, AlertLevel, ContentType
from tls12.wire.closing import AlertMessage
from tls12.wire.records import Buffer

_APPLICATION_DATA = int(ContentType.APPLICATION_DATA)


class Sending(Facts, ABC):
    """The outgoing half of a connection; `Connection` adds the rest."""

    __slots__ = (
        "_at_once", "_closed_by_owner", "_held", "_held_size", "_inside", "_may_send", "_out", "_packed", "_sealing",
        "_write_state", "_writer",
    )  # fmt: skip

    _events: list[Event]

    def __init__(self) -> None:
        self._writer = RecordWriter()
        self._out: list[Buffer] = []
        self._may_send = False
        self._at_once = 0
        self._packed: bytearray | None = None
        self._held: list[bytes] = []
        self._held_size = 0
        self._closed_by_owner = False
        self._inside = False  # a step goes on, and so what calls is a callback
        self._sealing = False  # that callback is the configuration's `random`, asked for the IV of a record
        self._write_state: WriteState

    def data_to_send(self, amount: int | None = None) -> bytes | bytearray:
        """The bytes that wait to be sent, at most `amount` of them. The buffer belongs to the caller.

        Raises `UsageError` for a negative amount.
        """
        if self._packed is not None:
            self._guard(self._seal_packed)
        out = self._out
        if amount is not None:
            return take_portion(out, amount)
        if not out:
            return b""
        # No call, and so no moment for a signal to lose it in, lies between emptying `out` and the caller.
        if len(out) == 1:
            only = out[0] if type(out[0]) is not memoryview else bytes(out[0])
            del out[0]
            return only
        everything = b"".join(out)
        del out[:]
        return everything

    def send_data(self, data: Buffer) -> None:
        """Queue application data; it is sealed at once, or, with `pack_small_writes`, together with other writes.

        Raises `UsageError` before `HandshakeCompleted` and after one's own `close()`. After the peer's close or a
        failure the data is dropped, since the caller may not have read those events yet. During a renegotiation it is
        held (`bytes_held`), up to `Limits.held`. Any other exception, a KeyboardInterrupt for instance, has failed the
        connection, unless it came before or after this method did anything.
        """
        try:
            if type(data) is bytes:
                if 0 < len(data) <= self._at_once:
                    # The commonest write. Without the writer, which would do the same: see docs/performance.md.
                    record = self._write_state.seal_alone(data)
                    if record is not None:
                        self._out.append(record)
                        return
                if self._may_send and not self._sealing:
                    self._pack_or_seal(data)
                    return
        except BaseException as error:
            self._fail(error)
            return
        self._send(data)

    def _send(self, data: Buffer) -> None:
        """Queue a write that is not bytes, or that cannot be sent now."""
        if type(data) is not bytes:
            data = byte_buffer(data)
        self._refuse_while_sealing("send_data")
        if self._may_send:
            try:
                self._pack_or_seal(data)
            except BaseException as error:
                data = b""  # or the traceback would keep a view of the caller's buffer
                self._fail(error)
        elif self._closed_by_owner:
            raise UsageError("send_data() after close(): nothing may follow close_notify (RFC 5246 7.2.1)")
        elif self._error is None and not self._write_ended:
            if self._established is None:
                raise UsageError("send_data() before HandshakeCompleted")
            if data:
                self._guard(lambda: self._hold(bytes(data)))

    @property
    def bytes_held(self) -> int:
        """Bytes of application data that `send_data` has taken and that are in no record yet.

        They wait for the end of a renegotiation or, with `pack_small_writes`, for more. Count them among what is
        unsent, and stop writing while there are many: beyond `Limits.held` the connection fails.
        """
        return self._held_size + len(self._packed or b"")

    def _hold(self, data: bytes) -> None:
        """Keep a write until the renegotiation ends. Raises LimitExceeded if the peer lets it wait too long."""
        limit = self._config.limits.held
        if self._held_size >= limit:
            raise LimitExceeded(
                f"{self._held_size} bytes wait for the {self._peer.value} to go on with a renegotiation; "
                f"Limits.held allows {limit}",
                remedy="write no more while bytes_held is large, or raise Limits.held",
            )
        self._check_duration()
        self._held.append(data)
        self._held_size += len(data)

    def _pack_or_seal(self, data: Buffer) -> None:
        """Send data of any length while it may be sent. Raises KeysExhausted."""
        packed, most = self._packed, self._writer.fragment_size
        if packed is not None and len(packed) + len(data) > most:
            self._seal_packed()
            packed = None
            if not self._may_send:  # the keys were near their limit, and new ones are being made
                self._hold(bytes(data))
                return
        if packed is not None:
            packed += data
        elif self._config.pack_small_writes and 0 < len(data) < most:
            self._packed = bytearray(data)
        elif data:
            self._seal(data)

    def _seal_packed(self) -> None:
        """Seal the writes that wait together. Raises KeysExhausted, but drops them if the connection has failed."""
        packed, self._packed = self._packed or b"", None
        try:
            self._seal(packed)
        except KeysExhausted:
            if self._error is None:
                raise

    def _seal(self, data: Buffer) -> None:
        self._out.append(self._records(_APPLICATION_DATA, data))
        if self._write_state.sequence > self._write_state.attention and self._error is None:
            self._warn_of_limit()

    def _put(self, kind: int, data: bytes) -> None:
        """Send what is not application data, unless close_notify went before it."""
        if self._packed is not None:
            self._seal_packed()
        if not self._write_ended:
            self._out.append(self._records(kind, data))

    def _records(self, kind: int, data: Buffer) -> Buffer:
        """What carries `data`; meanwhile nothing else may be sealed, or records would go out of order."""
        try:
            self._sealing = True
            return self._writer.write(kind, data)
        finally:
            self._sealing = False

    def _refuse_while_sealing(self, act: str) -> None:
        """Raise if `random` of the configuration calls, in the middle of a record."""
        if self._sealing:
            raise UsageError(f"{act}() was called by the random= of the connection's own configuration")

    def _send_alert(self, level: AlertLevel, description: Alert) -> None:
        self._put(ContentType.ALERT, AlertMessage(level, description).to_bytes())

    def _warn_of_limit(self) -> None:
        """Our keys have protected nearly as much as they may (RFC 5246 6.1, RFC 8446 5.5): get new ones, or say so."""
        self._write_state.acknowledge()
        self._events.append(KeysNearLimit())
        if not self._obstacle_to_renegotiation():
            self._guard(self._ask_for_renegotiation)

    def _hold_data(self) -> None:
        """From here on data waits: a handshake goes on, or our direction has ended."""
        self._may_send = False
        self._at_once = 0

    def _resume_sending(self) -> None:
        """Data may flow, that which was held first; if it uses up the keys, the rest waits for the next ones."""
        self._may_send = True
        config = self._config
        asks_first = config.pack_small_writes or config.random is not os.urandom  # which may be asked for an IV
        self._at_once = 0 if asks_first else self._writer.fragment_size
        held, self._held, self._held_size = self._held, [], 0
        for data in held:
            if self._may_send:
                self._pack_or_seal(data)
            else:
                self._held.append(data)
                self._held_size += len(data)
        if self._closed_by_owner:
            self._say_close()

    # -- what the rest of the connection does --------------------------------------------------------------

    @abstractmethod
    def _say_close(self) -> None:
        """End our direction with close_notify, unless data waits that goes before it."""

    @abstractmethod
    def _ask_for_renegotiation(self) -> None:
        """Begin another handshake on this connection, which nothing stands against."""

    @abstractmethod
    def _check_duration(self) -> None:
        """Raise LimitExceeded if the handshake that goes on takes too long."""

    @abstractmethod
    def _obstacle_to_renegotiation(self) -> str:
        """Why a renegotiation cannot begin now; empty if it can."""

    @abstractmethod
    def _guard(self, step: Callable[[], object]) -> None:
        """Run a step; the peer's fault becomes an event, everything else has failed the connection and is raised."""

    @abstractmethod
    def _fail(self, error: BaseException) -> None:
        """End both directions and emit `ConnectionFailed`; re-raise what is not the peer's fault."""
