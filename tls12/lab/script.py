"""A peer without a state machine: it sends what it is told, in any order, as client or as server.

How it works: nothing happens by itself. Every line of a script sends something (`send`, `send_record`,
`send_bytes`), computes something as an honest peer would (`hello`, `answer`, `respond`, `offer`, `derive`, `finished`),
or looks at what came back (`received`, `last`, `alert`, `data`). So a test or an experiment tells the whole
conversation and deviates in exactly one line of it:

    peer = Script("client")
    peer.send(peer.hello())
    ...                                            # carry peer.data_to_send() over, bring the answer to receive_data
    peer.send(peer.respond())
    peer.derive()
    peer.finish()                                  # ChangeCipherSpec, new keys, Finished

Like a connection it does no I/O: bytes go in with `receive_data` and out with `data_to_send`. Two things follow
from what passes by, because every honest line needs them: handshake messages of both sides enter the transcript,
which a ClientHello begins anew; and the peer's ChangeCipherSpec turns the read keys on. What comes behind it before
there are keys waits as `Sealed`, and is read when `derive`, `accept` or `resume` has made them.

Where an honest state machine with a dishonest wire will do, the `rewrite` hook of a connection is less work.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias, TypeVar

from cryptography import x509

from tls12.crypto import key_schedule, signatures
from tls12.crypto.finite_field import FFDHE_PRIMES
from tls12.crypto.groups import EC_GROUPS, Random
from tls12.crypto.key_exchange import ExchangeInputs, IdentifiedKey, KeyExchange, make_key_exchange
from tls12.crypto.key_schedule import KeyBlock
from tls12.crypto.protection import Opener, Sealer, make_opener, make_sealer
from tls12.crypto.signatures import SCHEMES
from tls12.crypto.suites import SUITES, Suite
from tls12.crypto.transcript import Transcript
from tls12.errors import UsageError
from tls12.record_layer import RecordReader, RecordWriter
from tls12.registry import (
    Alert,
    AlertLevel,
    CipherSuite,
    CompressionMethod,
    ContentType,
    ECPointFormat,
    HandshakeType,
    NamedGroup,
    ProtocolVersion,
    SignatureScheme,
)
from tls12.wire import lenient, messages
from tls12.wire.certificates import Certificate, CertificateVerify
from tls12.wire.closing import AlertMessage, ChangeCipherSpec, Finished
from tls12.wire.codec import Writer
from tls12.wire.context import Context
from tls12.wire.extensions import (
    ECPointFormats,
    EncryptThenMac,
    ExtendedMasterSecret,
    Extension,
    RenegotiationInfo,
    SignatureAlgorithms,
    SupportedGroups,
)
from tls12.wire.hello import ClientHello, ServerHello
from tls12.wire.key_exchange import ClientKeyExchange, DigitallySigned, ServerKeyExchange
from tls12.wire.messages import HandshakeReassembler, Message
from tls12.wire.records import HEADER, Record

Role = Literal["client", "server"]


@dataclass(slots=True)
class ApplicationData:
    """The plaintext of one application_data record that was received."""

    data: bytes


@dataclass(slots=True)
class Sealed:
    """A record that was received under keys that the script has not made yet."""

    content_type: ContentType
    fragment: bytes = field(repr=False)


Received: TypeAlias = Message | ChangeCipherSpec | AlertMessage | ApplicationData | Sealed
"""What a script has received, one value each."""

Sendable: TypeAlias = Message | ChangeCipherSpec | AlertMessage | bytes
"""What `Script.send` takes; bytes are a handshake message with its header, well made or not."""

R = TypeVar("R")

EVERYDAY_SUITES = (
    CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
)
"""What `hello` offers unless told otherwise: one suite for each common kind of key."""


class Script:
    """One end of a TLS 1.2 connection that does exactly what it is told.

    `random` gives randoms, key shares and IVs; a fixed one makes every byte reproducible. What was computed
    last stands in public attributes, to be read or replaced before the next line uses it.
    """

    def __init__(self, role: Role, *, random: Random = os.urandom) -> None:
        self.role: Role = role
        self.random = random
        self.transcript = Transcript()
        """The handshake messages since the last ClientHello, as they went over the wire."""
        self.client_hello: ClientHello | None = None
        self.server_hello: ServerHello | None = None
        self.premaster: bytes | None = None
        """From `respond` or `accept`; `derive` takes it."""
        self.master_secret: bytes | None = None
        self.keys: KeyBlock | None = None
        self.client_verify_data = b""
        """Of the last Finished that the client sent; renegotiation_info repeats it (RFC 5746 3.1)."""
        self.server_verify_data = b""
        self.sealer: Sealer | None = None
        """What protects our records, with its sequence number; None in the clear."""
        self.opener: Opener | None = None
        self.received: list[Received] = []
        """Everything that came, in order."""
        self.records: list[tuple[ContentType, bytes]] = []
        """The same as records: content type and plaintext fragment."""
        self._reader = RecordReader(empty_record_limit=1 << 62)
        self._writer = RecordWriter()
        self._reassembler = HandshakeReassembler()
        self._exchange: KeyExchange | None = None
        self._exchanged = self.transcript
        self._blind = False
        self._out = bytearray()

    def __repr__(self) -> str:
        came = ", ".join(type(item).__name__ for item in self.received)
        return f"<Script: {self.role}, received {came or 'nothing'}>"

    # -- bytes --------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes from the peer. Raises what the record layer raises for bytes that are not records."""
        for kind, fragment in self._reader.records(data):
            self._take(ContentType.of(kind), fragment)

    def data_to_send(self) -> bytes:
        """The bytes that wait to be sent."""
        data = bytes(self._out)
        self._out.clear()
        return data

    # -- sending ------------------------------------------------------------------------------------------

    @property
    def fragment_size(self) -> int:
        """Bytes of plaintext per record at most, for `send` and `send_data`; 1 cuts a message into single bytes."""
        return self._writer.fragment_size

    @fragment_size.setter
    def fragment_size(self, size: int) -> None:
        self._writer.fragment_size = size

    def send(self, *items: Sendable, hashed: bool = True) -> None:
        """Send these, one behind the other; handshake messages that are neighbours share their records.

        They enter the transcript unless `hashed` is False.
        """
        flight = b""
        for item in items:
            if isinstance(item, ChangeCipherSpec | AlertMessage):
                flight = self._flush(flight)
                kind = ContentType.ALERT if isinstance(item, AlertMessage) else ContentType.CHANGE_CIPHER_SPEC
                self.send_record(kind, item.to_bytes())
            else:
                flight += self.enter(item) if hashed else _bytes(item)
        self._flush(flight)

    def enter(self, message: Message | bytes) -> bytes:
        """Enter a handshake message into the transcript without sending it: its bytes, for `send_record`."""
        data = _bytes(message)
        self._note(data, self.role)
        return data

    def send_data(self, data: bytes) -> None:
        """Send application data, protected or not."""
        self._out += self._writer.write(ContentType.APPLICATION_DATA, data)

    def send_alert(self, description: Alert, level: AlertLevel = AlertLevel.FATAL) -> None:
        """Send one alert."""
        self.send(AlertMessage(level, description))

    def send_record(self, content_type: int, fragment: bytes, *, version: int = ProtocolVersion.TLS_1_2) -> None:
        """Send exactly one record, of any type and length, protected if keys are on; `version` is for the clear."""
        self._writer.version = version
        self._out += self._writer.seal(content_type, fragment)
        self._writer.version = ProtocolVersion.TLS_1_2

    def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._out += data

    def protect(self, content_type: int, fragment: bytes) -> bytes:
        """The one record that `send_record` would send, to be altered; its sequence number is used up."""
        return self._writer.seal(content_type, fragment)

    def _flush(self, flight: bytes) -> bytes:
        if flight:
            self._out += self._writer.write(ContentType.HANDSHAKE, flight)
        return b""

    # -- what came ----------------------------------------------------------------------------------------

    def last(self, kind: type[R]) -> R | None:
        """The latest thing of this class that was received, or None."""
        return next((item for item in reversed(self.received) if isinstance(item, kind)), None)

    @property
    def alert(self) -> Alert | None:
        """The description of the fatal alert that was received, or None."""
        fatal = [item for item in self.received if isinstance(item, AlertMessage) and item.level == AlertLevel.FATAL]
        return fatal[-1].description if fatal else None

    @property
    def data(self) -> bytes:
        """All application data that was received."""
        return b"".join(item.data for item in self.received if isinstance(item, ApplicationData))

    def _take(self, content_type: ContentType, fragment: bytes) -> None:
        self.records.append((content_type, fragment))
        if self._blind:
            self.received.append(Sealed(content_type, fragment))
        elif content_type == ContentType.HANDSHAKE:
            self._reassembler.feed(fragment)
            while (data := self._reassembler.next_message()) is not None:
                self.received.append(self._note(data, "server" if self.role == "client" else "client"))
        elif content_type == ContentType.CHANGE_CIPHER_SPEC:
            self.received.append(ChangeCipherSpec.parse(fragment))
            if self.keys is not None:
                self.change_read_keys()
            else:
                self._blind = True
                self._reader.install(_Unopened())
        elif content_type == ContentType.ALERT:
            self.received.append(AlertMessage.parse(fragment))
        else:
            self.received.append(ApplicationData(fragment))

    def _note(self, data: bytes, sender: Role) -> Message:
        """Keep from a message of either side what honest lines need later."""
        suite = SUITES.get(self.server_hello.cipher_suite) if self.server_hello is not None else None
        message = lenient.parse(data, Context(suite.key_exchange) if suite is not None else None)
        if message.msg_type == HandshakeType.CLIENT_HELLO:
            self.transcript, self.keys = Transcript(), None
        if message.msg_type != HandshakeType.HELLO_REQUEST:  # never hashed (RFC 5246 7.4.1.1)
            self.transcript.append(data)
        if isinstance(message, ClientHello):
            self.client_hello = message
        elif isinstance(message, ServerHello):
            self.server_hello = message
        elif isinstance(message, ClientKeyExchange):
            self._exchanged = self.transcript.copy()
        elif isinstance(message, Finished) and sender == "client":
            self.client_verify_data = message.verify_data
        elif isinstance(message, Finished):
            self.server_verify_data = message.verify_data
        return message

    # -- hellos -------------------------------------------------------------------------------------------

    def hello(self, *cipher_suites: CipherSuite, **fields: Any) -> ClientHello:
        """A ClientHello that a modern server accepts; `fields` replace single fields of it."""
        hello = ClientHello(
            client_version=ProtocolVersion.TLS_1_2,
            random=self.random(32),
            session_id=b"",
            cipher_suites=cipher_suites or EVERYDAY_SUITES,
            compression_methods=(CompressionMethod.NULL,),
            extensions=(
                RenegotiationInfo(self.client_verify_data),
                ExtendedMasterSecret(),
                ECPointFormats((ECPointFormat.UNCOMPRESSED,)),
                SupportedGroups(tuple(EC_GROUPS)),
                SignatureAlgorithms(tuple(scheme for scheme, facts in SCHEMES.items() if not facts.lab_only)),
            ),
        )
        return replace(hello, **fields)

    def answer(self, cipher_suite: CipherSuite | None = None, **fields: Any) -> ServerHello:
        """A ServerHello that suits the ClientHello: its first suite unless told otherwise, RFC 5746 and RFC 7627."""
        offer = self._offer()
        extensions: list[Extension] = [RenegotiationInfo(self.client_verify_data + self.server_verify_data)]
        if offer.find(ExtendedMasterSecret) is not None:
            extensions.append(ExtendedMasterSecret())
        hello = ServerHello(
            server_version=ProtocolVersion.TLS_1_2,
            random=self.random(32),
            session_id=b"",
            cipher_suite=cipher_suite if cipher_suite is not None else offer.cipher_suites[0],
            compression_method=CompressionMethod.NULL,
            extensions=tuple(extensions),
        )
        return replace(hello, **fields)

    # -- key exchange and signatures ----------------------------------------------------------------------

    def respond(self, psk: IdentifiedKey | None = None) -> ClientKeyExchange:
        """As client: the answer to the server's key share or certificate; keeps the premaster secret."""
        chain = self.last(Certificate)
        public_key = None
        if chain is not None and chain.certificate_list:
            public_key = x509.load_der_x509_certificate(chain.certificate_list[0]).public_key()
        inputs = ExchangeInputs(
            random=self.random,
            offered_groups=(*EC_GROUPS, *FFDHE_PRIMES),
            client_version=self._offer().client_version,
            peer_public_key=public_key,
            minimum_dh_bits=512,
        )
        message, self.premaster = make_key_exchange(self.suite, inputs).respond(self.last(ServerKeyExchange), psk)
        return message

    def offer(
        self,
        group: NamedGroup | None = None,
        private_key: Any = None,
        scheme: SignatureScheme | None = None,
        *,
        hint: bytes | None = None,
    ) -> ServerKeyExchange | None:
        """As server: the key share, signed if a `scheme` is given; None where the suite has no such message.

        `private_key` is that of the certificate: it signs, or it decrypts in `accept`.
        """
        suite = self.suite
        inputs = ExchangeInputs(
            random=self.random,
            group=group or (NamedGroup.FFDHE2048 if suite.is_dhe else NamedGroup.X25519),
            client_version=self._offer().client_version,
            private_key=private_key if suite.encrypts_premaster else None,
            psk_identity_hint=hint,
        )
        self._exchange = make_key_exchange(suite, inputs)
        share = self._exchange.offer()
        return self.sign_share(share, private_key, scheme) if share is not None and scheme is not None else share

    def sign_share(self, share: ServerKeyExchange, private_key: Any, scheme: SignatureScheme) -> ServerKeyExchange:
        """The same share under a fresh signature over both randoms and its parameters (RFC 5246 7.4.3)."""
        signed = self._offer().random + self._answer().random + share.params_bytes()
        return replace(share, signature=DigitallySigned(scheme, signatures.sign(private_key, scheme, signed)))

    def accept(self, psk: bytes | None = None) -> None:
        """As server, after `offer` and the client's ClientKeyExchange: the premaster secret, and `derive`."""
        message = self.last(ClientKeyExchange)
        if self._exchange is None or message is None:
            raise UsageError("accept() needs an offer() before it and a ClientKeyExchange from the client")
        self.premaster = self._exchange.accept(message, psk)
        self.derive()

    def certificate_verify(self, private_key: Any, scheme: SignatureScheme) -> CertificateVerify:
        """A signature over the transcript so far (RFC 5246 7.4.8)."""
        return CertificateVerify(scheme, signatures.sign(private_key, scheme, self.transcript.messages))

    # -- keys and Finished --------------------------------------------------------------------------------

    @property
    def suite(self) -> Suite:
        """The facts of the ServerHello's suite. Raises UsageError without a ServerHello."""
        return SUITES[self._answer().cipher_suite]

    @property
    def encrypt_then_mac(self) -> bool:
        """Whether the ServerHello turned RFC 7366 on."""
        return self._answer().find(EncryptThenMac) is not None

    def derive(self, *, extended: bool | None = None) -> None:
        """Make the master secret from the premaster, and the keys; any time after the ClientKeyExchange.

        With RFC 7627 or without, as the ServerHello says, unless `extended` says otherwise.
        """
        if self.premaster is None:
            raise UsageError("derive() needs a premaster secret: from respond(), accept(), or set by hand")
        prf_hash = self.suite.prf_hash
        if extended is None:
            extended = self._answer().find(ExtendedMasterSecret) is not None
        if extended:
            session_hash = self._exchanged.digest(prf_hash)
            self.resume(key_schedule.extended_master_secret(prf_hash, self.premaster, session_hash))
        else:
            randoms = self._offer().random, self._answer().random
            self.resume(key_schedule.master_secret(prf_hash, self.premaster, *randoms))

    def resume(self, master_secret: bytes) -> None:
        """Take this master secret, that of a session, and make the keys from it and both randoms.

        Raises what the record layer raises if records that wait do not open.
        """
        self.master_secret = master_secret
        self.keys = key_schedule.key_block(self.suite, master_secret, self._offer().random, self._answer().random)
        if self._blind:
            self._blind = False
            self.change_read_keys()
            self._read_sealed()

    def _read_sealed(self) -> None:
        waiting = [item for item in self.received if isinstance(item, Sealed)]
        first = len(self.records) - len(waiting)
        del self.records[first:]
        self.received = [item for item in self.received if not isinstance(item, Sealed)]
        assert self.opener is not None
        for item in waiting:
            w = Writer("Record")
            Record(item.content_type, ProtocolVersion.TLS_1_2, item.fragment).write(w)
            self._take(item.content_type, self.opener.open(bytes(w.buffer)))

    def change_write_keys(self) -> None:
        """Protect from now on what is sent; no ChangeCipherSpec goes out."""
        keys = self._keys()
        mine = keys.client if self.role == "client" else keys.server
        self.sealer = make_sealer(self.suite, mine, encrypt_then_mac=self.encrypt_then_mac, random=self.random)
        self._writer.install(self.sealer)

    def change_read_keys(self) -> None:
        """Open from now on what is received."""
        keys = self._keys()
        theirs = keys.server if self.role == "client" else keys.client
        self.opener = make_opener(self.suite, theirs, encrypt_then_mac=self.encrypt_then_mac)
        self._reader.install(self.opener)

    def change_cipher_spec(self) -> None:
        """Send ChangeCipherSpec, and protect everything after it."""
        self.send(ChangeCipherSpec())
        self.change_write_keys()

    def verify_data(self, sender: Role) -> bytes:
        """What the Finished of `sender` has to say, over the transcript so far (RFC 5246 7.4.9)."""
        if self.master_secret is None:
            raise UsageError("there is no master secret yet: derive() or resume() makes one")
        prf_hash = self.suite.prf_hash
        return key_schedule.verify_data(prf_hash, self.master_secret, sender, self.transcript.digest(prf_hash))

    def finished(self) -> Finished:
        """Our honest Finished over the transcript so far."""
        return Finished(self.verify_data(self.role))

    def finish(self) -> None:
        """ChangeCipherSpec, our new keys, and our Finished."""
        self.change_cipher_spec()
        self.send(self.finished())

    def _offer(self) -> ClientHello:
        if self.client_hello is None:
            raise UsageError("no ClientHello has been sent or received yet")
        return self.client_hello

    def _answer(self) -> ServerHello:
        if self.server_hello is None:
            raise UsageError("no ServerHello has been sent or received yet")
        return self.server_hello

    def _keys(self) -> KeyBlock:
        if self.keys is None:
            raise UsageError("there are no keys yet: derive() or resume() makes them")
        return self.keys


class _Unopened:
    """Hands records through as they are: the keys are not made yet."""

    sequence = limit = 0
    near_limit = False

    def open(self, record: bytes | bytearray | memoryview) -> bytes:
        """What stands behind the header."""
        return bytes(record[HEADER:])


def _bytes(message: Message | bytes) -> bytes:
    return message if isinstance(message, bytes) else messages.serialize(message)
