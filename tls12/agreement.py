"""What a handshake settles, and who the peer is: the values that everything after the hellos is made of.

How it works: each protocol fact is a field of exactly one class here, and other values contain these objects:

- `Terms` is what a session continues: cipher suite, extended master secret, names.
- `Agreed` is all that the two hellos settle: the terms, and what holds for this handshake or connection only.
- `PeerIdentity` is who the peer is and on what evidence; it is known later than the hellos.

`events.Negotiated` contains an `Agreed` and a `PeerIdentity`, and `resumption.Session` the `Terms` and the
`PeerIdentity` of the handshake that made it. All are frozen, and made by keyword.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tls12.crypto.suites import SUITES, Suite
from tls12.registry import CipherSuite
from tls12.wire.extensions import Extension
from tls12.wire.records import MAX_PLAINTEXT

DOWNGRADE_SENTINELS = (b"DOWNGRD\x01", b"DOWNGRD\x00")
"""How the random of a server ends that speaks TLS 1.3 too and was asked for TLS 1.2, or for less (RFC 8446 4.1.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the hellos settle and a session continues."""

    cipher_suite: CipherSuite
    extended_master_secret: bool
    """The master secret is made with the session hash; a resumption must then do so too (RFC 7627 5.3)."""
    encrypt_then_mac: bool = False
    """Records of CBC suites are encrypted first (RFC 7366)."""
    server_name: str | None = None
    """The name that the client asked for (RFC 6066 3), as an A-label or IP address."""
    alpn_protocol: str | None = None
    """The application protocol (RFC 7301). A renegotiation that names none keeps the one that is spoken."""
    max_fragment_length: int | None = None
    """The code of RFC 6066 4, which bounds every record of both sides, in resumptions too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """What the two hellos settle, the same for both sides except for the two limits of records."""

    terms: Terms
    client_random: bytes
    server_random: bytes
    session_id: bytes
    """The one in the ServerHello."""
    secure_renegotiation: bool = False
    """The peer signalled RFC 5746."""
    staple_promised: bool = False
    """The ServerHello has status_request: a CertificateStatus may follow (RFC 6066 8)."""
    ticket_promised: bool = False
    """The ServerHello has session_ticket: a NewSessionTicket must follow (RFC 5077 3.2)."""
    scts: tuple[bytes, ...] = ()
    """The signed certificate timestamps in the ServerHello (RFC 6962 3.3)."""
    record_size_limit: int = MAX_PLAINTEXT
    """The largest plaintext, in bytes, that we may send in a protected record (RFC 8449, RFC 6066 4)."""
    own_record_size_limit: int = MAX_PLAINTEXT
    """The largest plaintext, in bytes, that we accept in a protected record."""
    custom_extensions: tuple[Extension, ...] = ()
    """What the server answered to the extensions of the application's own (`ClientConfig.extensions`)."""

    @property
    def peer_sent_downgrade_sentinel(self) -> bool:
        """The server's random ends in the mark of RFC 8446 4.1.3."""
        return self.server_random.endswith(DOWNGRADE_SENTINELS)

    @property
    def parameters(self) -> Suite:
        """What the cipher suite stands for: most of the SecurityParameters of RFC 5246 A.6."""
        return SUITES[self.terms.cipher_suite]

    @property
    def max_fragment_size(self) -> int | None:
        """What `max_fragment_length` stands for, in bytes (RFC 6066 4)."""
        code = self.terms.max_fragment_length
        return 256 << code if code is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerIdentity:
    """Who the peer is, and what it showed for it. Without any of this the peer is anonymous."""

    certificates: tuple[bytes, ...] = field(default=(), repr=False)
    """The peer's certificates as sent, DER, leaf first; in a resumption those of the original handshake."""
    verified_chain: tuple[bytes, ...] = field(default=(), repr=False)
    """The chain that the verifier built, DER, leaf to root; empty where trust did not come from a chain."""
    ocsp_response: bytes | None = field(default=None, repr=False)
    """The OCSP response that the server stapled (RFC 6066 8), DER."""
    scts: tuple[bytes, ...] = field(default=(), repr=False)
    """Signed certificate timestamps from the TLS extension (RFC 6962 3.3)."""
    psk_identity: bytes | None = None
    """The identity of the pre-shared key, if one took part (RFC 4279)."""
