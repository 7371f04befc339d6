"""Extensions of TLS 1.3 and later that a TLS 1.2 stack meets in hellos.

How it works: RFC 8446 4.2 and the drafts that browsers send, typed well enough to print, to fingerprint and
to rebuild. This library speaks TLS 1.2: of all these only supported_versions has a meaning to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from tls12.registry import (
    Alert,
    ECHClientHelloType,
    ExtensionType,
    HpkeAead,
    HpkeKdf,
    NamedGroup,
    ProtocolVersion,
    PskKeyExchangeMode,
)
from tls12.wire.extensions.base import EmptyExtension, ExtensionBody
from tls12.wire.reader import Reader
from tls12.wire.writer import Writer


@dataclass(frozen=True, slots=True)
class SupportedVersions(ExtensionBody):
    """supported_versions in a ClientHello (RFC 8446 4.2.1): the versions, best first."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.SUPPORTED_VERSIONS
    versions: tuple[ProtocolVersion, ...]

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.list8("versions", ProtocolVersion, at_least=2))

    def write(self, w: Writer) -> None:
        w.list8(self.versions, "versions", ProtocolVersion, at_least=2)


@dataclass(frozen=True, slots=True)
class SelectedVersion(ExtensionBody):
    """supported_versions in a ServerHello (RFC 8446 4.2.1); a server of TLS 1.2 does not send it."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.SUPPORTED_VERSIONS
    selected_version: ProtocolVersion

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.code16("selected_version", ProtocolVersion))

    def write(self, w: Writer) -> None:
        w.u16(self.selected_version, "selected_version")


@dataclass(frozen=True, slots=True)
class KeyShareEntry:
    """A public key in a group (RFC 8446 4.2.8)."""

    group: NamedGroup
    key_exchange: bytes

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.code16("group", NamedGroup), r.vector16("key_exchange", at_least=1))

    def write(self, w: Writer) -> None:
        w.u16(self.group, "group")
        w.vector16(self.key_exchange, "key_exchange", at_least=1)


@dataclass(frozen=True, slots=True)
class KeyShareClientHello(ExtensionBody):
    """key_share in a ClientHello (RFC 8446 4.2.8)."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.KEY_SHARE
    client_shares: tuple[KeyShareEntry, ...]

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.structs("client_shares", 2, KeyShareEntry.read))

    def write(self, w: Writer) -> None:
        w.structs(self.client_shares, "client_shares", 2, KeyShareEntry.write)


@dataclass(frozen=True, slots=True)
class KeyShareServerHello(ExtensionBody):
    """key_share in a ServerHello (RFC 8446 4.2.8)."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.KEY_SHARE
    server_share: KeyShareEntry

    @classmethod
    def read(cls, r: Reader) -> KeyShareServerHello | KeyShareHelloRetryRequest:
        """Read one share, or the bare group of a HelloRetryRequest."""
        if r.remaining == 2:
            return KeyShareHelloRetryRequest(r.code16("selected_group", NamedGroup))
        return cls(KeyShareEntry.read(r))

    def write(self, w: Writer) -> None:
        self.server_share.write(w)


@dataclass(frozen=True, slots=True)
class KeyShareHelloRetryRequest(ExtensionBody):
    """key_share in a HelloRetryRequest, which looks like a ServerHello (RFC 8446 4.1.4)."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.KEY_SHARE
    selected_group: NamedGroup

    def write(self, w: Writer) -> None:
        w.u16(self.selected_group, "selected_group")


@dataclass(frozen=True, slots=True)
class PskKeyExchangeModes(ExtensionBody):
    """psk_key_exchange_modes (RFC 8446 4.2.9)."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.PSK_KEY_EXCHANGE_MODES
    ke_modes: tuple[PskKeyExchangeMode, ...]

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.list8("ke_modes", PskKeyExchangeMode, at_least=1))

    def write(self, w: Writer) -> None:
        w.list8(self.ke_modes, "ke_modes", PskKeyExchangeMode, at_least=1)


@dataclass(frozen=True, slots=True)
class PskIdentity:
    """A ticket or an external identity (RFC 8446 4.2.11); the age is in milliseconds, obfuscated."""

    identity: bytes
    obfuscated_ticket_age: int

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.vector16("identity", at_least=1), r.u32("obfuscated_ticket_age"))

    def write(self, w: Writer) -> None:
        w.vector16(self.identity, "identity", at_least=1)
        w.u32(self.obfuscated_ticket_age, "obfuscated_ticket_age")


@dataclass(frozen=True, slots=True)
class OfferedPsks(ExtensionBody):
    """pre_shared_key in a ClientHello (RFC 8446 4.2.11)."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.PRE_SHARED_KEY
    identities: tuple[PskIdentity, ...]
    binders: tuple[bytes, ...]

    @classmethod
    def read(cls, r: Reader) -> Self:
        identities = r.structs("identities", 2, PskIdentity.read, at_least=7)
        return cls(identities, r.opaques("binders", 2, 1, at_least=33, item_at_least=32))

    def write(self, w: Writer) -> None:
        w.structs(self.identities, "identities", 2, PskIdentity.write, at_least=7)
        w.opaques(self.binders, "binders", 2, 1, at_least=33, item_at_least=32)


@dataclass(frozen=True, slots=True)
class SelectedPsk(ExtensionBody):
    """pre_shared_key in a ServerHello: an index into the offered ones (RFC 8446 4.2.11)."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.PRE_SHARED_KEY
    selected_identity: int

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.u16("selected_identity"))

    def write(self, w: Writer) -> None:
        w.u16(self.selected_identity, "selected_identity")


class EarlyData(EmptyExtension):
    """early_data in a ClientHello (RFC 8446 4.2.10)."""

    __slots__ = ()
    extension_type = ExtensionType.EARLY_DATA


@dataclass(frozen=True, slots=True)
class Cookie(ExtensionBody):
    """cookie (RFC 8446 4.2.2), from a HelloRetryRequest and back."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.COOKIE
    cookie: bytes

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.vector16("cookie", at_least=1))

    def write(self, w: Writer) -> None:
        w.vector16(self.cookie, "cookie", at_least=1)


class PostHandshakeAuth(EmptyExtension):
    """post_handshake_auth (RFC 8446 4.2.6)."""

    __slots__ = ()
    extension_type = ExtensionType.POST_HANDSHAKE_AUTH


@dataclass(frozen=True, slots=True)
class EncryptedClientHelloOuter(ExtensionBody):
    """encrypted_client_hello as the network sees it (draft-ietf-tls-esni): ciphertext, or GREASE."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.ENCRYPTED_CLIENT_HELLO
    kdf_id: HpkeKdf
    aead_id: HpkeAead
    config_id: int
    enc: bytes
    payload: bytes

    @classmethod
    def read(cls, r: Reader) -> EncryptedClientHelloOuter | EncryptedClientHelloInner:
        kind = r.code8("type", ECHClientHelloType)
        if kind == ECHClientHelloType.INNER:
            return EncryptedClientHelloInner()
        if kind != ECHClientHelloType.OUTER:
            raise r.error("type", "neither outer nor inner", Alert.ILLEGAL_PARAMETER)
        kdf, aead = r.code16("kdf_id", HpkeKdf), r.code16("aead_id", HpkeAead)
        config = r.u8("config_id")
        return cls(kdf, aead, config, r.vector16("enc"), r.vector16("payload", at_least=1))

    def write(self, w: Writer) -> None:
        w.u8(ECHClientHelloType.OUTER, "type")
        w.u16(self.kdf_id, "kdf_id")
        w.u16(self.aead_id, "aead_id")
        w.u8(self.config_id, "config_id")
        w.vector16(self.enc, "enc")
        w.vector16(self.payload, "payload", at_least=1)


@dataclass(frozen=True, slots=True)
class EncryptedClientHelloInner(ExtensionBody):
    """encrypted_client_hello inside the hidden hello (draft-ietf-tls-esni): nothing but the type."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.ENCRYPTED_CLIENT_HELLO

    def write(self, w: Writer) -> None:
        w.u8(ECHClientHelloType.INNER, "type")


@dataclass(frozen=True, slots=True)
class EncryptedClientHelloConfirmation(ExtensionBody):
    """encrypted_client_hello in a HelloRetryRequest (draft-ietf-tls-esni)."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.ENCRYPTED_CLIENT_HELLO
    confirmation: bytes

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.fixed(8, "confirmation"))

    def write(self, w: Writer) -> None:
        w.fixed(self.confirmation, 8, "confirmation")


@dataclass(frozen=True, slots=True)
class EchOuterExtensions(ExtensionBody):
    """ech_outer_extensions inside the hidden hello: which extensions to copy (draft-ietf-tls-esni)."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.ECH_OUTER_EXTENSIONS
    outer_extensions: tuple[ExtensionType, ...]

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.list8("OuterExtensions", ExtensionType, at_least=2))

    def write(self, w: Writer) -> None:
        w.list8(self.outer_extensions, "OuterExtensions", ExtensionType, at_least=2)
