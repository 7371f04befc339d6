"""What `SSLSocket` and `SSLObject` can be asked that CPython's classes cannot, or only later versions of them.

How it works: all of it is read from the engine, which is there from `wrap_bio`, or from the connect of a socket, until
the connection is closed.
"""

from __future__ import annotations

from typing import Any

from tls12.connection import Connection
from tls12.errors import UsageError
from tls12.events import Negotiated
from tls12.sslcompat.engine import Engine


class Facts:
    """The additions, for both classes."""

    _sslobj: Any

    @property
    def _engine(self) -> Engine:
        engine = self._sslobj
        if not isinstance(engine, Engine):
            raise UsageError("there is no TLS connection: the socket is not connected, or closed, or unwrapped")
        return engine

    @property
    def connection(self) -> Connection:
        """The connection of this library, with everything that it knows. Raises UsageError before and after it."""
        return self._engine.connection

    @property
    def negotiated(self) -> Negotiated | None:
        """What the two sides agreed on, or None before the end of the handshake."""
        return self.connection.negotiated

    def get_verified_chain(self) -> list[bytes]:
        """The chain that was verified, leaf to root, DER; empty where trust did not come from a chain."""
        negotiated = self.negotiated
        return [] if negotiated is None else list(negotiated.verified_chain)

    def get_unverified_chain(self) -> list[bytes]:
        """The certificates that the peer sent, leaf first, DER."""
        negotiated = self.negotiated
        return [] if negotiated is None else list(negotiated.peer_certificates)

    def renegotiate(self) -> None:
        """Begin another handshake (RFC 5246 7.4.1.1); the next reads and writes complete it.

        Raises UsageError where the policy or the peer does not allow it.
        """
        self._engine.renegotiate()

    def export_keying_material(self, label: str, length: int, context: bytes | None = None) -> bytes:
        """Key material for another protocol (RFC 5705). Raises UsageError as `Connection.export_keying_material`."""
        return self.connection.export_keying_material(label, context, length)

    def get_channel_binding(self, cb_type: str = "tls-unique") -> bytes | None:
        """tls-unique, tls-server-end-point (RFC 5929) or tls-exporter (RFC 9266); None before the end of the handshake.

        Raises ValueError for another one, and where the binding is not safe.
        """
        engine = self._sslobj
        if engine is None and cb_type not in ("tls-unique", "tls-server-end-point", "tls-exporter"):
            raise ValueError(f"{cb_type} channel binding type not implemented")
        return None if engine is None else engine.get_channel_binding(cb_type)
