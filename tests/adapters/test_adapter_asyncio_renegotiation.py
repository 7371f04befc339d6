"""A renegotiation under tls12.asyncio: its peer may stall it, but neither makes us hold much nor wait for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests import pki
from tests.adapters.streams import run, serving, transport_of
from tests.ends.loopback import PATIENCE, client_config, server_config
from tls12 import (
    Alert,
    ClientConnection,
    ConnectionClosed,
    ConnectionFailed,
    DataReceived,
    Event,
    HandshakeCompleted,
    Limits,
    PeerAlert,
    Policy,
    Renegotiation,
)
from tls12.asyncio import TLSTransport

ALLOW = {"policy": Policy.default().replace(renegotiation=Renegotiation.ALLOW)}


class Peer:
    """A client over a plain connection, which goes on with a renegotiation when it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.connection = ClientConnection(client_config(**ALLOW), pki.NAME)
        self.events: list[Event] = []

    async def until(self, kind: type, count: int = 1) -> None:
        """Talk until as many of these events have come."""
        while sum(isinstance(event, kind) for event in self.events) < count:
            self.send()
            assert not self.connection.closed, self.connection.error
            self.connection.receive_data(await asyncio.wait_for(self.reader.read(65536), PATIENCE))
            self.events += self.connection.events()
        self.send()

    def send(self) -> None:
        self.writer.write(bytes(self.connection.data_to_send()))

    @property
    def data(self) -> bytes:
        return b"".join(event.data for event in self.events if isinstance(event, DataReceived))


@asynccontextmanager
async def stalled(
    **options: Any,
) -> AsyncIterator[tuple[Peer, asyncio.StreamWriter, asyncio.Future[BaseException | None]]]:
    """A client in the middle of a renegotiation, the writer of our server, and what ends its reader."""
    ready: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()
    ended: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(2) == b"go"
        connection = transport_of(writer).get_extra_info("connection")
        while not connection.renegotiating:
            await asyncio.sleep(0.005)
        ready.set_result(writer)
        try:
            await reader.read()
            ended.set_result(None)
        except Exception as error:
            ended.set_result(error)

    async with serving(handler, config=server_config(**ALLOW), **options) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        peer = Peer(reader, writer)
        peer.connection.initiate_handshake()
        await peer.until(HandshakeCompleted)
        peer.connection.send_data(b"go")
        peer.connection.renegotiate()
        peer.send()
        try:
            yield peer, await asyncio.wait_for(ready, PATIENCE), ended
        finally:
            writer.close()


def test_a_writer_waits_for_the_renegotiation_that_its_peer_stalls_and_then_nothing_is_lost() -> None:
    async def main() -> None:
        async with stalled() as (peer, writer, _):
            transport = transport_of(writer)
            before = transport.get_write_buffer_size()
            written = 0
            while written <= transport.get_write_buffer_limits()[1]:
                writer.write(bytes(32_768))
                written += 32_768
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(writer.drain(), 0.1)
            assert transport.get_write_buffer_size() == before + written
            await peer.until(HandshakeCompleted, 2)
            await asyncio.wait_for(writer.drain(), PATIENCE)
            writer.close()
            await peer.until(ConnectionClosed)
            assert peer.data == bytes(written)

    run(main())


def test_a_renegotiation_has_the_same_time_out_as_the_first_handshake() -> None:
    async def main() -> None:
        async with stalled(handshake_timeout=0.3) as (peer, writer, ended):
            writer.write(b"held")
            error = await asyncio.wait_for(ended, PATIENCE)
            assert isinstance(error, TimeoutError)
            assert "the renegotiation was not complete within 0.3 s" in str(error)
            await peer.until(ConnectionFailed)
            (*_, failed) = peer.events
            assert isinstance(failed, ConnectionFailed)
            assert isinstance(failed.error, PeerAlert)
            assert failed.error.received is Alert.USER_CANCELED

    run(main())


def test_a_renegotiation_that_ends_in_time_stops_the_clock() -> None:
    async def main() -> None:
        async with stalled(handshake_timeout=0.5) as (peer, writer, ended):
            await peer.until(HandshakeCompleted, 2)
            await asyncio.sleep(0.7)
            assert not ended.done()
            writer.write(b"still here")
            await peer.until(DataReceived)
            assert peer.data == b"still here"

    run(main())


def test_what_was_written_before_a_close_in_a_renegotiation_still_goes_out() -> None:
    async def main() -> None:
        async with stalled() as (peer, writer, _):
            writer.write(b"held" * 1000)
            writer.close()
            assert writer.is_closing()
            writer.write(b"dropped")
            writer.writelines([b"dropped"])
            writer.close()
            await asyncio.sleep(0.05)
            await peer.until(ConnectionClosed)
            assert peer.data == b"held" * 1000

    run(main())


def test_a_close_does_not_wait_for_ever_for_a_renegotiation() -> None:
    async def main() -> None:
        async with stalled(close_timeout=0.2) as (_, writer, _):
            writer.write(b"held")
            writer.close()
            with pytest.raises(TimeoutError, match=r"0\.2 s"):
                await asyncio.wait_for(writer.wait_closed(), PATIENCE)

    run(main())


def test_without_a_time_out_a_renegotiation_may_take_its_time() -> None:
    async def main() -> None:
        async with stalled(handshake_timeout=None) as (peer, writer, _):
            writer.write(b"held")
            transport = transport_of(writer)
            assert isinstance(transport, TLSTransport)
            assert transport._timer is None
            await peer.until(DataReceived)
            assert peer.data == b"held"

    run(main())


def test_who_writes_without_draining_ends_at_limits_held() -> None:
    async def main() -> None:
        async with stalled() as (_, writer, ended):
            limit = Limits().held
            for _ in range(limit // 65_536 + 2):
                writer.write(bytes(65_536))
            error = await asyncio.wait_for(ended, PATIENCE)
            assert "Limits.held" in str(error)

    run(main())
