"""Fields of a certificate as they stand in its DER, and where a DER element begins and ends.

How it works: the backend has parsed each certificate before, so its shape is known, and the elements can be skipped by
their lengths. The backend itself encodes keys anew, which changes those of RSASSA-PSS and compressed points, and makes
an object of each name, which is slow (see docs/performance.md).
"""

from __future__ import annotations

from typing import NamedTuple

from cryptography import x509


class RawFields(NamedTuple):
    """Three fields of a certificate as they stand in it (RFC 5280 4.1.2), DER: compared without being parsed."""

    issuer: bytes
    subject: bytes
    subject_public_key_info: bytes


def raw_fields(certificate: x509.Certificate) -> RawFields:
    """Names and key of a certificate that the backend has parsed."""
    body = certificate.tbs_certificate_bytes
    position = content_start(body, 0)
    if body[position] == 0xA0:  # the version, which version 1 leaves out
        position = element_end(body, position)
    issuer = element_end(body, element_end(body, position))  # after serialNumber and signature
    validity = element_end(body, issuer)
    subject = element_end(body, validity)
    key = element_end(body, subject)
    return RawFields(body[issuer:validity], body[subject:key], body[key : element_end(body, key)])


def subject_public_key_info(certificate: x509.Certificate) -> bytes:
    """The SubjectPublicKeyInfo as it stands in the certificate (RFC 5280 4.1.2.7), DER."""
    return raw_fields(certificate).subject_public_key_info


def content_start(der: bytes, position: int) -> int:
    """Where the content of the DER element at `position` begins."""
    length = der[position + 1]
    return position + 2 + (length & 0x7F if length & 0x80 else 0)


def element_end(der: bytes, position: int) -> int:
    """Where the DER element at `position` ends."""
    length = der[position + 1]
    start = content_start(der, position)
    return start + (int.from_bytes(der[position + 2 : start], "big") if length & 0x80 else length)
