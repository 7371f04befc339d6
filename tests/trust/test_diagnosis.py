"""Every way in which a chain can be bad: its class, its alert, and what the sentence says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests import pki
from tls12.errors import (
    CertificateError,
    CertificateExpired,
    NameMismatch,
    UnknownIssuer,
    WeakKey,
    WrongPurpose,
)
from tls12.lab.pki import CLIENT, SERVER, IssuedCertificate, ThrowawayCA, key_usage, self_signed
from tls12.registry import Alert
from tls12.trust import paths
from tls12.trust.diagnosis import diagnose
from tls12.trust.peer import PeerChain
from tls12.trust.rules import Rules
from tls12.trust.truststore import TrustStore
from tls12.trust.verifier import X509Verifier

NOW = pki.NOW.timestamp()
CA = (x509.BasicConstraints(True, None), True)
SIGNS = (key_usage("key_cert_sign"), True)
SAN = (x509.SubjectAlternativeName([x509.DNSName(pki.NAME)]), False)


@dataclass(frozen=True)
class Case:
    issued: Callable[[], IssuedCertificate]
    error: type[CertificateError]
    alert: Alert
    says: str
    roots: Callable[[], tuple[x509.Certificate, ...]] = lambda: (pki.root().certificate,)


def of_expired_ca() -> IssuedCertificate:
    ca = ThrowawayCA(
        "Old CA", issuer=pki.root(), valid_from=pki.NOW - timedelta(days=9), valid_to=pki.NOW - timedelta(days=1)
    )
    return ca.issue(pki.NAME, key=pki.key())


def of_a_leaf_as_ca() -> IssuedCertificate:
    """A leaf that signs another one: the mistake behind CVE-2002-0862 and many after it."""
    good = pki.server()
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(good.leaf.public_key())  # type: ignore[arg-type]
    leaf = pki.bare(
        "victim", pki.key("ecdsa-p256", 3), SAN, (authority, False), issuer=pki.NAME, signer=good.private_key
    )
    return IssuedCertificate((leaf, *good.certificates), pki.key("ecdsa-p256", 3))


def of_a_ca_without_the_right_to_sign() -> IssuedCertificate:
    ca = ThrowawayCA("Crippled CA", issuer=pki.root(), usage=key_usage("crl_sign"))
    return ca.issue(pki.NAME, key=pki.key())


def of_too_long_a_path() -> IssuedCertificate:
    short = ThrowawayCA("Short CA", issuer=pki.root(), path_length=0)
    return short.intermediate("Deep CA").issue(pki.NAME, key=pki.key())


def of_an_issuer_that_gives_its_key_no_identifier() -> IssuedCertificate:
    """The issuer's name, another key, and no key identifiers that could tell."""
    leaf = pki.bare("leaf", pki.key(), SAN, issuer="Nameless", signer=pki.key("ecdsa-p256", 44))
    return IssuedCertificate((leaf,), pki.key())


def with_an_unknown_critical_extension() -> IssuedCertificate:
    root = pki.root()
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(root.private_key.public_key())
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
    leaf = pki.bare(
        "strange", pki.key(), SAN, (authority, False), (unknown, True),
        issuer="Test root ecdsa-p256", signer=root.private_key,
    )  # fmt: skip
    return IssuedCertificate((leaf,), pki.key())


def impostor() -> ThrowawayCA:
    return ThrowawayCA("Test root ecdsa-p256", key=pki.key("ecdsa-p256", 7), now=pki.NOW)


def with_a_ca_leaf() -> IssuedCertificate:
    return pki.intermediate().issue(pki.NAME, key=pki.key(), ca=True)


def under_an_unknown_root_that_was_sent() -> IssuedCertificate:
    stranger = pki.root(name="Unknown root")
    issued = stranger.issue(pki.NAME, key=pki.key())
    return IssuedCertificate((*issued.certificates, stranger.certificate), issued.private_key)


def under_a_trusted_sha1_root() -> IssuedCertificate:
    return pki.sha1_signature()


CASES = {
    "expired": Case(
        pki.expired, CertificateExpired, Alert.CERTIFICATE_EXPIRED,
        "the server's certificate CN=server.test expired on .* UTC .*renew it, or set the clock, which says ",
    ),
    "not yet valid": Case(
        pki.not_yet_valid, CertificateExpired, Alert.CERTIFICATE_EXPIRED,
        "the server's certificate CN=server.test is not valid before ",
    ),
    "an expired CA": Case(
        of_expired_ca, CertificateExpired, Alert.CERTIFICATE_EXPIRED, "the CA certificate CN=Old CA expired on "
    ),
    "for another name": Case(
        pki.wrong_name, NameMismatch, Alert.BAD_CERTIFICATE,
        "CN=somebody-else.test is for somebody-else.test, not for server.test",
    ),
    "without names": Case(
        pki.no_san, NameMismatch, Alert.BAD_CERTIFICATE, "names no server.*common name does not count.*for server.test"
    ),
    "of a client": Case(
        pki.wrong_extended_key_usage, WrongPurpose, Alert.BAD_CERTIFICATE,
        "is for clientAuth, not for serverAuth",
    ),
    "a leaf that may sign certificates": Case(
        pki.wrong_key_usage, WrongPurpose, Alert.UNSUPPORTED_CERTIFICATE, "keyCertSign, which is for CAs"
    ),
    "a CA as leaf": Case(
        with_a_ca_leaf, WrongPurpose, Alert.UNSUPPORTED_CERTIFICATE, "is a CA certificate .CA:TRUE."
    ),
    "a leaf as CA": Case(
        of_a_leaf_as_ca, WrongPurpose, Alert.UNSUPPORTED_CERTIFICATE,
        "the CA certificate CN=server.test issued another certificate but is not a CA",
    ),
    "a CA that may not sign": Case(
        of_a_ca_without_the_right_to_sign, WrongPurpose, Alert.UNSUPPORTED_CERTIFICATE,
        "CN=Crippled CA may not sign certificates",
    ),
    "too long a path": Case(
        of_too_long_a_path, WrongPurpose, Alert.UNSUPPORTED_CERTIFICATE,
        "CN=Short CA allows 0 CAs below it, and the chain has 1",
    ),
    "a small RSA leaf": Case(
        pki.small_rsa_leaf, WeakKey, Alert.INSUFFICIENT_SECURITY,
        "the server's certificate CN=server.test has an RSA key of 1024 bits, fewer than 2048",
    ),
    "a small RSA CA": Case(
        pki.small_rsa_intermediate, WeakKey, Alert.INSUFFICIENT_SECURITY,
        "the CA certificate CN=Small intermediate has an RSA key of 1024 bits",
    ),
    "a SHA-1 signature": Case(
        pki.sha1_signature, WeakKey, Alert.INSUFFICIENT_SECURITY, "is signed with SHA1, which can be forged.*SHA-256"
    ),
    "an unknown critical extension": Case(
        with_an_unknown_critical_extension, CertificateError, Alert.UNSUPPORTED_CERTIFICATE,
        r"CN=strange has the critical extension 1\.2\.3\.4\.5",
    ),
    "an untrusted issuer": Case(
        pki.untrusted_issuer, UnknownIssuer, Alert.UNKNOWN_CA,
        "CN=Unknown root ecdsa-p256, issuer of CN=server.test, is not known.*add the CA to the TrustStore",
    ),
    "an untrusted root, sent along": Case(
        under_an_unknown_root_that_was_sent, UnknownIssuer, Alert.UNKNOWN_CA,
        "its chain ends in CN=Unknown root ecdsa-p256, which is not trusted",
    ),
    "a missing intermediate": Case(
        pki.missing_intermediate, UnknownIssuer, Alert.UNKNOWN_CA,
        "or let the server send its intermediate certificates",
    ),
    "an issuer of the same name": Case(
        pki.impostor_issuer, UnknownIssuer, Alert.UNKNOWN_CA,
        "a CA named CN=Test root ecdsa-p256 is trusted, but its key did not sign CN=server.test .the key identifier is "
        "[0-9a-f]{40} instead of [0-9a-f]{40}.*put its new certificate into the TrustStore",
    ),
    "an issuer of the same name, without key identifiers": Case(
        of_an_issuer_that_gives_its_key_no_identifier, UnknownIssuer, Alert.UNKNOWN_CA,
        "a CA named CN=Nameless is trusted, but its key did not sign CN=leaf .RFC",
        lambda: (pki.bare("Nameless", pki.key("ecdsa-p256", 43), CA, SIGNS),),
    ),
    "a forged signature": Case(
        pki.forged_signature, CertificateError, Alert.BAD_CERTIFICATE,
        "the signature on the certificate CN=server.test is not by the key that it names.*altered or forged",
    ),
    "self-signed": Case(
        pki.self_signed_ca, UnknownIssuer, Alert.UNKNOWN_CA, "is self-signed and not trusted.*PinnedVerifier"
    ),
    "self-signed with CA:TRUE, and trusted": Case(
        pki.self_signed_ca, WrongPurpose, Alert.UNSUPPORTED_CERTIFICATE,
        "is self-signed with CA:TRUE .as `openssl req -x509` makes it.*PinnedVerifier",
        lambda: (pki.self_signed_ca().leaf,),
    ),
    "an issuer of the same name, made anew and sent along": Case(
        lambda: IssuedCertificate((*pki.impostor_issuer().certificates, impostor().certificate), pki.key()),
        UnknownIssuer, Alert.UNKNOWN_CA,
        "a CA named CN=Test root ecdsa-p256 is trusted, but its key did not sign CN=Test root ecdsa-p256",
    ),
    "signed with Ed25519": Case(
        pki.ed25519_chain, CertificateError, Alert.UNSUPPORTED_CERTIFICATE,
        "CN=Test root ed25519 signs with Ed25519, .*PinnedVerifier",
        lambda: (pki.root("ed25519").certificate,),
    ),
    "signed with Ed448": Case(
        lambda: pki.root("ed448").issue(pki.NAME, key=pki.key()), CertificateError, Alert.UNSUPPORTED_CERTIFICATE,
        "CN=Test root ed448 signs with Ed448",
        lambda: (pki.root("ed448").certificate,),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_bad_server_certificate_is_refused_for_its_own_reason(name: str) -> None:
    case = CASES[name]
    verifier = X509Verifier(TrustStore.from_certificates(*case.roots()))
    with pytest.raises(CertificateError, match=case.says) as caught:
        verifier.verify(PeerChain(case.issued().chain_der, "server", pki.NAME, NOW))
    assert type(caught.value) is case.error
    assert caught.value.alert is case.alert
    assert caught.value.rule
    assert caught.value.remedy


CLIENT_CASES: dict[str, tuple[dict[str, Any], type[CertificateError]]] = {
    "expired": ({"valid_from": pki.NOW - timedelta(9), "valid_to": pki.NOW - timedelta(1)}, CertificateExpired),
    "of a server": ({"purposes": SERVER}, WrongPurpose),
    "a CA": ({"ca": True}, WrongPurpose),
}


@pytest.mark.parametrize("name", CLIENT_CASES)
def test_a_bad_client_certificate_is_called_the_clients(name: str) -> None:
    options, error = CLIENT_CASES[name]
    everyday: dict[str, Any] = {"key": pki.key(), "common_name": "alice", "purposes": CLIENT}
    issued = pki.intermediate().issue(**{**everyday, **options})
    verifier = X509Verifier(TrustStore.from_certificates(pki.root().certificate))
    with pytest.raises(error, match="the client's certificate CN=alice "):
        verifier.verify(PeerChain(issued.chain_der, "client", None, NOW))


def fenced(
    constraints: x509.NameConstraints, *names: x509.GeneralName, strict: bool = True
) -> tuple[X509Verifier, bytes]:
    """A verifier that trusts a CA with these constraints, and a certificate of that CA for these names."""
    root_key = pki.key("ecdsa-p256", 41)
    root = pki.bare("Fenced CA", root_key, CA, *((SIGNS,) if strict else ()), (constraints, True))
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    identified = ((authority, False),) if strict else ()
    san = (x509.SubjectAlternativeName(names), False)
    leaf = pki.bare("leaf", pki.key(), san, *identified, issuer="Fenced CA", signer=root_key)
    return X509Verifier(TrustStore.from_certificates(root), strict=strict), leaf.public_bytes(Encoding.DER)


HOST, ADDRESS = x509.DNSName(pki.NAME), x509.IPAddress(ip_address("192.0.2.1"))
NETWORK, ELSEWHERE = x509.IPAddress(ip_network("192.0.2.0/24")), x509.IPAddress(ip_network("198.51.100.0/24"))


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    ("constraints", "names", "forbidden"),
    [
        (x509.NameConstraints([x509.DNSName("elsewhere.test")], None), (HOST,), pki.NAME),
        (x509.NameConstraints(None, [x509.DNSName("test")]), (HOST,), pki.NAME),
        (
            x509.NameConstraints([x509.DNSName("test")], [x509.DNSName("b.test")]),
            (HOST, x509.DNSName("a.b.test")),
            "a.b",
        ),
        (x509.NameConstraints([ELSEWHERE], None), (HOST, ADDRESS), "192.0.2.1"),
        (x509.NameConstraints(None, [NETWORK]), (HOST, ADDRESS), "192.0.2.1"),
    ],
    ids=["not permitted", "excluded", "one of several", "address not permitted", "address excluded"],
)
def test_a_ca_may_not_issue_outside_its_name_constraints(
    constraints: x509.NameConstraints, names: tuple[x509.GeneralName, ...], forbidden: str, strict: bool
) -> None:
    verifier, leaf = fenced(constraints, *names, strict=strict)
    with pytest.raises(CertificateError, match=f"CN=Fenced CA may not issue for {re.escape(forbidden)}") as caught:
        verifier.verify(PeerChain((leaf,), "server", pki.NAME, NOW))
    assert caught.value.alert is Alert.BAD_CERTIFICATE
    assert caught.value.rule == "RFC 5280 4.2.1.10"


def test_constraints_that_permit_all_names_are_none() -> None:
    verifier, leaf = fenced(x509.NameConstraints([x509.DNSName("test"), NETWORK], None), HOST, ADDRESS)
    assert len(verifier.verify(PeerChain((leaf,), "server", pki.NAME, NOW))) == 2


def test_an_address_that_stands_among_the_host_names_does_not_count() -> None:
    issued = pki.root().issue(key=pki.key(), common_name="leaf", extensions=[
        x509.SubjectAlternativeName([x509.DNSName("127.0.0.1")])
    ])  # fmt: skip
    with pytest.raises(NameMismatch, match="as a dNSName, where only an iPAddress counts"):
        X509Verifier(TrustStore.from_pem(pki.root().pem)).verify(
            PeerChain(issued.chain_der, "server", "127.0.0.1", NOW)
        )


def test_an_address_in_the_common_name_does_not_help() -> None:
    issued = pki.intermediate().issue(pki.NAME, key=pki.key(), common_name="127.0.0.1")
    with pytest.raises(NameMismatch, match=r"is for server\.test, not for 127\.0\.0\.1"):
        X509Verifier(TrustStore.from_pem(pki.root().pem)).verify(
            PeerChain(issued.chain_der, "server", "127.0.0.1", NOW)
        )


@pytest.mark.parametrize("extension", [CA[0], SIGNS[0]], ids=["basicConstraints", "keyUsage"])
def test_a_ca_with_a_malformed_extension_is_called_malformed(extension: x509.ExtensionType) -> None:
    ca_key = pki.key("ecdsa-p256", 42)
    garbage = (x509.UnrecognizedExtension(extension.oid, b"\xff\xff"), False)
    ca = pki.bare("Broken CA", ca_key, garbage, issuer="Test root ecdsa-p256", signer=pki.root().private_key)
    leaf = pki.bare("leaf", pki.key(), SAN, issuer="Broken CA", signer=ca_key)
    sent = tuple(one.public_bytes(Encoding.DER) for one in (leaf, ca))
    with pytest.raises(CertificateError, match="a certificate of the server's chain is malformed") as caught:
        X509Verifier(TrustStore.from_pem(pki.root().pem)).verify(PeerChain(sent, "server", pki.NAME, NOW))
    assert caught.value.alert is Alert.BAD_CERTIFICATE


def test_what_only_the_backend_objects_to_names_the_certificate_and_keeps_the_backends_text_to_the_cause() -> None:
    peer = PeerChain(pki.server().chain_der, "server", pki.NAME, NOW)
    store = TrustStore.from_pem(pki.root().pem)
    error = diagnose(peer, store, Rules(2048, 8, strict=True), "ParseError { kind: InvalidValue }")
    assert type(error) is CertificateError
    assert "certificate CN=server.test was refused for a reason that this library does not know" in str(error)
    assert "ParseError" not in str(error)


def test_the_search_for_a_reason_checks_a_bounded_number_of_signatures(monkeypatch: pytest.MonkeyPatch) -> None:
    checks: list[object] = []

    def signed(child: x509.Certificate, issuer: x509.Certificate) -> bool:
        checks.append(child)
        return True

    monkeypatch.setattr(paths, "_signed", signed)
    key = pki.key()
    maze = tuple(pki.bare("same name", key, CA).public_bytes(Encoding.DER) for _ in range(12))
    peer = PeerChain(maze, "server", pki.NAME, NOW)
    assert isinstance(
        diagnose(peer, TrustStore.from_pem(pki.root().pem), Rules(2048, 8, strict=True), "refused"), UnknownIssuer
    )
    assert 12 < len(checks) <= 16


def test_a_self_signed_leaf_with_ca_false_is_refused_like_any_stranger() -> None:
    issued = self_signed(pki.NAME, key=pki.key(), ca=False, now=pki.NOW)
    with pytest.raises(UnknownIssuer, match="self-signed and not trusted"):
        X509Verifier(TrustStore.from_pem(pki.root().pem)).verify(PeerChain(issued.chain_der, "server", pki.NAME, NOW))
