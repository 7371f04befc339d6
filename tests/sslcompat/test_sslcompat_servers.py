"""Servers and clients of the standard library over the drop-in: what they survive, and what they leave behind."""

from __future__ import annotations

import contextlib
import gc
import http.server
import os
import resource
import socket
import socketserver
import ssl
import struct
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests import pki
from tests.ends.loopback import PATIENCE, in_thread
from tests.sslcompat.contexts import KINDS, client, server
from tls12.sslcompat.engine import Engine


class Page(http.server.BaseHTTPRequestHandler):
    """Answers every request with its path."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.path)))
        self.end_headers()
        self.wfile.write(self.path.encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextlib.contextmanager
def serving(kind: type[socketserver.BaseServer], context: ssl.SSLContext) -> Iterator[tuple[str, int]]:
    """A server of the standard library, its listening socket wrapped as its documentation says."""

    class Quiet(kind):  # type: ignore[misc, valid-type]
        def handle_error(self, request: object, client_address: object) -> None:
            raise AssertionError("a failed connection reached the server as an error of its own")

    with Quiet(("127.0.0.1", 0), Page) as listener:
        listener.socket = context.wrap_socket(listener.socket, server_side=True)
        with in_thread(listener.serve_forever, 0.01):
            yield listener.server_address
            listener.shutdown()


SCANS = {
    "a connection that ends at once": b"",
    "plain HTTP": b"GET / HTTP/1.0\r\n\r\n",
    "garbage": bytes(range(256)),
    "an SSH client": b"SSH-2.0-scanner\r\n",
    "half a ClientHello": bytes.fromhex("16030100f0010000ec0303") + bytes(20),
    "a ClientHello of TLS 1.0 only": bytes.fromhex("160301002d0100002903 01".replace(" ", ""))
    + bytes(32)
    + bytes.fromhex("000002002f0100"),
}


@pytest.mark.parametrize("kind", [http.server.HTTPServer, http.server.ThreadingHTTPServer])
def test_an_http_server_survives_a_port_scan(kind: type[socketserver.BaseServer]) -> None:
    with serving(kind, server("tls12")) as address:
        for data in SCANS.values():
            for resets in (False, True):
                with socket.create_connection(address, PATIENCE) as scanner:
                    scanner.sendall(data)
                    if resets:
                        time.sleep(0.02)  # or `accept` itself fails, where CPython 3.11 forgets to close a socket
                        scanner.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        url = f"https://{address[0]}:{address[1]}/served"
        for each in KINDS:
            with urllib.request.urlopen(url, context=client(each), timeout=PATIENCE) as answer:
                assert answer.read() == b"/served"


@pytest.mark.parametrize("server_kind", KINDS)
@pytest.mark.parametrize("client_kind", KINDS)
def test_urllib_and_http_server_speak_with_each_other(client_kind: str, server_kind: str) -> None:
    with serving(http.server.ThreadingHTTPServer, server(server_kind)) as address:
        url = f"https://{address[0]}:{address[1]}/page"
        with urllib.request.urlopen(url, context=client(client_kind), timeout=PATIENCE) as answer:
            assert answer.read() == b"/page"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forking_server_leaves_the_connection_to_its_child() -> None:
    class Echo(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(self.rfile.readline())

    class Server(socketserver.ForkingMixIn, socketserver.TCPServer):
        pass

    with Server(("127.0.0.1", 0), Echo) as listener:
        listener.socket = server("tls12").wrap_socket(listener.socket, server_side=True)
        with in_thread(listener.serve_forever, 0.01):
            try:
                for _ in range(3):
                    sock = socket.create_connection(listener.server_address, PATIENCE)
                    with client("cpython").wrap_socket(sock, server_hostname=pki.NAME) as tls:
                        tls.sendall(b"hello\n")
                        assert tls.recv(10) == b"hello\n"
            finally:
                listener.shutdown()


def _converse(contexts: tuple[ssl.SSLContext, ssl.SSLContext], count: int, fails: bool) -> None:
    """So many connections, one after the other, each of which ends in the middle if it `fails`."""
    ours, theirs = contexts
    with socket.create_server(("127.0.0.1", 0), backlog=10) as listener:

        def serve() -> None:
            for _ in range(count):
                sock, _ = listener.accept()
                with contextlib.suppress(OSError), theirs.wrap_socket(sock, server_side=True) as tls:
                    tls.sendall(tls.recv(100))
                sock.close()

        serving = threading.Thread(target=serve)
        serving.start()
        for _ in range(count):
            sock = socket.create_connection(listener.getsockname(), PATIENCE)
            name = "other.test" if fails else pki.NAME
            with sock, contextlib.suppress(ssl.SSLError), ours.wrap_socket(sock, server_hostname=name) as tls:
                tls.sendall(b"hello")
                assert tls.recv(100) == b"hello"
        serving.join()


def _held() -> tuple[int, int]:
    engines = sum(isinstance(each, Engine) for each in gc.get_objects())
    return engines, len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0


@pytest.mark.parametrize("fails", [False, True], ids=["that close", "that fail"])
def test_connections_leave_nothing_behind(fails: bool) -> None:
    contexts = client("tls12"), server("tls12")
    _converse(contexts, 3, fails)
    gc.collect()
    before = _held()
    gc.disable()
    try:
        _converse(contexts, 30, fails)
        assert _held() == before
    finally:
        gc.enable()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ten_thousand_connections_take_no_memory() -> None:
    contexts = client("tls12"), server("tls12")
    _converse(contexts, 1_000, False)
    before, largest = _held(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _converse(contexts, 10_000, False)
    assert _held() == before
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < largest + 8 * 1024
