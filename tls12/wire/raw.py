"""Handshake messages whose body stays bytes.

How it works: a `RawMessage` is an unknown type, a message whose meaning nobody has told (see `context.py`),
or what somebody built on purpose; it goes out as it is. A `MalformedMessage` is what lenient reading makes of
a body that does not decode.
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
    """A handshake message whose body does not decode; only lenient reading makes one.

    `declared_length` is the length in its header, which may differ from that of `body`. `understood` is the
    message without the bytes that were left over behind it, where that is all that was wrong.
    """

    msg_type: HandshakeType
    body: bytes
    declared_length: int
    error: DecodeError = field(compare=False)
    understood: Message | None = None

    def write(self, w: Writer) -> None:
        """Write the body as it was."""
        w.rest(self.body)
