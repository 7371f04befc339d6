"""Explains a refusal of the verifier of `cryptography` in words of our own, if no rule of `rules` explains it.

How it works: the refusal is a text made for developers: a fixed reason, sometimes after the object identifier of an
extension, among the debug output of its parser. `_REFUSALS` lists the reasons for which a path can be refused although
it keeps our rules, and `_EXTENSION` takes an extension's identifier and fault out of the text. Nothing of the text
itself reaches a message; for an unknown reason the message refers to the `__cause__` of the error, which has the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from cryptography.x509.oid import ExtensionOID

from tls12.errors import CertificateError, Detail
from tls12.trust.rules import PathStep

_EXTENSION = re.compile(r"invalid extension: (\d+(?:\.\d+)+): (.*)", re.DOTALL)

_EXTENSION_NAMES = {
    oid.dotted_string: name
    for oid, name in (
        (ExtensionOID.AUTHORITY_INFORMATION_ACCESS, "authorityInfoAccess"),
        (ExtensionOID.AUTHORITY_KEY_IDENTIFIER, "authorityKeyIdentifier"),
        (ExtensionOID.BASIC_CONSTRAINTS, "basicConstraints"),
        (ExtensionOID.CERTIFICATE_POLICIES, "certificatePolicies"),
        (ExtensionOID.CRL_DISTRIBUTION_POINTS, "cRLDistributionPoints"),
        (ExtensionOID.EXTENDED_KEY_USAGE, "extendedKeyUsage"),
        (ExtensionOID.INHIBIT_ANY_POLICY, "inhibitAnyPolicy"),
        (ExtensionOID.KEY_USAGE, "keyUsage"),
        (ExtensionOID.NAME_CONSTRAINTS, "nameConstraints"),
        (ExtensionOID.POLICY_CONSTRAINTS, "policyConstraints"),
        (ExtensionOID.SUBJECT_ALTERNATIVE_NAME, "subjectAltName"),
        (ExtensionOID.SUBJECT_KEY_IDENTIFIER, "subjectKeyIdentifier"),
    )
}

_EXTENSION_FAULTS = {
    "missing required extension": "lacks the extension {name}",
    "contains prohibited extension": "has the extension {name}, which does not belong into it",
    "must contain keyIdentifier": "has an {name} without keyIdentifier",
    "unaccounted-for critical extensions": "has the critical extension {name}, which is not known here",
}

_ANOTHER = "issue it again as RFC 5280 asks, or use PinnedVerifier"

_OF_NAME_CONSTRAINTS = "RFC 5280 4.2.1.10"

_REFUSALS: tuple[tuple[str, str, str, str], ...] = (
    # the backend's words, ours (they follow the name of the certificate), rule, remedy
    (
        "maximum name constraint check limit",
        "has more names and nameConstraints above it than are compared",
        _OF_NAME_CONSTRAINTS,
        "issue it for fewer names, or use PinnedVerifier",
    ),
    (
        "unsupported name constraint",
        "has nameConstraints above it of a kind that is not compared",
        _OF_NAME_CONSTRAINTS,
        "use PinnedVerifier",
    ),
    (
        "nameConstraints extension contains an unsupported",
        "has nameConstraints above it of a kind that is not compared",
        _OF_NAME_CONSTRAINTS,
        "use PinnedVerifier",
    ),
    (
        "name constraint",
        "has a name that the nameConstraints above it do not allow",
        _OF_NAME_CONSTRAINTS,
        "issue it for other names, or use PinnedVerifier",
    ),
    (
        "Forbidden signature algorithm",
        "is signed, or a certificate above it is, with RSA-PSS parameters that are not verified in chains",
        "RFC 4055 3.1",
        "issue it with SHA-256, SHA-384 or SHA-512, the same in MGF1, and a salt as long as it, or use PinnedVerifier",
    ),
    (
        "mismatch between",
        "names, or a certificate above it does, two algorithms for one signature",
        "RFC 5280 4.1.1.2",
        _ANOTHER,
    ),
    (
        "Forbidden public key algorithm",
        "has a CA above it whose kind of key is not verified in chains",
        "RFC 5280 4.1.2.7",
        "use a CA with RSA, or with ECDSA on P-256, P-384 or P-521, or use PinnedVerifier",
    ),
    ("malformed public key", "has a CA above it whose key is malformed", "RFC 5280 4.1.2.7", _ANOTHER),
    ("serial", "has a serial number that is not 1 to 20 bytes long", "RFC 5280 4.1.2.2", _ANOTHER),
    ("non-empty Issuer", "has an empty issuer", "RFC 5280 4.1.2.4", _ANOTHER),
    ("must be UtcTime", "writes a date before 2050 as GeneralizedTime", "RFC 5280 4.1.2.5", _ANOTHER),
    (
        "maximum signature check limit",
        "has a chain that can be put together in too many ways",
        "RFC 5246 7.4.2",
        "let it be sent with one certificate for each CA above it",
    ),
)


def in_words(verdict: str, path: Sequence[PathStep]) -> CertificateError:
    """The error for a path that breaks none of our rules and that the backend refused with the text `verdict`."""
    verdict = verdict.partition("(encountered processing")[0]
    found = _EXTENSION.search(verdict)
    if found is not None:
        return _of_extension(found[1], found[2], path)
    for words, ours, rule, remedy in _REFUSALS:
        if words in verdict:
            detail = Detail.NAME_CONSTRAINTS if rule == _OF_NAME_CONSTRAINTS else None
            return CertificateError(f"{path[0].what} {ours}", rule=rule, remedy=remedy, detail=detail)
    return CertificateError(
        f"{path[0].what} was refused for a reason that this library does not know (it is in __cause__)",
        remedy="use PinnedVerifier if it is the one you expect",
    )


def _of_extension(oid: str, reason: str, path: Sequence[PathStep]) -> CertificateError:
    name = _EXTENSION_NAMES.get(oid, oid)
    having = [step for step in path if any(e.oid.dotted_string == oid for e in step.certificate.extensions)]
    lacking = [step for step in path if step not in having]
    whose = (lacking if "missing" in reason else having) or path
    fault = next((ours for words, ours in _EXTENSION_FAULTS.items() if words in reason), None)
    if "criticality" in reason and having:
        extension = next(e for e in whose[0].certificate.extensions if e.oid.dotted_string == oid)
        fault = "has the extension {name} " + ("as critical" if extension.critical else "as not critical")
    fault = fault or "has an extension {name} that the profile of the Web PKI does not allow"
    detail = Detail.CRITICAL_EXTENSION if "unaccounted-for" in reason else None
    words = f"{whose[0].what} {fault.format(name=name)}"
    return CertificateError(words, rule="RFC 5280 4.2", remedy=_ANOTHER, detail=detail)
