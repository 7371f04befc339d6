"""What tests of `tls12.asyncio` share: a loop that is watched, our server and client, both ends of a connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import tls12.asyncio
from tests import pki
from tests.ends.loopback import PATIENCE, client_config, server_config
from tls12.asyncio import TLSTransport

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine; whatever the loop's exception handler hears fails the test."""

    async def watched() -> None:
        heard: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
        async with asyncio.timeout(3 * PATIENCE):
            await main
        assert heard == [], heard

    asyncio.run(watched())


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send everything back until the end."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def serving(handler: Any = echo, config: Any = None, **options: Any) -> AsyncIterator[int]:
    """Our server; gives its port."""
    server = await tls12.asyncio.start_server(handler, "127.0.0.1", 0, config=config or server_config(), **options)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def opened(port: int, config: Any = None, **options: Any) -> Streams:
    """Our client."""
    return await tls12.asyncio.open_connection(
        "127.0.0.1", port, config=config or client_config(), server_name=pki.NAME, **options
    )


async def closed(writer: asyncio.StreamWriter) -> None:
    """Close and wait."""
    writer.close()
    await writer.wait_closed()


@asynccontextmanager
async def both_ends(client: Any = None, server: Any = None, **options: Any) -> AsyncIterator[tuple[Streams, Streams]]:
    """The streams of two ends that have completed their handshake with each other."""
    arrived: asyncio.Future[Streams] = asyncio.get_running_loop().create_future()
    done = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set_result((reader, writer))
        await done.wait()

    async with serving(handler, server) as port:
        ours = await opened(port, client, **options)
        theirs = await arrived
        try:
            yield ours, theirs
        finally:
            for _, writer in (ours, theirs):
                writer.close()
            done.set()
            for _, writer in (ours, theirs):
                try:
                    await writer.wait_closed()
                except (tls12.TLSError, OSError):
                    pass


def transport_of(writer: asyncio.StreamWriter) -> TLSTransport:
    """The transport under a writer."""
    transport = writer.transport
    assert isinstance(transport, TLSTransport)
    return transport
