"""Loopback sockets for the adapters: pairs of TCP ends, other ends in threads, and OpenSSL as the peer.

How it works: `in_thread` runs the other end and gives a future for its result or exception; every socket has a
time-out, so that what would hang fails.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from tests import ends, pki
from tls12 import ClientConfig, ServerConfig

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds after which a test that waits has failed."""


def client_config(**settings: Any) -> ClientConfig:
    """A client that trusts pki.root()."""
    settings.setdefault("verifier", ends.verifier())
    return ClientConfig(**settings)


def server_config(**settings: Any) -> ServerConfig:
    """A server with an everyday certificate."""
    settings.setdefault("credentials", (ends.credential(),))
    return ServerConfig(**settings)


def openssl_server() -> ssl.SSLContext:
    """CPython's ssl as a TLS 1.2 server with an everyday certificate."""
    return ends.openssl_context(server_side=True, credential=pki.server())


def openssl_client() -> ssl.SSLContext:
    """CPython's ssl as a TLS 1.2 client that verifies."""
    return ends.openssl_context(server_side=False, verify=True)


@contextlib.contextmanager
def in_thread(function: Callable[..., T], *arguments: Any) -> Iterator[Future[T]]:
    """Run the other end beside the test."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(function, *arguments)


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Two connected TCP sockets."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = socket.create_connection(listener.getsockname(), PATIENCE)
        other, _ = listener.accept()
    other.settimeout(PATIENCE)
    return one, other


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def read_to_end(sock: Any) -> bytes:
    """Everything until the end of the stream."""
    return b"".join(iter(lambda: sock.recv(65536), b""))


@contextlib.contextmanager
def listening(serve: Callable[[socket.socket], T]) -> Iterator[tuple[int, Future[T]]]:
    """A server for one client: its port, and what `serve(sock)` came to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)

        def accept() -> T:
            sock, _ = listener.accept()
            sock.settimeout(PATIENCE)
            with sock:
                return serve(sock)

        with in_thread(accept) as outcome:
            yield listener.getsockname()[1], outcome


def openssl_reader(sock: socket.socket, greeting: bytes = b"") -> bytes:
    """An OpenSSL server that says `greeting` and reads to the end."""
    with openssl_server().wrap_socket(sock, server_side=True) as tls:
        tls.sendall(greeting)
        return read_to_end(tls)


def outcome_of_openssl(sock: socket.socket) -> str:
    """What OpenSSL complains about when it serves."""
    try:
        with openssl_server().wrap_socket(sock, server_side=True) as tls:
            tls.recv(100)
    except ssl.SSLError as error:
        return error.reason
    return "nothing"
