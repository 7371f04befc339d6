from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import pkcs12

from tests import pki
from tls12.crypto import signatures
from tls12.crypto.signatures import SCHEMES, KeyKind
from tls12.errors import UsageError
from tls12.lab.pki import PrivateKey, key_usage
from tls12.registry import ClientCertificateType, SignatureScheme
from tls12.trust.credentials import Credential
from tls12.trust.parsing import CertificateLike
from tls12.trust.peer import LeafKey
from tls12.wire.certificates import Certificate
from tls12.wire.messages import parse

RSA_SIGN, ECDSA_SIGN = ClientCertificateType.RSA_SIGN, ClientCertificateType.ECDSA_SIGN
P256 = SignatureScheme.ECDSA_SECP256R1_SHA256


def credential(kind: str = "ecdsa-p256") -> Credential:
    issued = pki.server(kind)
    return Credential.from_objects(issued.certificates, issued.private_key)


def encrypted(key: PrivateKey, password: bytes) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(password)
    )


# --- what a credential knows ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", pki.LEAF_KINDS)
def test_a_credential_signs_with_every_scheme_that_it_lists(kind: str) -> None:
    ours = credential(kind)
    assert ours.schemes
    for scheme in ours.schemes:
        assert SCHEMES[scheme].kind is ours.key_kind
        signatures.verify(ours.public_key, scheme, ours.sign(scheme, b"data"), b"data")


@pytest.mark.parametrize(
    ("kind", "best"),
    [
        ("ecdsa-p256", P256),
        ("ecdsa-p384", SignatureScheme.ECDSA_SECP384R1_SHA384),
        ("ecdsa-p521", SignatureScheme.ECDSA_SECP521R1_SHA512),
        ("rsa-2048", SignatureScheme.RSA_PSS_RSAE_SHA256),
        ("rsa-pss-2048", SignatureScheme.RSA_PSS_PSS_SHA256),
        ("ed25519", SignatureScheme.ED25519),
        ("ed448", SignatureScheme.ED448),
    ],
)
def test_the_most_fitting_scheme_comes_first(kind: str, best: SignatureScheme) -> None:
    assert credential(kind).schemes[0] is best


def test_a_key_restricted_to_pss_neither_signs_pkcs1_nor_decrypts() -> None:
    restricted = credential("rsa-pss-2048")
    assert restricted.key_kind is KeyKind.RSA_PSS
    assert all("RSA_PSS_PSS" in scheme.name for scheme in restricted.schemes)
    assert restricted.decryption_key is None
    assert credential("rsa-2048").decryption_key is not None
    assert credential("ecdsa-p256").decryption_key is None


def test_what_key_usage_forbids_is_not_offered() -> None:
    key = pki.key("rsa-2048")
    only_enciphers = pki.intermediate().issue(pki.NAME, key=key, usage=key_usage("key_encipherment"))
    only_signs = pki.intermediate().issue(pki.NAME, key=key, usage=key_usage("digital_signature"))
    assert Credential.from_objects(only_enciphers.certificates, key).schemes == ()
    assert Credential.from_objects(only_enciphers.certificates, key).decryption_key is key
    assert Credential.from_objects(only_signs.certificates, key).schemes != ()
    assert Credential.from_objects(only_signs.certificates, key).decryption_key is None


def test_deterministic_ecdsa_signatures_repeat_and_others_do_not() -> None:
    ours = credential()
    assert ours.sign(P256, b"data", deterministic=True) == ours.sign(P256, b"data", deterministic=True)
    assert ours.sign(P256, b"data") != ours.sign(P256, b"data")


def test_the_certificate_message_is_made_once() -> None:
    ours = credential()
    assert ours.certificate_message == Certificate(pki.server().chain_der)
    assert parse(ours.certificate_message_bytes) == ours.certificate_message
    assert ours.certificate_message is ours.certificate_message
    assert ours.certificate_message_bytes is ours.certificate_message_bytes


@pytest.mark.parametrize(
    ("name", "covered"),
    [(None, True), ("server.test", True), ("SERVER.test", True), ("a.wild.test", True), ("wild.test", False),
     ("127.0.0.1", True), ("other.test", False)],
)  # fmt: skip
def test_a_credential_knows_the_names_that_it_serves(name: str | None, covered: bool) -> None:
    assert credential().matches(name) is covered


def test_a_certificate_request_is_matched_by_type_and_by_any_issuer_of_the_chain() -> None:
    ours = Credential.from_objects(pki.client().certificates, pki.client().private_key)
    root, intermediate = (ca.certificate.subject.public_bytes() for ca in (pki.root(), pki.intermediate()))
    assert ours.fits_request((ECDSA_SIGN,), ())
    assert ours.fits_request((RSA_SIGN, ECDSA_SIGN), (b"somebody else", root))
    assert ours.fits_request((ECDSA_SIGN,), (intermediate,))
    assert not ours.fits_request((RSA_SIGN,), ())
    assert not ours.fits_request((ECDSA_SIGN,), (b"somebody else",))


@pytest.mark.parametrize(
    ("kind", "certificate_type"),
    [("rsa-2048", RSA_SIGN), ("rsa-pss-2048", RSA_SIGN), ("ed25519", ECDSA_SIGN), ("ed448", ECDSA_SIGN)],
)
def test_the_certificate_type_follows_the_kind_of_key(kind: str, certificate_type: ClientCertificateType) -> None:
    assert credential(kind).fits_request((certificate_type,), ())


def test_staple_and_timestamps_travel_with_the_credential() -> None:
    issued = pki.server()
    ours = Credential.from_objects(issued.certificates, issued.private_key, ocsp_response=b"staple", scts=[b"sct"])
    assert (ours.ocsp_response, ours.scts) == (b"staple", (b"sct",))
    ours = Credential.from_pem(issued.chain_pem, issued.key_pem, ocsp_response=b"staple", scts=[b"sct"])
    assert (ours.ocsp_response, ours.scts) == (b"staple", (b"sct",))


def test_the_private_key_shows_in_no_repr_and_in_no_pickle() -> None:
    ours = credential()
    assert repr(ours).startswith("<Credential CN=server.test: ECDSA, server.test, *.wild.test")
    assert "key" not in repr(ours).lower()
    with pytest.raises(TypeError, match="private key and cannot be pickled"):
        pickle.dumps(ours)


# --- where it comes from --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", pki.LEAF_KINDS)
def test_pem_in_memory_gives_the_same_as_the_objects(kind: str) -> None:
    issued = pki.server(kind)
    ours = Credential.from_pem(issued.chain_pem, issued.key_pem)
    assert ours.certificate_list == issued.chain_der
    assert ours.public_key == issued.private_key.public_key()
    assert ours.leaf == issued.leaf
    assert ours.group is LeafKey.of(issued.leaf).group


def test_what_is_no_pem_is_refused_and_file_names_are_recognised_as_a_mistake() -> None:
    issued = pki.server()
    with pytest.raises(UsageError, match="from_pem_files"):
        Credential.from_pem("chain.pem", "key.pem")
    with pytest.raises(UsageError, match="the chain comes first, then the key"):
        Credential.from_pem(issued.key_pem, issued.chain_pem)
    with pytest.raises(UsageError, match="bytes or str, not NoneType"):
        Credential.from_pem(issued.chain_pem, None)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="certificate 1 is neither DER nor PEM: int"):
        Credential.from_objects(5, issued.private_key)  # type: ignore[arg-type]


def test_chain_and_key_may_be_one_text_in_any_order() -> None:
    issued = pki.server()
    for text in (issued.key_pem + issued.chain_pem, (issued.chain_pem + issued.key_pem).decode()):
        assert Credential.from_pem(text, text).certificate_list == issued.chain_der


@pytest.mark.parametrize("form", [serialization.PrivateFormat.TraditionalOpenSSL, serialization.PrivateFormat.PKCS8])
@pytest.mark.parametrize("kind", ["ecdsa-p256", "rsa-2048"])
def test_older_forms_of_private_keys_are_read(kind: str, form: serialization.PrivateFormat) -> None:
    issued = pki.server(kind)
    pem = issued.private_key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    assert Credential.from_pem(issued.chain_pem, pem).schemes


@pytest.mark.parametrize("password", [b"secret", "secret"])
def test_an_encrypted_key_opens_with_its_password(password: bytes | str) -> None:
    issued = pki.server()
    pem = encrypted(issued.private_key, b"secret")
    assert Credential.from_pem(issued.chain_pem, pem, password).schemes


@pytest.mark.parametrize(
    ("password", "says"),
    [(None, "it is encrypted and there is no password; give its password"), (b"wrong", "check the password")],
)
def test_an_encrypted_key_stays_shut_without_its_password(password: bytes | None, says: str) -> None:
    issued = pki.server()
    with pytest.raises(UsageError, match="the private key cannot be read: .*" + says):
        Credential.from_pem(issued.chain_pem, encrypted(issued.private_key, b"secret"), password)


def test_pem_files_are_read_at_once(tmp_path: Path) -> None:
    chain, key = pki.server().write(tmp_path)
    ours = Credential.from_pem_files(chain, key)
    key.unlink()
    assert ours.sign(P256, b"data")
    with pytest.raises(FileNotFoundError):
        Credential.from_pem_files(str(chain), str(key))


@pytest.mark.parametrize("root_too", [False, True])
def test_pkcs12_is_put_in_order_and_loses_its_root(root_too: bool) -> None:
    issued = pki.server()
    additional = [pki.root(name="Unrelated root").certificate, *issued.certificates[1:]]
    if root_too:
        additional.insert(0, pki.root().certificate)
    data = pkcs12.serialize_key_and_certificates(
        b"name", issued.private_key, issued.leaf, additional, serialization.BestAvailableEncryption(b"secret")
    )
    assert Credential.from_pkcs12(data, "secret").certificate_list == issued.chain_der
    with pytest.raises(UsageError, match=r"the PKCS#12 data cannot be read"):
        Credential.from_pkcs12(data, b"wrong")


def test_pkcs12_with_certificates_that_issue_each_other_ends() -> None:
    key, one, two = pki.key(), pki.key("ecdsa-p256", 50), pki.key("ecdsa-p256", 51)
    leaf = pki.bare("leaf", key, issuer="one", signer=one)
    ring = [pki.bare("one", one, issuer="two", signer=two), pki.bare("two", two, issuer="one", signer=one)]
    data = pkcs12.serialize_key_and_certificates(b"", key, leaf, ring, serialization.NoEncryption())
    assert len(Credential.from_pkcs12(data).certificate_list) == 3


def test_pkcs12_without_a_key_is_refused() -> None:
    data = pkcs12.serialize_key_and_certificates(b"", None, None, [pki.server().leaf], serialization.NoEncryption())
    with pytest.raises(UsageError, match="lacks a certificate or its private key"):
        Credential.from_pkcs12(data)


def test_a_key_that_belongs_to_another_certificate_fails_at_once() -> None:
    issued = pki.server()
    with pytest.raises(UsageError, match=r"the private key does not belong to the certificate CN=server\.test"):
        Credential.from_pem(issued.chain_pem, pki.client().key_pem)


def test_a_chain_in_the_wrong_order_is_told_where_the_keys_certificate_stands() -> None:
    issued = pki.server()
    reverse = (issued.certificates[1], issued.certificates[0])
    with pytest.raises(UsageError, match=r"belongs to certificate 2 of the chain, CN=server\.test.*must come first"):
        Credential.from_objects(reverse, issued.private_key)


@pytest.mark.parametrize("chain", [b"", b"nothing", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_chain_that_cannot_be_read_is_refused(chain: bytes) -> None:
    with pytest.raises(UsageError, match=r"at least one certificate|certificate 1 is neither DER nor PEM"):
        Credential.from_pem(chain, pki.server().key_pem)


@pytest.mark.parametrize(
    ("key", "says"),
    [
        (b"", "there is no PEM private key"),
        (pki.server().chain_pem, "there is no PEM private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "the private key cannot be read"),
    ],
)
def test_a_key_that_cannot_be_read_is_refused(key: bytes, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Credential.from_pem(pki.server().chain_pem, key)


def test_a_key_that_cannot_sign_is_refused() -> None:
    key = x25519.X25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with pytest.raises(UsageError, match="X25519PrivateKey cannot sign"):
        Credential.from_pem(pki.server().chain_pem, pem)


@pytest.mark.parametrize("key", ["a path?", b"PEM?", 5])
def test_what_is_no_key_is_refused(key: object) -> None:
    with pytest.raises(UsageError, match="is no private key"):
        Credential.from_objects(pki.server().certificates, key)  # type: ignore[arg-type]


def test_certificates_come_in_any_form_and_a_broken_one_is_refused_by_its_number() -> None:
    issued = pki.server()
    mixed: list[CertificateLike] = [issued.leaf, issued.chain_der[1]]
    for form in (issued.chain_der, issued.chain_pem, mixed):
        assert Credential.from_objects(form, issued.private_key).certificate_list == issued.chain_der
    assert Credential.from_objects(issued.leaf, issued.private_key).certificate_list == issued.chain_der[:1]
    with pytest.raises(UsageError, match="certificate 2 is neither DER nor PEM"):
        Credential.from_objects((issued.leaf, b"\x30\x00"), issued.private_key)
    with pytest.raises(UsageError, match="at least one certificate"):
        Credential.from_objects((), issued.private_key)


def test_a_certificate_whose_key_nobody_knows_is_refused() -> None:
    der = pki.server("ed25519").chain_der[0]
    unknown = der.replace(bytes.fromhex("06032b6570"), bytes.fromhex("06032b656e"))
    with pytest.raises(UsageError, match="X25519PublicKey cannot sign"):
        Credential.from_objects((unknown,), None)


# --- signers --------------------------------------------------------------------------------------------


class Remote:
    """A key that lives elsewhere and leaves a trace."""

    def __init__(self, key: PrivateKey) -> None:
        self.key = key
        self.asked: list[SignatureScheme] = []

    @property
    def public_key(self) -> CertificatePublicKeyTypes:
        return self.key.public_key()

    def sign(self, scheme: SignatureScheme, data: bytes) -> bytes:
        self.asked.append(scheme)
        return signatures.sign(self.key, scheme, data)


def test_a_signer_is_asked_for_signatures() -> None:
    remote = Remote(pki.key("rsa-2048"))
    ours = Credential.from_objects(pki.server("rsa-2048").certificates, remote)
    scheme = SignatureScheme.RSA_PSS_RSAE_SHA384
    signatures.verify(ours.public_key, scheme, ours.sign(scheme, b"data", deterministic=True), b"data")
    assert remote.asked == [scheme]
    assert ours.decryption_key is None


def test_a_signers_public_key_may_be_a_method() -> None:
    class Method:
        def public_key(self) -> CertificatePublicKeyTypes:
            return pki.key().public_key()

        def sign(self, scheme: SignatureScheme, data: bytes) -> bytes:
            return b"signed"

    assert Credential.from_objects(pki.server().certificates, Method()).sign(P256, b"") == b"signed"


def test_a_signer_for_another_certificate_is_refused() -> None:
    with pytest.raises(UsageError, match="does not belong"):
        Credential.from_objects(pki.server().certificates, Remote(pki.key("ecdsa-p256", 9)))


def test_a_signer_may_do_fewer_schemes_than_its_key() -> None:
    issued = pki.server("rsa-2048")
    only = {SignatureScheme.RSA_PKCS1_SHA256, SignatureScheme.ED25519}
    ours = Credential.from_objects(issued.certificates, Remote(pki.key("rsa-2048")), schemes=only)
    assert ours.schemes == (SignatureScheme.RSA_PKCS1_SHA256,)


def test_a_credential_without_a_key_says_who_has_to_sign() -> None:
    ours = Credential.from_objects(pki.server().certificates, None)
    assert ours.schemes
    with pytest.raises(UsageError, match="SignatureRequested"):
        ours.sign(P256, b"data")


def test_a_leaf_with_malformed_extensions_is_refused() -> None:
    garbage = x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"\xff\xff")
    with pytest.raises(UsageError, match="the key or the extensions of the certificate CN=leaf cannot be used"):
        Credential.from_objects([pki.bare("leaf", pki.key(), (garbage, False))], pki.key())
