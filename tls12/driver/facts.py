"""What programs ask a TLS socket, or the SSL object of a transport, of `ssl`: the answers of a connection of ours.

How it works: each question is answered from what the connection has agreed on, in the form that `ssl.SSLSocket` and
`ssl.SSLObject` give, and with None before the end of the handshake. What `ssl` cannot say is in `negotiated`.
"""

from __future__ import annotations

from typing import Any

from tls12.config import ClientConfig, ServerConfig
from tls12.connection import Connection, ServerConnection
from tls12.driver.descriptions import described
from tls12.errors import UsageError
from tls12.events import Negotiated
from tls12.resumption.sessions import Session
from tls12.trust.peercert import peercert
from tls12.trust.verifier import AcceptAnyPeer


class TLSFacts:
    """The questions about TLS: a part of `tls12.sync.TLSSocket` and of `TLSObject`."""

    connection: Connection

    # -- as this library has it

    @property
    def negotiated(self) -> Negotiated:
        """What the two sides agreed on. Raises UsageError before the handshake is complete."""
        if (negotiated := self.connection.negotiated) is None:
            raise UsageError("nothing is negotiated yet; call do_handshake()")
        return negotiated

    @property
    def session(self) -> Session | None:
        """What a later `connect(..., session=...)` needs to resume this session, or None (RFC 5246 F.1.4)."""
        return self.connection.session

    # -- as `ssl` has it

    @property
    def server_side(self) -> bool:
        """Whether this is the server's end."""
        return isinstance(self.connection, ServerConnection)

    @property
    def server_hostname(self) -> str | None:
        """The name that the client asked for."""
        negotiated = self.connection.negotiated
        return None if negotiated is None else negotiated.server_name

    @property
    def session_reused(self) -> bool:
        """Whether the handshake was abbreviated (RFC 5246 7.3)."""
        negotiated = self.connection.negotiated
        return negotiated is not None and negotiated.resumed

    def version(self) -> str | None:
        """ "TLSv1.2"."""
        return None if self.connection.negotiated is None else "TLSv1.2"

    def cipher(self) -> tuple[str, str, int] | None:
        """OpenSSL's name of the cipher suite, the first version that has it, and its strength in bits."""
        negotiated = self.connection.negotiated
        return None if negotiated is None else described(negotiated.cipher_suite)

    def compression(self) -> None:
        """None: records are never compressed."""

    def selected_alpn_protocol(self) -> str | None:
        """The application protocol (RFC 7301), if one was agreed on."""
        negotiated = self.connection.negotiated
        return None if negotiated is None else negotiated.alpn_protocol

    def getpeercert(self, binary_form: bool = False) -> Any:
        """The peer's certificate: DER in the binary form, else the dictionary of `ssl`; None if it has sent none.

        The dictionary is empty where `AcceptAnyPeer` verified nothing. Raises UsageError before the end of the
        handshake.
        """
        certificates = self.negotiated.peer_certificates
        if not certificates:
            return None
        if binary_form:
            return certificates[0]
        return {} if isinstance(self.connection.config.verifier, AcceptAnyPeer) else peercert(certificates[0])

    def get_channel_binding(self, cb_type: str = "tls-unique") -> bytes | None:
        """tls-unique, tls-server-end-point (RFC 5929) or tls-exporter (RFC 9266).

        Raises UsageError, a ValueError, for another one, and where the binding is not safe.
        """
        return None if self.connection.negotiated is None else self.connection.channel_binding(cb_type)


class TLSObject(TLSFacts):
    """What a program that asks a transport for its `ssl_object` gets: the answers of `ssl.SSLObject`, and no I/O."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @property
    def context(self) -> ClientConfig | ServerConfig:
        """The configuration of the connection."""
        return self.connection.config

    def selected_npn_protocol(self) -> None:
        """None: NPN, which ALPN has replaced, is not spoken."""

    def __repr__(self) -> str:
        return f"<TLSObject {self.connection.state.name}>"
