"""What an error proposes is tried: the remedy that names an argument or PinnedVerifier makes the verification pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests import pki
from tls12.errors import CertificateError, NameMismatch, WrongPurpose
from tls12.lab.pki import ThrowawayCA, key_usage
from tls12.registry import Alert
from tls12.trust.peer import PeerChain
from tls12.trust.rules import PathStep, Rules
from tls12.trust.truststore import TrustStore
from tls12.trust.verdicts import in_words
from tls12.trust.verifier import PinnedVerifier, X509Verifier

NOW = pki.NOW.timestamp()
Extensions = tuple[tuple[x509.ExtensionType, bool], ...]
CA: Extensions = ((x509.BasicConstraints(True, None), True), (key_usage("key_cert_sign"), True))
SAN = (x509.SubjectAlternativeName([x509.DNSName(pki.NAME)]), False)
SERVER_AUTH = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
CLIENT_AUTH = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])


@dataclass(frozen=True)
class Found:
    """A chain, the root that is trusted, and what is said of it."""

    root: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    role: str = "server"

    @property
    def peer(self) -> PeerChain:
        der = tuple(one.public_bytes(Encoding.DER) for one in self.chain)
        return PeerChain(der, self.role, pki.NAME if self.role == "server" else None, NOW)  # type: ignore[arg-type]

    def verify(self, **rules: Any) -> tuple[bytes, ...]:
        return X509Verifier(TrustStore([self.root]), **rules).verify(self.peer)


def below(
    *extensions: tuple[x509.ExtensionType, bool],
    root_key: Any = None,
    root_extensions: Extensions = CA,
    subject: str = "leaf",
    role: str = "server",
) -> Found:
    """A leaf with these extensions, a name and a key identifier, under a root with those."""
    key = root_key or pki.key("ecdsa-p256", 80)
    root = pki.bare("Root", key, *root_extensions)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    kinds = {type(extension) for extension, _ in extensions}
    everyday = [pair for pair in (SAN, (identifier, False)) if type(pair[0]) not in kinds]
    leaf = pki.bare(subject, pki.key(), *everyday, *extensions, issuer="Root", signer=key)
    return Found(root, (leaf,), role)


def self_signed() -> Found:
    """What development tools make: CA:FALSE, no key identifiers."""
    leaf = pki.bare("localhost", pki.key(), SAN, (x509.BasicConstraints(False, None), True))
    return Found(leaf, (leaf,))


def deep(count: int) -> Found:
    """So many intermediate CAs."""
    root = ca = pki.root()
    for number in range(count):
        ca = ca.intermediate(f"Intermediate {number}", key=pki.key("ecdsa-p256", 100 + number))
    return Found(root.certificate, ca.issue(pki.NAME, key=pki.key()).certificates)


def version_1() -> Found:
    """A root without any extension, whose bytes say version 1."""
    key = pki.key("ecdsa-p256", 81)
    made = pki.bare("Old root", key).tbs_certificate_bytes
    start = 3 if made[1] & 0x80 and made[1] == 0x81 else 2 if not made[1] & 0x80 else 4
    root = x509.load_der_x509_certificate(pki.signed(pki.tlv(0x30, made[start + 5 :]), key))  # type: ignore[arg-type]
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    leaf = pki.bare("leaf", pki.key(), SAN, (identifier, False), issuer="Old root", signer=key)
    return Found(root, (leaf,))


def without_subject() -> Found:
    found = below()
    (leaf,) = found.chain
    whole = leaf.tbs_certificate_bytes
    body = whole[4:] if whole[1] == 0x82 else whole[3:]
    made = pki.signed(
        pki.tlv(0x30, body.replace(leaf.subject.public_bytes(), b"\x30\x00")),
        pki.key("ecdsa-p256", 80),  # type: ignore[arg-type]
    )
    return Found(found.root, (x509.load_der_x509_certificate(made),))


LENIENT = {"strict": False}
FORGIVEN: dict[str, tuple[Callable[[], Found], str, dict[str, Any]]] = {
    "a critical extendedKeyUsage": (
        lambda: below((SERVER_AUTH, True)), "has a critical extendedKeyUsage, which RFC 5280", LENIENT
    ),
    "a client's critical extendedKeyUsage": (
        lambda: below((CLIENT_AUTH, True), role="client"), "the client's certificate CN=leaf has a critical", LENIENT
    ),
    "a CA's critical extendedKeyUsage": (
        lambda: below(root_extensions=(*CA, (SERVER_AUTH, True))), "CA certificate CN=Root has a critical", LENIENT
    ),
    "a self-signed development certificate": (self_signed, "CN=localhost has no authorityKeyIdentifier", LENIENT),
    "a critical subjectAltName": (
        lambda: below((SAN[0], True)), "has a subject and a critical subjectAltName", LENIENT
    ),
    "no subject": (without_subject, "has no subject and a subjectAltName not critical", LENIENT),
    "nine intermediates": (
        lambda: deep(9), "has 9 intermediate certificates, and the verifier follows 8", {"max_chain_depth": 9}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGIVEN)
def test_the_argument_that_an_error_names_makes_it_pass(name: str) -> None:
    make, says, argument = FORGIVEN[name]
    found = make()
    ((key, value),) = argument.items()
    with pytest.raises(CertificateError, match=says) as caught:
        found.verify()
    assert f"X509Verifier(..., {key}={value})" in caught.value.remedy
    assert found.verify(**argument)


def curve_ca() -> Found:
    return below(root_key=ec.generate_private_key(ec.BrainpoolP256R1()))


def from_name(**names: Any) -> Callable[[], Found]:
    return lambda: below((x509.SubjectAlternativeName([x509.RFC822Name("a@b.test")]), False), **names)


PINNED: dict[str, tuple[Callable[[], Found], str]] = {
    "a brainpool CA": (curve_ca, "CN=Root signs with ECDSA on brainpoolP256r1, .* verifies leaves but not chains"),
    "a root of version 1": (version_1, "trusted root CN=Old root is of version 1 and has no basicConstraints"),
    "a root that is no CA": (
        lambda: below(root_extensions=()), "is not a CA: it has no basicConstraints.*; put the certificate of a CA"
    ),
    "a critical policy": (
        lambda: below((x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.3"), None)]), True)),
        "has the critical extension certificatePolicies, which is not known here",
    ),
    "a critical authorityInfoAccess": (
        lambda: below((x509.AuthorityInformationAccess([x509.AccessDescription(
            x509.ObjectIdentifier("1.3.6.1.5.5.7.48.1"), x509.UniformResourceIdentifier("http://x.test/"))]), True)),
        "has the extension authorityInfoAccess as critical",
    ),
    "constraints in a leaf": (
        lambda: below((x509.NameConstraints([x509.DNSName("test")], None), True)),
        "has the extension nameConstraints, which does not belong into it",
    ),
    "constraints on addresses of the web": (
        lambda: below(
            (x509.SubjectAlternativeName([x509.DNSName(pki.NAME), x509.UniformResourceIdentifier("http://x/")]), False),
            root_extensions=(*CA, (x509.NameConstraints([x509.UniformResourceIdentifier(".test")], None), True)),
        ),
        "has nameConstraints above it of a kind that is not compared",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PINNED)
def test_where_only_a_pin_helps_the_error_says_so_and_it_does(name: str) -> None:
    make, says = PINNED[name]
    found = make()
    with pytest.raises(CertificateError, match=says) as caught:
        found.verify()
    assert "PinnedVerifier" in caught.value.remedy
    assert PinnedVerifier(found.chain[0]).verify(found.peer) == ()


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    ("purposes", "listed"),
    [
        ([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE], "anyExtendedKeyUsage, not for serverAuth, which an application"),
        ([x509.ObjectIdentifier("1.3.6.1.4.1.99999.7")], r"1\.3\.6\.1\.4\.1\.99999\.7, not for serverAuth "),
        ([ExtendedKeyUsageOID.CLIENT_AUTH], "clientAuth, not for serverAuth "),
        ([x509.ObjectIdentifier(f"1.2.{n}") for n in range(9)], r"1\.2\.0, .*1\.2\.5 and 3 more, not for serverAuth"),
    ],
    ids=["any", "private", "client", "many"],
)
@pytest.mark.parametrize("critical", [True, False])
def test_a_purpose_is_still_checked_and_named(
    purposes: list[x509.ObjectIdentifier], listed: str, strict: bool, critical: bool
) -> None:
    with pytest.raises(WrongPurpose, match="CN=leaf is for " + listed):
        below((x509.ExtendedKeyUsage(purposes), critical)).verify(strict=strict)


@pytest.mark.parametrize("strict", [True, False])
def test_a_ca_for_any_purpose_issues_for_servers_and_one_for_clients_does_not(strict: bool) -> None:
    any_purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])
    assert below(root_extensions=(*CA, (any_purpose, False))).verify(strict=strict)
    with pytest.raises(WrongPurpose, match="CA certificate CN=Root is for clientAuth, not for serverAuth"):
        below(root_extensions=(*CA, (CLIENT_AUTH, False))).verify(strict=strict)


@pytest.mark.parametrize("critical", [True, False])
@pytest.mark.parametrize("make", [lambda c: below((SAN[0], c)), lambda _: without_subject()], ids=["subject", "none"])
def test_leniency_about_the_subject_alternative_name_compares_names_all_the_same(
    make: Callable[[bool], Found], critical: bool
) -> None:
    found = make(critical)
    other = PeerChain(found.peer.certificates, "server", "other.test", NOW)
    with pytest.raises(NameMismatch):
        X509Verifier(TrustStore([found.root]), strict=False).verify(other)


def test_a_certificate_that_names_only_a_mailbox_is_said_to_have_no_host_name() -> None:
    with pytest.raises(NameMismatch, match="has no host name and no address in its subjectAltName"):
        from_name()().verify()


def test_nameless_is_said_of_a_certificate_without_the_extension() -> None:
    with pytest.raises(NameMismatch, match="it has no subjectAltName, and the common name does not count"):
        X509Verifier(TrustStore([pki.root().certificate])).verify(
            PeerChain(pki.no_san().chain_der, "server", pki.NAME, NOW)
        )


def test_a_leaf_of_version_1_is_told_from_one_without_names() -> None:
    found = version_1()
    with pytest.raises(CertificateError, match="CN=Old root is of version 1, which has no extensions"):
        Found(found.root, (found.root,)).verify()


def test_eight_intermediates_pass_by_default() -> None:
    assert len(deep(8).verify()) == 10


def test_a_hash_that_no_chain_may_use_is_named_by_its_identifier() -> None:
    body = pki.server().leaf.tbs_certificate_bytes
    start = 4 if body[1] == 0x82 else 3
    sha224, sha256 = bytes.fromhex("300a06082a8648ce3d040301"), bytes.fromhex("300a06082a8648ce3d040302")
    key: Any = pki.intermediate().private_key
    tbs = pki.tlv(0x30, body[start:].replace(sha256, sha224))
    leaf = pki.tlv(0x30, tbs + sha224 + pki.tlv(3, b"\0" + key.sign(tbs, ec.ECDSA(hashes.SHA224()))))
    with pytest.raises(CertificateError, match=r"CN=server.test is signed with .* \(1\.2\.840\.10045") as caught:
        X509Verifier(TrustStore([pki.root().certificate])).verify(
            PeerChain((leaf, pki.intermediate().der), "server", pki.NAME, NOW)
        )
    assert caught.value.alert is Alert.UNSUPPORTED_CERTIFICATE


VERDICTS = {
    "fatal error: Exceeded maximum name constraint check limit": "more names and nameConstraints",
    "excluded name constraint matched SAN": "a name that the nameConstraints above it do not allow",
    "candidates exhausted: Forbidden signature algorithm: AlgorithmIdentifier { oid": "RSA-PSS parameters",
    "mismatch between signatureAlgorithm and SPKI algorithm": "two algorithms for one signature",
    "Forbidden public key algorithm: AlgorithmIdentifier {": "whose kind of key is not verified in chains",
    "issuer has malformed public key": "whose key is malformed",
    "certificate must have a serial between 1 and 20 octets": "not 1 to 20 bytes long",
    "certificate must have a non-empty Issuer": "has an empty issuer",
    "validity dates between 1950 and 2049 must be UtcTime": "a date before 2050",
    "fatal error: Exceeded maximum signature check limit": "put together in too many ways",
    "invalid extension: 2.5.29.35: authorityKeyIdentifier must contain keyIdentifier": "without keyIdentifier",
    "invalid extension: 2.5.29.17: Certificate is missing required extension": "lacks the extension subjectAltName",
    "invalid extension: 2.5.29.17: Certificate extension has incorrect criticality": "subjectAltName as not critical",
    "invalid extension: 1.2.3.4: Certificate extension has incorrect criticality": "does not allow",
    "invalid extension: 1.2.3.4: it is Tuesday": "an extension 1.2.3.4 that the profile of the Web PKI does not allow",
    "it is Tuesday": "for a reason that this library does not know (it is in __cause__)",
}


@pytest.mark.parametrize("verdict", VERDICTS)
def test_what_the_backend_says_is_put_into_words(verdict: str) -> None:
    peer = PeerChain(pki.server().chain_der, "server", pki.NAME, NOW)
    path = [*pki.server().certificates, pki.root().certificate]
    steps = [PathStep(path, n, peer, Rules(2048, 8, strict=True)) for n in range(3)]
    error = in_words(f"validation failed: {verdict} (encountered processing <Certificate(serial)>)", steps)
    assert VERDICTS[verdict] in str(error)
    assert error.remedy
    assert "AlgorithmIdentifier" not in str(error)


def test_a_ca_of_the_same_name_is_found_by_the_way_that_the_chain_goes() -> None:
    impostor = ThrowawayCA("Test root ecdsa-p256", key=pki.key("ecdsa-p256", 7), now=pki.NOW)
    issued = impostor.intermediate("below", key=pki.key("ecdsa-p256", 82)).issue(pki.NAME, key=pki.key())
    with pytest.raises(
        CertificateError, match=r"a CA named CN=Test root .* is trusted, but its key did not sign CN=below"
    ):
        X509Verifier(TrustStore([pki.root().certificate])).verify(PeerChain(issued.chain_der, "server", pki.NAME, NOW))
