"""STARTTLS and its kin with the servers that people run: the upgrade, and the first words of the protocol under it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests import peers
from tests.ends.loopback import PATIENCE, client_config
from tests.programs.services import SERVICES
from tls12 import sync
from tls12.errors import NameMismatch

pytestmark = [pytest.mark.peers, pytest.mark.timeout(120)]


def ask(question: bytes, answer: bytes) -> Callable[[sync.TLSSocket, list[bytes]], None]:
    """Say this under TLS, and read until the answer is there."""

    def converse(tls: sync.TLSSocket, _: list[bytes]) -> None:
        tls.sendall(question)
        heard = b""
        while answer not in heard:
            data = tls.recv()
            assert data, heard
            heard += data

    return converse


def log_in_to_mysql(tls: sync.TLSSocket, said: list[bytes]) -> None:
    """A login without a password, which the server refuses under TLS, in its fourth packet."""
    assert b"MariaDB" in b"".join(said)
    login = struct.pack("<IIB23x", 0x88A00, 1 << 24, 45) + b"user\0" + b"\0" + b"mysql_native_password\0"
    tls.sendall(len(login).to_bytes(3, "little") + b"\x02" + login)
    assert b"Access denied" in tls.recv()


BIND = bytes.fromhex("300c020102600702010304008000")
STREAM = (
    b"<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client' "
    b"xmlns:stream='http://etherx.jabber.org/streams'>"
)

SERVERS = {
    "smtp": ("aiosmtpd", "starttls", ask(b"EHLO client.test\r\n", b"250 ")),
    "imap": ("dovecot", "imap", ask(b"a2 CAPABILITY\r\n", b"a2 OK")),
    "pop3": ("dovecot", "pop3", ask(b"CAPA\r\n", b"\r\n.\r\n")),
    "ftp": ("vsftpd", "port", ask(b"PBSZ 0\r\n", b"200 PBSZ")),
    "postgres": ("postgres", "port", ask(b"\0\0\0\x13\0\3\0\0user\0user\0\0", b"SCRAM-SHA-256")),
    "ldap": ("slapd", "starttls", ask(BIND, b"\x02\x01\x02\x61")),
    "xmpp": ("prosody", "port", ask(STREAM, b"</stream:features>")),
    "mysql": ("mariadb", "port", log_in_to_mysql),
}


@pytest.mark.parametrize("name", SERVERS)
def test_the_upgrade_is_made_with_a_real_server_and_its_protocol_goes_on(name: str) -> None:
    service, port, converse = SERVERS[name]
    if service == "aiosmtpd":
        pytest.importorskip("aiosmtpd") if not peers.REQUIRED else __import__("aiosmtpd")
    with ExitStack() as running:
        words = running.enter_context(SERVICES[service]())
        where = ("127.0.0.1", int(words[port]))
        said: list[bytes] = []
        with sync.starttls(
            name,
            where,
            client_config(),
            server_name="localhost",
            timeout=PATIENCE,
            on_plain=lambda sender, data: said.append(data),
        ) as tls:
            assert tls.negotiated.server_name == "localhost"
            converse(tls, said)
        if name != "xmpp":  # whose server refuses a stream to another domain before TLS
            with pytest.raises(NameMismatch):
                sync.starttls(name, where, client_config(), server_name="other.test", timeout=PATIENCE)
