"""Names the protocol of bytes that arrive in place of TLS.

How it works: most protocols can be told by their first bytes. A table of patterns names those that meet a TLS endpoint
in practice: the wrong port, a forgotten STARTTLS, a PROXY header, an old client. Only the sentence in the error depends
on the answer.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tls12.errors import Detail


class Foreign(NamedTuple):
    """What another protocol's first bytes look like, what it is called, and what the reader of the error should do."""

    pattern: re.Pattern[bytes]
    name: str
    remedy: str
    detail: Detail | None


def _row(pattern: bytes, name: str, remedy: str, detail: Detail | None = None) -> Foreign:
    return Foreign(re.compile(pattern, re.DOTALL), name, remedy, detail)


_PLAIN_CLIENT = "let the client speak TLS (https://), or serve this port without it"
_PLAIN_SERVER = "connect to the server's TLS port, or without TLS"
_STARTTLS = "ask for TLS in the plain protocol first (STARTTLS, AUTH TLS, STLS), or use its TLS port"

FOREIGN: tuple[Foreign, ...] = (
    _row(rb"HTTP/\d", "an HTTP response", _PLAIN_SERVER),
    _row(rb"PRI \* HTTP/2", "HTTP/2 without TLS", _PLAIN_CLIENT),
    _row(rb"(GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|TRACE) ", "an HTTP request", _PLAIN_CLIENT, Detail.HTTP_REQUEST),
    _row(rb"CONNECT ", "an HTTP proxy request", "answer the CONNECT before starting TLS", Detail.HTTP_PROXY_REQUEST),
    _row(rb"PROXY |\r\n\r\n\x00\r\nQUIT\n", "a PROXY protocol header", "read it before starting TLS"),
    _row(rb"SSH-", "SSH", "this is an SSH port or client"),
    _row(rb"(EHLO|HELO|LHLO) ", "an SMTP client", _STARTTLS),
    _row(rb"[1-5]\d\d[ -].*(SMTP|[Mm]ail)", "an SMTP server", _STARTTLS),
    _row(rb"[1-5]\d\d[ -].*FTP", "an FTP server", _STARTTLS),
    _row(rb"[1-5]\d\d[ -]", "an SMTP or FTP server", _STARTTLS),
    _row(rb"\+OK", "a POP3 server", _STARTTLS),
    _row(rb"\* (OK|PREAUTH|BYE)", "an IMAP server", _STARTTLS),
    _row(rb"<\?xml|<stream", "XMPP", _STARTTLS),
    _row(rb"\x00\x00\x00\x08\x04\xd2\x16\x2f", "a PostgreSQL client's SSLRequest", "answer it with 'S' first"),
    _row(rb"\x00\x00..\x00\x03\x00\x00", "a PostgreSQL client without TLS", _PLAIN_CLIENT),
    _row(rb"[SN]\Z|E[\x00S]", "a PostgreSQL server", "send its SSLRequest before starting TLS"),
    _row(rb"..\x00\x00[\x09\x0a]", "a MySQL server's greeting", "send its SSL request before starting TLS"),
    _row(rb"\x03\x00\x00.[\x02-\x7f]\xe0", "an RDP client", "negotiate TLS in its X.224 request first"),
    _row(rb"\x00\x00..[\xfe\xff]SMB", "SMB", "SMB does not run over TLS"),
    _row(rb"\x05[\x01-\x04][\x00-\x02]", "a SOCKS5 client", "answer the proxy request before starting TLS"),
    _row(rb"AMQP", "AMQP", "use the TLS port (amqps)"),
    _row(rb"\x10.\x00[\x04\x06]MQ", "MQTT", "use the TLS port (mqtts)"),
    _row(rb"\x30[\x0c-\x84].{0,3}\x02\x01", "LDAP", _STARTTLS),
    _row(
        rb"[\x80-\xff].\x01|[\x00-\x3f]..\x01",
        "an SSL 2.0 ClientHello (RFC 6176)",
        "let the client speak TLS 1.2",
    ),
    _row(rb"[\x80-\xff]", "an SSL 2.0 record (RFC 6176)", "let the peer speak TLS 1.2"),
)
"""The table, in the order of the attempts."""


def name_foreign(data: bytes) -> Foreign | None:
    """The row that the first bytes of a connection fit, if there is one."""
    return next((row for row in FOREIGN if row.pattern.match(data)), None)
