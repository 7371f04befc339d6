"""Through event loop and sockets: `tls12.asyncio` beside asyncio's own TLS and beside plain TCP, on loopback.

`pytest benchmarks/test_asyncio.py --benchmark-group-by=group`. Client and server share one thread and one loop, so
a request costs both ends. Plain TCP shows what asyncio and the kernel take; the rest is TLS. Nothing here asserts
a time.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

import tls12.asyncio
from benchmarks.peers import NAME, material
from benchmarks.questions import GCM
from tls12 import AcceptAnyPeer, CipherSuite, ClientConfig, Credential, Policy, ServerConfig

REQUESTS = 200
CONNECTIONS = 10
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
    issued = material("ecdsa-p256").issued
    policy = Policy.default().replace(cipher_suites=(CipherSuite.from_openssl(GCM),))
    credential = Credential.from_objects(issued.certificates, issued.private_key)
    return Contender(
        "tls12",
        tls12.asyncio.start_server,
        tls12.asyncio.open_connection,
        {"config": ServerConfig(credentials=(credential,), policy=policy)},
        {"config": ClientConfig(verifier=AcceptAnyPeer(), policy=policy), "server_name": NAME},
    )


def stdlib() -> Contender:
    files = material("ecdsa-p256")
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.load_cert_chain(files.chain_file, files.key_file)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    for context in (server, client):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(GCM)
    return Contender(
        "asyncio ssl",
        asyncio.start_server,
        asyncio.open_connection,
        {"ssl": server},
        {"ssl": client, "server_hostname": NAME},
    )


def plain() -> Contender:
    return Contender("plain TCP", asyncio.start_server, asyncio.open_connection, {}, {})


@pytest.fixture(params=[ours, stdlib, plain], ids=["tls12", "asyncio-ssl", "plain-tcp"])
def contender(request: pytest.FixtureRequest) -> Contender:
    return request.param()


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    with asyncio.Runner() as runner:
        yield runner.get_loop()


async def serve(contender: Contender, handler: Any) -> tuple[asyncio.Server, int]:
    server = await contender.start_server(handler, "127.0.0.1", 0, **contender.server)
    return server, server.sockets[0].getsockname()[1]


async def connect(contender: Contender, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await contender.open_connection("127.0.0.1", port, **contender.client)


async def answer_requests(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    response = bytes(1024)
    try:
        while True:
            await reader.readexactly(64)
            writer.write(response)
    except asyncio.IncompleteReadError:
        writer.close()


async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    left = BULK
    while data := await reader.read(PIECE):
        left -= len(data)
        if not left:
            writer.write(b"!")
            left = BULK
    writer.close()


async def finish(server: asyncio.Server, *writers: asyncio.StreamWriter) -> None:
    for writer in writers:
        writer.close()
        await writer.wait_closed()
    server.close()
    await asyncio.sleep(0.05)


def test_requests(benchmark: Any, loop: asyncio.AbstractEventLoop, contender: Contender) -> None:
    benchmark.group = f"{REQUESTS} requests of 64 bytes, answers of 1 KiB, one after another"
    server, port = loop.run_until_complete(serve(contender, answer_requests))
    reader, writer = loop.run_until_complete(connect(contender, port))

    async def requests() -> int:
        request, count = bytes(64), 0
        for _ in range(REQUESTS):
            writer.write(request)
            count += len(await reader.readexactly(1024))
        return count

    assert benchmark(lambda: loop.run_until_complete(requests())) == REQUESTS * 1024
    benchmark.extra_info["per second"] = round(REQUESTS / benchmark.stats["median"])
    loop.run_until_complete(finish(server, writer))


def test_bulk(benchmark: Any, loop: asyncio.AbstractEventLoop, contender: Contender) -> None:
    benchmark.group = f"{BULK >> 20} MiB in pieces of {PIECE >> 10} KiB, one way"
    server, port = loop.run_until_complete(serve(contender, swallow))
    reader, writer = loop.run_until_complete(connect(contender, port))

    async def send() -> bytes:
        piece = bytes(PIECE)
        for _ in range(BULK // PIECE):
            writer.write(piece)
            await writer.drain()
        return await reader.readexactly(1)

    assert benchmark(lambda: loop.run_until_complete(send())) == b"!"
    benchmark.extra_info["MB per second"] = round(BULK / benchmark.stats["median"] / 1e6)
    loop.run_until_complete(finish(server, writer))


def test_connections(benchmark: Any, loop: asyncio.AbstractEventLoop, contender: Contender) -> None:
    benchmark.group = f"{CONNECTIONS} connections with full handshakes, one request each"
    server, port = loop.run_until_complete(serve(contender, answer_requests))

    async def connections() -> int:
        count = 0
        for _ in range(CONNECTIONS):
            reader, writer = await connect(contender, port)
            writer.write(bytes(64))
            count += len(await reader.readexactly(1024))
            writer.close()
            await writer.wait_closed()
        return count

    assert benchmark(lambda: loop.run_until_complete(connections())) == CONNECTIONS * 1024
    benchmark.extra_info["per second"] = round(CONNECTIONS / benchmark.stats["median"])
    loop.run_until_complete(finish(server))
