"""TLS_FALLBACK_SCSV (RFC 7507): what a client says when it was told that it comes after a later version failed."""

from __future__ import annotations

from typing import Any

from tests import pki
from tests.ends import Ours, our_client, our_server, talk
from tls12 import (
    AcceptAnyPeer,
    Alert,
    CipherSuite,
    ClientConfig,
    ClientConnection,
    MemorySessionStore,
    PeerAlert,
    Policy,
    Renegotiation,
    TicketKeys,
)
from tls12.wire import messages
from tls12.wire.hello import ClientHello
from tls12.wire.records import HEADER

SIGNAL = CipherSuite.TLS_FALLBACK_SCSV


def suites_of(client: Ours) -> tuple[CipherSuite, ...]:
    """What its ClientHello offers."""
    client.start()
    hello = messages.parse(client.take()[HEADER:])
    assert isinstance(hello, ClientHello)
    return hello.cipher_suites


def test_a_client_sends_the_signal_last_and_only_if_it_is_asked_to() -> None:
    assert SIGNAL not in suites_of(our_client())
    plain = suites_of(our_client())
    assert suites_of(our_client(fallback_scsv=True)) == (*plain, SIGNAL)


def test_a_server_whose_latest_version_is_tls_1_2_goes_on() -> None:
    client, server = our_client(fallback_scsv=True), our_server()
    talk(client, server)
    assert client.completed
    assert server.completed


def test_a_client_that_offers_a_session_does_not_send_it() -> None:
    store, keys = MemorySessionStore(), TicketKeys.generate()
    options: dict[str, Any] = {"sessions": store, "fallback_scsv": True}
    talk(our_client(**options), our_server(ticket_keys=keys))
    assert SIGNAL not in suites_of(our_client(**options))
    again = our_client(**options)
    talk(again, our_server(ticket_keys=keys))
    assert again.negotiated.resumed


def test_a_renegotiation_does_not_send_it() -> None:
    policy = Policy.default().replace(renegotiation=Renegotiation.ALLOW)
    seen: list[ClientHello] = []

    def watch(sender: str, message: object, size: int) -> None:
        if isinstance(message, ClientHello):
            seen.append(message)

    config = ClientConfig(verifier=AcceptAnyPeer(), fallback_scsv=True, policy=policy)
    client, server = Ours(ClientConnection(config, pki.NAME, on_message=watch)), our_server(policy=policy)
    talk(client, server)
    client.connection.renegotiate()
    talk(client, server)
    assert [SIGNAL in hello.cipher_suites for hello in seen] == [True, False]


def test_the_refusal_of_a_server_that_can_do_more_says_what_to_do() -> None:
    client = our_client(fallback_scsv=True)
    client.start()
    client.receive(bytes([21, 3, 3, 0, 2, 2, Alert.INAPPROPRIATE_FALLBACK]))
    assert isinstance(client.error, PeerAlert)
    assert client.error.received is Alert.INAPPROPRIATE_FALLBACK
    assert "without fallback_scsv" in str(client.error)
