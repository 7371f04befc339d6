"""What programs ask a socket, and a TLS socket of `ssl`, besides to carry bytes: `SocketFacts`, a part of `TLSSocket`.

How it works: questions about TCP go to the socket underneath. Questions about TLS are answered from what the connection
has agreed on, in the form that `ssl.SSLSocket` gives, and with None before the end of the handshake. What `ssl` cannot
say is in `negotiated`.
"""

from __future__ import annotations

import selectors
import socket
from typing import Any

from tls12.connection import Connection, ServerConnection
from tls12.driver import described
from tls12.errors import UsageError
from tls12.events import Negotiated
from tls12.resumption.sessions import Session
from tls12.sync.stream import Stream
from tls12.trust.peercert import peercert
from tls12.trust.verifier import AcceptAnyPeer


class SocketFacts:
    """The questions that a TLSSocket answers."""

    connection: Connection
    _stream: Stream

    # -- TLS, as this library has it

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

    @property
    def trailing_data(self) -> bytes:
        """Bytes that arrived behind the peer's close_notify: the plain protocol that follows TLS."""
        return self.connection.trailing_data

    # -- TLS, as `ssl.SSLSocket` has it

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

    # -- waiting

    def pending(self) -> int:
        """How many plaintext bytes `recv` can give without waiting; a selector cannot see them."""
        return self._stream.pending

    @property
    def selector_events(self) -> int:
        """What to wait for after a BlockingIOError, as `selectors` says it: EVENT_READ, and EVENT_WRITE too while
        records wait until the socket has room. `flush`, and every call that writes, sends them on."""
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if self._stream.has_output else 0)

    def setblocking(self, flag: bool) -> None:
        """Wait for the network for ever, or never."""
        self._stream.sock.setblocking(flag)

    def getblocking(self) -> bool:
        """Whether calls wait for the network."""
        return self._stream.sock.getblocking()

    def settimeout(self, seconds: float | None) -> None:
        """How long one wait for the network may take: None for ever, 0 never (non-blocking)."""
        self._stream.sock.settimeout(seconds)

    def gettimeout(self) -> float | None:
        """What `settimeout` set."""
        return self._stream.sock.gettimeout()

    @property
    def timeout(self) -> float | None:
        """What `settimeout` set."""
        return self._stream.sock.gettimeout()

    # -- the socket underneath

    @property
    def sock(self) -> socket.socket:
        """The socket underneath, for its options and addresses. Do not read or write it: its bytes are TLS records."""
        return self._stream.sock

    @property
    def family(self) -> int:
        """Its address family."""
        return self._stream.sock.family

    @property
    def type(self) -> int:
        """Its type, SOCK_STREAM."""
        return self._stream.sock.type

    @property
    def proto(self) -> int:
        """Its protocol."""
        return self._stream.sock.proto

    def fileno(self) -> int:
        """Its file descriptor, or -1 when it is closed."""
        return self._stream.sock.fileno()

    def getpeername(self) -> Any:
        """The peer's address, as `socket.getpeername` gives it."""
        return self._stream.sock.getpeername()

    def getsockname(self) -> Any:
        """Our address, as `socket.getsockname` gives it."""
        return self._stream.sock.getsockname()

    def getsockopt(self, *option: int) -> Any:
        """As `socket.getsockopt`."""
        return self._stream.sock.getsockopt(*option)

    def setsockopt(self, *option: Any) -> None:
        """As `socket.setsockopt`."""
        self._stream.sock.setsockopt(*option)

    def get_inheritable(self) -> bool:
        """Whether a program that this process starts gets the file descriptor."""
        return self._stream.sock.get_inheritable()

    def set_inheritable(self, inheritable: bool) -> None:
        """Say whether a program that this process starts gets the file descriptor."""
        self._stream.sock.set_inheritable(inheritable)
