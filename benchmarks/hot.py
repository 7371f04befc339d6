"""Run one hot path for a while, for a profiler to look at.

    py-spy record --format raw -o profile.txt -- python -m benchmarks.hot "full handshake" --seconds 10

How it works: the same closures as in the table of ratios, in a loop until time is up. It prints how long a call took,
so that the parts of a profile can be turned into microseconds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from time import process_time

from benchmarks.measure import Action, least
from benchmarks.peers import Scenario
from benchmarks.peers.ours import OurEndpoints

WARM_UP = 20


def transfer(size: int) -> Action:
    """A message of this size, sealed and opened."""
    return partial(OurEndpoints(Scenario()).full().transfer(), bytes(size))


PATHS: Mapping[str, Callable[[], Action]] = {
    "64 B": partial(transfer, 64),
    "16 KiB": partial(transfer, 1 << 14),
    "1 MiB": partial(transfer, 1 << 20),
    "full handshake": lambda: OurEndpoints(Scenario()).full,
    "resumption by id": lambda: OurEndpoints(Scenario(resume_by="id")).resumed,
    "resumption by ticket": lambda: OurEndpoints(Scenario(resume_by="ticket")).resumed,
}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hot", description="run one hot path for a while")
    parser.add_argument("path", choices=PATHS)
    parser.add_argument("--seconds", type=float, default=10.0, help="of processor time (10)")
    parser.add_argument("--calls", type=int, help="so many calls instead, after some to warm up")
    options = parser.parse_args()
    calls: int | None = options.calls
    if calls is None:
        calls = int(options.seconds / least(PATHS[options.path](), rounds=1, seconds=0.1))
    action = PATHS[options.path]()
    for _ in range(WARM_UP):
        action()
    start = process_time()
    for _ in range(calls):
        action()
    print(f"{options.path}: {(process_time() - start) / max(calls, 1) * 1e6:.2f} µs a call")


if __name__ == "__main__":
    main()
