"""What carries the bytes of a connection: a socket, or the two `ssl.MemoryBIO` of `wrap_bio`.

How it works: an `Engine` asks its carrier for bytes and hands it bytes, and the carrier raises what CPython raises
where that cannot be done at once: SSLWantReadError and SSLWantWriteError, or a TimeoutError that names the operation.
The time-out of a socket bounds a whole operation (a handshake, a read), not each wait for the network, so an operation
begins by taking a `Bound`.

`Records` says how many bytes to ask for. What follows the peer's close_notify belongs to the plain protocol underneath
(FTP after CCC, for instance), and a socket takes nothing back, so nothing behind an alert is read. Behind every other
record only another record can come, so its header is read along with the record before it.
"""

from __future__ import annotations

import _socket
import select
import socket
import ssl
import time
import weakref
from typing import Protocol

from tls12.registry import ContentType
from tls12.sslcompat.errors import want_read, want_write
from tls12.sync.outbox import Outbox
from tls12.wire.records import HEADER, MAX_CIPHERTEXT, MAX_PLAINTEXT

_ALERT = int(ContentType.ALERT)
_TYPES = frozenset(range(ContentType.CHANGE_CIPHER_SPEC, ContentType.HEARTBEAT + 1))
_FIRST = 64  # enough to name a protocol that is not TLS; the first record is no end that plain data could follow


class Bound:
    """Until when one operation may take; it names the operation."""

    __slots__ = ("end", "what")

    def __init__(self, what: str, seconds: float | None) -> None:
        self.what = what
        self.end = time.monotonic() + seconds if seconds else None

    def of(self, what: str) -> Bound:
        """The same time, for a part of the operation that has another name."""
        bound = Bound(what, None)
        bound.end = self.end
        return bound

    def left(self) -> float | None:
        """Seconds that are left, None for no bound. Raises TimeoutError if there are none."""
        if self.end is None:
            return None
        left = self.end - time.monotonic()
        if left <= 0:
            raise self.error()
        return left

    def error(self) -> TimeoutError:
        """What CPython raises when the time is up."""
        return TimeoutError(f"The {self.what} operation timed out")


class Carrier(Protocol):
    """What an engine needs of its transport."""

    def bound(self, what: str) -> Bound:
        """Begin an operation. Raises SSLError where the transport is gone."""

    def receive(self, count: int, bound: Bound, into: list[bytes]) -> None:
        """Append at most `count` bytes to `into`, b"" at the end of the stream."""

    def deliver(self, outbox: Outbox, bound: Bound) -> None:
        """Hand over everything that waits."""

    def has_arrived(self) -> bool:
        """Whether `receive` would give something without waiting."""

    def underneath(self) -> socket.socket | None:
        """The socket, for `unwrap`."""


class MemoryCarrier:
    """The two buffers of `wrap_bio`. What is written always fits; what is read may not be there yet."""

    def __init__(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> None:
        self._incoming = incoming
        self._outgoing = outgoing

    def bound(self, what: str) -> Bound:
        """An operation is never waited for."""
        return Bound(what, None)

    def receive(self, count: int, bound: Bound, into: list[bytes]) -> None:
        """See `Carrier`. Raises SSLWantReadError where nothing is there and the end was not written."""
        data = self._incoming.read(count)
        if not data and not self._incoming.eof:
            raise want_read()
        into.append(data)

    def deliver(self, outbox: Outbox, bound: Bound) -> None:
        """See `Carrier`."""
        outbox.drain(self._outgoing.write)

    def has_arrived(self) -> bool:
        """See `Carrier`."""
        return bool(self._incoming.pending) or self._incoming.eof

    def underneath(self) -> None:
        """None."""


class SocketCarrier:
    """A socket, which may block, wait for a time or not wait at all.

    It calls the methods of the plain socket, not those that a `ssl.SSLSocket` puts in their place, and does not keep
    the socket alive, which keeps the engine alive.
    """

    def __init__(self, sock: _socket.socket) -> None:
        self._socket = weakref.ref(sock)
        self._waited: Bound | None = None
        """The operation that has waited for the socket before."""

    def bound(self, what: str) -> Bound:
        """See `Carrier`."""
        return Bound(what, self._open().gettimeout())

    def receive(self, count: int, bound: Bound, into: list[bytes]) -> None:
        """See `Carrier`. Raises SSLWantReadError, TimeoutError, and what the socket raises."""
        sock = self._open()
        if bound.end is not None:
            self._wait(sock, bound)
        try:
            # One step takes the bytes and keeps them, so that a signal handler that raises loses none: see Outbox.
            into.extend(map(_socket.socket.recv.__get__(sock), (count,)))
        except BlockingIOError:
            raise want_read() from None
        except TimeoutError:
            raise bound.error() from None

    def deliver(self, outbox: Outbox, bound: Bound) -> None:
        """See `Carrier`. Raises SSLWantWriteError, TimeoutError, and what the socket raises."""
        sock = self._open()
        try:
            outbox.drain(_socket.socket.send.__get__(sock), bound.end)
        except BlockingIOError:
            raise want_write() from None
        except TimeoutError:
            raise bound.error() from None

    def has_arrived(self) -> bool:
        """See `Carrier`."""
        return _is_readable(self._open(), 0)

    def underneath(self) -> socket.socket | None:
        """The socket itself."""
        return self._open()  # type: ignore[return-value]  # what the owner gave

    def _open(self) -> _socket.socket:
        sock = self._socket()
        if sock is None or sock.fileno() < 0:
            raise ssl.SSLError("Underlying socket connection gone")
        return sock

    def _wait(self, sock: _socket.socket, bound: Bound) -> None:
        """Wait for what is left of the operation's time. The first wait is the socket's own, which is as long."""
        if self._waited is not bound:
            self._waited = bound
            return
        if not _is_readable(sock, bound.left()):
            raise bound.error()


class Records:
    """Cuts what arrives into records, and never asks for a byte behind an alert."""

    __slots__ = ("_has_begun", "_held", "_is_foreign")

    def __init__(self) -> None:
        self._held = bytearray()
        """The beginning of a record."""
        self._has_begun = False
        """Whether anything has arrived."""
        self._is_foreign = False
        """Whether what arrives are no records; the connection will say so."""

    def wanted(self) -> int:
        """How many bytes to read next, at most."""
        held = self._held
        if not self._has_begun:
            return _FIRST
        if self._is_foreign:
            return MAX_PLAINTEXT
        if len(held) < HEADER:
            return HEADER - len(held)
        missing = HEADER + (held[3] << 8 | held[4]) - len(held)
        return missing if held[0] == _ALERT else missing + HEADER

    def cut(self, data: bytes) -> list[bytes]:
        """The records that are complete with `data`; what follows them is kept. At the end (b"") what is kept."""
        held = self._held
        held += data
        self._has_begun = True
        whole: list[bytes] = []
        if held and (not data or self._is_foreign):
            whole.append(bytes(held))
            held.clear()
        while len(held) >= HEADER:
            end = HEADER + (held[3] << 8 | held[4])
            if held[0] not in _TYPES or held[1] != 3 or end > HEADER + MAX_CIPHERTEXT:
                self._is_foreign = True
                whole.append(bytes(held))
                held.clear()
            elif len(held) < end:
                break
            else:
                whole.append(bytes(held[:end]))
                del held[:end]
        return whole


def _is_readable(sock: _socket.socket, seconds: float | None) -> bool:
    """Wait for bytes, or the end of the stream, at most so long."""
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([sock], [], [], seconds)[0])
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(None if seconds is None else seconds * 1000))
