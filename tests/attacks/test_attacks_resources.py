"""Attacks that cost the victim more than the attacker: floods, fragments, lengths, drips, expensive keys; Heartbleed.

How it works: the bounds are numbers in `Limits`. `unlimited` takes one number away.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from tests import pki
from tests.attacks.weakening import (
    Defence,
    any_finite_field,
    assert_defended,
    configured,
    our_client,
    our_server,
    removed,
    together,
)
from tests.ends import Ours, Scripted, talk
from tls12 import (
    Alert,
    CipherSuite,
    ClientHelloReceived,
    HandshakeCompleted,
    Limits,
    NamedGroup,
    Policy,
    Renegotiation,
    ServerConnection,
    TrustStore,
    X509Verifier,
)
from tls12.connection.core import Core
from tls12.crypto.provider import StandardCrypto
from tls12.errors import CertificateError, DecodeError
from tls12.handshake import negotiation
from tls12.policy import DEFAULT_GROUPS
from tls12.record_layer import reader
from tls12.registry import AlertLevel, ContentType, HandshakeType, HeartbeatMessageType
from tls12.trust import verifier
from tls12.trust.peer import PeerChain
from tls12.wire.closing import AlertMessage, Heartbeat
from tls12.wire.extensions import SupportedGroups
from tls12.wire.key_exchange import DheParams, ServerKeyExchange
from tls12.wire.messages import HandshakeReassembler
from tls12.wire.records import split_records

DHE = CipherSuite.TLS_DHE_RSA_WITH_AES_128_GCM_SHA256


def unlimited(**changes: Any) -> Defence:
    """The victims without one of their bounds."""
    return configured(limits=replace(Limits(), **changes))


def established(**server: Any) -> tuple[Scripted, Ours]:
    """A script that has shaken hands with our server, honestly so far."""
    ours, script = our_server(**server), Scripted("client")
    script.send(script.hello())
    talk(ours, script)
    script.send(script.respond())
    script.derive()
    script.finish()
    talk(ours, script)
    assert ours.completed, ours.error
    return script, ours


# -- floods -------------------------------------------------------------------------------------------------


def test_empty_record_flood() -> None:
    """Records without content cost a decryption each and are never seen by the application."""

    def attack() -> bool:
        script, ours = established()
        for _ in range(10_000):
            script.send_data(b"")
        ours.receive(script.take())
        return ours.error is None

    assert_defended(attack, unlimited(empty_records=1 << 40))


def test_alert_flood() -> None:
    """Warnings that change nothing, before and after the handshake (the "SSL death alert")."""
    warning = AlertMessage(AlertLevel.WARNING, Alert.USER_CANCELED)

    def flood(script: Scripted, ours: Ours) -> bool:
        for _ in range(1_000):
            script.send(warning)
        ours.receive(script.take())
        return ours.error is None

    def attack_during() -> bool:
        ours, script = our_server(), Scripted("client")
        script.send(script.hello())
        talk(ours, script)
        return flood(script, ours)

    assert_defended(attack_during, unlimited(warnings=1 << 40))
    assert_defended(lambda: flood(*established()), unlimited(warnings=1 << 40))


def test_hello_request_flood() -> None:
    """A server that asks for a renegotiation again and again keeps a client answering."""

    def attack() -> bool:
        client, server = our_client(), our_server()
        talk(client, server)
        writer = server.connection._core.outgoing.writer
        for _ in range(1_000):
            client.receive(bytes(writer.write(ContentType.HANDSHAKE, b"\0\0\0\0")))
        return client.error is None and client.take().count(b"\x15\x03\x03") >= 1_000

    assert_defended(attack, unlimited(hello_requests=1 << 40))


def test_renegotiation_flood() -> None:
    """A handshake costs the server more than the client: even where renegotiation is allowed, there are few."""
    allowing = Policy.default().replace(renegotiation=Renegotiation.ALLOW)

    def attack() -> bool:
        client = our_client(policy=allowing, limits=Limits(renegotiations=100))
        server = our_server(policy=allowing)
        for _ in range(12):
            talk(client, server)
            if server.error is not None:
                return False
            client.connection.renegotiate()
        return sum(isinstance(event, HandshakeCompleted) for event in server.events) >= 12

    assert_defended(attack, unlimited(renegotiations=100))


# -- sizes --------------------------------------------------------------------------------------------------


def test_declared_lengths() -> None:
    """A message that declares 16 MiB is refused when its header comes, not when memory is full of it."""

    def attack() -> bool:
        ours, script = our_server(), Scripted("client")
        script.send_record(ContentType.HANDSHAKE, bytes([HandshakeType.CLIENT_HELLO, 0xFF, 0xFF, 0xFF]))
        for _ in range(64):
            script.send_record(ContentType.HANDSHAKE, bytes(2**14))
        ours.receive(script.take())
        return ours.connection._core.incoming.reassembler.pending > 2**20

    assert_defended(attack, unlimited(message_sizes={}, other_message_size=2**24 - 1))


def test_input_during_a_pause() -> None:
    """A peer that sends while the application decides on an answer cannot fill the memory."""

    def attack() -> bool:
        config = our_server().connection.config
        ours, client = Ours(ServerConnection(config, pause_on=frozenset({ClientHelloReceived}))), our_client()
        client.start()
        ours.receive(client.take())
        for _ in range(1_000):
            ours.receive(bytes(16_384))
        return ours.error is None and ours.connection._core.incoming.reader.buffered > 2**23

    assert_defended(attack, unlimited(buffered=1 << 40))


def test_long_chains() -> None:
    """Certificates without end, each of which would be parsed and tried as an issuer."""

    def attack() -> bool:
        honest = our_server().connection.config.credentials[0]
        fillers = tuple(honest.certificate_list[1:]) * 100
        long = type(honest).from_objects([*honest.certificate_list, *fillers], honest.private_key)
        client = our_client()
        talk(client, our_server(credentials=(long,)))
        return client.completed

    assert_defended(attack, unlimited(certificates=1 << 40))


def test_heavy_keys() -> None:
    """A CA's key so long that to verify one signature with it takes as long as a hundred handshakes."""
    key = rsa.RSAPublicNumbers((1 << 64) - 1, (1 << 16_383) | 1).public_key()
    heavy = pki.bare("heavy", pki.public(key), issuer="nobody", signer=pki.key())
    leaf = pki.bare("leaf", pki.key(), issuer="heavy")
    chain = tuple(one.public_bytes(Encoding.DER) for one in (leaf, heavy))

    def attack() -> bool:
        """Whether the backend was asked to compute with it."""
        verify = X509Verifier(TrustStore.from_pem(pki.trusted_pem())).verify
        with mock.patch.object(verifier, "PolicyBuilder", wraps=verifier.PolicyBuilder) as backend:
            with pytest.raises(CertificateError):
                verify(PeerChain(chain, "client", None, pki.NOW.timestamp()))
            return bool(backend.called)

    assert_defended(attack, removed(verifier, "is_too_large", lambda key, maximum: False))


def test_tiny_fragments() -> None:
    """A long message in records of one byte must not cost the square of its length."""

    def copied(size: int) -> int:
        """Bytes that the reassembler put into new buffers, all in all."""
        reassembler, last, total = HandshakeReassembler(), b"", 0
        for byte in b"\x0b" + size.to_bytes(3, "big") + bytes(size):
            reassembler.feed(bytes([byte]))
            reassembler.next_message()
            if reassembler._data is not last:
                last = reassembler._data
                total += len(last)
        return total

    def attack() -> bool:
        return copied(8_192) > 64 * 8_192

    def feed_by_joining(self: HandshakeReassembler, fragment: bytes) -> None:
        self._data, self._pos = self._data[self._pos :] + fragment, 0
        self.pending += len(fragment)

    assert_defended(attack, removed(HandshakeReassembler, "feed", feed_by_joining))


def test_dripping_handshakes() -> None:
    """A peer that sends a byte now and then holds a connection until a limit of time ends it."""

    def attack() -> bool:
        now = [0.0]
        ours = our_server(limits=Limits(handshake_seconds=60.0), clock=lambda: now[0])
        script = Scripted("client")
        script.send(script.hello())
        stream = script.take()
        for byte in stream[:-1]:
            now[0] += 10.0
            ours.receive(bytes([byte]))
        return ours.error is None

    assert_defended(attack, unlimited(handshake_seconds=None))


# -- Diffie-Hellman that costs ----------------------------------------------------------------------------------


def test_dheat_against_servers() -> None:
    """A client that asks for the largest group makes the server compute, for one packet of its own."""

    def attack(policy: Policy) -> bool:
        ours, script = our_server("rsa-2048", policy=policy), Scripted("client")
        extensions = tuple(
            SupportedGroups((NamedGroup.FFDHE8192,)) if isinstance(one, SupportedGroups) else one
            for one in script.hello().extensions or ()
        )
        script.send(script.hello(DHE, extensions=extensions))
        talk(ours, script)
        share = script.last(ServerKeyExchange)
        return share is not None and isinstance(share.params, DheParams) and len(share.params.dh_p) == 1024

    assert_defended(lambda: attack(Policy.default()), configured(policy=Policy.compatible()))
    narrow = Policy.compatible().replace(groups=(*DEFAULT_GROUPS, NamedGroup.FFDHE2048))
    largest = removed(negotiation, "_choose_ff_group", lambda *_: NamedGroup.FFDHE8192)
    assert_defended(lambda: attack(narrow), largest)


def test_dheat_against_clients() -> None:
    """A server that sends a modulus of its own, as long as the message can be, is refused before any arithmetic."""
    reached: list[int] = []

    class Noting(StandardCrypto):
        def answer_key_share(self, p: int, *_: Any) -> Any:
            reached.append(p.bit_length())
            raise DecodeError("the client computes")

    def attack() -> bool:
        reached.clear()
        client, server = our_client(policy=Policy.compatible(), crypto=Noting()), Scripted("server")
        client.start()
        server.receive(client.take())
        server.send(server.answer(DHE))
        certificate = our_server("rsa-2048").connection.config.credentials[0]
        server.send(certificate.certificate_message)
        params = DheParams(b"\xff" * 2048, b"\x02", b"\x05")
        scheme = certificate.schemes[0]
        server.send(server.sign_share(ServerKeyExchange(params), certificate.private_key, scheme), b"\x0e\0\0\0")
        talk(client, server)
        return reached == [16_384]

    assert_defended(attack, any_finite_field())


# -- Heartbleed -----------------------------------------------------------------------------------------------


def test_heartbleed() -> None:
    """A heartbeat that claims to be longer than it is must not be answered with what follows it in memory."""
    secret = b"another user's password"
    request = bytes([HeartbeatMessageType.HEARTBEAT_REQUEST]) + (64).to_bytes(2, "big") + b"hi"

    def attack() -> bool:
        script, ours = established()
        script.send_record(ContentType.HEARTBEAT, request)
        ours.receive(script.take())
        answer = b"".join(record.fragment for record in split_records(ours.take()))
        return secret in answer

    def answer(self: Core, fragment: bytes) -> None:
        payload = Heartbeat.parse(fragment).payload
        self.outgoing.queue.append(b"\x18\x03\x03" + len(payload).to_bytes(2, "big") + payload)

    def parse_as_c_does(data: bytes) -> Heartbeat:
        """What OpenSSL 1.0.1 did: it believed the length that the peer stated, and read beyond the record."""
        memory = data + secret + bytes(64)
        return Heartbeat(HeartbeatMessageType.of(data[0]), memory[3 : 3 + int.from_bytes(data[1:3], "big")], b"")

    heartbeats_spoken = together(
        removed(reader, "_KINDS", reader._KINDS | {ContentType.HEARTBEAT}),
        removed(Core, "_BY_CONTENT_TYPE", {**Core._BY_CONTENT_TYPE, ContentType.HEARTBEAT: answer}),
    )
    assert_defended(attack, heartbeats_spoken, removed(Heartbeat, "parse", parse_as_c_does))
