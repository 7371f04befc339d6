"""The key exchanges: what both sides send each other, and the premaster secret that comes of it.

How it works: one class for each kind, with the steps of the handshake as methods. A server calls
`offer`, sends what it returns (signed by the handshake where the suite signs it), and gives the client's
answer to `accept`. A client gives the server's message to `check` as soon as it comes, which refuses on sight what
is not worth a signature's verification, and later to `respond`, and sends what that returns. Either side ends with
the premaster secret:

    ECDHE    the x-coordinate, as wide as the field                    RFC 8422 5.10
    DHE      the shared number without leading zeros                   RFC 5246 8.1.2
    RSA      48 bytes: the ClientHello's version and 46 random ones    RFC 5246 7.4.7.1
    PSK      length, other secret, length, key; the other secret is    RFC 4279 2, 3, 4; RFC 5489 2
             that of the wrapped exchange, or zeros as long as the key

The anonymous exchanges are ECDHE and DHE without a signature, the PSK ones wrap another exchange or nothing.
One object serves one handshake: its keys are never used twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tls12.crypto import finite_field, groups
from tls12.crypto.groups import EC_GROUPS, KeyShare, Random
from tls12.crypto.suites import Suite
from tls12.errors import InternalError, PeerIncompatible, PeerMisbehaved, UsageError
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

PREMASTER_LENGTH = 48
"""Of RSA key transport's premaster secret, in bytes (RFC 5246 7.4.7.1)."""

_PKCS1 = padding.PKCS1v15()


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

    random: Random = os.urandom
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
    """The longest modulus without an RFC 7919 name that the client computes with: it costs 5 s."""
    accept_custom_dh: bool = True
    """Whether the client that listed groups of RFC 7919 accepts another one (RFC 7919 3.1)."""


class KeyExchange(Protocol):
    """One key exchange of one handshake."""

    @property
    def group(self) -> NamedGroup | None:
        """The group in use: known after `offer` or `respond`; None where there is none or it has no name."""

    def offer(self) -> ServerKeyExchange | None:
        """Server: the message to send, without its signature; None where the suite has none."""

    def accept(self, message: ClientKeyExchange, psk: bytes | None = None) -> bytes:
        """Server, after `offer`: the premaster secret. `psk` is the key for the identity in the message.

        Raises InvalidKeyShare.
        """

    def check(self, message: ServerKeyExchange | None) -> None:
        """Client: refuse a group that was not offered, or numbers that are bad on sight, before anything is computed.

        Raises PeerMisbehaved (InvalidKeyShare among them) and PeerIncompatible.
        """

    def respond(
        self, message: ServerKeyExchange | None, psk: IdentifiedKey | None = None
    ) -> tuple[ClientKeyExchange, bytes]:
        """Client: the message to send, and the premaster secret; checks the message again.

        Raises PeerMisbehaved (InvalidKeyShare among them) and PeerIncompatible.
        """


class Ecdhe:
    """Ephemeral Diffie-Hellman on an elliptic curve (RFC 8422 2.1 to 2.3)."""

    __slots__ = ("_inputs", "_share", "group")

    def __init__(self, inputs: ExchangeInputs) -> None:
        self._inputs = inputs
        self._share: KeyShare
        self.group = inputs.group

    def offer(self) -> ServerKeyExchange:
        """The group and our point in it (RFC 8422 5.4)."""
        group = self.group
        assert group is not None
        self._share = groups.generate(group, self._inputs.random)
        return ServerKeyExchange(EcdheParams(group, self._share.public))

    def accept(self, message: ClientKeyExchange, psk: bytes | None = None) -> bytes:
        """The secret of the client's point (RFC 8422 5.7, 5.10)."""
        keys = message.exchange_keys
        assert isinstance(keys, EcdhPublic)
        return self._share.exchange(keys.point)

    def check(self, message: ServerKeyExchange | None) -> None:
        """The server's group must have a name, and be one that we offered."""
        params = message.params if message else None
        if isinstance(params, ExplicitCurveParams):
            raise PeerMisbehaved("the server spelled its curve out instead of naming one", rule="RFC 8422 5.4")
        assert isinstance(params, EcdheParams)
        self.group = group = params.group
        if group not in self._inputs.offered_groups or group not in EC_GROUPS:
            raise PeerMisbehaved(f"the server chose the group {group}, which was not offered", rule="RFC 8422 5.4")

    def respond(
        self, message: ServerKeyExchange | None, psk: IdentifiedKey | None = None
    ) -> tuple[ClientKeyExchange, bytes]:
        """Our point in the server's group."""
        self.check(message)
        params = message.params if message else None
        assert isinstance(params, EcdheParams)
        share = groups.generate(params.group, self._inputs.random)
        secret = share.exchange(params.public)
        return ClientKeyExchange(EcdhPublic(share.public)), secret


class Dhe:
    """Ephemeral Diffie-Hellman in a finite field (RFC 5246 7.4.3, RFC 7919)."""

    __slots__ = ("_inputs", "_share", "group")

    def __init__(self, inputs: ExchangeInputs) -> None:
        self._inputs = inputs
        self._share: KeyShare
        self.group = inputs.group

    def offer(self) -> ServerKeyExchange:
        """A group of RFC 7919, as numbers, and our public key in it."""
        group = self.group
        assert group is not None
        self._share = finite_field.generate(group, self._inputs.random)
        p = finite_field.FFDHE_PRIMES[group]
        return ServerKeyExchange(DheParams(_number(p), _number(finite_field.GENERATOR), self._share.public))

    def accept(self, message: ClientKeyExchange, psk: bytes | None = None) -> bytes:
        """The secret of the client's public key."""
        keys = message.exchange_keys
        assert isinstance(keys, DhPublic)
        return self._share.exchange(keys.dh_Yc)

    def check(self, message: ServerKeyExchange | None) -> None:
        """The server's numbers must pass `finite_field.check` and our policy."""
        inputs = self._inputs
        p, g, ys = _numbers(message)
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

    def respond(
        self, message: ServerKeyExchange | None, psk: IdentifiedKey | None = None
    ) -> tuple[ClientKeyExchange, bytes]:
        """Our public key in the server's group."""
        self.check(message)
        share, secret = finite_field.answer(*_numbers(message), self._inputs.random)
        return ClientKeyExchange(DhPublic(share.public)), secret


def _numbers(message: ServerKeyExchange | None) -> tuple[int, int, int]:
    """The server's modulus, generator and public key."""
    params = message.params if message else None
    assert isinstance(params, DheParams)
    return int.from_bytes(params.dh_p), int.from_bytes(params.dh_g), int.from_bytes(params.dh_Ys)


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8)


class RsaTransport:
    """RSA key transport (RFC 5246 7.4.7.1): the client encrypts the premaster secret to the server's key.

    A server that tells a well-padded ciphertext from a badly padded one, by an alert, an error or by time,
    decrypts for anybody (Bleichenbacher 1998). So `accept` never fails: whatever is wrong ends in a premaster
    secret that the client does not have, and so at Finished. The backend rejects implicitly: it returns
    pseudo-random bytes for bad padding instead of raising, which is asserted before the first use.
    """

    __slots__ = ("_inputs",)

    group: NamedGroup | None = None

    def __init__(self, inputs: ExchangeInputs) -> None:
        self._inputs = inputs

    def offer(self) -> None:
        """No message: the certificate has the key."""
        assert_implicit_rejection(self._private_key())

    def accept(self, message: ClientKeyExchange, psk: bytes | None = None) -> bytes:
        """48 bytes: what the client encrypted, or random ones; the version is always the ClientHello's.

        This is the construction that the RFC recommends: a wrong version inside makes a premaster secret that
        differs from the client's, without being looked at.
        """
        keys = message.exchange_keys
        assert isinstance(keys, EncryptedPreMasterSecret)
        random = self._inputs.random(PREMASTER_LENGTH - 2)  # drawn whether it will be needed or not
        private_key = self._private_key()
        try:
            plain = private_key.decrypt(keys.ciphertext, _PKCS1)
        except ValueError:  # longer or shorter than the modulus, or not below it: anybody can see that
            plain = b""
        chosen = (random, plain[2:])[len(plain) == PREMASTER_LENGTH]
        return self._inputs.client_version.to_bytes(2) + chosen

    def check(self, message: ServerKeyExchange | None) -> None:
        """Nothing: there is no share, and a hint may say anything."""

    def respond(
        self, message: ServerKeyExchange | None, psk: IdentifiedKey | None = None
    ) -> tuple[ClientKeyExchange, bytes]:
        """Our version and 46 random bytes, encrypted to the key of the server's certificate."""
        premaster = self._inputs.client_version.to_bytes(2) + self._inputs.random(PREMASTER_LENGTH - 2)
        ciphertext = _encrypt(self._inputs.peer_public_key, premaster)
        return ClientKeyExchange(EncryptedPreMasterSecret(ciphertext)), premaster

    def _private_key(self) -> rsa.RSAPrivateKey:
        key = self._inputs.private_key
        if key is None:
            raise UsageError("RSA key transport needs a private key that decrypts; a Signer only signs")
        return key


def _encrypt(key: object, premaster: bytes) -> bytes:
    if isinstance(key, rsa.RSAPublicKey):
        with suppress(ValueError):  # a modulus that is even, too short for 59 bytes, or above 16,384 bits
            return key.encrypt(premaster, _PKCS1)
    raise PeerMisbehaved(
        "the server's certificate has no RSA key that encrypts",
        alert=Alert.UNSUPPORTED_CERTIFICATE,
        rule="RFC 5246 7.4.2",
    )


_IMPLICITLY_REJECTING: set[type] = set()


def assert_implicit_rejection(private_key: rsa.RSAPrivateKey) -> None:
    """Make sure that this type of key returns bytes for bad padding; decrypts once per type and process.

    Raises InternalError where it raises instead, as OpenSSL before 3.2 does.
    """
    if type(private_key) in _IMPLICITLY_REJECTING:
        return
    numbers = private_key.public_key().public_numbers()
    size = (numbers.n.bit_length() + 7) // 8
    signature_padding = int.from_bytes(b"\x00\x01".ljust(size, b"\xff"))  # block type 1 is never decryptable
    try:
        private_key.decrypt(pow(signature_padding, numbers.e, numbers.n).to_bytes(size), _PKCS1)
    except ValueError:
        raise InternalError(
            "the backend tells bad RSA padding from good: RSA key transport would decrypt for anybody",
            remedy="leave out the RSA and RSA_PSK suites, or use a cryptography with OpenSSL 3.2 or later",
        ) from None
    _IMPLICITLY_REJECTING.add(type(private_key))


class PreSharedKey:
    """PSK alone, or around another key exchange (RFC 4279, RFC 5489)."""

    __slots__ = ("_hint", "_inner")

    def __init__(self, inputs: ExchangeInputs, inner: KeyExchange | None = None) -> None:
        self._hint = inputs.psk_identity_hint or b""
        self._inner = inner

    @property
    def group(self) -> NamedGroup | None:
        """That of the wrapped exchange."""
        return self._inner.group if self._inner else None

    def offer(self) -> ServerKeyExchange | None:
        """The hint before the wrapped exchange's message; where there is neither, no ServerKeyExchange."""
        message = self._inner.offer() if self._inner else None
        if message is not None:
            message.psk_identity_hint = self._hint
        elif self._hint:
            message = ServerKeyExchange(psk_identity_hint=self._hint)
        return message

    def accept(self, message: ClientKeyExchange, psk: bytes | None = None) -> bytes:
        """Both secrets together. `psk` must be given."""
        assert psk is not None
        return _premaster(self._inner.accept(message) if self._inner else bytes(len(psk)), psk)

    def check(self, message: ServerKeyExchange | None) -> None:
        """That of the wrapped exchange; a hint may say anything."""
        if self._inner:
            self._inner.check(message)

    def respond(
        self, message: ServerKeyExchange | None, psk: IdentifiedKey | None = None
    ) -> tuple[ClientKeyExchange, bytes]:
        """Our identity before the keys of the wrapped exchange. `psk` must be given."""
        assert psk is not None
        key = psk.key
        reply, other = self._inner.respond(message) if self._inner else (ClientKeyExchange(), bytes(len(key)))
        reply.psk_identity = psk.identity
        return reply, _premaster(other, key)


def _premaster(other: bytes, psk: bytes) -> bytes:
    return len(other).to_bytes(2) + other + len(psk).to_bytes(2) + psk


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
