"""Client, the ServerHello: section C1 of the checklists."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.checklists.behaviours import accepts, refuses, shows
from tests.checklists.duels import AgainstClient, Duel
from tests.ends import our_client
from tls12 import AcceptAnyPeer, Alert, CipherSuite, Policy, Session, UsageError
from tls12.lab.hellos import with_extensions, without_extensions
from tls12.lab.script import Script
from tls12.registry import CompressionMethod, ContentType, ECPointFormat, ExtensionType, NamedGroup, ProtocolVersion
from tls12.wire import messages
from tls12.wire.certificates import Certificate
from tls12.wire.closing import Finished, NewSessionTicket
from tls12.wire.extensions import (
    ApplicationLayerProtocolNegotiation,
    ECPointFormats,
    EncryptThenMac,
    ExtendedMasterSecret,
    Extension,
    MaxFragmentLength,
    RawExtension,
    RecordSizeLimit,
    RenegotiationInfo,
    ServerNameAck,
    SessionTicket,
    SessionTicketAck,
    StatusRequestAck,
    SupportedGroups,
)

HANDSHAKE, DATA = ContentType.HANDSHAKE, ContentType.APPLICATION_DATA
GCM = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
BIG = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
CBC = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA
LEGACY = Policy.legacy_device()
E = ExtensionType


def raw(kind: ExtensionType, body: str) -> RawExtension:
    return RawExtension(kind, bytes.fromhex(body))


def answered(*extensions: Extension, without: tuple[type[Any], ...] = (), **how: Any) -> AgainstClient:
    """A ServerHello with these extensions; nothing is carried yet."""
    fields = how.pop("fields", {})
    suite = how.pop("suite", None)
    duel = AgainstClient(**how)
    hello = duel.script.answer(duel.suite if suite is None else suite, **fields)
    duel.script.send(with_extensions(without_extensions(hello, *without), *extensions))
    return duel


def complete(duel: AgainstClient) -> AgainstClient:
    return duel.certificate().share().done().finish()


# -- C1.1 and C1.2 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [0x0000, 0x0002, 0x0300, 0x0301, 0x0302, 0x0304, 0x0401, 0xFEFD])
@refuses("C1.1", Alert.PROTOCOL_VERSION)
def test_a_version_other_than_1_2_is_refused(version: int) -> Duel:
    return answered(fields={"server_version": ProtocolVersion.of(version)})


@pytest.mark.parametrize("version", [0x0300, 0x0301, 0x0302, 0x0304, 0x03FF])
@accepts("C1.1")
def test_the_first_server_hello_may_come_in_any_record_of_version_3_x(version: int) -> Duel:
    duel = AgainstClient()
    duel.script.send_record(HANDSHAKE, duel.script.enter(duel.script.answer(GCM)), version=version)
    return complete(duel)


@pytest.mark.parametrize("version", [0x0300, 0x0301, 0x0302, 0x0304, 0x0403])
@refuses("C1.1", Alert.PROTOCOL_VERSION)
def test_after_the_server_hello_every_record_is_of_version_3_3(version: int) -> Duel:
    duel = AgainstClient().hello()
    duel.script.send_record(HANDSHAKE, b"\x0b\x00\x00\x00", version=version)
    return duel


@pytest.mark.parametrize("version", [0x0200, 0x0403])
@refuses("C1.1", Alert.PROTOCOL_VERSION)
def test_a_first_record_of_another_major_version_is_refused(version: int) -> Duel:
    duel = AgainstClient()
    duel.script.send_record(HANDSHAKE, duel.script.enter(duel.script.answer(GCM)), version=version)
    return duel


@pytest.mark.parametrize(
    "suite",
    [
        CBC,
        CipherSuite.TLS_RSA_WITH_AES_128_GCM_SHA256,
        0x00FF,
        0x5600,
        0x1A1A,
        0x1301,
        0x0000,
        0xC0FF,
        0x0080,
    ],
    ids=str,
)
@refuses("C1.2", Alert.ILLEGAL_PARAMETER)
def test_a_suite_that_was_not_offered_is_refused(suite: int) -> Duel:
    return answered(policy=Policy.default(), suite=CipherSuite.of(suite))


@pytest.mark.parametrize("signal", [CipherSuite.TLS_FALLBACK_SCSV, CipherSuite.TLS_EMPTY_RENEGOTIATION_INFO_SCSV])
@refuses("C1.2", Alert.ILLEGAL_PARAMETER)
def test_a_signal_instead_of_a_suite_is_refused(signal: CipherSuite) -> Duel:
    return answered(suite=signal)


@refuses("C1.2", Alert.ILLEGAL_PARAMETER)
def test_a_grease_value_is_refused_even_if_it_was_offered() -> Duel:
    duel = AgainstClient(policy=Policy.default().replace(send_grease=True))
    assert duel.script.client_hello is not None
    grease = next(suite for suite in duel.script.client_hello.cipher_suites if suite.is_grease)
    return duel.hello(grease)


@pytest.mark.parametrize("method", [1, 64, 255])
@refuses("C1.2", Alert.ILLEGAL_PARAMETER)
def test_a_compression_method_is_refused(method: int) -> Duel:
    return answered(fields={"compression_method": CompressionMethod.of(method)})


# -- C1.3 and C1.4 ------------------------------------------------------------------------------------------


UNASKED = {
    "heartbeat": raw(E.HEARTBEAT, "01"),
    "ALPN": ApplicationLayerProtocolNegotiation((b"h2",)),
    "max_fragment_length": MaxFragmentLength(1),
    "encrypt_then_mac": EncryptThenMac(),
    "supported_versions": raw(E.SUPPORTED_VERSIONS, "0303"),
    "key_share": raw(E.KEY_SHARE, "001d0001ff"),
    "NPN": raw(E.NEXT_PROTOCOL_NEGOTIATION, ""),
    "status_request_v2": raw(E.STATUS_REQUEST_V2, ""),
    "server_certificate_type": raw(E.SERVER_CERTIFICATE_TYPE, "02"),
    "an unknown one": raw(ExtensionType.of(0x7777), "00"),
    "a GREASE one": raw(ExtensionType.of(0x1A1A), ""),
}


@pytest.mark.parametrize("extension", UNASKED.values(), ids=UNASKED.keys())
@refuses("C1.3", Alert.UNSUPPORTED_EXTENSION)
def test_an_extension_that_was_not_offered_is_refused(extension: Extension) -> Duel:
    return answered(extension, policy=Policy.default())


UNANSWERABLE = {
    "signature_algorithms": raw(E.SIGNATURE_ALGORITHMS, "00020403"),
    "padding": raw(E.PADDING, "0000"),
}


@pytest.mark.parametrize("extension", UNANSWERABLE.values(), ids=UNANSWERABLE.keys())
@refuses("C1.3", Alert.UNSUPPORTED_EXTENSION)
def test_an_answer_to_an_offer_that_has_none_is_refused(extension: Extension) -> Duel:
    policy = Policy.compatible().replace(pad_client_hello=True)
    duel = AgainstClient(policy=policy, name="a" * 40 + ".example", verifier=AcceptAnyPeer())
    assert duel.script.client_hello is not None
    assert extension.extension_type in {offer.extension_type for offer in duel.script.client_hello.extensions or ()}
    duel.script.send(with_extensions(duel.script.answer(GCM), extension))
    return duel


@refuses("C1.3", Alert.UNSUPPORTED_EXTENSION)
def test_a_grease_extension_is_refused_even_if_it_was_offered() -> Duel:
    duel = AgainstClient(policy=Policy.compatible().replace(send_grease=True))
    assert duel.script.client_hello is not None
    grease = next(e for e in duel.script.client_hello.extensions or () if e.extension_type.is_grease)
    duel.script.send(with_extensions(duel.script.answer(GCM), grease))
    return duel


@accepts("C1.3")
def test_supported_groups_in_a_server_hello_is_tolerated() -> Duel:
    return complete(answered(SupportedGroups((NamedGroup.X25519,))))


@pytest.mark.parametrize("kind", [ExtendedMasterSecret, RenegotiationInfo])
@refuses("C1.3", Alert.DECODE_ERROR)
def test_the_same_extension_twice_is_refused(kind: type[Any]) -> Duel:
    duel = AgainstClient()
    hello = duel.script.answer(GCM)
    again = hello.find(kind)
    assert again is not None
    duel.script.send(replace(hello, extensions=(*(hello.extensions or ()), again)))
    return duel


@pytest.mark.parametrize(
    "spoil", ["trailing byte", "block too long", "block too short", "truncated", "extension too long"]
)
@refuses("C1.3", Alert.DECODE_ERROR)
def test_a_server_hello_of_wrong_framing_is_refused(spoil: str) -> Duel:
    duel = AgainstClient()
    body = bytearray(messages.serialize(duel.script.answer(GCM))[4:])
    block = 2 + 32 + 1 + 2 + 1
    if spoil == "trailing byte":
        body += b"\0"
    elif spoil == "block too long":
        body[block + 1] += 1
    elif spoil == "block too short":
        body[block + 1] -= 1
    elif spoil == "truncated":
        del body[-1]
    else:
        body[-1] += 1
    duel.script.send(b"\x02" + len(body).to_bytes(3) + bytes(body))
    return duel


@pytest.mark.parametrize("extensions", [None, ()], ids=["no block", "an empty block"])
@accepts("C1.3")
def test_a_server_hello_without_extensions_is_legal(extensions: tuple[()] | None) -> Duel:
    return AgainstClient(policy=LEGACY).handshake(extensions=extensions)


@pytest.mark.parametrize("value", [b"\0", bytes(12), bytes(24)])
@refuses("C1.4", Alert.HANDSHAKE_FAILURE)
def test_renegotiation_info_that_is_not_empty_is_refused_in_a_first_handshake(value: bytes) -> Duel:
    return answered(RenegotiationInfo(value))


@refuses("C1.4", Alert.HANDSHAKE_FAILURE)
def test_a_missing_renegotiation_info_is_refused_by_the_default_policy() -> Duel:
    return answered(without=(RenegotiationInfo,), policy=Policy.default())


@accepts("C1.4")
def test_a_missing_renegotiation_info_is_accepted_by_a_policy_that_allows_it() -> Duel:
    return complete(answered(without=(RenegotiationInfo,), policy=LEGACY))


# -- C1.5 and C1.6 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [b"http/1.1", b"H2", b"h", b"\xff\xfe"])
@refuses("C1.5", Alert.ILLEGAL_PARAMETER)
def test_an_application_protocol_that_was_not_offered_is_refused(name: bytes) -> Duel:
    return answered(ApplicationLayerProtocolNegotiation((name,)), alpn_protocols=("h2", "spdy"))


@pytest.mark.parametrize("body", ["", "0000", "000100", "0006026832026833", "00040268320000", "0003026832ff"])
@refuses("C1.5", Alert.DECODE_ERROR)
def test_an_application_protocol_answer_that_is_not_one_name_is_refused(body: str) -> Duel:
    return answered(raw(E.APPLICATION_LAYER_PROTOCOL_NEGOTIATION, body), alpn_protocols=("h2",))


@accepts("C1.5")
def test_an_offered_application_protocol_is_accepted() -> Duel:
    duel = complete(answered(ApplicationLayerProtocolNegotiation((b"h2",)), alpn_protocols=("h2", "spdy")))
    assert duel.subject.negotiated.alpn_protocol == "h2"
    return duel


@pytest.mark.parametrize("formats", [(1,), (1, 2), (255,)])
@refuses("C1.6", Alert.ILLEGAL_PARAMETER)
def test_ec_point_formats_without_uncompressed_are_refused(formats: tuple[int, ...]) -> Duel:
    return answered(ECPointFormats(tuple(map(ECPointFormat.of, formats))))


@pytest.mark.parametrize(
    "kind", [E.SERVER_NAME, E.SESSION_TICKET, E.EXTENDED_MASTER_SECRET, E.STATUS_REQUEST, E.ENCRYPT_THEN_MAC], ids=str
)
@refuses("C1.6", Alert.DECODE_ERROR)
def test_an_answer_with_a_body_that_must_be_empty_is_refused(kind: ExtensionType) -> Duel:
    return answered(raw(kind, "00"))


@pytest.mark.parametrize("suite", [GCM, CipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256], ids=str)
@refuses("C1.6", Alert.ILLEGAL_PARAMETER)
def test_encrypt_then_mac_without_cbc_is_refused(suite: CipherSuite) -> Duel:
    return answered(EncryptThenMac(), suite=suite)


@accepts("C1.6")
def test_encrypt_then_mac_with_cbc_is_used() -> Duel:
    duel = complete(answered(EncryptThenMac(), suite=CBC))
    assert duel.subject.negotiated.encrypt_then_mac
    return duel


# -- C1.7 and C1.8 ------------------------------------------------------------------------------------------


def sizes(duel: AgainstClient, data: bytes) -> list[int]:
    before = len(duel.script.records)
    duel.subject.send(data)
    duel.carry()
    return [len(fragment) for _, fragment in duel.script.records[before:]]


@pytest.mark.parametrize("code", [1, 3, 4])
@refuses("C1.7", Alert.ILLEGAL_PARAMETER)
def test_another_max_fragment_length_than_ours_is_refused(code: int) -> Duel:
    return answered(MaxFragmentLength(code), max_fragment_length=1024)


@pytest.mark.parametrize("body", ["00", "05", "ff"])
@refuses("C1.7", Alert.ILLEGAL_PARAMETER)
def test_a_max_fragment_length_that_does_not_exist_is_refused(body: str) -> Duel:
    return answered(raw(E.MAX_FRAGMENT_LENGTH, body), max_fragment_length=1024)


@pytest.mark.parametrize(("size", "code"), [(512, 1), (1024, 2), (2048, 3), (4096, 4)])
@accepts("C1.7")
def test_our_max_fragment_length_bounds_both_directions(size: int, code: int) -> Duel:
    duel = answered(MaxFragmentLength(code), max_fragment_length=size)
    assert duel.script.client_hello is not None
    assert duel.script.client_hello.find(MaxFragmentLength) == MaxFragmentLength(code)
    duel.script.fragment_size = size
    complete(duel)
    assert sizes(duel, bytes(size + 1)) == [size, 1]
    duel.script.send_record(DATA, bytes(size))
    return duel


@refuses("C1.7", Alert.RECORD_OVERFLOW)
def test_a_record_larger_than_our_max_fragment_length_is_refused() -> Duel:
    duel = complete(answered(MaxFragmentLength(4), max_fragment_length=4096))
    duel.script.send_record(DATA, bytes(4097))
    return duel


@refuses("C1.7", Alert.RECORD_OVERFLOW)
def test_a_handshake_record_larger_than_our_max_fragment_length_is_refused() -> Duel:
    duel = answered(MaxFragmentLength(1), max_fragment_length=512)
    duel.script.send_record(HANDSHAKE, b"\x0b\x00\x03\x00" + bytes(768))
    return duel


@accepts("C1.7")
def test_a_server_without_max_fragment_length_is_accepted() -> Duel:
    duel = complete(answered(max_fragment_length=512))
    assert sizes(duel, bytes(2000)) == [2000]
    return duel


@shows("C1.7", "UsageError")
def test_a_max_fragment_length_that_does_not_exist_cannot_be_configured() -> None:
    for size in (0, 1, 511, 8192, 2**14):
        with pytest.raises(UsageError):
            our_client(max_fragment_length=size)


@pytest.mark.parametrize("body", ["0000", "003f", "4001", "ffff"])
@refuses("C1.7", Alert.ILLEGAL_PARAMETER)
def test_a_record_size_limit_out_of_range_is_refused(body: str) -> Duel:
    return answered(raw(E.RECORD_SIZE_LIMIT, body))


@pytest.mark.parametrize("limit", [64, 1000, 2**14])
@accepts("C1.7")
def test_a_record_size_limit_bounds_what_we_send(limit: int) -> Duel:
    duel = complete(answered(RecordSizeLimit(limit)))
    assert sizes(duel, bytes(limit + 1)) == [limit, 1]
    return duel


@refuses("C1.7", Alert.RECORD_OVERFLOW)
def test_a_record_larger_than_the_limit_that_we_named_is_refused() -> Duel:
    duel = complete(answered(RecordSizeLimit(2**14), record_size_limit=100))
    duel.script.send_record(DATA, bytes(101))
    return duel


@refuses("C1.7", Alert.ILLEGAL_PARAMETER)
def test_both_limits_together_are_refused() -> Duel:
    return answered(RecordSizeLimit(2**14), MaxFragmentLength(1), max_fragment_length=512)


@pytest.mark.parametrize("mark", [b"DOWNGRD\x01", b"DOWNGRD\x00"])
@accepts("C1.8")
def test_the_downgrade_mark_is_reported_and_not_refused(mark: bytes) -> Duel:
    duel = complete(answered(fields={"random": bytes(24) + mark}))
    assert duel.subject.negotiated.peer_sent_downgrade_sentinel
    return duel


@accepts("C1.8")
def test_a_random_without_the_mark_reports_nothing() -> Duel:
    duel = complete(answered(fields={"random": bytes(24) + b"DOWNGRD\x02"}))
    assert not duel.subject.negotiated.peer_sent_downgrade_sentinel
    return duel


# -- C1.9 and C1.10 sessions --------------------------------------------------------------------------------


@refuses("C1.9", Alert.DECODE_ERROR)
def test_a_session_id_longer_than_32_bytes_is_refused() -> Duel:
    duel = AgainstClient()
    body = b"\x03\x03" + bytes(32) + b"\x21" + bytes(33) + b"\xc0\x2b\x00"
    duel.script.send(b"\x02" + len(body).to_bytes(3) + body)
    return duel


def session_by(how: str, **config: Any) -> Session:
    """What a client keeps of a first handshake, by id or by ticket."""
    extensions = (SessionTicketAck(),) if how == "ticket" else ()
    duel = answered(*extensions, fields={"session_id": b"\x55" * 32 if how == "id" else b""}, **config)
    duel.certificate().share().done()
    duel.script.accept()
    if how == "ticket":
        duel.script.send(NewSessionTicket(3600, b"a ticket"))
    duel.script.finish()
    duel.carry()
    session = duel.subject.connection.session
    assert session is not None
    return session


def coming_back(
    session: Session, *extensions: Extension, without: tuple[type[Any], ...] = (), **how: Any
) -> AgainstClient:
    """The ServerHello of a resumption; the session id is the client's unless `fields` say otherwise."""
    fields = how.pop("fields", {})
    suite = how.pop("suite", None)
    duel = AgainstClient(session=session, **how)
    assert duel.script.client_hello is not None
    fields.setdefault("session_id", duel.script.client_hello.session_id)
    hello = duel.script.answer(duel.suite if suite is None else suite, **fields)
    duel.script.send(with_extensions(without_extensions(hello, *without), *extensions))
    return duel


def finishing(duel: AgainstClient, session: Session) -> AgainstClient:
    duel.script.resume(session.master_secret)
    duel.script.finish()
    duel.carry()
    assert isinstance(duel.script.last(Finished), Finished)
    assert duel.subject.negotiated.resumed
    return duel


@pytest.mark.parametrize("how", ["id", "ticket"])
@accepts("C1.9")
def test_a_resumption_with_the_sessions_suite_completes(how: str) -> Duel:
    session = session_by(how)
    return finishing(coming_back(session), session)


@pytest.mark.parametrize("how", ["id", "ticket"])
@refuses("C1.9", Alert.ILLEGAL_PARAMETER)
def test_a_resumption_with_another_suite_is_refused(how: str) -> Duel:
    return coming_back(session_by(how), suite=BIG)


@pytest.mark.parametrize("version", [0x0302, 0x0304])
@refuses("C1.9", Alert.PROTOCOL_VERSION)
def test_a_resumption_with_another_version_is_refused(version: int) -> Duel:
    return coming_back(session_by("id"), fields={"server_version": ProtocolVersion.of(version)})


@pytest.mark.parametrize("how", ["id", "ticket"])
@refuses("C1.9", Alert.HANDSHAKE_FAILURE)
def test_a_resumption_that_drops_extended_master_secret_is_refused(how: str) -> Duel:
    return coming_back(session_by(how, policy=LEGACY), without=(ExtendedMasterSecret,), policy=LEGACY)


@pytest.mark.parametrize("how", ["id", "ticket"])
@refuses("C1.9", Alert.HANDSHAKE_FAILURE)
def test_a_resumption_that_adds_extended_master_secret_is_refused(how: str) -> Duel:
    session = session_by(how, policy=LEGACY, without=(ExtendedMasterSecret,))
    assert not session.extended_master_secret
    return coming_back(session, policy=LEGACY)


@pytest.mark.parametrize("session_id", [b"", b"\x66" * 32])
@pytest.mark.parametrize("renewed", [False, True])
@accepts("C1.10")
def test_a_tickets_resumption_is_recognised_by_the_message_behind_the_server_hello(
    renewed: bool, session_id: bytes
) -> Duel:
    session = session_by("ticket")
    extensions = (SessionTicketAck(),) if renewed else ()
    duel = coming_back(session, *extensions, fields={"session_id": session_id})
    if renewed:
        duel.script.send(NewSessionTicket(3600, b"another ticket"))
    finishing(duel, session)
    kept = duel.subject.connection.session
    assert kept is not None
    assert kept.ticket == (b"another ticket" if renewed else b"a ticket")
    return duel


@pytest.mark.parametrize("session_id", [b"", b"\x66" * 32])
@accepts("C1.10")
def test_a_ticket_that_was_not_taken_leads_to_a_full_handshake(session_id: bytes) -> Duel:
    duel = complete(coming_back(session_by("ticket"), fields={"session_id": session_id}))
    assert not duel.subject.negotiated.resumed
    return duel


@refuses("C1.10", Alert.UNEXPECTED_MESSAGE)
def test_a_certificate_behind_the_echoed_id_is_refused() -> Duel:
    duel = coming_back(session_by("ticket"))
    duel.script.send(Certificate((b"x",)))
    return duel


@pytest.mark.parametrize(
    "extension",
    [ServerNameAck(), StatusRequestAck(), raw(E.SIGNED_CERTIFICATE_TIMESTAMP, "00040002abcd")],
    ids=["server_name", "status_request", "SCTs"],
)
@pytest.mark.parametrize("how", ["id", "ticket"])
@accepts("C1.10")
def test_an_answer_for_a_full_handshake_is_tolerated_in_a_resumption(how: str, extension: Extension) -> Duel:
    session = session_by(how)
    return finishing(coming_back(session, extension), session)


@accepts("C1.10")
def test_a_resumption_keeps_the_max_fragment_length_of_its_session() -> Duel:
    extensions = (MaxFragmentLength(1), SessionTicketAck())
    first = answered(*extensions, max_fragment_length=512)
    first.script.fragment_size = 512
    first.certificate().share().done()
    first.script.accept()
    first.script.send(NewSessionTicket(3600, b"a ticket"))
    first.script.finish()
    first.carry()
    session = first.subject.connection.session
    assert session is not None
    assert session.max_fragment_length == 1
    duel = finishing(coming_back(session, max_fragment_length=512), session)
    assert sizes(duel, bytes(600)) == [512, 88]
    again = duel.subject.connection.session
    assert again is not None
    assert again.max_fragment_length == 1
    return duel


@accepts("C1.10")
def test_the_client_offers_its_ticket_under_an_id_of_its_own() -> Duel:
    session = session_by("ticket")
    duel = coming_back(session)
    hello = duel.script.client_hello
    assert hello is not None
    assert hello.find(SessionTicket) == SessionTicket(b"a ticket")
    assert len(hello.session_id) == 32
    assert isinstance(duel.script, Script)
    return finishing(duel, session)
