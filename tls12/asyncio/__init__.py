"""TLS under asyncio: `open_connection` and `start_server` for streams, `create_connection` and `create_server` for
protocols, `wrap` and `start_tls` for a connection that goes over to TLS.

Nothing here is shared between connections: one that fails takes nothing down but itself.
"""

from __future__ import annotations

from tls12.asyncio.admission import MAX_CONNECTIONS
from tls12.asyncio.pace import RATE_PERIOD
from tls12.asyncio.reader_writer import STREAM_LIMIT, TLSStreamReader, TLSStreamWriter
from tls12.asyncio.streams import Handler, create_connection, create_server, open_connection, start_server
from tls12.asyncio.transport import TLSTransport
from tls12.asyncio.upgrade import start_tls, wrap
from tls12.driver import CLOSE_TIMEOUT, HANDSHAKE_TIMEOUT, Answers
from tls12.driver.bounds import MAX_HANDSHAKES, PATIENCE

__all__ = [
    "CLOSE_TIMEOUT",
    "HANDSHAKE_TIMEOUT",
    "MAX_CONNECTIONS",
    "MAX_HANDSHAKES",
    "PATIENCE",
    "RATE_PERIOD",
    "STREAM_LIMIT",
    "Answers",
    "Handler",
    "TLSStreamReader",
    "TLSStreamWriter",
    "TLSTransport",
    "create_connection",
    "create_server",
    "open_connection",
    "start_server",
    "start_tls",
    "wrap",
]
