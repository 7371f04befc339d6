"""What receive_data takes, what it keeps, and what it does with bytes that come too late."""

from __future__ import annotations

import array
from collections.abc import Callable

import pytest

from tests.ends import CLOSE_NOTIFY, ROLES, alert, connected, handshake, pair, protected, record, talk
from tls12 import (
    Alert,
    ConnectionClosed,
    ConnectionFailed,
    ConnectionState,
    DataReceived,
    HandshakeCompleted,
    Limits,
    TruncatedError,
    UsageError,
)
from tls12.errors import UnexpectedMessage
from tls12.registry import ContentType

BUFFERS: tuple[Callable[[bytes], object], ...] = (
    bytes,
    bytearray,
    memoryview,
    lambda data: memoryview(bytearray(data)),
)


@pytest.mark.parametrize("make", BUFFERS, ids=["bytes", "bytearray", "memoryview", "memoryview of a bytearray"])
@pytest.mark.parametrize("role", ROLES)
def test_every_kind_of_buffer_is_read_the_same(role: str, make: Callable[[bytes], bytes]) -> None:
    ours, theirs = connected(role)
    theirs.send(b"whole")
    ours.connection.receive_data(make(theirs.take()))
    theirs.send(b"in two")
    sent = theirs.take()
    ours.connection.receive_data(make(sent[:9]))
    ours.connection.receive_data(make(sent[9:]))
    assert ours.connection.events() == [DataReceived(b"whole"), DataReceived(b"in two")]


@pytest.mark.parametrize("role", ROLES)
def test_a_memoryview_of_larger_items_is_read_byte_by_byte(role: str) -> None:
    ours, theirs = connected(role)
    theirs.send(bytes(7))  # 36 bytes of AES-GCM record
    sent = theirs.take()
    assert len(sent) % 4 == 0
    ours.connection.receive_data(memoryview(array.array("I", sent)))
    assert ours.connection.events() == [DataReceived(bytes(7))]


@pytest.mark.parametrize("role", ROLES)
def test_a_buffer_that_failed_is_free_again(role: str) -> None:
    ours, _ = pair(role)
    ours.start()
    buffer = bytearray(record(ContentType.APPLICATION_DATA, bytes(2000)))
    ours.connection.receive_data(buffer)
    assert ours.connection.error is not None
    buffer.append(0)  # a BufferError if a view were still held


@pytest.mark.parametrize("role", ROLES)
def test_one_event_for_each_record_with_data_and_none_for_an_empty_one(role: str) -> None:
    ours, theirs = connected(role)
    sent = b"".join(protected(theirs, ContentType.APPLICATION_DATA, data) for data in (b"one", b"", b"two", b""))
    ours.receive(sent)
    assert ours.events[-2:] == [DataReceived(b"one"), DataReceived(b"two")]
    assert all(type(event.data) is bytes for event in ours.events[-2:] if isinstance(event, DataReceived))


@pytest.mark.parametrize("role", ROLES)
def test_a_large_write_arrives_as_one_event_a_record(role: str) -> None:
    ours, theirs = connected(role)
    theirs.send(bytes(40_000))
    ours.receive(theirs.take())
    assert [len(event.data) for event in ours.events if isinstance(event, DataReceived)] == [16_384, 16_384, 7_232]


# --- too late ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_bytes_behind_close_notify_are_trailing_data_however_they_come(role: str) -> None:
    ours, theirs = connected(role)
    ours.receive(alert(theirs, CLOSE_NOTIFY) + b"220 now in ")
    ours.receive(b"plain text")
    assert ours.events[-1] == ConnectionClosed()
    assert ours.connection.trailing_data == b"220 now in plain text"


@pytest.mark.parametrize("role", ROLES)
def test_bytes_behind_an_answered_close_notify_are_trailing_data_too(role: str) -> None:
    ours, theirs = connected(role)
    ours.close()
    theirs.receive(ours.take())
    ours.receive(theirs.take() + b"QUIT")
    assert ours.connection.closed
    assert ours.connection.trailing_data == b"QUIT"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("size", [99, 100, 101])
def test_trailing_data_is_bounded_by_limits_buffered(role: str, size: int) -> None:
    ours, theirs = connected(role, limits=Limits(buffered=100))
    ours.receive(alert(theirs, CLOSE_NOTIFY) + bytes(60))
    for _ in range(size - 60):
        ours.receive(b"\0")
    assert len(ours.connection.trailing_data) == min(size, 100)
    at_once, theirs = connected(role, limits=Limits(buffered=100))
    at_once.receive(alert(theirs, CLOSE_NOTIFY) + bytes(size))
    assert len(at_once.connection.trailing_data) == min(size, 100)


@pytest.mark.parametrize("role", ROLES)
def test_after_a_failure_input_is_ignored(role: str) -> None:
    ours, _ = connected(role)
    ours.receive(record(ContentType.APPLICATION_DATA, bytes(50)))
    assert isinstance(ours.events[-1], ConnectionFailed)
    ours.take()
    told = len(ours.events)
    for late in (b"anything", record(ContentType.ALERT, CLOSE_NOTIFY), b"", b""):
        ours.receive(late)
    assert len(ours.events) == told
    assert ours.take() == b""
    assert ours.connection.trailing_data == b""


@pytest.mark.parametrize("role", ROLES)
def test_a_failure_drops_what_came_with_it(role: str) -> None:
    ours, theirs = connected(role)
    good = protected(theirs, ContentType.APPLICATION_DATA, b"good")
    ours.receive(good + record(ContentType.APPLICATION_DATA, bytes(50)) + good)
    assert ours.data == b"good"
    assert sum(isinstance(event, ConnectionFailed) for event in ours.events) == 1
    assert ours.connection.trailing_data == b""


def test_after_a_close_before_the_handshake_input_is_ignored() -> None:
    ours, theirs = pair("server")
    theirs.start()
    ours.close()
    assert ours.connection.closed
    ours.receive(theirs.take())
    assert (ours.events, ours.take(), ours.connection.trailing_data) == ([], b"", b"")


# --- the end of the stream --------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [bytes, bytearray, lambda: memoryview(b"")])
@pytest.mark.parametrize("role", ROLES)
def test_an_empty_buffer_of_any_kind_is_the_end_of_the_stream(role: str, make: Callable[[], bytes]) -> None:
    ours, _ = connected(role)
    ours.connection.receive_data(make())
    (failed,) = ours.connection.events()
    assert isinstance(failed, ConnectionFailed)
    assert isinstance(failed.error, TruncatedError)
    assert ours.connection.state is ConnectionState.FAILED


@pytest.mark.parametrize("role", ROLES)
def test_a_truncation_owes_no_alert_and_says_where_it_happened(role: str) -> None:
    begun, _ = pair(role)
    begun.start()
    begun.take()
    begun.receive(b"")
    assert "in the middle of the handshake" in str(begun.error)
    assert "data may be incomplete" not in str(begun.error)
    assert begun.take() == b""
    established, _ = connected(role)
    established.receive(b"")
    assert "handshake" not in str(established.error)
    assert "data may be incomplete" in str(established.error)
    assert established.error is not None
    assert established.error.alert is None
    assert established.take() == b""


@pytest.mark.parametrize("role", ROLES)
def test_the_end_of_the_stream_after_close_notify_is_no_event(role: str) -> None:
    ours, theirs = connected(role)
    theirs.close()
    talk(ours, theirs)
    told = list(ours.events)
    ours.receive(b"")
    assert ours.events == told
    assert ours.error is None


@pytest.mark.parametrize("role", ROLES)
def test_the_end_of_the_stream_after_only_our_own_close_is_a_truncation(role: str) -> None:
    ours, _ = connected(role)
    ours.close()
    ours.take()
    ours.receive(b"")
    assert isinstance(ours.error, TruncatedError)
    assert ours.take() == b""


# --- records and messages ---------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_nothing_may_stand_behind_a_finished_in_its_record(role: str) -> None:
    ours, theirs = connected(role)
    finished = b"\x14\0\0\x0c" + bytes(12)
    ours.receive(handshake(theirs, finished + b"\0"))
    assert isinstance(ours.error, UnexpectedMessage)
    assert "more after its Finished" in str(ours.error)


@pytest.mark.parametrize("role", ROLES)
def test_a_changecipherspec_inside_a_message_is_refused(role: str) -> None:
    ours, _theirs = pair(role)
    ours.start()
    ours.receive(record(ContentType.HANDSHAKE, b"\x02\0"))
    ours.receive(record(ContentType.CHANGE_CIPHER_SPEC, b"\1"))
    assert isinstance(ours.error, UnexpectedMessage)
    assert "in the middle of a handshake message" in str(ours.error)
    assert ours.error.alert is Alert.UNEXPECTED_MESSAGE


@pytest.mark.parametrize("role", ROLES)
def test_application_data_inside_a_message_is_refused(role: str) -> None:
    ours, _ = pair(role)
    ours.start()
    ours.receive(record(ContentType.HANDSHAKE, b"\x02\0"))
    ours.receive(record(ContentType.APPLICATION_DATA, b"\1"))
    assert isinstance(ours.error, UnexpectedMessage)
    assert "in the middle of a handshake message" in str(ours.error)


def test_a_client_that_has_not_begun_expects_nothing() -> None:
    ours, _ = pair("client")
    assert ours.connection.state is ConnectionState.IDLE
    ours.receive(record(ContentType.HANDSHAKE, b"\x0e\0\0\0"))
    assert isinstance(ours.error, UnexpectedMessage)
    assert ours.connection.expecting == ()


@pytest.mark.parametrize("role", ROLES)
def test_the_first_event_of_a_handshake_is_not_data(role: str) -> None:
    ours, _ = connected(role)
    completed = next(event for event in ours.events if isinstance(event, HandshakeCompleted))
    assert completed.negotiated == ours.connection.negotiated


@pytest.mark.parametrize("role", ROLES)
def test_what_is_no_buffer_is_a_usage_error_and_harms_nothing(role: str) -> None:
    ours, theirs = connected(role)
    for wrong in ("text", None, 3):
        with pytest.raises(UsageError, match="bytes"):
            ours.connection.receive_data(wrong)  # type: ignore[arg-type]
    theirs.send(b"still here")
    ours.receive(theirs.take())
    assert ours.data == b"still here"
