"""TLS over a blocking socket: `connect`, `wrap`, and the `TLSSocket` that both give back.

How it works: a `TLSSocket` moves bytes between a socket and a sans-IO connection, nothing else. Reading is
*pump*: take what the socket has, feed the connection, keep the plaintext that its events deliver, send what
it wants sent. Writing is *seal and flush*. Four rules hold it together:

- The alert goes out before the failure comes up: every pump flushes, and only then is a `ConnectionFailed`
  raised, and only when the bytes that were delivered before it have been read.
- Sealed bytes are never forgotten. What the socket did not take (a timeout, a full buffer) waits in the
  outbox and goes first next time, so an interrupted call never tears a record.
- One thread may read while another writes. `_core` guards the connection for the microseconds that it computes,
  and whatever it gives goes into the outbox at once, so the order of sealing is the order on the wire.
  `_reading` and `_writing` are held while a thread waits for the network. A reader never waits for `_writing`:
  a writer that is stuck needs somebody to read, and looks into the outbox once more before it leaves.
- When the peer hangs up on a write, the alert that says why may lie unread in the socket. It is fetched, and
  the reason is raised instead of the broken pipe.
"""

from __future__ import annotations

import contextlib
import errno
import io
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from tls12.config import ClientConfig
from tls12.connection import ClientConnection, Connection
from tls12.errors import TruncatedError, UsageError
from tls12.events import (
    ConnectionClosed,
    ConnectionFailed,
    DataReceived,
    Event,
    HandshakeCompleted,
    Negotiated,
    RenegotiationRequested,
)
from tls12.given import functions_by_class
from tls12.handshake.engine import OnMessage, Rewrite
from tls12.registry import Alert
from tls12.resumption.sessions import Session

HANDSHAKE_TIMEOUT = 60.0
"""Seconds that a handshake may take as a whole, unless the caller says otherwise."""

Answers = Mapping[type, Callable[[Any], Any]]
"""Who decides what a paused connection waits for: an event class, and what makes the answer of the event."""

_READ_SIZE = 64 * 1024  # from 128 KiB up the allocator maps and unmaps memory for every recv: 20 µs more
_WRITE_SIZE = 256 * 1024
_LAST_WORDS = 1.0  # seconds that a closing socket spends on handing over its last bytes
_LAST_READS = 64  # how many times it looks for bytes that nobody wants any more


class TLSSocket:
    """A connected socket that speaks TLS: the methods of `socket.socket` that a stream needs.

    Made by `connect` or `wrap`. `connection` is the sans-IO connection inside, with everything that it knows;
    after acting on it (`renegotiate()`, `abort(...)`), call `flush()`.
    """

    def __init__(self, sock: socket.socket, connection: Connection, answers: Answers | None = None) -> None:
        self.connection = connection
        self._sock = sock
        self._answers: Answers = functions_by_class(answers)
        self._plaintext: deque[bytes | memoryview] = deque()
        self._outbox: deque[bytes | bytearray | memoryview] = deque()
        self._established = False
        self._ended = False
        self._failure: BaseException | None = None
        self._closed = False
        self._close_wanted = False
        self._files = 0
        self._reading = threading.Lock()
        self._writing = threading.Lock()
        self._core = threading.Lock()

    # -- facts

    @property
    def negotiated(self) -> Negotiated:
        """What the two sides agreed on. Raises UsageError before the handshake is complete."""
        if (negotiated := self.connection.negotiated) is None:
            raise UsageError("nothing is negotiated yet; call do_handshake()")
        return negotiated

    @property
    def session(self) -> Session | None:
        """What a later `connect(..., session=...)` needs to resume this session, or None (RFC 5246 F.1.4)."""
        return self.connection.session

    @property
    def trailing_data(self) -> bytes:
        """Bytes that arrived behind the peer's close_notify: the plain protocol that follows TLS."""
        return self.connection.trailing_data

    @property
    def sock(self) -> socket.socket:
        """The socket underneath, for its options and addresses. Its bytes belong to the TLS connection."""
        return self._sock

    def pending(self) -> int:
        """How many plaintext bytes `recv` can give without waiting; a selector cannot see them."""
        return sum(map(len, self._plaintext))

    def fileno(self) -> int:
        """The file descriptor of the socket underneath, or -1."""
        return self._sock.fileno()

    def getpeername(self) -> Any:
        """The peer's address, as `socket.getpeername` gives it."""
        return self._sock.getpeername()

    def getsockname(self) -> Any:
        """Our address, as `socket.getsockname` gives it."""
        return self._sock.getsockname()

    def settimeout(self, seconds: float | None) -> None:
        """How long one wait for the network may take: None for ever, 0 never (non-blocking)."""
        self._sock.settimeout(seconds)

    def gettimeout(self) -> float | None:
        """What `settimeout` set."""
        return self._sock.gettimeout()

    # -- the handshake

    def do_handshake(self, timeout: float | None = HANDSHAKE_TIMEOUT) -> None:
        """Complete the handshake; at most `timeout` seconds for the whole of it.

        Raises the error of `ConnectionFailed` when it fails (our alert is out by then), TimeoutError when it
        takes too long. On a non-blocking socket, call again after BlockingIOError.
        """
        with self._reading, _deadline(self._sock, timeout) as next_wait:
            try:
                while not self._established:
                    self._raise_if_failed()
                    if self._ended:
                        raise ConnectionAbortedError(
                            errno.ECONNABORTED, "the connection was closed during the TLS handshake"
                        )
                    next_wait()
                    self.flush()
                    self._pump()
            except ConnectionError as hung_up:
                raise self._read_the_reason(hung_up) from None

    # -- reading

    def recv(self, size: int = 65536) -> bytes:
        """Between 1 and `size` bytes of plaintext, at most one record at a time; b"" after a close_notify.

        A stream that ends without close_notify raises TruncatedError, every other failure its own error, both
        after everything that arrived before it has been read.
        """
        if size <= 0:
            return b""
        with self._reading:
            self._fill()
            if not self._plaintext:
                return b""
            first = self._plaintext.popleft()
            if len(first) > size:
                self._plaintext.appendleft(memoryview(first)[size:])
                first = first[:size]
            return first if isinstance(first, bytes) else bytes(first)

    def recv_into(self, buffer: bytearray | memoryview, size: int = 0) -> int:
        """As `recv`, into `buffer` (at most `size` bytes, if given); how many bytes were written."""
        view = memoryview(buffer).cast("B")
        data = self.recv(size or len(view))
        view[: len(data)] = data
        return len(data)

    def _fill(self) -> None:
        while not self._plaintext and not self._ended:
            self._raise_if_failed()
            self._pump()

    def _pump(self) -> None:
        self._feed(self._sock.recv(_READ_SIZE))

    def _feed(self, data: bytes) -> None:
        with self._core:
            try:
                self.connection.receive_data(data)
            except Exception as error:  # out of an application's object: a verifier, a signer
                self._failure = error
            try:
                self._digest()
            except Exception as error:  # out of an answer
                self.connection.abort(Alert.INTERNAL_ERROR)
                self._failure = self._failure or error
            answered = self._collect()
        if answered:
            # A reader does not care whether its answer could be sent: if the peer is gone, reading will tell.
            with contextlib.suppress(OSError):
                self._send_waiting(wait_for_writers=False)

    def _digest(self) -> None:
        while events := self.connection.events():
            for event in events:
                if isinstance(event, DataReceived):
                    self._plaintext.append(event.data)
                else:
                    self._note(event)

    def _note(self, event: Event) -> None:
        if (decide := self._answers.get(type(event))) is not None:
            self.connection.answer(decide(event))
        match event:
            case HandshakeCompleted():
                self._established = True
            case RenegotiationRequested() if self.connection.can_renegotiate:  # else the peer has been told so
                self.connection.renegotiate()
            case ConnectionClosed():
                self._ended = True
            case ConnectionFailed(error=error):
                self._failure = self._failure or error

    def _raise_if_failed(self) -> None:
        if self._failure is not None:
            raise self._failure

    # -- writing

    def send(self, data: bytes | bytearray | memoryview) -> int:
        """Seal and send the beginning of `data`; how many bytes of it were taken.

        What was taken is on its way, even if the socket had no room for all of it; the rest of it goes first
        next time. Raises TimeoutError or BlockingIOError only when nothing was taken.
        """
        portion = _portions(data)[0]
        try:
            self._send_waiting()
            self._seal(portion)
            with contextlib.suppress(TimeoutError, BlockingIOError):
                self._send_waiting()
            self._raise_if_failed()  # the keys are used up: what was to be sealed was dropped
        except ConnectionError as hung_up:
            raise self._reason(hung_up) from None
        return len(portion)

    def sendall(self, data: bytes | bytearray | memoryview) -> None:
        """Seal and send all of `data`.

        After a TimeoutError it is unknown how much was taken, as with any socket, but the connection is whole
        and may go on.
        """
        try:
            self._send_waiting()
            for portion in _portions(data):
                self._seal(portion)
                self._send_waiting()
                self._raise_if_failed()
        except ConnectionError as hung_up:
            raise self._reason(hung_up) from None

    def flush(self) -> None:
        """Send what the connection wants sent: after acting on `connection` directly."""
        with self._core:
            self._collect()
        self._send_waiting()

    def _seal(self, data: bytes | memoryview) -> None:
        with self._core:
            self._raise_if_failed()
            if self.connection.closed:
                raise BrokenPipeError(errno.EPIPE, "the peer has closed the TLS connection")
            self.connection.send_data(data)
            self._collect()

    def _collect(self) -> bool:
        """Move what the connection wants sent to the outbox; whether there was any. The caller holds `_core`."""
        if self.connection.closed and not self._ended and self._failure is None:
            self._failure = self.connection.error  # its owner ended it, and no event says so
            self._ended = self._failure is None
        if data := self.connection.data_to_send():
            self._outbox.append(data)
            return True
        return False

    def _send_waiting(self, *, wait_for_writers: bool = True) -> None:
        """Hand the outbox to the socket, in order, unless somebody else is doing it and one may not wait."""
        while self._outbox:
            if not self._writing.acquire(blocking=wait_for_writers):
                return
            try:
                while self._outbox:
                    first = self._outbox[0]
                    sent = self._sock.send(first)
                    if sent == len(first):
                        self._outbox.popleft()
                    else:
                        self._outbox[0] = memoryview(first)[sent:]
            finally:
                self._writing.release()

    def _reason(self, hung_up: ConnectionError) -> BaseException:
        """Why the peer hung up on a writer, if that can be learnt; else that it did."""
        if not self._reading.acquire(blocking=False):
            return hung_up  # another thread is reading, and will find it
        try:
            return self._read_the_reason(hung_up)
        finally:
            self._reading.release()

    def _read_the_reason(self, hung_up: ConnectionError) -> BaseException:
        with contextlib.suppress(OSError):
            while not self._ended and self._failure is None:
                self._pump()
        if isinstance(hung_up, ConnectionResetError) and isinstance(self._failure, TruncatedError):
            self._failure = hung_up  # what reads like the end of the stream behind a reset is none
        return self._failure or hung_up

    # -- the end

    def shutdown(self, how: int) -> None:
        """Send close_notify and write no more; with SHUT_RDWR, end the connection underneath as well.

        After SHUT_WR, `recv` goes on until the peer's close_notify. Whether the peer still sends anything
        is up to the peer: RFC 5246 7.2.1 has it answer at once, and only one that knows half-close goes on.
        """
        if how != socket.SHUT_RD:
            with self._core:
                self.connection.close()
            self.flush()
        if how != socket.SHUT_WR:
            self._sock.shutdown(how)

    def unwrap(self) -> socket.socket:
        """End TLS, close_notify in both directions, and give the bare socket back.

        Plaintext that arrives meanwhile stays readable with `recv`; bytes that were read from the socket
        behind the peer's close_notify are in `trailing_data`.
        """
        self.shutdown(socket.SHUT_WR)
        with self._reading:
            while not self._ended:
                self._raise_if_failed()
                self._pump()
        self._closed = True
        return self._sock

    def close(self) -> None:
        """Send close_notify, if the peer still takes it, and close the socket. May be called twice.

        Files from `makefile` keep the socket open until they are closed too, as with `socket.socket`.
        """
        self._close_wanted = True
        if self._files == 0 and not self._closed:
            self._closed = True
            self._say_goodbye()
            self._sock.close()

    def _say_goodbye(self) -> None:
        """The last bytes out, then the last bytes in: closing over unread data would reset the connection,
        and a reset can overtake the alert or the close_notify."""
        with contextlib.suppress(OSError):
            self._sock.settimeout(_LAST_WORDS)
            with self._core:
                self.connection.close()
                self._collect()
            self._send_waiting(wait_for_writers=False)
            self._sock.shutdown(socket.SHUT_WR)
            self._sock.setblocking(False)
            for _ in range(_LAST_READS):
                self._sock.recv(_READ_SIZE)
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)  # wakes a thread that still waits in recv

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<TLSSocket {self.connection.state.name} over {self._sock!r}>"

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
        """A file over this connection, with the meaning of `socket.makefile`."""
        if not set(mode) <= set("rwb"):
            raise ValueError(f"invalid mode {mode!r} (only r, w, b allowed)")
        reads, writes = "r" in mode or "w" not in mode, "w" in mode
        raw = _TLSFile(self, reads, writes)
        size = io.DEFAULT_BUFFER_SIZE if buffering is None or buffering < 0 else buffering
        if size == 0:
            if "b" not in mode:
                raise ValueError("unbuffered streams must be binary")
            return raw
        buffer: io.BufferedRWPair | io.BufferedReader | io.BufferedWriter
        if reads and writes:
            buffer = io.BufferedRWPair(raw, raw, size)
        else:
            buffer = io.BufferedReader(raw, size) if reads else io.BufferedWriter(raw, size)
        return buffer if "b" in mode else io.TextIOWrapper(buffer, encoding, errors, newline)


class _TLSFile(io.RawIOBase):
    """What `makefile` buffers: a raw stream that keeps its socket open as long as it is open itself."""

    def __init__(self, sock: TLSSocket, reads: bool, writes: bool) -> None:
        super().__init__()
        self._tls = sock
        self._reads = reads
        self._writes = writes
        sock._files += 1

    def readable(self) -> bool:
        return self._reads

    def writable(self) -> bool:
        return self._writes

    def fileno(self) -> int:
        return self._tls.fileno()

    def readinto(self, buffer: Any) -> int | None:
        try:
            return self._tls.recv_into(buffer)
        except BlockingIOError:
            return None

    def write(self, data: Any) -> int | None:
        try:
            return self._tls.send(data)
        except BlockingIOError:
            return None

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._tls._files -= 1
            if self._tls._close_wanted:
                self._tls.close()


def _portions(data: bytes | bytearray | memoryview) -> Sequence[bytes | memoryview]:
    """At least one, of at most `_WRITE_SIZE` bytes each. Small bytes stay bytes: a view costs 1 µs all the way down."""
    if type(data) is bytes and len(data) <= _WRITE_SIZE:
        return (data,)
    view = memoryview(data).cast("B")
    return [view[start : start + _WRITE_SIZE] for start in range(0, len(view) or 1, _WRITE_SIZE)]


@contextlib.contextmanager
def _deadline(sock: socket.socket, seconds: float | None) -> Iterator[Callable[[], None]]:
    """Bound what happens inside to `seconds` in all: the result is called before each wait."""
    each = sock.gettimeout()
    if seconds is None or each == 0.0:
        yield lambda: None
        return
    end = time.monotonic() + seconds

    def next_wait() -> None:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"the TLS handshake was not complete within {seconds:g} s")
        sock.settimeout(left if each is None else min(left, each))

    try:
        yield next_wait
    except TimeoutError:
        next_wait()  # whose sentence is the better one, if it was the handshake that took too long
        raise
    finally:
        sock.settimeout(each)


def connect(
    host: str,
    port: int,
    config: ClientConfig,
    *,
    server_name: str | None = None,
    timeout: float | None = None,
    handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
    session: Session | None = None,
    answers: Answers | None = None,
    rewrite: Rewrite | None = None,
    on_message: OnMessage | None = None,
) -> TLSSocket:
    """Connect to `host` and `port` over TCP and complete a TLS handshake as the client.

    `server_name` is the name (or IP address) that the server must prove, `host` unless given; "" asks for
    none. `timeout` bounds the TCP connect and, as with `socket.create_connection`, every later wait; in
    seconds. `handshake_timeout` bounds the handshake as a whole. `session` offers to resume an earlier
    session. `answers` decides what pauses the connection: `{CertificateRequested: choose_credential}`.
    `rewrite` and `on_message` are those of `ClientConnection`.

    Raises OSError when there is no connection, and the error of `ConnectionFailed` when there is no
    handshake.
    """
    connection = ClientConnection(
        config,
        host if server_name is None else server_name or None,
        session=session,
        rewrite=rewrite,
        pause_on=frozenset(answers or ()),
        on_message=on_message,
    )
    sock = socket.create_connection((host, port), timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return wrap(sock, connection, handshake_timeout=handshake_timeout, answers=answers)


def wrap(
    sock: socket.socket,
    connection: Connection,
    *,
    handshake_timeout: float | None = HANDSHAKE_TIMEOUT,
    answers: Answers | None = None,
) -> TLSSocket:
    """Speak TLS over a connected socket with a fresh connection of either role, and complete the handshake.

    The socket belongs to the result from here on, and is closed if the handshake fails. A non-blocking socket
    comes back before its handshake: call `do_handshake` until it no longer raises BlockingIOError.
    """
    tls = TLSSocket(sock, connection, answers)
    try:
        if isinstance(connection, ClientConnection):
            connection.initiate_handshake()
        if sock.gettimeout() != 0.0:
            tls.do_handshake(handshake_timeout)
    except BaseException:
        tls.close()
        raise
    return tls
