"""Keys protect no more than their cipher allows: the owner is warned, new keys are made, or the connection ends."""

from __future__ import annotations

import pytest

from tests.ends import Ours, our_client, our_server, talk
from tls12 import CipherSuite, ConnectionFailed, ConnectionState, KeysNearLimit, Policy, Renegotiation
from tls12.errors import KeysExhausted


def near_the_limit(policy: Policy) -> tuple[Ours, Ours]:
    """Two ends whose client has eight records left, one of them until the warning."""
    client, server = our_client(policy=policy), our_server(policy=policy)
    talk(client, server)
    state = client.connection._core.outgoing.writer.state
    assert state is not None
    state.limit, state.attention = 64, 55
    state.sequence = server.connection._core.incoming.reader.state.sequence = 55  # type: ignore[union-attr]
    return client, server


def test_the_owner_is_warned_once_and_beyond_the_limit_the_connection_ends() -> None:
    client, server = near_the_limit(Policy.default())
    for count in range(9):
        client.connection.send_data(b"x")
        warned = [event for event in client.connection.events() if isinstance(event, KeysNearLimit)]
        assert len(warned) == (count == 0)
    assert client.connection.state is ConnectionState.ESTABLISHED
    client.connection.send_data(b"one too many")
    (failed,) = client.connection.events()
    assert isinstance(failed, ConnectionFailed)
    assert isinstance(failed.error, KeysExhausted)
    server.receive(client.take())
    assert server.data == b"x" * 9
    assert server.connection.error is not None  # the alert still passed


@pytest.mark.parametrize("form", [bytes, bytearray, memoryview])
def test_a_write_beyond_the_limit_ends_the_connection_in_every_form_and_is_let_go(form: type) -> None:
    client, _ = near_the_limit(Policy.default())
    client.connection.send_data(bytes(8 * 2**14))
    buffer = bytearray(2**15)
    client.connection.send_data(buffer if form is bytearray else form(buffer))
    assert isinstance(client.connection.error, KeysExhausted)
    if form is not memoryview:
        buffer.clear()  # a BufferError if a view of it were kept


def test_new_keys_are_made_where_the_policy_allows_it_and_no_data_is_lost() -> None:
    client, server = near_the_limit(Policy.default().replace(renegotiation=Renegotiation.ALLOW))
    for _ in range(20):
        client.connection.send_data(b"y")
    talk(client, server)
    assert server.data == b"y" * 20
    assert client.connection.state is server.connection.state is ConnectionState.ESTABLISHED
    assert client.connection._core.outgoing.writer.state is not None
    assert client.connection._core.outgoing.writer.state.sequence < 30


@pytest.mark.parametrize("size", [1, 1000, 16_384, 50_000])
@pytest.mark.parametrize("encrypt_then_mac", [True, False])
def test_where_bytes_are_counted_the_warning_comes_at_seven_eighths_of_them(size: int, encrypt_then_mac: bool) -> None:
    policy = Policy.compatible().replace(
        cipher_suites=[CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256], encrypt_then_mac=encrypt_then_mac
    )
    client, server = our_client(policy=policy), our_server(policy=policy)
    talk(client, server)
    state = client.connection._core.outgoing.writer.state
    assert state is not None
    state._room, state._reserve = (1 << 20) - (1 << 17), 1 << 17
    warned_at = []
    while (left := state._room + state._reserve) > size + 2000:
        client.connection.send_data(bytes(size))
        warned_at += [
            (left, state._room + state._reserve) for e in client.connection.events() if isinstance(e, KeysNearLimit)
        ]
    ((above, below),) = warned_at
    assert above > 1 << 17 >= below
    assert client.connection.error is None


def test_a_memoryview_of_any_format_is_sent_as_its_bytes() -> None:
    client, server = our_client(), our_server()
    talk(client, server)
    numbers = memoryview(bytes(range(64))).cast("I")
    client.connection.send_data(numbers)
    server.receive(client.take())
    assert server.data == bytes(range(64))
