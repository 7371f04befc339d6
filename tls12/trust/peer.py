"""What a peer presented: its certificates as bytes, and what a handshake needs to know about the leaf's key.

How it works: a `PeerChain` is the question that a `Verifier` answers: these DER certificates, in this role, under this
name, at this time. It holds bytes. What a handshake asks of the leaf is read once for each chain, and once for each
`Memory` if the configuration has one, since the same servers come back and reading an EC public key takes long.

Only leaves of ordinary size are remembered, and tls12 never reads the `extensions` of a certificate that is: the
backend would keep them in the object, many times their size in DER. It reads those of a copy. A verifier of your own
that wants to be as careful parses `certificates` itself.

The backend parses a certificate piece by piece, when a piece is asked for, and raises many kinds of exceptions for
malformed input. Any exception raised while a peer's certificate is read becomes a `CertificateError` here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from operator import attrgetter

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import PublicKeyAlgorithmOID

from tls12.crypto.signatures import SCHEMES, KeyKind, group_of, key_kind
from tls12.errors import CertificateError, UsageError
from tls12.registry import Alert, ConnectionEnd, NamedGroup, SignatureScheme
from tls12.trust.backend import because, load
from tls12.trust.pss import allowed_schemes
from tls12.trust.sct import embedded_scts, stapled_scts
from tls12.wire.memory import Memory, remembered

_ORDINARY_BYTES = 4_096
"""The longest leaf that is remembered."""


@dataclass(frozen=True)
class PeerChain:
    """The certificates of a peer, as they came, and the circumstances under which they are to be judged."""

    certificates: tuple[bytes, ...]
    """DER, the leaf first, then whatever the peer added (RFC 5246 7.4.2)."""
    role: ConnectionEnd
    """Whose certificate it is: "server" when a client verifies."""
    server_name: str | None
    """The name that a server's certificate must cover: an A-label or the text of an IP address."""
    time: float
    """When it is judged: seconds since 1970, from the configuration's clock."""
    ocsp_response: bytes | None = None
    """The staple, DER (RFC 6066 8)."""
    scts: tuple[bytes, ...] = ()
    """Signed certificate timestamps from the TLS extension (RFC 6962 3.3); two more routes are below."""
    minimum_rsa_bits: int = 2048
    """The shortest RSA key that the connection's policy accepts."""
    maximum_rsa_bits: int = 8192
    """The longest RSA key that the connection's policy accepts."""
    memory: Memory | None = field(default=None, repr=False, compare=False)
    """Where the connection's configuration keeps what was read before."""

    def __post_init__(self) -> None:
        if not self.certificates:
            raise UsageError("a PeerChain needs at least one certificate")

    @cached_property
    def leaf_key(self) -> LeafKey:
        """What is asked of the peer's own certificate. Raises `CertificateError` if it cannot be read."""
        der = self.certificates[0]
        memory = self.memory if len(der) <= _ORDINARY_BYTES else None
        return remembered(memory, _read_leaf, (der, self.role), len(der))

    @property
    def leaf(self) -> x509.Certificate:
        """The peer's own certificate. Raises `CertificateError` (bad_certificate) if it is not one."""
        return self.leaf_key.certificate

    @property
    def leaf_public_key(self) -> CertificatePublicKeyTypes:
        """The peer's public key. Raises `CertificateError` (unsupported_certificate) for unknown kinds."""
        return self.leaf_key.public_key

    @property
    def leaf_key_kind(self) -> KeyKind:
        """The kind of the peer's key; RSA_PSS where the certificate restricts an RSA key to it (RFC 8017)."""
        return self.leaf_key.key_kind

    @property
    def leaf_group(self) -> NamedGroup | None:
        """The curve of an ECDSA key, which the other side must have offered (RFC 8422 5.3)."""
        return self.leaf_key.group

    @property
    def leaf_rsa_bits(self) -> int | None:
        """The length of an RSA key in bits, None for keys of other kinds."""
        return self.leaf_key.rsa_bits

    @property
    def allows_signing(self) -> bool:
        """Whether keyUsage, if present, has digitalSignature, which (EC)DHE suites and clients need."""
        return self.leaf_key.allows_signing

    @property
    def allows_encipherment(self) -> bool:
        """Whether keyUsage, if present, has keyEncipherment, as RSA key transport needs (RFC 5246 7.4.2)."""
        return self.leaf_key.allows_encipherment

    @property
    def stapled_scts(self) -> tuple[bytes, ...]:
        """Signed certificate timestamps from the staple. Raises `BadStaple` for one that cannot be read."""
        return stapled_scts(self.ocsp_response) if self.ocsp_response is not None else ()

    @property
    def embedded_scts(self) -> tuple[bytes, ...]:
        """Signed certificate timestamps from the leaf itself. Raises `CertificateError` if it cannot be read."""
        return embedded_scts(self.certificates[0])

    def parse(self) -> tuple[x509.Certificate, ...]:
        """All certificates, shared objects. Raises `CertificateError` (bad_certificate) for the first malformed one."""
        return (self.leaf, *[_load(der, self.role, n) for n, der in enumerate(self.certificates[1:], 2)])


@dataclass(frozen=True, slots=True)
class LeafKey:
    """What a handshake needs to know about an end-entity certificate, ours or a peer's."""

    certificate: x509.Certificate
    public_key: CertificatePublicKeyTypes
    key_kind: KeyKind
    group: NamedGroup | None
    allows_signing: bool
    allows_encipherment: bool
    rsa_bits: int | None
    curve_bits: int | None = None
    """Of an ECDSA key."""
    pss_schemes: frozenset[SignatureScheme] = frozenset()
    """The schemes that an id-RSASSA-PSS key allows; empty for other kinds."""

    def may_use(self, scheme: SignatureScheme) -> bool:
        """Whether the scheme belongs to this kind of key, and the key does not exclude it."""
        if self.key_kind is KeyKind.RSA_PSS:
            return scheme in self.pss_schemes
        return SCHEMES[scheme].kind is self.key_kind

    @classmethod
    def of(cls, certificate: x509.Certificate) -> LeafKey:
        """Read them from the certificate. Raises what the backend raises if it cannot read the certificate."""
        public_key = certificate.public_key()
        restricted = certificate.public_key_algorithm_oid == PublicKeyAlgorithmOID.RSASSA_PSS
        usage = key_usage(certificate)
        return cls(
            certificate,
            public_key,
            KeyKind.RSA_PSS if restricted else key_kind(public_key),
            group_of(public_key),
            usage is None or usage.digital_signature,
            usage is None or usage.key_encipherment,
            public_key.key_size if isinstance(public_key, rsa.RSAPublicKey) else None,
            public_key.curve.key_size if isinstance(public_key, ec.EllipticCurvePublicKey) else None,
            allowed_schemes(certificate) if restricted else frozenset(),
        )


def key_usage(certificate: x509.Certificate) -> x509.KeyUsage | None:
    """The keyUsage extension (RFC 5280 4.2.1.3), None where every use is allowed."""
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None


def validity(chain: tuple[bytes, ...]) -> tuple[float, float]:
    """When a verified chain (DER) is valid: from, until, in seconds since 1970 (RFC 5280 4.1.2.5).

    An empty chain is always valid.
    """
    if not chain:
        return float("-inf"), float("inf")
    certificates = [load(der) for der in chain]
    return max(map(_not_before, certificates)).timestamp(), min(map(_not_after, certificates)).timestamp()


_not_before: Callable[[x509.Certificate], datetime] = attrgetter("not_valid_before_utc")
_not_after: Callable[[x509.Certificate], datetime] = attrgetter("not_valid_after_utc")


def _read_leaf(leaf: tuple[bytes, ConnectionEnd]) -> LeafKey:
    der, role = leaf
    certificate = _load(der, role, 1)
    try:
        copy = load(der)  # keeps the extensions that are read, and is dropped
        return replace(LeafKey.of(copy), certificate=certificate)
    except Exception as error:
        raise CertificateError(
            f"the key or the extensions of the {role}'s certificate cannot be used: {because(error)}",
            alert=Alert.UNSUPPORTED_CERTIFICATE,
            remedy=f"the {role} needs an RSA, ECDSA (named curve), Ed25519 or Ed448 certificate",
        ) from error


def _load(der: bytes, role: ConnectionEnd, number: int) -> x509.Certificate:
    try:
        return load(der)
    except Exception as error:
        what = f"the {role}'s certificate" if number == 1 else f"certificate {number} of the {role}'s chain"
        raise CertificateError(
            f"{what} is malformed: {because(error)}",
            rule="RFC 5280 4.1",
            remedy=f"the {role} needs another certificate",
        ) from error
