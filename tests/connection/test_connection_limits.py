"""Every bound of Limits: below it and at it nothing happens, above it the connection ends with an alert."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from tests import pki
from tests.ends import (
    AUTHENTICATED,
    PSK,
    PSK_POLICY,
    ROLES,
    Ours,
    connected,
    handshake,
    our_client,
    our_server,
    pair,
    protected,
    record,
    stapled_credential,
    talk,
)
from tests.fixed import Clock
from tls12 import (
    Alert,
    ClientAuth,
    ConnectionFailed,
    ConnectionState,
    DecodeError,
    KeysNearLimit,
    Limits,
    PeerAlert,
    Psk,
    TLSError,
    UsageError,
)
from tls12.errors import KeysExhausted, LimitExceeded, UnexpectedMessage
from tls12.lab.pki import CLIENT, ThrowawayCA
from tls12.lab.script import Script
from tls12.registry import CertificateStatusType, ContentType, HandshakeType
from tls12.trust.credentials import Credential
from tls12.wire.extensions import (
    ApplicationLayerProtocolNegotiation,
    OcspStatusRequest,
    StatusRequestItem,
    StatusRequestV2,
)

TESTED = {
    "message_sizes",
    "other_message_size",
    "extensions",
    "list_entries",
    "structures",
    "certificates",
    "warnings",  # test_connection_alerts
    "empty_records",
    "hello_requests",  # test_connection_renegotiation
    "renegotiations",  # test_connection_renegotiation
    "records_per_key",
    "handshake_seconds",
    "buffered",  # test_connection_pausing, test_connection_input
    "held",  # test_connection_held
    "psk_identity",
}


def test_every_limit_has_its_test() -> None:
    assert {field.name for field in fields(Limits)} == TESTED


def end_of(ours: Ours, theirs: Ours) -> TLSError:
    """Why our end failed; the peer has heard the alert for it."""
    assert ours.error is not None
    assert isinstance(theirs.error, PeerAlert)
    assert theirs.error.received is ours.error.alert
    return ours.error


# --- handshake messages -----------------------------------------------------------------------------------

SIZED = {
    HandshakeType.CLIENT_HELLO: "server",
    HandshakeType.SERVER_HELLO: "client",
    HandshakeType.CERTIFICATE: "client",
    HandshakeType.CERTIFICATE_STATUS: "client",
    HandshakeType.SERVER_KEY_EXCHANGE: "client",
    HandshakeType.CERTIFICATE_REQUEST: "client",
    HandshakeType.CLIENT_KEY_EXCHANGE: "server",
    HandshakeType.CERTIFICATE_VERIFY: "server",
}


@pytest.mark.parametrize("kind", SIZED, ids=str)
def test_the_size_of_each_message_is_bounded(kind: HandshakeType) -> None:
    role = SIZED[kind]
    sizes: list[int] = []

    def watch(sender: str, message: Any, size: int) -> None:
        if message.msg_type == kind and sender != role:
            sizes.append(size - 4)

    connected(role, mine={"on_message": watch}, **AUTHENTICATED)
    (size,) = sizes
    for limit in (size + 9, size - 9):
        limits = Limits(message_sizes={**Limits().message_sizes, kind: limit})
        ours, theirs = pair(role, **{**AUTHENTICATED, role: {**AUTHENTICATED[role], "limits": limits}})
        talk(ours, theirs)
        if limit > size:
            assert ours.completed
            continue
        error = end_of(ours, theirs)
        assert isinstance(error, DecodeError)
        assert error.alert is Alert.DECODE_ERROR
        assert str(limit) in str(error)


@pytest.mark.parametrize("limit", [99, 100, 101])
@pytest.mark.parametrize("role", ROLES)
def test_the_size_of_a_message_is_judged_by_what_it_declares_before_it_has_come(role: str, limit: int) -> None:
    kind = HandshakeType.CERTIFICATE
    ours, _ = pair(role, limits=Limits(message_sizes={kind: limit}))
    ours.start()
    ours.receive(record(ContentType.HANDSHAKE, bytes([kind, 0, 0, 100])))
    assert isinstance(ours.error, UnexpectedMessage) is (limit < 100)


@pytest.mark.parametrize("kind", [0, 2, 4, 11, 14, 15, 16, 20, 22, 24, 99, 255], ids=str)
@pytest.mark.parametrize("when", ["first", "in the handshake", "behind it"])
def test_a_message_out_of_place_is_that_whatever_length_it_claims(when: str, kind: int) -> None:
    script, server = Script("client"), our_server()
    if when != "first":
        script.send(script.hello())
        server.receive(script.data_to_send())
        script.receive_data(server.take())
    if when == "behind it":
        script.send(script.respond())
        script.derive()
        script.finish()
    script.send_record(ContentType.HANDSHAKE, bytes([kind]) + b"\xff\xff\xff")
    server.receive(script.data_to_send())
    assert server.completed is (when == "behind it")
    in_place = (when, kind) == ("in the handshake", HandshakeType.CLIENT_KEY_EXCHANGE)
    assert server.error is not None
    assert server.error.alert is (Alert.DECODE_ERROR if in_place else Alert.UNEXPECTED_MESSAGE)


@pytest.mark.parametrize("limit", [99, 100, 101])
@pytest.mark.parametrize("role", ROLES)
def test_messages_of_other_types_have_a_limit_of_their_own(role: str, limit: int) -> None:
    ours, _ = pair(role, limits=Limits(other_message_size=limit))
    ours.start()
    ours.receive(record(ContentType.HANDSHAKE, bytes([99, 0, 0, 100]) + bytes(99)))
    assert isinstance(ours.error, UnexpectedMessage) is (limit < 100)


def how_many_extensions(role: str) -> int:
    """How many the peer's hello has."""
    seen: list[int] = []

    def watch(sender: str, message: Any, size: int) -> None:
        if sender != role and "Hello" in type(message).__name__ and hasattr(message, "extensions"):
            seen.append(len(message.extensions))

    connected(role, mine={"on_message": watch})
    return seen[0]


@pytest.mark.parametrize("spare", [-1, 0, 1])
@pytest.mark.parametrize("role", ROLES)
def test_the_number_of_extensions_is_bounded(role: str, spare: int) -> None:
    limits = Limits(extensions=how_many_extensions(role) + spare)
    ours, theirs = pair(role, **{role: {"limits": limits}})
    talk(ours, theirs)
    if spare >= 0:
        assert ours.completed
    else:
        error = end_of(ours, theirs)
        assert isinstance(error, LimitExceeded)
        assert error.alert is Alert.HANDSHAKE_FAILURE


def test_a_refusal_of_the_number_of_extensions_names_the_limit() -> None:
    ours, theirs = pair("server", server={"limits": Limits(extensions=3)})
    talk(ours, theirs)
    assert "Limits.extensions allows 3" in str(end_of(ours, theirs))


@pytest.mark.parametrize("limit", [255, 300])
@pytest.mark.parametrize("more", [0, 1])
def test_the_entries_of_every_list_are_bounded(limit: int, more: int) -> None:
    """The authorities of a CertificateRequest, the largest list that honest servers send."""
    names = tuple(bytes.fromhex("30023100") for _ in range(limit + more))
    options = {
        **AUTHENTICATED,
        "server": {**AUTHENTICATED["server"], "client_auth": ClientAuth.OPTIONAL, "certificate_authorities": names},
    }
    ours, theirs = pair("client", **{**options, "client": {**options["client"], "limits": Limits(list_entries=limit)}})
    talk(ours, theirs)
    assert ours.completed is (more == 0)
    if more:
        error = end_of(ours, theirs)
        assert isinstance(error, LimitExceeded)
        assert error.alert is Alert.HANDSHAKE_FAILURE
        assert f"Limits.list_entries allows {limit}" in str(error)
        assert "CertificateRequest.certificate_authorities" in str(error)


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("kind", ["requests", "responders", "protocols"])
def test_the_structures_and_names_in_one_extension_are_bounded_more_narrowly(kind: str, more: int) -> None:
    """Each takes far longer to read than a number; no client sends many."""
    wishes = [
        StatusRequestItem(CertificateStatusType.OCSP, OcspStatusRequest((b"responder",) * count))
        for count in (0, 3, 3 + more)
    ]
    extension, path = {
        "requests": (StatusRequestV2((wishes[0],) * (8 + more)), "certificate_status_req_list[8]"),
        "responders": (
            StatusRequestV2((wishes[1], wishes[2])),
            "certificate_status_req_list[1].request.responder_id_list",
        ),
        "protocols": (ApplicationLayerProtocolNegotiation((b"name",) * (8 + more)), "protocol_name_list"),
    }[kind]
    ours = our_client(extensions=(extension,))
    theirs = our_server(limits=Limits(structures=8))
    talk(ours, theirs)
    assert ours.completed is (more == 0)
    if more:
        error = theirs.error
        assert isinstance(error, LimitExceeded)
        assert error.alert is Alert.HANDSHAKE_FAILURE
        assert f"{path}: the peer sent more than 8 structures in one extension or message" in str(error)
        assert "Limits.structures allows 8" in str(error)


@pytest.mark.parametrize("entries", [0, 254])
def test_a_bound_below_the_lists_that_are_remembered_is_a_mistake_of_the_caller(entries: int) -> None:
    with pytest.raises(UsageError, match=r"list_entries.*255"):
        Limits(list_entries=entries)


@pytest.mark.parametrize("limit", [2, 3, 4])
@pytest.mark.parametrize("role", ROLES)
def test_the_length_of_a_chain_is_bounded(role: str, limit: int) -> None:
    issued = ThrowawayCA("Deep", issuer=pki.intermediate()).issue(*pki.NAMES) if role == "client" else None
    chain = issued or ThrowawayCA("Deep", issuer=pki.intermediate()).issue(purposes=CLIENT)
    assert len(chain.certificates) == 3
    credential = Credential.from_objects(chain.certificates, chain.private_key)
    other = "server" if role == "client" else "client"
    options = {name: dict(AUTHENTICATED[name]) for name in ROLES}
    options[other]["credentials"] = (credential,)
    options[role]["limits"] = Limits(certificates=limit)
    ours, theirs = pair(role, **options)
    talk(ours, theirs)
    if limit >= 3:
        assert ours.completed
    else:
        error = end_of(ours, theirs)
        assert isinstance(error, LimitExceeded)
        assert error.alert is Alert.BAD_CERTIFICATE


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_the_length_of_a_psk_identity_is_bounded(limit: int) -> None:
    assert len(PSK.identity) == 2
    asked: list[bytes] = []

    def look_up(identity: bytes) -> bytes:
        asked.append(identity)
        return PSK.key

    server = {"psk": look_up, "limits": Limits(psk_identity=limit)}
    ours, theirs = pair("server", policy=PSK_POLICY, client={"psk": PSK}, server=server)
    talk(ours, theirs)
    assert asked == ([PSK.identity] if limit >= 2 else [])
    if limit >= 2:
        assert ours.completed
    else:
        assert isinstance(end_of(ours, theirs), LimitExceeded)


def test_a_long_psk_identity_is_served_where_it_is_allowed() -> None:
    psk = Psk(bytes(60_000), b"a key of sixteen")
    server = {"psk": {psk.identity: psk.key}, "limits": replace(Limits.of_the_format(), psk_identity=60_000)}
    ours, _ = connected("server", policy=PSK_POLICY, client={"psk": psk}, server=server)
    assert ours.negotiated.psk_identity == psk.identity


# --- records ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0, 1, 32])
@pytest.mark.parametrize("role", ROLES)
def test_empty_records_in_a_row_are_bounded(role: str, limit: int) -> None:
    ours, theirs = connected(role, limits=Limits(empty_records=limit))
    for _ in range(limit):
        ours.receive(protected(theirs, ContentType.APPLICATION_DATA, b""))
    ours.receive(protected(theirs, ContentType.APPLICATION_DATA, b"useful"))
    for _ in range(limit):
        ours.receive(protected(theirs, ContentType.APPLICATION_DATA, b""))
    assert ours.error is None
    ours.receive(protected(theirs, ContentType.APPLICATION_DATA, b""))
    assert isinstance(ours.error, LimitExceeded)
    assert ours.error.alert is Alert.UNEXPECTED_MESSAGE


@pytest.mark.parametrize("role", ROLES)
def test_empty_records_are_counted_alike_however_they_and_the_data_between_arrive(role: str) -> None:
    for together in (1, 2, 3, 100):
        ours, theirs = connected(role, limits=Limits(empty_records=2))
        sent = [protected(theirs, ContentType.APPLICATION_DATA, data) for data in (b"", b"", b"1", b"", b"2", b"", b"")]
        for start in range(0, len(sent), together):
            ours.receive(b"".join(sent[start : start + together]))
        assert ours.error is None
        assert ours.data == b"12"
        ours.receive(protected(theirs, ContentType.APPLICATION_DATA, b""))
        assert isinstance(ours.error, LimitExceeded)


LIMITED = {"limits": Limits(records_per_key=16)}


@pytest.mark.parametrize("role", ROLES)
def test_what_one_of_our_keys_protects_is_bounded(role: str) -> None:
    ours, theirs = connected(role, **{role: LIMITED})
    for count in range(1, 16):  # the first record was the Finished
        ours.send(b"x")
        warned = any(isinstance(event, KeysNearLimit) for event in ours.connection.events())
        assert warned is (count == 13)  # seven eighths of sixteen are used
    assert ours.connection.state is ConnectionState.ESTABLISHED
    ours.send(b"x")
    (failed,) = ours.connection.events()
    assert isinstance(failed, ConnectionFailed)
    assert isinstance(failed.error, KeysExhausted)
    theirs.receive(ours.take())
    assert theirs.data == 15 * b"x"
    assert isinstance(theirs.error, PeerAlert)


@pytest.mark.parametrize("role", ROLES)
def test_what_one_of_the_peers_keys_protects_is_bounded(role: str) -> None:
    ours, theirs = connected(role, **{role: LIMITED})
    for _ in range(15):
        theirs.send(b"x")
    ours.receive(theirs.take())
    assert ours.error is None
    theirs.send(b"one too many")
    ours.receive(theirs.take())
    assert ours.data == 15 * b"x"
    assert isinstance(ours.error, KeysExhausted)


@pytest.mark.parametrize("role", ROLES)
def test_a_key_that_is_used_up_can_still_close(role: str) -> None:
    ours, theirs = connected(role, **{role: LIMITED})
    for _ in range(15):
        ours.send(b"x")
    ours.close()
    talk(ours, theirs)
    assert theirs.closed_cleanly
    assert ours.connection.closed


# --- time -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [29.0, 30.0, 30.5])
@pytest.mark.parametrize("role", ROLES)
def test_the_duration_of_a_handshake_is_bounded(role: str, seconds: float) -> None:
    clock = Clock()
    ours, theirs = pair(role, clock=clock, **{role: {"limits": Limits(handshake_seconds=30.0)}})
    client, server = (ours, theirs) if role == "client" else (theirs, ours)
    client.start()
    server.receive(client.take())
    if role == "server":
        client.receive(server.take())
    clock.now += seconds
    talk(ours, theirs)
    if seconds <= 30.0:
        assert ours.completed
        assert theirs.completed
        return
    error = end_of(ours, theirs)
    assert isinstance(error, LimitExceeded)
    assert "30.0 seconds" in str(error)
    assert sum(isinstance(event, ConnectionFailed) for event in ours.events) == 1


@pytest.mark.parametrize("role", ROLES)
def test_after_the_handshake_time_does_not_matter(role: str) -> None:
    clock = Clock()
    ours, theirs = connected(role, clock=clock, limits=Limits(handshake_seconds=30.0))
    clock.now += 1e6
    theirs.send(b"much later")
    ours.receive(theirs.take())
    assert ours.data == b"much later"


@pytest.mark.parametrize("role", ROLES)
def test_a_handshake_that_took_too_long_fails_once_even_at_the_end_of_the_stream(role: str) -> None:
    clock = Clock()
    ours, theirs = pair(role, clock=clock, limits=Limits(handshake_seconds=1.0))
    client, server = (ours, theirs) if role == "client" else (theirs, ours)
    client.start()
    server.receive(client.take())
    clock.now += 2
    ours.receive(b"")
    ours.receive(b"")
    (*_, failed) = ours.events
    assert isinstance(failed, ConnectionFailed)
    assert isinstance(failed.error, LimitExceeded)
    assert sum(isinstance(event, ConnectionFailed) for event in ours.events) == 1


def test_the_limits_of_the_format_let_the_largest_legal_hello_through() -> None:
    limits = Limits.of_the_format()
    assert limits.message_sizes[HandshakeType.CLIENT_HELLO] >= 131_396
    assert limits.extensions >= 0xFFFF // 4
    assert limits.list_entries >= 0xFFFF
    ours, theirs = connected("client", server={"credentials": (stapled_credential("rsa-2048"),)})
    assert ours.completed
    assert handshake(theirs, b"") != b""
