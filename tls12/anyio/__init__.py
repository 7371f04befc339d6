"""TLS for anyio, on asyncio and on trio: `connect` for clients, `TLSListener` for servers, `TLSStream` over any stream.

The conventions are those of `anyio.streams.tls`, so the stream fits where anyio's own does. Needs `tls12[anyio]`.
"""

from __future__ import annotations

from tls12.anyio.listener import TLSListener
from tls12.anyio.stream import Attribute, TLSStream, connect
from tls12.driver import CLOSE_TIMEOUT, HANDSHAKE_TIMEOUT, Answers

__all__ = ["CLOSE_TIMEOUT", "HANDSHAKE_TIMEOUT", "Answers", "Attribute", "TLSListener", "TLSStream", "connect"]
