"""The half of a connection that writes, by itself."""

from __future__ import annotations

from tls12.connection.outgoing import Outgoing
from tls12.registry import ConnectionEnd, ContentType


def test_nothing_is_queued_behind_the_end() -> None:
    outgoing = Outgoing(ConnectionEnd.SERVER)
    outgoing.put(ContentType.ALERT, b"\x01\0")
    outgoing.end()
    outgoing.put(ContentType.ALERT, b"\x02\x50")
    assert outgoing.data_to_send(None) == b"\x15\x03\x03\0\x02\x01\0"
