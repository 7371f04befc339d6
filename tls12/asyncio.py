"""TLS under asyncio: `open_connection` and `start_server` for streams, the transport below for protocols.

How it works: a `TLSTransport` sits between the transport of a TCP connection and the application's protocol
and wears both faces: to the TCP transport it is the protocol, to the application's protocol it is the
transport. Bytes go straight through the sans-IO connection in the same call: `data_received` feeds it,
hands the plaintext of its events up, and writes what it wants sent; `write` seals and hands down. Flow
control is that of the TCP transport in both directions, so a slow reader stops the peer and a slow peer
stops `drain`. With `pack_small_writes` in the config, what `write` takes goes down when the event loop turns, or
once it would fill a record, so that small writes in between share a record and a call into the kernel.

A connection ends in one of three ways, all through `_finish`, which hands the last bytes (close_notify or an
alert) to the network, says FIN, and keeps reading for a moment, because closing over unread data would reset
the connection and a reset can overtake the alert. Only then does the application hear `connection_lost`:

- the application closes: close_notify goes out;
- the peer closes with close_notify: the reader sees the end of the stream;
- it fails: the reader raises the error of `ConnectionFailed`, after every byte that arrived before it.

Nothing here is shared between connections: one that fails takes nothing down but itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from tls12.config import ClientConfig, ServerConfig
from tls12.connection import ClientConnection, Connection, ServerConnection
from tls12.events import (
    ConnectionClosed,
    ConnectionFailed,
    DataReceived,
    Event,
    HandshakeCompleted,
    RenegotiationRequested,
)
from tls12.handshake.engine import OnMessage, Rewrite
from tls12.registry import Alert
from tls12.resumption.sessions import Session
from tls12.wire.records import MAX_PLAINTEXT

HANDSHAKE_TIMEOUT = 60.0
"""Seconds that a handshake may take as a whole, unless the caller says otherwise."""

CLOSE_TIMEOUT = 5.0
"""Seconds that a closing connection waits for a peer that takes nothing and does not close."""

Answers = Mapping[type, Callable[[Any], Any]]
"""Who decides what a paused connection waits for: an event class, and a function or coroutine function that
turns the event into the answer. A coroutine may take its time: the event loop goes on."""

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None] | None]

STREAM_LIMIT = 2**16
"""Bytes that a stream reader holds before it stops the peer, as in asyncio."""

_LINGER = 1.0  # seconds that a failed connection waits for its peer to hang up

_log = logging.getLogger(__name__)


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
        self._answers: Answers = answers or {}
        self._handshake_timeout = handshake_timeout
        self._close_timeout = close_timeout
        self._raw: asyncio.Transport
        self._app: asyncio.Protocol | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._answering: asyncio.Task[None] | None = None
        self._held: deque[bytes] = deque()
        self._failure: Exception | None = None
        self._reading_paused = False
        self._writing_paused = False
        self._packs = False
        self._packed = 0
        self._flush_planned = False
        self._eof_written = False
        self._finishing = False
        #: Done with the handshake: the application's protocol, or the reason why there is none.
        self.established: asyncio.Future[asyncio.Protocol] = self._loop.create_future()

    # -- the face to the TCP transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The TCP connection stands: begin the handshake."""
        assert isinstance(transport, asyncio.Transport)
        self._raw = transport
        if self._handshake_timeout is not None:
            self._timer = self._loop.call_later(self._handshake_timeout, self._give_up_handshake)
        if isinstance(self._connection, ClientConnection):
            self._connection.initiate_handshake()
            self.flush()

    def data_received(self, data: bytes) -> None:
        """Bytes from the network: feed the connection, and do what its events say."""
        try:
            self._connection.receive_data(data)
        except Exception as error:  # out of an application's object: a verifier, a signer
            self._failure = error
        try:
            self._digest()
        except Exception as error:  # out of an answer, or the protocol above
            self._connection.abort(Alert.INTERNAL_ERROR)
            self._fail(error)

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
        outcome = self._failure
        if not self._finishing:  # neither we nor TLS ended it, so what arrived is not known to be all
            outcome = outcome or exc or ConnectionAbortedError("the connection was closed underneath TLS")
        self._finishing = True
        if self._app is not None:
            self._deliver_held()
            self._app.connection_lost(outcome)
        elif not self.established.done():
            self.established.set_exception(
                outcome or ConnectionAbortedError("the connection was closed during the TLS handshake")
            )
            self.established.exception()  # seen: a server has nobody who awaits it

    def pause_writing(self) -> None:
        """The peer takes bytes slower than they come: `drain` waits."""
        self._writing_paused = True
        if self._app is not None:
            self._app.pause_writing()

    def resume_writing(self) -> None:
        """The peer has caught up."""
        self._writing_paused = False
        if self._app is not None:
            self._app.resume_writing()

    # -- events

    def _digest(self) -> None:
        while events := self._connection.events():
            for event in events:
                if not isinstance(event, DataReceived):
                    self._note(event)
                elif self._reading_paused:
                    self._held.append(event.data)
                elif self._app is not None and not self._finishing:
                    self._app.data_received(event.data)
        self.flush()

    def _note(self, event: Event) -> None:
        if (decide := self._answers.get(type(event))) is not None:
            self._answer(decide(event))
        match event:
            case HandshakeCompleted() if self._app is None:
                self._start_application()
            case RenegotiationRequested():
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
            self._answering = self._loop.create_task(self._answer_later(decision))
        else:
            self._connection.answer(decision)

    async def _answer_later(self, decision: Awaitable[Any]) -> None:
        try:
            self._connection.answer(await decision)
            self._digest()
        except Exception as error:
            self._connection.abort(Alert.INTERNAL_ERROR)
            self._fail(error)
        self._answering = None
        if not self._reading_paused:
            self._raw.resume_reading()

    def _deliver_held(self) -> None:
        while self._held and self._app is not None:
            self._app.data_received(self._held.popleft())

    # -- the end

    def _peer_closed(self) -> None:
        if self._finishing:  # it was the answer to our own close_notify
            self._raw.close()
            return
        self._deliver_held()
        stays_open = self._app is not None and self._app.eof_received()
        if self._connection.closed or not stays_open:
            self.close()

    def _fail(self, error: Exception) -> None:
        if not self._finishing:
            self._failure = self._failure or error
            self._finish(min(_LINGER, self._close_timeout))

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
        self._failure = TimeoutError(f"the TLS handshake was not complete within {self._handshake_timeout:g} s")
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
        if data and not self._finishing:
            self._connection.send_data(data)
            if self._packs:
                self._flush_soon(len(data))
            else:
                self._raw.write(self._connection.data_to_send())

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Seal each piece in its own records, and hand them to the network at once."""
        if self._eof_written:
            raise RuntimeError("Cannot call writelines() after write_eof()")
        if not self._finishing:
            for data in list_of_data:
                self._connection.send_data(data)
            self.flush()

    def flush(self) -> None:
        """Send what the connection wants sent: after acting on the connection directly."""
        self._packed = 0
        if data := self._connection.data_to_send():
            self._raw.write(data)

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
        if not self._finishing:
            self._connection.close()
            self._held.clear()
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
        return self._finishing or self._raw.is_closing()

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
        while self._held and self._app is not None and not self._reading_paused:
            self._app.data_received(self._held.popleft())
        if not self._reading_paused and self._answering is None:
            self._raw.resume_reading()

    def get_write_buffer_size(self) -> int:
        """Bytes that the network has not taken yet: sealed ones, and those that wait to share a record."""
        return self._raw.get_write_buffer_size() + self._packed

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


class TLSStreamReader(asyncio.StreamReader):
    """A `StreamReader` that gives out every byte that arrived before it raises what went wrong.

    The plain one raises at once and forgets what it holds. That does for a reset; here a failure comes with a
    verdict (TruncatedError, BadRecordMac), and the bytes before it are authentic.
    """

    _verdict: BaseException | None = None

    def exception(self) -> BaseException | None:  # type: ignore[override]
        """What the connection failed with, or None."""
        return self._verdict

    def set_exception(self, exc: BaseException) -> None:
        """The connection failed: the end of what can be read."""
        self._verdict = exc
        self.feed_eof()

    async def read(self, n: int = -1) -> bytes:
        """As `StreamReader.read`; where that says end of stream, a failed connection raises."""
        data = await super().read(n)
        if not data and n != 0 and self._verdict is not None:
            raise self._verdict
        return data

    async def readexactly(self, n: int) -> bytes:
        """As `StreamReader.readexactly`; the IncompleteReadError of a failed connection is the cause."""
        try:
            return await super().readexactly(n)
        except asyncio.IncompleteReadError as incomplete:
            if self._verdict is None:
                raise
            raise self._verdict from incomplete

    async def readuntil(self, separator: Any = b"\n") -> bytes:
        """As `StreamReader.readuntil`; the IncompleteReadError of a failed connection is the cause."""
        try:
            return await super().readuntil(separator)
        except asyncio.IncompleteReadError as incomplete:
            if self._verdict is None:
                raise
            raise self._verdict from incomplete


async def create_connection(
    make_protocol: Callable[[], asyncio.Protocol],
    host: str | None = None,
    port: int | None = None,
    *,
    config: ClientConfig,
    server_name: str | None = None,
    session: Session | None = None,
    answers: Answers | None = None,
    handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
    close_timeout: float = CLOSE_TIMEOUT,
    rewrite: Rewrite | None = None,
    on_message: OnMessage | None = None,
    **options: Any,
) -> tuple[TLSTransport, asyncio.Protocol]:
    """As `open_connection`, for an application that brings its own protocol."""
    connection = ClientConnection(
        config,
        host if server_name is None else server_name or None,
        session=session,
        rewrite=rewrite,
        pause_on=frozenset(answers or ()),
        on_message=on_message,
    )
    transport = TLSTransport(
        connection,
        make_protocol,
        answers=answers,
        handshake_timeout=handshake_timeout,
        close_timeout=close_timeout,
    )
    loop = asyncio.get_running_loop()
    raw, _ = await loop.create_connection(
        lambda: transport,
        host,  # type: ignore[arg-type]  # None beside sock=
        port,  # type: ignore[arg-type]
        **options,
    )
    try:
        return transport, await transport.established
    except BaseException:
        raw.abort()
        raise


async def open_connection(
    host: str | None = None,
    port: int | None = None,
    *,
    config: ClientConfig,
    limit: int = STREAM_LIMIT,
    **options: Any,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect over TCP, complete a TLS handshake as the client, and give back a reader and a writer.

    Keywords of `create_connection` are taken too: `server_name` is the name (or IP address) that the server
    must prove, `host` unless given; "" asks for none. `session` offers to resume. `answers` decides what
    pauses the connection. `handshake_timeout` bounds the handshake, `close_timeout` the wait for a peer
    that does not close; seconds. All others go to `loop.create_connection` (`sock=`, `local_addr=`, ...).

    Raises OSError when there is no connection, TimeoutError, and the error of `ConnectionFailed` when there
    is no handshake; by then our alert is out. Safe to cancel.
    """
    loop = asyncio.get_running_loop()
    reader = TLSStreamReader(limit=limit, loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport, _ = await create_connection(lambda: protocol, host, port, config=config, **options)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def create_server(
    make_protocol: Callable[[], asyncio.Protocol],
    host: str | Sequence[str] | None = None,
    port: int | None = None,
    *,
    config: ServerConfig,
    answers: Answers | None = None,
    handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
    close_timeout: float = CLOSE_TIMEOUT,
    make_connection: Callable[..., ServerConnection] = ServerConnection,
    on_failure: Callable[[TLSTransport, BaseException], None] | None = None,
    **options: Any,
) -> asyncio.Server:
    """As `start_server`, for an application that brings its own protocol: made after each handshake."""

    def accept() -> TLSTransport:
        transport = TLSTransport(
            make_connection(config, pause_on=frozenset(answers or ())),
            make_protocol,
            answers=answers,
            handshake_timeout=handshake_timeout,
            close_timeout=close_timeout,
        )
        transport.established.add_done_callback(lambda outcome: report(transport, outcome))
        return transport

    def report(transport: TLSTransport, outcome: asyncio.Future[asyncio.Protocol]) -> None:
        if (error := outcome.exception()) is not None:
            (on_failure or _log_failure)(transport, error)

    loop = asyncio.get_running_loop()
    return await loop.create_server(accept, host, port, **options)


async def start_server(
    handler: Handler,
    host: str | Sequence[str] | None = None,
    port: int | None = None,
    *,
    config: ServerConfig,
    limit: int = STREAM_LIMIT,
    **options: Any,
) -> asyncio.Server:
    """Listen, complete a TLS handshake with every client, and call `handler(reader, writer)` for each.

    Keywords of `create_server` are taken too: `answers`, `handshake_timeout`, `close_timeout`;
    `on_failure`, which is called with the transport and the error of each handshake that fails (they are
    logged otherwise, level INFO); `make_connection`, for connections that differ from
    `ServerConnection(config)`, such as `functools.partial(ServerConnection, rewrite=...)`. All others go to
    `loop.create_server` (`sock=`, `backlog=`, `reuse_port=`, ...).

    A handler that raises ends its own connection with internal_error, so that the peer does not take half an
    answer for a whole one, and is reported to the loop's exception handler; the server goes on.
    """
    loop = asyncio.get_running_loop()

    def make_protocol() -> asyncio.Protocol:
        reader = TLSStreamReader(limit=limit, loop=loop)
        return asyncio.StreamReaderProtocol(reader, serve, loop=loop)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        transport = writer.transport
        assert isinstance(transport, TLSTransport)
        try:
            result = handler(reader, writer)
            if inspect.isawaitable(result):
                await result
        except asyncio.CancelledError:
            transport.abort()
        except Exception as error:
            if error is reader.exception():
                _log.info("TLS connection with %s failed: %s", transport.get_extra_info("peername"), error)
                transport.close()
            else:
                transport.abort_with(Alert.INTERNAL_ERROR)
                loop.call_exception_handler(
                    {"message": "Unhandled exception in handler", "exception": error, "transport": transport}
                )

    return await create_server(make_protocol, host, port, config=config, **options)


def _log_failure(transport: TLSTransport, error: BaseException) -> None:
    _log.info("TLS handshake with %s failed: %s", transport.get_extra_info("peername"), error)
