"""Recorded conversations that can be replayed, on which the laws are tested.

How it works: with randomness and clock injected, an end is a function from the bytes that it receives to the
events and bytes that it gives. A `Recording` holds what the other end once sent, and makes any number of ends
that will behave as the recorded one did. Replaying the bytes unchanged gives the same conversation, byte for
byte; replaying them changed shows what the change does, and nothing else.

The keys differ from process to process, so that no test can come to depend on them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from tests import pki
from tests.ends import Ours, credential_of, verifier
from tests.fixed import Seeded, clock
from tls12 import (
    CipherSuite,
    ClientAuth,
    ClientConfig,
    ClientConnection,
    Credential,
    MemorySessionStore,
    Policy,
    ServerConfig,
    ServerConnection,
    Session,
    TicketKeys,
)
from tls12.lab.pki import CLIENT

TO_CLIENT = (b"what the server says", bytes(300))
TO_SERVER = (b"what the client says", b"", b"and more")


@dataclass(frozen=True)
class Recording:
    """One side's half of a conversation."""

    name: str
    make: Callable[..., Ours]
    """An end as it was before the conversation; takes `pause_on`."""
    incoming: bytes
    """All that the other end sent, close_notify included."""
    handshake: int
    """How much of it belongs to the handshake."""

    def __str__(self) -> str:
        return self.name


def replay(recording: Recording, *parts: bytes) -> tuple[Ours, bytes]:
    """A new end that receives these parts and then the end of the stream, and all that it sent."""
    ours = recording.make()
    ours.start()
    sent = ours.take()
    for part in (*parts, b""):
        ours.receive(part)
        sent += ours.take()
    return ours, sent


# --- the conversations ------------------------------------------------------------------------------------

_GCM = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
_CHACHA = CipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
_CBC = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA


@cache
def _server_credential() -> Credential:
    return credential_of(pki.root().issue(pki.NAME, key=pki.key()))


@cache
def client_credential() -> Credential:
    """What the client authenticates with, where it does."""
    return credential_of(pki.root().issue(key=pki.key("ed25519"), purposes=CLIENT))


def _client(session: Session | None = None, pause_on: frozenset[type] = frozenset(), **config: Any) -> Ours:
    settings = ClientConfig(
        verifier=verifier(), random=Seeded("client"), clock=clock, alpn_protocols=("law/1",), **config
    )
    return Ours(ClientConnection(settings, pki.NAME, session=session, pause_on=pause_on))


def _server(known: Session | None = None, pause_on: frozenset[type] = frozenset(), **config: Any) -> Ours:
    sessions = MemorySessionStore()
    if known is not None:
        sessions.put(known.session_id, known)
    settings = ServerConfig(
        credentials=(_server_credential(),),
        random=Seeded("server"),
        clock=clock,
        alpn_protocols=("law/1",),
        sessions=sessions,
        **config,
    )
    return Ours(ServerConnection(settings, pause_on=pause_on))


def _record(name: str, client: Callable[[], Ours], server: Callable[[], Ours]) -> tuple[Recording, Recording]:
    """Have the conversation once: handshake, data both ways, close_notify both ways."""
    ends = client(), server()
    heard = {end: bytearray() for end in ends}

    def carry() -> None:
        for _ in range(4):
            for source, target in (ends, ends[::-1]):
                data = source.take()
                if data:
                    target.receive(data)
                    heard[target] += data

    ends[0].start()
    carry()
    handshake = {end: len(heard[end]) for end in ends}
    for end, words in zip(ends, (TO_SERVER, TO_CLIENT), strict=True):
        assert end.completed, end.error
        for data in words:
            end.send(data)
    ends[0].close()
    carry()
    for end in ends:
        assert end.closed_cleanly
    makers = (client, server)
    roles = ("client", "server")
    return tuple(
        Recording(f"{name}, {role}", make, bytes(heard[end]), handshake[end])
        for role, make, end in zip(roles, makers, ends, strict=True)
    )  # type: ignore[return-value]


@cache
def sessions() -> tuple[Session, Session]:
    """The client's and the server's session of a handshake, which "resumed" resumes by id."""
    client, server = _client(), _server()
    _record("", lambda: client, lambda: server)
    ours, theirs = client.connection.session, server.connection.session
    assert ours is not None
    assert theirs is not None
    return ours, theirs


@cache
def recordings() -> tuple[Recording, ...]:
    """Both sides of every conversation."""
    default = Policy.default().replace(cipher_suites=(_GCM,))
    chacha = Policy.default().replace(cipher_suites=(_CHACHA,))
    cbc = Policy.compatible().replace(cipher_suites=(_CBC,), encrypt_then_mac=False)
    mine, theirs = sessions()
    tickets = TicketKeys.generate()
    pairs = (
        _record(
            "full, GCM, ticket",
            partial(_client, policy=default),
            partial(_server, policy=default, ticket_keys=tickets),
        ),
        _record(
            "client certificate, ChaCha20",
            partial(_client, policy=chacha, credentials=(client_credential(),)),
            partial(_server, policy=chacha, client_auth=ClientAuth.REQUIRED, verifier=verifier()),
        ),
        _record("CBC", partial(_client, policy=cbc), partial(_server, policy=cbc)),
        _record("resumed", partial(_client, session=mine), partial(_server, known=theirs)),
    )
    return tuple(recording for pair in pairs for recording in pair)


NAMES = tuple(
    f"{name}, {role}"
    for name in ("full, GCM, ticket", "client certificate, ChaCha20", "CBC", "resumed")
    for role in ("client", "server")
)
"""For parametrization: the recordings themselves are made when the first test asks for one."""


def recording(name: str) -> Recording:
    """The one of this name."""
    return next(r for r in recordings() if r.name == name)
