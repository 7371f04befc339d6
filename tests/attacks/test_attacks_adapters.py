"""Attacks on the seam between plaintext and TLS, over real sockets: what STARTTLS has got wrong since 2011."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

import pytest

import tls12.asyncio
from tests.attacks.weakening import DATA_ONLY_BEHIND_A_HANDSHAKE, VICTIM, assert_defended, computing, removed
from tests.ends import Ours, our_client
from tests.ends.loopback import PATIENCE, in_thread, server_config, tcp_pair
from tests.providers import Indirect, WithoutShortcuts
from tls12 import DataReceived, ServerConnection, TLSError, sync
from tls12.connection import Connection
from tls12.driver import Driver
from tls12.errors import BadRecordMac
from tls12.events import Negotiated
from tls12.handshake.grammar import State
from tls12.wire.records import Buffer

INJECTED = b"MAIL FROM:<mallory@evil.test>\r\n"
HONEST = b"QUIT\r\n"
IN_A_RECORD = b"\x17\x03\x03" + len(INJECTED).to_bytes(2, "big") + INJECTED
"""As application data, in the clear: before there are keys, a record needs none."""


class Injection(NamedTuple):
    """What the attacker adds to what the victim sends."""

    behind_hello: bytes = b""
    behind_finished: bytes = b""


async def talk(
    victim: Ours, added: Injection, read: Callable[[], Awaitable[bytes]], write: Callable[[bytes], Awaitable[None]]
) -> None:
    """The victim's handshake, with what is added to it; then its honest command."""
    victim.start()
    await write(victim.take() + added.behind_hello)
    while not victim.completed and victim.error is None:
        victim.receive(await read())
        if waiting := victim.take():
            await write(waiting + added.behind_finished)
    if victim.completed:
        victim.send(HONEST)
        victim.close()
        await write(victim.take())


def over_sync(added: Injection) -> bytes:
    """What an application reads that serves with tls12.sync."""
    ours, theirs = tcp_pair()

    def serve() -> bytes:
        with sync.wrap(theirs, ServerConnection(server_config(crypto=VICTIM.crypto))) as tls:
            return b"".join(iter(lambda: tls.recv(100), b""))

    async def read() -> bytes:
        return ours.recv(65536)

    async def write(data: bytes) -> None:
        ours.sendall(data)

    with ours, theirs, in_thread(serve) as served:
        try:
            asyncio.run(talk(our_client(), added, read, write))
            ours.shutdown(socket.SHUT_WR)
            return served.result(PATIENCE)
        except (TLSError, OSError):  # the refusal, as the server sees it or as the client does
            return b""


def over_asyncio(added: Injection) -> bytes:
    """What an application reads that serves with tls12.asyncio."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            heard.append(data)
        writer.close()

    async def main() -> None:
        async with await tls12.asyncio.start_server(
            serve, "127.0.0.1", 0, config=server_config(crypto=VICTIM.crypto)
        ) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())

            async def write(data: bytes) -> None:
                writer.write(data)
                await writer.drain()

            with suppress(ConnectionError):  # the refusal, where the client was still writing
                await talk(our_client(), added, lambda: reader.read(65536), write)
                await reader.read()  # to the end, when the application has read all
                writer.close()
                await writer.wait_closed()

    asyncio.run(main())
    return b"".join(heard)


def keep_what_came_before(self: Driver, negotiated: Negotiated) -> None:
    """A driver that does not drop what arrived before the handshake was complete."""
    self.is_established = True
    self.time_bound = None


DROPS_WHAT_CAME_BEFORE = removed(Driver, "_handshake_completed", keep_what_came_before)
ADAPTERS = {"sync": over_sync, "asyncio": over_asyncio}


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_injected_plaintext_records(adapter: str) -> None:
    """A record in the clear that an attacker adds after the ClientHello does not count as data of the client."""
    over = ADAPTERS[adapter]
    assert over(Injection()) == HONEST
    assert_defended(
        lambda: over(Injection(behind_hello=IN_A_RECORD)) == INJECTED + HONEST,
        DATA_ONLY_BEHIND_A_HANDSHAKE,
        DROPS_WHAT_CAME_BEFORE,
    )


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_injected_records_behind_the_handshake(adapter: str) -> None:
    """Nor does one that comes in one packet with the Finished, before the first protected data."""

    class OpenedOrTaken(Indirect):
        taken = 0

        def open(self, sequence: int, kind: int, body: Buffer) -> bytes:
            try:
                return super().open(sequence - self.taken, kind, body)
            except BadRecordMac:
                self.taken += 1  # an injected record has no number
                return bytes(body)

    assert_defended(
        lambda: ADAPTERS[adapter](Injection(behind_finished=IN_A_RECORD)) == INJECTED + HONEST,
        computing(WithoutShortcuts(OpenedOrTaken)),
    )


def test_injected_commands_before_starttls() -> None:
    """A command that arrives in one packet with STARTTLS is plaintext, and must not count as received by TLS."""

    def attack() -> bool:
        ours, theirs = tcp_pair()

        def serve() -> bytes:
            """A mail server that reads ahead, and hands what it has read ahead to TLS, as it should."""
            _, _, ahead = theirs.recv(65536).partition(b"STARTTLS\r\n")
            connection = ServerConnection(server_config(crypto=VICTIM.crypto))
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
                asyncio.run(talk(our_client(), Injection(), read, write))
                ours.shutdown(socket.SHUT_WR)
                return served.result(PATIENCE) == INJECTED + HONEST
            except (TLSError, OSError):
                return False

    honest = Connection.receive_data

    def keep_for_later(self: Connection, data: bytes) -> None:
        """One buffer for both protocols, as in Postfix before 2011."""
        if self._core.handshakes.conversation.state is State.START and data[:1] == INJECTED[:1]:
            self._core.events.append(DataReceived(bytes(data)))
        else:
            honest(self, data)

    assert_defended(attack, removed(Connection, "receive_data", keep_for_later), DROPS_WHAT_CAME_BEFORE)
