"""Attacks on who the peer is: names that look alike, issuers that are none, services that are others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from tests import pki
from tests.attacks.weakening import (
    assert_defended,
    careless_server,
    configured,
    finish_as_server,
    our_client,
    our_server,
    removed,
)
from tests.ends import Scripted, credential, credential_of, talk
from tls12 import AcceptAnyPeer, CipherSuite, ClientAuth, NamedGroup, SignatureScheme, TrustStore, X509Verifier
from tls12.crypto.signatures import KeyKind
from tls12.errors import NameMismatch, UnknownIssuer
from tls12.handshake import negotiation
from tls12.lab.pki import IssuedCertificate
from tls12.trust import peer
from tls12.trust.names import CertificateNames
from tls12.trust.paths import Walk
from tls12.trust.peer import LeafKey, PeerChain
from tls12.wire.certificates import Certificate
from tls12.wire.hello import ServerHelloDone

Naive = Callable[[str, tuple[str, ...], str], bool]
"""How a careless client compares: the name that it wants, the DNS names of the certificate, its common name."""


def trusting() -> X509Verifier:
    """A verifier of its own, since accepted chains are remembered."""
    return X509Verifier(TrustStore.from_pem(pki.trusted_pem()))


@dataclass(frozen=True)
class Careless:
    """A verifier that checks every signature up to a trusted root, and the name in its own way."""

    naive: Naive
    fingerprint: bytes = b"careless"

    def verify(self, peer: PeerChain) -> tuple[bytes, ...]:
        leaf, *others = peer.parse()
        if Walk(trusting().trust_store, others).from_leaf(leaf) is None:
            raise UnknownIssuer("no way to a trusted root")
        common_names = leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        common_name = str(common_names[0].value) if common_names else ""
        if peer.role == "server" and not self.naive(peer.server_name or "", CertificateNames.of(leaf).dns, common_name):
            raise NameMismatch("another name")
        return peer.certificates


def issued(*names: str) -> IssuedCertificate:
    """What an honest CA issues to the owner of mallory.test, who asks for something strange."""
    san = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    return pki.intermediate().issue(key=pki.key(), common_name="Mallory", extensions=(san,))


TRICKS: dict[str, tuple[str, Callable[[], IssuedCertificate], Naive]] = {
    "a NUL, where C strings end": (
        pki.NAME,
        lambda: issued(f"{pki.NAME}\0.mallory.test"),
        lambda want, dns, _: any(name.split("\0")[0] == want for name in dns),
    ),
    "a common name": (pki.NAME, pki.no_san, lambda want, dns, common_name: want in (common_name, *dns)),
    "a beginning": (
        pki.NAME,
        lambda: issued(f"{pki.NAME}.mallory.test"),
        lambda want, dns, _: any(name.startswith(want) for name in dns),
    ),
    "an end": (
        pki.NAME,
        lambda: issued("test"),
        lambda want, dns, _: any(want.endswith(name) for name in dns),
    ),
    "a star for two labels": (
        "www.server.test",
        lambda: issued("*.test"),
        lambda want, dns, _: any(fnmatch(want, name) for name in dns),
    ),
    "a star for everything": (pki.NAME, lambda: issued("*"), lambda want, dns, _: any(fnmatch(want, n) for n in dns)),
    "a star in the middle": (
        pki.NAME,
        lambda: issued("s*r.test"),
        lambda want, dns, _: any(fnmatch(want, n) for n in dns),
    ),
    "a star under another name's parent": (
        "wild.test",
        lambda: issued("*.wild.test"),
        lambda want, dns, _: any(name.removeprefix("*.") == want for name in dns),
    ),
    "an address written as a name": ("127.0.0.1", lambda: issued("127.0.0.1"), lambda want, dns, _: want in dns),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_names_that_look_alike(trick: str) -> None:
    """A certificate whose names look like the wanted one to a careless comparison."""
    name, make, naive = TRICKS[trick]
    certificate = credential_of(make())

    def attack() -> bool:
        client = our_client(name=name, verifier=trusting())
        talk(client, our_server(credentials=(certificate,)))
        return client.completed

    assert_defended(attack, configured(verifier=Careless(naive)))


def test_leaves_that_issue() -> None:
    """The owner of a certificate for one name signs another one with it; the verifier must ask whether that is a CA."""
    mallorys = pki.intermediate().issue("mallory.test", key=pki.key("ecdsa-p256", 5), common_name="mallory.test")
    san = x509.SubjectAlternativeName([x509.DNSName(pki.NAME)])
    purpose = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH])
    leaf = pki.bare(
        "anything", pki.key(), (san, False), (purpose, False), issuer="mallory.test", signer=mallorys.private_key
    )
    forged = credential_of(IssuedCertificate((leaf, *mallorys.certificates), pki.key()))

    def attack() -> bool:
        client = our_client(verifier=trusting())
        talk(client, our_server(credentials=(forged,)))
        return client.completed

    assert_defended(attack, configured(verifier=Careless(lambda want, dns, _: want in dns)))


def test_certificates_of_another_purpose() -> None:
    """A server's certificate, which its operator has, does not make the operator a client with rights."""
    operators = pki.server()

    def attack() -> bool:
        client = our_client(credentials=(credential_of(operators),))
        talk(client, ours := our_server(client_auth=ClientAuth.REQUIRED, verifier=trusting()))
        return ours.completed and ours.negotiated.peer_certificates == operators.chain_der

    assert_defended(attack, configured(verifier=Careless(lambda *_: True)))


def test_raw_keys() -> None:
    """A bare public key in place of a certificate proves that the peer owns it, but not who the peer is."""
    key = pki.key("ecdsa-p256", 8)
    bare = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def attack() -> bool:
        client, script = our_client(verifier=trusting()), Scripted("server")
        client.start()
        script.receive(client.take())
        script.send(script.answer(CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256), Certificate((bare,)))
        share = script.offer(NamedGroup.X25519, key, SignatureScheme.ECDSA_SECP256R1_SHA256)
        assert share is not None
        script.send(share, ServerHelloDone())
        return finish_as_server(script, client)

    def facts_of_any_key(leaf: tuple[bytes, str]) -> LeafKey:
        public_key = load_der_public_key(leaf[0])
        assert isinstance(public_key, ec.EllipticCurvePublicKey)
        return LeafKey(pki.server().leaf, public_key, KeyKind.ECDSA, NamedGroup.SECP256R1, True, True, None)

    assert_defended(
        attack,
        removed(peer, "_read_leaf", facts_of_any_key),
        configured(verifier=AcceptAnyPeer()),
    )


MAIL: dict[str, Any] = {"server_names": ("mail.wild.test",), "alpn_protocols": ("imap",)}


def test_alpaca() -> None:
    """A browser's connection is led to the mail server, whose wildcard certificate is good for the web site too."""

    def attack(config: dict[str, Any]) -> bool:
        browser = our_client(name="www.wild.test", alpn_protocols=("http/1.1",), verifier=trusting())
        mail = our_server(credentials=(credential(),), **config)
        talk(browser, mail)
        if not browser.completed:
            return False
        browser.send(b"POST / HTTP/1.1\r\n\r\nLOGOUT <script>\r\n")
        mail.receive(browser.take())
        return mail.data.endswith(b"LOGOUT <script>\r\n")

    no_refusal = careless_server(choose_alpn=lambda self, offer: None)
    assert_defended(
        lambda: attack(MAIL),
        no_refusal,
        removed(negotiation, "candidate_credentials", lambda name, config: config.credentials),
    )
    assert_defended(lambda: attack({"alpn_protocols": MAIL["alpn_protocols"]}), no_refusal)
