"""The transport of an application's protocol under asyncio, over the transport of a TCP connection.

How it works: a `TLSTransport` stands between the transport of a TCP connection and the application's protocol. For
the TCP transport it is the protocol, for the application's protocol it is the transport. Bytes pass through the driver
within one call: `data_received` hands it what arrived, gives the plaintext to the application, and writes the driver's
output; `write` seals and writes. After each step `_advance` does what the driver asks for.

Flow control is that of the TCP transport in both directions: an application that reads slowly stops the peer, and a
peer that reads slowly makes `drain` wait. With `pack_small_writes` in the config, data given to `write` is sealed in
the next turn of the event loop, or as soon as it would fill a record; until then small writes share a record and a
system call. During a renegotiation nothing can be sealed: data given to `write` counts as unsent, and too much of it
pauses the writer as a slow network does. A renegotiation may take as long as the first handshake.

A connection ends in one of three ways, and the driver's `ending` says how long the TCP connection stays after it:

- the application closes: close_notify is sent, and `connection_lost` follows when the peer has closed too;
- the peer closes with close_notify: `eof_received` tells the application;
- it fails: as soon as the alert is sent, `connection_lost` gives the application the failure, after every byte that
  arrived before it. The TCP connection stays open a little longer, so that the peer can read the alert; a task holds
  it, which ends with the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

from tls12.connection import Connection
from tls12.driver import CLOSE_TIMEOUT, HANDSHAKE_TIMEOUT, Answers, Driver, Ending, Renewal, TimeBound, TLSObject
from tls12.driver.ends import closed_too_early
from tls12.events import Negotiated
from tls12.registry import Alert
from tls12.wire.records import MAX_PLAINTEXT

ApplicationProtocol = asyncio.Protocol | asyncio.BufferedProtocol
"""What an application may bring."""

_FACTS: dict[str, Callable[[Connection], Any]] = {
    "negotiated": lambda connection: connection.negotiated,
    "connection": lambda connection: connection,
    "ssl_object": TLSObject,
    "sslcontext": lambda connection: connection.config,  # programs only look whether there is one
    "peercert": lambda connection: TLSObject(connection).getpeercert() if connection.negotiated else None,
    "cipher": lambda connection: TLSObject(connection).cipher(),
    "compression": lambda connection: TLSObject(connection).compression(),
}
"""What `get_extra_info` knows of a connection."""


def _fill(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
    """Copy data into the buffers that the protocol gives, as asyncio's transports let the kernel do."""
    rest = memoryview(data)
    while rest:
        buffer = memoryview(protocol.get_buffer(len(rest))).cast("B")
        if not buffer:
            raise RuntimeError("get_buffer() returned an empty buffer")
        part = rest[: len(buffer)]
        buffer[: len(part)] = part
        protocol.buffer_updated(len(part))
        rest = rest[len(part) :]


# A BufferedProtocol below was measured, and was no faster: see docs/performance.md.
class TLSTransport(asyncio.Transport, asyncio.Protocol):
    """The transport of an application's protocol, over the transport of a TCP connection.

    `get_extra_info` knows `"negotiated"` (what the two sides agreed on), `"connection"` (the sans-IO
    connection inside), what asyncio's own transports know of TLS (`"ssl_object"`, a `tls12.driver.TLSObject`;
    `"sslcontext"`, the configuration; `"peercert"`, `"cipher"`, `"compression"`), and everything that the TCP
    transport knows. After acting on the connection, call `flush()`. `loop.start_tls` of asyncio's own loops takes this
    transport too.
    """

    _start_tls_compatible = True
    """asyncio's own mark of a transport on which `loop.start_tls` can begin another TLS, inside this one."""

    def __init__(
        self,
        connection: Connection,
        make_protocol: Callable[[], asyncio.BaseProtocol],
        *,
        answers: Answers | None = None,
        handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
        close_timeout: float = CLOSE_TIMEOUT,
        call_connection_made: bool = True,
    ) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._driver = Driver(
            connection, answers, handshake_timeout=handshake_timeout, close_timeout=close_timeout, awaits=True
        )
        self._seen_changes = 0
        """How many of the driver's changes were followed."""
        self._make_protocol = make_protocol
        self._raw: asyncio.Transport
        self._call_connection_made = call_connection_made
        self._app: ApplicationProtocol | None = None
        self._give: Callable[[bytes], None]
        """Give plaintext to the application's protocol."""
        self._timer: asyncio.TimerHandle | None = None
        self._timed: TimeBound | None = None
        """What the timer bounds, while nothing ends."""
        self._answering: asyncio.Task[None] | None = None
        self._lingering: asyncio.Task[None] | None = None
        self._renewals: list[tuple[Renewal, asyncio.Future[Negotiated]]] = []
        self._reading_paused = False
        self._writing_paused = False
        self._writer_held_up = False
        """Whether the protocol was told to write no more because of a renegotiation."""
        self._closing = False
        """Whether the application has closed, or is told that the connection has ended."""
        self._packs = connection.config.pack_small_writes
        self._packed = 0
        self._flush_planned = False
        self._eof_written = False
        self._eof_told = False
        self._ending: Ending | None = None
        self._end_told = False
        #: Done when the TCP connection is gone.
        self.gone: asyncio.Future[None] = self._loop.create_future()
        #: Done with the handshake: the application's protocol, or the reason why there is none.
        self.established: asyncio.Future[ApplicationProtocol] = self._loop.create_future()

    # -- asyncio.Protocol, for the TCP transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The TCP connection stands: begin the handshake."""
        self._raw = cast(asyncio.Transport, transport)  # uvloop's are not derived from it
        self._driver.begin()
        self._advance_or_fail()

    def data_received(self, data: bytes) -> None:
        """Bytes from the network: let the driver receive them, and do what it asks for."""
        try:
            self._driver.receive(data)
            try:
                self._advance()
            except Exception as error:
                self._fail_alone(error)
        except BaseException:  # such as Ctrl-C in the middle of a step: it is unknown what was delivered
            self._driver.is_interrupted = True
            self.abort()
            raise

    def eof_received(self) -> bool:
        """The peer will send no more bytes: a clean end or a truncation, as the connection judges."""
        self.data_received(b"")
        if self._ending is not None:
            self._raw.close()
        return self._raw.can_write_eof()  # a transport that cannot be half closed closes now

    def connection_lost(self, exc: Exception | None) -> None:
        """The TCP connection is closed, by either side: tell the application."""
        self._cancel_timer()
        if self._answering is not None:
            self._answering.cancel()
        if self._driver.ending is None:  # TLS was not ended before TCP was, so data may be missing
            self._driver.lose(exc or ConnectionAbortedError("the connection was closed underneath TLS"))
            self._driver.give_up(None)
        self._ending = self._driver.ending
        self._tell_end()
        self.gone.set_result(None)

    def pause_writing(self) -> None:
        """The peer takes bytes slower than they come: `drain` waits."""
        self._writing_paused = True
        if self._app is not None and not self._end_told and not self._writer_held_up:
            self._app.pause_writing()

    def resume_writing(self) -> None:
        """The TCP transport has room again; after a failure: it has sent everything, the alert included."""
        self._writing_paused = False
        if self._lingering is not None:
            self._tell_end()
        elif self._app is not None and not self._writer_held_up:
            self._app.resume_writing()

    # -- what the driver asks for

    def _advance_or_fail(self) -> None:
        """As `_advance`. An exception of the application's protocol ends this connection, and no other."""
        try:
            self._advance()
        except Exception as error:
            self._fail_alone(error)

    def _fail_alone(self, error: Exception) -> None:
        self._driver.plaintext.clear()  # the protocol that raised takes no more
        self._driver.fail(error)
        self._advance()

    def _advance(self) -> None:
        """Write, deliver, and follow what else has changed."""
        driver = self._driver
        if driver.output:
            self._write_out()
        has_changed = driver.changes != self._seen_changes
        if has_changed:
            self._seen_changes = driver.changes
            self._follow_handshakes()
        self._deliver()
        if has_changed:
            self._follow_ends()

    def _write_out(self) -> None:
        output = self._driver.output
        self._raw.write(output.popleft() if len(output) == 1 else b"".join(output))
        output.clear()

    def _deliver(self) -> None:
        """Give plaintext to the protocol, as long as it takes any."""
        plaintext = self._driver.plaintext
        while plaintext.pieces and self._app is not None and not self._reading_paused:
            self._give(plaintext.pop())

    def _follow_handshakes(self) -> None:
        driver = self._driver
        if driver.is_established and self._app is None:
            self._start_application()
        if driver.question is not None and self._answering is None:
            self._raw.pause_reading()
            answering = self._loop.create_task(self._answer(driver.question))
            if not answering.done():  # an eager task may have ended before create_task returned
                self._answering = answering
        self._end_renewals()
        held_up = driver.is_held_up(self._raw.get_write_buffer_limits()[1])
        if held_up is not self._writer_held_up:
            self._writer_held_up = held_up
            if self._app is not None and not self._writing_paused and not self._end_told:
                (self._app.pause_writing if held_up else self._app.resume_writing)()
        if driver.time_bound is not self._timed and self._ending is None:
            self._cancel_timer()
            self._timed = driver.time_bound
            if self._timed is not None:
                self._timer = self._loop.call_later(self._timed.seconds, self._time_out)

    def _start_application(self) -> None:
        self._packs = self._driver.connection.config.pack_small_writes
        self.set_protocol(self._make_protocol())
        assert self._app is not None
        if self._call_connection_made:
            self._app.connection_made(self)
        if self._writing_paused:
            self._app.pause_writing()
        if not self.established.done():
            self.established.set_result(self._app)

    async def _answer(self, question: Awaitable[Any]) -> None:
        await self._driver.await_answer(question)
        self._answering = None
        self._go_on_reading()

    def _end_renewals(self) -> None:
        """Complete the futures of the renegotiations that have ended."""
        waiting, self._renewals = self._renewals, []
        for renewal, future in waiting:
            if renewal.outcome is None:
                self._renewals.append((renewal, future))
            elif not future.done():
                if isinstance(renewal.outcome, Negotiated):
                    future.set_result(renewal.outcome)
                else:
                    future.set_exception(renewal.outcome)
                    future.exception()  # else asyncio logs it as never retrieved if the caller no longer waits

    def _time_out(self) -> None:
        self._timer = None
        self._driver.time_out()
        self._advance_or_fail()

    def _go_on_reading(self) -> None:
        """Deliver what waits, as long as the application takes it, then let the network go on."""
        self._advance_or_fail()
        if not self._reading_paused and self._answering is None:
            self._raw.resume_reading()

    # -- the end

    def _follow_ends(self) -> None:
        driver = self._driver
        if self._ending is not None:
            if driver.has_ended:
                self._raw.close()  # the peer has answered our close_notify
        elif driver.ending is not None:
            self._end(driver.ending)
        elif driver.has_ended and not self._eof_told and self._app is not None:
            self._eof_told = True
            while driver.plaintext.pieces:
                self._give(driver.plaintext.pop())
            if not self._app.eof_received() or driver.connection.closed:
                self.close()

    def _end(self, ending: Ending) -> None:
        """Write the last bytes and FIN, and give the peer time to read them and to close first."""
        self._ending = ending
        self._cancel_timer()
        if ending.is_abrupt:
            self._raw.abort()
            return
        self._wait_for_peer(ending.seconds, self._raw.get_write_buffer_size())
        if ending.awaits_peer:
            self._raw.resume_reading()
            if self._raw.can_write_eof():
                with contextlib.suppress(OSError):  # the peer may have reset the connection; reading finds that out
                    self._raw.write_eof()
        else:
            self._raw.close()
        if self._driver.failure is not None:
            if ending.awaits_peer:
                self._lingering = self._loop.create_task(self._linger())
                self._raw.set_write_buffer_limits(0)  # so that resume_writing comes when the alert is out
            if not ending.awaits_peer or not self._raw.get_write_buffer_size():
                self._loop.call_soon(self._tell_end)

    def _tell_end(self) -> None:
        """Tell the application, once, how the connection ended, after giving it everything that arrived before."""
        if self._end_told:
            return
        self._end_told = True
        failure = cast("Exception | None", self._driver.failure)
        for _, future in self._renewals:
            if not future.done():
                future.set_exception(failure or closed_too_early("renegotiation"))
                future.exception()  # else asyncio logs it as never retrieved if the caller no longer waits
        if self._app is not None:
            plaintext = self._driver.plaintext
            try:
                while plaintext.pieces:
                    self._give(plaintext.pop())
            finally:
                self._app.connection_lost(failure)
        if not self.established.done():
            self.established.set_exception(failure or closed_too_early("TLS handshake"))
            self.established.exception()  # else asyncio logs it as never retrieved: in a server nothing awaits it

    async def _linger(self) -> None:
        """Keep the TCP connection open, so that the peer can read the alert. Cancelled when the event loop ends."""
        try:
            await asyncio.shield(self.gone)
        except asyncio.CancelledError:
            self._raw.abort()
            raise

    def _wait_for_peer(self, seconds: float, unsent: int) -> None:
        self._timer = self._loop.call_later(seconds, self._stop_waiting_for_peer, seconds, unsent)

    def _stop_waiting_for_peer(self, seconds: float, unsent: int) -> None:
        """The time is up: wait on only if the peer has taken some of the bytes that were unsent."""
        still_unsent = self._raw.get_write_buffer_size()
        if 0 < still_unsent < unsent:
            self._wait_for_peer(seconds, still_unsent)
            return
        if still_unsent:
            self._driver.lose(TimeoutError(f"the peer took none of the last {still_unsent} bytes in {seconds:g} s"))
        self._raw.abort()

    def give_up(self, reason: TimeoutError) -> None:
        """End a connection that takes too long, at once and without an alert."""
        self._driver.give_up(reason)
        self._advance()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- asyncio.Transport, for the application

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Seal `data` and hand it to the network. Does nothing once the connection is closing."""
        if self._eof_written:
            raise RuntimeError("Cannot call write() after write_eof()")
        driver = self._driver
        if data and not (driver.is_over or self._closing or driver.ending is not None):
            if self._packs:
                driver.pack(data)
                self._flush_soon(len(data))
                return
            try:
                driver.send(data)
            finally:
                if driver.changes != self._seen_changes:
                    self._advance()
                elif driver.output:
                    self._write_out()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Seal each piece in its own records, and hand them to the network at once."""
        if self._eof_written:
            raise RuntimeError("Cannot call writelines() after write_eof()")
        driver = self._driver
        if not (driver.is_over or self._closing or driver.ending is not None):
            for data in list_of_data:
                driver.pack(data)
            self.flush()

    def flush(self) -> None:
        """Send what the connection wants sent: after acting on the connection directly."""
        self._packed = 0
        self._driver.flush()
        self._advance()

    def _flush_soon(self, size: int) -> None:
        self._packed += size
        if self._packed >= MAX_PLAINTEXT:  # so that flow control pauses even a writer that never awaits
            self.flush()
        elif not self._flush_planned:
            self._flush_planned = True
            self._loop.call_soon(self._flush_as_planned)

    def _flush_as_planned(self) -> None:
        self._flush_planned = False
        if not self._raw.is_closing():
            self.flush()

    def renegotiate(self) -> asyncio.Future[Negotiated]:
        """Begin another handshake on this connection; the future is done at its end, see `TLSStreamWriter`."""
        renewal = self._driver.renegotiate()
        future: asyncio.Future[Negotiated] = self._loop.create_future()
        self._renewals.append((renewal, future))
        self._advance()
        return future

    def can_write_eof(self) -> bool:
        """Whether the config allows half-close."""
        return self._driver.connection.config.half_close

    def write_eof(self) -> None:
        """Send close_notify and go on reading. Only with `half_close=True` in the config.

        RFC 5246 7.2.1 requires the peer to answer with close_notify at once and to drop its pending writes; only a peer
        that supports half-close sends more data.
        """
        if not self.can_write_eof():
            raise NotImplementedError("half-close is off; make the config with half_close=True")
        if not self._eof_written and self._ending is None:
            self._eof_written = True
            self._driver.end_writing()
            self._advance()

    def close(self) -> None:
        """Send close_notify behind everything written, and close. Data that still arrives is dropped."""
        if not self._closing and self._ending is None:
            self._closing = True
            self._driver.close()
            self._advance()

    def abort(self) -> None:
        """Close at once and send nothing more. Without close_notify the peer sees a truncation (RFC 5246 7.2.1)."""
        self._driver.give_up(None)
        self._ending = self._driver.ending
        self._raw.abort()

    def _force_close(self, exc: BaseException | None) -> None:
        """What asyncio's own TLS calls to end the transport below it after an error (`loop.start_tls`)."""
        if exc is not None:
            self._driver.lose(exc)
        self.abort()

    def abort_with(self, alert: Alert) -> None:
        """Send a fatal alert and close."""
        if self._ending is None:
            self._driver.abort(alert)
            self._advance()

    def is_closing(self) -> bool:
        """Whether the connection is closing or closed."""
        return self._closing or self._ending is not None or self._raw.is_closing()

    def is_reading(self) -> bool:
        """Whether plaintext may arrive."""
        return not self._reading_paused and not self.is_closing()

    def pause_reading(self) -> None:
        """Deliver no more until `resume_reading`. TCP then stops the peer, whose bytes are no longer read."""
        self._reading_paused = True
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        """Deliver what was held back, and go on."""
        self._reading_paused = False
        if self._driver.plaintext.pieces:
            self._loop.call_soon(self._go_on_reading)  # later, because the caller may not be ready for data yet
        else:
            self._go_on_reading()

    def get_write_buffer_size(self) -> int:
        """Bytes that the network has not taken yet: sealed, or waiting for a record or a renegotiation."""
        return self._raw.get_write_buffer_size() + self._driver.connection.bytes_held

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """The low and high water marks of `set_write_buffer_limits`."""
        return self._raw.get_write_buffer_limits()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """When `drain` waits (more than `high` bytes unsent) and goes on (`low` or less)."""
        self._raw.set_write_buffer_limits(high, low)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Give the connection to another protocol of the application, an `asyncio.BufferedProtocol` perhaps."""
        if isinstance(protocol, asyncio.BufferedProtocol):
            self._app = protocol
            self._give = functools.partial(_fill, protocol)
        else:
            self._app = cast(asyncio.Protocol, protocol)  # asyncio demands no base class either
            self._give = self._app.data_received

    def get_protocol(self) -> asyncio.BaseProtocol:
        """The application's protocol."""
        assert self._app is not None
        return self._app

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What is known by that name: of TLS what `_FACTS` lists, and else what the TCP transport knows."""
        if (fact := _FACTS.get(name)) is not None:
            return fact(self._driver.connection)
        return self._raw.get_extra_info(name, default)

    def __repr__(self) -> str:
        closing = " closing" if self._ending is not None else ""
        return f"<TLSTransport {self._driver.connection.state.name}{closing}>"
