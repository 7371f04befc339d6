"""`Plain`: a connection before TLS, on which a dialogue such as STARTTLS asks for it.

How it works: what arrives is collected until a line, a number of bytes or a mark is complete. All of it together is
bounded, and so is the time. Bytes that arrive together with the server's go-ahead and stand behind it are an error
(`finish`): nothing authenticates them, and a program that kept its buffer would take them for what came under TLS.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from tls12.errors import LimitExceeded, PlaintextInjected, UpgradeRefused
from tls12.trust.names import printable

MOST_PLAIN = 65536
"""Bytes that a server may send before TLS begins."""

OnPlain = Callable[[str, bytes], object]
"""Watches the dialogue before TLS: called with "client" or "server", and what it sent."""


class Plain:
    """A connected socket, and what its peer has sent before TLS."""

    def __init__(self, sock: socket.socket, next_wait: Callable[[], None], on_plain: OnPlain | None) -> None:
        self._sock = sock
        self._next_wait = next_wait
        self._on_plain = on_plain
        self._held = b""
        self._left = MOST_PLAIN

    @property
    def own_address(self) -> str:
        """Our address as SMTP wants it instead of a host name (RFC 5321 4.1.3)."""
        address = self._sock.getsockname()
        if self._sock.family == socket.AF_INET:
            return f"[{address[0]}]"
        if self._sock.family == socket.AF_INET6:
            return f"[IPv6:{address[0].partition('%')[0]}]"
        return "localhost"

    def send(self, data: bytes) -> None:
        """Send all of `data`."""
        self._next_wait()
        self._sock.sendall(data)
        if self._on_plain is not None:
            self._on_plain("client", data)

    def line(self) -> bytes:
        """The next line, without its end."""
        return self.until(b"\n").rstrip(b"\r\n")

    def until(self, mark: bytes) -> bytes:
        """What comes next, up to and with the first `mark`, a single byte."""
        searched = 0
        while (end := self._held.find(mark, searched)) < 0:
            searched = len(self._held)
            self._receive()
        return self.exactly(end + 1)

    def exactly(self, size: int) -> bytes:
        """The next `size` bytes."""
        if size > len(self._held) + self._left:
            raise _too_much()
        while len(self._held) < size:
            self._receive()
        data, self._held = self._held[:size], self._held[size:]
        if self._on_plain is not None and data:
            self._on_plain("server", data)
        return data

    def finish(self) -> None:
        """The next byte belongs to TLS. Raises PlaintextInjected if bytes have arrived before it."""
        if self._held:
            raise PlaintextInjected(len(self._held))

    def _receive(self) -> None:
        self._next_wait()
        if not self._left:
            raise _too_much()
        data = self._sock.recv(min(4096, self._left))
        if not data:
            raise UpgradeRefused("the server closed the connection before TLS began")
        self._left -= len(data)
        self._held += data


def refused(what: str, answer: bytes | str = b"") -> UpgradeRefused:
    """The error for a server that does not begin TLS; `answer` is its own text."""
    text = answer if isinstance(answer, str) else answer.decode("utf-8", "replace")
    return UpgradeRefused(f"the server {what}" + (f": {printable(text)}" if text else ""))


def _too_much() -> LimitExceeded:
    return LimitExceeded(f"the server sends more than {MOST_PLAIN} bytes before TLS", alert=None)
