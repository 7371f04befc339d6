"""Certificates for the tests, good ones and bad ones of every kind, made once per process.

How it works: keys are the slow part, so `key(kind)` makes each kind once; CAs and the everyday certificates
are cached on top of it. What is wrong on purpose is made by the functions of `BAD_SERVER_CERTIFICATES`, one
fault each. Everything is signed by `tls12.lab.pki`: there is one maker of certificates in the project.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from tls12.lab.pki import (
    CLIENT,
    IssuedCertificate,
    PrivateKey,
    ThrowawayCA,
    generate_key,
    key_usage,
    self_signed,
)

#: The name in every everyday server certificate, beside the addresses of loopback.
NAME = "server.test"
NAMES = (NAME, "*.wild.test", "xn--bcher-kva.test", "127.0.0.1", "::1")

#: Every kind of leaf that TLS 1.2 can use here.
LEAF_KINDS = ("ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa-2048", "rsa-pss-2048", "ed25519", "ed448")

NOW = datetime.now(UTC)

P = ParamSpec("P")
T = TypeVar("T")


_making = threading.RLock()
"""Held while anything is made: a certificate that is made needs the CA that is made once."""


def once(make: Callable[P, T]) -> Callable[P, T]:
    """`functools.cache` for threads, and arguments left out are the same as their defaults given.

    Two threads that ask at the same time get the same thing. If each made its own, the one would show a certificate of
    the first root and the other trust the second.
    """
    signature = inspect.signature(make)
    made: dict[tuple[object, ...], T] = {}

    @wraps(make)
    def cached(*args: P.args, **kwargs: P.kwargs) -> T:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        key = tuple(bound.arguments.values())
        with _making:
            if key not in made:
                made[key] = make(*args, **kwargs)
            return made[key]

    return cached


@once
def key(kind: str = "ecdsa-p256", number: int = 0) -> PrivateKey:
    """The private key of this kind; another one for another `number`."""
    return generate_key(kind.replace("rsa-pss-", "rsa-"))


@once
def root(kind: str = "ecdsa-p256", name: str = "Test root") -> ThrowawayCA:
    """A root CA; every `name` has a key of its own."""
    private_key = key(kind, 100) if name == "Test root" else generate_key(kind)
    return ThrowawayCA(f"{name} {kind}", key=private_key, now=NOW)


@once
def intermediate(kind: str = "ecdsa-p256") -> ThrowawayCA:
    """The intermediate CA that signs the everyday certificates."""
    return ThrowawayCA(f"Test intermediate {kind}", key=key(kind, 101), issuer=root(kind), now=NOW)


@once
def server(kind: str = "ecdsa-p256", *names: str) -> IssuedCertificate:
    """A good server certificate with a key of this kind under root() and intermediate()."""
    issued = intermediate().issue(*(names or NAMES), key=key(kind))
    return _as_rsa_pss(issued) if kind.startswith("rsa-pss") else issued


@once
def client(kind: str = "ecdsa-p256", common_name: str = "client one") -> IssuedCertificate:
    """A good client certificate, without subject alternative names, under root() and intermediate()."""
    issued = intermediate().issue(key=key(kind, 1), common_name=common_name, purposes=CLIENT)
    return _as_rsa_pss(issued) if kind.startswith("rsa-pss") else issued


def trusted_pem() -> bytes:
    """The PEM of root(), to be trusted by the other side."""
    return root().pem


# --- one fault each -------------------------------------------------------------------------------------


@once
def expired() -> IssuedCertificate:
    """Ended an hour ago."""
    return intermediate().issue(
        *NAMES, key=key(), valid_from=NOW - timedelta(days=20), valid_to=NOW - timedelta(hours=1)
    )


@once
def not_yet_valid() -> IssuedCertificate:
    """Begins tomorrow."""
    return intermediate().issue(*NAMES, key=key(), valid_from=NOW + timedelta(days=1))


@once
def wrong_name() -> IssuedCertificate:
    """Good, for another name."""
    return intermediate().issue("somebody-else.test", key=key())


@once
def no_san() -> IssuedCertificate:
    """The name stands only in the common name, which verifiers ignore (RFC 6125 6.4.4)."""
    return intermediate().issue(key=key(), common_name=NAME)


@once
def wrong_extended_key_usage() -> IssuedCertificate:
    """A client's certificate, presented by a server."""
    return intermediate().issue(*NAMES, key=key(), purposes=CLIENT)


@once
def wrong_key_usage() -> IssuedCertificate:
    """A keyUsage with keyCertSign alone, as of a CA: the key may not sign in a handshake."""
    return intermediate().issue(*NAMES, key=key(), usage=key_usage("key_cert_sign"))


@once
def untrusted_issuer() -> IssuedCertificate:
    """Good, under a root that no verifier trusts."""
    return root(name="Unknown root").issue(*NAMES, key=key())


@once
def missing_intermediate() -> IssuedCertificate:
    """Good, but the server forgot to send its intermediate CA."""
    good = server()
    return IssuedCertificate(good.certificates[:1], good.private_key)


@once
def forged_signature() -> IssuedCertificate:
    """One bit of the issuer's signature is wrong."""
    good = server()
    der = good.chain_der[0]
    forged = x509.load_der_x509_certificate(der[:-1] + bytes([der[-1] ^ 1]))
    return IssuedCertificate((forged, *good.certificates[1:]), good.private_key)


@once
def impostor_issuer() -> IssuedCertificate:
    """Under a CA of the same name as the trusted root, with another key."""
    impostor = ThrowawayCA("Test root ecdsa-p256", key=key("ecdsa-p256", 7), now=NOW)
    return impostor.issue(*NAMES, key=key())


@once
def self_signed_ca() -> IssuedCertificate:
    """What `openssl req -x509` makes: self-signed, with CA:TRUE."""
    return self_signed(*NAMES, key=key("ecdsa-p256", 2), now=NOW)


@once
def small_rsa_leaf() -> IssuedCertificate:
    """An RSA key of 1024 bits in the leaf."""
    return intermediate().issue(*NAMES, key=key("rsa-1024"))


@once
def small_rsa_intermediate() -> IssuedCertificate:
    """An RSA key of 1024 bits in the intermediate CA."""
    small = ThrowawayCA("Small intermediate", key=key("rsa-1024", 1), issuer=root(), now=NOW)
    return small.issue(*NAMES, key=key())


@once
def ed25519_chain() -> IssuedCertificate:
    """Signed by a CA whose key is Ed25519; its root is root("ed25519")."""
    return root("ed25519").issue(*NAMES, key=key())


BAD_SERVER_CERTIFICATES: dict[str, Callable[[], IssuedCertificate]] = {
    maker.__name__: maker
    for maker in (
        expired, not_yet_valid, wrong_name, no_san, wrong_extended_key_usage, wrong_key_usage,
        untrusted_issuer, missing_intermediate, forged_signature, self_signed_ca, small_rsa_leaf,
        small_rsa_intermediate, ed25519_chain,
    )
}  # fmt: skip


# --- what the maker of the lab does not make ---------------------------------------------------------------


def bare(
    subject: str,
    public_key: PrivateKey,
    *extensions: tuple[x509.ExtensionType, bool],
    issuer: str = "",
    signer: PrivateKey | None = None,
) -> x509.Certificate:
    """A certificate with exactly these (extension, critical) pairs; self-signed unless a `signer` is given."""
    signing_key = signer or public_key
    builder = (
        x509.CertificateBuilder()
        .subject_name(_common_name(subject))
        .issuer_name(_common_name(issuer or subject))
        .public_key(public_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=30))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    prehashed = isinstance(signing_key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    return builder.sign(signing_key, hashes.SHA256() if prehashed else None)


@once
def sha1_signature() -> IssuedCertificate:
    """Signed with ECDSA and SHA-1, which the certificate builder refuses to do."""
    good = server()
    tbs = good.leaf.tbs_certificate_bytes[4:].replace(_ECDSA_SHA256, _ECDSA_SHA1)
    forged = _signed(_sequence(tbs), _ECDSA_SHA1, hashes.SHA1())
    return IssuedCertificate((forged, *good.certificates[1:]), good.private_key)


@once
def restricted_rsa_pss(parameters: bytes) -> IssuedCertificate:
    """A server certificate whose id-RSASSA-PSS key has these parameters (DER, RFC 4055 3.1)."""
    return _as_rsa_pss(intermediate().issue(*NAMES, key=key("rsa-2048")), parameters)


def _as_rsa_pss(issued: IssuedCertificate, parameters: bytes = b"") -> IssuedCertificate:
    """The same certificate, its key labelled id-RSASSA-PSS (RFC 8017 A.2.3), signed again."""
    leaf, *rest = issued.certificates
    plain = leaf.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    labelled = _sequence(_sequence(_RSA_PSS + parameters) + plain[plain.index(b"\x03\x82") :])
    tbs = leaf.tbs_certificate_bytes[4:].replace(plain, labelled)
    relabelled = _signed(_sequence(tbs), _ECDSA_SHA256, hashes.SHA256())
    return IssuedCertificate((relabelled, *rest), issued.private_key)


_RSA_PSS = bytes.fromhex("06092a864886f70d01010a")
_ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
_ECDSA_SHA1 = bytes.fromhex("300906072a8648ce3d0401")


class _Public:
    """A public key where the makers of certificates ask a private key for its own."""

    def __init__(self, key: Any) -> None:
        self._key = key

    def public_key(self) -> Any:
        return self._key


def public(key: Any) -> Any:
    """A public key of which there is no private key, for `bare`, with a `signer`."""
    return _Public(key)


def signed(tbs: bytes, signer: ec.EllipticCurvePrivateKey) -> bytes:
    """The certificate (DER) with this body, in which a builder may have refused a value; ECDSA with SHA-256."""
    signature = signer.sign(tbs, ec.ECDSA(hashes.SHA256()))
    return _sequence(tbs + _ECDSA_SHA256 + tlv(0x03, b"\x00" + signature))


def _signed(tbs: bytes, algorithm: bytes, digest: hashes.HashAlgorithm) -> x509.Certificate:
    signer = intermediate().private_key
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    signature = signer.sign(tbs, ec.ECDSA(digest))
    return x509.load_der_x509_certificate(_sequence(tbs + algorithm + tlv(0x03, b"\x00" + signature)))


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _sequence(content: bytes) -> bytes:
    return tlv(0x30, content)


def tlv(tag: int, content: bytes) -> bytes:
    """One element of DER."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content
