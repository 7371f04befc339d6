"""Policy: what a connection is willing to speak, as plain, immutable, comparable data.

How it works: a `Policy` is a frozen dataclass. Five bases cover the everyday cases (`default`, `strict`,
`compatible`, `legacy_device`, `psk`); `replace` changes single fields of any of them; `explain` says of every cipher
suite whether it is in or out, and why. Nothing else in the library decides what is allowed: negotiation only
intersects policies with what a peer offers.

An ordinary policy refuses to name the algorithms of the laboratory (anonymous, NULL, RC4 and 3DES suites; MD5, SHA-1
and DSA signatures). Only `tls12.lab.policy()` has them; it returns a subclass that allows them.

The order of suites, groups and schemes is the order of preference, best first.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import Enum
from typing import Any, TypeVar

from tls12.crypto import finite_field
from tls12.crypto.groups import EC_GROUPS
from tls12.crypto.signatures import SCHEMES
from tls12.crypto.suites import SUITES, Authentication, Suite
from tls12.errors import UsageError
from tls12.given import name_value
from tls12.registry import CipherSuite, CodePoint, NamedGroup, SignatureScheme
from tls12.registry.spellings import find_by_name
from tls12.wire.key_exchange import KeyExchangeAlgorithm as Kx

P = TypeVar("P", bound="Policy")
K = TypeVar("K", bound=CodePoint)


class Renegotiation(Enum):
    """What happens when the peer asks for a handshake on an established connection (RFC 5746, RFC 5246 7.4.1.1)."""

    WARN = "answer with the warning no_renegotiation and go on"
    FATAL = "end the connection: with handshake_failure, or unexpected_message during a handshake"
    ALLOW = "renegotiate"


SMALLEST_MODULUS = finite_field.SMALLEST_MODULUS
"""Bits. No policy accepts a shorter RSA key or finite-field modulus."""

DEFAULT_GROUPS = (
    NamedGroup.X25519,
    NamedGroup.SECP256R1,
    NamedGroup.SECP384R1,
    NamedGroup.SECP521R1,
    NamedGroup.X448,
)
BRAINPOOL_GROUPS = (NamedGroup.BRAINPOOLP256R1, NamedGroup.BRAINPOOLP384R1, NamedGroup.BRAINPOOLP512R1)
FFDHE_GROUPS = (
    NamedGroup.FFDHE2048,
    NamedGroup.FFDHE3072,
    NamedGroup.FFDHE4096,
    NamedGroup.FFDHE6144,
    NamedGroup.FFDHE8192,
)
DEFAULT_SCHEMES = (
    SignatureScheme.ECDSA_SECP256R1_SHA256,
    SignatureScheme.ED25519,
    SignatureScheme.RSA_PSS_RSAE_SHA256,
    SignatureScheme.ECDSA_SECP384R1_SHA384,
    SignatureScheme.ECDSA_SECP521R1_SHA512,
    SignatureScheme.ED448,
    SignatureScheme.RSA_PSS_PSS_SHA256,
    SignatureScheme.RSA_PSS_RSAE_SHA384,
    SignatureScheme.RSA_PSS_PSS_SHA384,
    SignatureScheme.RSA_PSS_RSAE_SHA512,
    SignatureScheme.RSA_PSS_PSS_SHA512,
    SignatureScheme.RSA_PKCS1_SHA256,
    SignatureScheme.RSA_PKCS1_SHA384,
    SignatureScheme.RSA_PKCS1_SHA512,
)

_KX_ORDER = (Kx.ECDHE, Kx.ECDHE_PSK, Kx.DHE, Kx.DHE_PSK, Kx.RSA_PSK, Kx.PSK, Kx.RSA, Kx.ECDH_ANON, Kx.DH_ANON)
_AUTH_ORDER = (
    Authentication.ECDSA,
    Authentication.RSA,
    Authentication.PSK,
    Authentication.DSS,
    Authentication.ANON,
)


def _preference(suite: Suite) -> tuple[int, ...]:
    """Forward secrecy first, then AEAD, then the faster of equally strong ciphers, then the key type."""
    return (
        suite.lab_only,
        _KX_ORDER.index(suite.key_exchange),
        not suite.is_aead,
        "CCM_8" in suite.suite.name,
        "CCM" in suite.suite.name,
        "CHACHA20" in suite.suite.name,
        suite.cipher.key_length,
        "CAMELLIA" in suite.suite.name,
        _AUTH_ORDER.index(suite.authentication),
        int(suite.suite),
    )


def suites_where(wanted: Callable[[Suite], bool]) -> tuple[CipherSuite, ...]:
    """The cipher suites whose facts satisfy `wanted`, best first."""
    return tuple(row.suite for row in sorted(SUITES.values(), key=_preference) if wanted(row))


def _modern(row: Suite) -> bool:
    return (
        not row.lab_only
        and row.is_aead
        and row.key_exchange in (Kx.ECDHE, Kx.PSK, Kx.ECDHE_PSK)
        and "CCM_8" not in row.suite.name
    )


def _ordinary(row: Suite) -> bool:
    return not row.lab_only


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line of `Policy.explain()`: a suite, whether the policy has it, and why."""

    suite: CipherSuite
    included: bool
    reason: str

    def __str__(self) -> str:
        mark = "in " if self.included else "out"
        return f"{mark}  {self.suite}  ({self.suite.openssl_name or 'no OpenSSL name'}): {self.reason}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What `Policy.explain()` gives: iterable verdicts; its text is a line each."""

    policy: str
    verdicts: tuple[Verdict, ...]

    def __iter__(self) -> Iterator[Verdict]:
        return iter(self.verdicts)

    def __len__(self) -> int:
        return len(self.verdicts)

    def __str__(self) -> str:
        return "\n".join(map(str, self.verdicts))


class Difference(dict[str, tuple[Any, Any]]):
    """What `Policy.diff` gives: each field that differs, with both values; printed, what was added and removed."""

    @property
    def added(self) -> dict[str, tuple[Any, ...]]:
        """Of each field with several values: those that only the other policy has."""
        return self._only(1)

    @property
    def removed(self) -> dict[str, tuple[Any, ...]]:
        """Of each field with several values: those that only this policy has."""
        return self._only(0)

    def _only(self, here: int) -> dict[str, tuple[Any, ...]]:
        several = {name: pair for name, pair in self.items() if isinstance(pair[0], tuple)}
        found = {name: tuple(v for v in pair[here] if v not in pair[1 - here]) for name, pair in several.items()}
        return {name: values for name, values in found.items() if values}

    def __str__(self) -> str:
        return "\n".join(map(self._line, self)) or "no difference"

    def _line(self, name: str) -> str:
        ours, theirs = self[name]
        if not isinstance(ours, tuple):
            return f"{name}: {_word(ours)} -> {_word(theirs)}"
        changes = [f"+{_word(v)}" for v in self.added.get(name, ())] + [
            f"-{_word(v)}" for v in self.removed.get(name, ())
        ]
        return f"{name}: {' '.join(changes) or 'another order'}"


def _word(value: object) -> str:
    if isinstance(value, tuple):
        return f"({' '.join(map(_word, value))})"
    return value.name if isinstance(value, Renegotiation) else str(value)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Policy:
    """Which suites, groups, schemes, extensions and peers are acceptable.

    Raises `UsageError` for unknown names, for algorithms that only the laboratory may use, and for values out of range.
    """

    name: str
    """The name of the policy in error messages and in `tls12 suites`."""
    cipher_suites: tuple[CipherSuite, ...]
    """Offered by a client in this order; a server prefers in this order."""
    groups: tuple[NamedGroup, ...]
    """Elliptic curves and RFC 7919 groups."""
    signature_schemes: tuple[SignatureScheme, ...]
    """The schemes that the peer and we may sign with."""
    certificate_schemes: tuple[SignatureScheme, ...] = ()
    """The schemes inside the certificates of a peer's chain, if they differ from `signature_schemes`: a client then
    offers them in signature_algorithms_cert (RFC 8446 4.2.3). What is accepted is decided by the verifier."""
    server_preference: bool = True
    """A server's order of suites and elliptic curves wins over its client's."""
    equal_preference: tuple[tuple[CipherSuite, ...], ...] = ()
    """Groups of suites that a server holds equal: inside one the client's order wins. With AES-GCM and
    ChaCha20-Poly1305 in a group, a device without AES hardware gets the ChaCha20 that it puts first."""
    encrypt_then_mac: bool = True
    """Offer and accept RFC 7366 for CBC suites."""
    require_extended_master_secret: bool = False
    """Refuse peers without RFC 7627. Without it a connection is accepted, but what rests on it is refused there:
    resumption, renegotiation, exporters for authentication, tls-unique and tls-exporter."""
    reuse_legacy_sessions: bool = False
    """Resume sessions, and renegotiate connections, that were made without RFC 7627 (its 5.3 calls that "legacy
    insecure resumption"; risk: triple handshake)."""
    require_secure_renegotiation: bool = True
    """A client refuses servers without RFC 5746: it cannot see whether they renegotiate (risk: injected prefix)."""
    require_secure_renegotiation_of_clients: bool = False
    """A server refuses clients without RFC 5746. It does not have to: with such a client it never renegotiates, and
    so has no prefix to take for the client's (RFC 5746 4.3)."""
    renegotiation: Renegotiation = Renegotiation.WARN
    """Whether a peer may begin a new handshake on the connection."""
    minimum_rsa_bits: int = 2048
    """Smallest RSA key of a certificate, in bits. If it is 2048 or more, an ECDSA key needs a curve of 224 bits."""
    maximum_rsa_bits: int = 8192
    """Largest RSA key of a certificate that a peer sends, in bits: the time to verify with one grows with its square,
    and a chain asks for that before the peer has proved anything."""
    minimum_dh_bits: int = 2048
    """Smallest finite-field modulus, in bits."""
    accept_custom_dh: bool = True
    """A client accepts a finite-field group without a name although it offered those of RFC 7919 (3.1)."""
    record_size_limit: bool = True
    """Offer and answer RFC 8449."""
    max_fragment_length: bool = False
    """A server honours RFC 6066 4."""
    require_known_server_name: bool = False
    """A server whose credentials match no requested name ends with unrecognized_name instead of using the first."""
    conceal_psk_identities: bool = False
    """A server answers an unknown PSK identity like a wrong key instead of with unknown_psk_identity (RFC 4279 2)."""
    send_grease: bool = False
    """A client adds GREASE values (RFC 8701)."""
    pad_client_hello: bool = False
    """A client pads a ClientHello of 256 to 511 bytes to 512 (RFC 7685)."""
    fingerprint: bytes = field(init=False, repr=False, compare=False)
    """A digest of everything but the name; sessions are bound to it."""

    def __post_init__(self) -> None:
        # Copied into tuples, because a list that was given could change after the checks. A code point that is named
        # twice, perhaps in two spellings, is kept once, because each entry is sent to the peer.
        for name, kind in _CODE_POINTS.items():
            object.__setattr__(self, name, tuple(dict.fromkeys(_members(name, kind, getattr(self, name)))))
        equal_preference = tuple(
            _members("equal_preference", CipherSuite, group)
            for group in _several("equal_preference", self.equal_preference)
        )
        object.__setattr__(self, "equal_preference", equal_preference)
        for f in dataclasses.fields(self):
            wanted = _PLAIN_TYPES.get(str(f.type))
            if wanted is not None and type(getattr(self, f.name)) is not wanted:
                values = " or ".join(map(str, wanted)) if issubclass(wanted, Enum) else f"of type {f.type}"
                raise UsageError(f"{f.name} is {values}, not {getattr(self, f.name)!r}")
        for suite in self.cipher_suites:
            row = SUITES.get(suite)
            if row is None:
                raise UsageError(f"{suite} cannot be computed here; `tls12 suites` lists what can")
            if row.lab_only and not self._allows_lab():
                raise UsageError(f"{suite} is broken or unauthenticated; only tls12.lab.policy() may name it")
        equal = [suite for group in self.equal_preference for suite in group]
        for suite in equal:
            if suite not in self.cipher_suites:
                raise UsageError(f"equal_preference names {suite}, which the policy does not have")
            if equal.count(suite) > 1:
                raise UsageError(f"equal_preference names {suite} twice")
        for group in self.groups:
            if group not in EC_GROUPS and group not in FFDHE_GROUPS:
                raise UsageError(f"group {group} cannot be computed here")
            if group is NamedGroup.SECP256K1 and not self._allows_lab():
                raise UsageError("secp256k1 is for research; only tls12.lab.policy() may name it")
        for scheme in (*self.signature_schemes, *self.certificate_schemes):
            facts = SCHEMES.get(scheme)
            if facts is None:
                raise UsageError(f"signature scheme {scheme} cannot be computed here")
            if facts.lab_only and not self._allows_lab():
                raise UsageError(f"{scheme} is broken; only tls12.lab.policy() may name it")
        if self.minimum_rsa_bits < SMALLEST_MODULUS or self.minimum_dh_bits < SMALLEST_MODULUS:
            raise UsageError(f"minimum_rsa_bits and minimum_dh_bits cannot be below {SMALLEST_MODULUS}")
        if self.maximum_rsa_bits < self.minimum_rsa_bits:
            raise UsageError(
                f"maximum_rsa_bits ({self.maximum_rsa_bits}) is less than minimum_rsa_bits ({self.minimum_rsa_bits})"
            )
        compared = repr([getattr(self, name) for name in _compared()])
        object.__setattr__(self, "fingerprint", hashlib.sha256(compared.encode()).digest())

    def __repr__(self) -> str:
        counts = (f"{len(getattr(self, name))} {name}" for name in _CODE_POINTS if getattr(self, name))
        others = (f for f in dataclasses.fields(self) if f.name in _compared() and str(f.type) in _PLAIN_TYPES)
        unusual = (f"{f.name}={getattr(self, f.name)!s}" for f in others if getattr(self, f.name) != f.default)
        return f"<{type(self).__name__} {self.name!r}: {', '.join((*counts, *unusual))}>"

    def _allows_lab(self) -> bool:
        return False

    @classmethod
    def default(cls) -> Policy:
        """Today's servers and clients: ECDHE, AEAD, SHA-2, and PSK or ECDHE_PSK once a PSK is configured.

        Extended master secret (RFC 7627) is preferred, and a peer without it accepted.
        """
        return _DEFAULT

    @classmethod
    def strict(cls) -> Policy:
        """`default`, and every peer must have extended master secret (RFC 7627) and secure renegotiation (RFC 5746)."""
        return _STRICT_POLICY

    @classmethod
    def compatible(cls) -> Policy:
        """`default` and what peers without AEAD or ECDHE need: DHE, RSA transport, CBC, CCM_8, Camellia, brainpool."""
        return _COMPATIBLE

    @classmethod
    def legacy_device(cls) -> Policy:
        """`compatible` for old equipment: servers without RFC 5746, reuse without RFC 7627, RSA and DHE of 1024."""
        return _LEGACY_DEVICE

    @classmethod
    def psk(cls) -> Policy:
        """Devices with pre-shared keys: every PSK suite, forward secrecy first, and no certificates but RSA_PSK's."""
        return _PSK

    def replace(self: P, **changes: Any) -> P:
        """A copy with these fields changed. Raises `UsageError` for what an ordinary policy cannot name.

        Suites, groups and schemes are given as members, as numbers, or by their names: those of IANA, and of OpenSSL.
        """
        unknown = sorted(changes.keys() - {"name", *_compared()})
        if unknown:
            near = get_close_matches(unknown[0], _compared(), n=1)
            hint = f"; is it {near[0]}?" if near else ""
            raise UsageError(f"a Policy has no such field: {', '.join(unknown)}{hint}")
        if "name" not in changes and changes:
            changes["name"] = self.name if self.name.endswith("(changed)") else f"{self.name} (changed)"
        return dataclasses.replace(self, **changes)

    def diff(self, other: Policy) -> Difference:
        """The fields in which two policies differ, by name: (ours, theirs). Printed, what theirs adds and lacks."""
        if not isinstance(other, Policy):
            raise UsageError(f"diff() compares with a Policy, not with {name_value(other)}")
        pairs = {name: (getattr(self, name), getattr(other, name)) for name in _compared()}
        return Difference((name, pair) for name, pair in pairs.items() if pair[0] != pair[1])

    def explain(self) -> Explanation:
        """Every suite that IANA lists, in or out, and why."""
        chosen = set(self.cipher_suites)
        ordered = (*self.cipher_suites, *(suite for suite in CipherSuite if suite not in chosen))
        return Explanation(
            self.name,
            tuple(Verdict(suite, suite in chosen, _reason(suite, suite in chosen)) for suite in ordered),
        )


_CODE_POINTS: dict[str, type[CodePoint]] = {
    "cipher_suites": CipherSuite,
    "groups": NamedGroup,
    "signature_schemes": SignatureScheme,
    "certificate_schemes": SignatureScheme,
}
_PLAIN_TYPES = {"str": str, "bool": bool, "int": int, "Renegotiation": Renegotiation}
"""The exact type of a field with this annotation. A subclass is refused: True is no number of bits."""


def _several(name: str, values: Any) -> Iterable[Any]:
    """What a field holds several of. Raises `UsageError` for a single one."""
    if isinstance(values, str | bytes | int) or not isinstance(values, Iterable):
        raise UsageError(f"{name} is {name_value(values)}; give a tuple, even of one")
    return values


def _members(name: str, kind: type[K], values: Any) -> tuple[K, ...]:
    """Code points as they may be given: members, numbers or names. Raises `UsageError` that names the field."""
    return tuple(_member(name, kind, value) for value in _several(name, values))


def _member(name: str, kind: type[K], value: Any) -> K:
    most = (1 << 8 * kind.size) - 1
    if isinstance(value, CodePoint) and not isinstance(value, kind):
        raise UsageError(f"{name} holds {value!r}, which is no {kind.__name__}")
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most:
        return kind.of(value)
    if not isinstance(value, str):
        raise UsageError(f"{name} holds {value!r:.80}; give a {kind.__name__}, its number, or its name")
    try:
        return find_by_name(kind, value)
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from None


def _compared() -> tuple[str, ...]:
    """The fields that make a policy what it is."""
    return tuple(f.name for f in dataclasses.fields(Policy) if f.init and f.name != "name")


_FORWARD = "forward secrecy"
_SUITE_REASONS: tuple[tuple[Callable[[Suite], bool], str, str], ...] = (
    # applies to                                         why in                                    why out
    (lambda s: s.authentication is Authentication.ANON, "laboratory", "unauthenticated: laboratory only"),
    (lambda s: s.lab_only, "laboratory", "broken cipher, MAC or signature: laboratory only"),
    (
        lambda s: s.key_exchange is Kx.RSA,
        "for peers without ECDHE",
        "RSA key transport has no forward secrecy",
    ),
    (lambda s: s.is_cbc, "for peers without AEAD", "CBC: padding-oracle history; AEAD is preferred"),
    (lambda s: "CCM_8" in s.suite.name, "for constrained devices", "a tag of 64 bits only"),
    (lambda s: s.key_exchange is Kx.RSA_PSK, "authenticated by PSK and RSA", "needs Policy.psk() and a PSK"),
    (
        lambda s: s.key_exchange is Kx.DHE_PSK,
        f"{_FORWARD}, when a PSK is configured",
        "needs Policy.psk() and a PSK",
    ),
    (
        lambda s: s.key_exchange is Kx.DHE,
        f"{_FORWARD} for peers without ECDHE",
        "finite-field DH is slow and ageing",
    ),
    (
        lambda s: s.key_exchange is Kx.ECDHE_PSK,
        f"{_FORWARD}, when a PSK is configured",
        "not named by this policy",
    ),
    (lambda s: s.key_exchange is Kx.PSK, "when a PSK is configured", "not named by this policy"),
    (lambda s: True, f"{_FORWARD} and AEAD", "not named by this policy"),
)
_NOT_SUITES = (CipherSuite.TLS_EMPTY_RENEGOTIATION_INFO_SCSV, CipherSuite.TLS_FALLBACK_SCSV)


def _reason(suite: CipherSuite, included: bool) -> str:
    row = SUITES.get(suite)
    if row is None:
        return "a signal, not a suite" if suite in _NOT_SUITES else "parsed and printed only: cannot be computed here"
    why_in, why_out = next((yes, no) for applies, yes, no in _SUITE_REASONS if applies(row))
    return why_in if included else why_out


_DEFAULT = Policy(
    name="default",
    cipher_suites=suites_where(_modern),
    groups=DEFAULT_GROUPS,
    signature_schemes=DEFAULT_SCHEMES,
)
_STRICT_POLICY = dataclasses.replace(
    _DEFAULT,
    name="strict",
    require_extended_master_secret=True,
    require_secure_renegotiation_of_clients=True,
)
_COMPATIBLE = dataclasses.replace(
    _DEFAULT,
    name="compatible",
    cipher_suites=suites_where(_ordinary),
    groups=(*DEFAULT_GROUPS, *BRAINPOOL_GROUPS, *FFDHE_GROUPS),
    max_fragment_length=True,
)
_LEGACY_DEVICE = dataclasses.replace(
    _COMPATIBLE,
    name="legacy_device",
    reuse_legacy_sessions=True,
    require_secure_renegotiation=False,
    minimum_rsa_bits=1024,
    minimum_dh_bits=1024,
)
_PSK = dataclasses.replace(
    _COMPATIBLE,
    name="psk",
    cipher_suites=suites_where(lambda row: not row.lab_only and row.uses_psk),
)
