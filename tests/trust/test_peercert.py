"""`peercert` gives what CPython's `getpeercert` gives, to the last key and in its order."""

from __future__ import annotations

import _ssl
import ipaddress
import ssl
import tempfile
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID, ObjectIdentifier

from tests import pki
from tls12.trust.peercert import peercert


def of_cpython(der: bytes) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(ssl.DER_cert_to_PEM_cert(der))
        file.flush()
        result: dict[str, Any] = _ssl._test_decode_cert(file.name)
        return result


def made(serial: int, *extensions: x509.ExtensionType, subject: x509.Name | None = None) -> bytes:
    signer: Any = pki.key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject or x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "one")]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Ünïcode & Søn")]))
        .public_key(signer.public_key())
        .serial_number(serial)
        .not_valid_before(pki.NOW.replace(day=1, hour=4))
        .not_valid_after(pki.NOW.replace(year=2071, month=12, day=31))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.DER)


NAMES = x509.Name(
    [
        x509.RelativeDistinguishedName(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, "two"),
                x509.NameAttribute(NameOID.EMAIL_ADDRESS, "a@example.com"),
            ]
        ),
        x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.JURISDICTION_COUNTRY_NAME, "DE")]),
        x509.RelativeDistinguishedName([x509.NameAttribute(ObjectIdentifier("1.2.3.4.5"), "of no name")]),
    ]
)
ALL_KINDS = x509.SubjectAlternativeName(
    [
        x509.DNSName("*.example.com"),
        x509.RFC822Name("a@example.com"),
        x509.UniformResourceIdentifier("https://example.com/x?y"),
        x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
        x509.IPAddress(ipaddress.ip_address("2001:db8::a:1")),
        x509.DirectoryName(NAMES),
        x509.RegisteredID(ObjectIdentifier("2.5.4.3")),
        x509.RegisteredID(ObjectIdentifier("1.2.3.4.5")),
        x509.OtherName(ObjectIdentifier("1.2.3.4"), b"\x0c\x04text"),
        x509.OtherName(ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x04user"),
    ]
)
LOCATIONS = (
    x509.AuthorityInformationAccess(
        [
            x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://o/1")),
            x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.DNSName("no.uri")),
            x509.AccessDescription(
                AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier("http://c")
            ),
        ]
    ),
    x509.CRLDistributionPoints(
        [
            x509.DistributionPoint([x509.UniformResourceIdentifier("http://d/1")], None, None, None),
            x509.DistributionPoint(
                [x509.UniformResourceIdentifier("http://d/2"), x509.UniformResourceIdentifier("ldap://d/3")],
                None,
                None,
                None,
            ),
        ]
    ),
)

CERTIFICATES: dict[str, Callable[[], bytes]] = {
    **{kind: lambda kind=kind: pki.server(kind).chain_der[0] for kind in pki.LEAF_KINDS},
    "a root": lambda: pki.root().certificate.public_bytes(Encoding.DER),
    **{name: lambda make=make: make().chain_der[0] for name, make in pki.BAD_SERVER_CERTIFICATES.items()},
    "an odd number of digits": lambda: made(0xABC),
    "a number that needs a zero": lambda: made(0xFF00),
    "names of all kinds": lambda: made(1, ALL_KINDS, subject=NAMES),
    "locations": lambda: made(2**150, *LOCATIONS),
    "locations without URIs": lambda: made(
        3,
        x509.AuthorityInformationAccess(
            [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.DNSName("no.uri"))]
        ),
    ),
}


@pytest.mark.parametrize("which", CERTIFICATES)
def test_a_certificate_has_the_keys_and_values_that_cpython_gives(which: str) -> None:
    der = CERTIFICATES[which]()
    assert list(peercert(der).items()) == list(of_cpython(der).items())


def test_what_is_no_certificate_raises_value_error() -> None:
    with pytest.raises(ValueError):
        peercert(b"\x30\x00")


def test_an_extension_that_cannot_be_read_leaves_its_key_out() -> None:
    broken = x509.UnrecognizedExtension(x509.ExtensionOID.CRL_DISTRIBUTION_POINTS, b"\x30\x02\x30\x05")
    assert list(peercert(made(1, broken))) == list(of_cpython(made(1)))
