from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from tests import pki
from tests.trust.verifiers import trusting
from tls12.errors import (
    CertificateError,
    CertificateExpired,
    NameMismatch,
    NotPinned,
    UnknownIssuer,
    UsageError,
    WeakKey,
    WrongPurpose,
)
from tls12.lab.pki import CLIENT, SERVER, IssuedCertificate, key_usage, self_signed
from tls12.registry import Alert
from tls12.trust.peer import PeerChain
from tls12.trust.truststore import TrustStore
from tls12.trust.verifier import AcceptAnyPeer, PinnedVerifier, Verifier, X509Verifier, spki_sha256

NOW = pki.NOW.timestamp()


def as_server(issued: IssuedCertificate, name: str | None = pki.NAME, time: float = NOW) -> PeerChain:
    return PeerChain(issued.chain_der, "server", name, time)


def as_client(issued: IssuedCertificate) -> PeerChain:
    return PeerChain(issued.chain_der, "client", None, NOW)


# --- what is accepted -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", pki.LEAF_KINDS)
def test_a_chain_with_every_kind_of_leaf_verifies_up_to_its_root(kind: str) -> None:
    chain = pki.server(kind).chain_der
    assert trusting().verify(as_server(pki.server(kind))) == (*chain, pki.root().der)


@pytest.mark.parametrize("name", ["server.test", "any.wild.test", "xn--bcher-kva.test", "127.0.0.1", "::1"])
def test_every_name_of_the_certificate_is_accepted(name: str) -> None:
    assert len(trusting().verify(as_server(pki.server(), name))) == 3


@pytest.mark.parametrize(
    "name", ["other.test", "wild.test", "a.b.wild.test", "test", "127.0.0.2", "::2", "under_score.test"]
)
def test_every_other_name_is_refused(name: str) -> None:
    with pytest.raises(NameMismatch, match="not for " + name.replace(".", r"\.")) as caught:
        trusting().verify(as_server(pki.server(), name))
    assert caught.value.alert is Alert.BAD_CERTIFICATE


def test_a_peer_may_send_its_root_and_unrelated_certificates_in_any_order() -> None:
    leaf, intermediate = pki.server().chain_der
    unrelated = pki.root(name="Unrelated root").der
    sent = PeerChain((leaf, unrelated, pki.root().der, intermediate), "server", pki.NAME, NOW)
    assert trusting().verify(sent) == (leaf, intermediate, pki.root().der)


def test_a_trusted_intermediate_is_root_enough() -> None:
    leaf = PeerChain(pki.server().chain_der[:1], "server", pki.NAME, NOW)
    assert trusting(pki.intermediate().der).verify(leaf) == (leaf.certificates[0], pki.intermediate().der)


def test_the_chain_is_der_even_for_a_root_object_that_is_not_the_stores_own() -> None:
    store = TrustStore.from_pem(pki.root().pem)
    again = x509.load_der_x509_certificate(pki.root().der)
    assert store.der(again) == again.public_bytes(Encoding.DER)


def test_a_trusted_self_signed_leaf_with_ca_false_verifies() -> None:
    issued = self_signed(pki.NAME, key=pki.key(), ca=False, now=pki.NOW)
    assert trusting(issued.leaf).verify(as_server(issued)) == issued.chain_der


def test_a_client_certificate_needs_no_names() -> None:
    assert len(trusting().verify(as_client(pki.client()))) == 3


def test_a_servers_certificate_is_not_a_clients_nor_the_other_way_round() -> None:
    with pytest.raises(WrongPurpose, match=r"the client's certificate CN=server.test is for serverAuth"):
        trusting().verify(as_client(pki.server()))
    client = pki.intermediate().issue(pki.NAME, key=pki.key(), purposes=CLIENT)
    with pytest.raises(WrongPurpose, match=r"the server's certificate CN=server.test is for clientAuth"):
        trusting().verify(as_server(client))


def test_the_roots_of_the_system_are_one_call_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TrustStore, "system", classmethod(lambda cls: TrustStore.from_pem(pki.root().pem)))
    assert len(X509Verifier.from_system().verify(as_server(pki.server()))) == 3


# --- rules of our own -----------------------------------------------------------------------------------


def test_an_rsa_leaf_of_1024_bits_is_refused_unless_the_verifier_allows_it() -> None:
    with pytest.raises(WeakKey, match=r"RSA key of 1024 bits, fewer than 2048.*minimum_rsa_bits") as caught:
        trusting().verify(as_server(pki.small_rsa_leaf()))
    assert caught.value.alert is Alert.INSUFFICIENT_SECURITY
    assert len(trusting(minimum_rsa_bits=1024).verify(as_server(pki.small_rsa_leaf()))) == 3


def test_a_ca_of_1024_bits_is_refused_whatever_the_verifier_allows() -> None:
    with pytest.raises(CertificateError):
        trusting(minimum_rsa_bits=1024).verify(as_server(pki.small_rsa_intermediate()))


def test_a_larger_minimum_holds_for_every_certificate_of_the_chain() -> None:
    with pytest.raises(WeakKey, match=r"the server's certificate CN=server.test has an RSA key of 2048 bits"):
        trusting(minimum_rsa_bits=3072).verify(as_server(pki.server("rsa-2048")))
    issued = pki.intermediate("rsa-2048").issue(pki.NAME, key=pki.key())
    with pytest.raises(WeakKey, match="the CA certificate CN=Test intermediate rsa-2048 has an RSA key of 2048"):
        trusting(pki.root("rsa-2048").der, minimum_rsa_bits=3072).verify(as_server(issued))


CA_EXTENSIONS = ((x509.BasicConstraints(True, None), True), (key_usage("key_cert_sign"), True))
LEAF_EXTENSIONS = ((x509.SubjectAlternativeName([x509.DNSName(pki.NAME)]), False),)


def private_chain(
    ca: Sequence[tuple[x509.ExtensionType, bool]], leaf: Sequence[tuple[x509.ExtensionType, bool]] = LEAF_EXTENSIONS
) -> tuple[X509Verifier, X509Verifier, PeerChain]:
    """A CA and a leaf with just these extensions: the strict verifier, the lenient one, and the chain."""
    root_key = pki.key("ecdsa-p256", 40)
    root = pki.bare("Private CA", root_key, *ca)
    issued = pki.bare("leaf", pki.key(), *leaf, issuer="Private CA", signer=root_key)
    peer = PeerChain((issued.public_bytes(Encoding.DER),), "server", pki.NAME, NOW)
    return trusting(root), trusting(root, strict=False), peer


AUTHORITY = x509.AuthorityKeyIdentifier.from_issuer_public_key(pki.key("ecdsa-p256", 40).public_key())


@pytest.mark.parametrize(
    ("ca", "leaf", "reason"),
    [
        (CA_EXTENSIONS, LEAF_EXTENSIONS, "certificate CN=leaf has no authorityKeyIdentifier"),
        (CA_EXTENSIONS[:1], (*LEAF_EXTENSIONS, (AUTHORITY, False)), "CN=Private CA has no keyUsage extension"),
        (
            ((x509.BasicConstraints(True, None), False), CA_EXTENSIONS[1]),
            (*LEAF_EXTENSIONS, (AUTHORITY, False)),
            "CN=Private CA has basicConstraints that are not critical",
        ),
    ],
)
def test_what_private_cas_leave_out_is_refused_with_a_remedy_and_forgiven_on_request(
    ca: Sequence[tuple[x509.ExtensionType, bool]], leaf: Sequence[tuple[x509.ExtensionType, bool]], reason: str
) -> None:
    strict, lenient, peer = private_chain(ca, leaf)
    with pytest.raises(CertificateError, match=reason + r".*X509Verifier\(\.\.\., strict=False\)"):
        strict.verify(peer)
    assert len(lenient.verify(peer)) == 2


@pytest.mark.parametrize(
    ("ca", "reason"),
    [
        ((), "is not a CA"),
        (((x509.BasicConstraints(False, None), True),), "is not a CA"),
        ((CA_EXTENSIONS[0], (key_usage("digital_signature"), True)), "keyUsage lacks keyCertSign"),
    ],
    ids=["no basicConstraints", "CA:FALSE", "keyUsage without keyCertSign"],
)
def test_leniency_still_wants_a_ca_to_be_one(ca: Sequence[tuple[x509.ExtensionType, bool]], reason: str) -> None:
    for verifier in private_chain(ca)[:2]:
        with pytest.raises(WrongPurpose, match=reason):
            verifier.verify(private_chain(ca)[2])


def test_a_server_cannot_be_verified_without_a_name() -> None:
    with pytest.raises(UsageError, match="no server_name was given"):
        trusting().verify(as_server(pki.server(), None))


def test_a_path_in_the_place_of_a_trust_store_is_refused_at_once() -> None:
    with pytest.raises(UsageError, match=r"needs a TrustStore, not str; see TrustStore"):
        X509Verifier("/etc/ssl/certs")  # type: ignore[arg-type]


@given(st.data())
def test_a_damaged_chain_is_verified_or_refused_with_a_certificate_error(data: st.DataObject) -> None:
    chain = [bytearray(der) for der in pki.server(data.draw(st.sampled_from(pki.LEAF_KINDS))).chain_der]
    damaged = data.draw(st.sampled_from(chain))
    at = data.draw(st.integers(0, len(damaged) - 1))
    damaged[at] ^= 1 << data.draw(st.integers(0, 7))
    peer = PeerChain(tuple(map(bytes, chain)), "server", pki.NAME, NOW)
    refused: CertificateError | None = None
    try:
        trusting().verify(peer)  # bits that nobody looks at do not matter
    except CertificateError as error:
        refused = error
    assert refused is None or (refused.alert is not None and str(refused).isprintable())


# --- the cache ------------------------------------------------------------------------------------------


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[PeerChain]:
    """The questions that were not answered from the cache."""
    asked: list[PeerChain] = []
    search = X509Verifier._find_chain

    def record(self: X509Verifier, peer: PeerChain) -> tuple[bytes, ...]:
        asked.append(peer)
        return search(self, peer)

    monkeypatch.setattr(X509Verifier, "_find_chain", record)
    return asked


def test_a_verified_chain_is_not_verified_again(searches: list[PeerChain]) -> None:
    verifier = trusting()
    assert verifier.verify(as_server(pki.server())) == verifier.verify(as_server(pki.server()))
    assert len(searches) == 1


def test_another_name_role_or_certificate_is_another_question(searches: list[PeerChain]) -> None:
    verifier = trusting()
    both = pki.intermediate().issue(pki.NAME, "b.test", key=pki.key(), purposes=(*SERVER, *CLIENT))
    chain = both.chain_der
    verifier.verify(PeerChain(chain, "server", pki.NAME, NOW))
    verifier.verify(PeerChain(chain, "server", "b.test", NOW))
    verifier.verify(PeerChain(chain, "client", None, NOW))
    verifier.verify(PeerChain((*chain, pki.root().der), "server", pki.NAME, NOW))
    assert len(searches) == 4
    with pytest.raises(NameMismatch):
        verifier.verify(PeerChain(chain, "server", "c.test", NOW))


def test_a_remembered_chain_is_not_good_for_longer_than_its_certificates(searches: list[PeerChain]) -> None:
    verifier = trusting()
    issued = pki.intermediate().issue(pki.NAME, key=pki.key(), valid_to=pki.NOW + timedelta(hours=1))
    verifier.verify(as_server(issued))
    verifier.verify(as_server(issued, time=NOW + 3_500))
    assert len(searches) == 1
    with pytest.raises(CertificateExpired):
        verifier.verify(as_server(issued, time=NOW + 3_700))
    with pytest.raises(CertificateExpired):
        verifier.verify(as_server(issued, time=NOW - 10 * 86_400))


def test_a_refusal_is_not_remembered(searches: list[PeerChain]) -> None:
    verifier = trusting()
    for _ in range(2):
        with pytest.raises(CertificateExpired):
            verifier.verify(as_server(pki.expired()))
    assert len(searches) == 2


def test_the_cache_is_bounded(searches: list[PeerChain]) -> None:
    verifier = trusting(cache_size=2)
    for name in ("a.wild.test", "b.wild.test", "c.wild.test", "c.wild.test", "a.wild.test"):
        verifier.verify(as_server(pki.server(), name))
    assert len(searches) == 4


# --- fingerprints ---------------------------------------------------------------------------------------


def test_verifiers_that_trust_the_same_have_the_same_fingerprint() -> None:
    pin = spki_sha256(pki.server().leaf)
    pairs: list[tuple[Verifier, Verifier]] = [
        (trusting(), trusting()),
        (PinnedVerifier(pki.server().leaf), PinnedVerifier(pki.server().chain_der[0])),
        (PinnedVerifier(pin), PinnedVerifier(pin, pin)),
        (AcceptAnyPeer(), AcceptAnyPeer()),
    ]
    for one, same in pairs:
        assert one.fingerprint == same.fingerprint
    assert len({one.fingerprint for one, _ in pairs}) == len(pairs)


def test_every_rule_is_part_of_the_fingerprint() -> None:
    others = (trusting(pki.root(name="Second root").der), trusting(minimum_rsa_bits=3072), trusting(strict=False))
    assert len({verifier.fingerprint for verifier in (trusting(), *others)}) == 4


def test_verifiers_say_what_they_are() -> None:
    assert repr(trusting()) == "X509Verifier(<TrustStore: 1 roots, 0 skipped>)"
    assert repr(PinnedVerifier(pki.server().leaf)) == "<PinnedVerifier: 1 certificates, 0 keys>"
    assert repr(AcceptAnyPeer()) == "AcceptAnyPeer()"


# --- the other verifiers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pinned",
    [
        pki.self_signed_ca().leaf,
        pki.self_signed_ca().chain_der[0],
        pki.self_signed_ca().chain_pem,
        pki.self_signed_ca().chain_pem.decode(),
    ],
    ids=["object", "DER", "PEM bytes", "PEM text"],
)
def test_a_pinned_certificate_is_trusted_under_any_name_and_nothing_else_is(
    pinned: x509.Certificate | bytes | str,
) -> None:
    assert PinnedVerifier(pinned).verify(as_server(pki.self_signed_ca(), "whatever.test")) == ()
    with pytest.raises(NotPinned) as caught:
        PinnedVerifier(pinned).verify(as_server(pki.server()))
    assert caught.value.alert is Alert.CERTIFICATE_UNKNOWN


def test_the_refusal_gives_the_pin_that_would_accept() -> None:
    with pytest.raises(NotPinned) as caught:
        PinnedVerifier(pki.self_signed_ca().leaf).verify(as_server(pki.server()))
    pin = spki_sha256(pki.server().leaf)
    assert f"bytes.fromhex('{pin.hex()}')" in str(caught.value)
    assert PinnedVerifier(pin).verify(as_server(pki.server())) == ()


def test_a_pinned_key_stays_good_in_a_renewed_certificate() -> None:
    verifier = PinnedVerifier(spki_sha256(pki.server().leaf))
    renewed = pki.intermediate().issue("elsewhere.test", key=pki.key())
    assert verifier.verify(as_server(renewed)) == ()


def test_the_certificate_of_a_ca_pins_nothing_below_it() -> None:
    with pytest.raises(NotPinned):
        PinnedVerifier(pki.intermediate().certificate, pki.root().certificate).verify(as_server(pki.server()))


def test_pins_that_cannot_be_are_refused() -> None:
    with pytest.raises(UsageError, match="pins nothing"):
        PinnedVerifier()
    for broken in (b"\x30\x00", hashlib.sha1(b"").digest(), "sha256/abc", b"-----BEGIN CERTIFICATE-----"):
        with pytest.raises(UsageError, match="pin 1 is neither DER nor PEM"):
            PinnedVerifier(broken)


@pytest.mark.parametrize("kind", pki.LEAF_KINDS)
def test_a_pin_is_the_digest_that_openssl_gives(kind: str, tmp_path: Path) -> None:
    issued = pki.server(kind)
    (tmp_path / "leaf.pem").write_bytes(issued.chain_pem)
    pem = subprocess.run(
        ["openssl", "x509", "-in", tmp_path / "leaf.pem", "-noout", "-pubkey"], capture_output=True, timeout=30
    ).stdout
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "DER"], input=pem, capture_output=True, timeout=30
    ).stdout
    assert spki_sha256(issued.leaf) == hashlib.sha256(der).digest()


def test_the_key_of_a_version_1_certificate_has_a_pin_too(tmp_path: Path) -> None:
    command = "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -subj /CN=v1 -out r"
    for step in (command, "openssl x509 -req -in r -signkey k -out c"):
        subprocess.run(step.split(), cwd=tmp_path, capture_output=True, timeout=30, check=True)
    certificate = x509.load_pem_x509_certificate((tmp_path / "c").read_bytes())
    assert certificate.version is x509.Version.v1
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert spki_sha256(certificate) == hashlib.sha256(spki).digest()


def test_accept_any_peer_accepts_what_is_not_even_a_certificate() -> None:
    assert AcceptAnyPeer().verify(PeerChain((b"whatever",), "server", None, 0.0)) == ()


def test_a_verifier_is_whatever_has_its_shape() -> None:
    class Nobody:
        fingerprint = b"nobody"

        def verify(self, peer: PeerChain) -> tuple[bytes, ...]:
            raise NotPinned("nobody is trusted")

    verifier: Verifier = Nobody()
    with pytest.raises(NotPinned):
        verifier.verify(as_server(pki.server()))


@pytest.mark.parametrize("strict", [True, False])
def test_without_names_everything_else_is_still_verified(strict: bool) -> None:
    nameless = trusting(check_names=False, strict=strict)
    assert nameless.verify(as_server(pki.server(), "other.test"))
    assert nameless.verify(as_server(pki.no_san(), None))
    with pytest.raises(UnknownIssuer):
        nameless.verify(as_server(pki.untrusted_issuer()))
    with pytest.raises(WrongPurpose):
        nameless.verify(as_server(pki.wrong_extended_key_usage()))
    with pytest.raises(CertificateExpired):
        nameless.verify(as_server(pki.expired()))
    assert nameless.fingerprint != trusting(strict=strict).fingerprint
