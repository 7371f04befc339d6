"""Cryptography that computes nothing: TLS without its secrets and without their cost, for fuzzers.

How it works: `NullCrypto` is a provider (`tls12.crypto.provider`) in which every operation gives a constant that can be
recognised in a dump, and every check compares with that constant. What is left is the protocol, whole: every message,
every check of an order, a length, an offer or a choice, the transcript, the records and their numbers.

    random bytes       the name of their purpose, repeated: "client_randomclient_randomclient"
    key shares         the public key is "null key share", the shared secret "null shared secret"
    RSA                a premaster secret is sent as it is
    signatures         are "null signature", and any other is refused
    PRF                the label, repeated: Finished says "client finis" or "server finis" in every handshake
    records, tickets   in the clear; a ticket ends with "null ticket mac."

So the same input takes the same path through the state machine, in every process. A fuzzer that has seen a Finished or
a signature can repeat it, and reach what comes after it. Both ends must use it: with an ordinary peer no handshake
completes.

A connection that computes with it has no secrets, proves nothing and protects NOTHING. It is used only where a
configuration names it. Sessions that it makes are not resumed by a configuration without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tls12.crypto import finite_field
from tls12.crypto.key_schedule import DirectionKeys
from tls12.crypto.null import NullCipher
from tls12.crypto.prf import Prf
from tls12.crypto.protection import Opener, Sealer, TicketSealer
from tls12.crypto.randomness import Purpose, Random
from tls12.crypto.suites import Suite
from tls12.errors import BadSignature
from tls12.registry import NamedGroup, SignatureScheme

PUBLIC_KEY = b"null key share"
SHARED_SECRET = b"null shared secret"
SIGNATURE = b"null signature"
TICKET_MAC = b"null ticket mac."


def repeated(label: bytes, length: int) -> bytes:
    """`length` bytes of the label, repeated."""
    return (label * (length // len(label) + 1))[:length]


@dataclass(frozen=True, slots=True)
class NullKeyShare:
    """A key share that is the same on every connection."""

    group: NamedGroup | None
    public: bytes = PUBLIC_KEY

    def exchange(self, peer_public: bytes) -> bytes:
        """The same secret whatever the peer's key is."""
        return SHARED_SECRET


@dataclass(frozen=True, slots=True)
class NullTicketSealer:
    """Tickets in the clear, followed by a constant."""

    def seal(self, nonce: bytes, state: bytes, name: bytes) -> bytes:
        """The state and the constant."""
        return state + TICKET_MAC

    def open(self, nonce: bytes, sealed: bytes, name: bytes) -> bytes | None:
        """The state, or None without the constant."""
        return sealed.removesuffix(TICKET_MAC) if sealed.endswith(TICKET_MAC) else None


@dataclass(frozen=True, slots=True)
class NullCrypto:
    """A `CryptoProvider` that protects NOTHING: for fuzzers and tests, at both ends. It has no state.

    It still takes certificates, which are read and not computed with. Use the verifier `AcceptAnyPeer()`: a verifier is
    not a part of a provider, and another one would verify the signatures in the certificates.
    """

    name: ClassVar[str] = "null"
    finite_fields: ClassVar[bool] = True

    def random(self, purpose: Purpose, count: int) -> bytes:
        """The name of the purpose, repeated. Session ids are therefore all the same."""
        return repeated(purpose.value.encode(), count)

    def generate_key_share(self, group: NamedGroup, random: Random) -> NullKeyShare:
        """A constant; nothing is drawn."""
        return NullKeyShare(group)

    def answer_key_share(self, p: int, g: int, ys: int, random: Random) -> tuple[NullKeyShare, bytes]:
        """Constants, whatever the server's numbers are."""
        return NullKeyShare(finite_field.named_group(p, g)), SHARED_SECRET

    def encrypt_premaster(self, public_key: object, premaster: bytes) -> bytes:
        """The premaster secret as it is."""
        return premaster

    def decrypt_premaster(self, private_key: object, ciphertext: bytes) -> bytes:
        """The ciphertext as it is."""
        return ciphertext

    def sign(self, private_key: object, scheme: SignatureScheme, data: bytes, *, deterministic: bool = False) -> bytes:
        """A constant."""
        return SIGNATURE

    def verify(self, public_key: object, scheme: SignatureScheme, signature: bytes, data: bytes) -> None:
        """Whether it is the constant. Raises BadSignature."""
        if signature != SIGNATURE:
            raise BadSignature(f"the peer's {scheme} signature is not that of NullCrypto")

    def make_prf(self, hash_name: str, secret: bytes) -> Prf:
        """A function that repeats the label."""
        return lambda label, seed, length: repeated(label, length)

    def make_sealer(self, suite: Suite, keys: DirectionKeys, *, encrypt_then_mac: bool, random: Random) -> Sealer:
        """Records are framed, and not encrypted."""
        return NullCipher()

    def make_opener(self, suite: Suite, keys: DirectionKeys, *, encrypt_then_mac: bool) -> Opener:
        """Records are taken as they are."""
        return NullCipher()

    def make_ticket_sealer(self, key: bytes) -> TicketSealer:
        """Tickets are in the clear."""
        return NullTicketSealer()
