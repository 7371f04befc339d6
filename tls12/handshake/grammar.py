"""The grammar of TLS 1.2: which message may follow which, as data (figures 1 and 2 of RFC 5246, and extensions).

How it works: `ROWS` is the whole protocol, for both directions and without a role. A `Conversation` has a state in it
and `ConversationFacts`, which it learns from the messages themselves (the suite from the ServerHello, the staple from
its extensions, and so on). Every message of either side is shown to it twice: `admit` gets the type, before anything is
parsed, and refuses a message that may not come now; `learn` gets the parsed message and changes the state.

The generators in `client.py` and `server.py` are the same protocol as straight-line code, and refuse a message for
which they do not wait. They work out for themselves what the hellos settle, although some of the grammar's facts have
the same names: a check that is forgotten in one is still made by the other. The observer, the diagram in the docs and
the exhaustive tests use these same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from tls12.crypto.suites import SUITES
from tls12.errors import UnexpectedMessage
from tls12.registry import Alert, CipherSuite, ConnectionEnd, HandshakeType
from tls12.wire.certificates import Certificate
from tls12.wire.extensions import SessionTicket, SessionTicketAck, StatusRequestAck
from tls12.wire.hello import ClientHello, ServerHello
from tls12.wire.key_exchange import KeyExchangeAlgorithm as Kx
from tls12.wire.messages import Context, Message


class State(Enum):
    """Where a conversation stands: named after the message last seen."""

    START = "start"
    CLIENT_HELLO = "ClientHello"
    SERVER_HELLO = "ServerHello"
    CERTIFICATE = "server's Certificate"
    CERTIFICATE_STATUS = "CertificateStatus"
    SERVER_KEY_EXCHANGE = "ServerKeyExchange"
    CERTIFICATE_REQUEST = "CertificateRequest"
    SERVER_HELLO_DONE = "ServerHelloDone"
    CLIENT_CERTIFICATE = "client's Certificate"
    CLIENT_KEY_EXCHANGE = "ClientKeyExchange"
    CERTIFICATE_VERIFY = "CertificateVerify"
    CLIENT_CCS = "client's ChangeCipherSpec"
    CLIENT_FINISHED = "client's Finished"
    NEW_SESSION_TICKET = "NewSessionTicket"
    SERVER_CCS = "server's ChangeCipherSpec"
    SERVER_FINISHED = "server's Finished"
    ESTABLISHED = "established"

    __hash__ = object.__hash__


# Used in every handshake, and slow to look up in an enum class before Python 3.12 (see docs/performance.md).
_START, _ESTABLISHED = State.START, State.ESTABLISHED

CCS = -1
"""Stands for a ChangeCipherSpec record, which has no handshake type."""

MessageKind = int
"""A handshake type, or `CCS`."""


@dataclass(init=False)
class ConversationFacts:
    """What the guards of the rows depend on; `Conversation.learn` takes it from the messages.

    The defaults of the class hold until a message says otherwise.
    """

    cipher_suite: CipherSuite | None = None
    """From the ServerHello."""
    key_exchange: Kx | None = None
    certificate_based: bool = False
    """The suite authenticates the server with a certificate."""
    resumed: bool | None = False
    """None: a ticket was offered, and only the message after the ServerHello will tell (RFC 5077 3.4)."""
    ticket_offered: bool = False
    ticket_promised: bool = False
    """The ServerHello carries session_ticket."""
    staple_promised: bool = False
    """The ServerHello carries status_request, so that a CertificateStatus may come."""
    certificate_requested: bool = False
    client_certificate: bool = False
    """The client's Certificate was not empty, so that a CertificateVerify must come."""
    offered_session_id: bytes = field(default=b"", repr=False)
    """From the ClientHello."""


Guard = Callable[[ConversationFacts], bool]


def always(facts: ConversationFacts) -> bool:
    """No condition."""
    return True


def full_with_certificate(facts: ConversationFacts) -> bool:
    """A full handshake whose suite authenticates the server by certificate."""
    return facts.resumed is not True and facts.certificate_based


def full_with_share_only(facts: ConversationFacts) -> bool:
    """Anonymous and PSK suites: a ServerKeyExchange without a Certificate."""
    return facts.resumed is not True and not facts.certificate_based


def full_psk_without_hint(facts: ConversationFacts) -> bool:
    """Plain PSK, where an absent hint leaves the ServerKeyExchange out (RFC 4279 2)."""
    return facts.resumed is not True and facts.key_exchange is Kx.PSK


def stapled(facts: ConversationFacts) -> bool:
    """The server promised a CertificateStatus (which it may still leave out, RFC 6066 8)."""
    return facts.staple_promised


def with_share(facts: ConversationFacts) -> bool:
    """Certificate suites with a ServerKeyExchange; in RSA_PSK it only carries a hint."""
    return facts.key_exchange is not Kx.RSA


def share_optional(facts: ConversationFacts) -> bool:
    """RSA transport has no ServerKeyExchange, RSA_PSK none without a hint."""
    return facts.key_exchange in (Kx.RSA, Kx.RSA_PSK)


def rsa_transport(facts: ConversationFacts) -> bool:
    """Plain RSA key transport."""
    return facts.key_exchange is Kx.RSA


def may_request_certificate(facts: ConversationFacts) -> bool:
    """A server that authenticates by certificate alone may ask for one (RFC 5246 7.4.4, RFC 4279 2)."""
    return facts.certificate_based and facts.key_exchange is not Kx.RSA_PSK


def anonymous(facts: ConversationFacts) -> bool:
    """Anonymous suites, with which no client certificate may be asked for: handshake_failure (RFC 5246 7.4.4)."""
    return facts.key_exchange in (Kx.DH_ANON, Kx.ECDH_ANON)


def requested(facts: ConversationFacts) -> bool:
    """The server asked for a client certificate."""
    return facts.certificate_requested


def not_requested(facts: ConversationFacts) -> bool:
    """The server did not ask for a client certificate."""
    return not facts.certificate_requested


def certified(facts: ConversationFacts) -> bool:
    """The client sent a certificate, and must prove that it owns the key."""
    return facts.client_certificate


def not_certified(facts: ConversationFacts) -> bool:
    """The client sent no certificate."""
    return not facts.client_certificate


def full_with_ticket(facts: ConversationFacts) -> bool:
    """A full handshake that promised a ticket."""
    return facts.resumed is False and facts.ticket_promised


def full_without_ticket(facts: ConversationFacts) -> bool:
    """A full handshake that promised no ticket."""
    return facts.resumed is False and not facts.ticket_promised


def resumed_with_ticket(facts: ConversationFacts) -> bool:
    """An abbreviated handshake that renews the ticket."""
    return facts.resumed is not False and facts.ticket_promised


def resumed_without_ticket(facts: ConversationFacts) -> bool:
    """An abbreviated handshake that promised no ticket."""
    return facts.resumed is not False and not facts.ticket_promised


def resumed(facts: ConversationFacts) -> bool:
    """An abbreviated handshake."""
    return facts.resumed is True


def not_resumed(facts: ConversationFacts) -> bool:
    """A full handshake."""
    return facts.resumed is False


@dataclass(frozen=True, slots=True)
class Row:
    """In state `at`, `sender` may send `message`, which leads to `to`, only if the guard holds."""

    at: State
    sender: ConnectionEnd
    message: MessageKind
    to: State
    only_if: Guard = always


_C, _S, _H = ConnectionEnd.CLIENT, ConnectionEnd.SERVER, HandshakeType

ROWS: tuple[Row, ...] = (
    #   at                         sender message                  to                          only if
    Row(State.START,               _C, _H.CLIENT_HELLO,        State.CLIENT_HELLO),
    Row(State.CLIENT_HELLO,        _S, _H.SERVER_HELLO,        State.SERVER_HELLO),
    # A full handshake: the server's flight.
    Row(State.SERVER_HELLO,        _S, _H.CERTIFICATE,         State.CERTIFICATE,          full_with_certificate),
    Row(State.SERVER_HELLO,        _S, _H.SERVER_KEY_EXCHANGE, State.SERVER_KEY_EXCHANGE,  full_with_share_only),
    Row(State.SERVER_HELLO,        _S, _H.SERVER_HELLO_DONE,   State.SERVER_HELLO_DONE,    full_psk_without_hint),
    Row(State.CERTIFICATE,         _S, _H.CERTIFICATE_STATUS,  State.CERTIFICATE_STATUS,   stapled),
    Row(State.CERTIFICATE,         _S, _H.SERVER_KEY_EXCHANGE, State.SERVER_KEY_EXCHANGE,  with_share),
    Row(State.CERTIFICATE,         _S, _H.CERTIFICATE_REQUEST, State.CERTIFICATE_REQUEST,  rsa_transport),
    Row(State.CERTIFICATE,         _S, _H.SERVER_HELLO_DONE,   State.SERVER_HELLO_DONE,    share_optional),
    Row(State.CERTIFICATE_STATUS,  _S, _H.SERVER_KEY_EXCHANGE, State.SERVER_KEY_EXCHANGE,  with_share),
    Row(State.CERTIFICATE_STATUS,  _S, _H.CERTIFICATE_REQUEST, State.CERTIFICATE_REQUEST,  rsa_transport),
    Row(State.CERTIFICATE_STATUS,  _S, _H.SERVER_HELLO_DONE,   State.SERVER_HELLO_DONE,    share_optional),
    Row(State.SERVER_KEY_EXCHANGE, _S, _H.CERTIFICATE_REQUEST, State.CERTIFICATE_REQUEST,  may_request_certificate),
    Row(State.SERVER_KEY_EXCHANGE, _S, _H.SERVER_HELLO_DONE,   State.SERVER_HELLO_DONE),
    Row(State.CERTIFICATE_REQUEST, _S, _H.SERVER_HELLO_DONE,   State.SERVER_HELLO_DONE),
    # A full handshake: the client's flight.
    Row(State.SERVER_HELLO_DONE,   _C, _H.CERTIFICATE,         State.CLIENT_CERTIFICATE,   requested),
    Row(State.SERVER_HELLO_DONE,   _C, _H.CLIENT_KEY_EXCHANGE, State.CLIENT_KEY_EXCHANGE,  not_requested),
    Row(State.CLIENT_CERTIFICATE,  _C, _H.CLIENT_KEY_EXCHANGE, State.CLIENT_KEY_EXCHANGE),
    Row(State.CLIENT_KEY_EXCHANGE, _C, _H.CERTIFICATE_VERIFY,  State.CERTIFICATE_VERIFY,   certified),
    Row(State.CLIENT_KEY_EXCHANGE, _C, CCS,                    State.CLIENT_CCS,           not_certified),
    Row(State.CERTIFICATE_VERIFY,  _C, CCS,                    State.CLIENT_CCS),
    Row(State.CLIENT_CCS,          _C, _H.FINISHED,            State.CLIENT_FINISHED,      not_resumed),
    # The server's last flight, in a full handshake and in an abbreviated one.
    Row(State.CLIENT_FINISHED,     _S, _H.NEW_SESSION_TICKET,  State.NEW_SESSION_TICKET,   full_with_ticket),
    Row(State.CLIENT_FINISHED,     _S, CCS,                    State.SERVER_CCS,           full_without_ticket),
    Row(State.SERVER_HELLO,        _S, _H.NEW_SESSION_TICKET,  State.NEW_SESSION_TICKET,   resumed_with_ticket),
    Row(State.SERVER_HELLO,        _S, CCS,                    State.SERVER_CCS,           resumed_without_ticket),
    Row(State.NEW_SESSION_TICKET,  _S, CCS,                    State.SERVER_CCS),
    Row(State.SERVER_CCS,          _S, _H.FINISHED,            State.ESTABLISHED,          not_resumed),
    Row(State.SERVER_CCS,          _S, _H.FINISHED,            State.SERVER_FINISHED,      resumed),
    # The client's last flight in an abbreviated handshake.
    Row(State.SERVER_FINISHED,     _C, CCS,                    State.CLIENT_CCS,           resumed),
    Row(State.CLIENT_CCS,          _C, _H.FINISHED,            State.ESTABLISHED,          resumed),
    # Another handshake on the same connection (RFC 5246 7.4.1.1 and 7.4.1.2).
    Row(State.ESTABLISHED,         _S, _H.HELLO_REQUEST,       State.ESTABLISHED),
    Row(State.ESTABLISHED,         _C, _H.CLIENT_HELLO,        State.CLIENT_HELLO),
)  # fmt: skip
"""The protocol. A HelloRequest during a handshake has no row: the client ignores it (RFC 5246 7.4.1.1) without asking
the grammar."""

_BEFORE_ANY_CCS = frozenset(
    {
        State.ESTABLISHED,
        State.CLIENT_HELLO,
        State.SERVER_HELLO,
        State.CERTIFICATE,
        State.CERTIFICATE_STATUS,
        State.SERVER_KEY_EXCHANGE,
        State.CERTIFICATE_REQUEST,
        State.SERVER_HELLO_DONE,
        State.CLIENT_CERTIFICATE,
        State.CLIENT_KEY_EXCHANGE,
        State.CERTIFICATE_VERIFY,
    }
)
DATA_STATES: dict[tuple[ConnectionEnd, bool], frozenset[State]] = {
    (_C, False): _BEFORE_ANY_CCS,
    (_S, False): _BEFORE_ANY_CCS | {State.CLIENT_CCS, State.CLIENT_FINISHED, State.NEW_SESSION_TICKET},
    (_C, True): _BEFORE_ANY_CCS | {State.NEW_SESSION_TICKET, State.SERVER_CCS, State.SERVER_FINISHED},
    (_S, True): _BEFORE_ANY_CCS | {State.NEW_SESSION_TICKET},
}
"""The states in which application data may arrive after a first handshake, by its sender and by whether the handshake
in progress is abbreviated: all states before the sender's own ChangeCipherSpec, under the old keys (RFC 5246 7.1)."""

_BY_PLACE: dict[ConnectionEnd, dict[State, dict[MessageKind, tuple[Row, ...]]]] = {
    side: {
        state: {
            kind: tuple(row for row in ROWS if (row.at, row.sender, row.message) == (state, side, kind))
            for kind in dict.fromkeys(row.message for row in ROWS if (row.at, row.sender) == (state, side))
        }
        for state in State
    }
    for side in ConnectionEnd
}
"""The rows indexed by sender, state and message, because `admit` looks one up for every message of either side."""
_TYPE_NAMES: dict[MessageKind, str] = {
    CCS: "ChangeCipherSpec",
    **{kind: "".join(word.capitalize() for word in kind.name.split("_")) for kind in HandshakeType},
}


def message_type_name(kind: MessageKind) -> str:
    """A message type as RFC 5246 spells its structure: ServerHelloDone, ChangeCipherSpec."""
    return _TYPE_NAMES.get(kind, f"handshake type {kind}")


FLIGHT_ENDS = frozenset({HandshakeType.CLIENT_HELLO, HandshakeType.SERVER_HELLO_DONE, HandshakeType.FINISHED})
"""After these the sender must wait or change keys, so nothing may follow in the same record."""


def surplus(sender: ConnectionEnd, kind: MessageKind) -> UnexpectedMessage:
    """The error for more bytes in the record in which one of `FLIGHT_ENDS` ends."""
    return UnexpectedMessage(f"the {sender} sent more after its {message_type_name(kind)}, in the same record")


def interruption(sender: ConnectionEnd, what: str) -> UnexpectedMessage:
    """The error for a record of another type between the fragments of a handshake message."""
    return UnexpectedMessage(f"the {sender} sent {what} in the middle of a handshake message")


class Conversation:
    """The state and the facts of one conversation; every message of both directions is shown to it."""

    __slots__ = ("context", "established_once", "facts", "state")

    def __init__(self) -> None:
        self.state = _START
        self.facts = ConversationFacts()
        self.established_once = False
        self.context: Context | None = None

    def expected(self, sender: ConnectionEnd) -> tuple[MessageKind, ...]:
        """What `sender` may send now."""
        facts = self.facts
        here = _BY_PLACE[sender][self.state].values()
        return tuple(row.message for rows in here for row in rows if row.only_if(facts))

    def admit(self, sender: ConnectionEnd, kind: MessageKind) -> Row:
        """The row that allows this message. Raises `UnexpectedMessage`, which names what was expected."""
        facts = self.facts
        for row in _BY_PLACE[sender][self.state].get(kind, ()):
            guard = row.only_if
            if guard is always or guard(facts):
                return row
        refusal = UnexpectedMessage(self.explain_unexpected(sender, message_type_name(kind)))
        if kind == HandshakeType.CERTIFICATE_REQUEST and self.state is State.SERVER_KEY_EXCHANGE and anonymous(facts):
            refusal.alert, refusal.rule = Alert.HANDSHAKE_FAILURE, "RFC 5246 7.4.4"
        raise refusal

    def explain_unexpected(self, sender: ConnectionEnd, what: str) -> str:
        """One sentence: what came, when, and what should have come."""
        mine = " or ".join(map(message_type_name, self.expected(sender)))
        due = f"expected {mine}" if mine else f"it is the {sender.other.value}'s turn"
        place = "before anything else" if self.state is State.START else f"after {self.state.value}"
        return f"the {sender.value} sent {what} {place}; {due}"

    def learn(self, row: Row, message: Message | None) -> None:
        """Go to the row's next state, and keep from the message what later guards ask about."""
        learner = _LEARNERS.get(row.message)
        if learner is not None and message is not None:
            learner(self, row, message)
        elif self.facts.resumed is None:
            self.facts.resumed = row.message in _ONLY_IN_A_RESUMPTION
        self.state = state = row.to
        if state is _ESTABLISHED:
            self.established_once = True

    def data_allowed(self, sender: ConnectionEnd) -> bool:
        """Whether application data of `sender` may arrive here (RFC 5246 7.1 and 7.4.1.1)."""
        return self.established_once and self.state in DATA_STATES[sender, self.facts.resumed is True]


_CONTEXTS = {key_exchange: Context(key_exchange) for key_exchange in Kx}


def _learn_client_hello(conversation: Conversation, row: Row, message: Message) -> None:
    assert isinstance(message, ClientHello)
    ticket = message.find(SessionTicket)
    conversation.facts = facts = ConversationFacts()
    facts.offered_session_id = message.session_id
    facts.ticket_offered = ticket is not None and bool(ticket.ticket)


def _learn_server_hello(conversation: Conversation, row: Row, message: Message) -> None:
    assert isinstance(message, ServerHello)
    facts = conversation.facts
    facts.cipher_suite = message.cipher_suite
    suite = SUITES.get(message.cipher_suite)
    if suite is not None:
        facts.key_exchange = suite.key_exchange
        facts.certificate_based = suite.uses_certificate
        conversation.context = _CONTEXTS[suite.key_exchange]
    if message.session_id and message.session_id == facts.offered_session_id:
        facts.resumed = True
    elif facts.ticket_offered:
        facts.resumed = None
    answered = set(map(type, message.extensions or ()))
    facts.ticket_promised = SessionTicketAck in answered
    facts.staple_promised = StatusRequestAck in answered


def _learn_certificate(conversation: Conversation, row: Row, message: Message) -> None:
    assert isinstance(message, Certificate)
    conversation.facts.resumed = False
    if row.sender is ConnectionEnd.CLIENT:
        conversation.facts.client_certificate = bool(message.certificate_list)


def _learn_certificate_request(conversation: Conversation, row: Row, message: Message) -> None:
    conversation.facts.certificate_requested = True


_ONLY_IN_A_RESUMPTION = frozenset({CCS, HandshakeType.NEW_SESSION_TICKET})
_LEARNERS: dict[MessageKind, Callable[[Conversation, Row, Message], None]] = {
    HandshakeType.CLIENT_HELLO: _learn_client_hello,
    HandshakeType.SERVER_HELLO: _learn_server_hello,
    HandshakeType.CERTIFICATE: _learn_certificate,
    HandshakeType.CERTIFICATE_REQUEST: _learn_certificate_request,
}


def mermaid() -> Iterator[str]:
    """The lines of a Mermaid state diagram of `ROWS`, as the docs show it."""
    yield "stateDiagram-v2"
    for row in ROWS:
        condition = "" if row.only_if is always else f" [{row.only_if.__name__.replace('_', ' ')}]"
        yield f"    {row.at.name} --> {row.to.name}: {row.sender.value} {message_type_name(row.message)}{condition}"
