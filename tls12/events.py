"""What a connection tells its caller: every event, the answers to those that can pause, and `Negotiated`.

How it works: events are plain typed values, made to be taken apart with `match`. A connection collects them in
order; `events()` returns the list. Six of them can also pause the handshake, when their class is in `pause_on`: the
connection then waits for `answer(...)`. The docstring of each says which answers it takes.

Event classes are not frozen, because a frozen dataclass takes longer to make and `DataReceived` is made for every
record (see docs/performance.md). `Negotiated` is frozen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import NoneType
from typing import TypeAlias

from tls12.agreement import Agreed, PeerIdentity
from tls12.config import Psk, ServerConfig
from tls12.errors import Detail, TLSError
from tls12.registry import Alert, AlertLevel, CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme
from tls12.resumption.sessions import Session
from tls12.trust.credentials import Credential
from tls12.trust.sct import embedded_scts, stapled_scts
from tls12.wire.certificates import CertificateRequest
from tls12.wire.extensions import Extension
from tls12.wire.hello import ClientHello


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiated:
    """What a finished handshake agreed on, and with whom. Nothing here is secret.

    It is made of two values that sessions and the next handshake use too (`tls12.agreement`); each fact of theirs is
    an attribute here as well.
    """

    agreed: Agreed
    """What the hellos settled."""
    peer: PeerIdentity
    """Who the peer is."""
    resumed: bool
    """An abbreviated handshake, from a session or a ticket."""
    group: NamedGroup | None = None
    """The group of the ephemeral exchange; None for RSA transport, plain PSK and resumptions."""
    signature_scheme: SignatureScheme | None = None
    """The scheme that we signed with, if we signed."""
    peer_signature_scheme: SignatureScheme | None = None
    """The scheme that the peer signed with, if it signed."""

    @property
    def version(self) -> ProtocolVersion:
        """Always TLS 1.2."""
        return ProtocolVersion.TLS_1_2

    @property
    def cipher_suite(self) -> CipherSuite:
        """The cipher suite."""
        return self.agreed.terms.cipher_suite

    @property
    def extended_master_secret(self) -> bool:
        """Whether the master secret was made with the session hash (RFC 7627)."""
        return self.agreed.terms.extended_master_secret

    @property
    def encrypt_then_mac(self) -> bool:
        """Whether records are encrypted first (RFC 7366)."""
        return self.agreed.terms.encrypt_then_mac

    @property
    def server_name(self) -> str | None:
        """The name that the client asked for (RFC 6066 3), as an A-label or IP address."""
        return self.agreed.terms.server_name

    @property
    def alpn_protocol(self) -> str | None:
        """The application protocol (RFC 7301)."""
        return self.agreed.terms.alpn_protocol

    @property
    def secure_renegotiation(self) -> bool:
        """Whether the peer signalled RFC 5746."""
        return self.agreed.secure_renegotiation

    @property
    def session_id(self) -> bytes:
        """The session id in the ServerHello; empty where the server gave none."""
        return self.agreed.session_id

    @property
    def client_random(self) -> bytes:
        """The random of the ClientHello, 32 bytes."""
        return self.agreed.client_random

    @property
    def server_random(self) -> bytes:
        """The random of the ServerHello, 32 bytes."""
        return self.agreed.server_random

    @property
    def record_size_limit(self) -> int:
        """The largest plaintext, in bytes, that we may send in one record (RFC 8449, RFC 6066 4)."""
        return self.agreed.record_size_limit

    @property
    def custom_extensions(self) -> tuple[Extension, ...]:
        """What the server answered to `ClientConfig.extensions`."""
        return self.agreed.custom_extensions

    @property
    def peer_sent_downgrade_sentinel(self) -> bool:
        """Whether the server's random ends in the mark of RFC 8446 4.1.3: it can speak TLS 1.3. That is no fault."""
        return self.agreed.peer_sent_downgrade_sentinel

    @property
    def peer_certificates(self) -> tuple[bytes, ...]:
        """The peer's certificates as sent, DER, leaf first; those of the original handshake when resumed."""
        return self.peer.certificates

    @property
    def verified_chain(self) -> tuple[bytes, ...]:
        """The chain that the verifier built, leaf to root, DER; empty where trust did not come from a chain."""
        return self.peer.verified_chain

    @property
    def psk_identity(self) -> bytes | None:
        """The identity of the pre-shared key, if one took part (RFC 4279)."""
        return self.peer.psk_identity

    @property
    def ocsp_response(self) -> bytes | None:
        """The OCSP response that the server stapled (RFC 6066 8), DER."""
        return self.peer.ocsp_response

    @property
    def scts(self) -> tuple[bytes, ...]:
        """Signed certificate timestamps from the TLS extension (RFC 6962 3.3); two other sources are below."""
        return self.peer.scts

    @property
    def stapled_scts(self) -> tuple[bytes, ...]:
        """Signed certificate timestamps from the stapled OCSP response. Raises `BadStaple` if it cannot be read."""
        return stapled_scts(self.ocsp_response) if self.ocsp_response is not None else ()

    @property
    def embedded_scts(self) -> tuple[bytes, ...]:
        """Signed certificate timestamps in the peer's certificate. Raises `CertificateError` if it cannot be read."""
        return embedded_scts(self.peer_certificates[0]) if self.peer_certificates else ()


@dataclass(slots=True)
class ClientHelloReceived:
    """A server has read the ClientHello. Pausable: answer a `ServerConfig`, None (go on) or `Refuse(alert)`."""

    client_hello: ClientHello
    server_name: str | None
    alpn_protocols: tuple[str, ...]


@dataclass(slots=True)
class CertificateRequested:
    """The server asks for a client certificate. Pausable: answer a `Credential`, or None for an empty one."""

    request: CertificateRequest


@dataclass(slots=True)
class PeerCertificateReceived:
    """The peer's chain passed our verifier. Pausable: answer `Accept()` or `Refuse(alert)`."""

    certificates: tuple[bytes, ...]
    verified_chain: tuple[bytes, ...]


@dataclass(slots=True)
class SignatureRequested:
    """Something must be signed with the credential's key (an HSM, a KMS). Only when paused on: answer the bytes."""

    credential: Credential
    scheme: SignatureScheme
    data: bytes = field(repr=False)


@dataclass(slots=True)
class SessionLookupRequested:
    """A server needs the session of this id. Only when paused on: answer a `Session` or None."""

    session_id: bytes


@dataclass(slots=True)
class PskLookupRequested:
    """A key is needed. Only when paused on: a server answers the key bytes, a client a `Psk`, both None for none.

    `identity` is what the client named (in a server), `hint` what the server hinted at (in a client).
    """

    identity: bytes | None = None
    hint: bytes | None = None


@dataclass(slots=True)
class HandshakeCompleted:
    """Both Finished messages verified: application data may flow."""

    negotiated: Negotiated


@dataclass(slots=True)
class DataReceived:
    """The plaintext of one non-empty application_data record."""

    data: bytes


@dataclass(slots=True)
class RenegotiationRequested:
    """The server asks for a new handshake. Where `can_renegotiate` says so, `renegotiate()` begins one; elsewhere the
    server has been answered with no_renegotiation already."""


@dataclass(slots=True)
class KeysNearLimit:
    """Our keys have protected seven eighths of what their cipher allows (RFC 8446 5.5).

    Where the policy allows it a renegotiation has begun; otherwise open a new connection. Application data beyond
    the limit ends the connection with `KeysExhausted`.
    """


@dataclass(slots=True)
class AlertReceived:
    """A warning alert that ends nothing (RFC 5246 7.2)."""

    level: AlertLevel
    description: Alert


@dataclass(slots=True)
class ConnectionClosed:
    """The peer sent close_notify: all of its data has arrived (RFC 5246 7.2.1)."""


@dataclass(slots=True)
class ConnectionFailed:
    """The connection has failed: because of the peer or, with an `InternalError`, because an object of the application
    raised or an exception interrupted a step. The alert, if one is owed, waits in `data_to_send()`."""

    error: TLSError


Event: TypeAlias = (
    ClientHelloReceived
    | CertificateRequested
    | PeerCertificateReceived
    | SignatureRequested
    | SessionLookupRequested
    | PskLookupRequested
    | HandshakeCompleted
    | DataReceived
    | RenegotiationRequested
    | KeysNearLimit
    | AlertReceived
    | ConnectionClosed
    | ConnectionFailed
)


@dataclass(frozen=True, slots=True)
class Accept:
    """An answer: go on."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """An answer: end the handshake with this fatal alert."""

    alert: Alert = Alert.HANDSHAKE_FAILURE
    reason: str = "the application refused it"
    detail: Detail | None = None
    """What the error of the connection says that it is about, if anything."""


_ANSWERS: Mapping[type, tuple[type, ...]] = {
    ClientHelloReceived: (ServerConfig, NoneType, Refuse),
    CertificateRequested: (Credential, NoneType),
    PeerCertificateReceived: (Accept, Refuse),
    SignatureRequested: (bytes,),
    SessionLookupRequested: (Session, NoneType),
    PskLookupRequested: (bytes, NoneType),
}

PAUSABLE: frozenset[type] = frozenset(_ANSWERS)
"""The events that `pause_on` may name."""


def answers_to(event: Event) -> tuple[type, ...]:
    """The types that `answer` takes for this event."""
    if type(event) is PskLookupRequested and event.identity is None:
        return Psk, NoneType
    return _ANSWERS[type(event)]
