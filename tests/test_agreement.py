"""Each protocol fact is told once: in one field of one value, which the others contain."""

from __future__ import annotations

from collections import Counter
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import pytest

from tests import pki
from tests.ends import connected
from tests.sessions import PLAIN
from tls12 import Negotiated, Session, TicketKeys
from tls12.agreement import Agreed, PeerIdentity, Terms
from tls12.crypto.provider import STANDARD
from tls12.handshake.negotiation import Choice, Offer
from tls12.handshake.proofs import (
    Established,
    ResumedSession,
    Unauthenticated,
    VerifiedFinished,
    VerifiedIdentity,
    VerifiedSignature,
)
from tls12.lab.script import Script
from tls12.registry import ExtensionType
from tls12.trust.peer import PeerChain
from tls12.wire.extensions import RawExtension

CHAIN = pki.server().chain_der
AGREED = Agreed(terms=PLAIN.terms, client_random=bytes(32), server_random=bytes(32), session_id=b"")
NEGOTIATED = Negotiated(agreed=AGREED, peer=PeerIdentity(), resumed=False)
NOTHING = Unauthenticated(reason="for a test")
FINISHED = VerifiedFinished(verify_data=bytes(12))
ESTABLISHED = Established(
    identity=NOTHING,
    possession=NOTHING,
    finished=FINISHED,
    negotiated=NEGOTIATED,
    session=None,
    server_certificate=None,
    encrypt_then_mac_ever=False,
    renegotiated=False,
    master_secret=bytes(48),
    client_verify_data=bytes(12),
    server_verify_data=bytes(12),
    crypto=STANDARD,
)
VALUES: tuple[Any, ...] = (
    PLAIN,
    PLAIN.terms,
    AGREED,
    PeerIdentity(),
    NEGOTIATED,
    ESTABLISHED,
    NOTHING,
    FINISHED,
    VerifiedIdentity(certificates=CHAIN, chain=CHAIN),
    VerifiedSignature(scheme=0x0403),
    ResumedSession(session=PLAIN),
    Offer.read(Script("client").hello()),
    Choice(parameters=AGREED.parameters, group=None, credential=None, scheme=None),
    PeerChain(CHAIN, "server", pki.NAME, 0.0),
)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_what_a_handshake_makes_cannot_be_changed(value: Any) -> None:
    for field in fields(value):
        before = getattr(value, field.name)
        with pytest.raises(FrozenInstanceError):
            setattr(value, field.name, None)
        with pytest.raises(FrozenInstanceError):
            delattr(value, field.name)
        assert getattr(value, field.name) is before


@pytest.mark.parametrize("value", [v for v in VALUES if not isinstance(v, PeerChain)], ids=lambda v: type(v).__name__)
def test_what_a_handshake_makes_is_made_by_keyword(value: Any) -> None:
    assert replace(value) == value
    with pytest.raises(TypeError, match="positional argument"):
        type(value)(*(getattr(value, field.name) for field in fields(value)))


TWICE = {
    "peer": "who the peer is, in the outcome and in the session",
    "scts": "those in the ServerHello, and those of the peer: in a resumption they are the session's",
    "session_id": "the one in the ServerHello, and the one that a session is found by: none if it has a ticket",
    "terms": "what was agreed, in the hellos' value and in the session",
}
"""What two of the values have a field for, and why that is not one fact kept twice."""

NOT_REPORTED = {
    "max_fragment_length": "record_size_limit says what it comes to",
    "own_record_size_limit": "the configuration says it",
    "staple_promised": "ocsp_response says whether the promise was kept",
    "terms": "its facts are reported one by one",
    "ticket_promised": "the session has the ticket",
}


def test_no_fact_is_kept_twice() -> None:
    names = Counter(f.name for kind in (Terms, Agreed, PeerIdentity, Negotiated, Session) for f in fields(kind))
    assert {name for name, count in names.items() if count > 1} == set(TWICE)


def test_every_fact_of_the_hellos_and_of_the_peer_is_reported_or_said_not_to_be() -> None:
    facts = {f.name for part in (Terms, Agreed) for f in fields(part)}
    assert {name for name in facts if not hasattr(Negotiated, name)} == set(NOT_REPORTED)
    renamed = {"certificates": "peer_certificates"}
    for shown in (Negotiated, Session):
        assert all(hasattr(shown, renamed.get(f.name, f.name)) for f in fields(PeerIdentity))
    assert all(hasattr(Session, f.name) for f in fields(Terms))


def test_an_outcome_and_a_session_show_what_their_parts_say() -> None:
    terms = Terms(
        cipher_suite=PLAIN.cipher_suite,
        extended_master_secret=True,
        encrypt_then_mac=True,
        server_name="a.test",
        alpn_protocol="h2",
        max_fragment_length=2,
    )
    peer = PeerIdentity(
        certificates=(b"leaf",), verified_chain=(b"root",), ocsp_response=b"o", scts=(b"s",), psk_identity=b"p"
    )
    agreed = Agreed(
        terms=terms,
        client_random=b"c",
        server_random=bytes(24) + b"DOWNGRD\x01",
        session_id=b"id",
        secure_renegotiation=True,
        record_size_limit=512,
        custom_extensions=(RawExtension(ExtensionType.of(0xFE01), b""),),
    )
    negotiated = Negotiated(agreed=agreed, peer=peer, resumed=True)
    for shown, parts in ((negotiated, (agreed, terms, peer)), (replace(PLAIN, terms=terms, peer=peer), (terms, peer))):
        for name in {name for name in dir(type(shown)) if not name.startswith("_")}:
            told_by = [part for part in parts if hasattr(part, name)]
            if told_by:
                assert getattr(shown, name) == getattr(told_by[-1], name), name
        assert shown.peer_certificates == peer.certificates


@pytest.mark.parametrize("role", ["client", "server"])
def test_a_session_continues_the_terms_and_the_peer_of_its_handshake(role: str) -> None:
    ours, _ = connected(role, server={"ticket_keys": TicketKeys.generate()})
    session = ours.connection.session
    assert session is not None
    assert session.terms is ours.negotiated.agreed.terms
    assert session.peer is ours.negotiated.peer
