"""Real connections, stopped before every message of every legal conversation, are told everything else instead.

Only what the figures of the RFCs expect survives. All else ends in UnexpectedMessage, which names what was
expected. The same holds with either of the two pieces that keep the order made to accept everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.attacks.weakening import Defence, removed, together
from tests.ends import record
from tests.state_machine.conversations import CLIENT, SCENARIOS, SERVER, Dialogue, Scenario
from tests.state_machine.language import Sentence, Terms, expected, sentences
from tests.state_machine.samples import CLOSE_NOTIFY, NOT_MESSAGES, messages
from tls12 import Alert, AlertReceived, ConnectionClosed, ConnectionState, DataReceived, PeerAlert, TLSError
from tls12.errors import DecodeError, NotTLS, UnexpectedMessage
from tls12.events import ConnectionFailed, Event
from tls12.handshake.engine import Handshake, Story
from tls12.handshake.grammar import CCS, Conversation, Row, message_type_name
from tls12.registry import AlertLevel, ConnectionEnd, ContentType, HandshakeType
from tls12.wire.key_exchange import KeyExchangeAlgorithm as Kx

QUICK = (
    "PSK",
    "RSA, client certificate",
    "everything",
    "resumed by id",
    "resumed without an echo, ticket renewed",
    "ticket refused",
    "renegotiated by the server",
)
"""Between them these reach every row of the table; the others differ in their key exchange."""


@dataclass
class Stop:
    """A connection that waits for its peer, and what may come."""

    dialogue: Dialogue
    side: ConnectionEnd

    @property
    def said(self) -> Sentence:
        return self.dialogue.said[self.side]

    @property
    def terms(self) -> Terms:
        return self.dialogue.scenario.terms_of(self.side, max(1, self.dialogue.handshakes[self.side]))

    @property
    def expected(self) -> frozenset[str]:
        """The names of what the peer may send."""
        return expected(self.terms, self.said, self.side.other.value) if self.said else frozenset({"ClientHello"})

    @property
    def established(self) -> bool:
        return self.said in sentences(self.terms)

    @property
    def data_allowed(self) -> bool:
        """After a first handshake, and not behind the peer's ChangeCipherSpec in a later one (RFC 5246 7.1)."""
        changing = f"{self.side.other.value} ChangeCipherSpec" in self.said
        return self.established or (self.dialogue.handshakes[self.side] > 1 and not changing)

    def receive(self, content_type: int, payload: bytes) -> tuple[TLSError | None, list[Event], bytes]:
        """Give the connection one record: why it failed, if it did; the new events; the bytes for the peer."""
        end = self.dialogue.ends[self.side]
        before = len(end.events)
        end.receive(record(content_type, payload))
        return end.error, end.events[before:], end.take()


def stops(scenario: Scenario, side: ConnectionEnd) -> range:
    """Behind how many received messages to stop: everywhere, but of two handshakes only in the second."""
    dialogue = Dialogue(scenario)
    first = 0
    while dialogue.until(side, dialogue.taken[side] + 1):
        if scenario.acts and dialogue.handshakes[side] == 1:
            first = dialogue.taken[side]
    assert dialogue.ends[side].connection.state is ConnectionState.ESTABLISHED
    return range(first, dialogue.taken[side] + 1)


def stop(scenario: Scenario, side: ConnectionEnd, count: int) -> Stop:
    """A new connection, stopped when it has received `count` messages."""
    dialogue = Dialogue(scenario)
    dialogue.until(side, count)
    return Stop(dialogue, side)


def named(*quick: str) -> list[object]:
    """The scenarios as parameters: these by default, the others when slow tests are run."""
    return [pytest.param(s, id=s.name, marks=() if s.name in quick else pytest.mark.slow) for s in SCENARIOS]


def is_welcome(stop: Stop, kind: int) -> bool:
    """Whether a message may come: those of the figures, and HelloRequests at any time (RFC 5246 7.4.1.1)."""
    return message_type_name(kind) in stop.expected or (stop.side is CLIENT and kind == HandshakeType.HELLO_REQUEST)


def say(stop: Stop, kind: int) -> tuple[TLSError | None, list[Event], bytes]:
    """One handshake message or ChangeCipherSpec, whole and well-formed."""
    if kind == CCS:
        return stop.receive(ContentType.CHANGE_CIPHER_SPEC, b"\x01")
    return stop.receive(ContentType.HANDSHAKE, messages()[kind])


def check_message(stop: Stop, kind: int) -> None:
    """Say it, and see whether only what the figures expect is taken."""
    welcome, names = is_welcome(stop, kind), stop.expected
    terms, said = stop.terms, stop.said
    error, events, out = say(stop, kind)
    context = f"{message_type_name(kind)} after {said}"
    if welcome:
        assert not isinstance(error, UnexpectedMessage), context
        return
    assert isinstance(error, UnexpectedMessage), context
    assert events[-1:] == [ConnectionFailed(error)], context
    asks_anonymously = kind == HandshakeType.CERTIFICATE_REQUEST and said[-1:] == ("server ServerKeyExchange",)
    if asks_anonymously and terms.key_exchange in (Kx.DH_ANON, Kx.ECDH_ANON):
        assert error.alert is Alert.HANDSHAKE_FAILURE, context  # RFC 5246 7.4.4
    else:
        assert error.alert is Alert.UNEXPECTED_MESSAGE, context
    assert out[0] == ContentType.ALERT, context
    assert out[5:] == bytes([2, error.alert]), context
    assert message_type_name(kind) in str(error), context
    for name in names:
        assert name in str(error).split(";")[1], context


@pytest.mark.parametrize("side", ConnectionEnd, ids=lambda side: side.value)
@pytest.mark.parametrize("scenario", named(*QUICK))
def test_only_expected_messages_survive_at_any_point_of_a_legal_conversation(
    scenario: Scenario, side: ConnectionEnd
) -> None:
    for count in stops(scenario, side):
        for kind in (CCS, *messages()):
            check_message(stop(scenario, side, count), kind)


@pytest.mark.parametrize("side", ConnectionEnd, ids=lambda side: side.value)
@pytest.mark.parametrize("scenario", named("PSK", "resumed by id", "ticket refused", "renegotiated by the server"))
def test_records_that_are_no_messages_survive_only_where_they_belong(scenario: Scenario, side: ConnectionEnd) -> None:
    for count in stops(scenario, side):
        for what, (content_type, payload) in NOT_MESSAGES.items():
            at = stop(scenario, side, count)
            error, events, _ = at.receive(content_type, payload)
            if at.data_allowed and content_type == ContentType.APPLICATION_DATA:
                assert error is None
                assert events == [DataReceived(payload)]
                continue
            assert isinstance(error, UnexpectedMessage | NotTLS if count == 0 else UnexpectedMessage), (what, at.said)
            assert error.alert is Alert.UNEXPECTED_MESSAGE
            if content_type == ContentType.APPLICATION_DATA:
                assert all(name in str(error).split(";")[1] for name in at.expected)


@pytest.mark.parametrize("side", ConnectionEnd, ids=lambda side: side.value)
@pytest.mark.parametrize("scenario", named("RSA, client certificate", "resumed by ticket"))
def test_alerts_mean_the_same_at_any_point(scenario: Scenario, side: ConnectionEnd) -> None:
    for count in stops(scenario, side):
        at = stop(scenario, side, count)
        assert at.receive(ContentType.ALERT, b"\x01\x5a") == (
            None,
            [AlertReceived(AlertLevel.WARNING, Alert.USER_CANCELED)],
            b"",
        )
        error, events, out = at.receive(ContentType.ALERT, CLOSE_NOTIFY)
        assert (error, events) == (None, [ConnectionClosed()])
        assert out[5:] == CLOSE_NOTIFY
        at = stop(scenario, side, count)
        error, events, out = at.receive(ContentType.ALERT, b"\x02\x28")
        assert isinstance(error, PeerAlert)
        assert error.received is Alert.HANDSHAKE_FAILURE
        assert (events, out) == ([ConnectionFailed(error)], b"")


@pytest.mark.parametrize("side", ConnectionEnd, ids=lambda side: side.value)
@pytest.mark.parametrize("scenario", named("ECDHE, no client certificate", *QUICK))
def test_the_connection_says_itself_what_it_expects(scenario: Scenario, side: ConnectionEnd) -> None:
    for count in stops(scenario, side):
        at = stop(scenario, side, count)
        assert set(at.dialogue.ends[side].connection.expecting) == at.expected


@pytest.mark.slow
@pytest.mark.parametrize("side", ConnectionEnd, ids=lambda side: side.value)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_types_that_are_not_of_tls_1_2_survive_nowhere(scenario: Scenario, side: ConnectionEnd) -> None:
    for count in stops(scenario, side):
        for kind in (*HandshakeType, *range(25, 256, 11)):
            if kind in messages():
                continue
            error, _, _ = stop(scenario, side, count).receive(ContentType.HANDSHAKE, bytes([kind, 0, 0, 1, 7]))
            assert isinstance(error, UnexpectedMessage)


# --- either piece alone -----------------------------------------------------------------------------------


def admit_everything() -> Defence:
    """The guard's check is taken away: what has no row gets one that leads nowhere."""
    admit = Conversation.admit

    def admit_all(self: Conversation, sender: ConnectionEnd, kind: int) -> Row:
        try:
            return admit(self, sender, kind)
        except UnexpectedMessage:
            return Row(self.state, sender, kind, self.state)

    return removed(Conversation, "admit", admit_all)


def accept_everything() -> Defence:
    """The stories' check is taken away: whatever comes is taken for what was wanted."""

    def take(self: Handshake[Any], wanted: tuple[type[Any], ...]) -> Story[Any]:
        message = self._pushed_back
        self._pushed_back = None
        return (yield wanted) if message is None else message

    return removed(Handshake, "_next", take)


@pytest.mark.parametrize("side", ConnectionEnd, ids=lambda side: side.value)
@pytest.mark.parametrize("scenario", named("RSA_PSK with a hint", "ECDH_ANON", "everything", "ticket refused"))
def test_without_the_guard_the_stories_still_refuse(scenario: Scenario, side: ConnectionEnd) -> None:
    with admit_everything()():
        for count in stops(scenario, side):
            for kind in (CCS, *messages()):
                at = stop(scenario, side, count)
                if is_welcome(at, kind):
                    continue
                error = say(at, kind)[0]
                assert isinstance(error, UnexpectedMessage | DecodeError), f"{message_type_name(kind)} after {at.said}"


@pytest.mark.parametrize("side", ConnectionEnd, ids=lambda side: side.value)
@pytest.mark.parametrize("scenario", named("everything", "resumed by id"))
def test_without_the_check_of_the_stories_the_guard_still_refuses(scenario: Scenario, side: ConnectionEnd) -> None:
    with accept_everything()():
        for count in stops(scenario, side):
            for kind in (CCS, *messages()):
                check_message(stop(scenario, side, count), kind)


def test_without_both_a_changed_order_is_not_noticed() -> None:
    """So each of the two tests above can fail."""
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == "RSA, client certificate")
    with together(admit_everything(), accept_everything())():
        at = stop(scenario, SERVER, 4)  # all but ChangeCipherSpec and Finished
        assert at.expected == {"ChangeCipherSpec"}
        error, _, _ = say(at, HandshakeType.FINISHED)
        assert error is None
