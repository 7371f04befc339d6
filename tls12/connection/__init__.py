"""The sans-IO public classes: bytes in, events and bytes out; and the types of the hooks that they take."""

from __future__ import annotations

from tls12.connection.client import ClientConnection
from tls12.connection.connection import Connection
from tls12.connection.lifecycle import ConnectionState
from tls12.connection.server import ServerConnection
from tls12.handshake.engine import OnMessage, Rewrite, Unit

__all__ = ["ClientConnection", "Connection", "ConnectionState", "OnMessage", "Rewrite", "ServerConnection", "Unit"]
