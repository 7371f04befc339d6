"""The crowd runs, acts, stops, and its table has a row for each kind; no time is asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import hostile, largest
from benchmarks.crowd import table
from tls12.wire import messages

ROOT = Path(__file__).parents[2]
QUICK = ("--crowd", "4", "--pause", "0.05", "--seconds", "0.3", "--settle", "0.3", "--rounds", "1")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["garbage", "a handshake, then empty records"])
def test_a_crowd_acts_and_stops(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "crowd.json"
    command = [sys.executable, "-m", "benchmarks.crowd", *QUICK, "--only", kind, "--json", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(path.read_text())["kept"]
    for row in found[kind].values():
        assert row["acts a second"] > 0
        assert row["visits a second alone"] > 0
    assert table(found)[-1].startswith(f"| {kind} |")


def test_the_costliest_messages_are_within_the_default_limits() -> None:
    names = [name for name, _ in largest.largest()]
    assert len(names) > 5
    for _, data in largest.largest():
        messages.parse(data, largest.ECDHE, largest.MODE)


def test_the_largest_hello_is_as_large_as_the_format_allows_in_both_lists() -> None:
    assert 125_000 < len(hostile.largest()) < 132_000
