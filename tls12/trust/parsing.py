"""Certificates in whatever form a caller has them: objects of `cryptography`, DER, PEM, one or several.

How it works: every constructor that takes certificates from the caller calls `as_certificates`, so that all take the
same forms and refuse with the same messages. Certificates that a peer sends are read by `peer.py` instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from cryptography import x509

from tls12.errors import UsageError
from tls12.trust.backend import because, keep_quiet, load

CertificateLike: TypeAlias = x509.Certificate | bytes | str
"""An object of `cryptography`, DER, or PEM (which may hold several)."""


def as_certificates(
    given: Iterable[CertificateLike | Iterable[CertificateLike]], what: str, first: int = 1
) -> list[x509.Certificate]:
    """The certificates of all that is given, in order; an element may itself be a list.

    Raises `UsageError`, which calls them `what` and numbers them from `first`, for one that cannot be read.
    """
    found: list[x509.Certificate] = []
    for element in given:
        nested = isinstance(element, Iterable) and not isinstance(element, _SINGLE)
        for one in element if nested else (element,):  # type: ignore[union-attr]
            if isinstance(one, x509.Certificate):
                found.append(one)
            else:
                found += _read(one, f"{what} {len(found) + first}")
    return found


_SINGLE = (x509.Certificate, bytes, bytearray, memoryview, str)


def _read(data: object, what: str) -> list[x509.Certificate]:
    if not isinstance(data, bytes | bytearray | memoryview | str):
        raise UsageError(f"{what} is neither DER nor PEM: {type(data).__name__}")
    keep_quiet()
    try:
        encoded = data.encode(errors="replace") if isinstance(data, str) else bytes(data)
        if b"-----BEGIN" in encoded:
            return x509.load_pem_x509_certificates(encoded)
        return [load(encoded)]
    except Exception as error:  # the backend's lazy parser raises a dozen kinds
        raise UsageError(f"{what} is neither DER nor PEM: {_why(data, error)}") from error


def _why(data: bytes | bytearray | memoryview | str, error: Exception) -> str:
    if isinstance(data, str) and "-----BEGIN" not in data:
        return 'it is a str without "-----BEGIN CERTIFICATE-----" (from_pem_file and from_pem_files read files)'
    text = data if isinstance(data, str) else bytes(data).decode("latin-1")
    if "-----BEGIN" in text and "CERTIFICATE-----" not in text:
        return "the PEM has no certificate"
    return because(error)
