"""The sans-IO connection: bytes in, events and bytes out.

How it works: `receive_data` lets the record layer open records one by one. Application data becomes an event at
once; handshake fragments are reassembled and shown to the handshake; ChangeCipherSpec and alerts are dealt with
here. After each step the handshake's outputs are carried out in order (`handshaking.py`).

The peer's fault is an event, never an exception: whatever is wrong with its bytes ends in one `_fail`, which queues
the alert that the error carries and emits `ConnectionFailed`. What an application's own object raises (a verifier,
a signer, a hook) reaches the caller, after internal_error was queued.

The path of application data is kept short on purpose: one test of `_data_flows` and one event a record, and a step of
a generator only for records of anything else (benchmarks/test_bulk.py); everything rare is decided when the
state changes, not when data passes. What goes out is in `sending.py`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar, NoReturn

from tls12.config import ClientConfig, ServerConfig
from tls12.connection.buffers import NOTHING, Data, byte_buffer
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
from tls12.handshake.engine import (
    Notify,
    OnMessage,
    Rewrite,
)
from tls12.handshake.grammar import CCS, State, name_of
from tls12.handshake.permissions import permit
from tls12.policy import Renegotiation
from tls12.record_layer import RecordReader
from tls12.registry import Alert, AlertLevel, ContentType, HandshakeType
from tls12.wire.messages import HandshakeReassembler

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


def _forget_frames(error: BaseException | None) -> None:
    """Take the tracebacks off an error that is told and not raised, for it may be kept.

    Their frames would keep the peer's messages, megabytes of them, and our secrets.
    """
    while error is not None:
        error.__traceback__ = error.__context__ = None
        error = error.__cause__


class Connection(Handshaking):
    """What `ClientConnection` and `ServerConnection` share; not made by itself."""

    # Counted in instructions, slots save 3 % of a resumption.
    __slots__ = (
        "__weakref__", "_ahead", "_end_waits", "_error", "_events", "_hello_requests", "_on_message",
        "_pause_on", "_peer_closed", "_read_ended", "_rewrite", "_warned_at", "_warnings", "_write_ended",
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
        if not PAUSABLE.issuperset(pause_on):
            strange = set(pause_on) - PAUSABLE
            names = ", ".join(sorted(getattr(item, "__name__", str(item)) for item in strange))
            raise UsageError(f"pause_on names {names}, which cannot pause; see tls12.events.PAUSABLE")
        super().__init__(config)
        self._pause_on = frozenset(pause_on)
        self._rewrite = rewrite
        self._on_message = on_message
        self._events: list[Event] = []
        self._ahead: list[Event] | None = None
        self._end_waits = False
        self._error: TLSError | None = None
        self._read_ended = False
        self._write_ended = False
        self._peer_closed = False
        self._warnings = 0
        self._warned_at = 0
        self._hello_requests = 0

    # -- in -----------------------------------------------------------------------------------------------

    def receive_data(self, data: Data) -> None:
        """Take bytes from the peer, in any portions; `b""` means end of stream. Keeps no view of `data`.

        Never raises for what the peer did. After a failure or a close, input is ignored.
        """
        if type(data) is not bytes:
            data = byte_buffer(data)
        elif self._data_flows and self._opener is not None and self._handshake is None and not self._reader.held:
            # The commonest chunk. Past the reader, which would do the same: 0.55 of 3.6 µs at 64 bytes.
            reader = self._reader
            try:
                fragment = self._opener.open_alone(data)
                if fragment is not None:
                    if 0 < len(fragment) <= reader.plaintext_limit:
                        reader.empty_run = 0
                        self._events.append(DataReceived(fragment))
                    else:
                        reader.judge_fragment(_APPLICATION_DATA, fragment)
                    return
            except Exception as error:
                self._fail(error)
                return
        if self._read_ended:
            self._keep_trailing(data)
            return
        if self._established is None or self._handshake is not None:
            if self._must_stop():
                self._wait_with(data)
                return
            if self._config.limits.handshake_seconds is not None:
                self._guard(self._check_duration)
                if self._error is not None:
                    return
        if not data and data is not NOTHING:
            self._guard(self._end_of_stream)
            return
        reader = self._reader
        reader.flowing = self._data_flows
        try:
            for kind, fragment in reader.records(data, self._events, DataReceived):
                if self._TAKERS[kind](self, fragment):
                    break
                reader.flowing = self._data_flows
            else:
                return
        except Exception as error:
            data = NOTHING  # or the traceback would keep a view of the caller's buffer
            self._fail(error)
        else:
            self._stop_reading()

    def answer(self, decision: object) -> None:
        """Answer the event that paused the handshake; see each event for what it takes.

        Raises `UsageError` when nothing was asked, and for an answer of the wrong type; the question then stands.
        If the connection ended while the answer was sought, it is dropped.
        """
        handshake = self._handshake
        if handshake is None or handshake.asking is None:
            raise UsageError("answer() was called, but the connection is not paused on an event")
        if self._read_ended:
            return
        handshake.check_answer(decision)
        self._guard(lambda: handshake.answer(decision))
        if not self._must_stop():
            self._guard(self._take_messages)
        self._refresh()
        if not self._must_stop():
            self.receive_data(NOTHING)
        if self._end_waits and not self._must_stop():
            self.receive_data(b"")

    # -- out ----------------------------------------------------------------------------------------------

    def events(self) -> list[Event]:
        """What has happened since the last call, in order."""
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
        return ahead.pop() if ahead else None

    # -- acts ---------------------------------------------------------------------------------------------

    def close(self) -> None:
        """End our direction with close_notify. May be called twice, and in any state.

        A handshake that is not through is given up, which ends both directions; but if data waits for the end of a
        renegotiation, close_notify waits behind it.
        """
        self._closed_by_owner = True
        if self._packed is not None:
            self._guard(self._seal_packed)
        if not self._write_ended and not self._held:
            if self._handshakes:
                self._send_alert(AlertLevel.WARNING, Alert.CLOSE_NOTIFY)
            self._end_write()
            if self._established is None or self._handshake is not None:
                self._read_ended = True
                self._data_flows = False

    def abort(self, alert: Alert = Alert.USER_CANCELED) -> None:
        """Give up: queue this fatal alert and end both directions. No event follows."""
        if not isinstance(alert, int) or not 0 <= alert <= 255:
            raise UsageError(f"abort() takes an Alert, not {alert!r}")
        if self._error is None and not self.closed:
            error = TLSError("the connection was aborted by its owner", alert=alert)
            self._end_with(error)

    def renegotiate(self) -> None:
        """Begin another handshake on this connection (RFC 5246 7.4.1.1, RFC 5746).

        Raises `UsageError` when the policy or `Limits.renegotiations` forbids it, the peer did not signal RFC 5746 or
        RFC 7627, or none is finished yet.
        """
        obstacle = self._obstacle_to_renegotiation()
        if obstacle:
            raise UsageError(obstacle)
        self._asked += 1
        self._guard(self._begin_renegotiation)

    @property
    def can_renegotiate(self) -> bool:
        """Whether `renegotiate()` would begin another handshake now, instead of raising `UsageError`."""
        return not self._obstacle_to_renegotiation()

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
            handshake.take_message(message)
            self._carry_out(handshake)
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
        assert self._opener is not None
        self._send_alert(AlertLevel.WARNING, Alert.NO_RENEGOTIATION)
        self._refusal = self._obstacle_to_renegotiation()
        self._refused_at = self._opener.sequence

    def _take_change_cipher_spec(self, payload: bytes) -> bool:
        if self._reassembler.pending:
            raise UnexpectedMessage(
                f"the {self._peer.value} sent ChangeCipherSpec in the middle of a handshake message"
            )
        handshake = self._handshake
        if handshake is None:
            raise self._out_of_place(name_of(CCS))
        handshake.take_change_cipher_spec(payload)
        self._carry_out(handshake)
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
            self._end_write()

    def _take_warning(self, level: AlertLevel, description: Alert) -> None:
        """Bounded in a row: handshake messages and, by the number of the record, application data begin a new one.

        Empty records do not; a refusal of what we asked for does.
        """
        refused = description == Alert.NO_RENEGOTIATION and self._asked > 0
        useful = self._warned_at + 1 if self._opener is None else self._opener.sequence - self._reader.empty_records
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
        assert self._opener is not None
        refused = self._refusal and self._opener.sequence == self._refused_at
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

    def _wait_with(self, data: Data) -> None:
        """Keep input that arrives during a pause, up to a bound, behind what came with the question."""
        limit = self._config.limits.buffered
        if not data and data is not NOTHING:
            self._end_waits = True
        elif self._reader.buffered + len(data) > limit:
            self._fail(
                LimitExceeded(
                    f"the {self._peer.value} sent more than {limit} bytes while the handshake was paused",
                    alert=Alert.UNEXPECTED_MESSAGE,
                )
            )
        else:
            self._reader.hold(data)

    def _keep_trailing(self, data: Data) -> None:
        """Keep what comes behind the peer's close_notify, up to a bound; behind a failure nothing is kept."""
        if self._peer_closed:
            room = self._config.limits.buffered - self._reader.buffered
            self._reader.hold(data[: max(room, 0)])

    def _guard(self, step: Callable[[], object]) -> None:
        """Run a step; the peer's fault becomes an event, everything else reaches the caller."""
        try:
            step()
            if self._handshake is not None:
                self._carry_out(self._handshake)
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        """Queue the alert, end both directions and emit `ConnectionFailed`; re-raise what is not the peer's fault."""
        peers_fault = isinstance(error, TLSError) and not isinstance(error, EncodeError)
        if self._handshake is not None:
            # What the failing step had queued is not sent; what it had told the application is.
            self._events += (o.event for o in self._handshake.drain() if isinstance(o, Notify))
        reason = error if peers_fault else InternalError(f"an application's object raised {type(error).__name__}")
        assert isinstance(reason, TLSError)
        if reason is not error:
            reason.__cause__ = error
        self._end_with(reason)
        self._events.append(ConnectionFailed(reason))
        if not peers_fault:
            raise error
        _forget_frames(error)

    def _end_with(self, error: TLSError) -> None:
        """Queue the alert that is owed, if it may still be sent, and end both directions."""
        if not isinstance(error, TruncatedError):
            self._forget_session()
        self._error = error
        if error.alert is not None:
            self._send_alert(AlertLevel.FATAL, error.alert)
        if self._write_ended:
            error.alert = None
        self._read_ended = True
        self._data_flows = False
        if not self._peer_closed:  # else it holds the trailing data
            self._reader = RecordReader()
        self._reassembler = HandshakeReassembler()
        self._end_write()

    def _end_write(self) -> None:
        self._write_ended = True
        self._hold_data()
        self._held.clear()

    @abstractmethod
    def _forget_session(self) -> None:
        """A session whose connection ended with a fatal alert is not resumed (RFC 5246 7.2.2)."""
