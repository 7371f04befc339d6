"""Count the machine instructions of a hot path, to compare two states of the code on a machine that is never quiet.

    python -m benchmarks.instructions "full handshake" "resumption by id"

How it works: valgrind's callgrind counts what a process executes, C included. From a run of `benchmarks.hot` with
`CALLS` calls one with none is taken away. Numbers of one machine and one build of Python compare with each other only;
they hardly vary from run to run, whatever else is running.

This is what `benchmarks.operations` cannot see: an argument by name to a class, a field of a frozen dataclass, or an
isinstance with an abstract class are a few bytecodes each, and many machine instructions. Cryptography counts for more
here than it costs, since valgrind's processor lacks some of the instructions made for it.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.hot import PATHS

CALLS = 150
_COLLECTED = re.compile(r"Collected : (\d+)")


def instructions(path: str, calls: int = CALLS) -> int:
    """Machine instructions of one call of this path. Raises OSError where valgrind is not installed."""
    with ThreadPoolExecutor(2) as pool:
        with_them, without = pool.map(lambda number: _executed(path, number), (calls, 0))
    return (with_them - without) // calls


def _executed(path: str, calls: int) -> int:
    """What a process with so many calls executes; hashes are fixed, or dictionaries would differ from run to run."""
    with TemporaryDirectory(prefix="tls12-benchmarks-") as folder:
        log = Path(folder, "log")
        subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", f"--log-file={log}",
             sys.executable, "-m", "benchmarks.hot", path, "--calls", str(calls)],
            cwd=Path(__file__).parent.parent, env={**os.environ, "PYTHONHASHSEED": "0"},
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        found = _COLLECTED.search(log.read_text())
    assert found is not None
    return int(found[1])


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.instructions", description="machine instructions of hot paths, by valgrind"
    )
    parser.add_argument("paths", nargs="*", metavar="path", default=list(PATHS), help=f"of {', '.join(PATHS)} (all)")
    options = parser.parse_args()
    strange = set(options.paths) - set(PATHS)
    if strange:
        parser.error(f"there is no path {', '.join(sorted(strange))}")
    for path in options.paths:
        print(f"{path:<20} {instructions(path):>12,}")


if __name__ == "__main__":
    main()
