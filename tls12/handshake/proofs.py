"""Proofs: values that exist only because a check passed.

How it works: a handshake ends in an `Established`, which cannot be made without a proof of who the peer is, of who
owns the key share, and of the Finished message. Each proof is made in exactly one function of `steps.py` (a test counts
the places), after the check that it stands for: code that leaves a check out does not type-check. Where the protocol
proves nothing, the story says so with an `Unauthenticated` and its reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NoReturn

from tls12.crypto.prf import Prf
from tls12.crypto.provider import CryptoProvider
from tls12.events import Negotiated
from tls12.handshake.permissions import permit
from tls12.policy import Policy
from tls12.resumption.sessions import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedIdentity:
    """The verifier accepted these certificates for the name that was asked for."""

    certificates: tuple[bytes, ...]
    chain: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedSignature:
    """The owner of the certificate's key signed this handshake: the key share, or the transcript."""

    scheme: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedFinished:
    """The peer's Finished matched our transcript and master secret."""

    verify_data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumedSession:
    """The peer owns the master secret of a session whose handshake proved the rest."""

    session: Session = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unauthenticated:
    """Nothing is proved, for a reason that the protocol allows: an anonymous or PSK suite, no client certificate."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Established:
    """A finished handshake: what was proved, what was agreed, and what exporters and the next handshake need."""

    identity: VerifiedIdentity | ResumedSession | Unauthenticated
    possession: VerifiedSignature | ResumedSession | Unauthenticated
    finished: VerifiedFinished
    negotiated: Negotiated
    session: Session | None
    server_certificate: bytes | None
    """The server's leaf, DER, on either side, for tls-server-end-point. None without one, and in a server that resumes:
    its session has the hash."""
    encrypt_then_mac_ever: bool
    """Encrypt-then-MAC was used on this connection, so that no later handshake may drop it (RFC 7366 3.1)."""
    renegotiated: bool
    """It was not the first handshake of its connection."""
    master_secret: bytes = field(repr=False)
    client_verify_data: bytes = field(repr=False)
    server_verify_data: bytes = field(repr=False)
    crypto: CryptoProvider = field(repr=False)
    """The provider that the handshake used, and that exporters use."""

    def prf(self) -> Prf:
        """The PRF with the master secret, for exporters (RFC 5705)."""
        return self.crypto.make_prf(self.negotiated.agreed.parameters.prf_hash, self.master_secret)

    def without_secrets(self) -> Established:
        """What was agreed and proved, for a connection that has failed: it can resume, export and bind nothing."""
        return replace(self, session=None, master_secret=b"", client_verify_data=b"", server_verify_data=b"")

    def __reduce__(self) -> NoReturn:
        raise TypeError("an Established handshake holds secrets and cannot be pickled")

    def obstacle_to_renegotiation(self, policy: Policy, *, with_extended_master_secret: bool = False) -> str:
        """Why no other handshake may follow this one on its connection; empty if one may.

        After a handshake without extended master secret only one with it may follow (RFC 7627 5.2), unless the policy
        allows more. After a resumption without it none may follow, because its Finished may be that of another
        connection too (RFC 7627 5.4).
        """
        agreed = self.negotiated
        if not agreed.secure_renegotiation:
            return "the peer offers no secure renegotiation (RFC 5746 3.1)"
        if agreed.extended_master_secret:
            return ""
        if agreed.resumed:
            return "the connection was resumed without extended master secret (RFC 7627 5.4)"
        if with_extended_master_secret or policy.reuse_legacy_sessions:
            return ""
        remedy = permit(policy, "triple handshake attacks", reuse_legacy_sessions=True)
        return f"the connection has no extended master secret (RFC 7627 5.4); {remedy}"
