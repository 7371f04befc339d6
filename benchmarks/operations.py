"""Count work instead of timing it: bytecode instructions and calls into C, the same on every machine under any load.

    python -m benchmarks.operations              the hot paths, beside the committed counts
    python -m benchmarks.operations --write      commit to the present counts, for this minor version of Python
    python -m benchmarks.operations --files "resumed by id"     one path, by the file whose code executes

How it works: the interpreter tells of every instruction and of every call into C. What C does inside is not seen, so
the counts say nothing of cryptography; they say what our own code costs, and a test in the default suite holds them
(tests/benchmarks/test_benchmarks_operations.py). Compilers differ between minor versions of Python, so
`operations.json` has counts for each; a version that is not in it is not checked. Handshakes vary by a few
instructions from run to run, with the lengths of signatures for instance, so the least of three runs counts.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

REFERENCE = Path(__file__).with_name("operations.json")
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
WARM_UP, CALLS = 3, 6
RSA_SUITE = "ECDHE-RSA-AES128-GCM-SHA256"
TOLERANCE = 0.02
"""By how much a path may grow before it has to be looked at; one that shrinks should be committed to as well."""


def operations(call: Callable[[], object]) -> int:
    """How many bytecode instructions and calls into C the call executes; what C does inside is not seen."""
    return operations_by_file(call).total()


def operations_by_file(call: Callable[[], object]) -> Counter[str]:
    """The same for each file whose code executes them; constructors of dataclasses are those of "<string>".

    The garbage collector is off meanwhile: the finalizers of other tests' objects would be counted, or end the trace.
    """
    gc.collect()
    gc.disable()
    try:
        return _COUNT(call)
    finally:
        gc.enable()


def _count_traced(call: Callable[[], object]) -> Counter[str]:
    """By a trace function, as Python 3.11 has it."""
    counts: Counter[str] = Counter()

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        counts[frame.f_code.co_filename] += event == "opcode"
        return trace

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        counts[frame.f_code.co_filename] += event == "c_call"

    outer = sys.gettrace()
    sys.setprofile(profile)
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(outer)
        sys.setprofile(None)
    return counts


def _count_monitored(call: Callable[[], object]) -> Counter[str]:
    """By sys.monitoring (PEP 669), from Python 3.12 on; the trace functions of 3.13 miss most instructions."""
    counts: Counter[str] = Counter()
    monitoring = sys.monitoring
    tool, events = 4, monitoring.events

    def instruction(code: CodeType, offset: int) -> None:
        counts[code.co_filename] += 1

    def called(code: CodeType, offset: int, callee: object, argument: object) -> None:
        counts[code.co_filename] += not isinstance(callee, FunctionType)

    monitoring.use_tool_id(tool, "operations")
    monitoring.register_callback(tool, events.INSTRUCTION, instruction)
    monitoring.register_callback(tool, events.CALL, called)
    monitoring.set_events(tool, events.INSTRUCTION | events.CALL)
    try:
        call()
    finally:
        monitoring.set_events(tool, 0)
        monitoring.free_tool_id(tool)
    return counts


_COUNT = _count_monitored if sys.version_info >= (3, 12) else _count_traced


def hot_paths() -> Mapping[str, Callable[[], object]]:
    """What is counted, by name; each can be called `CALLS` times."""
    # Imported here, so that a program that uses `operations` alone does not load the library.
    from benchmarks.peers import Scenario
    from benchmarks.peers.ours import OurEndpoints
    from tls12.wire import messages
    from tls12.wire.memory import Memory
    from tls12.wire.mode import Mode

    def sealing(size: int) -> Callable[[], object]:
        seal, data = OurEndpoints(Scenario()).full().seal(), bytes(size)
        return lambda: seal(data)

    def opening(size: int) -> Callable[[], object]:
        ends = OurEndpoints(Scenario()).full()
        sealed = []
        for _ in range(CALLS):
            ends.client.send_data(bytes(size))
            sealed.append(ends.client.data_to_send())
        receive, events, records = ends.server.receive_data, ends.server.events, iter(sealed)
        return lambda: (receive(next(records)), events())

    packed, small = OurEndpoints(Scenario(pack_small_writes=True)).full().transfer_often(32), bytes(64)
    hellos = [OurEndpoints.hello(f"n{number}.benchmark.test") for number in range(CALLS)]
    strange, known, mode = iter(hellos), hellos[0], Mode(memory=Memory())
    return {
        "seal 64 B": sealing(64),
        "open 64 B": opening(64),
        "seal 16 KiB": sealing(1 << 14),
        "open 16 KiB": opening(1 << 14),
        "seal 1 MiB": sealing(1 << 20),
        "open 1 MiB": opening(1 << 20),
        "32 writes of 64 B, packed": lambda: packed(small),
        "parse a ClientHello": lambda: messages.parse(next(strange)),
        "parse a ClientHello seen before": lambda: messages.parse(known, mode=mode),
        "full handshake, ECDSA": OurEndpoints(Scenario()).full,
        "full handshake, RSA, chain seen before": OurEndpoints(Scenario(RSA_SUITE, "rsa-2048", verify=True)).full,
        "resumed by id": OurEndpoints(Scenario(resume_by="id")).resumed,
        "resumed by ticket": OurEndpoints(Scenario(resume_by="ticket")).resumed,
    }


def count_all() -> dict[str, int]:
    """The operations of every hot path, once its caches are filled."""
    counts = {}
    for name, call in hot_paths().items():
        for _ in range(WARM_UP):
            call()
        counts[name] = min(operations(call) for _ in range(CALLS - WARM_UP))
    return counts


def count_files(path: str) -> Counter[str]:
    """The operations of one hot path by file, once its caches are filled."""
    call = hot_paths()[path]
    for _ in range(WARM_UP):
        call()
    return operations_by_file(call)


def reference() -> dict[str, int] | None:
    """The committed counts for this minor version of Python, if there are any."""
    counts: dict[str, dict[str, int]] = json.loads(REFERENCE.read_text())
    return counts.get(PYTHON)


def grown(counts: Mapping[str, int], committed: Mapping[str, int]) -> list[str]:
    """The paths that take more than they are committed to, with both counts."""
    return [
        f"{name}: {counts[name]}, was {known}"
        for name, known in committed.items()
        if counts[name] > known * (1 + TOLERANCE)
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code: 1 if a path has grown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.operations", description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="commit to the present counts")
    parser.add_argument("--files", metavar="PATH", help="count one path, by file")
    options = parser.parse_args(arguments)
    if options.files:
        if options.files not in hot_paths():
            parser.error(f"no path is named {options.files!r}; there are: {', '.join(hot_paths())}")
        for file, count in count_files(options.files).most_common():
            print(f"{count:7d} {file}")
        return 0
    counts, committed = count_all(), reference() or {}
    for name, count in counts.items():
        print(f"{name:<40} {count:7d} {committed.get(name, ''):>7}")
    if options.write:
        known = json.loads(REFERENCE.read_text()) if REFERENCE.exists() else {}
        REFERENCE.write_text(json.dumps(known | {PYTHON: counts}, indent=2, sort_keys=True) + "\n")
        return 0
    worse = grown(counts, committed)
    for text in worse:
        print("grown:", text)
    return bool(worse)


if __name__ == "__main__":
    sys.exit(main())
