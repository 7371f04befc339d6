"""A passive observer: reads along with a connection of others, with the key log if there is one.

How it works: `feed` takes the bytes of either direction in the order in which they went over the wire; `events` gives
what was seen: handshake messages, application data, alerts, what could not be decrypted, and what broke a rule. An
observer has no keys of its own. At a ChangeCipherSpec it asks the key log for the master secret of the ClientHello's
random and makes the sender's keys from it; from there on it decrypts, and it computes for itself what each Finished
has to say. Without the secret everything behind the ChangeCipherSpec is `Undecryptable`.

It is built of the parts that a connection is made of (`PatientReader`, `HandshakeReassembler`, `Conversation`,
`make_opener`), but it never refuses: what a rule forbids becomes a `RuleBroken`, and the observer reads on as well as
it can. The grammar has one say for each handshake: behind the first message that it does not admit, and behind a
ServerHello with a suite that cannot be computed here, it is not asked again until the next ClientHello. What a record
breaks (its type, its length, its version, that it is empty) is named likewise; only where a direction cannot even be
cut into records any more, it is given up.

False Start (RFC 7918) is no broken rule: application data may follow the sender's own Finished.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TypeAlias

from tls12.crypto import key_schedule
from tls12.crypto.null import NullCipher
from tls12.crypto.protection import Opener, make_opener
from tls12.crypto.suites import SUITES, Suite
from tls12.crypto.transcript import Transcript
from tls12.errors import DecodeError, TLSError, UnexpectedMessage, UsageError
from tls12.given import require
from tls12.handshake.grammar import CCS, Conversation, MessageKind, State
from tls12.keylog import KeyLog
from tls12.lab.patience import PatientReader
from tls12.registry import (
    Alert,
    AlertLevel,
    CompressionMethod,
    ConnectionEnd,
    ContentType,
    EndName,
    HandshakeType,
    ProtocolVersion,
)
from tls12.wire import lenient, messages
from tls12.wire.closing import AlertMessage, ChangeCipherSpec, Finished
from tls12.wire.context import Context
from tls12.wire.extensions import EncryptThenMac, HeartbeatExtension, SelectedVersion
from tls12.wire.hello import ClientHello, ServerHello
from tls12.wire.messages import HandshakeReassembler, Message
from tls12.wire.records import MAX_CIPHERTEXT, Buffer


@dataclass(slots=True)
class MessageSeen:
    """A whole handshake message, or a ChangeCipherSpec."""

    sender: ConnectionEnd
    message: Message | ChangeCipherSpec
    data: bytes
    """Its bytes, decrypted; a handshake message with its header."""
    protected: bool
    """Whether it was encrypted."""
    verified: bool | None = None
    """Of a Finished: whether it says what it has to (RFC 5246 7.4.9); None of others, and without the secret."""


@dataclass(slots=True)
class ApplicationDataSeen:
    """The plaintext of one application_data record."""

    sender: ConnectionEnd
    data: bytes


@dataclass(slots=True)
class AlertSeen:
    """An alert, close_notify among them."""

    sender: ConnectionEnd
    level: AlertLevel
    description: Alert
    protected: bool
    """Whether it was encrypted."""


@dataclass(slots=True)
class RecordSeen:
    """A record of a type that TLS itself does not have: a heartbeat (RFC 6520), or one that nothing is known about.

    A heartbeat that both hellos have agreed on breaks no rule; everything else does, and a `RuleBroken` stands before.
    """

    sender: ConnectionEnd
    content_type: ContentType
    fragment: bytes
    """Its body, decrypted. `tls12.wire.closing.Heartbeat.parse` reads that of a heartbeat."""
    protected: bool
    """Whether it was encrypted."""


@dataclass(slots=True)
class Undecryptable:
    """A protected record that stays closed."""

    sender: ConnectionEnd
    content_type: ContentType
    fragment: bytes = field(repr=False)
    """The body as it stood on the wire."""
    reason: str


@dataclass(slots=True)
class RuleBroken:
    """What a connection would have refused; `error` has the sentence, the rule and the alert that it would send."""

    sender: ConnectionEnd
    error: TLSError


Seen: TypeAlias = MessageSeen | ApplicationDataSeen | AlertSeen | RecordSeen | Undecryptable | RuleBroken
"""What `Observer.events` gives."""


class Observer:
    """Both directions of one connection, seen from outside; `keylog` holds the secrets, as far as they are known.

    The log is asked at each ChangeCipherSpec, so it may grow while the observer runs.
    """

    def __init__(self, keylog: KeyLog | None = None) -> None:
        require("keylog", keylog, KeyLog | None, "a KeyLog, such as KeyLog.load(path)")
        self.keylog = keylog if keylog is not None else KeyLog()
        self.conversation = Conversation()
        """Where the handshake stands, and what either side may send next."""
        self.client_hello: ClientHello | None = None
        """Of the latest handshake."""
        self.server_hello: ServerHello | None = None
        """Of the latest handshake."""
        self._directions = {side: _Direction(side) for side in ConnectionEnd}
        self._transcript = Transcript()
        self._lawless = False
        self._events: list[Seen] = []

    def feed(self, sender: EndName, data: Buffer) -> None:
        """Take the next bytes of this sender, in any portions. Never raises for what they are."""
        if sender not in ("client", "server"):
            raise UsageError(f"sender is {sender!r:.40}; give 'client' or 'server'")
        require("data", data, bytes | bytearray | memoryview, "the bytes that were seen")
        direction = self._directions[ConnectionEnd(sender)]
        if direction.lost:
            return
        try:
            for kind, fragment in direction.reader.records(data):
                self._take_objections(direction)
                self._take_record(direction, ContentType.of(kind), fragment)
        except TLSError as error:
            direction.lost = True
            direction.reader.objections.append(error)
        self._take_objections(direction)

    def events(self) -> list[Seen]:
        """What has been seen since the last call, in order."""
        events, self._events = self._events, []
        return events

    # -- records ------------------------------------------------------------------------------------------

    def _take_objections(self, direction: _Direction) -> None:
        for error in direction.reader.objections:
            self._object(direction, error)
        direction.reader.objections.clear()

    def _take_record(self, direction: _Direction, kind: ContentType, fragment: bytes) -> None:
        reason = direction.closed_because
        if not reason and kind == ContentType.APPLICATION_DATA and self.client_hello is None:
            reason = "there was no handshake: the observer came too late"
        if reason:
            self._events.append(Undecryptable(direction.role, kind, fragment, reason))
            if kind == ContentType.HANDSHAKE and HandshakeType.FINISHED in self.conversation.expected(direction.side):
                # It can be nothing else, and the grammar must follow to judge what comes in the clear behind it.
                self._consult_grammar(direction, HandshakeType.FINISHED, None)
                direction.finished = True
        elif kind == ContentType.HANDSHAKE:
            direction.reassembler.feed(fragment)
            while (data := direction.reassembler.next_message()) is not None:
                self._take_message(direction, data)
        elif kind == ContentType.CHANGE_CIPHER_SPEC:
            self._take_change_cipher_spec(direction, fragment)
        elif kind == ContentType.ALERT:
            self._take_alert(direction, fragment)
        elif kind != ContentType.APPLICATION_DATA:
            self._take_foreign(direction, kind, fragment)
        else:
            if not (self._lawless or direction.finished or self.conversation.data_allowed(direction.side)):
                what = self.conversation.describe(direction.side, "application data")
                self._object(direction, UnexpectedMessage(what))
            self._events.append(ApplicationDataSeen(direction.role, fragment))

    def _take_foreign(self, direction: _Direction, kind: ContentType, fragment: bytes) -> None:
        hellos = self.client_hello, self.server_hello
        agreed = all(hello is not None and hello.find(HeartbeatExtension) is not None for hello in hellos)
        if kind != ContentType.HEARTBEAT or not agreed:
            what = f"the {direction.role} sent a record of the content type {kind}, which was not agreed on"
            self._object(direction, UnexpectedMessage(what, rule="RFC 5246 6"))
        self._events.append(RecordSeen(direction.role, kind, fragment, direction.reader.protected))

    def _take_alert(self, direction: _Direction, fragment: bytes) -> None:
        try:
            alert = AlertMessage.parse(fragment)
        except DecodeError as error:
            self._object(direction, error)
        else:
            protected = direction.reader.protected
            self._events.append(AlertSeen(direction.role, alert.level, alert.description, protected))

    def _take_change_cipher_spec(self, direction: _Direction, fragment: bytes) -> None:
        message = ChangeCipherSpec()
        try:
            message = ChangeCipherSpec.parse(fragment)
        except DecodeError as error:
            self._object(direction, error)
        self._consult_grammar(direction, CCS, None)
        self._events.append(MessageSeen(direction.role, message, fragment, direction.reader.protected))
        direction.open_with(self._make_opener(direction.side))

    # -- handshake messages -------------------------------------------------------------------------------

    def _take_message(self, direction: _Direction, data: bytes) -> None:
        kind, context = data[0], self._context()
        message: Message
        try:
            message = messages.parse(data, context)
        except DecodeError as error:
            self._object(direction, error)
            message = lenient.parse(data, context)
        verified = self._verify(direction.side, message) if isinstance(message, Finished) else None
        if kind == HandshakeType.CLIENT_HELLO:
            self._begin()
        if kind != HandshakeType.HELLO_REQUEST:  # never hashed, and ignored during a handshake (RFC 5246 7.4.1.1)
            self._transcript.append(data)
            self._consult_grammar(direction, kind, message)
        self._events.append(MessageSeen(direction.role, message, data, direction.reader.protected, verified))
        if isinstance(message, ClientHello):
            self.client_hello = message
        elif isinstance(message, ServerHello):
            self._take_server_hello(message)
        elif isinstance(message, Finished):
            direction.finished = True

    def _begin(self) -> None:
        """A ClientHello begins a handshake, the first or another one."""
        self._transcript = Transcript()
        self._lawless = False
        self.client_hello = self.server_hello = None
        for direction in self._directions.values():
            direction.finished = False

    def _take_server_hello(self, message: ServerHello) -> None:
        self.server_hello = message
        if self._version() == ProtocolVersion.TLS_1_3:  # which encrypts from here on, without a ChangeCipherSpec
            for direction in self._directions.values():
                direction.open_with(f"the connection speaks {ProtocolVersion.TLS_1_3}")
        if self._suite() is None:  # what its key exchange sends is not known here
            self._leave_the_grammar()

    def _consult_grammar(self, direction: _Direction, kind: MessageKind, message: Message | None) -> None:
        if self._lawless:
            return
        try:
            row = self.conversation.admit(direction.side, kind)
        except UnexpectedMessage as error:
            self._object(direction, error)
            self._leave_the_grammar()
        else:
            if isinstance(message, messages.MalformedMessage | messages.RawMessage):
                message = None
            self.conversation.learn(row, message)

    def _leave_the_grammar(self) -> None:
        self._lawless = True
        self.conversation.state = State.START  # for the next ClientHello

    def _object(self, direction: _Direction, error: TLSError) -> None:
        self._events.append(RuleBroken(direction.role, error))

    # -- what the hellos settled, and secrets -------------------------------------------------------------

    def _version(self) -> ProtocolVersion:
        assert self.server_hello is not None
        selected = self.server_hello.find(SelectedVersion)
        return selected.selected_version if selected is not None else self.server_hello.server_version

    def _suite(self) -> Suite | None:
        return SUITES.get(self.server_hello.cipher_suite) if self.server_hello is not None else None

    def _context(self) -> Context | None:
        suite = self._suite()
        return Context(suite.key_exchange, version=self._version()) if suite is not None else None

    def _master_secret(self) -> bytes | None:
        return self.keylog.find(self.client_hello.random) if self.client_hello is not None else None

    def _verify(self, side: ConnectionEnd, finished: Finished) -> bool | None:
        suite, master = self._suite(), self._master_secret()
        if suite is None or master is None:
            return None
        digest = self._transcript.digest(suite.prf_hash)
        return hmac.compare_digest(finished.verify_data, key_schedule.verify_data(suite.prf_hash, master, side, digest))

    def _make_opener(self, side: ConnectionEnd) -> Opener | str:
        """What opens the records of this side from here on, or why nothing does."""
        hello, answer, suite, master = self.client_hello, self.server_hello, self._suite(), self._master_secret()
        if hello is None or answer is None:
            return "the hellos were not seen"
        if self._version() != ProtocolVersion.TLS_1_2:
            return f"the connection speaks {self._version()}"
        if suite is None:
            return f"{answer.cipher_suite} cannot be computed here"
        if answer.compression_method != CompressionMethod.NULL:
            return f"the records are compressed ({answer.compression_method})"
        if master is None:
            return "the key log has no secret for this ClientHello"
        block = key_schedule.key_block(suite, master, hello.random, answer.random)
        keys = block.client if side is ConnectionEnd.CLIENT else block.server
        return make_opener(suite, keys, encrypt_then_mac=suite.is_cbc and answer.find(EncryptThenMac) is not None)


class _Direction:
    """One sender's half."""

    def __init__(self, side: ConnectionEnd) -> None:
        self.side = side
        self.role = side
        self.reader = PatientReader(empty_record_limit=1 << 62)
        self.reassembler = HandshakeReassembler()
        self.finished = False
        """The Finished of the latest handshake was sent."""
        self.lost = False
        """What comes can no longer be cut into records."""
        self._opener: _PatientOpener | None = None

    @property
    def closed_because(self) -> str:
        """Why records cannot be opened; empty if they can, or need not be."""
        return self._opener.reason if self._opener is not None else ""

    def open_with(self, opener: Opener | str) -> None:
        """Open records with this, or leave them closed for this reason."""
        self._opener = _PatientOpener(opener)
        self.reader.install(self._opener)
        self.reader.version_fixed = False  # TLS 1.0 is cut into records as well
        self.reader.plaintext_limit = MAX_CIPHERTEXT  # what stays closed is longer


class _PatientOpener(NullCipher):
    """An opener that gives back what it cannot open instead of raising, and says why in `reason`."""

    __slots__ = ("_opener", "reason")

    def __init__(self, opener: Opener | str) -> None:
        self._opener = opener
        self.reason = opener if isinstance(opener, str) else ""

    def open(self, sequence: int, kind: int, body: Buffer) -> bytes:
        if not isinstance(self._opener, str):
            try:
                return self._opener.open(sequence, kind, body)
            except TLSError as error:
                self._opener = self.reason = str(error)
        return bytes(body)

    def nonce(self, sequence: int, body: Buffer) -> bytes:
        return b"" if isinstance(self._opener, str) else self._opener.nonce(sequence, body)

    def additional_data(self, sequence: int, kind: int, body: Buffer, length: int) -> bytes:
        return b"" if isinstance(self._opener, str) else self._opener.additional_data(sequence, kind, body, length)
