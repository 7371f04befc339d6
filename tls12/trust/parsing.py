"""Certificates in whatever form a caller has them: objects of `cryptography`, DER, PEM, one or several.

How it works: `as_certificates` is the one door through which certificates of our own side come in, so that
every constructor takes the same forms and refuses in the same words. What a *peer* sends never comes this
way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import SignatureAlgorithmOID as Oid

from tls12.errors import UsageError
from tls12.registry import SignatureScheme
from tls12.trust.backend import because, keep_quiet, load

CertificateLike: TypeAlias = x509.Certificate | bytes | str
"""An object of `cryptography`, DER, or PEM (which may hold several)."""


def as_certificates(
    given: Iterable[CertificateLike | Iterable[CertificateLike]], what: str, first: int = 1
) -> list[x509.Certificate]:
    """The certificates of all that is given, in order; an element may itself be a list.

    Raises `UsageError`, which calls them `what` and numbers them from `first`, for one that cannot be read.
    """
    found: list[x509.Certificate] = []
    for element in given:
        nested = isinstance(element, Iterable) and not isinstance(element, _SINGLE)
        for one in element if nested else (element,):  # type: ignore[union-attr]
            if isinstance(one, x509.Certificate):
                found.append(one)
            else:
                found += _read(one, f"{what} {len(found) + first}")
    return found


_SINGLE = (x509.Certificate, bytes, bytearray, memoryview, str)


def _read(data: object, what: str) -> list[x509.Certificate]:
    if not isinstance(data, bytes | bytearray | memoryview | str):
        raise UsageError(f"{what} is neither DER nor PEM: {type(data).__name__}")
    keep_quiet()
    try:
        encoded = data.encode(errors="replace") if isinstance(data, str) else bytes(data)
        if b"-----BEGIN" in encoded:
            return x509.load_pem_x509_certificates(encoded)
        return [load(encoded)]
    except Exception as error:  # the backend's lazy parser raises a dozen kinds
        raise UsageError(f"{what} is neither DER nor PEM: {_why(data, error)}") from error


def _why(data: bytes | bytearray | memoryview | str, error: Exception) -> str:
    if isinstance(data, str) and "-----BEGIN" not in data:
        return 'it is a str without "-----BEGIN CERTIFICATE-----" (from_pem_file and from_pem_files read files)'
    text = data if isinstance(data, str) else bytes(data).decode("latin-1")
    if "-----BEGIN" in text and "CERTIFICATE-----" not in text:
        return "the PEM has no certificate"
    return because(error)


_SIGNED_WITH = {
    Oid.RSA_WITH_SHA1: SignatureScheme.RSA_PKCS1_SHA1,
    Oid.RSA_WITH_SHA224: SignatureScheme.RSA_PKCS1_SHA224,
    Oid.RSA_WITH_SHA256: SignatureScheme.RSA_PKCS1_SHA256,
    Oid.RSA_WITH_SHA384: SignatureScheme.RSA_PKCS1_SHA384,
    Oid.RSA_WITH_SHA512: SignatureScheme.RSA_PKCS1_SHA512,
    Oid.ECDSA_WITH_SHA1: SignatureScheme.ECDSA_SHA1,
    Oid.ECDSA_WITH_SHA224: SignatureScheme.ECDSA_SHA224,
    Oid.ECDSA_WITH_SHA256: SignatureScheme.ECDSA_SECP256R1_SHA256,
    Oid.ECDSA_WITH_SHA384: SignatureScheme.ECDSA_SECP384R1_SHA384,
    Oid.ECDSA_WITH_SHA512: SignatureScheme.ECDSA_SECP521R1_SHA512,
    Oid.ED25519: SignatureScheme.ED25519,
    Oid.ED448: SignatureScheme.ED448,
}
_SIGNED_WITH_PSS = {
    "sha256": (SignatureScheme.RSA_PSS_RSAE_SHA256, SignatureScheme.RSA_PSS_PSS_SHA256),
    "sha384": (SignatureScheme.RSA_PSS_RSAE_SHA384, SignatureScheme.RSA_PSS_PSS_SHA384),
    "sha512": (SignatureScheme.RSA_PSS_RSAE_SHA512, SignatureScheme.RSA_PSS_PSS_SHA512),
}
"""The issuer's certificate tells which of the two it is, and the leaf's sender may not have it."""


def signed_with(certificate: x509.Certificate) -> frozenset[SignatureScheme]:
    """What a peer may call the signature under this certificate (RFC 8446 4.2.3); empty for what has no name.

    As in all of TLS 1.2, an ECDSA scheme says nothing about the curve.
    """
    oid = certificate.signature_algorithm_oid
    if oid == Oid.RSASSA_PSS:
        try:
            digest = certificate.signature_hash_algorithm
        except (UnsupportedAlgorithm, ValueError):
            return frozenset()
        return frozenset(_SIGNED_WITH_PSS.get(digest.name if digest is not None else "", ()))
    return frozenset({_SIGNED_WITH[oid]} if oid in _SIGNED_WITH else ())


class RawFields(NamedTuple):
    """Three fields of a certificate as they stand in it (RFC 5280 4.1.2), DER: compared without being parsed."""

    issuer: bytes
    subject: bytes
    subject_public_key_info: bytes


def raw_fields(certificate: x509.Certificate) -> RawFields:
    """Names and key of a certificate that the backend has parsed, so that their shape is sure.

    The backend encodes keys anew, which changes those of RSASSA-PSS and compressed points, and makes objects of
    names, which takes a hundred times as long.
    """
    body = certificate.tbs_certificate_bytes
    position = content_start(body, 0)
    if body[position] == 0xA0:  # the version, which version 1 leaves out
        position = _end(body, position)
    issuer = _end(body, _end(body, position))  # behind serialNumber and signature
    validity = _end(body, issuer)
    subject = _end(body, validity)
    key = _end(body, subject)
    return RawFields(body[issuer:validity], body[subject:key], body[key : _end(body, key)])


def subject_public_key_info(certificate: x509.Certificate) -> bytes:
    """The SubjectPublicKeyInfo as it stands in the certificate (RFC 5280 4.1.2.7), DER."""
    return raw_fields(certificate).subject_public_key_info


def end_point(der: bytes) -> bytes:
    """The hash of a server's certificate (RFC 5929 4.1): by its signature's algorithm, SHA-256 at least.

    Raises `UsageError` where none is defined.
    """
    try:
        algorithm = load(der).signature_hash_algorithm
    except (UnsupportedAlgorithm, ValueError):
        raise UsageError("tls-server-end-point needs a certificate whose signature algorithm is known here") from None
    if algorithm is None:
        raise UsageError("tls-server-end-point is undefined for certificates signed with EdDSA (RFC 5929 4.1)")
    name = "sha256" if algorithm.name in ("md5", "sha1") else algorithm.name
    return hashlib.new(name.replace("-", "_"), der).digest()


def content_start(der: bytes, position: int) -> int:
    """Where the content of the DER element at `position` begins."""
    length = der[position + 1]
    return position + 2 + (length & 0x7F if length & 0x80 else 0)


def _end(der: bytes, position: int) -> int:
    """Where the element at `position` ends."""
    length = der[position + 1]
    start = content_start(der, position)
    return start + (int.from_bytes(der[position + 2 : start], "big") if length & 0x80 else length)
