"""Sending and receiving without a state machine: the lower half of `lab.Script`.

How it works: a `Speaker` does no I/O, like a connection. It sends messages, records and bytes as they are given to it,
in any order. A `Follower` reads what comes in, and the speaker keeps it in `received`. The follower also sees each
message that is sent. So it knows what a script needs to compute honest messages: the hellos, and the transcript, which
begins anew with each ClientHello. It also changes the read keys at the peer's ChangeCipherSpec. Records that come after
that while there are no keys yet are kept as `Sealed`, and are read when `use_keys` is called.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from tls12.crypto.key_schedule import KeyBlock
from tls12.crypto.provider import STANDARD, CryptoProvider, draw_of
from tls12.crypto.randomness import Purpose, Random, for_purpose
from tls12.crypto.suites import SUITES, Suite
from tls12.errors import DecodeError, UsageError
from tls12.given import require
from tls12.handshake.transcript import Transcript
from tls12.lab.follower import Follower
from tls12.lab.seen import MessageSeen, RecordSeen, Seen
from tls12.record_layer import RecordWriter
from tls12.record_layer.states import ReadState, WriteState
from tls12.registry import Alert, AlertLevel, ConnectionEnd, ContentType, EndName, ProtocolVersion
from tls12.wire import messages
from tls12.wire.closing import AlertMessage, ChangeCipherSpec
from tls12.wire.extensions import EncryptThenMac
from tls12.wire.hello import ClientHello, ServerHello
from tls12.wire.messages import Message
from tls12.wire.records import Buffer


@dataclass(slots=True)
class ApplicationData:
    """The plaintext of one application_data record that was received."""

    data: bytes


@dataclass(slots=True)
class Sealed:
    """A record that was received before the keys to open it were made."""

    content_type: ContentType
    fragment: bytes = field(repr=False)


@dataclass(slots=True)
class OtherRecord:
    """A record of another type (a heartbeat, RFC 6520), or an alert or a ChangeCipherSpec that does not decode."""

    content_type: ContentType
    fragment: bytes


Received: TypeAlias = Message | ChangeCipherSpec | AlertMessage | ApplicationData | Sealed | OtherRecord
"""What `Speaker.received` holds."""

Sendable: TypeAlias = Message | ChangeCipherSpec | AlertMessage | bytes
"""What `Speaker.send` takes; bytes are a handshake message with its header, valid or not."""

R = TypeVar("R")


class Speaker:
    """Sends what it is given and keeps what comes; `random` gives the IVs of CBC."""

    def __init__(self, role: EndName, *, random: Random = os.urandom, crypto: CryptoProvider = STANDARD) -> None:
        if role not in ("client", "server"):
            raise UsageError(f"role is {role!r:.40}; give 'client' or 'server'")
        self.role = ConnectionEnd(role)
        self.crypto = crypto
        self.draw = draw_of(random, crypto)
        """Where random bytes come from: `random` if it is given, else `crypto`."""
        self.sealer: WriteState | None = None
        """Protects our records, and has their sequence number; None in the clear."""
        self.received: list[Received] = []
        """Everything that was received, in order."""
        self.records: list[tuple[ContentType, bytes]] = []
        """The records that it was received in: content type and plaintext fragment."""
        self._follower = Follower(judging=False, crypto=crypto)
        self._writer = RecordWriter()
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
        self._listen(self._follower.feed(self.role.other, data))

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
        """Send these in order; consecutive handshake messages share a record.

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
        """Enter a handshake message into the transcript without sending it; returns its bytes, for `send_record`."""
        data = _bytes(message)
        list(self._follower.take_message(self.role, data))  # for its effect: the values describe our own message
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
        """The record that `send_record` would send, without sending it; its sequence number is used up."""
        return self._writer.seal(content_type, fragment)

    def _flush(self, flight: bytes) -> bytes:
        if flight:
            self._out += self._writer.write(ContentType.HANDSHAKE, flight)
        return b""

    # -- what was received ----------------------------------------------------------------------------------------

    def last(self, kind: type[R]) -> R | None:
        """The last value of this class in `received`, or None."""
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

    def _listen(self, seen: Iterable[Seen]) -> None:
        """Keep what was received. Raises the error of a record that does not open."""
        for item in seen:
            if isinstance(item, RecordSeen):
                self._take_record(item)
            elif isinstance(item, MessageSeen) and not isinstance(item.message, ChangeCipherSpec):
                self.received.append(item.message)

    def _take_record(self, record: RecordSeen) -> None:
        kind = record.content_type
        if record.reason:
            opener = self._follower.halves[self.role.other].opener
            if opener is not None and opener.error is not None:
                raise opener.error
            self.received.append(Sealed(kind, record.fragment))
        elif kind == ContentType.APPLICATION_DATA:
            self.received.append(ApplicationData(record.fragment))
        elif kind != ContentType.HANDSHAKE:
            self.received.append(_read(kind, record.fragment))
        self.records.append((kind, record.fragment))

    # -- what both ends have said -------------------------------------------------------------------------

    @property
    def transcript(self) -> Transcript:
        """The handshake messages since the last ClientHello, as they went over the wire."""
        return self._follower.transcript

    @property
    def client_hello(self) -> ClientHello | None:
        """The last ClientHello."""
        return self._follower.client_hello

    @property
    def server_hello(self) -> ServerHello | None:
        """The ServerHello that answers it."""
        return self._follower.server_hello

    @property
    def client_verify_data(self) -> bytes:
        """verify_data of the client's last Finished, which renegotiation_info repeats (RFC 5746 3.1)."""
        return self._follower.verify_data[ConnectionEnd.CLIENT]

    @property
    def server_verify_data(self) -> bytes:
        """verify_data of the server's last Finished."""
        return self._follower.verify_data[ConnectionEnd.SERVER]

    # -- protection ---------------------------------------------------------------------------------------

    @property
    def suite(self) -> Suite:
        """What is known about the ServerHello's suite. Raises UsageError without a ServerHello."""
        return SUITES[self._answer().cipher_suite]

    @property
    def encrypt_then_mac(self) -> bool:
        """Whether the ServerHello has agreed to encrypt-then-MAC (RFC 7366)."""
        return self._answer().find(EncryptThenMac) is not None

    @property
    def keys(self) -> KeyBlock | None:
        """The keys that apply after the next ChangeCipherSpec of either end."""
        return self._follower.keys

    @property
    def opener(self) -> ReadState | None:
        """Opens the peer's records, and has their sequence number; None in the clear, and while there are no keys."""
        half = self._follower.halves[self.role.other]
        return half.reader.state if half.opener is not None and half.opener.keys is not None else None

    def use_keys(self, keys: KeyBlock) -> None:
        """Use these keys from the next ChangeCipherSpec on, and read the records that are kept as `Sealed`.

        Raises what the record layer raises for records that do not open.
        """
        self._follower.keys = keys
        if self._follower.halves[self.role.other].opener is None or self.opener is not None:
            return
        self.change_read_keys()
        waiting = [item for item in self.received if isinstance(item, Sealed)]
        self.received = [item for item in self.received if not isinstance(item, Sealed)]
        del self.records[len(self.records) - len(waiting) :]
        for item in waiting:
            self._listen(self._follower.reopen(self.role.other, item.content_type, item.fragment))

    def change_write_keys(self) -> None:
        """Protect every later record that is sent, without sending a ChangeCipherSpec."""
        keys = self._keys()
        mine = keys.client if self.role == "client" else keys.server
        self.sealer = self._writer.install(
            self.crypto.make_sealer(
                self.suite,
                mine,
                encrypt_then_mac=self.encrypt_then_mac,
                random=for_purpose(self.draw, Purpose.RECORD_IV),
            )
        )

    def change_read_keys(self) -> None:
        """Open every later record that is received. Raises UsageError without keys."""
        self._keys()
        self._follower.change_keys(self.role.other)

    def change_cipher_spec(self) -> None:
        """Send ChangeCipherSpec, and protect every later record."""
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


def _read(content_type: ContentType, fragment: bytes) -> ChangeCipherSpec | AlertMessage | OtherRecord:
    """The payload of a record that carries neither data nor handshake messages."""
    kind = _PAYLOADS.get(content_type)
    if kind is not None:
        try:
            return kind.parse(fragment)
        except DecodeError:
            pass
    return OtherRecord(content_type, fragment)


_PAYLOADS: dict[ContentType, type[ChangeCipherSpec | AlertMessage]] = {
    ContentType.CHANGE_CIPHER_SPEC: ChangeCipherSpec,
    ContentType.ALERT: AlertMessage,
}


def _bytes(message: Message | bytes) -> bytes:
    return message if isinstance(message, bytes) else messages.serialize(message)
