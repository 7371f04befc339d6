"""Trust stores: the root certificates that a chain may end in.

How it works: a `TrustStore` is an immutable set of parsed certificates; its `fingerprint` is a digest of
their sorted DER, so that stores with the same roots are equal wherever they came from (a session is bound
to it). The backend's own store object is made once, on first use.

A root that does not parse is left out and listed in `skipped`; the others still count.

`TrustStore.system()` reads the roots of the machine (`system_roots.py` says where they are). The result is kept for the
life of the process, for each value of the two variables of the environment, since a bundle takes a while to read.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from functools import cached_property, lru_cache
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import Store

from tls12.errors import UsageError
from tls12.given import name_value
from tls12.trust.backend import because, keep_quiet
from tls12.trust.der import raw_fields
from tls12.trust.loading import read_file
from tls12.trust.parsing import CertificateLike, as_certificates
from tls12.trust.system_roots import pem_blocks, system_blocks


class SkippedRoot(NamedTuple):
    """A root that was left out."""

    origin: str
    """Where it stood."""
    reason: str
    """Why it could not be read: a clause such as "it has the extension 2.5.29.37 twice"."""


class TrustStore:
    """Root certificates, immutable; two stores with the same roots are equal.

    Make one with `system`, `from_pem`, `from_pem_file` or `from_certificates`.
    """

    def __init__(self, certificates: Iterable[x509.Certificate], skipped: Iterable[SkippedRoot] = ()) -> None:
        self.certificates = tuple(dict.fromkeys(map(_checked, certificates)))
        """The roots, without duplicates."""
        self.skipped = tuple(skipped)
        """What could not be read."""
        if not self.certificates:
            why = "; ".join(f"{root.origin}: {root.reason}" for root in self.skipped[:3])
            raise UsageError(
                "a trust store needs at least one certificate" + (f", and these are unreadable: {why}" if why else ""),
                remedy="give the certificates themselves; from_pem_file() reads a file",
            )

    @classmethod
    def system(cls) -> TrustStore:
        """The roots of this machine: those that SSL_CERT_FILE and SSL_CERT_DIR name, else the platform's own.

        Raises `UsageError` where there are none, and OSError for an SSL_CERT_FILE that cannot be read.
        """
        return _system_store(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))

    @classmethod
    def from_pem(cls, data: bytes | str) -> TrustStore:
        """The certificates of one or more PEM blocks; text around them is ignored.

        Raises `UsageError` when no certificate can be read.
        """
        if not isinstance(data, bytes | bytearray | memoryview | str):
            raise UsageError(f"data is {name_value(data)}; give PEM, bytes or str")
        return cls._load(pem_blocks(data.encode(errors="replace") if isinstance(data, str) else bytes(data), "PEM"))

    @classmethod
    def from_pem_file(cls, path: str | os.PathLike[str]) -> TrustStore:
        """The certificates of a PEM file. Raises `UsageError` when none can be read, OSError as `open`."""
        return cls._load(pem_blocks(read_file("path", path), str(path)))

    @classmethod
    def from_certificates(cls, *certificates: CertificateLike | Iterable[CertificateLike]) -> TrustStore:
        """The given certificates: objects of `cryptography`, DER or PEM. Raises `UsageError` for broken ones."""
        return cls(as_certificates(certificates, "root certificate"))

    @classmethod
    def _load(cls, blocks: Iterable[tuple[str, bytes]]) -> TrustStore:
        roots: list[x509.Certificate] = []
        skipped: list[SkippedRoot] = []
        first: dict[bytes, str] = {}  # a bundle has the text of the files beside it, and parsing takes the most time
        for origin, block in blocks:
            first.setdefault(block, origin)
        keep_quiet()  # roots in wide use break small rules: Go Daddy's have the serial number 0
        for block, origin in first.items():
            try:
                root = x509.load_pem_x509_certificate(block)
                root.subject  # noqa: B018 (parsed on first use, and chains are built by it)
                roots.append(root)
            except Exception as error:  # the backend's lazy parser raises a dozen kinds
                skipped.append(SkippedRoot(origin, because(error)))
        return cls(roots, skipped)

    @cached_property
    def _der(self) -> dict[int, bytes]:
        return {id(root): root.public_bytes(Encoding.DER) for root in self.certificates}

    def der(self, certificate: x509.Certificate) -> bytes:
        """A certificate's DER, from memory where the object is one of the roots."""
        return self._der.get(id(certificate)) or certificate.public_bytes(Encoding.DER)

    @cached_property
    def fingerprint(self) -> bytes:
        """SHA-256 over the sorted digests of the roots: equal for equal sets of roots."""
        digests = sorted(hashlib.sha256(der).digest() for der in self._der.values())
        return hashlib.sha256(b"".join(digests)).digest()

    @cached_property
    def _known(self) -> frozenset[bytes]:
        return frozenset(self._der.values())

    def holds(self, der: bytes) -> bool:
        """Whether a certificate with this DER is one of the roots."""
        return der in self._known

    @cached_property
    def backend_store(self) -> Store:
        """The roots as `cryptography.x509.verification` wants them."""
        return Store(list(self.certificates))

    @cached_property
    def _by_subject(self) -> dict[bytes, list[x509.Certificate]]:
        found: dict[bytes, list[x509.Certificate]] = {}
        for root in self.certificates:
            found.setdefault(raw_fields(root).subject, []).append(root)
        return found

    def named(self, subject: x509.Name | bytes) -> list[x509.Certificate]:
        """The roots with this subject, an object of `cryptography` or DER as it stands in a certificate."""
        return self._by_subject.get(subject if isinstance(subject, bytes) else subject.public_bytes(), [])

    def __contains__(self, certificate: x509.Certificate) -> bool:
        return certificate in self.certificates

    def __len__(self) -> int:
        return len(self.certificates)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TrustStore) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        return f"<TrustStore: {len(self)} roots, {len(self.skipped)} skipped>"


def _checked(root: object) -> x509.Certificate:
    """A root whose subject can be read, since chains are built by it."""
    if not isinstance(root, x509.Certificate):
        raise UsageError(
            f"a trust store is made of certificates of `cryptography`, and one is {name_value(root)}",
            remedy="TrustStore.from_certificates() takes DER and PEM",
        )
    keep_quiet()
    try:
        root.subject  # noqa: B018 (parsed when it is asked for)
    except Exception as error:
        raise UsageError(f"a root certificate cannot be read: {because(error)}") from error
    return root


@lru_cache(maxsize=4)
def _system_store(cert_file: str | None, cert_dir: str | None) -> TrustStore:
    return TrustStore._load(system_blocks(cert_file, cert_dir))
