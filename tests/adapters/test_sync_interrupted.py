"""Exceptions out of signal handlers, in the middle of every call of a TLSSocket: no byte is lost, none is sent twice.

How it works: the interpreter runs a signal handler where a function begins and where a call of C returns. So does the
profile function of `Trip`, which raises at the n-th such place inside the adapter and the connection, for every n that
there is; what it cannot reach, a call that waits in the kernel, is interrupted by a real signal. CPython's ssl is the
peer and compares what it gets with what was sent. Afterwards the connection goes on, or it says that it is broken.
"""

from __future__ import annotations

import asyncio  # which an error with a partial result needs, and whose import is not to be interrupted
import contextlib
import hashlib
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import tls12
from tests import pki
from tests.ends import loopback
from tests.ends.loopback import PATIENCE, client_config, in_thread, tcp_pair
from tls12 import ClientConnection, sync

assert asyncio
OURS = str(Path(tls12.__file__).parent)


class Interrupted(BaseException):
    """What the handler raises."""


class Trip:
    """Raises at the n-th place where a signal handler could run."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.where = ""

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if event not in ("call", "c_return") or not frame.f_code.co_filename.startswith(OURS):
            return
        self.left -= 1
        if self.left == 0:
            sys.setprofile(None)
            self.where = f"{frame.f_code.co_qualname}:{frame.f_lineno}"
            raise Interrupted

    def during(self, act: Callable[[], Any]) -> Any:
        """Do it; what it gave, or the exception."""
        sys.setprofile(self)
        try:
            return act()
        except Interrupted as error:
            return error
        finally:
            sys.setprofile(None)


@contextlib.contextmanager
def with_openssl(serve: Callable[[ssl.SSLSocket], Any]) -> Iterator[tuple[sync.TLSSocket, Any]]:
    """A client of ours, and what `serve` comes to with the other end."""
    one, other = tcp_pair()
    context = loopback.openssl_server()
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # or some builds take a truncated stream for one that was closed

    def run() -> Any:
        with context.wrap_socket(other, server_side=True, suppress_ragged_eofs=False) as tls:
            return serve(tls)

    with in_thread(run) as served:
        tls = sync.wrap(one, ClientConnection(client_config(), pki.NAME))
        yield tls, served
        tls.close()


def read_all(tls: ssl.SSLSocket) -> bytes:
    return loopback.read_to_end(tls)


def check_that_it_says_so(error: ConnectionAbortedError) -> None:
    assert "an exception interrupted the TLS connection" in str(error)


def check_that_it_was_cut(error: OSError) -> None:
    """The stream ended without close_notify; CPython 3.11.2 has no class of its own for that."""
    cut = isinstance(error, ssl.SSLEOFError | ConnectionResetError)
    assert cut or getattr(error, "reason", "") == "UNEXPECTED_EOF_WHILE_READING", error


# --- writing

PIECES = [b"<%d>" % number * 10 for number in range(4)]
WRITES: dict[str, Callable[[sync.TLSSocket, bytes], Any]] = {
    "sendall": lambda tls, data: tls.sendall(data),
    "send": lambda tls, data: tls.send(data),
}


def in_order(received: bytes, required: list[bytes], doubtful: bytes) -> bool:
    """Whether the pieces are there once and in order; the doubtful one may be missing."""
    return received in (b"".join([*required[:1], doubtful, *required[1:]]), b"".join(required))


@pytest.mark.parametrize("method", WRITES)
def test_a_write_that_is_interrupted_anywhere_is_sent_once_or_not_at_all_and_the_next_goes_on(method: str) -> None:
    write = WRITES[method]
    at = broken = 0
    while True:
        at += 1
        trip = Trip(at)
        with with_openssl(read_to_the_end_that_comes) as (tls, served):
            write(tls, PIECES[0])
            trip.during(lambda: write(tls, PIECES[1]))
            try:
                write(tls, PIECES[2])
            except ConnectionAbortedError as error:
                check_that_it_says_so(error)
                broken += 1
                tls.close()
                received, clean = served.result()
                assert in_order(received, PIECES[:1], PIECES[1])
                assert not clean
            else:
                tls.shutdown(socket.SHUT_WR)
                received, clean = served.result()
                assert in_order(received, [PIECES[0], PIECES[2]], PIECES[1])
                assert clean
        if not trip.where:
            break
    assert 0 < broken < at / 2  # the connection is whole at most places


def read_to_the_end_that_comes(tls: ssl.SSLSocket) -> tuple[bytes, bool]:
    """What came, and whether it ended with close_notify."""
    received = b""
    try:
        while data := tls.recv(65536):
            received += data
    except OSError as error:
        check_that_it_was_cut(error)
        return received, False
    return received, True


def test_a_file_that_is_interrupted_anywhere_in_a_flush_sends_each_byte_once() -> None:
    at = 0
    while True:
        at += 1
        trip = Trip(at)
        with with_openssl(read_to_the_end_that_comes) as (tls, served):
            file = tls.makefile("wb")
            file.write(PIECES[0])
            file.write(PIECES[1])
            trip.during(file.flush)
            try:
                file.write(PIECES[2])
                file.flush()
                tls.shutdown(socket.SHUT_WR)
                assert served.result() == (b"".join(PIECES[:3]), True)
            except ConnectionAbortedError as error:
                check_that_it_says_so(error)
                with contextlib.suppress(ConnectionAbortedError):
                    file.close()
                tls.close()
                assert b"".join(PIECES[:2]).startswith(served.result()[0])
            with contextlib.suppress(ConnectionAbortedError):
                file.close()
        if not trip.where:
            break
    assert at > 20


# --- reading

READS: dict[str, Callable[[sync.TLSSocket, Any], bytes]] = {
    "recv": lambda tls, _: tls.recv(3),
    "recv_into": lambda tls, _: into(tls),
    "file.read": lambda _, file: file.read(5),
    "file.readline": lambda _, file: file.readline(),
    "file.read1": lambda _, file: file.read1(4),
}
TEXT = b"one line\nanother\n" * 3


def into(tls: sync.TLSSocket) -> bytes:
    buffer = bytearray(4)
    return bytes(buffer[: tls.recv_into(buffer)])


@pytest.mark.parametrize("method", READS)
def test_a_read_that_is_interrupted_anywhere_loses_nothing(method: str) -> None:
    read = READS[method]

    def serve(tls: ssl.SSLSocket) -> None:
        for start in range(0, len(TEXT), 7):
            tls.sendall(TEXT[start : start + 7])
        tls.unwrap()

    at = 0
    while True:
        at += 1
        trip = Trip(at)
        with with_openssl(serve) as (tls, served), tls.makefile("rb") as file:
            got = [read(tls, file)]
            result = trip.during(lambda: read(tls, file))
            if not isinstance(result, Interrupted):
                got.append(result)
            del result
            with contextlib.suppress(OSError):
                tls.shutdown(socket.SHUT_WR)
            try:
                got.append(file.read())
            except ConnectionAbortedError as error:
                check_that_it_says_so(error)
                got.append(getattr(error.__cause__, "partial", b""))
                assert TEXT.startswith(b"".join(got)), trip.where
            else:
                assert b"".join(got) == TEXT, trip.where
            with contextlib.suppress(Exception):
                served.result()
        if not trip.where:
            break
    assert at > 5


# --- the handshake and the end


def test_a_handshake_that_is_interrupted_anywhere_goes_on_or_says_that_it_is_broken() -> None:
    outcomes = set()
    context = loopback.openssl_server()
    for at in range(1, 4000, 37):
        trip = Trip(at)
        one, other = tcp_pair()
        one.setblocking(False)

        def serve(other: socket.socket = other) -> bytes:
            try:
                with context.wrap_socket(other, server_side=True) as tls:
                    return tls.recv(100)
            except OSError:
                other.close()
                return b""

        with in_thread(serve) as served:
            tls = sync.wrap(one, ClientConnection(client_config(), pki.NAME))
            one.settimeout(PATIENCE)
            trip.during(tls.do_handshake)
            try:
                tls.do_handshake()
                tls.sendall(b"hello")
                assert served.result() == b"hello"
                outcomes.add("went on")
            except (tls12.TLSError, ConnectionError):
                outcomes.add("broken")
            finally:
                tls.close()
        assert one.fileno() == -1
        if not trip.where:
            break
    assert outcomes == {"went on", "broken"}


@pytest.mark.parametrize("method", ["close", "unwrap"])
def test_an_end_that_is_interrupted_anywhere_can_be_asked_for_again(method: str) -> None:
    def serve(tls: ssl.SSLSocket) -> None:
        with contextlib.suppress(OSError):
            read_all(tls)
            tls.unwrap()

    at = 0
    while True:
        at += 1
        trip = Trip(at)
        with with_openssl(serve) as (tls, served):
            trip.during(getattr(tls, method))
            if method == "unwrap":
                try:
                    tls.unwrap().close()
                except ConnectionAbortedError as error:
                    check_that_it_says_so(error)
            tls.close()
            assert tls.fileno() == -1
            served.result()
        if not trip.where:
            break
    assert at > 5


# --- real signals, where the time is spent: waiting in the kernel


@contextlib.contextmanager
def alarms(every: float) -> Iterator[None]:
    """A signal whose handler raises, again and again, as it would be if Ctrl-C was held down."""

    def handler(*_: object) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, every, every)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


needs_timers = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX timers")
BLOCK = bytes(range(256)) * 4096


def slowly(tls: ssl.SSLSocket) -> tuple[int, str, bool]:
    """How much came, its digest, and whether it ended with close_notify."""
    count, seen, clean = 0, hashlib.sha256(), True
    try:
        while data := tls.recv(65536):
            count += len(data)
            seen.update(data)
            if count % 5 == 0:
                time.sleep(0.001)
    except OSError as error:
        check_that_it_was_cut(error)
        clean = False
    return count, seen.hexdigest(), clean


def until_one_goes_on(attempt: Callable[[float], int], enough: int) -> bool:
    """Whether one of many attempts was interrupted often enough and not in the middle of a step.

    Each attempt checks for itself that nothing was lost or sent twice. On a slow machine most signals come in the midst
    of a step, so that later attempts send fewer of them.
    """
    return any(attempt(0.01 * (1 + number / 3)) >= enough for number in range(24))


def written_under_fire(timeout: float | None, every: float) -> int:
    """How often a long write through a file was interrupted; 0 if the connection was found to be broken."""
    with with_openssl(slowly) as (tls, served):
        tls.settimeout(timeout)
        file = tls.makefile("wb")
        interrupted = written = 0
        broken = False
        try:
            for _ in range(24):
                file.write(BLOCK)
                written += 1
                while True:
                    try:
                        with alarms(every):
                            file.flush()
                        break
                    except Interrupted:
                        interrupted += 1
            file.close()
            tls.shutdown(socket.SHUT_WR)
        except ConnectionAbortedError as error:
            check_that_it_says_so(error)
            broken = True
            with contextlib.suppress(ConnectionAbortedError):
                file.close()
            tls.close()
        count, digest, clean = served.result()
        assert clean is not broken
        assert digest == hashlib.sha256((BLOCK * written)[:count]).hexdigest()
        if clean:
            assert count == 24 * len(BLOCK)
        return 0 if broken else interrupted


@needs_timers
@pytest.mark.timeout(0)
@pytest.mark.parametrize("timeout", [None, PATIENCE], ids=["blocking", "with a time-out"])
def test_signals_that_interrupt_a_long_write_tear_no_record(timeout: float | None) -> None:
    assert until_one_goes_on(lambda every: written_under_fire(timeout, every), enough=2)


LINES = [b"line %d\n" % number for number in range(300)]


def read_under_fire(every: float) -> int:
    """How often reading lines was interrupted; 0 if the connection was found to be broken."""

    def serve(tls: ssl.SSLSocket) -> None:
        with contextlib.suppress(OSError):
            for line in LINES:
                tls.sendall(line[:3])
                time.sleep(0.0007)
                tls.sendall(line[3:])
            tls.unwrap()

    with with_openssl(serve) as (tls, served), tls.makefile("rb") as file:
        got: list[bytes] = []
        interrupted = 0
        while True:
            try:
                with alarms(every):
                    got.extend(iter(file.readline, b""))  # each line is kept by the step that asks for it
                break
            except Interrupted:
                interrupted += 1
            except ConnectionAbortedError as error:
                check_that_it_says_so(error)
                assert LINES[: len(got)] == got
                tls.close()
                interrupted = 0
                break
        if interrupted:
            tls.shutdown(socket.SHUT_WR)
            assert got == LINES
        file.close()
        tls.close()
        served.result()
        return interrupted


@needs_timers
@pytest.mark.timeout(0)
def test_signals_that_interrupt_waiting_reads_lose_nothing() -> None:
    assert until_one_goes_on(read_under_fire, enough=2)


@needs_timers
@pytest.mark.timeout(0)
def test_ctrl_c_in_the_middle_of_sendall_leaves_a_connection_that_goes_on() -> None:
    go = threading.Event()

    def serve(tls: ssl.SSLSocket) -> bytes:
        go.wait(PATIENCE)
        return read_all(tls)

    with with_openssl(serve) as (tls, served):
        sent = bytes(range(256)) * 80_000
        with pytest.raises(Interrupted), alarms(0.2):
            tls.sendall(sent)
        go.set()
        tls.sendall(b"the end")
        tls.shutdown(socket.SHUT_WR)
        received = served.result().removesuffix(b"the end")
        assert sent.startswith(received)
        assert len(received) < len(sent)
