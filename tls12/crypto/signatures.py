"""Signatures: which key can sign with which scheme, and the signing and verifying itself.

How it works: one table. A row of `SCHEMES` knows the kind of key that a scheme belongs to and the ready-made
arguments of the backend's `sign` and `verify`, which differ by kind: padding and hash for RSA, one ECDSA
object for elliptic curves, nothing for Ed25519 and Ed448.

Three things are peculiar to TLS 1.2. An ECDSA scheme fixes the hash and not the curve: ecdsa_secp256r1_sha256
with a key on P-384 is legal (RFC 8446 4.2.3), so the schemes of TLS 1.3's brainpool are not needed. RSA keys
come in two kinds, plain and those whose certificate says id-RSASSA-PSS; rsa_pss_rsae_* belongs to the first
and rsa_pss_pss_* to the second. The backend shows both as the same object, so the caller, who has the certificate,
says which it is. And Ed25519 and Ed448 keys serve the ECDSA suites (RFC 8422 2.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa

from tls12.errors import BadSignature, PeerMisbehaved, UsageError
from tls12.registry import NamedGroup, SignatureScheme


class KeyKind(Enum):
    """What a certificate's key is."""

    RSA = "RSA"
    RSA_PSS = "RSA-PSS"
    """RSA that its certificate restricts to PSS (id-RSASSA-PSS, RFC 8446 4.2.3)."""
    ECDSA = "ECDSA"
    ED25519 = "Ed25519"
    ED448 = "Ed448"
    DSA = "DSA"

    __hash__ = object.__hash__  # Enum's own is a Python function, and tables are indexed by these


_PUBLIC_CLASSES: Mapping[KeyKind, type[Any]] = {
    KeyKind.RSA: rsa.RSAPublicKey,
    KeyKind.RSA_PSS: rsa.RSAPublicKey,
    KeyKind.ECDSA: ec.EllipticCurvePublicKey,
    KeyKind.ED25519: ed25519.Ed25519PublicKey,
    KeyKind.ED448: ed448.Ed448PublicKey,
    KeyKind.DSA: dsa.DSAPublicKey,
}
_PRIVATE_CLASSES: Mapping[KeyKind, type[Any]] = {
    KeyKind.RSA: rsa.RSAPrivateKey,
    KeyKind.RSA_PSS: rsa.RSAPrivateKey,
    KeyKind.ECDSA: ec.EllipticCurvePrivateKey,
    KeyKind.ED25519: ed25519.Ed25519PrivateKey,
    KeyKind.ED448: ed448.Ed448PrivateKey,
    KeyKind.DSA: dsa.DSAPrivateKey,
}


@dataclass(frozen=True, slots=True)
class SchemeParameters:
    """What a signature scheme needs."""

    scheme: SignatureScheme
    kind: KeyKind
    """The only kind of key that may use it."""
    digest: hashes.HashAlgorithm | None
    """None for Ed25519 and Ed448, which hash for themselves."""
    arguments: tuple[Any, ...]
    """What the backend's `sign` and `verify` take after the data."""
    deterministic: tuple[Any, ...]
    """The same for reproducible signatures (RFC 6979), where they differ."""
    minimum_rsa_bits: int
    """The shortest RSA modulus that has room for it; 0 for other keys."""
    lab_only: bool
    """Whether it rests on SHA-1 or DSA."""


def _rsa_pss(scheme: SignatureScheme, kind: KeyKind, digest: hashes.HashAlgorithm) -> SchemeParameters:
    # A salt as long as the hash (RFC 8446 4.2.3), which the backend draws: PSS is never reproducible.
    arguments = (padding.PSS(padding.MGF1(digest), padding.PSS.DIGEST_LENGTH), digest)
    room = 8 * (2 * digest.digest_size + 2) - 6  # RFC 3447 9.1.1: hash, salt, two bytes and one bit
    return SchemeParameters(scheme, kind, digest, arguments, arguments, room, False)


def _rsa_pkcs1(scheme: SignatureScheme, digest: hashes.HashAlgorithm, lab_only: bool = False) -> SchemeParameters:
    arguments = (padding.PKCS1v15(), digest)
    room = 8 * (digest.digest_size + 19 + 11) - 7  # RFC 3447 9.2: hash, DigestInfo of up to 19, padding of 11
    return SchemeParameters(scheme, KeyKind.RSA, digest, arguments, arguments, room, lab_only)


def _ecdsa(scheme: SignatureScheme, digest: hashes.HashAlgorithm, lab_only: bool = False) -> SchemeParameters:
    # Randomised unless the caller wants reproducible bytes: it is faster (docs/performance.md), and a fault in a
    # deterministic signature can give the key away.
    random, reproducible = ec.ECDSA(digest), ec.ECDSA(digest, deterministic_signing=True)
    return SchemeParameters(scheme, KeyKind.ECDSA, digest, (random,), (reproducible,), 0, lab_only)


def _eddsa(scheme: SignatureScheme, kind: KeyKind) -> SchemeParameters:
    return SchemeParameters(scheme, kind, None, (), (), 0, False)


def _dsa(scheme: SignatureScheme, digest: hashes.HashAlgorithm) -> SchemeParameters:
    return SchemeParameters(scheme, KeyKind.DSA, digest, (digest,), (digest,), 0, True)


SCHEMES: Mapping[SignatureScheme, SchemeParameters] = MappingProxyType(
    {
        row.scheme: row
        for row in (
            _ecdsa(SignatureScheme.ECDSA_SECP256R1_SHA256, hashes.SHA256()),
            _ecdsa(SignatureScheme.ECDSA_SECP384R1_SHA384, hashes.SHA384()),
            _ecdsa(SignatureScheme.ECDSA_SECP521R1_SHA512, hashes.SHA512()),
            _ecdsa(SignatureScheme.ECDSA_SHA224, hashes.SHA224()),
            _ecdsa(SignatureScheme.ECDSA_SHA1, hashes.SHA1(), lab_only=True),
            _eddsa(SignatureScheme.ED25519, KeyKind.ED25519),
            _eddsa(SignatureScheme.ED448, KeyKind.ED448),
            _rsa_pss(SignatureScheme.RSA_PSS_RSAE_SHA256, KeyKind.RSA, hashes.SHA256()),
            _rsa_pss(SignatureScheme.RSA_PSS_RSAE_SHA384, KeyKind.RSA, hashes.SHA384()),
            _rsa_pss(SignatureScheme.RSA_PSS_RSAE_SHA512, KeyKind.RSA, hashes.SHA512()),
            _rsa_pss(SignatureScheme.RSA_PSS_PSS_SHA256, KeyKind.RSA_PSS, hashes.SHA256()),
            _rsa_pss(SignatureScheme.RSA_PSS_PSS_SHA384, KeyKind.RSA_PSS, hashes.SHA384()),
            _rsa_pss(SignatureScheme.RSA_PSS_PSS_SHA512, KeyKind.RSA_PSS, hashes.SHA512()),
            _rsa_pkcs1(SignatureScheme.RSA_PKCS1_SHA256, hashes.SHA256()),
            _rsa_pkcs1(SignatureScheme.RSA_PKCS1_SHA384, hashes.SHA384()),
            _rsa_pkcs1(SignatureScheme.RSA_PKCS1_SHA512, hashes.SHA512()),
            _rsa_pkcs1(SignatureScheme.RSA_PKCS1_SHA224, hashes.SHA224()),
            _rsa_pkcs1(SignatureScheme.RSA_PKCS1_SHA1, hashes.SHA1(), lab_only=True),
            _dsa(SignatureScheme.DSA_SHA256, hashes.SHA256()),
            _dsa(SignatureScheme.DSA_SHA384, hashes.SHA384()),
            _dsa(SignatureScheme.DSA_SHA512, hashes.SHA512()),
            _dsa(SignatureScheme.DSA_SHA224, hashes.SHA224()),
            _dsa(SignatureScheme.DSA_SHA1, hashes.SHA1()),
        )
    }
)
"""Every scheme that can be computed; of each kind of key the better ones first."""

_GROUPS_BY_CURVE = {str(group): group for group in NamedGroup}


def key_kind(public_key: object) -> KeyKind:
    """What a public key is, as far as the object tells: plain RSA and RSA-PSS look the same.

    Raises UsageError for a key that no scheme of `SCHEMES` can use.
    """
    for kind, public_class in _PUBLIC_CLASSES.items():
        if isinstance(public_key, public_class):
            return kind
    raise UsageError(f"a key of type {type(public_key).__name__} cannot sign in TLS 1.2")


def group_of(public_key: object) -> NamedGroup | None:
    """The curve of an ECDSA key (RFC 8422 5.3), or None for keys without one and for unknown curves."""
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return _GROUPS_BY_CURVE.get(public_key.curve.name)
    return None


def schemes_for(public_key: object, kind: KeyKind | None = None) -> tuple[SignatureScheme, ...]:
    """Every scheme that this key can sign with, the most fitting first.

    Give `kind` where the certificate says more than the key (RSA_PSS). RSA keys prefer PSS, and leave out what a
    short modulus has no room for; ECDSA keys prefer the hash as long as their curve.
    """
    kind = kind or key_kind(public_key)
    able = [row for row in SCHEMES.values() if row.kind is kind]
    if isinstance(public_key, rsa.RSAPublicKey):
        able = [row for row in able if row.minimum_rsa_bits <= public_key.key_size]
    elif isinstance(public_key, ec.EllipticCurvePublicKey):
        curve_bits = min(public_key.curve.key_size, 512)
        able.sort(key=lambda row: _distance(row, curve_bits))
    return tuple(row.scheme for row in able)


def _distance(parameters: SchemeParameters, curve_bits: int) -> tuple[bool, bool, int]:
    hash_bits = 8 * parameters.digest.digest_size if parameters.digest else 0
    return parameters.lab_only, hash_bits < curve_bits, abs(hash_bits - curve_bits)


def sign(private_key: Any, scheme: SignatureScheme, data: bytes, *, deterministic: bool = False) -> bytes:
    """Sign `data`. `deterministic` makes ECDSA reproducible (RFC 6979); RSA-PSS and DSA stay random.

    Raises UsageError where the key cannot sign with this scheme.
    """
    parameters = SCHEMES.get(scheme)
    if parameters is None or not isinstance(private_key, _PRIVATE_CLASSES[parameters.kind]):
        raise UsageError(f"a {type(private_key).__name__} cannot sign with {scheme}")
    arguments = parameters.deterministic if deterministic else parameters.arguments
    try:
        signature: bytes = private_key.sign(data, *arguments)
    except ValueError:
        raise UsageError(f"the key is too short to sign with {scheme}") from None
    return signature


def verify(public_key: Any, scheme: SignatureScheme, signature: bytes, data: bytes) -> None:
    """Verify a peer's signature over `data`.

    Raises BadSignature where it does not hold, and PeerMisbehaved for a scheme that this type of key cannot
    use. Whether the scheme was offered, and whether the certificate allows it, is for the caller to check.
    """
    parameters = SCHEMES.get(scheme)
    if parameters is None or not isinstance(public_key, _PUBLIC_CLASSES[parameters.kind]):
        raise PeerMisbehaved(f"{scheme} does not fit the peer's key", rule="RFC 5246 7.4.3")
    try:
        public_key.verify(signature, data, *parameters.arguments)
    except (InvalidSignature, ValueError):  # ValueError: an RSA modulus that has no room for the hash
        raise BadSignature(f"the peer's {scheme} signature does not verify") from None
