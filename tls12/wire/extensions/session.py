"""Extensions about the connection itself: resumption, renegotiation, sizes, padding, heartbeat, tokens.

How it works: RFC 5077, 5746, 6066 4, 8449, 7685, 6520, 5764 and 8472; Channel ID is what came before 8472.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from tls12.registry import Alert, ExtensionType, HeartbeatMode, SRTPProtectionProfile, TokenBindingKeyParameters
from tls12.wire.extensions.base import EmptyExtension, ExtensionBody
from tls12.wire.reader import Reader
from tls12.wire.writer import Writer


@dataclass(frozen=True, slots=True)
class SessionTicket(ExtensionBody):
    """session_ticket in a ClientHello (RFC 5077 3.2): a ticket, or nothing to ask for one."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.SESSION_TICKET
    ticket: bytes

    @classmethod
    def read(cls, r: Reader) -> Self:
        """The whole body is the ticket (RFC 5077 appendix A)."""
        return cls(r.rest("ticket"))

    def write(self, w: Writer) -> None:
        """The whole body is the ticket."""
        w.rest(self.ticket)


class SessionTicketAck(EmptyExtension):
    """session_ticket in a ServerHello: a NewSessionTicket will come (RFC 5077 3.2)."""

    __slots__ = ()
    extension_type = ExtensionType.SESSION_TICKET


@dataclass(frozen=True, slots=True)
class RenegotiationInfo(ExtensionBody):
    """renegotiation_info (RFC 5746 3.2): the Finished values of the enclosing connection, if there is one."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.RENEGOTIATION_INFO
    renegotiated_connection: bytes

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Read the values."""
        return cls(r.vector8("renegotiated_connection"))

    def write(self, w: Writer) -> None:
        """Write the values."""
        w.vector8(self.renegotiated_connection, "renegotiated_connection")


@dataclass(frozen=True, slots=True)
class MaxFragmentLength(ExtensionBody):
    """max_fragment_length (RFC 6066 4): 1, 2, 3 or 4 for fragments of 512, 1024, 2048 or 4096 bytes."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.MAX_FRAGMENT_LENGTH
    max_fragment_length: int

    @property
    def fragment_size(self) -> int:
        """The limit in bytes of plaintext."""
        return 1 << 8 + self.max_fragment_length

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Read the number; another one than the four is illegal_parameter (RFC 6066 4)."""
        limit = cls(r.u8("max_fragment_length"))
        limit.check(r)
        return limit

    def write(self, w: Writer) -> None:
        """Write the number."""
        self.check(w)
        w.u8(self.max_fragment_length, "max_fragment_length")

    def check(self, codec: Reader | Writer) -> None:
        """Four values are defined (RFC 6066 4)."""
        if not 1 <= self.max_fragment_length <= 4:
            raise codec.error("max_fragment_length", "a value other than 1, 2, 3, 4", Alert.ILLEGAL_PARAMETER)


@dataclass(frozen=True, slots=True)
class RecordSizeLimit(ExtensionBody):
    """record_size_limit (RFC 8449 4): the largest plaintext, in bytes, that the sender wants to receive."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.RECORD_SIZE_LIMIT
    record_size_limit: int

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Read the limit; under 64 it is illegal_parameter (RFC 8449 4)."""
        limit = cls(r.u16("record_size_limit"))
        limit.check(r)
        return limit

    def write(self, w: Writer) -> None:
        """Write the limit."""
        self.check(w)
        w.u16(self.record_size_limit, "record_size_limit")

    def check(self, codec: Reader | Writer) -> None:
        """The smallest limit is 64 (RFC 8449 4)."""
        if self.record_size_limit < 64:
            raise codec.error("record_size_limit", "a limit below 64", Alert.ILLEGAL_PARAMETER)


@dataclass(frozen=True, slots=True)
class Padding(ExtensionBody):
    """padding (RFC 7685): bytes that make a ClientHello longer; a server insists that they are zeros."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.PADDING
    padding: bytes

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Read whatever stands there."""
        return cls(r.rest("padding"))

    def write(self, w: Writer) -> None:
        """Write it as it is."""
        w.rest(self.padding)


@dataclass(frozen=True, slots=True)
class HeartbeatExtension(ExtensionBody):
    """heartbeat (RFC 6520 2): whether the sender answers heartbeats."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.HEARTBEAT
    mode: HeartbeatMode

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Read the mode; that an unknown one is illegal_parameter (RFC 6520 2) concerns those who use it."""
        return cls(r.code8("mode", HeartbeatMode))

    def write(self, w: Writer) -> None:
        """Write the mode."""
        w.u8(self.mode, "mode")


@dataclass(frozen=True, slots=True)
class UseSrtp(ExtensionBody):
    """use_srtp (RFC 5764 4.1.1): profiles of the media keys, and their master key identifier."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.USE_SRTP
    srtp_protection_profiles: tuple[SRTPProtectionProfile, ...]
    srtp_mki: bytes

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Read profiles and identifier."""
        profiles = r.list16("SRTPProtectionProfiles", SRTPProtectionProfile, at_least=2)
        return cls(profiles, r.vector8("srtp_mki"))

    def write(self, w: Writer) -> None:
        """Write profiles and identifier."""
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
        """Read version and key types."""
        parameters = TokenBindingKeyParameters
        return cls(r.u8("major"), r.u8("minor"), r.list8("key_parameters_list", parameters, at_least=1))

    def write(self, w: Writer) -> None:
        """Write version and key types."""
        w.u8(self.major, "major")
        w.u8(self.minor, "minor")
        w.list8(self.key_parameters_list, "key_parameters_list", TokenBindingKeyParameters, at_least=1)


class ChannelId(EmptyExtension):
    """channel_id (draft-balfanz-tls-channelid): the client has a key of its own; long gone."""

    __slots__ = ()
    extension_type = ExtensionType.CHANNEL_ID
