"""Finds TLS in a stream of bytes: records, the messages inside, and every field with its offset.

How it works: a `Dissector` takes the bytes of both directions of a connection, in any portions, and gives `Item`s: a
record, a message with the tree of its fields, or a remark. A `Follower` puts the handshake messages together, and
knows what the hellos have settled about later ones. What follows a ChangeCipherSpec is shown as ciphertext, and no rule
is checked: secrets and rules are for `tls12.lab.observer`. Everything is read leniently: an `Item` names what is wrong
with it, and the dissector reads on.

Plain text before the first record (STARTTLS) is skipped with a remark. No more of a direction is read after a gap, or
after bytes that are not TLS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tls12.errors import DecodeError
from tls12.lab.follower import Follower, Half
from tls12.registry import CipherSuite, ConnectionEnd, ContentType, ProtocolVersion
from tls12.wire import trace
from tls12.wire.closing import AlertMessage, ChangeCipherSpec, Heartbeat
from tls12.wire.context import Context
from tls12.wire.context import KeyExchangeAlgorithm as Kx
from tls12.wire.foreign import name_foreign
from tls12.wire.hello import ClientHello, ServerHello, Sslv2ClientHello
from tls12.wire.messages import MalformedMessage, RawMessage
from tls12.wire.records import HEADER, RecordHeader
from tls12.wire.trace import Field, TracingReader


@dataclass(slots=True)
class Item:
    """A record, a message or a remark."""

    kind: str
    """"record", "message" or "remark"."""
    name: str
    offset: int
    """Where it begins in the sender's stream; the offsets of its fields count from there."""
    length: int
    """Its bytes, header included."""
    fields: list[Field] = field(default_factory=list)
    error: str = ""
    """What is wrong with it."""


_RECORD = re.compile(rb"[\x14-\x18]\x03[\x00-\x04]")
_FIRST_RECORD = re.compile(rb"\x16\x03[\x00-\x04]..[\x01\x02]\x00|\x15\x03[\x00-\x04]\x00\x02[\x01\x02]", re.DOTALL)
_FIRST_RECORD_BYTES = 7
"""Bytes that are needed to recognise a first record; so the last ones are searched again when more have come."""
_PAYLOADS: dict[ContentType, type[ChangeCipherSpec | AlertMessage | Heartbeat]] = {
    ContentType.CHANGE_CIPHER_SPEC: ChangeCipherSpec,
    ContentType.ALERT: AlertMessage,
    ContentType.HEARTBEAT: Heartbeat,
}
_EXCHANGES_BY_NAME = (
    # The first pattern that begins a suite's name; static (EC)DH clients send the same message as ephemeral ones.
    (re.compile(r"TLS_RSA_PSK"), Kx.RSA_PSK),
    (re.compile(r"TLS_(DHE_PSK|PSK_DHE)"), Kx.DHE_PSK),
    (re.compile(r"TLS_ECDHE_PSK"), Kx.ECDHE_PSK),
    (re.compile(r"TLS_PSK"), Kx.PSK),
    (re.compile(r"TLS_ECDH_anon"), Kx.ECDH_ANON),
    (re.compile(r"TLS_DH_anon"), Kx.DH_ANON),
    (re.compile(r"TLS_ECDHE?_"), Kx.ECDHE),
    (re.compile(r"TLS_DHE?_"), Kx.DHE),
    (re.compile(r"TLS_SRP_SHA_(RSA|DSS)"), Kx.SRP_SIGNED),
    (re.compile(r"TLS_SRP"), Kx.SRP),
    (re.compile(r"TLS_RSA_(?!EXPORT)"), Kx.RSA),
)


def looks_like_records(data: bytes) -> bool:
    """Whether a stream begins with a record or an SSL 2.0 hello, or has a first record further on."""
    return bool(_RECORD.match(data) or Sslv2ClientHello.recognise(data) or _FIRST_RECORD.search(data))


def key_exchange_of(suite: CipherSuite) -> Kx | None:
    """The key exchange in a suite's name; also of suites that cannot be computed here."""
    return next((algorithm for pattern, algorithm in _EXCHANGES_BY_NAME if pattern.match(str(suite))), None)


class Dissector:
    """Both directions of one connection; `context` is what is known of it beforehand."""

    def __init__(self, context: Context | None = None) -> None:
        self._follower = Follower(judging=False, context=context, key_exchange_of=key_exchange_of)
        self._directions: dict[object, _Direction] = {}

    def role_of(self, direction: object) -> str:
        """ "client" or "server", once a hello has been seen; "" before."""
        known = self._directions.get(direction)
        if known is not None and known.sender is not None:
            return known.sender
        others = {other.sender for key, other in self._directions.items() if key != direction} - {None}
        other = others.pop() if others else None
        return other.other if other is not None else ""

    def feed(self, direction: object, data: bytes) -> Iterator[Item]:
        """Read the next bytes of one direction. Any two hashable values may stand for the directions."""
        return self._directions.setdefault(direction, _Direction(self._follower)).feed(data)

    def gap(self, direction: object) -> Iterator[Item]:
        """Bytes of this direction are missing. What is incomplete is shown as it is, and no more of it is read."""
        known = self._directions.setdefault(direction, _Direction(self._follower))
        yield from known.end()
        known.given_up = True

    def messages(self, data: bytes) -> Iterator[Item]:
        """Read handshake messages that have no records around them."""
        return self._directions.setdefault(None, _Direction(self._follower)).handshake(data, 0)

    def end(self, direction: object) -> Iterator[Item]:
        """The stream of this direction has ended. What is incomplete is shown as it is."""
        known = self._directions.get(direction)
        return known.end() if known is not None else iter(())


class _Direction:
    def __init__(self, follower: Follower) -> None:
        self.follower = follower
        self.half = Half()
        self.sender: ConnectionEnd | None = None  # as the latest hello says
        self.begun = False
        self.given_up = False
        self.encrypted = False
        self.buffer = b""
        self.searched = 0  # bytes of the buffer at which no first record begins
        self.offset = 0  # of the buffer's first byte in the stream
        self.message_offset = 0  # of the message that is being collected

    def feed(self, data: bytes) -> Iterator[Item]:
        if self.given_up:
            return
        self.buffer += data
        if not self.begun:
            yield from self._begin()
        pos = 0
        while self.begun and len(self.buffer) - pos >= HEADER:
            if not _RECORD.match(self.buffer, pos):
                self._skip(pos)
                yield self._give_up("this is no record of TLS any more")
                return
            end = pos + HEADER + int.from_bytes(self.buffer[pos + 3 : pos + HEADER], "big")
            if end > len(self.buffer):
                break
            yield from self._record(self.buffer[pos:end], self.offset + pos)
            pos = end
        self._skip(pos)

    def end(self) -> Iterator[Item]:
        if self.buffer and not self.given_up:
            yield from self._cut_short()
        if self.half.pending:
            yield self._message(self.half.rest())

    def _cut_short(self) -> Iterator[Item]:
        """Show what is left in the buffer: the beginning of a record, or bytes that are not TLS."""
        if len(self.buffer) < HEADER or not _RECORD.match(self.buffer):
            foreign = name_foreign(self.buffer)
            what = f"this looks like {foreign.name}" if foreign is not None else "these are no records of TLS"
            yield self._give_up(what)
            return
        declared, found = int.from_bytes(self.buffer[3:HEADER], "big"), len(self.buffer) - HEADER
        for item in self._record(self.buffer, self.offset):
            if item.kind == "record":
                item.error = f"length {declared}, but {found} bytes follow"
            yield item

    def handshake(self, data: bytes, offset: int) -> Iterator[Item]:
        """Handshake bytes that begin at `offset`."""
        if not self.half.pending:
            self.message_offset = offset
        end = offset + len(data)
        for message in self.half.messages(data):
            yield self._message(message)
            self.message_offset = end - self.half.pending

    def _begin(self) -> Iterator[Item]:
        """Look for the first record: at the start of the buffer, or after an SSL 2.0 hello or plain text."""
        if len(self.buffer) < HEADER:
            return
        if _RECORD.match(self.buffer):
            self.begun = True
        elif Sslv2ClientHello.recognise(self.buffer):
            length = int.from_bytes(self.buffer[:2], "big") & 0x7FFF
            if len(self.buffer) >= length + 2:
                yield _payload(Sslv2ClientHello, self.buffer[: length + 2], 0)
                self._skip(length + 2)
                self.begun = True
        elif (first := _FIRST_RECORD.search(self.buffer, self.searched)) is not None:
            foreign = name_foreign(self.buffer)
            what = f" ({foreign.name})" if foreign is not None else ""
            yield Item("remark", f"{first.start()} bytes{what} before the first record", 0, first.start())
            self._skip(first.start())
            self.begun = True
        elif len(self.buffer) > _PLAIN_TEXT:
            yield from self._cut_short()
        else:
            self.searched = max(0, len(self.buffer) - _FIRST_RECORD_BYTES)

    def _record(self, data: bytes, offset: int) -> Iterator[Item]:
        r = TracingReader(data)
        header = RecordHeader.read(r)
        yield Item("record", f"{header.type} record, {header.version}", offset, len(data), r.fields)
        body, at = data[HEADER:], offset + HEADER
        context = self.follower.context_for(self.sender)
        older = context is None or context.version < ProtocolVersion.TLS_1_3
        if header.type == ContentType.APPLICATION_DATA or self.encrypted:
            yield Item("remark", f"{len(body)} bytes of ciphertext", at, len(body))
        elif header.type == ContentType.HANDSHAKE:
            yield from self.handshake(body, at)
        else:
            yield _payload(_PAYLOADS[header.type], body, at)
            self.encrypted = header.type == ContentType.CHANGE_CIPHER_SPEC and older

    def _message(self, data: bytes) -> Item:
        message, fields = trace.read(data, self.follower.context_for(self.sender))
        understood = message.understood if isinstance(message, MalformedMessage) else message
        if isinstance(understood, ClientHello | ServerHello):
            self.sender = ConnectionEnd.CLIENT if isinstance(understood, ClientHello) else ConnectionEnd.SERVER
        self.follower.learn(message)
        name = str(message.msg_type) if isinstance(message, RawMessage | MalformedMessage) else type(message).__name__
        error = str(message.error) if isinstance(message, MalformedMessage) else ""
        return Item("message", name, self.message_offset, len(data), fields, error)

    def _skip(self, count: int) -> None:
        self.buffer = self.buffer[count:]
        self.offset += count

    def _give_up(self, why: str) -> Item:
        self.given_up = True
        beginning = f"{self.buffer[:16].hex(' ')}{' ...' if len(self.buffer) > 16 else ''}"
        return Item("remark", f"{why}: {beginning}", self.offset, len(self.buffer))


_PLAIN_TEXT = 1 << 16
"""After so many bytes without a record, the dissector stops looking for TLS."""


def _payload(
    kind: type[ChangeCipherSpec | AlertMessage | Heartbeat | Sslv2ClientHello], data: bytes, offset: int
) -> Item:
    """Read the payload of a record that carries neither handshake messages nor data."""
    r, error = TracingReader(data, kind.__name__), ""
    try:
        kind.read(r)
        if r.remaining:
            error = str(r.left_over())
    except DecodeError as wrong:
        error = str(wrong)
    return Item("message", kind.__name__, offset, len(data), r.fields, error)
