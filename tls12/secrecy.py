"""Keeping secrets out of what is printed: a holder that `repr` cannot read, and frames that forget.

How it works: a traceback refers to the frames that it went through, and a frame to its local variables. A program that
reports an exception with the variables of each frame (`traceback.TracebackException(capture_locals=True)`, every error
tracker) would print what our functions were computing with, and a kept traceback keeps all of it. So a value that has
to be a local variable while an application's object is called is a `Secret`; and where an exception leaves this
library, the frames of ours that it has ended forget their variables, while their lines stay in the traceback. Frames of
the application keep theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import TracebackType
from typing import Generic, NoReturn, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")

_PACKAGE = __name__.partition(".")[0]


class Secret(Generic[T]):
    """A value that is neither shown nor pickled: read it as `value`."""

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "<Secret>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is neither pickled nor copied")


def forget_frames(error: BaseException | None) -> None:
    """Remove the tracebacks from an error that goes into an event and is not raised, because it may be kept.

    Their frames would keep the peer's messages, megabytes of them, and our secrets.
    """
    while error is not None:
        error.__traceback__ = error.__context__ = None
        error = error.__cause__


def forget_locals(error: BaseException) -> None:
    """Clear the variables of every frame of this library that the error has ended; the traceback keeps its lines."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        waiting += (one.__cause__, one.__context__)
        trace: TracebackType | None = one.__traceback__
        while trace is not None:
            frame = trace.tb_frame
            if frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
                try:
                    frame.clear()
                except RuntimeError:
                    pass  # it still runs: the frame that calls this, or one below it
            trace = trace.tb_next


def keeps_secrets(function: Callable[P, T]) -> Callable[P, T]:
    """A decorator for what takes secrets as arguments: an exception leaves it without them."""

    @wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            del args, kwargs
            forget_locals(error)
            raise

    return guarded


def made_in_secret(made: type[T]) -> type[T]:
    """A class decorator, over `dataclass`: an exception leaves the making of such a value without its arguments."""
    made.__init__ = keeps_secrets(made.__init__)  # type: ignore[method-assign]
    return made
