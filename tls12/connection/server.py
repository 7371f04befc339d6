"""The server: a connection that answers.

How it works: what only a server does stands here: refusing or beginning renegotiations, and its session store.
"""

from __future__ import annotations

from tls12.config import ServerConfig
from tls12.connection.core import Connection
from tls12.errors import (
    LimitExceeded,
    PeerIncompatible,
    UsageError,
)
from tls12.events import ClientHelloReceived
from tls12.handshake.engine import (
    OnMessage,
    Rewrite,
    check_able,
)
from tls12.handshake.grammar import Side
from tls12.handshake.permissions import replacing
from tls12.handshake.proofs import Established
from tls12.handshake.server import ServerHandshake
from tls12.policy import Renegotiation
from tls12.registry import HandshakeType
from tls12.wire import messages
from tls12.wire.extensions import ExtendedMasterSecret
from tls12.wire.hello import ClientHello, HelloRequest


class ServerConnection(Connection):
    """A TLS 1.2 server, without I/O; it answers what comes in, no call begins it.

    `rewrite` replaces outgoing messages, `pause_on` names the event classes that wait for `answer`,
    `on_message(sender, message, size)` watches both directions. Raises `UsageError` for a configuration with which no
    handshake could succeed, unless another one may be the answer to `ClientHelloReceived`.
    """

    __slots__ = ()

    _side = Side.SERVER
    _peer = Side.CLIENT
    _opened_by = _invited_by = HandshakeType.CLIENT_HELLO

    def __init__(
        self,
        config: ServerConfig,
        *,
        rewrite: Rewrite | None = None,
        pause_on: frozenset[type] = frozenset(),
        on_message: OnMessage | None = None,
    ) -> None:
        if not isinstance(config, ServerConfig):
            raise UsageError(f"a ServerConnection needs a ServerConfig, not a {type(config).__name__}")
        super().__init__(config, rewrite, pause_on, on_message)
        if not config.suites and ClientHelloReceived not in self._pause_on:
            check_able(config, self._pause_on)
        self._config: ServerConfig = config

    def _make_handshake(self) -> ServerHandshake:
        return ServerHandshake(
            self._config, self._conversation, self._pause_on, self._rewrite, self._on_message, self._established
        )

    def _ignored_or_refused(self, message: bytes) -> bool:
        established = self._established
        if established is None or self._handshake is not None:
            return False
        if self._write_ended:
            return True  # our close_notify has gone out: there is nobody to answer
        wish = self._config.policy.renegotiation
        if wish is Renegotiation.ALLOW and self._may_renegotiate(established, message):
            self._hold_data()
            return False
        if wish is Renegotiation.FATAL:
            raise PeerIncompatible(
                "the client began a renegotiation, with which the policy ends the connection",
                rule="RFC 5246 7.2.2",
                remedy=f"{replacing(self._config.policy, renegotiation=Renegotiation.WARN)} goes on without one",
            )
        self._hello_requests += 1
        if self._hello_requests > self._config.limits.hello_requests:
            raise LimitExceeded("the client asked for too many renegotiations", rule="RFC 5246 7.2.2")
        self._refuse_renegotiation()
        return True

    def _may_renegotiate(self, established: Established, message: bytes) -> bool:
        """Whether this ClientHello may begin a renegotiation; it may gain extended master secret (RFC 7627 5.2)."""
        policy = self._config.policy
        if not established.obstacle_to_renegotiation(policy):
            return True
        if established.obstacle_to_renegotiation(policy, with_extended_master_secret=True):
            return False
        hello = messages.parse(message)
        return isinstance(hello, ClientHello) and hello.find(ExtendedMasterSecret) is not None

    def _begin_renegotiation(self) -> None:
        asking = self._make_handshake()  # which never begins: the client's ClientHello gets one of its own
        asking.send(HelloRequest())
        self._carry_out(asking)

    def _forget_session(self) -> None:
        session = self._established.session if self._established is not None else None
        if session is not None and session.session_id and self._config.sessions is not None:
            try:
                self._config.sessions.remove(session.session_id)
            except Exception:
                return  # the contract of a store: its failures are misses
