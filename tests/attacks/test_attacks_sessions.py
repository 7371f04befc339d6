"""Attacks across handshakes: triple handshakes, injected prefixes, tickets, sessions in the wrong hands, own keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests import pki
from tests.attacks.weakening import (
    Attack,
    assert_defended,
    careless_client,
    careless_ends,
    careless_server,
    configured,
    our_client,
    our_server,
    removed,
)
from tests.ends import Ours, Scripted, credential_of, talk, verifier
from tls12 import (
    CipherSuite,
    ClientAuth,
    HandshakeCompleted,
    MemorySessionStore,
    Policy,
    Psk,
    Renegotiation,
    Session,
    TicketKeys,
    UsageError,
)
from tls12.connection.connection import Connection
from tls12.crypto.aead import TicketCipher
from tls12.handshake import bindings
from tls12.handshake.client import ClientHandshake
from tls12.handshake.negotiation import Choice, Offer, choose
from tls12.handshake.server_hello import ServerHellos
from tls12.lab.hellos import without_extensions
from tls12.registry import ContentType
from tls12.resumption import tickets
from tls12.wire.certificates import Certificate
from tls12.wire.extensions import ExtendedMasterSecret
from tls12.wire.hello import ServerHelloDone
from tls12.wire.key_exchange import ClientKeyExchange, EncryptedPreMasterSecret
from tls12.wire.records import HEADER

RSA = CipherSuite.TLS_RSA_WITH_AES_128_GCM_SHA256
# -- two connections that should have nothing in common -------------------------------------------------------------


def test_triple_handshake() -> None:
    """A server in the middle makes two connections with the same master secret, so that proofs on one fit the other."""

    def attack(extended: bool) -> bool:
        """The attacker has a certificate of its own; the client has business with it, and it with the server."""
        client = our_client(policy=Policy.compatible())
        server = our_server("rsa-2048", policy=Policy.compatible())
        facade, agent = Scripted("server"), Scripted("client")
        client.start()
        facade.receive(client.take())
        assert facade.client_hello is not None
        hello = agent.hello(RSA, random=facade.client_hello.random)
        agent.send(hello if extended else without_extensions(hello, ExtendedMasterSecret))
        talk(server, agent)
        if agent.server_hello is None:
            return False
        answer = facade.answer(RSA, random=agent.server_hello.random, session_id=agent.server_hello.session_id)
        facade.send(answer if extended else without_extensions(answer, ExtendedMasterSecret))
        own_key = pki.key("rsa-2048", 9)
        own = credential_of(pki.intermediate().issue("mallory.test", key=own_key))
        facade.send(own.certificate_message, ServerHelloDone())
        facade.offer(private_key=own_key)
        talk(client, facade)
        if facade.last(ClientKeyExchange) is None:
            return False
        facade.accept()
        facade.finish()
        talk(client, facade)

        chain = agent.last(Certificate)
        assert chain is not None
        public_key = x509.load_der_x509_certificate(chain.certificate_list[0]).public_key()
        assert isinstance(public_key, rsa.RSAPublicKey)
        agent.premaster = facade.premaster
        assert agent.premaster is not None
        agent.send(ClientKeyExchange(EncryptedPreMasterSecret(public_key.encrypt(agent.premaster, padding.PKCS1v15()))))
        agent.derive()
        agent.finish()
        talk(server, agent)
        try:
            proofs = {end.connection.export_keying_material("EXPORTER-login", None, 32) for end in (client, server)}
        except UsageError:
            return False
        return len(proofs) == 1

    export = Connection.export_keying_material

    def export_to_anybody(self: Connection, label: str, context: bytes | None, length: int, **_: bool) -> bytes:
        return export(self, label, context, length, for_authentication=False)

    def strict(attack: Attack) -> Attack:
        """The same where extended master secret is demanded."""

        def against_strict_policies() -> bool:
            with configured(policy=Policy.compatible().replace(require_extended_master_secret=True))():
                return attack()

        return against_strict_policies

    both: Attack = lambda: attack(extended=False) or attack(extended=True)  # noqa: E731
    to_anybody = removed(Connection, "export_keying_material", export_to_anybody)
    assert_defended(both, to_anybody)
    not_demanded = careless_ends(check_extended_master_secret=lambda self, offered: None)
    assert_defended(strict(both), not_demanded, to_anybody)


def test_injected_prefix() -> None:
    """The attacker's own request, then the victim's handshake as its renegotiation: the server takes both for one."""
    allowing = Policy.default().replace(renegotiation=Renegotiation.ALLOW)
    prefix, request = b"GET /transfer?to=mallory HTTP/1.1\r\nX-Ignore: ", b"GET / HTTP/1.1\r\nCookie: victim\r\n"

    def attack() -> bool:
        server, attacker, victim = our_server(policy=allowing), Scripted("client"), Scripted("client")
        attacker.send(attacker.hello())
        talk(server, attacker)
        attacker.send(attacker.respond())
        attacker.derive()
        attacker.finish()
        talk(server, attacker)
        attacker.send_data(prefix)
        relay = _inside(attacker, server)
        victim.send(victim.hello())
        relay(victim)
        if victim.server_hello is None:
            return False
        victim.send(victim.respond())
        victim.derive()
        victim.finish()
        relay(victim)
        victim.send_data(request)
        relay(victim)
        return server.data == prefix + request

    assert_defended(attack, careless_server(check_renegotiation_info=lambda self, offer: None))


def test_changed_identity() -> None:
    """A client that authenticated under one identity takes another, by resuming its session in a renegotiation."""
    allowing = Policy.default().replace(renegotiation=Renegotiation.ALLOW)
    one, other = (credential_of(pki.client(common_name=name)) for name in ("guest", "admin"))

    def attack() -> bool:
        config: dict[str, Any] = {
            "policy": allowing,
            "ticket_keys": TicketKeys.generate(),
            "client_auth": ClientAuth.REQUIRED,
            "verifier": verifier(),
        }
        admin = our_client(policy=allowing, credentials=(other,))
        talk(admin, our_server(**config))
        stolen = admin.connection.session

        def use_the_stolen_one(self: ClientHandshake, suites: Any) -> Session | None:
            return stolen if self.previous is not None else None

        with careless_client(usable_session=use_the_stolen_one)():
            guest = our_client(policy=allowing, credentials=(one,))
        server = our_server(**config)
        talk(guest, server)
        guest.connection.renegotiate()
        talk(guest, server)
        identities = [
            event.negotiated.peer_certificates for event in server.events if isinstance(event, HandshakeCompleted)
        ]
        return identities == [one.certificate_list, other.certificate_list]

    assert_defended(attack, careless_ends(is_same_peer=lambda *_: True))


def _inside(attacker: Scripted, server: Ours) -> Callable[[Scripted], None]:
    """Carries the victim's records inside the attacker's, and back, up to the victim's ChangeCipherSpec."""
    switched = {"victim": False, "server": False}

    def records(data: bytes) -> list[bytes]:
        found = []
        while data:
            end = HEADER + int.from_bytes(data[3:5])
            found.append(data[:end])
            data = data[end:]
        return found

    def relay(victim: Scripted) -> None:
        for _ in range(4):
            for record in records(victim.take()):
                if switched["victim"]:
                    attacker.send_bytes(record)
                else:
                    attacker.send_record(record[0], record[HEADER:])
                switched["victim"] |= record[0] == ContentType.CHANGE_CIPHER_SPEC
            waiting = attacker.take()
            if waiting:
                server.receive(waiting)
            for record in records(server.take()):
                if switched["server"]:
                    victim.receive(record)
                    continue
                assert attacker.opener is not None
                plain = attacker.opener.open(record[0], record[5:])
                if record[0] != ContentType.ALERT:
                    victim.receive(record[:3] + len(plain).to_bytes(2) + plain)
                switched["server"] |= record[0] == ContentType.CHANGE_CIPHER_SPEC

    return relay


# -- tickets --------------------------------------------------------------------------------------------------------


def test_stolen_ticket_keys() -> None:
    """An attacker who steals the ticket keys of a running server reads recorded connections, but no old ones."""
    lifetime = 3_600.0

    def attack() -> bool:
        now = [pki.NOW.timestamp()]
        keys = TicketKeys.generate(lifetime, clock=lambda: now[0])
        client = our_client()
        talk(client, our_server(ticket_keys=keys))
        session = client.connection.session
        assert session is not None
        now[0] += 2 * lifetime + 1
        talk(our_client(), our_server(ticket_keys=keys))  # the server has gone on working
        for stolen in keys._keys:
            opened = stolen.sealer.open(session.ticket[16:28], session.ticket[28:], session.ticket[:16])
            if opened is not None:
                return session.master_secret in opened
        return False

    assert_defended(attack, removed(TicketKeys, "_current", lambda self, now: self._keys[0]))


def test_ticket_keys_of_zeros() -> None:
    """A server whose first ticket key is all zeros, because none was made yet, seals tickets that anyone can open."""

    def attack() -> bool:
        try:
            keys = TicketKeys.generate(random=bytes)
        except UsageError:
            return False
        ticket = keys.seal(b"the master secret")
        return AESGCM(bytes(32)).decrypt(ticket[16:28], ticket[28:], ticket[:16]).endswith(b"the master secret")

    def any_key(self: TicketKeys, now: float) -> Any:
        return tickets._Key(bytes(16), TicketCipher(bytes(32)), now)

    assert_defended(attack, removed(TicketKeys, "_new_key", any_key))


# -- sessions in the wrong hands ---------------------------------------------------------------------------------------


def connected_with(session: Session | None, server: Ours, **config: Any) -> Ours:
    """Our careful client at this server; the name that it wants is pki.NAME."""
    client = our_client(session=session, **{"verifier": verifier(), **config})
    talk(client, server)
    return client


def test_resumption_at_another_host() -> None:
    """Two hosts share ticket keys; the attacker sends a connection for the one to the other, which resumes it."""

    def attack() -> bool:
        keys = TicketKeys.generate()
        session = connected_with(None, our_server(ticket_keys=keys)).connection.session
        assert session is not None
        other = credential_of(pki.intermediate().issue("other.test"))
        return connected_with(session, our_server(credentials=(other,), ticket_keys=keys)).completed

    with_any = careless_server(credentials_for_session=lambda self, session, candidates: candidates)
    assert_defended(attack, with_any)


def test_resumption_under_another_name() -> None:
    """A session with the attacker's own, honest site is offered to another site that the attacker plays."""

    def attack() -> bool:
        keys, mallory = TicketKeys.generate(), credential_of(pki.intermediate().issue("mallory.test"))
        first = our_client(name="mallory.test", verifier=verifier())
        talk(first, our_server(credentials=(mallory,), ticket_keys=keys))
        assert first.completed, first.error
        with careless_server(check_resumption=resume_whatever_it_is)():
            mallorys = our_server(credentials=(mallory,), ticket_keys=keys)
        return connected_with(first.connection.session, mallorys).completed

    def resume_whatever_it_is(self: ServerHellos, session: Session, offer: Offer) -> Choice:
        return choose(offer, self.config)

    assert_defended(attack, careless_client(usable_session=lambda self, suites: self.session))


def test_resumption_under_another_verifier() -> None:
    """A client that verifies does not resume the session of one that accepts any peer, though they share a store."""

    def attack() -> bool:
        store, keys = MemorySessionStore(), TicketKeys.generate()
        forged = credential_of(pki.root(name="Unknown root").issue(pki.NAME, key=pki.key()))
        talk(our_client(sessions=store), our_server(credentials=(forged,), ticket_keys=keys))
        assert len(store) == 1
        client = our_client(sessions=store, verifier=verifier())
        talk(client, our_server(credentials=(forged,), ticket_keys=keys))
        return client.completed

    assert_defended(attack, removed(bindings, "client_trust", lambda config, pause_on: b""))


def test_resumption_under_another_policy() -> None:
    """What a lenient policy agreed on, a strict one does not resume."""
    lenient = Policy.compatible().replace(require_extended_master_secret=False, cipher_suites=[RSA])

    def attack() -> bool:
        store, keys = MemorySessionStore(), TicketKeys.generate()
        server = {"ticket_keys": keys, "policy": lenient}
        talk(our_client(sessions=store, policy=lenient), our_server("rsa-2048", **server))
        assert len(store) == 1
        strict = Policy.compatible().replace(minimum_rsa_bits=4096)
        client = our_client(sessions=store, policy=strict)
        talk(client, our_server("rsa-2048", **server))
        return client.completed

    assert_defended(attack, removed(bindings, "client_policy", lambda config: b""))


@pytest.mark.parametrize("by", ["ticket", "id"])
@pytest.mark.parametrize("second", ["somebody else", "nobody"])
def test_resumption_as_another_client(second: str, by: str) -> None:
    """Two users of one program share its store; neither may resume a session of the other."""
    one, other = (credential_of(pki.client(common_name=name)) for name in ("alice", "bob"))
    second_credentials = (other,) if second == "somebody else" else ()

    def attack() -> bool:
        store, kept = MemorySessionStore(), {"ticket_keys": TicketKeys.generate()}
        server = {"client_auth": ClientAuth.OPTIONAL, "verifier": verifier()}
        server |= kept if by == "ticket" else {"sessions": MemorySessionStore()}
        talk(our_client(sessions=store, credentials=(one,)), our_server(**server))
        victim = our_server(**server)
        talk(our_client(sessions=store, credentials=second_credentials), victim)
        return victim.negotiated.peer_certificates == one.certificate_list

    assert_defended(attack, removed(bindings, "client_identity", lambda config: b""))


def test_resumption_with_a_key_that_was_replaced() -> None:
    """A pre-shared key leaked and was replaced; an attacker who knew it must not resume a session made with it."""
    names = {"verifier": None, "policy": Policy.psk()}

    def attack() -> bool:
        keys = TicketKeys.generate()
        thief = our_client(psk=Psk(b"device", b"the key that leaked"), **names)
        talk(thief, our_server(credentials=(), policy=Policy.psk(), ticket_keys=keys, psk={b"device": thief_key}))
        session = thief.connection.session
        assert session is not None
        again = our_client(psk=Psk(b"device", thief_key), session=session, **names)
        talk(again, our_server(credentials=(), policy=Policy.psk(), ticket_keys=keys, psk={b"device": b"a new key"}))
        return again.completed

    thief_key = b"the key that leaked"

    def whatever_key_there_is(self: ServerHellos, session: Session) -> Any:
        yield from ()
        return True

    assert_defended(attack, careless_server(has_psk_of=whatever_key_there_is))


def test_selfie() -> None:
    """A device that has one pre-shared key for both roles must not take its own reflected messages for its peer's."""
    key = b"one key for all of us, 32 bytes!"

    def attack() -> bool:
        client = our_client(verifier=None, policy=Policy.psk(), psk=Psk(b"device A", key))
        itself = our_server(credentials=(), policy=Policy.psk(), psk={b"device B": key})
        talk(client, itself)
        return client.completed and itself.completed

    assert_defended(attack, careless_server(look_up_psk=lambda self, identity: key))
