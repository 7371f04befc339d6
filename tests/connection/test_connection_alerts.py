"""Alerts that come in: levels, lengths, warnings in a row, and what each one means."""

from __future__ import annotations

import pytest

from tests.ends import (
    AUTHENTICATED,
    CLOSE_NOTIFY,
    PSK,
    PSK_POLICY,
    ROLES,
    USER_CANCELED,
    alert,
    client_credential,
    connected,
    last_alert,
    pair,
    protected,
    record,
    records,
    renegotiable,
    talk,
)
from tls12 import (
    Alert,
    AlertReceived,
    ConnectionClosed,
    ConnectionFailed,
    DataReceived,
    DecodeError,
    Limits,
    PeerAlert,
    PeerMisbehaved,
)
from tls12.errors import LimitExceeded, UnexpectedMessage
from tls12.registry import AlertLevel, ContentType

WARNING, FATAL = AlertLevel.WARNING, AlertLevel.FATAL


@pytest.mark.parametrize("description", [alert for alert in Alert if alert is not Alert.CLOSE_NOTIFY], ids=str)
@pytest.mark.parametrize("role", ROLES)
def test_a_fatal_alert_of_any_kind_ends_the_connection_without_an_answer(role: str, description: Alert) -> None:
    ours, _ = pair(role)
    ours.start()
    ours.take()
    ours.receive(record(ContentType.ALERT, bytes([FATAL, description])))
    (failed,) = ours.events
    assert isinstance(failed, ConnectionFailed)
    assert isinstance(failed.error, PeerAlert)
    assert failed.error.received is description
    assert failed.error.alert is None
    assert str(description) in str(failed.error)
    assert ours.take() == b""


@pytest.mark.parametrize("role", ROLES)
def test_a_fatal_alert_that_nobody_knows_is_named_by_its_number(role: str) -> None:
    ours, theirs = connected(role)
    ours.receive(alert(theirs, b"\x02\xee"))
    assert isinstance(ours.error, PeerAlert)
    assert int(ours.error.received) == 0xEE
    assert "0xee" in str(ours.error)


@pytest.mark.parametrize("level", [WARNING, FATAL])
@pytest.mark.parametrize("role", ROLES)
def test_close_notify_is_one_at_either_level(role: str, level: int) -> None:
    ours, theirs = connected(role)
    ours.receive(alert(theirs, bytes([level, 0])))
    assert ours.events[-1] == ConnectionClosed()
    assert ours.error is None


@pytest.mark.parametrize("description", [Alert.USER_CANCELED, Alert.UNRECOGNIZED_NAME, Alert.HANDSHAKE_FAILURE, 0xEE])
@pytest.mark.parametrize("role", ROLES)
def test_a_warning_of_any_kind_is_an_event_and_nothing_more(role: str, description: int) -> None:
    ours, theirs = connected(role)
    ours.receive(alert(theirs, bytes([WARNING, description])))
    assert ours.events[-1] == AlertReceived(WARNING, Alert.of(description))
    theirs.send(b"and on")
    ours.receive(theirs.take())
    assert ours.data == b"and on"


@pytest.mark.parametrize("role", ROLES)
def test_user_canceled_before_close_notify_is_a_clean_end(role: str) -> None:
    ours, _ = pair(role)
    ours.start()
    ours.receive(record(ContentType.ALERT, USER_CANCELED) + record(ContentType.ALERT, CLOSE_NOTIFY))
    assert ours.events == [AlertReceived(WARNING, Alert.USER_CANCELED), ConnectionClosed()]
    assert ours.connection.closed


@pytest.mark.parametrize("level", [0, 3, 255])
@pytest.mark.parametrize("role", ROLES)
def test_an_alert_of_an_unknown_level_is_illegal(role: str, level: int) -> None:
    ours, theirs = connected(role)
    ours.receive(alert(theirs, bytes([level, 90])))
    assert isinstance(ours.error, PeerMisbehaved)
    assert ours.error.alert is Alert.ILLEGAL_PARAMETER
    assert str(level) in str(ours.error)


@pytest.mark.parametrize("payload", [b"\x02", b"\x01\x00\x00", USER_CANCELED + CLOSE_NOTIFY])
@pytest.mark.parametrize("role", ROLES)
def test_an_alert_of_another_length_is_no_alert(role: str, payload: bytes) -> None:
    ours, theirs = connected(role)
    ours.receive(alert(theirs, payload))
    assert isinstance(ours.error, DecodeError)
    assert last_alert(ours, theirs) == bytes([2, Alert.DECODE_ERROR])


@pytest.mark.parametrize("role", ROLES)
def test_an_empty_alert_is_unexpected(role: str) -> None:
    ours, theirs = connected(role)
    ours.receive(alert(theirs, b""))
    assert isinstance(ours.error, UnexpectedMessage)


# --- in a row ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0, 1, 4, 8])
@pytest.mark.parametrize("role", ROLES)
def test_warnings_in_a_row_are_bounded(role: str, limit: int) -> None:
    ours, theirs = connected(role, limits=Limits(warnings=limit))
    for _ in range(limit):
        ours.receive(alert(theirs, USER_CANCELED))
    assert ours.error is None
    ours.receive(alert(theirs, USER_CANCELED))
    assert isinstance(ours.error, LimitExceeded)
    assert ours.error.alert is Alert.UNEXPECTED_MESSAGE
    assert sum(isinstance(event, AlertReceived) for event in ours.events) == limit


@pytest.mark.parametrize("role", ROLES)
def test_warnings_with_data_between_them_are_not_in_a_row(role: str) -> None:
    ours, theirs = connected(role, limits=Limits(warnings=2))
    for _ in range(10):
        ours.receive(alert(theirs, USER_CANCELED) + alert(theirs, USER_CANCELED))
        ours.receive(protected(theirs, ContentType.APPLICATION_DATA, b"useful"))
    assert ours.error is None
    assert ours.data == 10 * b"useful"


@pytest.mark.parametrize("role", ROLES)
def test_empty_records_between_warnings_do_not_excuse_them(role: str) -> None:
    ours, theirs = connected(role, limits=Limits(warnings=2))
    for count in range(3):
        assert ours.error is None
        for _ in range(count + 1):
            ours.receive(protected(theirs, ContentType.APPLICATION_DATA, b""))
        ours.receive(alert(theirs, USER_CANCELED))
    assert isinstance(ours.error, LimitExceeded)


@pytest.mark.parametrize("role", ROLES)
def test_warnings_with_handshake_messages_between_them_are_not_in_a_row(role: str) -> None:
    ours, theirs = pair(role, limits=Limits(warnings=2), server={"limits": Limits(warnings=2)})
    for end in (ours, theirs):
        end.start()
    for source, target in (
        2 * ((ours, theirs), (theirs, ours)) if role == "client" else 2 * ((theirs, ours), (ours, theirs))
    ):
        clear = True
        for one in records(source.take()):
            clear = clear and one[0] == ContentType.HANDSHAKE
            target.receive((2 * record(ContentType.ALERT, USER_CANCELED) if clear else b"") + one)
    assert ours.completed
    assert theirs.completed
    warned = {end: sum(isinstance(event, AlertReceived) for event in end.events) for end in (ours, theirs)}
    assert sorted(warned.values()) == [4, 10]


@pytest.mark.parametrize("role", ROLES)
def test_warnings_in_the_middle_of_a_handshake_are_survived(role: str) -> None:
    ours, theirs = pair(role)
    ours.receive(4 * record(ContentType.ALERT, USER_CANCELED)) if role == "server" else ours.start()
    talk(ours, theirs)
    assert ours.completed


@pytest.mark.parametrize("role", ROLES)
def test_an_alert_behind_data_comes_after_it(role: str) -> None:
    ours, theirs = connected(role)
    theirs.send(b"first")
    ours.receive(theirs.take() + alert(theirs, b"\x02\x28"))
    told, failed = ours.events[-2:]
    assert told == DataReceived(b"first")
    assert isinstance(failed, ConnectionFailed)


@pytest.mark.parametrize(
    ("description", "words"),
    [
        (Alert.HANDSHAKE_FAILURE, "Policy.compatible()"),
        (Alert.PROTOCOL_VERSION, "TLS 1.2"),
        (Alert.UNRECOGNIZED_NAME, "name"),
        (Alert.NO_APPLICATION_PROTOCOL, "alpn_protocols"),
    ],
)
def test_a_fatal_alert_says_what_may_help(description: Alert, words: str) -> None:
    ours, _ = pair("client")
    ours.start()
    ours.receive(record(ContentType.ALERT, bytes([2, description])))
    assert words in str(ours.error)


@pytest.mark.parametrize(
    ("description", "words"),
    [
        (Alert.UNKNOWN_CA, "issuer"),
        (Alert.BAD_CERTIFICATE, "refused the certificate"),
        (Alert.CERTIFICATE_EXPIRED, "clock"),
    ],
)
@pytest.mark.parametrize("role", ROLES)
def test_an_alert_about_our_certificate_speaks_of_ours_only_if_we_showed_one(
    role: str, description: Alert, words: str
) -> None:
    showed, theirs = connected(role, **AUTHENTICATED)
    showed.receive(alert(theirs, bytes([2, description])))
    assert words in str(showed.error)
    none, theirs = connected("client")
    none.receive(alert(theirs, bytes([2, description])))
    assert str(none.error) == f"the peer sent the fatal alert {description} (RFC 5246 7.2)"


def test_a_server_that_wants_a_certificate_and_gets_none_is_understood_whatever_it_calls_that() -> None:
    """RFC 5246 7.4.6 has it say handshake_failure, as if there were no common cipher suite."""
    client, server = pair("client", server=AUTHENTICATED["server"])
    talk(client, server)
    assert isinstance(client.error, PeerAlert)
    assert client.error.received is Alert.HANDSHAKE_FAILURE
    assert "give credentials=" in str(client.error)


def test_a_handshake_that_fails_after_the_suite_was_chosen_is_not_blamed_on_the_suites() -> None:
    client, theirs = connected("client")
    client.receive(alert(theirs, bytes([2, Alert.HANDSHAKE_FAILURE])))
    assert "Policy" not in str(client.error)


def test_a_handshake_failure_of_an_established_connection_is_not_blamed_on_the_suites() -> None:
    client, server = connected("client", policy=renegotiable())
    client.connection.renegotiate()
    client.receive(alert(server, b"\x02" + bytes([Alert.HANDSHAKE_FAILURE])))
    assert client.error is not None
    assert "offer" not in client.error.remedy


def test_a_client_whose_credentials_do_not_fit_is_not_told_to_give_some() -> None:
    client, server = pair(
        "client",
        client={"credentials": (client_credential(),)},
        server={**AUTHENTICATED["server"], "certificate_authorities": (b"0\x00",)},
    )
    talk(client, server)
    assert client.error is not None
    assert "none of our credentials fits" in client.error.remedy


def test_different_pre_shared_keys_are_suspected() -> None:
    psk = {"policy": PSK_POLICY, "verifier": None, "psk": PSK}
    client, server = pair("client", client=psk, server={"policy": PSK_POLICY, "psk": {PSK.identity: b"another key"}})
    talk(client, server)
    assert isinstance(client.error, PeerAlert)
    assert client.error.received is Alert.BAD_RECORD_MAC
    assert "its key for the PSK identity" in str(client.error)


@pytest.mark.parametrize("minor", [0, 1, 2])
def test_a_client_that_fails_before_it_reads_the_server_hello_tells_why_in_a_record_of_an_older_version(
    minor: int,
) -> None:
    """OpenSSL writes its alert in the version of its ClientHello's record."""
    ours, theirs = pair("server")
    theirs.start()
    ours.receive(theirs.take())
    ours.take()
    early = bytearray(record(ContentType.ALERT, bytes([FATAL, Alert.DECODE_ERROR])))
    early[2] = minor
    ours.receive(bytes(early))
    assert isinstance(ours.error, PeerAlert)
    assert ours.error.received is Alert.DECODE_ERROR
    assert ours.take() == b""


def test_once_records_are_protected_an_alert_of_another_version_is_refused() -> None:
    ours, theirs = connected("server")
    late = bytearray(alert(theirs, bytes([FATAL, Alert.DECODE_ERROR])))
    late[2] = 1
    ours.receive(bytes(late))
    assert isinstance(ours.error, PeerMisbehaved)
    assert ours.error.alert is Alert.PROTOCOL_VERSION
