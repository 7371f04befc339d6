"""Time things beside each other on a machine that is never quiet.

How it works: contenders take turns, round after round, so that whatever else the machine does affects all of
them. Each turn repeats its function long enough for the clock (`seconds`), and a round gives one ratio per
rival: its time over ours. The median of those ratios is the result; the quartiles say how far to trust it.
Times are shown beside it, but only ratios are compared between runs.

What is counted is processor time, not time on the clock: nothing here waits for anything, and the time that other
programs take is not counted.

Garbage collection stays on, as it does in programs: objects that die in cycles have to be paid for.

The allocator is told to keep what is freed (`keep_freed_memory`). By itself glibc sometimes gives large pieces back to
the system, and the contender that allocates the next one then pays for new pages, which blurs the comparison of large
transfers.
"""

from __future__ import annotations

import ctypes
import gc
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import process_time

Action = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Timing:
    """What one contender took: seconds per call, one value per round."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Seconds per call."""
        return statistics.median(self.rounds)

    def ratios_to(self, base: Timing) -> tuple[float, ...]:
        """How many times as long as `base`, round by round."""
        return tuple(mine / theirs for mine, theirs in zip(self.rounds, base.rounds, strict=True))


def keep_freed_memory() -> None:
    """For this process: no piece below 32 MiB is mapped on its own, and the heap does not shrink by less than 1 GiB."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc has it; others behave as they do
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, 32 << 20)
        mallopt(_TRIM_THRESHOLD, 1 << 30)


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


def interleaved(actions: Mapping[str, Action], *, rounds: int, seconds: float) -> dict[str, Timing]:
    """Time every action `rounds` times in turns of about `seconds`."""
    repeats = {name: _repeats(action, seconds) for name, action in actions.items()}
    taken: dict[str, list[float]] = {name: [] for name in actions}
    gc.collect()
    for _ in range(rounds):
        for name, action in actions.items():
            taken[name].append(_time(action, repeats[name]))
    return {name: Timing(tuple(values)) for name, values in taken.items()}


def least(action: Action, *, rounds: int, seconds: float) -> float:
    """Seconds per call in the best of `rounds` turns: for one thing alone, the figure that other load blurs least."""
    return min(interleaved({"": action}, rounds=rounds, seconds=seconds)[""].rounds)


def _time(action: Action, repeats: int) -> float:
    start = process_time()
    for _ in range(repeats):
        action()
    return (process_time() - start) / repeats


def _repeats(action: Action, seconds: float) -> int:
    action()
    repeats = 1
    while True:
        once = _time(action, repeats)
        if once * repeats > seconds / 4:
            return max(1, round(seconds / once))
        repeats *= 4
