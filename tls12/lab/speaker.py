"""One end of a connection that speaks and listens without understanding: the bytes under `lab.Script`.

How it works: like a connection it does no I/O, unlike one it has no state machine. Messages, records and bytes go out
as they are given. What comes in is opened, put together, parsed leniently and kept in `received`. Two things follow
from what passes by, because every honest line of a script needs them: handshake messages of both sides enter the
transcript, which a ClientHello begins anew; and the peer's ChangeCipherSpec turns the read keys on. What comes
behind it before there are keys waits as `Sealed`, and is read when `use_keys` brings them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from tls12.crypto.groups import Random
from tls12.crypto.key_schedule import KeyBlock
from tls12.crypto.null import NullCipher
from tls12.crypto.protection import make_opener, make_sealer
from tls12.crypto.suites import SUITES, Suite
from tls12.crypto.transcript import Transcript
from tls12.errors import DecodeError, UsageError
from tls12.given import require
from tls12.lab.patience import PatientReader
from tls12.record_layer import RecordWriter
from tls12.record_layer.states import ReadState, WriteState
from tls12.registry import Alert, AlertLevel, ConnectionEnd, ContentType, EndName, HandshakeType, ProtocolVersion
from tls12.wire import lenient, messages
from tls12.wire.closing import AlertMessage, ChangeCipherSpec, Finished
from tls12.wire.context import Context
from tls12.wire.extensions import EncryptThenMac
from tls12.wire.hello import ClientHello, ServerHello
from tls12.wire.key_exchange import ClientKeyExchange
from tls12.wire.messages import HandshakeReassembler, Message
from tls12.wire.records import Buffer


@dataclass(slots=True)
class ApplicationData:
    """The plaintext of one application_data record that was received."""

    data: bytes


@dataclass(slots=True)
class Sealed:
    """A record that was received under keys that have not been made yet."""

    content_type: ContentType
    fragment: bytes = field(repr=False)


@dataclass(slots=True)
class OtherRecord:
    """A record of another type (a heartbeat, RFC 6520), or an alert or a ChangeCipherSpec that does not decode."""

    content_type: ContentType
    fragment: bytes


Received: TypeAlias = Message | ChangeCipherSpec | AlertMessage | ApplicationData | Sealed | OtherRecord
"""What came, one value each."""

Sendable: TypeAlias = Message | ChangeCipherSpec | AlertMessage | bytes
"""What `Speaker.send` takes; bytes are a handshake message with its header, well made or not."""

R = TypeVar("R")


class Speaker:
    """Sends what it is given and keeps what comes; `random` gives the IVs of CBC."""

    def __init__(self, role: EndName, *, random: Random = os.urandom) -> None:
        if role not in ("client", "server"):
            raise UsageError(f"role is {role!r:.40}; give 'client' or 'server'")
        self.role = ConnectionEnd(role)
        self.random = random
        self.transcript = Transcript()
        """The handshake messages since the last ClientHello, as they went over the wire."""
        self.client_hello: ClientHello | None = None
        self.server_hello: ServerHello | None = None
        self.keys: KeyBlock | None = None
        """What the next ChangeCipherSpec of either side turns on."""
        self.client_verify_data = b""
        """Of the last Finished that the client sent; renegotiation_info repeats it (RFC 5746 3.1)."""
        self.server_verify_data = b""
        self.sealer: WriteState | None = None
        """What protects our records, with its sequence number; None in the clear."""
        self.opener: ReadState | None = None
        """What opens the peer's records, with its sequence number; None in the clear."""
        self.received: list[Received] = []
        """Everything that came, in order."""
        self.records: list[tuple[ContentType, bytes]] = []
        """The same as records: content type and plaintext fragment."""
        self._reader = PatientReader(empty_record_limit=1 << 62)
        self._writer = RecordWriter()
        self._reassembler = HandshakeReassembler()
        self._exchanged = self.transcript
        self._blind = False
        self._out = bytearray()

    def __repr__(self) -> str:
        came = ", ".join(type(item).__name__ for item in self.received)
        return f"<{type(self).__name__}: {self.role}, received {came or 'nothing'}>"

    # -- bytes --------------------------------------------------------------------------------------------

    def receive_data(self, data: Buffer) -> None:
        """Take bytes from the peer. Raises what the record layer raises for bytes that are not records.

        Records that break a rule, by their type or length for one, are read like all others.
        """
        require("data", data, bytes | bytearray | memoryview, "the bytes that came")
        for kind, fragment in self._reader.records(data):
            self._take(ContentType.of(kind), fragment)
        self._reader.objections.clear()

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
        require("data", data, bytes | bytearray, "bytes")
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
        require("data", data, bytes | bytearray | memoryview, "bytes")
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
                self.received.append(self._note(data, self.role.other))
        elif content_type == ContentType.APPLICATION_DATA:
            self.received.append(ApplicationData(fragment))
        elif content_type == ContentType.CHANGE_CIPHER_SPEC:
            self.received.append(self._read(ChangeCipherSpec, content_type, fragment))
            if self.keys is not None:
                self.change_read_keys()
            else:
                self._blind = True
                self._reader.install(NullCipher())
        elif content_type == ContentType.ALERT:
            self.received.append(self._read(AlertMessage, content_type, fragment))
        else:
            self.received.append(OtherRecord(content_type, fragment))

    @staticmethod
    def _read(
        kind: type[ChangeCipherSpec | AlertMessage], content_type: ContentType, fragment: bytes
    ) -> ChangeCipherSpec | AlertMessage | OtherRecord:
        try:
            return kind.parse(fragment)
        except DecodeError:
            return OtherRecord(content_type, fragment)

    def _note(self, data: bytes, sender: ConnectionEnd) -> Message:
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

    # -- protection ---------------------------------------------------------------------------------------

    @property
    def suite(self) -> Suite:
        """The facts of the ServerHello's suite. Raises UsageError without a ServerHello."""
        return SUITES[self._answer().cipher_suite]

    @property
    def encrypt_then_mac(self) -> bool:
        """Whether the ServerHello turned RFC 7366 on."""
        return self._answer().find(EncryptThenMac) is not None

    def use_keys(self, keys: KeyBlock) -> None:
        """Have these keys at hand, and read with them what waits as `Sealed`.

        Raises what the record layer raises for records that do not open.
        """
        self.keys = keys
        if not self._blind:
            return
        self._blind = False
        self.change_read_keys()
        assert self.opener is not None
        waiting = [item for item in self.received if isinstance(item, Sealed)]
        self.received = [item for item in self.received if not isinstance(item, Sealed)]
        del self.records[len(self.records) - len(waiting) :]
        for item in waiting:
            self._take(item.content_type, self.opener.open(item.content_type, item.fragment))

    def change_write_keys(self) -> None:
        """Protect from now on what is sent; no ChangeCipherSpec goes out."""
        keys = self._keys()
        mine = keys.client if self.role == "client" else keys.server
        self.sealer = self._writer.install(
            make_sealer(self.suite, mine, encrypt_then_mac=self.encrypt_then_mac, random=self.random)
        )

    def change_read_keys(self) -> None:
        """Open from now on what is received."""
        keys = self._keys()
        theirs = keys.server if self.role == "client" else keys.client
        self.opener = self._reader.install(make_opener(self.suite, theirs, encrypt_then_mac=self.encrypt_then_mac))

    def change_cipher_spec(self) -> None:
        """Send ChangeCipherSpec, and protect everything after it."""
        self.send(ChangeCipherSpec())
        self.change_write_keys()

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


def _bytes(message: Message | bytes) -> bytes:
    return message if isinstance(message, bytes) else messages.serialize(message)
