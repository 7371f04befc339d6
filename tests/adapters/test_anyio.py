"""TLS under anyio, on asyncio and on trio: against `ssl` and ourselves, at every kind of end, two tasks at once."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio import BrokenResourceError, ClosedResourceError, EndOfStream
from anyio.abc import SocketAttribute
from anyio.streams.tls import TLSAttribute

from tests.adapters.ends_told import ENDS, SENT, Told, check
from tests.adapters.test_sync_ends import MAKE_END
from tests.ends import loopback
from tests.ends.loopback import PATIENCE, client_config, listening, server_config
from tests.pki import NAME
from tls12 import ClientConnection, Policy, Renegotiation, ServerConfig, ServerConnection, UsageError, sync
from tls12.anyio import Attribute, TLSListener, TLSStream, connect
from tls12.anyio.stream import HELD_UP
from tls12.errors import NameMismatch

DATA = bytes(range(256)) * 2_000


def run(backend: str, test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        with anyio.fail_after(PATIENCE):
            await test()

    anyio.run(bounded, backend=backend)


both_backends = pytest.mark.parametrize("backend", ["asyncio", "trio"])


async def over(sock: socket.socket, connection: Any, **options: Any) -> TLSStream:
    return await TLSStream.wrap(await anyio.abc.SocketStream.from_socket(sock), connection, **options)


async def echo(stream: TLSStream) -> None:
    async with stream:
        with contextlib.suppress(BrokenResourceError):  # a client that ends without close_notify
            async for data in stream:
                await stream.send(data)


@both_backends
def test_a_client_speaks_with_ssl_in_both_directions_at_once(backend: str) -> None:
    def serve(sock: socket.socket) -> int:
        with loopback.openssl_server().wrap_socket(sock, server_side=True) as tls:
            got = 0
            while data := tls.recv(65_536):
                tls.sendall(data)
                got += len(data)
        return got

    async def test() -> None:
        async with await connect("127.0.0.1", port, config=client_config(), server_name=NAME) as stream:
            got = bytearray()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(stream.send, DATA)
                while len(got) < len(DATA):
                    got += await stream.receive()
            assert got == DATA
            assert stream.extra(TLSAttribute.tls_version) == "TLSv1.2"
            assert stream.extra(TLSAttribute.server_side) is False
            assert stream.extra(Attribute.negotiated).peer_certificates[0] == stream.extra(
                TLSAttribute.peer_certificate_binary
            )
            assert stream.extra(SocketAttribute.remote_port) == port

    with listening(serve) as (port, outcome):
        run(backend, test)
        assert outcome.result() == len(DATA)


@both_backends
def test_a_listener_serves_ssl_and_ourselves_and_survives_what_is_no_tls(backend: str) -> None:
    def ask(port: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as plain:
            plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
            plain.recv(100)
        sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
        with loopback.openssl_client().wrap_socket(sock, server_hostname=NAME) as tls:
            tls.sendall(b"hello")
            return tls.recv(100)

    async def test() -> None:
        async with await anyio.create_tcp_listener(local_host="127.0.0.1") as plain:
            port = plain.extra(SocketAttribute.local_port)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(TLSListener(plain, server_config()).serve, echo)
                assert await anyio.to_thread.run_sync(ask, port) == b"hello"
                async with await connect("127.0.0.1", port, config=client_config(), server_name=NAME) as stream:
                    await stream.send(DATA)
                    got = b""
                    while len(got) < len(DATA):
                        got += await stream.receive()
                    assert got == DATA
                tasks.cancel_scope.cancel()

    run(backend, test)


@both_backends
@pytest.mark.parametrize("end", ENDS)
def test_a_receive_gives_out_what_arrived_and_then_tells_the_end(backend: str, end: str) -> None:
    got: list[bytes] = []

    def serve(sock: socket.socket) -> None:
        theirs = sync.wrap(sock, ServerConnection(server_config()))
        theirs.sendall(SENT)
        MAKE_END[end](theirs)
        if theirs.sock.fileno() >= 0:
            theirs.sock.settimeout(1.0)
            while theirs.sock.recv(65_536):
                pass

    async def test() -> None:
        stream = await connect("127.0.0.1", port, config=client_config(), server_name=NAME)
        try:
            while True:
                got.append(await stream.receive(1_000))
        except EndOfStream:
            told.append(Told(None))
        except BrokenResourceError as error:
            told.append(Told(type(error.__cause__)))
        with pytest.raises((EndOfStream, BrokenResourceError)):
            await stream.receive()
        await stream.aclose()
        await stream.aclose()
        with pytest.raises(ClosedResourceError):
            await stream.receive()

    told: list[Told] = []
    with listening(serve) as (port, outcome):
        run(backend, test)
        assert outcome.exception() is None or isinstance(outcome.exception(), OSError)
    check(told[0], end, got)


@both_backends
def test_a_refused_name_is_raised_by_connect_after_the_alert_is_out(backend: str) -> None:
    async def test() -> None:
        with pytest.raises(NameMismatch):
            await connect("127.0.0.1", port, config=client_config(), server_name="elsewhere.example")

    with listening(loopback.outcome_of_openssl) as (port, outcome):
        run(backend, test)
        assert outcome.result() == "SSLV3_ALERT_BAD_CERTIFICATE"


@both_backends
def test_a_receive_that_is_cancelled_loses_nothing_and_unwrap_gives_the_plain_stream_back(backend: str) -> None:
    async def test() -> None:
        ours, theirs = loopback.tcp_pair()
        streams: list[TLSStream] = []

        async def serve() -> None:
            stream = await over(theirs, ServerConnection(server_config()))
            streams.append(stream)
            assert await stream.receive() == b"ask"
            await stream.send(b"answer")
            plain, rest = await stream.unwrap()
            await plain.send(rest + b"plain")
            await plain.aclose()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve)
            stream = await over(ours, ClientConnection(client_config(), NAME))
            with anyio.move_on_after(0.05):
                await stream.receive()
            await stream.send(b"ask")
            assert await stream.receive(3) == b"ans"
            assert await stream.receive() == b"wer"
            plain, rest = await stream.unwrap()
            while rest != b"plain":
                rest += await plain.receive()
            await plain.aclose()

    run(backend, test)


@both_backends
def test_a_handshake_has_only_so_much_time(backend: str) -> None:
    async def test() -> None:
        with pytest.raises(TimeoutError, match="handshake"):
            await connect("127.0.0.1", port, config=client_config(), server_name=NAME, handshake_timeout=0.05)

    with listening(lambda sock: sock.recv(65_536) and sock.recv(65_536)) as (port, _):
        run(backend, test)


@both_backends
def test_half_close_is_for_configurations_that_allow_it(backend: str) -> None:
    async def test() -> None:
        ours, theirs = loopback.tcp_pair()

        async def serve() -> None:
            stream = await over(theirs, ServerConnection(server_config(half_close=True)))
            got = b"".join([data async for data in stream])
            await stream.send(got)
            await stream.aclose()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve)
            stream = await over(ours, ClientConnection(client_config(half_close=True), NAME))
            await stream.send(b"all")
            await stream.send_eof()
            with pytest.raises(ClosedResourceError):
                await stream.send(b"more")
            assert await stream.receive() == b"all"
            with pytest.raises(EndOfStream):
                await stream.receive()
            await stream.aclose()

    run(backend, test)


@both_backends
def test_a_reset_in_the_handshake_is_raised_and_the_stream_is_closed(backend: str) -> None:
    async def test() -> None:
        with pytest.raises(ConnectionResetError):
            await connect("127.0.0.1", port, config=client_config(), server_name=NAME)

    def reset(sock: socket.socket) -> None:
        sock.recv(1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()

    with listening(reset) as (port, _):
        run(backend, test)


def shake_hands(sock: socket.socket, config: ServerConfig) -> None:
    """A server that completes the handshake, and then neither reads nor writes."""
    server = ServerConnection(config)
    while server.negotiated is None:
        server.receive_data(sock.recv(65_536))
        sock.sendall(bytes(server.data_to_send()))


@asynccontextmanager
async def stalled() -> AsyncIterator[tuple[TLSStream, socket.socket]]:
    """Our client in a renegotiation that its server does not go on with, and the server's socket."""
    allow: dict[str, Any] = {"policy": Policy.default().replace(renegotiation=Renegotiation.ALLOW)}
    ours, theirs = loopback.tcp_pair()
    with theirs:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.to_thread.run_sync, shake_hands, theirs, server_config(**allow))
            stream = await over(ours, ClientConnection(client_config(**allow), NAME))
        stream.extra(Attribute.connection).renegotiate()
        await stream.flush()
        yield stream, theirs


@both_backends
def test_a_send_in_a_renegotiation_ends_when_the_connection_is_lost(backend: str) -> None:
    async def test() -> None:
        async with stalled() as (stream, theirs):
            await stream.send(bytes(HELD_UP + 1))  # held until the renegotiation ends
            theirs.close()
            with pytest.raises(BrokenResourceError):
                await stream.send(b"more")
            await stream.aclose()

    run(backend, test)


@both_backends
def test_a_send_that_is_cancelled_half_way_is_told_by_every_later_call(backend: str) -> None:
    async def test() -> None:
        ours, theirs = loopback.tcp_pair()
        with theirs:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(anyio.to_thread.run_sync, shake_hands, theirs, server_config())
                stream = await over(ours, ClientConnection(client_config(), NAME))
            while not stream._driver.is_interrupted:  # the server reads nothing, so the kernel's buffers fill up
                with anyio.move_on_after(0.05):
                    await stream.send(bytes(2**20))
            for call in (lambda: stream.send(b"more"), stream.receive):
                with pytest.raises(BrokenResourceError):
                    await call()
            await stream.aclose()

    run(backend, test)


@both_backends
def test_only_a_stream_that_was_closed_is_called_closed(backend: str) -> None:
    async def test() -> None:
        ours, theirs = loopback.tcp_pair()
        async with anyio.create_task_group() as tasks:

            async def serve() -> None:
                await echo(await over(theirs, ServerConnection(server_config())))

            tasks.start_soon(serve)
            stream = await over(ours, ClientConnection(client_config(), NAME))
            with pytest.raises(UsageError):
                await stream.send("text")  # type: ignore[arg-type]
            await stream.send(b"bytes")
            assert await stream.receive() == b"bytes"
            await stream.aclose()
            with pytest.raises(ClosedResourceError):
                await stream.send(b"more")

    run(backend, test)


def test_what_cannot_be_right_is_told_at_once() -> None:
    async def test() -> None:
        with pytest.raises(UsageError, match="connection"):
            await TLSStream.wrap(None, None)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="ServerConfig"):
            TLSListener(None, client_config())  # type: ignore[arg-type]

    run("asyncio", test)
