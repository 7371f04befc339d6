"""Extensions that are the same in many hellos.

How it works: extensions do not change (`tls12.wire.extensions.base`), so one object serves any number of hellos and can
keep its encoding. Those without a choice are constants. The others are made from a value of the configuration or of a
session, once for each memory (`tls12.wire.memory`), or for each hello where the configuration has no memory.
"""

from __future__ import annotations

from tls12.registry import CertificateStatusType, ECPointFormat, NamedGroup, NameType, SignatureScheme
from tls12.wire.extensions import (
    ApplicationLayerProtocolNegotiation,
    ECPointFormats,
    EncryptThenMac,
    ExtendedMasterSecret,
    RecordSizeLimit,
    RenegotiationInfo,
    ServerName,
    ServerNameAck,
    ServerNameList,
    SessionTicket,
    SessionTicketAck,
    SignatureAlgorithms,
    SignatureAlgorithmsCert,
    SignedCertificateTimestampRequest,
    StatusRequest,
    StatusRequestAck,
    SupportedGroups,
)
from tls12.wire.extensions.table import encode_once
from tls12.wire.memory import Memory, remembered

FIRST_HANDSHAKE = encode_once(RenegotiationInfo(b""))
"""The first handshake of the connection (RFC 5746 3.4, 3.6)."""
EXTENDED_MASTER_SECRET = encode_once(ExtendedMasterSecret())
ENCRYPT_THEN_MAC = encode_once(EncryptThenMac())
UNCOMPRESSED_POINTS = encode_once(ECPointFormats((ECPointFormat.UNCOMPRESSED,)))
"""The one point format that RFC 8422 5.1.2 has not deprecated."""

NO_TICKET_YET = encode_once(SessionTicket(b""))
"""In a ClientHello: the client takes tickets and has none for this server (RFC 5077 3.2)."""
STAPLE_WANTED = encode_once(StatusRequest(CertificateStatusType.OCSP, (), b""))
SCTS_WANTED = encode_once(SignedCertificateTimestampRequest())

NAME_ACCEPTED = encode_once(ServerNameAck())
TICKET_PROMISED = encode_once(SessionTicketAck())
STAPLE_PROMISED = encode_once(StatusRequestAck())


def server_name(name: str, memory: Memory | None) -> ServerNameList:
    """The server whose certificate the client wants (RFC 6066 3): an A-label."""
    return remembered(memory, _server_name, name, len(name))


def _server_name(name: str) -> ServerNameList:
    return encode_once(ServerNameList((ServerName(NameType.HOST_NAME, name.encode("ascii")),)))


def session_ticket(ticket: bytes, memory: Memory | None) -> SessionTicket:
    """The ticket of a session (RFC 5077 3.2), which a client sends on each connection until it gets another."""
    return remembered(memory if len(ticket) <= _ORDINARY_TICKET else None, _session_ticket, ticket, len(ticket))


_ORDINARY_TICKET = 512
"""Bytes. A longer ticket is not remembered, because to encode it costs little beside copying its bytes."""


def _session_ticket(ticket: bytes) -> SessionTicket:
    return encode_once(SessionTicket(ticket))


def supported_groups(groups: tuple[NamedGroup, ...], memory: Memory | None) -> SupportedGroups:
    """The groups of a policy."""
    return remembered(memory, _supported_groups, groups, 2 * len(groups))


def _supported_groups(groups: tuple[NamedGroup, ...]) -> SupportedGroups:
    return encode_once(SupportedGroups(groups))


def signature_algorithms(schemes: tuple[SignatureScheme, ...], memory: Memory | None) -> SignatureAlgorithms:
    """The signature schemes of a policy."""
    return remembered(memory, _signature_algorithms, schemes, 2 * len(schemes))


def _signature_algorithms(schemes: tuple[SignatureScheme, ...]) -> SignatureAlgorithms:
    return encode_once(SignatureAlgorithms(schemes))


def signature_algorithms_cert(schemes: tuple[SignatureScheme, ...], memory: Memory | None) -> SignatureAlgorithmsCert:
    """The schemes of a policy for the signatures inside certificates, where it lists them apart."""
    return remembered(memory, _signature_algorithms_cert, schemes, 2 * len(schemes))


def _signature_algorithms_cert(schemes: tuple[SignatureScheme, ...]) -> SignatureAlgorithmsCert:
    return encode_once(SignatureAlgorithmsCert(schemes))


def application_protocols(protocols: tuple[str, ...], memory: Memory | None) -> ApplicationLayerProtocolNegotiation:
    """What a client offers, or the one protocol that a server chose."""
    return remembered(memory, _application_protocols, protocols, 16 * len(protocols))


def _application_protocols(protocols: tuple[str, ...]) -> ApplicationLayerProtocolNegotiation:
    return encode_once(ApplicationLayerProtocolNegotiation(tuple(name.encode() for name in protocols)))


def record_size_limit(limit: int, memory: Memory | None) -> RecordSizeLimit:
    """The largest plaintext record that we want to receive."""
    return remembered(memory, _record_size_limit, limit, 2)


def _record_size_limit(limit: int) -> RecordSizeLimit:
    return encode_once(RecordSizeLimit(limit))
