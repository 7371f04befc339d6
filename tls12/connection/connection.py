"""The sans-IO connection: bytes in, events and bytes out.

How it works: a connection is composed of parts that know nothing of each other. `Incoming` turns the peer's bytes into
messages, alerts and application data; `Outgoing` turns ours into records; `Handshakes` runs the handshake that goes on;
`Lifecycle` says what may still be read and written. The parts return or raise. Only the connection decides what
follows: it begins handshakes, carries out what they queue, emits events, and fails.

The peer's fault is an event, never an exception: whatever is wrong with its bytes ends in one `_fail`, which queues
the alert that the error carries and emits `ConnectionFailed`. What an application's own object raises (a verifier,
a signer, a hook) reaches the caller, after internal_error was queued.

An exception may come at any moment: out of a callback, or out of nowhere (KeyboardInterrupt, a time-out of gevent). So
whatever changes the connection runs inside a `try` that ends in `_fail`: what was taken half is not gone on with. A
callback may ask everything of its own connection and end it, by `close()` or `abort()`; what would begin another step
inside the one that goes on raises `UsageError`.

The path of application data is short on purpose (docs/performance.md): a chunk that is exactly one record goes from
`receive_data` to its opener, a write of at most one record from `send_data` to its sealer, and everything rare is
decided when the state changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NoReturn

from tls12.config import ClientConfig, ServerConfig
from tls12.connection import exports, renegotiation
from tls12.connection.buffers import NOTHING, byte_buffer
from tls12.connection.handshakes import Handshakes
from tls12.connection.incoming import Incoming
from tls12.connection.lifecycle import (
    DATA_FLOWS_OUT,
    STATES,
    Conditions,
    ConnectionState,
    Happening,
    Lifecycle,
    Owed,
    Phase,
)
from tls12.connection.outgoing import Outgoing
from tls12.connection.remedies import Circumstances, remedy_for, truncation
from tls12.connection.renegotiation import Verdict
from tls12.connection.roles import Hooks, Role
from tls12.crypto.provider import StandardCrypto
from tls12.crypto.randomness import system_random
from tls12.errors import (
    EncodeError,
    InternalError,
    LimitExceeded,
    PeerAlert,
    TLSError,
    UsageError,
)
from tls12.events import (
    AlertReceived,
    ConnectionClosed,
    ConnectionFailed,
    DataReceived,
    Event,
    HandshakeCompleted,
    KeysNearLimit,
    Negotiated,
    RenegotiationRequested,
)
from tls12.handshake import channel_bindings
from tls12.handshake.engine import Complete, InstallReadKeys, InstallWriteKeys, Notify, Output, RecordRules
from tls12.handshake.grammar import State, name_of
from tls12.policy import Renegotiation
from tls12.record_layer.states import ReadState
from tls12.registry import Alert, AlertLevel, ConnectionEnd, ContentType
from tls12.resumption.sessions import Session
from tls12.resumption.stores import remove_session
from tls12.secrecy import Secret, forget_frames, forget_locals, keeps_secrets
from tls12.wire import messages
from tls12.wire.closing import AlertMessage
from tls12.wire.messages import MessageTooLong
from tls12.wire.records import VERSION, Buffer

_APPLICATION_DATA = int(ContentType.APPLICATION_DATA)


class Connection:
    """What `ClientConnection` and `ServerConnection` share; not made by itself."""

    __slots__ = (
        "__weakref__",
        "_ahead",
        "_alone",
        "_config",
        "_error",
        "_events",
        "_handshakes",
        "_hooks",
        "_incoming",
        "_inside",
        "_lifecycle",
        "_outgoing",
        "_owner_closed",
        "_role",
    )  # fmt: skip

    def __init__(self, role: Role, config: ClientConfig | ServerConfig, hooks: Hooks) -> None:
        self._role = role
        self._config = config
        self._hooks = hooks
        self._incoming = Incoming(role.peer, config.limits)
        self._outgoing = Outgoing()
        self._outgoing.writer.fragment_size = config.max_send_fragment
        self._handshakes = Handshakes(role, hooks)
        self._lifecycle = Lifecycle()
        self._events: list[Event] = []
        self._ahead: list[Event] | None = None  # events in reverse order, for next_event
        self._error: TLSError | None = None
        self._owner_closed = False
        self._inside = False  # a step goes on, and so what calls is a callback
        self._alone: ReadState | None = None  # opens a chunk that is one record of data, while nothing else goes on

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
            if type(data) is bytes and (state := self._alone) is not None:
                reader = self._incoming.reader
                if not reader.held:
                    # The commonest chunk. Without the reader, which would do the same: see docs/performance.md.
                    fragment = state.open_alone(data, reader.plaintext_limit)
                    if fragment:
                        reader.empty_run = 0
                        self._events.append(DataReceived(fragment))
                        return
                    if fragment is not None:
                        reader.judge_fragment(_APPLICATION_DATA, fragment)
                        return
        except BaseException as error:
            self._fail(error)
            return
        self._receive(data)

    def _receive(self, data: Buffer) -> None:
        """Take any chunk, in one step."""
        if type(data) is not bytes:
            data = byte_buffer(data)
        self._refuse_inside("receive_data")
        try:
            self._inside = True
            self._alone = None
            self._read(data)
            self._leave()
        except BaseException as error:
            data = NOTHING  # or the traceback would keep a view of the caller's buffer
            self._fail(error)

    def _read(self, data: Buffer) -> None:
        """Read what there is, until something has to be waited for. Raises whatever is wrong."""
        incoming, handshakes = self._incoming, self._handshakes
        if not self._lifecycle.may_read:
            incoming.keep_trailing(data)
            return
        if handshakes.established is None or handshakes.current is not None:
            if handshakes.is_paused:
                incoming.wait_with(data)
                return
            handshakes.check_duration(self._config)
        if not data and data is not NOTHING:
            self._end_of_stream()
        units = incoming.feed(data, self._events)
        try:
            for kind, payload in units:
                self._TAKERS[kind](self, payload)
                if handshakes.is_paused or not self._lifecycle.may_read:
                    break
            else:
                return
        except MessageTooLong as error:
            if not handshakes.is_expected(error.kind):  # the length and the place are wrong: tell of the place
                raise handshakes.out_of_place(name_of(error.kind)) from None
            raise
        finally:
            units.close()
        if self._lifecycle.may_read:
            incoming.wait_with(NOTHING)
        else:
            incoming.close()

    def answer(self, decision: object) -> None:
        """Answer the event that paused the handshake; see each event for what it takes.

        Raises `UsageError` when nothing was asked, and for an answer of the wrong type; the question then stands.
        If the connection ended while the answer was sought, it is dropped.
        """
        self._refuse_inside("answer")
        handshakes = self._handshakes
        if handshakes.current is None or not handshakes.is_paused:
            if handshakes.dropped_question:
                return
            raise UsageError("answer() was called, but the connection is not paused on an event")
        decision = Secret(decision)  # a PSK, perhaps, which a traceback would show
        handshakes.current.check_answer(decision.value)
        self._guard(lambda: self._take_answer(decision))

    def _take_answer(self, decision: Secret[object]) -> None:
        """Go on with the answer, and with what has arrived meanwhile."""
        self._carry_out(self._handshakes.take_answer(decision))
        self._refresh()
        for data in (NOTHING, b"") if self._incoming.end_waits else (NOTHING,):
            if self._lifecycle.may_read and not self._handshakes.is_paused:
                self._read(data)

    # -- out ----------------------------------------------------------------------------------------------

    def data_to_send(self, amount: int | None = None) -> bytes | bytearray:
        """The bytes that wait to be sent, at most `amount` of them. The buffer belongs to the caller.

        Raises `UsageError` for a negative amount.
        """
        if self._outgoing.packed is not None:
            self._guard(self._seal_packed)
        return self._outgoing.data_to_send(amount)

    def send_data(self, data: Buffer) -> None:
        """Queue application data; it is sealed at once, or, with `pack_small_writes`, together with other writes.

        Raises `UsageError` before `HandshakeCompleted` and after one's own `close()`. After the peer's close or a
        failure the data is dropped, since the caller may not have read those events yet. During a renegotiation it is
        held (`bytes_held`), up to `Limits.held`. Any other exception, a KeyboardInterrupt for instance, has failed the
        connection, unless it came before or after this method did anything.
        """
        try:
            outgoing = self._outgoing
            if type(data) is bytes:
                if 0 < len(data) <= outgoing.largest_direct_write:
                    # The commonest write. Without the writer, which would do the same: see docs/performance.md.
                    record = outgoing.state.seal_alone(data)
                    if record is not None:
                        outgoing.queue.append(record)
                        return
                if outgoing.data_flows and not outgoing.is_sealing:
                    self._write(data)
                    return
        except BaseException as error:
            self._fail(error)
            return
        self._send(data)

    def _send(self, data: Buffer) -> None:
        """Queue a write that is not bytes, or that cannot be sent now."""
        if type(data) is not bytes:
            data = byte_buffer(data)
        outgoing = self._outgoing
        outgoing.refuse_while_sealing("send_data")
        if outgoing.data_flows:
            try:
                self._write(data)
            except BaseException as error:
                data = b""  # or the traceback would keep a view of the caller's buffer
                self._fail(error)
        elif self._owner_closed:
            raise UsageError("send_data() after close(): nothing may follow close_notify (RFC 5246 7.2.1)")
        elif self._lifecycle.may_write:
            if self._handshakes.established is None:
                raise UsageError("send_data() before HandshakeCompleted")
            if data:
                self._guard(lambda: self._hold(data))

    def _write(self, data: Buffer) -> None:
        """Pack or seal application data while it flows, else hold it; then see whether new keys are due."""
        outgoing = self._outgoing
        if outgoing.data_flows:
            if outgoing.pack(data):
                return
            self._seal_packed()  # which may begin a renegotiation
        if not outgoing.data_flows:
            self._hold(data)
        elif not outgoing.pack(data):
            outgoing.seal(data)
            self._look_at_keys()

    def _hold(self, data: Buffer) -> None:
        """Keep a write until the renegotiation ends. Raises LimitExceeded if the peer lets it wait too long."""
        held, limit = self._outgoing.held_size, self._config.limits.held
        if held >= limit:
            raise LimitExceeded(
                f"{held} bytes wait for the {self._role.peer} to go on with a renegotiation; "
                f"Limits.held allows {limit}",
                remedy="write no more while bytes_held is large, or raise Limits.held",
            )
        self._handshakes.check_duration(self._config)
        self._outgoing.hold(data)

    def _seal_packed(self) -> None:
        if self._outgoing.packed is not None:
            self._outgoing.seal_packed()
            self._look_at_keys()

    def _look_at_keys(self) -> None:
        """If our keys have protected nearly as much as they may (RFC 8446 5.5): get new ones, or say so."""
        state = self._outgoing.state
        if state.near_limit:
            state.acknowledge()
            self._events.append(KeysNearLimit())
            if not self._obstacle_to_renegotiation():
                self._guard(self._ask_for_renegotiation)

    def events(self) -> list[Event]:
        """What has happened since the last call, in order."""
        if self._inside:  # the step that goes on appends to this very list
            events = self._events.copy()
            del self._events[:]
        else:
            events, self._events = self._events, []
        if self._ahead:
            events, self._ahead = self._ahead[::-1] + events, None
        return events

    def next_event(self) -> Event | None:
        """The next event alone, or None."""
        ahead = self._ahead
        if not ahead:
            # Turned over once, and taken from its end: from the front each would move all that wait behind it.
            ahead = self._ahead = self.events()[::-1]
        if not ahead:
            return None
        event = ahead[-1]
        del ahead[-1]  # no call, and so no moment for a signal, lies between this and the caller
        return event

    # -- acts ---------------------------------------------------------------------------------------------

    def close(self) -> None:
        """End our direction with close_notify. May be called twice, in any state, and inside a callback.

        A handshake that is not through is given up, which ends both directions; but if data waits for the end of a
        renegotiation, close_notify waits behind it. Nothing follows close_notify.
        """
        self._outgoing.refuse_while_sealing("close")
        self._owner_closed = True
        self._guard(self._end_by_owner)

    def _end_by_owner(self) -> None:
        self._outgoing.seal_packed()
        self._happens(Happening.OWNER_CLOSES)

    def abort(self, alert: Alert = Alert.USER_CANCELED) -> None:
        """Give up: queue this fatal alert and end both directions. No event follows. May be called inside a callback.

        Raises `UsageError` for what is no alert.
        """
        if not isinstance(alert, int) or not 0 <= alert <= 255:
            raise UsageError(f"abort() takes an Alert, not {alert!r}")
        self._outgoing.refuse_while_sealing("abort")
        if self._error is None and not self.closed:
            error = TLSError("the connection was aborted by its owner", alert=alert)
            self._guard(lambda: self._end_with(error))

    def renegotiate(self) -> None:
        """Begin another handshake on this connection (RFC 5246 7.4.1.1, RFC 5746).

        Raises `UsageError` when the policy or `Limits.renegotiations` forbids it, the peer did not signal RFC 5746 or
        RFC 7627, none is finished yet, or a callback of this connection asks for it.
        """
        self._refuse_inside("renegotiate")
        obstacle = self._obstacle_to_renegotiation()
        if obstacle:
            raise UsageError(obstacle)
        self._guard(self._ask_for_renegotiation)

    def _ask_for_renegotiation(self) -> None:
        """Begin another handshake (a client), or ask the client to (a server)."""
        self._handshakes.so_far.asked_by_us += 1
        if self._role.opened_by is None:
            self._begin_handshake()
        else:
            self._carry_out(self._handshakes.ask_for_another(self._config))

    # -- facts --------------------------------------------------------------------------------------------

    @property
    def config(self) -> ClientConfig | ServerConfig:
        """The configuration in force: as given, or as answered to ClientHelloReceived."""
        return self._config

    @property
    def state(self) -> ConnectionState:
        """Where the connection stands."""
        return ConnectionState.PAUSED if self._handshakes.is_paused else STATES[self._lifecycle.phase]

    @property
    def renegotiating(self) -> bool:
        """Whether a handshake after the first goes on. What is sent meanwhile is held (`bytes_held`)."""
        return self._lifecycle.phase is Phase.RENEGOTIATING

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
        if not self._lifecycle.may_read:
            return ()
        return tuple(map(name_of, self._handshakes.conversation.expected(self._role.peer)))

    @property
    def negotiated(self) -> Negotiated | None:
        """The facts of the last finished handshake, or None before the first."""
        established = self._handshakes.established
        return established.negotiated if established is not None else None

    @property
    def session(self) -> Session | None:
        """What can be resumed later, or None: before `HandshakeCompleted`, when the peer offers nothing, and after a
        fatal alert of either side (RFC 5246 7.2.2). A failure that sent none, as behind our close_notify, is no reason.
        """
        established = self._handshakes.established
        return established.session if established is not None else None

    @property
    def error(self) -> TLSError | None:
        """Why the connection failed; its `alert` is the one that we sent."""
        return self._error

    @property
    def closed(self) -> bool:
        """Both directions have ended."""
        return self._lifecycle.has_ended

    @property
    def trailing_data(self) -> bytes:
        """Bytes that came behind the peer's close_notify, up to `Limits.buffered`."""
        return self._incoming.trailing_data

    @property
    def can_renegotiate(self) -> bool:
        """Whether `renegotiate()` would begin another handshake now, instead of raising `UsageError`."""
        return not self._inside and not self._obstacle_to_renegotiation()

    def _obstacle_to_renegotiation(self) -> str:
        """Why a renegotiation cannot begin now; empty if it can."""
        phase, handshakes = self._lifecycle.phase, self._handshakes
        during = phase is Phase.RENEGOTIATING
        established = handshakes.established if during or phase is Phase.OPEN else None
        return renegotiation.obstacle(self._config, established, handshakes.so_far, during=during)

    @keeps_secrets
    def export_keying_material(
        self, label: str, context: bytes | None, length: int, *, for_authentication: bool = True
    ) -> bytes:
        """Key material for another protocol (RFC 5705): `length` bytes.

        An absent context (None) and an empty one give different bytes. Raises `UsageError` before completion, during
        a renegotiation, after a failure other than a truncation, and without extended master secret unless
        `for_authentication` is False (RFC 7627 5.4).
        """
        established = self._handshakes.last_completed("export_keying_material")
        return exports.export_keying_material(
            established, label, context, length, for_authentication=for_authentication
        )

    @keeps_secrets
    def channel_binding(self, kind: str) -> bytes:
        """tls-unique, tls-server-end-point (RFC 5929) or tls-exporter (RFC 9266).

        Raises `UsageError` where a binding is not safe or not defined, saying why.
        """
        return channel_bindings.compute(kind, self._handshakes.last_completed("channel_binding"))

    # -- what the peer sends ------------------------------------------------------------------------------

    def _take_message(self, message: bytes) -> None:
        kind, handshakes = message[0], self._handshakes
        if kind != self._role.invited_by or not self._take_invitation(message):
            if handshakes.current is None:
                if kind != self._role.opened_by:
                    raise handshakes.out_of_place(name_of(kind))
                self._begin_handshake()
            if handshakes.current is not None:  # the clock has not ended the connection
                self._carry_out(handshakes.take_message(message))
        if handshakes.established is not None:
            self._refresh()

    def _take_invitation(self, message: bytes) -> bool:
        """Deal with a message that may ask for another handshake; whether that was all there is to do."""
        role, handshakes = self._role, self._handshakes
        if role.end is ConnectionEnd.CLIENT:
            if not handshakes.so_far.handshakes:
                return False
            request = messages.parse(message)
            if self._hooks.on_message is not None:
                self._hooks.on_message(role.peer, request, len(message))
        if not self._lifecycle.may_write:
            return True  # our close_notify has gone out: nothing can be answered
        verdict = role.judge_invitation(
            message,
            self._config,
            handshakes.established,
            handshakes.so_far,
            during=handshakes.current is not None,
        )
        if verdict is Verdict.BEGIN or verdict is Verdict.IGNORE:
            return verdict is Verdict.IGNORE
        if verdict is Verdict.OUT_OF_PLACE:
            raise handshakes.out_of_place(name_of(message[0]))
        if role.end is ConnectionEnd.CLIENT:
            self._events.append(RenegotiationRequested())
        if verdict is Verdict.END:
            raise renegotiation.policy_ends_connection(self._config, role.peer)
        if verdict is Verdict.REFUSE:
            self._send_alert(AlertLevel.WARNING, Alert.NO_RENEGOTIATION)
            handshakes.so_far.refused(self._obstacle_to_renegotiation(), self._incoming.opened)
        return True

    def _take_change_cipher_spec(self, payload: bytes) -> None:
        self._carry_out(self._handshakes.take_change_cipher_spec(payload))
        self._refresh()

    def _take_application_data(self, fragment: bytes) -> None:
        raise self._handshakes.out_of_place("application data")

    def _take_alert(self, payload: bytes) -> None:
        alert = self._incoming.read_alert(payload)
        if alert.description == Alert.CLOSE_NOTIFY:
            self._events.append(ConnectionClosed())
            self._incoming.keeps_trailing = True
            self._happens(Happening.PEER_CLOSES)
        elif alert.level == AlertLevel.FATAL:
            raise PeerAlert(alert.description, remedy=remedy_for(alert.description, self._circumstances()))
        else:
            self._take_warning(alert)

    def _take_warning(self, alert: AlertMessage) -> None:
        handshakes = self._handshakes
        answers_us = alert.description == Alert.NO_RENEGOTIATION and handshakes.so_far.asked_by_us > 0
        self._incoming.count_warning(excused=answers_us)
        self._events.append(AlertReceived(alert.level, alert.description))
        if answers_us:
            handshakes.so_far.asked_by_us -= 1
            if handshakes.current is not None and handshakes.conversation.state is State.CLIENT_HELLO:
                handshakes.abandon()
                self._resume(Happening.IS_REFUSED)
                self._refresh()

    _TAKERS: ClassVar[dict[int, Callable[[Connection, bytes], None]]] = {
        ContentType.HANDSHAKE: _take_message,
        ContentType.CHANGE_CIPHER_SPEC: _take_change_cipher_spec,
        ContentType.ALERT: _take_alert,
        ContentType.APPLICATION_DATA: _take_application_data,
    }

    def _end_of_stream(self) -> None:
        raise truncation(self._circumstances(just_now=True))

    def _circumstances(self, *, just_now: bool = False) -> Circumstances:
        """What the reason for the peer's end depends on; a refusal counts `just_now` if nothing has come since."""
        handshakes = self._handshakes
        so_far = handshakes.so_far
        counts = not just_now or so_far.refused_at == self._incoming.opened
        return Circumstances(
            self._role.end,
            handshakes.conversation.facts,
            handshakes.established is not None,
            self._config,
            so_far.refusal if counts else "",
        )

    # -- handshakes ---------------------------------------------------------------------------------------

    def _begin_handshake(self) -> None:
        self._handshakes.so_far.begin(self._config)
        self._handshakes.check_duration(self._config)
        if self._lifecycle.has_ended:  # by the clock, which may be a callback
            return
        self._happens(Happening.BEGINS)
        self._carry_out(self._handshakes.begin(self._config))
        self._refresh()

    def _carry_out(self, outputs: Sequence[Output]) -> None:
        """What a handshake wants done, in order, unless a callback has ended the connection: then nothing follows."""
        if not self._lifecycle.may_write:
            return
        for output in outputs:
            if type(output) is tuple:
                kind, data = output
                self._outgoing.put(kind, data)
            else:
                self._CARRIERS[type(output)](self, output)

    def _install_write_keys(self, output: InstallWriteKeys) -> None:
        self._outgoing.install(output.sealer, output.fragment_size, self._config.limits.records_per_key)

    def _install_read_keys(self, output: InstallReadKeys) -> None:
        self._incoming.install(output.opener, output.plaintext_limit)

    def _set_record_rules(self, output: RecordRules) -> None:
        writer, reader = self._outgoing.writer, self._incoming.reader
        writer.version = VERSION
        reader.version_fixed = True
        if output.fragment_size is not None:
            writer.fragment_size = reader.plaintext_limit = output.fragment_size
        writer.fragment_size = min(writer.fragment_size, output.most_to_send)

    def _notify(self, output: Notify) -> None:
        self._events.append(output.event)

    def _complete(self, output: Complete) -> None:
        handshakes = self._handshakes
        assert handshakes.current is not None
        self._config = handshakes.current.given_config
        handshakes.complete(output)
        self._events.append(HandshakeCompleted(output.established.negotiated))
        self._resume(Happening.COMPLETES)

    _CARRIERS: ClassVar[dict[type, Callable[[Connection, Any], None]]] = {
        InstallWriteKeys: _install_write_keys,
        InstallReadKeys: _install_read_keys,
        RecordRules: _set_record_rules,
        Notify: _notify,
        Complete: _complete,
    }

    def _resume(self, how: Happening) -> None:
        """No handshake goes on: data that was held goes first. If it uses up the keys, the rest waits for new ones."""
        self._happens(how)
        for data in self._outgoing.take_held():
            self._write(data)
        if self._owner_closed:
            self._end_by_owner()

    def _refresh(self) -> None:
        """Decide, now that something changed, whether application data may come."""
        self._incoming.let_data_come(
            self._lifecycle.may_read and self._handshakes.data_may_come,
            inside_messages=self._config.policy.renegotiation is not Renegotiation.ALLOW,
        )

    # -- the life cycle -----------------------------------------------------------------------------------

    def _happens(self, happening: Happening, alert: Alert | None = None) -> Alert | None:
        """Move in the life cycle and do what it says; a failure owes `alert`, if there is one.

        Returns the fatal alert that was sent.
        """
        outgoing, config, lifecycle = self._outgoing, self._config, self._lifecycle
        owed = lifecycle.move(happening, Conditions(config.half_close, bool(outgoing.held)))
        sent: Alert | None = None
        if owed is Owed.CLOSE_NOTIFY:
            self._send_alert(AlertLevel.WARNING, Alert.CLOSE_NOTIFY)
        elif owed is Owed.FATAL_ALERT and alert is not None:
            self._send_alert(AlertLevel.FATAL, alert)
            sent = alert
        if lifecycle.has_ended:
            self._end_both()
        elif not lifecycle.may_write:
            outgoing.end()
        elif lifecycle.phase in DATA_FLOWS_OUT:
            # Cryptography or randomness of the application's own may call back while a record is made.
            calls_nobody = type(config.crypto) is StandardCrypto and config.draw is system_random
            outgoing.let_data_flow(packs=config.pack_small_writes, direct=calls_nobody)
        else:
            outgoing.hold_data_back()
        return sent

    def _send_alert(self, level: AlertLevel, description: Alert) -> None:
        self._outgoing.put(ContentType.ALERT, AlertMessage(level, description).to_bytes())

    def _end_both(self) -> None:
        """Neither direction goes on, and so no handshake does: its secrets are let go. May be called twice."""
        self._lifecycle.end()
        self._alone = None
        self._events += self._handshakes.drop()
        self._outgoing.end()
        if not self._incoming.keeps_trailing:
            self._incoming.close()

    def _refuse_inside(self, act: str) -> None:
        """Raise if a step of this connection goes on, which `act` would come into the middle of."""
        if self._inside and not self.closed:
            raise UsageError(
                f"{act}() was called inside a callback of the same connection; there one may ask and end it, with "
                "close() or abort(), and do the rest when the method that led here has returned"
            )

    def _guard(self, step: Callable[[], object]) -> None:
        """Run a step; the peer's fault becomes an event, everything else has failed the connection and is raised."""
        outer = self._inside
        try:
            self._inside = True
            self._alone = None
            step()
            if not outer:
                self._leave()
        except BaseException as error:
            self._fail(error)

    def _leave(self) -> None:
        """The step is over: the next chunk may be opened without a look at anything else, if data flows."""
        self._inside = False
        incoming = self._incoming
        self._alone = incoming.reader.state if incoming.reader.flowing and self._handshakes.current is None else None

    def _fail(self, error: BaseException) -> None:
        """Queue the alert, end both directions and emit `ConnectionFailed`; re-raise what is not the peer's fault."""
        peers_fault = False
        try:
            peers_fault = isinstance(error, TLSError) and not isinstance(error, UsageError | EncodeError)
            if self._error is None and not (peers_fault and self.closed):  # else a callback had ended it already
                self._tell_failure(error, peers_fault)
        except BaseException as interrupt:
            if self._error is None:
                self._tell_failure(interrupt, False)
            self._end_both()
            raise
        finally:
            self._inside = False
            if not peers_fault:
                forget_locals(error)
        if not peers_fault:
            raise error
        forget_frames(error)

    def _tell_failure(self, error: BaseException, peers_fault: bool) -> None:
        if peers_fault:
            assert isinstance(error, TLSError)
            reason = error
        else:
            what = (
                "an application's object raised"
                if isinstance(error, Exception)
                else "the connection was interrupted by"
            )
            reason = InternalError(f"{what} {type(error).__name__}")
            reason.__cause__ = error
        failed = ConnectionFailed(reason)
        self._events += self._handshakes.drop()  # what it had told; what it wanted sent is not
        # No call, and so no moment for a signal, lies between these two: it finds both done, or neither.
        self._error = reason
        self._events.append(failed)
        self._end_with(reason)

    def _end_with(self, error: TLSError) -> None:
        """Queue the alert that is owed, if it may still be sent, and end both directions."""
        self._error = error
        alert, error.alert = error.alert, None
        try:
            self._outgoing.seal_or_drop_packed()
            error.alert = self._happens(Happening.FAILS, alert)
        finally:
            self._end_both()
        if error.alert is not None or isinstance(error, PeerAlert):
            try:
                self._forget_session()
            finally:
                self._handshakes.forget_secrets()

    def _forget_session(self) -> None:
        """A session whose connection ended with a fatal alert is not resumed (RFC 5246 7.2.2)."""
        store = self._config.sessions
        key = self._role.session_key(self._config, self._hooks, self._handshakes.established)
        if store is not None and key:
            remove_session(store, key)
