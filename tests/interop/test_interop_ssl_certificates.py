"""Certificates between us and CPython's ssl: good and bad ones of every kind, in both roles."""

from __future__ import annotations

import pytest

from tests import pki
from tests.ends import (
    Theirs,
    credential_of,
    openssl_context,
    our_client,
    our_server,
    talk,
    their_client,
    their_server,
    verifier,
)
from tls12 import Alert, ClientAuth, PeerAlert
from tls12.errors import (
    CertificateError,
    CertificateExpired,
    NameMismatch,
    TLSError,
    UnknownIssuer,
    WeakKey,
    WrongPurpose,
)


def says(theirs: Theirs, alert: Alert | None) -> bool:
    """Whether OpenSSL reports that it received this alert."""
    return alert is not None and alert.name in theirs.reason


# --- the server's certificate ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", pki.LEAF_KINDS)
def test_our_client_verifies_a_chain_of_every_kind_of_leaf(kind: str) -> None:
    ours, theirs = our_client(verifier=verifier()), their_server(kind)
    talk(ours, theirs)
    chain = pki.server(kind).chain_der
    assert ours.negotiated.peer_certificates == chain
    assert ours.negotiated.verified_chain == (*chain, pki.root().der)


@pytest.mark.parametrize("kind", pki.LEAF_KINDS)
def test_openssl_verifies_a_chain_of_every_kind_of_leaf_from_our_server(kind: str) -> None:
    ours, theirs = our_server(kind), their_client(verify=True)
    talk(theirs, ours)
    assert theirs.completed, theirs.error
    assert theirs.object.getpeercert(binary_form=True) == pki.server(kind).chain_der[0]


@pytest.mark.parametrize("name", ["server.test", "SERVER.test", "one.wild.test", "bücher.test", "127.0.0.1", "::1"])
def test_names_that_the_certificate_covers(name: str) -> None:
    ours, theirs = our_client(verifier=verifier(), name=name), their_server()
    talk(ours, theirs)
    assert ours.completed, ours.error


@pytest.mark.parametrize("name", ["other.test", "wild.test", "a.b.wild.test", "server.test.test", "127.0.0.2", "::2"])
def test_names_that_the_certificate_does_not_cover(name: str) -> None:
    ours, theirs = our_client(verifier=verifier(), name=name), their_server()
    talk(ours, theirs)
    assert isinstance(ours.error, NameMismatch)
    assert not ours.completed
    assert theirs.error is not None
    assert says(theirs, ours.error.alert)


def test_every_bad_certificate_that_openssl_presents_has_its_reason_below() -> None:
    # OpenSSL itself refuses to serve with a key that may not sign.
    assert set(pki.BAD_SERVER_CERTIFICATES) - set(REASONS) == {"wrong_key_usage"}


REASONS: dict[str, tuple[type[TLSError], Alert]] = {
    "expired": (CertificateExpired, Alert.CERTIFICATE_EXPIRED),
    "not_yet_valid": (CertificateExpired, Alert.CERTIFICATE_EXPIRED),
    "wrong_name": (NameMismatch, Alert.BAD_CERTIFICATE),
    "no_san": (NameMismatch, Alert.BAD_CERTIFICATE),
    "wrong_extended_key_usage": (WrongPurpose, Alert.BAD_CERTIFICATE),
    "untrusted_issuer": (UnknownIssuer, Alert.UNKNOWN_CA),
    "missing_intermediate": (UnknownIssuer, Alert.UNKNOWN_CA),
    "forged_signature": (CertificateError, Alert.BAD_CERTIFICATE),
    "self_signed_ca": (UnknownIssuer, Alert.UNKNOWN_CA),
    "small_rsa_leaf": (WeakKey, Alert.INSUFFICIENT_SECURITY),
    "small_rsa_intermediate": (WeakKey, Alert.INSUFFICIENT_SECURITY),
    "ed25519_chain": (UnknownIssuer, Alert.UNKNOWN_CA),
}


@pytest.mark.parametrize("fault", REASONS)
def test_our_client_refuses_every_bad_certificate_with_its_own_reason(fault: str) -> None:
    ours = our_client(verifier=verifier())
    theirs = their_server(credential=pki.BAD_SERVER_CERTIFICATES[fault]())
    talk(ours, theirs)
    error, alert = REASONS[fault]
    assert isinstance(ours.error, error)
    assert ours.error.alert is alert
    assert not ours.completed
    assert not theirs.completed
    assert says(theirs, alert)


REFUSED_BY_OPENSSL = {
    "expired": {Alert.CERTIFICATE_EXPIRED},
    "not_yet_valid": {Alert.BAD_CERTIFICATE},
    "wrong_name": {Alert.BAD_CERTIFICATE},
    "wrong_extended_key_usage": {Alert.UNSUPPORTED_CERTIFICATE},
    "untrusted_issuer": {Alert.UNKNOWN_CA},
    "missing_intermediate": {Alert.UNKNOWN_CA},
    "self_signed_ca": {Alert.UNKNOWN_CA},
}


@pytest.mark.parametrize("fault", REFUSED_BY_OPENSSL)
def test_our_server_reports_the_alert_of_a_client_that_refuses_its_certificate(fault: str) -> None:
    ours = our_server(credentials=(credential_of(pki.BAD_SERVER_CERTIFICATES[fault]()),))
    theirs = their_client(verify=True)
    talk(theirs, ours)
    assert isinstance(ours.error, PeerAlert)
    assert ours.error.received in REFUSED_BY_OPENSSL[fault]
    assert ours.error.alert is None
    assert not ours.completed


# --- the client's certificate ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", pki.LEAF_KINDS)
def test_our_server_verifies_a_client_certificate_of_every_kind(kind: str) -> None:
    ours = our_server(client_auth=ClientAuth.REQUIRED, verifier=verifier())
    theirs = their_client(credential=pki.client(kind))
    talk(theirs, ours)
    assert theirs.completed, theirs.error
    chain = pki.client(kind).chain_der
    assert ours.negotiated.peer_certificates == chain
    assert ours.negotiated.verified_chain == (*chain, pki.root().der)


@pytest.mark.parametrize("kind", pki.LEAF_KINDS)
def test_our_client_proves_a_certificate_of_every_kind(kind: str) -> None:
    ours = our_client(credentials=(credential_of(pki.client(kind)),))
    theirs = their_server(verify=True)
    talk(ours, theirs)
    assert ours.completed, ours.error
    assert theirs.object.getpeercert(binary_form=True) == pki.client(kind).chain_der[0]


def test_a_client_without_a_certificate_is_served_where_it_is_optional() -> None:
    ours = our_server(client_auth=ClientAuth.OPTIONAL, verifier=verifier())
    theirs = their_client()
    talk(theirs, ours)
    assert theirs.completed
    assert ours.negotiated.peer_certificates == ()


def test_a_client_without_a_certificate_is_refused_where_it_is_required() -> None:
    ours = our_server(client_auth=ClientAuth.REQUIRED, verifier=verifier())
    theirs = their_client()
    talk(theirs, ours)
    assert ours.error is not None
    assert ours.error.alert is Alert.HANDSHAKE_FAILURE
    assert says(theirs, Alert.HANDSHAKE_FAILURE)


def test_a_server_that_does_not_ask_gets_no_client_certificate() -> None:
    ours, theirs = our_server(), their_client(credential=pki.client())
    talk(theirs, ours)
    assert ours.completed
    assert ours.negotiated.peer_certificates == ()


def test_our_client_without_a_certificate_hears_that_one_was_required() -> None:
    ours, theirs = our_client(), their_server(verify=True)
    talk(ours, theirs)
    assert isinstance(ours.error, PeerAlert)
    assert ours.error.received is Alert.HANDSHAKE_FAILURE


def test_the_client_picks_the_credential_that_the_server_can_use() -> None:
    both = tuple(credential_of(pki.client(kind)) for kind in ("rsa-2048", "ed25519"))
    ours = our_client(credentials=both)
    context = openssl_context(server_side=True, credential=pki.server(), verify=True)
    theirs = Theirs(context, server_side=True)
    talk(ours, theirs)
    assert ours.completed
    presented = theirs.object.getpeercert(binary_form=True)
    assert presented in {pki.client(kind).chain_der[0] for kind in ("rsa-2048", "ed25519")}


BAD_CLIENTS = {
    "a server's certificate": (pki.server, WrongPurpose),
    "an unknown issuer": (pki.untrusted_issuer, UnknownIssuer),
    "expired": (pki.expired, CertificateExpired),
}


@pytest.mark.parametrize("fault", BAD_CLIENTS)
@pytest.mark.parametrize("auth", [ClientAuth.OPTIONAL, ClientAuth.REQUIRED])
def test_our_server_refuses_a_bad_client_certificate_even_where_none_is_needed(fault: str, auth: ClientAuth) -> None:
    make, error = BAD_CLIENTS[fault]
    ours, theirs = our_server(client_auth=auth, verifier=verifier()), their_client(credential=make())
    talk(theirs, ours)
    assert isinstance(ours.error, error)
    assert not ours.completed
    assert says(theirs, ours.error.alert)
