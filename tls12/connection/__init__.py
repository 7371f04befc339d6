"""The sans-IO public classes: bytes in, events and bytes out."""

from __future__ import annotations

from tls12.connection.client import ClientConnection
from tls12.connection.core import Connection
from tls12.connection.facts import ConnectionState
from tls12.connection.server import ServerConnection

__all__ = ["ClientConnection", "Connection", "ConnectionState", "ServerConnection"]
