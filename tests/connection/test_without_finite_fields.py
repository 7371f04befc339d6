"""A version of cryptography without finite-field Diffie-Hellman: what needs it is left out, and nothing else fails."""

from __future__ import annotations

import pytest

from tests.ends import dh_parameters, our_client, our_server, talk, their_client, their_server
from tls12 import Alert, NamedGroup, PeerAlert, Policy, UsageError
from tls12.crypto.provider import StandardCrypto

DHE_ONLY = "DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0"
DHE_FIRST = "DHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0"
DHE_POLICY = Policy.compatible().replace(
    cipher_suites=[s for s in Policy.compatible().cipher_suites if s.name.startswith("TLS_DHE_RSA")]
)


class WithoutFiniteFields(StandardCrypto):
    """What `StandardCrypto` is with such a version."""

    finite_fields = False


WITHOUT = WithoutFiniteFields()


def test_a_client_offers_no_suite_that_needs_it() -> None:
    client = our_client(policy=Policy.compatible(), crypto=WITHOUT)
    server = their_server("rsa-2048", ciphers=DHE_FIRST, dh_parameters=dh_parameters(NamedGroup.FFDHE2048))
    talk(client, server)
    assert client.negotiated.cipher_suite.name.startswith("TLS_ECDHE_RSA")


def test_a_server_passes_such_suites_over() -> None:
    client, server = their_client(ciphers=DHE_FIRST), our_server("rsa-2048", policy=Policy.compatible(), crypto=WITHOUT)
    talk(client, server)
    assert server.negotiated.cipher_suite.name.startswith("TLS_ECDHE_RSA")


def test_a_server_tells_a_client_that_has_nothing_else_why_there_is_no_handshake() -> None:
    client, server = their_client(ciphers=DHE_ONLY), our_server("rsa-2048", policy=DHE_POLICY, crypto=WITHOUT)
    talk(client, server)
    assert server.error is not None
    assert server.error.alert is Alert.HANDSHAKE_FAILURE
    assert "no longer computes finite-field Diffie-Hellman" in str(server.error)


def test_a_client_of_a_server_that_has_nothing_else_fails_as_with_any_other_peer() -> None:
    client = our_client(policy=Policy.compatible(), crypto=WITHOUT)
    server = their_server("rsa-2048", ciphers=DHE_ONLY, dh_parameters=dh_parameters(NamedGroup.FFDHE2048))
    talk(client, server)
    assert isinstance(client.error, PeerAlert)


def test_a_client_that_could_offer_nothing_else_is_the_callers_mistake() -> None:
    with pytest.raises(UsageError, match="no longer computes finite-field Diffie-Hellman"):
        our_client(policy=DHE_POLICY, crypto=WITHOUT)
