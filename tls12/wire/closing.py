"""The small messages around and after the key exchange, and the payloads of the other record types.

How it works: Finished and NewSessionTicket are handshake messages (RFC 5246 7.4.9, RFC 5077 3.3), and so was
NextProtocol (draft-agl-tls-nextprotoneg-04). ChangeCipherSpec (RFC 5246 7.1), alerts (7.2) and heartbeats (RFC 6520)
have a record type of their own and no handshake header: their classes have `parse` and `to_bytes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from tls12.registry import Alert, AlertLevel, HandshakeType, HeartbeatMessageType
from tls12.wire.context import Context
from tls12.wire.location import count_bytes
from tls12.wire.reader import Reader
from tls12.wire.writer import Writer


@dataclass(slots=True)
class Finished:
    """The proof that both sides saw the same handshake (RFC 5246 7.4.9).

    The suite says how long it is, 12 bytes for all that exist. The length is checked where the proof is verified.
    """

    msg_type: ClassVar[HandshakeType] = HandshakeType.FINISHED
    verify_data: bytes

    @classmethod
    def read(cls, r: Reader, context: Context | None = None) -> Self:
        return cls(r.rest("verify_data"))

    def write(self, w: Writer) -> None:
        w.rest(self.verify_data)


@dataclass(slots=True)
class NewSessionTicket:
    """A ticket for resumption (RFC 5077 3.3). The lifetime hint is in seconds; 0 leaves the lifetime unspecified."""

    msg_type: ClassVar[HandshakeType] = HandshakeType.NEW_SESSION_TICKET
    ticket_lifetime_hint: int
    ticket: bytes

    @classmethod
    def read(cls, r: Reader, context: Context | None = None) -> Self:
        return cls(r.u32("ticket_lifetime_hint"), r.vector16("ticket"))

    def write(self, w: Writer) -> None:
        w.u32(self.ticket_lifetime_hint, "ticket_lifetime_hint")
        w.vector16(self.ticket, "ticket")


@dataclass(slots=True)
class NextProtocol:
    """The client's choice in NPN (draft-agl-tls-nextprotoneg-04 3)."""

    msg_type: ClassVar[HandshakeType] = HandshakeType.NEXT_PROTOCOL
    selected_protocol: bytes
    padding: bytes

    @classmethod
    def read(cls, r: Reader, context: Context | None = None) -> Self:
        return cls(r.vector8("selected_protocol"), r.vector8("padding"))

    def write(self, w: Writer) -> None:
        w.vector8(self.selected_protocol, "selected_protocol")
        w.vector8(self.padding, "padding")


class Payload:
    """Adds `parse` and `to_bytes` to a value that is a record's whole payload (alert, heartbeat, ...)."""

    __slots__ = ()

    @classmethod
    def read(cls, r: Reader) -> Self:
        raise NotImplementedError

    def write(self, w: Writer) -> None:
        raise NotImplementedError

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The value from the whole payload. Raises DecodeError."""
        r = Reader(data, cls.__name__)
        value = cls.read(r)
        if r.remaining:
            raise r.left_over()
        return value

    def to_bytes(self) -> bytes:
        """The whole payload. Raises EncodeError for what does not fit."""
        w = Writer(type(self).__name__)
        self.write(w)
        return bytes(w.buffer)


@dataclass(slots=True)
class ChangeCipherSpec(Payload):
    """The sender's next records are protected with the new keys (RFC 5246 7.1)."""

    msg_type: ClassVar[None] = None
    type: int = 1

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Read the one byte; anything else is unexpected_message."""
        if r.remaining != 1:
            raise r.error("", f"{count_bytes(r.remaining)} instead of one", Alert.UNEXPECTED_MESSAGE)
        message = cls(r.u8("type"))
        message.check(r)
        return message

    def write(self, w: Writer) -> None:
        self.check(w)
        w.u8(self.type, "type")

    def check(self, codec: Reader | Writer) -> None:
        """Raises the codec's error, unexpected_message, for a value other than 1 (RFC 5246 7.1)."""
        if self.type != 1:
            raise codec.error("type", "a value other than 1", Alert.UNEXPECTED_MESSAGE)


@dataclass(slots=True)
class AlertMessage(Payload):
    """An alert (RFC 5246 7.2)."""

    msg_type: ClassVar[None] = None
    level: AlertLevel
    description: Alert

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Read level and description; unknown values of both are taken."""
        return cls(r.code8("level", AlertLevel), r.code8("description", Alert))

    def write(self, w: Writer) -> None:
        w.u8(self.level, "level")
        w.u8(self.description, "description")


@dataclass(slots=True)
class Heartbeat(Payload):
    """A heartbeat request or response (RFC 6520 4). The padding is at least 16 bytes, any bytes.

    The payload's length is checked against what is there (CVE-2014-0160 is what happens otherwise).
    """

    msg_type: ClassVar[None] = None
    type: HeartbeatMessageType
    payload: bytes
    padding: bytes

    @classmethod
    def read(cls, r: Reader) -> Self:
        message = cls(r.code8("type", HeartbeatMessageType), r.vector16("payload"), r.rest("padding"))
        message.check(r)
        return message

    def write(self, w: Writer) -> None:
        self.check(w)
        w.u8(self.type, "type")
        w.vector16(self.payload, "payload")
        w.rest(self.padding)

    def check(self, codec: Reader | Writer) -> None:
        """Raises the codec's error for fewer than 16 bytes of padding (RFC 6520 4)."""
        if len(self.padding) < 16:
            raise codec.error("padding", "fewer than 16 bytes")
