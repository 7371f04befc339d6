"""Two contexts of each kind, so that a test can ask CPython's `ssl` the same as `tls12.sslcompat` and compare."""

from __future__ import annotations

import ssl
from typing import Any

from tests import ends, pki
from tests.ends import loopback
from tls12 import ClientConnection, ServerConnection, TicketKeys
from tls12.events import ClientHelloReceived
from tls12.sslcompat.engine import Engine, over_memory, over_socket
from tls12.sslcompat.objects import SSLObject
from tls12.sslcompat.sockets import SSLSocket

KINDS = ("tls12", "cpython")

TELLS_BROKEN_STREAMS = not ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).options & 0x80  # SSL_OP_IGNORE_UNEXPECTED_EOF
"""Whether this CPython tells a stream that breaks off from one that ends with close_notify; 3.11.2 does not."""


class SmallContext(ssl.SSLContext):
    """As much of a context as connections need, with a configuration that is given."""

    sslsocket_class = SSLSocket
    sslobject_class = SSLObject
    config: Any
    sni_callback: Any = None

    def _make_connection(self, server_side: bool, server_hostname: str | None, session: Any) -> Any:
        if server_side:
            return ServerConnection(self.config, pause_on={ClientHelloReceived})
        return ClientConnection(self.config, server_hostname, session=session)

    def _wrap_socket(self, sock: Any, server_side: bool, server_hostname: str | None = None, **more: Any) -> Engine:
        return over_socket(self, sock, server_side, server_hostname, **more)

    def _wrap_bio(
        self, one: Any, two: Any, server_side: bool, server_hostname: str | None = None, **more: Any
    ) -> Engine:
        return over_memory(self, one, two, server_side, server_hostname, **more)


def client(kind: str) -> ssl.SSLContext:
    """A client that trusts pki.root()."""
    if kind == "tls12":
        context = SmallContext(ssl.PROTOCOL_TLS_CLIENT)
        context.config = loopback.client_config(half_close=True)
        return context
    return ends.openssl_context(server_side=False, verify=True, ciphers="ECDHE+AESGCM")


def server(kind: str) -> ssl.SSLContext:
    """A server with an everyday certificate, which gives tickets."""
    if kind == "tls12":
        context = SmallContext(ssl.PROTOCOL_TLS_SERVER)
        context.config = loopback.server_config(half_close=True, ticket_keys=TicketKeys.generate())
        return context
    return ends.openssl_context(server_side=True, credential=pki.server(), ciphers="ECDHE+AESGCM")
