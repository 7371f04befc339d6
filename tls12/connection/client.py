"""The client: a connection that begins the handshake.

How it works: what only a client does stands here: the ClientHello's name and session, and HelloRequests.
"""

from __future__ import annotations

from tls12.config import ClientConfig
from tls12.connection.core import Connection
from tls12.crypto import finite_field
from tls12.errors import (
    LimitExceeded,
    PeerIncompatible,
    UsageError,
)
from tls12.events import (
    RenegotiationRequested,
)
from tls12.handshake.bindings import client_key
from tls12.handshake.client import ClientHandshake
from tls12.handshake.engine import OnMessage, Rewrite, with_lookups
from tls12.handshake.grammar import Side, name_of
from tls12.handshake.permissions import replacing
from tls12.policy import Renegotiation
from tls12.registry import HandshakeType, ProtocolVersion
from tls12.resumption.sessions import Session
from tls12.trust.names import normalise_server_name
from tls12.trust.verifier import X509Verifier
from tls12.wire import messages

_TLS_1_0, _TLS_1_2 = int(ProtocolVersion.TLS_1_0), int(ProtocolVersion.TLS_1_2)


class ClientConnection(Connection):
    """A TLS 1.2 client, without I/O.

    `server_name` is what the certificate must be valid for and what server_name (RFC 6066 3) asks for: a host name,
    an IP address (verified, but not sent), or None. `session` offers a resumption; one that does not fit is silently
    not offered. `rewrite` replaces outgoing messages, `pause_on` names the event classes that wait for `answer`,
    `on_message(sender, message, size)` watches both directions. Raises `UsageError` for a name that cannot be one.
    """

    __slots__ = ("_server_name", "_session")

    _side = Side.CLIENT
    _peer = Side.SERVER
    _opened_by = None
    _invited_by = HandshakeType.HELLO_REQUEST

    def __init__(
        self,
        config: ClientConfig,
        server_name: str | None,
        *,
        session: Session | None = None,
        rewrite: Rewrite | None = None,
        pause_on: frozenset[type] = frozenset(),
        on_message: OnMessage | None = None,
    ) -> None:
        if not isinstance(config, ClientConfig):
            raise UsageError(f"a ClientConnection needs a ClientConfig, not a {type(config).__name__}")
        if not isinstance(session, Session | None):
            raise UsageError(f"session is a {type(session).__name__}; give a Session, such as Session.from_bytes(...)")
        super().__init__(config, rewrite, pause_on, on_message)
        if not with_lookups(config, frozenset(pause_on)).suites:
            why = "those of the policy need a verifier, or a psk"
            if not finite_field.is_available():
                why += f"; {finite_field.MISSING}"
            raise UsageError(f"there is no cipher suite to offer: {why}")
        self._config: ClientConfig = config
        self._server_name = normalise_server_name(server_name) if server_name is not None else None
        if self._server_name is None and isinstance(config.verifier, X509Verifier):
            raise UsageError("X509Verifier needs to know whom it verifies: give a server_name")
        self._session = session
        self._writer.version = _TLS_1_0  # RFC 5246 E.1: for the first ClientHello

    def initiate_handshake(self) -> None:
        """Queue the ClientHello. Raises `UsageError` when called twice."""
        if self._handshakes or self._write_ended:
            raise UsageError("initiate_handshake() is called once, first")
        self._guard(self._begin_handshake)
        self._writer.version = _TLS_1_2  # an alert may follow before the ServerHello is read

    def _make_handshake(self) -> ClientHandshake:
        previous = self._established
        session = self._session if previous is None else None
        return ClientHandshake(
            self._config,
            self._conversation,
            self._pause_on,
            self._rewrite,
            self._on_message,
            previous,
            self._server_name,
            session,
        )

    def _ignored_or_refused(self, message: bytes) -> bool:
        if not self._handshakes:
            return False
        request = messages.parse(message)
        if self._on_message is not None:
            self._on_message(self._peer.value, request, len(message))
        if self._write_ended:
            return True  # our close_notify has gone out: there is nobody to answer
        self._hello_requests += 1
        if self._hello_requests > self._config.limits.hello_requests:
            raise LimitExceeded("the server sent too many HelloRequests", rule="RFC 5246 7.2.2")
        strict = self._config.policy.renegotiation is Renegotiation.FATAL
        if self._handshake is not None:
            if strict:
                raise self._out_of_place(name_of(HandshakeType.HELLO_REQUEST))
            return True
        self._events.append(RenegotiationRequested())
        if strict:
            policy = self._config.policy
            raise PeerIncompatible(
                "the server asked for a renegotiation, with which the policy ends the connection",
                rule="RFC 5246 7.2.2",
                remedy=f"{replacing(policy, renegotiation=Renegotiation.WARN)} goes on without one, "
                f"{replacing(policy, renegotiation=Renegotiation.ALLOW)} renegotiates",
            )
        if self._obstacle_to_renegotiation():
            self._refuse_renegotiation()
        return True

    def _begin_renegotiation(self) -> None:
        self._hold_data()
        self._begin_handshake()

    def _forget_session(self) -> None:
        if self._config.sessions is not None:
            try:
                self._config.sessions.remove(client_key(self._config, self._server_name, self._pause_on))
            except Exception:
                return  # the contract of a store: its failures are misses
