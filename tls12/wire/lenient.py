"""Reading for research: what does not decode is kept, named and rebuilt, not refused.

How it works: the same classes read the same way, with a Reader whose `lenient` flag is set. An extension that does
not decode becomes a `MalformedExtension` and its neighbours are read on; the end of a block that is no extension
any more becomes an `ExtensionRemnant`; a second extension of one type stays. A message that does not decode as a
whole becomes a `MalformedMessage`. Each of them keeps its bytes and its `DecodeError` (not the frames that it passed
through, which weigh more), and `messages.serialize` gives back exactly what came in. The state machine never reads
this way.
"""

from __future__ import annotations

from collections.abc import Iterator

from tls12.errors import DecodeError
from tls12.registry import HandshakeType
from tls12.wire.context import Context
from tls12.wire.location import without_frames
from tls12.wire.messages import MESSAGE_HEADER, MalformedMessage, Message, read_message
from tls12.wire.reader import Reader


def parse(data: bytes, context: Context | None = None) -> Message:
    """One handshake message with its header, whatever is wrong with it; never raises DecodeError."""
    return read(Reader(data, lenient=True), context)


def read(r: Reader, context: Context | None = None) -> Message:
    """The same from a lenient Reader that stands at the start of `r.data`."""
    data = r.data
    try:
        msg_type, declared = r.code8("msg_type", HandshakeType), r.u24("length")
        message = read_message(r, msg_type, context)
    except DecodeError as error:
        return MalformedMessage(data, without_frames(error))
    if r.remaining:
        return MalformedMessage(data, r.left_over(), message)
    if declared != len(data) - MESSAGE_HEADER:
        r.pos = 1
        mismatch = r.error("", f"length {declared}, but {len(data) - MESSAGE_HEADER} bytes follow")
        return MalformedMessage(data, mismatch, message)
    return message


def parse_all(data: bytes, context: Context | None = None) -> Iterator[Message]:
    """The handshake messages that stand one behind the other in `data`; a last, incomplete one is malformed.

    All are read with one context; to follow a conversation, cut it with `HandshakeReassembler` instead.
    """
    pos = 0
    while pos < len(data):
        end = pos + MESSAGE_HEADER + int.from_bytes(data[pos + 1 : pos + MESSAGE_HEADER], "big")
        yield parse(data[pos:end], context)
        pos = end
