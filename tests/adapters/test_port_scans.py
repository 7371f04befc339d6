"""Servers of the standard library over `tls12.sync` live through a port scan and go on serving."""

from __future__ import annotations

import http.client
import http.server
import os
import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests import pki
from tests.ends import loopback
from tests.ends.loopback import PATIENCE, server_config
from tls12 import ClientConnection, ServerConnection, sync

HANDSHAKE_TIMEOUT = 1.0
"""Seconds: a process that is forked here has the client's sockets too, so the end of half a hello does not reach it."""


def client_hello() -> bytes:
    client = ClientConnection(loopback.client_config(), pki.NAME)
    client.initiate_handshake()
    return bytes(client.data_to_send())


def connect_and_close(sock: socket.socket) -> None:
    """What a scanner does that only wants to know whether the port is open."""


def connect_and_reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def send_garbage(sock: socket.socket) -> None:
    sock.sendall(bytes(range(256)))


def speak_http(sock: socket.socket) -> None:
    sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
    loopback.read_to_end(sock)


def send_half_a_hello(sock: socket.socket) -> None:
    sock.sendall(client_hello()[:50])


def reset_behind_the_hello(sock: socket.socket) -> None:
    sock.sendall(client_hello())
    connect_and_reset(sock)


def refuse_the_certificate(sock: socket.socket) -> None:
    """An alert instead of the second flight."""
    sock.sendall(client_hello())
    sock.recv(100)
    sock.sendall(bytes((21, 3, 3, 0, 2, 2, 48)))


SCAN = (
    connect_and_close,
    connect_and_reset,
    send_garbage,
    speak_http,
    send_half_a_hello,
    reset_behind_the_hello,
    refuse_the_certificate,
)


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"served")

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing on the terminal of the tests."""


class WrappedWhenAccepted(socketserver.TCPServer):
    """The handshake comes with the connection, in the thread that accepts."""

    def get_request(self) -> tuple[Any, Any]:
        sock, address = super().get_request()
        return sync.wrap(sock, ServerConnection(server_config()), handshake_timeout=HANDSHAKE_TIMEOUT), address


class WrappedWhenServed(socketserver.TCPServer):
    """The handshake comes where the request is served: a thread or a process of its own."""

    def finish_request(self, request: Any, client_address: Any) -> None:
        with sync.wrap(request, ServerConnection(server_config()), handshake_timeout=HANDSHAKE_TIMEOUT) as tls:
            super().finish_request(tls, client_address)


class Quiet(socketserver.TCPServer):
    allow_reuse_address = True
    unexpected: list[BaseException | None]

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(error := sys.exception(), OSError):
            self.unexpected.append(error)


def servers() -> dict[str, type[Quiet]]:
    kinds: dict[str, type[Quiet]] = {}
    ways = {"one at a time": (), "threads": (socketserver.ThreadingMixIn,)}
    if hasattr(os, "fork"):
        ways["processes"] = (socketserver.ForkingMixIn,)
    for when in (WrappedWhenAccepted, WrappedWhenServed):
        for name, mixins in ways.items():
            bases = (*mixins, Quiet, when, http.server.HTTPServer)
            kinds[f"{when.__name__}, {name}"] = type("Server", bases, {"daemon_threads": True})
    return kinds


@contextmanager
def running(kind: type[Quiet]) -> Iterator[Quiet]:
    with kind(("127.0.0.1", 0), Page) as server:
        server.unexpected = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def fetch(port: int) -> bytes:
    """A page, as OpenSSL fetches it: http.client reads to the end, which must be a clean one."""
    connection = http.client.HTTPSConnection("localhost", port, timeout=PATIENCE, context=loopback.openssl_client())
    connection.sock = loopback.openssl_client().wrap_socket(
        socket.create_connection(("127.0.0.1", port), PATIENCE),
        server_hostname=pki.NAME,
        suppress_ragged_eofs=False,
    )
    connection.request("GET", "/")
    return connection.getresponse().read()


@pytest.mark.parametrize("kind", servers().values(), ids=servers())
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_server_of_the_standard_library_lives_through_a_port_scan(kind: type[Quiet]) -> None:
    with running(kind) as server:
        port = server.server_address[1]
        assert fetch(port) == b"served"
        for visit in SCAN:
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
                visit(sock)
            assert fetch(port) == b"served", visit.__name__
        assert server.unexpected == []
