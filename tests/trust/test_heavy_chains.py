"""Chains that are made to keep a verifier computing: they are refused before the backend computes anything."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests import pki
from tests.trust.verifiers import trusting
from tls12.errors import CertificateError, UnknownIssuer, UsageError
from tls12.lab.pki import ThrowawayCA, key_usage
from tls12.registry import Alert
from tls12.trust import paths, verifier
from tls12.trust.key_sizes import is_too_large
from tls12.trust.peer import PeerChain
from tls12.trust.truststore import TrustStore

NOW = pki.NOW.timestamp()
CA = (x509.BasicConstraints(True, None), True)
SIGNS = (key_usage("key_cert_sign"), True)
SAN = (x509.SubjectAlternativeName([x509.DNSName(pki.NAME)]), False)
ODD = 3 * 5 * 7


def rsa_key(bits: int, exponent: int = 65_537) -> rsa.RSAPublicKey:
    """An RSA public key without a private key, which is enough for measuring its length."""
    return rsa.RSAPublicNumbers(exponent, (1 << (bits - 1)) | ODD).public_key()


def dsa_key(bits: int) -> dsa.DSAPublicKey:
    parameters = dsa.DSAParameterNumbers((1 << (bits - 1)) | 1, (1 << 255) | 1, 2)
    return dsa.DSAPublicNumbers(4, parameters).public_key()


def issued(key: Any, *extensions: tuple[x509.ExtensionType, bool], subject: str = "heavy") -> bytes:
    """A certificate under the trusted root for a key that is only public."""
    signer: Any = pki.root().private_key
    made = pki.bare(subject, pki.public(key), *extensions, issuer="Test root ecdsa-p256", signer=signer)
    return made.public_bytes(Encoding.DER)


def chain(*certificates: bytes, role: Any = "server") -> PeerChain:
    return PeerChain(certificates, role, pki.NAME if role == "server" else None, NOW)


@pytest.fixture
def no_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking the backend is a failure of the test."""

    def asked() -> None:
        raise AssertionError("the backend was asked")

    monkeypatch.setattr(verifier, "PolicyBuilder", asked)


@pytest.mark.usefixtures("no_backend")
@pytest.mark.parametrize("role", ["server", "client"])
@pytest.mark.parametrize(
    ("key", "says"),
    [
        (rsa_key(8200), r"RSA key of 8200 bits, more than 8192; .*X509Verifier\(\.\.\., maximum_rsa_bits=8200\)"),
        (rsa_key(16_384), "RSA key of 16384 bits, more than 8192"),
        (rsa_key(2048, (1 << 32) + 1), "exponent is 33 bits long, more than 32; .*65537"),
        (rsa_key(2048, (1 << 64) - 1), "exponent is 64 bits long"),
        (dsa_key(4096), "DSA key of more than 3072 bits"),
    ],
    ids=["8200", "16384", "33 bits of exponent", "64 bits of exponent", "DSA"],
)
def test_a_key_that_takes_long_to_verify_with_is_refused_before_the_backend_is_asked(
    key: Any, says: str, role: Any
) -> None:
    with pytest.raises(CertificateError, match=f"the {role}'s certificate CN=heavy has an? .*{says}") as caught:
        trusting().verify(chain(issued(key, SAN), role=role))
    assert caught.value.alert is Alert.BAD_CERTIFICATE
    with pytest.raises(CertificateError, match=f"the CA certificate CN=heavy has an? .*{says}"):
        trusting().verify(chain(pki.server().chain_der[0], issued(key, CA, SIGNS), role=role))


def test_keys_of_ordinary_size_are_not_too_large() -> None:
    for key in (rsa_key(8192), rsa_key(4096, 3), rsa_key(2048, (1 << 32) - 1), dsa_key(3072), pki.key().public_key()):
        assert not is_too_large(key, 8192)


def test_the_remedy_for_a_long_key_is_true() -> None:
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(pki.root().private_key.public_key())
    sent = chain(issued(rsa_key(8200), SAN, (identifier, False)))
    with pytest.raises(CertificateError, match="maximum_rsa_bits=8200"):
        trusting().verify(sent)
    assert len(trusting(maximum_rsa_bits=8200).verify(sent)) == 2


def test_the_policy_of_the_connection_bounds_keys_where_the_verifier_does_not() -> None:
    sent = issued(rsa_key(4096), SAN)
    with pytest.raises(CertificateError, match="4096 bits, more than 3072"):
        trusting().verify(PeerChain((sent,), "server", pki.NAME, NOW, maximum_rsa_bits=3072))


def test_a_trusted_root_may_be_as_large_as_its_owner_likes_even_when_the_peer_sends_it_along() -> None:
    root = pki.bare("large", pki.public(rsa_key(8200)), CA, SIGNS, signer=pki.key())
    sent = chain(*pki.server().chain_der, root.public_bytes(Encoding.DER))
    assert len(trusting(pki.root().der, root).verify(sent)) == 3


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("minimum_rsa_bits", "2048"), ("minimum_rsa_bits", 0), ("maximum_rsa_bits", 1.5), ("maximum_rsa_bits", True),
        ("max_chain_depth", -1), ("max_chain_depth", 256), ("max_chain_depth", "8"),
    ],
)  # fmt: skip
def test_a_bound_that_is_no_number_is_refused_by_name(name: str, number: object) -> None:
    with pytest.raises(UsageError, match=f"{name} is {number!r}; give a number, "):
        trusting(**{name: number})


def test_bounds_that_leave_no_key_are_refused() -> None:
    with pytest.raises(UsageError, match="maximum_rsa_bits is 2048; give a number, 4096 or more"):
        trusting(minimum_rsa_bits=4096, maximum_rsa_bits=2048)


# --- mazes: certificates that can be put together in many ways ---------------------------------------------


def same_name(number: int, key: Any, issuer: Any = None) -> ThrowawayCA:
    """One of many CAs with one name."""
    return ThrowawayCA("maze", key=key, issuer=issuer, now=pki.NOW + timedelta(seconds=number))


@pytest.mark.usefixtures("no_backend")
@pytest.mark.parametrize("role", ["server", "client"])
def test_certificates_that_could_all_have_issued_each_other_are_refused_before_the_backend_is_asked(role: Any) -> None:
    other = same_name(0, pki.key("ecdsa-p256", 51))
    cas = [same_name(n, pki.key("ecdsa-p256", 50), other) for n in range(12)]
    leaf = cas[0].issue(pki.NAME, key=pki.key()).chain_der[0]
    with pytest.raises(CertificateError, match="can be put together in too many ways"):
        trusting().verify(chain(leaf, *(ca.der for ca in cas), role=role))


def test_the_backend_is_asked_without_the_self_signed_certificates_that_no_chain_needs() -> None:
    key = pki.key("ecdsa-p256", 50)
    cas = [same_name(n, key) for n in range(12)]
    leaf = cas[0].issue(pki.NAME, key=pki.key()).chain_der[0]
    with pytest.raises(UnknownIssuer):
        trusting().verify(chain(leaf, *(ca.der for ca in cas)))


def test_a_good_chain_among_roots_of_one_name_is_still_found() -> None:
    cas = [same_name(n, pki.key("ecdsa-p256", 50 + n)) for n in range(6)]
    below = cas[3].intermediate("below", key=pki.key("ecdsa-p256", 60))
    sent = chain(*below.issue(pki.NAME, key=pki.key()).chain_der, *(ca.der for ca in cas))
    assert trusting(cas[3].der).verify(sent)[1:] == (below.der, cas[3].der)


def test_cross_signed_cas_are_followed_to_whichever_root_is_trusted() -> None:
    roots = [pki.root(name=f"Cross root {n}") for n in range(3)]
    key = pki.key("ecdsa-p256", 61)
    cross = [ThrowawayCA("Cross", key=key, issuer=root, now=pki.NOW) for root in roots]
    leaf = cross[0].issue(pki.NAME, key=pki.key()).chain_der[0]
    sent = chain(leaf, *(ca.der for ca in cross), *(root.der for root in roots))
    for ca, root in zip(cross, roots, strict=True):
        assert trusting(root.der).verify(sent) == (leaf, ca.der, root.der)


def test_the_count_of_ways_is_at_least_what_a_search_tries() -> None:
    store = TrustStore.from_certificates(pki.root().der)
    leaf, intermediate = pki.server().certificates
    assert paths.signature_checks(leaf, [intermediate], store, 8) == 2
    assert paths.signature_checks(leaf, [], store, 8) == 0
    assert paths.signature_checks(intermediate, [], store, 8) == 1


def test_the_same_certificate_many_times_is_one() -> None:
    leaf, intermediate = pki.server().chain_der
    assert len(trusting().verify(chain(leaf, *[intermediate] * 14))) == 3


# --- names -------------------------------------------------------------------------------------------------


def fenced(names: int, constraints: int, *, critical: bool = True) -> PeerChain:
    """A leaf with so many names, under an unknown CA with so many constraints."""
    key = pki.key("ecdsa-p256", 70)
    trees = x509.NameConstraints(None, [x509.DNSName(f"x{n}.a") for n in range(constraints)])
    ca = pki.bare("fence", key, CA, SIGNS, (trees, critical), issuer="nowhere")
    listed = x509.SubjectAlternativeName([x509.DNSName(f"y{n}.a") for n in range(names)])
    leaf = pki.bare("leaf", pki.key(), (listed, False), issuer="fence", signer=key)
    return chain(*(one.public_bytes(Encoding.DER) for one in (leaf, ca)), role="client")


@pytest.mark.usefixtures("no_backend")
def test_names_times_constraints_are_bounded_before_the_backend_is_asked() -> None:
    with pytest.raises(CertificateError, match=r"too many names and nameConstraints: .*65536 comparisons"):
        trusting().verify(fenced(1000, 1000))


def test_a_few_names_and_constraints_are_compared() -> None:
    with pytest.raises(UnknownIssuer):
        trusting().verify(fenced(100, 60))


def test_a_certificate_whose_extensions_cannot_be_read_has_no_names_to_count() -> None:
    garbage = x509.UnrecognizedExtension(SAN[0].oid, b"\xff")
    broken = pki.bare("leaf", pki.key(), (garbage, False)).public_bytes(Encoding.DER)
    assert paths.name_comparisons([broken, *fenced(2, 3).certificates]) == 6
    assert paths.name_comparisons([broken, fenced(2, 3).certificates[1]]) == 0


def named(attributes: int) -> Sequence[bytes]:
    """A certificate whose subject has so many attributes."""
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "a")] * attributes)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(pki.key().public_key())
    builder = builder.serial_number(1).not_valid_before(pki.NOW).not_valid_after(pki.NOW + timedelta(1))
    return [builder.sign(pki.key(), hashes.SHA256()).public_bytes(Encoding.DER)]


@pytest.mark.usefixtures("no_backend")
def test_a_name_of_thousands_of_attributes_is_not_read() -> None:
    with pytest.raises(CertificateError, match="has a name of more than 4096 bytes"):
        trusting().verify(chain(*named(1000), role="client"))


def test_a_chain_that_is_longer_than_any_honest_one_is_refused_without_a_search_for_the_reason() -> None:
    listed = x509.SubjectAlternativeName([x509.DNSName(f"{n:06}.example.test") for n in range(4000)])
    with pytest.raises(CertificateError, match=r"with \d+ bytes they are too long to look for the reason"):
        trusting().verify(chain(issued(pki.key().public_key(), (listed, False))))
