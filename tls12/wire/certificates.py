"""The messages about certificates: chains, requests, proofs of possession, OCSP responses, URLs, supplemental data.

How it works: RFC 5246 7.4.2, 7.4.4 and 7.4.8, RFC 6066 5 and 8, RFC 6961 2.2, RFC 4680 2, RFC 7250 3. Certificates,
names and OCSP responses are DER and stay bytes here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from tls12.registry import (
    Alert,
    CertChainType,
    CertificateStatusType,
    CertificateType,
    ClientCertificateType,
    HandshakeType,
    SignatureScheme,
    SupplementalDataType,
)
from tls12.wire.context import Context
from tls12.wire.reader import Reader
from tls12.wire.writer import Writer


@dataclass(slots=True)
class Certificate:
    """A chain, leaf first; a client without a certificate sends an empty one (RFC 5246 7.4.2, 7.4.6)."""

    msg_type: ClassVar[HandshakeType] = HandshakeType.CERTIFICATE
    certificate_list: tuple[bytes, ...]

    @classmethod
    def read(cls, r: Reader, context: Context | None = None) -> Certificate | RawPublicKeyCertificate:
        """Read the chain, or a bare key where the context says that it is one."""
        if context is not None and context.certificate_type == CertificateType.RAW_PUBLIC_KEY:
            return RawPublicKeyCertificate.read(r)
        return cls(r.opaques("certificate_list", 3, 3))

    def write(self, w: Writer) -> None:
        w.opaques(self.certificate_list, "certificate_list", 3, 3)


@dataclass(slots=True)
class RawPublicKeyCertificate:
    """A SubjectPublicKeyInfo in the place of a chain (RFC 7250 3)."""

    msg_type: ClassVar[HandshakeType] = HandshakeType.CERTIFICATE
    subject_public_key_info: bytes

    @classmethod
    def read(cls, r: Reader, context: Context | None = None) -> Self:
        return cls(r.vector24("ASN.1_subjectPublicKeyInfo", at_least=1))

    def write(self, w: Writer) -> None:
        w.vector24(self.subject_public_key_info, "ASN.1_subjectPublicKeyInfo", at_least=1)


@dataclass(slots=True)
class CertificateRequest:
    """The server asks the client for a certificate (RFC 5246 7.4.4); the authorities are DER names."""

    msg_type: ClassVar[HandshakeType] = HandshakeType.CERTIFICATE_REQUEST
    certificate_types: tuple[ClientCertificateType, ...]
    supported_signature_algorithms: tuple[SignatureScheme, ...]
    certificate_authorities: tuple[bytes, ...] = ()

    @classmethod
    def read(cls, r: Reader, context: Context | None = None) -> Self:
        types = r.list8("certificate_types", ClientCertificateType, at_least=1)
        schemes = r.list16("supported_signature_algorithms", SignatureScheme, at_least=2)
        return cls(types, schemes, r.opaques("certificate_authorities", 2, 2))

    def write(self, w: Writer) -> None:
        w.list8(self.certificate_types, "certificate_types", ClientCertificateType, at_least=1)
        name = "supported_signature_algorithms"
        w.list16(self.supported_signature_algorithms, name, SignatureScheme, at_least=2)
        w.opaques(self.certificate_authorities, "certificate_authorities", 2, 2)


@dataclass(slots=True)
class CertificateVerify:
    """The client's signature over the handshake so far (RFC 5246 7.4.8)."""

    msg_type: ClassVar[HandshakeType] = HandshakeType.CERTIFICATE_VERIFY
    algorithm: SignatureScheme
    signature: bytes

    @classmethod
    def read(cls, r: Reader, context: Context | None = None) -> Self:
        return cls(r.code16("algorithm", SignatureScheme), r.vector16("signature"))

    def write(self, w: Writer) -> None:
        w.u16(self.algorithm, "algorithm")
        w.vector16(self.signature, "signature")


@dataclass(slots=True)
class CertificateStatus:
    """Stapled OCSP responses, DER (RFC 6066 8, RFC 6961 2.2).

    `response` belongs to the type ocsp; `ocsp_response_list` to ocsp_multi: one for each certificate of the
    chain, empty where there is none.
    """

    msg_type: ClassVar[HandshakeType] = HandshakeType.CERTIFICATE_STATUS
    status_type: CertificateStatusType
    response: bytes = b""
    ocsp_response_list: tuple[bytes, ...] = ()

    @classmethod
    def read(cls, r: Reader, context: Context | None = None) -> Self:
        """Read the type and what belongs to it; an unknown type is illegal_parameter."""
        status_type = r.code8("status_type", CertificateStatusType)
        if status_type == CertificateStatusType.OCSP:
            return cls(status_type, r.vector24("response", at_least=1))
        if status_type == CertificateStatusType.OCSP_MULTI:
            return cls(status_type, b"", r.opaques("ocsp_response_list", 3, 3, at_least=1, item_at_least=0))
        raise r.error("status_type", "neither ocsp nor ocsp_multi", Alert.ILLEGAL_PARAMETER)

    def write(self, w: Writer) -> None:
        """Write the type and what belongs to it; the other field has to be empty."""
        w.u8(self.status_type, "status_type")
        if self.status_type == CertificateStatusType.OCSP and not self.ocsp_response_list:
            w.vector24(self.response, "response", at_least=1)
        elif self.status_type == CertificateStatusType.OCSP_MULTI and not self.response:
            w.opaques(self.ocsp_response_list, "ocsp_response_list", 3, 3, at_least=1, item_at_least=0)
        else:
            raise w.error("status_type", "neither ocsp nor ocsp_multi, or responses of the other type")


@dataclass(slots=True)
class URLAndHash:
    """The URL of a certificate and its SHA-1 hash (RFC 6066 5). On the wire a byte of value 1 stands between them."""

    url: bytes
    sha1_hash: bytes

    @classmethod
    def read(cls, r: Reader) -> Self:
        url = r.vector16("url", at_least=1)
        r.expect_u8(1, "padding")
        return cls(url, r.fixed(20, "SHA1Hash"))

    def write(self, w: Writer) -> None:
        w.vector16(self.url, "url", at_least=1)
        w.u8(1, "padding")
        w.fixed(self.sha1_hash, 20, "SHA1Hash")


@dataclass(slots=True)
class CertificateURL:
    """The client's chain as URLs (RFC 6066 5)."""

    msg_type: ClassVar[HandshakeType] = HandshakeType.CERTIFICATE_URL
    type: CertChainType
    url_and_hash_list: tuple[URLAndHash, ...]

    @classmethod
    def read(cls, r: Reader, context: Context | None = None) -> Self:
        kind = r.code8("type", CertChainType)
        return cls(kind, r.structs("url_and_hash_list", 2, URLAndHash.read, at_least=1))

    def write(self, w: Writer) -> None:
        w.u8(self.type, "type")
        w.structs(self.url_and_hash_list, "url_and_hash_list", 2, URLAndHash.write, at_least=1)


@dataclass(slots=True)
class SupplementalDataEntry:
    """One entry of SupplementalData (RFC 4680 2): the data is not interpreted."""

    supp_data_type: SupplementalDataType
    data: bytes

    @classmethod
    def read(cls, r: Reader) -> Self:
        return cls(r.code16("supp_data_type", SupplementalDataType), r.vector16("data"))

    def write(self, w: Writer) -> None:
        w.u16(self.supp_data_type, "supp_data_type")
        w.vector16(self.data, "data")


@dataclass(slots=True)
class SupplementalData:
    """Data of the application inside the handshake (RFC 4680 2)."""

    msg_type: ClassVar[HandshakeType] = HandshakeType.SUPPLEMENTAL_DATA
    supp_data: tuple[SupplementalDataEntry, ...]

    @classmethod
    def read(cls, r: Reader, context: Context | None = None) -> Self:
        return cls(r.structs("supp_data", 3, SupplementalDataEntry.read, at_least=1))

    def write(self, w: Writer) -> None:
        w.structs(self.supp_data, "supp_data", 3, SupplementalDataEntry.write, at_least=1)
