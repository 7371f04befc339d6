"""Values that nothing changes, made as fast as those that may be changed.

How it works: at run time a frozen dataclass calls `object.__setattr__` for each of its fields, 0.2 µs: the 22 of a
`Negotiated` at both ends took 10 of the 210 µs of a resumption. So the facts of a handshake are frozen where a mistake
would be made, for the type checker, and are plain dataclasses when they run. They compare and hash by their fields, as
frozen ones do. What is shared between connections (configurations, policies, sessions, extensions) is frozen in
earnest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def read_only(*, kw_only: bool = False) -> Callable[[type[T]], type[T]]:
    """A class decorator: a dataclass with slots, a hash, and attributes that are read only."""
    return dataclass(slots=True, unsafe_hash=True, kw_only=kw_only)
