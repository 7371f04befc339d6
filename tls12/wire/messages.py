"""Handshake messages: the table of types, parsing, serialising, and reassembly from record fragments.

How it works: a message is a type, a 24-bit length and a body (RFC 5246 7.4). `parse` looks the type up in
`MESSAGES`, lets the class read the body and checks that all of it was used; `serialize` is its inverse. A message of a
type that the table does not have becomes a `RawMessage`. So does one whose meaning depends on the outcome of the hellos
(`CONTEXTUAL`), unless a `Context` says what that outcome was.

A sender may cut messages over records and pack several into one. `HandshakeReassembler` puts them together again. When
a fragment holds whole messages, as nearly all do, they are cut out of it without another copy. Otherwise the rest of
the message is collected in one growing buffer. The length that a message declares is compared with its limit as soon as
its header of four bytes is there, so nothing is collected for a message that is too long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from struct import Struct
from struct import error as StructError
from typing import Any

from tls12.errors import DecodeError, EncodeError, UsageError
from tls12.given import name_value
from tls12.registry import HandshakeType, ProtocolVersion
from tls12.wire.certificates import (
    Certificate,
    CertificateRequest,
    CertificateStatus,
    CertificateURL,
    CertificateVerify,
    RawPublicKeyCertificate,
    SupplementalData,
)
from tls12.wire.closing import Finished, NewSessionTicket, NextProtocol
from tls12.wire.context import Context as Context
from tls12.wire.hello import ClientHello, HelloRequest, ServerHello, ServerHelloDone
from tls12.wire.key_exchange import ClientKeyExchange, ServerKeyExchange
from tls12.wire.location import without_frames
from tls12.wire.mode import STRICT, Mode
from tls12.wire.reader import Reader
from tls12.wire.writer import Writer

MESSAGE_HEADER = 4
"""Bytes of a handshake header: type and length (RFC 5246 7.4)."""

MAX_BODY = 2**24 - 1
"""Bytes of a body, at most (RFC 5246 7.4)."""


@dataclass(slots=True)
class RawMessage:
    """A handshake message whose body stays bytes: of an unknown type, without the context that gives it a meaning, or
    built so on purpose. It is written as it is."""

    msg_type: HandshakeType
    body: bytes

    def write(self, w: Writer) -> None:
        w.rest(self.body)


@dataclass(slots=True)
class MalformedMessage:
    """A handshake message that does not decode; only lenient reading makes one.

    `data` is everything, from the header on (which may lie about the length, or be cut short). `understood` is
    the message that could be read where the only fault is a wrong length: bytes left over after it, or a header
    that declares another length than what follows.
    """

    data: bytes
    error: DecodeError = field(compare=False)
    understood: Message | None = None

    @property
    def msg_type(self) -> HandshakeType:
        """The type in the first byte; hello_request (0) where there is none."""
        return HandshakeType.of(int.from_bytes(self.data[:1], "big"))

    @property
    def body(self) -> bytes:
        """What follows the header."""
        return self.data[4:]

    def write(self, w: Writer) -> None:
        """Write what follows the header; `serialize` writes the header as it was, too."""
        w.rest(self.body)


Message = (
    HelloRequest
    | ClientHello
    | ServerHello
    | NewSessionTicket
    | Certificate
    | RawPublicKeyCertificate
    | ServerKeyExchange
    | CertificateRequest
    | ServerHelloDone
    | CertificateVerify
    | ClientKeyExchange
    | Finished
    | CertificateURL
    | CertificateStatus
    | SupplementalData
    | NextProtocol
    | RawMessage
    | MalformedMessage
)
"""Any handshake message."""


MESSAGES: Mapping[HandshakeType, type[Any]] = {
    HandshakeType.HELLO_REQUEST: HelloRequest,
    HandshakeType.CLIENT_HELLO: ClientHello,
    HandshakeType.SERVER_HELLO: ServerHello,
    HandshakeType.NEW_SESSION_TICKET: NewSessionTicket,
    HandshakeType.CERTIFICATE: Certificate,
    HandshakeType.SERVER_KEY_EXCHANGE: ServerKeyExchange,
    HandshakeType.CERTIFICATE_REQUEST: CertificateRequest,
    HandshakeType.SERVER_HELLO_DONE: ServerHelloDone,
    HandshakeType.CERTIFICATE_VERIFY: CertificateVerify,
    HandshakeType.CLIENT_KEY_EXCHANGE: ClientKeyExchange,
    HandshakeType.FINISHED: Finished,
    HandshakeType.CERTIFICATE_URL: CertificateURL,
    HandshakeType.CERTIFICATE_STATUS: CertificateStatus,
    HandshakeType.SUPPLEMENTAL_DATA: SupplementalData,
    HandshakeType.NEXT_PROTOCOL: NextProtocol,
}
"""Handshake type to message class; any other type is a `RawMessage`."""

KEY_EXCHANGE_BOUND = frozenset((HandshakeType.SERVER_KEY_EXCHANGE, HandshakeType.CLIENT_KEY_EXCHANGE))
"""Types that stay raw unless the context names the key exchange."""

VERSION_BOUND = frozenset((HandshakeType.CERTIFICATE_REQUEST, HandshakeType.CERTIFICATE_VERIFY))
"""Types that TLS 1.2 changed: they stay raw if the context names another version."""

CONTEXTUAL = KEY_EXCHANGE_BOUND | VERSION_BOUND | {HandshakeType.FINISHED}
"""Types whose form depends on what the hellos settled. Without a context those of `VERSION_BOUND` are read as TLS 1.2
has them, and the others stay raw."""

_TLS_1_2 = int(ProtocolVersion.TLS_1_2)
_read_header = Struct(">I").unpack_from
"""Type and length of a message, in one number."""

ReadMessage = Callable[[Reader, Context | None], Message]


def parse(data: bytes, context: Context | None = None, mode: Mode = STRICT) -> Message:
    """One whole handshake message, with its 4-byte header, as a value.

    Raises `UsageError` for what is not bytes. Unless the mode is lenient, raises DecodeError for what does not decode,
    which says where and carries its alert, and LimitExceeded for more than the mode allows.
    """
    r = Reader(data, "Handshake", mode)
    if mode.lenient:
        return read_leniently(r, context)
    try:
        (header,) = _read_header(r.data)
    except StructError:
        raise r.error("", f"needs {MESSAGE_HEADER} bytes of header, {r.end} left") from None
    if header & MAX_BODY != r.end - MESSAGE_HEADER:
        r.pos = 1
        raise r.error("", f"length {header & MAX_BODY}, but {r.end - MESSAGE_HEADER} bytes follow")
    r.pos = MESSAGE_HEADER
    r.names[0], read_body = _READERS[header >> 24]
    message: Message = read_body(r, context)
    if r.pos != r.end:
        raise r.left_over()
    return message


def read_leniently(r: Reader, context: Context | None = None) -> Message:
    """The message that is all that a lenient Reader has, header included; never raises DecodeError."""
    data = r.data
    r.names[0] = ""
    try:
        msg_type, declared = r.code8("msg_type", HandshakeType), r.u24("length")
        r.names[0], read_body = _READERS[msg_type]
        message: Message = read_body(r, context)
    except DecodeError as error:
        return MalformedMessage(data, without_frames(error))
    if r.remaining:
        return MalformedMessage(data, r.left_over(), message)
    if declared != len(data) - MESSAGE_HEADER:
        r.pos = 1
        mismatch = r.error("", f"length {declared}, but {len(data) - MESSAGE_HEADER} bytes follow")
        return MalformedMessage(data, mismatch, message)
    return message


def _reading(kind: HandshakeType) -> tuple[str, ReadMessage]:
    """The name of a type's structure, and the function that reads its body."""
    message = MESSAGES.get(kind)
    if message is None:
        return "Handshake", lambda r, context: RawMessage(kind, r.rest("body"))
    if kind not in CONTEXTUAL:
        return message.__name__, message.read

    def read_in_context(r: Reader, context: Context | None) -> Message:
        found: Message = message.read(r, context) if _has_meaning(kind, context) else RawMessage(kind, r.rest("body"))
        return found

    return message.__name__, read_in_context


def _has_meaning(kind: HandshakeType, context: Context | None) -> bool:
    if context is None:
        return kind in VERSION_BOUND
    if context.version != _TLS_1_2:
        return False
    return context.key_exchange is not None or kind not in KEY_EXCHANGE_BOUND


_READERS = tuple(map(_reading, map(HandshakeType.of, range(256))))


def serialize(message: Message) -> bytes:
    """The message as bytes, with its header: the inverse of `parse`.

    Raises EncodeError for a value that does not fit, which names the field, and `UsageError` for what is no message.
    """
    if type(message) is MalformedMessage:
        return message.data
    w = Writer(type(message).__name__)
    try:
        write, kind = message.write, message.msg_type
    except AttributeError:
        raise UsageError(_not_a_message(message)) from None
    try:
        write(w)
    except (TypeError, AttributeError, ValueError, OverflowError) as error:
        if isinstance(message, type):
            raise UsageError(_not_a_message(message)) from None
        raise EncodeError(f"{type(message).__name__} holds a value of the wrong type: {error}") from error
    body = w.buffer
    length = len(body)
    if length > MAX_BODY:
        raise w.error("", f"{length} bytes where 0..{MAX_BODY} are allowed")
    try:
        return (kind << 24 | length).to_bytes(MESSAGE_HEADER, "big") + body
    except (OverflowError, TypeError):
        if kind is None and type(message) is not RawMessage:
            raise UsageError(_not_a_message(message)) from None
        number = format(kind, "d") if isinstance(kind, int) else name_value(kind)
        raise w.error("msg_type", f"{number} does not fit 1 byte") from None


def _not_a_message(value: object) -> str:
    remedy = "; a ChangeCipherSpec or an alert stands in a record of its own: to_bytes() gives the payload"
    return (
        f"serialize() takes a handshake message, not {name_value(value)}{remedy if hasattr(value, 'to_bytes') else ''}"
    )


class MessageTooLong(DecodeError):
    """A handshake message of type `kind` declares more bytes than the field `bound` of `Limits` allows."""

    def __init__(self, kind: int, size: int, limit: int, bound: str) -> None:
        super().__init__(
            f"length {size} exceeds the limit of {limit} bytes",
            path=str(HandshakeType.of(kind)),
            offset=1,
            remedy=f"raise Limits.{bound} if that is normal for this peer",
        )
        self.kind = kind


class HandshakeReassembler:
    """Puts messages together from the fragments that records carry.

    `limits` bounds the declared body length by type, `default` that of all other types, in bytes.
    """

    __slots__ = ("_data", "_default", "_later", "_limits", "_need", "_pos", "pending")

    def __init__(self, limits: Mapping[HandshakeType, int] | None = None, default: int = MAX_BODY) -> None:
        self._limits: Mapping[Any, int] = limits if limits is not None else {}
        self._default = default
        self._data = b""
        self._pos = 0
        self._later: bytes | bytearray = b""
        self._need = MESSAGE_HEADER
        self.pending = 0
        """How many bytes wait for the rest of their message."""

    def whole(self, fragment: bytes) -> bool:
        """Whether `fragment`, the payload of a handshake record, is one message, no less and no more.

        Nearly all fragments are, and such a fragment need not be fed. False also for a message that exceeds its limit:
        once it is fed, `next_message` raises.
        """
        size = len(fragment) - MESSAGE_HEADER
        if self.pending or size < 0:
            return False
        return int.from_bytes(fragment[1:MESSAGE_HEADER]) == size <= self._limits.get(fragment[0], self._default)

    def feed(self, fragment: bytes) -> None:
        """Take the payload of one handshake record; then call `next_message` until it gives None."""
        if not self.pending:
            self._data, self._pos = fragment, 0
        elif self._later:
            # One growing buffer, because a list of fragments would keep an object for each, however short.
            self._later += fragment
        else:
            self._later = bytearray(fragment)
        self.pending += len(fragment)

    def rest(self) -> bytes:
        """The bytes that wait for the rest of their message."""
        return self._data[self._pos :] + self._later if self.pending else b""

    def next_message(self) -> bytes | None:
        """The next whole message with its header, or None while it is incomplete.

        Raises MessageTooLong when a message declares more than its limit, before its body is collected.
        """
        pending = self.pending
        if pending < self._need:
            return None
        if self._later:
            self._data = self._data[self._pos :] + self._later
            self._pos = 0
            self._later = b""
        data, start = self._data, self._pos
        (header,) = _read_header(data, start)
        kind, size = header >> 24, (header & MAX_BODY) + MESSAGE_HEADER
        limit = self._limits.get(kind, self._default)
        if size - MESSAGE_HEADER > limit:
            bound = "message_sizes" if kind in self._limits else "other_message_size"
            raise MessageTooLong(kind, size - MESSAGE_HEADER, limit, bound)
        if size > pending:
            self._need = size
            return None
        self._need = MESSAGE_HEADER
        self._pos = end = start + size
        self.pending = pending - size
        return data[start:end]
