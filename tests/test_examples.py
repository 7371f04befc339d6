"""The examples do what they say: each is run as its own program, against servers and clients of OpenSSL."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ends, pki
from tests.ends import loopback
from tests.ends.loopback import PATIENCE, listening

EXAMPLES = Path(__file__).parents[1] / "examples"
PAGE = b"HTTP/1.0 200 OK\r\n\r\nthe page\n"


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
