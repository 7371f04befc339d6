"""How connections with CPython's ssl end: cleanly, by halves, cut off, and by an alert."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ends import ROLES, Ours, Theirs, our_client, our_server, talk, their_client, their_server
from tls12 import Alert, ConnectionClosed, ConnectionFailed, DataReceived, PeerAlert, TruncatedError


def connected(role: str, **config: Any) -> tuple[Ours, Theirs]:
    """Our end in this role and theirs, after a handshake."""
    ours = our_client(**config) if role == "client" else our_server(**config)
    theirs = their_server() if role == "client" else their_client()
    talk(ours, theirs)
    assert ours.completed
    return ours, theirs


@pytest.mark.parametrize("role", ROLES)
def test_our_close_notify_is_understood_and_answered(role: str) -> None:
    ours, theirs = connected(role)
    ours.send(b"last words")
    ours.close()
    talk(ours, theirs)
    assert theirs.data == b"last words"
    assert theirs.closed_cleanly
    theirs.close()
    talk(ours, theirs)
    assert ours.closed_cleanly
    assert ours.connection.closed
    assert ours.error is None


@pytest.mark.parametrize("role", ROLES)
def test_their_close_notify_is_answered_by_itself(role: str) -> None:
    ours, theirs = connected(role)
    theirs.send(b"last words")
    theirs.close()
    talk(ours, theirs)
    assert ours.events[-2:] == [DataReceived(b"last words"), ConnectionClosed()]
    assert ours.connection.closed
    assert theirs.closed_cleanly
    ours.receive(b"")  # the transport ends too: nothing more to say
    assert ours.error is None


@pytest.mark.parametrize("role", ROLES)
def test_with_half_close_we_go_on_sending_after_their_close_notify(role: str) -> None:
    ours, theirs = connected(role, half_close=True)
    theirs.close()
    talk(ours, theirs)
    assert ours.closed_cleanly
    assert not ours.connection.closed
    ours.send(b"still here")
    talk(ours, theirs)
    assert theirs.data == b"still here"
    ours.close()
    talk(ours, theirs)
    assert theirs.closed_cleanly
    assert ours.connection.closed


@pytest.mark.parametrize("role", ROLES)
def test_with_half_close_we_go_on_reading_after_our_close_notify(role: str) -> None:
    ours, theirs = connected(role, half_close=True)
    ours.close()
    theirs.send(b"not done yet")
    theirs.close()
    talk(ours, theirs)
    assert ours.data == b"not done yet"
    assert ours.connection.closed


@pytest.mark.parametrize("role", ROLES)
def test_a_stream_that_just_ends_is_a_truncation_and_the_data_stays_delivered(role: str) -> None:
    ours, theirs = connected(role)
    theirs.send(b"half of")
    talk(ours, theirs)
    ours.receive(b"")
    assert ours.data == b"half of"
    assert isinstance(ours.events[-1], ConnectionFailed)
    assert isinstance(ours.error, TruncatedError)
    assert ours.connection.closed


@pytest.mark.parametrize("role", ROLES)
def test_a_stream_that_ends_inside_a_record_delivers_nothing_of_it(role: str) -> None:
    ours, theirs = connected(role)
    theirs.send(b"cut short")
    ours.receive(theirs.take()[:-1])
    ours.receive(b"")
    assert ours.data == b""
    assert isinstance(ours.error, TruncatedError)


@pytest.mark.parametrize("role", ROLES)
def test_an_altered_record_ends_both_sides_with_bad_record_mac(role: str) -> None:
    ours, theirs = connected(role)
    theirs.send(b"pay 10 to Bob")
    altered = bytearray(theirs.take())
    altered[-20] ^= 1
    ours.receive(bytes(altered))
    talk(ours, theirs)
    assert ours.data == b""
    assert ours.error is not None
    assert ours.error.alert is Alert.BAD_RECORD_MAC
    assert "BAD_RECORD_MAC" in theirs.reason


@pytest.mark.parametrize("role", ROLES)
def test_a_record_that_they_find_altered_comes_back_as_their_alert(role: str) -> None:
    ours, theirs = connected(role)
    ours.send(b"pay 10 to Bob")
    altered = bytearray(ours.take())
    altered[-20] ^= 1
    theirs.receive(bytes(altered))
    talk(ours, theirs)
    assert isinstance(ours.error, PeerAlert)
    assert ours.error.received is Alert.BAD_RECORD_MAC


@pytest.mark.parametrize("role", ROLES)
def test_abort_is_a_fatal_alert_for_them(role: str) -> None:
    ours, theirs = connected(role)
    ours.connection.abort(Alert.INTERNAL_ERROR)
    talk(ours, theirs)
    assert ours.connection.closed
    assert "INTERNAL_ERROR" in theirs.reason
