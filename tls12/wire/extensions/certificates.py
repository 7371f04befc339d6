"""Extensions about certificates: their formats, their status, who may sign them, what is already known.

How it works: RFC 6066 5, 6 and 8, RFC 6961, 6962 3.3, 7250, 6091, 7924, 8446 4.2.4, 8879, and the
supplemental data of RFC 4681 and 5878.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from tls12.registry import (
    Alert,
    AuthorizationDataFormat,
    CachedInformationType,
    CertificateCompressionAlgorithm,
    CertificateStatusType,
    CertificateType,
    ExtensionType,
    IdentifierType,
    UserMappingType,
)
from tls12.wire.extensions.base import EmptyExtension, ExtensionBody
from tls12.wire.reader import Reader
from tls12.wire.writer import Writer

_OCSP = CertificateStatusType.OCSP


@dataclass(frozen=True, slots=True)
class OcspStatusRequest:
    """What a client tells about the OCSP response that it wants (RFC 6066 8): DER, not interpreted here."""

    responder_id_list: tuple[bytes, ...] = ()
    request_extensions: bytes = b""

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.opaques("responder_id_list", 2, 2, few=True), r.vector16("request_extensions"))

    def write(self, w: Writer) -> None:
        w.opaques(self.responder_id_list, "responder_id_list", 2, 2)
        w.vector16(self.request_extensions, "request_extensions")


@dataclass(frozen=True, slots=True)
class StatusRequest(ExtensionBody):
    """status_request in a ClientHello (RFC 6066 8): the client asks for an OCSP response beside the certificate."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.STATUS_REQUEST
    status_type: CertificateStatusType = CertificateStatusType.OCSP
    responder_id_list: tuple[bytes, ...] = ()
    request_extensions: bytes = b""

    @classmethod
    def read(cls, r: Reader) -> StatusRequest | UnknownStatusRequest:
        """Read the type and what belongs to it; of an unknown type, the bytes."""
        status_type = r.code8("status_type", CertificateStatusType)
        if status_type != _OCSP:
            return UnknownStatusRequest(status_type, r.rest("request"))
        return cls(status_type, r.opaques("responder_id_list", 2, 2, few=True), r.vector16("request_extensions"))

    def write(self, w: Writer) -> None:
        if self.status_type != _OCSP:
            raise w.error("status_type", "a type other than ocsp: use UnknownStatusRequest")
        w.u8(self.status_type, "status_type")
        w.opaques(self.responder_id_list, "responder_id_list", 2, 2)
        w.vector16(self.request_extensions, "request_extensions")


@dataclass(frozen=True, slots=True)
class UnknownStatusRequest(ExtensionBody):
    """status_request of a type that is not ocsp: to be ignored, and to come back byte for byte."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.STATUS_REQUEST
    status_type: CertificateStatusType
    request: bytes

    def write(self, w: Writer) -> None:
        if self.status_type == _OCSP:
            raise w.error("status_type", "the type ocsp: use StatusRequest")
        w.u8(self.status_type, "status_type")
        w.rest(self.request)


class StatusRequestAck(EmptyExtension):
    """status_request in a ServerHello: a CertificateStatus may follow (RFC 6066 8)."""

    __slots__ = ()
    extension_type = ExtensionType.STATUS_REQUEST


@dataclass(frozen=True, slots=True)
class StatusRequestItem:
    """One entry of status_request_v2 (RFC 6961 2.2); `request` is bytes where the type is unknown."""

    status_type: CertificateStatusType
    request: OcspStatusRequest | bytes

    @classmethod
    def read(cls, r: Reader) -> Self:
        status_type = r.code8("status_type", CertificateStatusType)
        if not status_type.is_known:
            return cls(status_type, r.vector16("request"))
        with r.scope16("request"):
            return cls(status_type, OcspStatusRequest.read(r))

    def write(self, w: Writer) -> None:
        w.u8(self.status_type, "status_type")
        known = CertificateStatusType.of(self.status_type).is_known
        if known == isinstance(self.request, bytes):
            raise w.error("request", "bytes go with an unknown type, and an OcspStatusRequest with a known one")
        with w.scope16("request"):
            if isinstance(self.request, bytes):
                w.rest(self.request)
            else:
                self.request.write(w)


@dataclass(frozen=True, slots=True)
class StatusRequestV2(ExtensionBody):
    """status_request_v2 in a ClientHello (RFC 6961 2.2): what the client accepts, best first."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.STATUS_REQUEST_V2
    certificate_status_req_list: tuple[StatusRequestItem, ...]

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.structs("certificate_status_req_list", 2, StatusRequestItem.read, at_least=1))

    def write(self, w: Writer) -> None:
        w.structs(
            self.certificate_status_req_list, "certificate_status_req_list", 2, StatusRequestItem.write, at_least=1
        )


class StatusRequestV2Ack(EmptyExtension):
    """status_request_v2 in a ServerHello: a CertificateStatus may follow (RFC 6961 2.2)."""

    __slots__ = ()
    extension_type = ExtensionType.STATUS_REQUEST_V2


class SignedCertificateTimestampRequest(EmptyExtension):
    """signed_certificate_timestamp in a ClientHello (RFC 6962 3.3.1)."""

    __slots__ = ()
    extension_type = ExtensionType.SIGNED_CERTIFICATE_TIMESTAMP


@dataclass(frozen=True, slots=True)
class SignedCertificateTimestampList(ExtensionBody):
    """signed_certificate_timestamp in a ServerHello: serialised SCTs (RFC 6962 3.3)."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.SIGNED_CERTIFICATE_TIMESTAMP
    sct_list: tuple[bytes, ...]

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.opaques("sct_list", 2, 2, at_least=1))

    def write(self, w: Writer) -> None:
        w.opaques(self.sct_list, "sct_list", 2, 2, at_least=1)


@dataclass(frozen=True, slots=True)
class CertificateTypes(ExtensionBody):
    """A list of certificate formats; the common form of three extensions in a ClientHello."""

    extension_type: ClassVar[ExtensionType]
    certificate_types: tuple[CertificateType, ...]

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.list8("certificate_types", CertificateType, at_least=1))

    def write(self, w: Writer) -> None:
        w.list8(self.certificate_types, "certificate_types", CertificateType, at_least=1)


@dataclass(frozen=True, slots=True)
class SelectedCertificateType(ExtensionBody):
    """The chosen certificate format; the common form of three extensions in a ServerHello."""

    extension_type: ClassVar[ExtensionType]
    certificate_type: CertificateType

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.code8("certificate_type", CertificateType))

    def write(self, w: Writer) -> None:
        w.u8(self.certificate_type, "certificate_type")


class ClientCertificateTypes(CertificateTypes):
    """client_certificate_type in a ClientHello: what the client can present (RFC 7250 3)."""

    __slots__ = ()
    extension_type = ExtensionType.CLIENT_CERTIFICATE_TYPE


class SelectedClientCertificateType(SelectedCertificateType):
    """client_certificate_type in a ServerHello: what the client is to present (RFC 7250 3)."""

    __slots__ = ()
    extension_type = ExtensionType.CLIENT_CERTIFICATE_TYPE


class ServerCertificateTypes(CertificateTypes):
    """server_certificate_type in a ClientHello: what the client can verify (RFC 7250 3)."""

    __slots__ = ()
    extension_type = ExtensionType.SERVER_CERTIFICATE_TYPE


class SelectedServerCertificateType(SelectedCertificateType):
    """server_certificate_type in a ServerHello: what the server presents (RFC 7250 3)."""

    __slots__ = ()
    extension_type = ExtensionType.SERVER_CERTIFICATE_TYPE


class CertTypes(CertificateTypes):
    """cert_type in a ClientHello: OpenPGP or X.509 on both sides (RFC 6091 3.1)."""

    __slots__ = ()
    extension_type = ExtensionType.CERT_TYPE


class SelectedCertType(SelectedCertificateType):
    """cert_type in a ServerHello (RFC 6091 3.1)."""

    __slots__ = ()
    extension_type = ExtensionType.CERT_TYPE


class ClientCertificateUrl(EmptyExtension):
    """client_certificate_url (RFC 6066 5): URLs instead of certificates; never negotiated here."""

    __slots__ = ()
    extension_type = ExtensionType.CLIENT_CERTIFICATE_URL


_IDENTIFIERS = {
    IdentifierType.PRE_AGREED: 0,
    IdentifierType.KEY_SHA1_HASH: 20,
    IdentifierType.CERT_SHA1_HASH: 20,
}


@dataclass(frozen=True, slots=True)
class TrustedAuthority:
    """One authority of trusted_ca_keys (RFC 6066 6): nothing, a SHA-1 hash, or a DER name, by its type."""

    identifier_type: IdentifierType
    identifier: bytes

    @classmethod
    def read(cls, r: Reader) -> Self:
        """Read the type and what belongs to it; an unknown type has no known length, so it is an error."""
        identifier_type = r.code8("identifier_type", IdentifierType)
        if identifier_type == IdentifierType.X509_NAME:
            return cls(identifier_type, r.vector16("identifier", at_least=1))
        if identifier_type not in _IDENTIFIERS:
            raise r.error("identifier_type", "an unknown type", Alert.ILLEGAL_PARAMETER)
        return cls(identifier_type, r.fixed(_IDENTIFIERS[identifier_type], "identifier"))

    def write(self, w: Writer) -> None:
        w.u8(self.identifier_type, "identifier_type")
        if self.identifier_type == IdentifierType.X509_NAME:
            w.vector16(self.identifier, "identifier", at_least=1)
        else:
            if self.identifier_type not in _IDENTIFIERS:
                raise w.error("identifier_type", "an unknown type")
            w.fixed(self.identifier, _IDENTIFIERS[self.identifier_type], "identifier")


@dataclass(frozen=True, slots=True)
class TrustedCaKeys(ExtensionBody):
    """trusted_ca_keys in a ClientHello (RFC 6066 6): the authorities that a client with few roots trusts."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.TRUSTED_CA_KEYS
    trusted_authorities_list: tuple[TrustedAuthority, ...]

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.structs("trusted_authorities_list", 2, TrustedAuthority.read))

    def write(self, w: Writer) -> None:
        w.structs(self.trusted_authorities_list, "trusted_authorities_list", 2, TrustedAuthority.write)


class TrustedCaKeysAck(EmptyExtension):
    """trusted_ca_keys in a ServerHello: the chain was chosen by it (RFC 6066 6)."""

    __slots__ = ()
    extension_type = ExtensionType.TRUSTED_CA_KEYS


@dataclass(frozen=True, slots=True)
class CertificateAuthorities(ExtensionBody):
    """certificate_authorities (RFC 8446 4.2.4): DER names of the authorities that the sender trusts."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.CERTIFICATE_AUTHORITIES
    authorities: tuple[bytes, ...]

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.opaques("authorities", 2, 2, at_least=3))

    def write(self, w: Writer) -> None:
        w.opaques(self.authorities, "authorities", 2, 2, at_least=3)


@dataclass(frozen=True, slots=True)
class CompressCertificate(ExtensionBody):
    """compress_certificate (RFC 8879 3): the compressions that the sender can undo; TLS 1.3 only."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.COMPRESS_CERTIFICATE
    algorithms: tuple[CertificateCompressionAlgorithm, ...]

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.list8("algorithms", CertificateCompressionAlgorithm, at_least=2))

    def write(self, w: Writer) -> None:
        w.list8(self.algorithms, "algorithms", CertificateCompressionAlgorithm, at_least=2)


@dataclass(frozen=True, slots=True)
class CachedObject:
    """What the client has in its cache, by its hash (RFC 7924 3)."""

    type: CachedInformationType
    hash_value: bytes

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.code8("type", CachedInformationType), r.vector8("hash_value", at_least=1))

    def write(self, w: Writer) -> None:
        w.u8(self.type, "type")
        w.vector8(self.hash_value, "hash_value", at_least=1)


@dataclass(frozen=True, slots=True)
class CachedInfo(ExtensionBody):
    """cached_info in a ClientHello (RFC 7924 3)."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.CACHED_INFO
    cached_info: tuple[CachedObject, ...]

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.structs("cached_info", 2, CachedObject.read, at_least=1))

    def write(self, w: Writer) -> None:
        w.structs(self.cached_info, "cached_info", 2, CachedObject.write, at_least=1)


@dataclass(frozen=True, slots=True)
class CachedInfoAck(ExtensionBody):
    """cached_info in a ServerHello: the kinds that will come as a hash (RFC 7924 3)."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.CACHED_INFO
    cached_info: tuple[CachedInformationType, ...]

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.list16("cached_info", CachedInformationType, at_least=1))

    def write(self, w: Writer) -> None:
        w.list16(self.cached_info, "cached_info", CachedInformationType, at_least=1)


@dataclass(frozen=True, slots=True)
class UserMapping(ExtensionBody):
    """user_mapping (RFC 4681 3): the ways in which SupplementalData may name an account."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.USER_MAPPING
    user_mapping_types: tuple[UserMappingType, ...]

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.list8("user_mapping_types", UserMappingType, at_least=1))

    def write(self, w: Writer) -> None:
        w.list8(self.user_mapping_types, "user_mapping_types", UserMappingType, at_least=1)


@dataclass(frozen=True, slots=True)
class ClientAuthz(ExtensionBody):
    """client_authz (RFC 5878 2.1): the formats of the client's authorisation data."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.CLIENT_AUTHZ
    authz_format_list: tuple[AuthorizationDataFormat, ...]

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.list8("authz_format_list", AuthorizationDataFormat, at_least=1))

    def write(self, w: Writer) -> None:
        w.list8(self.authz_format_list, "authz_format_list", AuthorizationDataFormat, at_least=1)


@dataclass(frozen=True, slots=True)
class ServerAuthz(ClientAuthz):
    """server_authz (RFC 5878 2.2): the formats of the server's authorisation data."""

    extension_type: ClassVar[ExtensionType] = ExtensionType.SERVER_AUTHZ
