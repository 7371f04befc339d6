"""Attacks on the seam between plaintext and TLS, over real sockets: what STARTTLS has got wrong since 2011."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest
from harness import Ours, our_client
from loopback import PATIENCE, in_thread, server_config, tcp_pair
from weakening import Defence, assert_defended, removed

import tls12.asyncio
from tls12 import DataReceived, ServerConnection, TLSError, sync
from tls12.asyncio import TLSTransport
from tls12.connection import Connection
from tls12.handshake.grammar import Conversation, State

INJECTED = b"MAIL FROM:<mallory@evil.test>\r\n"
HONEST = b"QUIT\r\n"
IN_A_RECORD = b"\x17\x03\x03" + len(INJECTED).to_bytes(2, "big") + INJECTED
"""As application data, in the clear: before there are keys, a record needs none."""


async def talk(
    victim: Ours, first: bytes, read: Callable[[], Awaitable[bytes]], write: Callable[[bytes], Awaitable[None]]
) -> None:
    """The victim's connection, with `first` behind the first thing that it says; then its honest command."""
    victim.start()
    await write(victim.take() + first)
    while not victim.completed and victim.error is None:
        victim.receive(await read())
        if waiting := victim.take():
            await write(waiting)
    if victim.completed:
        victim.send(HONEST)
        victim.close()
        await write(victim.take())


def over_sync(first: bytes) -> bytes:
    """What an application reads that serves with tls12.sync."""
    ours, theirs = tcp_pair()

    def serve() -> bytes:
        with sync.wrap(theirs, ServerConnection(server_config())) as tls:
            return b"".join(iter(lambda: tls.recv(100), b""))

    async def read() -> bytes:
        return ours.recv(65536)

    async def write(data: bytes) -> None:
        ours.sendall(data)

    with ours, theirs, in_thread(serve) as served:
        try:
            asyncio.run(talk(our_client(), first, read, write))
            ours.shutdown(socket.SHUT_WR)
            return served.result(PATIENCE)
        except (TLSError, OSError):  # the refusal, as the server sees it or as the client does
            return b""


def over_asyncio(first: bytes) -> bytes:
    """What an application reads that serves with tls12.asyncio."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            heard.append(data)
        writer.close()

    async def main() -> None:
        async with await tls12.asyncio.start_server(serve, "127.0.0.1", 0, config=server_config()) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())

            async def write(data: bytes) -> None:
                writer.write(data)
                await writer.drain()

            await talk(our_client(), first, lambda: reader.read(65536), write)
            await reader.read()  # to the end, when the application has read all
            writer.close()
            await writer.wait_closed()

    asyncio.run(main())
    return b"".join(heard)


def digest_all(self: TLSTransport) -> None:
    """An adapter that keeps data from before the handshake until there is somebody to give it to."""
    for event in self._connection.events():
        if isinstance(event, DataReceived):
            self._held.append(event.data)
        else:
            self._note(event)
    self._deliver_held()
    self.flush()


DATA_AT_ANY_TIME = removed(Conversation, "data_allowed", lambda self: True)


@pytest.mark.parametrize(
    ("adapter", "defences"),
    [(over_sync, [DATA_AT_ANY_TIME]), (over_asyncio, [DATA_AT_ANY_TIME, removed(TLSTransport, "_digest", digest_all)])],
    ids=["sync", "asyncio"],
)
def test_injected_plaintext_records(adapter: Callable[[bytes], bytes], defences: list[Defence]) -> None:
    """A record in the clear, slipped in behind the ClientHello, is not what the client said under TLS."""
    assert adapter(b"") == HONEST
    assert_defended(lambda: adapter(IN_A_RECORD) == INJECTED + HONEST, *defences)


def test_injected_commands_before_starttls() -> None:
    """A command that arrives with STARTTLS in one packet is plaintext, and does not become TLS by waiting."""

    def attack() -> bool:
        ours, theirs = tcp_pair()

        def serve() -> bytes:
            """A mail server that reads ahead, and hands what it has read ahead to TLS, as it should."""
            _, _, ahead = theirs.recv(65536).partition(b"STARTTLS\r\n")
            connection = ServerConnection(server_config())
            connection.receive_data(ahead)
            theirs.sendall(b"220 go ahead\r\n")
            with sync.wrap(theirs, connection) as tls:
                return b"".join(iter(lambda: tls.recv(100), b""))

        async def read() -> bytes:
            return ours.recv(65536)

        async def write(data: bytes) -> None:
            ours.sendall(data)

        with ours, theirs, in_thread(serve) as served:
            ours.sendall(b"STARTTLS\r\n" + INJECTED)
            assert ours.recv(65536).startswith(b"220 go ahead\r\n")
            try:
                asyncio.run(talk(our_client(), b"", read, write))
                ours.shutdown(socket.SHUT_WR)
                return served.result(PATIENCE) == INJECTED + HONEST
            except (TLSError, OSError):
                return False

    honest = Connection.receive_data

    def keep_for_later(self: Connection, data: bytes) -> None:
        """One buffer for both protocols, as in Postfix before 2011."""
        if self._conversation.state is State.START and data[:1] == INJECTED[:1]:
            self._events.append(DataReceived(bytes(data)))
        else:
            honest(self, data)

    assert_defended(attack, removed(Connection, "receive_data", keep_for_later))
