"""Key shares on elliptic curves: X25519, X448, the NIST and brainpool curves, secp256k1.

How it works: `generate(group, random)` makes an ephemeral key, whose `public` goes to the peer and whose
`exchange(peer_public)` gives the shared secret. Two kinds of group, two classes of share:

* X25519 and X448 (RFC 7748): a public key is a plain string of 32 or 56 bytes. Every such string is accepted,
  so low-order points show themselves only as an all-zero result, which is refused (RFC 8422 5.11).
* Weierstrass curves: a public key is an uncompressed point, 04 x y (RFC 8422 5.4.1). The backend checks that
  it lies on the curve; compressed and hybrid forms and the point at infinity are refused before.

The shared secret is the whole x-coordinate, leading zeros included (RFC 8422 5.10), unlike finite-field
Diffie-Hellman's (`finite_field.py`).

Every key is drawn from the caller's `random`, so that a fixed one gives a reproducible handshake. Bytes that
make a valid private key are taken as they come, so published handshakes can be replayed from their keys.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec, x448, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tls12.crypto.randomness import Random
from tls12.errors import InvalidKeyShare, UsageError
from tls12.registry import NamedGroup


class KeyShare(Protocol):
    """One side's ephemeral key."""

    @property
    def group(self) -> NamedGroup | None:
        """The group, or None for a finite-field group without a name."""

    @property
    def public(self) -> bytes:
        """The public key as it goes on the wire."""

    def exchange(self, peer_public: bytes) -> bytes:
        """The shared secret as the key schedule takes it. Raises InvalidKeyShare."""


@dataclass(frozen=True, slots=True)
class MontgomeryGroup:
    """What X25519 and X448 need."""

    group: NamedGroup
    length: int
    """Of private and public keys and of the shared secret, in bytes."""
    private_key: type[x25519.X25519PrivateKey] | type[x448.X448PrivateKey]
    public_key: type[x25519.X25519PublicKey] | type[x448.X448PublicKey]

    def generate(self, random: Random) -> KeyShare:
        """A fresh share."""
        return _MontgomeryShare(self, random)


@dataclass(frozen=True, slots=True)
class WeierstrassGroup:
    """What a curve in short Weierstrass form needs."""

    group: NamedGroup
    curve: ec.EllipticCurve

    @property
    def length(self) -> int:
        """Of a coordinate, and so of the shared secret, in bytes."""
        return (self.curve.key_size + 7) // 8

    def generate(self, random: Random) -> KeyShare:
        """A fresh share."""
        return _WeierstrassShare(self, random)


EC_GROUPS: Mapping[NamedGroup, MontgomeryGroup | WeierstrassGroup] = MappingProxyType(
    {
        row.group: row
        for row in (
            MontgomeryGroup(NamedGroup.X25519, 32, x25519.X25519PrivateKey, x25519.X25519PublicKey),
            MontgomeryGroup(NamedGroup.X448, 56, x448.X448PrivateKey, x448.X448PublicKey),
            WeierstrassGroup(NamedGroup.SECP256R1, ec.SECP256R1()),
            WeierstrassGroup(NamedGroup.SECP384R1, ec.SECP384R1()),
            WeierstrassGroup(NamedGroup.SECP521R1, ec.SECP521R1()),
            WeierstrassGroup(NamedGroup.SECP256K1, ec.SECP256K1()),
            WeierstrassGroup(NamedGroup.BRAINPOOLP256R1, ec.BrainpoolP256R1()),
            WeierstrassGroup(NamedGroup.BRAINPOOLP384R1, ec.BrainpoolP384R1()),
            WeierstrassGroup(NamedGroup.BRAINPOOLP512R1, ec.BrainpoolP512R1()),
        )
    }
)
"""Every elliptic-curve group that can be computed (RFC 8422 5.1.1, RFC 7027)."""

_ECDH = ec.ECDH()


def generate(group: NamedGroup, random: Random) -> KeyShare:
    """A fresh key share on an elliptic curve. Raises UsageError for a group that is not in EC_GROUPS."""
    row = EC_GROUPS.get(group)
    if row is None:
        raise UsageError(f"the group {group} is not an elliptic curve that can be computed here")
    return row.generate(random)


def private_scalar(order: int, random: Random) -> int:
    """A private key in 1..order-1 for a group of this order: the number drawn, if it is in range."""
    bits = order.bit_length()
    value = int.from_bytes(random((bits + 7) // 8)) & ((1 << bits) - 1)
    if 0 < value < order:
        return value
    # Out of range, as one draw of three is for brainpool. Reduced with 64 further bits instead of drawn anew:
    # the bias is below 2^-63, and a constant `random` cannot loop for ever.
    return (value << 64 | int.from_bytes(random(8))) % (order - 1) + 1


class _MontgomeryShare:
    __slots__ = ("_group", "_private", "public")

    def __init__(self, group: MontgomeryGroup, random: Random) -> None:
        # As fast as the backend's generate(), so that one way is enough (docs/performance.md).
        self._group = group
        self._private = group.private_key.from_private_bytes(random(group.length))
        self.public = self._private.public_key().public_bytes_raw()

    @property
    def group(self) -> NamedGroup:
        return self._group.group

    def exchange(self, peer_public: bytes) -> bytes:
        try:
            # The two kinds are never mixed: the same row made the private key.
            return self._private.exchange(self._group.public_key.from_public_bytes(peer_public))  # type: ignore[arg-type]
        except ValueError:
            raise InvalidKeyShare(
                f"the peer's key share has the wrong length for {self.group} or is a point of low order"
            ) from None


class _WeierstrassShare:
    __slots__ = ("_group", "_private", "public")

    def __init__(self, group: WeierstrassGroup, random: Random) -> None:
        self._group = group
        if random is os.urandom:
            # The backend draws and multiplies in one call, which is faster than to derive from a given number
            # (docs/performance.md).
            self._private = ec.generate_private_key(group.curve)
        else:
            self._private = ec.derive_private_key(private_scalar(group.curve.group_order, random), group.curve)
        self.public = self._private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def group(self) -> NamedGroup:
        return self._group.group

    def exchange(self, peer_public: bytes) -> bytes:
        if peer_public[:1] != b"\x04":
            raise InvalidKeyShare(
                f"the peer's key share for {self.group} is not an uncompressed point", rule="RFC 8422 5.4.1"
            )
        try:
            peer = ec.EllipticCurvePublicKey.from_encoded_point(self._group.curve, peer_public)
        except ValueError:
            raise InvalidKeyShare(f"the peer's key share is not a point of {self.group}") from None
        return self._private.exchange(_ECDH, peer)
