"""Certificates in the form in which programs for `ssl` get them."""

from __future__ import annotations

import ssl
from typing import Any

from tls12.trust.peercert import peercert


class ChainCertificate:
    """A certificate of a chain, with the methods of `_ssl.Certificate` (which cannot be made)."""

    __slots__ = ("_der",)

    def __init__(self, der: bytes) -> None:
        self._der = der

    def public_bytes(self, format: int = 1, /) -> bytes | str:
        """PEM (1, as str) or DER (2)."""
        if format == 1:
            return ssl.DER_cert_to_PEM_cert(self._der)
        if format == 2:
            return self._der
        raise ValueError("Unsupported format")

    def get_info(self) -> Any:
        """As a dictionary, like `getpeercert`."""
        return peercert(self._der)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ChainCertificate) and other._der == self._der

    def __hash__(self) -> int:
        return hash(self._der)
