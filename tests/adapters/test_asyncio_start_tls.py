"""TLS on transports that stand: our `start_tls` over any of asyncio's, and asyncio's own over ours."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import tls12.asyncio
from tests import pki
from tests.adapters.streams import closed, echo, opened, run, serving
from tests.ends import loopback
from tests.ends.loopback import PATIENCE, client_config, listening, server_config
from tls12 import ClientConnection, PeerAlert, ServerConnection, UsageError
from tls12.errors import NameMismatch

LONG = bytes(range(256)) * 4096
"""1 MiB."""


class Collecting(asyncio.Protocol):
    """A protocol that keeps what it is told."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.made = 0
        self.enough = asyncio.Event()
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.made += 1

    def data_received(self, data: bytes) -> None:
        self.data += data
        if len(self.data) >= len(LONG):
            self.enough.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


async def upgrading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server's handler: begin TLS on what stands, and echo."""
    try:
        streams = await tls12.asyncio.wrap(reader, writer, ServerConnection(server_config()))
    except (PeerAlert, OSError):
        return
    await echo(*streams)


@asynccontextmanager
async def plain(handler: Any) -> AsyncIterator[int]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def over_ssl(handler: Any) -> AsyncIterator[int]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0, ssl=loopback.openssl_server())
    async with server:
        yield server.sockets[0].getsockname()[1]


async def plain_transport(port: int) -> tuple[asyncio.Transport, Collecting]:
    return await asyncio.get_running_loop().create_connection(Collecting, "127.0.0.1", port)


async def ssl_transport(port: int) -> tuple[asyncio.Transport, Collecting]:
    return await asyncio.get_running_loop().create_connection(
        Collecting, "127.0.0.1", port, ssl=loopback.openssl_client(), server_hostname=pki.NAME
    )


async def our_transport(port: int) -> tuple[asyncio.Transport, Any]:
    return await tls12.asyncio.create_connection(
        Collecting, "127.0.0.1", port, config=client_config(), server_name=pki.NAME
    )


@pytest.mark.parametrize(
    ("server", "connect"),
    [
        pytest.param(plain, plain_transport, id="a TCP connection"),
        pytest.param(over_ssl, ssl_transport, id="TLS of asyncio"),
        pytest.param(serving, our_transport, id="our TLS"),
    ],
)
def test_tls_begins_on_any_transport_that_stands(server: Any, connect: Any) -> None:
    async def main() -> None:
        async with server(upgrading) as port:
            transport, protocol = await connect(port)
            transport.pause_reading()  # as a protocol does that expects TLS to begin
            connection = ClientConnection(client_config(), pki.NAME)
            upgraded = await tls12.asyncio.start_tls(transport, protocol, connection)
            assert upgraded.get_protocol() is protocol
            assert upgraded.get_extra_info("negotiated").server_name == pki.NAME
            upgraded.write(LONG)
            await protocol.enough.wait()
            assert protocol.data == LONG
            upgraded.close()
            assert await protocol.lost is None
            assert protocol.made == 1

    run(main())


def test_without_a_handshake_the_caller_is_told_and_so_is_the_protocol() -> None:
    async def main() -> None:
        async with plain(upgrading) as port:
            transport, protocol = await plain_transport(port)
            with pytest.raises(NameMismatch):
                await tls12.asyncio.start_tls(transport, protocol, ClientConnection(client_config(), "other.example"))
            assert isinstance(await protocol.lost, NameMismatch)
            assert transport.is_closing()

    run(main())


def test_a_cancelled_start_closes_the_connection_and_tells_the_protocol() -> None:
    async def main() -> None:
        with listening(loopback.read_to_end) as (port, heard):
            transport, protocol = await plain_transport(port)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await tls12.asyncio.start_tls(transport, protocol, ClientConnection(client_config(), pki.NAME))
            assert await protocol.lost is None
            assert (await asyncio.to_thread(heard.result, PATIENCE)).startswith(b"\x16")

    run(main())


def test_a_transport_that_is_closing_and_what_is_none_are_refused() -> None:
    async def main() -> None:
        connection = ClientConnection(client_config(), pki.NAME)
        async with plain(echo) as port:
            transport, protocol = await plain_transport(port)
            wrong: Any = protocol
            with pytest.raises(UsageError, match="transport is a Collecting"):
                await tls12.asyncio.start_tls(wrong, protocol, connection)
            wrong = transport
            with pytest.raises(UsageError, match="protocol is a _SelectorSocketTransport"):
                await tls12.asyncio.start_tls(transport, wrong, connection)
            transport.close()
            with pytest.raises(ConnectionResetError, match="before TLS began"):
                await tls12.asyncio.start_tls(transport, protocol, connection)
            await protocol.lost

    run(main())


async def asyncios_own(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server's handler: asyncio's own TLS, with CPython's ssl, inside what stands; then echo."""
    await writer.start_tls(loopback.openssl_server())
    await echo(reader, writer)


def test_asyncios_own_start_tls_runs_inside_our_tls() -> None:
    async def main() -> None:
        async with serving(asyncios_own) as port:
            reader, writer = await opened(port)
            await writer.start_tls(loopback.openssl_client(), server_hostname=pki.NAME)
            inner = writer.get_extra_info("ssl_object")
            assert isinstance(inner, ssl.SSLObject)
            assert inner.version() == "TLSv1.2"
            assert writer.get_extra_info("negotiated").server_name == pki.NAME  # of our TLS around it
            writer.write(LONG)
            await writer.drain()
            assert await reader.readexactly(len(LONG)) == LONG
            await closed(writer)

    run(main())


def test_a_handshake_of_asyncios_own_that_fails_inside_ends_ours_too() -> None:
    """Its `_force_close` is the one method of a transport that asyncio's TLS calls and its documentation lacks."""
    failed: list[BaseException] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await writer.start_tls(loopback.openssl_server())
        except OSError as error:
            failed.append(error)

    async def main() -> None:
        async with serving(handler) as port:
            _, writer = await opened(port)
            outer: Any = writer.transport
            with pytest.raises(ssl.SSLCertVerificationError):
                await writer.start_tls(loopback.openssl_client(), server_hostname="other.example")
            await asyncio.wait_for(asyncio.shield(outer.gone), PATIENCE)

    run(main())
    assert len(failed) == 1


class Buffered(asyncio.BufferedProtocol):
    """An application's protocol that gives a buffer of some bytes, and keeps what was put in."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.buffer = bytearray(size)
        self.data = bytearray()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data += self.buffer[:nbytes]

    def eof_received(self) -> None:
        self.ended.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


@pytest.mark.parametrize("size", [999, 2**16])
def test_a_buffered_protocol_gets_every_byte_and_the_end(size: int) -> None:
    async def main() -> None:
        arrived: asyncio.Future[Buffered] = asyncio.get_running_loop().create_future()

        def made() -> Buffered:
            arrived.set_result(protocol := Buffered(size))
            return protocol

        server = await tls12.asyncio.create_server(made, "127.0.0.1", 0, config=server_config())
        async with server:
            _, writer = await opened(server.sockets[0].getsockname()[1])
            writer.write(LONG)
            await closed(writer)
            protocol = await arrived
            await protocol.ended
            assert protocol.data == LONG
            assert await protocol.lost is None

    run(main())


def test_a_buffered_protocol_may_pause_and_take_over_from_another() -> None:
    async def main() -> None:
        async with serving() as port:
            transport, first = await our_transport(port)
            transport.pause_reading()
            transport.write(LONG)
            protocol = Buffered(100_000)
            transport.set_protocol(protocol)
            assert transport.get_protocol() is protocol
            transport.resume_reading()
            while len(protocol.data) < len(LONG):
                await asyncio.sleep(0)
            assert protocol.data == LONG
            assert not first.data
            transport.close()
            assert await protocol.lost is None

    run(main())


def test_a_buffered_protocol_without_a_buffer_ends_its_own_connection_with_an_alert() -> None:
    async def main() -> None:
        server = await tls12.asyncio.create_server(lambda: Buffered(0), "127.0.0.1", 0, config=server_config())
        async with server:
            reader, writer = await opened(server.sockets[0].getsockname()[1])
            writer.write(b"something")
            with pytest.raises(PeerAlert, match="internal_error"):
                await reader.read()
            writer.close()

    run(main())
