"""Certificates for the tests, good ones and bad ones of every kind, made once per process.

How it works: keys are the slow part, so `key(kind)` makes each kind once; CAs and the everyday certificates
are cached on top of it. What is wrong on purpose is made by the functions of `BAD_SERVER_CERTIFICATES`, one
fault each. Everything is signed by `tls12.lab.pki`: there is one maker of certificates in the project.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

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


@cache
def key(kind: str = "ecdsa-p256", number: int = 0) -> PrivateKey:
    """The private key of this kind; another one for another `number`."""
    return generate_key(kind.replace("rsa-pss-", "rsa-"))


@cache
def root(kind: str = "ecdsa-p256", name: str = "Test root") -> ThrowawayCA:
    """A root CA; every `name` has a key of its own."""
    private_key = key(kind, 100) if name == "Test root" else generate_key(kind)
    return ThrowawayCA(f"{name} {kind}", key=private_key, now=NOW)


@cache
def intermediate(kind: str = "ecdsa-p256") -> ThrowawayCA:
    """The intermediate CA that signs the everyday certificates."""
    return ThrowawayCA(f"Test intermediate {kind}", key=key(kind, 101), issuer=root(kind), now=NOW)


@cache
def server(kind: str = "ecdsa-p256", *names: str) -> IssuedCertificate:
    """A good server certificate with a key of this kind under root() and intermediate()."""
    issued = intermediate().issue(*(names or NAMES), key=key(kind))
    return _as_rsa_pss(issued) if kind.startswith("rsa-pss") else issued


@cache
def client(kind: str = "ecdsa-p256", common_name: str = "client one") -> IssuedCertificate:
    """A good client certificate, without subject alternative names, under root() and intermediate()."""
    issued = intermediate().issue(key=key(kind, 1), common_name=common_name, purposes=CLIENT)
    return _as_rsa_pss(issued) if kind.startswith("rsa-pss") else issued


def trusted_pem() -> bytes:
    """The PEM of root(), to be trusted by the other side."""
    return root().pem


# --- one fault each -------------------------------------------------------------------------------------


def expired() -> IssuedCertificate:
    """Ended an hour ago."""
    return intermediate().issue(
        *NAMES, key=key(), valid_from=NOW - timedelta(days=20), valid_to=NOW - timedelta(hours=1)
    )


def not_yet_valid() -> IssuedCertificate:
    """Begins tomorrow."""
    return intermediate().issue(*NAMES, key=key(), valid_from=NOW + timedelta(days=1))


def wrong_name() -> IssuedCertificate:
    """Good, for somebody else."""
    return intermediate().issue("somebody-else.test", key=key())


def no_san() -> IssuedCertificate:
    """The name stands only in the common name, which nobody reads any more (RFC 6125 6.4.4)."""
    return intermediate().issue(key=key(), common_name=NAME)


def wrong_extended_key_usage() -> IssuedCertificate:
    """A client's certificate, presented by a server."""
    return intermediate().issue(*NAMES, key=key(), purposes=CLIENT)


def wrong_key_usage() -> IssuedCertificate:
    """A key that may encipher but not sign, and claims to be a CA's."""
    return intermediate().issue(*NAMES, key=key(), usage=key_usage("key_cert_sign"))


def untrusted_issuer() -> IssuedCertificate:
    """Good, under a root that nobody trusts."""
    return root(name="Unknown root").issue(*NAMES, key=key())


def missing_intermediate() -> IssuedCertificate:
    """Good, but the server forgot to send its intermediate CA."""
    good = server()
    return IssuedCertificate(good.certificates[:1], good.private_key)


def forged_signature() -> IssuedCertificate:
    """Names the trusted issuer, but another key signed it."""
    impostor = ThrowawayCA("Test intermediate ecdsa-p256", key=key("ecdsa-p256", 7), issuer=root(), now=NOW)
    leaf = impostor.issue(*NAMES, key=key()).leaf
    return IssuedCertificate((leaf, intermediate().certificate), key())


def self_signed_ca() -> IssuedCertificate:
    """What `openssl req -x509` makes: self-signed, with CA:TRUE."""
    return self_signed(*NAMES, key=key("ecdsa-p256", 2), now=NOW)


def small_rsa_leaf() -> IssuedCertificate:
    """An RSA key of 1024 bits in the leaf."""
    return intermediate().issue(*NAMES, key=key("rsa-1024"))


def small_rsa_intermediate() -> IssuedCertificate:
    """An RSA key of 1024 bits in the intermediate CA."""
    small = ThrowawayCA("Small intermediate", key=key("rsa-1024", 1), issuer=root(), now=NOW)
    return small.issue(*NAMES, key=key())


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


# --- RSASSA-PSS keys, which the certificate builder cannot write -----------------------------------------

_RSA_PSS_ALGORITHM = bytes.fromhex("300b06092a864886f70d01010a")


def _as_rsa_pss(issued: IssuedCertificate) -> IssuedCertificate:
    """The same certificate, its key labelled id-RSASSA-PSS (RFC 8017 A.2.3), signed again."""
    leaf, *rest = issued.certificates
    plain = leaf.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    bits = plain[plain.index(b"\x03\x82") :]
    labelled = _sequence(_RSA_PSS_ALGORITHM + bits)
    tbs = leaf.tbs_certificate_bytes
    body = tbs[4:].replace(plain, labelled)
    tbs = _sequence(body)
    signer = intermediate().private_key
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    signature = signer.sign(tbs, ec.ECDSA(hashes.SHA256()))
    ecdsa_with_sha256 = bytes.fromhex("300a06082a8648ce3d040302")
    der = _sequence(tbs + ecdsa_with_sha256 + _tlv(0x03, b"\x00" + signature))
    return IssuedCertificate((x509.load_der_x509_certificate(der), *rest), issued.private_key)


def _sequence(content: bytes) -> bytes:
    return _tlv(0x30, content)


def _tlv(tag: int, content: bytes) -> bytes:
    n = len(content)
    length = bytes([n]) if n < 128 else b"\x82" + n.to_bytes(2, "big") if n > 255 else b"\x81" + bytes([n])
    return bytes([tag]) + length + content
