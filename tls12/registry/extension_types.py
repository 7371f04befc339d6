"""The types of hello extensions.

How it works: IANA's TLS ExtensionType Values as of 2025, and, at the end, those that were never registered
but that browsers and servers have put on the wire. What a body looks like is told by the table in
`tls12.wire.extensions`.
"""

from __future__ import annotations

from tls12.registry.codepoint import GREASE_16, CodePoint


class ExtensionType(CodePoint, size=2, grease=GREASE_16):
    """The type of a hello extension (RFC 5246 7.4.1.4)."""

    SERVER_NAME = 0
    MAX_FRAGMENT_LENGTH = 1
    CLIENT_CERTIFICATE_URL = 2
    TRUSTED_CA_KEYS = 3
    TRUNCATED_HMAC = 4
    STATUS_REQUEST = 5
    USER_MAPPING = 6
    CLIENT_AUTHZ = 7
    SERVER_AUTHZ = 8
    CERT_TYPE = 9
    SUPPORTED_GROUPS = 10
    EC_POINT_FORMATS = 11
    SRP = 12
    SIGNATURE_ALGORITHMS = 13
    USE_SRTP = 14
    HEARTBEAT = 15
    APPLICATION_LAYER_PROTOCOL_NEGOTIATION = 16
    STATUS_REQUEST_V2 = 17
    SIGNED_CERTIFICATE_TIMESTAMP = 18
    CLIENT_CERTIFICATE_TYPE = 19
    SERVER_CERTIFICATE_TYPE = 20
    PADDING = 21
    ENCRYPT_THEN_MAC = 22
    EXTENDED_MASTER_SECRET = 23
    TOKEN_BINDING = 24
    CACHED_INFO = 25
    TLS_LTS = 26
    COMPRESS_CERTIFICATE = 27
    RECORD_SIZE_LIMIT = 28
    PWD_PROTECT = 29
    PWD_CLEAR = 30
    PASSWORD_SALT = 31
    TICKET_PINNING = 32
    TLS_CERT_WITH_EXTERN_PSK = 33
    DELEGATED_CREDENTIAL = 34
    SESSION_TICKET = 35
    TLMSP = 36, "TLMSP"
    TLMSP_PROXYING = 37, "TLMSP_proxying"
    TLMSP_DELEGATE = 38, "TLMSP_delegate"
    SUPPORTED_EKT_CIPHERS = 39
    PRE_SHARED_KEY = 41
    EARLY_DATA = 42
    SUPPORTED_VERSIONS = 43
    COOKIE = 44
    PSK_KEY_EXCHANGE_MODES = 45
    CERTIFICATE_AUTHORITIES = 47
    OID_FILTERS = 48
    POST_HANDSHAKE_AUTH = 49
    SIGNATURE_ALGORITHMS_CERT = 50
    KEY_SHARE = 51
    TRANSPARENCY_INFO = 52
    CONNECTION_ID_DEPRECATED = 53, "connection_id (deprecated)"
    CONNECTION_ID = 54
    EXTERNAL_ID_HASH = 55
    EXTERNAL_SESSION_ID = 56
    QUIC_TRANSPORT_PARAMETERS = 57
    TICKET_REQUEST = 58
    DNSSEC_CHAIN = 59
    SEQUENCE_NUMBER_ENCRYPTION_ALGORITHMS = 60
    RRC = 61
    TLS_FLAGS = 62
    ECH_OUTER_EXTENSIONS = 0xFD00
    ENCRYPTED_CLIENT_HELLO = 0xFE0D
    RENEGOTIATION_INFO = 0xFF01

    # Seen in the wild, never registered: NPN (draft-agl-tls-nextprotoneg), application settings (two drafts),
    # Channel ID (two drafts), encrypted SNI (draft-ietf-tls-esni-02) and QUIC's draft number.
    NEXT_PROTOCOL_NEGOTIATION = 13172
    APPLICATION_SETTINGS_OLD = 17513, "application_settings (old)"
    APPLICATION_SETTINGS = 17613
    CHANNEL_ID_OLD = 30031, "channel_id (old)"
    CHANNEL_ID = 30032
    QUIC_TRANSPORT_PARAMETERS_DRAFT = 0xFFA5, "quic_transport_parameters (draft)"
    ENCRYPTED_SERVER_NAME = 0xFFCE
