"""Certificates, keys and stores of our own side that cannot be used: a sentence for each, always a UsageError."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from tests import pki
from tls12.errors import UsageError
from tls12.lab.pki import PrivateKey
from tls12.trust.credentials import Credential
from tls12.trust.der import content_start
from tls12.trust.parsing import as_certificates
from tls12.trust.signed import end_point
from tls12.trust.truststore import TrustStore

SAN = (x509.SubjectAlternativeName([x509.DNSName(pki.NAME)]), False)
PARSER = ("ParseError", "ASN.1", "Details", "Unknown OID")
"""What the backend's own text has in it."""


def pem(key: Any, form: PrivateFormat = PrivateFormat.PKCS8, password: bytes | None = None) -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    data: bytes = key.private_bytes(Encoding.PEM, form, encryption)
    return data


def twice(extension: x509.ExtensionType = SAN[0]) -> bytes:
    """A self-signed certificate with an extension that it has twice."""
    other = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.99"), b"\x05\x00")
    signer: Any = pki.key()
    made = pki.bare("twice", signer, (extension, False), (other, False))
    whole = made.tbs_certificate_bytes
    body = whole[content_start(whole, 0) :].replace(bytes.fromhex("0603551d63"), bytes.fromhex("0603551d11"))
    return pki.signed(pki.tlv(0x30, body), signer)


def test_a_leaf_with_an_extension_twice_is_refused_naming_the_extension() -> None:
    with pytest.raises(UsageError, match=r"CN=twice cannot be used: it has the extension 2\.5\.29\.17 twice"):
        Credential.from_objects(twice(), pki.key())


def test_an_issuer_whose_name_cannot_be_read_is_refused_by_its_number() -> None:
    good = pki.server()
    broken = pki.intermediate().der.replace(b"Test intermediate", b"\xff" * 17)
    with pytest.raises(UsageError, match="certificate 2 of the chain cannot be read"):
        Credential.from_objects([good.chain_der[0], broken], good.private_key)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("chain.pem", "certificate 1 is neither DER nor PEM: it is a str without .*from_pem_files"),
        (pem(pki.key()), "certificate 1 is neither DER nor PEM: the PEM has no certificate"),
        (b"\x30\x00", "certificate 1 is neither DER nor PEM: it is not valid DER"),
        (bytearray(b"\x30\x00"), "certificate 1 is neither DER nor PEM: it is not valid DER"),
        (5, "certificate 1 is neither DER nor PEM: int"),
        (None, "certificate 1 is neither DER nor PEM: NoneType"),
        ([5], "certificate 1 is neither DER nor PEM: int"),
        ("\ud800", "certificate 1 is neither DER nor PEM"),
        ([], "at least one certificate"),
    ],
)
def test_what_is_no_certificate_is_told_in_words(data: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        Credential.from_objects(data, pki.key())
    assert not any(word in str(caught.value) for word in PARSER)


def test_a_bytearray_and_a_memoryview_are_certificates_too() -> None:
    der = pki.root().der
    assert as_certificates([bytearray(der), memoryview(der)], "it") == [pki.root().certificate] * 2


@pytest.mark.parametrize(
    ("key", "password", "says"),
    [
        (pem(pki.key(), password=b"secret"), None, "it is encrypted and there is no password; give its password"),
        (pem(pki.key(), password=b"secret"), b"wrong", "the password is wrong, or the key is damaged"),
        (pem(pki.key(), PrivateFormat.TraditionalOpenSSL, b"secret"), None, "it is encrypted and there is no password"),
        (pem(pki.key()), b"secret", "it is not encrypted, and there is a password; leave the password out"),
        (pem(pki.key())[:80] + b"\n-----END PRIVATE KEY-----\n", None, "it is damaged, or of a kind"),
        (pem(x25519.X25519PrivateKey.generate()), None, "X25519PrivateKey cannot sign in TLS 1.2"),
        ("key.pem", None, "there is no PEM private key"),
        (7, None, "key is bytes or str, not int"),
        ("\ud800", None, "key is a str that cannot be encoded"),
        (pem(pki.key(), password=b"secret"), 7, "password is bytes or str, not int"),
        (pem(pki.key(), password=b"secret"), "\ud800", "password is a str that cannot be encoded"),
    ],
)
def test_what_is_no_key_is_told_in_words(key: Any, password: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        Credential.from_pem(pki.server().chain_pem, key, password)
    assert not any(word in str(caught.value) for word in PARSER)


def test_no_report_of_an_error_shows_the_key_or_its_password() -> None:
    secret = pem(pki.key(), password=b"a password")
    for password in (b"another password", None):
        with pytest.raises(UsageError) as caught:
            Credential.from_pem(b"", secret, password)
        report = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        frames = [frame for frame in report.stack if "/tls12/" in frame.filename]
        assert frames
        assert not any("password'" in str(frame.locals) or "BEGIN" in str(frame.locals) for frame in frames)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"private_key": b"-----BEGIN"}, "private_key is bytes, which is no private key"),
        ({"ocsp_response": "staple"}, "ocsp_response is a str; give bytes"),
        ({"scts": b"sct"}, "scts is bytes; give a list of bytes"),
        ({"scts": 1}, "scts is an int; give a list of bytes"),
        ({"scts": ["sct"]}, "one of scts is a str; give bytes"),
        ({"schemes": 5}, "schemes is an int; give SignatureScheme members"),
    ],
)
def test_an_argument_of_another_type_is_named(arguments: dict[str, Any], says: str) -> None:
    issued = pki.server()
    with pytest.raises(UsageError, match=says):
        Credential.from_objects(**{"certificates": issued.chain_der, "private_key": issued.private_key, **arguments})


def test_a_key_is_looked_for_in_a_chain_with_one_that_cannot_be_read() -> None:
    issued, odd = pki.server(), pki.intermediate().der
    curve = bytes.fromhex("06082a8648ce3d030107")
    assert curve in odd
    unknown = odd.replace(curve, bytes.fromhex("06082a8648ce3d03017f"))
    with pytest.raises(UsageError, match="does not belong to the certificate CN=server"):
        Credential.from_objects([issued.chain_der[0], unknown], pki.key("ecdsa-p256", 77))


def pfx(key: PrivateKey | None, *others: x509.Certificate, password: bytes | None = None) -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"", key, pki.server().leaf, others, encryption)


@pytest.mark.parametrize(
    ("data", "password", "says"),
    [
        (b"nothing", None, "the PKCS#12 data cannot be read: it may need a password"),
        (pfx(pki.server().private_key, password=b"secret"), None, "it may need a password"),
        (pfx(pki.server().private_key, password=b"secret"), "wrong", "the password is wrong"),
        ("file.p12", None, "data is a str; give the bytes of the PKCS#12 file"),
        (b"", 5, "password is bytes or str, not int"),
    ],
)
def test_what_is_no_pkcs12_is_told_in_words(data: Any, password: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        Credential.from_pkcs12(data, password)
    assert not any(word in str(caught.value) for word in PARSER)


def test_a_file_of_another_type_is_named(tmp_path: Path) -> None:
    chain, key = pki.server().write(tmp_path)
    with pytest.raises(UsageError, match="chain is None; give the path of a file"):
        Credential.from_pem_files(None, key)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="key is no path of a file"):
        Credential.from_pem_files(chain, "\0")
    with pytest.raises(UsageError, match="path is bytes; give the path of a file"):
        TrustStore.from_pem_file(b"ca.pem")  # type: ignore[arg-type]


def test_a_store_names_what_is_no_root() -> None:
    with pytest.raises(UsageError, match="data is an int; give PEM"):
        TrustStore.from_pem(5)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"one is bytes; TrustStore\.from_certificates"):
        TrustStore([pki.root().der])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="a root certificate cannot be read"):
        TrustStore.from_certificates(pki.root().der.replace(b"Test root", b"\xff" * 9))
    with pytest.raises(UsageError, match="at least one certificate"):
        TrustStore.from_pem("\ud800")


def test_a_skipped_root_says_why_in_words() -> None:
    broken = b"-----BEGIN CERTIFICATE-----\nMIIBBBBBBB==\n-----END CERTIFICATE-----\n"
    (skipped,) = TrustStore.from_pem(pki.root().pem + broken).skipped
    assert skipped.reason == "it is not valid DER, or a field of it has a wrong form"


def test_a_signature_whose_parameters_cannot_be_read_has_no_end_point() -> None:
    pss = bytes.fromhex("300d06092a864886f70d01010a0500")
    signer: Any = pki.key()
    whole = pki.bare("leaf", signer).tbs_certificate_bytes
    body = whole[content_start(whole, 0) :]
    ecdsa = bytes.fromhex("300a06082a8648ce3d040302")
    certificate = pki.tlv(0x30, pki.tlv(0x30, body.replace(ecdsa, pss)) + pss + pki.tlv(3, b"\0\0"))
    with pytest.raises(UsageError, match="signature algorithm is known here"):
        end_point(certificate)
