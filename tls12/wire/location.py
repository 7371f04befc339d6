"""Where in a message something is wrong: the path of a field, and other words that errors of both directions share.

How it works: a `Reader` and a `Writer` keep the names of the scopes that are open in a list. The list becomes a path,
such as `ClientHello.extensions[2].supported_groups`, only when an error is made of it, so keeping it costs little. An
entry is a name, an extension type, a list that is being filled (its length at that moment is the index), or the
`Progress` of a loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import length_hint
from typing import Generic, TypeVar

from tls12.errors import DecodeError

T = TypeVar("T")

LARGEST = (0, 0xFF, 0xFFFF, 0xFFFFFF)
"""The largest numbers of 0, 1, 2 and 3 bytes."""


def count_bytes(count: int) -> str:
    """A number of bytes in words."""
    return f"{count} byte{'s' * (count != 1)}"


def path_of(names: list[object], name: str) -> str:
    """The path of a field inside the scopes with these names."""
    text = ""
    for part in (*names, name):
        step = f"[{len(part)}]" if isinstance(part, list) else str(part)
        text += f".{step}" if text and step and step[0] != "[" else step
    return text


def without_frames(error: DecodeError) -> DecodeError:
    """The error without its traceback, and without the exception that was being handled when it was raised.

    For an error that is kept: the frames of both would keep far more memory than the message that it is about.
    """
    error.__context__ = None
    return error.with_traceback(None)


class Progress(Generic[T]):
    """How far a loop over `values` has come; the index is counted only when an error asks for it."""

    __slots__ = ("iterator", "values")

    def __init__(self, values: Sequence[T]) -> None:
        self.values = values
        self.iterator = iter(values)

    @property
    def index(self) -> int:
        """The index of the value that the iterator gave last."""
        return len(self.values) - length_hint(self.iterator) - 1

    def __str__(self) -> str:
        return f"[{self.index}]"
