"""A server that people run: Redis behind TLS 1.2 only, which wants client certificates, with our adapters before it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

import tls12
from tests import peers, pki
from tests.ends import credential_of, files_of, trusted_file, verifier
from tests.interop.programs import Program
from tls12 import Alert, ClientConfig, MemorySessionStore, PeerAlert

pytestmark = pytest.mark.peers

LARGE = bytes(range(256)) * 4096  # a mebibyte: many records each way


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where Redis listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    certificate, key = files_of(pki.server())
    program = Program(
        peers.program("redis-server"), "--port", "0", "--save", "", "--tls-port", str(number), "--bind", "127.0.0.1",
        "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", trusted_file(),
        "--tls-protocols", "TLSv1.2", "--tls-auth-clients", "yes",
    )  # fmt: skip
    try:
        program.wait_for(b"Ready to accept connections")
        yield number
    finally:
        program.stop()


def config(*, authenticated: bool = True, **options: object) -> ClientConfig:
    credentials = (credential_of(pki.client()),) if authenticated else ()
    return ClientConfig(verifier=verifier(), credentials=credentials, **options)  # type: ignore[arg-type]


def command(*words: bytes) -> bytes:
    """A command as Redis reads it (RESP)."""
    return b"".join((b"*%d\r\n" % len(words), *(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)))


def test_a_socket_keeps_a_large_value_in_redis_and_gets_it_back(port: int) -> None:
    with tls12.sync.connect("127.0.0.1", port, config(), server_name=pki.NAME) as stream:
        stream.sendall(command(b"SET", b"large", LARGE) + command(b"GET", b"large"))
        replies = stream.makefile("rb")
        assert replies.readline() == b"+OK\r\n"
        assert replies.readline() == b"$%d\r\n" % len(LARGE)
        assert replies.read(len(LARGE) + 2) == LARGE + b"\r\n"


def test_many_commands_in_flight_under_asyncio_are_answered_in_order(port: int) -> None:
    async def count() -> list[bytes]:
        reader, writer = await tls12.asyncio.open_connection(
            "127.0.0.1", port, config=config(pack_small_writes=True), server_name=pki.NAME
        )
        writer.write(command(b"DEL", b"counter"))
        await reader.readline()
        for _ in range(1000):
            writer.write(command(b"INCR", b"counter"))
        await writer.drain()
        answers = [await reader.readline() for _ in range(1000)]
        writer.close()
        await writer.wait_closed()
        return answers

    assert asyncio.run(count()) == [b":%d\r\n" % number for number in range(1, 1001)]


def test_a_session_is_resumed_with_redis(port: int) -> None:
    ours = config(sessions=MemorySessionStore())
    resumed = []
    for _ in range(2):
        with tls12.sync.connect("127.0.0.1", port, ours, server_name=pki.NAME) as stream:
            stream.sendall(command(b"PING"))
            assert stream.recv(100) == b"+PONG\r\n"
            assert stream.negotiated is not None
            resumed.append(stream.negotiated.resumed)
    assert resumed == [False, True]


def test_redis_refuses_a_client_without_a_certificate(port: int) -> None:
    with pytest.raises(PeerAlert) as caught:
        tls12.sync.connect("127.0.0.1", port, config(authenticated=False), server_name=pki.NAME)
    assert caught.value.received is Alert.HANDSHAKE_FAILURE
