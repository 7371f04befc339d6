"""What the two ends of a connection have in common, and `talk`, which carries the bytes between them.

How it works: `talk` starts the client and carries bytes to and fro until neither end has anything to say. Nothing
waits, so nothing can hang: two ends that never come to rest fail the test. Bytes may be cut to pieces on the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from tls12.registry import EndName


class Talker(Protocol):
    """All that `talk` needs of an end."""

    @property
    def role(self) -> EndName:
        """Which end this is."""

    def start(self) -> None:
        """As a client that has not begun: send the ClientHello."""

    def receive(self, data: bytes) -> None:
        """Take bytes from the peer; b"" is the end of the stream."""

    def take(self) -> bytes:
        """Give the bytes that are for the peer."""


class End(Talker, Protocol):
    """An end that keeps to the protocol by itself."""

    @property
    def data(self) -> bytes:
        """All application data received so far."""

    @property
    def completed(self) -> bool:
        """A handshake was completed."""

    @property
    def closed_cleanly(self) -> bool:
        """The peer's close_notify was received."""

    @property
    def error(self) -> Exception | None:
        """Why the connection failed; None if it did not."""

    def send(self, data: bytes) -> None:
        """Send application data."""

    def close(self) -> None:
        """Send a close_notify."""


def talk(one: Talker, other: Talker, *, piece: int | None = None) -> None:
    """Carry bytes until both ends are silent, the client's first; deliver at most `piece` bytes at a time."""
    client, server = (one, other) if one.role == "client" else (other, one)
    client.start()
    for _ in range(1000):
        moved = False
        for source, target in ((client, server), (server, client)):
            data = source.take()
            moved = moved or bool(data)
            for part in pieces(data, piece or 1 << 30):
                target.receive(part)
        if not moved:
            return
    raise AssertionError("the two ends never come to rest")


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    """`data` cut into pieces of `size` bytes."""
    for start in range(0, len(data), size):
        yield data[start : start + size]
