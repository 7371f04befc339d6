"""ServerKeyExchange and ClientKeyExchange, in every form that TLS 1.2 has.

How it works: both messages are made of the same few parts, in the same order: a PSK identity (or hint), the parameters
or keys of one mathematical family, a signature. A row of `LAYOUTS` says which parts a key exchange has, and each part
is a class that reads and writes itself. The bytes do not say which row applies: the `Context` does, and without one the
message stays raw (RFC 5246 7.4.3 and 7.4.7, RFC 8422 5.4 and 5.7, RFC 4279, RFC 5489, RFC 5054 2.5).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

from tls12.registry import Alert, ECBasisType, ECCurveType, HandshakeType, NamedGroup, SignatureScheme
from tls12.wire.context import Context
from tls12.wire.context import KeyExchangeAlgorithm as KeyExchangeAlgorithm
from tls12.wire.reader import Reader
from tls12.wire.writer import Writer


@dataclass(slots=True)
class DheParams:
    """A finite-field group and the server's public key in it (RFC 5246 7.4.3); big-endian numbers."""

    dh_p: bytes
    dh_g: bytes
    dh_Ys: bytes

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.vector16("dh_p", at_least=1), r.vector16("dh_g", at_least=1), r.vector16("dh_Ys", at_least=1))

    def write(self, w: Writer) -> None:
        w.vector16(self.dh_p, "dh_p", at_least=1)
        w.vector16(self.dh_g, "dh_g", at_least=1)
        w.vector16(self.dh_Ys, "dh_Ys", at_least=1)


_NAMED_CURVE = ECCurveType.NAMED_CURVE


@dataclass(slots=True)
class EcdheParams:
    """The server's ephemeral share (RFC 8422 5.4): a named group and its public point."""

    group: NamedGroup
    public: bytes

    @classmethod
    def read(cls, r: Reader) -> EcdheParams | ExplicitCurveParams:
        """Read the type of the curve and what belongs to it; an unknown type is illegal_parameter."""
        curve_type = r.code8("curve_type", ECCurveType)
        if curve_type == _NAMED_CURVE:
            return cls(r.code16("namedcurve", NamedGroup), r.vector8("public", at_least=1))
        if not curve_type.is_known:
            raise r.error("curve_type", "an unknown type of curve", Alert.ILLEGAL_PARAMETER)
        return ExplicitCurveParams.read_after(curve_type, r)

    def write(self, w: Writer) -> None:
        w.u8(_NAMED_CURVE, "curve_type")
        w.u16(self.group, "namedcurve")
        w.vector8(self.public, "public", at_least=1)


@dataclass(slots=True)
class Char2Field:
    """The binary field of an explicit curve (RFC 4492 5.4): its degree and the exponents of its basis.

    One exponent is a trinomial basis (k), three are a pentanomial one (k1, k2, k3).
    """

    m: int
    exponents: tuple[bytes, ...]

    @classmethod
    def read(cls, r: Reader) -> Self:
        m = r.u16("m")
        basis = r.u8("basis")
        if basis not in _EXPONENTS:
            raise r.error("basis", "neither trinomial nor pentanomial", Alert.ILLEGAL_PARAMETER)
        return cls(m, tuple(r.vector8("k", at_least=1) for _ in range(_EXPONENTS[basis])))

    def write(self, w: Writer) -> None:
        w.u16(self.m, "m")
        basis = next((basis for basis, count in _EXPONENTS.items() if count == len(self.exponents)), 0)
        if basis == 0:
            raise w.error("exponents", "neither one nor three")
        w.u8(basis, "basis")
        for exponent in self.exponents:
            w.vector8(exponent, "k", at_least=1)


_EXPONENTS: dict[int, int] = {ECBasisType.EC_BASIS_TRINOMIAL: 1, ECBasisType.EC_BASIS_PENTANOMIAL: 3}


@dataclass(slots=True)
class ExplicitCurveParams:
    """A share on a curve that is spelled out (RFC 4492 5.4); forbidden since RFC 8422, never accepted.

    `field` is the prime p as bytes, or a binary field.
    """

    field: bytes | Char2Field
    a: bytes
    b: bytes
    base: bytes
    order: bytes
    cofactor: bytes
    public: bytes

    @classmethod
    def read_after(cls, curve_type: ECCurveType, r: Reader) -> Self:
        prime = curve_type == ECCurveType.EXPLICIT_PRIME
        field = r.vector8("prime_p", at_least=1) if prime else Char2Field.read(r)
        a, b, base, order, cofactor, public = (
            r.vector8(name, at_least=1) for name in ("a", "b", "base", "order", "cofactor", "public")
        )
        return cls(field, a, b, base, order, cofactor, public)

    def write(self, w: Writer) -> None:
        if isinstance(self.field, Char2Field):
            w.u8(ECCurveType.EXPLICIT_CHAR2, "curve_type")
            self.field.write(w)
        else:
            w.u8(ECCurveType.EXPLICIT_PRIME, "curve_type")
            w.vector8(self.field, "prime_p", at_least=1)
        for name in ("a", "b", "base", "order", "cofactor", "public"):
            w.vector8(getattr(self, name), name, at_least=1)


@dataclass(slots=True)
class SrpParams:
    """The server's part of SRP (RFC 5054 2.5.3): group, salt and public value."""

    srp_N: bytes
    srp_g: bytes
    srp_s: bytes
    srp_B: bytes

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(
            r.vector16("srp_N", at_least=1),
            r.vector16("srp_g", at_least=1),
            r.vector8("srp_s", at_least=1),
            r.vector16("srp_B", at_least=1),
        )

    def write(self, w: Writer) -> None:
        w.vector16(self.srp_N, "srp_N", at_least=1)
        w.vector16(self.srp_g, "srp_g", at_least=1)
        w.vector8(self.srp_s, "srp_s", at_least=1)
        w.vector16(self.srp_B, "srp_B", at_least=1)


ServerParams = EcdheParams | ExplicitCurveParams | DheParams | SrpParams


@dataclass(slots=True)
class DigitallySigned:
    """A signature and how it was made (RFC 5246 4.7)."""

    algorithm: SignatureScheme
    signature: bytes

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.code16("algorithm", SignatureScheme), r.vector16("signature"))

    def write(self, w: Writer) -> None:
        w.u16(self.algorithm, "algorithm")
        w.vector16(self.signature, "signature")


@dataclass(slots=True)
class EcdhPublic:
    """The client's point (RFC 8422 5.7)."""

    point: bytes

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.vector8("point", at_least=1))

    def write(self, w: Writer) -> None:
        w.vector8(self.point, "point", at_least=1)


@dataclass(slots=True)
class DhPublic:
    """The client's public key in the server's finite-field group (RFC 5246 7.4.7.2)."""

    dh_Yc: bytes

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.vector16("dh_Yc", at_least=1))

    def write(self, w: Writer) -> None:
        w.vector16(self.dh_Yc, "dh_Yc", at_least=1)


@dataclass(slots=True)
class EncryptedPreMasterSecret:
    """The premaster secret under the server's RSA key (RFC 5246 7.4.7.1)."""

    ciphertext: bytes

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.vector16("ciphertext"))

    def write(self, w: Writer) -> None:
        w.vector16(self.ciphertext, "ciphertext")


@dataclass(slots=True)
class SrpPublic:
    """The client's public value in SRP (RFC 5054 2.5.4)."""

    srp_A: bytes

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.vector16("srp_A", at_least=1))

    def write(self, w: Writer) -> None:
        w.vector16(self.srp_A, "srp_A", at_least=1)


ExchangeKeys = EcdhPublic | DhPublic | EncryptedPreMasterSecret | SrpPublic


class Layout(NamedTuple):
    """The parts of the two messages in one key exchange."""

    server_key_exchange: bool
    """Whether the server may send one at all."""
    psk: bool
    """Whether a hint stands before the server's parameters, an identity before the client's keys."""
    params: Callable[[Reader], ServerParams] | None
    signed: bool
    keys: Callable[[Reader], ExchangeKeys] | None


K = KeyExchangeAlgorithm
LAYOUTS: dict[KeyExchangeAlgorithm, Layout] = {
    #                      message  PSK    server's parameters  signed  client's keys
    K.RSA: Layout(False, False, None, False, EncryptedPreMasterSecret.read),
    K.DHE: Layout(True, False, DheParams.read, True, DhPublic.read),
    K.ECDHE: Layout(True, False, EcdheParams.read, True, EcdhPublic.read),
    K.DH_ANON: Layout(True, False, DheParams.read, False, DhPublic.read),
    K.ECDH_ANON: Layout(True, False, EcdheParams.read, False, EcdhPublic.read),
    K.PSK: Layout(True, True, None, False, None),
    K.DHE_PSK: Layout(True, True, DheParams.read, False, DhPublic.read),
    K.ECDHE_PSK: Layout(True, True, EcdheParams.read, False, EcdhPublic.read),
    K.RSA_PSK: Layout(True, True, None, False, EncryptedPreMasterSecret.read),
    K.SRP: Layout(True, False, SrpParams.read, False, SrpPublic.read),
    K.SRP_SIGNED: Layout(True, False, SrpParams.read, True, SrpPublic.read),
}
"""Which parts the messages of a key exchange have."""


@dataclass(slots=True)
class ServerKeyExchange:
    """The server's share of the key exchange (RFC 5246 7.4.3); a part that its layout lacks is None."""

    msg_type: ClassVar[HandshakeType] = HandshakeType.SERVER_KEY_EXCHANGE
    params: ServerParams | None = None
    psk_identity_hint: bytes | None = None
    signature: DigitallySigned | None = None

    @classmethod
    def read(cls, r: Reader, context: Context) -> Self:
        """Read the parts of `context.key_exchange`, which must be set.

        Raises DecodeError; unexpected_message for RSA, where the message does not exist.
        """
        assert context.key_exchange is not None
        layout = LAYOUTS[context.key_exchange]
        if not layout.server_key_exchange:
            raise r.error("", "the key exchange RSA has no such message", Alert.UNEXPECTED_MESSAGE)
        hint = r.vector16("psk_identity_hint") if layout.psk else None
        params = layout.params(r) if layout.params else None
        return cls(params, hint, DigitallySigned.read(r) if layout.signed else None)

    def write(self, w: Writer) -> None:
        if self.psk_identity_hint is not None:
            w.vector16(self.psk_identity_hint, "psk_identity_hint")
        if self.params is not None:
            self.params.write(w)
        if self.signature is not None:
            self.signature.write(w)

    def params_bytes(self) -> bytes:
        """The parameters as they stand on the wire: what the server signs after the two randoms."""
        w = Writer("ServerKeyExchange")
        if self.params is not None:
            self.params.write(w)
        return bytes(w.buffer)


@dataclass(slots=True)
class ClientKeyExchange:
    """The client's share of the key exchange (RFC 5246 7.4.7); a part that its layout lacks is None."""

    msg_type: ClassVar[HandshakeType] = HandshakeType.CLIENT_KEY_EXCHANGE
    exchange_keys: ExchangeKeys | None = None
    psk_identity: bytes | None = None

    @classmethod
    def read(cls, r: Reader, context: Context) -> Self:
        """Read the parts of `context.key_exchange`, which must be set. Raises DecodeError."""
        assert context.key_exchange is not None
        layout = LAYOUTS[context.key_exchange]
        identity = r.vector16("psk_identity") if layout.psk else None
        return cls(layout.keys(r) if layout.keys else None, identity)

    def write(self, w: Writer) -> None:
        if self.psk_identity is not None:
            w.vector16(self.psk_identity, "psk_identity")
        if self.exchange_keys is not None:
            self.exchange_keys.write(w)
