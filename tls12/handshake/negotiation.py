"""Negotiation: pure choices over what two sides offer, without state, keys or I/O.

How it works: a server first reads the ClientHello into an `Offer`: its extensions by class, and what has to be worked
out of them. `choose` then goes through the suites in order of preference and takes the first for which everything else
can be found too: a credential whose key fits the suite, a signature scheme that the client verifies, a group that both
have. The result is one `Choice`; if there is none, one `PeerIncompatible` says what was missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from tls12.config import ServerConfig
from tls12.crypto import finite_field
from tls12.crypto.finite_field import FFDHE_PRIMES
from tls12.crypto.groups import EC_GROUPS
from tls12.crypto.signatures import KeyKind
from tls12.crypto.suites import SUITES, Authentication, Suite
from tls12.errors import Detail, PeerIncompatible, PeerMisbehaved
from tls12.handshake.permissions import permit, smallest_addition
from tls12.policy import FFDHE_GROUPS, Policy
from tls12.registry import (
    Alert,
    CertificateStatusType,
    CertificateType,
    CipherSuite,
    CodePoint,
    CompressionMethod,
    ECPointFormat,
    NamedGroup,
    NameType,
    ProtocolVersion,
    SignatureScheme,
)
from tls12.registry.groups import FINITE_FIELDS
from tls12.trust.credentials import Credential
from tls12.trust.names import printable
from tls12.wire.extensions import (
    ApplicationLayerProtocolNegotiation,
    ECPointFormats,
    Padding,
    RenegotiationInfo,
    ServerCertificateTypes,
    ServerNameList,
    SessionTicket,
    SignatureAlgorithms,
    SignatureAlgorithmsCert,
    StatusRequest,
    SupportedGroups,
    SupportedVersions,
)
from tls12.wire.hello import ClientHello

CP = TypeVar("CP", bound=CodePoint)
E = TypeVar("E")

_KEY_KINDS: dict[Authentication, frozenset[KeyKind]] = {
    Authentication.ECDSA: frozenset({KeyKind.ECDSA, KeyKind.ED25519, KeyKind.ED448}),
    Authentication.RSA: frozenset({KeyKind.RSA, KeyKind.RSA_PSS}),
    Authentication.DSS: frozenset({KeyKind.DSA}),
}
"""Which keys authenticate which suites (RFC 5246 7.4.2, RFC 8422 5.3; EdDSA keys serve the ECDSA suites)."""

# Used in every handshake, and slow to look up in an enum class before Python 3.12 (see docs/performance.md).
_TLS_1_2, _NULL, _UNCOMPRESSED = ProtocolVersion.TLS_1_2, CompressionMethod.NULL, ECPointFormat.UNCOMPRESSED
_OCSP, _HOST_NAME = CertificateStatusType.OCSP, NameType.HOST_NAME

_IMPLIED_SCHEMES = (SignatureScheme.RSA_PKCS1_SHA1, SignatureScheme.DSA_SHA1, SignatureScheme.ECDSA_SHA1)
"""What a client without signature_algorithms verifies (RFC 5246 7.4.1.4.1)."""


def key_fits(suite: Suite, kind: KeyKind) -> bool:
    """Whether a certificate with this kind of key may be used with the suite."""
    if suite.encrypts_premaster:
        return kind is KeyKind.RSA
    return kind in _KEY_KINDS.get(suite.authentication, ())


_SHORT = 64
"""A list of more code points loses its duplicates first. The lists of ordinary clients are shorter."""
_LONGEST_HOST_NAME = 255
"""Bytes of a DNS name (RFC 1035 2.3.4). A longer one would be kept in every session and ticket of the client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a server needs to know of a ClientHello. `None` means that the client did not send the extension."""

    hello: ClientHello
    extensions: Mapping[type, Any]
    """The extensions by class: see `find`."""
    server_name: str | None
    """The host name of server_name (RFC 6066 3), in lower case."""
    groups: tuple[NamedGroup, ...] | None
    schemes: tuple[SignatureScheme, ...] | None
    certificate_schemes: tuple[SignatureScheme, ...] | None
    """For signatures inside certificates: signature_algorithms_cert, or without it signature_algorithms."""
    takes_x509: bool
    """Whether X.509 is among the kinds of certificates that the client verifies (RFC 7250)."""

    @classmethod
    def read(cls, hello: ClientHello) -> Offer:
        """Read a ClientHello. Raises `PeerMisbehaved` for padding that is not zeros and for too long a host name."""
        sent = hello.extensions or ()
        extensions: dict[type, Any] = dict(zip(map(type, sent), sent, strict=True))
        names = extensions.get(ServerNameList)
        groups = extensions.get(SupportedGroups)
        schemes = extensions.get(SignatureAlgorithms)
        in_certificates = extensions.get(SignatureAlgorithmsCert, schemes)
        kinds = extensions.get(ServerCertificateTypes)
        padding = extensions.get(Padding)
        if padding is not None and padding.padding.strip(b"\0"):
            raise PeerMisbehaved("the client's padding is not zeros", rule="RFC 7685 3")
        return cls(
            hello=hello,
            extensions=extensions,
            server_name=_host_name(names) if names else None,
            groups=_distinct(groups.named_group_list) if groups else None,
            schemes=_distinct(schemes.supported_signature_algorithms) if schemes else None,
            certificate_schemes=_distinct(in_certificates.supported_signature_algorithms) if in_certificates else None,
            takes_x509=kinds is None or CertificateType.X509 in kinds.certificate_types,
        )

    def find(self, kind: type[E]) -> E | None:
        """The client's extension of this class, or None."""
        found: E | None = self.extensions.get(kind)
        return found

    @property
    def protocols(self) -> tuple[bytes, ...]:
        """The application protocols (RFC 7301), in the client's order."""
        found: ApplicationLayerProtocolNegotiation | None = self.extensions.get(ApplicationLayerProtocolNegotiation)
        return found.protocol_name_list if found is not None else ()

    @property
    def signals_secure_renegotiation(self) -> bool:
        """Whether the client supports RFC 5746: it says so by the extension or by the SCSV (3.3)."""
        return (
            RenegotiationInfo in self.extensions
            or CipherSuite.TLS_EMPTY_RENEGOTIATION_INFO_SCSV in self.hello.cipher_suites
        )

    @property
    def ticket(self) -> bytes | None:
        """The session ticket (RFC 5077); empty if the client has none and would like to get one."""
        found: SessionTicket | None = self.extensions.get(SessionTicket)
        return found.ticket if found is not None else None

    @property
    def wants_staple(self) -> bool:
        """Whether the client asks for an OCSP response (RFC 6066 8)."""
        status: StatusRequest | None = self.extensions.get(StatusRequest)
        return status is not None and status.status_type == _OCSP

    def without_limits(self, policy: Policy) -> Offer:
        """The offer with every signature scheme and group of the policy, for resumptions: they ignore
        signature_algorithms (RFC 5246 7.4.1.4.1) and supported_groups (RFC 8422 4)."""
        schemes = policy.signature_schemes
        return replace(self, groups=policy.groups, schemes=schemes, certificate_schemes=None, takes_x509=True)


def _distinct(codes: tuple[CP, ...]) -> tuple[CP, ...]:
    """Drop the duplicates of a long list: it is searched for each suite, group and credential."""
    return codes if len(codes) <= _SHORT else tuple(dict.fromkeys(codes))


def _host_name(names: ServerNameList) -> str | None:
    for name in names.server_name_list:
        if name.name_type == _HOST_NAME:
            if len(name.host_name) > _LONGEST_HOST_NAME:
                raise PeerMisbehaved(
                    f"the client asks for a host name of {len(name.host_name)} bytes; no DNS name is that long",
                    rule="RFC 6066 3",
                )
            return name.host_name.decode("ascii").lower()
    return None


def check_offer(offer: Offer) -> None:
    """Check what a ClientHello must offer whatever is chosen: version, compression, point formats."""
    hello = offer.hello
    supported = offer.find(SupportedVersions)
    if supported is not None:
        if _TLS_1_2 not in supported.versions:
            theirs = ", ".join(str(ProtocolVersion.of(v)) for v in supported.versions)
            raise PeerIncompatible(
                f"the client's supported_versions ({theirs}) has no TLS 1.2",
                alert=Alert.PROTOCOL_VERSION,
                rule="RFC 8446 4.2.1",
            )
    elif hello.client_version < _TLS_1_2:
        raise PeerIncompatible(
            f"the client speaks {ProtocolVersion.of(hello.client_version)} at most, this server TLS 1.2 only",
            alert=Alert.PROTOCOL_VERSION,
            rule="RFC 5246 E.1",
            remedy="update the client; older versions are not implemented",
        )
    if _NULL not in hello.compression_methods:
        raise PeerMisbehaved("the client does not offer the null compression method", rule="RFC 5246 7.4.1.2")
    formats = offer.find(ECPointFormats)
    if (
        formats is not None
        and _UNCOMPRESSED not in formats.ec_point_format_list
        and any(group in EC_GROUPS for group in offer.groups or ())
    ):
        raise PeerMisbehaved("the client's ec_point_formats lacks uncompressed", rule="RFC 8422 5.1.2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a full handshake will use."""

    parameters: Suite
    """What the chosen cipher suite stands for."""
    group: NamedGroup | None
    credential: Credential | None
    scheme: SignatureScheme | None


def choose(offer: Offer, config: ServerConfig) -> Choice:
    """The best suite for which everything can be found. Raises `PeerIncompatible`, saying what was missing."""
    misses: list[_Unusable] = []
    choice = first_choice(offer, config, candidate_credentials(offer.server_name, config), misses)
    if choice is not None:
        return choice
    policy = config.policy
    reason = f"the client offers no cipher suite of the policy {policy.name}"
    if misses:
        reason = "no common cipher suite can be used: " + "; ".join(dict.fromkeys(map(str, misses)))
    raise PeerIncompatible(
        reason,
        alert=next((miss.alert for miss in misses if miss.alert is not Alert.HANDSHAKE_FAILURE), None),
        rule="RFC 5246 7.4.1.3",
        detail=Detail.NO_COMMON_CIPHER_SUITE,
        remedy=smallest_addition(policy, lambda wider: _needed(offer, replace(config, policy=wider)), config.memory),
    )


def first_choice(
    offer: Offer, config: ServerConfig, candidates: tuple[Credential, ...], misses: list[_Unusable] | None = None
) -> Choice | None:
    """The first suite for which everything can be found among these credentials, or None.

    Why the suites before it cannot be used is appended to `misses`.
    """
    for credentials in _by_chain(candidates, offer.certificate_schemes):
        for suite in candidate_suites(offer.hello.cipher_suites, config.policy):
            try:
                return _choose_for_suite(SUITES[suite], offer, config, credentials)
            except _Unusable as miss:
                if misses is not None:
                    misses.append(miss)
    return None


def _needed(offer: Offer, config: ServerConfig) -> dict[str, CodePoint | None] | None:
    """What would be chosen under this configuration, by the field of the policy that must have it; None for nothing."""
    choice = first_choice(offer, config, candidate_credentials(offer.server_name, config))
    if choice is None:
        return None
    return {"cipher_suites": choice.parameters.suite, "groups": choice.group, "signature_schemes": choice.scheme}


def _by_chain(
    credentials: tuple[Credential, ...], schemes: tuple[SignatureScheme, ...] | None
) -> tuple[tuple[Credential, ...], ...]:
    """First the credentials whose chain is signed with schemes that the client offers (RFC 5246 7.4.2), then all
    (RFC 8446 4.4.2.2)."""
    if schemes is not None and len(credentials) > 1:
        verified = tuple(credential for credential in credentials if credential.is_verified_with(schemes))
        if 0 < len(verified) < len(credentials):
            return verified, credentials
    return (credentials,)


def candidate_suites(offered: tuple[CipherSuite, ...], policy: Policy) -> Iterable[CipherSuite]:
    """The suites that both sides have, once each, in the order of the side whose preference the policy follows."""
    if not policy.server_preference:
        allowed = set(policy.cipher_suites)
        return filter(allowed.__contains__, dict.fromkeys(offered))
    theirs = dict.fromkeys(offered)
    ours = filter(theirs.__contains__, policy.cipher_suites)
    return _among_equals(ours, theirs, policy.equal_preference) if policy.equal_preference else ours


def _among_equals(
    ours: Iterable[CipherSuite], theirs: Iterable[CipherSuite], groups: tuple[tuple[CipherSuite, ...], ...]
) -> Iterator[CipherSuite]:
    """Our order of the groups, by the first suite of each; inside a group the client's order."""
    equals = {suite: group for group in groups for suite in group}
    done: set[CipherSuite] = set()
    for suite in ours:
        if suite not in done:
            group = equals.get(suite, (suite,))
            yield from (one for one in theirs if one in group)
            done.update(group)


class _Unusable(Exception):
    """Why one suite cannot be used. The next suite is tried, so this is no error of the connection."""

    def __init__(self, reason: str, alert: Alert = Alert.HANDSHAKE_FAILURE) -> None:
        super().__init__(reason)
        self.alert = alert


def candidate_credentials(server_name: str | None, config: ServerConfig) -> tuple[Credential, ...]:
    """The credentials for the requested name; all of them where none matches.

    Raises `PeerIncompatible` if the name is none of `server_names`, or if no credential matches it and the policy says
    `require_known_server_name`.
    """
    if config.server_names and server_name is not None and server_name not in config.server_names:
        raise PeerIncompatible(
            f"the client asks for {server_name!r}, which is none of the server_names",
            alert=Alert.UNRECOGNIZED_NAME,
            rule="RFC 6066 3",
        )
    named = tuple(credential for credential in config.credentials if credential.matches(server_name))
    if named or server_name is None:
        return named or config.credentials
    if config.policy.require_known_server_name:
        raise PeerIncompatible(
            f"the client asks for {server_name!r}, for which no credential is configured",
            alert=Alert.UNRECOGNIZED_NAME,
            rule="RFC 6066 3",
            remedy=permit(config.policy, "a certificate for another name", require_known_server_name=False),
        )
    return config.credentials


def _choose_for_suite(suite: Suite, offer: Offer, config: ServerConfig, credentials: tuple[Credential, ...]) -> Choice:
    policy = config.policy
    if suite.uses_psk and config.psk is None:
        raise _Unusable("PSK suites need a psk in the ServerConfig")
    credential, scheme = None, None
    if suite.uses_certificate:
        credential, scheme = _choose_credential(suite, offer, policy, credentials)
    group = None
    if suite.is_ecdhe:
        group = _choose_ec_group(offer, policy)
    elif suite.is_dhe:
        group = _choose_ff_group(offer, config, credential)
    return Choice(parameters=suite, group=group, credential=credential, scheme=scheme)


def _choose_credential(
    suite: Suite, offer: Offer, policy: Policy, credentials: tuple[Credential, ...]
) -> tuple[Credential, SignatureScheme | None]:
    if not offer.takes_x509:
        raise _Unusable("the client takes no X.509 certificate, and we have no other", Alert.UNSUPPORTED_CERTIFICATE)
    fitting = [credential for credential in credentials if key_fits(suite, credential.key_kind)]
    if not fitting:
        raise _Unusable(f"no credential with a key for {suite.authentication.name} suites")
    if suite.encrypts_premaster:
        for credential in fitting:
            if credential.decryption_key is not None:
                return credential, None
        raise _Unusable("no RSA credential whose keyUsage allows keyEncipherment")
    for credential in fitting:
        if credential.group is not None and offer.groups is not None and credential.group not in offer.groups:
            continue
        scheme = choose_scheme(credential, _IMPLIED_SCHEMES if offer.schemes is None else offer.schemes, policy)
        if scheme is not None:
            return credential, scheme
    if offer.schemes is None:
        raise _Unusable("the client sends no signature_algorithms, and the SHA-1 it implies is not accepted")
    raise _Unusable("the client verifies no signature scheme or curve of our credentials")


def choose_scheme(credential: Credential, offered: Iterable[SignatureScheme], policy: Policy) -> SignatureScheme | None:
    """The scheme to sign with: the first of the credential's that the peer verifies and the policy allows, or None."""
    verifiable = set(offered)
    for scheme in credential.schemes:
        if scheme in verifiable and scheme in policy.signature_schemes:
            return scheme
    return None


def _choose_ec_group(offer: Offer, policy: Policy) -> NamedGroup:
    offered = (NamedGroup.SECP256R1,) if offer.groups is None else offer.groups
    first, second = (policy.groups, offered) if policy.server_preference else (offered, policy.groups)
    for group in first:
        if group in second and group in EC_GROUPS:
            return group
    raise _Unusable("the client supports none of our elliptic curves")


def _choose_ff_group(offer: Offer, config: ServerConfig, credential: Credential | None) -> NamedGroup:
    if not config.crypto.finite_fields:
        raise _Unusable(finite_field.MISSING)
    # RFC 7919 4: a client that names any finite-field group gets one of those or no DHE at all, preferably one as
    # strong as the certificate's key.
    ours = [group for group in config.policy.groups if group in FFDHE_GROUPS]
    named = {group for group in offer.groups or () if int(group) in FINITE_FIELDS}
    common = [group for group in ours if group in named] if named else ours[:1]
    if not common:
        raise _Unusable("the client supports none of our finite-field groups", Alert.INSUFFICIENT_SECURITY)
    bits: int = getattr(credential.public_key, "key_size", 0) if credential is not None else 0
    strong = (group for group in common if FFDHE_PRIMES[group].bit_length() >= bits)
    return next(strong, max(common, key=FFDHE_PRIMES.__getitem__))


def choose_alpn(offered: tuple[bytes, ...], config: ServerConfig) -> str | None:
    """The first of our protocols that the client offers; None if either side names none.

    Raises `PeerIncompatible` if there are both and nothing is common (RFC 7301 3.2).
    """
    if not config.alpn_protocols or not offered:
        return None
    for protocol in config.alpn_protocols:
        if protocol.encode() in offered:
            return protocol
    theirs = printable(", ".join(name.decode("utf-8", "backslashreplace") for name in offered[:8]))
    raise PeerIncompatible(
        f"the client offers the application protocols {theirs}; we speak {', '.join(config.alpn_protocols)}",
        alert=Alert.NO_APPLICATION_PROTOCOL,
        rule="RFC 7301 3.2",
    )
