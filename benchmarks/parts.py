"""Where does the time of a profile go? Sums what py-spy wrote by the files of tls12.

    py-spy record --native --format raw -o profile.txt -- python -m benchmarks.hot "full handshake"
    python -m benchmarks.parts profile.txt

How it works: each line is a stack and how often it was seen. It counts for the innermost frame that belongs to tls12,
so what cryptography and OpenSSL do is counted where we call them; stacks outside the hot path (imports, preparations)
are left out.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

HOT = re.compile(r"one_way|_connect \(benchmarks")
"""A frame that says that a stack belongs to what `hot.py` repeats."""
OURS = re.compile(r"([^;]+) \(tls12/([^:)]+)")
"""A frame of ours: the function and its file."""


def parts(lines: Iterable[str], *, functions: bool = False) -> Counter[str]:
    """Samples by file, or by function."""
    seen: Counter[str] = Counter()
    for line in lines:
        stack, _, samples = line.rpartition(" ")
        if HOT.search(stack):
            frames = OURS.findall(stack)
            function, file = frames[-1] if frames else ("", "the benchmark itself")
            seen[f"{file} {function}" if functions else file] += int(samples)
    return seen


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parts", description="a profile, by the files of tls12")
    parser.add_argument("profile", type=Path, help="what py-spy wrote with --format raw")
    parser.add_argument("--functions", action="store_true", help="by function instead")
    parser.add_argument("--least", type=float, default=0.02, help="leave out smaller parts (0.02)")
    options = parser.parse_args()
    seen = parts(options.profile.read_text().splitlines(), functions=options.functions)
    total = seen.total()
    for name, samples in seen.most_common():
        if samples >= options.least * total:
            print(f"{samples / total:6.1%}  {name}")


if __name__ == "__main__":
    main()
