"""Certificates in whatever form a caller has them: objects of `cryptography`, DER, PEM, one or several.

How it works: `as_certificates` is the one door through which certificates of our own side come in, so that
every constructor takes the same forms and refuses in the same words. What a *peer* sends never comes this
way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from cryptography import x509

from tls12.errors import UsageError

CertificateLike: TypeAlias = x509.Certificate | bytes | str
"""An object of `cryptography`, DER, or PEM (which may hold several)."""


def as_certificates(given: Iterable[CertificateLike | Iterable[CertificateLike]], what: str) -> list[x509.Certificate]:
    """The certificates of all that is given, in order; an element may itself be a list.

    Raises `UsageError`, which calls them `what` and numbers them, for one that cannot be read.
    """
    found: list[x509.Certificate] = []
    for element in given:
        for one in (element,) if isinstance(element, CertificateLike) else element:
            if isinstance(one, x509.Certificate):
                found.append(one)
            else:
                found += _read(one, f"{what} {len(found) + 1}")
    return found


def _read(data: bytes | str, what: str) -> list[x509.Certificate]:
    try:
        encoded = data.encode() if isinstance(data, str) else bytes(data)
        if b"-----BEGIN" in encoded:
            return x509.load_pem_x509_certificates(encoded)
        return [x509.load_der_x509_certificate(encoded)]
    except (ValueError, TypeError, x509.InvalidVersion) as error:
        raise UsageError(f"{what} is neither DER nor PEM: {error}") from error


def subject_public_key_info(certificate: x509.Certificate) -> bytes:
    """The SubjectPublicKeyInfo as it stands in the certificate (RFC 5280 4.1.2.7), DER.

    The backend encodes keys anew, which changes those of RSASSA-PSS and compressed points.
    """
    body = certificate.tbs_certificate_bytes
    position = content_start(body, 0)
    if body[position] == 0xA0:  # the version, which version 1 leaves out
        position = _end(body, position)
    for _ in ("serialNumber", "signature", "issuer", "validity", "subject"):
        position = _end(body, position)
    return body[position : _end(body, position)]


def content_start(der: bytes, position: int) -> int:
    """Where the content of the DER element at `position` begins."""
    length = der[position + 1]
    return position + 2 + (length & 0x7F if length & 0x80 else 0)


def _end(der: bytes, position: int) -> int:
    """Where the element at `position` ends."""
    length = der[position + 1]
    start = content_start(der, position)
    return start + (int.from_bytes(der[position + 2 : start], "big") if length & 0x80 else length)
