"""The small registries that belong to a single extension each.

How it works: one enum per registry: heartbeat (RFC 6520), use_srtp (RFC 5764), token binding (RFC 8472), the
PSK modes of TLS 1.3 (RFC 8446 4.2.9), the identifiers of HPKE that encrypted_client_hello carries (RFC 9180
7).
"""

from __future__ import annotations

from tls12.registry.codepoint import GREASE_8, CodePoint


class HeartbeatMode(CodePoint, size=1):
    """Whether the sender of the extension answers heartbeats (RFC 6520 2)."""

    PEER_ALLOWED_TO_SEND = 1
    PEER_NOT_ALLOWED_TO_SEND = 2


class HeartbeatMessageType(CodePoint, size=1):
    """Question or answer (RFC 6520 3)."""

    HEARTBEAT_REQUEST = 1
    HEARTBEAT_RESPONSE = 2


class SRTPProtectionProfile(CodePoint, size=2):
    """A protection profile of use_srtp (RFC 5764 4.1.2, RFC 7714, 8269, 8723)."""

    SRTP_AES128_CM_HMAC_SHA1_80 = 0x0001, "SRTP_AES128_CM_HMAC_SHA1_80"
    SRTP_AES128_CM_HMAC_SHA1_32 = 0x0002, "SRTP_AES128_CM_HMAC_SHA1_32"
    SRTP_NULL_HMAC_SHA1_80 = 0x0005, "SRTP_NULL_HMAC_SHA1_80"
    SRTP_NULL_HMAC_SHA1_32 = 0x0006, "SRTP_NULL_HMAC_SHA1_32"
    SRTP_AEAD_AES_128_GCM = 0x0007, "SRTP_AEAD_AES_128_GCM"
    SRTP_AEAD_AES_256_GCM = 0x0008, "SRTP_AEAD_AES_256_GCM"
    DOUBLE_AEAD_AES_128_GCM_AEAD_AES_128_GCM = 0x0009, "DOUBLE_AEAD_AES_128_GCM_AEAD_AES_128_GCM"
    DOUBLE_AEAD_AES_256_GCM_AEAD_AES_256_GCM = 0x000A, "DOUBLE_AEAD_AES_256_GCM_AEAD_AES_256_GCM"
    SRTP_ARIA_128_CTR_HMAC_SHA1_80 = 0x000B, "SRTP_ARIA_128_CTR_HMAC_SHA1_80"
    SRTP_ARIA_128_CTR_HMAC_SHA1_32 = 0x000C, "SRTP_ARIA_128_CTR_HMAC_SHA1_32"
    SRTP_ARIA_256_CTR_HMAC_SHA1_80 = 0x000D, "SRTP_ARIA_256_CTR_HMAC_SHA1_80"
    SRTP_ARIA_256_CTR_HMAC_SHA1_32 = 0x000E, "SRTP_ARIA_256_CTR_HMAC_SHA1_32"
    SRTP_AEAD_ARIA_128_GCM = 0x000F, "SRTP_AEAD_ARIA_128_GCM"
    SRTP_AEAD_ARIA_256_GCM = 0x0010, "SRTP_AEAD_ARIA_256_GCM"


class TokenBindingKeyParameters(CodePoint, size=1):
    """A key of token binding (RFC 8471 3.1)."""

    RSA2048_PKCS1_5 = 0, "rsa2048_pkcs1.5"
    RSA2048_PSS = 1
    ECDSAP256 = 2


class PskKeyExchangeMode(CodePoint, size=1, grease=GREASE_8):
    """How a pre-shared key of TLS 1.3 may be used (RFC 8446 4.2.9)."""

    PSK_KE = 0
    PSK_DHE_KE = 1


class ECHClientHelloType(CodePoint, size=1):
    """Which of the two hellos of encrypted_client_hello this is (draft-ietf-tls-esni)."""

    OUTER = 0
    INNER = 1


class HpkeKdf(CodePoint, size=2):
    """A key derivation of HPKE (RFC 9180 7.2)."""

    HKDF_SHA256 = 1, "HKDF-SHA256"
    HKDF_SHA384 = 2, "HKDF-SHA384"
    HKDF_SHA512 = 3, "HKDF-SHA512"


class HpkeAead(CodePoint, size=2):
    """An encryption of HPKE (RFC 9180 7.3)."""

    AES_128_GCM = 1, "AES-128-GCM"
    AES_256_GCM = 2, "AES-256-GCM"
    CHACHA20_POLY1305 = 3, "ChaCha20Poly1305"
    EXPORT_ONLY = 0xFFFF, "Export-only"
