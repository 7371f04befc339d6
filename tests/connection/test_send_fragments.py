"""max_send_fragment: the largest record that we send, whatever the peer would accept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.ends import ROLES, Ours, connected, our_client, our_server, pair, talk, their_client, their_server
from tls12 import ClientConfig, ClientHelloReceived, Policy, Renegotiation, ServerConfig, UsageError
from tls12.wire.records import HEADER

DATA = bytes(range(256)) * 160
OVERHEAD = 24
"""An explicit nonce and a tag, with AES-GCM."""


def sides(ours: Ours, theirs: Ours, role: str) -> tuple[Ours, Ours]:
    """Client and server."""
    return (ours, theirs) if role == "client" else (theirs, ours)


def lengths(data: bytes) -> Iterator[int]:
    """Of the records of a stream, without their headers."""
    while data:
        size = int.from_bytes(data[3:HEADER])
        yield size
        data = data[HEADER + size :]


@pytest.mark.parametrize("size", [511, 16_385, 0, -1])
@pytest.mark.parametrize("config", [ClientConfig, ServerConfig])
def test_a_size_that_openssl_would_refuse_is_refused(config: Any, size: int) -> None:
    with pytest.raises(UsageError, match=f"max_send_fragment {size} is outside 512..16384"):
        config(verifier=None, max_send_fragment=size)


@pytest.mark.parametrize("role", ROLES)
def test_no_record_that_we_send_is_longer(role: str) -> None:
    ours, theirs = connected(role, **{role: {"max_send_fragment": 600}})
    ours.send(DATA)
    sent = ours.take()
    assert max(lengths(sent)) == 600 + OVERHEAD
    theirs.receive(sent)
    assert theirs.data == DATA
    theirs.send(DATA)
    assert max(lengths(theirs.take())) == 16_384 + OVERHEAD, "it says nothing about what we receive"


@pytest.mark.parametrize("role", ROLES)
def test_it_holds_from_the_first_record_of_the_handshake_on(role: str) -> None:
    protocols = tuple(f"a protocol with a long name, number {number}" for number in range(20))
    ours, theirs = pair(role, alpn_protocols=protocols, **{role: {"max_send_fragment": 512}})
    client, server = sides(ours, theirs, role)
    client.start()
    sent = {client: b"", server: b""}
    for _ in range(4):
        for source, target in ((client, server), (server, client)):
            data = source.take()
            sent[source] += data
            if data:
                target.receive(data)
    assert ours.completed, ours.error
    assert max(lengths(sent[ours])) == 512
    assert max(lengths(sent[theirs])) > 512


@pytest.mark.parametrize(
    ("ours", "theirs", "smallest"),
    [
        ({"max_send_fragment": 1000}, {"record_size_limit": 700}, 700),
        ({"max_send_fragment": 700}, {"record_size_limit": 1000}, 700),
    ],
)
def test_the_smaller_of_what_we_send_and_what_the_peer_accepts_wins(
    ours: dict[str, int], theirs: dict[str, int], smallest: int
) -> None:
    for role, peer in (ROLES, ROLES[::-1]):
        end, other = connected(role, **{role: ours, peer: theirs})
        end.send(DATA)
        sent = end.take()
        assert max(lengths(sent)) == smallest + OVERHEAD
        other.receive(sent)
        assert other.data == DATA


@pytest.mark.parametrize(("ours", "agreed", "smallest"), [(1024, 512, 512), (512, 1024, 512)])
@pytest.mark.parametrize("role", ROLES)
def test_so_does_the_smaller_of_it_and_max_fragment_length(role: str, ours: int, agreed: int, smallest: int) -> None:
    policy = Policy.compatible().replace(record_size_limit=False)
    options: dict[str, dict[str, Any]] = {"client": {"max_fragment_length": agreed}, "server": {}}
    options[role]["max_send_fragment"] = ours
    end, _ = connected(role, policy=policy, **options)
    end.send(DATA)
    assert max(lengths(end.take())) == smallest + OVERHEAD


@pytest.mark.parametrize("role", ROLES)
def test_it_holds_in_and_after_a_renegotiation(role: str) -> None:
    policy = Policy.default().replace(renegotiation=Renegotiation.ALLOW)
    ours, theirs = connected(role, policy=policy, **{role: {"max_send_fragment": 600}})
    client, server = sides(ours, theirs, role)
    client.connection.renegotiate()
    talk(client, server)
    ours.send(DATA)
    assert max(lengths(ours.take())) == 600 + OVERHEAD


def test_the_configuration_that_is_answered_decides() -> None:
    client, server = pair("server", mine={"pause_on": frozenset({ClientHelloReceived})})[::-1]
    client.start()
    server.receive(client.take())
    config = server.connection.config
    assert isinstance(config, ServerConfig)
    server.connection.answer(ServerConfig(credentials=config.credentials, max_send_fragment=512))
    flight = server.take()
    assert max(lengths(flight)) <= 512
    client.receive(flight)
    talk(client, server)
    assert client.connection.negotiated is not None
    server.send(DATA)
    assert max(lengths(server.take())) == 512 + OVERHEAD


@pytest.mark.parametrize("role", ROLES)
def test_openssl_reads_it(role: str) -> None:
    ours = our_client(max_send_fragment=512) if role == "client" else our_server(max_send_fragment=512)
    theirs = their_server() if role == "client" else their_client()
    talk(ours, theirs)
    ours.send(DATA)
    theirs.receive(ours.take())
    assert theirs.data == DATA
