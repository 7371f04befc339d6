"""Verifiers: they decide whether a peer is the one that it should be.

How it works: a `Verifier` has one method, which takes a `PeerChain` and either returns the verified chain
or raises a `CertificateError`; its `fingerprint` says by value what it trusts, so that a session made under
one verifier is never resumed under another. Three are given; any object of the same shape will do.

`X509Verifier` asks `cryptography.x509.verification` for a chain to a root of its trust store (RFC 5280 6,
RFC 6125, in the profile of the Web PKI), and adds a minimum for RSA keys, which the backend has for CAs
only. Refusals are explained by `diagnosis`. The backend bounds neither the size of keys nor, tightly enough, the number
of signatures that it checks, so both are bounded before it is asked (`key_sizes`, `paths`).

A verified chain is remembered, because the same servers come back: keyed by a digest of everything that the
answer depends on besides time (role, name, bounds on keys, certificates as sent), for this verifier and so for this
trust store, and only for as long as every certificate of the chain is valid. Only successes are kept, and a full cache
drops the least recently used. docs/performance.md has the cost of a verification with and without it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from ipaddress import ip_address
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Subject
from cryptography.x509.verification import Policy as BackendPolicy

from tls12.errors import CertificateError, NotPinned, UsageError
from tls12.lru import BoundedMap
from tls12.registry import ConnectionEnd
from tls12.trust.backend import keep_quiet
from tls12.trust.der import raw_fields, subject_public_key_info
from tls12.trust.diagnosis import diagnose
from tls12.trust.key_sizes import (
    is_bounded_by_its_curve,
    is_too_large,
    permission_of_a_larger_key,
    permission_of_verifier,
    too_large,
    weak_key,
)
from tls12.trust.names import LONGEST_NAME, ip_text, subject_name
from tls12.trust.parsing import CertificateLike, as_certificates
from tls12.trust.paths import (
    MAX_NAME_COMPARISONS,
    MAX_SIGNATURE_CHECKS,
    NAME_CONSTRAINTS,
    is_self_signed,
    name_comparisons,
    signature_checks,
)
from tls12.trust.peer import PeerChain, validity
from tls12.trust.pins import refuse_digest
from tls12.trust.rules import ANY_PURPOSE, Rules
from tls12.trust.truststore import TrustStore


class Verifier(Protocol):
    """Decides whether a peer's certificate is good. Shared by connections and threads."""

    @property
    def fingerprint(self) -> bytes:
        """What is trusted, as a digest: equal for verifiers that give the same answers, in every process."""

    def verify(self, peer: PeerChain) -> tuple[bytes, ...]:
        """The verified chain, DER, leaf to root; empty where trust does not come from a chain.

        Raises `CertificateError`, or a subclass that says why.
        """


@dataclass(frozen=True, slots=True)
class _Verified:
    """A cached answer, with the time for which it holds."""

    chain: tuple[bytes, ...]
    begin: float
    end: float


class X509Verifier:
    """A chain of certificates to a root of the trust store (RFC 5280), for the expected name (RFC 6125).

    `minimum_rsa_bits` applies to every RSA key of the chain; None means what the connection's policy asks for.
    The backend refuses CA keys under 2048 bits whatever it says, so that a smaller number is for leaves.
    `maximum_rsa_bits` applies to every certificate that the peer sends, before a signature is checked; None means what
    the connection's policy asks for. Roots of the trust store may have larger keys.
    `max_chain_depth` is the number of intermediate CAs that are followed between the peer's certificate and the root.
    `strict=False` forgives what many private CAs leave out and RFC 5280 asks of them: authorityKeyIdentifier, a
    CA's keyUsage, critical basicConstraints; an extendedKeyUsage that is critical, which RFC 5280 allows; and a
    subjectAltName that is critical beside a subject, or not critical without one.
    `check_names=False` does not compare a server's name, for callers that compare names themselves.
    `cache_size` is the number of verified chains that are remembered.

    Raises `UsageError` if `trust_store` is not a TrustStore, and for numbers out of range.

    Client certificates need no subjectAltName; their purpose (clientAuth) is checked like a server's.
    """

    def __init__(
        self,
        trust_store: TrustStore,
        *,
        minimum_rsa_bits: int | None = None,
        maximum_rsa_bits: int | None = None,
        max_chain_depth: int = 8,
        strict: bool = True,
        check_names: bool = True,
        cache_size: int = 256,
    ) -> None:
        if not isinstance(trust_store, TrustStore):
            raise UsageError(
                f"X509Verifier needs a TrustStore, not {type(trust_store).__name__}",
                remedy="see TrustStore.from_pem() and TrustStore.system()",
            )
        self.trust_store = trust_store
        _check_number("minimum_rsa_bits", minimum_rsa_bits, least=1)
        _check_number("maximum_rsa_bits", maximum_rsa_bits, least=minimum_rsa_bits or 1)
        _check_number("max_chain_depth", max_chain_depth, least=0, most=255)
        self.minimum_rsa_bits = minimum_rsa_bits
        self.maximum_rsa_bits = maximum_rsa_bits
        self.max_chain_depth = max_chain_depth
        self.strict = strict
        self.check_names = check_names
        self._ca_policy = _ca_policy(strict)
        self._server_policy = _leaf_policy(strict, ConnectionEnd.SERVER)
        self._client_policy = _leaf_policy(strict, ConnectionEnd.CLIENT)
        self._cache: BoundedMap[bytes, _Verified] = BoundedMap(cache_size)

    @classmethod
    def from_system(cls) -> X509Verifier:
        """A verifier that trusts the roots of this machine (`TrustStore.system()`)."""
        return cls(TrustStore.system())

    @cached_property
    def fingerprint(self) -> bytes:
        """A digest of the roots and the rules."""
        rules = f"x509 {self.minimum_rsa_bits} {self.maximum_rsa_bits} {self.max_chain_depth} {self.strict} "
        names = "" if self.check_names else "any name "
        return _sha256((rules + names).encode(), self.trust_store.fingerprint)

    @cached_property
    def _nameless_policies(self) -> tuple[ExtensionPolicy, ExtensionPolicy]:
        return _nameless_server_policies(self.strict)

    def verify(self, peer: PeerChain) -> tuple[bytes, ...]:
        """The chain from the peer's certificate to a trusted root, or the reason why there is none."""
        key = _digest(peer)
        known = self._cache.get(key)
        if known is not None and known.begin <= peer.time <= known.end:
            return known.chain
        chain = self._find_chain(peer)
        self._cache.put(key, _Verified(chain, *validity(chain)))
        return chain

    def _find_chain(self, peer: PeerChain) -> tuple[bytes, ...]:
        keep_quiet()
        if not self.check_names:
            peer = replace(peer, server_name=None)
        leaf, *_ = certificates = peer.parse()
        subject = _subject(peer) if peer.role == "server" and self.check_names else None
        others = self._bounded(peer, certificates)
        builder = PolicyBuilder().store(self.trust_store.backend_store).max_chain_depth(self.max_chain_depth)
        builder = builder.time(datetime.fromtimestamp(peer.time, UTC))
        leaf_policy = self._client_policy if subject is None else self._server_policy
        ca_policy = self._ca_policy
        if subject is None and peer.role == "server":  # the backend knows servers by name only
            leaf_policy, ca_policy = self._nameless_policies
        builder = builder.extension_policies(ca_policy=ca_policy, ee_policy=leaf_policy)
        try:
            if subject is None:
                chain = builder.build_client_verifier().verify(leaf, others).chain
            else:
                chain = builder.build_server_verifier(subject).verify(leaf, others)
        except Exception as error:  # VerificationError, or what lazy parsing of a malformed certificate raises
            rules = Rules(self._minimum_rsa_bits(peer), self.max_chain_depth, self.strict)
            raise diagnose(peer, self.trust_store, rules, error) from error
        self._check_rsa_keys(peer, chain)
        # The backend returns the objects that it was given, so their DER is known: encoding them again is slow.
        sent = dict(zip(map(id, certificates), peer.certificates, strict=True))
        return tuple(sent.get(id(one)) or self.trust_store.der(one) for one in chain)

    def _bounded(self, peer: PeerChain, certificates: tuple[x509.Certificate, ...]) -> list[x509.Certificate]:
        """The certificates that a chain may need besides the leaf. Raises `CertificateError` where a bound on what the
        backend computes is exceeded."""
        store = self.trust_store
        sent = {der: one for der, one in zip(peer.certificates, certificates, strict=True) if not store.holds(der)}
        maximum = peer.maximum_rsa_bits if self.maximum_rsa_bits is None else self.maximum_rsa_bits
        for der, one in sent.items():
            if not is_bounded_by_its_curve(one):
                _check_not_too_large(peer, der, one, maximum)
            if len(der) > LONGEST_NAME and max(map(len, raw_fields(one)[:2])) > LONGEST_NAME:
                raise CertificateError(
                    f"a certificate that the {peer.role} sent has a name of more than {LONGEST_NAME} bytes",
                    rule="RFC 5280 4.1.2.4",
                    remedy=f"the {peer.role} needs a certificate with a shorter name",
                )
        sent.pop(peer.certificates[0], None)
        others = list(sent.values())
        constrained = any(NAME_CONSTRAINTS in der for der in sent)
        if len(sent) < 2 and not constrained:
            return others
        if len(sent) > 1:
            others = [one for one in others if not is_self_signed(one)]
        checks = signature_checks(certificates[0], others, store, self.max_chain_depth)
        if constrained and checks * name_comparisons(peer.certificates) > MAX_NAME_COMPARISONS:
            raise CertificateError(
                f"the certificates that the {peer.role} sent have too many names and nameConstraints: to compare "
                f"them takes more than {MAX_NAME_COMPARISONS} comparisons",
                rule="RFC 5280 4.2.1.10",
                remedy=f"the {peer.role} needs a certificate for fewer names",
            )
        if checks > MAX_SIGNATURE_CHECKS:
            raise CertificateError(
                f"the certificates that the {peer.role} sent can be put together in too many ways: to try them takes "
                f"more than {MAX_SIGNATURE_CHECKS} signatures",
                rule="RFC 5246 7.4.2",
                remedy=f"the {peer.role} should send its own certificate and one for each CA above it",
            )
        return others

    def _minimum_rsa_bits(self, peer: PeerChain) -> int:
        return peer.minimum_rsa_bits if self.minimum_rsa_bits is None else self.minimum_rsa_bits

    def _check_rsa_keys(self, peer: PeerChain, chain: list[x509.Certificate]) -> None:
        minimum = self._minimum_rsa_bits(peer)
        for position, certificate in enumerate(chain):
            if is_bounded_by_its_curve(certificate):
                continue
            key = certificate.public_key()
            if isinstance(key, rsa.RSAPublicKey) and key.key_size < minimum:
                whose = "the CA certificate" if position else f"the {peer.role}'s certificate"
                allowed = "" if position else permission_of_verifier(key.key_size)
                what = f"{whose} {subject_name(certificate)}"
                raise weak_key(what, key.key_size, minimum, allowed, is_ca=position > 0)

    def __repr__(self) -> str:
        return f"X509Verifier({self.trust_store!r})"


def _check_number(name: str, number: object, *, least: int, most: int | None = None) -> None:
    """Raises `UsageError` for what is neither None nor such a number."""
    if number is not None and (type(number) is not int or number < least or (most is not None and number > most)):
        room = f"{least} to {most}" if most is not None else f"{least} or more"
        raise UsageError(f"{name} is {number!r}; give a number, {room}")


def _check_not_too_large(peer: PeerChain, der: bytes, certificate: x509.Certificate, maximum_rsa_bits: int) -> None:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return  # there is nothing to compute with; the backend refuses it
    if is_too_large(key, maximum_rsa_bits):
        whose = f"the {peer.role}'s certificate" if der == peer.certificates[0] else "the CA certificate"
        raise too_large(f"{whose} {subject_name(certificate)}", key, maximum_rsa_bits, permission_of_a_larger_key)


def _digest(peer: PeerChain) -> bytes:
    bounds = f"{peer.minimum_rsa_bits} {peer.maximum_rsa_bits}"
    digest = hashlib.sha256(f"{peer.role} {peer.server_name} {bounds}".encode())
    for der in peer.certificates:
        digest.update(len(der).to_bytes(4, "big"))
        digest.update(der)
    return digest.digest()


def _subject(peer: PeerChain) -> Subject:
    if peer.server_name is None:
        raise UsageError(
            "X509Verifier verifies a server by its name, and no server_name was given",
            remedy="give server_name, or use PinnedVerifier",
        )
    address = ip_text(peer.server_name)
    return x509.IPAddress(ip_address(address)) if address else x509.DNSName(peer.server_name)


def _leaf_policy(strict: bool, role: ConnectionEnd) -> ExtensionPolicy:
    policy = ExtensionPolicy.webpki_defaults_ee()
    if role == "client":
        policy = policy.may_be_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)
    elif not strict:  # the backend compares the names whatever is said here of their extension
        policy = policy.require_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)
    if strict:
        return policy
    return _lenient_leaf(policy).may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _serves)


def _ca_policy(strict: bool) -> ExtensionPolicy:
    policy = ExtensionPolicy.webpki_defaults_ca()
    if strict:
        return policy
    return _lenient_ca(policy).may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _issues)


def _nameless_server_policies(strict: bool) -> tuple[ExtensionPolicy, ExtensionPolicy]:
    """For a leaf and for CAs, where the backend believes that it verifies a client: the purpose is a server's."""
    leaf = ExtensionPolicy.webpki_defaults_ee().may_be_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)
    ca = ExtensionPolicy.webpki_defaults_ca()
    if not strict:
        leaf, ca = _lenient_leaf(leaf), _lenient_ca(ca)
    criticality = Criticality.NON_CRITICAL if strict else Criticality.AGNOSTIC
    purpose = ExtendedKeyUsageOID.SERVER_AUTH
    return (
        leaf.may_be_present(x509.ExtendedKeyUsage, criticality, partial(_serves, purpose=purpose)),
        ca.may_be_present(x509.ExtendedKeyUsage, criticality, partial(_issues, purpose=purpose)),
    )


def _lenient_leaf(policy: ExtensionPolicy) -> ExtensionPolicy:
    return policy.may_be_present(x509.AuthorityKeyIdentifier, Criticality.NON_CRITICAL, None)


def _lenient_ca(policy: ExtensionPolicy) -> ExtensionPolicy:
    return (
        policy.may_be_present(x509.AuthorityKeyIdentifier, Criticality.NON_CRITICAL, None)
        .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs_certificates)
        .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
    )


def _serves(
    policy: BackendPolicy,
    _: x509.Certificate,
    usage: x509.ExtendedKeyUsage | None,
    purpose: x509.ObjectIdentifier | None = None,
) -> None:
    """Raise ValueError if a leaf's extendedKeyUsage lacks `purpose`, or by default that of the backend's policy."""
    if usage is not None and (purpose or policy.extended_key_usage) not in usage:
        raise ValueError("extendedKeyUsage lacks the purpose")


def _issues(
    policy: BackendPolicy,
    _: x509.Certificate,
    usage: x509.ExtendedKeyUsage | None,
    purpose: x509.ObjectIdentifier | None = None,
) -> None:
    """Raise ValueError if a CA's extendedKeyUsage lacks that purpose and anyExtendedKeyUsage."""
    if usage is not None and not {purpose or policy.extended_key_usage, ANY_PURPOSE} & set(usage):
        raise ValueError("extendedKeyUsage lacks the purpose")


def _signs_certificates(_: BackendPolicy, __: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("keyUsage lacks keyCertSign")


class PinnedVerifier:
    """Trusts exactly the given certificates or keys, and asks nothing about names, dates or issuers.

    The way to trust a self-signed certificate, which `X509Verifier` refuses. A pin is a certificate (an
    object of `cryptography`, DER or PEM), or the SHA-256 digest (32 bytes) of a SubjectPublicKeyInfo, which
    stays good when the certificate is renewed with the same key (RFC 7469 2.4; `spki_sha256` makes it).
    Only the peer's own certificate is compared: a pinned CA pins nothing below it.

    Raises `UsageError` for what is neither, and says how a digest in another form is given.
    """

    def __init__(self, *pins: CertificateLike) -> None:
        keys: set[bytes] = set()
        certificates: list[x509.Certificate] = []
        for number, pin in enumerate(pins, 1):
            if isinstance(pin, bytes | bytearray | memoryview) and len(pin) == 32:
                keys.add(bytes(pin))
            else:
                refuse_digest(pin, f"pin {number}")
                certificates += as_certificates([pin], "pin", number)
        self._keys = frozenset(keys)
        self._certificates = frozenset(_sha256(certificate.public_bytes(Encoding.DER)) for certificate in certificates)
        if not self._certificates and not self._keys:
            raise UsageError("PinnedVerifier pins nothing; give a certificate, or the SHA-256 of its key")

    @cached_property
    def fingerprint(self) -> bytes:
        """A digest of the pins."""
        return _sha256(b"pinned ", *sorted(self._certificates), b"|", *sorted(self._keys))

    def verify(self, peer: PeerChain) -> tuple[bytes, ...]:
        """An empty chain, if the peer's certificate or key is pinned. Raises `NotPinned`."""
        digest = _sha256(peer.certificates[0])
        if digest in self._certificates:
            return ()
        pin = spki_sha256(peer.leaf)
        if pin in self._keys:
            return ()
        what = f"the {peer.role}'s certificate {subject_name(peer.leaf)}"
        this = f"PinnedVerifier(bytes.fromhex({pin.hex()!r}))"
        if digest in self._keys:
            raise NotPinned(
                f"what is pinned is the digest of {what}; PinnedVerifier takes the digest of its key, or the "
                "certificate itself",
                remedy=f"use {this}",
            )
        if not self._certificates.isdisjoint(map(_sha256, peer.certificates[1:])):
            raise NotPinned(
                f"{what} is not pinned, nor is its key: a certificate above it is, which pins nothing below it",
                remedy=f"use X509Verifier with that CA in its TrustStore, or {this}",
            )
        raise NotPinned(
            f"{what} is not pinned, nor is its key",
            remedy=f"if this is the right peer, use {this}",
        )

    def __repr__(self) -> str:
        return f"<PinnedVerifier: {len(self._certificates)} certificates, {len(self._keys)} keys>"


def spki_sha256(certificate: x509.Certificate) -> bytes:
    """The pin of a certificate's key: SHA-256 of its SubjectPublicKeyInfo (RFC 7469 2.4)."""
    return _sha256(subject_public_key_info(certificate))


def _sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


class AcceptAnyPeer:
    """Verifies NOTHING: any certificate is accepted. For tests and research.

    The handshake still proves that the peer holds the key of the certificate that it sent.
    """

    fingerprint = _sha256(b"accepts any peer")
    """The same for all objects of this class."""

    def verify(self, peer: PeerChain) -> tuple[bytes, ...]:
        """An empty chain, always."""
        return ()

    def __repr__(self) -> str:
        return "AcceptAnyPeer()"
