"""TLS over blocking sockets: `connect`, `wrap`, and the `TLSSocket` that both return; `listen` and its `TLSServer`.

`starttls`, and one function for each protocol, begin TLS on a connection that is plain at first, and demand it.
"""

from __future__ import annotations

from tls12.driver import CLOSE_TIMEOUT, HANDSHAKE_TIMEOUT, Answers
from tls12.driver.bounds import MAX_HANDSHAKES, PATIENCE
from tls12.sync.crowd import MAX_CONNECTIONS
from tls12.sync.opening import connect, wrap
from tls12.sync.server import Handler, TLSServer, listen
from tls12.sync.starttls import (
    UpgradeOptions,
    starttls,
    starttls_ftp,
    starttls_imap,
    starttls_ldap,
    starttls_mysql,
    starttls_pop3,
    starttls_postgres,
    starttls_smtp,
    starttls_xmpp,
)
from tls12.sync.tls_socket import TLSSocket

__all__ = [
    "CLOSE_TIMEOUT",
    "HANDSHAKE_TIMEOUT",
    "MAX_CONNECTIONS",
    "MAX_HANDSHAKES",
    "PATIENCE",
    "Answers",
    "Handler",
    "TLSServer",
    "TLSSocket",
    "UpgradeOptions",
    "connect",
    "listen",
    "starttls",
    "starttls_ftp",
    "starttls_imap",
    "starttls_ldap",
    "starttls_mysql",
    "starttls_pop3",
    "starttls_postgres",
    "starttls_smtp",
    "starttls_xmpp",
    "wrap",
]
