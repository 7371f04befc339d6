"""Resident memory of an idle server-side connection, each library in a process of its own.

How it works: a child makes some handshakes to fill every cache and arena, then `count` more of which it keeps
the server's end only, and prints by how much its resident set grew per connection. Run as `python -m
benchmarks.memory NAME COUNT`, it is that child. The server gives out tickets, as OpenSSL does by default, so that no
cache of sessions is counted; tlslite-ng knows none before TLS 1.3, and has no cache unless it is asked to resume.
"""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

from benchmarks.peers import NotSupported, Scenario
from benchmarks.questions import PEERS

WARM_UP = 50
TARGET_KIB = 8.0
"""What a tls12 connection may take."""


def idle_kib(name: str, count: int) -> float:
    """KiB per idle connection of this library, measured in a fresh process."""
    root = Path(__file__).parent.parent
    child = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory", name, str(count)],
        cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(child.stdout)


def resident_kib() -> int:
    """The resident set of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise OSError("no VmRSS in /proc/self/status: this question needs Linux")


def _main(name: str, count: int) -> None:
    peer = next(peer for peer in PEERS if peer.name == name)
    try:
        endpoints = peer.prepare(Scenario(resume_by="ticket"))
    except NotSupported:
        endpoints = peer.prepare(Scenario())
    kept: list[object] = [endpoints.full().server for _ in range(WARM_UP)]
    gc.collect()
    before = resident_kib()
    kept += [endpoints.full().server for _ in range(count)]
    gc.collect()
    print((resident_kib() - before) / count)


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))
