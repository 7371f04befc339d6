"""The client: a connection that begins the handshake."""

from __future__ import annotations

from collections.abc import Iterable

from tls12.config import ClientConfig
from tls12.connection.connection import Connection
from tls12.connection.roles import ClientRole, Hooks
from tls12.crypto import finite_field
from tls12.errors import UsageError
from tls12.given import require
from tls12.handshake.client import ClientHandshake
from tls12.handshake.engine import OnMessage, Rewrite
from tls12.handshake.possible_suites import what_suites_need, with_psk_lookups
from tls12.registry import ProtocolVersion
from tls12.resumption.sessions import Session
from tls12.trust.names import normalise_server_name
from tls12.trust.verifier import X509Verifier
from tls12.wire.memory import remembered

_TLS_1_0, _TLS_1_2 = int(ProtocolVersion.TLS_1_0), int(ProtocolVersion.TLS_1_2)


class ClientConnection(Connection):
    """A TLS 1.2 client, without I/O.

    `server_name` is what the certificate must be valid for and what server_name (RFC 6066 3) asks for: a host name,
    an IP address (verified, but not sent), or None. `session` offers a resumption; one that does not fit is silently
    not offered. `rewrite` replaces outgoing messages, `pause_on` names the event classes that wait for `answer`,
    `on_message(sender, message, size)` watches both directions. `handshake` is a subclass of `ClientHandshake` that
    overrides some of its steps, for research. Raises `UsageError` for a name that cannot be one.
    """

    __slots__ = ()

    def __init__(
        self,
        config: ClientConfig,
        server_name: str | None,
        *,
        session: Session | None = None,
        rewrite: Rewrite | None = None,
        pause_on: Iterable[type] = (),
        on_message: OnMessage | None = None,
        handshake: type[ClientHandshake] = ClientHandshake,
    ) -> None:
        if not isinstance(config, ClientConfig):
            raise UsageError(f"a ClientConnection needs a ClientConfig, not a {type(config).__name__}")
        if session is not None and not isinstance(session, Session):
            raise UsageError(f"session is a {type(session).__name__}; give a Session, such as Session.from_bytes(...)")
        if server_name is not None:
            require("server_name", server_name, str, "a host name, an IP address, or None")
        if not (isinstance(handshake, type) and issubclass(handshake, ClientHandshake)):
            raise UsageError("handshake is a subclass of ClientHandshake")
        hooks = Hooks.checked(pause_on, rewrite, on_message)
        if not with_psk_lookups(config, hooks.pause_on).suites:
            why = what_suites_need(config.policy, "verifier=X509Verifier(...)", "psk=Psk(identity, key)")
            if not config.crypto.finite_fields:
                why += f"; {finite_field.MISSING}"
            raise UsageError(f"there is no cipher suite to offer: {why}")
        name = None
        if server_name is not None:
            name = remembered(config.memory, normalise_server_name, server_name, len(server_name))
        if name is None and isinstance(config.verifier, X509Verifier):
            raise UsageError("X509Verifier needs to know whom it verifies: give a server_name")
        super().__init__(ClientRole(handshake, name, session), config, hooks)
        self._core.outgoing.writer.version = _TLS_1_0  # RFC 5246 E.1: for the first ClientHello

    def initiate_handshake(self) -> None:
        """Queue the ClientHello. Raises `UsageError` when called twice."""
        core = self._core
        if core.handshakes.so_far.handshakes or not core.lifecycle.may_write:
            raise UsageError("initiate_handshake() is called once, first")
        core.run(core.begin_handshake)
        core.outgoing.writer.version = _TLS_1_2  # for an alert that is sent before the ServerHello is read
