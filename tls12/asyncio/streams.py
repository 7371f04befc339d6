"""Streams over TLS: `open_connection`, `start_server`. For protocols: `create_connection`, `create_server`.

How it works: a stream is a protocol with the reader and the writer of `reader_writer.py` over a `TLSTransport`. Every
function makes the sans-IO connection first, so that a mistake of the caller raises before anything is sent.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from tls12.asyncio.admission import Admission, Arrival
from tls12.asyncio.pace import PacedTransport, Watch
from tls12.asyncio.reader_writer import STREAM_LIMIT, TLSStreamProtocol, TLSStreamReader, TLSStreamWriter
from tls12.asyncio.transport import ApplicationProtocol, TLSTransport
from tls12.asyncio.upgrade import application_of
from tls12.config import ClientConfig, ServerConfig
from tls12.connection import ServerConnection
from tls12.driver import (
    CLOSE_TIMEOUT,
    HANDSHAKE_TIMEOUT,
    Answers,
    check_timeouts,
    client_connection,
    server_connection,
)
from tls12.driver.bounded_log import BoundedLog
from tls12.driver.bounds import BACKLOG, FAILURES_LOGGED, MAX_HANDSHAKES
from tls12.errors import UsageError
from tls12.given import name_value
from tls12.handshake.engine import OnMessage, Rewrite
from tls12.registry import Alert
from tls12.resumption.sessions import Session

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None] | None]

_log = logging.getLogger("tls12.asyncio")


async def create_connection(
    make_protocol: Callable[[], asyncio.BaseProtocol],
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
) -> tuple[TLSTransport, ApplicationProtocol]:
    """As `open_connection`, for an application that brings its own protocol."""
    connection = client_connection(
        config,
        host,
        server_name=server_name,
        session=session,
        answers=answers,
        rewrite=rewrite,
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
    await loop.create_connection(
        lambda: transport,
        host,  # type: ignore[arg-type]  # None beside sock=
        port,  # type: ignore[arg-type]
        **options,
    )
    return transport, await application_of(transport)


async def open_connection(
    host: str | None = None,
    port: int | None = None,
    *,
    config: ClientConfig,
    limit: int = STREAM_LIMIT,
    **options: Any,
) -> tuple[TLSStreamReader, TLSStreamWriter]:
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
    protocol = TLSStreamProtocol(reader, loop=loop)
    transport, _ = await create_connection(lambda: protocol, host, port, config=config, **options)
    return reader, TLSStreamWriter(transport, protocol, reader, loop)


async def create_server(
    make_protocol: Callable[[], asyncio.BaseProtocol],
    host: str | Sequence[str] | None = None,
    port: int | None = None,
    *,
    config: ServerConfig,
    answers: Answers | None = None,
    handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
    close_timeout: float = CLOSE_TIMEOUT,
    make_connection: Callable[..., ServerConnection] = ServerConnection,
    on_failure: Callable[[TLSTransport, BaseException], None] | None = None,
    max_connections: int | None = None,
    max_handshakes: int = MAX_HANDSHAKES,
    max_per_address: int | None = None,
    idle_timeout: float | None = None,
    minimum_rate: float | None = None,
    **options: Any,
) -> asyncio.Server:
    """As `start_server`, for an application that brings its own protocol: made after each handshake."""
    # Wrong arguments raise now, and not when the first client connects.
    server_connection(config, answers=answers)
    check_timeouts(handshake_timeout=handshake_timeout, close_timeout=close_timeout)

    watch = Watch(idle_timeout, minimum_rate) if idle_timeout is not None or minimum_rate is not None else None
    kind = TLSTransport if watch is None else PacedTransport

    def make_transport() -> TLSTransport:
        transport = kind(
            server_connection(config, answers=answers, make_connection=make_connection),
            make_protocol,
            answers=answers,
            handshake_timeout=handshake_timeout,
            close_timeout=close_timeout,
        )
        transport.established.add_done_callback(lambda outcome: report(transport, outcome))
        return transport

    def report(transport: TLSTransport, outcome: asyncio.Future[ApplicationProtocol]) -> None:
        if (error := outcome.exception()) is not None:
            (on_failure or log_failure)(transport, error)
        elif watch is not None and isinstance(transport, PacedTransport):
            watch.begin(transport)

    def log_failure(transport: TLSTransport, error: BaseException) -> None:
        peer = transport.get_extra_info("peername")
        bounded_log.warn("handshakes", FAILURES_LOGGED, "TLS handshake with %s failed: %s", peer, error)

    bounded_log = BoundedLog(_log, asyncio.get_running_loop().time)
    admission = Admission(
        make_transport,
        bounded_log,
        max_connections=max_connections,
        max_handshakes=max_handshakes,
        max_per_address=max_per_address,
        handshake_timeout=handshake_timeout,
    )
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Arrival(admission), host, port, **({"backlog": BACKLOG} | options))


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
    logged otherwise, level WARNING); `make_connection`, for connections that differ from
    `ServerConnection(config)`, such as `functools.partial(ServerConnection, rewrite=...)`. All others go to
    `loop.create_server` (`sock=`, `backlog=`, `reuse_port=`, ...).

    Five keywords bound what a crowd of clients can take (docs/public-server.md):

    - `max_connections`: connections open at the same time, `MAX_CONNECTIONS` unless given, or seven eighths of the
      files that the process may have open. A new one above it is closed, unless a handshake that takes too long can
      be ended in its place.
    - `max_handshakes`: handshakes open at the same time. New connections above it wait, unread; while any wait, a
      handshake has `PATIENCE` seconds.
    - `max_per_address`: connections of one IPv4 address, or one IPv6 network of 64 bits. None is no bound.
    - `idle_timeout`: seconds for which an established connection may move no byte. None is no bound.
    - `minimum_rate`: bytes a second, both directions together, that an established connection has to move in every
      `RATE_PERIOD` seconds in which it moves any. None is no bound.

    A connection that one of the last two bounds ends is closed with close_notify, and its reader raises TimeoutError.
    The logger "tls12.asyncio" says when one of the first three takes effect (WARNING, at most one line for each in ten
    seconds).

    Raises `UsageError` for a bound that leaves no room.

    A handler that raises ends its own connection with internal_error, so that the peer does not take half an
    answer for a whole one, and is reported to the loop's exception handler; the server goes on.
    """
    if not callable(handler):
        raise UsageError(f"handler is {name_value(handler)}; give a function that takes a reader and a writer")
    loop = asyncio.get_running_loop()

    def make_protocol() -> asyncio.Protocol:
        reader = TLSStreamReader(limit=limit, loop=loop)
        return TLSStreamProtocol(reader, serve, loop=loop)

    async def serve(reader: asyncio.StreamReader, plain_writer: asyncio.StreamWriter) -> None:
        transport = plain_writer.transport
        assert isinstance(transport, TLSTransport)
        writer = TLSStreamWriter(transport, transport.get_protocol(), reader, loop)
        # A StreamWriter that is collected closes its transport, which the TLS of `writer.start_tls` may still need.
        transport.gone.add_done_callback(functools.partial(_keep, plain_writer))
        try:
            result = handler(reader, writer)
            if inspect.isawaitable(result):
                await result
        except asyncio.CancelledError:
            transport.abort()
        except Exception as error:
            failure = reader.exception()
            lost = isinstance(error, ConnectionResetError) and transport.is_closing()  # drain raises it after any end
            failed = type(error) is type(failure) and error.args == getattr(failure, "args", None)
            if failed or lost:
                peer = transport.get_extra_info("peername")
                _log.info("TLS connection with %s failed: %s", peer, failure or error)
                transport.close()
            else:
                transport.abort_with(Alert.INTERNAL_ERROR)
                loop.call_exception_handler(
                    {"message": "Unhandled exception in handler", "exception": error, "transport": transport}
                )

    return await create_server(make_protocol, host, port, config=config, **options)


def _keep(writer: asyncio.StreamWriter, _: object) -> None:
    """The callback that holds the writer until the TCP connection is gone."""
