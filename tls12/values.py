"""Values that nothing changes, made as fast as those that may be changed.

How it works: at run time a frozen dataclass calls `object.__setattr__` for each of its fields, 0.2 µs: the 22 of a
`Negotiated` at both ends took 10 of the 210 µs of a resumption. So the values that a handshake makes are frozen where a
mistake would be made, for the type checker, and are plain dataclasses when they run. They compare and hash by their
fields, as frozen ones do. What an application makes (configurations, policies), and extensions, which remember how they
are encoded, are frozen in earnest.

Such values are made by position where that is done for every handshake: an argument by name costs a class 0.1 µs, since
Python passes it through a dictionary (a function it does not).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def read_only() -> Callable[[type[T]], type[T]]:
    """A class decorator: a dataclass with slots, a hash, and attributes that are read only."""
    return dataclass(slots=True, unsafe_hash=True)
