"""The sans-IO connection, as its owner sees it: bytes in, events and bytes out.

How it works: `Connection` has the public methods of `ClientConnection` and `ServerConnection`. It checks what its owner
asks for, and when; what happens then is decided in `core.py`, which ties the parts together.

The path of application data is short on purpose (docs/performance.md): a chunk that is exactly one record goes from
`receive_data` to its opener, a write of at most one record from `send_data` to its sealer. Whether they may go there is
decided when the state changes, not for each record.
"""

from __future__ import annotations

from typing import NoReturn

from tls12.config import ClientConfig, ServerConfig
from tls12.connection import exports
from tls12.connection.buffers import byte_buffer
from tls12.connection.core import Core
from tls12.connection.lifecycle import (
    STATES,
    ConnectionState,
    Phase,
)
from tls12.connection.roles import Hooks, Role
from tls12.errors import (
    TLSError,
    UsageError,
)
from tls12.events import (
    DataReceived,
    Event,
    Negotiated,
)
from tls12.handshake import channel_bindings
from tls12.handshake.grammar import message_type_name
from tls12.registry import Alert, ContentType
from tls12.resumption.sessions import Session
from tls12.secrecy import Secret, keeps_secrets
from tls12.wire.records import Buffer

_APPLICATION_DATA = int(ContentType.APPLICATION_DATA)


class Connection:
    """What `ClientConnection` and `ServerConnection` share; not made by itself."""

    __slots__ = ("__weakref__", "_ahead", "_core", "_incoming", "_outgoing")

    def __init__(self, role: Role, config: ClientConfig | ServerConfig, hooks: Hooks) -> None:
        self._core = core = Core(role, config, hooks)
        self._incoming, self._outgoing = core.incoming, core.outgoing  # kept here too, for the short paths below
        self._ahead: list[Event] | None = None  # events in reverse order, for next_event

    def __reduce__(self) -> NoReturn:
        raise TypeError("a connection holds secrets and can be neither pickled nor copied")

    # -- in -----------------------------------------------------------------------------------------------

    def receive_data(self, data: Buffer) -> None:
        """Take bytes from the peer, in any portions; `b""` means end of stream. Keeps no view of `data`.

        Never raises for what the peer did. After a failure or a close, input is ignored. Raises `UsageError` inside
        a callback of this connection. Any other exception, a KeyboardInterrupt for instance, has failed the
        connection, unless it came before or after this method did anything.
        """
        try:
            if type(data) is bytes and (state := self._core.alone) is not None:
                reader = self._incoming.reader
                if not reader.held:
                    # The commonest chunk, opened without the reader, which would do the same: see docs/performance.md.
                    fragment = state.open_alone(data, reader.plaintext_limit)
                    if fragment:
                        reader.empty_run = 0
                        self._core.events.append(DataReceived(fragment))
                        return
                    if fragment is not None:
                        reader.judge_fragment(_APPLICATION_DATA, fragment)
                        return
        except BaseException as error:
            self._core.fail(error)
            return
        self._core.receive(data)

    def answer(self, decision: object) -> None:
        """Answer the event that paused the handshake; see each event for what it takes.

        Raises `UsageError` when nothing was asked, and for an answer of the wrong type; the question then remains.
        An answer that comes after the connection has ended is dropped.
        """
        core = self._core
        core.refuse_inside("answer")
        handshakes = core.handshakes
        if handshakes.current is None or not handshakes.is_paused:
            if handshakes.dropped_question:
                return
            raise UsageError("answer() was called, but the connection is not paused on an event")
        decision = Secret(decision)  # a PSK, perhaps, which a traceback would show
        handshakes.current.check_answer(decision.value)
        core.run(lambda: core.take_answer(decision))

    # -- out ----------------------------------------------------------------------------------------------

    def data_to_send(self, amount: int | None = None) -> bytes | bytearray:
        """The bytes that wait to be sent, at most `amount` of them. The buffer belongs to the caller.

        Raises `UsageError` for a negative amount.
        """
        if self._outgoing.packed is not None:
            self._core.run(self._core.seal_packed)
        return self._outgoing.data_to_send(amount)

    def send_data(self, data: Buffer) -> None:
        """Queue application data. It is sealed at once, or, with `pack_small_writes`, together with other writes.

        Raises `UsageError` before `HandshakeCompleted` and after one's own `close()`. After the peer's close or a
        failure the data is dropped, since the caller may not have read those events yet. During a renegotiation it is
        held (`bytes_held`), up to `Limits.held`. Any other exception, a KeyboardInterrupt for instance, has failed the
        connection, unless it came before or after this method did anything.
        """
        try:
            outgoing = self._outgoing
            if type(data) is bytes:
                if 0 < len(data) <= outgoing.largest_direct_write:
                    # The commonest write, sealed without the writer, which would do the same: see docs/performance.md.
                    record = outgoing.state.seal_alone(data)
                    if record is not None:
                        outgoing.queue.append(record)
                        return
                if outgoing.data_flows and not outgoing.is_sealing:
                    self._core.write(data)
                    return
        except BaseException as error:
            self._core.fail(error)
            return
        self._send(data)

    def _send(self, data: Buffer) -> None:
        """Queue a write that is not bytes, or that cannot be sent now."""
        core = self._core
        if type(data) is not bytes:
            data = byte_buffer(data)
        outgoing = self._outgoing
        outgoing.refuse_while_sealing("send_data")
        if outgoing.data_flows:
            try:
                core.write(data)
            except BaseException as error:
                data = b""  # or the traceback would keep a view of the caller's buffer
                core.fail(error)
        elif core.owner_closed:
            raise UsageError("send_data() after close(): nothing may follow close_notify (RFC 5246 7.2.1)")
        elif core.lifecycle.may_write:
            if core.handshakes.established is None:
                raise UsageError("send_data() before HandshakeCompleted")
            if data:
                core.run(lambda: core.hold(data))

    def events(self) -> list[Event]:
        """What has happened since the last call, in order."""
        core = self._core
        if core.inside:  # a step is running and appends to this list
            events = core.events.copy()
            del core.events[:]
        else:
            events, core.events = core.events, []
        if self._ahead:
            events, self._ahead = self._ahead[::-1] + events, None
        return events

    def next_event(self) -> Event | None:
        """The next event alone, or None."""
        ahead = self._ahead
        if not ahead:
            # Events are taken from the end of a reversed list, because taking one from the front moves all the others.
            ahead = self._ahead = self.events()[::-1]
        if not ahead:
            return None
        event = ahead[-1]
        del ahead[-1]  # no call follows before the return, so no signal handler runs in between and loses the event
        return event

    # -- acts ---------------------------------------------------------------------------------------------

    def close(self) -> None:
        """End our direction with close_notify. May be called twice, in any state, and inside a callback.

        A handshake that is not complete is given up, which ends both directions; but if data waits for the end of a
        renegotiation, the handshake goes on, and close_notify follows the data. Nothing follows close_notify.
        """
        core = self._core
        self._outgoing.refuse_while_sealing("close")
        core.owner_closed = True
        core.run(core.close)

    def abort(self, alert: Alert = Alert.USER_CANCELED) -> None:
        """Give up: queue this fatal alert and end both directions. No event follows. May be called inside a callback.

        Raises `UsageError` for what is no alert.
        """
        core = self._core
        if not isinstance(alert, int) or not 0 <= alert <= 255:
            raise UsageError(f"abort() takes an Alert, not {alert!r}")
        self._outgoing.refuse_while_sealing("abort")
        if core.error is None and not self.closed:
            error = TLSError("the connection was aborted by its owner", alert=alert)
            core.run(lambda: core.end_with(error))

    def renegotiate(self) -> None:
        """Begin another handshake on this connection (RFC 5246 7.4.1.1, RFC 5746).

        Raises `UsageError` when the policy or `Limits.renegotiations` forbids it, the peer did not signal RFC 5746 or
        RFC 7627, none is finished yet, or a callback of this connection asks for it.
        """
        core = self._core
        core.refuse_inside("renegotiate")
        obstacle = core.obstacle_to_renegotiation()
        if obstacle:
            raise UsageError(obstacle)
        core.run(core.ask_for_renegotiation)

    # -- facts --------------------------------------------------------------------------------------------

    @property
    def config(self) -> ClientConfig | ServerConfig:
        """The configuration in force: as given, or as answered to ClientHelloReceived."""
        return self._core.config

    @property
    def state(self) -> ConnectionState:
        """Where the connection stands."""
        core = self._core
        return ConnectionState.PAUSED if core.handshakes.is_paused else STATES[core.lifecycle.phase]

    @property
    def renegotiating(self) -> bool:
        """Whether a handshake after the first goes on. What is sent meanwhile is held (`bytes_held`)."""
        return self._core.lifecycle.phase is Phase.RENEGOTIATING

    @property
    def bytes_held(self) -> int:
        """Bytes of application data that `send_data` has taken and that are in no record yet.

        They wait for the end of a renegotiation or, with `pack_small_writes`, for more. Count them among what is
        unsent, and stop writing while there are many: beyond `Limits.held` the connection fails.
        """
        return self._outgoing.bytes_held

    @property
    def expecting(self) -> tuple[str, ...]:
        """The handshake messages that the peer may send now, by name; empty when it is not its turn."""
        core = self._core
        if not core.lifecycle.may_read:
            return ()
        return tuple(map(message_type_name, core.handshakes.conversation.expected(core.role.peer)))

    @property
    def negotiated(self) -> Negotiated | None:
        """The facts of the last finished handshake, or None before the first."""
        established = self._core.handshakes.established
        return established.negotiated if established is not None else None

    @property
    def session(self) -> Session | None:
        """What can be resumed later, or None: before `HandshakeCompleted`, when the peer offers nothing, and after a
        fatal alert of either side (RFC 5246 7.2.2). A failure without an alert, as after our close_notify, keeps it.
        """
        established = self._core.handshakes.established
        return established.session if established is not None else None

    @property
    def error(self) -> TLSError | None:
        """Why the connection failed, or None; its `alert` is the one that we sent, if any."""
        return self._core.error

    @property
    def closed(self) -> bool:
        """Both directions have ended."""
        return self._core.lifecycle.has_ended

    @property
    def trailing_data(self) -> bytes:
        """Bytes that came after the peer's close_notify, up to `Limits.buffered`."""
        return self._incoming.trailing_data

    @property
    def can_renegotiate(self) -> bool:
        """Whether `renegotiate()` would begin another handshake now, instead of raising `UsageError`."""
        core = self._core
        return not core.inside and not core.obstacle_to_renegotiation()

    @keeps_secrets
    def export_keying_material(
        self, label: str, context: bytes | None, length: int, *, for_authentication: bool = True
    ) -> bytes:
        """Key material for another protocol (RFC 5705): `length` bytes.

        An absent context (None) and an empty one give different bytes. Raises `UsageError` before completion, during
        a renegotiation, after a failure other than a truncation, and without extended master secret unless
        `for_authentication` is False (RFC 7627 5.4).
        """
        established = self._core.handshakes.last_completed("export_keying_material")
        return exports.export_keying_material(
            established, label, context, length, for_authentication=for_authentication
        )

    @keeps_secrets
    def channel_binding(self, kind: str) -> bytes:
        """tls-unique, tls-server-end-point (RFC 5929) or tls-exporter (RFC 9266).

        Raises `UsageError` where a binding is not safe or not defined, saying why.
        """
        return channel_bindings.compute(kind, self._core.handshakes.last_completed("channel_binding"))
