"""Pausing on each of the six events: what answers do, what waits meanwhile, and what is no answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.ends import (
    AUTHENTICATED,
    CLOSE_NOTIFY,
    PSK,
    PSK_POLICY,
    USER_CANCELED,
    Ours,
    alert,
    client_credential,
    connected,
    pair,
    renegotiable,
    stapled_credential,
    talk,
)
from tests.sessions import altered
from tls12 import (
    Accept,
    AcceptAnyPeer,
    Alert,
    CertificateRequested,
    ClientAuth,
    ClientHelloReceived,
    ConnectionClosed,
    ConnectionFailed,
    ConnectionState,
    Event,
    HandshakeCompleted,
    Limits,
    MemorySessionStore,
    PeerAlert,
    PeerCertificateReceived,
    Policy,
    PskLookupRequested,
    Refuse,
    ServerConfig,
    Session,
    SessionLookupRequested,
    SignatureRequested,
    TruncatedError,
    UsageError,
)
from tls12.errors import ApplicationRefused, LimitExceeded, PeerIncompatible
from tls12.events import PAUSABLE, DataReceived
from tls12.trust.credentials import Credential

STRANGERS: tuple[object, ...] = (object(), "text", 7, False, [], PSK, Refuse)


@dataclass(frozen=True)
class Question:
    """One event that can pause one side, how to bring it about, and how to answer."""

    event: type[Event]
    role: str
    good: Callable[[Any], object]
    options: dict[str, Any]
    wrong: tuple[object, ...] = ()

    def __str__(self) -> str:
        return f"{self.event.__name__} in a {self.role}"

    def ask(self, **more: Any) -> tuple[Ours, Ours]:
        """The end that was asked, with the event last, and its peer."""
        ours, theirs = pair(self.role, mine={"pause_on": frozenset({self.event})}, **(self.options | more))
        talk(ours, theirs)
        assert ours.connection.state is ConnectionState.PAUSED
        assert type(ours.events[-1]) is self.event
        return ours, theirs

    def answer(self, ours: Ours, theirs: Ours, decision: object) -> None:
        """Answer, and let both go on."""
        ours.connection.answer(decision)
        ours.events += ours.connection.events()
        talk(ours, theirs)


def sign(event: SignatureRequested) -> bytes:
    return event.credential.sign(event.scheme, event.data)


WITH_PSK = {"policy": PSK_POLICY, "client": {"psk": PSK}, "server": {"psk": {PSK.identity: PSK.key}}}

QUESTIONS = (
    Question(ClientHelloReceived, "server", lambda _: None, {}, (Accept(), b"", Credential)),
    Question(CertificateRequested, "client", lambda _: client_credential(), AUTHENTICATED, (Accept(), Refuse())),
    Question(PeerCertificateReceived, "client", lambda _: Accept(), {}, (None, True, Accept, b"")),
    Question(PeerCertificateReceived, "server", lambda _: Accept(), AUTHENTICATED, (None, True)),
    Question(SignatureRequested, "server", sign, {}, (None, Accept(), Refuse())),
    Question(SignatureRequested, "client", sign, AUTHENTICATED, (None, Accept(), Refuse())),
    Question(PskLookupRequested, "server", lambda _: PSK.key, WITH_PSK, (PSK, Accept())),
    Question(PskLookupRequested, "client", lambda _: PSK, WITH_PSK, (PSK.key, Accept())),
)


@pytest.fixture(params=QUESTIONS, ids=str)
def question(request: pytest.FixtureRequest) -> Question:
    """Each of the events in each role in which it can pause; looking up sessions needs a story of its own."""
    asked: Question = request.param
    return asked


def test_every_event_that_can_pause_is_tried_here() -> None:
    assert {question.event for question in QUESTIONS} | {SessionLookupRequested} == PAUSABLE


def test_a_good_answer_lets_the_handshake_go_on(question: Question) -> None:
    ours, theirs = question.ask()
    assert not ours.completed
    question.answer(ours, theirs, question.good(ours.events[-1]))
    assert ours.completed
    assert theirs.completed


def test_without_pause_on_nothing_pauses(question: Question) -> None:
    ours, _theirs = connected(question.role, **question.options)
    informs = question.event not in (SignatureRequested, PskLookupRequested)
    assert any(type(event) is question.event for event in ours.events) is informs


def test_a_paused_connection_says_nothing_until_it_is_answered(question: Question) -> None:
    ours, _ = question.ask()
    assert ours.take() == b""
    assert ours.connection.next_event() is None


def test_a_wrong_answer_is_a_usage_error_and_the_question_stands(question: Question) -> None:
    ours, theirs = question.ask()
    for wrong in (*question.wrong, *(s for s in STRANGERS if not isinstance(s, type(question.good(ours.events[-1]))))):
        with pytest.raises(UsageError, match=question.event.__name__):
            ours.connection.answer(wrong)
        assert ours.connection.state is ConnectionState.PAUSED
    assert ours.take() == b""
    question.answer(ours, theirs, question.good(ours.events[-1]))
    assert ours.completed


def test_an_answer_without_a_question_is_a_usage_error(question: Question) -> None:
    ours, theirs = question.ask()
    decision = question.good(ours.events[-1])
    question.answer(ours, theirs, decision)
    with pytest.raises(UsageError, match="not paused"):
        ours.connection.answer(decision)
    fresh, _ = pair(question.role)
    with pytest.raises(UsageError, match="not paused"):
        fresh.connection.answer(decision)


def test_pause_on_takes_only_events_that_can_pause() -> None:
    for role in ("client", "server"):
        with pytest.raises(UsageError, match=r"DataReceived, 7, .*PAUSABLE|7, DataReceived"):
            pair(role, mine={"pause_on": {DataReceived, 7}})
        pair(role, mine={"pause_on": set(PAUSABLE)})


# --- what comes meanwhile ---------------------------------------------------------------------------------


def test_input_waits_and_is_read_after_the_answer(question: Question) -> None:
    ours, theirs = question.ask()
    warning = alert(theirs, USER_CANCELED)
    ours.receive(warning[:3])
    ours.receive(warning[3:])
    assert ours.connection.state is ConnectionState.PAUSED
    assert ours.connection.next_event() is None
    question.answer(ours, theirs, question.good(ours.events[-1]))
    assert any(getattr(event, "description", None) is Alert.USER_CANCELED for event in ours.events)
    assert ours.completed


@pytest.mark.parametrize("size", [999, 1000, 1001])
def test_input_that_waits_is_bounded(question: Question, size: int) -> None:
    ours, _ = question.ask(limits=Limits(buffered=1000))
    waiting = 1000 - ours.connection._core.incoming.reader.buffered
    for _ in range(size - 1000 + waiting):
        ours.receive(b"\0")
    if size <= 1000:
        assert ours.connection.state is ConnectionState.PAUSED
        return
    assert isinstance(ours.error, LimitExceeded)
    assert "1000 bytes" in str(ours.error)
    assert ours.take()[5:] == bytes([2, Alert.UNEXPECTED_MESSAGE])


def test_input_that_came_with_the_question_counts_too() -> None:
    ours, theirs = pair("server", mine={"pause_on": {ClientHelloReceived}}, limits=Limits(buffered=1000))
    theirs.start()
    ours.receive(theirs.take() + bytes(1001))
    assert isinstance(ours.error, LimitExceeded)
    kept, theirs = pair("server", mine={"pause_on": {ClientHelloReceived}}, limits=Limits(buffered=1000))
    theirs.start()
    kept.receive(theirs.take() + bytes(1000))
    assert kept.error is None
    assert kept.connection.state is ConnectionState.PAUSED


def test_the_end_of_the_stream_waits_too(question: Question) -> None:
    ours, _ = question.ask()
    event = ours.events[-1]
    ours.receive(b"")
    assert ours.connection.state is ConnectionState.PAUSED
    ours.connection.answer(question.good(event))
    assert ours.take() != b""
    (*_, failed) = ours.connection.events()
    assert isinstance(failed, ConnectionFailed)
    assert isinstance(failed.error, TruncatedError)


def test_close_notify_waits_too(question: Question) -> None:
    ours, theirs = question.ask()
    event = ours.events[-1]
    ours.receive(alert(theirs, CLOSE_NOTIFY))
    assert ours.connection.state is ConnectionState.PAUSED
    ours.connection.answer(question.good(event))
    (*_, closed) = ours.connection.events()
    assert closed == ConnectionClosed()
    assert ours.connection.closed


def test_the_buffer_of_the_caller_is_free_during_a_pause(question: Question) -> None:
    ours, _ = question.ask()
    buffer = bytearray(b"\x15\x03\x03")
    ours.connection.receive_data(buffer)
    ours.connection.receive_data(memoryview(buffer)[:1])
    buffer.append(0)


# --- what ends meanwhile ----------------------------------------------------------------------------------


def test_an_answer_that_comes_after_the_failure_is_dropped(question: Question) -> None:
    ours, _ = question.ask(limits=Limits(buffered=1000))
    event = ours.events[-1]
    ours.receive(bytes(1001))
    assert ours.error is not None
    ours.take()
    ours.connection.answer(question.good(event))
    assert ours.connection.events() == []
    assert ours.take() == b""


def test_an_answer_that_comes_after_abort_or_close_is_dropped(question: Question) -> None:
    for end in ("abort", "close"):
        ours, _ = question.ask()
        event = ours.events[-1]
        getattr(ours.connection, end)()
        assert ours.take() != b""
        ours.connection.answer(question.good(event))
        assert ours.connection.events() == []
        assert ours.take() == b""
        assert ours.connection.closed


def test_a_paused_connection_does_not_take_data(question: Question) -> None:
    ours, _ = question.ask()
    with pytest.raises(UsageError, match="before HandshakeCompleted"):
        ours.send(b"too early")


def test_a_pause_in_a_renegotiation_holds_data_and_goes_on(question: Question) -> None:
    policy = renegotiable(PSK_POLICY if "policy" in question.options else None)
    options = {**question.options, "policy": policy}
    ours, theirs = pair(question.role, mine={"pause_on": frozenset({question.event})}, **options)
    talk(ours, theirs)
    question.answer(ours, theirs, question.good(ours.events[-1]))
    client = ours if question.role == "client" else theirs
    client.connection.renegotiate()
    talk(ours, theirs)
    assert ours.connection.state is ConnectionState.PAUSED
    ours.send(b"held")
    assert ours.take() == b""
    question.answer(ours, theirs, question.good(ours.events[-1]))
    assert sum(isinstance(event, HandshakeCompleted) for event in ours.events) == 2
    assert theirs.data == b"held"


# --- each event -------------------------------------------------------------------------------------------


def test_a_client_hello_is_shown_before_anything_is_chosen() -> None:
    ours, _ = QUESTIONS[0].ask(client={"alpn_protocols": ("one", "two")})
    event = ours.events[-1]
    assert isinstance(event, ClientHelloReceived)
    assert event.server_name == "server.test"
    assert event.alpn_protocols == ("one", "two")
    assert event.client_hello.cipher_suites


def test_a_client_hello_can_be_answered_with_another_configuration() -> None:
    ours, theirs = QUESTIONS[0].ask(client={"alpn_protocols": ("other",)})
    store = MemorySessionStore()
    other = ServerConfig(
        credentials=(stapled_credential("rsa-2048"),), alpn_protocols=("other",), sessions=store, half_close=True
    )
    QUESTIONS[0].answer(ours, theirs, other)
    assert ours.negotiated.alpn_protocol == "other"
    assert theirs.negotiated.peer_certificates[0] == stapled_credential("rsa-2048").certificate_list[0]
    assert ours.connection.config is other
    assert len(store) == 1
    ours.receive(alert(theirs, b"\x02\x28"))  # forgotten in the store where it is kept
    assert len(store) == 0


def test_a_client_hello_can_be_refused_with_any_alert() -> None:
    ours, theirs = QUESTIONS[0].ask()
    QUESTIONS[0].answer(ours, theirs, Refuse(Alert.UNRECOGNIZED_NAME, "not here"))
    assert isinstance(ours.error, ApplicationRefused)
    assert "not here" in str(ours.error)
    assert isinstance(theirs.error, PeerAlert)
    assert theirs.error.received is Alert.UNRECOGNIZED_NAME


def test_a_certificate_request_can_be_answered_with_none() -> None:
    optional = {"client": {}, "server": {"client_auth": ClientAuth.OPTIONAL, "verifier": AcceptAnyPeer()}}
    ours, theirs = QUESTIONS[1].ask(**optional)
    event = ours.events[-1]
    assert isinstance(event, CertificateRequested)
    assert event.request.supported_signature_algorithms
    QUESTIONS[1].answer(ours, theirs, None)
    assert theirs.completed
    assert theirs.negotiated.peer_certificates == ()


def test_a_certificate_request_can_be_answered_with_any_credential() -> None:
    ours, theirs = QUESTIONS[1].ask()
    QUESTIONS[1].answer(ours, theirs, client_credential("client two"))
    assert theirs.negotiated.peer_certificates == client_credential("client two").certificate_list


def test_a_credential_that_the_server_cannot_verify_is_incompatible() -> None:
    narrow = Policy.default().replace(signature_schemes=Policy.default().signature_schemes[:1])
    ours, theirs = QUESTIONS[1].ask(server={**AUTHENTICATED["server"], "policy": narrow})
    QUESTIONS[1].answer(ours, theirs, stapled_credential("rsa-2048"))
    assert isinstance(ours.error, PeerIncompatible)


@pytest.mark.parametrize("question", [QUESTIONS[2], QUESTIONS[3]], ids=str)
def test_a_certificate_can_be_refused_with_any_alert(question: Question) -> None:
    ours, theirs = question.ask()
    event = ours.events[-1]
    assert isinstance(event, PeerCertificateReceived)
    assert event.certificates
    question.answer(ours, theirs, Refuse(Alert.CERTIFICATE_REVOKED))
    assert not ours.completed
    assert isinstance(ours.error, ApplicationRefused)
    assert isinstance(theirs.error, PeerAlert)
    assert theirs.error.received is Alert.CERTIFICATE_REVOKED


def test_a_bad_signature_from_elsewhere_is_found_by_the_peer() -> None:
    for question in (QUESTIONS[4], QUESTIONS[5]):
        ours, theirs = question.ask()
        question.answer(ours, theirs, b"not a signature")
        assert isinstance(ours.error, PeerAlert)
        assert ours.error.received is Alert.DECRYPT_ERROR


def test_the_data_to_be_signed_is_not_in_the_repr() -> None:
    ours, _ = QUESTIONS[4].ask()
    event = ours.events[-1]
    assert isinstance(event, SignatureRequested)
    assert event.data
    assert "data" not in repr(event)


@pytest.mark.parametrize("key", [None, b""])
def test_a_psk_identity_is_asked_for_and_none_or_an_empty_key_is_an_unknown_one(key: bytes | None) -> None:
    question = QUESTIONS[6]
    ours, theirs = question.ask()
    assert ours.events[-1] == PskLookupRequested(identity=b"me")
    question.answer(ours, theirs, key)
    assert isinstance(theirs.error, PeerAlert)
    assert theirs.error.received is Alert.UNKNOWN_PSK_IDENTITY


def test_a_psk_hint_is_shown_to_the_client_and_none_ends_the_handshake() -> None:
    question = QUESTIONS[7]
    server = {"psk": {PSK.identity: PSK.key}, "psk_identity_hint": b"who are you"}
    ours, theirs = question.ask(server=server)
    assert ours.events[-1] == PskLookupRequested(hint=b"who are you")
    question.answer(ours, theirs, None)
    assert isinstance(ours.error, PeerIncompatible)
    assert ours.error.alert is Alert.HANDSHAKE_FAILURE


def test_psk_suites_are_offered_and_chosen_for_who_looks_keys_up_himself() -> None:
    client, server = pair(
        "client",
        policy=PSK_POLICY,
        mine={"pause_on": {PskLookupRequested}},
        server={"psk": {PSK.identity: PSK.key}, "credentials": ()},
    )
    talk(client, server)
    QUESTIONS[7].answer(client, server, PSK)
    assert client.completed
    server, client = pair("server", policy=PSK_POLICY, mine={"pause_on": {PskLookupRequested}}, client={"psk": PSK})
    talk(server, client)
    QUESTIONS[6].answer(server, client, PSK.key)
    assert server.completed
    assert server.negotiated.psk_identity == PSK.identity


# --- sessions looked up by the application ----------------------------------------------------------------


def looking_up(session: Session | None) -> tuple[Ours, Ours]:
    """A server that asks for sessions, and a client that offers one if it has one."""
    server, client = pair("server", mine={"pause_on": {SessionLookupRequested}})
    if session is not None:
        options = {"session": session}
        client, server = pair("client", mine=options)
        server, _ = pair("server", mine={"pause_on": {SessionLookupRequested}})
    talk(server, client)
    return server, client


def test_sessions_can_be_kept_and_looked_up_by_the_application_alone() -> None:
    server, client = looking_up(None)
    assert server.completed
    kept = server.connection.session
    assert kept is not None
    assert kept.session_id
    assert client.connection.session is not None

    server, client = looking_up(client.connection.session)
    assert server.events[-1] == SessionLookupRequested(kept.session_id)
    server.connection.answer(kept)
    server.events += server.connection.events()
    talk(server, client)
    assert server.negotiated.resumed
    assert client.negotiated.resumed


def test_a_session_that_is_not_found_means_a_full_handshake() -> None:
    server, client = looking_up(None)
    server, client = looking_up(client.connection.session)
    server.connection.answer(None)
    server.events += server.connection.events()
    talk(server, client)
    assert server.completed
    assert not server.negotiated.resumed


def test_a_session_that_is_found_but_no_longer_fits_means_a_full_handshake() -> None:
    server, client = looking_up(None)
    kept = server.connection.session
    assert kept is not None
    server, client = looking_up(client.connection.session)
    for wrong in (Accept(), kept.to_bytes()):
        with pytest.raises(UsageError, match="SessionLookupRequested"):
            server.connection.answer(wrong)
    server.connection.answer(altered(kept, server_name="other.test"))
    server.events += server.connection.events()
    talk(server, client)
    assert not server.negotiated.resumed
