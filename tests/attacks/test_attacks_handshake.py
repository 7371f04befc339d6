"""Attacks on the order and the choices of the handshake: what is skipped, comes early, or was never offered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests import pki
from tests.attacks.weakening import (
    DATA_ONLY_BEHIND_A_HANDSHAKE,
    allowed,
    assert_defended,
    careless_client,
    careless_server,
    computing,
    finish_as_server,
    our_client,
    our_server,
    removed,
)
from tests.ends import Ours, Scripted, credential, talk, verifier
from tls12 import CipherSuite, ClientAuth, Credential, NamedGroup, Policy, SignatureScheme, lab
from tls12.connection import ServerConnection
from tls12.connection.core import Core
from tls12.crypto import signatures
from tls12.crypto.key_schedule import FINISHED, key_block
from tls12.crypto.prf import Prf, make_prf
from tls12.crypto.protection import make_opener
from tls12.crypto.provider import StandardCrypto
from tls12.crypto.suites import SUITES
from tls12.handshake import server
from tls12.handshake.client import ClientHandshake
from tls12.handshake.engine import Unit
from tls12.handshake.grammar import CCS, Row, State
from tls12.handshake.proofs import VerifiedSignature
from tls12.handshake.server import ServerHandshake
from tls12.handshake.steps import Steps
from tls12.lab.hellos import without_extensions
from tls12.registry import ConnectionEnd, ContentType, ExtensionType, ProtocolVersion
from tls12.wire import messages
from tls12.wire.closing import ChangeCipherSpec
from tls12.wire.extensions import ExtendedMasterSecret, RawExtension
from tls12.wire.hello import ClientHello, ServerHello, ServerHelloDone
from tls12.wire.key_exchange import ServerKeyExchange
from tls12.wire.records import split_records

RSA = CipherSuite.TLS_RSA_WITH_AES_128_CBC_SHA
ECDHE = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
NOT_OFFERED = ExtensionType.of(0x3374)
ANONYMOUS = CipherSuite.TLS_ECDH_ANON_WITH_AES_128_CBC_SHA


def greeted(script: Scripted, client: Ours) -> None:
    """The attacker as server has our client's hello."""
    client.start()
    script.receive(client.take())


def share_of(
    script: Scripted, scheme: SignatureScheme | None = SignatureScheme.ECDSA_SECP256R1_SHA256
) -> ServerKeyExchange:
    share = script.offer(NamedGroup.X25519, pki.key(), scheme)
    assert share is not None
    return share


# -- what is skipped ------------------------------------------------------------------------------------------


def test_early_change_cipher_spec() -> None:
    """A ChangeCipherSpec before there is a master secret turns on keys that everybody can compute."""

    randoms: list[bytes] = []

    def watch(_sender: str, message: Unit, _size: int) -> None:
        if isinstance(message, ClientHello | ServerHello):
            randoms.append(message.random)

    def attack() -> bool:
        ours, script = Ours(ServerConnection(our_server().connection.config, on_message=watch)), Scripted("client")
        script.send(script.hello())
        talk(ours, script)
        message = script.respond()
        script.send(ChangeCipherSpec())
        script.resume(b"")
        script.change_write_keys()
        script.send(message)
        talk(ours, script)
        return ours.error is None and ours.connection.expecting == ("ChangeCipherSpec",)

    def at_any_time(self: Core, payload: bytes) -> None:
        """What OpenSSL did until 2014: it derived keys although there was no master secret yet."""
        suite = self.handshakes.conversation.facts.cipher_suite
        assert suite is not None
        keys = key_block(SUITES[suite], make_prf(SUITES[suite].prf_hash, b""), *randoms[-2:])
        self.incoming.reader.install(make_opener(SUITES[suite], keys.client, encrypt_then_mac=False))

    takers = {**Core._BY_CONTENT_TYPE, ContentType.CHANGE_CIPHER_SPEC: at_any_time}
    assert_defended(attack, removed(Core, "_BY_CONTENT_TYPE", takers))


def test_skipped_certificate_verify() -> None:
    """A peer that shows a certificate but leaves out the proof of its key is not accepted as its owner."""
    victim = pki.client()

    def attack() -> bool:
        ours = our_server(client_auth=ClientAuth.REQUIRED, verifier=verifier())
        script = Scripted("client")
        script.send(script.hello())
        talk(ours, script)
        script.send(Credential.from_objects(victim.certificates, None).certificate_message, script.respond())
        script.derive()
        script.finish()
        talk(ours, script)
        return ours.completed and ours.negotiated.peer_certificates == victim.chain_der

    def believe(self: ServerHandshake, peer: Any) -> Iterator[Any]:
        return VerifiedSignature(scheme=SignatureScheme.ECDSA_SECP256R1_SHA256)
        yield

    assert_defended(
        attack,
        allowed(Row(State.CLIENT_KEY_EXCHANGE, ConnectionEnd.CLIENT, CCS, State.CLIENT_CCS)),
        careless_server(verify_possession=believe),
    )


def test_skipped_finished() -> None:
    """Data before the Finished would belong to a handshake that the two sides have not compared yet."""

    def attack() -> bool:
        ours, script = our_server(), Scripted("client")
        script.send(script.hello())
        talk(ours, script)
        script.send(script.respond())
        script.derive()
        script.change_cipher_spec()
        script.send_data(b"and action")
        talk(ours, script)
        return ours.data == b"and action"

    assert_defended(attack, DATA_ONLY_BEHIND_A_HANDSHAKE)


def test_altered_hellos() -> None:
    """An attacker in the middle takes the strong suites out of the ClientHello; the Finished messages reveal it."""
    policy = Policy.legacy_device()  # with extended master secret, the keys would not even be the same

    def attack() -> bool:
        client, ours = our_client(policy=policy), our_server("rsa-2048", policy=policy)
        client.start()
        (record,) = split_records(client.take())
        hello = messages.parse(record.fragment)
        assert isinstance(hello, ClientHello)
        assert RSA in hello.cipher_suites[1:]
        weaker = replace(without_extensions(hello, ExtendedMasterSecret), cipher_suites=(RSA,))
        data = messages.serialize(weaker)
        ours.receive(b"\x16\x03\x01" + len(data).to_bytes(2, "big") + data)
        talk(client, ours)
        return client.completed and ours.completed and client.negotiated.cipher_suite is RSA

    class FinishedCoversNothing(StandardCrypto):
        def make_prf(self, hash_name: str, secret: bytes) -> Prf:
            honest = super().make_prf(hash_name, secret)
            finished = FINISHED.values()
            return lambda label, seed, length: honest(label, b"" if label in finished else seed, length)

    assert_defended(attack, computing(FinishedCoversNothing()))


# -- what was never offered -----------------------------------------------------------------------------------


def test_version_downgrades() -> None:
    """The downgrade of POODLE fails: nothing below TLS 1.2 is spoken, whichever side proposes it."""

    def attack_client() -> bool:
        client, script = our_client(), Scripted("server")
        greeted(script, client)
        script.send(script.answer(ECDHE, server_version=ProtocolVersion.SSL_3_0))
        talk(client, script)
        return client.error is None

    def attack_server() -> bool:
        ours, script = our_server(), Scripted("client")
        suites = (ECDHE, CipherSuite.TLS_FALLBACK_SCSV)
        script.send(script.hello(*suites, client_version=ProtocolVersion.TLS_1_1))
        talk(ours, script)
        return script.last(ServerHello) is not None

    check = ClientHandshake.check_server_hello

    def any_version(self: ClientHandshake, hello: ClientHello, answer: ServerHello) -> Any:
        return check(self, hello, replace(answer, server_version=ProtocolVersion.TLS_1_2))

    assert_defended(attack_client, careless_client(check_server_hello=any_version))
    assert_defended(attack_server, removed(server, "check_offer", lambda offer: None))


def test_unrequested_extensions() -> None:
    """A server that answers an extension that was not offered could turn on what the client does not expect."""

    def attack() -> bool:
        client, script = our_client(), Scripted("server")
        greeted(script, client)
        hello = script.answer(ECDHE)
        surprise = RawExtension(NOT_OFFERED, b"")
        script.send(replace(hello, extensions=(*(hello.extensions or ()), surprise)))
        script.send(credential().certificate_message, share_of(script), ServerHelloDone())
        return finish_as_server(script, client)

    unchecked = careless_client(check_extensions_asked_for=lambda self, hello, answer, own: None)
    assert_defended(attack, unchecked)


def test_unrequested_signature_schemes() -> None:
    """A signature with SHA-1, whose collisions can be bought, from a server that was offered SHA-2 only."""

    def attack() -> bool:
        client, script = our_client(), Scripted("server")
        greeted(script, client)
        script.send(script.answer(ECDHE), credential().certificate_message)
        script.send(share_of(script, SignatureScheme.ECDSA_SHA1), ServerHelloDone())
        return finish_as_server(script, client)

    def verify_whatever_it_is(self: Steps[Any], peer: Any, scheme: Any, signature: bytes, signed: bytes) -> Any:
        signatures.verify(peer.leaf_public_key, scheme, signature, signed)
        return VerifiedSignature(scheme=scheme)

    assert_defended(attack, careless_client(verify_signature=verify_whatever_it_is))


def test_unauthenticated_suites() -> None:
    """An attacker in the middle chooses a suite without certificates, which the client did not offer."""

    def attack() -> bool:
        client, script = our_client(verifier=verifier()), Scripted("server")
        greeted(script, client)
        script.send(script.answer(ANONYMOUS))
        script.send(share_of(script, None), ServerHelloDone())
        return finish_as_server(script, client)

    def any_suite(self: ClientHandshake, hello: ClientHello, answer: ServerHello) -> Any:
        return SUITES[answer.cipher_suite]

    assert_defended(attack, careless_client(check_suite=any_suite))
    assert ANONYMOUS in lab.policy().cipher_suites
    for policy in (Policy.default(), Policy.compatible(), Policy.legacy_device(), Policy.psk()):
        rows = [SUITES[suite] for suite in policy.cipher_suites]
        assert all(row.uses_certificate or row.uses_psk for row in rows)
