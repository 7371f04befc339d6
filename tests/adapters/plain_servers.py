"""Servers that begin plain: what each protocol says before TLS, as a list of steps, and how an attacker changes it."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from tests.ends import loopback
from tests.ends.loopback import read_to_end

MYSQL_GREETING = b"\x0a8.0.99\0" + b"\1\0\0\0" + b"saltsalt\0" + b"\xff\xff\x2d\2\0\xff\xff\x15" + bytes(10) + b"s" * 13
XMPP_OPEN = (
    b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
    b"id='1' from='server.test' version='1.0'>"
)
XMPP_OFFER = (
    XMPP_OPEN + b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"
    b"<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></stream:features>"
)


def mysql_packet(payload: bytes, number: int = 0) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes((number,)) + payload


def without_tls(greeting: bytes) -> bytes:
    """The greeting without the bit of CLIENT_SSL."""
    place = greeting.index(b"saltsalt\0") + 9
    return greeting[: place + 1] + bytes((greeting[place + 1] & ~0x08,)) + greeting[place + 2 :]


@dataclass(frozen=True)
class Spoken:
    """One protocol: what the server says first, and what it says to each thing that it hears, the go-ahead last."""

    first: bytes
    answers: tuple[tuple[bytes, bytes], ...]
    """What a request contains, and the answer to it."""
    stripped: tuple[tuple[bytes, tuple[tuple[bytes, bytes], ...]], ...]
    """What an attacker makes of it who takes the offer away, in several ways."""


_LDAP = b"1.3.6.1.4.1.1466.20037"
_LDAP_DONE = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"
_PROCEED = b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"

SPOKEN: dict[str, Spoken] = {
    "smtp": Spoken(
        b"220-mail.test is\r\n220 ready\r\n",
        (
            (b"EHLO [127.0.0.1]\r\n", b"250-mail.test\r\n250-SIZE 1000\r\n250-starttls\r\n250 HELP\r\n"),
            (b"STARTTLS\r\n", b"220 go ahead\r\n"),
        ),
        (
            (b"220 ready\r\n", ((b"EHLO", b"250-mail.test\r\n250 XXXXXXXA\r\n"),)),
            (b"220 ready\r\n", ((b"EHLO", b"250 STARTTLS\r\n"), (b"STARTTLS", b"454 not now\r\n"))),
            (b"220 ready\r\n", ((b"EHLO", b"502 what\r\n"),)),
            (b"554 go away\r\n", ()),
        ),
    ),
    "imap": Spoken(
        b"* OK ready\r\n",
        ((b"a1 STARTTLS\r\n", b"* CAPABILITY IMAP4rev1\r\na1 OK begin\r\n"),),
        (
            (b"* OK ready\r\n", ((b"STARTTLS", b"a1 BAD unknown\r\n"),)),
            (b"* PREAUTH welcome\r\n", ()),
            (b"* OK ready\r\n", ((b"STARTTLS", b"a2 OK begin\r\n"),)),
            (b"* BYE\r\n", ()),
        ),
    ),
    "pop3": Spoken(
        b"+OK ready\r\n",
        ((b"STLS\r\n", b"+OK begin\r\n"),),
        ((b"+OK ready\r\n", ((b"STLS", b"-ERR what\r\n"),)), (b"-ERR busy\r\n", ())),
    ),
    "ftp": Spoken(
        b"220 ready\r\n",
        ((b"AUTH TLS\r\n", b"234 begin\r\n"),),
        ((b"220 ready\r\n", ((b"AUTH", b"502 what\r\n"),)), (b"421 busy\r\n", ())),
    ),
    "postgres": Spoken(
        b"",
        ((b"\0\0\0\x08\x04\xd2\x16\x2f", b"S"),),
        ((b"", ((b"\x04\xd2", b"N"),)), (b"", ((b"\x04\xd2", b"ESERROR\0"),))),
    ),
    "ldap": Spoken(
        b"",
        ((_LDAP, _LDAP_DONE),),
        (
            (b"", ((_LDAP, _LDAP_DONE.replace(b"\x0a\x01\x00", b"\x0a\x01\x34")),)),
            (b"", ((_LDAP, b"\x30\x0c\x02\x01\x00" + _LDAP_DONE[5:]),)),  # a notice of disconnection
            (b"", ((_LDAP, _LDAP_DONE.replace(b"\x78", b"\x61")),)),  # the response to something else
            (b"", ((_LDAP, b"\x30\x03\x02\x05\x01"),)),
        ),
    ),
    "xmpp": Spoken(
        b"",
        ((b"to='server.test'", XMPP_OFFER), (b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", _PROCEED)),
        (
            (b"", ((b"<stream:stream", XMPP_OPEN + b"<stream:features><a/></stream:features>"),)),
            (b"", ((b"<stream:stream", XMPP_OPEN + b"<stream:features><a><starttls/></a></stream:features>"),)),
            (b"", ((b"<stream:stream", XMPP_OFFER), (b"<starttls", _PROCEED.replace(b"proceed", b"failure")))),
            (b"", ((b"<stream:stream", XMPP_OFFER), (b"<starttls", b"<proceed xmlns='urn:another'/>"))),
            (b"", ((b"<stream:stream", XMPP_OPEN + b"</stream:stream>"),)),
            (b"", ((b"<stream:stream", b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + XMPP_OFFER[21:]),)),
            (b"", ((b"<stream:stream", b"HTTP/1.0 400 <no>&<xml>"),)),
        ),
    ),
    "mysql": Spoken(
        mysql_packet(MYSQL_GREETING),
        (),
        (
            (mysql_packet(without_tls(MYSQL_GREETING)), ()),
            (mysql_packet(b"\xff\x10\x04Too many connections"), ()),
            (mysql_packet(b"\x09" + MYSQL_GREETING[1:]), ()),
            (mysql_packet(b"\x0a8.0\0\1\0"), ()),
        ),
    ),
}  # fmt: skip


def talk(sock: socket.socket, first: bytes, answers: tuple[tuple[bytes, bytes], ...]) -> None:
    """The plain dialogue, as the server."""
    if first:
        sock.sendall(first)
    for contains, answer in answers:
        heard = b""
        while contains not in heard:
            data = sock.recv(4096)
            assert data, (contains, heard)
            heard += data
        sock.sendall(answer)


def begin_tls(sock: socket.socket) -> bytes:
    """TLS by OpenSSL behind the dialogue: greet, and read to the end."""
    if sock.recv(1, socket.MSG_PEEK) != b"\x16":  # an SSLRequest, which gets no answer
        sock.recv(36, socket.MSG_WAITALL)
    with loopback.openssl_server().wrap_socket(sock, server_side=True) as tls:
        tls.sendall(b"protected")
        return read_to_end(tls)
