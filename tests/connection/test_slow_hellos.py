"""The clock of `Limits.handshake_seconds` starts with the first byte, and anew with every handshake."""

from __future__ import annotations

import pytest

from tests.ends import Ours, our_client, our_server, talk
from tests.fixed import Clock
from tls12 import HandshakeCompleted, Limits, Policy, Renegotiation
from tls12.errors import LimitExceeded


def slow_server(clock: Clock, policy: Policy | None = None) -> Ours:
    return our_server(clock=clock, limits=Limits(handshake_seconds=30.0), policy=policy or Policy.default())


@pytest.mark.parametrize(("each", "fails"), [(0.1, False), (1.0, True)])
def test_a_client_hello_that_comes_byte_by_byte_has_the_time_of_a_handshake(each: float, fails: bool) -> None:
    clock = Clock()
    client, server = our_client(), slow_server(clock)
    client.start()
    for byte in client.take():
        clock.now += each
        server.receive(bytes([byte]))
    assert isinstance(server.error, LimitExceeded) is fails
    assert ("ClientHello" in server.connection.expecting) is False


def test_waiting_for_the_first_byte_is_not_counted() -> None:
    clock = Clock()
    client, server = our_client(), slow_server(clock)
    clock.now += 1e6
    talk(client, server)
    assert server.completed


def test_a_renegotiation_that_the_peer_declined_does_not_count_against_the_next() -> None:
    clock = Clock()
    allowing = Policy.default().replace(renegotiation=Renegotiation.ALLOW)
    client = our_client(clock=clock, limits=Limits(handshake_seconds=30.0), policy=allowing)
    server = our_server()
    talk(client, server)
    for _ in range(3):
        client.connection.renegotiate()
        talk(client, server)
        clock.now += 20.0
    assert client.error is None
    assert sum(isinstance(event, HandshakeCompleted) for event in client.events) == 1
