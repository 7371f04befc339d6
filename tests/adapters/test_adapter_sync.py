"""tls12.sync over real sockets: against OpenSSL, against ourselves, and against peers that misbehave."""

from __future__ import annotations

import contextlib
import http.client
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest

import tls12
from tests import ends, pki
from tests.ends import loopback
from tests.ends.loopback import (
    PATIENCE,
    client_config,
    in_thread,
    listening,
    openssl_reader,
    outcome_of_openssl,
    read_to_end,
    server_config,
    tcp_pair,
)
from tls12 import (
    Accept,
    Alert,
    CertificateRequested,
    ClientAuth,
    ClientConnection,
    ClientHelloReceived,
    Limits,
    PeerAlert,
    PeerCertificateReceived,
    PeerIncompatible,
    Policy,
    Refuse,
    Renegotiation,
    ServerConnection,
    TicketKeys,
    TLSError,
    TruncatedError,
    UsageError,
    sync,
)
from tls12.errors import ApplicationRefused, BadRecordMac, KeysExhausted, NameMismatch, NotTLS, UnknownIssuer
from tls12.registry import ContentType

LONG = bytes(range(256)) * 4096
"""1 MiB."""


def serve_openssl(sock: socket.socket, answer: bytes = b"hello") -> bytes:
    """One exchange as an OpenSSL server: what was asked."""
    with loopback.openssl_server().wrap_socket(sock, server_side=True) as tls:
        asked = tls.recv(65536)
        tls.sendall(answer)
        tls.unwrap()
        return asked


@contextmanager
def both_ends(
    client: dict[str, Any] | None = None, server: dict[str, Any] | None = None, **wrap_client: Any
) -> Iterator[tuple[sync.TLSSocket, sync.TLSSocket]]:
    """Two TLSSockets that have completed their handshake with each other."""
    one, other = tcp_pair()
    answers = wrap_client.get("answers")
    connection = ClientConnection(client_config(**client or {}), pki.NAME, pause_on=frozenset(answers or ()))
    with in_thread(sync.wrap, other, ServerConnection(server_config(**server or {}))) as accepted:
        ours = sync.wrap(one, connection, **wrap_client)
    with ours, accepted.result() as theirs:
        yield ours, theirs


# --- the everyday


def test_a_client_talks_to_openssl_and_both_know_what_was_agreed() -> None:
    with listening(serve_openssl) as (port, asked):
        with sync.connect("127.0.0.1", port, client_config(), server_name=pki.NAME, timeout=PATIENCE) as tls:
            tls.sendall(b"question")
            assert read_to_end(tls) == b"hello"
            assert tls.negotiated.server_name == pki.NAME
            assert len(tls.negotiated.verified_chain) == 3
        assert asked.result() == b"question"


def test_the_host_is_the_name_to_verify_unless_another_is_given() -> None:
    with listening(serve_openssl) as (port, _), sync.connect("127.0.0.1", port, client_config()) as tls:
        assert tls.negotiated.server_name == "127.0.0.1"
        tls.sendall(b"?")
        assert read_to_end(tls) == b"hello"


def test_an_empty_server_name_asks_for_none() -> None:
    config = client_config(verifier=tls12.AcceptAnyPeer())
    with listening(serve_openssl) as (port, _), sync.connect("127.0.0.1", port, config, server_name="") as tls:
        assert tls.negotiated.server_name is None
        tls.sendall(b"?")
        assert read_to_end(tls) == b"hello"


def test_a_wrapped_server_talks_to_openssl() -> None:
    def serve(sock: socket.socket) -> bytes:
        with sync.wrap(sock, ServerConnection(server_config())) as tls:
            asked = tls.recv()
            tls.sendall(LONG)
            return asked

    with listening(serve) as (port, asked):
        sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
        with loopback.openssl_client().wrap_socket(sock, server_hostname=pki.NAME) as tls:
            tls.sendall(b"question")
            assert read_to_end(tls) == LONG
        assert asked.result() == b"question"


def test_one_thread_reads_while_another_writes() -> None:
    with both_ends() as (client, server):

        def echo() -> None:
            while data := server.recv():
                server.sendall(data)
            server.close()

        def send() -> None:
            for _ in range(8):
                client.sendall(LONG)

        with in_thread(echo) as echoed, in_thread(send) as sent:
            received = 0
            while received < 8 * len(LONG):
                part = client.recv()
                assert part
                assert part == LONG[received % len(LONG) :][: len(part)]
                received += len(part)
            sent.result()
            client.shutdown(socket.SHUT_WR)
            assert client.recv() == b""
            echoed.result()


def test_recv_gives_no_more_than_asked_for_and_keeps_the_rest() -> None:
    with both_ends() as (client, server):
        server.sendall(b"abcdefgh")
        assert client.recv(3) == b"abc"
        assert client.pending() == 5
        buffer = bytearray(8)
        assert client.recv_into(buffer, 2) == 2
        assert client.recv(0) == b""
        assert client.recv_into(buffer) == 3
        assert bytes(buffer[:3]) == b"fgh"


def test_a_second_connection_resumes_the_session_of_the_first() -> None:
    keys = TicketKeys.generate()
    with both_ends(server={"ticket_keys": keys}) as (client, _):
        session = client.session
    one, other = tcp_pair()
    connection = ClientConnection(client_config(), pki.NAME, session=session)
    with in_thread(sync.wrap, other, ServerConnection(server_config(ticket_keys=keys))) as accepted:
        with sync.wrap(one, connection) as tls:
            assert tls.negotiated.resumed
        accepted.result().close()


# --- files


def test_lines_and_text_through_makefile() -> None:
    with both_ends() as (client, server):
        with client.makefile("rw", encoding="utf-8", newline="\n") as text:
            server.sendall("grüß\n".encode())
            assert text.readline() == "grüß\n"
            text.write("danke\n")
            text.flush()
            assert server.recv() == b"danke\n"
        server.sendall(b"gott")
        unbuffered = client.makefile("rb", 0)
        assert unbuffered.read(4) == b"gott"
        assert (unbuffered.readable(), unbuffered.writable()) == (True, False)
        assert unbuffered.fileno() == client.fileno()
        with client.makefile("wb") as binary:
            binary.write(b"bytes")
        assert server.recv() == b"bytes"


@pytest.mark.parametrize(("mode", "buffering"), [("x", None), ("r", 0)])
def test_makefile_refuses_what_socket_refuses(mode: str, buffering: int | None) -> None:
    with both_ends() as (client, _), pytest.raises(ValueError, match=r"invalid mode|must be binary"):
        client.makefile(mode, buffering)


def test_a_file_keeps_the_socket_open_as_http_client_needs_it() -> None:
    def serve(sock: socket.socket) -> None:
        with sync.wrap(sock, ServerConnection(server_config())) as tls, tls.makefile("rb") as request:
            while request.readline().strip():
                pass
            tls.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + LONG)

    with listening(serve) as (port, served):
        http_client = http.client.HTTPConnection("127.0.0.1", port)
        http_client.sock = sync.connect("127.0.0.1", port, client_config())
        http_client.request("GET", "/")
        response = http_client.getresponse()
        assert http_client.sock is None  # http.client has closed it, and reads on through its file
        assert response.read() == LONG
        served.result()


# --- the end, told apart


def test_a_missing_close_notify_is_a_truncation_after_all_that_arrived() -> None:
    def serve(sock: socket.socket) -> None:
        tls = loopback.openssl_server().wrap_socket(sock, server_side=True)
        tls.recv(100)
        tls.sendall(b"half a ")
        socket.socket(fileno=tls.detach()).close()

    with listening(serve) as (port, _), sync.connect("127.0.0.1", port, client_config()) as tls:
        tls.sendall(b"?")
        assert tls.recv() == b"half a "
        for _ in range(2):
            with pytest.raises(TruncatedError):
                tls.recv()


def test_writing_after_the_peer_has_closed_is_a_broken_pipe() -> None:
    with both_ends() as (client, server):
        server.close()
        assert client.recv() == b""
        with pytest.raises(BrokenPipeError):
            client.sendall(b"too late")


def test_writing_after_ones_own_close_notify_is_a_mistake() -> None:
    with both_ends() as (client, _):
        client.shutdown(socket.SHUT_WR)
        with pytest.raises(UsageError):
            client.send(b"more")


def test_half_close_lets_the_other_direction_go_on() -> None:
    with both_ends({"half_close": True}, {"half_close": True}) as (client, server):
        client.sendall(b"the question")
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(server) == b"the question"
        server.sendall(b"the answer")
        server.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == b"the answer"


def test_unwrap_gives_the_bare_socket_back_with_what_lay_behind() -> None:
    with both_ends() as (client, server):
        server.sendall(b"last words")

        def leave() -> socket.socket:
            plain = server.unwrap()
            plain.sendall(b"plain")
            return plain

        with in_thread(leave) as left:
            plain = client.unwrap()
            assert client.recv() == b"last words"
            rest = client.trailing_data
            while len(rest) < 5:
                rest += plain.recv(100)
            assert rest == b"plain"
            client.close()
            assert plain.fileno() != -1
            plain.close()
            left.result().close()


def test_unwrap_does_not_wait_for_ever_for_a_peer_that_never_closes() -> None:
    with both_ends() as (client, _):
        client.settimeout(None)
        started = time.monotonic()
        with pytest.raises(TimeoutError, match=r"the end of the TLS connection was not complete within 0\.2 s"):
            client.unwrap(timeout=0.2)
        assert time.monotonic() - started < PATIENCE / 2


def test_unwrap_does_not_read_without_bound_from_a_peer_that_sends_on() -> None:
    with both_ends({"half_close": True}, {"half_close": True}) as (client, server):

        def flood() -> None:
            with contextlib.suppress(OSError):
                while True:
                    server.sendall(bytes(100_000))

        with in_thread(flood):
            with pytest.raises(ConnectionAbortedError, match="the peer sends on after our close_notify"):
                client.unwrap(timeout=PATIENCE)
            assert client.pending() < 2 << 20
            client.close()


def test_closing_wakes_a_thread_that_reads() -> None:
    with both_ends() as (client, _), in_thread(client.recv) as waiting:
        time.sleep(0.05)
        client.close()
        with pytest.raises((OSError, TruncatedError)):
            waiting.result(PATIENCE)


def test_shutting_down_both_directions_ends_the_tcp_connection_too() -> None:
    with both_ends() as (client, server):
        client.shutdown(socket.SHUT_RDWR)
        assert server.recv() == b""


# --- failures


@pytest.mark.parametrize(
    ("settings", "name", "error", "told"),
    [
        ({}, "other.test", NameMismatch, "SSLV3_ALERT_BAD_CERTIFICATE"),
        (
            {"verifier": tls12.X509Verifier(tls12.TrustStore.from_pem(pki.root(name="Unknown root").pem))},
            pki.NAME,
            UnknownIssuer,
            "TLSV1_ALERT_UNKNOWN_CA",
        ),
    ],
)
def test_the_alert_is_out_before_the_handshake_fails(
    settings: dict[str, Any], name: str, error: type[Exception], told: str
) -> None:
    with listening(outcome_of_openssl) as (port, complaint):
        with pytest.raises(error):
            sync.connect("127.0.0.1", port, client_config(**settings), server_name=name)
        assert complaint.result() == told


@pytest.mark.parametrize("role", ["client", "server"])
def test_a_flipped_bit_is_caught_and_the_peer_is_told(role: str) -> None:
    with both_ends() as ends:
        honest, victim = ends if role == "server" else reversed(ends)
        honest.sendall(b"before")
        honest.connection.send_data(b"to be altered")
        sealed = bytearray(honest.connection.data_to_send())
        sealed[-1] ^= 0x80
        honest.sock.sendall(sealed)
        assert victim.recv() == b"before"
        with pytest.raises(BadRecordMac):
            victim.recv()
        with pytest.raises(PeerAlert) as told:
            honest.recv()
        assert told.value.received is Alert.BAD_RECORD_MAC


def test_a_peer_that_speaks_http_is_named_and_gets_an_alert() -> None:
    one, other = tcp_pair()
    with one, in_thread(sync.wrap, other, ServerConnection(server_config())) as outcome:
        one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = read_to_end(one)
        with pytest.raises(NotTLS, match="HTTP"):
            outcome.result()
    assert answer[0] == ContentType.ALERT
    assert len(answer) == 7


def test_the_reason_is_raised_when_the_peer_hangs_up_while_we_write() -> None:
    with both_ends() as (client, server):
        server.connection.abort(Alert.ACCESS_DENIED)
        server.close()
        with pytest.raises(PeerAlert) as reason:
            client.sendall(LONG * 16)
        assert reason.value.received is Alert.ACCESS_DENIED


@pytest.mark.parametrize("reset", [False, True])
def test_the_reason_is_raised_when_the_peer_hangs_up_during_the_handshake(reset: bool) -> None:
    """A server that refuses at once: its alert is read even if a reset keeps the ClientHello from being sent."""
    one, other = tcp_pair()
    if reset:
        one.sendall(b"nobody reads this")
        time.sleep(0.05)
    other.sendall(bytes((ContentType.ALERT, 3, 3, 0, 2, 2, Alert.HANDSHAKE_FAILURE)))
    other.close()
    time.sleep(0.05)
    with pytest.raises(PeerAlert) as reason:
        sync.wrap(one, ClientConnection(client_config(), pki.NAME))
    assert reason.value.received is Alert.HANDSHAKE_FAILURE
    assert one.fileno() == -1


@pytest.mark.parametrize("method", ["send", "sendall"])
def test_what_could_not_be_sealed_any_more_is_not_passed_off_as_sent(method: str) -> None:
    with both_ends({"limits": Limits(records_per_key=3)}) as (client, server):
        with in_thread(lambda: read_to_end(server)) as heard:
            write = getattr(client, method)
            write(b"one")
            write(b"two")
            with pytest.raises(KeysExhausted):
                write(b"three")
            with pytest.raises(PeerAlert) as told:
                heard.result()
        assert told.value.received is Alert.INTERNAL_ERROR


def test_what_its_owner_aborts_is_over_for_readers_and_writers_too() -> None:
    with both_ends() as (client, server):
        client.connection.abort(Alert.ACCESS_DENIED)
        client.flush()
        for act in (client.recv, lambda: client.sendall(b"?"), client.unwrap):
            with pytest.raises(TLSError, match="aborted by its owner"):
                act()
        with pytest.raises(PeerAlert) as told:
            server.recv()
        assert told.value.received is Alert.ACCESS_DENIED


def test_a_handshake_that_its_owner_gives_up_ends() -> None:
    def give_up(_: PeerCertificateReceived) -> Accept:
        connection.close()
        return Accept()

    connection = ClientConnection(client_config(), pki.NAME, pause_on=frozenset({PeerCertificateReceived}))
    with listening(openssl_reader) as (port, outcome):
        sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
        with pytest.raises(ConnectionAbortedError):
            sync.wrap(sock, connection, answers={PeerCertificateReceived: give_up})
        with pytest.raises(OSError):
            outcome.result()


def test_a_peer_that_says_goodbye_during_the_handshake_is_not_waited_for() -> None:
    def serve(sock: socket.socket) -> bytes:
        sock.recv(65536)
        sock.sendall(bytes((ContentType.ALERT, 3, 3, 0, 2, 1, Alert.CLOSE_NOTIFY)))
        return read_to_end(sock)

    with listening(serve) as (port, heard):
        with pytest.raises(ConnectionAbortedError):
            sync.connect("127.0.0.1", port, client_config(), timeout=PATIENCE)
        assert heard.result() == bytes((ContentType.ALERT, 3, 3, 0, 2, 1, Alert.CLOSE_NOTIFY))


def reset(sock: socket.socket) -> None:
    """Break the connection off, so that the other side gets no FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def test_a_reset_is_called_one_and_not_an_end_without_close_notify() -> None:
    one, other = tcp_pair()
    reset(other)
    with pytest.raises(ConnectionResetError):
        sync.wrap(one, ClientConnection(client_config(), pki.NAME))
    with both_ends() as (client, server):
        reset(server.sock)
        time.sleep(0.05)
        with pytest.raises(ConnectionResetError):
            client.sendall(LONG * 16)
        with pytest.raises(ConnectionResetError):
            client.recv()


def test_send_finds_the_reason_too() -> None:
    with both_ends() as (client, server):
        server.connection.abort(Alert.ACCESS_DENIED)
        server.close()
        client.send(b"crosses the alert on the way")
        time.sleep(0.05)
        with pytest.raises(PeerAlert):
            client.send(b"meets a closed door")


def test_a_thread_that_reads_learns_the_reason_while_another_writes() -> None:
    with both_ends() as (client, server), in_thread(client.recv) as reading:
        time.sleep(0.05)
        server.connection.abort(Alert.ACCESS_DENIED)
        server.close()
        with pytest.raises((PeerAlert, ConnectionError)):
            client.sendall(LONG * 16)
        with pytest.raises(PeerAlert):
            reading.result()


def test_what_an_application_object_raises_comes_through_after_the_alert() -> None:
    class Broken(tls12.AcceptAnyPeer):
        def verify(self, peer: Any) -> tuple[bytes, ...]:
            raise ZeroDivisionError("a bug of the application")

    with listening(outcome_of_openssl) as (port, complaint):
        with pytest.raises(ZeroDivisionError):
            sync.connect("127.0.0.1", port, client_config(verifier=Broken()))
        assert complaint.result() == "TLSV1_ALERT_INTERNAL_ERROR"


# --- time


def test_a_silent_peer_cannot_hold_the_handshake() -> None:
    one, other = tcp_pair()
    with other, pytest.raises(TimeoutError, match=r"not complete within 0\.1 s"):
        sync.wrap(one, ClientConnection(client_config(), pki.NAME), handshake_timeout=0.1)
    assert one.fileno() == -1


def test_a_peer_that_drips_cannot_hold_the_handshake() -> None:
    one, other = tcp_pair()
    stop = threading.Event()

    def drip() -> None:
        record = bytes((ContentType.HANDSHAKE, 3, 3, 64, 0))
        for byte in record + bytes(16384):
            if stop.wait(0.02):
                return
            other.send(bytes((byte,)))

    with other, in_thread(drip):
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            sync.wrap(one, ClientConnection(client_config(), pki.NAME), handshake_timeout=0.3)
        assert time.monotonic() - started < 2
        stop.set()


def test_the_sockets_own_timeout_bounds_each_wait_of_the_handshake() -> None:
    one, other = tcp_pair()
    one.settimeout(0.1)
    with other, pytest.raises(TimeoutError, match="timed out"):
        sync.wrap(one, ClientConnection(client_config(), pki.NAME))


def test_the_sockets_own_timeout_survives_the_handshake() -> None:
    with both_ends() as (client, _):
        assert client.gettimeout() == PATIENCE
        client.settimeout(3)
        assert client.gettimeout() == client.sock.gettimeout() == 3


def test_a_recv_that_timed_out_may_be_repeated() -> None:
    with both_ends() as (client, server):
        server.connection.send_data(b"in two parts")
        sealed = server.connection.data_to_send()
        server.sock.sendall(sealed[:9])
        client.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.recv()
        server.sock.sendall(sealed[9:])
        client.settimeout(PATIENCE)
        assert client.recv() == b"in two parts"


def test_a_sendall_that_timed_out_leaves_the_stream_whole() -> None:
    with both_ends() as (client, server):
        client.settimeout(0.05)
        long = LONG * 32
        with pytest.raises(TimeoutError):
            client.sendall(long)
        client.settimeout(PATIENCE)

        def finish() -> None:
            client.sendall(b"the end")
            client.shutdown(socket.SHUT_WR)

        with in_thread(finish) as finished:
            received = read_to_end(server)
            finished.result()
        assert received.endswith(b"the end")
        body = received.removesuffix(b"the end")
        assert 0 < len(body) < len(long)
        assert body == long[: len(body)]


# --- non-blocking sockets


def test_a_nonblocking_handshake_and_transfer_with_select() -> None:
    one, other = tcp_pair()
    one.setblocking(False)
    with in_thread(sync.wrap, other, ServerConnection(server_config())) as accepted:
        client = sync.wrap(one, ClientConnection(client_config(), pki.NAME))
        with pytest.raises(UsageError, match="do_handshake"):
            _ = client.negotiated
        while True:
            try:
                client.do_handshake()
                break
            except BlockingIOError:
                select.select([client], [], [], PATIENCE)
        server = accepted.result()
    with client, server:
        with pytest.raises(BlockingIOError):
            client.recv()
        assert client.makefile("rb", 0).read(1) is None
        sent = bytearray()
        try:
            while True:
                sent += LONG[: client.send(LONG)]
        except BlockingIOError:
            file = client.makefile("wb", 0)
            assert file.write(b"full") is None
        with in_thread(lambda: b"".join(iter(server.recv, b""))) as received:
            while True:
                try:
                    client.flush()
                    break
                except BlockingIOError:
                    select.select([], [client], [], PATIENCE)
            file.close()
            client.shutdown(socket.SHUT_WR)
            assert received.result() == sent


# --- pausing, renegotiating


def test_answers_decide_what_the_connection_waits_for() -> None:
    asked: list[CertificateRequested] = []

    def choose(event: CertificateRequested) -> tls12.Credential:
        asked.append(event)
        return ends.credential_of(pki.client())

    with both_ends(
        server={"client_auth": ClientAuth.REQUIRED, "verifier": ends.verifier()},
        answers={CertificateRequested: choose},
    ) as (_, server):
        assert len(asked) == 1
        assert server.negotiated.peer_certificates[0] == pki.client().chain_der[0]


def test_an_answer_that_takes_two_arguments_gets_the_connection() -> None:
    seen: list[Any] = []

    def choose(event: CertificateRequested, connection: ClientConnection) -> None:
        seen.append(connection)

    with both_ends(
        server={"client_auth": ClientAuth.OPTIONAL, "verifier": ends.verifier()},
        answers={CertificateRequested: choose},
    ) as (client, _):
        assert seen == [client.connection]


def test_an_answer_may_refuse_and_the_peer_is_told() -> None:
    answers = {ClientHelloReceived: lambda event: Refuse(Alert.ACCESS_DENIED)}
    one, other = tcp_pair()
    server = ServerConnection(server_config(), pause_on=frozenset(answers))
    with in_thread(lambda: sync.wrap(other, server, answers=answers)) as refused:
        with pytest.raises(PeerAlert) as told:
            sync.wrap(one, ClientConnection(client_config(), pki.NAME))
        assert told.value.received is Alert.ACCESS_DENIED
        with pytest.raises(ApplicationRefused):
            refused.result()


def test_an_answer_that_raises_comes_through_after_the_alert() -> None:
    def broken(event: ClientHelloReceived) -> None:
        raise ZeroDivisionError

    one, other = tcp_pair()
    server = ServerConnection(server_config(), pause_on=frozenset({ClientHelloReceived}))
    with in_thread(lambda: sync.wrap(other, server, answers={ClientHelloReceived: broken})) as failed:
        with pytest.raises(PeerAlert) as told:
            sync.wrap(one, ClientConnection(client_config(), pki.NAME))
        assert told.value.received is Alert.INTERNAL_ERROR
        with pytest.raises(ZeroDivisionError):
            failed.result()


def test_a_renegotiation_that_the_policy_does_not_allow_is_declined_and_nothing_is_lost() -> None:
    asking = Policy.default().replace(renegotiation=Renegotiation.ALLOW)
    with both_ends(server={"policy": asking}) as (client, server):
        server.connection.renegotiate()
        server.flush()
        server.sendall(b"before the answer")
        assert client.recv() == b"before the answer"
        client.sendall(b"no, thank you")
        assert server.recv() == b"no, thank you"


def test_a_renegotiation_that_the_policy_ends_the_connection_for_is_told() -> None:
    asking = Policy.default().replace(renegotiation=Renegotiation.ALLOW)
    strict = Policy.default().replace(renegotiation=Renegotiation.FATAL)
    with both_ends({"policy": strict}, {"policy": asking}) as (client, server):
        server.connection.renegotiate()
        server.flush()
        with pytest.raises(PeerIncompatible, match="asked for a renegotiation"):
            client.recv()
        with pytest.raises(PeerAlert) as told:
            server.recv()
        assert told.value.received is Alert.HANDSHAKE_FAILURE


def test_a_renegotiation_that_the_policy_allows_happens_by_itself() -> None:
    policy = Policy.default().replace(renegotiation=Renegotiation.ALLOW)
    with both_ends({"policy": policy}, {"policy": policy}) as (client, server):
        before = server.negotiated
        server.connection.renegotiate()
        server.flush()
        server.sendall(b"ready?")
        with in_thread(server.recv) as answer:
            assert client.recv() == b"ready?"
            client.sendall(b"ready")
            client.settimeout(0.2)
            with pytest.raises(TimeoutError):
                client.recv()  # what moves the handshake along
            client.settimeout(PATIENCE)
            server_data: Future[bytes] = answer
            assert server_data.result() == b"ready"
        assert server.negotiated.client_random != before.client_random


def test_its_printed_form_says_where_it_stands() -> None:
    with both_ends() as (client, _):
        assert "ESTABLISHED" in repr(client)
        assert client.getpeername() == client.sock.getpeername()
        assert client.getsockname() == client.sock.getsockname()
