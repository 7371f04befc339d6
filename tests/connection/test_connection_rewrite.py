"""The rewrite hook and on_message: an honest state machine, a dishonest wire, and a witness of both directions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from tests.ends import ROLES, Ours, connected, pair, renegotiable, talk
from tls12 import Alert, PeerAlert, RenegotiationRequested, TicketKeys
from tls12.errors import BadSignature, DecodeError, PeerMisbehaved, UnexpectedMessage
from tls12.handshake.engine import Unit
from tls12.registry import CipherSuite, HandshakeType
from tls12.wire.certificates import Certificate, CertificateStatus
from tls12.wire.closing import ChangeCipherSpec, Finished, NewSessionTicket
from tls12.wire.hello import ClientHello, HelloRequest, ServerHello, ServerHelloDone
from tls12.wire.key_exchange import ClientKeyExchange, ServerKeyExchange
from tls12.wire.messages import RawMessage, serialize

FULL = {
    "client": [ClientHello, ClientKeyExchange, ChangeCipherSpec, Finished],
    "server": [
        ServerHello,
        Certificate,
        CertificateStatus,
        ServerKeyExchange,
        ServerHelloDone,
        NewSessionTicket,
        ChangeCipherSpec,
        Finished,
    ],
}


def only(message_class: type, change: Callable[[Any], Iterable[Unit]]) -> Callable[[Unit], Iterable[Unit]]:
    """A hook that changes messages of one class."""
    return lambda message: change(message) if isinstance(message, message_class) else [message]


def against(role: str, hook: Callable[[Unit], Iterable[Unit]]) -> tuple[Ours, Ours]:
    """Our honest end, and a peer of the other role with this hook, after they have talked."""
    dishonest, ours = pair("server" if role == "client" else "client", mine={"rewrite": hook})
    talk(dishonest, ours)
    return ours, dishonest


@pytest.mark.parametrize("role", ROLES)
def test_a_hook_that_changes_nothing_changes_nothing(role: str) -> None:
    seen: list[type] = []

    def watch(message: Unit) -> Iterable[Unit]:
        seen.append(type(message))
        yield message

    ours, theirs = connected(role, server={"ticket_keys": TicketKeys.generate()}, mine={"rewrite": watch})
    assert ours.completed
    assert theirs.completed
    assert seen == FULL[role]


def test_a_message_can_be_left_out() -> None:
    ours, _ = against("client", only(ServerHelloDone, lambda _: ()))
    assert not ours.completed
    assert ours.error is None
    assert ours.connection.expecting == ("CertificateRequest", "ServerHelloDone")


def test_a_message_can_be_doubled() -> None:
    ours, _ = against("client", only(Certificate, lambda message: [message, message]))
    assert isinstance(ours.error, UnexpectedMessage)


def test_a_message_can_be_replaced_by_raw_bytes() -> None:
    raw = RawMessage(HandshakeType.SERVER_HELLO, b"\x03\x03")
    ours, theirs = against("client", only(ServerHello, lambda _: [raw]))
    assert isinstance(ours.error, DecodeError)
    assert isinstance(theirs.error, PeerAlert)
    assert theirs.error.received is Alert.DECODE_ERROR


def test_a_message_can_be_replaced_by_one_of_another_type() -> None:
    ours, _ = against("server", only(ClientHello, lambda _: [HelloRequest()]))
    assert isinstance(ours.error, UnexpectedMessage)
    assert "HelloRequest" in str(ours.error)


def test_a_message_can_be_followed_by_others() -> None:
    ours, _ = against("client", only(ServerHelloDone, lambda message: [HelloRequest(), message]))
    assert ours.completed, "a HelloRequest in a handshake is ignored, and stays out of both transcripts"


def test_a_field_can_be_changed_and_both_transcripts_hash_what_was_sent() -> None:
    ours, theirs = against("server", only(ClientHello, lambda hello: [replace(hello, session_id=b"never offered")]))
    assert ours.completed, "the client's Finished covers the hello that went over the wire"
    assert theirs.completed


def test_a_choice_that_was_never_offered_is_refused() -> None:
    other = CipherSuite.TLS_RSA_WITH_AES_128_CBC_SHA
    ours, _ = against("client", only(ServerHello, lambda hello: [replace(hello, cipher_suite=other)]))
    assert isinstance(ours.error, PeerMisbehaved)
    assert ours.error.alert is Alert.ILLEGAL_PARAMETER


@pytest.mark.parametrize("role", ROLES)
def test_a_finished_can_be_changed_and_is_found_out(role: str) -> None:
    ours, _ = against(role, only(Finished, lambda _: [Finished(bytes(12))]))
    assert isinstance(ours.error, BadSignature)
    assert not ours.completed


@pytest.mark.parametrize("role", ROLES)
def test_a_changecipherspec_can_be_left_out_and_is_found_out(role: str) -> None:
    ours, _ = against(role, only(ChangeCipherSpec, lambda _: ()))
    assert not ours.completed
    if ours.error is None:  # the ciphertext of the Finished, read in the clear, begins like a message that goes on
        ours.receive(b"")
    assert ours.error is not None


@pytest.mark.parametrize("role", ROLES)
def test_a_changecipherspec_can_be_put_in_and_is_found_out(role: str) -> None:
    before = ClientKeyExchange if role == "server" else Certificate
    ours, _ = against(role, only(before, lambda message: [ChangeCipherSpec(), message]))
    assert isinstance(ours.error, UnexpectedMessage)
    assert "ChangeCipherSpec" in str(ours.error)


def test_a_request_to_renegotiate_passes_the_hook() -> None:
    passed: list[Unit] = []

    def swallow(message: Unit) -> Iterable[Unit]:
        if isinstance(message, HelloRequest):
            passed.append(message)
            return [HelloRequest(), HelloRequest()]
        return [message]

    server, client = connected("server", policy=renegotiable(), mine={"rewrite": swallow})
    server.connection.renegotiate()
    client.receive(server.take())
    assert passed == [HelloRequest()]
    assert client.events[-2:] == [RenegotiationRequested(), RenegotiationRequested()]


# --- on_message -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_on_message_sees_both_directions_in_order_with_their_sizes(role: str) -> None:
    seen: list[tuple[str, type, int]] = []

    def watch(sender: str, message: Unit, size: int) -> None:
        seen.append((sender, type(message), size))
        encoded = message.to_bytes() if isinstance(message, ChangeCipherSpec) else serialize(message)
        assert size == len(encoded)

    connected(role, server={"ticket_keys": TicketKeys.generate()}, mine={"on_message": watch})
    in_order = [("client", cls) for cls in FULL["client"][:1]]
    in_order += [("server", cls) for cls in FULL["server"][:5]]
    in_order += [("client", cls) for cls in FULL["client"][1:]]
    in_order += [("server", cls) for cls in FULL["server"][5:]]
    assert [(sender, cls) for sender, cls, _ in seen] == in_order


def test_on_message_sees_what_the_hook_made_of_a_message() -> None:
    seen: list[Unit] = []
    raw = RawMessage(HandshakeType.CLIENT_HELLO, b"anything")
    ours, _ = pair(
        "client",
        mine={"rewrite": only(ClientHello, lambda _: [raw]), "on_message": lambda *told: seen.append(told[1])},
    )
    ours.start()
    assert seen == [raw]


@pytest.mark.parametrize("role", ROLES)
def test_on_message_sees_a_request_to_renegotiate(role: str) -> None:
    seen: list[tuple[str, Unit, int]] = []
    ours, theirs = connected(role, policy=renegotiable(), mine={"on_message": lambda *told: seen.append(told)})
    seen.clear()
    server, client = (ours, theirs) if role == "server" else (theirs, ours)
    server.connection.renegotiate()
    client.receive(server.take())
    assert seen == [("server", HelloRequest(), 4)]
