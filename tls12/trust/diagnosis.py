"""Why a chain was refused: the exact error, with the certificate, the reason and the remedy.

How it works: the verifier of `cryptography` answers yes or no, and gives its reason only as text for
people. So after a "no" this module looks for the reason itself. It walks from the leaf towards a trusted
root by issuer name, key identifier and signature (`paths`). If there is no path, the error names the missing issuer.
Otherwise it tries `rules.RULES` in order, each on every certificate of the path, and the first rule that is broken
gives the error. If no rule is broken, the backend has a reason that is no rule here, and `verdicts` translates the
backend's text. That text itself, the debug output of a parser, is only in the error's `__cause__`.

The chain is refused whatever is found here, so a mistake in this module can only give a wrong explanation. To bound its
time, it does not look into chains of more than `_LONGEST_EXPLAINED` bytes.
"""

from __future__ import annotations

from cryptography import x509

from tls12.errors import CertificateError, Detail, UnknownIssuer
from tls12.trust.backend import because, load
from tls12.trust.der import raw_fields
from tls12.trust.names import issuer_name, subject_name
from tls12.trust.paths import Walk, key_identifiers
from tls12.trust.peer import PeerChain
from tls12.trust.rules import RULES, PathStep, Rules
from tls12.trust.truststore import TrustStore
from tls12.trust.verdicts import in_words

_LONGEST_EXPLAINED = 65_536
"""Bytes of a chain that is looked into."""


def diagnose(peer: PeerChain, store: TrustStore, rules: Rules, verdict: object) -> CertificateError:
    """The error for a chain that the backend refused; the text of its `verdict` is read only if need be."""
    size = sum(map(len, peer.certificates))
    if size > _LONGEST_EXPLAINED:
        return CertificateError(
            f"the {peer.role}'s certificates were refused; with {size} bytes they are too long to look for the reason",
            remedy=f"the {peer.role} needs shorter certificates, or fewer",
        )
    try:
        # Not `peer.parse()`: its objects may be remembered, and would keep the extensions that are read here.
        leaf, *others = map(load, peer.certificates)
        walk = Walk(store, others)
        path = walk.from_leaf(leaf)
        if path is None:
            return _no_path(peer, walk)
        steps = [PathStep(path, position, peer, rules) for position in range(len(path))]
        for rule in RULES:
            for step in steps:
                error = rule(step)
                if error is not None:
                    return error
    except Exception as error:  # the backend's lazy parser: a dozen kinds, all of them the certificate's fault
        return CertificateError(
            f"a certificate of the {peer.role}'s chain is malformed: {because(error)}",
            rule="RFC 5280 4.1",
            remedy=f"the {peer.role} needs another certificate",
        )
    return in_words(str(verdict), steps)


def _no_path(peer: PeerChain, walk: Walk) -> CertificateError:
    last = walk.furthest[-1]
    whose = f"the {peer.role}'s certificate {subject_name(walk.furthest[0])}"
    if walk.forged is not None:
        return CertificateError(
            f"the signature on the certificate {subject_name(walk.forged)} is not by the key that it names",
            rule="RFC 5280 6.1.3",
            detail=Detail.FORGED,
            remedy="the certificate was altered or forged; do not trust this connection",
        )
    names = raw_fields(last)
    namesakes = walk.store.named(names.issuer)
    if namesakes:
        return UnknownIssuer(
            f"no trusted root leads to {whose}: a CA named {issuer_name(last)} is trusted, "
            f"but its key did not sign {subject_name(last)}{_identifiers(last, namesakes[0])}",
            remedy="if the CA was made anew, put its new certificate into the TrustStore; if not, this is another CA "
            "of the same name",
        )
    if names.subject != names.issuer:
        issuer = issuer_name(last)
        return UnknownIssuer(
            f"no trusted root leads to {whose}: {issuer}, issuer of {subject_name(last)}, is not known",
            remedy=f"add the CA to the TrustStore, or let the {peer.role} send its intermediate certificates",
        )
    if len(walk.furthest) == 1:
        return UnknownIssuer(
            f"{whose} is self-signed and not trusted",
            detail=Detail.SELF_SIGNED,
            remedy="if it is the one you expect, use PinnedVerifier with this certificate",
        )
    return UnknownIssuer(
        f"no trusted root leads to {whose}: its chain ends in {subject_name(last)}, which is not trusted",
        detail=Detail.UNTRUSTED_ROOT,
        remedy="if this CA is the one you expect, add it to the TrustStore",
    )


def _identifiers(child: x509.Certificate, issuer: x509.Certificate) -> str:
    """The two key identifiers, where both certificates say them (RFC 5280 4.2.1.1)."""
    found = key_identifiers(child, issuer)
    return f" (the key identifier is {found[1].hex()[:64]} instead of {found[0].hex()[:64]})" if found else ""
