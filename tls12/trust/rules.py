"""The rules that a path of certificates must keep, one function each, with the error and the remedy for a breach.

How it works: a rule is a function from one step of the path (one certificate, and what surrounds it) to an error or
None. The rules restate what the verifier of `cryptography` demands (the profile of the Web PKI) and accept or refuse
nothing: `diagnosis` applies them to a chain that this verifier has refused, to find the reason.

If the end that reads an error can do something, the remedy names it: an argument of `X509Verifier`, or
`PinnedVerifier`, which asks of a certificate only that it is the right one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_address

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, PublicKeyAlgorithmOID, SignatureAlgorithmOID

from tls12.errors import CertificateError, CertificateExpired, Detail, NameMismatch, WeakKey, WrongPurpose
from tls12.registry import Alert, ConnectionEnd
from tls12.trust.der import raw_fields
from tls12.trust.key_sizes import permission_of_verifier, weak_key
from tls12.trust.names import CertificateNames, printable, subject_name
from tls12.trust.peer import PeerChain, key_usage

PURPOSES: dict[ConnectionEnd, x509.ObjectIdentifier] = {
    ConnectionEnd.SERVER: ExtendedKeyUsageOID.SERVER_AUTH,
    ConnectionEnd.CLIENT: ExtendedKeyUsageOID.CLIENT_AUTH,
}
"""The extended key usage that a certificate needs in each role (RFC 5280 4.2.1.12)."""
ANY_PURPOSE = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
"""What a CA may have instead. Of a leaf it is not enough: RFC 5280 4.2.1.12 lets an application demand its purpose."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a verifier demands beyond a path to a trusted root."""

    minimum_rsa_bits: int
    max_chain_depth: int
    strict: bool


@dataclass(frozen=True, slots=True)
class PathStep:
    """One certificate of the path, with what surrounds it."""

    path: list[x509.Certificate]
    position: int
    peer: PeerChain
    rules: Rules

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate itself."""
        return self.path[self.position]

    @property
    def is_leaf(self) -> bool:
        """Whether it is the peer's own certificate."""
        return self.position == 0

    @property
    def is_trusted(self) -> bool:
        """Whether it is the trusted end of the path."""
        return self.position == len(self.path) - 1

    @property
    def what(self) -> str:
        """What it is called in an error."""
        kind = f"the {self.peer.role}'s certificate" if self.is_leaf else "the CA certificate"
        return f"{kind} {subject_name(self.certificate)}"

    def extension(self, oid: x509.ObjectIdentifier) -> x509.Extension[x509.ExtensionType] | None:
        """Its extension of this kind, or None."""
        try:
            return self.certificate.extensions.get_extension_for_oid(oid)
        except x509.ExtensionNotFound:
            return None

    @property
    def constraints(self) -> x509.BasicConstraints | None:
        """Its basicConstraints, or None."""
        found = self.extension(ExtensionOID.BASIC_CONSTRAINTS)
        return found.value if found and isinstance(found.value, x509.BasicConstraints) else None


def _dates(step: PathStep) -> CertificateError | None:
    return date_fault(step.certificate, step.what, datetime.fromtimestamp(step.peer.time, UTC).replace(microsecond=0))


def date_fault(certificate: x509.Certificate, what: str, now: datetime) -> CertificateExpired | None:
    """The error for a certificate that is not valid at `now`, under the name `what`; None if it is valid."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > end:
        reason, detail = f"expired on {end:%Y-%m-%d %H:%M:%S} UTC", None
    elif now < begin:
        reason, detail = f"is not valid before {begin:%Y-%m-%d %H:%M:%S} UTC", Detail.NOT_YET_VALID
    else:
        return None
    return CertificateExpired(
        f"{what} {reason}",
        rule="RFC 5280 4.1.2.5",
        detail=detail,
        remedy=f"renew it, or set the clock, which says {now:%Y-%m-%d %H:%M:%S} UTC",
    )


def _leaf_is_no_ca(step: PathStep) -> CertificateError | None:
    constraints = step.constraints
    if not step.is_leaf or constraints is None or not constraints.ca:
        return None
    if _is_self_issued(step.certificate):
        return WrongPurpose(
            f"{step.what} is self-signed with CA:TRUE (as `openssl req -x509` makes it), so it is a CA's",
            rule="RFC 5280 4.2.1.9",
            remedy="trust it with PinnedVerifier, or make a certificate with CA:FALSE",
        )
    return WrongPurpose(
        f"{step.what} is a CA certificate (CA:TRUE), which cannot identify a {step.peer.role}",
        rule="RFC 5280 4.2.1.9",
        remedy="issue one with CA:FALSE",
    )


def _version(step: PathStep) -> CertificateError | None:
    if step.certificate.version is x509.Version.v3:
        return None
    if step.is_trusted and not step.is_leaf:
        return WrongPurpose(
            f"the trusted root {subject_name(step.certificate)} is of version 1 and has no basicConstraints: it does "
            "not say that it is a CA's",
            detail=Detail.NOT_A_CA,
            rule="RFC 5280 4.2.1.9",
            remedy="put a certificate of version 3 of this CA into the TrustStore, or use PinnedVerifier",
        )
    return CertificateError(
        f"{step.what} is of version 1, which has no extensions",
        rule="RFC 5280 4.1.2.1",
        remedy="issue it with version 3, or use PinnedVerifier",
    )


def _serial_number(step: PathStep) -> CertificateError | None:
    serial = step.certificate.serial_number
    if serial >= 0 and serial.bit_length() <= _SERIAL_BITS:
        return None
    return CertificateError(
        f"{step.what} has a serial number that is {'negative' if serial < 0 else 'longer than 20 bytes'}",
        rule="RFC 5280 4.1.2.2",
        remedy="issue it with another serial number, or use PinnedVerifier",
    )


_SERIAL_BITS = 20 * 8


def _length(step: PathStep) -> CertificateError | None:
    between = len(step.path) - 2
    if not step.is_leaf or between <= step.rules.max_chain_depth:
        return None
    return CertificateError(
        f"the chain of {step.what} has {between} intermediate certificates, and the verifier follows "
        f"{step.rules.max_chain_depth}",
        remedy=f"allow it with X509Verifier(..., max_chain_depth={between})",
    )


def _issuers_are_cas(step: PathStep) -> CertificateError | None:
    if step.is_leaf:
        return None
    constraints = step.constraints
    if constraints is None or not constraints.ca:
        fault = "it has no basicConstraints" if constraints is None else "its basicConstraints lack CA:TRUE"
        remedy = f"the {step.peer.role} needs a certificate from a CA"
        if step.is_trusted:
            remedy = "put the certificate of a CA into the TrustStore, or use PinnedVerifier"
        return WrongPurpose(
            f"{step.what} issued another certificate but is not a CA: {fault}",
            rule="RFC 5280 4.2.1.9",
            detail=Detail.NOT_A_CA,
            remedy=remedy,
        )
    below = sum(not _is_self_issued(one) for one in step.path[1 : step.position])
    if constraints.path_length is not None and below > constraints.path_length:
        return WrongPurpose(
            f"{step.what} allows {constraints.path_length} CAs below it, and the chain has {below}",
            detail=Detail.PATH_TOO_LONG,
            rule="RFC 5280 4.2.1.9",
            remedy=f"the {step.peer.role} needs a shorter chain, or its CA a longer path length",
        )
    return None


def _key_usage(step: PathStep) -> CertificateError | None:
    usage = key_usage(step.certificate)
    if step.is_leaf:
        if usage is None or not usage.key_cert_sign:
            return None
        reason, remedy = "has the key usage keyCertSign, which is for CAs", "issue it without keyCertSign"
    elif usage is None:
        if not step.rules.strict:
            return None
        reason = "has no keyUsage extension, which a CA must have"
        remedy = "make the CA with keyUsage=critical,keyCertSign, or use X509Verifier(..., strict=False)"
    elif not usage.key_cert_sign:
        reason = "may not sign certificates: its keyUsage lacks keyCertSign"
        remedy = "make the CA with keyUsage=critical,keyCertSign"
    else:
        return None
    detail = None if step.is_leaf or usage is None else Detail.MAY_NOT_SIGN
    return WrongPurpose(f"{step.what} {reason}", rule="RFC 5280 4.2.1.3", remedy=remedy, detail=detail)


def _extended_key_usage(step: PathStep) -> CertificateError | None:
    found = step.extension(ExtensionOID.EXTENDED_KEY_USAGE)
    wanted = PURPOSES[step.peer.role]
    if found is None or not isinstance(found.value, x509.ExtendedKeyUsage):
        return None
    if wanted in found.value or (ANY_PURPOSE in found.value and not step.is_leaf):
        return _critical_extended_key_usage(step) if found.critical else None
    purposes = list(found.value)
    listed = ", ".join(_PURPOSE_NAMES.get(oid, oid.dotted_string) for oid in purposes[:6])
    more = f" and {len(purposes) - 6} more" if len(purposes) > 6 else ""
    hint = ", which an application may demand" if ANY_PURPOSE in purposes else ""
    return WrongPurpose(
        f"{step.what} is for {printable(listed)}{more}, not for {_PURPOSE_NAMES[wanted]}{hint}",
        alert=Alert.BAD_CERTIFICATE,
        rule="RFC 5280 4.2.1.12",
        remedy=f"issue it with extendedKeyUsage {_PURPOSE_NAMES[wanted]}",
    )


_PURPOSE_NAMES = {
    ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth",
    ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth",
    ExtendedKeyUsageOID.CODE_SIGNING: "codeSigning",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "emailProtection",
    ExtendedKeyUsageOID.TIME_STAMPING: "timeStamping",
    ExtendedKeyUsageOID.OCSP_SIGNING: "OCSPSigning",
    ANY_PURPOSE: "anyExtendedKeyUsage",
}
"""What RFC 5280 4.2.1.12 calls them; others are named by their object identifier."""


def _critical_extended_key_usage(step: PathStep) -> CertificateError | None:
    if not step.rules.strict:
        return None
    return CertificateError(
        f"{step.what} has a critical extendedKeyUsage, which RFC 5280 4.2.1.12 allows and the Web PKI does not",
        rule="",
        remedy="allow it with X509Verifier(..., strict=False), or issue it with one that is not critical",
    )


def _keys(step: PathStep) -> CertificateError | None:
    key = step.certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < step.rules.minimum_rsa_bits:
        allowed = permission_of_verifier(key.key_size) if step.is_leaf else ""
        return weak_key(step.what, key.key_size, step.rules.minimum_rsa_bits, allowed, is_ca=not step.is_leaf)
    if step.is_leaf:
        return None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _SMALLEST_CA_KEY:
        return weak_key(step.what, key.key_size, _SMALLEST_CA_KEY, is_ca=True)
    kind = _unverified_kind(step.certificate, key)
    if kind is None:
        return None
    return CertificateError(
        f"{step.what} signs with {kind}, with which this library verifies leaves but not chains",
        alert=Alert.UNSUPPORTED_CERTIFICATE,
        remedy="use a CA with RSA, or with ECDSA on P-256, P-384 or P-521, or use PinnedVerifier",
    )


_SMALLEST_CA_KEY = 2048
"""Bits of RSA that the backend asks of a CA."""


def _unverified_kind(certificate: x509.Certificate, key: object) -> str | None:
    """What a CA's key is, if the backend does not verify the certificates that it signs."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        usual = isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1)
        return None if usual else f"ECDSA on {key.curve.name}"
    if certificate.public_key_algorithm_oid == PublicKeyAlgorithmOID.RSASSA_PSS:
        return "a key that is for RSA-PSS alone (id-RSASSA-PSS)"
    return next((name for kind, name in _UNVERIFIED_KINDS.items() if isinstance(key, kind)), None)


_UNVERIFIED_KINDS = {ed25519.Ed25519PublicKey: "Ed25519", ed448.Ed448PublicKey: "Ed448", dsa.DSAPublicKey: "DSA"}


def _signatures(step: PathStep) -> CertificateError | None:
    if step.is_trusted:
        return None
    try:
        algorithm = step.certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        algorithm = None
    if isinstance(algorithm, hashes.MD5 | hashes.SHA1):
        return WeakKey(
            f"{step.what} is signed with {algorithm.name.upper()}, which can be forged",
            detail=Detail.WEAK_SIGNATURE,
            remedy="issue it with SHA-256",
        )
    oid = step.certificate.signature_algorithm_oid
    if oid in _VERIFIED_SIGNATURES:
        return None
    return CertificateError(
        f"{step.what} is signed with an algorithm that is not verified in chains ({oid.dotted_string})",
        alert=Alert.UNSUPPORTED_CERTIFICATE,
        rule="RFC 5280 4.1.1.2",
        remedy="issue it with RSA or ECDSA and SHA-256, SHA-384 or SHA-512, or use PinnedVerifier",
    )


_VERIFIED_SIGNATURES = frozenset(
    {
        SignatureAlgorithmOID.RSA_WITH_SHA256,
        SignatureAlgorithmOID.RSA_WITH_SHA384,
        SignatureAlgorithmOID.RSA_WITH_SHA512,
        SignatureAlgorithmOID.RSASSA_PSS,
        SignatureAlgorithmOID.ECDSA_WITH_SHA256,
        SignatureAlgorithmOID.ECDSA_WITH_SHA384,
        SignatureAlgorithmOID.ECDSA_WITH_SHA512,
    }
)


def _required_extensions(step: PathStep) -> CertificateError | None:
    if not step.rules.strict:
        return None
    constraints = step.extension(ExtensionOID.BASIC_CONSTRAINTS)
    if not step.is_leaf and constraints is not None and not constraints.critical:
        reason, rule = "has basicConstraints that are not critical", "RFC 5280 4.2.1.9"
    elif step.extension(ExtensionOID.AUTHORITY_KEY_IDENTIFIER) is None and (
        step.is_leaf or not _is_self_issued(step.certificate)
    ):
        reason, rule = "has no authorityKeyIdentifier", "RFC 5280 4.2.1.1"
    else:
        return None
    pinned = " or PinnedVerifier" if step.is_leaf else ""
    return CertificateError(
        f"{step.what} {reason}",
        rule=rule,
        remedy=f"issue it again, or use X509Verifier(..., strict=False){pinned}",
    )


def _criticality_of_names(step: PathStep) -> CertificateError | None:
    found = step.extension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    if not step.is_leaf or not step.rules.strict or found is None or step.peer.role == "client":
        return None
    has_subject = bool(list(step.certificate.subject))
    if found.critical is not has_subject:
        return None
    fault = "a subject and a critical subjectAltName" if has_subject else "no subject and a subjectAltName not critical"
    return CertificateError(
        f"{step.what} has {fault}",
        rule="RFC 5280 4.2.1.6",
        remedy="issue it again, or use X509Verifier(..., strict=False) or PinnedVerifier",
    )


def _is_self_issued(certificate: x509.Certificate) -> bool:
    fields = raw_fields(certificate)
    return fields.issuer == fields.subject


def _critical_extensions(step: PathStep) -> CertificateError | None:
    for extension in step.certificate.extensions:
        if extension.critical and isinstance(extension.value, x509.UnrecognizedExtension):
            oid = extension.oid.dotted_string
            return CertificateError(
                f"{step.what} has the critical extension {oid}, which is not known here",
                detail=Detail.CRITICAL_EXTENSION,
                alert=Alert.UNSUPPORTED_CERTIFICATE,
                rule="RFC 5280 4.2",
                remedy="issue it without that extension, or not critical, or use PinnedVerifier",
            )
    return None


def _names(step: PathStep) -> CertificateError | None:
    wanted = step.peer.server_name
    if not step.is_leaf or step.peer.role == "client" or wanted is None:
        return None
    names = CertificateNames.of(step.certificate)
    if names.cover(wanted):
        return None
    if not names:
        lacks = "no subjectAltName"
        if step.extension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME) is not None:
            lacks = "no host name and no address in its subjectAltName"
        return NameMismatch(
            f"{step.what} names no server: it has {lacks}, and the common name does not count",
            rule="RFC 6125 6.4.4",
            remedy=f"issue it with a subjectAltName for {wanted}",
        )
    if wanted in names.dns:
        return NameMismatch(
            f"{step.what} has the address {wanted} as a dNSName, where only an iPAddress counts",
            rule="RFC 5280 4.2.1.6",
            remedy="issue it with the address as an iPAddress",
        )
    return NameMismatch(
        f"{step.what} is for {names}, not for {wanted}",
        remedy="connect under a name that it has, or issue it for this one",
    )


def _name_constraints(step: PathStep) -> CertificateError | None:
    found = step.extension(ExtensionOID.NAME_CONSTRAINTS)
    if step.is_leaf or found is None or not isinstance(found.value, x509.NameConstraints):
        return None
    names = CertificateNames.of(step.path[0])
    subtrees = len(found.value.permitted_subtrees or ()) + len(found.value.excluded_subtrees or ())
    if subtrees * (len(names.dns) + len(names.addresses)) > _MOST_COMPARISONS:
        return None  # the backend gave up as well, and `verdicts` says so
    for kind, given in ((x509.DNSName, names.dns), (x509.IPAddress, names.addresses)):
        permitted = [tree.value for tree in found.value.permitted_subtrees or () if isinstance(tree, kind)]
        excluded = [tree.value for tree in found.value.excluded_subtrees or () if isinstance(tree, kind)]
        for name in given:
            if (permitted and not _in_one_of(permitted, name)) or _in_one_of(excluded, name):
                return CertificateError(
                    f"{step.what} may not issue for {printable(name)}, which the {step.peer.role}'s certificate names",
                    rule="RFC 5280 4.2.1.10",
                    detail=Detail.NAME_CONSTRAINTS,
                    remedy=f"the {step.peer.role} needs a certificate from a CA whose nameConstraints allow it",
                )
    return None


_MOST_COMPARISONS = 10_000
"""How many times a name is compared with a constraint, at most."""


def _in_one_of(subtrees: Iterable[object], name: str) -> bool:
    """Whether a host name lies below one of the host names, or an address in one of the networks."""
    return any(
        f".{name}".endswith("." + subtree.lower().lstrip("."))
        if isinstance(subtree, str)
        else isinstance(subtree, IPv4Network | IPv6Network) and ip_address(name) in subtree
        for subtree in subtrees
    )


RULES: tuple[Callable[[PathStep], CertificateError | None], ...] = (
    _version,
    _serial_number,
    _dates,
    _leaf_is_no_ca,
    _issuers_are_cas,
    _extended_key_usage,
    _key_usage,
    _keys,
    _signatures,
    _names,
    _name_constraints,
    _critical_extensions,
    _required_extensions,
    _criticality_of_names,
    _length,
)
"""The rules, in the order in which they are applied to a path."""
