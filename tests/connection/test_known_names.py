"""Which names and protocols a server answers to: strict where it is told what it serves (ALPACA, 2021)."""

from __future__ import annotations

from typing import Any

import pytest

from tests import pki
from tests.ends import Ours, credential, credential_of, our_client, our_server, talk
from tls12 import Alert, PeerAlert, PeerIncompatible, Policy, ServerConfig, UsageError

WILD = "www.wild.test"


def connect(name: str | None, alpn: tuple[str, ...] = (), **server: Any) -> tuple[Ours, Ours]:
    client, ours = our_client(name=name, alpn_protocols=alpn), our_server(**server)
    talk(client, ours)
    return client, ours


def refused_with(client: Ours, server: Ours, alert: Alert) -> PeerIncompatible:
    assert isinstance(client.error, PeerAlert)
    assert client.error.received is alert
    assert isinstance(server.error, PeerIncompatible)
    return server.error


def test_without_names_a_server_serves_whoever_comes() -> None:
    for name in (pki.NAME, WILD, "nobody.test", None):
        client, _ = connect(name)
        assert client.completed, client.error


@pytest.mark.parametrize("name", ["www.wild.test", "mail.wild.test", "xn--bcher-kva.test"])
def test_a_server_that_is_told_its_names_answers_to_those(name: str) -> None:
    client, server = connect(name, server_names=("WWW.wild.test.", "mail.wild.test", "bücher.test"))
    assert client.completed, client.error
    assert server.negotiated.server_name == name


@pytest.mark.parametrize("name", ["ftp.wild.test", pki.NAME, "nobody.test", "wild.test"])
def test_and_to_no_other_even_if_its_certificate_covers_it(name: str) -> None:
    error = refused_with(*connect(name, server_names=(WILD,)), Alert.UNRECOGNIZED_NAME)
    assert repr(name) in str(error)
    assert "server_names" in str(error)


@pytest.mark.parametrize("name", ["127.0.0.1", None])
def test_a_client_that_names_nobody_is_served(name: str | None) -> None:
    client, _ = connect(name, server_names=(WILD,))
    assert client.completed, client.error


def test_the_policy_alone_makes_the_names_of_the_credentials_binding() -> None:
    strict = Policy.default().replace(require_known_server_name=True)
    client, _ = connect(WILD, policy=strict)
    assert client.completed, client.error
    refused_with(*connect("nobody.test", policy=strict), Alert.UNRECOGNIZED_NAME)


def test_the_credential_is_chosen_by_name_among_those_that_are_served() -> None:
    other = credential_of(pki.intermediate().issue("other.test"))
    for name, expected in (("other.test", other), (WILD, credential())):
        client, _ = connect(name, credentials=(credential(), other), server_names=("other.test", WILD))
        assert client.negotiated.peer_certificates == expected.certificate_list


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [(("h2", "smtp"), "smtp"), (("h2", "http/1.1"), None), (("SMTP",), None), ((), "nothing offered")],
)
def test_a_server_with_protocols_refuses_who_offers_only_others(theirs: tuple[str, ...], expected: str | None) -> None:
    client, server = connect(pki.NAME, theirs, alpn_protocols=("smtp", "lmtp"))
    if expected is None:
        refused_with(client, server, Alert.NO_APPLICATION_PROTOCOL)
    else:
        assert client.negotiated.alpn_protocol == (expected if theirs else None)


def test_what_a_client_calls_its_protocols_adds_no_line_to_a_log() -> None:
    _, server = connect(pki.NAME, ("x\nall is well",), alpn_protocols=("smtp",))
    assert "\n" not in str(server.error)
    assert "x\\u000aall is well" in str(server.error)


@pytest.mark.parametrize("names", ["www.test", ("not a name",), ("*.wild.test",)], ids=str)
def test_names_that_cannot_be_are_refused_when_the_config_is_made(names: Any) -> None:
    with pytest.raises(UsageError, match="name"):
        ServerConfig(credentials=(credential(),), server_names=names)
