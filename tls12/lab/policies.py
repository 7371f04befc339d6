"""The policy of the laboratory, which allows everything that can be computed, also what is broken.

How it works: an ordinary `Policy` raises for anonymous, NULL, RC4 and 3DES suites, and for MD5, SHA-1 and DSA.
`LabPolicy` does not. A configuration with it also accepts hellos of any size, unless it is given `limits`. Use it to
study old equipment, to replay recordings and to attack, never to protect data.
"""

from __future__ import annotations

from dataclasses import dataclass

from tls12.crypto.groups import EC_GROUPS
from tls12.crypto.signatures import SCHEMES
from tls12.policy import DEFAULT_GROUPS, DEFAULT_SCHEMES, FFDHE_GROUPS, Policy, Renegotiation, suites_where


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LabPolicy(Policy):
    """A policy that may name anything that can be computed; made by `policy()`, changed with `replace`."""

    def _allows_lab(self) -> bool:
        return True


def policy() -> LabPolicy:
    """Every suite, group and scheme that can be computed, best first, and every leniency of `legacy_device`."""
    groups = (*DEFAULT_GROUPS, *(group for group in EC_GROUPS if group not in DEFAULT_GROUPS), *FFDHE_GROUPS)
    schemes = (*DEFAULT_SCHEMES, *(scheme for scheme in SCHEMES if scheme not in DEFAULT_SCHEMES))
    return LabPolicy(
        name="lab",
        cipher_suites=suites_where(lambda row: True),
        groups=groups,
        signature_schemes=schemes,
        reuse_legacy_sessions=True,
        require_secure_renegotiation=False,
        renegotiation=Renegotiation.ALLOW,
        minimum_rsa_bits=1024,
        minimum_dh_bits=1024,
        max_fragment_length=True,
    )
