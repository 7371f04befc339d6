"""The signature of a certificate: the signature schemes that it may be called, and the hash of tls-server-end-point."""

from __future__ import annotations

import hashlib

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import SignatureAlgorithmOID as Oid

from tls12.errors import UsageError
from tls12.registry import SignatureScheme
from tls12.trust.backend import load

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
"""By the signature's hash. Only the issuer's certificate, which may not be known, tells which of the two it is."""


def signed_with(certificate: x509.Certificate) -> frozenset[SignatureScheme]:
    """The schemes that a peer may call this certificate's signature (RFC 8446 4.2.3); empty for other algorithms.

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
