"""A well-formed message of every type, to be said where it does not belong."""

from __future__ import annotations

from functools import cache

from tests import pki
from tls12.registry import (
    AlertLevel,
    CertificateStatusType,
    CipherSuite,
    ClientCertificateType,
    CompressionMethod,
    ContentType,
    NamedGroup,
    ProtocolVersion,
    SignatureScheme,
)
from tls12.wire.certificates import Certificate, CertificateRequest, CertificateStatus, CertificateVerify
from tls12.wire.closing import Finished, NewSessionTicket
from tls12.wire.extensions import ExtendedMasterSecret, RenegotiationInfo
from tls12.wire.hello import ClientHello, HelloRequest, ServerHello, ServerHelloDone
from tls12.wire.key_exchange import (
    ClientKeyExchange,
    DigitallySigned,
    EcdheParams,
    EcdhPublic,
    ServerKeyExchange,
)
from tls12.wire.messages import serialize

_SUITE = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
_SCHEME = SignatureScheme.ECDSA_SECP256R1_SHA256
_EXTENSIONS = (RenegotiationInfo(b""), ExtendedMasterSecret())

CLOSE_NOTIFY = bytes([AlertLevel.WARNING, 0])
NOT_MESSAGES = {
    "application data": (int(ContentType.APPLICATION_DATA), b"too early"),
    "heartbeat": (int(ContentType.HEARTBEAT), b"\x01\x00\x00" + bytes(16)),
    "unknown content type": (99, b"?"),
}


@cache
def messages() -> dict[int, bytes]:
    """Handshake type to one message of it, header included: all of TLS 1.2, and 99, which is unknown."""
    hello = (ProtocolVersion.TLS_1_2, bytes(32), b"")
    made = (
        HelloRequest(),
        ClientHello(*hello, (_SUITE,), (CompressionMethod.NULL,), _EXTENSIONS),
        ServerHello(*hello, _SUITE, CompressionMethod.NULL, _EXTENSIONS),
        NewSessionTicket(3600, b"a ticket"),
        Certificate(pki.server().chain_der),
        CertificateStatus(CertificateStatusType.OCSP, b"\x30\x03\x0a\x01\x00"),
        ServerKeyExchange(EcdheParams(NamedGroup.X25519, b"\x09" * 32), signature=DigitallySigned(_SCHEME, b"signed")),
        CertificateRequest((ClientCertificateType.ECDSA_SIGN,), (_SCHEME,), ()),
        ServerHelloDone(),
        ClientKeyExchange(EcdhPublic(b"\x09" * 32)),
        CertificateVerify(_SCHEME, b"signed"),
        Finished(bytes(12)),
    )
    return {int(message.msg_type): serialize(message) for message in made} | {99: b"\x63\0\0\0"}
