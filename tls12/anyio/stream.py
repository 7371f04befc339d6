"""A byte stream of anyio over TLS, on any byte stream that carries its records.

How it works: the driver knows the protocol; here is the I/O. Every step of the driver is a plain call, so two tasks,
one that receives and one that sends, never meet inside one. What a step wants written goes out in `_flush`, one task at
a time and in order. What must arrive comes in `_go_on`, one task at a time: a task that finds another one reading waits
for it, and then looks at the driver again. So a writer that waits for the end of a renegotiation reads itself if nobody
else does.

A receive that is cancelled loses nothing, because what has arrived is with the driver before anything else is awaited.
A send that is cancelled may have handed over half a record, after which nothing can be sent any more: the stream says
so in every later call.

`receive` raises EndOfStream at the peer's close_notify. A connection that failed raises BrokenResourceError, whose
cause says why; the alert is out by then. The handshake, in `wrap` and `connect`, raises the reason itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import anyio
import anyio.lowlevel
from anyio import BrokenResourceError, ClosedResourceError, EndOfStream
from anyio.abc import AnyByteStream, ByteStream
from anyio.streams.tls import TLSAttribute

from tls12.config import ClientConfig
from tls12.connection import ClientConnection, Connection
from tls12.driver import CLOSE_TIMEOUT, HANDSHAKE_TIMEOUT, Answers, Driver, TimeBound, client_connection, described
from tls12.errors import TruncatedError, UsageError
from tls12.events import Negotiated
from tls12.given import require
from tls12.resumption.sessions import Session
from tls12.trust.peercert import peercert

HELD_UP = 65_536
"""Bytes that may wait for the end of a renegotiation before `send` waits as well."""


class Attribute(anyio.TypedAttributeSet):
    """What `TLSStream.extra` knows beside anyio's own TLSAttribute."""

    connection: Connection = anyio.typed_attribute()
    """The sans-IO connection inside. After acting on it, call `flush`."""
    negotiated: Negotiated = anyio.typed_attribute()
    """What the two sides agreed on."""
    session: Session | None = anyio.typed_attribute()
    """What can be resumed later, or None."""


class TLSStream(ByteStream):
    """TLS over another byte stream; made by `wrap` or `connect`.

    One task may receive while another one sends. `standard_compatible=False` is anyio's switch for protocols that end
    without close_notify: the end of the transport then is a plain EndOfStream, and `aclose` sends nothing.
    """

    def __init__(self, transport_stream: AnyByteStream, driver: Driver, *, standard_compatible: bool) -> None:
        self.transport_stream = transport_stream
        """The stream that carries the records."""
        self.standard_compatible = standard_compatible
        """Whether both sides say the end of the stream with close_notify."""
        self._driver = driver
        self._receiving = anyio.ResourceGuard("receiving from")
        self._sending = anyio.ResourceGuard("sending to")
        self._reading = anyio.Lock()
        self._writing = anyio.Lock()
        self._rounds = 0
        self._bound: TimeBound | None = None
        self._deadline = float("inf")
        self._closed = False
        self._eof_sent = False

    @classmethod
    async def wrap(
        cls,
        transport_stream: AnyByteStream,
        connection: Connection,
        *,
        answers: Answers | None = None,
        standard_compatible: bool = True,
        handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
        close_timeout: float = CLOSE_TIMEOUT,
    ) -> TLSStream:
        """Complete the handshake of a fresh connection of either role over a stream that stands.

        `answers` decides what pauses the connection, by event class; its functions may be coroutine functions. Raises
        what the connection failed with, an OSError, once the alert is out and the stream is closed; TimeoutError after
        `handshake_timeout` seconds; `UsageError` for arguments that cannot be right. A wrap that is cancelled closes
        the stream.
        """
        require("connection", connection, Connection, "a fresh ClientConnection or ServerConnection")
        driver = Driver(
            connection, answers, handshake_timeout=handshake_timeout, close_timeout=close_timeout, awaits=True
        )
        stream = cls(transport_stream, driver, standard_compatible=standard_compatible)
        driver.begin()
        try:
            while not driver.is_established:
                await stream._go_on()
                await stream._flush()
                driver.raise_failure()
        except OSError:
            await stream._end()
            raise
        except BaseException:
            await anyio.aclose_forcefully(transport_stream)
            raise
        return stream

    # -- the stream ---------------------------------------------------------------------------------------

    async def receive(self, max_bytes: int = 65_536) -> bytes:
        """Application data: at least one byte, at most `max_bytes`, of one record.

        Raises EndOfStream at the peer's close_notify, BrokenResourceError when the connection failed,
        ClosedResourceError after `aclose`, and BusyResourceError while another task receives.
        """
        if max_bytes < 1:
            raise UsageError(f"receive() was called with max_bytes={max_bytes!r}; give 1 or more")
        with self._receiving:
            await anyio.lowlevel.checkpoint_if_cancelled()
            while True:
                data: bytes | None = self._step(lambda: self._driver.read(max_bytes))
                if data:
                    return data
                if data is not None:
                    raise EndOfStream
                await self._go_on()

    async def send(self, item: bytes) -> None:
        """Send application data. Waits while the transport takes no more, and while a renegotiation goes on.

        Raises BrokenResourceError when the connection failed or the peer has closed it, ClosedResourceError after
        `aclose` or `send_eof`, and BusyResourceError while another task sends.
        """
        with self._sending:
            await anyio.lowlevel.checkpoint_if_cancelled()
            while self._driver.is_held_up(HELD_UP) and not self._reads_no_more:
                await self._go_on()
            if self._eof_sent:
                raise ClosedResourceError
            self._step(lambda: self._driver.send(item))
            await self._flush()

    async def send_eof(self) -> None:
        """Send close_notify and go on receiving. Only with `half_close=True` in the config (RFC 5246 7.2.1)."""
        if not self._driver.connection.config.half_close:
            raise NotImplementedError("half-close is off; make the config with half_close=True")
        self._eof_sent = True
        self._driver.end_writing()
        await self._flush()

    async def flush(self) -> None:
        """Send what the connection wants sent: after acting on it directly."""
        self._step(self._driver.flush)
        await self._flush()

    async def unwrap(self) -> tuple[AnyByteStream, bytes]:
        """End TLS and go on with the plain stream: it, and what has arrived of the plain protocol already.

        Sends close_notify and waits for the peer's. Raises as `receive` does.
        """
        self._eof_sent = True
        self._driver.end_writing()
        await self._flush()
        while not self._driver.has_ended:
            self._driver.plaintext.clear()
            self._step(self._driver.raise_failure)
            await self._go_on()
        self._closed = True
        return self.transport_stream, self._driver.connection.trailing_data

    async def aclose(self) -> None:
        """Send close_notify, give the peer time to close too, and close the stream. May be called twice."""
        if self._closed:
            return
        self._closed = True
        if self.standard_compatible:
            self._driver.close()
            await self._end()
        else:
            await self.transport_stream.aclose()

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        """What `extra` knows: anyio's TLSAttribute, `Attribute`, and what the transport knows."""
        connection = self._driver.connection
        negotiated = connection.negotiated
        assert negotiated is not None
        suite, certificates = negotiated.cipher_suite, negotiated.peer_certificates
        return {
            **self.transport_stream.extra_attributes,
            TLSAttribute.alpn_protocol: lambda: negotiated.alpn_protocol,
            TLSAttribute.channel_binding_tls_unique: lambda: connection.channel_binding("tls-unique"),
            TLSAttribute.cipher: lambda: described(suite),
            TLSAttribute.peer_certificate: lambda: peercert(certificates[0]) if certificates else None,
            TLSAttribute.peer_certificate_binary: lambda: certificates[0] if certificates else None,
            TLSAttribute.server_side: lambda: not isinstance(connection, ClientConnection),
            TLSAttribute.standard_compatible: lambda: self.standard_compatible,
            TLSAttribute.tls_version: lambda: "TLSv1.2",
            Attribute.connection: lambda: connection,
            Attribute.negotiated: lambda: negotiated,
            Attribute.session: lambda: connection.session,
        }

    # -- inside -------------------------------------------------------------------------------------------

    def _step(self, act: Callable[[], Any]) -> Any:
        """Ask the driver; what the connection failed with becomes the cause of anyio's own error."""
        if self._closed:
            raise ClosedResourceError
        try:
            return act()
        except TruncatedError as error:
            if self.standard_compatible:
                raise BrokenResourceError from error
            raise EndOfStream from error
        except OSError as error:
            raise BrokenResourceError from error

    async def _go_on(self) -> None:
        """One round: write the output, then answer a question or read; nothing if another task did so meanwhile."""
        rounds = self._rounds
        await self._flush()
        async with self._reading:
            driver = self._driver
            if rounds != self._rounds or self._reads_no_more:
                return
            if driver.time_bound is not self._bound:
                self._bound = driver.time_bound
                seconds = self._bound.seconds if self._bound is not None else float("inf")
                self._deadline = anyio.current_time() + seconds
            if driver.question is not None:
                await driver.await_answer(driver.question)
            else:
                await self._read()
            self._rounds += 1
        await self._flush()

    @property
    def _reads_no_more(self) -> bool:
        """Whether the connection has failed or ended, so that no round brings anything."""
        return self._driver.failure is not None or self._driver.has_ended

    async def _read(self) -> None:
        driver = self._driver
        with anyio.CancelScope(deadline=self._deadline) as scope:
            try:
                driver.receive(await self.transport_stream.receive())
            except EndOfStream:
                driver.receive(b"")
            except (BrokenResourceError, ClosedResourceError) as error:
                cause = error.__cause__
                driver.lose(
                    cause if isinstance(cause, OSError) else ConnectionResetError(str(error) or "connection lost")
                )
        if scope.cancelled_caught:
            driver.time_out()

    async def _flush(self) -> None:
        """Write what the driver wants written, in order. What the transport does not take, the next read explains."""
        output = self._driver.output
        if not output:
            return
        async with self._writing:
            while output:
                data = b"".join(output)
                output.clear()
                try:
                    await self.transport_stream.send(data)
                except (BrokenResourceError, ClosedResourceError):
                    output.clear()
                except BaseException:
                    self._driver.is_interrupted = True  # half a record may be out
                    raise

    async def _end(self) -> None:
        """The last bytes, then the end of our direction; wait for the peer's end as long as `ending` says."""
        driver = self._driver
        try:
            while driver.ending is None and not self._reads_no_more:  # a renegotiation, behind which the close waits
                await self._go_on()
            ending = driver.ending
            if ending is not None and not ending.is_abrupt:
                with anyio.move_on_after(ending.seconds):
                    await self._flush()
                    if ending.awaits_peer:
                        await self._drop_what_comes()
        except BaseException:
            await anyio.aclose_forcefully(self.transport_stream)
            raise
        await self.transport_stream.aclose()

    async def _drop_what_comes(self) -> None:
        driver = self._driver
        try:
            while not driver.is_over or driver.failure is not None:
                data = await self.transport_stream.receive()
                driver.receive(data)
        except (EndOfStream, BrokenResourceError, ClosedResourceError):
            return


async def connect(
    host: str,
    port: int,
    *,
    config: ClientConfig,
    server_name: str | None = None,
    session: Session | None = None,
    answers: Answers | None = None,
    standard_compatible: bool = True,
    handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
    close_timeout: float = CLOSE_TIMEOUT,
    **options: Any,
) -> TLSStream:
    """Connect over TCP and complete a TLS handshake as the client.

    `server_name` is the name (or IP address) that the server must prove, `host` unless given; "" asks for none.
    `session` offers to resume. All other keywords go to `anyio.connect_tcp`. Raises as it does, and as `wrap`.
    """
    connection = client_connection(config, host, server_name=server_name, session=session, answers=answers)
    transport = await anyio.connect_tcp(host, port, **options)
    return await TLSStream.wrap(
        transport,
        connection,
        answers=answers,
        standard_compatible=standard_compatible,
        handshake_timeout=handshake_timeout,
        close_timeout=close_timeout,
    )
