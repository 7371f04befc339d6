"""What a client says before TLS, one function for each protocol.

How it works: a dialogue is a function of a `Plain` and of the name that the server must prove. It returns when the
server has agreed to begin TLS, and raises UpgradeRefused for everything else. What the server says before TLS decides
nothing but that: an attacker may have written it.
"""

from __future__ import annotations

import struct

from tls12.errors import UsageError
from tls12.sync.plain import Plain, refused


def smtp(plain: Plain, server_name: str | None) -> None:
    """SMTP and submission: RFC 3207 4."""
    _reply(plain, b"220")
    plain.send(f"EHLO {plain.own_address}\r\n".encode())
    offered = {line[4:].strip().upper() for line in _reply(plain, b"250")}
    if b"STARTTLS" not in offered:
        raise refused("does not offer STARTTLS")
    plain.send(b"STARTTLS\r\n")
    _reply(plain, b"220")


def imap(plain: Plain, server_name: str | None) -> None:
    """IMAP: RFC 9051 6.2.1. A greeting with PREAUTH would forbid STARTTLS (11.1), so it is a refusal."""
    _line(plain, b"* OK")
    plain.send(b"a1 STARTTLS\r\n")
    while (answer := plain.line()).startswith(b"* "):
        continue
    if not answer.upper().startswith(b"A1 OK"):
        raise refused("refuses STARTTLS", answer)


def pop3(plain: Plain, server_name: str | None) -> None:
    """POP3: RFC 2595 4."""
    _line(plain, b"+OK")
    plain.send(b"STLS\r\n")
    _line(plain, b"+OK")


def ftp(plain: Plain, server_name: str | None) -> None:
    """FTP's control connection: RFC 4217 4."""
    _reply(plain, b"220")
    plain.send(b"AUTH TLS\r\n")
    _reply(plain, b"234")


def postgres(plain: Plain, server_name: str | None) -> None:
    """PostgreSQL: an SSLRequest, which the server answers with one byte (its manual, 55.2.11)."""
    plain.send(struct.pack("!II", 8, 80877103))
    if (answer := plain.exactly(1)) != b"S":
        raise refused("has no TLS" if answer == b"N" else "answers no SSLRequest")


def mysql(plain: Plain, server_name: str | None) -> None:
    """MySQL and MariaDB: the server's greeting says whether it has TLS, and an SSLRequest begins it."""
    header = plain.exactly(4)
    greeting = plain.exactly(int.from_bytes(header[:3], "little"))
    if greeting[:1] == b"\xff":
        raise refused("refuses the connection", greeting[3:])
    version, _, rest = greeting[1:].partition(b"\0")
    if header[3] != 0 or greeting[:1] != b"\x0a" or len(rest) < 15:  # connection 4, salt 8, filler 1, capabilities 2
        raise refused("does not speak the protocol of MySQL 4.1 or later")
    if not int.from_bytes(rest[13:15], "little") & _MYSQL_SSL:
        raise refused("has no TLS", version)
    request = struct.pack("<IIB23x", _MYSQL_CAPABILITIES, 1 << 24, _MYSQL_UTF8MB4)
    plain.send(len(request).to_bytes(3, "little") + b"\x01" + request)


_MYSQL_SSL = 0x800
_MYSQL_CAPABILITIES = _MYSQL_SSL | 0x200 | 0x8000 | 0x80000
"""CLIENT_SSL, CLIENT_PROTOCOL_41, CLIENT_SECURE_CONNECTION, CLIENT_PLUGIN_AUTH."""
_MYSQL_UTF8MB4 = 45


def ldap(plain: Plain, server_name: str | None) -> None:
    """LDAP: the extended operation StartTLS (RFC 4511 4.14)."""
    plain.send(_LDAP_START_TLS)
    tag, length = plain.exactly(2)
    if length & 0x80:
        length = int.from_bytes(plain.exactly(length & 0x7F), "big")
    message = plain.exactly(length)
    try:
        if tag != 0x30:
            raise IndexError
        kind, number, rest = _ber(message)
        operation, response, _ = _ber(rest)
        code_kind, code, rest = _ber(response)
        _, _, rest = _ber(rest)  # matchedDN
        _, text, _ = _ber(rest)  # diagnosticMessage
    except IndexError:
        raise refused("does not speak LDAP") from None
    if (kind, number, operation, code_kind) != (0x02, b"\x01", 0x78, 0x0A):
        raise refused("gives no response to StartTLS", text)
    if code != b"\0":
        raise refused(f"refuses StartTLS with the result {int.from_bytes(code, 'big')}", text)


_LDAP_OID = b"1.3.6.1.4.1.1466.20037"
_LDAP_START_TLS = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x16" + _LDAP_OID
"""A message with the number 1 and an ExtendedRequest in it."""


def _ber(data: bytes) -> tuple[int, bytes, bytes]:
    """The tag and the content of a BER element, and what stands behind it. Raises IndexError for a broken one."""
    tag, length, start = data[0], data[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    if len(data) < start + length:
        raise IndexError
    return tag, data[start : start + length], data[start + length :]


def xmpp(plain: Plain, server_name: str | None) -> None:
    """XMPP between client and server: RFC 6120 5.4. The stream is opened to the name that the server must prove."""
    if server_name is None:
        raise UsageError("XMPP asks for a domain: give a server_name")
    from tls12.sync.xmpp import XMPPStream  # here, because the parser of XML is for this protocol alone

    stream = XMPPStream(plain)
    plain.send(
        f"<?xml version='1.0'?><stream:stream to='{server_name}' version='1.0' xmlns='jabber:client' "
        "xmlns:stream='http://etherx.jabber.org/streams'>".encode()
    )
    if f"{_XMPP_TLS} starttls" not in stream.element("http://etherx.jabber.org/streams features"):
        raise refused("does not offer STARTTLS")
    plain.send(f"<starttls xmlns='{_XMPP_TLS}'/>".encode())
    stream.element(f"{_XMPP_TLS} proceed")


_XMPP_TLS = "urn:ietf:params:xml:ns:xmpp-tls"


def _line(plain: Plain, begins: bytes) -> None:
    line = plain.line()
    if line[: len(begins)].upper() != begins or line[len(begins) : len(begins) + 1] not in (b"", b" "):
        raise refused(f"answers something else than {begins.decode()}", line)


def _reply(plain: Plain, code: bytes) -> list[bytes]:
    """The lines of a reply of SMTP or FTP (RFC 5321 4.2.1, RFC 959 4.2), which must have this code."""
    lines = [plain.line()]
    first = lines[0][:3]
    if lines[0][3:4] == b"-":
        while not (lines[-1][:3] == first and lines[-1][3:4] in (b"", b" ")):
            lines.append(plain.line())
    if first != code or lines[-1][3:4] not in (b"", b" "):
        raise refused(f"answers something else than {code.decode()}", lines[0])
    return lines
