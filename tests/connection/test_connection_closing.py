"""How a connection ends: close, half-close, abort, in any state and any order."""

from __future__ import annotations

import pytest

from tests.ends import (
    CLOSE_NOTIFY,
    ROLES,
    alert,
    connected,
    last_alert,
    other,
    pair,
    record,
    renegotiable,
    talk,
)
from tls12 import (
    Accept,
    Alert,
    ClientHelloReceived,
    ConnectionClosed,
    ConnectionFailed,
    ConnectionState,
    DataReceived,
    HandshakeCompleted,
    MemorySessionStore,
    PeerAlert,
    PeerCertificateReceived,
    Renegotiation,
    UsageError,
)
from tls12.registry import ContentType
from tls12.wire.closing import Finished


@pytest.mark.parametrize("role", ROLES)
def test_close_sends_one_close_notify_and_may_be_called_twice(role: str) -> None:
    ours, theirs = connected(role)
    ours.close()
    ours.close()
    assert last_alert(ours, theirs) == CLOSE_NOTIFY
    assert ours.take() == b""
    assert not ours.connection.closed


@pytest.mark.parametrize("role", ROLES)
def test_a_close_is_answered_by_itself_and_both_ends_are_closed(role: str) -> None:
    ours, theirs = connected(role)
    ours.send(b"last words")
    ours.close()
    talk(ours, theirs)
    assert theirs.events[-2:] == [DataReceived(b"last words"), ConnectionClosed()]
    assert ours.events[-1] == ConnectionClosed()
    assert ours.connection.closed
    assert theirs.connection.closed
    assert ours.error is theirs.error is None
    ours.close()
    assert ours.take() == b""


@pytest.mark.parametrize("role", ROLES)
def test_two_closes_that_cross_close_both_ends_without_more_words(role: str) -> None:
    ours, theirs = connected(role)
    ours.close()
    theirs.close()
    one, two = ours.take(), theirs.take()
    ours.receive(two)
    theirs.receive(one)
    assert ours.connection.closed
    assert theirs.connection.closed
    assert ours.take() == theirs.take() == b""


@pytest.mark.parametrize("role", ROLES)
def test_data_that_was_under_way_still_arrives_after_our_close(role: str) -> None:
    ours, theirs = connected(role)
    theirs.send(b"under way")
    ours.close()
    ours.receive(theirs.take())
    assert ours.data == b"under way"


@pytest.mark.parametrize("role", ROLES)
def test_with_half_close_the_peers_close_ends_its_direction_only(role: str) -> None:
    ours, theirs = connected(role, half_close=True)
    theirs.close()
    talk(ours, theirs)
    assert ours.events[-1] == ConnectionClosed()
    assert ours.take() == b""
    assert ours.connection.state is ConnectionState.CLOSING
    assert not ours.connection.closed
    ours.send(b"still talking")
    talk(ours, theirs)
    assert theirs.data == b"still talking"
    ours.close()
    talk(ours, theirs)
    assert ours.connection.closed
    assert theirs.connection.closed


@pytest.mark.parametrize("role", ROLES)
def test_with_half_close_a_failure_can_still_be_told(role: str) -> None:
    ours, theirs = connected(role, half_close=True)
    theirs.close()
    talk(ours, theirs)
    ours.connection.abort(Alert.INTERNAL_ERROR)
    assert last_alert(ours, theirs) == bytes([2, Alert.INTERNAL_ERROR])
    assert ours.connection.closed


# --- in a handshake ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_close_before_anything_is_silent(role: str) -> None:
    ours, _ = pair(role)
    ours.close()
    assert ours.take() == b""
    assert ours.connection.closed
    assert ours.connection.state is ConnectionState.CLOSED
    with pytest.raises(UsageError, match=r"after close\(\)"):
        ours.send(b"x")


def test_a_closed_client_cannot_begin() -> None:
    ours, _ = pair("client")
    ours.close()
    with pytest.raises(UsageError, match="once, first"):
        ours.start()


def test_a_client_begins_once() -> None:
    ours, _ = pair("client")
    ours.start()
    with pytest.raises(UsageError, match="once, first"):
        ours.connection.initiate_handshake()  # type: ignore[union-attr]


@pytest.mark.parametrize("role", ROLES)
def test_close_in_a_handshake_ends_it_for_both(role: str) -> None:
    ours, theirs = pair(role)
    client, server = (ours, theirs) if role == "client" else (theirs, ours)
    client.start()
    server.receive(client.take())
    flight = theirs.take()
    ours.take()
    ours.close()
    assert ours.connection.closed
    said = ours.take()
    assert said[:1] == b"\x15"
    assert said[5:] == CLOSE_NOTIFY
    ours.receive(flight)  # the handshake has been given up: nothing is answered
    assert ours.take() == b""
    theirs.receive(said)
    assert theirs.events[-1] == ConnectionClosed()
    assert theirs.connection.closed
    assert ours.error is theirs.error is None


@pytest.mark.parametrize("role", ROLES)
def test_close_in_a_renegotiation_gives_it_up(role: str) -> None:
    ours, theirs = connected(role, policy=renegotiable())
    client, server = (ours, theirs) if role == "client" else (theirs, ours)
    client.connection.renegotiate()
    server.receive(client.take())
    ours.close()
    assert ours.connection.closed
    said, answer = ours.take(), theirs.take()
    if answer:
        ours.receive(answer)
    assert ours.take() == b""
    assert ours.error is None
    theirs.receive(said)
    assert theirs.events[-1] == ConnectionClosed()


@pytest.mark.parametrize(
    ("role", "wish"),
    [("client", Renegotiation.ALLOW), ("client", Renegotiation.WARN), ("server", Renegotiation.ALLOW)],
)
def test_a_close_in_a_renegotiation_waits_behind_the_data_that_waits(role: str, wish: Renegotiation) -> None:
    their_policy = {"policy": renegotiable(wish=wish)}
    ours, theirs = connected(role, **{role: {"policy": renegotiable()}, other(role): their_policy})
    client, server = (ours, theirs) if role == "client" else (theirs, ours)
    client.connection.renegotiate()
    server.receive(client.take())
    if wish is Renegotiation.ALLOW:
        assert ours.connection.state is ConnectionState.HANDSHAKING
    ours.send(b"first ")
    ours.send(b"and then")
    ours.close()
    assert not ours.connection.closed
    with pytest.raises(UsageError, match=r"after close\(\)"):
        ours.send(b"too late")
    talk(ours, theirs)
    assert theirs.data == b"first and then"
    assert theirs.closed_cleanly
    assert ours.connection.closed
    assert ours.error is theirs.error is None


@pytest.mark.parametrize("role", ROLES)
def test_a_renegotiation_that_is_asked_for_after_our_close_is_not_answered(role: str) -> None:
    ours, theirs = connected(role, policy=renegotiable())
    ours.close()
    theirs.connection.renegotiate()
    ours.take()
    ours.receive(theirs.take())
    assert ours.error is None
    assert ours.take() == b""


@pytest.mark.parametrize("role", ROLES)
def test_close_in_a_pause_ends_both_directions(role: str) -> None:
    event = PeerCertificateReceived if role == "client" else ClientHelloReceived
    ours, theirs = pair(role, mine={"pause_on": {event}}, policy=renegotiable())
    talk(ours, theirs)
    ours.connection.answer(Accept() if role == "client" else None)
    ours.events += ours.connection.events()
    talk(ours, theirs)
    client, _ = (ours, theirs) if role == "client" else (theirs, ours)
    client.connection.renegotiate()
    talk(ours, theirs)
    assert ours.connection.state is ConnectionState.PAUSED
    ours.close()
    assert ours.connection.closed
    assert last_alert(ours, theirs) == CLOSE_NOTIFY
    ours.connection.answer(Accept() if role == "client" else None)
    assert ours.take() == b""


@pytest.mark.parametrize("role", ROLES)
def test_a_close_in_a_renegotiation_ends_both_directions_even_with_half_close(role: str) -> None:
    ours, theirs = connected(role, policy=renegotiable(), half_close=True)
    client, server = (ours, theirs) if role == "client" else (theirs, ours)
    client.connection.renegotiate()
    said = client.take()
    if role == "server":
        server.receive(said)
        server.take()
    ours.send(b"which could never be sent")
    ours.receive(alert(theirs, CLOSE_NOTIFY))
    assert ours.connection.closed
    assert ours.events[-1] == ConnectionClosed()


# --- abort ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_abort_sends_one_fatal_alert_and_tells_nothing(role: str) -> None:
    ours, theirs = connected(role)
    ours.connection.abort(Alert.ACCESS_DENIED)
    ours.connection.abort()
    ours.close()
    assert ours.connection.events() == []
    assert ours.connection.state is ConnectionState.FAILED
    assert ours.connection.error is not None
    assert ours.connection.error.alert is Alert.ACCESS_DENIED
    theirs.receive(ours.take())
    assert isinstance(theirs.error, PeerAlert)
    assert theirs.error.received is Alert.ACCESS_DENIED
    assert theirs.take() == b""


@pytest.mark.parametrize("role", ROLES)
def test_abort_is_user_canceled_unless_said_otherwise(role: str) -> None:
    ours, theirs = connected(role)
    ours.connection.abort()
    assert last_alert(ours, theirs) == bytes([2, Alert.USER_CANCELED])


@pytest.mark.parametrize("role", ROLES)
def test_abort_out_of_a_hook_is_the_last_thing_that_happens(role: str) -> None:
    def watch(sender: str, message: object, size: int) -> None:
        if isinstance(message, Finished) and sender != role:
            ours.connection.abort(Alert.ACCESS_DENIED)

    ours, theirs = pair(role, mine={"on_message": watch})
    talk(ours, theirs)
    assert not any(isinstance(event, HandshakeCompleted) for event in ours.events)
    assert ours.connection.state is ConnectionState.FAILED
    assert ours.connection.negotiated is None
    assert isinstance(theirs.error, PeerAlert)
    assert theirs.error.received is Alert.ACCESS_DENIED


@pytest.mark.parametrize("role", ROLES)
def test_abort_after_close_sends_nothing_more(role: str) -> None:
    ours, _ = connected(role)
    ours.close()
    ours.take()
    ours.connection.abort()
    assert ours.take() == b""
    assert ours.connection.closed
    assert ours.connection.error is not None
    assert ours.connection.error.alert is None


@pytest.mark.parametrize("role", ROLES)
def test_abort_of_a_closed_connection_changes_nothing(role: str) -> None:
    ours, theirs = connected(role)
    ours.close()
    talk(ours, theirs)
    ours.connection.abort()
    assert ours.connection.error is None
    assert ours.connection.state is ConnectionState.CLOSED


# --- failures ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_the_alert_of_the_error_is_the_one_that_was_sent(role: str) -> None:
    ours, theirs = connected(role)
    ours.receive(alert(theirs, b"\x07\x07"))
    assert ours.connection.error is ours.error
    assert ours.error is not None
    assert last_alert(ours, theirs) == bytes([2, ours.error.alert or 0])


@pytest.mark.parametrize("role", ROLES)
def test_a_failure_after_our_close_sends_no_alert_and_says_so(role: str) -> None:
    ours, _ = connected(role)
    ours.close()
    ours.take()
    ours.receive(record(ContentType.APPLICATION_DATA, bytes(40)))
    assert ours.error is not None
    assert ours.error.alert is None
    assert ours.take() == b""


@pytest.mark.parametrize("role", ROLES)
def test_close_after_a_failure_is_allowed_and_silent(role: str) -> None:
    ours, _ = connected(role)
    ours.receive(b"")
    ours.close()
    assert ours.take() == b""
    assert ours.connection.state is ConnectionState.FAILED


@pytest.mark.parametrize("role", ROLES)
def test_a_failure_is_told_once(role: str) -> None:
    ours, _ = connected(role)
    for _ in range(3):
        ours.receive(record(ContentType.APPLICATION_DATA, bytes(40)))
    assert sum(isinstance(event, ConnectionFailed) for event in ours.events) == 1
    assert ours.connection.expecting == ()


# --- what a failure does to the session -------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_a_session_is_there_after_the_handshake_and_after_a_clean_end(role: str) -> None:
    ours, theirs = connected(role, sessions=MemorySessionStore())
    assert ours.connection.session is not None
    ours.close()
    talk(ours, theirs)
    assert ours.connection.session is not None


@pytest.mark.parametrize("role", ROLES)
def test_a_truncation_keeps_the_session(role: str) -> None:
    store = MemorySessionStore()
    ours, _ = connected(role, sessions=store)
    ours.receive(b"")
    assert ours.connection.session is not None
    assert len(store) > 0


@pytest.mark.parametrize("how", ["a malformed alert", "a forged record", "aborted", "truncated"])
@pytest.mark.parametrize("role", ROLES)
def test_a_failure_behind_our_close_sends_no_fatal_alert_and_forgets_no_session(role: str, how: str) -> None:
    stores = {name: MemorySessionStore() for name in ROLES}
    ours, theirs = connected(role, **{name: {"sessions": stores[name]} for name in ROLES})
    session = ours.connection.session
    ours.close()
    ours.take()
    match how:
        case "a malformed alert":
            ours.receive(alert(theirs, b"\0\0"))
        case "a forged record":
            ours.receive(record(ContentType.APPLICATION_DATA, bytes(40)))
        case "aborted":
            ours.connection.abort()
        case "truncated":
            ours.receive(b"")
    assert ours.take() == b""
    assert ours.connection.state is ConnectionState.FAILED
    assert ours.connection.session is session is not None
    assert len(stores[role]) == 1


@pytest.mark.parametrize("role", ROLES)
def test_a_fatal_alert_of_the_peer_behind_our_close_forgets_the_session(role: str) -> None:
    stores = {name: MemorySessionStore() for name in ROLES}
    ours, theirs = connected(role, **{name: {"sessions": stores[name]} for name in ROLES})
    ours.close()
    ours.receive(alert(theirs, b"\x02\x28"))
    assert ours.connection.session is None
    assert len(stores[role]) == 0


@pytest.mark.parametrize("how", ["sent", "received", "aborted"])
@pytest.mark.parametrize("role", ROLES)
def test_a_fatal_alert_forgets_the_session(role: str, how: str) -> None:
    stores = {name: MemorySessionStore() for name in ROLES}
    ours, theirs = connected(role, **{name: {"sessions": stores[name]} for name in ROLES})
    assert len(stores[role]) == 1
    match how:
        case "sent":
            ours.receive(record(ContentType.APPLICATION_DATA, bytes(40)))
        case "received":
            ours.receive(alert(theirs, b"\x02\x28"))
        case "aborted":
            ours.connection.abort()
    assert ours.connection.session is None
    assert len(stores[role]) == 0
