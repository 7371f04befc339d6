"""A connection that pauses wherever it can, and is answered as its config would, has the same conversation."""

from __future__ import annotations

import pytest

from tests.ends import records
from tests.laws.recordings import NAMES, client_credential, recording, replay, sessions
from tls12 import (
    Accept,
    CertificateRequested,
    ClientHelloReceived,
    ConnectionState,
    Event,
    PeerCertificateReceived,
    PskLookupRequested,
    SessionLookupRequested,
    SignatureRequested,
)
from tls12.events import PAUSABLE

ASKED = PAUSABLE - {PskLookupRequested}
"""Without PskLookupRequested: an application that answers it offers PSK suites too, which these conversations lack."""


def decide(event: Event) -> object:
    """What the config would have done."""
    match event:
        case ClientHelloReceived():
            return None
        case CertificateRequested():
            return client_credential()
        case PeerCertificateReceived():
            return Accept()
        case SignatureRequested(credential=credential, scheme=scheme, data=data):
            return credential.sign(scheme, data, deterministic=True)
        case SessionLookupRequested(session_id=session_id):
            known = sessions()[1]
            return known if session_id == known.session_id else None
        case _:
            raise AssertionError(f"{event} was not expected to pause")


@pytest.mark.parametrize("size", [1, 100, 1 << 20])
@pytest.mark.parametrize("name", NAMES)
def test_pausing_at_every_event_changes_nothing(name: str, size: int) -> None:
    incoming = recording(name).incoming
    whole, sent = replay(recording(name), incoming)
    # A session that was made without these questions is not resumed by a connection that asks them.
    asked = ASKED - {CertificateRequested, PeerCertificateReceived} if name.startswith("resumed") else ASKED
    ours = recording(name).make(pause_on=asked)
    ours.start()
    output = ours.take()
    pauses = 0
    for start in range(0, len(incoming), size):
        ours.receive(incoming[start : start + size])
        while ours.connection.state is ConnectionState.PAUSED:
            pauses += 1
            ours.connection.answer(decide(ours.events[-1]))
            ours.events += ours.connection.events()
        output += ours.take()
    assert pauses >= (0 if name == "resumed, client" else 1)
    assert without_questions(ours.events) == without_questions(whole.events)
    if "ticket" not in name:
        assert without_framing(output) == without_framing(sent)


def without_framing(data: bytes) -> list[tuple[int, bytes]]:
    """Content by type: a flight that was paused in its middle takes one record more."""
    content: list[tuple[int, bytes]] = []
    for record in records(data):
        kind, body = record[0], record[5:]
        if content and content[-1][0] == kind:
            body = content.pop()[1] + body
        content.append((kind, body))
    return content


def without_questions(events: list[Event]) -> list[Event]:
    """The events that do not depend on who is asked."""
    return [event for event in events if type(event) not in PAUSABLE]


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("client certificate")])
def test_input_that_arrives_during_a_pause_waits(name: str) -> None:
    incoming = recording(name).incoming
    whole, _ = replay(recording(name), incoming)
    # A session that was made without these questions is not resumed by a connection that asks them.
    asked = ASKED - {CertificateRequested, PeerCertificateReceived} if name.startswith("resumed") else ASKED
    ours = recording(name).make(pause_on=asked)
    ours.start()
    for byte in incoming:
        ours.receive(bytes([byte]))
    assert not ours.completed
    ours.receive(b"")  # even the end of the stream waits
    while ours.connection.state is ConnectionState.PAUSED:
        ours.connection.answer(decide(ours.events[-1]))
        ours.events += ours.connection.events()
    assert without_questions(ours.events) == without_questions(whole.events)
