"""Extensions that negotiate other protocols, which use the connection or its keys.

How it works: RFC 6520 (heartbeat), 5764 (SRTP), 8472 (token binding) and Channel ID, the draft before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from tls12.registry import ExtensionType, HeartbeatMode, SRTPProtectionProfile, TokenBindingKeyParameters
from tls12.wire.extensions.base import EmptyExtension, ExtensionBody
from tls12.wire.reader import Reader
from tls12.wire.writer import Writer


@dataclass(frozen=True, slots=True)
class HeartbeatExtension(ExtensionBody):
    """heartbeat (RFC 6520 2): whether the sender answers heartbeats."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.HEARTBEAT
    mode: HeartbeatMode

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Read the mode. An unknown one is no error here: RFC 6520 2 demands illegal_parameter only of an endpoint that
        uses heartbeats."""
        return cls(r.code8("mode", HeartbeatMode))

    def write(self, w: Writer) -> None:
        w.u8(self.mode, "mode")


@dataclass(frozen=True, slots=True)
class UseSrtp(ExtensionBody):
    """use_srtp (RFC 5764 4.1.1): profiles of the media keys, and their master key identifier."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.USE_SRTP
    srtp_protection_profiles: tuple[SRTPProtectionProfile, ...]
    srtp_mki: bytes

    @classmethod
    def read(cls, r: Reader) -> Self:
        profiles = r.list16("SRTPProtectionProfiles", SRTPProtectionProfile, at_least=2)
        return cls(profiles, r.vector8("srtp_mki"))

    def write(self, w: Writer) -> None:
        w.list16(self.srtp_protection_profiles, "SRTPProtectionProfiles", SRTPProtectionProfile, at_least=2)
        w.vector8(self.srtp_mki, "srtp_mki")


@dataclass(frozen=True, slots=True)
class TokenBinding(ExtensionBody):
    """token_binding (RFC 8472 2): version and key types, the server's answer with exactly one."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.TOKEN_BINDING
    major: int
    minor: int
    key_parameters_list: tuple[TokenBindingKeyParameters, ...]

    @classmethod
    def read(cls, r: Reader) -> Self:
        parameters = TokenBindingKeyParameters
        return cls(r.u8("major"), r.u8("minor"), r.list8("key_parameters_list", parameters, at_least=1))

    def write(self, w: Writer) -> None:
        w.u8(self.major, "major")
        w.u8(self.minor, "minor")
        w.list8(self.key_parameters_list, "key_parameters_list", TokenBindingKeyParameters, at_least=1)


class ChannelId(EmptyExtension):
    """channel_id (draft-balfanz-tls-channelid): the client has a key of its own. It is obsolete."""

    __slots__ = ()
    extension_type = ExtensionType.CHANNEL_ID
