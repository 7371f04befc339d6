"""One command for the whole picture: every question, every contender, one table of ratios beside the targets.

    python -m benchmarks                   the table
    python -m benchmarks --only GCM        questions whose name has this in it
    python -m benchmarks --json FILE       also as JSON
    python -m benchmarks --write           write benchmarks/reference.json and the table in docs/performance.md
    python -m benchmarks --check           exit 1 where a ratio fell below the reference by more than the tolerance

How costs grow with the work is another table: `python -m benchmarks.growth`.

How it works: `questions.py` says what is asked, `measure.py` times it. A ratio is a rival's time over ours in
the same rounds, so "1.40" means that tls12 needs 1/1.40 of the rival's time. Ratios, not times, are written
and compared: they survive a slower or busier machine, times do not.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import ssl
import statistics
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks import pages
from benchmarks.measure import Timing, interleaved, keep_freed_memory
from benchmarks.memory import TARGET_KIB, idle_kib
from benchmarks.pages import markdown
from benchmarks.peers.tlslite import TLSLite
from benchmarks.questions import OURS, PEERS, QUESTIONS, Question

REFERENCE = Path(__file__).with_name("reference.json")
TOLERANCE = 0.25
"""How far a ratio may fall below the committed one before `--check` calls it a regression."""
MEMORY = "memory of an idle server connection"


@dataclass(frozen=True, slots=True)
class Line:
    """One rival in one question."""

    question: str
    rival: str
    ours: float
    theirs: float
    ratio: float
    spread: float
    """The distance between the quartiles of the ratio, as a part of it."""
    target: float | None
    unit: str

    @property
    def key(self) -> str:
        """How the line is called in the JSON."""
        return f"{self.question} | {self.rival}"


def ask(question: Question, *, rounds: int, seconds: float) -> list[Line]:
    """Let all contenders of one question take turns."""
    with ExitStack() as stack:
        timings = interleaved(dict(question.contenders(stack)), rounds=rounds, seconds=seconds)
    ours = timings.pop(OURS)
    return [_line(question, rival, ours, timing) for rival, timing in timings.items()]


def _line(question: Question, rival: str, ours: Timing, theirs: Timing) -> Line:
    ratios = theirs.ratios_to(ours)
    middle = statistics.median(ratios)
    low, _, high = statistics.quantiles(ratios, n=4)
    target = question.targets.get(rival)
    return Line(
        question.name,
        rival,
        ours.median * 1e6,
        theirs.median * 1e6,
        middle,
        (high - low) / middle,
        target,
        "µs",
    )


def ask_memory(count: int) -> list[Line]:
    """KiB per idle connection; the ratio is again theirs over ours."""
    kib = {peer.name: idle_kib(peer.name, count) for peer in PEERS}
    ours = kib.pop(OURS)
    return [Line(MEMORY, rival, ours, taken, taken / ours, 0.0, None, "KiB") for rival, taken in kib.items()]


HEADER = (
    f"{'question':<56} {'against':<16} {'tls12':>11} {'rival':>11}"
    f" {'ratio':>8} {'±':>4} {'target':>7}   {'reference':>9}"
)


def show(line: Line, reference: Mapping[str, float]) -> str:
    """One line of the table."""
    target = "" if line.target is None else f"{line.target:.2f}"
    met = "" if line.target is None else "ok" if line.ratio >= line.target else "--"
    known = f"{reference[line.key]:.2f}" if line.key in reference else ""
    ours, theirs = (f"{_amount(value)} {line.unit:<3}" for value in (line.ours, line.theirs))
    return (
        f"{line.question:<56} {line.rival:<16} {ours} {theirs}"
        f" {line.ratio:8.2f} {line.spread:4.0%} {target:>7} {met:<2} {known:>9}"
    )


def _amount(value: float) -> str:
    return f"{value:7.2f}" if value < 100 else f"{value:7.0f}"


COLUMNS = ("ssl", "ssl until WantRead", "pyOpenSSL", "tlslite-ng", "raw AEAD", "plain TCP")


def page_table(lines: Sequence[Line]) -> list[str]:
    """The ratios as a table for the documentation: a row for each question; with a target, on which side of it."""
    rows: dict[str, dict[str, str]] = {}
    for line in lines:
        cell = f"{line.ratio:.2f}" if line.ratio < 100 else f"{line.ratio:.0f}"
        if line.target is not None:
            cell = f"**{cell} ≥ {line.target:g}**" if line.ratio >= line.target else f"{cell} < {line.target:g}"
        rows.setdefault(line.question, {})[line.rival] = cell
    cells = ([question, *(row.get(rival, "") for rival in COLUMNS)] for question, row in rows.items())
    return markdown(("theirs / ours", *COLUMNS), cells)


def regressions(lines: Sequence[Line], reference: Mapping[str, float], tolerance: float) -> list[str]:
    """The lines whose ratio is below the committed one by more than `tolerance`."""
    return [
        f"{line.key}: {line.ratio:.2f}, was {reference[line.key]:.2f}"
        for line in lines
        if line.key in reference and line.ratio < reference[line.key] * (1 - tolerance)
    ]


def environment() -> dict[str, str]:
    """What the numbers depend on."""
    facts = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "vector AES": _vector_aes(),
        "ssl": ssl.OPENSSL_VERSION,
    }
    facts |= {package: version(package) for package in ("cryptography", "pyOpenSSL", "tlslite-ng")}
    return facts | {"accelerated by": TLSLite.accelerators()}


def facts() -> str:
    """The environment, for a reader."""
    return ", ".join(f"{name} {value}" for name, value in environment().items()) + f", {os.cpu_count()} processors"


def _vector_aes() -> str:
    """The processor's AES instructions. With AVX-512 and VAES a newer OpenSSL is much faster, without them hardly."""
    cpuinfo = Path("/proc/cpuinfo")
    flags = set(cpuinfo.read_text().split()) if cpuinfo.exists() else set()
    return "+".join(flag for flag in ("aes", "vaes", "avx512f") if flag in flags) or "unknown"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="tls12 beside its peers, as ratios")
    parser.add_argument("--only", metavar="TEXT", default="", help="questions whose name contains this")
    parser.add_argument("--rounds", type=int, default=15, help="turns per contender (15)")
    parser.add_argument("--seconds", type=float, default=0.02, help="length of a turn (0.02)")
    parser.add_argument(
        "--connections", type=int, default=5000, help="idle connections whose memory is measured (5000)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the ratios")
    parser.add_argument("--write", action="store_true", help="commit to the ratios, and show them in the documentation")
    parser.add_argument("--reference", type=Path, default=REFERENCE, help="earlier ratios to compare with")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help="part by which a ratio may fall (0.25)")
    parser.add_argument("--check", action="store_true", help="exit 1 on a regression against the reference")
    options = parser.parse_args(arguments)
    if options.write and options.only:
        parser.error("--write needs the whole table, not --only a part of it")

    reference: dict[str, float] = {}
    if options.reference.exists():
        earlier = json.loads(options.reference.read_text())
        reference = earlier["ratios"]
        for name, value in environment().items():
            if (before := earlier["environment"].get(name)) != value:
                print(f"the reference has another {name}: {before}")
    keep_freed_memory()
    print(facts(), HEADER, sep="\n")
    lines: list[Line] = []
    for question in QUESTIONS:
        if options.only.lower() in question.name.lower():
            lines += _print(ask(question, rounds=options.rounds, seconds=options.seconds), reference)
    if options.only.lower() in MEMORY:
        memory = _print(ask_memory(options.connections), reference)
        print(f"{MEMORY:<56} {'':<16} {memory[0].ours:7.1f} KiB, target {TARGET_KIB:.0f} KiB or less")
        lines += memory

    missed = [line for line in lines if line.target is not None and line.ratio < line.target]
    worse = regressions(lines, reference, options.tolerance)
    aimed = sum(line.target is not None for line in lines)
    print(f"{aimed - len(missed)} of {aimed} targets met; {len(worse)} regressions since the reference")
    for text in worse:
        print("regression:", text)
    ratios = {line.key: round(line.ratio, 3) for line in lines}
    report = json.dumps({"environment": environment(), "ratios": ratios}, indent=2) + "\n"
    if options.json:
        options.json.write_text(report)
    if options.write:
        REFERENCE.write_text(report)
        pages.write("ratios", [f"{facts()}.", "", *page_table(lines)])
    return 1 if options.check and worse else 0


def _print(lines: list[Line], reference: Mapping[str, float]) -> list[Line]:
    for line in lines:
        print(show(line, reference), flush=True)
    return lines


if __name__ == "__main__":
    sys.exit(main())
