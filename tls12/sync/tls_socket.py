"""`TLSSocket`: a stream over TLS with the methods of `socket.socket`.

How it works: the `Stream` inside moves the bytes. Here stand the names and arguments that `socket.socket` has for that;
what a socket can be asked besides is in `facts.py`.
"""

from __future__ import annotations

import socket
from functools import partial
from types import TracebackType
from typing import Any, BinaryIO, Self

from tls12.driver import CLOSE_TIMEOUT, HANDSHAKE_TIMEOUT
from tls12.errors import UsageError
from tls12.sync.facts import SocketFacts
from tls12.sync.files import copied, open_file
from tls12.sync.stream import Stream, portions

_FILE_PIECE = 256 * 1024
"""Bytes of a file that are read at once."""


def _no_flags() -> UsageError:
    return UsageError("flags are for the bytes of TCP, and TLS has none; leave them out")


class TLSSocket(SocketFacts):
    """A connected socket that speaks TLS: the methods of `socket.socket` that a stream needs.

    Made by `connect` or `wrap`. `connection` is the sans-IO connection inside. After calling a method of it that sends
    something (`renegotiate()`, `abort(...)`), call `flush()`.
    """

    def __init__(self, stream: Stream) -> None:
        self.connection = stream.driver.connection
        self._stream = stream

    # -- the handshake

    def do_handshake(self, timeout: float | None = HANDSHAKE_TIMEOUT) -> None:
        """Complete the handshake; at most `timeout` seconds for the whole of it.

        Raises the error of `ConnectionFailed` when it fails (our alert is out by then), TimeoutError when it
        takes too long. On a non-blocking socket, call again after BlockingIOError.
        """
        self._stream.do_handshake(timeout)

    # -- reading

    def recv(self, size: int = 65536, flags: int = 0) -> bytes:
        """Between 1 and `size` bytes of plaintext, at most one record at a time; b"" after a close_notify.

        When everything that arrived has been read, every call raises what ended the stream: TruncatedError if there was
        no close_notify, ConnectionAbortedError if this side has closed the connection, else the error that it failed
        with. Raises UsageError for `flags` other than 0, as all four calls that take them.
        """
        if flags:
            raise _no_flags()
        if size <= 0:
            return b""
        return self._stream.recv(size)

    def recv_into(self, buffer: bytearray | memoryview, size: int = 0, flags: int = 0) -> int:
        """As `recv`, into `buffer` (at most `size` bytes, if given); how many bytes were written."""
        if flags:
            raise _no_flags()
        view = memoryview(buffer).cast("B")
        most = min(size, len(view)) or len(view)
        if not most:
            return 0
        return self._stream.take(partial(self._stream.plaintext.portion, most), partial(copied, view))

    # -- writing

    def send(self, data: bytes | bytearray | memoryview, flags: int = 0) -> int:
        """Seal and send the beginning of `data`; how many bytes of it were taken.

        What was taken is not to be sent again, even if the socket had no room for all of it: the next call sends the
        rest first. Raises TimeoutError or BlockingIOError only when nothing was taken.
        """
        if flags:
            raise _no_flags()
        portion = portions(data)[0]
        size = len(portion)
        self._stream.send(portion)
        return size

    def sendall(self, data: bytes | bytearray | memoryview, flags: int = 0) -> None:
        """Seal and send all of `data`.

        After a TimeoutError, or an exception out of a signal handler, it is unknown how much was taken, as with any
        socket. The connection can be used further, unless the next call raises that it was interrupted.
        """
        if flags:
            raise _no_flags()
        self._stream.send_from(portions(data))

    def sendfile(self, file: BinaryIO, offset: int = 0, count: int | None = None) -> int:
        """Send `file` from `offset` on, `count` bytes of it if given; how many were sent. As `socket.sendfile`.

        Raises UsageError for a socket that does not wait. The position in the file is behind what was sent.
        """
        if self.gettimeout() == 0:
            raise UsageError("sendfile() waits for the network, and this socket does not wait; call settimeout()")
        if count is not None and count <= 0:
            raise UsageError(f"count is {count}; give a number of bytes, 1 or more, or None for the whole file")
        if offset or file.seekable():
            file.seek(offset)
        sent = 0
        try:
            while data := file.read(_FILE_PIECE if count is None else min(_FILE_PIECE, count - sent)):
                self._stream.send_from(portions(data))
                sent += len(data)
        finally:
            if file.seekable():
                file.seek(offset + sent)
        return sent

    def flush(self) -> None:
        """Send what the connection wants sent: after acting on `connection` directly."""
        self._stream.flush()

    # -- the end

    def shutdown(self, how: int) -> None:
        """Send close_notify and write no more; with SHUT_RDWR, end the connection underneath as well.

        After SHUT_WR, `recv` goes on until the peer's close_notify. RFC 5246 7.2.1 requires the peer to answer with it
        at once; only a peer that supports half-close sends more data first.
        """
        self._stream.shutdown(how)

    def unwrap(self, timeout: float | None = CLOSE_TIMEOUT) -> socket.socket:
        """End TLS, close_notify in both directions, and give the bare socket back.

        Plaintext that arrives meanwhile stays readable with `recv`; bytes that were read from the socket
        behind the peer's close_notify are in `trailing_data`.

        Raises TimeoutError if the peer's close_notify does not come within `timeout` seconds (None: no bound), and
        ConnectionAbortedError if more than 1 MiB of plaintext comes before it. If the peer has much to send, read it
        all before you call this.
        """
        return self._stream.unwrap(timeout)

    def detach(self) -> int:
        """Give up the connection without a word, and return the file descriptor, which stays open.

        The peer takes what follows on it for broken records; `unwrap` is the way to go on without TLS.
        """
        return self._stream.detach()

    def close(self) -> None:
        """Send close_notify, if the peer still takes it, and close the socket. May be called twice.

        Files from `makefile` keep the socket open until they are closed too, as with `socket.socket`. A thread that
        waits for this connection gets a ConnectionAbortedError. After a fork the connection belongs to the process
        that uses it; in the other one, `close` only closes the descriptor.
        """
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<TLSSocket {self.connection.state.name} over {self._stream.sock!r}>"

    # -- files

    def makefile(
        self,
        mode: str = "r",
        buffering: int | None = None,
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> Any:
        """A file over this connection, with the meaning of `socket.makefile`.

        If the stream fails before a `read` or a `readline` has all that it asked for, the call raises the failure. What
        had arrived is in `partial` of its `__cause__`, an asyncio.IncompleteReadError.
        """
        return open_file(self._stream, mode, buffering, encoding, errors, newline)
