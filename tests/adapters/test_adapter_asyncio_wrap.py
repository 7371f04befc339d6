"""tls12.asyncio.wrap: a plain connection goes over to TLS, as with STARTTLS, in both roles and on top of TLS itself."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

import tls12.asyncio
from tests import pki
from tests.adapters.streams import Streams, closed, echo, opened, run, serving
from tests.ends import loopback
from tests.ends.loopback import client_config, listening, server_config
from tls12 import ClientConnection, ServerConnection, TruncatedError
from tls12.errors import NameMismatch, NotTLS

LONG = bytes(range(256)) * 4096
"""1 MiB."""

Plain = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def plain_server(handler: Plain) -> AsyncIterator[int]:
    """A server without TLS; gives its port."""
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def as_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str = pki.NAME) -> Streams:
    """Go over to TLS as its client."""
    return await tls12.asyncio.wrap(reader, writer, ClientConnection(client_config(), name))


async def as_server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Streams:
    """Go over to TLS as its server."""
    return await tls12.asyncio.wrap(reader, writer, ServerConnection(server_config()))


async def starttls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that begins without TLS, goes over when asked to, and echoes."""
    writer.write(b"220 ready\r\n")
    assert await reader.readline() == b"STARTTLS\r\n"
    writer.write(b"220 go ahead\r\n")
    await echo(*await as_server(reader, writer))


async def asked_for_tls(port: int) -> Streams:
    """A client that has asked, and was told to go ahead."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await reader.readline() == b"220 ready\r\n"
    writer.write(b"STARTTLS\r\n")
    assert await reader.readline() == b"220 go ahead\r\n"
    return reader, writer


def test_both_ends_go_over_to_tls_and_nothing_of_the_plain_streams_is_needed_any_more() -> None:
    async def main() -> None:
        async with plain_server(starttls) as port:
            reader, writer = await as_client(*await asked_for_tls(port))
            gc.collect()  # a plain writer that is forgotten would close the connection
            assert writer.get_extra_info("negotiated").server_name == pki.NAME
            writer.write(LONG)
            assert await reader.readexactly(len(LONG)) == LONG
            await closed(writer)

    run(main())


def test_openssl_upgrades_against_our_server() -> None:
    def upgrade(port: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port), loopback.PATIENCE) as sock:
            with sock.makefile("rb") as lines:
                lines.readline()
                sock.sendall(b"STARTTLS\r\n")
                lines.readline()
            with loopback.openssl_client().wrap_socket(sock, server_hostname=pki.NAME) as tls:
                tls.sendall(b"over TLS")
                data = tls.recv(100)
                tls.unwrap()
                return data

    async def main() -> None:
        async with plain_server(starttls) as port:
            assert await asyncio.to_thread(upgrade, port) == b"over TLS"

    run(main())


def test_our_client_upgrades_against_openssl() -> None:
    def serve(sock: socket.socket) -> bytes:
        sock.sendall(b"220 ready\r\n")
        assert sock.recv(100) == b"STARTTLS\r\n"
        sock.sendall(b"220 go ahead\r\n")
        return loopback.openssl_reader(sock, b"hello")

    async def main() -> None:
        with listening(serve) as (port, heard):
            reader, writer = await as_client(*await asked_for_tls(port))
            assert await reader.read(100) == b"hello"
            writer.write(b"over TLS")
            await closed(writer)
            assert await asyncio.to_thread(heard.result) == b"over TLS"

    run(main())


def test_commands_sent_ahead_in_the_clear_are_not_taken_for_protected_ones() -> None:
    """What somebody on the way appends to STARTTLS reaches the TLS server, which refuses it; never the application."""
    outcome: list[BaseException] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        with pytest.raises(NotTLS) as refused:
            await as_server(reader, writer)
        outcome.append(refused.value)

    async def main() -> None:
        async with plain_server(handler) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"STARTTLS\r\nDELETE everything\r\n")
            assert await reader.read(1) == b"\x15"  # the alert
            await closed(writer)
        assert len(outcome) == 1

    run(main())


def test_a_client_hello_that_came_with_the_last_command_is_not_lost() -> None:
    async def main() -> None:
        async with plain_server(starttls) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await reader.readline()
            connection = ClientConnection(client_config(), pki.NAME)
            connection.initiate_handshake()
            writer.write(b"STARTTLS\r\n" + connection.data_to_send())
            await reader.readline()
            while connection.negotiated is None:
                connection.receive_data(await reader.read(65536))
                assert connection.error is None
                writer.write(connection.data_to_send())
            await closed(writer)

    run(main())


def test_what_was_written_in_the_clear_goes_out_first() -> None:
    def serve(sock: socket.socket) -> tuple[bytes, bytes]:
        plain = b""
        while len(plain) < len(LONG):
            plain += sock.recv(min(65536, len(LONG) - len(plain)))
        return plain, loopback.openssl_reader(sock)

    async def main() -> None:
        with listening(serve) as (port, heard):
            plain_reader, plain_writer = await asyncio.open_connection("127.0.0.1", port)
            plain_writer.write(LONG)
            _, writer = await as_client(plain_reader, plain_writer)
            writer.write(b"over TLS")
            await closed(writer)
            assert await asyncio.to_thread(heard.result) == (LONG, b"over TLS")
            await plain_writer.wait_closed()  # the plain streams have ended with it

    run(main())


def test_the_alert_is_out_before_the_upgrade_fails() -> None:
    def serve(sock: socket.socket) -> str:
        with pytest.raises(ssl.SSLError) as refused, loopback.openssl_server().wrap_socket(sock, server_side=True):
            pass
        return str(refused.value.reason)

    async def main() -> None:
        with listening(serve) as (port, complaint):
            with pytest.raises(NameMismatch):
                await as_client(*await asyncio.open_connection("127.0.0.1", port), name="other.test")
            assert await asyncio.to_thread(complaint.result) == "SSLV3_ALERT_BAD_CERTIFICATE"

    run(main())


def test_a_connection_that_has_ended_cannot_go_over() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def main() -> None:
        async with plain_server(hang_up) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await reader.read()
            with pytest.raises(TruncatedError):
                await as_client(reader, writer)

            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            with pytest.raises(ConnectionResetError, match="before TLS began"):
                await as_client(reader, writer)
            await writer.wait_closed()

            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            reader.set_exception(BrokenPipeError())
            with pytest.raises(BrokenPipeError):
                await as_client(reader, writer)
            await closed(writer)

    run(main())


def test_a_cancelled_upgrade_closes_the_connection() -> None:
    async def main() -> None:
        with listening(loopback.read_to_end) as (port, heard):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await as_client(*await asyncio.open_connection("127.0.0.1", port))
            assert (await asyncio.to_thread(heard.result)).startswith(b"\x16")

    run(main())


def test_tls_inside_tls() -> None:
    """As through a proxy that is spoken to over TLS."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await echo(*await as_server(reader, writer))

    async def main() -> None:
        async with serving(handler) as port:
            outer_reader, outer_writer = await opened(port)
            reader, writer = await as_client(outer_reader, outer_writer)
            writer.write(LONG)
            assert await reader.readexactly(len(LONG)) == LONG
            await closed(writer)
            await outer_writer.wait_closed()

    run(main())
