"""tls12.asyncio on uvloop, whose transports differ from asyncio's: not derived from them, and writing later."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

import tls12.asyncio
from tests import pki
from tests.adapters.streams import both_ends, closed, echo, opened, serving, transport_of
from tests.ends import loopback
from tests.ends.loopback import PATIENCE, client_config, listening
from tls12 import Alert, ClientConnection, PeerAlert, ServerConnection
from tls12.errors import BadRecordMac, NameMismatch
from tls12.registry import ContentType

uvloop = pytest.importorskip("uvloop")

LONG = bytes(range(256)) * 4096
"""1 MiB."""


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine on uvloop."""

    async def bounded() -> None:
        async with asyncio.timeout(3 * PATIENCE):
            await main

    uvloop.run(bounded())


def test_both_roles_talk_and_flow_control_holds() -> None:
    async def main() -> None:
        async with serving() as port:
            reader, writer = await opened(port)

            async def send() -> None:
                for _ in range(8):
                    writer.write(LONG)
                    await writer.drain()

            sending = asyncio.create_task(send())
            assert await reader.readexactly(8 * len(LONG)) == 8 * LONG
            await sending
            await closed(writer)

    run(main())


def test_openssl_is_told_why_before_the_handshake_fails() -> None:
    def serve(sock: Any) -> str:
        with pytest.raises(OSError) as refused, loopback.openssl_server().wrap_socket(sock, server_side=True):
            pass
        return str(getattr(refused.value, "reason", refused.value))

    async def main() -> None:
        with listening(serve) as (port, complaint):
            with pytest.raises(NameMismatch):
                await tls12.asyncio.open_connection("127.0.0.1", port, config=client_config(), server_name="other.test")
            assert await asyncio.to_thread(complaint.result) == "SSLV3_ALERT_BAD_CERTIFICATE"

    run(main())


def test_an_established_connection_that_fails_says_so_on_both_sides() -> None:
    async def main() -> None:
        async with both_ends() as ((reader, _), (their_reader, theirs)):
            theirs.write(b"before")
            transport_of(theirs)._raw.write(bytes((ContentType.APPLICATION_DATA, 3, 3, 0, 32)) + bytes(32))
            assert await reader.readexactly(6) == b"before"
            with pytest.raises(BadRecordMac):
                await reader.read()
            with pytest.raises(PeerAlert) as told:
                await their_reader.read()
            assert told.value.received is Alert.BAD_RECORD_MAC

    run(main())


def test_a_closed_connection_ends_cleanly_on_both_sides() -> None:
    async def main() -> None:
        async with both_ends() as ((reader, writer), (their_reader, theirs)):
            writer.write(b"last words")
            await closed(writer)
            assert await their_reader.read() == b"last words"
            await closed(theirs)
            assert await reader.read() == b""

    run(main())


class Slow(asyncio.BufferedProtocol):
    """A protocol with a small buffer that pauses for a turn of the loop each time that it is full."""

    def __init__(self) -> None:
        self.buffer = bytearray(1000)
        self.data = bytearray()
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.transport: Any = None

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data += self.buffer[:nbytes]
        if nbytes == len(self.buffer) and self.transport.is_reading():
            self.transport.pause_reading()
            asyncio.get_running_loop().call_soon(self.transport.resume_reading)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


def test_tls_begins_on_a_plain_transport_for_a_buffered_protocol() -> None:
    async def upgrading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await echo(*await tls12.asyncio.wrap(reader, writer, ServerConnection(loopback.server_config())))

    async def main() -> None:
        server = await asyncio.start_server(upgrading, "127.0.0.1", 0)
        async with server:
            loop = asyncio.get_running_loop()
            plain, protocol = await loop.create_connection(Slow, *server.sockets[0].getsockname())
            connection = ClientConnection(client_config(), pki.NAME)
            protocol.transport = await tls12.asyncio.start_tls(plain, protocol, connection)
            protocol.transport.write(LONG)
            while len(protocol.data) < len(LONG):
                await asyncio.sleep(0)
            assert protocol.data == LONG
            protocol.transport.close()
            assert await protocol.lost is None

    run(main())


def test_what_frameworks_ask_is_answered() -> None:
    async def main() -> None:
        async with both_ends() as ((_, ours), (_, theirs)):
            assert ours.get_extra_info("ssl_object").version() == "TLSv1.2"
            assert ours.get_extra_info("peercert")["subject"]
            assert theirs.get_extra_info("sslcontext")

    run(main())
