"""What waits for the end of a renegotiation: it is counted, bounded, and the renegotiation has a time-out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ends import ROLES, Ours, connected, other, renegotiable, talk
from tls12 import Alert, ConnectionFailed, Limits, PeerAlert
from tls12.errors import LimitExceeded


def stalled(role: str, **options: Any) -> tuple[Ours, Ours]:
    """Our end in the middle of a renegotiation that its peer does not go on with."""
    ours, theirs = connected(role, policy=renegotiable(), **options)
    if role == "client":
        ours.connection.renegotiate()
    else:
        theirs.connection.renegotiate()
        ours.receive(theirs.take())
    return ours, theirs


@pytest.mark.parametrize("role", ROLES)
def test_what_is_held_is_counted_until_it_goes_out(role: str) -> None:
    ours, theirs = connected(role, policy=renegotiable())
    assert (ours.connection.bytes_held, ours.connection.renegotiating) == (0, False)
    client, server = (ours, theirs) if role == "client" else (theirs, ours)
    client.connection.renegotiate()
    server.receive(client.take())
    ours.send(b"x" * 1000)
    ours.send(b"")
    ours.send(bytearray(b"y" * 500))
    assert (ours.connection.bytes_held, ours.connection.renegotiating) == (1500, True)
    talk(ours, theirs)
    assert (ours.connection.bytes_held, ours.connection.renegotiating) == (0, False)
    assert theirs.data == b"x" * 1000 + b"y" * 500


def test_writes_that_wait_for_more_are_held_too() -> None:
    ours, theirs = connected("client", pack_small_writes=True)
    ours.send(b"x" * 10)
    ours.send(b"y" * 5)
    assert ours.connection.bytes_held == 15
    assert not ours.connection.renegotiating
    theirs.receive(ours.take())
    assert ours.connection.bytes_held == 0


@pytest.mark.parametrize("role", ROLES)
def test_a_peer_that_stalls_a_renegotiation_cannot_make_us_hold_more_than_limits_held(role: str) -> None:
    ours, theirs = stalled(role, **{role: {"limits": Limits(held=1000)}})
    for _ in range(10):
        ours.send(b"x" * 100)
    assert ours.connection.bytes_held == 1000
    ours.send(b"x")
    ours.events += ours.connection.events()
    assert isinstance(ours.error, LimitExceeded)
    assert other(role) in str(ours.error)
    assert "Limits.held allows 1000" in str(ours.error)
    assert ours.connection.bytes_held == 0
    theirs.receive(ours.take())
    assert isinstance(theirs.error, PeerAlert)
    assert theirs.error.received is Alert.HANDSHAKE_FAILURE


def test_a_single_write_is_taken_whole_however_long() -> None:
    """Its length is the application's own decision, and an honest peer ends the renegotiation in a round trip."""
    ours, theirs = connected("client", policy=renegotiable(), client={"limits": Limits(held=1000)})
    ours.connection.renegotiate()
    ours.send(b"x" * 100_000)
    talk(ours, theirs)
    assert theirs.data == b"x" * 100_000


@pytest.mark.parametrize("role", ROLES)
def test_a_renegotiation_that_takes_too_long_fails_at_the_next_write_as_well_as_at_the_next_input(role: str) -> None:
    now = [0.0]
    limits = Limits(handshake_seconds=30.0)
    ours, theirs = stalled(role, **{role: {"limits": limits, "clock": lambda: now[0]}})
    now[0] = 29.0
    ours.send(b"still in time")
    assert ours.connection.error is None
    now[0] = 31.0
    ours.send(b"too late")
    (*_, failed) = ours.connection.events()
    assert isinstance(failed, ConnectionFailed)
    assert "longer than 30.0 seconds" in str(failed.error)
    theirs.receive(ours.take())
    assert isinstance(theirs.error, PeerAlert)
    assert theirs.error.received is Alert.USER_CANCELED


def test_what_is_held_when_the_connection_ends_is_let_go() -> None:
    ours, _ = stalled("client")
    ours.send(b"x" * 1000)
    ours.connection.abort()
    assert ours.connection.bytes_held == 0
    assert not ours.connection.renegotiating
