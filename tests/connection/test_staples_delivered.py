"""Staples and SCTs: from the server's credential to the client's verifier and application, and nowhere else."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from cryptography.x509 import ocsp

from tests import pki
from tests.ends import Ours, our_client, our_server, talk
from tests.staples import ocsp_response, sct, with_scts
from tls12 import Alert, CertificateError, Credential, MemorySessionStore, TicketKeys
from tls12.errors import CertificateRevoked
from tls12.lab.pki import IssuedCertificate
from tls12.trust.peer import PeerChain


class Watching:
    """A verifier that accepts everybody, and keeps what it was asked about."""

    fingerprint = b"watching"

    def __init__(self) -> None:
        self.seen: list[PeerChain] = []

    def verify(self, peer: PeerChain) -> tuple[bytes, ...]:
        self.seen.append(peer)
        return ()


def stapled(issued: IssuedCertificate, **more: Any) -> Credential:
    return Credential.from_objects(issued.certificates, issued.private_key, **more)


def connect(credential: Credential, client: dict[str, Any] | None = None, **server: Any) -> tuple[Ours, Watching]:
    verifier = Watching()
    ours = our_client(verifier=verifier, **(client or {}))
    theirs = our_server(credentials=(credential,), **server)
    talk(ours, theirs)
    assert ours.completed, ours.error
    assert theirs.negotiated.ocsp_response is None
    assert theirs.negotiated.scts == ()
    return ours, verifier


def test_all_three_routes_reach_the_verifier_and_the_application() -> None:
    issued = with_scts(sct(1), sct(2))
    staple = ocsp_response(issued, scts=(sct(3),))
    client, verifier = connect(stapled(issued, ocsp_response=staple, scts=(sct(4), sct(5))))
    (chain,) = verifier.seen
    assert chain.ocsp_response == client.negotiated.ocsp_response == staple
    for found in (chain, client.negotiated):
        assert found.embedded_scts == (sct(1), sct(2))
        assert found.stapled_scts == (sct(3),)
        assert found.scts == (sct(4), sct(5))


def test_who_does_not_ask_gets_nothing_but_what_the_certificate_holds() -> None:
    issued = with_scts(sct(1))
    credential = stapled(issued, ocsp_response=ocsp_response(issued), scts=(sct(4),))
    client, verifier = connect(credential, {"request_ocsp": False, "request_scts": False})
    assert verifier.seen[0].ocsp_response is client.negotiated.ocsp_response is None
    assert verifier.seen[0].scts == client.negotiated.scts == client.negotiated.stapled_scts == ()
    assert client.negotiated.embedded_scts == (sct(1),)


def test_each_credential_has_a_staple_of_its_own() -> None:
    one, two = pki.intermediate().issue("one.test"), pki.intermediate().issue("two.test")
    credentials = tuple(stapled(issued, ocsp_response=ocsp_response(issued)) for issued in (one, two))
    for issued, credential in zip((one, two), credentials, strict=True):
        client = our_client(name=f"{'one' if issued is one else 'two'}.test")
        talk(client, our_server(credentials=credentials))
        assert client.negotiated.ocsp_response == credential.ocsp_response
        response = ocsp.load_der_ocsp_response(client.negotiated.ocsp_response or b"")
        assert response.serial_number == issued.leaf.serial_number
        assert response.certificate_status is ocsp.OCSPCertStatus.GOOD


def test_a_staple_is_renewed_by_a_credential_that_differs_in_nothing_else() -> None:
    issued = pki.server()
    old, new = (stapled(issued, ocsp_response=ocsp_response(issued), scts=(sct(1),)) for _ in range(2))
    renewed = dataclasses.replace(old, ocsp_response=new.ocsp_response)
    client, _ = connect(renewed)
    assert old.ocsp_response != new.ocsp_response == client.negotiated.ocsp_response
    assert client.negotiated.scts == (sct(1),)
    assert client.negotiated.peer_certificates == old.certificate_list


def test_a_verifier_may_judge_the_staple_and_refuse() -> None:
    class Judge(Watching):
        def verify(self, peer: PeerChain) -> tuple[bytes, ...]:
            response = ocsp.load_der_ocsp_response(peer.ocsp_response or b"")
            if response.certificate_status is ocsp.OCSPCertStatus.REVOKED:
                raise CertificateRevoked("the staple says so")
            return ()

    issued = pki.server()
    staple = ocsp_response(issued, ocsp.OCSPCertStatus.REVOKED)
    client, server = our_client(verifier=Judge()), our_server(credentials=(stapled(issued, ocsp_response=staple),))
    talk(client, server)
    assert isinstance(client.error, CertificateError)
    assert client.error.alert is Alert.CERTIFICATE_REVOKED


def test_a_staple_that_cannot_be_read_is_delivered_all_the_same_and_fails_only_whoever_opens_it() -> None:
    client, verifier = connect(stapled(pki.server(), ocsp_response=b"not DER"))
    assert client.negotiated.ocsp_response == verifier.seen[0].ocsp_response == b"not DER"
    with pytest.raises(CertificateError):
        _ = client.negotiated.stapled_scts


@pytest.mark.parametrize("by", ["ticket", "id"])
def test_a_resumption_remembers_what_the_first_handshake_delivered_however_often_it_is_resumed(by: str) -> None:
    issued = with_scts(sct(1))
    staple = ocsp_response(issued, scts=(sct(2),))
    credential = stapled(issued, ocsp_response=staple, scts=(sct(3),))
    keeps: dict[str, Any] = (
        {"ticket_keys": TicketKeys.generate()} if by == "ticket" else {"sessions": MemorySessionStore()}
    )
    kept = MemorySessionStore()
    verifier = Watching()
    for resumed in (False, True, True):
        client = our_client(verifier=verifier, sessions=kept)
        talk(client, our_server(credentials=(credential,), **keeps))
        agreed = client.negotiated
        assert agreed.resumed is resumed
        assert (agreed.ocsp_response, agreed.scts) == (staple, (sct(3),))
        assert (agreed.embedded_scts, agreed.stapled_scts) == ((sct(1),), (sct(2),))
