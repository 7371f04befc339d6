"""The transport of an application's protocol under asyncio, over the transport of a TCP connection.

How it works: a `TLSTransport` sits between the transport of a TCP connection and the application's protocol
and wears both faces: to the TCP transport it is the protocol, to the application's protocol it is the
transport. Bytes go straight through the sans-IO connection in the same call: `data_received` feeds it,
hands the plaintext of its events up, and writes what it wants sent; `write` seals and hands down. Flow
control is that of the TCP transport in both directions, so a slow reader stops the peer and a slow peer
stops `drain`. With `pack_small_writes` in the config, what `write` takes goes down when the event loop turns, or
once it would fill a record, so that small writes in between share a record and a call into the kernel. During a
renegotiation nothing can be sealed: what `write` takes then counts as unsent, stops the writer as a slow network does,
and the peer has as long for the renegotiation as for the first handshake.

A connection ends in one of three ways, all through `_finish`, which hands the last bytes (close_notify or an
alert) to the network, says FIN, and keeps reading for a moment, because closing over unread data would reset
the connection and a reset can overtake the alert:

- the application closes: close_notify goes out, and `connection_lost` follows when the peer has hung up;
- the peer closes with close_notify: the reader sees the end of the stream;
- it fails: as soon as the alert is out, `connection_lost` brings the error of `ConnectionFailed`, behind every
  byte that arrived before it. The TCP connection outlives it for a moment, in a task that ends with the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, cast

from tls12.answers import Answers, prepared
from tls12.asyncio.renewals import Renewals
from tls12.connection import ClientConnection, Connection
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
from tls12.given import require_seconds
from tls12.registry import Alert
from tls12.wire.records import MAX_PLAINTEXT

HANDSHAKE_TIMEOUT = 60.0
"""Seconds that a handshake may take as a whole, unless the caller says otherwise."""

CLOSE_TIMEOUT = 5.0
"""Seconds that a closing connection waits for a peer that takes nothing and does not close."""

_LINGER = 1.0  # seconds that a failed connection waits for its peer to hang up


# A BufferedProtocol below was measured, and no faster: 1.11 times asyncio's own TLS for small requests, this 1.20
# (benchmarks/test_asyncio.py).
class TLSTransport(asyncio.Transport, asyncio.Protocol):
    """The transport of an application's protocol, over the transport of a TCP connection.

    `get_extra_info` knows `"negotiated"` (what the two sides agreed on), `"connection"` (the sans-IO
    connection inside) and everything that the TCP transport knows. After acting on the connection, call
    `flush()`.
    """

    def __init__(
        self,
        connection: Connection,
        make_protocol: Callable[[], asyncio.Protocol],
        *,
        answers: Answers | None = None,
        handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
        close_timeout: float = CLOSE_TIMEOUT,
    ) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._make_protocol = make_protocol
        require_seconds(handshake_timeout=handshake_timeout, close_timeout=close_timeout)
        self._answers = prepared(answers)
        self._renewals = Renewals()
        self._handshake_timeout = handshake_timeout
        self._close_timeout = close_timeout
        self._raw: asyncio.Transport
        self._app: asyncio.Protocol | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._answering: asyncio.Task[None] | None = None
        self._lingering: asyncio.Task[None] | None = None
        self._held: deque[bytes] = deque()
        self._failure: Exception | None = None
        self._reading_paused = False
        self._writing_paused = False
        self._held_back = False  # the writer, because of a renegotiation
        self._renegotiating = False
        self._closes_later = False
        self._packs = False
        self._packed = 0
        self._flush_planned = False
        self._eof_written = False
        self._finishing = False
        self._told = False
        #: Done when the TCP connection is gone.
        self.gone: asyncio.Future[None] = self._loop.create_future()
        #: Done with the handshake: the application's protocol, or the reason why there is none.
        self.established: asyncio.Future[asyncio.Protocol] = self._loop.create_future()

    # -- the face to the TCP transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The TCP connection stands: begin the handshake."""
        self._raw = cast(asyncio.Transport, transport)  # uvloop's are not derived from it
        if self._handshake_timeout is not None:
            self._timer = self._loop.call_later(self._handshake_timeout, self._give_up_handshake)
        if isinstance(self._connection, ClientConnection):
            self._connection.initiate_handshake()
            self.flush()

    def data_received(self, data: bytes) -> None:
        """Bytes from the network: feed the connection, and do what its events say."""
        try:
            try:
                self._connection.receive_data(data)
            except Exception as error:  # out of an application's object: a verifier, a signer
                self._failure = error
            try:  # `with self._failing_alone()` would cost 2 µs of the 21 that each end of a small request takes
                self._digest()
            except Exception as error:
                self._fail_alone(error)
        except BaseException:  # Ctrl-C, in the middle of a step: what arrived is not known to have been delivered
            self._failure = ConnectionAbortedError(
                "an exception interrupted the TLS connection in the middle of a step, so it cannot go on"
            )
            self.abort()
            raise

    def eof_received(self) -> bool:
        """The peer will send no more bytes: a clean end or a truncation, as the connection judges."""
        self.data_received(b"")
        if self._finishing:
            self._raw.close()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The TCP connection is gone, whoever ended it: the application may know now."""
        self._cancel_timer()
        if self._answering is not None:
            self._answering.cancel()
        if not self._finishing:  # neither we nor TLS ended it, so what arrived is not known to be all
            reason = exc or ConnectionAbortedError("the connection was closed underneath TLS")
            self._failure = self._failure or reason
        self._finishing = True
        self._tell()
        self.gone.set_result(None)

    def pause_writing(self) -> None:
        """The peer takes bytes slower than they come: `drain` waits."""
        self._writing_paused = True
        if self._app is not None and not self._told and not self._held_back:
            self._app.pause_writing()

    def resume_writing(self) -> None:
        """The peer has caught up; after a failure: it has everything, the alert included."""
        self._writing_paused = False
        if self._lingering is not None:
            self._tell()
        elif self._app is not None and not self._held_back:
            self._app.resume_writing()

    @contextlib.contextmanager
    def _failing_alone(self) -> Iterator[None]:
        """What an answer or the protocol above raises ends this connection, and nothing else."""
        try:
            yield
        except Exception as error:
            self._fail_alone(error)

    def _fail_alone(self, error: Exception, alert: Alert = Alert.INTERNAL_ERROR) -> None:
        self._connection.abort(alert)
        self._fail(error)

    # -- events

    def _digest(self) -> None:
        while events := self._connection.events():
            for event in events:
                if not isinstance(event, DataReceived):
                    self._note(event)
                elif self._reading_paused or self._held:
                    self._held.append(event.data)
                elif self._app is not None and not self._finishing and not self._closes_later:
                    self._app.data_received(event.data)
        self.flush()

    def _note(self, event: Event) -> None:
        if (decide := self._answers.get(type(event))) is not None:
            self._answer(decide(event, self._connection))
        match event:
            case HandshakeCompleted() if self._app is None:
                self._start_application()
            case HandshakeCompleted() | AlertReceived():
                self._renewals.note(event)
            case RenegotiationRequested() if self._connection.can_renegotiate:  # else the peer has been told so
                self._connection.renegotiate()
            case ConnectionClosed():
                self._peer_closed()
            case ConnectionFailed(error=error):
                self._fail(error)

    def _start_application(self) -> None:
        self._cancel_timer()
        self._packs = self._connection.config.pack_small_writes
        self._app = self._make_protocol()
        self._app.connection_made(self)
        if self._writing_paused:
            self._app.pause_writing()
        if not self.established.done():
            self.established.set_result(self._app)

    def _answer(self, decision: Any) -> None:
        if inspect.isawaitable(decision):
            self._raw.pause_reading()
            answering = self._loop.create_task(self._answer_later(decision))
            if not answering.done():  # an eager task may have ended before it could be seen
                self._answering = answering
        else:
            self._connection.answer(decision)

    async def _answer_later(self, decision: Awaitable[Any]) -> None:
        with self._failing_alone():
            self._connection.answer(await decision)
            self._digest()
        self._answering = None
        self._go_on_reading()

    def _go_on_reading(self) -> None:
        """Deliver what was held back as long as nobody stops it, then let the network go on."""
        with self._failing_alone():
            while self._held and not self._reading_paused:
                self._deliver_first()
        if not self._reading_paused and self._answering is None:
            self._raw.resume_reading()

    def _deliver_first(self) -> None:
        assert self._app is not None  # nothing is held before there is somebody to read it
        self._app.data_received(self._held.popleft())

    # -- the end

    def _peer_closed(self) -> None:
        if self._finishing:  # it was the answer to our own close_notify
            self._raw.close()
            return
        while self._held:
            self._deliver_first()
        stays_open = self._app is not None and self._app.eof_received()
        if self._connection.closed or not stays_open:
            self.close()

    def _fail(self, error: Exception) -> None:
        if self._finishing:
            return
        self._failure = self._failure or error
        reason = self._connection.error
        alert_is_owed = reason is None or reason.alert is not None
        self._finish(min(_LINGER, self._close_timeout), peer_is_done=not alert_is_owed)
        if alert_is_owed:
            self._lingering = self._loop.create_task(self._linger())
            self._raw.set_write_buffer_limits(0)  # so that resume_writing comes when the alert is out
        if not alert_is_owed or not self._raw.get_write_buffer_size():
            self._loop.call_soon(self._tell)

    def _tell(self) -> None:
        """The application hears how the connection ended, once, behind everything that arrived before."""
        if self._told:
            return
        self._told = True
        self._renewals.fail(self._failure or _closed_too_early("renegotiation"))
        if self._app is not None:
            try:
                while self._held:
                    self._deliver_first()
            finally:
                self._app.connection_lost(self._failure)
        if not self.established.done():
            self.established.set_exception(self._failure or _closed_too_early())
            self.established.exception()  # seen: a server has nobody who awaits it

    async def _linger(self) -> None:
        """Stand for a failed connection that its peer still may hear; a loop that is shut down ends it now."""
        try:
            await asyncio.shield(self.gone)
        except asyncio.CancelledError:
            self._raw.abort()
            raise

    def _finish(self, seconds: float, *, peer_is_done: bool = False) -> None:
        """Hand over the last bytes and say FIN; give the peer `seconds` to take them and to hang up first."""
        self._finishing = True
        self._cancel_timer()
        self.flush()
        self._wait_for_peer(seconds, self._raw.get_write_buffer_size())
        if peer_is_done:
            self._raw.close()
            return
        self._raw.resume_reading()
        if self._raw.can_write_eof():
            with contextlib.suppress(OSError):  # the peer may have reset the connection; reading will tell
                self._raw.write_eof()

    def _wait_for_peer(self, seconds: float, unsent: int) -> None:
        self._timer = self._loop.call_later(seconds, self._lose_patience, seconds, unsent)

    def _lose_patience(self, seconds: float, unsent: int) -> None:
        still_unsent = self._raw.get_write_buffer_size()
        if 0 < still_unsent < unsent:
            self._wait_for_peer(seconds, still_unsent)
            return
        if still_unsent and self._failure is None:
            self._failure = TimeoutError(f"the peer took none of the last {still_unsent} bytes in {seconds:g} s")
        self._raw.abort()

    def _give_up_handshake(self) -> None:
        self.give_up(TimeoutError(f"the TLS handshake was not complete within {self._handshake_timeout:g} s"))

    def give_up(self, reason: TimeoutError) -> None:
        """End a connection that takes too long, at once and without a word to the peer."""
        self._failure = reason
        self._finishing = True
        self._raw.abort()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- the face to the application

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Seal `data` and hand it to the network. Does nothing once the connection is closing."""
        if self._eof_written:
            raise RuntimeError("Cannot call write() after write_eof()")
        if data and not self._finishing and not self._closes_later:
            self._connection.send_data(data)
            if self._packs:
                self._flush_soon(len(data))
            else:
                self.flush()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Seal each piece in its own records, and hand them to the network at once."""
        if self._eof_written:
            raise RuntimeError("Cannot call writelines() after write_eof()")
        if not self._finishing and not self._closes_later:
            for data in list_of_data:
                self._connection.send_data(data)
            self.flush()

    def flush(self) -> None:
        """Send what the connection wants sent: after acting on the connection directly."""
        self._packed = 0
        if data := self._connection.data_to_send():
            self._raw.write(data)
        if self._connection.closed and not self._finishing:  # its owner ended it, and no event says so
            self._fail(self._connection.error or _closed_too_early())
        elif self._renegotiating or self._connection.renegotiating:
            self._mind_renegotiation()

    # -- renegotiations

    def renegotiate(self) -> asyncio.Future[Negotiated]:
        """Begin another handshake on this connection; the future is done at its end, see `TLSStreamWriter`."""
        self._connection.renegotiate()
        renewal = self._renewals.add(self._loop)
        self.flush()
        return renewal

    def _mind_renegotiation(self) -> None:
        """Begin, or end, what a renegotiation needs: a time-out, and a writer that waits if much is held."""
        goes_on = self._connection.renegotiating
        if goes_on and not self._renegotiating and self._handshake_timeout is not None and not self._finishing:
            self._timer = self._loop.call_later(self._handshake_timeout, self._give_up_renegotiation)
        elif not goes_on and self._renegotiating and not self._finishing:
            self._cancel_timer()
        self._renegotiating = goes_on
        much = self._connection.bytes_held > self._raw.get_write_buffer_limits()[1]
        if (goes_on and much) is not self._held_back:
            self._held_back = goes_on and much
            if self._app is not None and not self._writing_paused and not self._told:
                (self._app.pause_writing if self._held_back else self._app.resume_writing)()
        if self._closes_later and not goes_on and not self._finishing:
            self._finish(self._close_timeout, peer_is_done=self._connection.closed)

    def _give_up_renegotiation(self) -> None:
        seconds = self._close_timeout if self._closes_later else self._handshake_timeout
        self._failure = self._failure or TimeoutError(f"the renegotiation was not complete within {seconds:g} s")
        self._fail_alone(self._failure, Alert.USER_CANCELED)

    def _flush_soon(self, size: int) -> None:
        self._packed += size
        if self._packed >= MAX_PLAINTEXT:  # a writer that never lets the loop turn must feel the network's limits
            self.flush()
        elif not self._flush_planned:
            self._flush_planned = True
            self._loop.call_soon(self._flush_as_planned)

    def _flush_as_planned(self) -> None:
        self._flush_planned = False
        if not self._raw.is_closing():
            self.flush()

    def can_write_eof(self) -> bool:
        """Whether the config allows half-close."""
        return self._connection.config.half_close

    def write_eof(self) -> None:
        """Send close_notify and go on reading. Only with `half_close=True` in the config.

        RFC 5246 7.2.1 has a peer answer at once and drop what it had to say, unless it knows half-close too.
        """
        if not self.can_write_eof():
            raise NotImplementedError("half-close is off; make the config with half_close=True")
        if not self._eof_written and not self._finishing:
            self._eof_written = True
            self._connection.close()
            self.flush()

    def close(self) -> None:
        """Send close_notify behind everything written, and close. Data that still arrives is dropped."""
        if self._finishing or self._closes_later:
            return
        self._connection.close()
        self._held.clear()
        if self._connection.renegotiating:  # what was written waits for its end, and close_notify behind it
            self._closes_later = True
            self._cancel_timer()
            self._timer = self._loop.call_later(self._close_timeout, self._give_up_renegotiation)
            self.flush()
        else:
            self._finish(self._close_timeout, peer_is_done=self._connection.closed)

    def abort(self) -> None:
        """Close at once: nothing more is sent, and the peer can tell (RFC 5246 7.2.1)."""
        self._finishing = True
        self._raw.abort()

    def abort_with(self, alert: Alert) -> None:
        """Send a fatal alert and close."""
        if not self._finishing:
            self._connection.abort(alert)
            self._held.clear()
            self._finish(min(_LINGER, self._close_timeout))

    def is_closing(self) -> bool:
        """Whether the connection is closing or closed."""
        return self._finishing or self._closes_later or self._raw.is_closing()

    def is_reading(self) -> bool:
        """Whether plaintext may arrive."""
        return not self._reading_paused and not self.is_closing()

    def pause_reading(self) -> None:
        """Deliver no more until `resume_reading`; the peer is held back by TCP."""
        self._reading_paused = True
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        """Deliver what was held back, and go on."""
        self._reading_paused = False
        if self._held:
            self._loop.call_soon(self._go_on_reading)  # not from here: who calls may not be ready for data yet
        else:
            self._go_on_reading()

    def get_write_buffer_size(self) -> int:
        """Bytes that the network has not taken yet: sealed, or waiting for a record or a renegotiation."""
        return self._raw.get_write_buffer_size() + self._connection.bytes_held

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """The low and high water marks of `set_write_buffer_limits`."""
        return self._raw.get_write_buffer_limits()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """When `drain` waits (more than `high` bytes unsent) and goes on (`low` or less)."""
        self._raw.set_write_buffer_limits(high, low)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Give the connection to another protocol of the application."""
        assert isinstance(protocol, asyncio.Protocol)
        self._app = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """The application's protocol."""
        assert self._app is not None
        return self._app

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """`"negotiated"`, `"connection"`, or what the TCP transport knows by that name."""
        if name == "negotiated":
            return self._connection.negotiated
        if name == "connection":
            return self._connection
        return self._raw.get_extra_info(name, default)

    def __repr__(self) -> str:
        return f"<TLSTransport {self._connection.state.name}{' closing' if self._finishing else ''}>"


def _closed_too_early(what: str = "TLS handshake") -> ConnectionAbortedError:
    return ConnectionAbortedError(f"the connection was closed during the {what}")
