"""Messages out of record fragments: any cut, any packing, limits on what is declared."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.operations import operations
from tls12.errors import DecodeError
from tls12.registry import Alert, HandshakeType
from tls12.wire.messages import HandshakeReassembler

MESSAGES = st.lists(
    st.builds(
        lambda kind, body: bytes([kind]) + len(body).to_bytes(3, "big") + body,
        st.integers(0, 255),
        st.binary(max_size=40),
    ),
    max_size=8,
)


def drain(reassembler: HandshakeReassembler) -> list[bytes]:
    found = []
    while (message := reassembler.next_message()) is not None:
        found.append(message)
    return found


@given(MESSAGES, st.lists(st.integers(0, 300), max_size=12), st.binary(max_size=3))
def test_messages_come_out_whole_however_they_were_cut_and_packed(
    messages: list[bytes], cuts: list[int], tail: bytes
) -> None:
    stream = b"".join(messages) + tail
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    eager, patient = HandshakeReassembler(), HandshakeReassembler()
    found = []
    for start, end in pairwise(edges):
        eager.feed(stream[start:end])
        found += drain(eager)
        patient.feed(stream[start:end])
    assert found == messages
    assert eager.pending == len(tail)
    assert drain(patient) == messages
    assert patient.pending == len(tail)


@given(MESSAGES, st.integers(0, 300), st.integers(0, 300), st.integers(0, 60))
def test_a_fragment_is_called_whole_exactly_if_feeding_it_would_give_it_back_and_nothing_else(
    messages: list[bytes], start: int, end: int, limit: int
) -> None:
    fragment = b"".join(messages)[start:end] if end < 150 else b"".join(messages[:1])
    asked, fed = HandshakeReassembler(default=limit), HandshakeReassembler(default=limit)
    whole = asked.whole(fragment)
    fed.feed(fragment)
    try:
        found = drain(fed)
    except DecodeError:
        found = []
    assert whole == (found == [fragment])
    assert asked.pending == 0


def test_nothing_is_whole_behind_the_beginning_of_another_message() -> None:
    reassembler = HandshakeReassembler()
    message = b"\x0e\x00\x00\x00"
    assert reassembler.whole(message)
    reassembler.feed(message[:1])
    assert not reassembler.whole(message)


def test_a_message_that_fills_its_fragment_is_handed_out_without_a_copy() -> None:
    reassembler = HandshakeReassembler()
    message = b"\x0b\x00\x03\xe8" + bytes(1000)
    reassembler.feed(message)
    assert reassembler.next_message() is message
    assert reassembler.next_message() is None
    assert reassembler.pending == 0


def test_the_declared_length_is_held_against_the_limit_before_the_body_comes() -> None:
    reassembler = HandshakeReassembler({HandshakeType.CERTIFICATE: 100}, default=10)
    reassembler.feed(b"\x0b\x00\x00")
    assert reassembler.next_message() is None
    reassembler.feed(b"\x65")
    for _ in range(2):
        with pytest.raises(DecodeError, match="certificate: length 101 exceeds the limit of 100 bytes") as caught:
            reassembler.next_message()
        assert caught.value.alert == Alert.DECODE_ERROR


@pytest.mark.parametrize(("kind", "limit"), [(0x0B, 100), (0x0C, 10), (0xC8, 10)])
def test_each_type_has_its_limit_and_reaching_it_is_allowed(kind: int, limit: int) -> None:
    reassembler = HandshakeReassembler({HandshakeType.CERTIFICATE: 100}, default=10)
    message = bytes([kind]) + limit.to_bytes(3, "big") + bytes(limit)
    reassembler.feed(message)
    assert reassembler.next_message() == message
    reassembler.feed(bytes([kind]) + (limit + 1).to_bytes(3, "big"))
    with pytest.raises(DecodeError, match=f"length {limit + 1} exceeds the limit of {limit} bytes"):
        reassembler.next_message()


def test_without_limits_the_largest_message_is_taken() -> None:
    reassembler = HandshakeReassembler()
    reassembler.feed(b"\x01\xff\xff\xff")
    assert reassembler.next_message() is None
    reassembler.feed(bytes(2**24 - 1))
    message = reassembler.next_message()
    assert message is not None
    assert len(message) == 2**24 + 3


def test_small_fragments_take_no_more_memory_than_their_message() -> None:
    reassembler, size = HandshakeReassembler(), 65_536
    reassembler.feed(b"\x0b" + size.to_bytes(3, "big"))
    tracemalloc.start()
    try:
        for _ in range(size // 2):
            assert reassembler.next_message() is None
            reassembler.feed(bytes(bytearray(2)))
        assert reassembler.next_message() is not None
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * size


def _one_byte_at_a_time(size: int) -> tuple[int, int]:
    """The instructions that it takes, and the bytes that are copied into new buffers."""
    reassembler, last, copied = HandshakeReassembler(), b"", 0
    stream = [bytes([byte]) for byte in b"\x0b" + size.to_bytes(3, "big") + bytes(size)]

    def feed() -> None:
        nonlocal last, copied
        for byte in stream:
            reassembler.feed(byte)
            message = reassembler.next_message()
            if reassembler._data is not last:
                last = reassembler._data
                copied += len(last)
        assert message is not None

    return operations(feed), copied


def test_the_cost_of_single_bytes_is_linear() -> None:
    small, few = _one_byte_at_a_time(500)
    large, many = _one_byte_at_a_time(8_000)
    assert large < 2 * 16 * small
    assert many < 2 * 16 * few
