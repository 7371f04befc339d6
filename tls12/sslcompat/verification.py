"""How the settings of a context judge a peer's certificate.

How it works: a chain is built to the certificates that were loaded, by `X509Verifier`. Two things are as OpenSSL has
them and are not there:

- A self-signed certificate that was loaded is trusted as it is when the peer shows it, for programs load servers'
  own certificates that way. Its dates and its names count.
- Where `hostname_checks_common_name` is set (it is, unless a program says otherwise), the common name counts for a
  certificate without a dNSName.

Without `check_hostname` no name is compared.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from tls12.errors import NameMismatch, UnknownIssuer
from tls12.trust.names import CertificateNames, is_ip_address, subject_name
from tls12.trust.peer import PeerChain
from tls12.trust.rules import date_fault
from tls12.trust.truststore import TrustStore
from tls12.trust.verifier import X509Verifier


class ContextVerifier:
    """Trusts the certificates of `store`, and chains that lead to one of them."""

    def __init__(self, store: TrustStore, *, check_hostname: bool, common_names: bool, strict: bool) -> None:
        self._store = store
        self._named = X509Verifier(store, strict=strict)
        self._nameless = X509Verifier(store, strict=strict, check_names=False)
        self._check_hostname = check_hostname
        self._common_names = common_names

    @property
    def fingerprint(self) -> bytes:
        """A digest of what is trusted and how."""
        rules = b"sslcompat %d %d " % (self._check_hostname, self._common_names)
        return hashlib.sha256(rules + self._named.fingerprint).digest()

    def verify(self, peer: PeerChain) -> tuple[bytes, ...]:
        """The verified chain, leaf to root, DER. Raises `CertificateError`, or a subclass that says why."""
        wanted = peer.server_name if peer.role == "server" and self._check_hostname else None
        leaf = peer.leaf
        is_trusted = leaf.subject == leaf.issuer and self._store.holds(peer.certificates[0])
        if not is_trusted and wanted is not None and not self._counts_common_name(leaf, wanted):
            return self._named.verify(peer)
        whose = f"the {peer.role}'s certificate {subject_name(leaf)}"
        if is_trusted:
            if (fault := date_fault(leaf, whose, datetime.fromtimestamp(peer.time, UTC))) is not None:
                raise fault
            chain = peer.certificates[:1]
        else:
            chain = self._nameless.verify(peer)
        if wanted is not None:
            self._check_name(leaf, whose, wanted)
        return chain

    def _counts_common_name(self, leaf: x509.Certificate, wanted: str) -> bool:
        return self._common_names and not CertificateNames.of(leaf).dns and not is_ip_address(wanted)

    def _check_name(self, leaf: x509.Certificate, whose: str, wanted: str) -> None:
        names = CertificateNames.of(leaf)
        if self._counts_common_name(leaf, wanted):
            common = (str(each.value).lower() for each in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME))
            names = CertificateNames(tuple(common), names.addresses)
        if not names.cover(wanted):
            raise NameMismatch(
                f"{whose} is for {names}, not for {wanted}",
                remedy="connect under a name that it has, or issue it for this one",
            )


class NothingTrusted:
    """What verifies where nothing was loaded: it refuses every peer."""

    fingerprint = hashlib.sha256(b"sslcompat nothing").digest()

    def verify(self, peer: PeerChain) -> tuple[bytes, ...]:
        """Raises `UnknownIssuer`."""
        raise UnknownIssuer(
            f"no trusted root leads to the {peer.role}'s certificate {subject_name(peer.leaf)}: the context has loaded "
            "no certificate to trust",
            remedy="call load_verify_locations() or load_default_certs()",
        )
