"""Sessions with other values than a handshake gave them. A change names a fact, whether the session has it itself, in
its terms or in its peer."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from tls12.agreement import PeerIdentity, Terms
from tls12.registry import CipherSuite
from tls12.resumption.sessions import Session

PLAIN = Session(
    terms=Terms(cipher_suite=CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, extended_master_secret=True),
    peer=PeerIdentity(),
    session_id=b"\x01",
    master_secret=bytes(48),
    created=100.0,
    expires=200.0,
)
"""A server's session with an anonymous client."""


def altered(session: Session, **changes: Any) -> Session:
    """This session with other facts, of its terms, of the peer or of its own."""
    terms, peer = ({f.name: changes.pop(f.name) for f in fields(c) if f.name in changes} for c in (Terms, PeerIdentity))
    return replace(session, terms=replace(session.terms, **terms), peer=replace(session.peer, **peer), **changes)
