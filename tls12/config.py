"""Configuration: everything that a connection needs to know except its peer. Immutable, and may be shared.

How it works: `ClientConfig` and `ServerConfig` are frozen dataclasses. They are checked once, when they are made, not
by each connection; any number of connections and threads may share one. `ClientConfig.verifier` has no default, so a
client must say how the peer is verified; with None it offers no suite that needs a certificate.

Cryptography (`crypto`), randomness (`random`) and time (`clock`) are injected. With the latter two fixed a handshake
is reproducible to the byte, ECDSA signatures included, except where the backend draws by itself: for RSA-PSS and DSA
signatures, and for RSA encryption. That is for tests and research ONLY: a connection whose randomness can be guessed
protects nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import Enum
from typing import Any, SupportsIndex, TypeAlias, cast

from tls12.crypto.provider import STANDARD, CryptoProvider, draw_of
from tls12.crypto.randomness import Draw
from tls12.crypto.suites import SUITES, Suite
from tls12.errors import UsageError
from tls12.given import checked_clock, name_value, require, require_function
from tls12.keylog import KeyLog
from tls12.misplaced import NoSSLContext
from tls12.policy import Policy
from tls12.registry import CipherSuite, HandshakeType
from tls12.resumption.stores import SessionStore
from tls12.resumption.tickets import TicketKeys
from tls12.secrecy import made_in_secret
from tls12.trust.credentials import Credential
from tls12.trust.names import normalise_server_name
from tls12.trust.verifier import Verifier
from tls12.wire.extensions import Extension
from tls12.wire.hello import ClientHello
from tls12.wire.memory import Memory
from tls12.wire.mode import ALWAYS_READ, ANY_NUMBER, Mode


class ClientAuth(Enum):
    """Whether a server asks its clients for a certificate (RFC 5246 7.4.4)."""

    NONE = "never asks"
    OPTIONAL = "asks, and goes on without"
    REQUIRED = "asks, and refuses clients without"


_PSK_EXAMPLE = {"identity": 'b"thermostat-17"', "key": 'bytes.fromhex("...")'}


def check_psk(identity: bytes, key: bytes) -> None:
    """Raises `UsageError` for what cannot be a PSK and its identity."""
    for name, value in (("identity", identity), ("key", key)):
        if not isinstance(value, bytes):
            raise UsageError(f"the {name} of a PSK is {name_value(value)}; give bytes, such as {_PSK_EXAMPLE[name]}")
    if not key:
        raise UsageError("a PSK key is empty; give at least 16 random bytes")
    if len(identity) > 0xFFFF or len(key) > 0xFFFF:
        raise UsageError("a PSK identity or key is longer than 65535 bytes")


@made_in_secret
@dataclass(frozen=True, slots=True)
class Psk:
    """A pre-shared key (RFC 4279): the identity that the client names, and the key. `repr` hides the key."""

    identity: bytes
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_psk(self.identity, self.key)

    def __reduce__(self) -> str:
        raise TypeError("a Psk holds a secret and cannot be pickled")


ClientPsk: TypeAlias = Psk | Callable[[bytes], Psk | None]
"""A client's key, or a function from the server's hint (empty if none) to it."""
PSK_EXPECTED = "it gives a Psk(identity, key), or None"
ServerPsk: TypeAlias = Mapping[bytes, bytes] | Callable[[bytes], bytes | None]
"""A server's keys by identity, or a function from the identity to the key."""

_MESSAGE_SIZES: Mapping[HandshakeType, int] = {
    HandshakeType.HELLO_REQUEST: 16_384,  # empty, as ServerHelloDone; whether it may come at all is asked first
    HandshakeType.CLIENT_HELLO: 16_384,  # what real clients send: docs/public-server.md
    HandshakeType.SERVER_HELLO: 16_384,
    HandshakeType.CERTIFICATE: 131_072,
    HandshakeType.SERVER_KEY_EXCHANGE: 16_384,
    HandshakeType.CERTIFICATE_REQUEST: 131_072,
    HandshakeType.SERVER_HELLO_DONE: 16_384,
    HandshakeType.CERTIFICATE_VERIFY: 16_384,
    HandshakeType.CLIENT_KEY_EXCHANGE: 16_384,
    HandshakeType.FINISHED: 16_384,  # 12 bytes; a wrong length must reach the comparison (decrypt_error)
    HandshakeType.NEW_SESSION_TICKET: 65_542,
    HandshakeType.CERTIFICATE_STATUS: 131_072,
}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _brief(config: ClientConfig | ServerConfig | Limits) -> str:
    """What differs from the defaults, on one line, without secrets."""
    shown = []
    for f in fields(config):
        value = getattr(config, f.name)
        default = f.default_factory() if f.default_factory is not MISSING else f.default
        if f.name == "policy":
            shown.append(f"policy={value.name}")
        elif f.compare and value != default:
            shown.append(f"{f.name}={_word(value)}")
    return f"{type(config).__name__}({', '.join(shown)})"


def _word(value: object) -> str:
    """A field's value in a few words: plain values as they are, of all others the type or the number of entries."""
    match value:
        case Enum():
            return value.name
        case bool() | int() | float() | str() | None:
            return repr(value)
        case tuple() if all(isinstance(each, str) for each in value):
            return f"({', '.join(map(str, value[:4]))}{', ...' if len(value) > 4 else ''})"
        case tuple() | Mapping():
            return f"<{len(value)}>"
        case _:
            return f"<{getattr(value, '__name__', type(value).__name__)}>"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Limits:
    """Bounds on what a peer may make us do or keep. Sizes in bytes, times in seconds.

    The defaults hold on the open Internet: what real peers send stays well below (docs/public-server.md says which were
    measured). `Limits.of_the_format()` takes every hello and message that can be encoded, for research.

    Raises `UsageError` for a value that is not a number or is negative, and for `list_entries` below 255.
    """

    message_sizes: Mapping[HandshakeType, int] = field(default_factory=lambda: _MESSAGE_SIZES)
    """The longest body of each handshake message, checked on its declared length."""
    other_message_size: int = 65_536
    """The longest body of a handshake message that `message_sizes` does not name."""
    extensions: int = 64
    """Extensions in the peer's hello (RFC 5246 7.4.1.4)."""
    list_entries: int = 400
    """Entries in any one list of a handshake message: cipher suites, groups, signature schemes, certificates, names of
    authorities. 255 or more."""
    structures: int = 32
    """Entries of all lists in one extension whose entries have parts or a length of their own, which take longest to
    read: application protocols, server names, requests for OCSP responses, trusted authorities, cached objects. Also
    those of one CertificateURL or SupplementalData."""
    certificates: int = 16
    """Certificates in the peer's chain."""
    warnings: int = 8
    """Consecutive warning alerts without a handshake message or a non-empty data record between them."""
    empty_records: int = 32
    """Consecutive empty application_data records."""
    hello_requests: int = 8
    """HelloRequests on one connection, during and after handshakes."""
    renegotiations: int = 4
    """Handshakes on one connection after the first, where the policy allows them at all."""
    records_per_key: int | None = None
    """Records with application data that one key may protect, in either direction; None goes by the cipher alone."""
    handshake_seconds: float | None = None
    """How long a handshake may take by the injected clock; None leaves that to the caller's time-outs."""
    buffered: int = 262_144
    """Input kept while the connection is paused, and bytes after a close_notify."""
    held: int = 4_194_304
    """Application data that waits for the end of a renegotiation. A write below the bound is taken whole, however long.
    A write at the bound fails the connection, because the peer delays us and the application did not look at
    `bytes_held`. The adapters stop their writers long before."""
    psk_identity: int = 1_024
    """The longest PSK identity that a server looks up; beyond 15,000, `message_sizes` must grow for it, too."""

    def __post_init__(self) -> None:
        for f in fields(self):
            value, kinds = getattr(self, f.name), str(f.type)
            if value is None and "None" in kinds:
                continue
            if kinds.startswith("int") and (type(value) is not int or value < 0):
                raise UsageError(f"{f.name} is {value!r:.80}; give a whole number, not negative")
            if kinds.startswith("float") and not (_is_number(value) and value >= 0):
                raise UsageError(f"{f.name} is {value!r:.80}; give a number of seconds, not negative")
        sizes = self.message_sizes
        if not isinstance(sizes, Mapping) or not all(type(size) is int and size >= 0 for size in sizes.values()):
            raise UsageError(f"message_sizes is {name_value(sizes)}; give a mapping from HandshakeType to bytes")
        if self.list_entries < ALWAYS_READ:
            raise UsageError(
                f"list_entries is {self.list_entries}; lists of up to {ALWAYS_READ} entries are always read, "
                "so give that or more"
            )

    __repr__ = _brief

    def size_of(self, message: HandshakeType) -> int:
        """The longest body of this kind of message."""
        return self.message_sizes.get(message, self.other_message_size)

    @classmethod
    def of_the_format(cls) -> Limits:
        """The defaults, but for the sizes of messages and lists: those are what the encoding has room for.

        One hello may then cost much time and memory. For the laboratory, not for a public server.
        """
        return cls(
            message_sizes=_LARGEST_MESSAGES,
            extensions=16_384,
            list_entries=ANY_NUMBER,
            structures=ANY_NUMBER,
        )


_LARGEST_MESSAGES: Mapping[HandshakeType, int] = {
    **_MESSAGE_SIZES,
    HandshakeType.CLIENT_HELLO: 131_396,
    HandshakeType.SERVER_HELLO: 65_607,
    HandshakeType.CLIENT_KEY_EXCHANGE: 131_074,  # two opaque<0..2^16-1>, identity and share
}
"""The sizes of `Limits.of_the_format`: the largest hellos and ClientKeyExchange that can be encoded."""

_USUAL = Limits()
_LABORATORY = Limits.of_the_format()


def _by_policy(limits: Limits, policy: Policy) -> Limits:
    """The limits that were given; without any, the usual ones, or the laboratory's under a laboratory policy."""
    if limits is _USUAL or limits is _LABORATORY:
        return _LABORATORY if policy._allows_lab() else _USUAL
    return limits


@made_in_secret
@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ClientConfig(NoSSLContext):
    """What a client needs besides the server's name. Raises `UsageError` for values that cannot work together."""

    verifier: Verifier | None
    """Decides whether the server's certificate is accepted. None offers only suites without certificates."""
    policy: Policy = field(default_factory=Policy.default)
    alpn_protocols: tuple[str, ...] = ()
    """Application protocols offered, best first (RFC 7301)."""
    credentials: tuple[Credential, ...] = ()
    """Certificates that the client may authenticate with."""
    require_credential: bool = False
    """Fail (handshake_failure) instead of sending an empty Certificate when the server asks and none of ours fits."""
    sessions: SessionStore | None = None
    """Where sessions are stored and looked up. A `session=` that is given to a connection is used instead."""
    psk: ClientPsk | None = None
    keylog: KeyLog | None = None
    limits: Limits = _USUAL
    """Bounds on what the peer may make us do. Unless given: `Limits()`, or under the laboratory's policy
    `Limits.of_the_format()`."""
    half_close: bool = False
    """The peer's close_notify ends only its own direction."""
    pack_small_writes: bool = False
    """Writes that wait for the same `data_to_send()` share records, instead of one record or more for each."""
    fallback_scsv: bool = False
    """Say that this connection is a second attempt, after one with a later version of TLS, by a stack that speaks it,
    has failed: a server that speaks a later one then refuses with inappropriate_fallback (RFC 7507)."""
    request_ocsp: bool = True
    """Ask for a staple (RFC 6066 8)."""
    request_scts: bool = True
    """Ask for signed certificate timestamps (RFC 6962)."""
    request_ticket: bool = True
    """Offer session tickets (RFC 5077). Without them the client resumes by session id only, if at all."""
    extensions: tuple[Extension, ...] = ()
    """Extensions of your own for the ClientHello; what the server answers is in `Negotiated.custom_extensions`."""
    max_fragment_length: int | None = None
    """Ask for records of at most 512, 1024, 2048 or 4096 bytes, both ways, the handshake's too (RFC 6066 4)."""
    record_size_limit: int = 16_384
    """The largest plaintext record that we want to receive, 64 to 16384 bytes (RFC 8449)."""
    max_send_fragment: int = 16_384
    """The largest plaintext record that we send, 512 to 16384 bytes, the handshake's too; the peer may want smaller."""
    crypto: CryptoProvider = STANDARD
    """What makes keys, signs, verifies, protects records and draws random bytes (`tls12.crypto.provider`)."""
    random: Callable[[int], bytes] = os.urandom
    """The source of random bytes for every purpose; with `os.urandom` they come from `crypto`."""
    clock: Callable[[], float] = time.time
    memory: Memory | None = field(default_factory=Memory, compare=False)
    """A cache of what was read and made before, for all connections whose configurations have this object. With None
    nothing is cached, and the same input always takes the same path through the code."""
    suites: tuple[Suite, ...] = field(init=False, repr=False, compare=False)
    """What is offered: the policy's suites, less those that this configuration could not carry through."""
    draw: Draw = field(init=False, repr=False, compare=False)
    """What all random bytes are drawn with, by purpose: out of `random` or `crypto`, and checked."""
    now: Callable[[], float] = field(init=False, repr=False, compare=False)
    """`clock`, with what it gives checked."""
    mode: Mode = field(init=False, repr=False, compare=False)
    """How the peer's messages are read: by `limits` and with `memory`."""

    def __post_init__(self) -> None:
        _check_common(self)
        object.__setattr__(self, "extensions", extensions_of("extensions", self.extensions))
        if self.max_fragment_length not in (None, 512, 1024, 2048, 4096):
            raise UsageError(
                f"max_fragment_length {self.max_fragment_length} is not 512, 1024, 2048 or 4096 (RFC 6066 4)"
            )
        if not (self.psk is None or isinstance(self.psk, Psk) or callable(self.psk)):
            raise UsageError(
                f"psk is {name_value(self.psk)}; give a Psk(identity, key), or a function from the server's hint to one"
            )
        rows = (SUITES[suite] for suite in self.policy.cipher_suites)
        offered = (
            row
            for row in rows
            if (self.psk is not None or not row.uses_psk)
            and (self.verifier is not None or not row.uses_certificate)
            and (self.crypto.finite_fields or not row.is_dhe)
        )
        object.__setattr__(self, "suites", tuple(offered))

    __repr__ = _brief


def _needs_only_certificates(suite: CipherSuite) -> bool:
    return SUITES[suite].uses_certificate and not SUITES[suite].uses_psk


_UNSAID = cast("tuple[Credential, ...]", object())
"""The credentials of a server whose configuration does not mention them."""


@made_in_secret
@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ServerConfig(NoSSLContext):
    """What a server needs. Raises `UsageError` for what cannot work."""

    credentials: tuple[Credential, ...] = _UNSAID
    """Certificates to choose from: by the requested name, then by what the client can verify. A server needs some, or
    `psk`. Where both come from answers (`ClientHelloReceived`, `PskLookupRequested`), say so: `credentials=()`."""
    policy: Policy = field(default_factory=Policy.default)
    alpn_protocols: tuple[str, ...] = ()
    """Application protocols spoken, best first; without any, the extension is ignored."""
    server_names: tuple[str, ...] = ()
    """The host names that are served: a client that asks for another gets unrecognized_name, even where a
    certificate would cover it, so that an attacker cannot lead it here from another service (ALPACA). Without any, the
    credentials and `Policy.require_known_server_name` decide."""
    client_auth: ClientAuth = ClientAuth.NONE
    verifier: Verifier | None = None
    """Decides whether a client certificate is accepted; needed unless `client_auth` is NONE."""
    sessions: SessionStore | None = None
    """Sessions for resumption by id."""
    ticket_keys: TicketKeys | None = None
    """Keys for resumption by ticket (RFC 5077)."""
    psk: ServerPsk | None = field(default=None, repr=False)
    psk_identity_hint: bytes | None = None
    keylog: KeyLog | None = None
    limits: Limits = _USUAL
    """Bounds on what the peer may make us do. Unless given: `Limits()`, or under the laboratory's policy
    `Limits.of_the_format()`."""
    half_close: bool = False
    """The peer's close_notify ends only its own direction."""
    pack_small_writes: bool = False
    """Writes that wait for the same `data_to_send()` share records, instead of one record or more for each."""
    certificate_authorities: tuple[bytes, ...] = ()
    """Names (DER) in the CertificateRequest; empty means any."""
    session_lifetime: float = 7_200.0
    """Seconds for which a session may be resumed."""
    resume_across_keys: bool = False
    """Resume also sessions that were made under a certificate with another key of the same kind, if the present one is
    for the same names. Otherwise a session remains usable after its certificate is renewed only if the key stays."""
    extensions: Callable[[ClientHello], Iterable[Extension]] | None = None
    """Extensions of your own for the ServerHello, made from the ClientHello: only types that it offers are sent."""
    record_size_limit: int = 16_384
    """The largest plaintext record that we want to receive, 64 to 16384 bytes (RFC 8449)."""
    max_send_fragment: int = 16_384
    """The largest plaintext record that we send, 512 to 16384 bytes, the handshake's too; the peer may want smaller."""
    crypto: CryptoProvider = STANDARD
    """What makes keys, signs, verifies, protects records and draws random bytes (`tls12.crypto.provider`)."""
    random: Callable[[int], bytes] = os.urandom
    """The source of random bytes for every purpose; with `os.urandom` they come from `crypto`."""
    clock: Callable[[], float] = time.time
    memory: Memory | None = field(default_factory=Memory, compare=False)
    """A cache of what was read and made before, for all connections whose configurations have this object. With None
    nothing is cached, and the same input always takes the same path through the code."""
    suites: tuple[Suite, ...] = field(init=False, repr=False, compare=False)
    """What can be chosen: the policy's suites, less those that this configuration could not carry through."""
    draw: Draw = field(init=False, repr=False, compare=False)
    """What all random bytes are drawn with, by purpose: out of `random` or `crypto`, and checked."""
    now: Callable[[], float] = field(init=False, repr=False, compare=False)
    """`clock`, with what it gives checked."""
    mode: Mode = field(init=False, repr=False, compare=False)
    """How the peer's messages are read: by `limits` and with `memory`."""

    def __post_init__(self) -> None:
        unsaid = self.credentials is _UNSAID
        if unsaid:
            object.__setattr__(self, "credentials", ())
        _check_common(self)
        for name in ("server_names", "certificate_authorities"):
            object.__setattr__(self, name, _several(name, getattr(self, name)))
        for authority in self.certificate_authorities:
            if not isinstance(authority, bytes):
                raise UsageError(f"certificate_authorities holds {name_value(authority)}; give names in DER, as bytes")
        for host in self.server_names:
            require("server_names", host, str, "a tuple of str")
        object.__setattr__(self, "server_names", tuple(map(normalise_server_name, self.server_names)))
        if isinstance(self.psk, Mapping):
            for identity, key in self.psk.items():
                check_psk(identity, key)
        elif self.psk is not None and not callable(self.psk):
            raise UsageError(
                f"psk is {name_value(self.psk)}; give a mapping from identities to keys, "
                "or a function from an identity to its key"
            )
        if self.extensions is not None:
            require_function("extensions", self.extensions)
        if self.client_auth is not ClientAuth.NONE and self.verifier is None:
            raise UsageError(
                "client_auth asks for certificates but there is no verifier; give verifier=X509Verifier(...)"
            )
        rows = (SUITES[suite] for suite in self.policy.cipher_suites)
        able = (
            row
            for row in rows
            if (self.psk is not None or not row.uses_psk) and (self.credentials or not row.uses_certificate)
        )
        object.__setattr__(self, "suites", tuple(able))
        if unsaid and not self.suites and any(_needs_only_certificates(suite) for suite in self.policy.cipher_suites):
            raise UsageError(
                f"this server has nothing to prove its identity with: the suites of policy {self.policy.name!r} need "
                "credentials=(Credential.from_pem_files(chain, key),), or psk=...; "
                "credentials=() says that the answers to events bring them"
            )

    __repr__ = _brief

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        if isinstance(self.psk, Mapping):
            raise TypeError("a ServerConfig with pre-shared keys holds secrets and cannot be pickled")
        return object.__reduce_ex__(self, protocol)


_FIELD_CHECKS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "policy": (lambda value: isinstance(value, Policy), "a Policy, such as Policy.compatible()"),
    "limits": (lambda value: isinstance(value, Limits), "Limits(...)"),
    "verifier": (lambda value: _offers("verify", value), "a Verifier, such as X509Verifier(...)"),
    "sessions": (lambda value: _offers("get", value), "a SessionStore, such as MemorySessionStore()"),
    "keylog": (lambda value: isinstance(value, KeyLog | None), "a KeyLog, such as KeyLog.to_file(path)"),
    "memory": (lambda value: isinstance(value, Memory | None), "another configuration's memory, Memory(), or None"),
    "ticket_keys": (lambda value: isinstance(value, TicketKeys | None), "TicketKeys, such as TicketKeys.generate()"),
    "client_auth": (lambda value: isinstance(value, ClientAuth), "ClientAuth.OPTIONAL or ClientAuth.REQUIRED"),
    "psk_identity_hint": (
        lambda value: value is None or (isinstance(value, bytes) and len(value) <= 0xFFFF),
        "at most 65,535 bytes (RFC 4279 2)",
    ),
    "extensions": (
        lambda value: value is None or callable(value) or isinstance(value, Iterable),
        "extensions of your own (see ClientConfig and ServerConfig)",
    ),
    "session_lifetime": (lambda value: _is_number(value) and value > 0, "a positive number of seconds"),
    **dict.fromkeys(
        ("record_size_limit", "max_send_fragment"), (lambda value: type(value) is int, "a number of bytes")
    ),
    **dict.fromkeys(
        (
            "half_close",
            "pack_small_writes",
            "require_credential",
            "request_ocsp",
            "request_scts",
            "request_ticket",
            "fallback_scsv",
            "resume_across_keys",
        ),
        (lambda value: isinstance(value, bool), "True or False"),
    ),
    "crypto": (
        lambda value: isinstance(value, CryptoProvider) and not isinstance(value, type),
        "a CryptoProvider, such as an object of a subclass of StandardCrypto",
    ),
    "random": (callable, "a function from a number to as many bytes"),
    "clock": (callable, "a function that gives seconds"),
}
"""What each field must be, and what to give. Checked here, a mistake does not appear later as a failed connection."""


def _offers(method: str, value: object) -> bool:
    """None, or an object, not a class, that has the method."""
    return value is None or (hasattr(value, method) and not isinstance(value, type))


def _check_verifier(verifier: Any) -> None:
    """What a `Verifier` of the application's own may lack."""
    if verifier is None:
        return
    if not callable(verifier.verify):
        raise UsageError(f"the verify of verifier ({name_value(verifier)}) is no method")
    fingerprint = getattr(verifier, "fingerprint", None)
    if not isinstance(fingerprint, bytes):
        fault = "has no fingerprint" if fingerprint is None else f"has a fingerprint that is {name_value(fingerprint)}"
        raise UsageError(
            f"verifier ({name_value(verifier)}) {fault}",
            remedy="give it bytes that are equal for verifiers that trust the same: sessions are bound to them",
        )


def _several(name: str, values: Any) -> tuple[Any, ...]:
    if isinstance(values, str | bytes | Credential) or not isinstance(values, Iterable):
        raise UsageError(f"{name} is {name_value(values)}; give a tuple, even of one")
    return tuple(values)


def extensions_of(giver: str, own: Any) -> tuple[Extension, ...]:
    """An application's extensions for a hello. Raises `UsageError`, which names the argument, for anything else."""
    if isinstance(own, str | bytes) or not isinstance(own, Iterable):
        raise UsageError(f"{giver} gave {name_value(own)}; give a list of extensions, such as RawExtension(type, body)")
    several = tuple(own)
    for extension in several:
        if isinstance(extension, type) or not hasattr(extension, "extension_type"):
            raise UsageError(
                f"{giver} holds {name_value(extension)}; give extensions, such as RawExtension(type, body)"
            )
    return several


def _check_common(config: ClientConfig | ServerConfig) -> None:
    for name, (fits, expected) in _FIELD_CHECKS.items():
        value = getattr(config, name, None)
        if hasattr(config, name) and not fits(value):
            raise UsageError(f"{name} is {name_value(value)}; give {expected}")
    _check_verifier(config.verifier)
    for name in ("alpn_protocols", "credentials"):
        object.__setattr__(config, name, _several(name, getattr(config, name)))
    object.__setattr__(config, "draw", draw_of(config.random, config.crypto))
    object.__setattr__(config, "now", checked_clock(config.clock))
    object.__setattr__(config, "limits", _by_policy(config.limits, config.policy))
    limits = config.limits
    mode = Mode(
        tls12_only=True,
        entries=limits.list_entries,
        structures=limits.structures,
        extensions=limits.extensions,
        memory=config.memory,
    )
    object.__setattr__(config, "mode", mode)
    for protocol in config.alpn_protocols:
        if not isinstance(protocol, str):
            raise UsageError(f"ALPN protocol {protocol!r} is not a str")
        if not 1 <= len(protocol.encode()) <= 255:
            raise UsageError(f"ALPN protocol {protocol!r} is not 1 to 255 bytes long (RFC 7301 3.1)")
    if not 512 <= config.max_send_fragment <= 16_384:
        raise UsageError(f"max_send_fragment {config.max_send_fragment} is outside 512..16384")
    if not 64 <= config.record_size_limit <= 16_384:
        raise UsageError(f"record_size_limit {config.record_size_limit} is outside 64..16384 (RFC 8449 4)")
    for credential in config.credentials:
        if not isinstance(credential, Credential):
            raise UsageError(f"credentials holds a {type(credential).__name__}; give Credential objects")
