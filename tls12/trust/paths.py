"""The way from a leaf to a trusted root, as far as it goes: what a diagnosis starts from.

How it works: an issuer is a certificate whose subject is the child's issuer name, whose key identifier is
the one that the child names (where both say), and whose key verifies the child's signature. `Walk` tries
the trusted ones first, then those that the peer sent, depth first. The number of signatures that it checks
is bounded, so that a peer cannot make a maze of certificates with the same name.

Whether the path is *valid* is not asked here: dates, purposes and sizes do not matter to the walk, which is
what lets a diagnosis find fault with a path that exists.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from tls12.trust.truststore import TrustStore

_MAX_SIGNATURE_CHECKS = 32


class Walk:
    """The search for a path from the leaf to a trusted root, depth first, trusted issuers first."""

    def __init__(self, store: TrustStore, sent: Sequence[x509.Certificate]) -> None:
        self.store = store
        self.sent = sent
        self.checks = 0
        self.furthest: list[x509.Certificate] = []
        """The longest way that was found, whether or not it ends in a trusted root."""
        self.forged: x509.Certificate | None = None
        """A certificate that names a known key as its issuer's, which did not sign it."""

    def from_leaf(self, leaf: x509.Certificate) -> list[x509.Certificate] | None:
        """The first path from the leaf to a trusted root, both included; None if there is none."""
        return self._extend([leaf])

    def _extend(self, path: list[x509.Certificate]) -> list[x509.Certificate] | None:
        if len(path) > len(self.furthest):
            self.furthest = path
        if path[-1] in self.store:
            return path
        for issuer in self._issuers(path):
            found = self._extend([*path, issuer])
            if found is not None:
                return found
        return None

    def _issuers(self, path: list[x509.Certificate]) -> Iterator[x509.Certificate]:
        child = path[-1]
        named = (sent for sent in self.sent if sent.subject == child.issuer and sent not in path)
        for candidate in (*self.store.named(child.issuer), *named):
            if self.checks < _MAX_SIGNATURE_CHECKS and _keys_agree(child, candidate):
                self.checks += 1
                if _signed(child, candidate):
                    yield candidate
                elif _key_identifiers(child, candidate) is not None:
                    self.forged = child


def _key_identifiers(child: x509.Certificate, issuer: x509.Certificate) -> tuple[bytes, bytes] | None:
    """The issuer's key as the child names it and as the issuer does; None unless both do."""
    try:
        named = child.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return None
    return (named, own) if named is not None else None


def _keys_agree(child: x509.Certificate, issuer: x509.Certificate) -> bool:
    identifiers = _key_identifiers(child, issuer)
    return identifiers is None or identifiers[0] == identifiers[1]


def _signed(child: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        child.verify_directly_issued_by(issuer)
    except InvalidSignature:
        return False
    except Exception:  # an algorithm or a key that the backend does not do: a link, with which fault will be found
        return True
    return True
