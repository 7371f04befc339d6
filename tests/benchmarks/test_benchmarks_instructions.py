"""Machine instructions are counted by valgrind, and repeat."""

from __future__ import annotations

import pytest

from benchmarks.instructions import instructions
from tests import peers


@pytest.mark.peers
def test_a_count_repeats_and_grows_with_the_work() -> None:
    peers.program("valgrind")
    small, again, large = (instructions(path, calls=40) for path in ("64 B", "64 B", "16 KiB"))
    assert abs(small - again) < 0.02 * small
    assert large > 2 * small
