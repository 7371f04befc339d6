"""The program `tls12` in a process of its own, as a shell starts it."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tls12.cli.main import main

PATIENCE = 30.0


@dataclass
class Outcome:
    """What a finished program left."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """The JSON lines of standard output."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    def event(self, kind: str) -> dict[str, Any]:
        """The first event of a kind."""
        return next(event for event in self.events if event["event"] == kind)


def tls12(*arguments: str, stdin: bytes | None = b"") -> Outcome:
    """Run the program to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "tls12", *arguments], input=stdin, capture_output=True, timeout=PATIENCE
    )
    assert b"Traceback" not in done.stderr + done.stdout, done.stderr.decode()
    return Outcome(done.returncode, done.stdout, done.stderr.decode())


def inside(*arguments: str) -> Outcome:
    """Run the program in this process, for what neither reads its input nor needs a process: much faster."""
    stdout, stderr = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        code = main(arguments)
    stdout.flush()
    stderr.flush()
    assert isinstance(stdout.buffer, io.BytesIO)
    assert isinstance(stderr.buffer, io.BytesIO)
    return Outcome(code, stdout.buffer.getvalue(), stderr.buffer.getvalue().decode())


@dataclass
class Server:
    """A running `tls12 serve --json`."""

    process: subprocess.Popen[str]
    port: int
    ca: str | None
    host: str

    def next_event(self, kind: str) -> dict[str, Any]:
        """Wait for an event of a kind."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event: dict[str, Any] = json.loads(line)
            if event["event"] == kind:
                return event
        raise AssertionError(f"the server ended without the event {kind}")


@contextlib.contextmanager
def serving(*arguments: str, address: str = "127.0.0.1:0") -> Iterator[Server]:
    """Run a server, and stop it with SIGTERM; it must end with exit code 0 and say nothing on standard error."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tls12", "serve", address, "--json", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        server = Server(process, 0, None, "")
        while server.port == 0:
            note = server.next_event("note")
            server.ca = note.get("ca", server.ca)
            server.port = note.get("port", 0)
            server.host = note.get("host", "")
        yield server
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (0, "")
