"""TLS over a blocking socket: `connect`, `wrap`, and the `TLSSocket` that both give back."""

from __future__ import annotations

from tls12.driver import HANDSHAKE_TIMEOUT, Answers
from tls12.sync.opening import connect, wrap
from tls12.sync.tls_socket import TLSSocket

__all__ = ["HANDSHAKE_TIMEOUT", "Answers", "TLSSocket", "connect", "wrap"]
