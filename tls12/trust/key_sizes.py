"""How large the key of a certificate must be, and how large it may be.

How it works: a key that is too small can be broken. A key that is too large costs this end too much time: the time to
verify an RSA signature grows with the square of the key's length, and a chain asks for several signatures before its
sender has proved anything (CVE-2023-29409). So the numbers of a key are compared with two bounds before anything is
computed with it, for every certificate that a peer sends: the modulus by `maximum_rsa_bits` of the policy or of the
verifier, the public exponent by `MAXIMUM_EXPONENT_BITS`. Keys on elliptic curves come from a list of curves and are
bounded by it. DSA, which only the laboratory computes, is bounded by `MAXIMUM_DSA_BITS`.

Reading the numbers out of a key is cheap, however long they are; computing with them is not.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, rsa
from cryptography.x509.oid import PublicKeyAlgorithmOID

from tls12.errors import CertificateError, Detail, WeakKey

MAXIMUM_EXPONENT_BITS = 32
"""Of an RSA key. Nearly all have 65537, which is 17 bits; the work grows with the length. The backend takes
odd ones only."""
MAXIMUM_DSA_BITS = 3072
"""The longest modulus of FIPS 186-4 (4.2)."""
WEAKEST_CURVE = 224
"""Bits of a curve that is as strong as RSA with 2048 (NIST SP 800-57 part 1, 5.6.1)."""


def is_too_large(key: object, maximum_rsa_bits: int) -> bool:
    """Whether it takes too long to verify a signature under this key; keys on curves never do."""
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size > maximum_rsa_bits or key.public_numbers().e.bit_length() > MAXIMUM_EXPONENT_BITS
    return isinstance(key, dsa.DSAPublicKey) and key.key_size > MAXIMUM_DSA_BITS


def too_large(what: str, key: object, maximum_rsa_bits: int, permission: Callable[[int], str]) -> CertificateError:
    """The error for a key that `is_too_large`: `permission` spells what would allow its length."""
    if isinstance(key, rsa.RSAPublicKey) and key.key_size > maximum_rsa_bits:
        return CertificateError(
            f"{what} has an RSA key of {key.key_size} bits, more than {maximum_rsa_bits}",
            rule="",
            remedy=f"issue it with a smaller key, or {permission(key.key_size)}; risk: a peer can keep us computing",
        )
    if isinstance(key, rsa.RSAPublicKey):
        bits = key.public_numbers().e.bit_length()
        return CertificateError(
            f"{what} has an RSA key whose exponent is {bits} bits long, more than {MAXIMUM_EXPONENT_BITS}",
            rule="",
            remedy="issue it with a key that has the usual exponent 65537",
        )
    return CertificateError(
        f"{what} has a DSA key of more than {MAXIMUM_DSA_BITS} bits",
        rule="",
        remedy="issue it with an ECDSA or RSA key",
    )


def is_bounded_by_its_curve(certificate: x509.Certificate) -> bool:
    """Whether the certificate says that its key is on an elliptic curve: then it need not be loaded to be measured."""
    return certificate.public_key_algorithm_oid == PublicKeyAlgorithmOID.EC_PUBLIC_KEY


def weak_key(what: str, bits: int, minimum: int, permission: str = "", *, is_ca: bool = False) -> WeakKey:
    """The error for an RSA key that is too short; `permission` is what would allow it, if anything does."""
    return WeakKey(
        f"{what} has an RSA key of {bits} bits, fewer than {minimum}",
        detail=Detail.WEAK_CA_KEY if is_ca else None,
        remedy=f"issue it with a larger key, or {permission}" if permission else "issue it with a larger key",
    )


def weak_curve(what: str, bits: int, permission: str) -> WeakKey:
    """The error for an ECDSA key that is weaker than the smallest RSA key of an ordinary policy."""
    return WeakKey(
        f"{what} has an elliptic-curve key of {bits} bits, fewer than {WEAKEST_CURVE}",
        remedy=f"issue it with a key on P-256, or {permission}",
    )


def permission_of_verifier(bits: int) -> str:
    """How an X509Verifier that asks for more is told to accept a leaf with this RSA key."""
    return f"allow it with X509Verifier(..., minimum_rsa_bits={bits})"


def permission_of_a_larger_key(bits: int) -> str:
    """How an X509Verifier is told to accept chains with an RSA key as long as this."""
    return f"allow it with X509Verifier(..., maximum_rsa_bits={bits})"
