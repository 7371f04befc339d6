"""A log that a crowd cannot fill: so many lines of a kind in a while, and then how many there would have been.

How it works: for each kind of line `Quiet` counts those that were written since its period began. Above the bound a
line is only counted, without being put together, and the next line that is written says how many those were.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

QUIET = 10.0
"""Seconds in which a kind of line is bounded."""


class Quiet:
    """What one server says to a logger."""

    def __init__(self, log: logging.Logger, clock: Callable[[], float]) -> None:
        self._log = log
        self._clock = clock
        self._periods: dict[str, tuple[float, int]] = {}

    def warn(self, kind: str, most: int, text: str, *arguments: object) -> None:
        """One line of level WARNING, unless there were `most` of this kind in this period."""
        now = self._clock()
        began, count = self._periods.get(kind, (now, 0))
        unsaid = 0
        if now - began >= QUIET:
            began, unsaid, count = now, max(0, count - most), 0
        self._periods[kind] = began, count + 1
        if count < most:
            more = f" (and {unsaid} times since the last line)" if unsaid else ""
            self._log.warning(text + "%s", *arguments, more)
