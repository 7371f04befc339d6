"""TLS over a blocking socket: `connect`, `wrap`, and the `TLSSocket` that both give back."""

from __future__ import annotations

from tls12.answers import Answers
from tls12.sync.opening import connect, wrap
from tls12.sync.tls_socket import HANDSHAKE_TIMEOUT, TLSSocket

__all__ = ["HANDSHAKE_TIMEOUT", "Answers", "TLSSocket", "connect", "wrap"]
