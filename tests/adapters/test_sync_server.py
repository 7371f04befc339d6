"""A blocking server: what it serves, what ends a connection and never the server, and how a crowd is bounded."""

from __future__ import annotations

import functools
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests import pki
from tests.adapters import test_port_scans
from tests.ends import loopback
from tests.ends.loopback import PATIENCE, client_config, in_thread, read_to_end, server_config
from tls12 import Alert, ClientConnection, ClientHelloReceived, PeerAlert, ServerConnection, UsageError, sync
from tls12.driver import bounded_log
from tls12.sync import crowd, server


def echo(tls: sync.TLSSocket) -> None:
    while data := tls.recv():
        tls.sendall(data)


@contextmanager
def serving(handler: sync.Handler = echo, **options: Any) -> Iterator[sync.TLSServer]:
    listening = sync.listen("127.0.0.1", 0, server_config(), **options)
    with listening, in_thread(listening.serve_forever, handler) as served:
        try:
            yield listening
        finally:
            listening.shutdown()
            served.result(PATIENCE)


def connect(listening: sync.TLSServer) -> sync.TLSSocket:
    return sync.connect(*listening.address, client_config(), server_name=pki.NAME, timeout=PATIENCE)


def plain(listening: sync.TLSServer) -> socket.socket:
    return socket.create_connection(listening.address, PATIENCE)


def ask(listening: sync.TLSServer) -> bytes:
    with connect(listening) as tls:
        tls.sendall(b"a question")
        return tls.recv()


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def is_closed(sock: socket.socket) -> bool:
    try:
        return sock.recv(1) == b""
    except ConnectionError:
        return True


# --- serving


def test_clients_are_served_at_the_same_time_by_openssl_and_by_us() -> None:
    with serving() as listening, ExitStack() as open_connections:
        clients = [open_connections.enter_context(connect(listening)) for _ in range(8)]
        sock = open_connections.enter_context(plain(listening))
        openssl = loopback.openssl_client().wrap_socket(sock, server_hostname=pki.NAME)
        clients.append(open_connections.enter_context(openssl))
        for number, client in enumerate(clients):
            client.sendall(b"%d" % number)
        assert [client.recv(10) for client in reversed(clients)] == [b"%d" % n for n in reversed(range(9))]


def test_one_client_can_be_accepted_without_a_thread() -> None:
    with sync.listen("127.0.0.1", 0, server_config()) as listening, in_thread(ask, listening) as answered:
        tls, peer = listening.accept()
        with tls:
            assert peer == tls.getpeername()
            tls.sendall(tls.recv())
        assert answered.result() == b"a question"


def test_every_address_is_listened_on_where_that_is_asked() -> None:
    with sync.listen("", 0, server_config()) as listening:
        assert listening.sock.family == socket.AF_INET
    if socket.has_dualstack_ipv6():
        with sync.listen("::", 0, server_config()) as listening, in_thread(listening.serve_forever, echo):
            try:
                port = listening.address[1]
                for host in ("127.0.0.1", "::1"):
                    with sync.connect(host, port, client_config(), timeout=PATIENCE) as tls:
                        tls.sendall(b"?")
                        assert tls.recv() == b"?"
            finally:
                listening.shutdown()


def test_connections_may_be_made_by_the_caller() -> None:
    seen: list[str] = []
    make = functools.partial(ServerConnection, on_message=lambda sender, message, size: seen.append(sender))
    with serving(make_connection=make) as listening:
        assert ask(listening) == b"a question"
    assert {"client", "server"} <= set(seen)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_server_outlives_a_port_scan() -> None:
    failed: list[tuple[Any, BaseException]] = []
    with serving(handshake_timeout=1.0, on_failure=lambda peer, error: failed.append((peer, error))) as listening:
        for visit in test_port_scans.SCAN:
            with plain(listening) as sock:
                visit(sock)
            assert ask(listening) == b"a question", visit.__name__
        until(lambda: len(failed) == len(test_port_scans.SCAN))
    assert all(isinstance(error, OSError) for _, error in failed)


# --- what ends a connection and not the server


def test_a_handler_that_raises_ends_its_connection_with_an_alert(caplog: pytest.LogCaptureFixture) -> None:
    def handler(tls: sync.TLSSocket) -> None:
        if (asked := tls.recv()) == b"raise":
            tls.sendall(b"half an ans")
            raise KeyError("a bug")
        tls.sendall(asked)

    with serving(handler) as listening:
        with connect(listening) as tls:
            tls.sendall(b"raise")
            with pytest.raises(PeerAlert) as told:
                read_to_end(tls)
            assert told.value.received is Alert.INTERNAL_ERROR
        assert ask(listening) == b"a question"
    (record,) = [record for record in caplog.records if record.name == "tls12.sync"]
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert record.exc_info[0] is KeyError


@pytest.mark.parametrize("error", [FileNotFoundError("a file"), ConnectionRefusedError("a database"), SystemExit(1)])
def test_what_a_handler_raises_of_its_own_is_no_end_of_the_stream(error: BaseException) -> None:
    def handler(tls: sync.TLSSocket) -> None:
        raise error

    with serving(handler) as listening, connect(listening) as tls, pytest.raises(PeerAlert):
        read_to_end(tls)


def test_a_connection_that_fails_under_its_handler_is_information(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tls12.sync")
    with serving() as listening:
        tls = connect(listening)
        os.close(tls.detach())
        until(lambda: any(record.name == "tls12.sync" for record in caplog.records))
    (record,) = [record for record in caplog.records if record.name == "tls12.sync"]
    assert record.levelno == logging.INFO
    assert "without close_notify" in record.getMessage()


def test_a_silent_client_has_so_much_time(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tls12.sync")
    with serving(timeout=0.05) as listening, connect(listening) as tls, pytest.raises(PeerAlert):
        tls.recv()
    assert "timed out" in caplog.text
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


def test_failed_handshakes_are_logged_and_not_more_of_them_than_can_be_read(caplog: pytest.LogCaptureFixture) -> None:
    with serving() as listening:
        for _ in range(15):
            with plain(listening) as sock:
                sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
                read_to_end(sock)
        assert ask(listening) == b"a question"
    lines = [record.getMessage() for record in caplog.records if record.name == "tls12.sync"]
    assert len(lines) == 10
    assert all("does not speak TLS" in line and "127.0.0.1" in line for line in lines)


def test_a_function_of_the_caller_that_raises_ends_one_connection(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[int] = []

    def make(*arguments: Any, **options: Any) -> ServerConnection:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("no connection today")
        return ServerConnection(*arguments, **options)

    with serving(make_connection=make) as listening:
        with plain(listening) as sock:
            assert is_closed(sock)
        assert ask(listening) == b"a question"
    assert "no connection today" in caplog.text
    caplog.clear()

    def on_failure(peer: Any, error: BaseException) -> None:
        raise RuntimeError("a bug in on_failure")

    with serving(on_failure=on_failure) as listening:
        with plain(listening) as sock:
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            read_to_end(sock)
        assert ask(listening) == b"a question"
    assert "a bug in on_failure" in caplog.text


def test_a_process_without_files_goes_on_when_it_has_some(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Poor:
        """A listening socket whose first accept fails as where the process may open no more files."""

        def __init__(self, sock: socket.socket) -> None:
            self._sock = sock
            self.failed = 0

        def accept(self) -> tuple[socket.socket, Any]:
            self.failed += 1
            if self.failed == 1:
                raise OSError(24, "Too many open files")
            return self._sock.accept()

        def __getattr__(self, name: str) -> Any:
            return getattr(self._sock, name)

    monkeypatch.setattr(server, "_REST", 0.01)
    with sync.listen("127.0.0.1", 0, server_config()) as listening:
        listening.sock = Poor(listening.sock)  # type: ignore[assignment]
        with in_thread(listening.serve_forever, echo):
            try:
                assert ask(listening) == b"a question"
            finally:
                listening.shutdown()
    assert "Too many open files" in caplog.text


def test_a_system_without_threads_closes_the_connection(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with serving() as listening:
        assert ask(listening) == b"a question"
        start = threading.Thread.start

        def fail(thread: threading.Thread) -> None:
            if thread.name == "tls12.sync":
                raise RuntimeError("can't start new thread")
            start(thread)

        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", fail)
            with plain(listening) as sock:
                assert is_closed(sock)
        assert ask(listening) == b"a question"
    assert "can't start new thread" in caplog.text


# --- bounds


LONG_AGO = -1.0
"""A patience that every handshake exceeds."""


def test_above_the_bound_of_connections_a_new_one_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    with serving(max_connections=2) as listening:
        with connect(listening) as one, connect(listening):
            with plain(listening) as third, plain(listening) as fourth:
                assert is_closed(third)
                assert is_closed(fourth)
            one.sendall(b"still here")
            assert one.recv() == b"still here"
        until(lambda: not listening._crowd._established)
        assert ask(listening) == b"a question"
    lines = [record.getMessage() for record in caplog.records if record.name == "tls12.sync"]
    assert lines == ["max_connections is reached: 2 connections are open; a new connection was closed"]


def test_a_handshake_that_takes_too_long_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    failed: list[BaseException] = []
    server = serving(max_connections=1, on_failure=lambda _, error: failed.append(error))
    with server as listening, plain(listening) as silent:
        until(lambda: listening._crowd._handshakes)
        monkeypatch.setattr(crowd, "PATIENCE", LONG_AGO)
        assert ask(listening) == b"a question"
        assert is_closed(silent)
    assert "other connections waited" in str(failed[0])
    assert isinstance(failed[0], TimeoutError)


def test_above_the_bound_of_handshakes_connections_wait_and_the_newest_goes_first(
    caplog: pytest.LogCaptureFixture,
) -> None:
    order: list[str | None] = []

    def note(event: ClientHelloReceived) -> None:
        order.append(event.server_name)

    def visit(name: str) -> None:
        sync.connect(*listening.address, client_config(), server_name=name, timeout=PATIENCE).close()

    server = serving(max_handshakes=1, answers={ClientHelloReceived: note})
    with server as listening, plain(listening) as silent:
        until(lambda: listening._crowd._handshakes)
        with in_thread(visit, "first.wild.test") as first:
            until(lambda: len(listening._crowd._waiting) == 1)
            with in_thread(visit, "second.wild.test") as second:
                until(lambda: len(listening._crowd._waiting) == 2)
                silent.close()
                second.result()
                first.result()
    assert order == ["second.wild.test", "first.wild.test"]
    assert "max_handshakes is reached: 1 handshakes are open; new connections wait" in caplog.text


def test_while_connections_wait_a_handshake_has_little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "PATIENCE", 0.1)
    with serving(max_handshakes=2) as listening, ExitStack() as held:
        silent = [held.enter_context(plain(listening)) for _ in range(2)]
        until(lambda: len(listening._crowd._handshakes) == 2)
        assert ask(listening) == b"a question"
        assert is_closed(silent[0])


def test_a_wait_is_no_longer_than_a_handshake_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "PATIENCE", 0.05)
    hold = threading.Event()

    def answer(*_: Any) -> None:
        hold.wait(PATIENCE)

    options: dict[str, Any] = {"answers": {ClientHelloReceived: answer}, "handshake_timeout": 0.2}
    # A function of the application holds the handshake of the first client.
    with serving(max_handshakes=1, **options) as listening, in_thread(connect, listening) as stuck:
        until(lambda: listening._crowd._handshakes)
        with plain(listening) as waiting:
            assert is_closed(waiting)
        hold.set()
        with pytest.raises(OSError):
            stuck.result()


def test_the_share_of_one_address_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    with serving(max_per_address=1) as listening:
        with connect(listening), plain(listening) as second:
            assert is_closed(second)
            other = socket.create_connection(listening.address, PATIENCE, source_address=("127.0.0.2", 0))
            with other:
                assert sync.wrap(other, _client()).negotiated
        until(lambda: not listening._crowd._shares.by_address)
        assert ask(listening) == b"a question"
    assert "max_per_address is reached: 1 connections from 127.0.0.1 are open" in caplog.text


def _client() -> Any:
    return ClientConnection(client_config(), pki.NAME)


def test_a_line_of_the_log_says_how_many_were_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(max_connections=1) as listening, connect(listening):
        for _ in range(3):
            with plain(listening) as sock:
                assert is_closed(sock)
        monkeypatch.setattr(bounded_log, "PERIOD", LONG_AGO)
        with plain(listening) as sock:
            assert is_closed(sock)
    assert "(and 2 times since the last line)" in caplog.text


def test_a_crowd_leaves_neither_files_nor_threads_behind() -> None:
    def openings() -> int:
        return len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0

    with serving() as listening:
        assert ask(listening) == b"a question"
        until(lambda: not listening._crowd._established)
        before = openings()
        for _ in range(100):
            with plain(listening):
                pass
        for _ in range(20):
            assert ask(listening) == b"a question"
        until(lambda: not (listening._crowd._established or listening._crowd._handshakes))
        assert openings() <= before
    assert not [thread for thread in threading.enumerate() if thread.name == "tls12.sync"]


# --- the end


def test_a_server_that_is_closed_waits_for_its_handlers() -> None:
    begun, done = threading.Event(), threading.Event()

    def handler(tls: sync.TLSSocket) -> None:
        begun.set()
        time.sleep(0.1)
        tls.sendall(b"late but whole")
        done.set()

    with serving(handler) as listening, connect(listening) as tls:
        assert begun.wait(PATIENCE)
        listening.close()
        assert done.is_set()
        assert read_to_end(tls) == b"late but whole"
        listening.close()


def test_what_goes_on_for_too_long_is_cut_off() -> None:
    with serving() as listening, connect(listening) as tls, plain(listening) as silent:
        until(lambda: listening._crowd._handshakes and listening._crowd._established)
        began = time.monotonic()
        listening.close(0.1)
        assert time.monotonic() - began < PATIENCE / 2
        assert is_closed(silent)
        with pytest.raises(OSError):
            read_to_end(tls)
        assert not listening._crowd._established


def test_a_server_that_was_shut_down_serves_no_more() -> None:
    listening = sync.listen("127.0.0.1", 0, server_config())
    with listening:
        listening.shutdown()
        listening.serve_forever(echo)
    assert listening.fileno() == -1


# --- the caller's mistakes


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_connections": 0}, "max_connections is 0"),
        ({"max_handshakes": 0}, "max_handshakes is 0"),
        ({"max_per_address": "2"}, "max_per_address is '2'"),
        ({"timeout": 0}, "timeout is 0"),
        ({"timeout": -1}, "timeout is -1"),
        ({"handshake_timeout": 0}, "handshake_timeout is 0"),
        ({"on_failure": 3}, "on_failure"),
        ({"answers": 3}, "answers"),
    ],
)
def test_mistakes_are_named_before_anything_is_served(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        sync.listen("127.0.0.1", 0, server_config(), **options)


def test_a_client_configuration_no_socket_and_no_handler_are_refused() -> None:
    with pytest.raises(UsageError, match="a server needs a ServerConfig, not a ClientConfig"):
        sync.listen("127.0.0.1", 0, client_config())  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="sock is None"):
        sync.TLSServer(None, server_config())  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="port is 70000"):
        sync.listen("127.0.0.1", 70000, server_config())
    listening = sync.listen("127.0.0.1", 0, server_config())
    with listening, pytest.raises(UsageError, match="handler is None"):
        listening.serve_forever(None)  # type: ignore[arg-type]
