"""Signed certificate timestamps inside certificates and staples are delivered byte for byte."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import UnrecognizedExtension, ocsp

from tests import pki
from tests.staples import IN_CERTIFICATES, ocsp_response, sct, sct_list, tlv, with_scts
from tls12.errors import BadStaple, CertificateError
from tls12.registry import Alert
from tls12.trust.peer import PeerChain
from tls12.trust.sct import embedded_scts, stapled_scts


def peer(issued: pki.IssuedCertificate, **more: object) -> PeerChain:
    return PeerChain(issued.chain_der, "server", pki.NAME, pki.NOW.timestamp(), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [1, 2, 40])
def test_the_scts_of_a_certificate_are_those_that_its_issuer_put_there(count: int) -> None:
    scts = tuple(sct(number) for number in range(count))
    assert embedded_scts(with_scts(*scts).chain_der[0]) == scts
    assert peer(with_scts(*scts)).embedded_scts == scts


@pytest.mark.parametrize("count", [1, 2, 40])
def test_the_scts_of_a_staple_are_those_that_the_responder_put_there(count: int) -> None:
    scts = tuple(sct(number) for number in range(count))
    staple = ocsp_response(pki.server(), scts=scts)
    assert stapled_scts(staple) == scts
    assert peer(pki.server(), ocsp_response=staple).stapled_scts == scts


def test_a_verifier_sees_the_three_routes_apart() -> None:
    chain = peer(with_scts(sct(1)), ocsp_response=ocsp_response(pki.server(), scts=(sct(2),)), scts=(sct(3),))
    assert (chain.embedded_scts, chain.stapled_scts, chain.scts) == ((sct(1),), (sct(2),), (sct(3),))


def test_without_scts_there_are_none_and_nothing_is_wrong() -> None:
    chain = peer(pki.server(), ocsp_response=ocsp_response(pki.server()))
    assert chain.embedded_scts == chain.stapled_scts == ()
    assert peer(pki.server()).stapled_scts == ()


def test_a_response_that_is_no_answer_has_no_scts() -> None:
    later = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
    assert stapled_scts(later.public_bytes(Encoding.DER)) == ()


BAD_LISTS = {
    "nothing at all": b"",
    "an empty list": sct_list(),
    "an empty SCT": sct_list(b""),
    "a list that is cut off": tlv(0x04, b"\0\x7f\0\x7d" + sct(1)),
    "no OCTET STRING": tlv(0x05, b""),
}


@pytest.mark.parametrize("content", BAD_LISTS.values(), ids=list(BAD_LISTS))
def test_a_malformed_list_in_a_certificate_is_the_fault_of_the_certificate(content: bytes) -> None:
    extension = UnrecognizedExtension(IN_CERTIFICATES, content)
    issued = pki.intermediate().issue(pki.NAME, key=pki.key(), extensions=(extension,))
    with pytest.raises(CertificateError, match="SCT") as caught:
        embedded_scts(issued.chain_der[0])
    assert caught.value.alert is Alert.BAD_CERTIFICATE


@pytest.mark.parametrize(
    "staple", [b"", b"not DER", ocsp_response(pki.server(), scts=(b"",))], ids=["0", "text", "sct"]
)
def test_a_malformed_staple_is_a_bad_staple(staple: bytes) -> None:
    with pytest.raises(BadStaple, match="SCT") as caught:
        stapled_scts(staple)
    assert caught.value.alert is Alert.BAD_CERTIFICATE_STATUS_RESPONSE


def test_bytes_that_are_no_certificate_are_refused() -> None:
    with pytest.raises(CertificateError):
        embedded_scts(b"not DER")
