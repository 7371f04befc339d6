"""Extensions that name things: the server, and the protocol above TLS.

How it works: server_name (RFC 6066 3), ALPN (RFC 7301) with the settings that some browsers attach to it, and
its predecessor NPN (draft-agl-tls-nextprotoneg-04).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from tls12.registry import Alert, ExtensionType, NameType
from tls12.wire.extensions.base import EmptyExtension, ExtensionBody
from tls12.wire.reader import Reader
from tls12.wire.writer import Writer

_HOST_NAME = NameType.HOST_NAME
_PRINTABLE = bytes(range(0x20, 0x7F))


@dataclass(frozen=True, slots=True)
class ServerName:
    """One name of server_name (RFC 6066 3). Every type, known or not, has a 16-bit length."""

    name_type: NameType
    host_name: bytes

    @classmethod
    def read(cls, r: Reader) -> Self:
        name_type = r.code8("name_type", NameType)
        name = cls(name_type, r.vector16("host_name", at_least=1 if name_type == _HOST_NAME else 0))
        name.check(r)
        return name

    def write(self, w: Writer) -> None:
        self.check(w)
        w.u8(self.name_type, "name_type")
        w.vector16(self.host_name, "host_name", at_least=1 if self.name_type == _HOST_NAME else 0)

    def check(self, codec: Reader | Writer) -> None:
        """Raises the codec's error, illegal_parameter, for a host name that is not printable ASCII (RFC 6066 3)."""
        if self.name_type == _HOST_NAME and self.host_name.translate(None, _PRINTABLE):
            raise codec.error("host_name", "a character that no host name has", Alert.ILLEGAL_PARAMETER)


@dataclass(frozen=True, slots=True)
class ServerNameList(ExtensionBody):
    """server_name in a ClientHello: the server that the client wants to reach (RFC 6066 3)."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.SERVER_NAME
    server_name_list: tuple[ServerName, ...]

    @classmethod
    def read(cls, r: Reader) -> Self:
        names = cls(r.structs("server_name_list", 2, ServerName.read, at_least=1))
        names.check(r)
        return names

    def write(self, w: Writer) -> None:
        self.check(w)
        w.structs(self.server_name_list, "server_name_list", 2, ServerName.write, at_least=1)

    def check(self, codec: Reader | Writer) -> None:
        """Raises the codec's error, illegal_parameter, for two names of the same type (RFC 6066 3)."""
        names = self.server_name_list
        if len(names) > 1 and len({name.name_type for name in names}) != len(names):
            raise codec.error("server_name_list", "two names of one type", Alert.ILLEGAL_PARAMETER)


class ServerNameAck(EmptyExtension):
    """server_name in a ServerHello: the name was used (RFC 6066 3)."""

    __slots__ = ()
    extension_type = ExtensionType.SERVER_NAME


@dataclass(frozen=True, slots=True)
class ApplicationLayerProtocolNegotiation(ExtensionBody):
    """ALPN (RFC 7301 3.1): what the client offers, best first, or the one protocol that the server chose."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.APPLICATION_LAYER_PROTOCOL_NEGOTIATION
    protocol_name_list: tuple[bytes, ...]

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.opaques("protocol_name_list", 2, 1, at_least=2, few=True))

    @classmethod
    def read_selected(cls, r: Reader) -> Self:
        """Read a server's choice: a list of exactly one name (RFC 7301 3.1)."""
        selected = cls.read(r)
        if len(selected.protocol_name_list) != 1:
            raise r.error("protocol_name_list", "more than one protocol selected")
        return selected

    def write(self, w: Writer) -> None:
        w.opaques(self.protocol_name_list, "protocol_name_list", 2, 1, at_least=2)


@dataclass(frozen=True, slots=True)
class ApplicationSettings(ExtensionBody):
    """ALPS in a ClientHello: the protocols that have settings (draft-vvv-tls-alps-01)."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.APPLICATION_SETTINGS
    supported_protocols: tuple[bytes, ...]

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.opaques("supported_protocols", 2, 1, at_least=2, few=True))

    def write(self, w: Writer) -> None:
        w.opaques(self.supported_protocols, "supported_protocols", 2, 1, at_least=2)


@dataclass(frozen=True, slots=True)
class ApplicationSettingsOld(ApplicationSettings):
    """ALPS under its first code point, as Chromium sent it up to 2024."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.APPLICATION_SETTINGS_OLD


class NextProtocolNegotiationRequest(EmptyExtension):
    """NPN in a ClientHello: the client would like to choose (draft-agl-tls-nextprotoneg-04)."""

    __slots__ = ()
    extension_type = ExtensionType.NEXT_PROTOCOL_NEGOTIATION


@dataclass(frozen=True, slots=True)
class NextProtocolNegotiation(ExtensionBody):
    """NPN in a ServerHello: the protocols to choose from (draft-agl-tls-nextprotoneg-04)."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.NEXT_PROTOCOL_NEGOTIATION
    protocol_name_list: tuple[bytes, ...]

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Read names up to the end of the extension; there is no length around them."""
        names: list[bytes] = []
        while r.remaining:
            if len(names) == r.mode.entries:
                raise r.too_many("protocol_name")
            names.append(r.vector8("protocol_name", at_least=1))
        return cls(tuple(names))

    def write(self, w: Writer) -> None:
        for name in self.protocol_name_list:
            w.vector8(name, "protocol_name", at_least=1)
