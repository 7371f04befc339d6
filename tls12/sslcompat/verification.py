"""How the settings of a context judge a peer's certificate.

How it works: a chain is built to the certificates that were loaded, by `X509Verifier`. A loaded certificate that the
peer itself shows is trusted as it is, for programs load self-signed certificates that way; its dates and names are
compared here. Without `check_hostname` the name that was asked for does not count, so the certificate is judged under a
name of its own.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

from tls12.errors import CertificateExpired, NameMismatch, UnknownIssuer
from tls12.trust.names import CertificateNames, subject_name
from tls12.trust.peer import PeerChain
from tls12.trust.truststore import TrustStore
from tls12.trust.verifier import X509Verifier


class ContextVerifier:
    """Trusts the certificates of `store`, and chains that lead to one of them."""

    def __init__(self, store: TrustStore | None, *, check_hostname: bool, strict: bool) -> None:
        self._store = store
        self._chains = None if store is None else X509Verifier(store, strict=strict)
        self._check_hostname = check_hostname
        self._strict = strict

    @property
    def fingerprint(self) -> bytes:
        """A digest of what is trusted and how."""
        chains = b"" if self._chains is None else self._chains.fingerprint
        return hashlib.sha256(b"sslcompat %d %d " % (self._check_hostname, self._strict) + chains).digest()

    def verify(self, peer: PeerChain) -> tuple[bytes, ...]:
        """The verified chain, leaf to root, DER. Raises `CertificateError`, or a subclass that says why."""
        if self._store is None or self._chains is None:
            raise UnknownIssuer(
                f"no trusted root leads to the {peer.role}'s certificate {subject_name(peer.leaf)}: the context has "
                "loaded no certificate to trust",
                remedy="call load_verify_locations() or load_default_certs()",
            )
        if self._store.holds(peer.certificates[0]):
            self._check_leaf(peer)
            return peer.certificates[:1]
        if peer.role == "server" and not self._check_hostname:
            names = CertificateNames.of(peer.leaf)
            own = next((name.replace("*", "any") for name in (*names.dns, *names.addresses)), "none.invalid")
            peer = replace(peer, server_name=own)
        return self._chains.verify(peer)

    def _check_leaf(self, peer: PeerChain) -> None:
        leaf = peer.leaf
        now = datetime.fromtimestamp(peer.time, UTC)
        whose = f"the {peer.role}'s certificate {subject_name(leaf)}"
        if now > leaf.not_valid_after_utc:
            raise CertificateExpired(f"{whose} expired on {leaf.not_valid_after_utc:%Y-%m-%d %H:%M:%S} UTC")
        if now < leaf.not_valid_before_utc:
            raise CertificateExpired(f"{whose} is not valid before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M:%S} UTC")
        names = CertificateNames.of(leaf)
        wanted = peer.server_name
        if peer.role == "server" and self._check_hostname and wanted is not None and not names.cover(wanted):
            raise NameMismatch(
                f"{whose} is for {names}, not for {wanted}",
                remedy="connect under a name that it has, or issue it for this one",
            )
