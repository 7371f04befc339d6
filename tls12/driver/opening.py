"""The connections that adapters make, and what is wrong with the arguments that every adapter takes."""

from __future__ import annotations

from collections.abc import Callable

from tls12.config import ClientConfig, ServerConfig
from tls12.connection import ClientConnection, ServerConnection
from tls12.driver.answers import Answers
from tls12.errors import UsageError
from tls12.given import functions_by_class, name_value, require, require_seconds
from tls12.handshake.engine import OnMessage, Rewrite
from tls12.resumption.sessions import Session


def client_connection(
    config: ClientConfig,
    host: str | None,
    *,
    server_name: str | None = None,
    session: Session | None = None,
    answers: Answers | None = None,
    rewrite: Rewrite | None = None,
    on_message: OnMessage | None = None,
) -> ClientConnection:
    """A fresh connection to `host`, for a driver with the same `answers`.

    `server_name` is the name (or IP address) that the server must prove, `host` unless given; "" asks for none. The
    connection pauses on every event that `answers` names. Raises `UsageError` for an argument that cannot be right, so
    that a mistake is found before anything is sent.
    """
    if host is not None:
        require("host", host, str, "a host name or an IP address")
    return ClientConnection(
        config,
        name_to_prove(host, server_name),
        session=session,
        rewrite=rewrite,
        pause_on=functions_by_class(answers),
        on_message=on_message,
    )


def name_to_prove(host: str | None, server_name: str | None) -> str | None:
    """What a server at `host` must prove, for every adapter: `server_name`, or `host` for None; nothing for ""."""
    return host if server_name is None else server_name or None


def server_connection(
    config: ServerConfig,
    *,
    answers: Answers | None = None,
    make_connection: Callable[..., ServerConnection] = ServerConnection,
) -> ServerConnection:
    """A fresh connection with a client, for a driver with the same `answers`; it pauses on every event that they name.

    `make_connection` makes one that differs from `ServerConnection(config)`. Raises `UsageError` as it does.
    """
    if not isinstance(config, ServerConfig):
        raise UsageError(f"a server needs a ServerConfig, not {name_value(config)}")
    return make_connection(config, pause_on=frozenset(functions_by_class(answers)))


def check_timeouts(*, handshake_timeout: float | None, close_timeout: float | None = None) -> None:
    """Raises `UsageError` for time-outs that are no numbers of seconds, or in which no handshake can be complete."""
    require_seconds(handshake_timeout=handshake_timeout, close_timeout=close_timeout)
    if handshake_timeout == 0:
        raise UsageError(
            "handshake_timeout is 0, and no handshake is complete in no time; give seconds, or None for no bound"
        )
