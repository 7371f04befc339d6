"""How a connection ends, for its adapter: what to do with the transport, how long to wait, and what to raise."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Ending:
    """What an adapter does with the transport once a connection is over on this side.

    It writes the driver's `output`, which holds close_notify or an alert, says that it will write no more (TCP: FIN),
    and reads and drops what still comes, until the peer has ended its side or the time is up. Then it closes the
    transport. The wait is needed because closing over unread data resets a TCP connection, and the reset can overtake
    the alert.
    """

    seconds: float
    """How long the peer may take to read the last bytes and to end its side."""
    awaits_peer: bool
    """Whether the peer may still send. If not, the transport is closed as soon as the output is written."""
    is_abrupt: bool = False
    """Whether the transport is cut off at once, without another byte."""


@dataclass(frozen=True, slots=True, eq=False)
class TimeBound:
    """So many seconds that something may take as a whole, counted from the step that set this bound."""

    what: str
    """What it is that must be complete."""
    seconds: float

    def error(self) -> TimeoutError:
        """What to raise when the time is up."""
        return TimeoutError(f"the {self.what} was not complete within {self.seconds:g} s")


def closed_by_this_side() -> ConnectionAbortedError:
    """The error of a read or a write after this side has closed the connection."""
    return ConnectionAbortedError(errno.ECONNABORTED, "this side has closed the connection")


def closed_too_early(what: str) -> ConnectionAbortedError:
    """The connection was closed, by either side, during `what`, which will not be complete."""
    return ConnectionAbortedError(errno.ECONNABORTED, f"the connection was closed during the {what}")


def interrupted() -> ConnectionAbortedError:
    """The error of every call after an exception such as KeyboardInterrupt has interrupted a step."""
    return ConnectionAbortedError(
        errno.ECONNABORTED, "an exception interrupted the TLS connection in the middle of a step, so it cannot go on"
    )


def closed_by_peer() -> BrokenPipeError:
    """The error of a write after the peer's close_notify."""
    return BrokenPipeError(errno.EPIPE, "the peer has closed the TLS connection")


def incomplete(failure: BaseException, taken: Any, expected: int | None) -> BaseException:
    """The failure that ended a read, whose cause has what had arrived of the `expected` bytes (or characters).

    So nothing is lost, and half an answer is not taken for a whole one.
    """
    from asyncio import IncompleteReadError  # here, because asyncio is a lot to import for a program without it

    failure.__cause__ = IncompleteReadError(taken, expected)
    return failure
