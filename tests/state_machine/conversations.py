"""Legal conversations of every kind between two of our connections, to be stopped before any message.

How it works: `Dialogue` carries messages one by one, each in a record of its own, so that it can stop anywhere and
something else can be said instead. Both ends run in clear text (their `InClearText` gives sealers and openers that
only frame), so that any record can be put in at any time, after a ChangeCipherSpec too. The code that checks the order
is the same with and without encryption.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import NamedTuple

from tests import pki
from tests.ends import Ours, credential, credential_of, record
from tests.fixed import Clock
from tests.state_machine.language import EMPTY, Sentence, Terms
from tls12 import (
    AcceptAnyPeer,
    CipherSuite,
    ClientAuth,
    ClientConfig,
    ClientConnection,
    Credential,
    MemorySessionStore,
    Policy,
    Renegotiation,
    ServerConfig,
    ServerConnection,
    Session,
    TicketKeys,
)
from tls12.config import Psk
from tls12.crypto.null import NullCipher
from tls12.crypto.protection import Opener, Sealer
from tls12.crypto.provider import StandardCrypto
from tls12.handshake.engine import Rewrite, Unit
from tls12.handshake.grammar import CCS, message_type_name
from tls12.lab import policy as lab_policy
from tls12.registry import ConnectionEnd, ContentType, HandshakeType
from tls12.wire.certificates import CertificateStatus
from tls12.wire.hello import ServerHello
from tls12.wire.key_exchange import KeyExchangeAlgorithm as Kx

CLIENT, SERVER = ConnectionEnd.CLIENT, ConnectionEnd.SERVER


class WireUnit(NamedTuple):
    """One handshake message or ChangeCipherSpec, as it goes over the wire."""

    sender: ConnectionEnd
    content_type: int
    payload: bytes

    @property
    def kind(self) -> int:
        """As the guard counts: the handshake type, or CCS."""
        return CCS if self.content_type == ContentType.CHANGE_CIPHER_SPEC else self.payload[0]

    @property
    def letter(self) -> str:
        """As the figures write it."""
        empty = self.kind == HandshakeType.CERTIFICATE and self.payload[1:] == b"\0\0\3\0\0\0"
        return f"{self.sender.value} {message_type_name(self.kind)}{EMPTY if empty else ''}"

    @property
    def record(self) -> bytes:
        """The unit in a record of its own."""
        return record(self.content_type, self.payload)


def units(sender: ConnectionEnd, data: bytes) -> Iterator[WireUnit]:
    """Take the records of a clear stream apart; no message here spans two of them."""
    while data:
        size = int.from_bytes(data[3:5], "big")
        content_type, payload, data = data[0], data[5 : 5 + size], data[5 + size :]
        while content_type == ContentType.HANDSHAKE and payload:
            end = 4 + int.from_bytes(payload[1:4], "big")
            yield WireUnit(sender, content_type, payload[:end])
            payload = payload[end:]
        if content_type != ContentType.HANDSHAKE:
            yield WireUnit(sender, content_type, payload)


class InClearText(StandardCrypto):
    """Real cryptography in the handshake; after the ChangeCipherSpecs nothing is encrypted."""

    def make_sealer(self, *_: object, **__: object) -> Sealer:
        return NullCipher()

    def make_opener(self, *_: object, **__: object) -> Opener:
        return NullCipher()


IN_CLEAR_TEXT = InClearText()


@dataclass(frozen=True)
class Scenario:
    """How to hold one conversation, and what its hellos agree on."""

    name: str
    client: Callable[[], ClientConnection]
    server: Callable[[], ServerConnection]
    terms: tuple[Terms, ...]
    """Of the first handshake and, if there is one, of the second, as the client sees them."""
    acts: tuple[str, ...] = ()
    """Who calls what, each time that nothing moves any more: "client renegotiate"."""

    def __str__(self) -> str:
        return self.name

    def terms_of(self, side: ConnectionEnd, handshake: int) -> Terms:
        """A server always knows whether it resumes; a client may have to wait for the next message."""
        terms = self.terms[handshake - 1]
        if side is SERVER and terms.resumed is None:
            return replace(terms, resumed=self.name.startswith("resumed"))
        return terms


@dataclass
class Dialogue:
    """One conversation, under way."""

    scenario: Scenario
    ends: dict[ConnectionEnd, Ours] = field(init=False)
    queues: dict[ConnectionEnd, deque[WireUnit]] = field(init=False)
    said: dict[ConnectionEnd, Sentence] = field(init=False)
    """What each side has seen go by since the last handshake began, in its own order."""
    handshakes: dict[ConnectionEnd, int] = field(init=False)
    """How many handshakes each side has seen begin."""
    taken: dict[ConnectionEnd, int] = field(init=False)
    """How many units each side has received."""

    def __post_init__(self) -> None:
        self.ends = {CLIENT: Ours(self.scenario.client()), SERVER: Ours(self.scenario.server())}
        self.queues = {CLIENT: deque(), SERVER: deque()}
        self.said = {CLIENT: (), SERVER: ()}
        self.handshakes = {CLIENT: 0, SERVER: 0}
        self.taken = {CLIENT: 0, SERVER: 0}
        self._acts = deque(self.scenario.acts)
        self.ends[CLIENT].start()
        self._collect(CLIENT)

    def until(self, side: ConnectionEnd, count: int) -> bool:
        """Go on until `side` has received `count` units and the other side waits for it; False if it ends before."""
        while self.taken[side] < count or self.queues[side]:
            moving = side if self.queues[side] else side.other
            if not self.queues[moving] and not self._act():
                return False
            if self.queues[moving]:
                self.deliver(moving.other, self.queues[moving].popleft())
        return True

    def deliver(self, side: ConnectionEnd, unit: WireUnit) -> None:
        """Give one unit to a side."""
        self._note(side, unit)
        self.taken[side] += 1
        self.ends[side].receive(unit.record)
        self._collect(side)

    def _act(self) -> bool:
        if not self._acts:
            return False
        who, what = self._acts.popleft().split()
        getattr(self.ends[ConnectionEnd(who)].connection, what)()
        self._collect(ConnectionEnd(who))
        return True

    def _collect(self, side: ConnectionEnd) -> None:
        for unit in units(side, self.ends[side].take()):
            self._note(side, unit)
            self.queues[side].append(unit)

    def _note(self, side: ConnectionEnd, unit: WireUnit) -> None:
        if unit.kind == HandshakeType.CLIENT_HELLO:
            self.said[side] = ()
            self.handshakes[side] += 1
        if unit.kind != HandshakeType.HELLO_REQUEST:
            self.said[side] += (unit.letter,)


# --- the conversations ------------------------------------------------------------------------------------

PSK = Psk(b"me", b"a key of sixteen")
SUITES = {
    Kx.ECDHE: CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    Kx.DHE: CipherSuite.TLS_DHE_RSA_WITH_AES_128_GCM_SHA256,
    Kx.RSA: CipherSuite.TLS_RSA_WITH_AES_128_GCM_SHA256,
    Kx.PSK: CipherSuite.TLS_PSK_WITH_AES_128_GCM_SHA256,
    Kx.ECDHE_PSK: CipherSuite.TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256,
    Kx.DHE_PSK: CipherSuite.TLS_DHE_PSK_WITH_AES_128_GCM_SHA256,
    Kx.RSA_PSK: CipherSuite.TLS_RSA_PSK_WITH_AES_128_GCM_SHA256,
    Kx.ECDH_ANON: CipherSuite.TLS_ECDH_ANON_WITH_AES_128_CBC_SHA,
    Kx.DH_ANON: CipherSuite.TLS_DH_ANON_WITH_AES_128_GCM_SHA256,
}
ANONYMOUS = (Kx.ECDH_ANON, Kx.DH_ANON)
STAPLE = b"\x30\x03\x0a\x01\x00"


@cache
def _policy(key_exchange: Kx, renegotiation: Renegotiation) -> Policy:
    base = lab_policy() if key_exchange in ANONYMOUS else Policy.compatible()
    return base.replace(
        cipher_suites=(SUITES[key_exchange],), renegotiation=renegotiation, require_extended_master_secret=True
    )


@cache
def _client_credential() -> Credential:
    return credential_of(pki.client())


@cache
def _stapling_credential() -> Credential:
    issued = pki.server()
    return Credential.from_objects(issued.certificates, issued.private_key, ocsp_response=STAPLE)


def _credential(key_exchange: Kx, staple: bool) -> Credential:
    if staple:
        return _stapling_credential()
    return credential("rsa-2048" if key_exchange in (Kx.DHE, Kx.RSA, Kx.RSA_PSK) else "ecdsa-p256")


def scenario(
    name: str,
    key_exchange: Kx = Kx.ECDHE,
    *,
    staple: bool = False,
    keys: TicketKeys | None = None,
    hint: bytes | None = None,
    certificate: bool = False,
    client_auth: ClientAuth = ClientAuth.NONE,
    stores: bool = False,
    acts: tuple[str, ...] = (),
    hook: Rewrite | None = None,
    again: Terms | None = None,
) -> Scenario:
    """A conversation with a full handshake first; the terms follow from what the two are configured with."""
    chosen = _policy(key_exchange, Renegotiation.ALLOW if acts else Renegotiation.WARN)
    uses_psk = "PSK" in key_exchange.name

    def client() -> ClientConnection:
        config = ClientConfig(
            verifier=AcceptAnyPeer(),
            policy=chosen,
            crypto=IN_CLEAR_TEXT,
            psk=PSK if uses_psk else None,
            credentials=(_client_credential(),) if certificate else (),
            sessions=MemorySessionStore() if stores else None,
        )
        return ClientConnection(config, pki.NAME)

    def server() -> ServerConnection:
        config = ServerConfig(
            credentials=(_credential(key_exchange, staple),),
            policy=chosen,
            crypto=IN_CLEAR_TEXT,
            psk={PSK.identity: PSK.key} if uses_psk else None,
            psk_identity_hint=hint,
            client_auth=client_auth,
            verifier=AcceptAnyPeer(),
            ticket_keys=keys,
            sessions=MemorySessionStore() if stores else None,
        )
        return ServerConnection(config, rewrite=hook)

    terms = Terms(key_exchange, staple=staple, ticket=keys is not None)
    return Scenario(name, client, server, (terms, again or terms), acts)


def resumption(
    name: str, first: Scenario, terms: Terms, *, hook: Rewrite | None = None, known: bool = True
) -> Scenario:
    """A conversation in which the client offers the session of `first`; a server that does not know it has new keys."""

    @cache
    def before() -> tuple[ClientConfig, Session, ServerConfig, Session]:
        dialogue = Dialogue(first)
        dialogue.until(CLIENT, 100)
        client, server = dialogue.ends[CLIENT].connection, dialogue.ends[SERVER].connection
        ours, theirs = client.config, server.config
        assert isinstance(ours, ClientConfig)
        assert isinstance(theirs, ServerConfig)
        assert client.session is not None
        assert server.session is not None
        return ours, client.session, theirs, server.session

    def client() -> ClientConnection:
        config, session, _, _ = before()
        return ClientConnection(config, pki.NAME, session=session)

    def server() -> ServerConnection:
        _, _, config, session = before()
        if not known:
            config = replace(config, ticket_keys=TicketKeys.generate())
        if config.sessions is not None:
            config = replace(config, sessions=MemorySessionStore())
            assert config.sessions is not None
            config.sessions.put(session.session_id, session)
        return ServerConnection(config, rewrite=hook)

    return Scenario(name, client, server, (terms,))


def without_status(message: Unit) -> list[Unit]:
    """A hook: the promised CertificateStatus is left out (RFC 6066 8 allows it)."""
    return [] if isinstance(message, CertificateStatus) else [message]


def without_echo(message: Unit) -> list[Unit]:
    """A hook: the server resumes by ticket without echoing the client's session id (RFC 5077 3.4 allows it)."""
    return [replace(message, session_id=b"") if isinstance(message, ServerHello) else message]


def rotated(name: str, terms: Terms, hook: Rewrite | None = None) -> Scenario:
    """A resumption with a ticket whose key no longer seals, so that a new one is issued."""
    clock = Clock(0.0)
    first = scenario("before the rotation", keys=TicketKeys.generate(10_000.0, clock))

    def late(make: Callable[[], ClientConnection]) -> Callable[[], ClientConnection]:
        def client() -> ClientConnection:
            clock.now = max(clock.now, 9_000.0)
            made = make()
            clock.now = 11_000.0
            return made

        return client

    after = resumption(name, first, terms, hook=hook)
    return replace(after, client=late(after.client))


def scenarios() -> Iterator[Scenario]:
    """Every kind of legal conversation."""
    yield from (scenario(key_exchange.name, key_exchange) for key_exchange in SUITES)
    for key_exchange in (Kx.PSK, Kx.RSA_PSK):
        yield scenario(f"{key_exchange.name} with a hint", key_exchange, hint=b"who")
    for key_exchange in (Kx.ECDHE, Kx.RSA):
        name = key_exchange.name
        yield scenario(f"{name}, client certificate", key_exchange, client_auth=ClientAuth.REQUIRED, certificate=True)
        yield scenario(f"{name}, no client certificate", key_exchange, client_auth=ClientAuth.OPTIONAL)
    yield scenario("stapled", staple=True)
    yield scenario("staple left out", staple=True, hook=without_status)
    keys = TicketKeys.generate()
    ticket = scenario("ticket", keys=keys)
    yield ticket
    yield scenario("everything", staple=True, keys=keys, client_auth=ClientAuth.REQUIRED, certificate=True)
    full, short = Terms(Kx.ECDHE), Terms(Kx.ECDHE, resumed=True)
    yield resumption("resumed by id", scenario("by id", stores=True), short)
    yield resumption("resumed by ticket", ticket, short)
    yield resumption("resumed without an echo", ticket, replace(full, resumed=None), hook=without_echo)
    yield resumption("ticket refused", ticket, Terms(Kx.ECDHE, ticket=True, resumed=None), known=False)
    yield rotated("resumed, ticket renewed", replace(short, ticket=True))
    psk = scenario("PSK, ticket", Kx.PSK, keys=keys)
    unknown = Terms(Kx.PSK, resumed=None)
    yield resumption("resumed without an echo, PSK", psk, unknown, hook=without_echo)
    yield resumption("ticket refused, PSK", psk, replace(unknown, ticket=True), known=False)
    renewed_quietly = Terms(Kx.ECDHE, ticket=True, resumed=None)
    yield rotated("resumed without an echo, ticket renewed", renewed_quietly, without_echo)
    yield scenario("renegotiated by the client", acts=("client renegotiate",))
    yield scenario(
        "renegotiated by the server",
        acts=("server renegotiate", "client renegotiate"),
        client_auth=ClientAuth.REQUIRED,
        certificate=True,
    )
    yield scenario("renegotiated by resumption", acts=("client renegotiate",), stores=True, again=short)


SCENARIOS = tuple(scenarios())
