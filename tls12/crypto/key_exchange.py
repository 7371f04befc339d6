"""The key exchanges: what both sides send each other, and the premaster secret that comes of it.

How it works: one class for each kind, with the steps of the handshake as methods, in this order:

    server                                        client
    make_server_key_exchange() -> message
      (the handshake signs it and sends it)       check_server_key_exchange(message)
                                                    (the handshake verifies the signature)
                                                  make_client_key_exchange() -> message, premaster secret
    take_client_key_exchange(message) -> premaster secret

The client checks the numbers before the signature is verified, because comparing costs less. Either side ends with the
premaster secret:

    ECDHE    the x-coordinate, as wide as the field                    RFC 8422 5.10
    DHE      the shared number without leading zeros                   RFC 5246 8.1.2
    RSA      48 bytes: the ClientHello's version and 46 random ones    RFC 5246 7.4.7.1
    PSK      length, other secret, length, key; the other secret is    RFC 4279 2, 3, 4; RFC 5489 2
             that of the wrapped exchange, or zeros as long as the key

The anonymous exchanges are ECDHE and DHE without a signature, the PSK ones wrap another exchange or nothing.
One object serves one handshake: its keys are never used twice. It computes nothing by itself: keys are made and used by
the provider (`provider.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from tls12.crypto import finite_field
from tls12.crypto.groups import EC_GROUPS, KeyShare
from tls12.crypto.provider import STANDARD, CryptoProvider
from tls12.crypto.randomness import Draw, Purpose, Random, for_purpose, system_random
from tls12.crypto.suites import Suite
from tls12.errors import PeerIncompatible, PeerMisbehaved, UsageError
from tls12.registry import Alert, NamedGroup, ProtocolVersion
from tls12.wire.key_exchange import (
    ClientKeyExchange,
    DheParams,
    DhPublic,
    EcdheParams,
    EcdhPublic,
    EncryptedPreMasterSecret,
    ExplicitCurveParams,
    ServerKeyExchange,
)
from tls12.wire.key_exchange import KeyExchangeAlgorithm as Kx

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import rsa

PREMASTER_LENGTH = 48
"""Of RSA key transport's premaster secret, in bytes (RFC 5246 7.4.7.1)."""

T = TypeVar("T")


class IdentifiedKey(Protocol):
    """A client's pre-shared key (RFC 4279 2)."""

    @property
    def identity(self) -> bytes:
        """What the client calls it."""

    @property
    def key(self) -> bytes:
        """The secret."""


@dataclass(slots=True)
class ExchangeInputs:
    """What a key exchange may need to know; each kind, and each side, takes its own part."""

    crypto: CryptoProvider = STANDARD
    """What makes and uses the keys."""
    draw: Draw = system_random
    """Where their random bytes come from."""
    group: NamedGroup | None = None
    """The server's choice: an elliptic curve, or a group of RFC 7919."""
    offered_groups: tuple[NamedGroup, ...] = ()
    """What the client listed in supported_groups."""
    client_version: int = ProtocolVersion.TLS_1_2
    """The version of the ClientHello, which RSA key transport repeats (RFC 5246 7.4.7.1)."""
    peer_public_key: object = None
    """The key of the server's certificate; RSA key transport encrypts to it."""
    private_key: rsa.RSAPrivateKey | None = field(default=None, repr=False)
    """The server's key; RSA key transport decrypts with it."""
    psk_identity_hint: bytes | None = None
    """What the server says about the keys that it knows; empty is the same as none (RFC 4279 2)."""
    minimum_dh_bits: int = 2048
    """The shortest finite-field modulus that the client accepts."""
    maximum_dh_bits: int = 4096
    """The longest modulus without an RFC 7919 name that the client computes with (docs/performance.md)."""
    accept_custom_dh: bool = True
    """Whether the client that listed groups of RFC 7919 accepts another one (RFC 7919 3.1)."""

    def random_for_share(self) -> Random:
        """The source of an ephemeral private key."""
        return for_purpose(self.draw, Purpose.KEY_SHARE)


class KeyExchange(Protocol):
    """One key exchange of one handshake."""

    @property
    def group(self) -> NamedGroup | None:
        """The group in use, once the ServerKeyExchange is made or checked; None without one, or without a name."""

    def make_server_key_exchange(self) -> ServerKeyExchange | None:
        """Server: the message to send, without its signature; None where the suite has none."""

    def check_server_key_exchange(self, message: ServerKeyExchange | None) -> None:
        """Client: refuse a group that was not offered, or numbers that are bad, before anything is computed.

        Raises PeerMisbehaved (InvalidKeyShare among them) and PeerIncompatible, and UsageError for the parameters of
        another kind of key exchange.
        """

    def make_client_key_exchange(self, psk: IdentifiedKey | None = None) -> tuple[ClientKeyExchange, bytes]:
        """Client, after the check: the message to send, and the premaster secret.

        Raises PeerMisbehaved (InvalidKeyShare among them) and PeerIncompatible.
        """

    def take_client_key_exchange(self, message: ClientKeyExchange, psk: bytes | None = None) -> bytes:
        """Server, at the end: the premaster secret. `psk` is the key for the identity in the message.

        Raises InvalidKeyShare, and UsageError for the keys of another kind of key exchange.
        """


class Ecdhe:
    """Ephemeral Diffie-Hellman on an elliptic curve (RFC 8422 2.1 to 2.3)."""

    __slots__ = ("_inputs", "_servers", "_share", "group")

    def __init__(self, inputs: ExchangeInputs) -> None:
        self._inputs = inputs
        self._share: KeyShare
        self._servers: EcdheParams
        self.group = inputs.group

    def make_server_key_exchange(self) -> ServerKeyExchange:
        """The group and our point in it (RFC 8422 5.4)."""
        group, inputs = self.group, self._inputs
        assert group is not None
        self._share = inputs.crypto.generate_key_share(group, inputs.random_for_share())
        return ServerKeyExchange(EcdheParams(group, self._share.public))

    def check_server_key_exchange(self, message: ServerKeyExchange | None) -> None:
        """The server's group must have a name, and be one that we offered."""
        params = message.params if message else None
        if isinstance(params, ExplicitCurveParams):
            raise PeerMisbehaved("the server spelled its curve out instead of naming one", rule="RFC 8422 5.4")
        self._servers = params = _expected(EcdheParams, params)
        self.group = group = params.group
        if group not in self._inputs.offered_groups or group not in EC_GROUPS:
            raise PeerMisbehaved(f"the server chose the group {group}, which was not offered", rule="RFC 8422 5.4")

    def make_client_key_exchange(self, psk: IdentifiedKey | None = None) -> tuple[ClientKeyExchange, bytes]:
        """Our point in the server's group."""
        inputs, params = self._inputs, self._servers
        share = inputs.crypto.generate_key_share(params.group, inputs.random_for_share())
        secret = share.exchange(params.public)
        return ClientKeyExchange(EcdhPublic(share.public)), secret

    def take_client_key_exchange(self, message: ClientKeyExchange, psk: bytes | None = None) -> bytes:
        """The secret of the client's point (RFC 8422 5.7, 5.10)."""
        keys = _expected(EcdhPublic, message.exchange_keys)
        return self._share.exchange(keys.point)


class Dhe:
    """Ephemeral Diffie-Hellman in a finite field (RFC 5246 7.4.3, RFC 7919)."""

    __slots__ = ("_inputs", "_servers", "_share", "group")

    def __init__(self, inputs: ExchangeInputs) -> None:
        self._inputs = inputs
        self._share: KeyShare
        self._servers: tuple[int, int, int]  # modulus, generator and public key
        self.group = inputs.group

    def make_server_key_exchange(self) -> ServerKeyExchange:
        """A group of RFC 7919, as numbers, and our public key in it."""
        group, inputs = self.group, self._inputs
        assert group is not None
        self._share = inputs.crypto.generate_key_share(group, inputs.random_for_share())
        p = finite_field.FFDHE_PRIMES[group]
        return ServerKeyExchange(DheParams(_octets(p), _octets(finite_field.GENERATOR), self._share.public))

    def check_server_key_exchange(self, message: ServerKeyExchange | None) -> None:
        """The server's numbers must pass `finite_field.check` and our policy."""
        inputs = self._inputs
        params = _expected(DheParams, message.params if message else None)
        p, g, ys = int.from_bytes(params.dh_p), int.from_bytes(params.dh_g), int.from_bytes(params.dh_Ys)
        self._servers = p, g, ys
        finite_field.check(p, g, ys, minimum_bits=inputs.minimum_dh_bits, maximum_bits=inputs.maximum_dh_bits)
        self.group = group = finite_field.named_group(p, g)
        offered = [known for known in inputs.offered_groups if known in finite_field.FFDHE_PRIMES]
        if not inputs.accept_custom_dh and offered and group not in offered:
            raise PeerIncompatible(
                "the server's Diffie-Hellman group is none of those that were offered",
                alert=Alert.INSUFFICIENT_SECURITY,
                rule="RFC 7919 3",
                remedy="allow it with policy.replace(accept_custom_dh=True); risk: a group that the server made weak",
            )

    def make_client_key_exchange(self, psk: IdentifiedKey | None = None) -> tuple[ClientKeyExchange, bytes]:
        """Our public key in the server's group."""
        inputs = self._inputs
        share, secret = inputs.crypto.answer_key_share(*self._servers, inputs.random_for_share())
        return ClientKeyExchange(DhPublic(share.public)), secret

    def take_client_key_exchange(self, message: ClientKeyExchange, psk: bytes | None = None) -> bytes:
        """The secret of the client's public key."""
        keys = _expected(DhPublic, message.exchange_keys)
        return self._share.exchange(keys.dh_Yc)


class RsaTransport:
    """RSA key transport (RFC 5246 7.4.7.1): the client encrypts the premaster secret to the server's key.

    A server that reveals whether a ciphertext is well padded lets an attacker decrypt others (Bleichenbacher 1998).
    So `take_client_key_exchange` does not fail for a wrong ciphertext: it gives a premaster secret that the client does
    not have, and the handshake fails at Finished.
    """

    __slots__ = ("_inputs",)

    group: NamedGroup | None = None

    def __init__(self, inputs: ExchangeInputs) -> None:
        self._inputs = inputs

    def make_server_key_exchange(self) -> None:
        """No message: the certificate has the key."""
        self._private_key()

    def check_server_key_exchange(self, message: ServerKeyExchange | None) -> None:
        """Nothing is checked: there is no share, and a hint may say anything."""

    def make_client_key_exchange(self, psk: IdentifiedKey | None = None) -> tuple[ClientKeyExchange, bytes]:
        """Our version and 46 random bytes, encrypted to the key of the server's certificate."""
        inputs = self._inputs
        secret = inputs.draw(Purpose.PREMASTER_SECRET, PREMASTER_LENGTH - 2)
        premaster = inputs.client_version.to_bytes(2) + secret
        ciphertext = inputs.crypto.encrypt_premaster(inputs.peer_public_key, premaster)
        return ClientKeyExchange(EncryptedPreMasterSecret(ciphertext)), premaster

    def take_client_key_exchange(self, message: ClientKeyExchange, psk: bytes | None = None) -> bytes:
        """48 bytes: what the client encrypted, or random ones; the version is always the ClientHello's.

        This is the construction that the RFC recommends: a wrong version inside makes a premaster secret that
        differs from the client's, without being looked at.
        """
        inputs = self._inputs
        ciphertext = _expected(EncryptedPreMasterSecret, message.exchange_keys).ciphertext
        # Drawn whether it is needed or not, so that the draw does not reveal which.
        substitute = inputs.draw(Purpose.SUBSTITUTE_SECRET, PREMASTER_LENGTH - 2)
        plain = inputs.crypto.decrypt_premaster(self._private_key(), ciphertext)
        chosen = (substitute, plain[2:])[len(plain) == PREMASTER_LENGTH]
        return inputs.client_version.to_bytes(2) + chosen

    def _private_key(self) -> rsa.RSAPrivateKey:
        key = self._inputs.private_key
        if key is None:
            raise UsageError("RSA key transport needs a private key that decrypts; a Signer only signs")
        return key


class PreSharedKey:
    """PSK alone, or around another key exchange (RFC 4279, RFC 5489)."""

    __slots__ = ("_hint", "_inner")

    def __init__(self, inputs: ExchangeInputs, inner: KeyExchange | None = None) -> None:
        self._hint = inputs.psk_identity_hint or b""
        self._inner = inner

    @property
    def group(self) -> NamedGroup | None:
        """The group of the wrapped exchange."""
        return self._inner.group if self._inner else None

    def make_server_key_exchange(self) -> ServerKeyExchange | None:
        """The wrapped exchange's message with the hint in front. If there is neither, there is no ServerKeyExchange."""
        message = self._inner.make_server_key_exchange() if self._inner else None
        if message is not None:
            message.psk_identity_hint = self._hint
        elif self._hint:
            message = ServerKeyExchange(psk_identity_hint=self._hint)
        return message

    def check_server_key_exchange(self, message: ServerKeyExchange | None) -> None:
        """Check what the wrapped exchange has in it; a hint may say anything."""
        if self._inner:
            self._inner.check_server_key_exchange(message)

    def make_client_key_exchange(self, psk: IdentifiedKey | None = None) -> tuple[ClientKeyExchange, bytes]:
        """The wrapped exchange's message with our identity in front. `psk` must be given."""
        assert psk is not None
        key = psk.key
        message, other = (
            self._inner.make_client_key_exchange() if self._inner else (ClientKeyExchange(), bytes(len(key)))
        )
        message.psk_identity = psk.identity
        return message, _premaster(other, key)

    def take_client_key_exchange(self, message: ClientKeyExchange, psk: bytes | None = None) -> bytes:
        """The premaster secret out of the wrapped exchange's secret and the key. `psk` must be given."""
        assert psk is not None
        return _premaster(self._inner.take_client_key_exchange(message) if self._inner else bytes(len(psk)), psk)


def _premaster(other: bytes, psk: bytes) -> bytes:
    return len(other).to_bytes(2) + other + len(psk).to_bytes(2) + psk


def _octets(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8)


def _expected(kind: type[T], part: object) -> T:
    """The part of a message that this key exchange takes; the wire layer reads no other for the suite."""
    if not isinstance(part, kind):
        raise UsageError(f"this key exchange takes {kind.__name__}, not {type(part).__name__}")
    return part


_KINDS: Mapping[Kx, Callable[[ExchangeInputs], KeyExchange]] = {
    Kx.RSA: RsaTransport,
    Kx.DHE: Dhe,
    Kx.ECDHE: Ecdhe,
    Kx.DH_ANON: Dhe,
    Kx.ECDH_ANON: Ecdhe,
    Kx.PSK: PreSharedKey,
    Kx.DHE_PSK: lambda inputs: PreSharedKey(inputs, Dhe(inputs)),
    Kx.ECDHE_PSK: lambda inputs: PreSharedKey(inputs, Ecdhe(inputs)),
    Kx.RSA_PSK: lambda inputs: PreSharedKey(inputs, RsaTransport(inputs)),
}


def make_key_exchange(suite: Suite, inputs: ExchangeInputs) -> KeyExchange:
    """The key exchange of this suite, for one handshake and either side."""
    return _KINDS[suite.key_exchange](inputs)
