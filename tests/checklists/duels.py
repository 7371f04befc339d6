"""Duels: one of our connections against a script, or against another of ours that breaks the protocol.

How it works: a `Duel` has a `subject`, the connection under test, and a `peer` that provokes it. `AgainstServer` and
`AgainstClient` put a `Scripted` end on the other side and have one word for each of its honest lines, so that a test
spells out only where it deviates. `between` puts two of our connections together, for deviations that the `rewrite`
hook of one of them can make. Everything is in memory and nothing waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Self

from tests import pki
from tests.ends import Ours, Scripted, credential, our_client, our_server, talk
from tls12 import (
    AcceptAnyPeer,
    Alert,
    CipherSuite,
    ClientConfig,
    ClientConnection,
    ConnectionFailed,
    NamedGroup,
    PeerAlert,
    Policy,
    ServerConfig,
    ServerConnection,
    Session,
    SignatureScheme,
)
from tls12.crypto.key_exchange import IdentifiedKey
from tls12.handshake.engine import Unit
from tls12.wire.certificates import Certificate
from tls12.wire.hello import ClientHello, ServerHelloDone

Rewrite = Callable[[Unit], Iterable[Unit]]

SCHEMES = {
    "ecdsa-p256": SignatureScheme.ECDSA_SECP256R1_SHA256,
    "ecdsa-p384": SignatureScheme.ECDSA_SECP384R1_SHA384,
    "rsa-2048": SignatureScheme.RSA_PSS_RSAE_SHA256,
    "ed25519": SignatureScheme.ED25519,
}


class Duel:
    """The connection under test and its peer."""

    def __init__(self, subject: Ours, peer: Ours | Scripted) -> None:
        self.subject = subject
        self.peer = peer

    def carry(self) -> Self:
        """Bytes to and fro until both are silent."""
        talk(self.subject, self.peer)
        return self

    # -- judgement ----------------------------------------------------------------------------------------

    def assert_refused(self, alert: Alert) -> None:
        """We failed with this alert, the peer received it, and nothing more can happen."""
        self.carry()
        failures = [event for event in self.subject.events if isinstance(event, ConnectionFailed)]
        assert len(failures) == 1, f"{len(failures)} failures in {self.subject.events}"
        error = failures[0].error
        assert error.alert is alert, f"{error.alert}, not {alert}: {error}"
        assert error.message
        assert self.subject.connection.closed
        assert self.alert_received() is alert

    def alert_received(self) -> Alert | None:
        """The fatal alert that the peer received."""
        if isinstance(self.peer, Scripted):
            return self.peer.alert
        return self.peer.error.received if isinstance(self.peer.error, PeerAlert) else None

    def assert_works(self) -> None:
        """The handshake is finished, and data goes both ways."""
        self.carry()
        assert self.subject.error is None, str(self.subject.error)
        assert self.subject.completed
        before = self.subject.data, self.peer.data
        if isinstance(self.peer, Scripted):
            self.peer.send_data(b"to the one under test")
        else:
            self.peer.send(b"to the one under test")
        self.subject.send(b"and back")
        self.carry()
        assert self.subject.data == before[0] + b"to the one under test"
        assert self.peer.data == before[1] + b"and back"


def between(
    *,
    subject: str,
    rewrite: Rewrite | None = None,
    client: dict[str, Any] | None = None,
    server: dict[str, Any] | None = None,
    kinds: tuple[str, ...] = ("ecdsa-p256",),
    session: Session | None = None,
    name: str | None = pki.NAME,
) -> Duel:
    """Two of ours; `rewrite` is the hook of the one that is not under test. Nothing is carried yet."""
    client_config = {"verifier": AcceptAnyPeer(), "policy": Policy.compatible(), **(client or {})}
    server_config = {
        "credentials": tuple(credential(kind) for kind in kinds),
        "policy": Policy.compatible(),
        **(server or {}),
    }
    ours = Ours(
        ClientConnection(
            ClientConfig(**client_config), name, session=session, rewrite=rewrite if subject == "server" else None
        )
    )
    theirs = Ours(ServerConnection(ServerConfig(**server_config), rewrite=rewrite if subject == "client" else None))
    return Duel(theirs, ours) if subject == "server" else Duel(ours, theirs)


def change(kind: type[Any], how: Callable[[Any], Any]) -> Rewrite:
    """A rewrite hook that changes the messages of one class; `how` gives one message, or an iterable of them."""

    def rewrite(message: Unit) -> Iterable[Unit]:
        if not isinstance(message, kind):
            return (message,)
        changed = how(message)
        return changed if isinstance(changed, tuple | list) else (changed,)

    return rewrite


class AgainstServer(Duel):
    """A script as client against our server."""

    def __init__(self, *kinds: str, script: Scripted | None = None, **config: Any) -> None:
        config.setdefault("policy", Policy.compatible())
        self.script = script or Scripted("client")
        super().__init__(our_server(*kinds, **config), self.script)

    def hello(self, *suites: CipherSuite, hello: ClientHello | bytes | None = None, **fields: Any) -> Self:
        """ClientHello, and the server's flight in answer."""
        self.script.send(hello if hello is not None else self.script.hello(*suites, **fields))
        return self.carry()

    def key_exchange(self, psk: IdentifiedKey | None = None) -> Self:
        """ClientKeyExchange and the keys; nothing is carried yet."""
        self.script.send(self.script.respond(psk))
        self.script.derive()
        return self

    def finish(self) -> Self:
        """ChangeCipherSpec and Finished, and what comes back."""
        self.script.finish()
        return self.carry()

    def handshake(self, *suites: CipherSuite, psk: IdentifiedKey | None = None, **fields: Any) -> Self:
        """All of it."""
        return self.hello(*suites, **fields).key_exchange(psk).finish()


class AgainstClient(Duel):
    """A script as server against our client."""

    def __init__(
        self,
        kind: str = "ecdsa-p256",
        *,
        name: str | None = pki.NAME,
        session: Session | None = None,
        script: Scripted | None = None,
        **config: Any,
    ) -> None:
        config.setdefault("policy", Policy.compatible())
        self.script = script or Scripted("server")
        self.kind = kind
        self.suite = (
            CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
            if kind.startswith("rsa")
            else CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
        )
        super().__init__(our_client(name=name, session=session, **config), self.script)
        self.carry()

    def hello(self, suite: CipherSuite | None = None, **fields: Any) -> Self:
        """ServerHello; nothing is carried yet."""
        self.script.send(self.script.answer(suite or self.suite, **fields))
        return self

    def certificate(self) -> Self:
        """The Certificate, where the suite has one."""
        if self.script.suite.uses_certificate:
            self.script.send(Certificate(pki.server(self.kind).chain_der))
        return self

    def share(self, group: NamedGroup | None = None, *, hint: bytes | None = None) -> Self:
        """The ServerKeyExchange, signed where the suite signs it, where the suite has one."""
        key = pki.server(self.kind).private_key
        share = self.script.offer(group, key, SCHEMES[self.kind] if self.script.suite.is_signed else None, hint=hint)
        if share is not None:
            self.script.send(share)
        return self

    def done(self) -> Self:
        """ServerHelloDone, and the client's flight in answer."""
        self.script.send(ServerHelloDone())
        return self.carry()

    def finish(self, psk: bytes | None = None) -> Self:
        """The keys, ChangeCipherSpec and Finished."""
        self.script.accept(psk)
        self.script.finish()
        return self.carry()

    def flight(self, suite: CipherSuite | None = None, **fields: Any) -> Self:
        """From the ServerHello to the ServerHelloDone, and the client's flight in answer."""
        return self.hello(suite, **fields).certificate().share().done()

    def handshake(self, suite: CipherSuite | None = None, *, psk: bytes | None = None, **fields: Any) -> Self:
        """All of it."""
        return self.flight(suite, **fields).finish(psk)
