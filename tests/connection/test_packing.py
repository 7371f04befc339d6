"""Small writes that wait for the same flush share a record if the configuration says so, and never otherwise."""

from __future__ import annotations

import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ends import ROLES, Ours, connected, protected, record, talk
from tls12 import (
    CipherSuite,
    ConnectionFailed,
    DataReceived,
    KeysNearLimit,
    Limits,
    Policy,
    Renegotiation,
    UsageError,
)
from tls12.errors import KeysExhausted
from tls12.registry import Alert, ContentType

RECORD = 1 << 14
PACKING: dict[str, Any] = {"pack_small_writes": True}
RENEGOTIATING: dict[str, Any] = {"policy": Policy.default().replace(renegotiation=Renegotiation.ALLOW)}


def packing(role: str, **options: Any) -> tuple[Ours, Ours]:
    """An end in this role that packs, connected to one that does not."""
    return connected(role, **{role: PACKING}, **options)


def fragments(theirs: Ours) -> list[bytes]:
    """What arrived, record by record."""
    return [event.data for event in theirs.events if isinstance(event, DataReceived)]


def send(ours: Ours, *writes: bytes) -> None:
    for data in writes:
        ours.connection.send_data(data)


def exhaust(ours: Ours, theirs: Ours, left: int) -> None:
    """Leave our keys with so many records of application data."""
    state = ours.connection._core.outgoing.writer.state
    assert state is not None
    state.limit = state.attention = state.sequence + left


@pytest.mark.parametrize("role", ROLES)
def test_without_the_option_every_write_is_a_record(role: str) -> None:
    ours, theirs = connected(role)
    send(ours, b"one", b"two", b"three")
    theirs.receive(ours.take())
    assert fragments(theirs) == [b"one", b"two", b"three"]


@pytest.mark.parametrize("role", ROLES)
def test_writes_that_wait_for_the_same_flush_share_a_record(role: str) -> None:
    ours, theirs = packing(role)
    send(ours, b"one", b"", b"two", b"three")
    theirs.receive(ours.take())
    send(ours, b"four")
    theirs.receive(ours.take())
    assert fragments(theirs) == [b"onetwothree", b"four"]
    assert ours.take() == b""


@pytest.mark.parametrize("suite", [
    CipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
    CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CCM,
], ids=str)  # fmt: skip
def test_every_protection_packs(suite: CipherSuite) -> None:
    ours, theirs = packing("client", policy=Policy.compatible().replace(cipher_suites=(suite,)))
    send(ours, *[b"ab"] * 100)
    theirs.receive(ours.take())
    assert fragments(theirs) == [b"ab" * 100]


def test_no_write_is_split_to_fill_a_record() -> None:
    ours, theirs = packing("client")
    writes = [bytes([count]) * 6000 for count in range(5)]
    send(ours, *writes)
    theirs.receive(ours.take())
    assert fragments(theirs) == [writes[0] + writes[1], writes[2] + writes[3], writes[4]]


def test_a_write_as_long_as_a_record_or_longer_keeps_its_place() -> None:
    ours, theirs = packing("server")
    send(ours, b"before", b"l" * RECORD, b"between", b"L" * (RECORD + 1), b"after")
    theirs.receive(ours.take())
    assert fragments(theirs) == [b"before", b"l" * RECORD, b"between", b"L" * RECORD, b"L", b"after"]


def test_a_pack_is_no_longer_than_the_peer_wants_its_records() -> None:
    ours, theirs = connected("client", client=PACKING, server={"record_size_limit": 64})
    send(ours, *[b"0123456789"] * 20)
    theirs.receive(ours.take())
    assert theirs.data == b"0123456789" * 20
    assert max(map(len, fragments(theirs))) <= 64
    assert len(fragments(theirs)) == 4


def test_every_kind_of_buffer_can_be_packed_and_none_is_kept() -> None:
    ours, theirs = packing("client")
    data = bytes(range(8))
    buffer = bytearray(data)
    ours.connection.send_data(buffer)
    ours.connection.send_data(memoryview(buffer))
    ours.connection.send_data(memoryview(array.array("Q", data)))
    buffer.append(0)  # a BufferError if a view were still held
    buffer[:] = b""
    theirs.receive(ours.take())
    assert fragments(theirs) == [data * 3]
    with pytest.raises(UsageError, match="bytes"):
        ours.connection.send_data("text")  # type: ignore[arg-type]


def test_a_flush_in_portions_packs_what_came_before_each() -> None:
    ours, theirs = packing("client")
    send(ours, b"one", b"two")
    portions = [ours.connection.data_to_send(10)]
    send(ours, b"three")
    while portion := ours.connection.data_to_send(10):
        portions.append(portion)
    theirs.receive(b"".join(portions))
    assert fragments(theirs) == [b"onetwo", b"three"]


def test_what_waits_is_at_most_one_record() -> None:
    ours, _ = packing("client")
    for _ in range(3 * RECORD):
        send(ours, b"x")
        assert len(ours.connection._core.outgoing.packed or b"") <= RECORD
    assert len(ours.connection._core.outgoing.queue) == 2


writes = st.lists(st.one_of(st.none(), st.binary(max_size=50), st.integers(1, 2 * RECORD).map(bytes)), max_size=12)


@given(writes)
def test_packing_changes_records_and_nothing_else(steps: list[bytes | None]) -> None:
    ours, theirs = packing("client")
    for step in steps:
        if step is None:  # a flush
            talk(ours, theirs)
        else:
            send(ours, step)
    ours.close()
    talk(ours, theirs)
    written = [step for step in steps if step]
    assert theirs.data == b"".join(written)
    assert len(fragments(theirs)) <= sum(-(-len(step) // RECORD) for step in written)
    assert theirs.closed_cleanly


# --- what else has to go out does not overtake ------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_close_notify_goes_behind_the_packed_writes(role: str) -> None:
    ours, theirs = packing(role)
    send(ours, b"last", b"words")
    ours.close()
    with pytest.raises(UsageError, match=r"after close\(\)"):
        ours.send(b"too late")
    talk(ours, theirs)
    assert fragments(theirs) == [b"lastwords"]
    assert theirs.closed_cleanly


def test_the_answer_to_a_close_notify_goes_behind_the_packed_writes() -> None:
    ours, theirs = connected("server", server=PACKING, client={"half_close": True})
    send(ours, b"last", b"words")
    theirs.close()
    talk(ours, theirs)
    assert fragments(theirs) == [b"lastwords"]
    assert theirs.closed_cleanly


def test_an_abort_goes_behind_the_packed_writes() -> None:
    ours, theirs = packing("client")
    send(ours, b"last", b"words")
    ours.connection.abort(Alert.INTERNAL_ERROR)
    talk(ours, theirs)
    assert fragments(theirs) == [b"lastwords"]
    assert theirs.error is not None


def test_what_was_packed_before_the_peer_failed_still_goes_out() -> None:
    ours, theirs = packing("client")
    send(ours, b"last", b"words")
    ours.receive(b"")
    theirs.receive(ours.take())
    assert fragments(theirs) == [b"lastwords"]


@pytest.mark.parametrize("role", ROLES)
def test_a_renegotiation_begins_behind_the_packed_writes_and_its_end_packs_what_waited(role: str) -> None:
    ours, theirs = packing(role, **RENEGOTIATING)
    send(ours, b"one", b"two")
    ours.connection.renegotiate()
    if role == "server":  # its data flows until the client's hello comes
        theirs.receive(ours.take())
        theirs.connection.renegotiate()
        ours.receive(theirs.take())
    send(ours, b"three", b"four")
    talk(ours, theirs)
    send(ours, b"five")
    talk(ours, theirs)
    assert fragments(theirs) == [b"onetwo", b"threefour", b"five"]
    assert ours.error is theirs.error is None


def test_a_close_during_a_renegotiation_goes_behind_what_waited() -> None:
    ours, theirs = packing("client", **RENEGOTIATING)
    ours.connection.renegotiate()
    send(ours, b"three", b"four")
    ours.close()
    talk(ours, theirs)
    assert fragments(theirs) == [b"threefour"]
    assert theirs.closed_cleanly


# --- the limit of the keys --------------------------------------------------------------------------------


def test_packed_writes_count_as_one_record_against_the_limit() -> None:
    ours, theirs = packing("client")
    exhaust(ours, theirs, 1)
    send(ours, *[b"x"] * 1000)
    theirs.receive(ours.take())
    assert theirs.data == b"x" * 1000
    assert ours.connection.events() == []
    send(ours, b"one too many")
    theirs.receive(ours.take())
    (failed,) = ours.connection.events()
    assert isinstance(failed, ConnectionFailed)
    assert isinstance(failed.error, KeysExhausted)
    assert theirs.data == b"x" * 1000
    assert theirs.error is not None  # the alert still passed


@pytest.mark.parametrize("what", ["a longer write", "close", "a warning"])
def test_packed_writes_that_the_keys_cannot_protect_fail_whatever_comes_next(what: str) -> None:
    ours, theirs = packing("client")
    exhaust(ours, theirs, 0)
    send(ours, b"cannot be sent")
    match what:
        case "a longer write":
            send(ours, bytes(2 * RECORD))
        case "close":
            ours.close()
        case "a warning":  # the refusal of a renegotiation
            ours.receive(protected(theirs, ContentType.HANDSHAKE, bytes(4)))
    events = [*ours.events, *ours.connection.events()]
    (failed,) = (event for event in events if isinstance(event, ConnectionFailed))
    assert isinstance(failed.error, KeysExhausted)
    talk(ours, theirs)
    assert theirs.data == b""
    assert theirs.error is not None
    assert not theirs.closed_cleanly


def test_a_failure_stays_the_only_one_where_the_keys_end_as_well() -> None:
    ours, theirs = packing("client")
    exhaust(ours, theirs, 0)
    send(ours, b"cannot be sent")
    ours.receive(record(ContentType.APPLICATION_DATA, bytes(100)))
    (failed,) = (event for event in ours.events if isinstance(event, ConnectionFailed))
    assert failed.error.alert is Alert.BAD_RECORD_MAC
    talk(ours, theirs)
    assert theirs.data == b""
    assert theirs.error is not None


def test_new_keys_are_made_where_the_policy_allows_it_and_no_write_is_lost() -> None:
    ours, theirs = packing("client", limits=Limits(records_per_key=16, renegotiations=100), **RENEGOTIATING)
    written = b""
    for count in range(60):
        data = bytes([count]) * (1 + 300 * count)
        send(ours, data, b"and more")
        written += data + b"and more"
        talk(ours, theirs)
        ours.events += ours.connection.events()
    assert theirs.data == written
    assert ours.error is theirs.error is None
    assert any(isinstance(event, KeysNearLimit) for event in ours.events)


def test_writes_wait_where_a_full_pack_begins_a_renegotiation() -> None:
    ours, theirs = packing("client", **RENEGOTIATING)
    state = ours.connection._core.outgoing.writer.state
    assert state is not None
    state.limit, state.attention = 64, 55
    state.sequence = theirs.connection._core.incoming.reader.state.sequence = 55  # type: ignore[union-attr]
    send(ours, b"x" * 16_000, b"y" * 1000, b"z")
    assert ours.connection._core.outgoing.held == [b"y" * 1000, b"z"]
    talk(ours, theirs)
    assert fragments(theirs) == [b"x" * 16_000, b"y" * 1000 + b"z"]


def test_held_writes_wait_again_where_they_use_up_the_new_keys() -> None:
    ours, theirs = packing("client", limits=Limits(records_per_key=8, renegotiations=100), **RENEGOTIATING)
    ours.connection.renegotiate()
    writes = [bytes([count]) * 16_000 for count in range(30)]
    send(ours, *writes)
    talk(ours, theirs)
    assert theirs.data == b"".join(writes)
    assert ours.error is theirs.error is None
