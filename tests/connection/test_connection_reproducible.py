"""With randomness and time injected, a connection is reproducible to the byte."""

from __future__ import annotations

from typing import Any

import pytest

from tests import pki
from tests.ends import AUTHENTICATED, PSK, Ours, client_credential, stapled_credential
from tests.fixed import Seeded, clock
from tls12 import (
    AcceptAnyPeer,
    CipherSuite,
    ClientConfig,
    ClientConnection,
    Policy,
    Renegotiation,
    ServerConfig,
    ServerConnection,
    SignatureScheme,
    TicketKeys,
)

PKCS1 = tuple(s for s in Policy.default().signature_schemes if s.name.startswith("RSA_PKCS1"))
DETERMINISTIC = (*PKCS1, *(s for s in Policy.default().signature_schemes if "RSA" not in s.name))


def conversation(suite: CipherSuite, seed: str = "", **options: Any) -> tuple[bytes, list[Any]]:
    """All bytes of both directions of a handshake, a renegotiation, data and the end; and all events."""
    policy = Policy.compatible().replace(
        cipher_suites=(suite,), signature_schemes=DETERMINISTIC, renegotiation=Renegotiation.ALLOW
    )
    common: dict[str, Any] = {"policy": policy, "clock": clock}
    tickets = TicketKeys.generate(clock=clock, random=Seeded("tickets"))
    client = Ours(
        ClientConnection(
            ClientConfig(
                verifier=AcceptAnyPeer(),
                random=Seeded(seed + "client"),
                psk=PSK,
                **common,
                **options.get("client", {}),
            ),
            pki.NAME,
        )
    )
    kind = "rsa-2048" if "RSA" in suite.name else "ed25519" if "CHACHA" in suite.name else "ecdsa-p256"
    server = Ours(
        ServerConnection(
            ServerConfig(
                credentials=(stapled_credential(kind),),
                random=Seeded(seed + "server"),
                ticket_keys=tickets,
                psk={PSK.identity: PSK.key},
                **common,
                **options.get("server", {}),
            )
        )
    )
    said = b""

    def carry() -> None:
        nonlocal said
        for _ in range(4):
            for source, target in ((client, server), (server, client)):
                data = source.take()
                said += data
                if data:
                    target.receive(data)

    client.start()
    carry()
    client.connection.renegotiate()
    carry()
    client.send(b"x" * 20_000)
    client.close()
    carry()
    assert client.connection.closed
    assert server.data == b"x" * 20_000
    return said, client.events + server.events


SUITES = (
    CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    CipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
    CipherSuite.TLS_DHE_PSK_WITH_AES_128_GCM_SHA256,
    CipherSuite.TLS_PSK_WITH_AES_128_CCM,
)


@pytest.mark.parametrize("suite", SUITES, ids=str)
def test_the_same_seeds_give_the_same_bytes_and_the_same_events(suite: CipherSuite) -> None:
    assert conversation(suite) == conversation(suite)


@pytest.mark.parametrize("suite", SUITES[:3], ids=str)
def test_client_authentication_is_reproducible_too(suite: CipherSuite) -> None:
    assert conversation(suite, **AUTHENTICATED) == conversation(suite, **AUTHENTICATED)


def test_other_seeds_give_other_bytes() -> None:
    one, _ = conversation(SUITES[0])
    other, _ = conversation(SUITES[0], "other ")
    assert one != other


def test_an_rsa_pss_signature_is_the_named_exception() -> None:
    """The salt comes from the backend; everything before the signature is still the same."""
    data = b"to be signed"
    credential = stapled_credential("rsa-2048")
    scheme = SignatureScheme.RSA_PSS_RSAE_SHA256
    assert credential.sign(scheme, data, deterministic=True) != credential.sign(scheme, data, deterministic=True)
    ecdsa, scheme = client_credential(), SignatureScheme.ECDSA_SECP256R1_SHA256
    assert ecdsa.sign(scheme, data, deterministic=True) == ecdsa.sign(scheme, data, deterministic=True)
