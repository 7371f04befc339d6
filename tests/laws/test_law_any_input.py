"""No bytes make the library raise or leave it hanging: noise, well framed noise, and recordings taken apart."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ends import Ours, our_client, our_server, records
from tests.laws.oracle import check_failure
from tests.laws.recordings import NAMES, recording
from tls12 import AlertReceived, ClientAuth, ConnectionClosed, ConnectionFailed, Limits, Policy
from tls12.errors import DecodeError, UnexpectedMessage
from tls12.registry import HandshakeType
from tls12.trust.verifier import AcceptAnyPeer

ROLES = ("client", "server")
EXAMPLES = settings(max_examples=60)


def fresh(role: str) -> Ours:
    """An end that reads as much as it can: the widest ordinary policy, and client certificates asked for."""
    if role == "client":
        return our_client(policy=Policy.compatible())
    return our_server(
        "ecdsa-p256", "rsa-2048", policy=Policy.compatible(), client_auth=ClientAuth.OPTIONAL, verifier=AcceptAnyPeer()
    )


def survive(ours: Ours, *parts: bytes) -> None:
    """Feed it all, then the end of the stream: nothing may be raised, and it must be over by then."""
    ours.start()
    sent = ours.take()
    for part in (*parts, b""):
        ours.receive(part)
        sent += ours.take()
    if ours.error is not None:
        check_failure(ours, sent)
    else:
        assert ours.events[-1] == ConnectionClosed()
    assert ours.connection.closed
    ours.receive(b"\x16\x03\x03\x00\x01\x00")  # ignored, and nothing more is said
    assert not ours.take()
    assert isinstance(ours.events[-1], ConnectionFailed | ConnectionClosed)


# --- noise ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
@EXAMPLES
@given(parts=st.lists(st.binary(min_size=1, max_size=200), max_size=5))
def test_random_bytes(role: str, parts: list[bytes]) -> None:
    survive(fresh(role), *parts)


def framed(kind: int, body: bytes) -> bytes:
    """A record of TLS 1.2."""
    return bytes([kind, 3, 3]) + len(body).to_bytes(2, "big") + body


def message(kind: int, body: bytes) -> bytes:
    """A handshake message."""
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


bodies = st.binary(max_size=120)
handshakes = st.builds(message, st.sampled_from([int(t) for t in HandshakeType] + [99]), bodies)
payloads = st.one_of(bodies, handshakes, st.lists(handshakes, max_size=3).map(b"".join))
wire_records = st.builds(framed, st.sampled_from([20, 21, 22, 22, 22, 23, 24, 25]), payloads)


@pytest.mark.parametrize("role", ROLES)
@EXAMPLES
@given(parts=st.lists(wire_records, min_size=1, max_size=6))
def test_random_messages_in_good_records(role: str, parts: list[bytes]) -> None:
    survive(fresh(role), *parts)


@pytest.mark.parametrize("role", ROLES)
@given(kind=st.integers(0, 255), body=bodies)
@EXAMPLES
def test_a_random_first_message_is_refused_or_waited_for(role: str, kind: int, body: bytes) -> None:
    expected = HandshakeType.SERVER_HELLO if role == "client" else HandshakeType.CLIENT_HELLO
    ours = fresh(role)
    survive(ours, framed(22, message(kind, body)))
    ignored = (HandshakeType.HELLO_REQUEST,) if role == "client" else ()
    if kind != expected and kind not in ignored:
        too_long = len(body) > Limits().message_sizes.get(HandshakeType.of(kind), len(body))
        assert isinstance(ours.error, DecodeError if too_long else UnexpectedMessage)


# --- recordings taken apart -------------------------------------------------------------------------------


@st.composite
def rearranged(draw: st.DrawFn, original: bytes) -> bytes:
    """The records of a recording dropped, doubled, exchanged, joined, or mixed with others."""
    parts = list(records(original))
    for _ in range(draw(st.integers(1, 3))):
        where = draw(st.integers(0, len(parts) - 1)) if parts else 0
        other = draw(st.integers(0, len(parts) - 1)) if parts else 0
        match draw(st.sampled_from(["drop", "double", "exchange", "insert", "move"])):
            case "drop" if parts:
                del parts[where]
            case "double" if parts:
                parts.insert(where, parts[where])
            case "exchange" if parts:
                parts[where], parts[other] = parts[other], parts[where]
            case "move" if parts:
                parts.insert(other, parts.pop(where))
            case _:
                parts.insert(where, draw(wire_records))
    return b"".join(parts)


@st.composite
def scribbled(draw: st.DrawFn, original: bytes) -> bytes:
    """A recording with a few slices overwritten, cut out or put in."""
    data = bytearray(original)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 8))
        data[start : start + length] = draw(st.binary(max_size=8))
    return bytes(data)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(data=st.data())
def test_a_recording_with_its_records_rearranged(name: str, data: st.DataObject) -> None:
    survive(recording(name).make(), data.draw(rearranged(recording(name).incoming)))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(data=st.data())
def test_a_recording_that_was_scribbled_on(name: str, data: st.DataObject) -> None:
    survive(recording(name).make(), data.draw(scribbled(recording(name).incoming)))


@pytest.mark.parametrize("name", NAMES)
def test_every_record_of_a_recording_alone_is_survived(name: str) -> None:
    for record in records(recording(name).incoming):
        survive(recording(name).make(), record)
        survive(recording(name).make(), record, record)


def test_a_warning_is_survived_and_a_flood_of_them_is_not() -> None:
    warning = framed(21, b"\x01\x5a")  # user_canceled
    ours = fresh("server")
    survive(ours, *[warning] * 4)
    assert sum(isinstance(event, AlertReceived) for event in ours.events) == 4
    flooded = fresh("server")
    survive(flooded, *[warning] * 1000)
    assert sum(isinstance(event, AlertReceived) for event in flooded.events) < 20
