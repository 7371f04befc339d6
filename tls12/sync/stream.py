"""`Stream` moves bytes between a socket and a driver, for `TLSSocket` and its files.

How it works: to read is to *pump*: receive from the socket, hand the bytes to the driver, send the driver's output. To
write is to *seal and send*. The driver knows what the events of a connection mean; the stream does the I/O, by five
rules:

- The alert is sent before the failure is raised: every pump sends, and only then is a failure raised, and only when
  the caller has read all bytes that arrived before it.
- Sealed bytes are never forgotten. What the socket did not take (a time-out, a full buffer) waits in the outbox and
  goes first next time.
- One thread may read while another writes. `_stepping` guards the driver while it computes, and each step leaves its
  records in the outbox, so the order of sealing is the order on the wire. `_reading` and `_writing` are held while a
  thread waits for the network. A reader never waits for `_writing`: a writer that is blocked may need a reader to go
  on, and it looks into the outbox once more before it returns.
- When a write fails because the peer has closed the TCP connection, the alert that says why may be unread in the
  socket. The stream reads it, and raises that reason instead of the broken pipe.
- A signal handler may raise anywhere. While the stream waits for the network, which is nearly all the time, this does
  no harm: the call that moves bytes also records how many it moved (`outbox.py`, `driver/plaintext.py`). If it
  interrupts the driver in the middle of a step, the driver takes no other step, and every later call raises an error
  that says so.
"""

from __future__ import annotations

import contextlib
import copy
import socket
import threading
import time
from collections.abc import Callable
from types import BuiltinMethodType
from typing import TypeVar

from tls12.connection import Connection
from tls12.driver import Answers, Driver, Plaintext, TimeBound, closed_by_this_side
from tls12.errors import to_raise
from tls12.sync.forks import Forks
from tls12.sync.outbox import Outbox
from tls12.sync.waiting import deadline, holding

T = TypeVar("T")

_READ_SIZE = 64 * 1024  # from 128 KiB up the allocator maps and unmaps memory for every recv
_WRITE_SIZE = 256 * 1024
_MOST_UNREAD = 1024 * 1024  # plaintext that may wait for a reader while a renegotiation or an unwrap goes on
_TICK = 0.05  # seconds after which a writer that waits for a reader looks again
_CLOSING_WAIT = 1.0  # seconds that a closing socket waits for a peer that takes nothing
_CLOSING_TIME = 5.0  # seconds that it spends on handing over its last bytes at most
_CLOSING_READS = 64  # how many times it looks for bytes that are not wanted any more


def _only_if_empty(failure: BaseException, data: bytes) -> BaseException | None:
    return None if data else failure


class Stream:
    """A socket, a driver, and what is on its way between them."""

    def __init__(
        self, sock: socket.socket, connection: Connection, answers: Answers | None, handshake_timeout: float | None
    ) -> None:
        self.sock = sock
        self.driver = Driver(connection, answers, handshake_timeout=handshake_timeout)
        self.plaintext: Plaintext = self.driver.plaintext
        self._arrived: list[bytes] = []
        """What came out of the socket and was not received by the driver yet: at most one piece."""
        self._outbox = Outbox(self.driver.output)
        self._answers_wait = False
        """Whether a step of the reader left something in the outbox."""
        self._stopped_reading = False
        """Whether this side has ended the reading, by `shutdown` or `close`."""
        self._stopped_writing = False
        """Whether this side has ended the writing and the connection underneath."""
        self._closed = False
        self._unwrapped = False
        self._close_wanted = False
        self._files = 0
        self._used_at = Forks.count
        self._writer_waits = False
        self._has_moved = threading.Event()
        self._reading = threading.Lock()
        self._writing = threading.Lock()
        self._stepping = threading.Lock()

    # -- the handshake

    def begin(self) -> None:
        """Begin the handshake, without waiting for the network."""
        with self._stepping:
            self.driver.begin()

    def do_handshake(self, timeout: float | None) -> None:
        """See `TLSSocket.do_handshake`."""
        bound = None if timeout is None else TimeBound("TLS handshake", timeout)
        with self._reading, deadline(self.sock, bound) as next_wait:
            try:
                while not self.driver.is_established:
                    self._raise_if_failed()
                    next_wait()
                    self.flush()
                    self._pump()
            except ConnectionError as hung_up:
                raise self._read_the_reason(hung_up) from None

    # -- reading

    def recv(self, at_most: int) -> bytes:
        """See `TLSSocket.recv`."""
        plaintext = self.plaintext
        while True:
            with self._reading:
                place = plaintext.given
                failed = None
                while not (data := plaintext.first(at_most)):
                    if self.driver.has_ended or (failed := self._failed()) is not None:
                        break
                    self._pump()
                after = place + len(data)
            # From here on nothing is called, so no signal handler runs, and no other thread.
            if plaintext.given == place:
                plaintext.given = after
                if failed is not None:
                    raise to_raise(failed)
                return data

    def take(
        self,
        enough: Callable[[], int],
        give: Callable[[bytes], T],
        cut_off: Callable[[BaseException, bytes], BaseException | None] = _only_if_empty,
        *,
        keep: bool = False,
    ) -> T:
        """Wait until `enough()` is a number of bytes (-1: more must arrive), take them, and return `give(bytes)`.

        If the stream ends first, take the bytes that have arrived. If it fails first, do the same, unless
        `cut_off(failure, bytes)` returns an exception: then raise that. With `keep` the bytes stay and are read again.
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
                        del failure  # else this frame and the failure's traceback would refer to each other
                return result  # type: ignore[return-value]

    def _wait_for(self, enough: Callable[[], int]) -> tuple[bytes, BaseException | None]:
        failure = None
        while (count := enough()) < 0:
            if self.driver.has_ended or (failure := self._failed()) is not None:
                count = self.plaintext.size
                break
            self._pump()
        return self.plaintext.copy(count), failure

    @property
    def pending(self) -> int:
        """How many bytes of plaintext have arrived."""
        if self._arrived:  # an exception came before the driver received them
            holding(self._reading, False, self._receive)
        return self.plaintext.size

    @property
    def has_output(self) -> bool:
        """Whether records wait until the socket has room."""
        return bool(self._outbox.pieces)

    def _pump(self) -> None:
        """Receive from the socket, hand it to the driver, and send the driver's output. The caller holds `_reading`."""
        self._used_at = Forks.count
        if self._answers_wait:
            self._send_answers()
        if not self._arrived:
            receive = self.sock.recv
            try:
                self._arrived.extend(map(receive, (_READ_SIZE,)))  # receives and stores in one step, see outbox.py
            except OSError as error:
                if not self._stopped_reading and not isinstance(error, ConnectionError):
                    raise  # a time-out, or nothing there yet
                self.driver.lose(copy.copy(error))
                return
            except BaseException:
                if not isinstance(receive, BuiltinMethodType):  # it may have taken bytes that are lost now
                    self.driver.is_interrupted = True
                raise
        self._receive()

    def _receive(self) -> None:
        with self._stepping:
            changes = self.driver.changes
            if self._arrived:
                if self._closed:
                    self.driver.lose(closed_by_this_side())
                else:
                    self.driver.receive(self._arrived[0])
                # Not reached if the driver was interrupted. No signal handler runs between the step and this statement.
                del self._arrived[0]
            self._answers_wait = self._answers_wait or self.driver.changes != changes
        if self._writer_waits:
            self._has_moved.set()
        if self._answers_wait:
            self._send_answers()

    def _send_answers(self) -> None:
        # A reader ignores that its answer could not be sent: if the peer is gone, the next read finds that out.
        with contextlib.suppress(OSError):
            self._send_waiting(wait_for_writers=False)
        self._answers_wait = False

    def _failed(self) -> BaseException | None:
        if self._outbox.torn:
            self.driver.is_interrupted = True
        return self.driver.failure

    def has_failed_with(self, error: BaseException) -> bool:
        """Whether this exception came out of this connection, because it failed or took too long."""
        if isinstance(error, TimeoutError):
            return error.args == ("timed out",)  # as the socket raises it
        failure = self._failed()
        if failure is None:
            return isinstance(error, ConnectionError) and self.driver.has_ended
        return isinstance(error, ConnectionError) or (type(error) is type(failure) and error.args == failure.args)

    def _raise_if_failed(self) -> None:
        if (failure := self._failed()) is not None:
            raise to_raise(failure)

    # -- writing

    def send(self, portion: bytes | memoryview) -> None:
        """Seal `portion`, and send it as far as the socket has room."""
        try:
            if self.driver.is_renegotiating:
                self._wait_for_room()
            if self._outbox.pieces:
                self._send_waiting()
            with self._stepping:
                self.driver.send(portion)
            with contextlib.suppress(TimeoutError, BlockingIOError):
                self._send_waiting()
            self._raise_if_failed()  # the keys are used up: what was to be sealed was dropped
        except OSError as error:
            raise self._reason(error) from None

    def send_from(self, portions: list[bytes | memoryview] | list[bytes]) -> None:
        """Seal and send all `portions`; each is removed from the list in the step that seals it."""
        try:
            if self._outbox.pieces:
                self._send_waiting()
            while portions:
                if self.driver.is_renegotiating:
                    self._wait_for_room()
                with self._stepping:
                    self.driver.send(portions[0])
                    del portions[0]  # no signal handler runs between these two
                self._send_waiting()
                self._raise_if_failed()
        except OSError as error:
            raise self._reason(error) from None

    def _wait_for_room(self) -> None:
        """While more than `_WRITE_SIZE` bytes wait for the end of a renegotiation, read from the socket for it.

        The renegotiation may take as long as the first handshake. When that time is up, the connection ends.
        """
        driver = self.driver
        bound = driver.time_bound
        began = time.monotonic()
        try:
            with deadline(self.sock, bound) as next_wait:
                while driver.is_held_up(_WRITE_SIZE) and self._failed() is None:
                    next_wait()
                    self._has_moved.clear()
                    self._writer_waits = True
                    if self.plaintext.size > _MOST_UNREAD or not holding(self._reading, False, self._pump):
                        self._has_moved.wait(_TICK)  # until another thread has read
        except TimeoutError:
            if bound is not None and time.monotonic() - began >= bound.seconds:
                with self._stepping:
                    driver.time_out()
                self._send_waiting()
            raise
        finally:
            self._writer_waits = False

    def flush(self) -> None:
        """Send what the connection wants sent."""
        with self._stepping:
            self._raise_if_interrupted()
            self.driver.flush()
        self._send_waiting()

    def _raise_if_interrupted(self) -> None:
        if self.driver.is_interrupted or self._outbox.torn:
            self._raise_if_failed()

    def _send_waiting(self, *, wait_for_writers: bool = True, until: float | None = None) -> None:
        """Hand the outbox to the socket, in order, unless another thread is doing it and this one may not wait."""
        self._used_at = Forks.count
        outbox = self._outbox
        while outbox.pieces and not outbox.torn:
            if wait_for_writers:
                with self._writing:
                    outbox.drain(self.sock.send, until)
            elif not holding(self._writing, False, lambda: outbox.drain(self.sock.send, until)):
                return

    def _reason(self, error: OSError) -> BaseException:
        """What a write that failed with `error` raises: if the peer closed the connection, the reason that it sent."""
        if self._stopped_writing:
            return closed_by_this_side()
        if not isinstance(error, ConnectionError):
            return error
        hung_up = error
        reason: list[BaseException] = []  # empty if another thread is reading, and will find it
        holding(self._reading, False, lambda: reason.append(self._read_the_reason(hung_up)))
        return reason[0] if reason else hung_up

    def _read_the_reason(self, hung_up: ConnectionError) -> BaseException:
        with contextlib.suppress(OSError):
            while not self.driver.has_ended and self._failed() is None:
                self._pump()
        if (failure := self._failed()) is None:
            return hung_up
        if isinstance(hung_up, ConnectionResetError):
            self.driver.lose(copy.copy(hung_up))
            failure = self.driver.failure or failure
        return to_raise(failure)

    # -- the end

    def shutdown(self, how: int) -> None:
        """See `TLSSocket.shutdown`."""
        self._stopped_reading = self._stopped_reading or how != socket.SHUT_WR
        self._stopped_writing = self._stopped_writing or how == socket.SHUT_RDWR
        self.driver.stop(reading=self._stopped_reading, writing=self._stopped_writing)
        if how != socket.SHUT_RD:
            with self._stepping:
                self._raise_if_interrupted()
                self.driver.end_writing()
            self._send_waiting(wait_for_writers=how == socket.SHUT_WR)  # a writer that is stuck is about to be woken
        if how != socket.SHUT_WR:
            self.sock.shutdown(how)

    def unwrap(self, timeout: float | None) -> socket.socket:
        """See `TLSSocket.unwrap`."""
        bound = None if timeout is None else TimeBound("end of the TLS connection", timeout)
        with deadline(self.sock, bound) as next_wait:
            next_wait()
            self.shutdown(socket.SHUT_WR)
            with self._reading:
                while not self.driver.has_ended:
                    self._raise_if_failed()
                    if self.plaintext.size > _MOST_UNREAD:
                        raise ConnectionAbortedError(
                            f"the peer sends on after our close_notify, and {self.plaintext.size} bytes are unread"
                        )
                    next_wait()
                    self._pump()
        self._unwrapped = True
        return self.sock

    def detach(self) -> int:
        """See `TLSSocket.detach`."""
        self._stopped_reading = self._stopped_writing = self._closed = True
        self.driver.stop(reading=True, writing=True)
        return self.sock.detach()

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
        self._stopped_reading = self._stopped_writing = True
        self.driver.stop(reading=True, writing=True)
        try:
            # After a fork the connection belongs to the process that uses it. The other one must not send close_notify:
            # it would use a sequence number, and so perhaps a nonce, that the first has used with the same key.
            if not self._closed and self._used_at == Forks.count:
                self._closed = True
                self._end_connection()
        finally:
            self.sock.close()

    def _end_connection(self) -> None:
        """Hand over the last bytes and drop what has arrived: closing over unread data would reset the TCP connection,
        and a reset can overtake the alert or the close_notify."""
        with contextlib.suppress(OSError):
            self.sock.settimeout(_CLOSING_WAIT)
            if not self._outbox.torn:
                with self._stepping:
                    self.driver.end_writing()
            self._send_waiting(wait_for_writers=False, until=time.monotonic() + _CLOSING_TIME)
            self.sock.shutdown(socket.SHUT_WR)
            self.sock.setblocking(False)
            for _ in range(_CLOSING_READS):
                self.sock.recv(_READ_SIZE)
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)  # wakes a thread that still waits in recv


def portions(data: bytes | bytearray | memoryview) -> list[bytes | memoryview]:
    """Split `data` into at least one portion of at most `_WRITE_SIZE` bytes.

    A small bytes object stays what it is, because sealing a memoryview takes longer.
    """
    if type(data) is bytes and len(data) <= _WRITE_SIZE:
        return [data]
    view = memoryview(data).cast("B")
    return [view[start : start + _WRITE_SIZE] for start in range(0, len(view) or 1, _WRITE_SIZE)]
