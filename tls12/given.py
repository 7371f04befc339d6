"""What an application's own functions give, checked where it is taken.

How it works: a hook, a look-up or a clock that gives something of another type would fail far from there, or, worse,
work in part. So each result passes `expect`, and the `clock` of a configuration is wrapped, unless it is the standard
library's, which then costs nothing more (`random` likewise: `crypto/randomness.py`). A wrong result is the
application's bug: the peer gets internal_error, and the caller a `UsageError` that names the argument.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any

from tls12.errors import UsageError

_LONGEST_WAIT = 1e9
"""Seconds, some thirty years: the operating system's timers take no more."""


def name_value(value: object) -> str:
    """What a wrong value is called: "None", "bytes" or "a str", and never its content, which may be a secret."""
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    name = type(value).__name__
    if name in ("bytes", "bytearray"):
        return name
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def expect(value: Any, kind: type | UnionType, giver: str, expected: str) -> Any:
    """`value`, if it is of this kind. Raises `UsageError` otherwise: the giver gave X; `expected`."""
    if not isinstance(value, kind):
        raise UsageError(f"{giver} gave {name_value(value)}; {expected}")
    return value


def require(name: str, value: Any, kind: type | UnionType, expected: str) -> None:
    """Raises `UsageError` that names the argument, unless its value is of this kind."""
    if not isinstance(value, kind):
        raise UsageError(f"{name} is {name_value(value)}; give {expected}")


def require_function(name: str, value: Any) -> None:
    """Raises `UsageError` that names the argument, unless its value can be called."""
    if not callable(value):
        raise UsageError(f"{name} is {name_value(value)}; give a function, or None")


def require_number(name: str, value: Any, least: int, most: int | None = None) -> None:
    """Raises `UsageError` that names the argument, unless its value is a whole number between these."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise UsageError(f"{name} is {name_value(value)}; give a whole number")
    if value < least or (most is not None and value > most):
        raise UsageError(f"{name} is {value}; give {least} or more{f', at most {most}' if most is not None else ''}")


def require_seconds(**times: Any) -> None:
    """Raises `UsageError` for a time-out that is neither None nor a number of seconds, or is negative."""
    for name, value in times.items():
        if value is None:
            continue
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= _LONGEST_WAIT:
            shown = value if isinstance(value, int | float) else name_value(value)
            raise UsageError(f"{name} is {shown}; give seconds, not negative, or None")


def functions_by_class(answers: Any) -> Mapping[type, Callable[..., Any]]:
    """An adapter's `answers`: functions by event class; None means none. Raises `UsageError` for anything else."""
    if answers is None:
        return {}
    if not isinstance(answers, Mapping):
        raise UsageError(f"answers is {name_value(answers)}; give a mapping from event classes to functions")
    for event, decide in answers.items():
        if not callable(decide):
            raise UsageError(
                f"answers has {name_value(decide)} for {getattr(event, '__name__', event)}; give a function"
            )
    return answers


@dataclass(frozen=True, slots=True)
class CheckedClock:
    """A configuration's `clock`: seconds, or `UsageError`."""

    source: Callable[[], float]

    def __call__(self) -> float:
        """The seconds that the source gives."""
        now = self.source()
        if type(now) is not float and (not isinstance(now, int | float) or isinstance(now, bool)):
            raise UsageError(f"clock() gave {name_value(now)}; it gives seconds since 1970, as time.time does")
        if not math.isfinite(now):
            raise UsageError(f"clock() gave {now}; it gives seconds since 1970, as time.time does")
        return now


def checked_clock(source: Callable[[], float]) -> Callable[[], float]:
    """The source, wrapped unless it is the system's."""
    return source if source is time.time else CheckedClock(source)
