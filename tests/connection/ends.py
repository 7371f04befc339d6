"""Two connected ends in memory, and the means to make one of them say what it never would."""

from __future__ import annotations

from functools import cache
from typing import Any, NoReturn

from tests import pki
from tests.harness import Ours, credential_of, pump
from tls12 import (
    AcceptAnyPeer,
    CipherSuite,
    ClientAuth,
    ClientConfig,
    ClientConnection,
    Credential,
    Policy,
    Psk,
    Renegotiation,
    ServerConfig,
    ServerConnection,
)
from tls12.registry import ContentType

ROLES = ("client", "server")
PSK = Psk(b"me", b"a key of sixteen")
PSK_POLICY = Policy.psk().replace(cipher_suites=(CipherSuite.TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256,))
NO_RENEGOTIATION, CLOSE_NOTIFY, USER_CANCELED = b"\x01\x64", b"\x01\x00", b"\x01\x5a"


def pair(
    role: str,
    *,
    client: dict[str, Any] | None = None,
    server: dict[str, Any] | None = None,
    mine: dict[str, Any] | None = None,
    theirs: dict[str, Any] | None = None,
    **both: Any,
) -> tuple[Ours, Ours]:
    """The end in this role and its peer, not connected yet; `mine` and `theirs` are options of the connections."""
    client_config = ClientConfig(**{"verifier": AcceptAnyPeer(), **both, **(client or {})})
    server_config = ServerConfig(**{"credentials": (server_credential(),), **both, **(server or {})})
    options = {role: mine or {}, other(role): theirs or {}}
    ends = {
        "client": Ours(ClientConnection(client_config, pki.NAME, **options["client"])),
        "server": Ours(ServerConnection(server_config, **options["server"])),
    }
    return ends[role], ends[other(role)]


def other(role: str) -> str:
    """The role of the peer."""
    return "server" if role == "client" else "client"


def talk(ours: Ours, theirs: Ours) -> None:
    """Let both talk until neither has anything to say."""
    client, server = (ours, theirs) if isinstance(ours.connection, ClientConnection) else (theirs, ours)
    pump(client, server)


def connected(role: str, **options: Any) -> tuple[Ours, Ours]:
    """The end in this role and its peer, after a handshake."""
    ours, theirs = pair(role, **options)
    talk(ours, theirs)
    assert ours.completed, ours.error
    assert theirs.completed, theirs.error
    return ours, theirs


def record(content_type: int, payload: bytes) -> bytes:
    """A record in the clear."""
    return bytes([content_type, 3, 3]) + len(payload).to_bytes(2, "big") + payload


def protected(sender: Ours, content_type: int, payload: bytes) -> bytes:
    """A record as this end would protect it, whatever is in it."""
    return bytes(sender.connection._outgoing.writer.write(content_type, payload))


def alert(sender: Ours, payload: bytes) -> bytes:
    """An alert record from this end, which does not know that it sent one."""
    return protected(sender, ContentType.ALERT, payload)


def handshake(sender: Ours, payload: bytes) -> bytes:
    """A handshake record from this end."""
    return protected(sender, ContentType.HANDSHAKE, payload)


def last_alert(ours: Ours, theirs: Ours) -> bytes:
    """What our end has queued, as theirs would read it: level and description of the alert at its end."""
    *_, (content_type, payload) = theirs.connection._incoming.reader.records(ours.take())
    assert content_type == ContentType.ALERT
    return payload


@cache
def server_credential(kind: str = "ecdsa-p256") -> Credential:
    """A certificate that carries a staple and a timestamp."""
    issued = pki.server(kind)
    return Credential.from_objects(
        issued.certificates, issued.private_key, ocsp_response=b"\x30\x03\x0a\x01\x00", scts=(b"a timestamp",)
    )


@cache
def client_credential(common_name: str = "client one") -> Credential:
    """A client's certificate."""
    return credential_of(pki.client(common_name=common_name))


AUTHENTICATED: dict[str, Any] = {
    "client": {"credentials": (client_credential(),)},
    "server": {"client_auth": ClientAuth.REQUIRED, "verifier": AcceptAnyPeer()},
}
"""Options of a pair whose client has a certificate, and has to show it."""


class Boom(Exception):
    """What an application's object raises."""


BOOM = Boom()


def boom(*_: object) -> NoReturn:
    """An application's function that breaks."""
    raise BOOM


def renegotiable(policy: Policy | None = None, wish: Renegotiation = Renegotiation.ALLOW) -> Policy:
    """A policy that allows renegotiation, or what else is wished."""
    return (policy or Policy.default()).replace(renegotiation=wish)
