"""TLS that begins on a plain connection: with servers that agree, and with attackers who change the dialogue."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import pki
from tests.adapters.plain_servers import SPOKEN, begin_tls, talk
from tests.ends.loopback import PATIENCE, client_config, in_thread, listening, read_to_end, tcp_pair
from tls12 import AcceptAnyPeer, UsageError, sync
from tls12.errors import LimitExceeded, NameMismatch, NotTLS, PlaintextInjected, UpgradeRefused
from tls12.sync.starttls import PROTOCOLS

each_protocol = pytest.mark.parametrize("name", SPOKEN)
INJECTED = dict.fromkeys(SPOKEN, b"injected") | {"smtp": b"250 injected\r\n", "xmpp": b" "}
"""What an attacker puts behind the go-ahead."""


def upgrade(name: str, where: Any, **options: Any) -> sync.TLSSocket:
    by_name: Callable[..., sync.TLSSocket] = getattr(sync, f"starttls_{name}")
    return by_name(where, client_config(), **{"server_name": pki.NAME, "handshake_timeout": PATIENCE} | options)


def serve(name: str, *, injected: bytes = b"", piece: int = 0) -> Callable[[socket.socket], bytes]:
    """A server that agrees, and says this in the same segment as its agreement; or all in pieces of this size."""
    spoken = SPOKEN[name]

    def both(sock: socket.socket) -> bytes:
        first, answers = spoken.first, spoken.answers
        if answers:
            answers = (*answers[:-1], (answers[-1][0], answers[-1][1] + injected))
        else:
            first += injected
        talk(_Slow(sock, piece) if piece else sock, first, answers)  # type: ignore[arg-type]
        return read_to_end(sock) if injected else begin_tls(sock)

    return both


class _Slow:
    """A socket that sends small pieces."""

    def __init__(self, sock: socket.socket, piece: int) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.recv = sock.recv
        self._send = sock.sendall
        self._piece = piece

    def sendall(self, data: bytes) -> None:
        for start in range(0, len(data), self._piece):
            self._send(data[start : start + self._piece])


def test_every_protocol_has_a_function_and_is_tested() -> None:
    assert PROTOCOLS.keys() == SPOKEN.keys()
    assert {f"starttls_{name}" for name in PROTOCOLS} <= set(sync.__all__)


@each_protocol
@pytest.mark.parametrize("piece", [0, 1])
def test_the_connection_is_protected_behind_the_dialogue(name: str, piece: int) -> None:
    with listening(serve(name, piece=piece)) as (port, heard):
        with upgrade(name, ("127.0.0.1", port), timeout=PATIENCE) as tls:
            assert tls.recv() == b"protected"
            assert tls.negotiated.server_name == pki.NAME
            tls.sendall(b"secret")
        assert heard.result() == b"secret"


@each_protocol
def test_a_connected_socket_is_taken_and_keeps_its_timeout(name: str) -> None:
    one, other = tcp_pair()
    one.settimeout(7.0)
    with other, in_thread(serve(name), other), upgrade(name, one) as tls:
        assert tls.recv() == b"protected"
        assert tls.gettimeout() == 7.0


@each_protocol
def test_the_dialogue_can_be_watched(name: str) -> None:
    said: list[tuple[str, bytes]] = []
    with listening(serve(name)) as (port, _):
        upgrade(name, ("127.0.0.1", port), on_plain=lambda sender, data: said.append((sender, data))).close()
    spoken = SPOKEN[name]
    by_server = b"".join(data for sender, data in said if sender == "server")
    by_client = b"".join(data for sender, data in said if sender == "client")
    assert by_server == spoken.first + b"".join(answer for _, answer in spoken.answers)
    assert all(request in by_client for request, _ in spoken.answers)


# --- attacks


def stripped() -> dict[str, tuple[str, tuple[bytes, tuple[tuple[bytes, bytes], ...]]]]:
    return {f"{name} {n}": (name, way) for name, spoken in SPOKEN.items() for n, way in enumerate(spoken.stripped, 1)}


@pytest.mark.parametrize(("name", "way"), stripped().values(), ids=stripped())
def test_a_stripped_offer_ends_the_connection_and_nothing_else_is_sent(
    name: str, way: tuple[bytes, tuple[tuple[bytes, bytes], ...]]
) -> None:
    def attacker(sock: socket.socket) -> bytes:
        talk(sock, *way)
        sock.shutdown(socket.SHUT_WR)
        return read_to_end(sock)

    one, other = tcp_pair()
    with other, in_thread(attacker, other) as heard:
        with pytest.raises(UpgradeRefused) as refusal:
            upgrade(name, one)
        assert heard.result() == b""
    assert one.fileno() == -1
    assert isinstance(refusal.value, OSError)
    assert "do not go on without it" in str(refusal.value)


@each_protocol
def test_bytes_behind_the_go_ahead_are_an_error_and_no_hello_is_sent(name: str) -> None:
    one, other = tcp_pair()
    with other, in_thread(serve(name, injected=INJECTED[name]), other) as heard:
        with pytest.raises(PlaintextInjected, match=f"{len(INJECTED[name])} bytes without protection"):
            upgrade(name, one)
        assert b"\x16\x03" not in heard.result()
    assert one.fileno() == -1


@each_protocol
def test_bytes_that_come_later_than_the_go_ahead_are_refused_by_tls(name: str) -> None:
    def attacker(sock: socket.socket) -> None:
        talk(sock, SPOKEN[name].first, SPOKEN[name].answers)
        if sock.recv(1, socket.MSG_PEEK) != b"\x16":
            sock.recv(36, socket.MSG_WAITALL)
        sock.recv(1)  # the client waits for a record now
        sock.sendall(b"250 injected\r\n")
        read_to_end(sock)

    one, other = tcp_pair()
    with other, in_thread(attacker, other), pytest.raises(NotTLS):
        upgrade(name, one)
    assert one.fileno() == -1


@each_protocol
@pytest.mark.parametrize("junk", [b"* 250-\0", b"* a\r\n220-a\r\n", b"<a>"], ids=["no line", "lines", "elements"])
def test_a_server_that_talks_on_is_cut_off(name: str, junk: bytes) -> None:
    def talker(sock: socket.socket) -> None:
        sock.sendall(SPOKEN[name].first)
        while True:
            try:
                sock.sendall(junk * 1000)
            except OSError:
                return

    one, other = tcp_pair()
    # MySQL's greeting is complete here, so what comes later is read as TLS.
    with other, in_thread(talker, other), pytest.raises((LimitExceeded, UpgradeRefused, PlaintextInjected, NotTLS)):
        upgrade(name, one)
    assert one.fileno() == -1


@pytest.mark.parametrize(("name", "junk"), [("smtp", b"220-a\r\n"), ("imap", b"* OK"), ("xmpp", b"<a>")])
def test_lines_without_an_end_and_an_end_without_a_line_are_bounded(name: str, junk: bytes) -> None:
    one, other = tcp_pair()
    with other, in_thread(lambda: other.sendall(junk * 30_000)), pytest.raises(LimitExceeded, match="65536"), other:
        upgrade(name, one)


@each_protocol
def test_a_silent_server_is_waited_for_no_longer_than_allowed(name: str) -> None:
    one, other = tcp_pair()
    with other, pytest.raises(TimeoutError, match=r"within 0\.2 s"):
        upgrade(name, one, handshake_timeout=0.2)
    assert one.fileno() == -1


@pytest.mark.parametrize(("name", "byte"), [("smtp", b"2"), ("imap", b"*"), ("pop3", b"+"), ("xmpp", b" ")])
def test_a_server_that_sends_single_bytes_has_no_more_time(name: str, byte: bytes) -> None:
    def drip(sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            for _ in range(100):
                sock.sendall(byte)
                time.sleep(0.05)

    one, other = tcp_pair()
    with other, in_thread(drip, other), pytest.raises(TimeoutError):
        upgrade(name, one, handshake_timeout=0.3)


@each_protocol
@settings(max_examples=60, deadline=None)
@given(said=st.binary(max_size=80), start=st.integers(0, 3))
def test_any_bytes_of_a_server_raise_an_oserror_and_nothing_else(name: str, said: bytes, start: int) -> None:
    spoken = SPOKEN[name]
    first = spoken.first + b"".join(answer for _, answer in spoken.answers)
    one, other = socket.socketpair()
    with other:
        other.sendall(first[: len(first) * start // 4] + said)
        other.shutdown(socket.SHUT_WR)
        with pytest.raises(OSError):
            upgrade(name, one)
    assert one.fileno() == -1


@each_protocol
def test_a_certificate_for_another_name_is_refused(name: str) -> None:
    spoken = SPOKEN[name]
    answers = tuple((request.replace(b"server.test", b"other.test"), answer) for request, answer in spoken.answers)

    def other_server(sock: socket.socket) -> None:
        talk(sock, spoken.first, answers)
        with pytest.raises(ssl.SSLError):
            begin_tls(sock)

    one, other = tcp_pair()
    with other, in_thread(other_server, other) as served, pytest.raises(NameMismatch):
        upgrade(name, one, server_name="other.test")
    served.result()


def test_a_reset_is_raised_as_it_is() -> None:
    one, other = tcp_pair()
    other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    other.close()
    with pytest.raises(ConnectionError):
        upgrade("smtp", one)
    assert one.fileno() == -1


# --- the caller's mistakes, before anything is sent


def test_mistakes_of_the_caller_are_said_before_anything_is_sent() -> None:
    one, other = tcp_pair()
    any_peer = client_config(verifier=AcceptAnyPeer())
    with one, other:
        with pytest.raises(UsageError, match="give one of smtp, imap"):
            sync.starttls("gopher", one, client_config())
        with pytest.raises(UsageError, match="needs to know whom it verifies"):
            sync.starttls_smtp(one, client_config())
        with pytest.raises(UsageError, match=r"give \(host, port\)"):
            sync.starttls_smtp("localhost", client_config())  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="port is 70000"):
            sync.starttls_smtp(("localhost", 70000), client_config())
        with pytest.raises(UsageError, match="domain"):
            sync.starttls_xmpp(one, any_peer, server_name="")
        with pytest.raises(UsageError, match="on_plain"):
            sync.starttls_smtp(one, any_peer, on_plain=3)  # type: ignore[typeddict-item]
        with pytest.raises(UsageError, match="handshake_timeout is 0"):
            sync.starttls_smtp(one, any_peer, handshake_timeout=0)
        one.setblocking(False)
        with pytest.raises(UsageError, match="non-blocking"):
            sync.starttls_smtp(one, any_peer)
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.recv(1)


def test_a_watcher_that_raises_ends_the_connection() -> None:
    def watch(sender: str, data: bytes) -> None:
        raise RuntimeError("a bug")

    one, other = tcp_pair()
    with other:
        other.sendall(b"220 ready\r\n")
        with pytest.raises(RuntimeError, match="a bug"):
            upgrade("smtp", one, on_plain=watch)
    assert one.fileno() == -1


@pytest.mark.parametrize("family", [socket.AF_INET6, getattr(socket, "AF_UNIX", None)])
def test_smtp_is_told_an_address_and_never_a_host_name(family: int | None, tmp_path: Any) -> None:
    if family is None:
        pytest.skip("no such sockets here")
    heard: list[bytes] = []
    if family == socket.AF_INET6:
        with socket.create_server(("::1", 0), family=family) as listener:
            one = socket.create_connection(listener.getsockname()[:2], PATIENCE)
            other, _ = listener.accept()
    else:
        one, other = socket.socketpair()
    with other:
        other.sendall(b"220 ready\r\n250 STARTTLS\r\n554 no\r\n")
        with pytest.raises(UpgradeRefused):
            upgrade("smtp", one, on_plain=lambda sender, data: heard.append(data))
    greeting = b"[IPv6:::1]" if family == socket.AF_INET6 else b"localhost"
    assert b"EHLO " + greeting + b"\r\n" in heard
