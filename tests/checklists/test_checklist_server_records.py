"""Server, records in the clear: section S1 of the checklists."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests import pki
from tests.checklists.behaviours import accepts, refuses, shows
from tests.checklists.duels import AgainstServer, Duel
from tests.ends import Ours, pieces
from tls12 import (
    Alert,
    AlertReceived,
    CipherSuite,
    ClientAuth,
    ConnectionFailed,
    Limits,
    SignatureScheme,
    TruncatedError,
)
from tls12.errors import NotTLS
from tls12.lab import policy as laboratory
from tls12.lab.hellos import with_extensions
from tls12.registry import AlertLevel, CompressionMethod, ContentType, ExtensionType
from tls12.wire import messages
from tls12.wire.certificates import Certificate
from tls12.wire.closing import AlertMessage, ChangeCipherSpec
from tls12.wire.extensions import RawExtension
from tls12.wire.hello import HelloRequest

HANDSHAKE, CCS, ALERT = ContentType.HANDSHAKE, ContentType.CHANGE_CIPHER_SPEC, ContentType.ALERT
DATA = ContentType.APPLICATION_DATA
WARNING = AlertMessage(AlertLevel.WARNING, Alert.UNRECOGNIZED_NAME)


# -- S1.1 versions ------------------------------------------------------------------------------------------


def hello_in_a_record_of(version: int) -> AgainstServer:
    duel = AgainstServer()
    script = duel.script
    hello = messages.serialize(script.hello())
    script.send(hello)
    script.data_to_send()
    script.send_record(HANDSHAKE, hello, version=version)
    return duel


@pytest.mark.parametrize("version", [0x0300, 0x0301, 0x0302, 0x0303, 0x0304, 0x03FF])
@accepts("S1.1")
def test_a_first_record_of_any_version_3_x_is_read(version: int) -> Duel:
    return hello_in_a_record_of(version).carry().key_exchange().finish()


@pytest.mark.parametrize("version", [0x0000, 0x0002, 0x0200, 0x0403, 0xFEFD])
@refuses("S1.1", Alert.PROTOCOL_VERSION)
def test_a_first_record_of_another_major_version_is_refused(version: int) -> Duel:
    return hello_in_a_record_of(version)


@pytest.mark.parametrize("version", [0x0300, 0x0301, 0x0302, 0x0304, 0x0403])
@refuses("S1.1", Alert.PROTOCOL_VERSION)
def test_after_the_server_hello_every_record_is_of_version_3_3(version: int) -> Duel:
    duel = AgainstServer().hello()
    duel.script.send_record(HANDSHAKE, messages.serialize(duel.script.respond()), version=version)
    return duel


# -- S1.2 fragments -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 20])
@accepts("S1.2")
def test_messages_cut_into_small_records_are_put_together(size: int) -> Duel:
    duel = AgainstServer()
    duel.script.fragment_size = size
    return duel.handshake()


@pytest.mark.parametrize("size", [1, 7, 100])
@shows("S1.2", "accepted")
def test_records_cut_into_small_reads_are_put_together(size: int) -> None:
    duel = AgainstServer()
    duel.script.send(duel.script.hello())
    for piece in pieces(duel.script.data_to_send(), size):
        duel.subject.receive(piece)
    duel.carry().key_exchange()
    duel.script.finish()
    for piece in pieces(duel.script.data_to_send(), size):
        duel.subject.receive(piece)
    duel.assert_works()


@accepts("S1.2")
def test_many_messages_in_one_record_are_taken_apart() -> Duel:
    from tests.ends import verifier

    duel = AgainstServer(client_auth=ClientAuth.REQUIRED, verifier=verifier()).hello()
    script, mine = duel.script, pki.client()
    flight = script.enter(Certificate(mine.chain_der)) + script.enter(script.respond())
    script.derive()
    flight += script.enter(script.certificate_verify(mine.private_key, SignatureScheme.ECDSA_SECP256R1_SHA256))
    script.send_record(HANDSHAKE, flight)
    return duel.finish()


@accepts("S1.2")
def test_a_client_hello_longer_than_a_record_spans_records() -> Duel:
    duel = AgainstServer(limits=Limits.of_the_format())
    long = RawExtension(ExtensionType.of(0x7777), bytes(40_000))
    return duel.hello(hello=with_extensions(duel.script.hello(), long)).key_exchange().finish()


# -- S1.3 to S1.6 sizes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [2**14 + 1, 2**14 + 2048, 65_535])
@refuses("S1.3", Alert.RECORD_OVERFLOW)
def test_a_clear_record_above_16_kib_is_refused_by_its_header(length: int) -> Duel:
    duel = AgainstServer()
    duel.script.send_bytes(bytes((22, 3, 3)) + length.to_bytes(2))
    return duel


@accepts("S1.4")
def test_the_largest_client_hello_that_can_be_encoded_completes_where_the_limits_allow_it() -> Duel:
    return largest_hello(AgainstServer(limits=Limits.of_the_format())).key_exchange().finish()


@accepts("S1.4")
def test_the_largest_client_hello_that_can_be_encoded_completes_under_the_policy_of_the_laboratory() -> Duel:
    return largest_hello(AgainstServer(policy=laboratory())).key_exchange().finish()


@refuses("S1.4", Alert.DECODE_ERROR)
def test_the_largest_client_hello_that_can_be_encoded_is_refused_by_default() -> Duel:
    return largest_hello(AgainstServer())


def largest_hello(duel: AgainstServer) -> AgainstServer:
    script = duel.script
    hello = script.hello()
    suites = (*hello.cipher_suites, *(CipherSuite.of(0x1300 + n % 0xA000) for n in range(32_765)))
    hello = replace(
        hello, session_id=bytes(32), cipher_suites=suites, compression_methods=(CompressionMethod.NULL,) * 255
    )
    assert hello.extensions is not None
    used = len(messages.serialize(hello)) - len(messages.serialize(replace(hello, extensions=())))
    hello = with_extensions(hello, RawExtension(ExtensionType.of(0x7777), bytes(0xFFFF - used - 4)))
    assert (
        len(messages.serialize(hello)) == 131_400
    )  # 4 of header, 2 + 32 + 33 of version, random and id, 65,536 of suites, 256, and 65,537
    return duel.hello(hello=hello)


@shows("S1.5", "silence")
def test_a_client_hello_of_which_most_is_missing_is_waited_for() -> None:
    duel = AgainstServer()
    duel.script.send_record(HANDSHAKE, b"\x01" + (16_000).to_bytes(3) + b"\x03\x03" + bytes(100))
    duel.carry()
    assert duel.subject.events == []
    assert duel.script.received == []
    duel.subject.receive(b"")
    assert isinstance(duel.subject.error, TruncatedError)


@pytest.mark.parametrize("length", [131_584, 16_777_021])
@refuses("S1.6", Alert.DECODE_ERROR)
def test_a_client_hello_padded_far_beyond_its_content_is_refused(length: int) -> Duel:
    duel = AgainstServer()
    body = messages.serialize(duel.script.hello())[4:]
    duel.script.send(b"\x01" + length.to_bytes(3) + body, hashed=False)
    return duel


@pytest.mark.parametrize("length", [131_584, 16_777_021])
@refuses("S1.6", Alert.DECODE_ERROR)
def test_a_client_key_exchange_padded_far_beyond_its_content_is_refused(length: int) -> Duel:
    duel = AgainstServer().hello()
    body = messages.serialize(duel.script.respond())[4:]
    duel.script.send(b"\x10" + length.to_bytes(3) + body.ljust(2**14, b"\0"))
    return duel


# -- S1.7 to S1.9 types -------------------------------------------------------------------------------------

EMPTY = [HANDSHAKE, ALERT, CCS]
UNKNOWN = [0, 1, 19, 24, 25, 99, 128, 255]


@pytest.mark.parametrize("kind", EMPTY, ids=str)
@refuses("S1.7", Alert.UNEXPECTED_MESSAGE)
def test_an_empty_record_before_the_handshake_is_refused(kind: ContentType) -> Duel:
    duel = AgainstServer()
    duel.script.send_record(kind, b"")
    return duel


@pytest.mark.parametrize("kind", EMPTY, ids=str)
@refuses("S1.7", Alert.UNEXPECTED_MESSAGE)
def test_an_empty_record_during_the_handshake_is_refused(kind: ContentType) -> Duel:
    duel = AgainstServer().hello()
    duel.script.send_record(kind, b"")
    return duel


@pytest.mark.parametrize("kind", EMPTY, ids=str)
@refuses("S1.7", Alert.UNEXPECTED_MESSAGE)
def test_an_empty_record_after_the_handshake_is_refused(kind: ContentType) -> Duel:
    duel = AgainstServer().handshake()
    duel.script.send_record(kind, b"")
    return duel


@pytest.mark.parametrize("kind", UNKNOWN)
@refuses("S1.8", Alert.UNEXPECTED_MESSAGE)
def test_an_unknown_content_type_before_the_handshake_is_refused(kind: int) -> Duel:
    duel = AgainstServer()
    duel.script.send_record(kind, b"\x01")
    return duel


@pytest.mark.parametrize("kind", UNKNOWN)
@refuses("S1.8", Alert.UNEXPECTED_MESSAGE)
def test_an_unknown_content_type_during_the_handshake_is_refused(kind: int) -> Duel:
    duel = AgainstServer().hello()
    duel.script.send_record(kind, b"")
    return duel


@pytest.mark.parametrize("kind", UNKNOWN)
@refuses("S1.8", Alert.UNEXPECTED_MESSAGE)
def test_an_unknown_content_type_after_the_handshake_is_refused(kind: int) -> Duel:
    duel = AgainstServer().handshake()
    duel.script.send_record(kind, b"\x01\x00\x00" + bytes(16))
    return duel


@pytest.mark.parametrize("data", [b"", b"data"])
@refuses("S1.9", Alert.UNEXPECTED_MESSAGE)
def test_application_data_before_the_client_hello_is_refused(data: bytes) -> Duel:
    duel = AgainstServer()
    duel.script.send_data(data)
    return duel


@pytest.mark.parametrize("data", [b"", b"data"])
@refuses("S1.9", Alert.UNEXPECTED_MESSAGE)
def test_application_data_before_the_client_key_exchange_is_refused(data: bytes) -> Duel:
    duel = AgainstServer().hello()
    duel.script.send_data(data)
    return duel


@pytest.mark.parametrize("data", [b"", b"data"])
@refuses("S1.9", Alert.UNEXPECTED_MESSAGE)
def test_application_data_before_the_change_cipher_spec_is_refused(data: bytes) -> Duel:
    duel = AgainstServer().hello().key_exchange()
    duel.script.send_data(data)
    return duel


@pytest.mark.parametrize("data", [b"", b"data"])
@refuses("S1.9", Alert.UNEXPECTED_MESSAGE)
def test_application_data_before_the_finished_is_refused(data: bytes) -> Duel:
    duel = AgainstServer().hello().key_exchange()
    duel.script.change_cipher_spec()
    duel.script.send_data(data)
    return duel


# -- S1.10 to S1.12 ChangeCipherSpec and the ends of flights ------------------------------------------------


@pytest.mark.parametrize("payload", [b"", b"\x01\x01", b"\x00", b"\x02", b"\xff", b"\x01" + bytes(99)])
@refuses("S1.10", Alert.UNEXPECTED_MESSAGE)
def test_a_malformed_change_cipher_spec_is_refused(payload: bytes) -> Duel:
    duel = AgainstServer().hello().key_exchange()
    duel.script.send_record(CCS, payload)
    return duel


@refuses("S1.11", Alert.UNEXPECTED_MESSAGE)
def test_a_change_cipher_spec_first_of_all_is_refused() -> Duel:
    duel = AgainstServer()
    duel.script.send(ChangeCipherSpec())
    return duel


@refuses("S1.11", Alert.UNEXPECTED_MESSAGE)
def test_a_change_cipher_spec_before_the_client_key_exchange_is_refused() -> Duel:
    duel = AgainstServer().hello()
    duel.script.send(ChangeCipherSpec())
    return duel


@refuses("S1.11", Alert.UNEXPECTED_MESSAGE)
def test_a_second_change_cipher_spec_before_the_finished_is_refused() -> Duel:
    duel = AgainstServer().hello().key_exchange()
    duel.script.change_cipher_spec()
    duel.script.send(ChangeCipherSpec())
    return duel


@refuses("S1.11", Alert.UNEXPECTED_MESSAGE)
def test_a_change_cipher_spec_after_the_handshake_is_refused() -> Duel:
    duel = AgainstServer().handshake()
    duel.script.send(ChangeCipherSpec())
    return duel


@pytest.mark.parametrize("arrived", [1, 3, 4, 20])
@refuses("S1.11", Alert.UNEXPECTED_MESSAGE)
def test_a_change_cipher_spec_inside_a_fragmented_message_is_refused(arrived: int) -> Duel:
    duel = AgainstServer().hello()
    message = messages.serialize(duel.script.respond())
    duel.script.send_record(HANDSHAKE, message[:arrived])
    duel.script.send(ChangeCipherSpec())
    return duel


@refuses("S1.11", Alert.UNEXPECTED_MESSAGE)
def test_a_change_cipher_spec_with_the_start_of_the_finished_before_it_is_refused() -> Duel:
    duel = AgainstServer().hello().key_exchange()
    duel.script.send_record(HANDSHAKE, b"\x14")
    duel.script.send(ChangeCipherSpec())
    return duel


LEFT_OVER = [b"\x10", b"\x10\x00\x00\x10", messages.serialize(HelloRequest()), bytes(100)]


@pytest.mark.parametrize("more", LEFT_OVER)
@refuses("S1.12", Alert.UNEXPECTED_MESSAGE)
def test_bytes_behind_the_client_hello_are_refused(more: bytes) -> Duel:
    duel = AgainstServer()
    duel.script.send(duel.script.hello(), more)
    return duel


@pytest.mark.parametrize("more", LEFT_OVER)
@refuses("S1.12", Alert.UNEXPECTED_MESSAGE)
def test_bytes_behind_the_finished_are_refused(more: bytes) -> Duel:
    duel = AgainstServer().hello().key_exchange()
    duel.script.change_cipher_spec()
    duel.script.send(duel.script.finished(), more)
    return duel


# -- S1.13 warnings -----------------------------------------------------------------------------------------


@accepts("S1.13")
def test_four_warnings_in_a_handshake_are_survived() -> Duel:
    duel = AgainstServer().hello()
    duel.script.send(*[WARNING] * 4)
    duel.carry()
    assert sum(isinstance(event, AlertReceived) for event in duel.subject.events) == 4
    return duel.key_exchange().finish()


@refuses("S1.13", Alert.UNEXPECTED_MESSAGE)
def test_a_flood_of_warnings_is_refused() -> Duel:
    duel = AgainstServer().hello()
    duel.script.send(*[WARNING] * 9)
    return duel


@refuses("S1.13", Alert.UNEXPECTED_MESSAGE)
def test_a_stricter_limit_for_warnings_can_be_configured() -> Duel:
    duel = AgainstServer(limits=Limits(warnings=0)).hello()
    duel.script.send(WARNING)
    return duel


# -- S1.14 SSL 2.0 ------------------------------------------------------------------------------------------


def sslv2_hello(version: bytes, *specs: int) -> bytes:
    body = b"\x01" + version + (3 * len(specs)).to_bytes(2) + b"\0\0\0\x10"
    body += b"".join(spec.to_bytes(3) for spec in specs) + bytes(16)
    return (0x8000 | len(body)).to_bytes(2) + body


SSL_2 = {
    "a hello for TLS 1.2": sslv2_hello(b"\x03\x03", 0x00C02F, 0x00002F, 0x010080),
    "a hello for SSL 2.0": sslv2_hello(b"\x00\x02", 0x010080, 0x0700C0),
    "export suites": sslv2_hello(b"\x00\x02", 0x020080, 0x040080),
    "a hello with a padded header": b"\x00\x2b\x00" + sslv2_hello(b"\x03\x03", 0x00C02F)[2:],
    "a record of length 0": b"\x80\x00",
    "a bare type": b"\x80\x01\x01",
    "only a version": b"\x80\x03\x01\x03\x03",
    "the first byte alone": b"\x80",
}


@pytest.mark.parametrize("data", SSL_2.values(), ids=SSL_2.keys())
@refuses("S1.14", Alert.UNEXPECTED_MESSAGE)
def test_ssl_2_is_refused_by_name(data: bytes) -> Duel:
    duel = AgainstServer()
    duel.script.send_bytes(data)
    duel.carry()
    assert isinstance(duel.subject.error, NotTLS)
    assert "SSL 2.0" in str(duel.subject.error) or data[0] < 0x80
    return duel


# -- S1.15 broken streams -----------------------------------------------------------------------------------


def the_client_says() -> Iterator[tuple[Ours, bytes]]:
    """Each flight of an honest client with a server that waits for it, the one of application data included."""
    duel = AgainstServer()
    duel.script.send(duel.script.hello())
    yield duel.subject, duel.script.data_to_send()
    duel = AgainstServer().hello().key_exchange()
    duel.script.finish()
    yield duel.subject, duel.script.data_to_send()
    duel = AgainstServer().handshake()
    duel.script.send_data(b"data")
    yield duel.subject, duel.script.data_to_send()


@shows("S1.15", "TruncatedError, no alert")
def test_a_stream_that_ends_after_any_byte_is_truncated() -> None:
    flights = [data for _, data in the_client_says()]
    for stage, flight in enumerate(flights):
        cuts = sorted({0, 1, 4, 5, 6, len(flight) // 2, len(flight) - 1, len(flight)})
        for cut in cuts:
            subject, data = next(itertools.islice(the_client_says(), stage, None))
            subject.take()
            subject.receive(data[:cut]) if cut else None
            subject.take()
            subject.receive(b"")
            error = subject.events[-1]
            assert isinstance(error, ConnectionFailed)
            assert isinstance(error.error, TruncatedError)
            assert error.error.alert is None
            assert subject.take() == b""


# -- S1.16 --------------------------------------------------------------------------------------------------


@refuses("S1.16", Alert.UNEXPECTED_MESSAGE)
def test_a_hello_request_from_the_client_first_of_all_is_refused() -> Duel:
    duel = AgainstServer()
    duel.script.send(HelloRequest())
    return duel


@refuses("S1.16", Alert.UNEXPECTED_MESSAGE)
def test_a_hello_request_from_the_client_during_the_handshake_is_refused() -> Duel:
    duel = AgainstServer().hello()
    duel.script.send(HelloRequest())
    return duel


@refuses("S1.16", Alert.UNEXPECTED_MESSAGE)
def test_a_hello_request_from_the_client_after_the_handshake_is_refused() -> Duel:
    duel = AgainstServer().handshake()
    duel.script.send(HelloRequest())
    return duel
