"""What can be seen of a connection: the values that a `Follower` gives and that an `Observer` hands on.

How it works: every value but `KeyScheduleSeen` names the end that sent it. `MessageSeen`, `ApplicationDataSeen`,
`AlertSeen`, `Undecryptable` and `RuleBroken` tell what was said. The others are details of how it was said. A
`RecordSeen` comes before the messages, the data or the alert that its record completes. A `KeyScheduleSeen` comes
before the first ChangeCipherSpec of a handshake whose secrets are known, a `VerifyDataSeen` before each Finished whose
content can be computed.

Details hold secrets. None of these is in a `repr`, and a value that holds one cannot be pickled.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn, TypeAlias

from tls12.crypto.key_schedule import KeyBlock
from tls12.errors import TLSError
from tls12.registry import Alert, AlertLevel, CipherSuite, ConnectionEnd, ContentType, ProtocolVersion
from tls12.wire.closing import ChangeCipherSpec
from tls12.wire.messages import Message
from tls12.wire.records import pack_header


@dataclass(slots=True)
class MessageSeen:
    """A whole handshake message, or a ChangeCipherSpec."""

    sender: ConnectionEnd
    message: Message | ChangeCipherSpec
    data: bytes
    """Its bytes, decrypted; a handshake message with its header."""
    protected: bool
    """Whether it was encrypted."""
    verified: bool | None = None
    """Of a Finished: whether its verify_data is right (RFC 5246 7.4.9). None for other messages, and without secret."""


@dataclass(slots=True)
class ApplicationDataSeen:
    """The plaintext of one application_data record."""

    sender: ConnectionEnd
    data: bytes


@dataclass(slots=True)
class AlertSeen:
    """An alert, close_notify among them."""

    sender: ConnectionEnd
    level: AlertLevel
    description: Alert
    protected: bool
    """Whether it was encrypted."""


@dataclass(slots=True)
class Undecryptable:
    """A record whose plaintext is not known."""

    sender: ConnectionEnd
    content_type: ContentType
    fragment: bytes = field(repr=False)
    """The body as it stood on the wire."""
    reason: str


@dataclass(slots=True)
class RuleBroken:
    """What a connection would have refused; `error` has the sentence, the rule and the alert that it would send."""

    sender: ConnectionEnd
    error: TLSError


@dataclass(slots=True)
class RecordProtection:
    """What a protected record consists of beside its plaintext (RFC 5246 6.2.3).

    The body of the record is, in this order:

    AEAD                   the explicit part of the nonce (GCM and CCM: 8 bytes), `ciphertext`, `tag`
    CBC, MAC-then-encrypt  the IV, which is the `nonce`, and `ciphertext`, in which are plaintext, `tag` and `padding`
    CBC, encrypt-then-MAC  the IV, which is the `nonce`; `ciphertext`, in which are plaintext and `padding`; and `tag`
    stream or NULL         `ciphertext`, in which are plaintext and `tag`
    """

    nonce: bytes
    """All of the AEAD's nonce, or the IV of CBC; empty for a stream cipher and for NULL."""
    additional_data: bytes
    """What is authenticated beside the content: AEAD's additional data, or what the MAC covers in front of it."""
    ciphertext: bytes = field(repr=False)
    padding: bytes
    """The padding of CBC, with its length byte."""
    tag: bytes
    """The AEAD's tag, or the MAC."""


@dataclass(slots=True)
class RecordSeen:
    """A record. Two are equal if they have the same sender, type and plaintext, however they were protected.

    A record of a content type that RFC 5246 does not have is seen as this and nothing more: a heartbeat (RFC 6520), or
    an unknown type. A heartbeat that both hellos have agreed on breaks no rule; before all others comes a `RuleBroken`.
    """

    sender: ConnectionEnd
    content_type: ContentType
    fragment: bytes
    """Its plaintext; where that is not known, the body as it stood on the wire, and an `Undecryptable` follows.

    `tls12.wire.closing.Heartbeat.parse` reads the plaintext of a heartbeat.
    """
    protected: bool
    """Whether it was encrypted."""
    version: ProtocolVersion = field(default=ProtocolVersion.TLS_1_2, kw_only=True, compare=False)
    """What its header says."""
    body: bytes = field(default=b"", kw_only=True, compare=False, repr=False)
    """What follows the header on the wire."""
    sequence: int | None = field(default=None, kw_only=True, compare=False)
    """Its number under the keys of its sender (RFC 5246 6.1); None in the clear."""
    protection: RecordProtection | None = field(default=None, kw_only=True, compare=False)
    """How it was protected; None in the clear, and where the plaintext is not known."""
    reason: str = field(default="", kw_only=True, compare=False)
    """Why the plaintext is not known; empty if it is."""

    @property
    def header(self) -> bytes:
        """The five bytes in front of the body: content type, version and length."""
        return pack_header(self.content_type, self.version, len(self.body))


@dataclass(slots=True)
class PrfCall:
    """One call of the pseudorandom function: `output` is PRF(secret, label, seed) (RFC 5246 5)."""

    secret: bytes | None = field(repr=False)
    """None where only the output is known, as for a master secret out of a key log."""
    label: bytes
    seed: bytes
    output: bytes = field(repr=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("the inputs and outputs of the PRF are secret and not pickled")


@dataclass(slots=True)
class KeyScheduleSeen:
    """How the keys of a handshake were made (RFC 5246 8.1 and 6.3, RFC 7627 4)."""

    cipher_suite: CipherSuite
    prf_hash: str
    """The hash function of the PRF, as `hashlib` names it."""
    master_secret: bytes = field(repr=False)
    derivation: PrfCall | None
    """How the master secret was made from the premaster secret; None if it is that of a resumed session."""
    expansion: PrfCall
    """How the key block was made from the master secret."""
    keys: KeyBlock
    """The key block, cut into the keys of both directions."""
    encrypt_then_mac: bool
    """Whether the records are protected by RFC 7366."""

    @property
    def premaster(self) -> bytes | None:
        """The premaster secret; None if it is not known, or if a session was resumed."""
        return self.derivation.secret if self.derivation is not None else None


@dataclass(slots=True)
class VerifyDataSeen:
    """What the Finished of `sender` must contain, and how that is computed (RFC 5246 7.4.9)."""

    sender: ConnectionEnd
    derivation: PrfCall
    """`secret` is the master secret, `seed` the hash of all handshake messages before this Finished."""


Seen: TypeAlias = (
    MessageSeen
    | ApplicationDataSeen
    | AlertSeen
    | Undecryptable
    | RuleBroken
    | RecordSeen
    | KeyScheduleSeen
    | VerifyDataSeen
)
"""What `Observer.events` gives."""
