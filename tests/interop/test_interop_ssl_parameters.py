"""Every suite, group and signature scheme that both we and CPython's ssl have, in both roles, in memory."""

from __future__ import annotations

import pytest

from tests import ends
from tests.ends import anything, dh_parameters, our_client, our_server, talk, their_client, their_server
from tls12 import Alert, CipherSuite, NamedGroup, PeerAlert, SignatureScheme
from tls12.crypto.suites import SUITES, Authentication
from tls12.wire.key_exchange import KeyExchangeAlgorithm as Kx

ROLES = ("client", "server")
"""Ours; the other one is OpenSSL's."""

LONG = bytes(range(256)) * 160
"""40,960 bytes: three records."""


def shared_suites() -> list[CipherSuite]:
    """The suites with certificates of an ordinary policy that this OpenSSL has."""
    context = ends.openssl_context(server_side=False)
    theirs = {CipherSuite.of(cipher["id"] & 0xFFFF) for cipher in context.get_ciphers()}
    return [
        suite
        for suite in anything().cipher_suites
        if suite in theirs and SUITES[suite].uses_certificate and not SUITES[suite].uses_psk
    ]


KEY_OF = {Authentication.ECDSA: "ecdsa-p256", Authentication.RSA: "rsa-2048"}


def exchange(client: ends.End, server: ends.End) -> None:
    """Handshake, then more than a record in both directions."""
    talk(client, server)
    assert client.completed, (client.error, server.error)
    assert server.completed, (client.error, server.error)
    client.send(LONG)
    server.send(LONG[::-1])
    talk(client, server)
    assert server.data == LONG
    assert client.data == LONG[::-1]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("suite", shared_suites(), ids=str)
def test_every_suite_that_both_have(suite: CipherSuite, role: str) -> None:
    row = SUITES[suite]
    kind, policy = KEY_OF[row.authentication], anything().replace(cipher_suites=(suite,))
    if role == "client":
        dh = dh_parameters(NamedGroup.FFDHE2048) if row.key_exchange is Kx.DHE else None
        ours, theirs = our_client(policy=policy), their_server(kind, dh_parameters=dh)
        exchange(ours, theirs)
    else:
        ours, theirs = our_server(kind, policy=policy), their_client()
        exchange(theirs, ours)
    assert ours.negotiated.cipher_suite is suite
    assert ours.negotiated.encrypt_then_mac is row.is_cbc
    assert ours.negotiated.extended_master_secret
    cipher = theirs.object.cipher()
    assert cipher is not None
    assert cipher[0] == suite.openssl_name


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("suite", [s for s in shared_suites() if SUITES[s].is_cbc], ids=str)
def test_every_cbc_suite_with_the_mac_inside(suite: CipherSuite, role: str) -> None:
    kind = KEY_OF[SUITES[suite].authentication]
    policy = anything().replace(cipher_suites=(suite,), encrypt_then_mac=False)
    if role == "client":
        ours, theirs = (
            our_client(policy=policy),
            their_server(kind, dh_parameters=dh_parameters(NamedGroup.FFDHE2048)),
        )
        exchange(ours, theirs)
    else:
        ours, theirs = our_server(kind, policy=policy), their_client()
        exchange(theirs, ours)
    assert not ours.negotiated.encrypt_then_mac


OPENSSL_GROUPS = {
    # Both are among OpenSSL's defaults, and set_ecdh_curve of older CPythons (3.11.2) does not take their names.
    NamedGroup.X25519: None,
    NamedGroup.X448: None,
    NamedGroup.SECP256R1: "prime256v1",
    NamedGroup.SECP384R1: "secp384r1",
    NamedGroup.SECP521R1: "secp521r1",
    NamedGroup.BRAINPOOLP256R1: "brainpoolP256r1",
    NamedGroup.BRAINPOOLP384R1: "brainpoolP384r1",
    NamedGroup.BRAINPOOLP512R1: "brainpoolP512r1",
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("group", OPENSSL_GROUPS, ids=str)
def test_every_elliptic_curve(group: NamedGroup, role: str) -> None:
    suite = CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    policy = anything().replace(cipher_suites=(suite,), groups=(group,))
    if role == "client":
        ours, theirs = our_client(policy=policy), their_server("rsa-2048", group=OPENSSL_GROUPS[group])
        exchange(ours, theirs)
    else:
        ours, theirs = our_server("rsa-2048", policy=policy), their_client(group=OPENSSL_GROUPS[group])
        exchange(theirs, ours)
    assert ours.negotiated.group is group


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("group", [NamedGroup.FFDHE2048, NamedGroup.FFDHE3072, NamedGroup.FFDHE4096], ids=str)
def test_finite_field_groups(group: NamedGroup, role: str) -> None:
    suite = CipherSuite.TLS_DHE_RSA_WITH_AES_128_GCM_SHA256
    policy = anything().replace(cipher_suites=(suite,), groups=(group,))
    if role == "client":
        ours, theirs = our_client(policy=policy), their_server("rsa-2048", dh_parameters=dh_parameters(group))
        exchange(ours, theirs)
    else:
        ours, theirs = our_server("rsa-2048", policy=policy), their_client()
        exchange(theirs, ours)
    assert ours.negotiated.group is group


SCHEMES = (
    (SignatureScheme.ECDSA_SECP256R1_SHA256, "ecdsa-p256"),
    (SignatureScheme.ECDSA_SECP384R1_SHA384, "ecdsa-p384"),
    (SignatureScheme.ECDSA_SECP521R1_SHA512, "ecdsa-p521"),
    (SignatureScheme.ECDSA_SECP521R1_SHA512, "ecdsa-p256"),  # the scheme does not fix the curve in TLS 1.2
    (SignatureScheme.ED25519, "ed25519"),
    (SignatureScheme.ED448, "ed448"),
    (SignatureScheme.RSA_PKCS1_SHA256, "rsa-2048"),
    (SignatureScheme.RSA_PKCS1_SHA384, "rsa-2048"),
    (SignatureScheme.RSA_PKCS1_SHA512, "rsa-2048"),
    (SignatureScheme.RSA_PSS_RSAE_SHA256, "rsa-2048"),
    (SignatureScheme.RSA_PSS_RSAE_SHA384, "rsa-2048"),
    (SignatureScheme.RSA_PSS_RSAE_SHA512, "rsa-2048"),
    (SignatureScheme.RSA_PSS_PSS_SHA256, "rsa-pss-2048"),
    (SignatureScheme.RSA_PSS_PSS_SHA384, "rsa-pss-2048"),
    (SignatureScheme.RSA_PSS_PSS_SHA512, "rsa-pss-2048"),
)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("scheme", "kind"), SCHEMES, ids=str)
def test_every_signature_scheme(scheme: SignatureScheme, kind: str, role: str) -> None:
    policy = anything().replace(signature_schemes=(scheme,))
    if role == "client":
        ours, theirs = our_client(policy=policy), their_server(kind)
        exchange(ours, theirs)
        assert ours.negotiated.peer_signature_scheme is scheme
    else:
        ours, theirs = our_server(kind, policy=policy), their_client()
        exchange(theirs, ours)
        assert ours.negotiated.signature_scheme is scheme


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("piece", [1, 7, 1400])
def test_bytes_that_arrive_in_pieces(piece: int, role: str) -> None:
    client, server = (our_client(), their_server()) if role == "client" else (their_client(), our_server())
    talk(client, server, piece=piece)
    client.send(LONG)
    server.send(LONG)
    talk(client, server, piece=piece)
    assert client.data == LONG
    assert server.data == LONG


@pytest.mark.parametrize("role", ROLES)
def test_nothing_in_common_is_a_handshake_failure_and_names_it(role: str) -> None:
    policy = anything().replace(cipher_suites=(CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,))
    if role == "client":
        ours, theirs = our_client(policy=policy), their_server(ciphers="ECDHE-ECDSA-AES256-GCM-SHA384")
        talk(ours, theirs)
        assert isinstance(ours.error, PeerAlert)
        assert ours.error.received is Alert.HANDSHAKE_FAILURE
    else:
        ours, theirs = our_server(policy=policy), their_client(ciphers="ECDHE-ECDSA-AES256-GCM-SHA384")
        talk(theirs, ours)
        assert ours.error is not None
        assert ours.error.alert is Alert.HANDSHAKE_FAILURE
        assert "HANDSHAKE_FAILURE" in theirs.reason
