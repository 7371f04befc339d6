"""Every code point of TLS by name: open enums in which unknown numbers survive (see `codepoint.py`)."""

from __future__ import annotations

from tls12.registry.alerts import Alert, AlertLevel
from tls12.registry.certificates import (
    AuthorizationDataFormat,
    CachedInformationType,
    CertChainType,
    CertificateCompressionAlgorithm,
    CertificateStatusType,
    CertificateType,
    ClientCertificateType,
    IdentifierType,
    NameType,
    SupplementalDataType,
    UserMappingType,
)
from tls12.registry.cipher_suites import CipherSuite
from tls12.registry.codepoint import DECODERS, CodePoint
from tls12.registry.connection_end import ConnectionEnd, EndName
from tls12.registry.extension_types import ExtensionType
from tls12.registry.groups import ECBasisType, ECCurveType, ECPointFormat, NamedGroup
from tls12.registry.parameters import (
    ECHClientHelloType,
    HeartbeatMessageType,
    HeartbeatMode,
    HpkeAead,
    HpkeKdf,
    PskKeyExchangeMode,
    SRTPProtectionProfile,
    TokenBindingKeyParameters,
)
from tls12.registry.protocol import CompressionMethod, ContentType, HandshakeType, ProtocolVersion
from tls12.registry.signature_schemes import HashAlgorithm, SignatureAlgorithm, SignatureScheme

__all__ = [
    "DECODERS",
    "Alert",
    "AlertLevel",
    "AuthorizationDataFormat",
    "CachedInformationType",
    "CertChainType",
    "CertificateCompressionAlgorithm",
    "CertificateStatusType",
    "CertificateType",
    "CipherSuite",
    "ClientCertificateType",
    "CodePoint",
    "CompressionMethod",
    "ConnectionEnd",
    "ContentType",
    "ECBasisType",
    "ECCurveType",
    "ECHClientHelloType",
    "ECPointFormat",
    "EndName",
    "ExtensionType",
    "HandshakeType",
    "HashAlgorithm",
    "HeartbeatMessageType",
    "HeartbeatMode",
    "HpkeAead",
    "HpkeKdf",
    "IdentifierType",
    "NameType",
    "NamedGroup",
    "ProtocolVersion",
    "PskKeyExchangeMode",
    "SRTPProtectionProfile",
    "SignatureAlgorithm",
    "SignatureScheme",
    "SupplementalDataType",
    "TokenBindingKeyParameters",
    "UserMappingType",
]
