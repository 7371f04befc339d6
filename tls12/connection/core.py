"""The core of a connection ties its parts together, and alone begins handshakes, emits events and fails the connection.

How it works: the parts know nothing of each other. `Incoming` turns the peer's bytes into messages, alerts and
application data; `Outgoing` turns ours into records; `Handshakes` runs the handshake that goes on; `Lifecycle` says
what may still be read and written. The parts return or raise. The core gives each part what it needs, carries out what
the handshake queues, and decides what follows. Its owner reaches it through `Connection`, which checks the arguments.

The peer's fault is an event, never an exception: whatever is wrong with its bytes ends in one `fail`, which queues
the alert that the error carries and emits `ConnectionFailed`. What an application's own object raises (a verifier,
a signer, a hook) reaches the caller, after internal_error was queued.

An exception may come at any moment: from a callback, or from outside (KeyboardInterrupt, a time-out of gevent). So
whatever changes the connection is a step that `run` runs inside a `try` that ends in `fail`: an interrupted step is
never continued. A callback may read its own connection, and end it by `close()` or `abort()`; a method that would begin
another step inside the running one raises `UsageError`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from tls12.config import ClientConfig, ServerConfig
from tls12.connection import renegotiation
from tls12.connection.buffers import NOTHING, byte_buffer
from tls12.connection.handshakes import Handshakes
from tls12.connection.incoming import Incoming
from tls12.connection.lifecycle import DATA_FLOWS_OUT, Conditions, Happening, Lifecycle, Owed, Phase
from tls12.connection.outgoing import Outgoing
from tls12.connection.remedies import Circumstances, remedy_for, truncation
from tls12.connection.renegotiation import RenegotiationReply
from tls12.connection.roles import Hooks, Role
from tls12.crypto.provider import StandardCrypto
from tls12.crypto.randomness import system_random
from tls12.errors import EncodeError, InternalError, PeerAlert, TLSError, UsageError
from tls12.events import (
    AlertReceived,
    ConnectionClosed,
    ConnectionFailed,
    Event,
    HandshakeCompleted,
    KeysNearLimit,
    RenegotiationRequested,
)
from tls12.handshake.engine import Complete, InstallReadKeys, InstallWriteKeys, Notify, Output, RecordRules
from tls12.handshake.grammar import State, message_type_name
from tls12.policy import Renegotiation
from tls12.record_layer.states import ReadState
from tls12.registry import Alert, AlertLevel, ConnectionEnd, ContentType
from tls12.resumption.stores import remove_session
from tls12.secrecy import Secret, forget_frames, forget_locals
from tls12.wire import messages
from tls12.wire.closing import AlertMessage
from tls12.wire.messages import MessageTooLong
from tls12.wire.records import VERSION, Buffer


class Core:
    """One connection from the inside."""

    __slots__ = (
        "alone",
        "config",
        "error",
        "events",
        "handshakes",
        "hooks",
        "incoming",
        "inside",
        "lifecycle",
        "outgoing",
        "owner_closed",
        "role",
    )

    def __init__(self, role: Role, config: ClientConfig | ServerConfig, hooks: Hooks) -> None:
        self.role = role
        self.config = config
        """The configuration in force."""
        self.hooks = hooks
        self.incoming = Incoming(role.peer, config.limits)
        self.outgoing = Outgoing(role.peer)
        self.outgoing.writer.fragment_size = config.max_send_fragment
        self.handshakes = Handshakes(role, hooks)
        self.lifecycle = Lifecycle()
        self.events: list[Event] = []
        self.error: TLSError | None = None
        """Why the connection failed."""
        self.owner_closed = False
        """Whether the owner has called `close()`."""
        self.inside = False
        """Whether a step is running, so that a method that is called now is called by a callback."""
        self.alone: ReadState | None = None
        """Opens a chunk that is one record of application data; None while anything else goes on."""

    # -- steps ---------------------------------------------------------------------------------------------------

    def refuse_inside(self, act: str) -> None:
        """Raise `UsageError` if a step is running, because `act` would begin another one inside it."""
        if self.inside and not self.lifecycle.has_ended:
            raise UsageError(
                f"{act}() was called inside a callback of the same connection; a callback may read the connection, and "
                "end it with close() or abort(); do the rest after the method that called it has returned"
            )

    def run(self, step: Callable[[], object]) -> None:
        """Run a step. The peer's fault becomes an event; every other exception fails the connection and is raised."""
        outer = self.inside
        try:
            self.inside = True
            self.alone = None
            step()
            if not outer:
                self.leave()
        except BaseException as error:
            self.fail(error)

    def leave(self) -> None:
        """End the step. If data flows, the next chunk may be opened without asking anything else."""
        self.inside = False
        reader = self.incoming.reader
        if reader.flowing and self.handshakes.current is None:
            self.alone = reader.state

    # -- what comes and goes -------------------------------------------------------------------------------------

    def receive(self, data: Buffer) -> None:
        """Take any chunk, in one step."""
        if type(data) is not bytes:
            data = byte_buffer(data)
        self.refuse_inside("receive_data")
        try:
            self.inside = True
            self.alone = None
            self.read(data)
            self.leave()
        except BaseException as error:
            data = NOTHING  # or the traceback would keep a view of the caller's buffer
            self.fail(error)

    def read(self, data: Buffer) -> None:
        """Read what there is, until something has to be waited for. Raises whatever is wrong."""
        incoming, handshakes = self.incoming, self.handshakes
        if not self.lifecycle.may_read:
            incoming.keep_trailing(data)
            return
        if handshakes.established is None or handshakes.current is not None:
            if handshakes.is_paused:
                incoming.wait_with(data)
                return
            handshakes.check_duration(self.config)
        if not data and data is not NOTHING:
            self._end_of_stream()
        units = incoming.feed(data, self.events)
        try:
            for kind, payload in units:
                self._BY_CONTENT_TYPE[kind](self, payload)
                if handshakes.is_paused or not self.lifecycle.may_read:
                    break
            else:
                return
        except MessageTooLong as error:
            if not handshakes.is_expected(error.kind):  # both are wrong, and its place explains more than its length
                raise handshakes.out_of_place(message_type_name(error.kind)) from None
            raise
        finally:
            units.close()
        if self.lifecycle.may_read:
            incoming.wait_with(NOTHING)
        else:
            incoming.close()

    def take_answer(self, decision: Secret[object]) -> None:
        """Go on with the answer, and with what has arrived meanwhile."""
        self._carry_out(self.handshakes.take_answer(decision))
        self._refresh()
        for data in (NOTHING, b"") if self.incoming.end_waits else (NOTHING,):
            if self.lifecycle.may_read and not self.handshakes.is_paused:
                self.read(data)

    def write(self, data: Buffer) -> None:
        """Pack or seal application data while it flows, else hold it; then see whether new keys are due."""
        outgoing = self.outgoing
        if outgoing.data_flows:
            if outgoing.pack(data):
                return
            self.seal_packed()  # which may begin a renegotiation
        if not outgoing.data_flows:
            self.hold(data)
        elif not outgoing.pack(data):
            outgoing.seal(data)
            self._check_key_limit()

    def hold(self, data: Buffer) -> None:
        """Keep a write until the renegotiation ends. Raises LimitExceeded if the peer lets it wait too long."""
        self.handshakes.check_duration(self.config)
        self.outgoing.hold(data, self.config.limits.held)

    def seal_packed(self) -> None:
        """Seal what waits to be packed with other writes."""
        if self.outgoing.packed is not None:
            self.outgoing.seal_packed()
            self._check_key_limit()

    def _check_key_limit(self) -> None:
        """If our keys have protected nearly as much as they may (RFC 8446 5.5), say so, and renegotiate if allowed."""
        state = self.outgoing.state
        if state.near_limit:
            state.acknowledge()
            self.events.append(KeysNearLimit())
            if not self.obstacle_to_renegotiation():
                self.run(self.ask_for_renegotiation)

    def close(self) -> None:
        """End our direction, after what was written."""
        self.outgoing.seal_packed()
        self._happens(Happening.OWNER_CLOSES)

    def ask_for_renegotiation(self) -> None:
        """Begin another handshake (a client), or ask the client to (a server)."""
        self.handshakes.so_far.asked_by_us += 1
        if self.role.opened_by is None:
            self.begin_handshake()
        else:
            self._carry_out(self.handshakes.ask_for_another(self.config))

    def obstacle_to_renegotiation(self) -> str:
        """Why a renegotiation cannot begin now; empty if it can."""
        phase, handshakes = self.lifecycle.phase, self.handshakes
        during = phase is Phase.RENEGOTIATING
        established = handshakes.established if during or phase is Phase.OPEN else None
        return renegotiation.obstacle(self.config, established, handshakes.so_far, during=during)

    # -- what the peer sends -------------------------------------------------------------------------------------

    def _take_message(self, message: bytes) -> None:
        kind, handshakes = message[0], self.handshakes
        if kind != self.role.invited_by or not self._take_invitation(message):
            if handshakes.current is None:
                if kind != self.role.opened_by:
                    raise handshakes.out_of_place(message_type_name(kind))
                self.begin_handshake()
            current = handshakes.current
            if current is not None:  # the clock has not ended the connection
                self._carry_out(handshakes.go_on(current.take_message(message)))
        self._refresh()

    def _take_invitation(self, message: bytes) -> bool:
        """Handle a message that may ask for another handshake; True if nothing else is to be done with it."""
        role, handshakes = self.role, self.handshakes
        if role.end is ConnectionEnd.CLIENT:
            if not handshakes.so_far.handshakes:
                return False
            request = messages.parse(message)
            if self.hooks.on_message is not None:
                self.hooks.on_message(role.peer, request, len(message))
        if not self.lifecycle.may_write:
            return True  # our close_notify has gone out: nothing can be answered
        verdict = role.judge_invitation(
            message,
            self.config,
            handshakes.established,
            handshakes.so_far,
            during=handshakes.current is not None,
        )
        if verdict is RenegotiationReply.BEGIN or verdict is RenegotiationReply.IGNORE:
            return verdict is RenegotiationReply.IGNORE
        if verdict is RenegotiationReply.OUT_OF_PLACE:
            raise handshakes.out_of_place(message_type_name(message[0]))
        if role.end is ConnectionEnd.CLIENT:
            self.events.append(RenegotiationRequested())
        if verdict is RenegotiationReply.END:
            raise renegotiation.policy_ends_connection(self.config, role.peer)
        if verdict is RenegotiationReply.REFUSE:
            self._send_alert(AlertLevel.WARNING, Alert.NO_RENEGOTIATION)
            handshakes.so_far.refused(self.obstacle_to_renegotiation(), self.incoming.opened)
        return True

    def _take_change_cipher_spec(self, payload: bytes) -> None:
        self._carry_out(self.handshakes.take_change_cipher_spec(payload))
        self._refresh()

    def _take_application_data(self, fragment: bytes) -> None:
        raise self.handshakes.out_of_place("application data")

    def _take_alert(self, payload: bytes) -> None:
        alert = self.incoming.read_alert(payload)
        if alert.description == Alert.CLOSE_NOTIFY:
            self.events.append(ConnectionClosed())
            self.incoming.keeps_trailing = True
            self._happens(Happening.PEER_CLOSES)
        elif alert.level == AlertLevel.FATAL:
            raise PeerAlert(alert.description, remedy=remedy_for(alert.description, self._circumstances()))
        else:
            self._take_warning(alert)

    def _take_warning(self, alert: AlertMessage) -> None:
        handshakes = self.handshakes
        answers_us = alert.description == Alert.NO_RENEGOTIATION and handshakes.so_far.asked_by_us > 0
        self.incoming.count_warning(excused=answers_us)
        self.events.append(AlertReceived(alert.level, alert.description))
        if answers_us:
            handshakes.so_far.asked_by_us -= 1
            if handshakes.current is not None and handshakes.conversation.state is State.CLIENT_HELLO:
                handshakes.abandon()
                self._resume(Happening.IS_REFUSED)
                self._refresh()

    _BY_CONTENT_TYPE: ClassVar[dict[int, Callable[[Core, bytes], None]]] = {
        ContentType.HANDSHAKE: _take_message,
        ContentType.CHANGE_CIPHER_SPEC: _take_change_cipher_spec,
        ContentType.ALERT: _take_alert,
        ContentType.APPLICATION_DATA: _take_application_data,
    }

    def _end_of_stream(self) -> None:
        raise truncation(self._circumstances(just_now=True))

    def _circumstances(self, *, just_now: bool = False) -> Circumstances:
        """What may explain why the peer ended; with `just_now`, a refusal counts only if no record has come since."""
        handshakes = self.handshakes
        so_far = handshakes.so_far
        counts = not just_now or so_far.refused_at == self.incoming.opened
        return Circumstances(
            self.role.end,
            handshakes.conversation.facts,
            handshakes.established is not None,
            self.config,
            so_far.refusal if counts else "",
        )

    # -- handshakes ----------------------------------------------------------------------------------------------

    def begin_handshake(self) -> None:
        """Begin the first handshake, or another one."""
        self.handshakes.so_far.begin(self.config)
        self.handshakes.check_duration(self.config)
        if self.lifecycle.has_ended:  # `config.clock` is the application's, and may have ended the connection
            return
        self._happens(Happening.BEGINS)
        self._carry_out(self.handshakes.begin(self.config))
        self._refresh()

    def _carry_out(self, outputs: Sequence[Output]) -> None:
        """Do what the handshake has queued, in order. After a callback has ended the connection, do nothing."""
        if not self.lifecycle.may_write:
            return
        for output in outputs:
            if type(output) is tuple:
                kind, data = output
                self.outgoing.put(kind, data)
            else:
                self._BY_OUTPUT[type(output)](self, output)

    def _install_write_keys(self, output: InstallWriteKeys) -> None:
        self.outgoing.install(output.sealer, output.fragment_size, self.config.limits.records_per_key)

    def _install_read_keys(self, output: InstallReadKeys) -> None:
        self.incoming.install(output.opener, output.plaintext_limit)

    def _set_record_rules(self, output: RecordRules) -> None:
        writer, reader = self.outgoing.writer, self.incoming.reader
        writer.version = VERSION
        reader.version_fixed = True
        if output.fragment_size is not None:
            writer.fragment_size = reader.plaintext_limit = output.fragment_size
        writer.fragment_size = min(writer.fragment_size, output.most_to_send)

    def _notify(self, output: Notify) -> None:
        self.events.append(output.event)

    def _complete(self, output: Complete) -> None:
        handshakes = self.handshakes
        assert handshakes.current is not None
        self.config = handshakes.current.given_config
        handshakes.complete(output)
        self.events.append(HandshakeCompleted(output.established.negotiated))
        self._resume(Happening.COMPLETES)

    _BY_OUTPUT: ClassVar[dict[type, Callable[[Core, Any], None]]] = {
        InstallWriteKeys: _install_write_keys,
        InstallReadKeys: _install_read_keys,
        RecordRules: _set_record_rules,
        Notify: _notify,
        Complete: _complete,
    }

    def _resume(self, how: Happening) -> None:
        """After a handshake, send the data that was held. If it uses up the keys, the rest waits for new ones."""
        self._happens(how)
        for data in self.outgoing.take_held():
            self.write(data)
        if self.owner_closed:
            self.close()

    def _refresh(self) -> None:
        """After a change, decide whether application data may come. None may before a handshake is complete."""
        if self.handshakes.established is not None:
            self.incoming.let_data_come(
                self.lifecycle.may_read and self.handshakes.data_may_come,
                inside_messages=self.config.policy.renegotiation is not Renegotiation.ALLOW,
            )

    # -- the life cycle and its end ------------------------------------------------------------------------------

    def _happens(self, happening: Happening) -> None:
        """Move in the life cycle, other than by a failure, and do what follows from it."""
        outgoing, lifecycle = self.outgoing, self.lifecycle
        if lifecycle.move(happening, self._conditions) is Owed.CLOSE_NOTIFY:
            self._send_alert(AlertLevel.WARNING, Alert.CLOSE_NOTIFY)
        if lifecycle.has_ended:
            self._end_both()
        elif not lifecycle.may_write:
            outgoing.end()
        elif lifecycle.phase in DATA_FLOWS_OUT:
            # Cryptography or randomness of the application's own may call back while a record is made.
            config = self.config
            no_callback = type(config.crypto) is StandardCrypto and config.draw is system_random
            outgoing.let_data_flow(packs=config.pack_small_writes, direct=no_callback)
        else:
            outgoing.hold_data_back()

    def _conditions(self) -> Conditions:
        return Conditions(half_close=self.config.half_close, data_waits=bool(self.outgoing.held))

    def _send_alert(self, level: AlertLevel, description: Alert) -> None:
        self.outgoing.put(ContentType.ALERT, AlertMessage(level, description).to_bytes())

    def _end_both(self) -> None:
        """End both directions, and the handshake with its secrets. May be called twice."""
        self.lifecycle.end()
        self.alone = None
        self.events += self.handshakes.drop()
        self.outgoing.end()
        if not self.incoming.keeps_trailing:
            self.incoming.close()

    def fail(self, error: BaseException) -> None:
        """Queue the alert, end both directions and emit `ConnectionFailed`; re-raise what is not the peer's fault."""
        peers_fault = False
        try:
            peers_fault = isinstance(error, TLSError) and not isinstance(error, UsageError | EncodeError)
            if self.error is None and not (
                peers_fault and self.lifecycle.has_ended
            ):  # else a callback had ended it already
                self._report_failure(error, peers_fault)
        except BaseException as interrupt:
            if self.error is None:
                self._report_failure(interrupt, False)
            self._end_both()
            raise
        finally:
            self.inside = False
            if not peers_fault:
                forget_locals(error)
        if not peers_fault:
            raise error
        forget_frames(error)

    def _report_failure(self, error: BaseException, peers_fault: bool) -> None:
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
        self.events += self.handshakes.drop()  # its events are kept, and what it wanted to send is dropped
        # No call lies between these two lines, so a signal handler finds both done, or neither.
        self.error = reason
        self.events.append(failed)
        self.end_with(reason)

    def end_with(self, error: TLSError) -> None:
        """Queue the alert that is owed, if it may still be sent, and end both directions."""
        self.error = error
        alert, error.alert = error.alert, None
        try:
            self.outgoing.seal_or_drop_packed()
            if self.lifecycle.move(Happening.FAILS) is Owed.FATAL_ALERT and alert is not None:
                self._send_alert(AlertLevel.FATAL, alert)
                error.alert = alert
        finally:
            self._end_both()
        if error.alert is not None or isinstance(error, PeerAlert):
            try:
                self._forget_session()
            finally:
                self.handshakes.forget_secrets()

    def _forget_session(self) -> None:
        """A session whose connection ended with a fatal alert is not resumed (RFC 5246 7.2.2)."""
        store = self.config.sessions
        key = self.role.session_key(self.config, self.hooks, self.handshakes.established)
        if store is not None and key:
            remove_session(store, key)
