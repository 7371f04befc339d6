"""TLS over a blocking socket: `connect`, `wrap`, and the `TLSSocket` that both return.

`starttls` and its kin begin TLS on a connection that is plain at first, and demand it.
"""

from __future__ import annotations

from tls12.driver import HANDSHAKE_TIMEOUT, Answers
from tls12.sync.opening import connect, wrap
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
    "HANDSHAKE_TIMEOUT",
    "Answers",
    "TLSSocket",
    "UpgradeOptions",
    "connect",
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
