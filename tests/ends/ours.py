"""Our ends in memory: one connection and all its events (`Ours`), a client or a server, and pairs of both.

`pair` and `connected` give two of our ends. Their first argument is the role of the end under test, so that one test
covers both roles; `ours, theirs = connected(role)` names the end under test first, whatever its role.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NoReturn

from tests import pki
from tests.ends.end import talk
from tls12 import (
    AcceptAnyPeer,
    CipherSuite,
    ClientAuth,
    ClientConfig,
    ClientConnection,
    ConnectionClosed,
    ConnectionFailed,
    Credential,
    DataReceived,
    Event,
    HandshakeCompleted,
    Negotiated,
    Policy,
    Psk,
    Renegotiation,
    ServerConfig,
    ServerConnection,
    Session,
    TLSError,
    TrustStore,
    X509Verifier,
)
from tls12.lab.pki import IssuedCertificate
from tls12.registry import EndName

ROLES = ("client", "server")
PSK = Psk(b"me", b"a key of sixteen")
PSK_POLICY = Policy.psk().replace(cipher_suites=(CipherSuite.TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256,))


class Ours:
    """A ClientConnection or ServerConnection, and every event that it gave."""

    def __init__(self, connection: ClientConnection | ServerConnection) -> None:
        self.connection = connection
        self.events: list[Event] = []
        self._started = False

    @property
    def role(self) -> EndName:
        """Which end this is."""
        return "client" if isinstance(self.connection, ClientConnection) else "server"

    def start(self) -> None:
        """Send the ClientHello, once."""
        if not self._started and isinstance(self.connection, ClientConnection):
            self.connection.initiate_handshake()
        self._started = True

    def receive(self, data: bytes) -> None:
        """Bytes from the peer; b"" is end of stream."""
        self.connection.receive_data(data)
        self.events += self.connection.events()

    def take(self) -> bytes:
        """Bytes for the peer."""
        return bytes(self.connection.data_to_send())

    def send(self, data: bytes) -> None:
        """Application data."""
        self.connection.send_data(data)

    def close(self) -> None:
        """Queue a close_notify."""
        self.connection.close()

    @property
    def negotiated(self) -> Negotiated:
        """What the first completed handshake agreed on."""
        return next(event.negotiated for event in self.events if isinstance(event, HandshakeCompleted))

    @property
    def completed(self) -> bool:
        """A handshake was completed."""
        return any(isinstance(event, HandshakeCompleted) for event in self.events)

    @property
    def data(self) -> bytes:
        """All application data so far."""
        return b"".join(event.data for event in self.events if isinstance(event, DataReceived))

    @property
    def closed_cleanly(self) -> bool:
        """The peer's close_notify arrived."""
        return any(isinstance(event, ConnectionClosed) for event in self.events)

    @property
    def error(self) -> TLSError | None:
        """Why the connection failed, if it did."""
        return next((event.error for event in self.events if isinstance(event, ConnectionFailed)), None)


# -- one end -----------------------------------------------------------------------------------------------


@pki.once
def verifier() -> X509Verifier:
    """Trusts pki.root() and nothing else."""
    return X509Verifier(TrustStore.from_pem(pki.trusted_pem()))


@pki.once
def credential(kind: str = "ecdsa-p256") -> Credential:
    """pki.server(kind) for our servers."""
    return credential_of(pki.server(kind))


def credential_of(issued: IssuedCertificate) -> Credential:
    """A certificate of `pki` as our ends want it."""
    return Credential.from_objects(issued.certificates, issued.private_key)


def our_client(*, name: str | None = pki.NAME, session: Session | None = None, **config: Any) -> Ours:
    """A client that accepts any certificate, unless a `verifier` is given."""
    config.setdefault("verifier", AcceptAnyPeer())
    return Ours(ClientConnection(ClientConfig(**config), name, session=session))


def our_server(*kinds: str, **config: Any) -> Ours:
    """A server with certificates for these kinds of keys, P-256 if none are named."""
    config.setdefault("credentials", tuple(credential(kind) for kind in kinds or ("ecdsa-p256",)))
    return Ours(ServerConnection(ServerConfig(**config)))


def anything() -> Policy:
    """All that an ordinary policy may have."""
    return Policy.compatible()


# -- two ends ----------------------------------------------------------------------------------------------


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
    server_config = ServerConfig(**{"credentials": (stapled_credential(),), **both, **(server or {})})
    options = {role: mine or {}, other(role): theirs or {}}
    ends = {
        "client": Ours(ClientConnection(client_config, pki.NAME, **options["client"])),
        "server": Ours(ServerConnection(server_config, **options["server"])),
    }
    return ends[role], ends[other(role)]


def other(role: str) -> str:
    """The role of the peer."""
    return "server" if role == "client" else "client"


def connected(role: str, **options: Any) -> tuple[Ours, Ours]:
    """The end in this role and its peer, after a handshake."""
    ours, theirs = pair(role, **options)
    talk(ours, theirs)
    assert ours.completed, ours.error
    assert theirs.completed, theirs.error
    return ours, theirs


@cache
def stapled_credential(kind: str = "ecdsa-p256") -> Credential:
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


def renegotiable(policy: Policy | None = None, wish: Renegotiation = Renegotiation.ALLOW) -> Policy:
    """A policy that allows renegotiation, or what else is wished."""
    return (policy or Policy.default()).replace(renegotiation=wish)


# -- an application that fails -----------------------------------------------------------------------------


class Boom(Exception):
    """What an application's object raises."""


BOOM = Boom()


def boom(*_: object) -> NoReturn:
    """An application's function that breaks."""
    raise BOOM
