"""TLS on a connection that is open already, as STARTTLS begins it: `wrap` for streams, `start_tls` for transports.

How it works: the `TLSTransport` takes the place of the protocol of the transport that stands, and begins its handshake.
That transport may be any of asyncio's: of a TCP connection, of asyncio's own TLS, or a `TLSTransport`; then one TLS
runs inside the other.
"""

from __future__ import annotations

import asyncio
import functools
from typing import cast

from tls12.asyncio.reader_writer import STREAM_LIMIT, TLSStreamProtocol, TLSStreamReader, TLSStreamWriter
from tls12.asyncio.transport import ApplicationProtocol, TLSTransport
from tls12.connection import Connection
from tls12.driver import CLOSE_TIMEOUT, HANDSHAKE_TIMEOUT, Answers
from tls12.errors import UsageError
from tls12.given import name_value, require


async def application_of(transport: TLSTransport) -> ApplicationProtocol:
    """Wait for the handshake and return the application's protocol. If the wait is cancelled, abort the connection."""
    try:
        return await transport.established
    except asyncio.CancelledError:
        transport.abort()
        raise


async def start_tls(
    transport: asyncio.BaseTransport,
    protocol: asyncio.BaseProtocol,
    connection: Connection,
    *,
    answers: Answers | None = None,
    handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
    close_timeout: float = CLOSE_TIMEOUT,
) -> TLSTransport:
    """Start TLS on an open transport, as `loop.start_tls` does, with a fresh `ClientConnection` or `ServerConnection`.

    Returns the transport that `protocol` uses from now on; its `connection_made` is not called again. What was written
    before is sent first. Call it at once when the plain protocol says that TLS begins: what `protocol` has received by
    then it has received unprotected, and nothing of that is TLS. If there is no handshake, `protocol.connection_lost`
    is called when the connection is gone. Raises as `open_connection` does. Safe to cancel: that aborts the connection.
    """
    if not hasattr(transport, "set_protocol"):  # uvloop's transports have no base class in common with asyncio's
        raise UsageError(f"transport is {name_value(transport)}; give the transport of an open connection")
    if not hasattr(protocol, "connection_lost"):
        raise UsageError(f"protocol is {name_value(protocol)}; give the protocol that uses the connection afterwards")
    require("connection", connection, Connection, "a fresh ClientConnection or ServerConnection")
    if transport.is_closing():
        raise ConnectionResetError("the connection was closed before TLS began")
    upgraded = TLSTransport(
        connection,
        lambda: protocol,
        answers=answers,
        handshake_timeout=handshake_timeout,
        close_timeout=close_timeout,
        call_connection_made=False,
    )
    upgraded.gone.add_done_callback(functools.partial(_tell_failure, protocol, upgraded))
    transport.set_protocol(upgraded)
    upgraded.connection_made(transport)
    cast(asyncio.Transport, transport).resume_reading()  # the protocol may have paused it until TLS began
    await application_of(upgraded)
    return upgraded


def _tell_failure(protocol: asyncio.BaseProtocol, upgraded: TLSTransport, _: object) -> None:
    """Tell the protocol, to which no TLS connection was given, that its connection has ended."""
    outcome = upgraded.established
    if outcome.cancelled():
        protocol.connection_lost(None)
    elif (error := outcome.exception()) is not None:
        protocol.connection_lost(cast(Exception, error))


async def wrap(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    connection: Connection,
    *,
    limit: int = STREAM_LIMIT,
    answers: Answers | None = None,
    handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
    close_timeout: float = CLOSE_TIMEOUT,
) -> tuple[TLSStreamReader, TLSStreamWriter]:
    """Start TLS on an open plain connection, as STARTTLS does, with a fresh `ClientConnection` or `ServerConnection`.

    Returns the reader and the writer to use from now on; do not use the old ones any more. What was written to the
    old writer is sent first. Bytes that the old reader still holds are handed to TLS as records, so data that an
    attacker injected into the plain protocol is never taken for protected data. Raises as `open_connection` does. Safe
    to cancel.
    """
    require("reader", reader, asyncio.StreamReader, "the StreamReader of the plain connection")
    require("writer", writer, asyncio.StreamWriter, "its StreamWriter")
    require("connection", connection, Connection, "a fresh ClientConnection or ServerConnection")
    loop = asyncio.get_running_loop()
    if (broken := reader.exception()) is not None:
        raise broken
    if writer.is_closing():
        raise ConnectionResetError("the connection was closed before TLS began")
    protected = TLSStreamReader(limit=limit, loop=loop)
    protocol = TLSStreamProtocol(protected, loop=loop)
    transport = TLSTransport(
        connection,
        lambda: protocol,
        answers=answers,
        handshake_timeout=handshake_timeout,
        close_timeout=close_timeout,
    )
    raw = writer.transport
    transport.gone.add_done_callback(functools.partial(_release, raw.get_protocol(), writer))
    ended = reader.at_eof()
    raw.set_protocol(transport)
    reader.feed_eof()
    early = await reader.read()  # returns what it holds at once, because its end was fed
    transport.connection_made(raw)
    if early:
        transport.data_received(early)
    if ended:
        transport.eof_received()
    await application_of(transport)
    return protected, TLSStreamWriter(transport, protocol, protected, loop)


def _release(plain: asyncio.BaseProtocol, writer: asyncio.StreamWriter, _: object) -> None:
    """End the plain protocol when the TCP connection is gone. `writer` is an argument so that it lives until then: a
    StreamWriter that is collected closes its transport."""
    plain.connection_lost(None)
