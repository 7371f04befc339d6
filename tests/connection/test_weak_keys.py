"""Keys weaker than the policy allows are refused, whatever the verifier is, and allowed where the policy says so."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests import pki
from tests.ends import Ours, our_client, our_server, talk
from tls12 import (
    AcceptAnyPeer,
    Alert,
    ClientAuth,
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
from tls12.errors import CertificateError, WeakKey
from tls12.lab.pki import CLIENT


def verifiers() -> list[Verifier]:
    return [AcceptAnyPeer(), X509Verifier(TrustStore.from_pem(pki.trusted_pem()))]


def connect(policy: Policy, verifier: Verifier) -> tuple[Ours, Ours]:
    issued = pki.small_rsa_leaf()
    credential = Credential.from_pem(issued.chain_pem, issued.key_pem)
    client = Ours(ClientConnection(ClientConfig(verifier=verifier, policy=policy), "server.test"))
    server = Ours(ServerConnection(ServerConfig(credentials=(credential,), policy=Policy.legacy_device())))
    talk(client, server)
    return client, server


@pytest.mark.parametrize("verifier", verifiers(), ids=lambda verifier: type(verifier).__name__)
def test_an_rsa_key_of_1024_bits_is_refused_by_default_and_the_error_names_the_permission(verifier: Verifier) -> None:
    client, server = connect(Policy.default(), verifier)
    error = client.connection.error
    assert isinstance(error, WeakKey)
    assert error.alert == Alert.INSUFFICIENT_SECURITY
    assert "Policy.default().replace(minimum_rsa_bits=1024)" in str(error)
    assert server.connection.error is not None


@pytest.mark.parametrize("verifier", verifiers(), ids=lambda verifier: type(verifier).__name__)
def test_the_policy_for_legacy_devices_accepts_it(verifier: Verifier) -> None:
    client, _ = connect(Policy.legacy_device(), verifier)
    assert client.connection.error is None
    assert client.negotiated is not None


WEAK, ENOUGH = ec.SECP192R1(), ec.SECP224R1()


@pytest.mark.parametrize("verifier", verifiers(), ids=lambda verifier: type(verifier).__name__)
@pytest.mark.parametrize(
    ("curve", "policy", "accepted"),
    [
        (WEAK, Policy.default(), False),
        (WEAK, Policy.compatible(), False),
        (WEAK, Policy.legacy_device(), True),
        (ENOUGH, Policy.default(), True),
    ],
    ids=["P-192", "P-192, compatible", "P-192, legacy", "P-224"],
)
def test_a_client_key_on_a_curve_weaker_than_rsa_of_2048_bits_is_refused(
    curve: ec.EllipticCurve, policy: Policy, accepted: bool, verifier: Verifier
) -> None:
    issued = pki.intermediate().issue(key=ec.generate_private_key(curve), common_name="a client", purposes=CLIENT)
    client = our_client(credentials=(Credential.from_objects(issued.certificates, issued.private_key),))
    server = our_server(client_auth=ClientAuth.REQUIRED, verifier=verifier, policy=policy)
    talk(client, server)
    assert server.completed is accepted
    if not accepted:
        assert isinstance(server.error, WeakKey)
        assert "192 bits" in str(server.error)
        assert "replace(minimum_rsa_bits=1024)" in str(server.error)


def test_an_x509_verifier_without_a_server_name_is_refused_when_the_connection_is_made() -> None:
    config = ClientConfig(verifier=X509Verifier(TrustStore.from_pem(pki.trusted_pem())))
    with pytest.raises(UsageError, match="server_name"):
        ClientConnection(config, None)


@pytest.mark.parametrize("verifier", verifiers(), ids=lambda verifier: type(verifier).__name__)
def test_an_rsa_key_longer_than_the_policy_allows_is_refused_and_the_expression_of_the_error_allows_it(
    verifier: Verifier,
) -> None:
    policy = Policy.default().replace(minimum_rsa_bits=1024, maximum_rsa_bits=1024)
    issued = pki.server("rsa-2048")
    credentials = (Credential.from_objects(issued.certificates, issued.private_key),)
    client, server = our_client(policy=policy, verifier=verifier), our_server(credentials=credentials)
    talk(client, server)
    error = client.connection.error
    assert isinstance(error, CertificateError)
    assert "the server's certificate has an RSA key of 2048 bits, more than 1024" in str(error)
    expression = error.remedy.partition("allow it with ")[2].partition(";")[0]
    wider = eval(expression, {"policy": policy})
    client, server = our_client(policy=wider, verifier=verifier), our_server(credentials=credentials)
    talk(client, server)
    assert client.completed, client.error
