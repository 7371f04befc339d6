"""Extensions that stand in hello after hello: made once, and encoded once.

How it works: extensions do not change (`tls12.wire.extensions.base`), so one object serves any number of hellos,
and remembers how it is encoded. Those without a choice are constants; the others are kept by what they say, as
many as a program with a few dozen policies and some hundred servers needs. Making and encoding eleven of them for
each ClientHello took 20 of the 490 µs of a resumption (`python -m benchmarks.operations`).
"""

from __future__ import annotations

from functools import lru_cache

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

FIRST_HANDSHAKE = RenegotiationInfo(b"")
"""The first handshake of the connection (RFC 5746 3.4, 3.6)."""
EXTENDED_MASTER_SECRET = ExtendedMasterSecret()
ENCRYPT_THEN_MAC = EncryptThenMac()
UNCOMPRESSED_POINTS = ECPointFormats((ECPointFormat.UNCOMPRESSED,))
"""The one form of points that RFC 8422 5.1.2 leaves."""

NO_TICKET_YET = SessionTicket(b"")
"""In a ClientHello: a ticket would be welcome (RFC 5077 3.2)."""
STAPLE_WANTED = StatusRequest(CertificateStatusType.OCSP, (), b"")
SCTS_WANTED = SignedCertificateTimestampRequest()

NAME_ACCEPTED = ServerNameAck()
TICKET_PROMISED = SessionTicketAck()
STAPLE_PROMISED = StatusRequestAck()


@lru_cache(maxsize=512)
def server_name(name: str) -> ServerNameList:
    """The server whose certificate the client wants (RFC 6066 3): an A-label."""
    return ServerNameList((ServerName(NameType.HOST_NAME, name.encode("ascii")),))


def session_ticket(ticket: bytes) -> SessionTicket:
    """The ticket of a session (RFC 5077 3.2), which a client shows on each connection until it gets another."""
    return _ordinary_ticket(ticket) if len(ticket) <= _ORDINARY_TICKET else SessionTicket(ticket)


_ORDINARY_TICKET = 512
"""Bytes; what a server makes longer is not kept."""


@lru_cache(maxsize=64)
def _ordinary_ticket(ticket: bytes) -> SessionTicket:
    return SessionTicket(ticket)


@lru_cache(maxsize=64)
def supported_groups(groups: tuple[NamedGroup, ...]) -> SupportedGroups:
    """The groups of a policy."""
    return SupportedGroups(groups)


@lru_cache(maxsize=64)
def signature_algorithms(schemes: tuple[SignatureScheme, ...]) -> SignatureAlgorithms:
    """The signature schemes of a policy."""
    return SignatureAlgorithms(schemes)


@lru_cache(maxsize=64)
def signature_algorithms_cert(schemes: tuple[SignatureScheme, ...]) -> SignatureAlgorithmsCert:
    """The same for the signatures inside certificates, where a policy tells them apart."""
    return SignatureAlgorithmsCert(schemes)


@lru_cache(maxsize=64)
def application_protocols(protocols: tuple[str, ...]) -> ApplicationLayerProtocolNegotiation:
    """What a client offers, or the one protocol that a server chose."""
    return ApplicationLayerProtocolNegotiation(tuple(name.encode() for name in protocols))


@lru_cache(maxsize=64)
def record_size_limit(limit: int) -> RecordSizeLimit:
    """The largest plaintext record that we want to receive."""
    return RecordSizeLimit(limit)
