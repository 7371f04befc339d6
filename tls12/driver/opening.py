"""The client's connection that every adapter's `connect` makes, and what is wrong with its arguments."""

from __future__ import annotations

from tls12.config import ClientConfig
from tls12.connection import ClientConnection
from tls12.driver.answers import Answers
from tls12.given import functions_by_class, require
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
        host if server_name is None else server_name or None,
        session=session,
        rewrite=rewrite,
        pause_on=frozenset(functions_by_class(answers)),
        on_message=on_message,
    )
