"""Code points about certificates: their kinds and formats, and how they are requested, cached and stapled.

How it works: IANA's registries of RFC 5246, 6066, 6961, 7250, 7924, 8879 and the supplemental data of 4680.
"""

from __future__ import annotations

from tls12.registry.codepoint import CodePoint


class ClientCertificateType(CodePoint, size=1):
    """What a CertificateRequest accepts (RFC 5246 7.4.4, RFC 8422 5.5, RFC 9189)."""

    RSA_SIGN = 1
    DSS_SIGN = 2
    RSA_FIXED_DH = 3
    DSS_FIXED_DH = 4
    RSA_EPHEMERAL_DH = 5, "rsa_ephemeral_dh_RESERVED"
    DSS_EPHEMERAL_DH = 6, "dss_ephemeral_dh_RESERVED"
    FORTEZZA_DMS = 20, "fortezza_dms_RESERVED"
    ECDSA_SIGN = 64
    RSA_FIXED_ECDH = 65
    ECDSA_FIXED_ECDH = 66
    GOST_SIGN256 = 67
    GOST_SIGN512 = 68


class CertificateType(CodePoint, size=1):
    """The format of a certificate (RFC 7250 3, RFC 6091)."""

    X509 = 0, "X509"
    OPENPGP = 1, "OpenPGP"
    RAW_PUBLIC_KEY = 2, "RawPublicKey"
    IEEE_1609DOT2 = 3, "1609Dot2"


class CertificateStatusType(CodePoint, size=1):
    """How revocation is stapled (RFC 6066 8, RFC 6961 2.2)."""

    OCSP = 1
    OCSP_MULTI = 2


class CertificateCompressionAlgorithm(CodePoint, size=2):
    """How a Certificate message may be compressed (RFC 8879 3); TLS 1.3 only."""

    ZLIB = 1
    BROTLI = 2
    ZSTD = 3


class NameType(CodePoint, size=1):
    """The kind of name in server_name (RFC 6066 3)."""

    HOST_NAME = 0


class IdentifierType(CodePoint, size=1):
    """How trusted_ca_keys names an authority (RFC 6066 6)."""

    PRE_AGREED = 0
    KEY_SHA1_HASH = 1
    X509_NAME = 2
    CERT_SHA1_HASH = 3


class CertChainType(CodePoint, size=1):
    """What the URLs of a CertificateURL lead to (RFC 6066 5)."""

    INDIVIDUAL_CERTS = 0
    PKIPATH = 1


class CachedInformationType(CodePoint, size=1):
    """What a client has in its cache (RFC 7924 3)."""

    CERT = 1
    CERT_REQ = 2


class SupplementalDataType(CodePoint, size=2):
    """The kind of an entry of SupplementalData (RFC 4680 2)."""

    USER_MAPPING_DATA = 0
    AUTHZ_DATA = 16386


class UserMappingType(CodePoint, size=1):
    """How user_mapping names an account (RFC 4681 2)."""

    UPN_DOMAIN_HINT = 64


class AuthorizationDataFormat(CodePoint, size=1):
    """The formats of client_authz and server_authz (RFC 5878 2, RFC 6042)."""

    X509_ATTR_CERT = 0
    SAML_ASSERTION = 1
    X509_ATTR_CERT_URL = 2
    SAML_ASSERTION_URL = 3
    KEYNOTE_ASSERTION_LIST = 64
    KEYNOTE_ASSERTION_LIST_URL = 65
    DTCP_AUTHORIZATION = 66
