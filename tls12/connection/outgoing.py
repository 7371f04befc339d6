"""Our direction: application data, messages and alerts become records, and records wait to be sent.

How it works: a write is sealed at once, and its record waits in `queue` until `data_to_send` hands it over. The core
says whether application data may be sealed now: `let_data_flow` and `hold_data_back`. `largest_direct_write` is the
longest write that needs no other check: a record's worth while data flows, and 0 otherwise (before the handshake,
during a renegotiation, after close_notify, with packing). So the commonest write costs one comparison.

With `pack_small_writes` writes wait in `packed` instead, until they fill a record, or the bytes to send are asked for,
or something other than application data has to go out, which must not overtake them. A write that fits into one record
is never split over two. What waits is never more than one record, so that memory stays bounded. The keys' limit is
checked when a record is sealed.

Data that is written during a renegotiation is held until it ends, and the peer decides when that is. `bytes_held`
counts it, so that a writer can stop while there is much of it, and `hold` bounds it. Nothing is sent after `end`.

Every method here returns or raises. `state` knows whether the keys are near their limit, and the caller decides what to
do then.
"""

from __future__ import annotations

from tls12.connection.buffers import take_portion
from tls12.crypto.protection import Sealer
from tls12.errors import KeysExhausted, LimitExceeded, UsageError
from tls12.record_layer import RecordWriter
from tls12.record_layer.states import WriteState
from tls12.registry import ConnectionEnd, ContentType
from tls12.wire.records import Buffer

_APPLICATION_DATA = int(ContentType.APPLICATION_DATA)


class Outgoing:
    """The half of a connection that writes."""

    __slots__ = (
        "_ended",
        "_packs",
        "_peer",
        "data_flows",
        "held",
        "held_size",
        "is_sealing",
        "largest_direct_write",
        "packed",
        "queue",
        "state",
        "writer",
    )

    def __init__(self, peer: ConnectionEnd) -> None:
        self._peer = peer
        self.writer = RecordWriter()
        self.state: WriteState
        """Seals our records and counts them. There is none before our ChangeCipherSpec."""
        self.queue: list[Buffer] = []
        """Records that wait to be sent."""
        self.packed: bytearray | None = None
        """Small writes that wait to share a record."""
        self.held: list[bytes] = []
        """Writes that wait for the end of a renegotiation."""
        self.held_size = 0
        """How many bytes they have."""
        self.largest_direct_write = 0
        """Bytes of the longest write that may be sealed without another check."""
        self.data_flows = False
        """Whether application data is sealed at once, or packed."""
        self.is_sealing = False
        """Whether a record is being made, so that a method called now is called by the configuration's own `random` or
        `crypto`."""
        self._packs = False
        self._ended = False

    # -- application data ---------------------------------------------------------------------------------

    def let_data_flow(self, *, packs: bool, direct: bool) -> None:
        """Seal application data from now on, or pack small writes; `direct` allows the direct way for short ones."""
        self.data_flows = True
        self._packs = packs
        self.largest_direct_write = self.writer.fragment_size if direct and not packs else 0

    def hold_data_back(self) -> None:
        """Seal no application data for now: a handshake goes on."""
        self.data_flows = False
        self.largest_direct_write = 0

    def pack(self, data: Buffer) -> bool:
        """Let a small write share a record with those that wait, if it may and fits. Returns whether it did."""
        packed, most = self.packed, self.writer.fragment_size
        if not self._packs or len(data) >= most or (packed is not None and len(packed) + len(data) > most):
            return False
        if packed is not None:
            packed += data
        elif data:
            self.packed = bytearray(data)
        return True

    def seal(self, data: Buffer) -> None:
        """Seal application data of any length, while it flows. Raises KeysExhausted."""
        if data:
            self.queue.append(self._records(_APPLICATION_DATA, data))

    def seal_packed(self) -> None:
        """Seal the writes that wait to share a record, if there are any. Raises KeysExhausted."""
        packed, self.packed = self.packed, None
        if packed is not None:
            self.queue.append(self._records(_APPLICATION_DATA, packed))

    def hold(self, data: Buffer, limit: int) -> None:
        """Keep application data for the end of the renegotiation. Raises LimitExceeded if `limit` bytes wait."""
        if self.held_size >= limit:
            raise LimitExceeded(
                f"{self.held_size} bytes wait for the {self._peer} to go on with a renegotiation; "
                f"Limits.held allows {limit}",
                remedy="write no more while bytes_held is large, or raise Limits.held",
            )
        self.held.append(bytes(data))
        self.held_size += len(data)

    def take_held(self) -> list[bytes]:
        """The data that was held, in order; it is not held any more."""
        held, self.held, self.held_size = self.held, [], 0
        return held

    @property
    def bytes_held(self) -> int:
        """Bytes of application data that are in no record yet: held, or packed."""
        return self.held_size + len(self.packed or b"")

    # -- everything else ----------------------------------------------------------------------------------

    def put(self, kind: int, data: bytes) -> None:
        """Send what is not application data, after the packed writes; nothing after `end`. Raises KeysExhausted."""
        if self.packed is not None:
            self.seal_packed()
        if not self._ended:
            self.queue.append(self._records(kind, data))

    def seal_or_drop_packed(self) -> None:
        """Seal the packed writes if the keys still allow it, else drop them: the connection has failed."""
        try:
            self.seal_packed()
        except KeysExhausted:
            return

    def end(self) -> None:
        """Write no more: the last record of our direction is queued."""
        self._ended = True
        self.hold_data_back()
        self.held.clear()
        self.held_size = 0

    def _records(self, kind: int, data: Buffer) -> Buffer:
        """The records that carry `data`. Nothing else may be sealed meanwhile, or records would go out of order."""
        try:
            self.is_sealing = True
            return self.writer.write(kind, data)
        finally:
            self.is_sealing = False

    # -- keys ---------------------------------------------------------------------------------------------

    def install(self, sealer: Sealer, fragment_size: int, most_records: int | None) -> None:
        """Seal every later record with `sealer`; a record carries at most `fragment_size` bytes of plaintext."""
        self.writer.fragment_size = fragment_size
        self.state = self.writer.install(sealer, most_records)

    # -- what waits ---------------------------------------------------------------------------------------

    def data_to_send(self, amount: int | None) -> bytes | bytearray:
        """The records that wait, at most `amount` bytes of them. Raises `UsageError` for a negative amount."""
        queue = self.queue
        if amount is not None:
            return take_portion(queue, amount)
        if not queue:
            return b""
        # No call lies between emptying the queue and the return, so no signal handler runs there and loses the data.
        if len(queue) == 1:
            only = queue[0] if type(queue[0]) is not memoryview else bytes(queue[0])
            del queue[0]
            return only
        everything = b"".join(queue)
        del queue[:]
        return everything

    def refuse_while_sealing(self, act: str) -> None:
        """Raise `UsageError` if the configuration's `random` or `crypto` calls `act`, in the middle of a record."""
        if self.is_sealing:
            raise UsageError(f"{act}() was called by the random= or crypto= of the connection's own configuration")
