"""Why a chain was refused: the exact error, with the certificate, the reason and the remedy.

How it works: the verifier of `cryptography` answers yes or no, and gives its reason only as text for
people. So after a "no" this module looks for the reason itself. It walks from the leaf towards a trusted
root by issuer name, key identifier and signature (`paths`); where that leads nowhere, the issuer is the
fault. Otherwise it tries the rules of `_RULES` in order, each on every certificate of the path, and the
first that is broken names the error. A rule is a function from one step of the path to an error or None.
When no rule is broken the backend knew more than we do, and its text is passed on as it is.

This decides nothing: whatever comes out, the chain is refused. A wrong guess costs a wrong sentence only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from tls12.errors import (
    CertificateError,
    CertificateExpired,
    NameMismatch,
    UnknownIssuer,
    WeakKey,
    WrongPurpose,
)
from tls12.registry import Alert
from tls12.trust.names import CertificateNames, describe, printable
from tls12.trust.paths import Walk
from tls12.trust.peer import PeerChain, Role, key_usage
from tls12.trust.truststore import TrustStore

PURPOSES: dict[Role, x509.ObjectIdentifier] = {
    "server": ExtendedKeyUsageOID.SERVER_AUTH,
    "client": ExtendedKeyUsageOID.CLIENT_AUTH,
}
"""The extended key usage that a certificate needs in each role (RFC 5280 4.2.1.12)."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a verifier demands beyond a path to a trusted root."""

    minimum_rsa_bits: int
    strict: bool


def diagnose(peer: PeerChain, store: TrustStore, rules: Rules, verdict: str) -> CertificateError:
    """The error for a chain that the backend refused with the text `verdict`."""
    try:
        # Not `peer.parse()`: its objects may be remembered, and would keep the extensions that are read here.
        leaf, *others = map(x509.load_der_x509_certificate, peer.certificates)
        walk = Walk(store, others)
        path = walk.from_leaf(leaf)
        if path is None:
            return _no_path(peer, walk)
        steps = [_Step(path, position, peer, rules) for position in range(len(path))]
        for rule in _RULES:
            for step in steps:
                error = rule(step)
                if error is not None:
                    return error
        what = steps[0].what
    except Exception as error:  # the backend's lazy parser: a dozen kinds, all of them the certificate's fault
        return CertificateError(
            f"a certificate of the {peer.role}'s chain is malformed: {printable(str(error))}",
            rule="RFC 5280 4.1",
            remedy=f"the {peer.role} needs another certificate",
        )
    return CertificateError(
        f"{what} was refused: {printable(verdict)}",
        remedy=f"the {peer.role} needs a certificate that conforms to RFC 5280",
    )


def _no_path(peer: PeerChain, walk: Walk) -> CertificateError:
    last = walk.furthest[-1]
    whose = f"the {peer.role}'s certificate {describe(walk.furthest[0])}"
    if walk.forged is not None:
        return CertificateError(
            f"the signature on the certificate {describe(walk.forged)} is not by the key that it names",
            rule="RFC 5280 6.1.3",
            remedy="the certificate was altered or forged; do not trust this connection",
        )
    if last.subject != last.issuer:
        issuer = printable(last.issuer.rfc4514_string())
        return UnknownIssuer(
            f"no trusted root leads to {whose}: {issuer}, issuer of {describe(last)}, is not known",
            remedy=f"add the CA to the TrustStore, or let the {peer.role} send its intermediate certificates",
        )
    if len(walk.furthest) == 1:
        return UnknownIssuer(
            f"{whose} is self-signed and not trusted",
            remedy="if it is the one you expect, use PinnedVerifier with this certificate",
        )
    return UnknownIssuer(
        f"no trusted root leads to {whose}: its chain ends in {describe(last)}, which is not trusted",
        remedy="if this CA is the one you expect, add it to the TrustStore",
    )


# --- the rules: one step of the path -> an error or None --------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Step:
    """One certificate of the path, with what surrounds it."""

    path: list[x509.Certificate]
    position: int
    peer: PeerChain
    rules: Rules

    @property
    def certificate(self) -> x509.Certificate:
        return self.path[self.position]

    @property
    def is_leaf(self) -> bool:
        return self.position == 0

    @property
    def what(self) -> str:
        kind = f"the {self.peer.role}'s certificate" if self.is_leaf else "the CA certificate"
        return f"{kind} {describe(self.certificate)}"

    def extension(self, oid: x509.ObjectIdentifier) -> x509.Extension[x509.ExtensionType] | None:
        try:
            return self.certificate.extensions.get_extension_for_oid(oid)
        except x509.ExtensionNotFound:
            return None

    @property
    def constraints(self) -> x509.BasicConstraints | None:
        found = self.extension(ExtensionOID.BASIC_CONSTRAINTS)
        return found.value if found and isinstance(found.value, x509.BasicConstraints) else None


def _dates(step: _Step) -> CertificateError | None:
    now = datetime.fromtimestamp(step.peer.time, UTC).replace(microsecond=0)
    begin, end = step.certificate.not_valid_before_utc, step.certificate.not_valid_after_utc
    if now > end:
        reason = f"expired on {end:%Y-%m-%d %H:%M:%S} UTC"
    elif now < begin:
        reason = f"is not valid before {begin:%Y-%m-%d %H:%M:%S} UTC"
    else:
        return None
    return CertificateExpired(
        f"{step.what} {reason}",
        rule="RFC 5280 4.1.2.5",
        remedy=f"renew it, or set the clock, which says {now:%Y-%m-%d %H:%M:%S} UTC",
    )


def _leaf_is_no_ca(step: _Step) -> CertificateError | None:
    constraints = step.constraints
    if not step.is_leaf or constraints is None or not constraints.ca:
        return None
    if step.certificate.issuer == step.certificate.subject:
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


def _issuers_are_cas(step: _Step) -> CertificateError | None:
    if step.is_leaf:
        return None
    constraints = step.constraints
    if constraints is None or not constraints.ca:
        return WrongPurpose(
            f"{step.what} issued another certificate but is not a CA (basicConstraints without CA:TRUE)",
            rule="RFC 5280 4.2.1.9",
            remedy=f"the {step.peer.role} needs a certificate from a CA",
        )
    below = sum(c.subject != c.issuer for c in step.path[1 : step.position])
    if constraints.path_length is not None and below > constraints.path_length:
        return WrongPurpose(
            f"{step.what} allows {constraints.path_length} CAs below it, and the chain has {below}",
            rule="RFC 5280 4.2.1.9",
            remedy=f"the {step.peer.role} needs a shorter chain, or its CA a longer path length",
        )
    return None


def _key_usage(step: _Step) -> CertificateError | None:
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
    return WrongPurpose(f"{step.what} {reason}", rule="RFC 5280 4.2.1.3", remedy=remedy)


def _extended_key_usage(step: _Step) -> CertificateError | None:
    found = step.extension(ExtensionOID.EXTENDED_KEY_USAGE)
    wanted = PURPOSES[step.peer.role]
    if found is None or not isinstance(found.value, x509.ExtendedKeyUsage) or wanted in found.value:
        return None
    listed = ", ".join(oid._name for oid in found.value)
    return WrongPurpose(
        f"{step.what} is for {listed}, not for {wanted._name}",
        alert=Alert.BAD_CERTIFICATE,
        rule="RFC 5280 4.2.1.12",
        remedy=f"issue it with extendedKeyUsage {wanted._name}",
    )


def _keys(step: _Step) -> CertificateError | None:
    key = step.certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < step.rules.minimum_rsa_bits:
        allowed = permission_of_verifier(key.key_size) if step.is_leaf else ""
        return weak_key(step.what, key.key_size, step.rules.minimum_rsa_bits, allowed)
    if not step.is_leaf and isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        kind = "Ed25519" if isinstance(key, ed25519.Ed25519PublicKey) else "Ed448"
        return CertificateError(
            f"{step.what} signs with {kind}, with which this library verifies leaves but not chains",
            alert=Alert.UNSUPPORTED_CERTIFICATE,
            remedy="use an ECDSA or RSA CA, or PinnedVerifier",
        )
    return None


def weak_key(what: str, bits: int, minimum: int, permission: str = "") -> WeakKey:
    """The error for an RSA key that is too short; `permission` is what would allow it, if anything does."""
    return WeakKey(
        f"{what} has an RSA key of {bits} bits, fewer than {minimum}",
        remedy=f"issue it with a larger key, or {permission}" if permission else "issue it with a larger key",
    )


def permission_of_verifier(bits: int) -> str:
    """How an X509Verifier that asks for more is told to accept a leaf with this RSA key."""
    return f"allow it with X509Verifier(..., minimum_rsa_bits={bits})"


def weak_curve(what: str, bits: int, permission: str) -> WeakKey:
    """The error for an ECDSA key that is weaker than the smallest RSA key of an ordinary policy."""
    return WeakKey(
        f"{what} has an elliptic-curve key of {bits} bits, fewer than {WEAKEST_CURVE}",
        remedy=f"issue it with a key on P-256, or {permission}",
    )


WEAKEST_CURVE = 224
"""Bits of a curve that is as strong as RSA with 2048 (NIST SP 800-57 part 1, 5.6.1)."""


def _signature_hashes(step: _Step) -> CertificateError | None:
    algorithm = step.certificate.signature_hash_algorithm
    if isinstance(algorithm, hashes.MD5 | hashes.SHA1) and step.position < len(step.path) - 1:
        return WeakKey(
            f"{step.what} is signed with {algorithm.name.upper()}, which can be forged",
            remedy="issue it with SHA-256",
        )
    return None


def _required_extensions(step: _Step) -> CertificateError | None:
    if not step.rules.strict:
        return None
    constraints = step.extension(ExtensionOID.BASIC_CONSTRAINTS)
    if not step.is_leaf and constraints is not None and not constraints.critical:
        reason, rule = "has basicConstraints that are not critical", "RFC 5280 4.2.1.9"
    elif (
        step.certificate.subject != step.certificate.issuer
        and step.extension(ExtensionOID.AUTHORITY_KEY_IDENTIFIER) is None
    ):
        reason, rule = "has no authorityKeyIdentifier", "RFC 5280 4.2.1.1"
    else:
        return None
    return CertificateError(
        f"{step.what} {reason}", rule=rule, remedy="issue it again, or use X509Verifier(..., strict=False)"
    )


def _critical_extensions(step: _Step) -> CertificateError | None:
    for extension in step.certificate.extensions:
        if extension.critical and isinstance(extension.value, x509.UnrecognizedExtension):
            oid = extension.oid.dotted_string
            return CertificateError(
                f"{step.what} has the critical extension {oid}, which is not known here",
                alert=Alert.UNSUPPORTED_CERTIFICATE,
                rule="RFC 5280 4.2",
                remedy="issue it without that extension, or not critical",
            )
    return None


def _names(step: _Step) -> CertificateError | None:
    wanted = step.peer.server_name
    if not step.is_leaf or step.peer.role == "client" or wanted is None:
        return None
    names = CertificateNames.of(step.certificate)
    if names.cover(wanted):
        return None
    if not names:
        return NameMismatch(
            f"{step.what} names nobody: it has no subjectAltName, and the common name does not count",
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


def _name_constraints(step: _Step) -> CertificateError | None:
    found = step.extension(ExtensionOID.NAME_CONSTRAINTS)
    if step.is_leaf or found is None or not isinstance(found.value, x509.NameConstraints):
        return None
    names = CertificateNames.of(step.path[0])
    for kind, given in ((x509.DNSName, names.dns), (x509.IPAddress, names.addresses)):
        permitted = [tree.value for tree in found.value.permitted_subtrees or () if isinstance(tree, kind)]
        excluded = [tree.value for tree in found.value.excluded_subtrees or () if isinstance(tree, kind)]
        for name in given:
            if (permitted and not _in_one_of(permitted, name)) or _in_one_of(excluded, name):
                return CertificateError(
                    f"{step.what} may not issue for {printable(name)}, which the {step.peer.role}'s certificate names",
                    rule="RFC 5280 4.2.1.10",
                    remedy=f"the {step.peer.role} needs a certificate from a CA whose nameConstraints allow it",
                )
    return None


def _in_one_of(subtrees: Iterable[object], name: str) -> bool:
    """Whether a host name lies below one of the host names, or an address in one of the networks."""
    return any(
        f".{name}".endswith("." + subtree.lower().lstrip("."))
        if isinstance(subtree, str)
        else isinstance(subtree, IPv4Network | IPv6Network) and ip_address(name) in subtree
        for subtree in subtrees
    )


_RULES: tuple[Callable[[_Step], CertificateError | None], ...] = (
    _dates,
    _leaf_is_no_ca,
    _issuers_are_cas,
    _extended_key_usage,
    _key_usage,
    _keys,
    _signature_hashes,
    _names,
    _name_constraints,
    _critical_extensions,
    _required_extensions,
)
