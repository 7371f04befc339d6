"""A renegotiation under tls12.sync that its peer stalls: it bounds what is held for it, and how long."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from tests import pki
from tests.ends.loopback import PATIENCE, client_config, in_thread, read_to_end, server_config, tcp_pair
from tls12 import Alert, ClientConnection, ConnectionFailed, HandshakeCompleted, PeerAlert, Policy, Renegotiation, sync
from tls12 import ServerConnection as Server
from tls12.events import DataReceived

ALLOW = {"policy": Policy.default().replace(renegotiation=Renegotiation.ALLOW)}
MUCH = bytes(range(256)) * 16_384
"""4 MiB: as much as `Limits.held` allows."""


class Peer:
    """A client by hand, in the middle of a renegotiation that it does not go on with."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.connection = ClientConnection(client_config(**ALLOW), pki.NAME)
        self.connection.initiate_handshake()
        self.received = b""
        self.handshakes = 0
        self.go_on_until(1)
        self.connection.send_data(b"go")
        self.connection.renegotiate()
        self.send()

    def send(self) -> None:
        self.sock.sendall(self.connection.data_to_send())

    def go_on_until(self, handshakes: int) -> None:
        while self.handshakes < handshakes:
            self.send()
            self.receive()
        self.send()

    def receive(self) -> None:
        self.connection.receive_data(self.sock.recv(65536))
        for event in self.connection.events():
            if isinstance(event, DataReceived):
                self.received += event.data
            self.handshakes += isinstance(event, HandshakeCompleted)
            if isinstance(event, ConnectionFailed):
                raise event.error


@contextlib.contextmanager
def stalled(handshake_timeout: float = PATIENCE) -> Iterator[tuple[sync.TLSSocket, Peer]]:
    one, other = tcp_pair()
    with (
        in_thread(
            lambda: sync.wrap(other, Server(server_config(**ALLOW)), handshake_timeout=handshake_timeout)
        ) as accepted,
        one,
    ):
        peer = Peer(one)
        tls = accepted.result()
        assert tls.recv() == b"go"
        with tls:
            yield tls, peer


@pytest.mark.parametrize("reading", [False, True], ids=["the writer alone", "beside a reader"])
def test_a_writer_waits_for_a_renegotiation_and_goes_on_behind_it_without_a_loss(reading: bool) -> None:
    with stalled() as (tls, peer), contextlib.ExitStack() as stack:
        read = stack.enter_context(in_thread(read_to_end, tls)) if reading else None
        written = threading.Event()

        def write() -> None:
            tls.sendall(MUCH * 2)
            written.set()
            tls.shutdown(socket.SHUT_WR)

        sending = stack.enter_context(in_thread(write))
        assert not written.wait(0.3)
        assert tls.connection.bytes_held < 1 << 20
        peer.go_on_until(2)
        while not peer.connection.closed:
            peer.receive()
            peer.send()
        sending.result()
        assert peer.received == MUCH * 2
        if read is not None:
            assert read.result() == b""


def test_a_writer_gives_a_stalled_renegotiation_up_after_the_time_of_a_handshake() -> None:
    with stalled(handshake_timeout=0.4) as (tls, peer):
        with pytest.raises(TimeoutError, match=r"the renegotiation was not complete within 0\.4 s"):
            tls.sendall(MUCH)
        with pytest.raises(PeerAlert) as told:
            peer.go_on_until(2)
        assert told.value.received is Alert.USER_CANCELED


def test_the_sockets_own_timeout_bounds_the_wait_and_the_connection_goes_on() -> None:
    with stalled() as (tls, peer):
        tls.settimeout(0.1)
        with pytest.raises(TimeoutError, match="timed out"):
            tls.sendall(MUCH)
        tls.settimeout(PATIENCE)
        with in_thread(peer.go_on_until, 2) as ended:
            while ended.running():
                with contextlib.suppress(TimeoutError):
                    tls.settimeout(0.1)
                    tls.recv()
        tls.settimeout(PATIENCE)
        tls.sendall(b"the end")
        tls.shutdown(socket.SHUT_WR)
        while not peer.connection.closed:
            peer.receive()
        assert MUCH.startswith(peer.received.removesuffix(b"the end"))


def test_a_writer_does_not_read_without_bound_while_it_waits() -> None:
    with stalled(handshake_timeout=1) as (tls, peer):

        def flood() -> None:
            with contextlib.suppress(OSError):
                while True:  # application data may come in the middle of a renegotiation
                    peer.sock.sendall(peer.connection._core.outgoing.writer.write(23, bytes(16_000)))

        with in_thread(flood):
            with pytest.raises(TimeoutError):
                tls.sendall(MUCH)
            assert tls.pending() < 2 << 20
            tls.close()
