"""The driver: what an adapter does with a connection, without I/O.

How it works: the adapter tells the driver what happens (`receive`, `send`, `close`, `time_out`, ...). Each of these
calls is one step: the driver hands it to the connection, takes the events that follow, answers those that pause, and
leaves in its attributes what the adapter has to do next:

    output           bytes to write, in order
    plaintext        application data to give out
    question         an answer to await, and to hand to `answer`
    is_established   the first handshake is complete
    has_ended        the stream has ended, with a close_notify
    failure          what to raise when the plaintext has been given out
    time_bound       how long the handshake that goes on may take; then call `time_out`
    ending           how to end the transport

The driver never calls the adapter. `changes` counts the steps that brought something else than application data, so
that an adapter need not look at the other attributes while only data arrives.

The order is always the same: established, then plaintext, then either `has_ended` or a `failure`. The alert of a
failure is in `output` in the same step, so an adapter that writes before it raises tells the peer first.

An exception that is none of the program's errors (KeyboardInterrupt, a signal handler's) may come in the middle of a
step. Then it is unknown how far the connection came, and to go on could use a key twice or skip a record: the driver
takes no further step, and its `failure` says so.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from tls12.connection import ClientConnection, Connection
from tls12.driver.answers import Answers, prepared
from tls12.driver.ends import (
    Ending,
    TimeBound,
    closed_by_peer,
    closed_by_this_side,
    closed_too_early,
    interrupted,
)
from tls12.driver.opening import check_timeouts
from tls12.driver.plaintext import Plaintext
from tls12.errors import Detail, PeerIncompatible, TruncatedError, UsageError, to_raise
from tls12.events import (
    AlertReceived,
    ConnectionClosed,
    ConnectionFailed,
    DataReceived,
    Event,
    HandshakeCompleted,
    Negotiated,
    RenegotiationRequested,
)
from tls12.registry import Alert

HANDSHAKE_TIMEOUT = 60.0
"""Seconds that a handshake may take as a whole, unless the caller says otherwise."""

CLOSE_TIMEOUT = 5.0
"""Seconds that a closing connection waits for a peer that takes nothing and does not close."""

LINGER = 1.0
"""Seconds that a failed connection waits for its peer to read the alert and to hang up."""

Bytes = bytes | bytearray | memoryview


class Renewal:
    """The end of a renegotiation, for the caller who began it with `Driver.renegotiate`."""

    outcome: Negotiated | PeerIncompatible | None = None
    """What was agreed on, or that the peer refused; None while it goes on. A connection that ends sets nothing."""


class Driver:
    """A connection and what its adapter has to do. One step at a time; `output` may be taken by another thread."""

    __slots__ = (
        "_answers",
        "_awaits",
        "_close_timeout",
        "_failure",
        "_handshake_timeout",
        "_owner_closed",
        "_reading_stopped",
        "_renewals",
        "_writing_stopped",
        "changes",
        "connection",
        "ending",
        "has_ended",
        "is_established",
        "is_interrupted",
        "is_over",
        "is_renegotiating",
        "output",
        "plaintext",
        "question",
        "time_bound",
    )

    def __init__(
        self,
        connection: Connection,
        answers: Answers | None = None,
        *,
        handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
        close_timeout: float = CLOSE_TIMEOUT,
        awaits: bool = False,
    ) -> None:
        """`answers` are the functions that decide when the connection pauses; with `awaits` they may be coroutine
        functions, and the adapter looks at `question`. Raises `UsageError` for answers that are no such table, and
        for time-outs that are no seconds or leave no time for a handshake.
        """
        check_timeouts(handshake_timeout=handshake_timeout, close_timeout=close_timeout)
        self._answers = prepared(answers)
        self._awaits = awaits
        self._handshake_timeout = handshake_timeout
        self._close_timeout = close_timeout
        self._failure: BaseException | None = None
        self._renewals: list[Renewal] = []
        self._owner_closed = False
        self._reading_stopped = False
        self._writing_stopped = False
        self.connection = connection
        self.plaintext = Plaintext()
        """Application data that has arrived and was not given out."""
        self.output: deque[Bytes] = deque()
        """What is to be written, in order. The adapter removes what the transport has taken, perhaps with `sent`."""
        self.question: Awaitable[Any] | None = None
        """An answer to await, with `await_answer`. The connection waits meanwhile."""
        self.time_bound: TimeBound | None = None
        """What goes on must be complete in this time, or the adapter calls `time_out`. Each bound is a new object."""
        self.ending: Ending | None = None
        """How to end the transport, as soon as this side is done with it."""
        self.is_established = False
        """Whether the first handshake is complete."""
        self.is_renegotiating = False
        """Whether another handshake goes on."""
        self.has_ended = False
        """Whether the peer's data has ended with a close_notify."""
        self.is_over = False
        """Whether both directions of the connection have ended: nothing more can be sent."""
        self.is_interrupted = False
        """Whether an exception hit the connection in the middle of a step; see the `failure`."""
        self.changes = 0
        """How many steps brought something else than application data."""

    # -- what the adapter reads ---------------------------------------------------------------------------

    @property
    def failure(self) -> BaseException | None:
        """What to raise when the plaintext has been given out, by `raise to_raise(failure)`: it is kept."""
        if self._failure is None and self.is_interrupted:
            self._failure = interrupted()
        return self._failure

    def raise_failure(self) -> None:
        """Raise the failure, if there is one."""
        if (failure := self.failure) is not None:
            raise to_raise(failure)

    def read(self, at_most: int) -> bytes | None:
        """Take application data: at least one byte and no more than `at_most`, of one record.

        b"" when the stream has ended with a close_notify, None when more must arrive first. Raises the failure.
        """
        if data := self.plaintext.first(at_most):
            self.plaintext.given += len(data)
            return data
        self.raise_failure()
        return b"" if self.has_ended else None

    def sent(self, count: int) -> None:
        """Remove `count` bytes from `output`: the transport took them, and they were no more than its first piece."""
        output = self.output
        if count < len(output[0]):
            output[0] = memoryview(output[0])[count:]
        else:
            del output[0]

    def is_held_up(self, limit: int) -> bool:
        """Whether a writer should wait: a renegotiation goes on, and more than `limit` bytes wait for its end."""
        return self.is_renegotiating and self.connection.bytes_held > limit

    # -- steps: what arrives ------------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin: a client's hello is in `output`, and the time of the handshake is bounded. Called once, first."""
        if self._handshake_timeout is not None:
            self.time_bound = TimeBound("TLS handshake", self._handshake_timeout)
        connection = self.connection
        self._step(connection.initiate_handshake if isinstance(connection, ClientConnection) else _nothing)

    def receive(self, data: bytes) -> None:
        """Take bytes from the transport, b"" for the end of its stream. Raises nothing of its own."""
        if self.is_interrupted:
            return
        if self._reading_stopped and (not data or self._owner_closed):
            self.lose(closed_by_this_side())
            return
        try:
            connection = self.connection
            try:
                connection.receive_data(data)
            except Exception as error:  # of an application's object: a verifier, a signer
                self._failure = error
            events = connection.events()
            for place, event in enumerate(events):
                if type(event) is not DataReceived:
                    self._take(events[place:])
                    break
                self.plaintext.append(event.data)
            else:
                if events and not self._owner_closed:
                    return  # application data alone changes nothing else
            self._settle()
        except BaseException:
            self.is_interrupted = True
            raise

    def lose(self, error: BaseException) -> None:
        """The transport has failed; or this side gives a reason of its own. An earlier failure stays, except that a
        reset of the connection replaces a truncation, because it is the cause of it.
        """
        if self._reading_stopped:
            error = closed_by_this_side()
        if self._failure is None or (
            isinstance(error, ConnectionResetError) and isinstance(self._failure, TruncatedError)
        ):
            self._failure = error
        self.changes += 1

    def answer(self, decision: object) -> None:
        """Go on with the answer to `question`."""
        self.question = None
        self._step(lambda: self._guarded(lambda: self.connection.answer(decision)))

    async def await_answer(self, question: Awaitable[Any]) -> None:
        """Await the `question`, then call `answer` with its result, or `fail` with what it raises."""
        try:
            self.answer(await question)
        except Exception as error:
            self.fail(error)

    def time_out(self) -> None:
        """The time of `time_bound` is up: end the handshake, or the renegotiation and the connection with it."""
        if self.time_bound is not None:
            error, self.time_bound = self.time_bound.error(), None
            if self.is_established:
                self.fail(error, Alert.USER_CANCELED)
            else:
                self.give_up(error)

    # -- steps: what this side does -----------------------------------------------------------------------

    def send(self, data: Bytes) -> None:
        """Seal application data; the records are in `output`.

        Raises the failure, BrokenPipeError after the peer's close_notify, ConnectionAbortedError after `stop`, and
        `UsageError` before the handshake and after `end_writing`.
        """
        if self._failure is not None or self.is_over or self._writing_stopped or self.is_interrupted:
            self._refuse_to_write()
        try:
            connection = self.connection
            connection.send_data(data)
            if output := connection.data_to_send():
                self.output.append(output)
            if connection.closed or connection.renegotiating or self.is_renegotiating:
                self._settle()
        except UsageError:  # nothing was done
            raise
        except Exception as error:  # of an application's object: the configuration's `random`
            self.fail(error)
            raise
        except BaseException:
            self.is_interrupted = True
            raise

    def pack(self, data: Bytes) -> None:
        """As `send`, but the records are in `output` only after `flush`: until then, small writes may share one."""
        if self._failure is not None or self.is_over or self._writing_stopped or self.is_interrupted:
            self._refuse_to_write()
        try:
            self.connection.send_data(data)
        except Exception:
            raise
        except BaseException:
            self.is_interrupted = True
            raise

    def flush(self) -> None:
        """Bring what the connection wants sent into `output`: after `pack`, and after acting on it directly."""
        self._step(_nothing)

    def renegotiate(self) -> Renewal:
        """Begin another handshake (RFC 5246 7.4.1.1). Raises `UsageError` where that cannot be."""
        renewal = Renewal()
        self._step(self.connection.renegotiate)
        self._renewals.append(renewal)
        return renewal

    # -- steps: ends --------------------------------------------------------------------------------------

    def end_writing(self) -> None:
        """Send close_notify and go on reading (RFC 5246 7.2.1)."""
        self._step(self.connection.close)

    def close(self) -> None:
        """Send close_notify after everything written, drop what arrives, and say in `ending` when that is done."""
        self._owner_closed = True
        self.plaintext.clear()
        self._step(self.connection.close)
        if self.is_renegotiating:  # written data waits until it ends, and close_notify goes after the data
            self.time_bound = TimeBound("renegotiation", self._close_timeout)

    def abort(self, alert: Alert) -> None:
        """Send a fatal alert, and end. No failure follows: this side did it."""
        self._owner_closed = True
        self.plaintext.clear()
        self._step(lambda: self.connection.abort(alert))

    def fail(self, error: BaseException, alert: Alert = Alert.INTERNAL_ERROR) -> None:
        """End the connection with an alert because something of this side raised `error`, and let that be the failure.

        A failure that came before stays, and a connection that is ending anyway does not fail any more.
        """
        if self.ending is None:
            self._failure = self._failure or error
        self.question = None
        self._step(lambda: self.connection.abort(alert))

    def give_up(self, error: BaseException | None) -> None:
        """End at once, without sending anything."""
        self._failure = self._failure or error
        self.ending = Ending(0.0, awaits_peer=False, is_abrupt=True)
        self.time_bound = None
        self.changes += 1

    def stop(self, *, reading: bool = False, writing: bool = False) -> None:
        """Say that this side ends the transport in these directions. A later read or write there raises
        ConnectionAbortedError, and the end of the transport's stream is not taken for a fault of the peer.
        """
        self._reading_stopped = self._reading_stopped or reading
        self._writing_stopped = self._writing_stopped or writing

    # -- inside -------------------------------------------------------------------------------------------

    def _refuse_to_write(self) -> None:
        self.raise_failure()
        raise closed_by_this_side() if self._writing_stopped else closed_by_peer()

    def _step(self, act: Callable[[], object]) -> None:
        """Act on the connection, and do what follows."""
        if self.is_interrupted:
            return
        try:
            try:
                act()
            except UsageError:  # nothing was done
                raise
            except Exception as error:  # of an application's object
                self._failure = self._failure or error
                self._settle()
                raise
            self._settle()
        except Exception:
            raise
        except BaseException:
            self.is_interrupted = True
            raise

    def _guarded(self, act: Callable[[], object]) -> None:
        """Call `act`. An exception of an answer ends the connection, and becomes its failure."""
        try:
            act()
        except Exception as error:
            self.connection.abort(Alert.INTERNAL_ERROR)
            self._failure = self._failure or error

    def _take(self, events: list[Event]) -> None:
        """Take events of any kind, in order."""

        def take() -> None:
            for event in events:
                self._take_event(event)

        self._guarded(take)

    def _take_event(self, event: Event) -> None:
        if (decide := self._answers.get(type(event))) is not None:
            decision = decide(event, self.connection)
            if self._awaits and inspect.isawaitable(decision):
                self.question = decision
            else:
                self.connection.answer(decision)
        match event:
            case DataReceived(data=data):
                self.plaintext.append(data)
            case HandshakeCompleted(negotiated=negotiated):
                self._handshake_completed(negotiated)
            case AlertReceived(description=Alert.NO_RENEGOTIATION):
                self._end_renewals(
                    PeerIncompatible(
                        "the peer refused to renegotiate; the connection goes on",
                        rule="RFC 5246 7.2.2",
                        detail=Detail.RENEGOTIATION_REFUSED,
                    )
                )
            case RenegotiationRequested() if self.connection.can_renegotiate:  # otherwise the connection has refused
                self.connection.renegotiate()
            case ConnectionClosed():
                self.has_ended = True
            case ConnectionFailed(error=error) if self.ending is None:
                self._failure = self._failure or error

    def _handshake_completed(self, negotiated: Negotiated) -> None:
        if not self.is_established:
            self.plaintext.clear()  # nothing that came before was protected
            self.is_established = True
            self.time_bound = None
        self._end_renewals(negotiated)

    def _end_renewals(self, outcome: Negotiated | PeerIncompatible) -> None:
        for renewal in self._renewals:
            renewal.outcome = outcome
        self._renewals.clear()

    def _settle(self) -> None:
        """After a step: take what it brought, and say what the adapter has to do."""
        connection = self.connection
        while events := connection.events():
            self._take(events)
        if output := connection.data_to_send():
            self.output.append(output)
        self.is_over = connection.closed
        if self.is_over and not self.has_ended and self._failure is None and not self._owner_closed:
            self._failure = connection.error  # its owner ended it, and no event says so
            self.has_ended = self._failure is None
        if self.has_ended and not self.is_established and self._failure is None:
            self._failure = closed_too_early("TLS handshake")
        if self._owner_closed:
            self.plaintext.clear()
        self._bound_renegotiation()
        if self.ending is None:
            self.ending = self._judge_ending()
        self.changes += 1

    def _bound_renegotiation(self) -> None:
        goes_on = self.connection.renegotiating
        if goes_on is self.is_renegotiating:
            return
        self.is_renegotiating = goes_on
        if not goes_on:
            self.time_bound = None
        elif not self._owner_closed and self._handshake_timeout is not None:
            self.time_bound = TimeBound("renegotiation", self._handshake_timeout)

    def _judge_ending(self) -> Ending | None:
        """How the transport ends, if this side is done with it."""
        error = self.connection.error
        if self._failure is not None:
            awaits_peer = not self.has_ended and (error is None or error.alert is not None)  # else there is no alert
            return Ending(min(LINGER, self._close_timeout), awaits_peer)
        if not self._owner_closed or self.connection.renegotiating:
            return None
        if error is not None:  # by `abort`
            return Ending(min(LINGER, self._close_timeout), awaits_peer=True)
        return Ending(self._close_timeout, awaits_peer=not self.is_over)


def _nothing() -> None:
    """The action of a step that only looks at what has changed."""
