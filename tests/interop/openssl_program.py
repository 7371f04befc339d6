"""The `openssl` program at the other end of a loopback socket.

How it works: `s_server` runs the program as a server and gives the port that it chose; `s_client`
runs it against a listening socket of ours. `drive` is the ordinary loop of a program that uses the library: read,
receive, look at the events, send. Every wait has an end (`PATIENCE` seconds), so that a hang is a failure.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pki
import pytest
from harness import Ours, directory, files_of, intermediates_of, trusted_file

from tls12.lab.pki import IssuedCertificate

OPENSSL = shutil.which("openssl")
PATIENCE = 20.0

needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="the openssl program is not installed")


class Program:
    """A running openssl; a thread reads all that it prints, so that it never blocks on a full pipe."""

    def __init__(self, *arguments: str) -> None:
        assert OPENSSL is not None
        self._process = subprocess.Popen(
            [OPENSSL, *arguments],
            cwd=directory(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.output = bytearray()
        self._printed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def type(self, line: str) -> None:
        """Type a line at it: one-letter commands work too."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def wait_for(self, pattern: bytes) -> re.Match[bytes]:
        """Wait until it has printed this."""
        with self._printed:
            found = self._printed.wait_for(lambda: re.search(pattern, self.output), PATIENCE)
        assert found is not None, f"openssl did not print {pattern!r} but {bytes(self.output)!r}"
        return found

    def finish(self) -> str:
        """Wait for its own end; all that it printed."""
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return self.output.decode(errors="replace")

    def stop(self) -> None:
        """End it, if it has not ended."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        while chunk := os.read(self._process.stdout.fileno(), 65536):
            with self._printed:
                self.output += chunk
                self._printed.notify_all()


@contextmanager
def s_server(*options: str, credential: IssuedCertificate | None = None) -> Iterator[tuple[Program, int]]:
    """`openssl s_server` for TLS 1.2 with this certificate (P-256 by default; PSK suites ignore it)."""
    program = Program(
        "s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-tls1_2",
        *certificate_options(credential or pki.server()), "-CAfile", trusted_file(), *options,
    )  # fmt: skip
    try:
        yield program, int(program.wait_for(rb"ACCEPT .*:(\d+)\n")[1])
    finally:
        program.stop()


def certificate_options(issued: IssuedCertificate) -> tuple[str, ...]:
    """How either program is told to use this certificate, its chain and its key."""
    chain, key = files_of(issued)
    return "-cert", chain, "-cert_chain", intermediates_of(issued), "-key", key


@contextmanager
def s_client(*options: str) -> Iterator[tuple[Program, socket.socket]]:
    """`openssl s_client` for TLS 1.2, and the socket on which its connection came in."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        port = listener.getsockname()[1]
        program = Program("s_client", "-connect", f"127.0.0.1:{port}", "-tls1_2", "-CAfile", trusted_file(), *options)
        try:
            accepted, _ = listener.accept()
            with accepted:
                accepted.settimeout(PATIENCE)
                yield program, accepted
        finally:
            program.stop()


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    """A socket to a server on loopback."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
        yield sock


def drive(ours: Ours, sock: socket.socket, until: Callable[[], bool]) -> None:
    """Let our end talk until it has seen enough, or is over."""
    ours.start()
    while True:
        sock.sendall(ours.take())
        if until() or ours.connection.closed:
            return
        ours.receive(sock.recv(65536))


def part(ours: Ours, sock: socket.socket) -> None:
    """Close well: close_notify there and back, then the socket, for which openssl waits half a second."""
    ours.close()
    drive(ours, sock, lambda: ours.connection.closed)
    sock.close()
