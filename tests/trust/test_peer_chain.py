from __future__ import annotations

import gc
import tracemalloc
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from tests import pki
from tls12.crypto.signatures import KeyKind
from tls12.errors import CertificateError, NameMismatch, NotPinned, UsageError
from tls12.lab.pki import IssuedCertificate, key_usage
from tls12.registry import Alert, NamedGroup
from tls12.trust.peer import PeerChain, validity
from tls12.trust.truststore import TrustStore
from tls12.trust.verifier import PinnedVerifier, Verifier, X509Verifier
from tls12.wire.memory import Memory

KINDS = {
    "ecdsa-p256": (KeyKind.ECDSA, NamedGroup.SECP256R1),
    "ecdsa-p384": (KeyKind.ECDSA, NamedGroup.SECP384R1),
    "ecdsa-p521": (KeyKind.ECDSA, NamedGroup.SECP521R1),
    "rsa-2048": (KeyKind.RSA, None),
    "rsa-pss-2048": (KeyKind.RSA_PSS, None),
    "ed25519": (KeyKind.ED25519, None),
    "ed448": (KeyKind.ED448, None),
}


def chain_of(issued: IssuedCertificate) -> PeerChain:
    return PeerChain(issued.chain_der, "server", pki.NAME, pki.NOW.timestamp())


@pytest.mark.parametrize("kind", pki.LEAF_KINDS)
def test_the_leaf_tells_the_kind_of_its_key_and_its_curve(kind: str) -> None:
    issued = pki.server(kind)
    chain = chain_of(issued)
    assert (chain.leaf_key_kind, chain.leaf_group) == KINDS[kind]
    assert chain.leaf == issued.leaf
    assert chain.leaf_public_key == issued.private_key.public_key()
    assert chain.parse() == issued.certificates


@pytest.mark.parametrize(
    ("bits", "signs", "enciphers"),
    [
        (("digital_signature",), True, False),
        (("key_encipherment",), False, True),
        (("digital_signature", "key_encipherment"), True, True),
        (("key_agreement",), False, False),
    ],
)
def test_key_usage_says_what_the_key_may_do(bits: tuple[str, ...], signs: bool, enciphers: bool) -> None:
    issued = pki.intermediate().issue(pki.NAME, key=pki.key("rsa-2048"), usage=key_usage(*bits))
    chain = chain_of(issued)
    assert (chain.allows_signing, chain.allows_encipherment) == (signs, enciphers)


def test_without_key_usage_a_key_may_do_everything() -> None:
    key = pki.key()
    chain = chain_of(IssuedCertificate((pki.bare("anything", key),), key))
    assert chain.allows_signing
    assert chain.allows_encipherment


@pytest.mark.parametrize("der", [b"", b"\x00", b"\x30\x00", b"\x30\x03\x02\x01\x05", b"not a certificate"])
def test_a_leaf_that_is_no_certificate_is_a_bad_certificate(der: bytes) -> None:
    with pytest.raises(CertificateError, match="the client's certificate is malformed") as caught:
        _ = PeerChain((der,), "client", None, 0.0).leaf
    assert caught.value.alert is Alert.BAD_CERTIFICATE


def test_a_malformed_certificate_further_up_is_named_by_its_number() -> None:
    chain = PeerChain((*pki.server().chain_der, b"\x30\x00"), "server", pki.NAME, 0.0)
    with pytest.raises(CertificateError, match="certificate 3 of the server's chain is malformed") as caught:
        chain.parse()
    assert caught.value.alert is Alert.BAD_CERTIFICATE


def test_a_key_of_an_unknown_kind_is_an_unsupported_certificate() -> None:
    der = pki.server("ed25519").chain_der[0]
    unknown = der.replace(bytes.fromhex("06032b6570"), bytes.fromhex("06032b656e"))  # X25519: no signatures
    chain = PeerChain((unknown,), "server", pki.NAME, 0.0)
    with pytest.raises(CertificateError, match="cannot be used") as caught:
        _ = chain.leaf_public_key
    assert caught.value.alert is Alert.UNSUPPORTED_CERTIFICATE


def test_an_empty_chain_is_the_callers_mistake() -> None:
    with pytest.raises(UsageError, match="at least one certificate"):
        PeerChain((), "server", pki.NAME, 0.0)


def test_what_is_read_from_a_leaf_is_read_once_for_each_chain() -> None:
    chain, other = chain_of(pki.server()), chain_of(pki.server())
    assert chain.leaf is chain.leaf
    assert chain.leaf is not other.leaf
    assert chain.leaf == pki.server().leaf


def test_chains_with_one_memory_share_what_is_read_from_a_leaf_unless_it_is_huge() -> None:
    def chain(memory: Memory | None, issued: IssuedCertificate | None = None) -> PeerChain:
        return replace(chain_of(issued or pki.server()), memory=memory)

    memory = Memory()
    assert chain(memory).leaf is chain(memory).leaf
    assert chain(memory).leaf is not chain(Memory()).leaf
    assert chain(memory) == chain(None)
    huge = pki.intermediate().issue(*(f"{number}.{'long' * 15}.test" for number in range(100)), key=pki.key())
    assert len(huge.chain_der[0]) > 4_096
    assert chain(memory, huge).leaf is not chain(memory, huge).leaf


@pytest.mark.parametrize(
    "verifier",
    [X509Verifier(TrustStore.from_pem(pki.root().pem)), PinnedVerifier(bytes(32))],
    ids=["another name", "not pinned"],
)
def test_a_certificate_with_a_thousand_names_is_remembered_without_them(verifier: Verifier) -> None:
    root, nobody, key = pki.root(), x509.Name([]), pki.key()
    begin, end = pki.NOW - timedelta(days=1), pki.NOW + timedelta(days=1)
    builder = x509.CertificateBuilder(root.certificate.subject, nobody, key.public_key(), 1, begin, end)
    names = x509.SubjectAlternativeName([x509.DNSName("a")] * 1_000)
    der = builder.add_extension(names, critical=True).sign(root.private_key, hashes.SHA256()).public_bytes(Encoding.DER)
    assert 3_000 < len(der) < 4_096
    chain = PeerChain((der, der), "server", pki.NAME, pki.NOW.timestamp(), memory=Memory())
    tracemalloc.start()
    try:
        assert chain.allows_signing
        with pytest.raises((NameMismatch, NotPinned)):
            verifier.verify(chain)
        gc.collect()
        assert chain.leaf is chain.leaf
        assert tracemalloc.get_traced_memory()[0] < 50_000
    finally:
        tracemalloc.stop()


def test_the_validity_of_a_chain_is_what_its_certificates_have_in_common() -> None:
    issued = pki.intermediate().issue(pki.NAME, key=pki.key(), valid_from=pki.NOW)
    begin, end = validity(issued.chain_der)
    assert begin == issued.leaf.not_valid_before_utc.timestamp()
    assert end == pki.intermediate().certificate.not_valid_after_utc.timestamp()
    assert validity(()) == (float("-inf"), float("inf"))


@given(st.data())
def test_a_damaged_leaf_gives_facts_or_a_certificate_error(data: st.DataObject) -> None:
    der = bytearray(pki.server(data.draw(st.sampled_from(pki.LEAF_KINDS))).chain_der[0])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(der) - 1))
        der[at] ^= 1 << data.draw(st.integers(0, 7))
    chain = PeerChain((bytes(der),), "server", pki.NAME, 0.0)
    try:
        facts = (chain.leaf_key_kind, chain.leaf_group, chain.allows_signing, chain.allows_encipherment)
    except CertificateError as error:
        assert error.alert in (Alert.BAD_CERTIFICATE, Alert.UNSUPPORTED_CERTIFICATE)  # noqa: PT017
    else:
        assert isinstance(facts[0], KeyKind)
