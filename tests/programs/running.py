"""How a program runs: by the plain interpreter, which shows that the script is right, and under `tls12 run`.

How it works: `run` waits for the end of a client, `served` starts a server and waits until it listens. Under `tls12
run` each program writes a key log, which only connections of this library do; without a line in it the program has
spoken TLS by other means, and the test fails.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.interop.programs import PATIENCE, Program

ROOT = Path(__file__).parent.parent.parent
SCRIPTS = Path(__file__).parent / "scripts"

LIMIT = 90.0
"""Seconds for one program."""


@dataclass(frozen=True)
class Interpreter:
    """One of the two ways."""

    name: str
    prefix: tuple[str, ...]
    """What stands between the interpreter and the words of the program; KEYS stands for the file of the key log."""

    def command(self, words: Sequence[str], keys: Path) -> list[str]:
        """The command line of a program, which begins with a script's name or with -m."""
        return [sys.executable, *(str(keys) if word == "KEYS" else word for word in self.prefix), *words]

    @contextmanager
    def key_log(self, *, expected: bool) -> Iterator[Path]:
        """A file for the key log; at the end it has lines if the program's TLS is ours."""
        with tempfile.TemporaryDirectory() as folder:
            keys = Path(folder) / "keys"
            yield keys
            written = keys.exists() and re.search(r"^CLIENT_RANDOM ", keys.read_text(), re.M) is not None
            ours = expected and self is DROP_IN
            assert written == ours, f"the program did {'' if written else 'not '}speak TLS through tls12"


PLAIN = Interpreter("plain", ())
DROP_IN = Interpreter("drop-in", ("-m", "tls12", "run", "--keylog", "KEYS", "--"))
INTERPRETERS = (PLAIN, DROP_IN)


def environment() -> dict[str, str]:
    """Without proxies and settings of the person who runs the tests."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LD_LIBRARY_PATH")}
    folder = str(Path(tempfile.gettempdir()) / "no-home")
    return kept | {"PYTHONPATH": str(ROOT), "HOME": folder, "no_proxy": "*", "PYTHONUNBUFFERED": "1"}


def run(interpreter: Interpreter, words: Sequence[str], *, replaced: bool = True, limit: float = LIMIT) -> None:
    """Run a client to its end, which must be good, within `limit` seconds.

    `replaced` is False where its TLS is not Python's ssl.
    """
    with interpreter.key_log(expected=replaced) as keys:
        command = interpreter.command(words, keys)
        done = subprocess.run(command, cwd=SCRIPTS, env=environment(), capture_output=True, timeout=limit)
        printed = (done.stdout + done.stderr).decode(errors="replace")
        assert done.returncode == 0, f"{' '.join(words)} under {interpreter.name}:\n{printed[-4000:]}"


@contextmanager
def served(interpreter: Interpreter, words: Sequence[str], *ports: int) -> Iterator[Program]:
    """A server of this command line that listens on these ports."""
    with interpreter.key_log(expected=True) as keys:
        program = Program(*interpreter.command(words, keys), cwd=SCRIPTS, env=environment())
        try:
            for port in ports:
                await_listener(port, program)
            try:
                yield program
            except AssertionError as error:
                error.add_note(f"the server printed: {program.output[-4000:].decode(errors='replace')}")
                raise
        finally:
            program.stop()


def await_listener(port: int, program: Program) -> None:
    """Return when a server accepts on this port; a port scan is all that it sees of it."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            printed = program.output[-4000:].decode(errors="replace")
            assert time.monotonic() < end, f"nothing listens on port {port}; the server printed: {printed}"
            assert program.running, f"the server has ended; it printed: {printed}"
            time.sleep(0.05)
