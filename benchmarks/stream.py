"""A long stream through one connection: does the rate stay, does memory stay?

How it works: each stream is a generator that moves so many MiB and stops at every quarter to say how far it is. The
first has both ends in memory. The others have `openssl` at the other end of a loopback socket, as a server that takes
the stream and as a client that sends it; `wc` counts what `openssl` takes, so that lost bytes are noticed.
"""

from __future__ import annotations

import resource
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from subprocess import DEVNULL, PIPE, Popen
from time import perf_counter, sleep
from typing import IO

import tls12.sync
from benchmarks.memory import resident_kib
from benchmarks.peers import NAME, Scenario, material
from benchmarks.peers.ours import OurEndpoints
from tls12 import AcceptAnyPeer, ClientConfig, ClientConnection, ServerConfig, ServerConnection

PIECE = 256 << 10
PATIENCE = 60.0
"""Seconds after which a peer that does nothing is given up."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stream is, since its start."""

    mib: int
    seconds: float
    """By the clock."""
    processor: float
    """Seconds of processor time of this process, without the kernel's: how it moves bytes through a socket depends on
    how busy the machine is.
    """
    kib: int
    """By how much its memory has grown since the first quarter, which fills every buffer."""


Stream = Callable[[int], Iterator[Progress]]


def quarters(mib: int, move: Callable[[], int]) -> Iterator[Progress]:
    """Call `move`, which says how many bytes it moved, until all are, and report four times."""
    began, worked, moved, base = perf_counter(), _user_time(), 0, None
    for quarter in range(1, 5):
        while moved < (mib << 20) * quarter // 4:
            moved += move()
        kib = resident_kib()
        base = kib if base is None else base
        yield Progress(moved >> 20, perf_counter() - began, _user_time() - worked, kib - base)


def _user_time() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


def in_memory(mib: int) -> Iterator[Progress]:
    """Both ends here."""
    transfer, piece = OurEndpoints(Scenario()).full().transfer(), bytes(PIECE)
    yield from quarters(mib, lambda: transfer(piece))


def to_openssl(mib: int) -> Iterator[Progress]:
    """Our client sends it to `openssl s_server`."""
    files, port = material("ecdsa-p256"), _free_port()
    certificate = ("-cert", str(files.chain_file), "-key", str(files.key_file))
    with _openssl("s_server", "-accept", f"127.0.0.1:{port}", "-naccept", "1", *certificate) as taken:
        connection = ClientConnection(ClientConfig(verifier=AcceptAnyPeer()), NAME)
        stream, piece = tls12.sync.wrap(_connected(port), connection), bytes(PIECE)

        def send() -> int:
            stream.sendall(piece)
            return PIECE

        yield from quarters(mib, send)
        stream.close()
        assert taken() == mib << 20, "openssl has not taken every byte"


def from_openssl(mib: int) -> Iterator[Progress]:
    """`openssl s_client` sends it to our server."""
    config = ServerConfig(credentials=(OurEndpoints(Scenario()).credential,))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        with _openssl("s_client", "-connect", f"127.0.0.1:{listener.getsockname()[1]}", zeros=mib << 20):
            sock, _ = listener.accept()
            sock.settimeout(PATIENCE)
            stream = tls12.sync.wrap(sock, ServerConnection(config))
            yield from quarters(mib, lambda: len(stream.recv()))
            stream.close()


@contextmanager
def _openssl(command: str, *options: str, zeros: int = 0) -> Iterator[Callable[[], int]]:
    """Run it, with so many zero bytes as its input; gives a function that waits for its end and says how many bytes it
    put out.
    """
    with ExitStack() as running:
        # An input that ends would end s_server, so without zeros there is one that stays open.
        source = running.enter_context(_process("head", "-c", str(zeros), "/dev/zero")) if zeros else None
        program = running.enter_context(
            _process("openssl", command, "-quiet", "-tls1_2", *options, stdin=source.stdout if source else PIPE)
        )
        counter = running.enter_context(_process("wc", "-c", stdin=program.stdout))
        yield lambda: int(counter.communicate(timeout=PATIENCE)[0])


@contextmanager
def _process(*command: str, stdin: IO[bytes] | int | None = DEVNULL) -> Iterator[Popen[bytes]]:
    with Popen(command, stdin=stdin, stdout=PIPE, stderr=DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _connected(port: int) -> socket.socket:
    """A connection to a server that is about to listen."""
    end = perf_counter() + PATIENCE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), PATIENCE)
        except ConnectionRefusedError:
            if perf_counter() > end:
                raise
            sleep(0.02)


STREAMS: Mapping[str, Stream] = {
    "one stream, both ends in memory": in_memory,
    "one stream, to openssl s_server": to_openssl,
    "one stream, from openssl s_client": from_openssl,
}
