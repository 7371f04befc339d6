"""SSLSocket beside CPython's: the same program sees the same results, exceptions, numbers and names.

How it works: each scenario is a function that gets a wrapped socket and gives what the program saw. It runs over
CPython's `ssl` and over `tls12.sslcompat`, against the same other end, and what both saw must be equal. The end of an
exception's text is ours alone, so texts are compared up to OpenSSL's words.
"""

from __future__ import annotations

import contextlib
import errno
import io
import signal
import socket
import ssl
import struct
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests import pki
from tests.ends.loopback import PATIENCE, in_thread, listening, tcp_pair
from tests.sslcompat.contexts import KINDS, TELLS_BROKEN_STREAMS, client, server

SERVER_HELLO_1_1 = bytes.fromhex("160302002a02000026 0302".replace(" ", "")) + b"r" * 32 + bytes.fromhex("00c02b000000")


def seen(act: Callable[[], Any]) -> Any:
    """What `act` gives, or what a program can tell of what it raises."""
    try:
        return act()
    except ssl.SSLError as error:
        text = str(error).partition(" (")[0].partition(": ")[0]
        return type(error), error.errno, getattr(error, "library", None), getattr(error, "reason", None), text
    except OSError as error:
        return type(error), error.errno
    except ValueError as error:
        return type(error), str(error).replace("tls12.sslcompat.sockets", "ssl")


def same(scenario: Callable[[str], Any]) -> Any:
    """Run a scenario over both kinds; what both saw."""
    ours, theirs = (seen(lambda kind=kind: scenario(kind)) for kind in KINDS)
    assert ours == theirs
    return ours


@contextlib.contextmanager
def both_ends(kind: str, other: str = "tls12", **options: Any) -> Iterator[tuple[Any, Any]]:
    """A client of this kind, connected to a server of the other kind."""
    one, two = tcp_pair()
    with in_thread(lambda: server(other).wrap_socket(two, server_side=True)) as accepted:
        ours = client(kind).wrap_socket(one, server_hostname=pki.NAME, **options)
    with ours, accepted.result() as theirs:
        yield ours, theirs


def without_close_notify(tls: Any) -> None:
    """End the stream as a program does that dies."""
    socket.socket.shutdown(tls, socket.SHUT_WR)


# --- what peers do wrong


def says(*answers: bytes) -> Callable[[socket.socket], None]:
    def serve(sock: socket.socket) -> None:
        sock.recv(4096)
        for answer in answers:
            sock.sendall(answer)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(4096):
            pass

    return serve


def resets(sock: socket.socket) -> None:
    sock.recv(4096)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def alert(description: int, level: int = 2) -> bytes:
    return bytes((21, 3, 3, 0, 2, level, description))


FAULTY_SERVERS = {
    "an HTTP server": says(b"HTTP/1.0 400 Bad Request\r\n\r\n"),
    "an SMTP server": says(b"220 mail.example ESMTP\r\n"),
    **({"the end of the stream": says()} if TELLS_BROKEN_STREAMS else {}),
    "a reset": resets,
    "close_notify": says(alert(0, 1)),
    "TLS 1.1": says(SERVER_HELLO_1_1),
    **{
        f"alert {number}": says(alert(number))
        for number in (10, 20, 22, 40, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 70, 71, 80, 86, 110, 112)
    },
}


@pytest.mark.parametrize("fault", FAULTY_SERVERS)
def test_a_client_sees_of_a_faulty_server_what_cpython_sees(fault: str) -> None:
    def scenario(kind: str) -> Any:
        with listening(FAULTY_SERVERS[fault]) as (port, _):
            sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
            with client(kind).wrap_socket(sock, server_hostname=pki.NAME):
                raise AssertionError("the handshake is complete")

    same(scenario)


FAULTY_CLIENTS = {
    "an HTTP client": b"GET / HTTP/1.1\r\nHost: server.test\r\n\r\n",
    "a proxy's client": b"CONNECT server.test:443 HTTP/1.1\r\n\r\n",
    "garbage": b"\xff" * 100,
    **({"the end of the stream": b""} if TELLS_BROKEN_STREAMS else {}),
}


@pytest.mark.parametrize("fault", FAULTY_CLIENTS)
def test_a_server_sees_of_a_faulty_client_what_cpython_sees(fault: str) -> None:
    def scenario(kind: str) -> Any:
        one, two = tcp_pair()
        with one:
            one.sendall(FAULTY_CLIENTS[fault])
            one.shutdown(socket.SHUT_WR)
            with server(kind).wrap_socket(two, server_side=True):
                raise AssertionError("the handshake is complete")

    same(scenario)


def test_a_refused_certificate_has_the_number_and_the_words_of_openssl() -> None:
    def scenario(kind: str) -> Any:
        one, two = tcp_pair()
        with in_thread(lambda: seen(lambda: server("tls12").wrap_socket(two, server_side=True))):
            try:
                client(kind).wrap_socket(one, server_hostname="other.test")
            except ssl.SSLCertVerificationError as error:
                return error.verify_code, error.verify_message, error.reason, str(error).partition(" (")[0]
            finally:
                one.close()

    code, message, _, text = same(scenario)
    assert code == 62
    assert message in text


def test_the_text_of_an_error_has_our_sentence_and_the_cause_is_our_error() -> None:
    with listening(says(alert(48))) as (port, _):
        sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
        with pytest.raises(ssl.SSLError, match=r"TLSV1_ALERT_UNKNOWN_CA.*RFC 5246 7\.2") as raised:
            client("tls12").wrap_socket(sock, server_hostname=pki.NAME)
    assert type(raised.value.__cause__).__name__ == "PeerAlert"


# --- ends


def test_reading_until_close_notify() -> None:
    def scenario(kind: str) -> Any:
        with both_ends(kind) as (ours, theirs), in_thread(lambda: seen(theirs.unwrap)):
            first = ours.recv(10), ours.recv(10)
            ours.unwrap()
            return first, ours.pending()

    same(scenario)


@pytest.mark.skipif(not TELLS_BROKEN_STREAMS, reason="this CPython takes it for a clean end")
@pytest.mark.parametrize("suppress", [True, False])
def test_reading_until_the_stream_breaks_off(suppress: bool) -> None:
    def scenario(kind: str) -> Any:
        with both_ends(kind, suppress_ragged_eofs=suppress) as (ours, theirs):
            theirs.sendall(b"half an answer")
            without_close_notify(theirs)
            return ours.recv(100), seen(lambda: ours.recv(100))

    same(scenario)


def test_writing_to_a_peer_that_is_gone_raises_what_the_network_says() -> None:
    """CPython 3.11 makes an SSLEOFError of every error of the network in a write; later versions do not."""
    with both_ends("tls12") as (ours, theirs):
        theirs.close()
        time.sleep(0.05)

        def write() -> None:
            for _ in range(100):
                ours.sendall(b"x" * 10_000)

        with pytest.raises(ConnectionError):
            write()


def test_unwrap_while_data_is_unread() -> None:
    def scenario(kind: str) -> Any:
        with both_ends(kind) as (ours, theirs):
            theirs.sendall(b"unread")
            return ours.unwrap()

    same(scenario)


@pytest.mark.skipif(not TELLS_BROKEN_STREAMS, reason="this CPython takes it for a clean end")
def test_unwrap_of_a_peer_that_is_gone() -> None:
    def scenario(kind: str) -> Any:
        with both_ends(kind) as (ours, theirs):
            without_close_notify(theirs)
            return ours.unwrap()

    same(scenario)


def test_after_unwrap_both_sides_speak_plainly_and_no_byte_is_lost() -> None:
    def scenario(kind: str) -> Any:
        def other(theirs: Any) -> bytes:
            plain = theirs.unwrap()
            plain.sendall(b"plain at once")  # right behind close_notify
            return plain.recv(100)

        with both_ends(kind) as (ours, theirs), in_thread(other, theirs) as outcome:
            time.sleep(0.05)
            plain = ours.unwrap()
            assert plain is ours
            plain.sendall(b"plain back")
            got = b""
            while len(got) < 13:
                got += plain.recv(100)
            return got, outcome.result(), ours.version(), seen(ours.unwrap)[0]

    assert same(scenario)[:3] == (b"plain at once", b"plain back", None)


def test_a_call_after_unwrap_or_close_is_refused_as_ever() -> None:
    def scenario(kind: str) -> Any:
        with both_ends(kind) as (ours, theirs):
            ours.close()
            return (
                seen(lambda: ours.read(1)),
                seen(lambda: ours.write(b"x")),
                seen(lambda: ours.recv(1)),
                theirs.recv(1),
            )

    same(scenario)


# --- waiting


def test_a_socket_that_does_not_wait() -> None:
    def scenario(kind: str) -> Any:
        one, two = tcp_pair()
        one.setblocking(False)
        with one, two:
            context = client(kind)
            refused = seen(lambda: context.wrap_socket(one.dup(), server_hostname=pki.NAME))
            ours = context.wrap_socket(one, server_hostname=pki.NAME, do_handshake_on_connect=False)
            with ours:
                calls = ours.do_handshake, lambda: ours.recv(1), lambda: ours.send(b"x"), ours.unwrap, ours.getpeercert
                facts = (
                    ours.version(),
                    ours.cipher(),
                    ours.session_reused,
                    ours.pending(),
                    ours.selected_alpn_protocol(),
                )
                return refused, [seen(call) for call in calls], facts

    same(scenario)


@pytest.mark.parametrize("call", ["do_handshake", "recv", "unwrap"])
def test_a_time_out_names_what_it_ended(call: str) -> None:
    def scenario(kind: str) -> Any:
        if call == "do_handshake":
            one, two = tcp_pair()
            with two, client(kind).wrap_socket(one, server_hostname=pki.NAME, do_handshake_on_connect=False) as ours:
                return timed_out(ours, ours.do_handshake)
        with both_ends(kind) as (ours, _):
            return timed_out(ours, (lambda: ours.recv(1)) if call == "recv" else ours.unwrap)

    def timed_out(ours: Any, act: Callable[[], Any]) -> str:
        ours.settimeout(0.1)
        with pytest.raises(TimeoutError) as raised:
            act()
        return str(raised.value).rpartition(": ")[2]

    assert same(scenario).endswith("timed out")


def test_the_time_out_bounds_the_whole_of_a_read_however_the_peer_drips() -> None:
    one, two = tcp_pair()
    with two, client("tls12").wrap_socket(one, server_hostname=pki.NAME, do_handshake_on_connect=False) as ours:
        ours.settimeout(0.3)
        stop = threading.Event()

        def drip() -> None:
            for byte in b"\x16\x03\x03\x40\x00" + bytes(1000):
                if stop.wait(0.05):
                    break
                two.send(bytes((byte,)))

        with in_thread(drip):
            began = time.monotonic()
            with pytest.raises(TimeoutError, match="The handshake operation timed out"):
                ours.do_handshake()
            stop.set()
        assert time.monotonic() - began < 2


def test_a_write_that_did_not_fit_goes_on_when_it_is_called_again() -> None:
    def scenario(kind: str) -> Any:
        with both_ends(kind) as (ours, theirs):
            ours.setblocking(False)
            data = bytes(range(256)) * 40_000
            view, refusals = memoryview(data), set()
            received = bytearray()
            theirs.settimeout(PATIENCE)
            while True:
                try:
                    count = ours.send(view)
                except ssl.SSLWantWriteError as error:
                    refusals.add(str(error).partition(" (_")[0])
                    received += theirs.recv(100_000)
                else:
                    break
            while len(received) < len(data):
                received += theirs.recv(100_000)
            return count == len(data), received == data, refusals

    assert same(scenario) == (True, True, {"The operation did not complete (write)"})


def test_a_write_that_did_not_fit_must_be_called_again_with_the_same_data() -> None:
    def scenario(kind: str) -> Any:
        with both_ends(kind) as (ours, _):
            ours.setblocking(False)
            with pytest.raises(ssl.SSLWantWriteError):
                ours.send(bytes(10_000_000))
            ours.send(b"something else")

    same(scenario)


def test_one_thread_reads_while_another_writes() -> None:
    with both_ends("tls12") as (ours, theirs):
        data = bytes(range(256)) * 8_000

        def echo() -> None:
            while piece := theirs.recv(65536):
                theirs.sendall(piece)
            theirs.unwrap()

        with in_thread(echo), in_thread(ours.sendall, data) as sent:
            got = b""
            while len(got) < len(data):
                got += ours.recv(100_000)
            sent.result()
            assert got == data
            ours.unwrap()


def test_writes_of_several_threads_do_not_mix() -> None:
    with both_ends("tls12") as (ours, theirs):
        size = 700_000
        with contextlib.ExitStack() as threads:
            sent = [threads.enter_context(in_thread(ours.sendall, bytes((byte,)) * size)) for byte in b"abc"]
            got = b""
            while len(got) < 3 * size:
                got += theirs.recv(100_000)
            assert [each.result() for each in sent] == [None] * 3
        assert sorted(got[start] for start in (0, size, 2 * size)) == sorted(b"abc")
        assert all(got[start : start + size] == got[start : start + 1] * size for start in (0, size, 2 * size))


def test_an_exception_out_of_a_signal_handler_sends_no_byte_twice() -> None:
    class Rang(Exception):
        pass

    def ring(*_: object) -> None:
        raise Rang

    data = bytes(range(256)) * 20_000
    with both_ends("tls12") as (ours, theirs):
        before = signal.signal(signal.SIGALRM, ring)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with pytest.raises(Rang):
                all(ours.send(data) for _ in iter(int, 1))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        with in_thread(lambda: ours.send(data)) as sent:
            got = theirs.recv(len(data))
            while len(got) % len(data) or not sent.done():
                got += theirs.recv(len(data))
        assert sent.result() == len(data)
        assert got == data * (len(got) // len(data))


# --- the socket


def reads_ten_bytes(sock: socket.socket) -> bytes:
    with server("tls12").wrap_socket(sock, server_side=True) as tls:
        return tls.recv(10)


def test_a_socket_that_connects_later() -> None:
    def scenario(kind: str) -> Any:
        with (
            listening(reads_ten_bytes) as (port, outcome),
            client(kind).wrap_socket(socket.socket(), server_hostname=pki.NAME) as ours,
        ):
            before = ours.version(), seen(ours.getpeercert), seen(ours.do_handshake), ours.session
            result = ours.connect_ex(("127.0.0.1", port))
            ours.sendall(b"hello")
            again = seen(lambda: ours.connect(("127.0.0.1", port)))
            return before, result, ours.version(), again, outcome.result()

    assert same(scenario)[1:3] == (0, "TLSv1.2")


def test_connect_ex_gives_the_number_of_the_error() -> None:
    def scenario(kind: str) -> Any:
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
        with client(kind).wrap_socket(socket.socket(), server_hostname=pki.NAME) as ours:
            return ours.connect_ex(("127.0.0.1", port))

    assert same(scenario) == errno.ECONNREFUSED


def test_a_listening_socket_accepts_wrapped_ones() -> None:
    def scenario(kind: str) -> Any:
        with server(kind).wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True) as listener:

            def connect() -> bytes:
                sock = socket.create_connection(listener.getsockname(), PATIENCE)
                with client("tls12").wrap_socket(sock, server_hostname=pki.NAME) as ours:
                    return ours.recv(10)

            with in_thread(connect) as got:
                accepted, _ = listener.accept()
                with accepted:
                    accepted.sendall(b"welcome")
                    return type(accepted) is type(listener), accepted.server_side, got.result()

    assert same(scenario) == (True, True, b"welcome")


REFUSED = {
    "dup": lambda tls: tls.dup(),
    "sendto": lambda tls: tls.sendto(b"x", ("127.0.0.1", 1)),
    "sendmsg": lambda tls: tls.sendmsg([b"x"]),
    "recvfrom": lambda tls: tls.recvfrom(1),
    "recvfrom_into": lambda tls: tls.recvfrom_into(bytearray(1)),
    "recvmsg": lambda tls: tls.recvmsg(1),
    "recvmsg_into": lambda tls: tls.recvmsg_into([bytearray(1)]),
    "recv with flags": lambda tls: tls.recv(1, socket.MSG_PEEK),
    "send with flags": lambda tls: tls.send(b"x", socket.MSG_OOB),
    "read less than nothing": lambda tls: tls.read(-1),
    "a binding that is none": lambda tls: tls.get_channel_binding("nonsense"),
    "post-handshake authentication": lambda tls: tls.verify_client_post_handshake(),
}


@pytest.mark.parametrize("call", REFUSED)
def test_what_cpython_refuses_is_refused_in_the_same_way(call: str) -> None:
    def scenario(kind: str) -> Any:
        with both_ends(kind) as (ours, _):
            try:
                return seen(lambda: REFUSED[call](ours))
            except NotImplementedError as error:
                return str(error).replace("tls12.sslcompat.sockets", "ssl")

    same(scenario)


def test_what_is_sent_and_read_in_many_ways_arrives() -> None:
    def scenario(kind: str) -> Any:
        with both_ends(kind) as (ours, theirs):
            theirs.sendall(b"0123456789" * 10)
            buffer = bytearray(10)
            got = [
                ours.recv(3),
                ours.pending(),
                ours.recv_into(buffer),
                bytes(buffer),
                ours.recv_into(buffer, 2),
                ours.read(4),
                ours.read(0),
                ours.recv_into(bytearray()),
                ours.read(5, buffer),
                bytes(buffer),
            ]
            file = ours.makefile("rwb")
            file.write(b"a line\n")
            file.flush()
            sent = ours.send(memoryview(b"abcd")), ours.send(b""), ours.sendfile(io.BytesIO(b"a file"))
            return got, file.read(20), sent, theirs.recv(7), theirs.recv(100), theirs.recv(100)

    same(scenario)


@pytest.mark.parametrize("name", ["", ".server.test", "bad\0name"])
def test_a_server_name_that_cannot_be_one_is_refused(name: str) -> None:
    def scenario(kind: str) -> Any:
        context = client(kind)
        context.check_hostname = False
        try:
            context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=name)
        except (ValueError, TypeError) as error:
            return type(error), str(error)

    same(scenario)


def test_a_connection_is_no_cycle() -> None:
    with both_ends("tls12") as (ours, theirs):
        engines = weakref.ref(ours._sslobj), weakref.ref(theirs._sslobj)
    del ours, theirs
    assert [engine() for engine in engines] == [None, None]
