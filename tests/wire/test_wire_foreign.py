"""Other protocols' first bytes are named."""

from __future__ import annotations

import pytest

from tls12.wire.foreign import FOREIGN, name_foreign

FIRST_BYTES = [
    (b"HTTP/1.1 400 Bad Request\r\n", "HTTP response"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/2"),
    (b"GET / HTTP/1.1\r\n", "HTTP request"),
    (b"OPTIONS * HTTP/1.1\r\n", "HTTP request"),
    (b"CONNECT example.org:443 HTTP/1.1\r\n", "HTTP proxy"),
    (b"PROXY TCP4 192.0.2.1 192.0.2.2 5 443\r\n", "PROXY protocol"),
    (b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c", "PROXY protocol"),
    (b"SSH-2.0-OpenSSH_9.6\r\n", "SSH"),
    (b"EHLO mail.example.org\r\n", "SMTP client"),
    (b"220 mail.example.org ESMTP Postfix\r\n", "SMTP server"),
    (b"220 (vsFTPd 3.0.5 FTP)\r\n", "FTP server"),
    (b"220 ready\r\n", "SMTP or FTP server"),
    (b"+OK POP3 ready\r\n", "POP3"),
    (b"* OK [CAPABILITY IMAP4rev1] ready\r\n", "IMAP"),
    (b"<?xml version='1.0'?><stream:stream>", "XMPP"),
    (b"\x00\x00\x00\x08\x04\xd2\x16\x2f", "PostgreSQL client's SSLRequest"),
    (b"\x00\x00\x00\x29\x00\x03\x00\x00user\x00", "PostgreSQL client"),
    (b"N", "PostgreSQL server"),
    (b"E\x00\x00\x00\x8eSFATAL", "PostgreSQL server"),
    (b"\x4a\x00\x00\x00\x0a8.0.36\x00", "MySQL"),
    (b"\x03\x00\x00\x2b\x26\xe0\x00\x00\x00\x00\x00Cookie", "RDP"),
    (b"\x00\x00\x00\x54\xffSMB\x72", "SMB"),
    (b"\x05\x01\x00", "SOCKS5"),
    (b"AMQP\x00\x00\x09\x01", "AMQP"),
    (b"\x10\x10\x00\x04MQTT\x04", "MQTT"),
    (b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03", "LDAP"),
    (b"\x80\x2e\x01\x03\x01\x00\x15", "SSL 2.0 ClientHello"),
    (b"\x00\x2e\x00\x01\x00\x02", "SSL 2.0 ClientHello"),
    (b"\x80\x00", "SSL 2.0 record"),
]


@pytest.mark.parametrize(("data", "name"), FIRST_BYTES, ids=[name for _, name in FIRST_BYTES])
def test_the_first_bytes_name_their_protocol(data: bytes, name: str) -> None:
    row = name_foreign(data)
    assert row is not None
    assert name in row.name
    assert row.remedy


def test_every_row_is_shown_to_work() -> None:
    assert {row.name for data, _ in FIRST_BYTES if (row := name_foreign(data))} == {row.name for row in FOREIGN}


@pytest.mark.parametrize("data", [b"", b"\x7f\x00\x00", b"\x16\x03\x01\x00\xa5\x01", b"hello"])
def test_other_bytes_have_no_name(data: bytes) -> None:
    assert name_foreign(data) is None
