"""The passive observer: sees what both ends saw, says what it cannot see, and is never thrown."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import pki
from tests.ends import (
    End,
    Ours,
    credential_of,
    our_client,
    our_server,
    pieces,
    talk,
    their_client,
    their_server,
    verifier,
)
from tls12 import (
    AcceptAnyPeer,
    Alert,
    CipherSuite,
    ClientAuth,
    ClientConfig,
    ClientConnection,
    KeyLog,
    MemorySessionStore,
    Policy,
    Psk,
    Renegotiation,
    TicketKeys,
    UsageError,
    lab,
)
from tls12.crypto.suites import SUITES
from tls12.lab.follower import Follower
from tls12.lab.observer import (
    AlertSeen,
    ApplicationDataSeen,
    MessageSeen,
    Observer,
    RecordSeen,
    RuleBroken,
    Seen,
    Undecryptable,
)
from tls12.lab.script import Script
from tls12.lab.speaker import OtherRecord
from tls12.registry import (
    CompressionMethod,
    ConnectionEnd,
    ContentType,
    HandshakeType,
    HeartbeatMessageType,
    HeartbeatMode,
    ProtocolVersion,
)
from tls12.wire.certificates import Certificate
from tls12.wire.closing import ChangeCipherSpec, Finished, Heartbeat, NewSessionTicket
from tls12.wire.extensions import HeartbeatExtension, SelectedVersion
from tls12.wire.hello import ClientHello, HelloRequest, ServerHello, ServerHelloDone
from tls12.wire.messages import RawMessage

Flow = list[tuple[ConnectionEnd, bytes]]


class Tap:
    """An end of a connection, and every byte that it sent, in the order of the wire."""

    def __init__(self, role: ConnectionEnd, end: End, flow: Flow) -> None:
        self._role: ConnectionEnd = role
        self._end = end
        self._flow = flow

    def __getattr__(self, name: str) -> Any:
        return getattr(self._end, name)

    def take(self) -> bytes:
        data = self._end.take()
        if data:
            self._flow.append((self._role, data))
        return data


def converse(client: End, server: End) -> Flow:
    """A handshake, data both ways, and a good end; what went over the wire."""
    flow: Flow = []
    ends: tuple[Any, Any] = Tap("client", client, flow), Tap("server", server, flow)
    talk(*ends)
    client.send(b"a question" * 2000)
    talk(*ends)
    server.send(b"an answer")
    talk(*ends)
    client.close()
    talk(*ends)
    return flow


def observe(flow: Flow, keylog: KeyLog | None = None, *, details: bool = False) -> list[Seen]:
    """All that an observer says about these bytes."""
    observer = Observer(keylog, details=details)
    for sender, data in flow:
        observer.feed(sender, data)
    return observer.events()


def data_of(seen: list[Seen], sender: ConnectionEnd) -> bytes:
    return b"".join(item.data for item in seen if isinstance(item, ApplicationDataSeen) and item.sender == sender)


def only(seen: list[Seen], kind: type[Any]) -> list[Any]:
    return [item for item in seen if isinstance(item, kind)]


def everything(suite: CipherSuite = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, **server: Any) -> Any:
    """A conversation of our own ends over one suite: its bytes, its key log, and the messages as an end saw them."""
    keylog = KeyLog()
    messages: list[tuple[str, Any]] = []
    row = SUITES[suite]
    policy = lab.policy().replace(cipher_suites=(suite,), renegotiation=Renegotiation.WARN)
    config = ClientConfig(
        verifier=AcceptAnyPeer(), policy=policy, keylog=keylog, psk=Psk(b"me", b"key") if row.uses_psk else None
    )
    client = Ours(
        ClientConnection(config, pki.NAME, on_message=lambda sender, message, _: messages.append((sender, message)))
    )
    kind = "rsa-2048" if row.authentication.name == "RSA" else "ecdsa-p256"
    flow = converse(client, our_server(kind, policy=policy, psk={b"me": b"key"}, **server))
    return flow, keylog, messages


KINDS = (
    CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384,  # encrypt-then-MAC
    CipherSuite.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    CipherSuite.TLS_DHE_RSA_WITH_AES_128_CCM_8,
    CipherSuite.TLS_RSA_WITH_AES_128_CBC_SHA,
    CipherSuite.TLS_RSA_PSK_WITH_AES_128_GCM_SHA256,
    CipherSuite.TLS_PSK_WITH_NULL_SHA,
    CipherSuite.TLS_ECDH_ANON_WITH_RC4_128_SHA,
)


@pytest.mark.parametrize("suite", KINDS, ids=str)
def test_an_observer_with_the_secret_sees_what_both_ends_saw(suite: CipherSuite) -> None:
    flow, keylog, messages = everything(suite)
    seen = observe(flow, keylog)
    assert [(item.sender, item.message) for item in only(seen, MessageSeen)] == messages
    assert data_of(seen, "client") == b"a question" * 2000
    assert data_of(seen, "server") == b"an answer"
    assert [item.verified for item in only(seen, MessageSeen) if isinstance(item.message, Finished)] == [True, True]
    alerts = [(item.sender, item.description, item.protected) for item in only(seen, AlertSeen)]
    assert alerts == [("client", Alert.CLOSE_NOTIFY, True), ("server", Alert.CLOSE_NOTIFY, True)]
    assert not only(seen, RuleBroken)


@pytest.mark.parametrize("encrypt_then_mac", [True, False])
def test_both_orders_of_a_cbc_suite_are_read(encrypt_then_mac: bool) -> None:
    keylog = KeyLog()
    suite = CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA
    policy = Policy.compatible().replace(cipher_suites=(suite,), encrypt_then_mac=encrypt_then_mac)
    client = our_client(policy=policy, keylog=keylog)
    seen = observe(converse(client, our_server(policy=policy)), keylog)
    assert client.negotiated.encrypt_then_mac is encrypt_then_mac
    assert data_of(seen, "server") == b"an answer"


@pytest.mark.parametrize("size", [1, 3, 100])
def test_how_the_bytes_are_cut_changes_nothing(size: int) -> None:
    flow, keylog, _ = everything()
    cut = [(sender, part) for sender, data in flow for part in pieces(data, size)]
    assert observe(cut, keylog) == observe(flow, keylog)


def test_client_certificates_tickets_and_resumption_are_followed() -> None:
    keylog, sessions = KeyLog(), MemorySessionStore()
    config: dict[str, Any] = {"client_auth": ClientAuth.REQUIRED, "verifier": verifier()}
    config["ticket_keys"] = TicketKeys.generate()
    for resumed in (False, True):
        client = our_client(
            keylog=keylog, sessions=sessions, credentials=(credential_of(pki.client()),), verifier=verifier()
        )
        seen = observe(converse(client, our_server(**config)), keylog)
        assert client.negotiated.resumed is resumed
        assert not only(seen, RuleBroken)
        assert not only(seen, Undecryptable)
        names = [type(item.message) for item in only(seen, MessageSeen)]
        assert (NewSessionTicket in names) is not resumed
        verified = [item for item in only(seen, MessageSeen) if item.verified]
        assert [item.sender for item in verified] == (["server", "client"] if resumed else ["client", "server"])


def test_a_renegotiation_is_followed_inside_the_encryption() -> None:
    keylog = KeyLog()
    policy = Policy.default().replace(renegotiation=Renegotiation.ALLOW)
    client, server = our_client(policy=policy, keylog=keylog), our_server(policy=policy)
    flow: Flow = []
    ends: tuple[Any, Any] = Tap("client", client, flow), Tap("server", server, flow)
    talk(*ends)
    server.connection.renegotiate()
    talk(*ends)
    client.connection.renegotiate()
    talk(*ends)
    server.send(b"afterwards")
    talk(*ends)
    seen = observe(flow, keylog)
    assert not only(seen, RuleBroken)
    assert [item.protected for item in only(seen, MessageSeen) if isinstance(item.message, ClientHello)] == [
        False,
        True,
    ]
    assert any(isinstance(item.message, HelloRequest) for item in only(seen, MessageSeen))
    assert len([item for item in only(seen, MessageSeen) if item.verified]) == 4
    assert data_of(seen, "server") == b"afterwards"


@pytest.mark.parametrize("ours", ["client", "server"])
def test_openssl_at_one_end_is_read_likewise(ours: str) -> None:
    keylog = KeyLog()
    client: End = our_client(keylog=keylog) if ours == "client" else their_client()
    server: End = our_server(keylog=keylog) if ours == "server" else their_server()
    seen = observe(converse(client, server), keylog)
    assert data_of(seen, "client") == b"a question" * 2000
    assert not only(seen, RuleBroken)


# --- what stays closed ------------------------------------------------------------------------------------


def closed(seen: list[Seen]) -> set[str]:
    return {item.reason for item in only(seen, Undecryptable)}


def test_without_the_secret_the_handshake_is_seen_and_the_rest_stays_closed() -> None:
    flow, _, messages = everything(ticket_keys=TicketKeys.generate())
    seen = observe(flow)
    in_the_clear = [(sender, message) for sender, message in messages if not isinstance(message, Finished)]
    assert [(item.sender, item.message) for item in only(seen, MessageSeen)] == in_the_clear
    assert closed(seen) == {"the key log has no secret for this ClientHello"}
    kinds = {item.content_type for item in only(seen, Undecryptable)}
    assert kinds == {ContentType.HANDSHAKE, ContentType.APPLICATION_DATA, ContentType.ALERT}
    # The server's NewSessionTicket comes in the clear after a client's Finished that the observer cannot read.
    assert not only(seen, RuleBroken)


def test_a_wrong_secret_opens_nothing_and_throws_nothing() -> None:
    flow, keylog, _ = everything()
    wrong = KeyLog()
    for entry in keylog:
        wrong.log(entry.label, entry.client_random, bytes(48))
    (reason,) = closed(observe(flow, wrong))
    assert "did not authenticate" in reason


def test_an_altered_record_closes_its_direction_from_there_on() -> None:
    flow, keylog, _ = everything()
    at = next(i for i, (sender, data) in enumerate(flow) if len(data) > 10_000)
    sender, data = flow[at]
    flow[at] = (sender, data[:100] + bytes([data[100] ^ 1]) + data[101:])
    seen = observe(flow, keylog)
    assert data_of(seen, "client") == b""
    assert {item.sender for item in only(seen, Undecryptable)} == {"client"}
    assert data_of(seen, "server") == b"an answer"


def test_an_observer_that_comes_too_late_says_so() -> None:
    flow, keylog, _ = everything()
    after = [(sender, data) for sender, data in flow if data[0] == ContentType.APPLICATION_DATA]
    assert closed(observe(after, keylog)) == {"there was no handshake: the observer came too late"}


def test_a_change_cipher_spec_without_hellos_cannot_be_followed() -> None:
    peer = Script("server")
    peer.send(ChangeCipherSpec())
    peer.send_data(b"whatever")
    seen = observe([("server", peer.data_to_send())])
    assert closed(seen) == {"the hellos were not seen"}
    assert [str(item.error) for item in only(seen, RuleBroken)] == [
        "the server sent ChangeCipherSpec before anything else; it is the client's turn (RFC 5246 7.2.2)"
    ]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"server_version": ProtocolVersion.TLS_1_0}, "the connection speaks TLS 1.0"),
        ({"cipher_suite": CipherSuite.TLS_ECDHE_ECDSA_WITH_ARIA_128_GCM_SHA256}, "cannot be computed here"),
        ({"compression_method": CompressionMethod.DEFLATE}, "the records are compressed (DEFLATE)"),
        ({"extensions": (SelectedVersion(ProtocolVersion.TLS_1_3),)}, "the connection speaks TLS 1.3"),
    ],
    ids=["TLS 1.0", "ARIA", "DEFLATE", "TLS 1.3"],
)
def test_what_is_not_the_tls_of_this_library_is_named(fields: dict[str, Any], reason: str) -> None:
    client, server = Script("client"), Script("server")
    client.send(client.hello())
    server.receive_data(hello := client.data_to_send())
    server.send(server.answer(**fields))
    server.send(ChangeCipherSpec())
    server.send_record(ContentType.HANDSHAKE, bytes(40), version=fields.get("server_version", ProtocolVersion.TLS_1_2))
    seen = observe([("client", hello), ("server", server.data_to_send())])
    assert any(reason in item for item in closed(seen))
    assert seen[-1].sender == "server"
    assert isinstance(seen[-1], Undecryptable)


def test_a_suite_that_cannot_be_computed_breaks_no_rule() -> None:
    client, server = Script("client"), Script("server")
    client.send(client.hello())
    server.receive_data(hello := client.data_to_send())
    server.send(server.answer(cipher_suite=CipherSuite.TLS_ECDHE_ECDSA_WITH_ARIA_128_GCM_SHA256))
    server.send(Certificate(()), RawMessage(HandshakeType.SERVER_KEY_EXCHANGE, b""), ServerHelloDone())
    server.send(ChangeCipherSpec())
    seen = observe([("client", hello), ("server", server.data_to_send())])
    assert not only(seen, RuleBroken)
    names = [type(item.message).__name__ for item in only(seen, MessageSeen)]
    assert names == ["ClientHello", "ServerHello", "Certificate", "RawMessage", "ServerHelloDone", "ChangeCipherSpec"]


# --- broken rules -----------------------------------------------------------------------------------------


def test_a_message_out_of_turn_is_named_once_and_the_reading_goes_on() -> None:
    client, server = Script("client"), Script("server")
    client.send(client.hello())
    server.receive_data(hello := client.data_to_send())
    server.send(server.answer())
    server.send(Finished(bytes(12)))
    server.send(Finished(bytes(12)))
    seen = observe([("client", hello), ("server", server.data_to_send()), ("client", hello)])
    (broken,) = only(seen, RuleBroken)
    assert "the server sent Finished after ServerHello; expected Certificate" in str(broken.error)
    names = [type(item.message).__name__ for item in only(seen, MessageSeen)]
    assert names == ["ClientHello", "ServerHello", "Finished", "Finished", "ClientHello"]


def test_a_message_that_does_not_decode_is_seen_with_its_error() -> None:
    malformed = bytes([1, 0, 0, 3]) + b"abc"
    peer = Script("client")
    peer.send_record(ContentType.HANDSHAKE, malformed)
    peer.send_record(ContentType.CHANGE_CIPHER_SPEC, b"\x02")
    peer.send_record(ContentType.ALERT, b"\x02")
    seen = observe([("client", peer.data_to_send())])
    assert [item.error.alert for item in only(seen, RuleBroken)] == [
        Alert.DECODE_ERROR,
        Alert.UNEXPECTED_MESSAGE,  # the ChangeCipherSpec that is none
        Alert.UNEXPECTED_MESSAGE,  # and has no place here
    ]
    assert [item.data for item in only(seen, MessageSeen)] == [malformed, b"\x02"]


def test_a_fragment_of_an_alert_is_named() -> None:
    peer = Script("client")
    peer.send_record(ContentType.ALERT, b"\x02")
    (broken,) = observe([("client", peer.data_to_send())])
    assert isinstance(broken, RuleBroken)
    assert broken.error.alert == Alert.DECODE_ERROR


def test_a_wrong_finished_is_told_from_a_right_one() -> None:
    def forge(message: Any) -> list[Any]:
        return [Finished(bytes(12))] if isinstance(message, Finished) else [message]

    keylog = KeyLog()
    config = ClientConfig(verifier=AcceptAnyPeer(), keylog=keylog)
    client, server = Ours(ClientConnection(config, pki.NAME, rewrite=forge)), our_server()
    flow: Flow = []
    ends: tuple[Any, Any] = Tap("client", client, flow), Tap("server", server, flow)
    talk(*ends)
    seen = observe(flow, keylog)
    assert [item.verified for item in only(seen, MessageSeen) if isinstance(item.message, Finished)] == [False]
    assert [item.description for item in only(seen, AlertSeen)] == [Alert.DECRYPT_ERROR]


def test_a_finished_is_neither_right_nor_wrong_where_the_client_hello_was_not_seen() -> None:
    flow, keylog, _ = everything()
    flight = next(part for part in flow if part[0] == "server")
    finished = record(ContentType.HANDSHAKE, b"\x14\0\0\x0c" + bytes(12))
    *_, message = only(observe([flight, ("server", finished)], keylog), MessageSeen)
    assert isinstance(message.message, Finished)
    assert message.verified is None


def test_application_data_before_its_time_is_named_and_false_start_is_not() -> None:
    flow, keylog, _ = everything()
    client_finished = next(i for i, (sender, _) in enumerate(flow) if sender == "client" and i > 0)
    question = next(i for i, (sender, data) in enumerate(flow) if len(data) > 10_000)
    early = list(flow)
    early.insert(client_finished + 1, early.pop(question))  # RFC 7918
    assert not only(observe(early, keylog), RuleBroken)

    peer = Script("client")
    peer.send(peer.hello())
    peer.send_data(b"in the clear")
    seen = observe([("client", peer.data_to_send())])
    (broken,) = only(seen, RuleBroken)
    assert "the client sent application data after ClientHello" in str(broken.error)
    assert data_of(seen, "client") == b"in the clear"


def test_what_is_no_record_ends_its_direction_only() -> None:
    flow, keylog, _ = everything()
    observer = Observer(keylog)
    observer.feed("client", b"GET / HTTP/1.1\r\n\r\n")
    observer.feed("client", flow[0][1])
    (broken,) = observer.events()
    assert isinstance(broken, RuleBroken)
    assert "HTTP" in str(broken.error)
    observer.feed("server", flow[1][1])
    assert observer.events()


def beat() -> bytes:
    """A HeartbeatRequest with its padding (RFC 6520 4)."""
    return Heartbeat(HeartbeatMessageType.HEARTBEAT_REQUEST, b"ping", bytes(16)).to_bytes()


def record(kind: int, fragment: bytes, version: int = 0x0303) -> bytes:
    return bytes([kind]) + version.to_bytes(2) + len(fragment).to_bytes(2) + fragment


@pytest.mark.parametrize(
    ("odd", "rule"),
    [
        (
            record(24, beat()),
            "server sent a record of the content type heartbeat, which was not agreed on (RFC 5246 6)",
        ),
        (
            record(99, b"?"),
            "server sent a record of the content type unknown (0x63), which was not agreed on (RFC 5246 6)",
        ),
        (record(22, b""), "peer sent an empty handshake record (RFC 5246 6.2.1)"),
        (record(21, b""), "peer sent an empty alert record (RFC 5246 6.2.1)"),
        (record(21, b"\1\x5a" * 10_000), "peer sent a record of 20000 bytes; at most 16384 are allowed (RFC 5246 6.2)"),
    ],
    ids=["heartbeat", "unknown type", "empty handshake", "empty alert", "too long"],
)
@pytest.mark.parametrize("at", ["in the clear", "between the protected ones"])
def test_a_record_that_breaks_a_rule_does_not_end_the_reading(odd: bytes, rule: str, at: str) -> None:
    flow, keylog, messages = everything()
    data = [i for i, (sender, _) in enumerate(flow) if sender == "server"]
    if at == "in the clear":
        flow.insert(data[0] + 1, ("server", odd))
        seen = observe(flow, keylog)
        assert [(item.sender, item.message) for item in only(seen, MessageSeen)] == messages
        assert data_of(seen, "server") == b"an answer"
        assert any(str(item.error) == f"the {rule}" for item in only(seen, RuleBroken))
    else:  # it cannot be opened: what stands behind it in its direction is closed, and is seen all the same
        flow.insert(data[1] + 1, ("server", odd))
        seen = observe(flow, keylog)
        assert [item.fragment for item in only(seen, Undecryptable)][:1] == [odd[5:]]
        assert only(seen, Undecryptable)[-1].content_type == ContentType.ALERT
    assert data_of(seen, "client") == b"a question" * 2000


def test_a_heartbeat_that_was_agreed_on_breaks_no_rule() -> None:
    client, server = Script("client"), Script("server")
    allowed = HeartbeatExtension(HeartbeatMode.PEER_ALLOWED_TO_SEND)
    client.send(client.hello(extensions=(allowed,)))
    client.send_record(ContentType.HEARTBEAT, beat())
    server.receive_data(hello := client.data_to_send())
    assert server.received[-1] == OtherRecord(ContentType.HEARTBEAT, beat())
    server.send(server.answer(extensions=(allowed,)))
    server.send_record(ContentType.HEARTBEAT, beat())
    seen = observe([("client", hello), ("server", server.data_to_send())])
    assert seen[-1] == RecordSeen("server", ContentType.HEARTBEAT, beat(), protected=False)
    (broken,) = only(seen, RuleBroken)  # the client's, which came before the server had agreed
    assert broken.sender == "client"
    assert Heartbeat.parse(seen[-1].fragment).payload == b"ping"


@pytest.mark.parametrize("kind", [ContentType.ALERT, ContentType.CHANGE_CIPHER_SPEC])
def test_a_script_keeps_an_alert_and_a_change_cipher_spec_that_do_not_decode(kind: ContentType) -> None:
    sender, receiver = Script("client"), Script("server")
    sender.send_record(kind, b"nonsense")
    receiver.receive_data(sender.data_to_send())
    assert receiver.received == [OtherRecord(kind, b"nonsense")]


def test_a_protected_heartbeat_is_decrypted() -> None:
    keylog = KeyLog()
    client, server = our_client(keylog=keylog), our_server()
    flow: Flow = []
    ends: tuple[Any, Any] = Tap("client", client, flow), Tap("server", server, flow)
    talk(*ends)
    flow.append(("client", client.connection._core.outgoing.writer.seal(ContentType.HEARTBEAT, beat())))
    seen = observe(flow, keylog)
    assert seen[-1] == RecordSeen("client", ContentType.HEARTBEAT, beat(), protected=True)


def test_bytes_that_are_no_records_any_more_end_their_direction() -> None:
    flow, keylog, _ = everything()
    sender, hello = flow[0]
    seen = observe([(sender, hello), (sender, record(22, b"abc", 0x0503)), (sender, hello)], keylog)
    (broken,) = only(seen, RuleBroken)
    assert "version 0x0503" in str(broken.error)
    assert len(only(seen, MessageSeen)) == 1


@given(st.lists(st.tuples(st.sampled_from(["client", "server"]), st.binary(max_size=200)), max_size=8))
def test_no_bytes_throw_an_observer(flow: Flow) -> None:
    observe(flow)


@cache
def recorded() -> Any:
    """The same conversation for every example."""
    return everything(ticket_keys=TicketKeys.generate())


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_no_damage_throws_an_observer(at: int, difference: int) -> None:
    flow, keylog, _ = recorded()
    joined = [(sender, bytearray(data)) for sender, data in flow]
    at %= sum(len(data) for _, data in joined)
    for _, data in joined:
        if at < len(data):
            data[at] ^= difference
            break
        at -= len(data)
    observe([(sender, bytes(data)) for sender, data in joined], keylog)


def test_the_observer_knows_what_may_come_next() -> None:
    flow, keylog, _ = everything()
    observer = Observer(keylog)
    for sender, data in flow:
        observer.feed(sender, data)
    assert isinstance(observer.server_hello, ServerHello)
    assert isinstance(observer.client_hello, ClientHello)
    assert observer.conversation.expected(ConnectionEnd.CLIENT) == (HandshakeType.CLIENT_HELLO,)
    assert observer.conversation.expected(ConnectionEnd.SERVER) == (HandshakeType.HELLO_REQUEST,)


def test_a_broken_rule_is_named_once_however_the_record_is_cut() -> None:
    odd = record(22, b"") + record(21, b"\1\x5a" * 10_000) + record(99, b"?")
    whole = observe([("client", odd)])
    rules = [str(item.error) for item in only(whole, RuleBroken)]
    assert len(rules) == 5  # an alert of so many bytes is also no alert, and has a plaintext that is too long
    in_pieces = observe([("client", piece) for piece in pieces(odd, 1)])
    assert [str(item.error) for item in only(in_pieces, RuleBroken)] == rules


def test_a_finished_without_hellos_is_not_verified() -> None:
    peer, keylog = Script("client"), KeyLog()
    peer.send(Finished(bytes(12)))
    observer = Observer(keylog)
    assert observer.keylog is keylog
    observer.feed("client", peer.data_to_send())
    broken, seen = observer.events()
    assert isinstance(broken, RuleBroken)
    assert isinstance(seen, MessageSeen)
    assert seen.verified is None


def test_keys_cannot_be_used_before_a_suite_is_chosen() -> None:
    with pytest.raises(UsageError, match="no keys yet, or no ServerHello"):
        Follower().change_keys(ConnectionEnd.CLIENT)


def test_what_a_sender_may_not_put_into_a_record_or_between_two_is_named_and_read() -> None:
    client = Script("client")
    hello = client.enter(client.hello())
    client.send_record(ContentType.HANDSHAKE, hello + b"\x0e\0")  # more after the hello, and the beginning of a message
    client.send_record(ContentType.CHANGE_CIPHER_SPEC, b"\1")
    seen = observe([("client", client.data_to_send())])
    rules = [str(item.error) for item in only(seen, RuleBroken)]
    assert rules[:2] == [
        "the client sent more after its ClientHello, in the same record (RFC 5246 7.2.2)",
        "the client sent ChangeCipherSpec in the middle of a handshake message (RFC 5246 7.2.2)",
    ]
    assert [type(item.message) for item in only(seen, MessageSeen)] == [ClientHello, ChangeCipherSpec]


def test_application_data_in_the_middle_of_a_handshake_message_is_named_and_read() -> None:
    flow: Flow = []
    keylog = KeyLog()
    client, server = our_client(keylog=keylog), our_server()
    ends: tuple[Any, Any] = Tap("client", client, flow), Tap("server", server, flow)
    talk(*ends)
    writer = server.connection._outgoing.writer
    flow.append(
        ("server", writer.seal(ContentType.HANDSHAKE, b"\0\0") + writer.seal(ContentType.APPLICATION_DATA, b"!"))
    )
    seen = observe(flow, keylog)
    (broken,) = only(seen, RuleBroken)
    assert str(broken.error).startswith("the server sent application data in the middle of a handshake message")
    assert data_of(seen, "server") == b"!"


def test_the_length_in_a_header_is_named_before_the_record_is_complete() -> None:
    (broken,) = observe([("client", bytes.fromhex("16 03 03 ff ff"))])
    assert isinstance(broken, RuleBroken)
    assert "65535 bytes" in str(broken.error)
