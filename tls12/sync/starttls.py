"""TLS on a connection that begins without it, as STARTTLS does: the upgrade is demanded, never hoped for.

How it works: `PROTOCOLS` is a table from names to dialogues (`dialogues.py`). Each function here connects, or takes a
connected socket, holds its dialogue, and then begins TLS. Where anything goes wrong the socket is closed and an OSError
is raised, so that a program has no plain connection left that it could go on with:

- UpgradeRefused: the server does not offer TLS or refuses it. An attacker who can change what is sent can take the
  offer away, and nothing in the plain dialogue tells the one from the other.
- PlaintextInjected: bytes stand behind the server's go-ahead. An attacker puts answers there for a program that reads
  them after the handshake. Those that come later are read as TLS, and are refused there.

What the server said before TLS is forgotten: ask for its capabilities again, as each of the RFCs demands.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, NamedTuple, TypedDict, Unpack

from tls12.config import ClientConfig
from tls12.driver import HANDSHAKE_TIMEOUT, Answers, TimeBound, check_timeouts, client_connection, name_to_prove
from tls12.errors import UsageError
from tls12.given import name_value, require_function, require_seconds
from tls12.handshake.engine import OnMessage, Rewrite
from tls12.resumption.sessions import Session
from tls12.sync import dialogues
from tls12.sync.opening import connect_tcp, require_address, wrap
from tls12.sync.plain import OnPlain, Plain
from tls12.sync.tls_socket import TLSSocket
from tls12.sync.waiting import deadline
from tls12.trust.names import normalise_server_name

Where = socket.socket | tuple[str, int | str]
"""A host and a port, or a connected socket on which nothing was said yet. The socket belongs to the result."""


class UpgradeOptions(TypedDict, total=False):
    """The keywords of every function here."""

    server_name: str | None
    """The name (or IP address) that the server must prove: the host unless given. A socket needs one; "" asks for
    none."""
    timeout: float | None
    """Seconds for the TCP connect and for every later wait. A socket keeps its own."""
    handshake_timeout: float | None
    """Seconds for the dialogue as a whole, and again for the handshake."""
    session: Session | None
    """An earlier session to resume."""
    answers: Answers | None
    """What decides when the connection pauses, as for `connect`."""
    rewrite: Rewrite | None
    """As for `ClientConnection`."""
    on_message: OnMessage | None
    """As for `ClientConnection`."""
    on_plain: OnPlain | None
    """Called with "client" or "server" and each piece of the dialogue before TLS."""


class Protocol(NamedTuple):
    """A protocol that can begin TLS on a plain connection."""

    port: int
    """Where its servers listen."""
    dialogue: Callable[[Plain, str | None], None]


PROTOCOLS: dict[str, Protocol] = {
    "smtp": Protocol(25, dialogues.smtp),
    "imap": Protocol(143, dialogues.imap),
    "pop3": Protocol(110, dialogues.pop3),
    "ftp": Protocol(21, dialogues.ftp),
    "postgres": Protocol(5432, dialogues.postgres),
    "ldap": Protocol(389, dialogues.ldap),
    "xmpp": Protocol(5222, dialogues.xmpp),
    "mysql": Protocol(3306, dialogues.mysql),
}
"""What `starttls` knows, by name."""


def starttls(protocol: str, where: Where, config: ClientConfig, **options: Unpack[UpgradeOptions]) -> TLSSocket:
    """Begin TLS on a plain connection with a server of `protocol`, a name in `PROTOCOLS`.

    Raises UpgradeRefused for a server that does not begin TLS, PlaintextInjected for bytes behind its go-ahead,
    LimitExceeded for one that talks on, TimeoutError, the error of `ConnectionFailed` when there is no handshake: all
    OSErrors; the socket is closed then. `UsageError` for arguments that cannot be right, before anything is sent.
    """
    if protocol not in PROTOCOLS:
        raise UsageError(f"protocol is {protocol!r}; give one of {', '.join(PROTOCOLS)}")
    return _upgrade(PROTOCOLS[protocol], where, config, **options)


def _upgrade(
    protocol: Protocol,
    where: Where,
    config: ClientConfig,
    *,
    server_name: str | None = None,
    timeout: float | None = None,
    handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
    on_plain: OnPlain | None = None,
    answers: Answers | None = None,
    **hooks: Any,
) -> TLSSocket:
    require_seconds(timeout=timeout)
    check_timeouts(handshake_timeout=handshake_timeout)
    if on_plain is not None:
        require_function("on_plain", on_plain)
    host = _host_of(where)
    connection = client_connection(config, host, server_name=server_name, answers=answers, **hooks)
    given = name_to_prove(host, server_name)
    name = None if given is None else normalise_server_name(given)
    if protocol.dialogue is dialogues.xmpp and name is None:
        raise UsageError("XMPP asks for a domain: give a server_name")
    sock = connect_tcp(*where, timeout) if isinstance(where, tuple) else where
    try:
        bound = None if handshake_timeout is None else TimeBound("dialogue before TLS", handshake_timeout)
        with deadline(sock, bound) as next_wait:
            plain = Plain(sock, next_wait, on_plain)
            protocol.dialogue(plain, name)
            plain.finish()
    except BaseException:
        sock.close()
        raise
    return wrap(sock, connection, handshake_timeout=handshake_timeout, answers=answers)


def _host_of(where: Where) -> str | None:
    if isinstance(where, tuple):
        if len(where) != 2:
            raise UsageError("where is a tuple of other than two; give (host, port), or a connected socket")
        require_address(*where)
        return where[0]
    if not hasattr(where, "recv_into") or isinstance(where, type):
        raise UsageError(f"where is {name_value(where)}; give (host, port), or a connected socket")
    if where.gettimeout() == 0.0:
        raise UsageError("where is a non-blocking socket, and the dialogue before TLS waits; call settimeout() first")
    return None


def starttls_smtp(where: Where, config: ClientConfig, **options: Unpack[UpgradeOptions]) -> TLSSocket:
    """SMTP (RFC 3207): EHLO and STARTTLS; say EHLO again under TLS. Raises as `starttls` does."""
    return starttls("smtp", where, config, **options)


def starttls_imap(where: Where, config: ClientConfig, **options: Unpack[UpgradeOptions]) -> TLSSocket:
    """IMAP (RFC 9051 6.2.1): STARTTLS; there is no second greeting. Raises as `starttls` does."""
    return starttls("imap", where, config, **options)


def starttls_pop3(where: Where, config: ClientConfig, **options: Unpack[UpgradeOptions]) -> TLSSocket:
    """POP3 (RFC 2595 4): STLS; there is no second greeting. Raises as `starttls` does."""
    return starttls("pop3", where, config, **options)


def starttls_ftp(where: Where, config: ClientConfig, **options: Unpack[UpgradeOptions]) -> TLSSocket:
    """FTP's control connection (RFC 4217): AUTH TLS. PBSZ and PROT P, for the data, are said under TLS.

    Raises as `starttls` does.
    """
    return starttls("ftp", where, config, **options)


def starttls_postgres(where: Where, config: ClientConfig, **options: Unpack[UpgradeOptions]) -> TLSSocket:
    """PostgreSQL: SSLRequest; the StartupMessage follows under TLS. Raises as `starttls` does."""
    return starttls("postgres", where, config, **options)


def starttls_ldap(where: Where, config: ClientConfig, **options: Unpack[UpgradeOptions]) -> TLSSocket:
    """LDAP (RFC 4511 4.14): the StartTLS operation, message number 1. Raises as `starttls` does."""
    return starttls("ldap", where, config, **options)


def starttls_xmpp(where: Where, config: ClientConfig, **options: Unpack[UpgradeOptions]) -> TLSSocket:
    """XMPP (RFC 6120 5): STARTTLS in a stream to `server_name`, the domain; open a new stream under TLS.

    Raises as `starttls` does.
    """
    return starttls("xmpp", where, config, **options)


def starttls_mysql(where: Where, config: ClientConfig, **options: Unpack[UpgradeOptions]) -> TLSSocket:
    """MySQL and MariaDB: SSLRequest. The server's greeting, with the salt for the login, came before: `on_plain` has
    it, and the next packet has the sequence number 2. Raises as `starttls` does.
    """
    return starttls("mysql", where, config, **options)
