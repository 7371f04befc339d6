"""The sans-IO connection: bytes in, events and bytes out.

How it works: `receive_data` lets the record layer open records one by one. Application data becomes an event at
once; handshake fragments are reassembled and shown to the handshake; ChangeCipherSpec and alerts are dealt with
here. After each step the handshake's outputs are carried out in order (`handshaking.py`).

The peer's fault is an event, never an exception: whatever is wrong with its bytes ends in one `_fail`, which queues
the alert that the error carries and emits `ConnectionFailed`. What an application's own object raises (a verifier,
a signer, a hook) reaches the caller, after internal_error was queued.

The path of application data is kept short on purpose (docs/performance.md): a chunk that is one record goes straight to
the read state, `_alone`, and the reader puts the data of longer chunks into the list of events by itself. Everything
rare is decided when the connection changes, not when data passes. What goes out is in `sending.py`.

An exception may come at any moment: out of a callback, or out of nowhere (KeyboardInterrupt, a time-out of gevent). So
whatever changes the connection runs inside a `try` that ends in `_fail`: what was taken half is not gone on with. A
callback may ask everything of its own connection and end it, by `close()` or `abort()`; what would begin another step
inside the one that goes on raises `UsageError`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, NoReturn

from tls12.config import ClientConfig, ServerConfig
from tls12.connection.buffers import NOTHING, byte_buffer
from tls12.connection.handshaking import Handshaking
from tls12.connection.remedies import Circumstances, because_refused, remedy_for
from tls12.errors import (
    DecodeError,
    EncodeError,
    InternalError,
    LimitExceeded,
    PeerAlert,
    PeerMisbehaved,
    TLSError,
    TruncatedError,
    UnexpectedMessage,
    UsageError,
)
from tls12.events import (
    PAUSABLE,
    AlertReceived,
    ConnectionClosed,
    ConnectionFailed,
    DataReceived,
    Event,
)
from tls12.given import name_value
from tls12.handshake.engine import (
    Handshake,
    Notify,
    OnMessage,
    Rewrite,
)
from tls12.handshake.grammar import CCS, State, name_of
from tls12.handshake.permissions import permit
from tls12.policy import Renegotiation
from tls12.record_layer import RecordReader
from tls12.record_layer.states import ReadState
from tls12.registry import Alert, AlertLevel, ContentType, HandshakeType
from tls12.secrecy import Secret, forget_frames, forget_locals
from tls12.wire.messages import HandshakeReassembler
from tls12.wire.records import Buffer

_APPLICATION_DATA = int(ContentType.APPLICATION_DATA)
_CHANGE_CIPHER_SPEC = int(ContentType.CHANGE_CIPHER_SPEC)
_FLIGHT_ENDS = frozenset(
    {
        HandshakeType.CLIENT_HELLO,
        HandshakeType.SERVER_HELLO_DONE,
        HandshakeType.FINISHED,
    }
)
"""Behind these the sender must wait (or change keys), so nothing may follow in the same record."""


class Connection(Handshaking):
    """What `ClientConnection` and `ServerConnection` share; not made by itself."""

    # Counted in instructions, slots save 3 % of a resumption.
    __slots__ = (
        "__weakref__", "_ahead", "_alone", "_dropped", "_end_waits", "_error", "_events", "_hello_requests",
        "_on_message", "_pause_on", "_peer_closed", "_read_ended", "_rewrite", "_warned_at", "_warnings",
        "_write_ended",
    )  # fmt: skip

    _opened_by: ClassVar[HandshakeType | None]
    """The message of the peer that begins a handshake, if one can."""
    _invited_by: ClassVar[HandshakeType]
    """The message of the peer that asks for another handshake."""

    def __init__(
        self,
        config: ClientConfig | ServerConfig,
        rewrite: Rewrite | None,
        pause_on: frozenset[type],
        on_message: OnMessage | None,
    ) -> None:
        if isinstance(pause_on, str) or not isinstance(pause_on, Iterable):
            raise UsageError(f"pause_on is {name_value(pause_on)}; give a set of event classes")
        if not PAUSABLE.issuperset(pause_on):
            strange = set(pause_on) - PAUSABLE
            names = ", ".join(sorted(getattr(item, "__name__", str(item)) for item in strange))
            raise UsageError(f"pause_on names {names}, which cannot pause; see tls12.events.PAUSABLE")
        for name, hook in (("rewrite", rewrite), ("on_message", on_message)):
            if hook is not None and not callable(hook):
                raise UsageError(f"{name} is {name_value(hook)}; give a function, or None")
        super().__init__(config)
        self._pause_on = frozenset(pause_on)
        self._rewrite = rewrite
        self._on_message = on_message
        self._events: list[Event] = []
        self._ahead: list[Event] | None = None
        self._alone: ReadState | None = None  # opens a chunk that is one record of data, while nothing else goes on
        self._dropped = False  # a question that will not be answered any more
        self._end_waits = False
        self._error: TLSError | None = None
        self._read_ended = False
        self._write_ended = False
        self._peer_closed = False
        self._warnings = 0
        self._warned_at = 0
        self._hello_requests = 0

    # -- in -----------------------------------------------------------------------------------------------

    def receive_data(self, data: Buffer) -> None:
        """Take bytes from the peer, in any portions; `b""` means end of stream. Keeps no view of `data`.

        Never raises for what the peer did. After a failure or a close, input is ignored. Raises `UsageError` inside
        a callback of this connection. Any other exception, a KeyboardInterrupt for instance, has failed the
        connection, unless it came before or after this method did anything.
        """
        try:
            if type(data) is bytes and (state := self._alone) is not None and not (reader := self._reader).held:
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
        if self._read_ended:
            self._keep_trailing(data)
            return
        if self._established is None or self._handshake is not None:
            if self._must_stop():
                self._wait_with(data)
                return
            self._check_duration()
        if not data and data is not NOTHING:
            self._end_of_stream()
        reader = self._reader
        reader.flowing = self._data_flows
        records = reader.records(data, self._events, DataReceived)
        try:
            for kind, fragment in records:
                if self._TAKERS[kind](self, fragment):
                    break
                reader.flowing = self._data_flows
            else:
                return
        finally:
            records.close()  # here, where an interrupt of what the reader puts back is raised and not swallowed
        self._stop_reading()

    def answer(self, decision: object) -> None:
        """Answer the event that paused the handshake; see each event for what it takes.

        Raises `UsageError` when nothing was asked, and for an answer of the wrong type; the question then stands.
        If the connection ended while the answer was sought, it is dropped.
        """
        self._refuse_inside("answer")
        handshake = self._handshake
        if handshake is None or handshake.asking is None:
            if self._dropped:
                return
            raise UsageError("answer() was called, but the connection is not paused on an event")
        decision = Secret(decision)  # a PSK, perhaps, which a traceback would show
        handshake.check_answer(decision.value)
        self._guard(lambda: self._take_answer(handshake, decision))

    def _take_answer(self, handshake: Handshake[Any], decision: Secret[object]) -> None:
        """Go on with the answer, and with what has arrived meanwhile."""
        handshake.asking = None
        self._go_on(handshake, decision)
        if not self._must_stop():
            self._take_messages()
        self._refresh()
        if not self._must_stop():
            self._read(NOTHING)
        if self._end_waits and not self._must_stop():
            self._read(b"")

    # -- out ----------------------------------------------------------------------------------------------

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
        self._refuse_while_sealing("close")
        self._closed_by_owner = True
        self._guard(self._say_close)

    def _say_close(self) -> None:
        if self._packed is not None:
            self._seal_packed()
        if not self._write_ended and not self._held:
            if self._handshakes:
                self._send_alert(AlertLevel.WARNING, Alert.CLOSE_NOTIFY)
            if self._established is None or self._handshake is not None:
                self._end_both()
            else:
                self._end_write()

    def abort(self, alert: Alert = Alert.USER_CANCELED) -> None:
        """Give up: queue this fatal alert and end both directions. No event follows. May be called inside a callback.

        Raises `UsageError` for what is no alert.
        """
        if not isinstance(alert, int) or not 0 <= alert <= 255:
            raise UsageError(f"abort() takes an Alert, not {alert!r}")
        self._refuse_while_sealing("abort")
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
        self._asked += 1
        self._begin_renegotiation()

    @property
    def can_renegotiate(self) -> bool:
        """Whether `renegotiate()` would begin another handshake now, instead of raising `UsageError`."""
        return not self._inside and not self._obstacle_to_renegotiation()

    def _obstacle_to_renegotiation(self) -> str:
        """Why a renegotiation cannot begin now; empty if it can."""
        established = self._established
        if established is None or self._read_ended or self._write_ended:
            return "renegotiate() needs an established connection"
        if self._handshake is not None:
            return "renegotiate() was called during a handshake"
        if self._config.policy.renegotiation is not Renegotiation.ALLOW:
            remedy = permit(
                self._config.policy,
                "handshakes whenever the peer asks (Limits.renegotiations)",
                renegotiation=Renegotiation.ALLOW,
            )
            return f"the policy forbids renegotiation; {remedy}"
        obstacle = established.obstacle_to_renegotiation(self._config.policy)
        if obstacle:
            return f"this connection cannot be renegotiated safely: {obstacle}"
        if self._handshakes > self._config.limits.renegotiations:
            return f"Limits allows {self._config.limits.renegotiations} renegotiations on a connection"
        return ""

    # -- records ------------------------------------------------------------------------------------------

    # Each `_take_...` deals with one record, and tells whether no more may be read for now: after a pause or an end.

    def _take_handshake(self, fragment: bytes) -> bool:
        if self._reassembler.whole(fragment):
            stop = self._take_message(fragment)
        else:
            self._reassembler.feed(fragment)
            stop = self._take_messages()
        if self._established is not None:
            self._refresh()
        return stop

    def _take_messages(self) -> bool:
        """Every whole message that is there, until one pauses; whether one did."""
        reassembler = self._reassembler
        while reassembler.pending:
            try:
                message = reassembler.next_message()
            except DecodeError:
                self._judge_place(reassembler.rest()[0])
                raise
            if message is None:
                return False
            if reassembler.pending and message[0] in _FLIGHT_ENDS:
                raise UnexpectedMessage(
                    f"the {self._peer.value} sent more behind its {name_of(message[0])}, in the same record"
                )
            if self._take_message(message):
                return True
        return False

    def _take_message(self, message: bytes) -> bool:
        """One message; whether no more may be read."""
        self._warnings = 0
        kind = message[0]
        if kind != self._invited_by or not self._ignored_or_refused(message):
            handshake = self._handshake
            if handshake is None:
                if kind != self._opened_by:
                    raise self._out_of_place(name_of(kind))
                handshake = self._begin_handshake()
            self._go_on(handshake, handshake.take_message(message))
        return self._must_stop()

    def _judge_place(self, kind: int) -> None:
        """If the length of a message and its place are both wrong, the peer hears of its place."""
        if kind not in self._conversation.expected(self._peer):
            raise self._out_of_place(name_of(kind)) from None

    def _must_stop(self) -> bool:
        """Whether no more may be read, for now or for ever."""
        handshake = self._handshake
        return self._read_ended or (handshake is not None and handshake.asking is not None)

    @abstractmethod
    def _ignored_or_refused(self, message: bytes) -> bool:
        """Whether the message asks for a handshake that will not be; HelloRequests during one are ignored."""

    def _refuse_renegotiation(self) -> None:
        """Tell the peer that its wish is not granted; if it then ends the connection, that is likely to be why."""
        assert self._reader.state is not None
        self._send_alert(AlertLevel.WARNING, Alert.NO_RENEGOTIATION)
        self._refusal = self._obstacle_to_renegotiation()
        self._refused_at = self._reader.state.sequence

    def _take_change_cipher_spec(self, payload: bytes) -> bool:
        if self._reassembler.pending:
            raise UnexpectedMessage(
                f"the {self._peer.value} sent ChangeCipherSpec in the middle of a handshake message"
            )
        handshake = self._handshake
        if handshake is None:
            raise self._out_of_place(name_of(CCS))
        self._go_on(handshake, handshake.take_change_cipher_spec(payload))
        self._refresh()
        return self._must_stop()

    def _take_application_data(self, fragment: bytes) -> NoReturn:
        what = "application data"
        if self._reassembler.pending:
            raise UnexpectedMessage(f"the {self._peer.value} sent {what} in the middle of a handshake message")
        raise self._out_of_place(what)

    def _out_of_place(self, what: str) -> UnexpectedMessage:
        return UnexpectedMessage(self._conversation.describe(self._peer, what))

    def _take_alert(self, payload: bytes) -> bool:
        peer = self._peer.value
        if len(payload) != 2:
            raise DecodeError(f"the {peer} sent an alert record of {len(payload)} bytes", rule="RFC 5246 7.2")
        level, description = AlertLevel.of(payload[0]), Alert.of(payload[1])
        if not level.is_known:
            raise PeerMisbehaved(f"the {peer} sent an alert of level {payload[0]}", rule="RFC 5246 7.2")
        if description == Alert.CLOSE_NOTIFY:
            self._take_close_notify()
        elif level == AlertLevel.FATAL:
            raise PeerAlert(description, remedy=remedy_for(description, self._circumstances()))
        else:
            self._take_warning(level, description)
        return self._read_ended

    def _circumstances(self) -> Circumstances:
        """What the meaning of the peer's alert depends on."""
        return Circumstances(
            self._side, self._conversation.facts, self._established is not None, self._config, self._refusal
        )

    def _take_close_notify(self) -> None:
        self._read_ended = self._peer_closed = True
        self._data_flows = False
        self._events.append(ConnectionClosed())
        if not self._config.half_close or self._established is None or self._handshake is not None:
            self._send_alert(AlertLevel.WARNING, Alert.CLOSE_NOTIFY)
            self._end_both()

    def _take_warning(self, level: AlertLevel, description: Alert) -> None:
        """Bounded in a row: handshake messages and, by the number of the record, application data begin a new one.

        Empty records do not; a refusal of what we asked for does.
        """
        refused = description == Alert.NO_RENEGOTIATION and self._asked > 0
        state = self._reader.state
        useful = self._warned_at + 1 if state is None else state.sequence - self._reader.empty_records
        self._warnings = 0 if refused else self._warnings + 1 if useful == self._warned_at + 1 else 1
        self._warned_at = useful
        if self._warnings > self._config.limits.warnings:
            raise LimitExceeded(
                f"the {self._peer.value} sent more than {self._config.limits.warnings} warnings in a row",
                alert=Alert.UNEXPECTED_MESSAGE,
                remedy="raise Limits.warnings if that is normal for this peer",
            )
        self._events.append(AlertReceived(level, description))
        if refused:
            self._asked -= 1
            if self._handshake is not None and self._conversation.state is State.CLIENT_HELLO:
                self._abandon_renegotiation()

    _TAKERS: ClassVar[dict[int, Callable[[Connection, bytes], bool]]] = {
        ContentType.HANDSHAKE: _take_handshake,
        ContentType.CHANGE_CIPHER_SPEC: _take_change_cipher_spec,
        ContentType.ALERT: _take_alert,
        ContentType.APPLICATION_DATA: _take_application_data,
    }

    # -- ends ---------------------------------------------------------------------------------------------

    def _end_of_stream(self) -> None:
        ended = f"the {self._peer.value} ended the stream without close_notify"
        if self._established is None:
            raise TruncatedError(
                f"{ended}, in the middle of the handshake",
                remedy="it may not speak TLS 1.2 here, or have refused without saying so: ask its log",
            )
        assert self._reader.state is not None
        refused = self._refusal and self._reader.state.sequence == self._refused_at
        raise TruncatedError(
            ended,
            remedy=because_refused(self._circumstances())
            if refused
            else "the last data may be incomplete: let the application's protocol say whether it is",
        )

    def _stop_reading(self) -> None:
        """What is left of the input waits for the answer, or has come behind the end."""
        if self._read_ended:
            unread, self._reader = self._reader.unread, RecordReader()
            self._keep_trailing(unread)
        else:
            self._wait_with(NOTHING)

    def _wait_with(self, data: Buffer) -> None:
        """Keep input that arrives during a pause, up to a bound, behind what came with the question."""
        limit = self._config.limits.buffered
        if not data and data is not NOTHING:
            self._end_waits = True
            return
        if self._reader.buffered + len(data) > limit:
            raise LimitExceeded(
                f"the {self._peer.value} sent more than {limit} bytes while the handshake was paused",
                alert=Alert.UNEXPECTED_MESSAGE,
            )
        self._reader.hold(data)

    def _keep_trailing(self, data: Buffer) -> None:
        """Keep what comes behind the peer's close_notify, up to a bound; behind a failure nothing is kept."""
        if self._peer_closed:
            room = self._config.limits.buffered - self._reader.buffered
            self._reader.hold(data[: max(room, 0)])

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
        """The step is over: the next chunk may be opened without a look at anything else, if it is all right."""
        self._inside = False
        self._alone = self._reader.state if self._data_flows and self._handshake is None else None

    def _fail(self, error: BaseException) -> None:
        """Queue the alert, end both directions and emit `ConnectionFailed`; re-raise what is not the peer's fault."""
        peers_fault = False
        try:
            peers_fault = isinstance(error, TLSError) and not isinstance(error, EncodeError)
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
        events = self._events
        if self._handshake is not None:
            # What the failing step had queued is not sent; what it had told the application is.
            events = events + [o.event for o in self._handshake.drain() if isinstance(o, Notify)]
        # Together, so that an interrupt finds both or neither.
        self._error, self._events = reason, [*events, ConnectionFailed(reason)]
        self._end_with(reason)

    def _end_with(self, error: TLSError) -> None:
        """Queue the alert that is owed, if it may still be sent, and end both directions."""
        self._error = error
        alert, error.alert = error.alert, None
        try:
            if alert is not None and not self._write_ended:
                self._send_alert(AlertLevel.FATAL, alert)
                error.alert = alert
        finally:
            self._end_both()
            self._reassembler = HandshakeReassembler()
            if not self._peer_closed:  # else it holds the trailing data
                self._reader = RecordReader()
        if not isinstance(error, TruncatedError):
            try:
                self._forget_session()
            finally:
                if self._established is not None:
                    self._established = self._established.without_secrets()

    def _end_both(self) -> None:
        """Neither direction goes on, and so no handshake does: its secrets are let go."""
        self._read_ended = True
        self._data_flows = False
        self._alone = None
        handshake, self._handshake, self._story = self._handshake, None, None
        self._dropped = self._dropped or (handshake is not None and handshake.asking is not None)
        self._end_write()

    def _end_write(self) -> None:
        self._write_ended = True
        self._hold_data()
        self._held.clear()
        self._held_size = 0

    @abstractmethod
    def _forget_session(self) -> None:
        """A session whose connection ended with a fatal alert is not resumed (RFC 5246 7.2.2)."""
