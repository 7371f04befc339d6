"""Verifiers for the tests of this directory."""

from __future__ import annotations

from typing import Any

from cryptography import x509

from tests import pki
from tls12 import TrustStore, X509Verifier


def trusting(*roots: x509.Certificate | bytes, **rules: Any) -> X509Verifier:
    """A verifier with these roots, that of `pki.root()` if none are given, and these rules."""
    return X509Verifier(TrustStore.from_certificates(*(roots or (pki.root().der,))), **rules)
