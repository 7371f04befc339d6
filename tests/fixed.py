"""Randomness and time that a test fixes, so that what connections say and do is the same every time."""

from __future__ import annotations

import hashlib

from tests import pki


class Seeded:
    """A source of randomness: the same bytes in the same order, for every object made with the same seed."""

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode()
        self._calls = 0

    def __call__(self, size: int) -> bytes:
        self._calls += 1
        return hashlib.shake_256(b"%s %d" % (self._seed, self._calls)).digest(size)


def clock() -> float:
    """Always the moment at which the certificates were made."""
    return pki.NOW.timestamp()


class Clock:
    """A clock that stands still until `now` is set; it begins at the moment at which the certificates were made."""

    def __init__(self, now: float | None = None) -> None:
        self.now = pki.NOW.timestamp() if now is None else now

    def __call__(self) -> float:
        return self.now
