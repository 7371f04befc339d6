"""Throw-away certificate authorities for demonstrations, tests and experiments.

How it works: a `ThrowawayCA` is a key pair and a CA certificate in memory. `issue` signs end-entity certificates,
`intermediate` makes another CA below it. By default a certificate is accepted by the strict Web PKI profile of
`cryptography.x509.verification`: it has basic constraints, key usage, extended key usage, subject alternative names and
key identifiers. Each of these can be overridden by itself, because many tests need a certificate that is wrong in
exactly one way.

This is not a real CA: serial numbers are random, it keeps no state, and it cannot revoke.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey

KEY_KINDS: Mapping[str, Callable[[], PrivateKey]] = {
    "ecdsa-p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ecdsa-p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ecdsa-p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "rsa-1024": lambda: rsa.generate_private_key(65537, 1024),
    "rsa-2048": lambda: rsa.generate_private_key(65537, 2048),
    "rsa-3072": lambda: rsa.generate_private_key(65537, 3072),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
}
"""What `generate_key` can make, by name."""

SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)
"""The purpose (RFC 5280 4.2.1.12) of a server's certificate, for `ThrowawayCA.issue`."""
CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)
"""The purpose of a client's certificate."""
VALIDITY = timedelta(days=30)


def generate_key(kind: str) -> PrivateKey:
    """A fresh private key of one of `KEY_KINDS`."""
    return KEY_KINDS[kind]()


def key_usage(*names: str) -> x509.KeyUsage:
    """A KeyUsage extension with exactly these bits, named as the parameters of `x509.KeyUsage`."""
    bits = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{bit: bit in names for bit in bits})


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """An end-entity certificate, its private key, and the chain that a TLS peer sends."""

    certificates: tuple[x509.Certificate, ...]
    """The leaf first, then the intermediates; the root is left out, as TLS allows (RFC 5246 7.4.2)."""
    private_key: PrivateKey = field(repr=False)

    @property
    def leaf(self) -> x509.Certificate:
        """The certificate itself."""
        return self.certificates[0]

    @property
    def chain_der(self) -> tuple[bytes, ...]:
        """The chain as DER, leaf first."""
        return tuple(c.public_bytes(serialization.Encoding.DER) for c in self.certificates)

    @property
    def chain_pem(self) -> bytes:
        """The chain as PEM, leaf first."""
        return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in self.certificates)

    @property
    def key_pem(self) -> bytes:
        """The private key as unencrypted PKCS#8 PEM."""
        return self.private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def write(self, directory: Path, name: str = "server") -> tuple[Path, Path]:
        """Write `name`-chain.pem and `name`-key.pem, for programs that want files; returns both paths."""
        chain, key = directory / f"{name}-chain.pem", directory / f"{name}-key.pem"
        chain.write_bytes(self.chain_pem)
        key.write_bytes(self.key_pem)
        return chain, key


class ThrowawayCA:
    """A certificate authority for the length of a process.

    Without `issuer` it is a self-signed root; `now` fixes the clock from which default validity counts.
    """

    def __init__(
        self,
        common_name: str = "Throw-away CA",
        *,
        key: str | PrivateKey = "ecdsa-p256",
        issuer: ThrowawayCA | None = None,
        now: datetime | None = None,
        valid_from: datetime | None = None,
        valid_to: datetime | None = None,
        path_length: int | None = None,
        usage: x509.KeyUsage | None = None,
    ) -> None:
        self.issuer = issuer
        self.private_key = generate_key(key) if isinstance(key, str) else key
        self.now = now or datetime.now(UTC)
        public = self.private_key.public_key()
        start = valid_from or self.now - timedelta(days=1)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(common_name))
            .issuer_name(issuer.certificate.subject if issuer else _name(common_name))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(valid_to or start + VALIDITY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
            .add_extension(usage or key_usage("key_cert_sign", "crl_sign"), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )
        if issuer is not None:
            builder = builder.add_extension(issuer._authority_key_identifier(), critical=False)
        self.certificate: x509.Certificate = (issuer or self)._sign(builder)
        """The CA's own certificate."""

    @property
    def pem(self) -> bytes:
        """The CA certificate as PEM, as `TrustStore.from_pem` reads it."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self) -> bytes:
        """The CA certificate as DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def intermediate(
        self, common_name: str = "Throw-away intermediate CA", *, key: str | PrivateKey = "ecdsa-p256"
    ) -> ThrowawayCA:
        """A CA below this one."""
        return ThrowawayCA(common_name, key=key, issuer=self, now=self.now)

    def issue(
        self,
        *names: str,
        key: str | PrivateKey = "ecdsa-p256",
        common_name: str | None = None,
        purposes: Sequence[x509.ObjectIdentifier] | None = SERVER,
        usage: x509.KeyUsage | None = None,
        ca: bool = False,
        valid_from: datetime | None = None,
        valid_to: datetime | None = None,
        extensions: Sequence[x509.ExtensionType] = (),
    ) -> IssuedCertificate:
        """Sign a certificate for `names`: DNS names, wildcards and IP addresses become the SAN.

        Without names there is no SAN extension; `common_name=""` leaves the subject empty;
        `purposes=None` leaves extended key usage out. `usage` defaults to digitalSignature, with
        keyEncipherment for RSA keys (RFC 5246 7.4.2). `extensions` are added as they are, not critical.
        """
        private_key = generate_key(key) if isinstance(key, str) else key
        public = private_key.public_key()
        start = valid_from or self.now - timedelta(days=1)
        bits = ("digital_signature", *(("key_encipherment",) if isinstance(public, rsa.RSAPublicKey) else ()))
        if common_name is None:
            common_name = names[0] if names and len(names[0]) <= 64 else "Throw-away certificate"  # RFC 5280, A.1
        subject = common_name
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(self.certificate.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(valid_to or start + VALIDITY)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(usage or key_usage(*bits), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(self._authority_key_identifier(), critical=False)
        )
        if names:
            san = x509.SubjectAlternativeName([_general_name(name) for name in names])
            builder = builder.add_extension(san, critical=not subject)
        if purposes is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        leaf = self._sign(builder)
        return IssuedCertificate((leaf, *self._intermediates()), private_key)

    def _sign(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        prehashed = isinstance(self.private_key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
        return builder.sign(self.private_key, hashes.SHA256() if prehashed else None)

    def _authority_key_identifier(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self.private_key.public_key())

    def _intermediates(self) -> tuple[x509.Certificate, ...]:
        return (self.certificate, *self.issuer._intermediates()) if self.issuer else ()


def self_signed(
    *names: str, key: str | PrivateKey = "ecdsa-p256", ca: bool = True, now: datetime | None = None
) -> IssuedCertificate:
    """A certificate signed by its own key, as `openssl req -x509` makes it: with CA:TRUE."""
    private_key = generate_key(key) if isinstance(key, str) else key
    itself = ThrowawayCA(names[0], key=private_key, now=now)
    return itself.issue(*names, key=private_key, ca=ca, purposes=None)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else [])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
