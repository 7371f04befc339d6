"""What data_to_send hands over, what send_data takes and when, and the events one by one."""

from __future__ import annotations

import array
from time import process_time

import pytest

from tests.ends import ROLES, connected, pair, talk
from tls12 import DataReceived, HandshakeCompleted, Policy, Renegotiation, UsageError


@pytest.mark.parametrize("role", ROLES)
def test_nothing_waits_before_the_first_step(role: str) -> None:
    ours, _ = pair(role)
    assert ours.connection.data_to_send() == b""
    assert ours.connection.data_to_send(10) == b""
    assert ours.connection.events() == []
    assert ours.connection.next_event() is None
    assert ours.connection.negotiated is None
    assert ours.connection.session is None
    assert ours.connection.error is None


@pytest.mark.parametrize("role", ROLES)
def test_output_is_handed_over_once(role: str) -> None:
    ours, _theirs = connected(role)
    ours.send(b"once")
    assert ours.connection.data_to_send() != b""
    assert ours.connection.data_to_send() == b""


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("size", [10, 40_000])
def test_the_buffer_belongs_to_the_caller(role: str, size: int) -> None:
    ours, theirs = connected(role)
    ours.send(bytes(size))
    taken = ours.connection.data_to_send()
    theirs.receive(bytes(taken))
    assert len(theirs.data) == size
    if isinstance(taken, bytearray):
        taken[:] = b"scribbled over"
    ours.send(b"and on")
    theirs.receive(ours.take())
    assert theirs.data == bytes(size) + b"and on"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("amount", [1, 7, 100, 20_000, 1 << 30])
def test_output_in_portions_is_all_of_it_in_order(role: str, amount: int) -> None:
    ours, theirs = connected(role)
    ours.send(bytes(30_000))
    ours.send(b"between")
    portions = []
    while portion := ours.connection.data_to_send(amount):
        assert type(portion) in (bytes, bytearray)
        portions.append(bytes(portion))
        if len(portions) == 2:
            ours.send(b"later")
    assert all(len(portion) <= amount for portion in portions)
    theirs.receive(b"".join(portions))
    assert theirs.data == bytes(30_000) + b"between" + (b"later" if len(portions) > 1 else b"")


@pytest.mark.parametrize("role", ROLES)
def test_no_bytes_are_asked_for_and_none_are_lost(role: str) -> None:
    ours, theirs = connected(role)
    ours.send(b"kept")
    assert ours.connection.data_to_send(0) == b""
    theirs.receive(ours.take())
    assert theirs.data == b"kept"


@pytest.mark.parametrize("role", ROLES)
def test_a_negative_amount_is_a_usage_error(role: str) -> None:
    ours, _ = connected(role)
    ours.send(b"kept")
    with pytest.raises(UsageError, match="negative"):
        ours.connection.data_to_send(-1)
    assert ours.take() != b""


def test_small_portions_of_a_large_output_take_linear_time() -> None:
    ours, _ = connected("client")

    def drain(size: int) -> float:
        ours.send(bytes(size))
        begin = process_time()
        while ours.connection.data_to_send(512):
            pass
        return process_time() - begin

    small = min(drain(1 << 17) for _ in range(3))
    assert min(drain(1 << 22) for _ in range(2)) < 8 * 32 * small  # 32 times as much: 1024 if it were quadratic


# --- send_data --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_data_before_the_handshake_is_complete_is_a_usage_error(role: str) -> None:
    ours, theirs = pair(role)
    with pytest.raises(UsageError, match="before HandshakeCompleted"):
        ours.send(b"too early")
    ours.start()
    with pytest.raises(UsageError, match="before HandshakeCompleted"):
        ours.send(b"too early")
    talk(ours, theirs)
    ours.send(b"now")
    talk(ours, theirs)
    assert theirs.data == b"now"


@pytest.mark.parametrize("role", ROLES)
def test_data_after_our_own_close_is_a_usage_error(role: str) -> None:
    ours, theirs = connected(role)
    ours.close()
    with pytest.raises(UsageError, match=r"after close\(\)"):
        ours.send(b"too late")
    talk(ours, theirs)
    with pytest.raises(UsageError, match=r"after close\(\)"):
        ours.send(b"far too late")
    assert theirs.data == b""


@pytest.mark.parametrize("role", ROLES)
def test_data_after_the_peers_close_is_dropped(role: str) -> None:
    ours, theirs = connected(role)
    theirs.close()
    talk(ours, theirs)
    ours.send(b"dropped")
    assert ours.take() == b""


@pytest.mark.parametrize("role", ROLES)
def test_data_after_a_failure_is_dropped(role: str) -> None:
    ours, _ = connected(role)
    ours.receive(b"")
    ours.send(b"dropped")
    assert ours.take() == b""


@pytest.mark.parametrize("role", ROLES)
def test_data_after_a_failure_in_the_handshake_is_dropped(role: str) -> None:
    ours, _ = pair(role)
    ours.receive(b"")
    ours.send(b"dropped")
    assert ours.take() == b""


@pytest.mark.parametrize("role", ROLES)
def test_data_after_abort_is_dropped(role: str) -> None:
    ours, _ = connected(role)
    ours.connection.abort()
    ours.take()
    ours.send(b"dropped")
    assert ours.take() == b""


@pytest.mark.parametrize("role", ROLES)
def test_no_data_is_no_record(role: str) -> None:
    ours, _ = connected(role)
    for nothing in (b"", bytearray(), memoryview(b"")):
        ours.connection.send_data(nothing)
    assert ours.take() == b""


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("size", [8, 40_000])
def test_every_kind_of_buffer_can_be_sent_and_none_is_kept(role: str, size: int) -> None:
    ours, theirs = connected(role)
    data = bytes(range(8)) * (size // 8)
    buffer = bytearray(data)
    ours.connection.send_data(buffer)
    ours.connection.send_data(memoryview(buffer))
    ours.connection.send_data(memoryview(array.array("Q", data)))
    buffer.append(0)  # a BufferError if a view were still held
    buffer[:] = b""
    talk(ours, theirs)
    assert theirs.data == 3 * data


@pytest.mark.parametrize("role", ROLES)
def test_what_is_no_buffer_cannot_be_sent_and_harms_nothing(role: str) -> None:
    ours, theirs = connected(role)
    for wrong in ("text", None, 3):
        with pytest.raises(UsageError, match="bytes"):
            ours.connection.send_data(wrong)  # type: ignore[arg-type]
    ours.send(b"still here")
    talk(ours, theirs)
    assert theirs.data == b"still here"


def test_data_of_a_renegotiation_is_a_copy() -> None:
    policy = Policy.default().replace(renegotiation=Renegotiation.ALLOW)
    ours, theirs = connected("client", policy=policy)
    ours.connection.renegotiate()
    buffer = bytearray(b"as it was")
    ours.connection.send_data(buffer)
    buffer[:] = b"scribbled"
    talk(ours, theirs)
    assert theirs.data == b"as it was"


# --- events -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_events_are_handed_over_once_and_in_order(role: str) -> None:
    ours, theirs = connected(role)
    for data in (b"1", b"2", b"3"):
        theirs.send(data)
    ours.connection.receive_data(theirs.take())
    first = ours.connection.next_event()
    rest = ours.connection.events()
    assert [event.data for event in (first, *rest)] == [b"1", b"2", b"3"]  # type: ignore[union-attr]
    assert ours.connection.events() == []
    assert ours.connection.next_event() is None


def test_events_taken_one_by_one_keep_their_order_when_more_arrive() -> None:
    ours, theirs = connected("server")
    taken: list[bytes] = []
    for number in range(0, 60, 3):
        theirs.send(b"%d" % number)
        theirs.send(b"%d" % (number + 1))
        theirs.send(b"%d" % (number + 2))
        ours.connection.receive_data(theirs.take())
        taken += [event.data for _ in range(2) if isinstance(event := ours.connection.next_event(), DataReceived)]
    taken += [event.data for event in ours.connection.events() if isinstance(event, DataReceived)]
    assert taken == [b"%d" % number for number in range(60)]


def test_events_are_taken_one_by_one_in_linear_time() -> None:
    def drain(count: int) -> float:
        ours, theirs = connected("server")
        for _ in range(count):
            theirs.send(b".")
        ours.connection.receive_data(theirs.take())
        begin = process_time()
        while ours.connection.next_event() is not None:
            pass
        return process_time() - begin

    small = min(drain(1000) for _ in range(3))
    assert min(drain(32_000) for _ in range(2)) < 8 * 32 * small  # 32 times as many: 1024 if it were quadratic


@pytest.mark.parametrize("role", ROLES)
def test_the_state_follows_the_connection(role: str) -> None:
    ours, theirs = pair(role)
    states = [ours.connection.state]
    client, server = (ours, theirs) if role == "client" else (theirs, ours)
    client.start()
    server.receive(client.take())
    states.append(ours.connection.state)
    talk(ours, theirs)
    states.append(ours.connection.state)
    assert isinstance(ours.events[-1], HandshakeCompleted)
    ours.close()
    states.append(ours.connection.state)
    talk(ours, theirs)
    states.append(ours.connection.state)
    assert [state.name for state in states] == ["IDLE", "HANDSHAKING", "ESTABLISHED", "CLOSING", "CLOSED"]


@pytest.mark.parametrize("role", ROLES)
def test_the_connection_shows_its_config(role: str) -> None:
    ours, theirs = pair(role)
    assert ours.connection.config is not theirs.connection.config
    assert ours.connection.config.policy == Policy.default()
