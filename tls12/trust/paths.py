"""The paths from a leaf to a trusted root: how many there may be, and the first of them for a diagnosis.

How it works: a peer can send certificates that all have one name, so that each may be the issuer of each. The backend
tries every combination until it has checked a hundred and more signatures. Three functions let the verifier refuse such
a chain before it asks the backend. `is_self_signed` tells which certificates no chain needs. `signature_checks` counts
by names alone how many signatures the other certificates may make the backend check. `name_comparisons` counts how many
times it may compare a name with a constraint on names (RFC 5280 4.2.1.10) for each signature.

In the search for a diagnosis, an issuer is a certificate whose subject is the child's issuer name, whose key identifier
is the one that the child names (where both say), and whose key verifies the child's signature. `Walk` tries the trusted
ones first, then those that the peer sent, depth first. The number of signatures that it checks is bounded, too.

The walk does not ask whether the path is *valid*: it ignores dates, purposes and sizes, so that a diagnosis can name
the fault of a path that exists.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from tls12.trust.backend import load
from tls12.trust.der import raw_fields
from tls12.trust.truststore import TrustStore

MAX_SIGNATURE_CHECKS = 32
"""For one chain. An honest one needs as many as it has certificates, and a few more where CAs are cross-signed."""


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Whether its own key signed it. No chain needs such a certificate unless it is a trusted root: a chain could go
    through it only to a trusted certificate with its name and key, which can stand in its place."""
    fields = raw_fields(certificate)
    return fields.issuer == fields.subject and _signed(certificate, certificate)


def signature_checks(leaf: x509.Certificate, others: Iterable[x509.Certificate], store: TrustStore, depth: int) -> int:
    """An upper bound of the signatures that a search checks; counting stops beyond `MAX_SIGNATURE_CHECKS`.

    `depth` is the number of intermediate certificates that are followed.
    """
    issuers: dict[bytes, list[bytes]] = {}
    for fields in map(raw_fields, others):
        issuers.setdefault(fields.subject, []).append(fields.issuer)
    count, wanted = 0, [raw_fields(leaf).issuer]
    for _ in range(depth + 1):
        found = [issuer for name in wanted for issuer in issuers.get(name, ())]
        count += len(found) + sum(len(store.named(name)) for name in wanted)
        if not found or count > MAX_SIGNATURE_CHECKS:
            break
        wanted = found
    return count


MAX_NAME_COMPARISONS = 65_536
"""For one chain: the product of its names, its constraints and the signatures that may be checked."""
_MAX_CHECKS_OF_A_WALK = 16
"""Signatures that the search for a diagnosis checks, at most: the default of `Limits.certificates`."""
NAME_CONSTRAINTS = bytes.fromhex("0603551d1e")
"""The object identifier of nameConstraints, DER: a certificate without these bytes has none."""


def name_comparisons(sent: Iterable[bytes]) -> int:
    """How many pairs there are of a name in these certificates (DER) and a constraint on names in them."""
    names = constraints = 0
    for der in sent:
        try:
            extensions = load(der).extensions
        except Exception:  # the backend's lazy parser raises a dozen kinds; a chain with this certificate is refused
            continue
        for extension in extensions:
            if isinstance(extension.value, x509.SubjectAlternativeName):
                names += len(list(extension.value))
            elif isinstance(extension.value, x509.NameConstraints):
                found = extension.value
                constraints += len(found.permitted_subtrees or ()) + len(found.excluded_subtrees or ())
    return names * constraints


class Walk:
    """The search for a path from the leaf to a trusted root, depth first, trusted issuers first."""

    def __init__(self, store: TrustStore, sent: Sequence[x509.Certificate]) -> None:
        self.store = store
        self.sent = sent
        self.checks = 0
        self.furthest: list[x509.Certificate] = []
        """The longest path that was found, whether or not it ends in a trusted root."""
        self.forged: x509.Certificate | None = None
        """A certificate that a known key did not sign, although the certificate names that key as its issuer's."""

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
        name = raw_fields(child).issuer
        named = (sent for sent in self.sent if raw_fields(sent).subject == name and sent not in path)
        for candidate in (*self.store.named(name), *named):
            identifiers = key_identifiers(child, candidate)
            if self.checks < _MAX_CHECKS_OF_A_WALK and (identifiers is None or identifiers[0] == identifiers[1]):
                self.checks += 1
                if _signed(child, candidate):
                    yield candidate
                elif identifiers is not None:
                    self.forged = child


def key_identifiers(child: x509.Certificate, issuer: x509.Certificate) -> tuple[bytes, bytes] | None:
    """The issuer's key as the child names it and as the issuer does; None unless both do."""
    try:
        named = child.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return None
    return (named, own) if named is not None else None


def _signed(child: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        child.verify_directly_issued_by(issuer)
    except InvalidSignature:
        return False
    except Exception:  # the backend cannot verify it: take it as signed, and let a rule report the algorithm
        return True
    return True
