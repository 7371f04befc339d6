"""How bytes are cut, in whatever buffers they come, and how output is fetched: it never matters."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.laws.recordings import NAMES, TO_CLIENT, TO_SERVER, recording, replay
from tls12 import ConnectionClosed, ConnectionFailed, HandshakeCompleted

EXAMPLES = settings(max_examples=25)


@pytest.mark.parametrize("name", NAMES)
def test_a_replayed_conversation_is_the_recorded_one(name: str) -> None:
    ours, _ = replay(recording(name), recording(name).incoming)
    said = TO_CLIENT if name.endswith("client") else TO_SERVER
    assert ours.completed
    assert ours.negotiated.resumed is name.startswith("resumed")
    assert ours.data == b"".join(said)
    assert ours.events[-1] == ConnectionClosed()


@pytest.mark.parametrize("name", NAMES)
def test_a_byte_at_a_time_gives_the_same_events_and_the_same_bytes(name: str) -> None:
    whole, sent = replay(recording(name), recording(name).incoming)
    bytewise, sent_bytewise = replay(recording(name), *(bytes([b]) for b in recording(name).incoming))
    assert bytewise.events == whole.events
    assert len(sent_bytewise) == len(sent)
    if "ticket" not in name:  # whose nonce is the one thing that is not injected
        assert sent_bytewise == sent


@pytest.mark.parametrize("name", NAMES)
@EXAMPLES
@given(data=st.data())
def test_any_cuts_give_the_same_events(name: str, data: st.DataObject) -> None:
    incoming = recording(name).incoming
    cuts = data.draw(st.lists(st.integers(0, len(incoming)), max_size=12).map(sorted))
    parts = [incoming[a:b] for a, b in zip([0, *cuts], [*cuts, len(incoming)], strict=True)]
    whole, sent = replay(recording(name), incoming)
    cut, sent_cut = replay(recording(name), *filter(None, parts))
    assert cut.events == whole.events
    assert len(sent_cut) == len(sent)


@pytest.mark.parametrize("size", [1, 3, 64, 5000])
@pytest.mark.parametrize("name", NAMES)
def test_the_callers_buffer_is_free_again_after_each_call(name: str, size: int) -> None:
    incoming = recording(name).incoming
    whole, _ = replay(recording(name), incoming)
    ours = recording(name).make()
    ours.start()
    buffer = bytearray(size)
    for start in range(0, len(incoming), size):
        piece = incoming[start : start + size]
        buffer[: len(piece)] = piece
        with memoryview(buffer) as view:
            ours.connection.receive_data(view[: len(piece)])
        buffer[:] = bytes(size)
        buffer.append(0)  # a BufferError if a view were still held
        del buffer[-1]
    assert ours.connection.events() == whole.events


@pytest.mark.parametrize("name", NAMES)
def test_output_fetched_in_small_amounts_is_the_same_output(name: str) -> None:
    _, sent = replay(recording(name), recording(name).incoming)
    ours = recording(name).make()
    ours.start()
    ours.receive(recording(name).incoming)
    fetched = b""
    while piece := bytes(ours.connection.data_to_send(7)):
        assert len(piece) <= 7
        fetched += piece
    assert len(fetched) == len(sent)
    if "ticket" not in name:
        assert fetched == sent


@pytest.mark.parametrize("name", NAMES)
def test_events_fetched_one_by_one_are_the_same_events(name: str) -> None:
    whole, _ = replay(recording(name), recording(name).incoming)
    ours = recording(name).make()
    ours.start()
    end = ours.connection
    end.receive_data(recording(name).incoming)
    fetched = []
    while (event := end.next_event()) is not None:
        fetched.append(event)
    assert fetched == whole.events
    assert sum(isinstance(event, HandshakeCompleted) for event in fetched) == 1
    assert not any(isinstance(event, ConnectionFailed) for event in fetched)
