"""The README's Python runs as it stands there, against OpenSSL; only example.com is a server of ours."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import ends, pki
from tests.ends import loopback
from tests.ends.loopback import PATIENCE, listening

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
OVER_A_SOCKET, A_SERVER, BY_HAND = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)

RESOLVER = """
import socket as _socket
_connect = _socket.create_connection
def _to_loopback(address, *arguments, **options):
    assert address == ("example.com", 443)
    return _connect(("127.0.0.1", {port}), *arguments, **options)
_socket.create_connection = _to_loopback
"""
"""Stands before a sample: what the name service would say."""


def program(code: str, directory: Path, trusted: str) -> subprocess.Popen[str]:
    """A sample as a program of its own, on a machine that trusts our CA."""
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=directory,
        env={**os.environ, "SSL_CERT_FILE": trusted, "SSL_CERT_DIR": str(directory)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def example_com(sock: socket.socket) -> bytes:
    """A page, from OpenSSL."""
    context = ends.openssl_context(
        server_side=True, credential=pki.server("ecdsa-p256", "example.com"), alpn=("http/1.1",)
    )
    with context.wrap_socket(sock, server_side=True) as tls:
        asked = tls.recv(4096)
        tls.sendall(b"HTTP/1.1 200 OK\r\n\r\nthe page")
        tls.unwrap()
        return asked


@pytest.mark.parametrize(
    ("sample", "asked"),
    [(OVER_A_SOCKET, b"GET / HTTP/1.1\r\nHost: example.com\r\n"), (BY_HAND, b"GET / HTTP/1.0\r\n")],
    ids=["over a socket", "by hand"],
)
def test_a_first_connection_fetches_a_page(sample: str, asked: bytes, tmp_path: Path) -> None:
    with listening(example_com) as (port, heard):
        sample = RESOLVER.format(port=port) + sample
        printed, complaints = program(sample, tmp_path, ends.trusted_file()).communicate(timeout=3 * PATIENCE)
        assert complaints == ""
        assert heard.result().startswith(asked)
    assert "the page" in printed


@pytest.fixture
def served(tmp_path: Path) -> Iterator[int]:
    """The server of the README, on a port that is free."""
    (tmp_path / "chain.pem").write_bytes(pki.server().chain_pem)
    (tmp_path / "key.pem").write_bytes(pki.server().key_pem)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert A_SERVER.count("8443") == 1
    with program(A_SERVER.replace("8443", str(port)), tmp_path, ends.trusted_file()) as server:
        try:
            yield port
        finally:
            server.kill()


def connected(port: int) -> socket.socket:
    """A connection to a server that is just starting."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), PATIENCE)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_the_server_echoes(served: int) -> None:
    sock = connected(served)
    with sock, loopback.openssl_client().wrap_socket(sock, server_hostname=pki.NAME) as tls:
        tls.sendall(b"echo")
        assert tls.recv(100) == b"echo"
