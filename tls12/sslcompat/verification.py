"""How the settings of a context judge a peer's certificate.

How it works: a chain is built to the certificates that were loaded, by `X509Verifier`. Three things are as OpenSSL has
them and are not there:

- A self-signed certificate that was loaded is trusted as it is when the peer shows it, for programs load servers'
  own certificates that way. Its dates and its names count.
- A chain ends at a loaded certificate that names itself as its issuer. Another one that was loaded only completes the
  peer's chain, unless `VERIFY_X509_PARTIAL_CHAIN` is set: then any loaded certificate may end it.
- Where `hostname_checks_common_name` is set (it is, unless a program says otherwise), the common name counts for a
  certificate without a dNSName.

Without `check_hostname` no name is compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tls12.errors import NameMismatch, UnknownIssuer
from tls12.trust.der import raw_fields
from tls12.trust.names import CertificateNames, is_ip_address, subject_name
from tls12.trust.peer import PeerChain
from tls12.trust.rules import date_fault
from tls12.trust.truststore import TrustStore
from tls12.trust.verifier import X509Verifier


def names_itself(certificate: x509.Certificate) -> bool:
    """Whether the certificate is its own issuer by name, as that of a root is."""
    fields = raw_fields(certificate)
    return fields.issuer == fields.subject


class ContextVerifier:
    """Trusts the certificates of `store`, and chains that lead to one of them, if need be by way of `between`."""

    def __init__(
        self,
        store: TrustStore,
        between: Iterable[x509.Certificate] = (),
        *,
        check_hostname: bool,
        common_names: bool,
        strict: bool,
    ) -> None:
        self._store = store
        self._between: dict[bytes, list[x509.Certificate]] = {}
        for one in between:
            self._between.setdefault(raw_fields(one).subject, []).append(one)
        self._named = X509Verifier(store, strict=strict)
        self._nameless = X509Verifier(store, strict=strict, check_names=False)
        self._check_hostname = check_hostname
        self._common_names = common_names

    @property
    def fingerprint(self) -> bytes:
        """A digest of what is trusted and how."""
        rules = b"sslcompat %d %d " % (self._check_hostname, self._common_names)
        between = b"".join(sorted(one.fingerprint(SHA256()) for each in self._between.values() for one in each))
        return hashlib.sha256(rules + self._named.fingerprint + between).digest()

    def verify(self, peer: PeerChain) -> tuple[bytes, ...]:
        """The verified chain, leaf to root, DER. Raises `CertificateError`, or a subclass that says why."""
        wanted = peer.server_name if peer.role == "server" and self._check_hostname else None
        leaf = peer.leaf
        is_trusted = leaf.subject == leaf.issuer and self._store.holds(peer.certificates[0])
        if not is_trusted and self._between:
            peer = self._completed(peer)
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

    def _completed(self, peer: PeerChain) -> PeerChain:
        """The peer's chain, and behind it the loaded certificates between it and a root."""
        left, added = dict(self._between), []
        wanted = [raw_fields(one).issuer for one in peer.parse()]
        while wanted:
            found = left.pop(wanted.pop(), [])
            added += [one.public_bytes(Encoding.DER) for one in found]
            wanted += [raw_fields(one).issuer for one in found]
        return replace(peer, certificates=tuple(dict.fromkeys((*peer.certificates, *added))))

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
    """What verifies where no root was loaded: it refuses every peer."""

    fingerprint = hashlib.sha256(b"sslcompat nothing").digest()

    def verify(self, peer: PeerChain) -> tuple[bytes, ...]:
        """Raises `UnknownIssuer`."""
        raise UnknownIssuer(
            f"no trusted root leads to the {peer.role}'s certificate {subject_name(peer.leaf)}: the context has loaded "
            "no certificate to trust",
            remedy="call load_verify_locations() or load_default_certs(); a certificate that is no root is trusted "
            "with VERIFY_X509_PARTIAL_CHAIN in verify_flags only",
        )
