"""Every reading call of a TLSSocket and its files, at every kind of end: what arrived is given out, the end is told.

The table of calls knows how each is called until the end; the table of ends (`ends_told.py`, shared with asyncio) knows
what must be raised. Each call meets each end.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests import pki
from tests.adapters.ends_told import ENDS, FORGED, RESET, SENT, Told, check
from tests.ends import loopback
from tests.ends.loopback import client_config, in_thread, listening, tcp_pair
from tls12 import Alert, ClientConnection, ServerConnection, sync

Ends = Callable[[sync.TLSSocket], object]


@contextlib.contextmanager
def both_ends() -> Iterator[tuple[sync.TLSSocket, sync.TLSSocket]]:
    one, other = tcp_pair()
    with in_thread(sync.wrap, other, ServerConnection(loopback.server_config())) as accepted:
        ours = sync.wrap(one, ClientConnection(client_config(), pki.NAME))
    with ours, accepted.result() as theirs:
        yield ours, theirs


# --- the calls: each reads until the end or an error, puts what it gets into `got`, and returns or raises


def by_recv(tls: sync.TLSSocket, got: list[bytes]) -> None:
    while data := tls.recv(1000):
        got.append(data)


def by_recv_into(tls: sync.TLSSocket, got: list[bytes]) -> None:
    buffer = bytearray(1000)
    while count := tls.recv_into(buffer):
        got.append(bytes(buffer[:count]))


def by_read_to_end(tls: sync.TLSSocket, got: list[bytes]) -> None:
    got.append(tls.makefile("rb").read())


def by_read(tls: sync.TLSSocket, got: list[bytes]) -> None:
    file = tls.makefile("rb")
    while data := file.read(1000):
        got.append(data)


def by_read1(tls: sync.TLSSocket, got: list[bytes]) -> None:
    file = tls.makefile("rb")
    while data := file.read1(1000):
        got.append(data)


def by_unbuffered_read(tls: sync.TLSSocket, got: list[bytes]) -> None:
    file = tls.makefile("rb", 0)
    while data := file.read(1000):
        got.append(data)


def by_readinto(tls: sync.TLSSocket, got: list[bytes]) -> None:
    file, buffer = tls.makefile("rb"), bytearray(1000)
    while count := file.readinto(buffer):
        got.append(bytes(buffer[:count]))


def by_readinto1(tls: sync.TLSSocket, got: list[bytes]) -> None:
    file, buffer = tls.makefile("rb"), bytearray(1000)
    while count := file.readinto1(buffer):
        got.append(bytes(buffer[:count]))


def by_peek(tls: sync.TLSSocket, got: list[bytes]) -> None:
    file = tls.makefile("rb")
    while seen := file.peek():
        assert file.peek() == seen
        got.append(file.read(len(seen)))


def by_readline(tls: sync.TLSSocket, got: list[bytes]) -> None:
    file = tls.makefile("rb")
    while line := file.readline():
        got.append(line)


def by_short_readline(tls: sync.TLSSocket, got: list[bytes]) -> None:
    file = tls.makefile("rb")
    while line := file.readline(7):
        assert len(line) <= 7
        got.append(line)


def by_iteration(tls: sync.TLSSocket, got: list[bytes]) -> None:
    got += iter(tls.makefile("rb"))


def by_lines_until_the_end(tls: sync.TLSSocket, got: list[bytes]) -> None:
    for line in tls.makefile("rb"):
        got.append(line)


def by_readlines(tls: sync.TLSSocket, got: list[bytes]) -> None:
    got += tls.makefile("rb").readlines()


def by_readlines_with_a_hint(tls: sync.TLSSocket, got: list[bytes]) -> None:
    file = tls.makefile("rb")
    while lines := file.readlines(5):
        got += lines


def text_of(got: list[bytes], text: str) -> None:
    got.append(text.encode())


def by_text_read_to_end(tls: sync.TLSSocket, got: list[bytes]) -> None:
    text_of(got, tls.makefile("r").read())


def by_text_read(tls: sync.TLSSocket, got: list[bytes]) -> None:
    file = tls.makefile("r")
    while text := file.read(1000):
        text_of(got, text)


def by_text_readline(tls: sync.TLSSocket, got: list[bytes]) -> None:
    file = tls.makefile("r", encoding="utf-8")
    while line := file.readline():
        text_of(got, line)


def by_text_short_readline(tls: sync.TLSSocket, got: list[bytes]) -> None:
    file = tls.makefile("r", encoding="ascii", newline="\n")
    while line := file.readline(7):
        text_of(got, line)


def by_text_iteration(tls: sync.TLSSocket, got: list[bytes]) -> None:
    for line in tls.makefile("r"):
        text_of(got, line)


def by_text_readlines(tls: sync.TLSSocket, got: list[bytes]) -> None:
    text_of(got, "".join(tls.makefile("r").readlines()))


def by_reading_and_writing_file(tls: sync.TLSSocket, got: list[bytes]) -> None:
    file = tls.makefile("rwb")
    while data := file.read(777):
        got.append(data)


CALLS = [function for name, function in list(globals().items()) if name.startswith("by_")]


# --- the ends: how the peer ends as each name of the table says


def close_notify(theirs: sync.TLSSocket) -> None:
    theirs.shutdown(socket.SHUT_WR)


def close_notify_and_fin(theirs: sync.TLSSocket) -> None:
    theirs.close()


def fin(theirs: sync.TLSSocket) -> None:
    theirs.sock.shutdown(socket.SHUT_WR)


def reset(theirs: sync.TLSSocket) -> None:
    theirs.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    time.sleep(0.1)  # a reset would overtake what was sent
    theirs.sock.close()


def fatal_alert(theirs: sync.TLSSocket) -> None:
    theirs.connection.abort(Alert.ACCESS_DENIED)
    theirs.flush()


def forged_record(theirs: sync.TLSSocket) -> None:
    theirs.sock.sendall(FORGED)


MAKE_END = {act.__name__: act for act in (close_notify, close_notify_and_fin, fin, reset, fatal_alert, forged_record)}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
@pytest.mark.parametrize("late", [False, True], ids=["all is there", "the reader waits"])
def test_a_read_gives_out_what_arrived_and_then_tells_the_end(
    call: Callable[[sync.TLSSocket, list[bytes]], None], end: str, late: bool
) -> None:
    got: list[bytes] = []
    with both_ends() as (ours, theirs):

        def send() -> None:
            if late:
                time.sleep(0.02)
            theirs.sendall(SENT)
            MAKE_END[end](theirs)

        if late:
            with in_thread(send) as sent:
                told = outcome_of(call, ours, got)
                sent.result()
        else:
            send()
            time.sleep(0.01)
            told = outcome_of(call, ours, got)
        check(told, end, got)
        if told.kind is not None and end != "reset":
            for again in (ours.recv, lambda: ours.makefile("rb").readline()):
                with pytest.raises(told.kind):
                    again()


def outcome_of(call: Callable[[sync.TLSSocket, list[bytes]], None], ours: sync.TLSSocket, got: list[bytes]) -> Told:
    try:
        call(ours, got)
    except OSError as error:
        return Told.by(error)
    return Told(None)


# --- this side ends


def close(ours: sync.TLSSocket) -> None:
    ours.close()


def shut_down(ours: sync.TLSSocket) -> None:
    ours.shutdown(socket.SHUT_RDWR)


def stop_reading(ours: sync.TLSSocket) -> None:
    ours.shutdown(socket.SHUT_RD)


@pytest.mark.parametrize("end", [close, shut_down, stop_reading], ids=lambda end: end.__name__)
@pytest.mark.parametrize("call", [by_recv, by_recv_into, by_read_to_end, by_readline], ids=lambda call: call.__name__)
def test_a_close_by_another_thread_of_this_side_is_not_blamed_on_the_peer(
    call: Callable[[sync.TLSSocket, list[bytes]], None], end: Ends
) -> None:
    got: list[bytes] = []
    with both_ends() as (ours, theirs):
        file = ours.makefile("rb") if end is stop_reading else None
        theirs.sendall(b"half a l")
        with in_thread(outcome_of, call, ours, got) as waiting:
            time.sleep(0.05)
            end(ours) if end is not close or call in (by_recv, by_recv_into) else shut_down(ours)
            outcome = waiting.result()
        assert outcome.kind is ConnectionAbortedError
        assert "this side has closed" in outcome.text
        assert b"".join(got) + outcome.partial == b"half a l"
        with pytest.raises(ConnectionAbortedError):
            ours.recv()
        if file is not None:
            file.close()


@pytest.mark.parametrize("end", [close, shut_down], ids=lambda end: end.__name__)
def test_a_writer_is_told_too_that_this_side_has_closed(end: Ends) -> None:
    with both_ends() as (ours, _):

        def write() -> Told:
            try:
                while True:
                    ours.sendall(bytes(100_000))
            except OSError as error:
                return Told.by(error)

        with in_thread(write) as writing:
            time.sleep(0.1)
            end(ours)
            outcome = writing.result()
        assert outcome.kind is ConnectionAbortedError
        assert "this side has closed" in outcome.text


def test_a_close_notify_that_is_there_already_is_told_after_a_shutdown_of_this_side() -> None:
    with both_ends() as (ours, theirs):
        theirs.sendall(b"all")
        theirs.shutdown(socket.SHUT_WR)
        time.sleep(0.05)
        ours.shutdown(socket.SHUT_RDWR)
        assert loopback.read_to_end(ours) == b"all"


# --- time-outs


@pytest.mark.parametrize("mode", ["rb", "r"])
def test_a_line_that_times_out_half_way_is_whole_when_it_is_asked_for_again(mode: str) -> None:
    with both_ends() as (ours, theirs):
        file = ours.makefile(mode)
        theirs.sendall(b"one\nhalf a ")
        assert file.readline() in ("one\n", b"one\n")
        ours.settimeout(0.05)
        for _ in range(2):
            with pytest.raises(TimeoutError):
                file.readline()
        theirs.sendall(b"line\n")
        assert file.readline() in ("half a line\n", b"half a line\n")


def test_a_read_that_times_out_takes_nothing() -> None:
    with both_ends() as (ours, theirs):
        file = ours.makefile("rb")
        theirs.sendall(b"0123")
        ours.settimeout(0.05)
        for read in (lambda: file.read(8), file.read, lambda: file.readinto(bytearray(8)), file.readlines):
            with pytest.raises(TimeoutError):
                read()
        theirs.sendall(b"4567")
        theirs.shutdown(socket.SHUT_WR)
        assert file.read(8) == b"01234567"
        assert file.read() == b""


def test_text_that_a_time_out_has_lost_is_never_passed_over_in_silence() -> None:
    with both_ends() as (ours, theirs):
        file = ours.makefile("r")
        theirs.sendall(b"0123")
        ours.settimeout(0.05)
        with pytest.raises(TimeoutError):
            file.read(8)
        theirs.sendall(b"4567")
        with pytest.raises(OSError, match="lost"):
            file.read(4)


def test_a_file_over_a_nonblocking_socket_gives_what_there_is() -> None:
    with both_ends() as (ours, theirs):
        file = ours.makefile("rb")
        ours.settimeout(0)
        assert file.read(4) is None
        assert file.readinto(bytearray(4)) is None
        with pytest.raises(BlockingIOError):
            file.readline()
        theirs.sendall(b"01234")
        time.sleep(0.05)
        with pytest.raises(BlockingIOError):
            file.readline()
        assert file.read(4) == b"0123"
        assert file.read() == b"4"


# --- writing through files


def test_a_flush_that_times_out_goes_on_where_it_was() -> None:
    with both_ends() as (ours, theirs):
        file = ours.makefile("wb")
        ours.settimeout(0.05)
        sent = bytes(range(256)) * 40_000
        file.write(sent)
        with pytest.raises(TimeoutError):
            file.flush()
        ours.settimeout(loopback.PATIENCE)
        with in_thread(loopback.read_to_end, theirs) as received:
            file.write(b"the end")
            file.close()
            ours.shutdown(socket.SHUT_WR)
            assert received.result() == sent + b"the end"


def test_a_file_is_not_read_or_written_against_its_mode_or_after_its_end() -> None:
    with both_ends() as (ours, _):
        reads, writes = ours.makefile("rb"), ours.makefile("wb")
        for act in (lambda: reads.write(b"x"), writes.read, writes.readline):
            with pytest.raises(OSError, match="not open for"):
                act()
        reads.close()
        writes.close()
        for act in (lambda: writes.write(b"x"), writes.flush, reads.read, reads.readline):
            with pytest.raises(ValueError, match="closed"):
                act()


def test_a_line_longer_than_a_record_and_many_in_one_are_read_in_order() -> None:
    lines = [b"%d" % number * (number % 7 + 1) + b"\n" for number in range(2000)] + [b"y" * 100_000 + b"\n"]
    with both_ends() as (ours, theirs), in_thread(lambda: (theirs.sendall(b"".join(lines)), theirs.close())):
        assert list(ours.makefile("rb")) == lines


def test_closing_against_a_peer_that_reads_slowly_comes_to_an_end() -> None:
    one, other = tcp_pair()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    other.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stop = threading.Event()

    def drip(theirs: sync.TLSSocket) -> None:
        while not stop.wait(0.3):
            theirs.sock.recv(1000)

    with in_thread(sync.wrap, other, ServerConnection(loopback.server_config())) as accepted:
        ours = sync.wrap(one, ClientConnection(client_config(), pki.NAME))
    ours.settimeout(0.1)
    with accepted.result() as theirs, in_thread(drip, theirs):
        with pytest.raises(TimeoutError):
            ours.sendall(bytes(4 << 20))
        started = time.monotonic()
        ours.close()
        assert time.monotonic() - started < 10
        stop.set()


def test_openssl_without_close_notify_is_a_truncation_behind_all_that_it_sent() -> None:
    def serve(sock: socket.socket) -> None:
        tls = loopback.openssl_server().wrap_socket(sock, server_side=True)
        tls.sendall(SENT)
        socket.socket(fileno=tls.detach()).close()

    with listening(serve) as (port, _), sync.connect("127.0.0.1", port, client_config()) as tls:
        assert outcome_of(by_read_to_end, tls, []).partial == SENT
