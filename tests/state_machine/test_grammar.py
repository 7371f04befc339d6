"""The table of the guard, alone: the same language as the figures of the RFCs, its drawing, its words."""

from __future__ import annotations

import re
from copy import deepcopy
from itertools import product
from pathlib import Path

import pytest

from tests.state_machine.language import EMPTY, Sentence, Terms, following
from tests.state_machine.samples import messages
from tls12.crypto.suites import SUITES
from tls12.errors import UnexpectedMessage
from tls12.handshake.grammar import CCS, ROWS, Conversation, State, mermaid, message_type_name
from tls12.registry import (
    Alert,
    CertificateStatusType,
    CipherSuite,
    ClientCertificateType,
    CompressionMethod,
    ConnectionEnd,
    HandshakeType,
    ProtocolVersion,
)
from tls12.wire.certificates import Certificate, CertificateRequest, CertificateStatus
from tls12.wire.extensions import Extension, SessionTicket, SessionTicketAck, StatusRequestAck
from tls12.wire.hello import ClientHello, ServerHello
from tls12.wire.key_exchange import KeyExchangeAlgorithm as Kx
from tls12.wire.messages import Message

EVERY_KIND = (CCS, *range(256))
KINDS = (CCS, *messages())
KEY_EXCHANGES = tuple(dict.fromkeys(row.key_exchange for row in SUITES.values()))
ANONYMOUS = (Kx.DH_ANON, Kx.ECDH_ANON)
SHARE = ("server ServerKeyExchange",)
ALL_TERMS = tuple(
    Terms(*values) for values in product(KEY_EXCHANGES, (False, True), (False, True), (False, True, None))
)


def suite_of(key_exchange: Kx) -> CipherSuite:
    """One suite with this key exchange."""
    return next(row.suite for row in SUITES.values() if row.key_exchange is key_exchange)


def message_of(letter: str, terms: Terms) -> Message | None:
    """A message from which the guard learns `terms`; None where it learns nothing."""
    session_id = b"an id"
    match letter:
        case "client ClientHello":
            ticket = SessionTicket(b"a ticket" if terms.resumed is None else b"")
            suites = (suite_of(terms.key_exchange),)
            null = (CompressionMethod.NULL,)
            return ClientHello(ProtocolVersion.TLS_1_2, bytes(32), session_id, suites, null, (ticket,))
        case "server ServerHello":
            acks: list[Extension] = []
            if terms.ticket:
                acks.append(SessionTicketAck())
            if terms.staple:
                acks.append(StatusRequestAck())
            return ServerHello(
                ProtocolVersion.TLS_1_2,
                bytes(32),
                session_id if terms.resumed else b"another",
                suite_of(terms.key_exchange),
                CompressionMethod.NULL,
                tuple(acks),
            )
        case "server Certificate" | "client Certificate":
            return Certificate((b"\x30\x00",))
        case "client Certificate (empty)":
            return Certificate(())
        case "server CertificateStatus":
            return CertificateStatus(CertificateStatusType.OCSP, b"\x30\x00")
        case "server CertificateRequest":
            return CertificateRequest((ClientCertificateType.ECDSA_SIGN,), (), ())
    return None


def walk(terms: Terms, kinds: tuple[int, ...], at: Conversation, said: Sentence = ()) -> set[Sentence]:
    """Every prefix from here, each held against the figures with these kinds of messages of both sides."""
    seen = {said}
    allowed = following(terms, said) if said else {"client ClientHello"}
    for side in ConnectionEnd:
        names = {letter.split(" ")[1] for letter in allowed if letter.startswith(side.value)}
        assert {message_type_name(kind) for kind in at.expected(side)} == names, said
        for kind in kinds:
            if message_type_name(kind) in names:
                assert at.admit(side, kind).message == kind
                continue
            with pytest.raises(UnexpectedMessage) as refused:
                at.admit(side, kind)
            check_refusal(refused.value, side, kind, names)
            asks_anonymously = message_type_name(kind) == "CertificateRequest" and terms.key_exchange in ANONYMOUS
            due = Alert.HANDSHAKE_FAILURE if asks_anonymously and said[-1:] == SHARE else Alert.UNEXPECTED_MESSAGE
            assert refused.value.alert is due  # RFC 5246 7.4.4
    if at.state is not State.ESTABLISHED:
        for letter in allowed:
            then = deepcopy(at)
            say(then, letter, terms)
            seen |= walk(terms, kinds, then, (*said, letter))
    return seen


def say(conversation: Conversation, letter: str, terms: Terms) -> None:
    """Show one message to the guard."""
    sender, name = letter.removesuffix(EMPTY).split(" ")
    kind = next(kind for kind in KINDS if message_type_name(kind) == name)
    conversation.learn(conversation.admit(ConnectionEnd(sender), kind), message_of(letter, terms))


def check_refusal(error: UnexpectedMessage, side: ConnectionEnd, kind: int, names: set[str]) -> None:
    """Who sent what, and what was expected instead."""
    text = str(error)
    assert text.startswith(f"the {side.value} sent {message_type_name(kind)} ")
    if names:
        assert set(re.split(" or ", text.split("; expected ")[1].split(" (RFC")[0])) == names
    else:
        assert f"it is the {side.other.value}'s turn" in text


@pytest.mark.parametrize("terms", ALL_TERMS, ids=str)
def test_the_table_accepts_the_language_of_the_figures_and_nothing_else(terms: Terms) -> None:
    prefixes = walk(terms, KINDS, Conversation())
    assert max(map(len, prefixes)) >= 6


@pytest.mark.slow
@pytest.mark.parametrize("terms", ALL_TERMS, ids=str)
def test_the_table_refuses_every_other_type_of_message_too(terms: Terms) -> None:
    walk(terms, EVERY_KIND, Conversation())


# --- beyond one handshake ---------------------------------------------------------------------------------

ONE_HANDSHAKE = (
    "client ClientHello",
    "server ServerHello",
    "server Certificate",
    "server ServerKeyExchange",
    "server ServerHelloDone",
    "client ClientKeyExchange",
    "client ChangeCipherSpec",
    "client Finished",
    "server ChangeCipherSpec",
    "server Finished",
)


ABBREVIATED = (
    "client ClientHello",
    "server ServerHello",
    "server NewSessionTicket",
    "server ChangeCipherSpec",
    "server Finished",
    "client ChangeCipherSpec",
    "client Finished",
)


@pytest.mark.parametrize("sender", ConnectionEnd, ids=lambda side: side.value)
@pytest.mark.parametrize(
    ("again", "terms"),
    [(ONE_HANDSHAKE, Terms(Kx.ECDHE)), (ABBREVIATED, Terms(Kx.ECDHE, ticket=True, resumed=True))],
    ids=["full", "abbreviated"],
)
def test_application_data_may_come_after_a_handshake_and_up_to_its_senders_next_changecipherspec(
    again: Sentence, terms: Terms, sender: ConnectionEnd
) -> None:
    conversation = Conversation()
    for letter in ONE_HANDSHAKE:
        assert not conversation.data_allowed(sender)
        say(conversation, letter, Terms(Kx.ECDHE))
    for count, letter in enumerate(again):
        assert conversation.data_allowed(sender) == (f"{sender.value} ChangeCipherSpec" not in again[:count])
        say(conversation, letter, terms)
    assert conversation.data_allowed(sender)


def test_a_second_handshake_forgets_what_the_first_agreed_on() -> None:
    conversation = Conversation()
    first = Terms(Kx.ECDHE, staple=True, ticket=True)
    for letter in (*ONE_HANDSHAKE[:-2], "server NewSessionTicket", *ONE_HANDSHAKE[-2:]):
        say(conversation, letter, first)
    for letter in ONE_HANDSHAKE[:3]:
        say(conversation, letter, Terms(Kx.ECDHE))
    assert {message_type_name(kind) for kind in conversation.expected(ConnectionEnd.SERVER)} == {"ServerKeyExchange"}


def test_a_suite_that_nobody_knows_teaches_the_guard_nothing() -> None:
    conversation = Conversation()
    say(conversation, "client ClientHello", Terms(Kx.ECDHE))
    unknown = ServerHello(ProtocolVersion.TLS_1_2, bytes(32), b"", CipherSuite.of(0xFEFE), CompressionMethod.NULL, ())
    conversation.learn(conversation.admit(ConnectionEnd.SERVER, HandshakeType.SERVER_HELLO), unknown)
    assert conversation.context is None
    assert not conversation.facts.certificate_based


# --- its drawing ------------------------------------------------------------------------------------------

PAGE = Path(__file__).parents[2] / "docs" / "state-machine.md"


def test_the_documented_diagram_is_drawn_from_the_table() -> None:
    diagram = PAGE.read_text().split("```mermaid\n")[1].split("```")[0]
    assert diagram.splitlines() == list(mermaid())


def test_the_diagram_has_a_line_for_every_row() -> None:
    lines = list(mermaid())[1:]
    assert len(lines) == len(ROWS)
    for row, line in zip(ROWS, lines, strict=True):
        assert re.match(
            rf" +{row.at.name} --> {row.to.name}: {row.sender.value} {message_type_name(row.message)}( \[|$)", line
        )


def test_every_state_can_be_reached_and_left() -> None:
    assert {row.to for row in ROWS} | {State.START} == set(State)
    assert {row.at for row in ROWS} == set(State)
