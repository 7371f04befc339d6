"""What programs ask a socket, and a TLS socket of `ssl`, besides to carry bytes: `SocketFacts`, a part of `TLSSocket`.

How it works: questions about TCP go to the socket underneath, questions about TLS to the connection
(`tls12/driver/facts.py`).
"""

from __future__ import annotations

import selectors
import socket
from typing import Any

from tls12.driver import TLSFacts
from tls12.sync.stream import Stream


class SocketFacts(TLSFacts):
    """The questions that a TLSSocket answers."""

    _stream: Stream

    @property
    def trailing_data(self) -> bytes:
        """Bytes that arrived behind the peer's close_notify: the plain protocol that follows TLS."""
        return self.connection.trailing_data

    # -- waiting

    def pending(self) -> int:
        """How many plaintext bytes `recv` can give without waiting; a selector cannot see them."""
        return self._stream.pending

    @property
    def selector_events(self) -> int:
        """What to wait for after a BlockingIOError, as `selectors` says it: EVENT_READ, and EVENT_WRITE too while
        records wait until the socket has room. `flush`, and every call that writes, sends them on."""
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if self._stream.has_output else 0)

    def setblocking(self, flag: bool) -> None:
        """Wait for the network for ever, or never."""
        self._stream.sock.setblocking(flag)

    def getblocking(self) -> bool:
        """Whether calls wait for the network."""
        return self._stream.sock.getblocking()

    def settimeout(self, seconds: float | None) -> None:
        """How long one wait for the network may take: None for ever, 0 never (non-blocking)."""
        self._stream.sock.settimeout(seconds)

    def gettimeout(self) -> float | None:
        """What `settimeout` set."""
        return self._stream.sock.gettimeout()

    @property
    def timeout(self) -> float | None:
        """What `settimeout` set."""
        return self._stream.sock.gettimeout()

    # -- the socket underneath

    @property
    def sock(self) -> socket.socket:
        """The socket underneath, for its options and addresses. Do not read or write it: its bytes are TLS records."""
        return self._stream.sock

    @property
    def family(self) -> int:
        """Its address family."""
        return self._stream.sock.family

    @property
    def type(self) -> int:
        """Its type, SOCK_STREAM."""
        return self._stream.sock.type

    @property
    def proto(self) -> int:
        """Its protocol."""
        return self._stream.sock.proto

    def fileno(self) -> int:
        """Its file descriptor, or -1 when it is closed."""
        return self._stream.sock.fileno()

    def getpeername(self) -> Any:
        """The peer's address, as `socket.getpeername` gives it."""
        return self._stream.sock.getpeername()

    def getsockname(self) -> Any:
        """Our address, as `socket.getsockname` gives it."""
        return self._stream.sock.getsockname()

    def getsockopt(self, *option: int) -> Any:
        """As `socket.getsockopt`."""
        return self._stream.sock.getsockopt(*option)

    def setsockopt(self, *option: Any) -> None:
        """As `socket.setsockopt`."""
        self._stream.sock.setsockopt(*option)

    def get_inheritable(self) -> bool:
        """Whether a program that this process starts gets the file descriptor."""
        return self._stream.sock.get_inheritable()

    def set_inheritable(self, inheritable: bool) -> None:
        """Say whether a program that this process starts gets the file descriptor."""
        self._stream.sock.set_inheritable(inheritable)
