from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests import ends, pki
from tls12 import (
    Alert,
    CipherSuite,
    ClientAuth,
    ClientConnection,
    Policy,
    Renegotiation,
    ServerConnection,
    SignatureScheme,
    UsageError,
)
from tls12.errors import BadRecordMac
from tls12.lab import policy as lab_policy
from tls12.lab.hellos import with_extensions, without_extensions
from tls12.lab.script import EVERYDAY_SUITES, Script
from tls12.lab.speaker import Sealed
from tls12.registry import AlertLevel, ContentType, HandshakeType
from tls12.wire.certificates import Certificate
from tls12.wire.closing import AlertMessage, ChangeCipherSpec, Finished
from tls12.wire.extensions import EncryptThenMac, ExtendedMasterSecret, SessionTicket
from tls12.wire.hello import ClientHello, HelloRequest, ServerHelloDone
from tls12.wire.messages import RawMessage

GCM, RSA_GCM = EVERYDAY_SUITES
SCHEMES = {"ecdsa-p256": SignatureScheme.ECDSA_SECP256R1_SHA256, "rsa-2048": SignatureScheme.RSA_PSS_RSAE_SHA256}


def carry(script: Script, connection: ClientConnection | ServerConnection) -> None:
    """Bytes to and fro until both are silent."""
    there, back = script.data_to_send(), connection.data_to_send()
    while there or back:
        if there:
            connection.receive_data(there)
        script.receive_data(back)
        there, back = script.data_to_send(), connection.data_to_send()


def as_client(connection: ServerConnection, *suites: CipherSuite, script: Script | None = None) -> Script:
    """A whole honest handshake as client."""
    script = script or Script("client")
    script.send(script.hello(*suites))
    carry(script, connection)
    script.send(script.respond())
    script.derive()
    script.finish()
    carry(script, connection)
    return script


def as_server(
    connection: ClientConnection, suite: CipherSuite = GCM, kind: str = "ecdsa-p256", script: Script | None = None
) -> Script:
    """A whole honest handshake as server."""
    issued = pki.server(kind)
    if script is None:
        script = Script("server")
        connection.initiate_handshake()
    carry(script, connection)
    script.send(script.answer(suite), Certificate(issued.chain_der))
    share = script.offer(None, issued.private_key, SCHEMES[kind] if script.suite.is_signed else None)
    script.send(*([share] if share else []), ServerHelloDone())
    carry(script, connection)
    script.accept()
    script.finish()
    carry(script, connection)
    return script


@pytest.fixture
def server() -> ServerConnection:
    connection = ends.our_server("ecdsa-p256", "rsa-2048", policy=lab_policy()).connection
    assert isinstance(connection, ServerConnection)
    return connection


@pytest.fixture
def client() -> ClientConnection:
    connection = ends.our_client(policy=Policy.compatible()).connection
    assert isinstance(connection, ClientConnection)
    return connection


@pytest.mark.parametrize(
    "suite",
    [
        GCM,
        RSA_GCM,
        CipherSuite.TLS_RSA_WITH_AES_128_CBC_SHA,
        CipherSuite.TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        CipherSuite.TLS_ECDH_ANON_WITH_AES_128_CBC_SHA,
    ],
)
def test_an_honest_script_is_a_client(server: ServerConnection, suite: CipherSuite) -> None:
    script = as_client(server, suite)
    assert server.negotiated is not None
    assert server.negotiated.cipher_suite is suite
    assert script.last(Finished) == Finished(script.server_verify_data)
    script.send_data(b"there")
    server.send_data(b"back")
    carry(script, server)
    assert script.data == b"back"
    assert [event.data for event in server.events() if hasattr(event, "data")] == [b"there"]


@pytest.mark.parametrize(
    ("suite", "kind"),
    [
        (GCM, "ecdsa-p256"),
        (RSA_GCM, "rsa-2048"),
        (CipherSuite.TLS_RSA_WITH_AES_128_GCM_SHA256, "rsa-2048"),
    ],
)
def test_an_honest_script_is_a_server(client: ClientConnection, suite: CipherSuite, kind: str) -> None:
    script = as_server(client, suite, kind)
    assert client.negotiated is not None
    assert client.negotiated.cipher_suite is suite
    client.send_data(b"there")
    carry(script, client)
    assert script.data == b"there"


def test_records_that_came_before_there_were_keys_are_read_once_there_are(client: ClientConnection) -> None:
    script, issued = Script("server"), pki.server()
    client.initiate_handshake()
    carry(script, client)
    script.send(script.answer(GCM), Certificate(issued.chain_der))
    share = script.offer(None, issued.private_key, SignatureScheme.ECDSA_SECP256R1_SHA256)
    assert share is not None
    script.send(share, ServerHelloDone())
    carry(script, client)
    assert isinstance(script.received[-1], Sealed)
    expected = script.records[-1][0]
    script.accept()
    assert isinstance(script.received[-1], Finished)
    assert script.records[-1][0] is expected is ContentType.HANDSHAKE
    assert script.client_verify_data == script.received[-1].verify_data


def test_a_waiting_record_that_does_not_open_says_so(client: ClientConnection) -> None:
    script, issued = Script("server"), pki.server()
    client.initiate_handshake()
    carry(script, client)
    script.send(script.answer(GCM), Certificate(issued.chain_der))
    share = script.offer(None, issued.private_key, SignatureScheme.ECDSA_SECP256R1_SHA256)
    assert share is not None
    script.send(share, ServerHelloDone())
    carry(script, client)
    with pytest.raises(BadRecordMac):
        script.resume(bytes(48))
    assert "Sealed" not in repr(script)


def test_nothing_is_sent_but_what_was_said_and_what_was_computed_can_be_replaced(server: ServerConnection) -> None:
    script = Script("client")
    script.send(script.hello())
    assert script.data_to_send()
    assert script.data_to_send() == b""
    script.send_bytes(b"\x16\x03\x03")
    assert script.data_to_send() == b"\x16\x03\x03"
    script.send_record(99, b"", version=0x0700)
    assert script.data_to_send() == bytes((99, 7, 0, 0, 0))
    script.send(AlertMessage(AlertLevel.WARNING, Alert.USER_CANCELED), ChangeCipherSpec())
    assert script.data_to_send() == bytes.fromhex("1503030002015a" + "140303000101")


def test_messages_share_a_record_or_are_cut_into_single_bytes() -> None:
    script = Script("server")
    script.send(HelloRequest(), ServerHelloDone())
    assert script.data_to_send() == bytes.fromhex("1603030008" + "00000000" + "0e000000")
    script.fragment_size = 1
    assert script.fragment_size == 1
    script.send(ServerHelloDone())
    assert script.data_to_send() == b"".join(
        bytes.fromhex("1603030001") + byte for byte in (b"\x0e", b"\0", b"\0", b"\0")
    )


def test_the_transcript_begins_with_the_client_hello_and_leaves_out_what_is_not_hashed() -> None:
    script = Script("client")
    script.send(HelloRequest())
    script.send(script.hello())
    begun = script.transcript.messages
    assert begun[0] == HandshakeType.CLIENT_HELLO
    script.send(HelloRequest())
    script.send(ServerHelloDone(), hashed=False)
    assert script.transcript.messages == begun
    script.send(b"\x0e\0\0\0")
    assert script.transcript.messages == begun + b"\x0e\0\0\0"
    script.send(script.hello())
    assert script.transcript.messages[:4] == begun[:4]
    assert len(script.transcript.messages) == len(begun)


def test_a_deviation_in_one_line_is_answered_and_the_answer_can_be_read(server: ServerConnection) -> None:
    script = Script("client")
    script.send(script.hello(GCM))
    carry(script, server)
    assert script.alert is None
    script.send(script.respond())
    script.derive()
    script.change_cipher_spec()
    script.send(RawMessage(HandshakeType.FINISHED, b"wrong"))
    carry(script, server)
    assert script.alert is Alert.DECRYPT_ERROR
    assert repr(script) == (
        "<Script: client, received ServerHello, Certificate, ServerKeyExchange, ServerHelloDone, AlertMessage>"
    )


def test_a_record_can_be_protected_altered_and_sent(server: ServerConnection) -> None:
    script = as_client(server)
    assert script.sealer is not None
    record = script.protect(ContentType.APPLICATION_DATA, b"data")
    assert script.sealer.sequence == 2
    script.send_bytes(record[:-1] + bytes([record[-1] ^ 1]))
    carry(script, server)
    assert script.alert is Alert.BAD_RECORD_MAC


def test_what_went_into_a_record_can_be_asked_of_its_cipher(server: ServerConnection) -> None:
    script = as_client(server)
    assert script.keys is not None
    assert script.sealer is not None
    assert script.opener is not None
    number = script.sealer.sequence
    body = script.protect(ContentType.APPLICATION_DATA, b"data")[5:]
    nonce = script.sealer.cipher.nonce(number, body)
    additional = script.sealer.cipher.additional_data(number, ContentType.APPLICATION_DATA, body, 4)
    assert AESGCM(script.keys.client.key).decrypt(nonce, body[8:], additional) == b"data"
    script.send_data(b"please")  # the record before was never sent, so the server refuses this one
    server.receive_data(script.data_to_send())
    body = bytes(server.data_to_send())[5:]
    number = script.opener.sequence
    nonce = script.opener.cipher.nonce(number, body)
    additional = script.opener.cipher.additional_data(number, ContentType.ALERT, body, 2)
    assert AESGCM(script.keys.server.key).decrypt(nonce, body[8:], additional) == bytes([2, Alert.BAD_RECORD_MAC])


def test_encrypt_then_mac_follows_the_server_hello() -> None:
    end = ends.our_server("rsa-2048", policy=Policy.compatible())
    assert isinstance(end.connection, ServerConnection)
    script = Script("client")
    script.send(with_extensions(script.hello(CipherSuite.TLS_RSA_WITH_AES_128_CBC_SHA), EncryptThenMac()))
    carry(script, end.connection)
    assert script.encrypt_then_mac
    script.send(script.respond())
    script.derive()
    script.finish()
    carry(script, end.connection)
    assert end.connection.negotiated is not None
    assert end.connection.negotiated.encrypt_then_mac


def test_the_wrong_master_secret_can_be_derived_on_purpose(server: ServerConnection) -> None:
    script = Script("client")
    script.send(script.hello())
    carry(script, server)
    script.send(script.respond())
    script.derive(extended=False)
    script.finish()
    carry(script, server)
    assert server.error is not None
    assert server.error.alert is Alert.BAD_RECORD_MAC


def test_a_client_certificate_is_proved_honestly_in_one_record_with_the_rest(server: ServerConnection) -> None:
    end = ends.our_server(client_auth=ClientAuth.REQUIRED, verifier=ends.verifier())
    assert isinstance(end.connection, ServerConnection)
    script, mine = Script("client"), pki.client()
    script.send(script.hello())
    carry(script, end.connection)
    flight = script.enter(Certificate(mine.chain_der)) + script.enter(script.respond())
    flight += script.enter(script.certificate_verify(mine.private_key, SignatureScheme.ECDSA_SECP256R1_SHA256))
    script.send_record(ContentType.HANDSHAKE, flight)
    script.derive()  # the session hash ends at the ClientKeyExchange, whenever it is asked for
    script.finish()
    carry(script, end.connection)
    assert end.connection.negotiated is not None
    assert end.connection.negotiated.peer_certificates == mine.chain_der


def test_alerts_are_sent_and_received(server: ServerConnection) -> None:
    script = as_client(server)
    script.send_alert(Alert.CLOSE_NOTIFY, AlertLevel.WARNING)
    carry(script, server)
    assert script.received[-1] == AlertMessage(AlertLevel.WARNING, Alert.CLOSE_NOTIFY)
    assert script.alert is None


@pytest.mark.parametrize("role", ["client", "server"])
def test_a_second_handshake_on_the_same_connection_begins_with_fresh_keys_to_be_made(role: str) -> None:
    policy = Policy.compatible().replace(renegotiation=Renegotiation.ALLOW)
    if role == "client":
        end = ends.our_server(policy=policy).connection
        assert isinstance(end, ServerConnection)
        script = as_client(end)
        as_client(end, script=script)
    else:
        ours = ends.our_client(policy=policy).connection
        assert isinstance(ours, ClientConnection)
        script = as_server(ours)
        ours.renegotiate()
        as_server(ours, script=script)
    assert script.opener is not None
    assert script.opener.sequence == 1


def test_a_fixed_source_of_randomness_makes_every_byte_reproducible() -> None:
    def speak() -> bytes:
        numbers = itertools.count(1)
        draw: Callable[[int], bytes] = lambda size: next(numbers).to_bytes(size)  # noqa: E731
        script = Script("client", random=draw)
        script.send(script.hello())
        return script.data_to_send()

    assert speak() == speak()


@pytest.mark.parametrize(
    "line",
    [
        lambda script: script.answer(),
        lambda script: script.suite,
        lambda script: script.derive(),
        lambda script: script.finished(),
        lambda script: script.change_write_keys(),
        lambda script: script.accept(),
    ],
    ids=["answer", "suite", "derive", "finished", "change_write_keys", "accept"],
)
def test_a_line_that_lacks_what_it_needs_says_what(line: Callable[[Script], object]) -> None:
    with pytest.raises(UsageError):
        line(Script("server"))


def test_an_extension_takes_the_place_of_one_of_its_type_or_the_last() -> None:
    hello = Script("client").hello()
    assert hello.extensions is not None
    longer = with_extensions(hello, SessionTicket(b"one"))
    assert longer.extensions == (*hello.extensions, SessionTicket(b"one"))
    changed = with_extensions(longer, SessionTicket(b"two"), EncryptThenMac())
    assert changed.extensions == (*hello.extensions, SessionTicket(b"two"), EncryptThenMac())


def test_extensions_are_taken_out_by_class_and_an_absent_block_stays_absent() -> None:
    hello = Script("client").hello()
    assert without_extensions(hello, ExtendedMasterSecret).find(ExtendedMasterSecret) is None
    none = Script("client").hello(extensions=None)
    assert isinstance(none, ClientHello)
    assert without_extensions(none, ExtendedMasterSecret).extensions is None


def test_two_scripts_talk_to_each_other_and_the_answer_takes_up_what_was_offered() -> None:
    client, server = Script("client"), Script("server")
    for offered in (True, False):
        hello = client.hello()
        client.send(hello if offered else without_extensions(hello, ExtendedMasterSecret))
        server.receive_data(client.data_to_send())
        assert (server.answer().find(ExtendedMasterSecret) is not None) is offered
