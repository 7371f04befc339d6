"""What moves bytes between a socket and a sans-IO connection, for `TLSSocket` and its files.

How it works: reading is *pump*: take what the socket has, feed the connection, keep the plaintext that its events
deliver, send what it wants sent. Writing is *seal and flush*. Five rules hold it together:

- The alert goes out before the failure comes up: every pump flushes, and only then is a `ConnectionFailed`
  raised, and only when the bytes that were delivered before it have been read.
- Sealed bytes are never forgotten. What the socket did not take (a timeout, a full buffer) waits in the
  outbox and goes first next time.
- One thread may read while another writes. `_core` guards the connection for the microseconds that it computes,
  and whatever it gives goes into the outbox at once, so the order of sealing is the order on the wire.
  `_reading` and `_writing` are held while a thread waits for the network. A reader never waits for `_writing`:
  a writer that is stuck needs a reader, and looks into the outbox once more before it leaves.
- When the peer hangs up on a write, the alert that says why may lie unread in the socket. It is fetched, and
  the reason is raised instead of the broken pipe.
- An exception out of a signal handler may come anywhere. Where the stream waits for the network, which is nearly all
  the time, it does no harm: what arrives and what is sent is noted by the call that moves it (`outbox.py`,
  `plaintext.py`). Where it hits the connection in the middle of a step, the stream is `_torn`: it seals and opens
  nothing more, for the two might use a key twice or skip a record, and every call says so.
"""

from __future__ import annotations

import contextlib
import copy
import errno
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import BuiltinMethodType
from typing import TypeVar

from tls12.answers import Answers, prepared
from tls12.connection import Connection
from tls12.errors import TruncatedError, UsageError, to_raise
from tls12.events import (
    ConnectionClosed,
    ConnectionFailed,
    DataReceived,
    Event,
    HandshakeCompleted,
    RenegotiationRequested,
)
from tls12.registry import Alert
from tls12.sync.outbox import Outbox
from tls12.sync.plaintext import Plaintext

T = TypeVar("T")

_READ_SIZE = 64 * 1024  # from 128 KiB up the allocator maps and unmaps memory for every recv: 20 µs more
_WRITE_SIZE = 256 * 1024
_MOST_UNREAD = 1024 * 1024  # plaintext for which a writer that waits for a renegotiation reads no further
_TICK = 0.05  # seconds after which it looks again
_LAST_WORDS = 1.0  # seconds that a closing socket waits for a peer that takes nothing
_LAST_BYTES = 5.0  # seconds that it spends on handing over its last bytes at most
_LAST_READS = 64  # how many times it looks for bytes that are not wanted any more


class _Forks:
    """How often this process was forked, or was made by a fork."""

    count = 0

    @classmethod
    def add(cls) -> None:
        cls.count += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_parent=_Forks.add, after_in_child=_Forks.add)


def _only_if_empty(failure: BaseException, data: bytes) -> BaseException | None:
    return None if data else failure


class Stream:
    """A socket, a connection, and what is on its way between them."""

    def __init__(
        self, sock: socket.socket, connection: Connection, answers: Answers | None, handshake_timeout: float | None
    ) -> None:
        self.sock = sock
        self.connection = connection
        self.plaintext = Plaintext()
        self._answers = prepared(answers)
        self._handshake_timeout = handshake_timeout
        self._arrived: list[bytes] = []
        """What came out of the socket and was not fed to the connection yet: at most one piece."""
        self._outbox = Outbox()
        self._answer_waits = False
        self._established = False
        self._ended = False
        self._failure: BaseException | None = None
        self._torn = False
        self._gave_up = False
        """Whether this side has ended the reading, by `shutdown` or `close`."""
        self._ended_writing = False
        """Whether this side has ended the writing and the connection underneath."""
        self._closed = False
        self._unwrapped = False
        self._close_wanted = False
        self._files = 0
        self._used_at = _Forks.count
        self._has_moved = threading.Event()
        self._reading = threading.Lock()
        self._writing = threading.Lock()
        self._core = threading.Lock()

    # -- the handshake

    def do_handshake(self, timeout: float | None) -> None:
        """See `TLSSocket.do_handshake`."""
        with self._reading, _deadline(self.sock, timeout) as next_wait:
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

    def take(
        self,
        enough: Callable[[], int],
        give: Callable[[bytes], T],
        cut_off: Callable[[BaseException, bytes], BaseException | None] = _only_if_empty,
        *,
        keep: bool = False,
    ) -> T:
        """Wait until `enough` says how many bytes to take (-1: more must come), take them, and give what `give` makes.

        Where the stream has ended before, what there is is taken; where it has failed, `cut_off` says what to
        raise about it, if anything. With `keep` the bytes stay.
        """
        while True:
            with self._reading:
                place = self.plaintext.given
                data, failed = self._wait_for(enough)
                failure = None if failed is None else cut_off(to_raise(failed), data)
                result = give(data) if failure is None else None
                after = place if keep else place + len(data)
            # From here on nothing is called, so no signal handler runs, and no other thread.
            if self.plaintext.given == place:
                self.plaintext.given = after
                if failure is not None:
                    try:
                        raise failure
                    finally:
                        del failure  # or it would keep this frame, and this frame keep it
                return result  # type: ignore[return-value]

    def _wait_for(self, enough: Callable[[], int]) -> tuple[bytes, BaseException | None]:
        failure = None
        while (count := enough()) < 0:
            if self._ended or (failure := self._failed()) is not None:
                count = self.plaintext.size
                break
            self._pump()
        return self.plaintext.copy(count), failure

    @property
    def pending(self) -> int:
        """How many bytes of plaintext are there."""
        if self._arrived:  # an exception came before they were opened
            _holding(self._reading, False, self._feed)
        return self.plaintext.size

    def _pump(self) -> None:
        self._used_at = _Forks.count
        if self._answer_waits:
            self._send_answer()
        if not self._arrived:
            receive = self.sock.recv
            try:
                self._arrived.extend(map(receive, (_READ_SIZE,)))  # one step takes the bytes and keeps them: see Outbox
            except OSError as error:
                if not self._gave_up and not isinstance(error, ConnectionError):
                    raise  # a time-out, or nothing there yet
                self._failure = self._failure or (_closed_by_this_side() if self._gave_up else copy.copy(error))
                return
            except BaseException:
                self._torn = self._torn or not isinstance(receive, BuiltinMethodType)
                raise
        self._feed()

    def _feed(self) -> None:
        with self._core:
            try:
                self._open(self._arrived[0])
                del self._arrived[0]
            except BaseException:
                self._torn = True
                raise
        self._has_moved.set()
        if self._answer_waits:
            self._send_answer()

    def _open(self, data: bytes) -> None:
        if self._closed or (self._gave_up and not data):
            self._failure = self._failure or _closed_by_this_side()
            return
        try:
            self.connection.receive_data(data)
        except Exception as error:  # out of an application's object: a verifier, a signer
            self._failure = error
        try:
            self._digest()
        except Exception as error:  # out of an answer
            self.connection.abort(Alert.INTERNAL_ERROR)
            self._failure = self._failure or error
        self._answer_waits = self._collect() or self._answer_waits

    def _send_answer(self) -> None:
        # A reader does not care whether its answer could be sent: if the peer is gone, reading will tell.
        with contextlib.suppress(OSError):
            self._send_waiting(wait_for_writers=False)
        self._answer_waits = False

    def _digest(self) -> None:
        while events := self.connection.events():
            for event in events:
                if isinstance(event, DataReceived):
                    self.plaintext.append(event.data)
                else:
                    self._note(event)

    def _note(self, event: Event) -> None:
        if (decide := self._answers.get(type(event))) is not None:
            self.connection.answer(decide(event, self.connection))
        match event:
            case HandshakeCompleted():
                self._established = True
            case RenegotiationRequested() if self.connection.can_renegotiate:  # else the peer has been told so
                self.connection.renegotiate()
            case ConnectionClosed():
                self._ended = True
            case ConnectionFailed(error=error):
                self._failure = self._failure or error

    def _failed(self) -> BaseException | None:
        if self._failure is None and (self._torn or self._outbox.torn):
            self._failure = ConnectionAbortedError(
                errno.ECONNABORTED,
                "an exception interrupted the TLS connection in the middle of a step, so it cannot go on",
            )
        return self._failure

    def _raise_if_failed(self) -> None:
        if (failure := self._failed()) is not None:
            raise to_raise(failure)

    # -- writing

    def send(self, portion: bytes | memoryview) -> None:
        """Seal `portion`, and send it as far as the socket has room."""
        try:
            self._wait_for_room()
            self._send_waiting()
            self._seal_first([portion])
            with contextlib.suppress(TimeoutError, BlockingIOError):
                self._send_waiting()
            self._raise_if_failed()  # the keys are used up: what was to be sealed was dropped
        except OSError as error:
            raise self._reason(error) from None

    def send_from(self, portions: list[bytes | memoryview] | list[bytes]) -> None:
        """Seal and send all `portions`; each is removed from the list in the step that seals it."""
        try:
            self._send_waiting()
            while portions:
                self._wait_for_room()
                self._seal_first(portions)
                self._send_waiting()
                self._raise_if_failed()
        except OSError as error:
            raise self._reason(error) from None

    def _wait_for_room(self) -> None:
        """While a renegotiation holds up much of what was written, go on with it, as a reader would.

        It may take as long as the first handshake; then it is given up, and the connection with it.
        """
        connection = self.connection
        if connection.bytes_held <= _WRITE_SIZE:
            return
        began = time.monotonic()
        try:
            with _deadline(self.sock, self._handshake_timeout, "renegotiation") as next_wait:
                while connection.renegotiating and connection.bytes_held > _WRITE_SIZE and self._failed() is None:
                    next_wait()
                    self._has_moved.clear()
                    if self.plaintext.size > _MOST_UNREAD or not _holding(self._reading, False, self._pump):
                        self._has_moved.wait(_TICK)  # for the thread that reads
        except TimeoutError:
            if self._handshake_timeout is not None and time.monotonic() - began >= self._handshake_timeout:
                with self._core:
                    connection.abort(Alert.USER_CANCELED)
                self.flush()
            raise

    def flush(self) -> None:
        """Send what the connection wants sent."""
        with self._core:
            self._raise_if_torn()
            try:
                self._collect()
            except BaseException:
                self._torn = True
                raise
        self._send_waiting()

    def _raise_if_torn(self) -> None:
        if self._torn or self._outbox.torn:
            self._raise_if_failed()

    def _seal_first(self, portions: list[bytes | memoryview] | list[bytes]) -> None:
        with self._core:
            self._raise_if_failed()
            if self._ended_writing:
                raise _closed_by_this_side()
            if self.connection.closed:
                raise BrokenPipeError(errno.EPIPE, "the peer has closed the TLS connection")
            try:
                self.connection.send_data(portions[0])
                self._collect()
                del portions[0]
            except UsageError:
                raise
            except BaseException:
                self._torn = True
                raise

    def _collect(self) -> bool:
        """Move what the connection wants sent to the outbox; whether there was any. The caller holds `_core`."""
        if self.connection.closed and not self._ended and self._failure is None:
            self._failure = self.connection.error  # its owner ended it, and no event says so
            self._ended = self._failure is None
        if data := self.connection.data_to_send():
            self._outbox.put(data)
            return True
        return False

    def _send_waiting(self, *, wait_for_writers: bool = True, until: float | None = None) -> None:
        """Hand the outbox to the socket, in order, unless another thread is doing it and one may not wait."""
        self._used_at = _Forks.count
        outbox = self._outbox
        while outbox and not outbox.torn:
            if wait_for_writers:
                with self._writing:
                    outbox.drain(self.sock.send, until)
            elif not _holding(self._writing, False, lambda: outbox.drain(self.sock.send, until)):
                return

    def _reason(self, error: OSError) -> BaseException:
        """What to tell a writer: if the peer hung up, why, where that can be learnt."""
        if self._ended_writing:
            return _closed_by_this_side()
        if not isinstance(error, ConnectionError):
            return error
        hung_up = error
        reason: list[BaseException] = []  # empty if another thread is reading, and will find it
        _holding(self._reading, False, lambda: reason.append(self._read_the_reason(hung_up)))
        return reason[0] if reason else hung_up

    def _read_the_reason(self, hung_up: ConnectionError) -> BaseException:
        with contextlib.suppress(OSError):
            while not self._ended and self._failed() is None:
                self._pump()
        if isinstance(hung_up, ConnectionResetError) and isinstance(self._failure, TruncatedError):
            self._failure = copy.copy(hung_up)  # what reads like the end of the stream behind a reset is none
        return hung_up if self._failure is None else to_raise(self._failure)

    # -- the end

    def shutdown(self, how: int) -> None:
        """See `TLSSocket.shutdown`."""
        self._gave_up = self._gave_up or how != socket.SHUT_WR
        self._ended_writing = self._ended_writing or how == socket.SHUT_RDWR
        if how != socket.SHUT_RD:
            with self._core:
                self._raise_if_torn()
                self._say_close()
            self._send_waiting(wait_for_writers=how == socket.SHUT_WR)  # a writer that is stuck is about to be woken
        if how != socket.SHUT_WR:
            self.sock.shutdown(how)

    def _say_close(self) -> None:
        try:
            self.connection.close()
            self._collect()
        except BaseException:
            self._torn = True
            raise

    def unwrap(self) -> socket.socket:
        """See `TLSSocket.unwrap`."""
        self.shutdown(socket.SHUT_WR)
        with self._reading:
            while not self._ended:
                self._raise_if_failed()
                self._pump()
        self._unwrapped = True
        return self.sock

    def hold(self) -> None:
        """A file was made: it keeps the socket open."""
        self._files += 1

    def release(self) -> None:
        """A file was closed."""
        self._files -= 1
        if self._close_wanted:
            self.close()

    def close(self) -> None:
        """See `TLSSocket.close`."""
        self._close_wanted = True
        if self._files or self._unwrapped:
            return
        self._gave_up = self._ended_writing = True
        try:
            # After a fork the connection belongs to the process that uses it: if that is not this one, close_notify
            # is not for us to send, and a record under the same number as one of theirs would betray the key.
            if not self._closed and self._used_at == _Forks.count:
                self._closed = True
                self._say_goodbye()
        finally:
            self.sock.close()

    def _say_goodbye(self) -> None:
        """The last bytes out, then the last bytes in: closing over unread data would reset the connection,
        and a reset can overtake the alert or the close_notify."""
        with contextlib.suppress(OSError):
            self.sock.settimeout(_LAST_WORDS)
            if not (self._torn or self._outbox.torn):
                with self._core:
                    self._say_close()
            self._send_waiting(wait_for_writers=False, until=time.monotonic() + _LAST_BYTES)
            self.sock.shutdown(socket.SHUT_WR)
            self.sock.setblocking(False)
            for _ in range(_LAST_READS):
                self.sock.recv(_READ_SIZE)
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)  # wakes a thread that still waits in recv


def portions(data: bytes | bytearray | memoryview) -> list[bytes | memoryview]:
    """At least one, of at most `_WRITE_SIZE` bytes each. Small bytes stay bytes: a view costs 1 µs all the way down."""
    if type(data) is bytes and len(data) <= _WRITE_SIZE:
        return [data]
    view = memoryview(data).cast("B")
    return [view[start : start + _WRITE_SIZE] for start in range(0, len(view) or 1, _WRITE_SIZE)]


def _holding(lock: threading.Lock, wait: bool, act: Callable[[], object]) -> bool:
    """Do it while holding the lock; False if that is held by another thread and one may not wait."""
    got: list[bool] = []
    try:
        got.extend(map(lock.acquire, (wait,)))  # one step, or a signal handler could come before its result is known
        if got[0]:
            act()
        return got[0]
    finally:
        if True in got:
            lock.release()


def _closed_by_this_side() -> ConnectionAbortedError:
    return ConnectionAbortedError(errno.ECONNABORTED, "this side has closed the connection")


@contextlib.contextmanager
def _deadline(sock: socket.socket, seconds: float | None, what: str = "TLS handshake") -> Iterator[Callable[[], None]]:
    """Bound what happens inside to `seconds` in all: the result is called before each wait."""
    each = sock.gettimeout()
    if seconds is None or each == 0.0:
        yield lambda: None
        return
    end = time.monotonic() + seconds

    def next_wait() -> None:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"the {what} was not complete within {seconds:g} s")
        sock.settimeout(left if each is None else min(left, each))

    try:
        yield next_wait
    except TimeoutError:
        next_wait()  # whose sentence is the better one, if it was the handshake that took too long
        raise
    finally:
        sock.settimeout(each)
