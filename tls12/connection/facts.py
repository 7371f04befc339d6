"""The facts of a connection: what its owner may ask at any time, and what is derived from its secrets.

How it works: read-only properties over the state that `core.py` keeps, and the exporters. Nothing here changes
anything.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, NoReturn

from tls12.config import ClientConfig, ServerConfig
from tls12.crypto import key_schedule
from tls12.errors import (
    TLSError,
    TruncatedError,
    UsageError,
)
from tls12.events import (
    Negotiated,
)
from tls12.handshake import channel_bindings
from tls12.handshake.engine import (
    Handshake,
)
from tls12.handshake.grammar import Conversation, Side, name_of
from tls12.handshake.proofs import Established
from tls12.record_layer import RecordReader
from tls12.resumption.sessions import Session
from tls12.secrecy import keeps_secrets


class ConnectionState(Enum):
    """Where a connection stands, for its owner."""

    IDLE = "nothing sent or received yet"
    HANDSHAKING = "in a handshake"
    PAUSED = "waiting for answer()"
    ESTABLISHED = "application data may flow"
    CLOSING = "one direction has ended with close_notify"
    CLOSED = "both directions have ended"
    FAILED = "over, because of an error"


class Facts:
    """The read-only half of a connection; `Connection` adds the rest."""

    __slots__ = ()

    _side: Side
    _peer: Side
    _config: ClientConfig | ServerConfig
    _conversation: Conversation
    _handshake: Handshake[Any] | None
    _established: Established | None
    _error: TLSError | None
    _read_ended: bool
    _write_ended: bool
    _handshakes: int
    _peer_closed: bool
    _reader: RecordReader

    def __reduce__(self) -> NoReturn:
        raise TypeError("a connection holds secrets and can be neither pickled nor copied")

    @property
    def config(self) -> ClientConfig | ServerConfig:
        """The configuration in force: as given, or as answered to ClientHelloReceived."""
        return self._config

    @property
    def state(self) -> ConnectionState:
        """Where the connection stands."""
        if self._error is not None:
            return ConnectionState.FAILED
        if self._read_ended and self._write_ended:
            return ConnectionState.CLOSED
        if self._read_ended or self._write_ended:
            return ConnectionState.CLOSING
        if self._handshake is not None and self._handshake.asking is not None:
            return ConnectionState.PAUSED
        if self._established is not None and self._handshake is None:
            return ConnectionState.ESTABLISHED
        return ConnectionState.HANDSHAKING if self._handshakes else ConnectionState.IDLE

    @property
    def renegotiating(self) -> bool:
        """Whether a handshake after the first goes on. What is sent meanwhile is held (`bytes_held`)."""
        return self._established is not None and self._handshake is not None

    @property
    def expecting(self) -> tuple[str, ...]:
        """The handshake messages that the peer may send now, by name; empty when it is not its turn."""
        if self._error is not None or self._read_ended:
            return ()
        return tuple(map(name_of, self._conversation.expected(self._peer)))

    @property
    def negotiated(self) -> Negotiated | None:
        """The facts of the last finished handshake, or None before the first."""
        return self._established.negotiated if self._established is not None else None

    @property
    def session(self) -> Session | None:
        """What can be resumed later, or None: before `HandshakeCompleted`, when the peer offers nothing, and after a
        failure other than a truncation (RFC 5246 7.2.2).
        """
        if self._established is None or not isinstance(self._error, TruncatedError | None):
            return None
        return self._established.session

    @property
    def error(self) -> TLSError | None:
        """Why the connection failed; its `alert` is the one that we sent."""
        return self._error

    @property
    def closed(self) -> bool:
        """Both directions have ended."""
        return self._read_ended and self._write_ended

    @property
    def trailing_data(self) -> bytes:
        """Bytes that came behind the peer's close_notify, up to `Limits.buffered`."""
        return self._reader.unread if self._peer_closed else b""

    @keeps_secrets
    def export_keying_material(
        self, label: str, context: bytes | None, length: int, *, for_authentication: bool = True
    ) -> bytes:
        """Key material for another protocol (RFC 5705): `length` bytes.

        An absent context (None) and an empty one give different bytes. Raises `UsageError` before completion, during
        a renegotiation, after a failure other than a truncation, and without extended master secret unless
        `for_authentication` is False (RFC 7627 5.4).
        """
        if not isinstance(label, str):
            raise UsageError(f"the label of an exporter is a str, not {type(label).__name__}")
        if not isinstance(context, bytes | None):
            raise UsageError(f"the context of an exporter is bytes or None, not {type(context).__name__}")
        if length < 1:
            raise UsageError(f"export_keying_material() with a length of {length} bytes exports nothing")
        established = self._quiet("export_keying_material")
        agreed = established.negotiated
        if for_authentication and not agreed.extended_master_secret:
            raise UsageError(
                "an exporter without extended master secret does not authenticate (RFC 7627 5.4); "
                "say for_authentication=False if that is not its use"
            )
        return key_schedule.export_keying_material(
            established.prf_hash,
            established.master_secret,
            label.encode(),
            agreed.client_random,
            agreed.server_random,
            context,
            length,
        )

    @keeps_secrets
    def channel_binding(self, kind: str) -> bytes:
        """tls-unique, tls-server-end-point (RFC 5929) or tls-exporter (RFC 9266).

        Raises `UsageError` where a binding is not safe or not defined, saying why.
        """
        return channel_bindings.compute(kind, self._quiet("channel_binding"))

    def _quiet(self, act: str) -> Established:
        if self._established is None:
            raise UsageError(f"{act}() before HandshakeCompleted")
        if self._handshake is not None:
            raise UsageError(f"{act}() during a renegotiation: it is not settled which handshake it would speak of")
        if not self._established.master_secret:
            raise UsageError(f"{act}() after a failure: the connection has let its secrets go")
        return self._established
