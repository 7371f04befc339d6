"""What does it cost when the work grows? A table of costs against sizes, each of which should be linear or better.

    python -m benchmarks.growth                 all of it, a minute or two
    python -m benchmarks.growth --only chain    questions whose name has this in it
    python -m benchmarks.growth --json FILE     also as JSON
    python -m benchmarks.growth --write         write the table in docs/performance.md
    python -m benchmarks.growth --check         exit 1 where something grew faster than the work

How it works: every question names its sizes and measures one cost for each. The exponent between two sizes is the
growth of the cost over the growth of the size, in logarithms: 1 is linear, 0 is constant, 2 is quadratic. The one
between the largest size and the nearest that is a quarter of it or less decides. Costs are processor time, or memory,
of tls12 alone: both ends of a connection in this process, unless the question says otherwise (`stream.py` puts
`openssl` at the other end).
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

from benchmarks import pages
from benchmarks.compare import environment
from benchmarks.measure import Action, keep_freed_memory, least
from benchmarks.memory import idle_kib
from benchmarks.pages import markdown
from benchmarks.peers import Scenario
from benchmarks.peers.ours import OurEndpoints
from benchmarks.questions import OURS
from benchmarks.stream import STREAMS, Progress, Stream
from tls12 import Limits, ServerConfig, ServerConnection, Session
from tls12.record_layer import RecordWriter
from tls12.registry import CipherSuite, ContentType, ExtensionType
from tls12.resumption.stores import MemorySessionStore
from tls12.wire import messages
from tls12.wire.extensions import RawExtension
from tls12.wire.hello import ClientHello

LINEAR = 1.3
"""The largest exponent that passes as linear: a thousand connections no longer fit into the processor's cache."""
ROUNDS, SECONDS = 5, 0.03


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement."""

    size: int
    cost: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Growth:
    """A question: how a cost grows with a size."""

    name: str
    size: str
    """What is counted."""
    unit: str
    """Of the cost."""
    points: Callable[[], Iterable[Point]]


@dataclass(frozen=True, slots=True)
class Measured:
    """The answer."""

    name: str
    size: str
    unit: str
    points: list[Point] = field(default_factory=list)

    @property
    def exponents(self) -> list[float | None]:
        """Between each point and the one before it; None for the first, and where nothing was measurable."""
        return [None, *(exponent(before, after) for before, after in itertools.pairwise(self.points))]

    @property
    def decisive(self) -> float | None:
        """The exponent that decides; None where nothing was measurable."""
        largest = self.points[-1]
        base = max((point for point in self.points if 4 * point.size <= largest.size), key=lambda point: point.size)
        return exponent(base, largest)

    @property
    def is_linear(self) -> bool:
        """Linear or better."""
        return self.decisive is None or self.decisive <= LINEAR


def exponent(before: Point, after: Point) -> float | None:
    """By which power of the size the cost grew; None if there was none before."""
    if before.cost <= 0:
        return None
    return math.log(after.cost / before.cost) / math.log(after.size / before.size)


def each(sizes: Iterable[int], prepare: Callable[[int], Action], scale: float = 1e6) -> Callable[[], Iterator[Point]]:
    """The cost of one call of what `prepare` makes for each size, in microseconds by default."""

    def points() -> Iterator[Point]:
        for size in sizes:
            yield Point(size, least(prepare(size), rounds=ROUNDS, seconds=SECONDS) * scale)

    return points


# --- the questions ------------------------------------------------------------------------------------------


def transfer(size: int) -> Action:
    """One write of this size, from `send_data` to the last event."""
    action, data = OurEndpoints(Scenario()).full().transfer(), bytes(size)
    return lambda: action(data)


def every_connection_once(count: int) -> Action:
    """A message of 1 KiB through each of so many connections, in turn."""
    endpoints, data = OurEndpoints(Scenario()), bytes(1024)
    transfers = [endpoints.full().transfer() for _ in range(count)]

    def action() -> None:
        for one in transfers:
            one(data)

    return action


def memory_of_idle_connections(counts: Iterable[int]) -> Iterator[Point]:
    """The memory of so many server ends, measured for each number in a process of its own."""
    for count in counts:
        each_kib = idle_kib(OURS, count)
        yield Point(count, each_kib * count, f"{each_kib:.1f} KiB each")


def beside_idle_connections(count: int) -> Action:
    """A full handshake while so many server ends are kept, which the garbage collector has to visit."""
    endpoints = OurEndpoints(Scenario(resume_by="ticket"))
    kept = [endpoints.full().server for _ in range(count)]
    return lambda: (endpoints.full(), kept)


def hello_of(size: int, grow: Callable[[ClientHello, int], ClientHello]) -> Action:
    """A server's answer to a ClientHello with `size` more of something; every call sees a new one."""
    base = messages.parse(OurEndpoints.hello("benchmark.test"))
    assert isinstance(base, ClientHello)
    large = messages.serialize(grow(base, size))
    config = ServerConfig(credentials=(OurEndpoints(Scenario()).credential,), limits=Limits.of_the_format())
    at = large.index(base.random)

    def action() -> None:
        hello = large[:at] + os.urandom(32) + large[at + 32 :]
        server = ServerConnection(config)
        server.receive_data(RecordWriter().write(ContentType.HANDSHAKE, hello))
        assert server.error is None, server.error
        assert server.data_to_send()

    return action


def more_suites(hello: ClientHello, count: int) -> ClientHello:
    """The hello with so many unknown suites after its own."""
    strange = tuple(CipherSuite.of(0x4000 + number) for number in range(count))
    return replace(hello, cipher_suites=(*hello.cipher_suites, *strange))


def more_extensions(hello: ClientHello, count: int) -> ClientHello:
    """The hello with so many unknown extensions before its own."""
    strange = (RawExtension(ExtensionType.of(0x5000 + number), b"") for number in range(count))
    return replace(hello, extensions=(*strange, *(hello.extensions or ())))


def longer_extension(hello: ClientHello, size: int) -> ClientHello:
    """The hello with one unknown extension of so many bytes before its own."""
    return replace(hello, extensions=(RawExtension(ExtensionType.of(0x5000), bytes(size)), *(hello.extensions or ())))


def verified_chain(certificates: int) -> Action:
    """A full handshake whose client verifies a chain of so many certificates below the root, never seen before."""
    return OurEndpoints(Scenario(verify=True, cold=True, intermediates=certificates - 1)).full


def full_store(sessions: int) -> Action:
    """One session looked up in, and a new one put into, a store that is full."""
    client = OurEndpoints(Scenario(resume_by="ticket")).full().client
    session = client.session
    assert session is not None
    store = MemorySessionStore(sessions)
    keys = itertools.count()
    for _ in range(sessions):
        store.put(b"%d" % next(keys), session)

    def action() -> Session | None:
        number = next(keys)
        store.put(b"%d" % number, session)
        return store.get(b"%d" % (number - sessions // 2))

    return action


def questions(mib: int) -> tuple[Growth, ...]:
    """All of them; `mib` is the length of the streams."""
    return (
        Growth("write and read", "bytes", "µs", each([4**power for power in range(3, 13)], transfer)),
        Growth(
            "memory of idle connections", "connections", "KiB",
            lambda: memory_of_idle_connections((100, 1000, 10_000)),
        ),
        Growth(
            "a handshake beside idle connections", "connections", "µs",
            each((1, 10, 100, 1000, 10_000), beside_idle_connections),
        ),
        Growth(
            "1 KiB through each active connection", "connections", "µs",
            each((1, 10, 100, 1000), every_connection_once),
        ),
        Growth(
            "answer a ClientHello with unknown suites", "suites", "µs",
            each((10, 100, 1000, 10_000, 30_000), lambda size: hello_of(size, more_suites)),
        ),
        Growth(
            "answer a ClientHello with unknown extensions", "extensions", "µs",
            each((10, 100, 1000, 10_000, 16_000), lambda size: hello_of(size, more_extensions)),
        ),
        Growth(
            "answer a ClientHello with a long extension", "bytes", "µs",
            each((100, 1000, 10_000, 60_000), lambda size: hello_of(size, longer_extension)),
        ),
        Growth("full handshake, chain verified", "certificates", "µs", each((1, 2, 4, 8), verified_chain)),
        Growth("get and put, session store full", "sessions", "µs", each((100, 1000, 10_000, 100_000), full_store)),
        *(Growth(name, "MiB", "s", partial(stream_points, run, mib)) for name, run in STREAMS.items()),
    )  # fmt: skip


def stream_points(run: Stream, mib: int) -> Iterator[Point]:
    """Processor time for the first quarter of a stream, the first half, and so on; beside it what should be flat."""
    before = Progress(0, 0.0, 0.0, 0)
    for now in run(mib):
        rate = (now.mib - before.mib) / (now.seconds - before.seconds)
        yield Point(now.mib, now.processor, f"{rate:.0f} MiB/s, memory {now.kib:+d} KiB")
        before = now


# --- the table ----------------------------------------------------------------------------------------------


def measure(growth: Growth) -> Measured:
    """All points of a question."""
    return Measured(growth.name, growth.size, growth.unit, list(growth.points()))


def lines(measured: Measured) -> Iterator[str]:
    """The table of one question."""
    power = "" if measured.decisive is None else f", exponent {measured.decisive:.2f}"
    yield f"{measured.name}: {'linear or better' if measured.is_linear else 'GROWS FASTER'}{power}"
    for point, step in zip(measured.points, measured.exponents, strict=True):
        grew = "" if step is None else f"{step:.2f}"
        each_one = point.cost / point.size
        yield (
            f"  {point.size:>10,} {measured.size:<12} {point.cost:14,.2f} {measured.unit:<3}"
            f" {each_one:14,.5f} each {grew:>8}  {point.note}"
        )


def page_table(answers: Sequence[Measured]) -> list[str]:
    """The answers as a table for the documentation: a row for each question."""
    rows = (
        (
            f"{answer.name}, {answer.unit}",
            answer.size,
            "; ".join(f"{point.size:,}: {_figure(point)}" for point in answer.points),
            "" if answer.decisive is None else f"{answer.decisive:.2f}",
        )
        for answer in answers
    )
    return markdown(("cost", "of so many", "measured", "exponent"), rows)


def _figure(point: Point) -> str:
    cost = f"{point.cost:,.0f}" if point.cost >= 100 else f"{point.cost:.3g}"
    return f"{cost} ({point.note})" if point.note else cost


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description="how costs grow with the work")
    parser.add_argument("--only", metavar="TEXT", default="", help="questions whose name contains this")
    parser.add_argument("--mib", type=int, default=1024, help="length of the streams in MiB (1024)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the measurements")
    parser.add_argument("--write", action="store_true", help="show them in the documentation")
    parser.add_argument("--check", action="store_true", help="exit 1 if something grew faster than the work")
    options = parser.parse_args(arguments)
    if options.write and options.only:
        parser.error("--write needs the whole table, not --only a part of it")
    keep_freed_memory()
    answers = []
    for growth in questions(options.mib):
        if options.only.lower() in growth.name.lower():
            answers.append(measure(growth))
            print(*lines(answers[-1]), sep="\n", flush=True)
    faster = [answer.name for answer in answers if not answer.is_linear]
    print(f"{len(answers) - len(faster)} of {len(answers)} grow linearly or less", *faster, sep="; ")
    if options.json:
        facts = [asdict(answer) | {"exponents": answer.exponents} for answer in answers]
        options.json.write_text(json.dumps({"environment": environment(), "growth": facts}, indent=2) + "\n")
    if options.write:
        pages.write("growth", page_table(answers))
    return 1 if options.check and faster else 0


if __name__ == "__main__":
    sys.exit(main())
