"""The examples do what they say: each is run as its own program, against servers and clients of OpenSSL."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests import ends, pki
from tests.ends import loopback
from tests.ends.loopback import PATIENCE, listening
from tls12 import Accept, PeerCertificateReceived, TruncatedError
from tls12.connection import Connection
from tls12.driver import Driver, client_connection
from tls12.errors import NameMismatch

EXAMPLES = Path(__file__).parents[1] / "examples"
PAGE = b"HTTP/1.0 200 OK\r\n\r\nthe page\n"


def import_from(path: Path) -> ModuleType:
    """An example as a module."""
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(name: str, *arguments: str) -> str:
    """What an example prints."""
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def serve_page(sock: socket.socket) -> bytes:
    """One page, as an OpenSSL server."""
    with loopback.openssl_server().wrap_socket(sock, server_side=True) as tls:
        asked = tls.recv(4096)
        tls.sendall(PAGE)
        tls.unwrap()
        return asked


def test_every_example_is_tested() -> None:
    tested = Path(__file__).read_text()
    for example in EXAMPLES.glob("*.py"):
        assert f'"{example.name}"' in tested, f"{example.name} has no test here"


@pytest.mark.parametrize("example", ["client_socket.py", "client_asyncio.py", "client_by_hand.py", "own_adapter.py"])
def test_a_client_fetches_a_page(example: str) -> None:
    with listening(serve_page) as (port, asked):
        printed = run(example, "127.0.0.1", str(port), ends.trusted_file())
        assert asked.result().startswith(b"GET / HTTP/1.0\r\n")
    assert "the page\n" in printed


def test_the_server_echoes_to_openssl() -> None:
    command = [sys.executable, str(EXAMPLES / "server_asyncio.py"), *ends.files_of(pki.server()), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline().split()[-1])
            sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
            with sock, loopback.openssl_client().wrap_socket(sock, server_hostname=pki.NAME) as tls:
                tls.sendall(b"echo")
                assert tls.recv(100) == b"echo"
            assert server.stdout.readline() == "connected: TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 new\n"
        finally:
            server.kill()


def test_a_dishonest_hello_is_answered_with_an_alert() -> None:
    def serve(sock: socket.socket) -> str:
        try:
            loopback.openssl_server().wrap_socket(sock, server_side=True)
        except OSError as error:
            return str(error)
        return "no complaint"

    with listening(serve) as (port, complaint):
        printed = run("malform.py", "127.0.0.1", str(port))
        assert complaint.result() != "no complaint"
    assert "the peer sent the fatal alert" in printed


# -- the adapter of one's own, with CPython's ssl at the other end

OWN: Any = import_from(EXAMPLES / "own_adapter.py")


def test_an_adapter_of_ones_own_takes_less_than_a_hundred_lines() -> None:
    text = (EXAMPLES / "own_adapter.py").read_text()
    assert sum(1 for line in text.splitlines() if line.strip()) < 100


def with_own_adapter(serve: Callable[[ssl.SSLSocket], Any], talk: Callable[[Any], Any], **options: Any) -> Any:
    """What `serve` comes to, when a client of the example does `talk` after its handshake."""

    def accept(sock: socket.socket) -> Any:
        with loopback.openssl_server().wrap_socket(sock, server_side=True) as tls:
            return serve(tls)

    async def client(port: int) -> None:
        sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
        connection = client_connection(loopback.client_config(), pki.NAME, answers=options.get("answers"))
        stream = OWN.Stream(sock, connection, **options)
        try:
            await stream.handshake()
            await talk(stream)
        finally:
            await stream.close()
            assert sock.fileno() == -1

    with listening(accept) as (port, served):
        OWN.run(client(port))
        return served.result()


def test_the_adapter_of_ones_own_carries_much_in_both_directions() -> None:
    much = bytes(range(256)) * 4000

    def serve(tls: ssl.SSLSocket) -> bool:
        received = b""
        while len(received) < len(much):
            received += tls.recv(65536)
        tls.sendall(received)
        tls.unwrap()
        return received == much

    async def talk(stream: Any) -> None:
        await stream.write(much)
        received = b""
        while data := await stream.read():
            received += data
        assert received == much

    assert with_own_adapter(serve, talk)


def test_the_adapter_of_ones_own_tells_the_peer_why_it_refuses_it() -> None:
    def serve(sock: socket.socket) -> str:
        try:
            loopback.openssl_server().wrap_socket(sock, server_side=True)
        except OSError as error:
            return str(error)
        return "no complaint"

    async def client(port: int) -> None:
        sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
        stream = OWN.Stream(sock, client_connection(loopback.client_config(), "another.example"))
        try:
            await stream.handshake()
        finally:
            await stream.close()

    with listening(serve) as (port, complaint):
        with pytest.raises(NameMismatch):
            OWN.run(client(port))
        assert "ALERT_BAD_CERTIFICATE" in complaint.result().upper().replace(" ", "_")


def test_the_adapter_of_ones_own_raises_a_truncation_behind_all_that_arrived() -> None:
    def serve(tls: ssl.SSLSocket) -> None:
        tls.sendall(b"half an answer")
        socket.socket(fileno=tls.detach()).close()

    async def talk(stream: Any) -> None:
        assert await stream.read() == b"half an answer"
        with pytest.raises(TruncatedError):
            await stream.read()

    with_own_adapter(serve, talk)


def test_the_adapter_of_ones_own_awaits_answers() -> None:
    async def look(event: PeerCertificateReceived, connection: Connection) -> Accept:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            assert not await OWN.ready(silent, OWN.READ, 0.0)  # the event loop goes on meanwhile
        return Accept()

    async def talk(stream: Any) -> None:
        assert await stream.read() == b"welcome"

    def serve(tls: ssl.SSLSocket) -> None:
        tls.sendall(b"welcome")
        tls.unwrap()

    with_own_adapter(serve, talk, answers={PeerCertificateReceived: look})


def test_the_adapter_of_ones_own_gives_a_silent_server_up() -> None:
    one, other = socket.socketpair()
    stream = OWN.Stream(one, client_connection(loopback.client_config(), pki.NAME))
    stream.driver = Driver(client_connection(loopback.client_config(), pki.NAME), handshake_timeout=0.05)

    async def client() -> None:
        try:
            await stream.handshake()
        finally:
            await stream.close()

    with other, pytest.raises(TimeoutError, match="was not complete within"):
        OWN.run(client())
    assert one.fileno() == -1
