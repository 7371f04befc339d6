"""RSA-PSS keys whose certificates name a hash: what they sign with, and what is taken from them."""

from __future__ import annotations

import pytest

from tests import pki
from tests.ends import our_client, our_server, talk, their_client
from tests.pki import tlv
from tls12 import Alert, CipherSuite, Credential, NamedGroup, PeerMisbehaved, SignatureScheme
from tls12.lab.script import Script
from tls12.trust.pss import allowed_schemes
from tls12.wire.hello import ServerHelloDone

SHA256, SHA384, SHA512, SHA224 = (bytes.fromhex("300d06096086480165030402") + bytes([n, 5, 0]) for n in (1, 2, 3, 4))
PSS256, PSS384, PSS512 = (
    SignatureScheme.RSA_PSS_PSS_SHA256,
    SignatureScheme.RSA_PSS_PSS_SHA384,
    SignatureScheme.RSA_PSS_PSS_SHA512,
)


def parameters(digest: bytes = b"", mask: bytes = b"", salt: int | None = None) -> bytes:
    """RSASSA-PSS-params (RFC 4055 3.1); what is empty is left out, which means SHA-1 and a salt of 20."""
    mgf1 = tlv(0x30, bytes.fromhex("06092a864886f70d010108") + mask)
    return tlv(
        0x30,
        (tlv(0xA0, digest) if digest else b"")
        + (tlv(0xA1, mgf1) if mask else b"")
        + (tlv(0xA2, tlv(2, bytes([salt]))) if salt is not None else b""),
    )


@pytest.mark.parametrize(
    ("restriction", "allowed"),
    [
        pytest.param(b"", {PSS256, PSS384, PSS512}, id="none"),
        pytest.param(parameters(SHA256, SHA256, 32), {PSS256}, id="SHA-256"),
        pytest.param(parameters(SHA384, SHA384, 48), {PSS384}, id="SHA-384"),
        pytest.param(parameters(SHA512, SHA512, 64), {PSS512}, id="SHA-512"),
        pytest.param(parameters(SHA384, SHA384), {PSS384}, id="a shorter salt at least"),
        pytest.param(parameters(SHA256, SHA256, 33), set(), id="a longer salt than the hash"),
        pytest.param(parameters(SHA256, SHA384, 32), set(), id="two hashes"),
        pytest.param(parameters(SHA256), set(), id="SHA-1 in the mask, by default"),
        pytest.param(parameters(b"", SHA256), set(), id="SHA-1 of the message, by default"),
        pytest.param(parameters(SHA224, SHA224, 28), set(), id="a hash of no scheme"),
        pytest.param(parameters(), set(), id="SHA-1, by default"),
    ],
)
def test_parameters_leave_the_scheme_of_their_hash_or_none(restriction: bytes, allowed: set[SignatureScheme]) -> None:
    issued = pki.restricted_rsa_pss(restriction)
    assert allowed_schemes(issued.leaf) == allowed
    assert set(Credential.from_objects(issued.certificates, issued.private_key).schemes) == allowed


def restricted() -> Credential:
    issued = pki.restricted_rsa_pss(parameters(SHA384, SHA384, 48))
    return Credential.from_objects(issued.certificates, issued.private_key)


def test_openssl_takes_what_a_restricted_key_of_ours_signs() -> None:
    client, server = their_client(), our_server(credentials=(restricted(),))
    talk(client, server)
    assert client.completed, client.error
    assert server.negotiated.signature_scheme is PSS384


def test_both_our_ends_agree_on_the_scheme_of_a_restricted_key() -> None:
    client, server = our_client(), our_server(credentials=(restricted(),))
    talk(client, server)
    assert client.negotiated.peer_signature_scheme is PSS384


def test_a_server_whose_restricted_key_has_no_scheme_of_tls_finds_no_suite() -> None:
    issued = pki.restricted_rsa_pss(parameters())
    credential = Credential.from_objects(issued.certificates, issued.private_key)
    client, server = our_client(), our_server(credentials=(credential,))
    talk(client, server)
    assert server.error is not None
    assert server.error.alert is Alert.HANDSHAKE_FAILURE


@pytest.mark.parametrize("scheme", [PSS256, PSS384])
def test_a_peer_does_not_sign_with_what_its_key_excludes(scheme: SignatureScheme) -> None:
    client, script, credential = our_client(), Script("server"), restricted()
    client.start()
    script.receive_data(client.take())
    script.send(script.answer(CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256), credential.certificate_message)
    share = script.offer(NamedGroup.X25519, credential.private_key, scheme)
    assert share is not None
    script.send(share, ServerHelloDone())
    client.receive(script.data_to_send())
    if scheme is PSS384:
        assert client.error is None
    else:
        assert isinstance(client.error, PeerMisbehaved)
        assert client.error.alert is Alert.ILLEGAL_PARAMETER
        assert "rsa_pss_pss_sha256, which is not for its key" in str(client.error)
