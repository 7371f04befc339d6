"""The crypto provider: the object with which a connection computes everything cryptographic, and the default one.

How it works: everything in a connection that draws random bytes, makes or uses a key, or protects a record asks
`config.crypto`. `StandardCrypto`, the default, rests on the package `cryptography` and on hashlib and has no state. An
application gives another one to record or replay what was drawn, to compute in hardware, or to compute nothing at all
(`tls12.lab.NullCrypto`). Most providers are a subclass of `StandardCrypto` that overrides one method.

What is TLS stays outside: which groups and schemes are allowed (policy, negotiation), what the messages of a key
exchange say and in what order they come (`key_exchange.py`), how secrets follow from one another (`key_schedule.py`),
the numbers of records and the limits of keys (`record_layer`). The hash of the transcript has no key, and is hashlib's.
What a session keeps of its pre-shared key is never sent, and is an HMAC of the standard library
(`resumption/sessions.py`).
Three things are seams of their own: certificates are judged by `config.verifier`; a private key that lives elsewhere is
a `Signer` in a `Credential`, which signs by itself whatever the provider; and an application may answer
`SignatureRequested`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from tls12.crypto import finite_field, groups, protection, rsa_transport, signatures
from tls12.crypto.aead import TicketCipher
from tls12.crypto.prf import Prf, make_prf
from tls12.crypto.randomness import CheckedDraw, CheckedRandom, Draw, Purpose, Random, system_random

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import rsa

    from tls12.crypto.groups import KeyShare
    from tls12.crypto.key_schedule import DirectionKeys
    from tls12.crypto.protection import Opener, Sealer, TicketSealer
    from tls12.crypto.suites import Suite
    from tls12.registry import NamedGroup, SignatureScheme


@runtime_checkable
class CryptoProvider(Protocol):
    """Computes for connections. Shared by any number of them and by threads; it keeps no state of a connection."""

    @property
    def name(self) -> str:
        """A session that was made with a provider of one name is not resumed with one of another name."""

    @property
    def finite_fields(self) -> bool:
        """Whether key shares in finite fields can be made; if not, no DHE suite is offered or chosen."""

    def random(self, purpose: Purpose, count: int) -> bytes:
        """That many random bytes. A configuration's `random=` takes the place of this method."""

    def generate_key_share(self, group: NamedGroup, random: Random) -> KeyShare:
        """A fresh ephemeral key in a named group, drawn from `random` (RFC 8422 5.4, RFC 7919)."""

    def answer_key_share(self, p: int, g: int, ys: int, random: Random) -> tuple[KeyShare, bytes]:
        """A client's fresh key in the finite-field group that the server chose, and the shared secret.

        The numbers have passed `finite_field.check`. Raises InvalidKeyShare.
        """

    def encrypt_premaster(self, public_key: object, premaster: bytes) -> bytes:
        """The 48 bytes, encrypted to the server's RSA key (RFC 5246 7.4.7.1). Raises PeerMisbehaved for other keys."""

    def decrypt_premaster(self, private_key: rsa.RSAPrivateKey, ciphertext: bytes) -> bytes:
        """What a client encrypted; for bad padding unpredictable bytes, never an error (RFC 5246 7.4.7.1)."""

    def sign(self, private_key: Any, scheme: SignatureScheme, data: bytes, *, deterministic: bool = False) -> bytes:
        """A signature with a key of `cryptography` that a `Credential` holds.

        `deterministic` asks for reproducible ECDSA (RFC 6979). Raises UsageError where key and scheme do not fit.
        """

    def verify(self, public_key: Any, scheme: SignatureScheme, signature: bytes, data: bytes) -> None:
        """Raises BadSignature where the peer's signature does not hold, PeerMisbehaved where the key cannot make it."""

    def make_prf(self, hash_name: str, secret: bytes) -> Prf:
        """The PRF with this secret and hashlib's hash of this name (RFC 5246 5)."""

    def make_sealer(self, suite: Suite, keys: DirectionKeys, *, encrypt_then_mac: bool, random: Random) -> Sealer:
        """What protects the records that we send; `random` gives CBC its IVs."""

    def make_opener(self, suite: Suite, keys: DirectionKeys, *, encrypt_then_mac: bool) -> Opener:
        """What opens the records that we receive."""

    def make_ticket_sealer(self, key: bytes) -> TicketSealer:
        """What seals and opens session tickets under this key of 32 bytes (RFC 5077)."""


@dataclass(frozen=True, slots=True)
class StandardCrypto:
    """The default: `cryptography` for keys and ciphers, hashlib for the PRF, the operating system for randomness."""

    name: ClassVar[str] = "standard"
    finite_fields: ClassVar[bool] = finite_field.is_available()

    def random(self, purpose: Purpose, count: int) -> bytes:
        """From the operating system."""
        return system_random(purpose, count)

    def generate_key_share(self, group: NamedGroup, random: Random) -> KeyShare:
        """See `groups.py` and `finite_field.py`. Raises UsageError for a group that cannot be computed."""
        if group in finite_field.FFDHE_PRIMES:
            return finite_field.generate(group, random)
        return groups.generate(group, random)

    def answer_key_share(self, p: int, g: int, ys: int, random: Random) -> tuple[KeyShare, bytes]:
        """See `finite_field.answer`."""
        return finite_field.answer(p, g, ys, random)

    def encrypt_premaster(self, public_key: object, premaster: bytes) -> bytes:
        """See `rsa_transport.py`."""
        return rsa_transport.encrypt_premaster(public_key, premaster)

    def decrypt_premaster(self, private_key: rsa.RSAPrivateKey, ciphertext: bytes) -> bytes:
        """See `rsa_transport.py`."""
        return rsa_transport.decrypt_premaster(private_key, ciphertext)

    def sign(self, private_key: Any, scheme: SignatureScheme, data: bytes, *, deterministic: bool = False) -> bytes:
        """See `signatures.sign`."""
        return signatures.sign(private_key, scheme, data, deterministic=deterministic)

    def verify(self, public_key: Any, scheme: SignatureScheme, signature: bytes, data: bytes) -> None:
        """See `signatures.verify`."""
        signatures.verify(public_key, scheme, signature, data)

    def make_prf(self, hash_name: str, secret: bytes) -> Prf:
        """See `prf.py`."""
        return make_prf(hash_name, secret)

    def make_sealer(self, suite: Suite, keys: DirectionKeys, *, encrypt_then_mac: bool, random: Random) -> Sealer:
        """See `protection.py`."""
        return protection.make_sealer(suite, keys, encrypt_then_mac=encrypt_then_mac, random=random)

    def make_opener(self, suite: Suite, keys: DirectionKeys, *, encrypt_then_mac: bool) -> Opener:
        """See `protection.py`."""
        return protection.make_opener(suite, keys, encrypt_then_mac=encrypt_then_mac)

    def make_ticket_sealer(self, key: bytes) -> TicketSealer:
        """AES-256-GCM."""
        return TicketCipher(key)


STANDARD = StandardCrypto()
"""The default of every configuration."""


def draw_of(random: Random, crypto: CryptoProvider) -> Draw:
    """How a configuration draws: from its `random`, if that is not `os.urandom`, else as its provider does."""
    if random is not os.urandom:
        return CheckedRandom(random)
    own = getattr(type(crypto), "random", None) is not StandardCrypto.random
    return CheckedDraw(crypto.random) if own else system_random
