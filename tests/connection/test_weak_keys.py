"""RSA keys shorter than the policy allows are refused, whoever verifies, and allowed where the policy says so."""

from __future__ import annotations

import pki
import pytest
from harness import Ours, pump

from tls12 import (
    AcceptAnyPeer,
    Alert,
    ClientConfig,
    ClientConnection,
    Credential,
    Policy,
    ServerConfig,
    ServerConnection,
    TrustStore,
    UsageError,
    Verifier,
    X509Verifier,
)
from tls12.errors import WeakKey


def verifiers() -> list[Verifier]:
    return [AcceptAnyPeer(), X509Verifier(TrustStore.from_pem(pki.trusted_pem()))]


def connect(policy: Policy, verifier: Verifier) -> tuple[Ours, Ours]:
    issued = pki.small_rsa_leaf()
    credential = Credential.from_pem(issued.chain_pem, issued.key_pem)
    client = Ours(ClientConnection(ClientConfig(verifier=verifier, policy=policy), "server.test"))
    server = Ours(ServerConnection(ServerConfig(credentials=(credential,), policy=Policy.legacy_device())))
    pump(client, server)
    return client, server


@pytest.mark.parametrize("verifier", verifiers(), ids=lambda verifier: type(verifier).__name__)
def test_an_rsa_key_of_1024_bits_is_refused_by_default_and_the_error_names_the_permission(verifier: Verifier) -> None:
    client, server = connect(Policy.default(), verifier)
    error = client.connection.error
    assert isinstance(error, WeakKey)
    assert error.alert == Alert.INSUFFICIENT_SECURITY
    assert "legacy_device" in str(error)
    assert server.connection.error is not None


@pytest.mark.parametrize("verifier", verifiers(), ids=lambda verifier: type(verifier).__name__)
def test_the_policy_for_legacy_devices_accepts_it(verifier: Verifier) -> None:
    client, _ = connect(Policy.legacy_device(), verifier)
    assert client.connection.error is None
    assert client.negotiated is not None


def test_an_x509_verifier_without_a_server_name_is_refused_when_the_connection_is_made() -> None:
    config = ClientConfig(verifier=X509Verifier(TrustStore.from_pem(pki.trusted_pem())))
    with pytest.raises(UsageError, match="server_name"):
        ClientConnection(config, None)
