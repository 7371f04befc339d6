"""A program of others at the other end of a loopback socket.

How it works: `Program` runs one and remembers what it prints; a thread reads that, so that it never blocks on a full
pipe. `drive` is the ordinary loop of a program that uses the library: read, receive, look at the events, send. Every
wait has an end (`PATIENCE` seconds), so that a hang is a failure.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tests.ends import Ours, directory

PATIENCE = 20.0


class Program:
    """A running program; `options` are those of Popen."""

    def __init__(self, *command: str, **options: Any) -> None:
        self._name = command[0]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self._process = subprocess.Popen(command, **{"cwd": directory(), "start_new_session": True} | options | pipes)
        self.output = bytearray()
        self._printed = threading.Condition()
        self._over = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def type(self, line: str) -> None:
        """Type a line at it: one-letter commands work too."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def end_input(self) -> None:
        """Nothing more will be typed."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def wait_for(self, pattern: bytes) -> re.Match[bytes]:
        """Wait until it has printed this."""
        found = self.prints(pattern)
        assert found is not None, f"{self._name} did not print {pattern[:80]!r} but {bytes(self.output)[-2000:]!r}"
        return found

    def prints(self, pattern: bytes) -> re.Match[bytes] | None:
        """Wait until it has printed this; None if it ends before, or does not within `PATIENCE` seconds."""
        with self._printed:
            self._printed.wait_for(lambda: self._over or re.search(pattern, self.output), PATIENCE)
            return re.search(pattern, self.output)

    def finish(self) -> str:
        """Wait for its own end; all that it printed."""
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return self.output.decode(errors="replace")

    def stop(self) -> None:
        """End it and the processes that it has started, if they have not ended."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
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
        with self._printed:
            self._over = True
            self._printed.notify_all()


@contextmanager
def accepted_from(*command: str, port: str) -> Iterator[tuple[Program, socket.socket]]:
    """A program that connects to us, and its connection; `port` stands in the command for the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        number = str(listener.getsockname()[1])
        program = Program(*(word.replace(port, number) for word in command))
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
        with suppress(BrokenPipeError):  # the peer has gone; what it said last is still to be read
            sock.sendall(ours.take())
        if until() or ours.connection.closed:
            return
        ours.receive(sock.recv(65536))


def part(ours: Ours, sock: socket.socket) -> None:
    """Close cleanly: close_notify in both directions, then the socket, for which openssl waits."""
    ours.close()
    drive(ours, sock, lambda: ours.connection.closed)
    sock.close()
