"""The server: a connection that answers."""

from __future__ import annotations

from collections.abc import Iterable

from tls12.config import ServerConfig
from tls12.connection.connection import Connection
from tls12.connection.roles import Hooks, ServerRole
from tls12.errors import UsageError
from tls12.events import ClientHelloReceived
from tls12.handshake.engine import OnMessage, Rewrite
from tls12.handshake.possible_suites import check_some_suite_possible
from tls12.handshake.server import ServerHandshake


class ServerConnection(Connection):
    """A TLS 1.2 server, without I/O. It begins when the client's bytes come; no method has to be called before.

    `rewrite` replaces outgoing messages, `pause_on` names the event classes that wait for `answer`,
    `on_message(sender, message, size)` watches both directions. `handshake` is a subclass of `ServerHandshake` that
    overrides some of its steps, for research. Raises `UsageError` for a configuration with which no handshake could
    succeed, unless the connection pauses on `ClientHelloReceived`, which may be answered with another one.
    """

    __slots__ = ()

    def __init__(
        self,
        config: ServerConfig,
        *,
        rewrite: Rewrite | None = None,
        pause_on: Iterable[type] = (),
        on_message: OnMessage | None = None,
        handshake: type[ServerHandshake] = ServerHandshake,
    ) -> None:
        if not isinstance(config, ServerConfig):
            raise UsageError(f"a ServerConnection needs a ServerConfig, not a {type(config).__name__}")
        if not (isinstance(handshake, type) and issubclass(handshake, ServerHandshake)):
            raise UsageError("handshake is a subclass of ServerHandshake")
        hooks = Hooks.checked(pause_on, rewrite, on_message)
        super().__init__(ServerRole(handshake), config, hooks)
        if not config.suites and ClientHelloReceived not in hooks.pause_on:
            check_some_suite_possible(config, hooks.pause_on)
