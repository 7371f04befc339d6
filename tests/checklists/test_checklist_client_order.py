"""Client, order of messages and the connection: sections C3 and C4 of the checklists."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests import pki
from tests.checklists.behaviours import accepts, refuses, shows
from tests.checklists.duels import AgainstClient, Duel
from tests.ends import verifier
from tls12 import (
    Alert,
    AlertReceived,
    ConnectionClosed,
    ConnectionState,
    MemorySessionStore,
    PeerAlert,
    PinnedVerifier,
    Policy,
    Renegotiation,
    RenegotiationRequested,
    Session,
    TruncatedError,
    UsageError,
)
from tls12.errors import NotTLS
from tls12.handshake.grammar import message_type_name
from tls12.lab.hellos import with_extensions, without_extensions
from tls12.registry import AlertLevel, ContentType, HandshakeType
from tls12.wire.certificates import Certificate
from tls12.wire.closing import AlertMessage, ChangeCipherSpec, Finished, NewSessionTicket
from tls12.wire.extensions import (
    ApplicationLayerProtocolNegotiation,
    ExtendedMasterSecret,
    RenegotiationInfo,
    SessionTicket,
    SessionTicketAck,
)
from tls12.wire.hello import HelloRequest, ServerHelloDone
from tls12.wire.messages import RawMessage

HANDSHAKE, CCS, ALERT = ContentType.HANDSHAKE, ContentType.CHANGE_CIPHER_SPEC, ContentType.ALERT
DATA = ContentType.APPLICATION_DATA
T = HandshakeType
LEGACY = Policy.legacy_device()
LEGACY_RENEGOTIATES = LEGACY.replace(renegotiation=Renegotiation.ALLOW)
RENEGOTIATE = Policy.compatible().replace(renegotiation=Renegotiation.ALLOW)


# -- C3.1 ---------------------------------------------------------------------------------------------------


def with_keys(duel: AgainstClient) -> AgainstClient:
    """The client's flight has come, and the script has the keys to read what follows it."""
    duel.flight().script.accept()
    return duel


STAGES: dict[str, tuple[Callable[[AgainstClient], Any], set[int]]] = {
    # name                         how to get there                                              what may come
    "before the ServerHello": (lambda duel: duel, {T.SERVER_HELLO}),
    "before the Certificate": (lambda duel: duel.hello(), {T.CERTIFICATE}),
    "before the ServerKeyExchange": (lambda duel: duel.hello().certificate(), {T.SERVER_KEY_EXCHANGE}),
    "before the ServerHelloDone": (
        lambda duel: duel.hello().certificate().share(),
        {T.SERVER_HELLO_DONE, T.CERTIFICATE_REQUEST},
    ),
    "before the ChangeCipherSpec": (lambda duel: with_keys(duel), set()),
    "before the Finished": (lambda duel: with_keys(duel).script.change_cipher_spec(), {T.FINISHED}),
    "after the handshake": (lambda duel: duel.handshake(), set()),
}
KINDS = [1, 2, 3, 4, 11, 12, 13, 14, 15, 16, 20, 21, 22, 23, 67, 99, 255]
OUT_OF_PLACE = [(stage, kind) for stage, (_, allowed) in STAGES.items() for kind in KINDS if kind not in allowed]


@pytest.mark.parametrize(
    ("stage", "kind"), OUT_OF_PLACE, ids=lambda value: value if isinstance(value, str) else message_type_name(value)
)
@refuses("C3.1", Alert.UNEXPECTED_MESSAGE)
def test_a_message_where_it_is_not_expected_is_refused_and_the_error_names_what_was(stage: str, kind: int) -> Duel:
    duel = AgainstClient()
    reach, allowed = STAGES[stage]
    reach(duel)
    duel.script.send(RawMessage(T.of(kind), b"whatever"))
    duel.carry()
    text = str(duel.subject.error)
    assert message_type_name(kind) in text
    assert all(message_type_name(name) in text for name in allowed)
    return duel


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "before the ChangeCipherSpec"])
@refuses("C3.1", Alert.UNEXPECTED_MESSAGE)
def test_a_change_cipher_spec_early_late_or_twice_is_refused(stage: str) -> Duel:
    duel = AgainstClient()
    STAGES[stage][0](duel)
    duel.script.send(ChangeCipherSpec())
    return duel


@pytest.mark.parametrize("payload", [b"", b"\x00", b"\x02", b"\x01\x01"])
@refuses("C3.1", Alert.UNEXPECTED_MESSAGE)
def test_a_malformed_change_cipher_spec_is_refused(payload: bytes) -> Duel:
    duel = with_keys(AgainstClient())
    duel.script.send_record(CCS, payload)
    return duel


@pytest.mark.parametrize("arrived", [1, 4, 40])
@refuses("C3.1", Alert.UNEXPECTED_MESSAGE)
def test_a_change_cipher_spec_inside_a_fragmented_message_is_refused(arrived: int) -> Duel:
    duel = AgainstClient()
    duel.script.send_record(HANDSHAKE, duel.script.enter(duel.script.answer(duel.suite))[:arrived])
    duel.script.send(ChangeCipherSpec())
    return duel


@pytest.mark.parametrize("more", [b"\x0e", b"\x14\x00\x00\x0c", bytes(4), bytes(50)])
@refuses("C3.1", Alert.UNEXPECTED_MESSAGE)
def test_bytes_behind_the_server_hello_done_are_refused(more: bytes) -> Duel:
    duel = AgainstClient().hello().certificate().share()
    duel.script.send(ServerHelloDone(), more)
    return duel


@pytest.mark.parametrize("more", [b"\x00", b"\x00\x00\x00\x00", b"\x14\x00\x00\x0c", bytes(50)])
@refuses("C3.1", Alert.UNEXPECTED_MESSAGE)
def test_bytes_behind_the_finished_are_refused(more: bytes) -> Duel:
    duel = AgainstClient().flight()
    duel.script.accept()
    duel.script.change_cipher_spec()
    duel.script.send(duel.script.finished(), more)
    return duel


# -- C3.2 tickets -------------------------------------------------------------------------------------------


def promised(*, extension: bool = True, **config: Any) -> AgainstClient:
    """Up to the client's Finished, with session_ticket answered; the keys are made."""
    duel = AgainstClient(**config)
    hello = duel.script.answer(duel.suite)
    duel.script.send(with_extensions(hello, SessionTicketAck()) if extension else hello)
    duel.certificate().share().done()
    duel.script.accept()
    return duel


@refuses("C3.2", Alert.UNEXPECTED_MESSAGE)
def test_a_ticket_that_was_not_promised_is_refused() -> Duel:
    duel = promised(extension=False)
    duel.script.send(NewSessionTicket(3600, b"a ticket"))
    return duel


@refuses("C3.2", Alert.UNEXPECTED_MESSAGE)
def test_a_ticket_that_was_promised_and_is_missing_is_refused() -> Duel:
    duel = promised()
    duel.script.finish()
    return duel


@refuses("C3.2", Alert.UNEXPECTED_MESSAGE)
def test_a_ticket_after_the_change_cipher_spec_is_refused() -> Duel:
    duel = promised()
    duel.script.send(NewSessionTicket(3600, b"a ticket"))
    duel.script.change_cipher_spec()
    duel.script.send(NewSessionTicket(3600, b"a ticket"))
    return duel


@refuses("C3.2", Alert.UNEXPECTED_MESSAGE)
def test_a_second_ticket_is_refused() -> Duel:
    duel = promised()
    duel.script.send(NewSessionTicket(3600, b"a ticket"), NewSessionTicket(3600, b"a ticket"))
    return duel


@accepts("C3.2")
def test_an_empty_ticket_stores_nothing() -> Duel:
    store = MemorySessionStore()
    duel = promised(sessions=store)
    duel.script.send(NewSessionTicket(3600, b""))
    duel.script.finish()
    duel.carry()
    assert duel.subject.connection.session is None
    assert len(store) == 0
    return duel


@accepts("C3.2")
def test_an_empty_ticket_in_a_resumption_leaves_the_old_one() -> Duel:
    first = promised()
    first.script.send(NewSessionTicket(3600, b"a ticket"))
    first.script.finish()
    session = first.carry().subject.connection.session
    assert session is not None
    duel = AgainstClient(session=session)
    hello = duel.script.client_hello
    assert hello is not None
    duel.script.send(with_extensions(duel.script.answer(duel.suite, session_id=hello.session_id), SessionTicketAck()))
    duel.script.send(NewSessionTicket(0, b""))
    duel.script.resume(session.master_secret)
    duel.script.finish()
    kept = duel.carry().subject.connection.session
    assert kept is not None
    assert (kept.ticket, kept.session_id) == (b"a ticket", b"")
    return duel


@pytest.mark.parametrize(("hint", "least", "most"), [(0, 86_400, 86_400), (60, 60, 60), (2**32 - 1, 604_800, 604_800)])
@accepts("C3.2")
def test_a_lifetime_of_0_is_unspecified_and_an_endless_one_is_cut(hint: int, least: int, most: int) -> Duel:
    now = time.time()
    duel = promised(clock=lambda: now)
    duel.script.send(NewSessionTicket(hint, b"a ticket"))
    duel.script.finish()
    session = duel.carry().subject.connection.session
    assert session is not None
    assert least <= session.expires - session.created <= most
    return duel


@pytest.mark.parametrize("how", ["ticket", "id"])
@refuses("C3.2", Alert.DECRYPT_ERROR)
def test_nothing_is_stored_before_the_servers_finished_verifies(how: str) -> Duel:
    store = MemorySessionStore()
    if how == "ticket":
        duel = promised(sessions=store)
        duel.script.send(NewSessionTicket(3600, b"a ticket"))
    else:
        duel = AgainstClient(sessions=store).flight(session_id=b"\x55" * 32)
        duel.script.accept()
    duel.script.change_cipher_spec()
    duel.script.send(Finished(bytes(12)))
    duel.carry()
    assert len(store) == 0
    assert duel.subject.connection.session is None
    return duel


# -- C3.3 to C3.5 -------------------------------------------------------------------------------------------


def due(**config: Any) -> AgainstClient:
    """The server's Finished is due, under its new keys."""
    duel = AgainstClient(**config).flight()
    duel.script.accept()
    duel.script.change_cipher_spec()
    return duel


@pytest.mark.parametrize("place", [0, 5, 11])
@refuses("C3.3", Alert.DECRYPT_ERROR)
def test_a_finished_with_a_wrong_bit_is_refused(place: int) -> Duel:
    duel = due()
    right = bytearray(duel.script.finished().verify_data)
    right[place] ^= 1
    duel.script.send(Finished(bytes(right)))
    return duel


@pytest.mark.parametrize("length", [0, 1, 11, 13, 36, 2**14])
@refuses("C3.3", Alert.DECRYPT_ERROR)
def test_a_finished_of_a_wrong_length_is_refused(length: int) -> Duel:
    duel = due()
    duel.script.send(Finished(duel.script.finished().verify_data.ljust(length, b"\0")[:length]))
    return duel


@refuses("C3.3", Alert.DECRYPT_ERROR)
def test_the_clients_own_finished_sent_back_is_refused() -> Duel:
    duel = due()
    duel.script.send(Finished(duel.script.client_verify_data))
    return duel


@pytest.mark.parametrize("stage", ["before the ServerHello", "before the Certificate", "before the ServerHelloDone"])
@accepts("C3.4")
def test_a_hello_request_during_a_handshake_is_ignored_and_never_hashed(stage: str) -> Duel:
    duel = AgainstClient()
    if stage == "before the ServerHello":
        duel.script.send(HelloRequest())
    duel.hello()
    if stage == "before the Certificate":
        duel.script.send(HelloRequest())
    duel.certificate().share()
    if stage == "before the ServerHelloDone":
        duel.script.send(HelloRequest())
    duel.done().finish()
    assert not any(isinstance(event, RenegotiationRequested) for event in duel.subject.events)
    return duel


@accepts("C3.4")
def test_a_hello_request_after_the_handshake_gets_a_warning_by_default() -> Duel:
    duel = AgainstClient().handshake()
    duel.script.send(HelloRequest())
    duel.carry()
    assert any(isinstance(event, RenegotiationRequested) for event in duel.subject.events)
    assert duel.script.received[-1] == AlertMessage(AlertLevel.WARNING, Alert.NO_RENEGOTIATION)
    return duel


@pytest.mark.parametrize("stage", ["before the ServerHello", "before the Certificate"])
@refuses("C3.4", Alert.UNEXPECTED_MESSAGE)
def test_a_hello_request_during_a_handshake_is_refused_by_a_strict_policy(stage: str) -> Duel:
    duel = AgainstClient(policy=Policy.default().replace(renegotiation=Renegotiation.FATAL))
    if stage == "before the Certificate":
        duel.hello()
    duel.script.send(HelloRequest())
    return duel


@refuses("C3.4", Alert.HANDSHAKE_FAILURE)
def test_a_hello_request_after_the_handshake_is_fatal_by_policy() -> Duel:
    duel = AgainstClient(policy=Policy.default().replace(renegotiation=Renegotiation.FATAL)).handshake()
    duel.script.send(HelloRequest())
    return duel


@accepts("C3.4")
def test_a_hello_request_begins_a_fresh_handshake_if_the_application_wants_it() -> Duel:
    duel = AgainstClient(policy=RENEGOTIATE).handshake()
    duel.script.send(HelloRequest())
    duel.carry()
    assert isinstance(duel.subject.events[-1], RenegotiationRequested)
    duel.subject.connection.renegotiate()
    return duel.carry().handshake()


@pytest.mark.parametrize("after", [False, True], ids=["during", "after"])
@refuses("C3.4", Alert.HANDSHAKE_FAILURE)
def test_a_flood_of_hello_requests_is_refused(after: bool) -> Duel:
    duel = AgainstClient().handshake() if after else AgainstClient().hello()
    duel.script.send(*[HelloRequest()] * 9)
    return duel


@pytest.mark.parametrize("data", [b"", b"data"])
@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "after the handshake"])
@refuses("C3.5", Alert.UNEXPECTED_MESSAGE)
def test_application_data_before_the_servers_finished_is_refused(stage: str, data: bytes) -> Duel:
    duel = AgainstClient()
    STAGES[stage][0](duel)
    duel.script.send_data(data)
    return duel


# -- C3.6 false start ---------------------------------------------------------------------------------------


@shows("C3.6", "UsageError")
def test_nothing_can_be_sent_before_the_servers_finished_is_verified() -> None:
    duel = due()
    with pytest.raises(UsageError, match="before HandshakeCompleted"):
        duel.subject.send(b"too early")
    duel.script.send(duel.script.finished())
    duel.carry()
    duel.subject.send(b"in time")
    assert duel.subject.completed


# -- C3.7 renegotiation -------------------------------------------------------------------------------------


def renegotiating(policy: Policy = RENEGOTIATE, *, without: tuple[type[Any], ...] = ()) -> AgainstClient:
    """A finished handshake, and the client's next ClientHello."""
    duel = AgainstClient(policy=policy)
    duel.script.send(without_extensions(duel.script.answer(duel.suite), *without))
    duel.certificate().share().done().finish()
    assert duel.subject.completed, str(duel.subject.error)
    duel.subject.connection.renegotiate()
    return duel.carry()


@accepts("C3.7")
def test_a_renegotiation_with_the_right_renegotiation_info_completes() -> Duel:
    duel = renegotiating()
    assert duel.script.client_hello is not None
    assert duel.script.client_hello.find(RenegotiationInfo) == RenegotiationInfo(duel.script.client_verify_data)
    return duel.handshake()


@accepts("C3.7")
def test_application_data_may_come_up_to_the_servers_change_cipher_spec() -> Duel:
    duel = renegotiating()
    duel.script.send_data(b"before the ServerHello, ")
    duel.flight()
    duel.script.send_data(b"behind the client's Finished")
    duel.finish()
    assert duel.subject.data == b"before the ServerHello, behind the client's Finished"
    return duel


@refuses("C3.7", Alert.UNEXPECTED_MESSAGE)
def test_application_data_behind_the_servers_change_cipher_spec_is_refused() -> Duel:
    duel = renegotiating().flight()
    duel.script.accept()
    duel.script.change_cipher_spec()
    duel.script.send_data(b"too late")
    return duel


@refuses("C3.7", Alert.HANDSHAKE_FAILURE)
def test_a_renegotiation_without_renegotiation_info_is_refused() -> Duel:
    duel = renegotiating()
    duel.script.send(without_extensions(duel.script.answer(duel.suite), RenegotiationInfo))
    return duel


@pytest.mark.parametrize("how", ["empty", "the client's", "the server's", "flipped", "the other order"])
@refuses("C3.7", Alert.HANDSHAKE_FAILURE)
def test_a_renegotiation_with_wrong_renegotiation_info_is_refused(how: str) -> Duel:
    duel = renegotiating()
    client, server = duel.script.client_verify_data, duel.script.server_verify_data
    wrong = {
        "empty": b"",
        "the client's": client,
        "the server's": server,
        "flipped": client + server[:-1] + bytes([server[-1] ^ 1]),
        "the other order": server + client,
    }[how]
    duel.script.send(with_extensions(duel.script.answer(duel.suite), RenegotiationInfo(wrong)))
    return duel


@refuses("C3.7", Alert.ILLEGAL_PARAMETER)
def test_a_renegotiation_with_another_certificate_is_refused() -> Duel:
    duel = renegotiating().hello()
    duel.script.send(Certificate(pki.server("ecdsa-p384").chain_der))
    return duel


@pytest.mark.parametrize("policy", [RENEGOTIATE, LEGACY_RENEGOTIATES], ids=lambda policy: policy.name)
@refuses("C3.7", Alert.ILLEGAL_PARAMETER)
def test_extended_master_secret_may_not_be_dropped_in_a_renegotiation(policy: Policy) -> Duel:
    duel = renegotiating(policy)
    duel.script.send(without_extensions(duel.script.answer(duel.suite), ExtendedMasterSecret))
    return duel


@accepts("C3.7")
def test_extended_master_secret_may_be_gained_in_a_renegotiation() -> Duel:
    duel = renegotiating(LEGACY_RENEGOTIATES, without=(ExtendedMasterSecret,)).handshake()
    negotiated = duel.subject.connection.negotiated
    assert negotiated is not None
    assert negotiated.extended_master_secret
    return duel


@accepts("C3.7")
def test_a_connection_without_extended_master_secret_is_not_renegotiated() -> Duel:
    duel = AgainstClient(policy=RENEGOTIATE)
    duel.script.send(without_extensions(duel.script.answer(duel.suite), ExtendedMasterSecret))
    duel.certificate().share().done().finish()
    assert not duel.subject.connection.can_renegotiate
    with pytest.raises(UsageError, match="reuse_legacy_sessions=True"):
        duel.subject.connection.renegotiate()
    duel.script.send(HelloRequest())
    duel.carry()
    assert duel.script.received[-1] == AlertMessage(AlertLevel.WARNING, Alert.NO_RENEGOTIATION)
    return duel


# -- C4.1 alerts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0, 3, 21, 255])
@pytest.mark.parametrize("description", [0, 40, 90])
@refuses("C4.1", Alert.ILLEGAL_PARAMETER)
def test_an_unknown_alert_level_is_refused(description: int, level: int) -> Duel:
    duel = AgainstClient().handshake()
    duel.script.send_record(ALERT, bytes((level, description)))
    return duel


@pytest.mark.parametrize("payload", [b"\x01", b"\x02", b"\x01\x5a\x00", b"\x01\x00\x02\x28", bytes(100)])
@pytest.mark.parametrize("protected", [True, False])
@refuses("C4.1", Alert.DECODE_ERROR)
def test_an_alert_of_a_wrong_length_is_refused(protected: bool, payload: bytes) -> Duel:
    duel = AgainstClient().handshake() if protected else AgainstClient()
    duel.script.send_record(ALERT, payload)
    return duel


@refuses("C4.1", Alert.UNEXPECTED_MESSAGE)
def test_a_flood_of_warnings_is_refused() -> Duel:
    duel = AgainstClient().handshake()
    duel.script.send(*[AlertMessage(AlertLevel.WARNING, Alert.USER_CANCELED)] * 9)
    return duel


@accepts("C4.1")
def test_user_canceled_is_no_end_by_itself() -> Duel:
    duel = AgainstClient()
    duel.script.send_alert(Alert.USER_CANCELED, AlertLevel.WARNING)
    duel.handshake()
    duel.script.send_alert(Alert.USER_CANCELED, AlertLevel.WARNING)
    duel.carry()
    assert sum(isinstance(event, AlertReceived) for event in duel.subject.events) == 2
    return duel


@pytest.mark.parametrize("description", [10, 20, 40, 48, 80, 90, 112, 255])
@shows("C4.1", "PeerAlert, no alert in answer, the session forgotten")
def test_a_fatal_alert_ends_the_connection_and_forgets_the_session(description: int) -> None:
    store = MemorySessionStore()
    duel = AgainstClient(sessions=store).handshake(session_id=b"\x55" * 32)
    assert len(store) == 1
    duel.script.send_alert(Alert.of(description))
    duel.subject.receive(duel.script.data_to_send())
    error = duel.subject.error
    assert isinstance(error, PeerAlert)
    assert (error.received, error.alert) == (description, None)
    assert duel.subject.take() == b""
    assert duel.subject.connection.closed
    assert len(store) == 0


# -- C4.2 the end -------------------------------------------------------------------------------------------


@shows("C4.2", "close_notify in answer, silence after it")
def test_close_notify_ends_reading_and_is_answered_and_what_follows_is_ignored() -> None:
    duel = AgainstClient().handshake()
    duel.script.send_data(b"the last words")
    duel.script.send_alert(Alert.CLOSE_NOTIFY, AlertLevel.WARNING)
    duel.script.send_data(b"too late")
    duel.script.send(HelloRequest())
    duel.script.send_bytes(b"\x00garbage")
    duel.carry()
    assert duel.script.received[-1] == AlertMessage(AlertLevel.WARNING, Alert.CLOSE_NOTIFY)
    assert duel.subject.data == b"the last words"
    assert isinstance(duel.subject.events[-1], ConnectionClosed)
    assert duel.subject.connection.state is ConnectionState.CLOSED
    duel.subject.send(b"discarded")
    duel.subject.receive(b"")
    assert duel.subject.error is None
    assert duel.subject.take() == b""


@shows("C4.2", "our direction stays open")
def test_with_half_close_the_pending_writes_are_finished() -> None:
    duel = AgainstClient(half_close=True).handshake()
    duel.script.send_alert(Alert.CLOSE_NOTIFY, AlertLevel.WARNING)
    duel.carry()
    assert duel.subject.connection.state is ConnectionState.CLOSING
    duel.subject.send(b"still to be said")
    duel.subject.close()
    duel.carry()
    assert duel.script.data == b"still to be said"
    assert duel.script.received[-1] == AlertMessage(AlertLevel.WARNING, Alert.CLOSE_NOTIFY)
    assert duel.subject.connection.closed


@pytest.mark.parametrize("stage", [*STAGES])
@shows("C4.2", "TruncatedError, no alert")
def test_a_stream_that_ends_without_close_notify_is_truncated(stage: str) -> None:
    duel = AgainstClient()
    STAGES[stage][0](duel)
    duel.carry()
    duel.subject.receive(b"")
    assert isinstance(duel.subject.error, TruncatedError)
    assert duel.subject.error.alert is None
    assert not any(isinstance(event, ConnectionClosed) for event in duel.subject.events)
    assert duel.subject.take() == b""


# -- C4.3 other protocols -----------------------------------------------------------------------------------

FOREIGN = {
    "HTTP": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
    "SMTP": b"220 mail.test ESMTP Postfix\r\n",
    "FTP": b"220 ProFTPD FTP server ready\r\n",
    "POP3": b"+OK ready\r\n",
    "IMAP": b"* OK IMAP4rev1 ready\r\n",
    "SSL 2.0": b"\x80\x0b\x04\x00\x01\x00\x02\x00\x00\x00\x00\x00\x10",
    "does not speak TLS": b"?\x00\x01\x02",
}


@pytest.mark.parametrize("name", FOREIGN)
@refuses("C4.3", Alert.UNEXPECTED_MESSAGE)
def test_a_peer_that_does_not_speak_tls_is_told_by_name(name: str) -> Duel:
    duel = AgainstClient()
    duel.script.send_bytes(FOREIGN[name])
    duel.carry()
    assert isinstance(duel.subject.error, NotTLS)
    assert name in str(duel.subject.error)
    return duel


# -- C4.4 sessions ------------------------------------------------------------------------------------------

NOW = time.time()
SAME: dict[str, Any] = {
    "name": pki.NAME,
    "policy": Policy.compatible(),
    "verifier": PinnedVerifier(pki.server().leaf),
    "alpn_protocols": ("h2",),
    "clock": lambda: NOW,
}


def first_session(how: str, **changed: Any) -> Session:
    duel = AgainstClient(**{**SAME, **changed})
    extensions = [ApplicationLayerProtocolNegotiation((b"h2",))]
    hello = duel.script.answer(duel.suite, session_id=b"\x55" * 32 if how == "id" else b"")
    hello = with_extensions(hello, *extensions, *([SessionTicketAck()] if how == "ticket" else []))
    duel.script.send(hello)
    duel.certificate().share().done()
    duel.script.accept()
    if how == "ticket":
        duel.script.send(NewSessionTicket(3600, b"a ticket"))
    duel.script.finish()
    session = duel.carry().subject.connection.session
    assert session is not None
    return session


def offers(session: Session, **changed: Any) -> bool:
    """Whether a client with these changes offers the session."""
    duel = AgainstClient(session=session, **{**SAME, **changed})
    hello = duel.script.client_hello
    assert hello is not None
    ticket = hello.find(SessionTicket)
    return bool(ticket and ticket.ticket) or (bool(session.session_id) and hello.session_id == session.session_id)


@pytest.mark.parametrize("how", ["id", "ticket"])
@shows("C4.4", "offered again")
def test_a_session_is_offered_again_where_everything_is_the_same(how: str) -> None:
    assert offers(first_session(how))


CHANGES: dict[str, dict[str, Any]] = {
    "another name": {"name": "other.test"},
    "no name": {"name": None},
    "another policy": {"policy": Policy.default()},
    "another trust": {"verifier": verifier()},
    "other protocols": {"alpn_protocols": ("h2", "http/1.1")},
    "no protocols": {"alpn_protocols": ()},
    "another max_fragment_length": {"max_fragment_length": 512},
    "past its lifetime": {"clock": lambda: NOW + 86_401},
    "before it was made": {"clock": lambda: NOW - 1},
}


@pytest.mark.parametrize("how", ["id", "ticket"])
@pytest.mark.parametrize("change", CHANGES)
@shows("C4.4", "not offered")
def test_a_session_is_not_offered_where_something_has_changed(change: str, how: str) -> None:
    assert not offers(first_session(how), **CHANGES[change])


@shows("C4.4", "not beyond the certificate's end")
def test_a_session_ends_with_the_certificate_that_it_rests_on() -> None:
    end = pki.server().leaf.not_valid_after_utc.timestamp()
    session = first_session("ticket", verifier=verifier(), clock=lambda: end - 60)
    assert session.expires == end
    assert not offers(session, verifier=verifier(), clock=lambda: end)
