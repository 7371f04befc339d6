"""Records that an end of ours would send if it broke the rules: made with its keys, without its handshake."""

from __future__ import annotations

from collections.abc import Iterator

from tests.ends.ours import Ours
from tls12.registry import ContentType

NO_RENEGOTIATION, CLOSE_NOTIFY, USER_CANCELED = b"\x01\x64", b"\x01\x00", b"\x01\x5a"


def record(content_type: int, payload: bytes) -> bytes:
    """A record in the clear."""
    return bytes([content_type, 3, 3]) + len(payload).to_bytes(2, "big") + payload


def protected(sender: Ours, content_type: int, payload: bytes) -> bytes:
    """A record as this end would protect it, whatever is in it."""
    return bytes(sender.connection._core.outgoing.writer.write(content_type, payload))


def alert(sender: Ours, payload: bytes) -> bytes:
    """An alert record from this end, which does not know that it sent one."""
    return protected(sender, ContentType.ALERT, payload)


def handshake(sender: Ours, payload: bytes) -> bytes:
    """A handshake record from this end."""
    return protected(sender, ContentType.HANDSHAKE, payload)


def last_alert(ours: Ours, theirs: Ours) -> bytes:
    """What our end has queued, as theirs would read it: level and description of the alert at its end."""
    *_, (content_type, payload) = theirs.connection._core.incoming.reader.records(ours.take())
    assert content_type == ContentType.ALERT
    return payload


def records(data: bytes) -> Iterator[bytes]:
    """The records of a byte stream, header included; a remainder comes last."""
    while data:
        size = 5 + int.from_bytes(data[3:5], "big")
        yield data[:size]
        data = data[size:]
