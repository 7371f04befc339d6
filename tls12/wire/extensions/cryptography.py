"""Extensions that choose cryptography: groups, signatures, MAC order, the master secret, SRP.

How it works: RFC 8422 5.1 and 7919 (groups), RFC 5246 7.4.1.4.1 and 8446 4.2.3 (signatures), RFC 7366, 7627,
6066 7, 5054, 9345.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from tls12.registry import ECPointFormat, ExtensionType, NamedGroup, SignatureScheme
from tls12.wire.extensions.base import EmptyExtension, ExtensionBody
from tls12.wire.reader import Reader
from tls12.wire.writer import Writer


@dataclass(frozen=True, slots=True)
class SupportedGroups(ExtensionBody):
    """supported_groups (RFC 8422 5.1.1, RFC 7919 2): the groups for the key exchange, best first."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.SUPPORTED_GROUPS
    named_group_list: tuple[NamedGroup, ...]

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.list16("named_group_list", NamedGroup, at_least=2))

    def write(self, w: Writer) -> None:
        w.list16(self.named_group_list, "named_group_list", NamedGroup, at_least=2)


@dataclass(frozen=True, slots=True)
class ECPointFormats(ExtensionBody):
    """ec_point_formats (RFC 8422 5.1.2): how the sender can read points."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.EC_POINT_FORMATS
    ec_point_format_list: tuple[ECPointFormat, ...]

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.list8("ec_point_format_list", ECPointFormat, at_least=1))

    def write(self, w: Writer) -> None:
        w.list8(self.ec_point_format_list, "ec_point_format_list", ECPointFormat, at_least=1)


@dataclass(frozen=True, slots=True)
class SignatureAlgorithms(ExtensionBody):
    """signature_algorithms (RFC 5246 7.4.1.4.1): the signatures that the sender can verify, best first."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.SIGNATURE_ALGORITHMS
    supported_signature_algorithms: tuple[SignatureScheme, ...]

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.list16("supported_signature_algorithms", SignatureScheme, at_least=2))

    def write(self, w: Writer) -> None:
        name = "supported_signature_algorithms"
        w.list16(self.supported_signature_algorithms, name, SignatureScheme, at_least=2)


@dataclass(frozen=True, slots=True)
class SignatureAlgorithmsCert(SignatureAlgorithms):
    """signature_algorithms_cert (RFC 8446 4.2.3): the same, for the signatures inside certificates."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.SIGNATURE_ALGORITHMS_CERT


@dataclass(frozen=True, slots=True)
class DelegatedCredentials(SignatureAlgorithms):
    """delegated_credential in a ClientHello (RFC 9345 4.1.1): the schemes for one; TLS 1.3 only."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.DELEGATED_CREDENTIAL


class EncryptThenMac(EmptyExtension):
    """encrypt_then_mac (RFC 7366): the MAC of CBC suites covers the ciphertext."""

    __slots__ = ()
    extension_type = ExtensionType.ENCRYPT_THEN_MAC


class ExtendedMasterSecret(EmptyExtension):
    """extended_master_secret (RFC 7627): the master secret covers the handshake."""

    __slots__ = ()
    extension_type = ExtensionType.EXTENDED_MASTER_SECRET


class TruncatedHmac(EmptyExtension):
    """truncated_hmac (RFC 6066 7): ten-byte MACs; broken (Paterson et al. 2011) and never negotiated here."""

    __slots__ = ()
    extension_type = ExtensionType.TRUNCATED_HMAC


@dataclass(frozen=True, slots=True)
class Srp(ExtensionBody):
    """srp in a ClientHello (RFC 5054 2.8.1): the user's name."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.SRP
    srp_I: bytes

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.vector8("srp_I", at_least=1))

    def write(self, w: Writer) -> None:
        w.vector8(self.srp_I, "srp_I", at_least=1)
