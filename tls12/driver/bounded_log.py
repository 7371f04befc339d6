"""A log that a crowd of clients cannot fill: only so many lines of a kind are written in each period.

How it works: for each kind of line `BoundedLog` counts the lines since the period began. Above the bound a line is only
counted, and the first line of the next period says how many were left out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

PERIOD = 10.0
"""Seconds in which the lines of a kind are counted."""


class BoundedLog:
    """The lines of one server."""

    def __init__(self, log: logging.Logger, clock: Callable[[], float]) -> None:
        self._log = log
        self._clock = clock
        self._periods: dict[str, tuple[float, int]] = {}

    def warn(self, kind: str, most: int, text: str, *arguments: object) -> None:
        """One line of level WARNING, unless there were `most` of this kind in this period."""
        now = self._clock()
        began, count = self._periods.get(kind, (now, 0))
        left_out = 0
        if now - began >= PERIOD:
            began, left_out, count = now, max(0, count - most), 0
        self._periods[kind] = began, count + 1
        if count < most:
            more = f" (and {left_out} times since the last line)" if left_out else ""
            self._log.warning(text + "%s", *arguments, more)
