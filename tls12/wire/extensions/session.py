"""Extensions about resumption and renegotiation.

How it works: RFC 5077 (tickets) and 5746 (which connection a renegotiation continues).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from tls12.registry import ExtensionType
from tls12.wire.extensions.base import EmptyExtension, ExtensionBody
from tls12.wire.reader import Reader
from tls12.wire.writer import Writer


@dataclass(frozen=True, slots=True)
class SessionTicket(ExtensionBody):
    """session_ticket in a ClientHello (RFC 5077 3.2): a ticket, or empty to ask for one."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.SESSION_TICKET
    ticket: bytes

    @classmethod
    def read(cls, r: Reader) -> Self:
        """The whole body is the ticket (RFC 5077 appendix A)."""
        return cls(r.rest("ticket"))

    def write(self, w: Writer) -> None:
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
        return cls(r.vector8("renegotiated_connection"))

    def write(self, w: Writer) -> None:
        w.vector8(self.renegotiated_connection, "renegotiated_connection")
