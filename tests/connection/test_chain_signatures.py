"""Which signatures a client verifies inside certificates decides between the credentials of a server."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from tests import pki
from tests.ends import Ours, credential_of, our_client, our_server, talk
from tls12 import Credential, MemorySessionStore, Policy, SignatureScheme
from tls12.lab.hellos import with_extensions
from tls12.lab.pki import ThrowawayCA
from tls12.lab.script import Script
from tls12.wire import messages
from tls12.wire.certificates import Certificate
from tls12.wire.extensions import Extension, SignatureAlgorithms, SignatureAlgorithmsCert
from tls12.wire.hello import ClientHello

ECDSA, P384 = SignatureScheme.ECDSA_SECP256R1_SHA256, SignatureScheme.ECDSA_SECP384R1_SHA384
RSA, PSS = SignatureScheme.RSA_PKCS1_SHA256, SignatureScheme.RSA_PSS_RSAE_SHA256
ED25519, SHA1 = SignatureScheme.ED25519, SignatureScheme.RSA_PKCS1_SHA1


def issued_by(ca: str, leaf: str = "ecdsa-p256") -> Credential:
    """A leaf with one kind of key, signed by an intermediate CA with another, which its like has signed."""
    return credential_of(pki.intermediate(ca).issue(*pki.NAMES, key=pki.key(leaf)))


BY_ECDSA, BY_RSA, BY_ED25519 = issued_by("ecdsa-p256"), issued_by("rsa-2048"), issued_by("ed25519")
RSA_LEAF = issued_by("ecdsa-p256", "rsa-2048")


def greet(server: Ours, *extensions: Extension, **fields: Any) -> Script:
    """A client that has sent a ClientHello with these extensions and received what the server answers."""
    script = Script("client")
    script.send(with_extensions(script.hello(**fields), *extensions))
    server.receive(script.data_to_send())
    script.receive_data(server.take())
    return script


def shown(credentials: Iterable[Credential], *extensions: Extension) -> tuple[bytes, ...]:
    """The chain that a server shows to a client with these extensions."""
    server = our_server(credentials=tuple(credentials))
    certificate = greet(server, *extensions).last(Certificate)
    assert certificate is not None, str(server.error)
    return certificate.certificate_list


@pytest.mark.parametrize(
    ("schemes", "expected"),
    [
        ((ECDSA,), BY_ECDSA),
        ((RSA,), BY_RSA),
        ((ED25519,), BY_ED25519),
        ((RSA, ED25519), BY_RSA),
        ((ED25519, RSA, ECDSA), BY_ECDSA),
        ((P384, PSS), BY_ECDSA),
    ],
    ids=["ECDSA", "RSA", "Ed25519", "the first of two", "the first of all", "none, so the first"],
)
def test_a_server_shows_the_chain_that_the_client_verifies(
    schemes: tuple[SignatureScheme, ...], expected: Credential
) -> None:
    every = (BY_ECDSA, BY_RSA, BY_ED25519)
    assert shown(every, SignatureAlgorithmsCert(schemes)) == expected.certificate_list


def test_without_signature_algorithms_cert_signature_algorithms_counts() -> None:
    every = (BY_ED25519, BY_RSA, BY_ECDSA)
    assert shown(every, SignatureAlgorithms((ECDSA, RSA))) == BY_RSA.certificate_list
    assert shown(every, SignatureAlgorithms((ECDSA,))) == BY_ECDSA.certificate_list


def test_a_chain_that_the_client_verifies_goes_before_a_better_suite() -> None:
    both = (BY_RSA, RSA_LEAF)
    assert shown(both) == BY_RSA.certificate_list
    assert shown(both, SignatureAlgorithmsCert((ECDSA,))) == RSA_LEAF.certificate_list
    ecdsa_only = SignatureAlgorithms((ECDSA,))
    assert shown(both, ecdsa_only, SignatureAlgorithmsCert((ECDSA,))) == BY_RSA.certificate_list


def test_the_signature_of_a_root_on_itself_does_not_count() -> None:
    root = pki.root("rsa-2048")
    leaf = ThrowawayCA("by ECDSA", key=pki.key("ecdsa-p384", 1), issuer=pki.root(), now=pki.NOW)
    issued = leaf.issue(*pki.NAMES, key=pki.key())
    with_root = Credential.from_objects([*issued.certificates, root.certificate], issued.private_key)
    assert len(with_root.certificate_list) > len(issued.certificates)
    assert with_root.is_verified_with({ECDSA, P384})
    assert not with_root.is_verified_with({RSA})


def test_pss_inside_a_certificate_goes_by_both_names() -> None:
    issuer, key = pki.key("rsa-2048", 1), pki.key()
    assert isinstance(issuer, rsa.RSAPrivateKey)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "leaf")]))
        .issuer_name(pki.root("rsa-2048").certificate.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(pki.NOW)
        .not_valid_after(pki.NOW + timedelta(days=1))
    )
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    credential = Credential.from_objects(builder.sign(issuer, hashes.SHA256(), rsa_padding=pss), key)
    assert credential.is_verified_with({PSS})
    assert credential.is_verified_with({SignatureScheme.RSA_PSS_PSS_SHA256})
    assert not credential.is_verified_with({RSA, SignatureScheme.RSA_PSS_RSAE_SHA384})


def test_a_session_resumes_whatever_chain_signatures_are_named() -> None:
    both, store = (BY_ECDSA, BY_RSA), MemorySessionStore()
    client, server = our_client(name=None), our_server(credentials=both, sessions=store)
    talk(client, server)
    session_id = client.negotiated.session_id
    assert client.negotiated.peer_certificates == BY_ECDSA.certificate_list
    for scheme in (RSA, ECDSA, ED25519):
        script = greet(
            our_server(credentials=both, sessions=store), SignatureAlgorithmsCert((scheme,)), session_id=session_id
        )
        assert script.server_hello is not None
        assert script.server_hello.session_id == session_id


def offered(client: Ours) -> ClientHello:
    client.start()
    hello = messages.parse(client.take()[5:])
    assert isinstance(hello, ClientHello)
    return hello


def test_a_client_names_the_chain_signatures_of_its_policy_if_they_differ() -> None:
    assert offered(our_client()).find(SignatureAlgorithmsCert) is None
    policy = Policy.default().replace(certificate_schemes=(P384, ECDSA))
    named = offered(our_client(policy=policy)).find(SignatureAlgorithmsCert)
    assert named is not None
    assert named.supported_signature_algorithms == (P384, ECDSA)
    client, server = our_client(policy=policy), our_server(credentials=(BY_RSA, BY_ECDSA))
    talk(client, server)
    assert client.negotiated.peer_certificates == BY_ECDSA.certificate_list


def test_a_policy_cannot_name_chain_signatures_that_nobody_should_verify() -> None:
    with pytest.raises(ValueError, match="rsa_pkcs1_sha1"):
        Policy.default().replace(certificate_schemes=(SHA1,))
