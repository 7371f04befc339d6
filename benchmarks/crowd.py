"""What do honest clients keep of their rate while a hostile crowd is at the same server? Beside asyncio with `ssl`.

    python -m benchmarks.crowd                    every kind of crowd, some minutes
    python -m benchmarks.crowd --only garbage     kinds whose name has this in it
    python -m benchmarks.crowd --crowd 200 --pause 1 --seconds 2 --rounds 5
    python -m benchmarks.crowd --write            write the table in docs/performance.md
    python -m benchmarks.crowd --check            exit 1 where a crowd leaves less than 80 % of a processor

How it works: server, crowd and honest clients are processes of their own. The server answers requests under its default
limits. `HONEST` clients, CPython's ssl for either server, each make a connection with a full handshake, send `REQUESTS`
one after another, close, and begin again at once: they take all that the server can give. Their visits are counted in
turns, `--seconds` while the crowd does nothing, and `--seconds` while it acts; the quotient of the two is what they
keep. The two servers take turns as well, and the median of `--rounds` counts, so that what else the machine does falls
on all alike. The second figure does not depend on that: it is what the crowd leaves of a processor, measured in the
server's processor time less that of its visits. On a machine that does nothing else, the two are nearly equal.

A crowd is `--crowd` connections at a time. Each makes its act (`benchmarks.hostile`), until the server cuts it or the
act is over, then pauses for `--pause` seconds and comes again. The pause makes the comparison one of costs: a
crowd that never pauses takes the processor of any server in one thread, in proportion to the connections of each side.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks import pages
from benchmarks.compare import environment
from benchmarks.hostile import ATTACKS, EVERY_KIND
from benchmarks.loopback import ANSWER, REQUEST, ours, stdlib
from tls12 import ClientAuth
from tls12.trust.verifier import AcceptAnyPeer

SERVERS = ("tls12", "ssl")
HONEST = 4
REQUESTS = 10
KEPT = 0.8
"""What a crowd has to leave of a processor, and honest clients keep of their rate on an idle machine, at least."""

# -- the processes -------------------------------------------------------------------------------------------


async def serve(name: str) -> None:
    """A server that answers requests until standard input ends; prints its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await reader.readexactly(len(REQUEST))
                writer.write(ANSWER)
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    contender = ours() if name == "tls12" else stdlib()
    options = contender.server
    if name == "tls12":
        options = {"config": replace(options["config"], client_auth=ClientAuth.OPTIONAL, verifier=AcceptAnyPeer())}
    else:
        options["ssl"].verify_mode = ssl.CERT_OPTIONAL
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    logging.getLogger("tls12.asyncio").setLevel(logging.ERROR)  # a warning for each hostile connection costs time too
    server = await contender.start_server(answer, "127.0.0.1", 0, **options)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def visit(port: int) -> None:
    """Honest clients: for each line on standard input, how many visits there were since the last one."""
    contender = stdlib()
    visits = 0

    async def one() -> None:
        nonlocal visits
        while True:
            try:
                reader, writer = await contender.open_connection("127.0.0.1", port, **contender.client)
                for _ in range(REQUESTS):
                    writer.write(REQUEST)
                    await reader.readexactly(len(ANSWER))
                writer.close()
                visits += 1
            except (OSError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(one()) for _ in range(HONEST)]
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(visits, flush=True)
        visits = 0
    for task in tasks:
        task.cancel()


class Process:
    """A process of this benchmark, which ends when its standard input does."""

    def __init__(self, module: str, *arguments: str) -> None:
        command = [sys.executable, "-m", module, *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def line(self) -> int:
        """The next number that it prints."""
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def ask(self) -> int:
        """What it answers to a line."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self.line()

    def stop(self) -> None:
        """Let it do nothing for a while."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it continue."""
        self._process.send_signal(signal.SIGCONT)

    def processor_seconds(self) -> float:
        """Processor time that it has used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        """Close its standard input, and wait."""
        assert self._process.stdin is not None
        self.go_on()
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def process(module: str, *arguments: str) -> Iterator[Process]:
    """A process, which is ended when the context ends, also after an error."""
    running = Process(module, *arguments)
    try:
        yield running
    finally:
        running.end()


# -- measuring -----------------------------------------------------------------------------------------------


class Site:
    """A server with its honest clients and its crowd, all of them stopped until their turn."""

    def __init__(self, stack: ExitStack, name: str, kind: str, options: argparse.Namespace) -> None:
        self._server = stack.enter_context(process("benchmarks.crowd", "--serve", name))
        port = str(self._server.line())
        self._honest = stack.enter_context(process("benchmarks.crowd", "--visit", port))
        self._crowd = stack.enter_context(
            process("benchmarks.hostile", kind, port, str(options.crowd), str(options.pause))
        )
        self._seconds, self._settle = options.seconds, options.settle
        self.kept: list[float] = []
        self.by_processor: list[float] = []
        self.rates: list[float] = []
        self.acts: list[float] = []
        self._count(self._settle)
        self._honest.stop()

    def turn(self) -> None:
        """Count visits without the crowd, and then with it; then stop."""
        self._honest.go_on()
        alone, used = self._count(self._seconds)
        self._crowd.ask()
        self._count(self._settle)
        beside, used_beside = self._count(self._seconds)
        acts = self._crowd.ask()
        self._honest.stop()
        self.acts.append(acts / (self._seconds + self._settle))
        self.rates.append(alone / self._seconds)
        self.kept.append(beside / alone)
        self.by_processor.append(1 - (used_beside - beside * used / alone) / self._seconds)

    def _count(self, seconds: float) -> tuple[int, float]:
        """Visits in so many seconds, and the server's processor time in them."""
        self._honest.ask()
        begin = self._server.processor_seconds()
        time.sleep(seconds)
        return self._honest.ask(), self._server.processor_seconds() - begin


def measure(kind: str, options: argparse.Namespace) -> dict[str, Site]:
    """Both servers with this kind of crowd, turn by turn."""
    with ExitStack() as stack:
        sites = {name: Site(stack, name, kind, options) for name in SERVERS}
        for _ in range(options.rounds):
            for site in sites.values():
                site.turn()
    return sites


def table(found: dict[str, dict[str, dict[str, float]]]) -> list[str]:
    """What was found, for the page."""
    header = ("crowd", *SERVERS)
    rows = (
        (kind, *(f"{100 * min(1.0, row[name]['left of a processor']):.0f} %" for name in SERVERS))
        for kind, row in found.items()
    )
    return pages.markdown(header, rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments ask for; the exit code."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser("python -m benchmarks.crowd", description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="kinds of crowds whose name has this in it")
    parser.add_argument("--crowd", type=int, default=200, metavar="N", help="hostile connections at a time")
    parser.add_argument("--pause", type=float, default=1.0, metavar="S", help="seconds between the acts of each")
    parser.add_argument("--seconds", type=float, default=2.0, metavar="S", help="how long visits are counted")
    parser.add_argument("--settle", type=float, default=1.5, metavar="S", help="how long the crowd gathers before that")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--write", action="store_true", help="write the table in docs/performance.md")
    parser.add_argument("--check", action="store_true", help="exit 1 where a crowd leaves too little")
    parser.add_argument("--serve", choices=SERVERS, help=argparse.SUPPRESS)
    parser.add_argument("--visit", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve:
        asyncio.run(serve(options.serve))
        return 0
    if options.visit:
        asyncio.run(visit(options.visit))
        return 0
    found: dict[str, dict[str, dict[str, float]]] = {}
    for kind in (*ATTACKS, EVERY_KIND):
        if options.only not in kind:
            continue
        sites = measure(kind, options)
        found[kind] = {
            name: {
                "kept": statistics.median(site.kept),
                "left of a processor": statistics.median(site.by_processor),
                "acts a second": statistics.median(site.acts),
                "visits a second alone": statistics.median(site.rates),
            }
            for name, site in sites.items()
        }
        figures = (
            f"{name} {row['kept']:5.0%} {row['left of a processor']:5.0%} {row['acts a second']:4.0f}/s"
            for name, row in found[kind].items()
        )
        print(f"{kind:42}", *figures, flush=True)
    if options.json:
        options.json.write_text(json.dumps({"environment": environment(), "kept": found}, indent=1))
    if options.write:
        pages.write("crowd", table(found))
    poor = [kind for kind, row in found.items() if row["tls12"]["left of a processor"] < KEPT]
    for kind in poor:
        print(f"too little is left: {kind}")
    return 1 if options.check and poor else 0


if __name__ == "__main__":
    sys.exit(main())
