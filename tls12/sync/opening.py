"""`connect` and `wrap`: how a TLSSocket begins."""

from __future__ import annotations

import socket

from tls12.config import ClientConfig
from tls12.connection import Connection
from tls12.driver import HANDSHAKE_TIMEOUT, Answers, check_timeouts, client_connection
from tls12.errors import UsageError
from tls12.given import name_value, require, require_number, require_seconds
from tls12.handshake.engine import OnMessage, Rewrite
from tls12.resumption.sessions import Session
from tls12.sync.stream import Stream
from tls12.sync.tls_socket import TLSSocket


def connect(
    host: str,
    port: int | str,
    config: ClientConfig,
    *,
    server_name: str | None = None,
    timeout: float | None = None,
    handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
    session: Session | None = None,
    answers: Answers | None = None,
    rewrite: Rewrite | None = None,
    on_message: OnMessage | None = None,
) -> TLSSocket:
    """Connect to `host` and `port` over TCP and complete a TLS handshake as the client.

    `server_name` is the name (or IP address) that the server must prove, `host` unless given; "" asks for
    none. `timeout` bounds the TCP connect and, as with `socket.create_connection`, every later wait; in
    seconds. `handshake_timeout` bounds the handshake as a whole. `session` offers to resume an earlier
    session. `answers` decides what pauses the connection: `{CertificateRequested: choose_credential}`; a
    function that requires two arguments gets the event and the connection. `rewrite` and `on_message` are those
    of `ClientConnection`.

    Raises OSError when there is no connection, and the error of `ConnectionFailed` when there is no
    handshake.
    """
    require_address(host, port)
    require_seconds(timeout=timeout)
    check_timeouts(handshake_timeout=handshake_timeout)
    connection = client_connection(
        config,
        host,
        server_name=server_name,
        session=session,
        answers=answers,
        rewrite=rewrite,
        on_message=on_message,
    )
    sock = connect_tcp(host, port, timeout)
    return wrap(sock, connection, handshake_timeout=handshake_timeout, answers=answers)


def require_address(host: str, port: int | str) -> None:
    """Raises `UsageError` for what can be no host and no port."""
    require("host", host, str, "a host name or an IP address")
    require("port", port, int | str, "a number, or the name of a service")
    if not isinstance(port, str):
        require_number("port", port, 0, 65535)


def connect_tcp(host: str, port: int | str, timeout: float | None) -> socket.socket:
    """A TCP connection that sends small pieces at once. Raises OSError."""
    sock = socket.create_connection((host, port), timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def wrap(
    sock: socket.socket,
    connection: Connection,
    *,
    handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
    answers: Answers | None = None,
) -> TLSSocket:
    """Speak TLS over a connected socket with a fresh connection of either role, and complete the handshake.

    The socket belongs to the result from here on, and is closed if the handshake fails. A non-blocking socket
    comes back before its handshake: call `do_handshake` until it no longer raises BlockingIOError.
    """
    if not hasattr(sock, "recv_into") or isinstance(sock, type):
        raise UsageError(f"sock is {name_value(sock)}; give a connected socket")
    require("connection", connection, Connection, "a fresh ClientConnection or ServerConnection")
    stream = Stream(sock, connection, answers, handshake_timeout)
    tls = TLSSocket(stream)
    try:
        stream.begin()
        if sock.gettimeout() != 0.0:
            tls.do_handshake(handshake_timeout)
    except BaseException:
        tls.close()
        raise
    return tls
