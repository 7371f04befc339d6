"""What a TLSSocket can be asked, beside an SSLSocket of CPython that is asked the same."""

from __future__ import annotations

import contextlib
import io
import os
import selectors
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import ends, pki
from tests.ends import loopback
from tests.ends.loopback import PATIENCE, client_config, in_thread, listening, read_to_end, server_config, tcp_pair
from tls12 import AcceptAnyPeer, ClientConnection, Policy, ServerConnection, TicketKeys, UsageError, sync

SUITE = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
LONG = bytes(range(256)) * 4096


@contextmanager
def both_ends(
    client: dict[str, Any] | None = None, server: dict[str, Any] | None = None
) -> Iterator[tuple[sync.TLSSocket, sync.TLSSocket]]:
    one, other = tcp_pair()
    with in_thread(sync.wrap, other, ServerConnection(server_config(**server or {}))) as accepted:
        ours = sync.wrap(one, ClientConnection(client_config(**client or {}), pki.NAME))
    with ours, accepted.result() as theirs:
        yield ours, theirs


def openssl_context() -> ssl.SSLContext:
    context = loopback.openssl_client()
    context.set_alpn_protocols(["h2"])
    return context


def test_the_answers_are_those_of_cpythons_socket() -> None:
    """Both clients talk to the same server; of the binding that the keys make each has its own."""

    def serve(sock: socket.socket) -> bytes:
        context = ends.openssl_context(server_side=True, credential=pki.server(), alpn=("h2",))
        context.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384")
        with context.wrap_socket(sock, server_side=True) as tls:
            binding = tls.get_channel_binding("tls-unique")
            read_to_end(tls)
            return binding or b""

    config = client_config(alpn_protocols=("h2",))
    with listening(serve) as (port, binding):
        with sync.connect("127.0.0.1", port, config, server_name=pki.NAME, timeout=PATIENCE) as ours:
            told = answers(ours)
            unique = ours.get_channel_binding()
            end_point = ours.get_channel_binding("tls-server-end-point")
        assert unique == binding.result()
    with listening(serve) as (port, _):
        sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
        with openssl_context().wrap_socket(sock, server_hostname=pki.NAME) as theirs:
            assert told == answers(theirs)
    assert end_point is not None
    assert len(end_point) == 32


def answers(sock: Any) -> dict[str, Any]:
    return {
        "version": sock.version(),
        "cipher": sock.cipher(),
        "compression": sock.compression(),
        "alpn": sock.selected_alpn_protocol(),
        "certificate": sock.getpeercert(),
        "DER": sock.getpeercert(True),
        "reused": sock.session_reused,
        "name": sock.server_hostname,
        "server": sock.server_side,
        "family": sock.family,
        "type": sock.type,
        "proto": sock.proto,
        "timeout": sock.timeout,
        "blocking": sock.getblocking(),
        "inheritable": sock.get_inheritable(),
        "keepalive": sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
        "peer": sock.getpeername()[0],
        "pending": sock.pending(),
    }


def test_before_the_handshake_there_is_little_to_say() -> None:
    one, other = tcp_pair()
    one.setblocking(False)
    with other, sync.wrap(one, ClientConnection(client_config(), pki.NAME)) as tls:
        assert (tls.version(), tls.cipher(), tls.selected_alpn_protocol(), tls.server_hostname) == (None,) * 4
        assert tls.get_channel_binding() is None
        assert tls.session_reused is False
        with pytest.raises(UsageError, match="do_handshake"):
            tls.getpeercert()
        with pytest.raises(ValueError):  # as in `ssl`
            tls.getpeercert()


def test_a_peer_without_a_certificate_has_none_and_one_that_nobody_verified_has_an_empty_dictionary() -> None:
    with both_ends(client={"verifier": AcceptAnyPeer()}) as (client, server):
        assert server.getpeercert() is None
        assert server.getpeercert(True) is None
        assert server.server_side
        assert server.server_hostname == pki.NAME
        assert client.getpeercert() == {}
        assert client.getpeercert(True) == client.negotiated.peer_certificates[0]


def test_a_resumed_session_says_so() -> None:
    config = client_config(policy=Policy.default().replace(cipher_suites=(SUITE,)))
    session = None
    for resumed in (False, True):
        one, other = tcp_pair()
        with in_thread(sync.wrap, other, ServerConnection(SERVER)) as accepted:
            client = sync.wrap(one, ClientConnection(config, pki.NAME, session=session))
        with client, accepted.result() as server:
            assert client.session_reused is resumed
            assert server.session_reused is resumed
            assert client.cipher() == ("ECDHE-ECDSA-AES256-GCM-SHA384", "TLSv1.2", 256)
            session = client.session


SERVER = server_config(ticket_keys=TicketKeys.generate())


def test_an_unknown_channel_binding_is_a_mistake() -> None:
    with both_ends() as (client, _), pytest.raises(ValueError, match="tls-other"):
        client.get_channel_binding("tls-other")


def test_options_and_times_are_those_of_the_socket_underneath() -> None:
    with both_ends() as (client, _):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        assert client.sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0
        client.set_inheritable(True)
        assert os.get_inheritable(client.fileno())
        client.settimeout(3)
        assert client.timeout == client.gettimeout() == client.sock.gettimeout() == 3
        client.setblocking(False)
        assert client.timeout == 0
        assert not client.getblocking()
        client.setblocking(True)
        assert client.timeout is None


@pytest.mark.parametrize(
    "call",
    [
        lambda tls: tls.recv(10, socket.MSG_PEEK),
        lambda tls: tls.recv_into(bytearray(10), 10, socket.MSG_WAITALL),
        lambda tls: tls.send(b"?", socket.MSG_OOB),
        lambda tls: tls.sendall(b"?", socket.MSG_OOB),
    ],
    ids=["recv", "recv_into", "send", "sendall"],
)
def test_flags_are_refused_unless_they_are_none(call: Any) -> None:
    with both_ends() as (client, server):
        with pytest.raises(UsageError, match="flags"):
            call(client)
        client.sendall(b"whole", 0)
        assert server.recv(10, 0) == b"whole"


# --- waiting with selectors


def test_a_selector_is_told_what_to_wait_for() -> None:
    one, other = tcp_pair()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    other.setblocking(False)
    one.setblocking(False)
    client = sync.wrap(one, ClientConnection(client_config(), pki.NAME))
    server = sync.wrap(other, ServerConnection(server_config()))
    with client, server, selectors.DefaultSelector() as selector:
        busy = {client, server}
        for tls in busy:
            selector.register(tls, selectors.EVENT_READ | selectors.EVENT_WRITE, tls)
        while busy:
            for key, _ in selector.select(PATIENCE):
                try:
                    key.data.do_handshake()
                    busy.discard(key.data)
                except BlockingIOError:
                    pass
                selector.modify(key.data, key.data.selector_events, key.data)
        unsent, received = memoryview(LONG), bytearray()
        has_waited_for_room = False
        selector.modify(client, selectors.EVENT_READ | selectors.EVENT_WRITE, client)
        while len(received) < len(LONG):
            for key, _ in selector.select(PATIENCE):
                with contextlib.suppress(BlockingIOError):
                    if key.data is server:
                        received += server.recv()
                    elif unsent:
                        unsent = unsent[client.send(unsent) :]
                    else:
                        client.flush()
            events = client.selector_events
            has_waited_for_room |= events == selectors.EVENT_READ | selectors.EVENT_WRITE
            selector.modify(client, events | (selectors.EVENT_WRITE if unsent else 0), client)
        assert received == LONG
        assert has_waited_for_room
        assert client.selector_events == selectors.EVENT_READ


# --- files


@pytest.mark.parametrize(("offset", "count"), [(0, None), (1000, None), (0, 300_000), (5, 5)])
def test_a_file_is_sent_as_socket_sends_it(tmp_path: Path, offset: int, count: int | None) -> None:
    (tmp_path / "file").write_bytes(LONG)
    expected = LONG[offset:] if count is None else LONG[offset : offset + count]
    with both_ends() as (client, server), (tmp_path / "file").open("rb") as file:
        with in_thread(lambda: read_to_end(server)) as received:
            assert client.sendfile(file, offset, count) == len(expected)
            client.shutdown(socket.SHUT_WR)
        assert received.result() == expected
        assert file.tell() == offset + len(expected)


def test_a_pipe_is_sent_to_its_end_and_mistakes_are_named() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    with both_ends() as (client, server):
        assert client.sendfile(Pipe(b"from a pipe")) == 11
        assert server.recv() == b"from a pipe"
        with pytest.raises(UsageError, match="count is 0"):
            client.sendfile(io.BytesIO(b"?"), 0, 0)
        client.setblocking(False)
        with pytest.raises(UsageError, match="does not wait"):
            client.sendfile(io.BytesIO(b"?"))


# --- the descriptor


def test_a_detached_descriptor_stays_open_and_nothing_is_said() -> None:
    one, other = tcp_pair()
    with in_thread(sync.wrap, other, ServerConnection(server_config())) as accepted:
        client = sync.wrap(one, ClientConnection(client_config(), pki.NAME))
    with accepted.result() as server:
        descriptor = client.detach()
        assert client.fileno() == -1
        client.close()
        with socket.socket(fileno=descriptor) as bare:
            server.settimeout(0.05)
            with pytest.raises(TimeoutError):
                server.recv()
            assert bare.getpeername() == other.getsockname()
        for call in (client.recv, lambda: client.sendall(b"?")):
            with pytest.raises(ConnectionAbortedError):
                call()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_the_parent_of_a_forking_server_closes_its_descriptor_and_the_child_goes_on() -> None:
    """The handshake is the parent's; after the fork it closes, and the child serves with the same keys."""
    program = f"""
import os, socket, sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tests.ends.loopback import server_config
from tls12 import ServerConnection, sync
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
tls = sync.wrap(listener.accept()[0], ServerConnection(server_config()))
if child := os.fork():
    tls.close()
    assert tls.fileno() == -1
    print("closed", flush=True)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
asked = tls.recv()
tls.sendall(b"the child answers " + asked)
tls.close()
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        config = client_config(verifier=AcceptAnyPeer())
        with sync.connect("127.0.0.1", port, config, timeout=PATIENCE) as client:
            assert server.stdout.readline() == "closed\n"
            client.sendall(b"a question")
            assert read_to_end(client) == b"the child answers a question"
        assert server.wait(PATIENCE) == 0
