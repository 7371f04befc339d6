"""What a handshake does to its connection: its outputs, carried out in order.

How it works: a handshake touches neither records nor sockets, it queues what it wants (`handshake.engine.Output`).
`_carry_out` does it: bytes become records, keys go into the record layer from exactly that record on, events go to the
application, and `Complete` ends the handshake. A handshake begins here too, the first one as well as a renegotiation.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from tls12.config import ClientConfig, ServerConfig
from tls12.connection.sending import Sending
from tls12.errors import LimitExceeded
from tls12.events import HandshakeCompleted
from tls12.handshake.engine import (
    Complete,
    Handshake,
    InstallReadKeys,
    InstallWriteKeys,
    Notify,
    SettleRecords,
    Story,
)
from tls12.handshake.grammar import Conversation, State
from tls12.handshake.proofs import Established
from tls12.policy import Renegotiation
from tls12.record_layer import RecordReader
from tls12.registry import Alert
from tls12.wire.messages import HandshakeReassembler
from tls12.wire.records import VERSION


class Handshaking(Sending):
    """The part of a connection that handshakes act on; `Connection` adds the rest."""

    __slots__ = (
        "_asked", "_began", "_config", "_conversation", "_data_flows", "_established", "_handshake", "_handshakes",
        "_reader", "_reassembler", "_refusal", "_refused_at", "_story",
    )  # fmt: skip

    def __init__(self, config: ClientConfig | ServerConfig) -> None:
        super().__init__()
        limits = config.limits
        self._config = config
        self._reader = RecordReader(limits.empty_records)
        self._reassembler = HandshakeReassembler(limits.message_sizes, limits.other_message_size)
        self._conversation = Conversation()
        self._handshake: Handshake[Any] | None = None
        self._story: Story[None] | None = None
        self._established: Established | None = None
        self._data_flows = False
        self._asked = 0
        self._handshakes = 0
        self._began: float | None = None
        self._refusal = ""
        self._refused_at = 0

    @abstractmethod
    def _make_handshake(self) -> Handshake[Any]:
        """One more handshake on this connection."""

    def _begin_handshake(self) -> Handshake[Any]:
        self._handshakes += 1
        if self._handshakes > 1 + self._config.limits.renegotiations:
            raise LimitExceeded(
                f"more than {self._config.limits.renegotiations} renegotiations",
                rule="RFC 5246 7.2.2",
                remedy="raise Limits.renegotiations if that is normal for this peer",
            )
        self._check_duration()
        self._handshake = handshake = self._make_handshake()
        self._story = handshake.story()
        self._go_on(handshake, None)
        self._refresh()
        return handshake

    def _go_on(self, handshake: Handshake[Any], value: object) -> None:
        """Resume the handshake's story, unless a callback has ended it, and carry out what it wants."""
        if self._story is not None:
            handshake.tell(self._story, value)
            self._carry_out(handshake)

    @abstractmethod
    def _begin_renegotiation(self) -> None:
        """Do our part to begin another handshake."""

    def _abandon_renegotiation(self) -> None:
        """The peer said no: back to where we were, with nothing lost."""
        self._handshake = self._story = None
        self._began = None
        self._conversation.state = State.ESTABLISHED
        self._refresh()
        self._resume_sending()

    def _carry_out(self, handshake: Handshake[Any]) -> None:
        """The handshake's outputs, in order, unless a callback has ended the connection: then nothing follows."""
        if not handshake.outputs or self._write_ended:
            return
        for output in handshake.drain():
            if type(output) is tuple:
                kind, data = output
                self._put(kind, data)
            else:
                self._CARRIERS[type(output)](self, output)

    def _install_write_keys(self, output: InstallWriteKeys) -> None:
        self._writer.fragment_size = output.fragment_size
        self._write_state = self._writer.install(output.sealer, self._config.limits.records_per_key)

    def _install_read_keys(self, output: InstallReadKeys) -> None:
        self._reader.plaintext_limit = output.plaintext_limit
        self._reader.install(output.opener, self._config.limits.records_per_key)

    def _settle_records(self, output: SettleRecords) -> None:
        self._writer.version = VERSION
        self._reader.version_fixed = True
        if output.fragment_size is not None:
            self._writer.fragment_size = self._reader.plaintext_limit = output.fragment_size

    def _notify(self, output: Notify) -> None:
        self._events.append(output.event)

    def _complete(self, output: Complete) -> None:
        assert self._handshake is not None
        self._config = self._handshake.owners_config
        self._established = output.established
        self._handshake = self._story = None
        self._began = None
        self._asked = 0
        self._refusal = ""
        self._events.append(HandshakeCompleted(output.established.negotiated))
        self._resume_sending()

    _CARRIERS: ClassVar[dict[type, Callable[[Handshaking, Any], None]]] = {
        InstallWriteKeys: _install_write_keys,
        InstallReadKeys: _install_read_keys,
        SettleRecords: _settle_records,
        Notify: _notify,
        Complete: _complete,
    }

    def _refresh(self) -> None:
        """Decide, now that something changed, whether application data may come."""
        allowed = self._conversation.data_allowed(self._peer)
        if allowed and self._reassembler.pending:
            allowed = self._config.policy.renegotiation is not Renegotiation.ALLOW
        self._data_flows = allowed

    def _check_duration(self) -> None:
        """From our ClientHello, or from the first byte of the client's, to the end of the handshake."""
        limit = self._config.limits.handshake_seconds
        if limit is None:
            return
        now = self._config.now()
        if self._began is None:
            self._began = now
        if now - self._began > limit:
            raise LimitExceeded(f"the handshake took longer than {limit} seconds", alert=Alert.USER_CANCELED)
