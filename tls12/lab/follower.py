"""Follows both directions of a conversation: records, messages, the grammar, the transcript, the keys, both Finished.

How it works: `Follower.feed` takes the bytes of either end in the order in which they went over the wire and yields
what they say (`seen.py`). It uses the parts that a connection is made of (the checks of its record reader,
`HandshakeReassembler`, `Conversation`, `Transcript`, `make_opener`) but does not stop where a connection would: a
broken rule becomes a `RuleBroken`, and the follower reads on.

At a ChangeCipherSpec it needs keys. Its owner may have set `keys`. Otherwise the keys are made from the key log, which
holds either the master secret of the handshake (CLIENT_RANDOM) or its premaster secret (PMS_CLIENT_RANDOM, RSA).
Without keys every later record of that direction is `Undecryptable`. With the master secret the follower also computes
what each Finished must contain.

The grammar reports at most one error for each handshake. After the first message that it does not admit, and after a
ServerHello with a suite that cannot be computed here, it is not asked again until the next ClientHello.

Three classes of the laboratory are written on it. The `Observer` feeds it both directions. A `Script` feeds it the
bytes of its peer, and shows it each message that it sends itself (`take_message`). The `Dissector` has no keys and
checks no order; it uses the reassembly of a `Half`, and the meaning that the hellos give to later messages (`learn`,
`context_for`).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator

from tls12.crypto import key_schedule
from tls12.crypto.key_schedule import KeyBlock
from tls12.crypto.provider import STANDARD, CryptoProvider
from tls12.crypto.suites import SUITES, Suite
from tls12.errors import DecodeError, TLSError, UnexpectedMessage, UsageError
from tls12.handshake.grammar import (
    CCS,
    FLIGHT_ENDS,
    Conversation,
    MessageKind,
    State,
    interruption,
    message_type_name,
    surplus,
)
from tls12.handshake.transcript import Transcript
from tls12.keylog import KeyLog
from tls12.lab.patience import PatientReader
from tls12.lab.protected import PatientOpener, RecordKeys
from tls12.lab.seen import (
    AlertSeen,
    ApplicationDataSeen,
    KeyScheduleSeen,
    MessageSeen,
    PrfCall,
    RecordSeen,
    RuleBroken,
    Seen,
    Undecryptable,
    VerifyDataSeen,
)
from tls12.registry import (
    CertificateType,
    CipherSuite,
    CompressionMethod,
    ConnectionEnd,
    ContentType,
    HandshakeType,
    ProtocolVersion,
)
from tls12.wire import messages
from tls12.wire.closing import AlertMessage, ChangeCipherSpec, Finished
from tls12.wire.context import Context, KeyExchangeAlgorithm
from tls12.wire.extensions import (
    EncryptThenMac,
    ExtendedMasterSecret,
    HeartbeatExtension,
    SelectedClientCertificateType,
    SelectedServerCertificateType,
    SelectedVersion,
)
from tls12.wire.hello import ClientHello, ServerHello
from tls12.wire.key_exchange import ClientKeyExchange, EncryptedPreMasterSecret
from tls12.wire.messages import HandshakeReassembler, MalformedMessage, Message, RawMessage
from tls12.wire.mode import LENIENT
from tls12.wire.records import Buffer, RecordHeader

PMS_CLIENT_RANDOM, RSA = "PMS_CLIENT_RANDOM", "RSA"
"""Labels of premaster secrets in a key log: by client random, and by the first 8 bytes of the encrypted secret."""

TLS_TYPES = frozenset(
    {ContentType.CHANGE_CIPHER_SPEC, ContentType.ALERT, ContentType.HANDSHAKE, ContentType.APPLICATION_DATA}
)
"""The content types of RFC 5246."""


def computable_key_exchange(suite: CipherSuite) -> KeyExchangeAlgorithm | None:
    """The key exchange of a suite that can be computed here; None of any other."""
    row = SUITES.get(suite)
    return row.key_exchange if row is not None else None


class Half:
    """Reads what one end sends: opens its records, and puts its handshake messages together."""

    def __init__(self) -> None:
        self.reader = PatientReader()
        self.opener: PatientOpener | None = None
        """What opens its records; None in the clear."""
        self.finished = False
        """Whether the end has sent the Finished of the latest handshake."""
        self._reassembler = HandshakeReassembler()

    def messages(self, fragment: bytes) -> Iterator[bytes]:
        """The handshake messages that the payload of one handshake record completes, each with its header."""
        self._reassembler.feed(fragment)
        while (data := self._reassembler.next_message()) is not None:
            yield data

    @property
    def pending(self) -> int:
        """How many bytes wait for the rest of their message."""
        return self._reassembler.pending

    def rest(self) -> bytes:
        """The bytes that wait for the rest of their message."""
        return self._reassembler.rest()

    def open_with(self, opener: PatientOpener) -> None:
        """Open every later record with `opener`, from sequence number 0."""
        self.opener = opener
        self.reader.install(opener)
        self.reader.version_fixed = False  # TLS 1.0 is cut into records as well


class Follower:
    """Follows one conversation, and keeps what is known about it."""

    def __init__(
        self,
        keylog: KeyLog | None = None,
        *,
        judging: bool = True,
        context: Context | None = None,
        key_exchange_of: Callable[[CipherSuite], KeyExchangeAlgorithm | None] = computable_key_exchange,
        crypto: CryptoProvider = STANDARD,
    ) -> None:
        """A judging follower names broken rules, and takes application data without a handshake for ciphertext.

        The key log is read at each ChangeCipherSpec, so it may grow meanwhile. `context` is what is known before the
        ServerHello has been seen; `key_exchange_of` gives the key exchange of the suite that it chooses. `crypto` is
        what both ends compute with.
        """
        self.keylog = keylog if keylog is not None else KeyLog()
        self.conversation = Conversation()
        """Where the handshake stands; only a judging follower moves it."""
        self.client_hello: ClientHello | None = None
        """Of the latest handshake."""
        self.server_hello: ServerHello | None = None
        """Of the latest handshake."""
        self.client_key_exchange: ClientKeyExchange | None = None
        """Of the latest handshake."""
        self.transcript = Transcript()
        """The handshake messages since the latest ClientHello, as they went over the wire."""
        self.exchanged = self.transcript
        """The same up to and including the ClientKeyExchange: the session hash is made of it (RFC 7627 3)."""
        self.keys: KeyBlock | None = None
        """What the next ChangeCipherSpec of either end turns on; None if it is to be asked of the key log."""
        self.verify_data = dict.fromkeys(ConnectionEnd, b"")
        """What the latest Finished of each end said; renegotiation_info repeats it (RFC 5746 3.1)."""
        self.halves = {end: Half() for end in ConnectionEnd}
        self._crypto = crypto
        self._judging = judging
        self._order_is_free = not judging
        self._context = context
        self._key_exchange_of = key_exchange_of
        self._schedule: KeyScheduleSeen | None = None

    # -- records ------------------------------------------------------------------------------------------

    def feed(self, sender: ConnectionEnd, data: Buffer) -> Iterator[Seen]:
        """What the next bytes of this end say. The iterator must be used up before the next call.

        Raises NotTLS and PeerMisbehaved for bytes that cannot be cut into records; nothing that this end sends can be
        read after that.
        """
        half = self.halves[sender]
        for header, body in half.reader.cut(data):
            yield from self._take_record(sender, half, header, body)
        for error in half.reader.take_objections():  # to the header of a record that is not complete
            yield from self._report(sender, error)

    def reopen(self, sender: ConnectionEnd, content_type: ContentType, body: bytes) -> Iterator[Seen]:
        """As `feed`, for one record that was `Undecryptable` before there were keys."""
        header = RecordHeader(content_type, ProtocolVersion.TLS_1_2, len(body))
        return self._take_record(sender, self.halves[sender], header, body)

    def _take_record(self, sender: ConnectionEnd, half: Half, header: RecordHeader, body: bytes) -> Iterator[Seen]:
        kind, reader = header.type, half.reader
        record = RecordSeen(sender, kind, body, reader.protected, version=header.version, body=body)
        self._open(half, record)
        if not record.reason:
            reader.judge_fragment(kind, record.fragment)
        for error in reader.take_objections():
            yield from self._report(sender, error)
        if kind not in TLS_TYPES and not record.reason:
            yield from self._judge_foreign(sender, kind)
        yield record
        if record.reason:
            yield Undecryptable(sender, kind, body, record.reason)
            if kind == ContentType.HANDSHAKE and HandshakeType.FINISHED in self.conversation.expected(sender):
                # Nothing else may be sent here. The grammar must move on, to judge later messages in the clear.
                yield from self._consult_grammar(sender, HandshakeType.FINISHED, None)
                half.finished = True
        elif kind == ContentType.HANDSHAKE:
            for data in half.messages(record.fragment):
                if half.pending and data[0] in FLIGHT_ENDS:
                    yield from self._report(sender, surplus(sender, data[0]))
                yield from self.take_message(sender, data, protected=record.protected)
        elif kind == ContentType.CHANGE_CIPHER_SPEC:
            yield from self._take_change_cipher_spec(record)
        elif kind == ContentType.ALERT:
            yield from self._take_alert(record)
        elif kind == ContentType.APPLICATION_DATA:
            if half.pending:
                yield from self._report(sender, interruption(sender, "application data"))
            if not (self._order_is_free or half.finished or self.conversation.data_allowed(sender)):
                what = self.conversation.explain_unexpected(sender, "application data")
                yield from self._report(sender, UnexpectedMessage(what))
            yield ApplicationDataSeen(sender, record.fragment)

    def _open(self, half: Half, record: RecordSeen) -> None:
        """Complete a record with its plaintext, or with the reason why that is not known."""
        state, opener, kind = half.reader.state, half.opener, record.content_type
        if state is None or opener is None:
            if kind == ContentType.APPLICATION_DATA:
                record.reason = self._why_unreadable()
            return
        record.sequence = state.sequence
        record.fragment = state.open(kind, record.body)
        record.reason = opener.reason
        if opener.keys is not None and not opener.reason:
            record.protection = opener.keys.take_apart(opener, record.sequence, kind, record.body, record.fragment)

    def _why_unreadable(self) -> str:
        """Why application data in front of a ChangeCipherSpec is ciphertext; empty if it is plaintext."""
        if self.client_hello is None and self._judging:
            return "there was no handshake: the observer came too late"
        version = self._version()
        return _speaks(version) if version == ProtocolVersion.TLS_1_3 else ""

    def _judge_foreign(self, sender: ConnectionEnd, kind: ContentType) -> Iterator[Seen]:
        hellos = self.client_hello, self.server_hello
        agreed = all(hello is not None and hello.find(HeartbeatExtension) is not None for hello in hellos)
        if kind != ContentType.HEARTBEAT or not agreed:
            what = f"the {sender} sent a record of the content type {kind}, which was not agreed on"
            yield from self._report(sender, UnexpectedMessage(what, rule="RFC 5246 6"))

    def _take_alert(self, record: RecordSeen) -> Iterator[Seen]:
        try:
            alert = AlertMessage.parse(record.fragment)
        except DecodeError as error:
            yield from self._report(record.sender, error)
        else:
            yield AlertSeen(record.sender, alert.level, alert.description, record.protected)

    def _take_change_cipher_spec(self, record: RecordSeen) -> Iterator[Seen]:
        sender, message = record.sender, ChangeCipherSpec()
        if self.halves[sender].pending:
            yield from self._report(sender, interruption(sender, message_type_name(CCS)))
        try:
            message = ChangeCipherSpec.parse(record.fragment)
        except DecodeError as error:
            yield from self._report(sender, error)
        yield from self._consult_grammar(sender, CCS, None)
        obstacle = ""
        if self.keys is None:
            schedule = self._make_schedule()
            if isinstance(schedule, KeyScheduleSeen):
                self._schedule, self.keys = schedule, schedule.keys
                yield schedule
            else:
                obstacle = schedule
        yield MessageSeen(sender, message, record.fragment, record.protected)
        if obstacle:
            self.halves[sender].open_with(PatientOpener(None, obstacle))
        else:
            self.change_keys(sender)

    # -- handshake messages -------------------------------------------------------------------------------

    def take_message(self, sender: ConnectionEnd, data: bytes, *, protected: bool = False) -> Iterator[Seen]:
        """What one whole handshake message says, header included; it enters the transcript."""
        context, verified = self.context_for(sender), None
        message: Message
        try:
            message = messages.parse(data, context)
        except DecodeError as error:
            message = messages.parse(data, context, LENIENT)
            yield from self._report(sender, error)
        kind = message.msg_type
        if isinstance(message, Finished):
            expected = self._expected_verify_data(sender)
            if expected is not None:
                yield expected
                verified = hmac.compare_digest(message.verify_data, expected.derivation.output)
        if kind == HandshakeType.CLIENT_HELLO:
            self._begin()
        if kind != HandshakeType.HELLO_REQUEST:  # never hashed, and ignored during a handshake (RFC 5246 7.4.1.1)
            self.transcript.append(data)
            yield from self._consult_grammar(sender, kind, message)
        self.learn(message)
        if isinstance(message, Finished):
            self.verify_data[sender] = message.verify_data
            self.halves[sender].finished = True
        yield MessageSeen(sender, message, data, protected, verified)

    def learn(self, message: Message) -> None:
        """Keep what a message says about later ones."""
        match message.understood if isinstance(message, MalformedMessage) else message:
            case ClientHello() as hello:
                self.client_hello = hello
            case ServerHello() as hello:
                self.server_hello = hello
                if self._suite() is None:  # what its key exchange sends is not known here
                    self._free_the_order()
            case ClientKeyExchange() as exchange:
                self.client_key_exchange = exchange
                self.exchanged = self.transcript.copy()

    def context_for(self, sender: ConnectionEnd | None) -> Context | None:
        """What the hellos have settled about the messages of this end; None stands for either."""
        hello = self.server_hello
        if hello is None:
            return self._context
        kind = SelectedClientCertificateType if sender is ConnectionEnd.CLIENT else SelectedServerCertificateType
        selected = hello.find(kind) if sender is not None else None
        certificate_type = selected.certificate_type if selected is not None else CertificateType.X509
        version = self._version() or ProtocolVersion.TLS_1_2
        return Context(self._key_exchange_of(hello.cipher_suite), certificate_type, version)

    def _begin(self) -> None:
        """A ClientHello begins a handshake, the first or another one."""
        self.transcript = self.exchanged = Transcript()
        self._order_is_free = not self._judging
        self.client_hello = self.server_hello = self.client_key_exchange = None
        self.keys = self._schedule = None
        for half in self.halves.values():
            half.finished = False

    def _consult_grammar(self, sender: ConnectionEnd, kind: MessageKind, message: Message | None) -> Iterator[Seen]:
        if self._order_is_free:
            return
        try:
            row = self.conversation.admit(sender, kind)
        except UnexpectedMessage as error:
            yield from self._report(sender, error)
            self._free_the_order()
        else:
            if isinstance(message, MalformedMessage):
                message = message.understood
            self.conversation.learn(row, None if isinstance(message, RawMessage) else message)

    def _free_the_order(self) -> None:
        """Do not judge the order of messages until the next ClientHello."""
        self._order_is_free = True
        self.conversation.state = State.START  # for the next ClientHello

    def _report(self, sender: ConnectionEnd, error: TLSError) -> Iterator[Seen]:
        """The broken rule, if this follower judges."""
        if self._judging:
            yield RuleBroken(sender, error)

    # -- keys ---------------------------------------------------------------------------------------------

    def change_keys(self, sender: ConnectionEnd) -> None:
        """Open from now on what this end sends. Raises UsageError if there are no keys, or no suite to use them."""
        suite, keys, answer = self._suite(), self.keys, self.server_hello
        if suite is None or keys is None or answer is None:
            raise UsageError("there are no keys yet, or no ServerHello with a suite that can be computed")
        half = keys.client if sender is ConnectionEnd.CLIENT else keys.server
        keys_of_records = RecordKeys(suite, half, _encrypts_then_macs(suite, answer), self._crypto)
        self.halves[sender].open_with(PatientOpener(keys_of_records))

    def _make_schedule(self) -> KeyScheduleSeen | str:
        """How the keys of this handshake come about, or why they are not known."""
        hello, answer, suite = self.client_hello, self.server_hello, self._suite()
        if hello is None or answer is None:
            return "the hellos were not seen"
        if self._version() != ProtocolVersion.TLS_1_2:
            return _speaks(self._version())
        if suite is None:
            return f"{answer.cipher_suite} cannot be computed here"
        if answer.compression_method != CompressionMethod.NULL:
            return f"the records are compressed ({answer.compression_method})"
        master, derivation = self._master_secret(suite, hello, answer)
        if master is None:
            return "the key log has no secret for this ClientHello"
        keys = key_schedule.key_block(suite, self._crypto.make_prf(suite.prf_hash, master), hello.random, answer.random)
        seed = answer.random + hello.random
        expansion = PrfCall(master, key_schedule.KEY_EXPANSION, seed, keys.to_bytes())
        encrypt_then_mac = _encrypts_then_macs(suite, answer)
        return KeyScheduleSeen(suite.suite, suite.prf_hash, master, derivation, expansion, keys, encrypt_then_mac)

    def _master_secret(
        self, suite: Suite, hello: ClientHello, answer: ServerHello
    ) -> tuple[bytes | None, PrfCall | None]:
        """The master secret, if it is known, and how it is made of the premaster secret of this handshake."""
        master = self.keylog.find(hello.random)
        if self.client_key_exchange is None:  # a resumed session, which has its master secret from another handshake
            return master, None
        if answer.find(ExtendedMasterSecret) is not None:
            label, seed = key_schedule.EXTENDED_MASTER_SECRET, self.exchanged.digest(suite.prf_hash)
        else:
            label, seed = key_schedule.MASTER_SECRET, hello.random + answer.random
        premaster = self._premaster_secret(hello, self.client_key_exchange)
        if premaster is not None:
            master = self._crypto.make_prf(suite.prf_hash, premaster)(label, seed, key_schedule.MASTER_SECRET_LENGTH)
        return master, PrfCall(premaster, label, seed, master) if master is not None else None

    def _premaster_secret(self, hello: ClientHello, exchange: ClientKeyExchange) -> bytes | None:
        premaster = self.keylog.find(hello.random, PMS_CLIENT_RANDOM)
        keys = exchange.exchange_keys
        if premaster is None and isinstance(keys, EncryptedPreMasterSecret) and exchange.psk_identity is None:
            premaster = self.keylog.find(keys.ciphertext[:8], RSA)
        return premaster

    def _expected_verify_data(self, sender: ConnectionEnd) -> VerifyDataSeen | None:
        hello, answer, suite = self.client_hello, self.server_hello, self._suite()
        if hello is None or answer is None or suite is None:
            return None
        if self._schedule is not None:
            master: bytes | None = self._schedule.master_secret
        else:
            master, _ = self._master_secret(suite, hello, answer)
        if master is None:
            return None
        digest = self.transcript.digest(suite.prf_hash)
        expected = key_schedule.verify_data(self._crypto.make_prf(suite.prf_hash, master), sender, digest)
        return VerifyDataSeen(sender, PrfCall(master, key_schedule.FINISHED[sender], digest, expected))

    def _version(self) -> ProtocolVersion | None:
        """What the ServerHello has chosen; None before it."""
        if self.server_hello is None:
            return None
        selected = self.server_hello.find(SelectedVersion)
        return selected.selected_version if selected is not None else self.server_hello.server_version

    def _suite(self) -> Suite | None:
        """What is known about the suite of the ServerHello; None if it cannot be computed, and before a ServerHello."""
        return SUITES.get(self.server_hello.cipher_suite) if self.server_hello is not None else None


def _encrypts_then_macs(suite: Suite, answer: ServerHello) -> bool:
    return suite.is_cbc and answer.find(EncryptThenMac) is not None


def _speaks(version: ProtocolVersion | None) -> str:
    return f"the connection speaks {version}"
