"""Versions, record content types, handshake types and compression: what the frame of the protocol is made of.

How it works: IANA's registries as of 2025. Types that belong to TLS 1.3 or DTLS are listed so that they can
be printed; those that IANA never registered but that peers have sent are marked.
"""

from __future__ import annotations

from tls12.registry.codepoint import GREASE_16, CodePoint


class ProtocolVersion(CodePoint, size=2, grease=GREASE_16):
    """A version as two bytes (RFC 5246 A.1); for SSL 2.0 as its ClientHello spells it (RFC 5246 E.2)."""

    SSL_2_0 = 0x0002, "SSL 2.0"
    SSL_3_0 = 0x0300, "SSL 3.0"
    TLS_1_0 = 0x0301, "TLS 1.0"
    TLS_1_1 = 0x0302, "TLS 1.1"
    TLS_1_2 = 0x0303, "TLS 1.2"
    TLS_1_3 = 0x0304, "TLS 1.3"
    DTLS_1_3 = 0xFEFC, "DTLS 1.3"
    DTLS_1_2 = 0xFEFD, "DTLS 1.2"
    DTLS_1_0 = 0xFEFF, "DTLS 1.0"


class ContentType(CodePoint, size=1):
    """What a record carries (RFC 5246 6.2.1)."""

    CHANGE_CIPHER_SPEC = 20
    ALERT = 21
    HANDSHAKE = 22
    APPLICATION_DATA = 23
    HEARTBEAT = 24
    TLS12_CID = 25
    ACK = 26, "ACK"
    RETURN_ROUTABILITY_CHECK = 27


class HandshakeType(CodePoint, size=1):
    """The type of a handshake message (RFC 5246 7.4)."""

    HELLO_REQUEST = 0
    CLIENT_HELLO = 1
    SERVER_HELLO = 2
    HELLO_VERIFY_REQUEST = 3
    NEW_SESSION_TICKET = 4
    END_OF_EARLY_DATA = 5
    HELLO_RETRY_REQUEST = 6
    ENCRYPTED_EXTENSIONS = 8
    REQUEST_CONNECTION_ID = 9
    NEW_CONNECTION_ID = 10
    CERTIFICATE = 11
    SERVER_KEY_EXCHANGE = 12
    CERTIFICATE_REQUEST = 13
    SERVER_HELLO_DONE = 14
    CERTIFICATE_VERIFY = 15
    CLIENT_KEY_EXCHANGE = 16
    CLIENT_CERTIFICATE_REQUEST = 17
    FINISHED = 20
    CERTIFICATE_URL = 21
    CERTIFICATE_STATUS = 22
    SUPPLEMENTAL_DATA = 23
    KEY_UPDATE = 24
    COMPRESSED_CERTIFICATE = 25
    EKT_KEY = 26
    # Never registered: draft-agl-tls-nextprotoneg-04.
    NEXT_PROTOCOL = 67
    MESSAGE_HASH = 254


class CompressionMethod(CodePoint, size=1):
    """A compression method (RFC 3749): all but null are obsolete (RFC 7525 3.3)."""

    NULL = 0
    DEFLATE = 1, "DEFLATE"
    LZS = 64, "LZS"
