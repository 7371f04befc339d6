"""Credentials: a certificate chain with the key that belongs to it, ready to be used by any number of
handshakes.

How it works: what handshakes need is computed once for each credential: the kind of the key, the signature schemes that
it can do, the names that it covers, the Certificate message and its bytes. A key that does not belong to the leaf is
refused when the credential is made, not in the first handshake.

The key is an object of `cryptography`, or any `Signer` (an HSM, a KMS, an agent), or None when signatures
are always asked of the application by pausing on `SignatureRequested`. What keyUsage forbids is not
offered: no schemes without digitalSignature, no RSA key transport without keyEncipherment (RFC 5246 7.4.2).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NoReturn, Protocol, runtime_checkable

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding

from tls12.crypto import signatures
from tls12.crypto.provider import STANDARD, CryptoProvider
from tls12.crypto.signatures import KeyKind
from tls12.errors import UsageError
from tls12.given import name_value
from tls12.registry import ClientCertificateType, NamedGroup, SignatureScheme
from tls12.secrecy import keeps_secrets
from tls12.trust.backend import because, keep_quiet, load
from tls12.trust.der import subject_public_key_info
from tls12.trust.loading import PrivateKey, read_file, read_pkcs12, read_private_key
from tls12.trust.names import CertificateNames, subject_name
from tls12.trust.parsing import CertificateLike, as_certificates
from tls12.trust.peer import LeafKey
from tls12.trust.signed import end_point, signed_with
from tls12.wire.certificates import Certificate
from tls12.wire.messages import serialize


@runtime_checkable
class Signer(Protocol):
    """A private key that lives elsewhere: its public key, and `sign`.

    `public_key` may also be a method, as it is on the keys of `cryptography`.
    """

    @property
    def public_key(self) -> CertificatePublicKeyTypes | Callable[[], CertificatePublicKeyTypes]:
        """The public key, to be compared with the certificate's."""

    def sign(self, scheme: SignatureScheme, data: bytes) -> bytes:
        """The signature over `data`, as the scheme defines it (RFC 8446 4.2.3 lists them)."""


_TYPE_OF_KEY = {
    KeyKind.RSA: ClientCertificateType.RSA_SIGN,
    KeyKind.RSA_PSS: ClientCertificateType.RSA_SIGN,
    KeyKind.ECDSA: ClientCertificateType.ECDSA_SIGN,
    KeyKind.ED25519: ClientCertificateType.ECDSA_SIGN,
    KeyKind.ED448: ClientCertificateType.ECDSA_SIGN,
    KeyKind.DSA: ClientCertificateType.DSS_SIGN,
}
"""What a CertificateRequest calls each kind of key (RFC 5246 7.4.4, RFC 8422 5.5)."""


@dataclass(frozen=True, eq=False, repr=False)
class Credential:
    """A certificate chain and its key. Immutable; shared by configurations, connections and threads.

    Make one with `from_pem`, `from_pem_files`, `from_pkcs12` or `from_objects`. All raise `UsageError` for
    what cannot be read, and for a key that does not belong to the first certificate.
    """

    certificate_list: tuple[bytes, ...]
    """The chain, DER, the leaf first, as it goes into the Certificate message."""
    leaf_key: LeafKey
    schemes: tuple[SignatureScheme, ...]
    """What the key can sign with, the most fitting first; empty where keyUsage forbids signing."""
    ocsp_response: bytes | None
    """The staple to send, DER (RFC 6066 8)."""
    scts: tuple[bytes, ...]
    """Signed certificate timestamps to send in the TLS extension (RFC 6962 3.3)."""
    private_key: PrivateKey | Signer | None = field(repr=False)
    """The key, in memory or behind a `Signer`; None where `SignatureRequested` is answered instead."""

    @classmethod
    def from_objects(
        cls,
        certificates: CertificateLike | Iterable[CertificateLike],
        private_key: PrivateKey | Signer | None,
        *,
        ocsp_response: bytes | None = None,
        scts: Iterable[bytes] = (),
        schemes: Collection[SignatureScheme] | None = None,
    ) -> Credential:
        """From certificates (objects of `cryptography`, DER or PEM), leaf first, and the key.

        `private_key` is a key of `cryptography`, a `Signer`, or None when `SignatureRequested` will be
        answered. `schemes` narrows down what the key can sign with, for a `Signer` that does not do
        everything.
        """
        chain = as_certificates([certificates], "certificate")
        if not chain:
            raise UsageError("a credential needs at least one certificate")
        leaf_key = _read_leaf_key(chain[0])
        _check_chain(chain)
        _check_key(private_key, leaf_key, chain)
        if ocsp_response is not None:
            _check_octets("ocsp_response", ocsp_response)
        if isinstance(scts, bytes | str) or not isinstance(scts, Iterable):
            raise UsageError(f"scts is {name_value(scts)}; give a list of bytes")
        timestamps = tuple(scts)
        for timestamp in timestamps:
            _check_octets("one of scts", timestamp)
        if schemes is not None and not isinstance(schemes, Collection):
            raise UsageError(f"schemes is {name_value(schemes)}; give SignatureScheme members")
        able = signatures.schemes_for(leaf_key.public_key, leaf_key.key_kind) if leaf_key.allows_signing else ()
        return cls(
            tuple(certificate.public_bytes(Encoding.DER) for certificate in chain),
            leaf_key,
            tuple(scheme for scheme in able if leaf_key.may_use(scheme) and (schemes is None or scheme in schemes)),
            ocsp_response,
            timestamps,
            private_key,
        )

    @classmethod
    @keeps_secrets
    def from_pem(
        cls,
        chain: bytes | str,
        key: bytes | str,
        password: bytes | str | None = None,
        *,
        ocsp_response: bytes | None = None,
        scts: Iterable[bytes] = (),
    ) -> Credential:
        """From PEM in memory: the chain, leaf first, and the key (PKCS#8, PKCS#1 or SEC 1), perhaps
        encrypted.

        Both may be the same text.
        """
        return cls.from_objects(chain, read_private_key(key, password), ocsp_response=ocsp_response, scts=scts)

    @classmethod
    @keeps_secrets
    def from_pem_files(
        cls,
        chain: str | os.PathLike[str],
        key: str | os.PathLike[str],
        password: bytes | str | None = None,
    ) -> Credential:
        """From two PEM files, read now. Raises OSError as `open` does."""
        return cls.from_pem(read_file("chain", chain), read_file("key", key), password)

    @classmethod
    @keeps_secrets
    def from_pkcs12(cls, data: bytes, password: bytes | str | None = None) -> Credential:
        """From a PKCS#12 file (.p12, .pfx) in memory (RFC 7292).

        The order of the additional certificates means nothing there, so the chain is put together by issuer
        names; a self-signed root at its end is left out.
        """
        return cls.from_objects(*read_pkcs12(data, password))

    @property
    def leaf(self) -> x509.Certificate:
        """The certificate itself."""
        return self.leaf_key.certificate

    @property
    def public_key(self) -> CertificatePublicKeyTypes:
        """The leaf's public key."""
        return self.leaf_key.public_key

    @property
    def key_kind(self) -> KeyKind:
        """What the key is; RSA_PSS where the certificate restricts an RSA key to it."""
        return self.leaf_key.key_kind

    @property
    def group(self) -> NamedGroup | None:
        """The curve of an ECDSA key, which the peer must support (RFC 8422 5.3)."""
        return self.leaf_key.group

    @property
    def decryption_key(self) -> rsa.RSAPrivateKey | None:
        """The key for RSA key transport; None where the key, or keyUsage, does not allow it."""
        if self.key_kind is not KeyKind.RSA or not self.leaf_key.allows_encipherment:
            return None
        return self.private_key if isinstance(self.private_key, rsa.RSAPrivateKey) else None

    @cached_property
    def names(self) -> CertificateNames:
        """The names that the leaf covers."""
        return CertificateNames.of(self.leaf)

    @cached_property
    def issuers(self) -> frozenset[bytes]:
        """The DER names of the issuers of all certificates of the chain (RFC 5246 7.4.4)."""
        chain = (load(der) for der in self.certificate_list)
        return frozenset(certificate.issuer.public_bytes() for certificate in chain)

    @cached_property
    def signed_with(self) -> tuple[frozenset[SignatureScheme], ...]:
        """The schemes that each signature in the chain may be called; self-issued certificates, whose signatures no
        peer verifies, are left out."""
        chain = (load(der) for der in self.certificate_list)
        return tuple(signed_with(certificate) for certificate in chain if certificate.issuer != certificate.subject)

    @cached_property
    def fingerprint(self) -> bytes:
        """SHA-256 of the leaf; a client's sessions are bound to it."""
        return hashlib.sha256(self.certificate_list[0]).digest()

    @cached_property
    def key_digest(self) -> bytes:
        """SHA-256 of the leaf's SubjectPublicKeyInfo. A server's sessions are bound to it, and so remain usable when
        the certificate is renewed with the same key."""
        return hashlib.sha256(subject_public_key_info(self.leaf)).digest()

    @cached_property
    def names_digest(self) -> bytes:
        """SHA-256 of the names that the leaf covers in any order, or of its subject where it covers none."""
        names = ",".join(sorted((*self.names.dns, *self.names.addresses))).encode()
        return hashlib.sha256(names or self.leaf.subject.public_bytes()).digest()

    @cached_property
    def end_point(self) -> bytes:
        """The channel binding tls-server-end-point of the leaf (RFC 5929 4.1); empty where it is not defined."""
        try:
            return end_point(self.certificate_list[0])
        except UsageError:
            return b""

    @cached_property
    def certificate_message(self) -> Certificate:
        """The Certificate message of a handshake (RFC 5246 7.4.2)."""
        return Certificate(self.certificate_list)

    @cached_property
    def certificate_message_bytes(self) -> bytes:
        """The same, serialised once for all handshakes."""
        return serialize(self.certificate_message)

    def matches(self, server_name: str | None) -> bool:
        """Whether the leaf covers this name (RFC 6125 6.4); without a name every leaf matches."""
        return server_name is None or self.names.cover(server_name.lower())

    def is_verified_with(self, schemes: Collection[SignatureScheme]) -> bool:
        """Whether a peer that verifies these signatures inside certificates can verify the chain (RFC 5246 7.4.2)."""
        return not any(signature.isdisjoint(schemes) for signature in self.signed_with)

    def fits_request(
        self, certificate_types: Collection[ClientCertificateType], certificate_authorities: Collection[bytes]
    ) -> bool:
        """Whether a CertificateRequest's types and authorities (DER names; none means any) allow it."""
        if _TYPE_OF_KEY[self.key_kind] not in certificate_types:
            return False
        return not certificate_authorities or not self.issuers.isdisjoint(certificate_authorities)

    def sign(
        self,
        scheme: SignatureScheme,
        data: bytes,
        deterministic: bool = False,
        *,
        crypto: CryptoProvider = STANDARD,
    ) -> bytes:
        """Sign: by `crypto` with a key in memory, or by the `Signer` that has the key, whatever `crypto` is.

        `deterministic` makes ECDSA reproducible, where the key is in memory.

        Raises `UsageError` where there is no key, or it cannot sign with this scheme.
        """
        if self.private_key is None:
            raise UsageError(
                "this credential has no key of its own to sign with",
                remedy="put SignatureRequested into pause_on and answer it",
            )
        if isinstance(self.private_key, PrivateKey):
            return crypto.sign(self.private_key, scheme, data, deterministic=deterministic)
        return self.private_key.sign(scheme, data)

    def __repr__(self) -> str:
        return f"<Credential {subject_name(self.leaf)}: {self.key_kind.value}, {self.names}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Credential holds a private key and cannot be pickled")


def _read_leaf_key(leaf: x509.Certificate) -> LeafKey:
    try:
        return LeafKey.of(leaf)
    except Exception as error:  # the backend's lazy parser raises a dozen kinds
        raise UsageError(
            f"the key or the extensions of the certificate {subject_name(leaf)} cannot be used: {because(error)}"
        ) from error


def _check_chain(chain: list[x509.Certificate]) -> None:
    """Raise now if a handshake could not read the chain later."""
    keep_quiet()
    for number, certificate in enumerate(chain, 1):
        try:
            certificate.subject, certificate.issuer, signed_with(certificate)
        except Exception as error:
            raise UsageError(f"certificate {number} of the chain cannot be read: {because(error)}") from error


def _check_key(key: object, leaf_key: LeafKey, chain: list[x509.Certificate]) -> None:
    if key is None:
        return
    if not isinstance(key, PrivateKey | Signer):
        raise UsageError(
            f"private_key is {name_value(key)}, which is no private key",
            remedy="give a key of cryptography, or an object with public_key and sign(scheme, data)",
        )
    public_key = key.public_key
    if callable(public_key):
        public_key = public_key()
    if public_key == leaf_key.public_key:
        return
    for number, certificate in enumerate(chain[1:], 2):
        if _has_key(certificate, public_key):
            raise UsageError(
                f"the private key belongs to certificate {number} of the chain, {subject_name(certificate)}",
                remedy="the certificate of the key must come first, and its issuers after it",
            )
    raise UsageError(
        f"the private key does not belong to the certificate {subject_name(leaf_key.certificate)}",
        remedy="give the key that the certificate was issued for",
    )


def _has_key(certificate: x509.Certificate, public_key: object) -> bool:
    try:
        return certificate.public_key() == public_key
    except (ValueError, UnsupportedAlgorithm):
        return False


def _check_octets(name: str, value: object) -> None:
    if not isinstance(value, bytes):
        raise UsageError(f"{name} is {name_value(value)}; give bytes")
