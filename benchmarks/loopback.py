"""Through event loop and sockets: `tls12.asyncio` beside asyncio's own TLS and beside plain TCP, on loopback.

How it works: a `Contender` knows how to serve and to connect. `Loopback` runs an event loop with one server and one
client connection in it, and gives the three things that are measured, each as one call: requests one after another, a
long transfer one way, and whole connections with one request each. Client and server share one thread and one loop,
so every call costs both ends. Plain TCP shows what asyncio and the kernel take; the rest is TLS.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import tls12.asyncio
from benchmarks.peers import NAME, material
from tls12 import AcceptAnyPeer, CipherSuite, ClientConfig, Credential, Policy, ServerConfig

T = TypeVar("T")

SUITE = "ECDHE-ECDSA-AES128-GCM-SHA256"
REQUEST, ANSWER = bytes(64), bytes(1024)
REQUESTS = 100
CONNECTIONS = 5
BULK = 16 << 20
PIECE = 256 << 10


@dataclass(frozen=True)
class Contender:
    """A way to serve and to connect: keywords for asyncio's functions, or for ours."""

    name: str
    start_server: Callable[..., Any]
    open_connection: Callable[..., Any]
    server: dict[str, Any]
    client: dict[str, Any]


def ours() -> Contender:
    """tls12.asyncio."""
    issued = material("ecdsa-p256").issued
    policy = Policy.default().replace(cipher_suites=(CipherSuite.from_openssl(SUITE),))
    credential = Credential.from_objects(issued.certificates, issued.private_key)
    return Contender(
        "tls12",
        tls12.asyncio.start_server,
        tls12.asyncio.open_connection,
        {"config": ServerConfig(credentials=(credential,), policy=policy)},
        {"config": ClientConfig(verifier=AcceptAnyPeer(), policy=policy), "server_name": NAME},
    )


def stdlib() -> Contender:
    """asyncio with CPython's ssl."""
    files = material("ecdsa-p256")
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.load_cert_chain(files.chain_file, files.key_file)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    for context in (server, client):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(SUITE)
    return Contender(
        "ssl",
        asyncio.start_server,
        asyncio.open_connection,
        {"ssl": server},
        {"ssl": client, "server_hostname": NAME},
    )


def plain() -> Contender:
    """asyncio without TLS."""
    return Contender("plain TCP", asyncio.start_server, asyncio.open_connection, {}, {})


CONTENDERS = (ours, stdlib, plain)


class Loopback:
    """An event loop, a server in it, and a client that is connected; `close` ends all three."""

    def __init__(self, contender: Contender) -> None:
        self._contender = contender
        self._runner = asyncio.Runner()
        self._server: asyncio.Server = self._run(
            contender.start_server(self._serve, "127.0.0.1", 0, **contender.server)
        )
        self._port = self._server.sockets[0].getsockname()[1]
        self._reader, self._writer = self._run(self._connect())

    def requests(self) -> None:
        """`REQUESTS` of 64 bytes, each with an answer of 1 KiB, one after another on one connection."""
        self._run(self._requests())

    def bulk(self) -> None:
        """`BULK` bytes from client to server, in pieces of `PIECE`."""
        self._run(self._bulk())

    def connections(self) -> None:
        """`CONNECTIONS` with a full handshake, one request and a close, one after another."""
        self._run(self._connections())

    def close(self) -> None:
        """End what runs in the loop, and the loop."""
        self._run(self._finish())
        self._runner.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests; a first byte of 1 announces a long transfer instead."""
        try:
            while True:
                request = await reader.readexactly(len(REQUEST))
                if request[0]:
                    left = BULK
                    while left:
                        left -= len(await reader.read(min(left, PIECE)))
                writer.write(ANSWER)
        except asyncio.IncompleteReadError:
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        connected: tuple[asyncio.StreamReader, asyncio.StreamWriter] = await self._contender.open_connection(
            "127.0.0.1", self._port, **self._contender.client
        )
        return connected

    async def _requests(self) -> None:
        for _ in range(REQUESTS):
            self._writer.write(REQUEST)
            await self._reader.readexactly(len(ANSWER))

    async def _bulk(self) -> None:
        self._writer.write(b"\1" + REQUEST[1:])
        piece = bytes(PIECE)
        for _ in range(BULK // PIECE):
            self._writer.write(piece)
            await self._writer.drain()
        await self._reader.readexactly(len(ANSWER))

    async def _connections(self) -> None:
        for _ in range(CONNECTIONS):
            reader, writer = await self._connect()
            writer.write(REQUEST)
            await reader.readexactly(len(ANSWER))
            writer.close()
            await writer.wait_closed()

    async def _finish(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()
        self._server.close()
        await asyncio.sleep(0.05)
