"""Handshake messages whose body stays bytes.

How it works: a `RawMessage` is an unknown type, a message whose meaning nobody has told (see `context.py`), or
what somebody built on purpose; it goes out as it is. A `MalformedMessage` is what lenient reading makes of bytes
that do not decode: it keeps all of them, the header included, and goes out as it came.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tls12.errors import DecodeError
from tls12.registry import HandshakeType
from tls12.wire.codec import Writer

if TYPE_CHECKING:
    from tls12.wire.messages import Message


@dataclass(slots=True)
class RawMessage:
    """A handshake message with an uninterpreted body."""

    msg_type: HandshakeType
    body: bytes

    def write(self, w: Writer) -> None:
        """Write the body as it is."""
        w.rest(self.body)


@dataclass(slots=True)
class MalformedMessage:
    """A handshake message that does not decode; only lenient reading makes one.

    `data` is everything, from the header on (which may lie about the length, or be cut short). `understood` is
    the message that could be read where the only fault is a wrong length: bytes left over behind it, or a header
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
